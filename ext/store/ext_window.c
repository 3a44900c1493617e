/*
 * ext_window.c - reads and writes the first and the last event of a version.
 *
 * The contracts are in ext_store.h. The columns are first_event, last_event and
 * last_rowid of m_version.
 */
#include "ext_store.h"

/*
 * Sets *border from two columns of the current row: the time is in column, the rowid in
 * the column after it. If the time is NULL or cannot be read, border->is_there is false;
 * that is no error here. border->has_rowid is false if there is no border, or if the
 * rowid is not an integer. Returns what kind of time was found.
 */
static ext_time_kind take_border(ext_border *border, sqlite3_stmt *stmt, int column)
{
    const ext_time_kind kind = ext_time_column(stmt, column, &border->time);
    border->is_there = kind == EXT_TIME_NUMBER || kind == EXT_TIME_DATE;
    border->has_rowid =
        border->is_there && sqlite3_column_type(stmt, column + 1) == SQLITE_INTEGER;
    border->rowid = sqlite3_column_int64(stmt, column + 1);
    return kind;
}

int ext_window_read_last(ext_border *last, const ext_home *home, int64_t version,
                         ext_error *error)
{
    sqlite3_stmt *stmt;
    bool has;
    *last = (ext_border){0};
    int rc = ext_shadow_has_column(home, "version", "last_rowid", &has, error);
    if (rc != SQLITE_OK || !has)
        return rc;
    rc = ext_query(home, &stmt, error,
                   "SELECT last_event, last_rowid FROM @version WHERE version = ?1", "i",
                   version);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const ext_time_kind kind = take_border(last, stmt, 0);
        if (kind == EXT_TIME_BAD)
            rc = ext_error_set(
                error, SQLITE_CORRUPT_VTAB,
                "model '%s' is damaged: the last_event of version %lld is not a time; "
                "give the option since a time",
                home->name, (long long)version);
    }
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

void ext_window_take_since(ext_last *last, sqlite3_stmt *stmt, int column)
{
    last->version = sqlite3_column_int64(stmt, column);
    take_border(&last->border, stmt, column + 1);
}

/*
 * Binds the time of the border to a parameter of stmt: a date as text, a number as a
 * number, and NULL if there is no border. Returns SQLite's code.
 */
static int bind_time(sqlite3_stmt *stmt, int parameter, const ext_border *border)
{
    char text[EXT_TIME_TEXT];
    if (!border->is_there)
        return sqlite3_bind_null(stmt, parameter);
    if (ext_time_text(text, &border->time))
        return sqlite3_bind_text(stmt, parameter, text, -1, SQLITE_TRANSIENT);
    return border->time.type == GRU4REC_TIME_REAL
               ? sqlite3_bind_double(stmt, parameter, border->time.real)
               : sqlite3_bind_int64(stmt, parameter, border->time.integer);
}

int ext_window_write(const ext_border *first, const ext_border *last,
                     const ext_home *home, int64_t version, ext_error *error)
{
    sqlite3_stmt *stmt;
    if (ext_shadow_upgrade(home, error) != SQLITE_OK)
        return error->rc;
    int rc = ext_query(home, &stmt, error,
                       "UPDATE @version SET first_event = ?2, last_event = ?3, "
                       "last_rowid = ?4 WHERE version = ?1",
                       "i", version);
    if (rc != SQLITE_OK)
        return rc;
    rc = bind_time(stmt, 2, first);
    if (rc == SQLITE_OK)
        rc = bind_time(stmt, 3, last);
    if (rc == SQLITE_OK && last->has_rowid)
        rc = sqlite3_bind_int64(stmt, 4, last->rowid);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    return ext_sql_finish(stmt, rc, "writing the model", error);
}
