use strict;
use warnings;
use DBI qw(:sql_types);

# 1.0 as a number would be bound as INTEGER.
my @values = ([1, SQL_INTEGER], ['1.0', SQL_DOUBLE], [1.5, SQL_DOUBLE], ['1', SQL_VARCHAR], ['1', SQL_BLOB], [undef, SQL_VARCHAR]);
my $db = DBI->connect("dbi:SQLite:dbname=$ARGV[1]", '', '', { RaiseError => 1, PrintError => 0 });
$db->sqlite_enable_load_extension(1);
$db->sqlite_load_extension($ARGV[0]);
while (my $statement = <STDIN>) {
    for my $value ($statement =~ /\?/ ? @values : undef) {
        eval {
            my $query = $db->prepare($statement);
            $query->bind_param(1, @$value) if $value;
            $query->execute;
            if ($query->{NUM_OF_FIELDS}) {
                while (my @row = $query->fetchrow_array) { print "$row[0]\n"; }
            }
            1;
        } or print 'error ', $@ =~ s/\n/ /gr, "\n";
    }
}
$db->disconnect;
