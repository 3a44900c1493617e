/* api.c - see api.h. */
#include "api.h"

#include <sqlite3.h>
#include <stddef.h>

struct sqlite3_api_routines;
extern const struct sqlite3_api_routines *sqlite3_api;

static int keep(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
    (void)db;
    (void)message;
    sqlite3_api = api;
    return SQLITE_OK;
}

struct sqlite3 *api_open(void)
{
    sqlite3 *db = NULL;
    if (sqlite3_auto_extension((void (*)(void))(void *)keep) != SQLITE_OK ||
        sqlite3_open(":memory:", &db) != SQLITE_OK)
        return NULL;
    return db;
}
