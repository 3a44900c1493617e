use strict;
use warnings;
use DBI;

my $db = DBI->connect("dbi:SQLite:dbname=$ARGV[1]", '', '', { RaiseError => 1 });
$db->sqlite_enable_load_extension(1);
$db->sqlite_load_extension($ARGV[0]);
while (my $statement = <STDIN>) {
    my $query = $db->prepare($statement);
    $query->execute;
    if ($query->{NUM_OF_FIELDS}) {
        while (my @row = $query->fetchrow_array) { print "$row[0]\n"; }
    }
}
$db->disconnect;
