/* ext_sessions.c - the list of the sessions that a query asks for; see ext_events.h. */
#include "ext_events.h"

int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) /* left out: NULL equals no session */
        return SQLITE_OK;
    if (sessions->n == sessions->capacity) {
        int capacity = 2 * sessions->capacity + 8;
        sqlite3_value **values =
            sqlite3_realloc64(sessions->values,
                              (sqlite3_uint64)capacity * sizeof *values);
        if (values == NULL)
            return ext_error_nomem(error);
        sessions->values = values;
        sessions->capacity = capacity;
    }
    sessions->values[sessions->n] = sqlite3_value_dup(value);
    if (sessions->values[sessions->n++] == NULL)
        return ext_error_nomem(error);
    return SQLITE_OK;
}

void ext_sessions_free(ext_sessions *sessions)
{
    for (int i = 0; i < sessions->n; i++)
        sqlite3_value_free(sessions->values[i]);
    sqlite3_free(sessions->values);
    *sessions = (ext_sessions){0};
}
