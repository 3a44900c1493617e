<?php
// PHP loads extensions only from sqlite3.extension_dir, by file name.
$values = [[1, SQLITE3_INTEGER], [1.0, SQLITE3_FLOAT], [1.5, SQLITE3_FLOAT], ['1', SQLITE3_TEXT], ['1', SQLITE3_BLOB],
    [null, SQLITE3_NULL]];
$db = new SQLite3($argv[2]);
$db->enableExceptions(true);
$db->loadExtension(basename($argv[1]) . '.so');
while ($statement = fgets(STDIN)) {
    foreach (str_contains($statement, '?') ? $values : [null] as $value) {
        try {
            $query = $db->prepare($statement);
            if ($value) {
                $query->bindValue(1, ...$value);
            }
            $rows = @$query->execute();
            while ($rows->numColumns() > 0 && $row = @$rows->fetchArray()) {
                echo $row[0], "\n";
            }
            $rows->finalize();
        } catch (Throwable $error) {
            echo 'error ', $error->getMessage(), "\n";
        }
    }
}
$db->close();
