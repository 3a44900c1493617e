<?php
// PHP loads extensions only from sqlite3.extension_dir, by file name.
$db = new SQLite3($argv[2]);
$db->enableExceptions(true);
$db->loadExtension(basename($argv[1]) . '.so');
while ($statement = fgets(STDIN)) {
    $rows = $db->query($statement);
    while ($rows->numColumns() > 0 && $row = $rows->fetchArray()) {
        echo $row[0], "\n";
    }
    $rows->finalize();
}
$db->close();
