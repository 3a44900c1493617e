/*
 * program.c DATABASE - a program that has SQLite and gru4rec compiled in (docs/install.md):
 * runs the statements of standard input, and prints the first column.
 */
#include "sqlite3.h"

#include <stdio.h>

static int print_first(void *unused, int n, char **values, char **names)
{
    (void)unused, (void)n, (void)names;
    puts(values[0] != NULL ? values[0] : "");
    return 0;
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    static char line[10000];
    int rc = argc == 2 ? sqlite3_open(argv[1], &db) : SQLITE_ERROR;
    while (rc == SQLITE_OK && fgets(line, sizeof line, stdin) != NULL)
        rc = sqlite3_exec(db, line, print_first, NULL, NULL);
    if (rc != SQLITE_OK)
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    return sqlite3_close(db) != SQLITE_OK || rc != SQLITE_OK;
}
