/*
 * refuse.c EXTENSION - with a SQLite that is too old: loading fails with the extension's
 * own message, twice over, and the connection goes on.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int is_refused(sqlite3 *db, const char *path)
{
    char *message = NULL;
    int rc = sqlite3_load_extension(db, path, NULL, &message);
    printf("%s: %s\n", sqlite3_libversion(), message ? message : "(no message)");
    int is = rc != SQLITE_OK && message != NULL &&
             strstr(message, "gru4rec: SQLite ") != NULL &&
             strstr(message, sqlite3_libversion()) != NULL &&
             strstr(message, "too old; use 3.38 or newer") != NULL;
    sqlite3_free(message);
    return is;
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    if (argc != 2 || sqlite3_open(":memory:", &db) != SQLITE_OK)
        return 2;
    sqlite3_enable_load_extension(db, 1);
    int ok = is_refused(db, argv[1]) && is_refused(db, argv[1]) &&
             sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL) == SQLITE_OK &&
             sqlite3_exec(db, "SELECT gru4rec_version()", NULL, NULL, NULL) != SQLITE_OK;
    return sqlite3_close(db) == SQLITE_OK && ok ? 0 : 1;
}
