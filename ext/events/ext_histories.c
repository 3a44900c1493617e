/*
 * ext_histories.c - reads the histories of sessions from the source; see ext_events.h.
 *
 * The SELECT gives rows (session, item, time). The rows of a session stand together, in
 * the order that ext_source.c describes: ORDER BY has the session, the two parts of the
 * time, and the terms that break ties. Rows whose time cannot be read are left out, as
 * bad_rows does in training.
 *
 * If the source has an index on the session, SQLite gives the first sessions at once,
 * because it need not sort all events. But then SQLite also reads rows that are written
 * during the SELECT, if they belong to later sessions. If each row that is read makes the
 * host write another, the SELECT would never end. Two things prevent that:
 * 1. A statement that writes reads from a copy (ext_copies.c).
 * 2. If a host writes between two steps of a SELECT, another statement reads the sessions
 *    that are left. Its ORDER BY +session cannot use an index, so SQLite sorts: it reads
 *    all rows before it gives the first one.
 */
#include "ext_events.h"

#include <string.h>

/* ---- which sessions ---- */

/*
 * Tells whether SQLite may convert value i (0-based) before it compares it with the
 * session column, so that '3' and 3 can be equal. That is so for a TEXT column and a
 * number, and for an untyped column and a number or a text.
 */
static bool is_mixed(const ext_source *source, const ext_sessions *sessions, int i)
{
    const char *type = source->types[0];
    const int value = sqlite3_value_type(sessions->values[i]);
    if (value == SQLITE_TEXT)
        return *type == '\0';
    return value != SQLITE_BLOB && (*type == '\0' || strcmp(type, "TEXT") == 0);
}

/* Tells whether is_mixed() is true of any of the values. False if there are no values. */
static bool has_mixed(const ext_source *source, const ext_sessions *sessions)
{
    for (int i = 0; sessions->values != NULL && i < sessions->n; i++)
        if (is_mixed(source, sessions, i))
            return true;
    return false;
}

/*
 * Makes the condition of WHERE that the session of a row can equal one of the values ?1,
 * ?2, ... A value that SQLite may convert is also compared as the other type. If sessions
 * is NULL, the condition is that the session of a row is not NULL. If sessions->values is
 * NULL, only sessions->n counts. The caller frees the text. NULL: there is no memory.
 */
static char *make_condition(const ext_source *source, const ext_sessions *sessions)
{
    const char *session = source->columns.session;
    if (sessions == NULL)
        return sqlite3_mprintf("\"%w\" IS NOT NULL", session);
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "(\"%w\" COLLATE BINARY IN (", session);
    for (int i = 1; i <= sessions->n; i++)
        sqlite3_str_appendf(text, i == 1 ? "?%d" : ", ?%d", i);
    sqlite3_str_appendchar(text, 1, ')');
    for (int i = 0; sessions->values != NULL && i < sessions->n; i++)
        if (is_mixed(source, sessions, i))
            sqlite3_str_appendf(text, " OR \"%w\" = CAST(?%d AS %s)", session, i + 1,
                                sqlite3_value_type(sessions->values[i]) == SQLITE_TEXT
                                    ? "TEXT"
                                    : "NUMERIC");
    sqlite3_str_appendchar(text, 1, ')');
    return sqlite3_str_finish(text);
}

/*
 * Returns how many values of sessions one statement can name: SQLite's limit of
 * variables. If SQLite may convert any of the values, the limit of an expression's depth
 * counts too, because each such value makes the condition deeper by one OR; 10 levels are
 * left for the rest of the SELECT.
 */
static int most_values(const ext_source *source, const ext_sessions *sessions)
{
    int most = sqlite3_limit(source->db, SQLITE_LIMIT_VARIABLE_NUMBER, -1);
    int depth = sqlite3_limit(source->db, SQLITE_LIMIT_EXPR_DEPTH, -1) - 10;
    return has_mixed(source, sessions) && depth > 0 && depth < most ? depth : most;
}

/*
 * Makes the SELECT (session, item, time) of the events for which the condition is true,
 * sorted by session, time and ties. Events whose session or item is the empty text are
 * left out unless source->keeps_empty, and events whose time cannot be read always are.
 * It frees the condition, which may be NULL for no memory. plus: "+" to prevent the use
 * of an index for ORDER BY, so that SQLite reads all rows before it gives the first; else
 * "". Returns the SQL, which the caller frees; NULL: there is no memory.
 */
static char *make_select(const ext_source *source, char *condition, const char *plus)
{
    const ext_columns *c = &source->columns;
    char *time = ext_time_sql(c->time), *rest = ext_time_rest_sql(c->time);
    char *ties = ext_source_ties(source), *text = NULL;
    char *filled = source->keeps_empty
                       ? sqlite3_mprintf("\"%w\" IS NOT NULL", c->item)
                       : sqlite3_mprintf("\"%w\" COLLATE BINARY <> '' AND "
                                         "\"%w\" COLLATE BINARY <> ''",
                                         c->item, c->session);
    if (time != NULL && rest != NULL && condition != NULL && ties != NULL &&
        filled != NULL)
        text = sqlite3_mprintf(
            "SELECT \"%w\", \"%w\", %s FROM %s AS source WHERE %s AND %s"
            " AND %s IS NOT NULL ORDER BY %s\"%w\" COLLATE BINARY, %s, %s, %s",
            c->session, c->item, time, source->from, condition, filled, time, plus,
            c->session, time, rest, ties);
    sqlite3_free(time);
    sqlite3_free(rest);
    sqlite3_free(ties);
    sqlite3_free(filled);
    sqlite3_free(condition);
    return text;
}

/*
 * Makes the SELECT of all sessions that sort after the session ?1. SQLite reads all their
 * rows before it gives the first. The caller frees the SQL. NULL: there is no memory.
 */
static char *make_rest(const ext_source *source)
{
    return make_select(source,
                       sqlite3_mprintf("\"%w\" COLLATE BINARY > ?1",
                                       source->columns.session),
                       "+");
}

/*
 * Prepares *stmt, the SELECT of the sessions that can equal one of the values, or of all
 * sessions (NULL). Binds no value. verb: "EXPLAIN QUERY PLAN " or "". *stmt is NULL after
 * an error.
 */
static int prepare_histories(const char *verb, const ext_source *source,
                             const ext_sessions *sessions, sqlite3_stmt **stmt,
                             ext_error *error)
{
    char *text = make_select(source, make_condition(source, sessions), "");
    *stmt = NULL;
    int rc = text != NULL
                 ? ext_sql_prepare_stored(source->db, stmt, error, "%s%s", verb, text)
                 : ext_error_nomem(error);
    sqlite3_free(text);
    return rc;
}

int ext_histories_is_scanned(const ext_source *source, bool *is_scanned, ext_error *error)
{
    const ext_sessions one = {.n = 1};
    sqlite3_stmt *stmt;
    *is_scanned = false;
    int rc = prepare_histories("EXPLAIN QUERY PLAN ", source, &one, &stmt, error);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);
        *is_scanned |= detail != NULL && strncmp(detail, "SCAN", 4) == 0;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- opening ---- */

/*
 * Steps histories->events to its first row. If there is none, stops the reading, so that
 * there is no further session; that is no error. Errors: SQLite's.
 */
static int start(ext_histories *histories, ext_error *error)
{
    int rc = sqlite3_step(histories->events);
    if (rc == SQLITE_ROW)
        return SQLITE_OK;
    if (rc != SQLITE_DONE)
        return ext_error_db(error, sqlite3_db_handle(histories->events),
                            "reading the events");
    ext_histories_stop(histories);
    return SQLITE_OK;
}

int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error)
{
    ext_histories_close(histories);
    if (sessions != NULL && sessions->n == 1) {
        histories->is_single = true;
        histories->value_type = sqlite3_value_type(sessions->values[0]);
    }
    if (sessions != NULL && sessions->n > most_values(source, sessions))
        sessions = NULL; /* too many to name: reads all, and SQLite filters the rows */
    int rc = prepare_histories("", source, sessions, &histories->events, error);
    if (rc == SQLITE_OK && sessions == NULL) {
        histories->changes = sqlite3_total_changes(source->db);
        histories->rest = make_rest(source);
        rc = histories->rest != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
    for (int i = 0; rc == SQLITE_OK && sessions != NULL && i < sessions->n; i++)
        if (sqlite3_bind_value(histories->events, i + 1, sessions->values[i]) !=
            SQLITE_OK)
            rc = ext_error_db(error, source->db, NULL);
    return rc == SQLITE_OK ? start(histories, error) : rc;
}

int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error)
{
    assert(histories->events == NULL);
    *is_open = sessions != NULL && sessions->n == 1 && histories->kept != NULL &&
               histories->value_type == sqlite3_value_type(sessions->values[0]);
    if (!*is_open)
        return SQLITE_OK;
    histories->events = histories->kept;
    histories->kept = NULL;
    if (sqlite3_bind_value(histories->events, 1, sessions->values[0]) != SQLITE_OK)
        return ext_error_db(error, sqlite3_db_handle(histories->events), NULL);
    return start(histories, error);
}

/*
 * Frees histories->rest, the SQL by which sort_rest() goes on. Without it sort_rest()
 * does nothing: the reading stays with its statement, even if the host writes.
 */
static void forget_rest(ext_histories *histories)
{
    sqlite3_free(histories->rest);
    histories->rest = NULL;
}

/*
 * Goes on with another statement if the connection has written since the reading of all
 * sessions began, or is writing: replaces histories->events by the statement of
 * histories->rest, which starts at the first session after session, and frees rest. That
 * statement sorts all rows that are left at once, so a host that writes for each row that
 * it reads comes to an end too. If no session is left, the reading is stopped.
 * It does nothing if histories->rest is NULL. That is so after the first time, if named
 * sessions are read (that reading ends anyway), and while a copy is filled.
 */
static int sort_rest(ext_histories *histories, sqlite3_value *session, ext_error *error)
{
    sqlite3 *db = sqlite3_db_handle(histories->events);
    if (histories->rest == NULL ||
        (sqlite3_total_changes(db) == histories->changes && !ext_sql_is_writing(db)))
        return SQLITE_OK;
    sqlite3_finalize(histories->events);
    int rc = ext_sql_prepare_stored(db, &histories->events, error, "%s", histories->rest);
    forget_rest(histories);
    if (rc == SQLITE_OK && sqlite3_bind_value(histories->events, 1, session) != SQLITE_OK)
        rc = ext_error_db(error, db, NULL);
    return rc == SQLITE_OK ? start(histories, error) : rc;
}

void ext_histories_stop(ext_histories *histories)
{
    forget_rest(histories);
    ext_copies_stop(&histories->copied);
    sqlite3_reset(histories->events);
    if (histories->is_single && histories->kept == NULL)
        histories->kept = histories->events;
    else
        sqlite3_finalize(histories->events);
    histories->events = NULL;
}

void ext_histories_close(ext_histories *histories)
{
    sqlite3_finalize(histories->events);
    sqlite3_finalize(histories->kept);
    forget_rest(histories);
    ext_copies_stop(&histories->copied);
    *histories = (ext_histories){0};
}

/* ---- reading ---- */

bool ext_histories_has_next(const ext_histories *histories)
{
    return histories->copied.copy != NULL ? ext_copies_has_next(&histories->copied)
                                          : histories->events != NULL;
}

/*
 * Tells whether two ids are the same session. Ids of different types are not, except an
 * INTEGER and a REAL that are exactly equal. Texts and BLOBs are compared byte by byte.
 */
static bool is_same_session(const gru4rec_id *a, const gru4rec_id *b)
{
    bool is_text = a->type == GRU4REC_ID_TEXT || a->type == GRU4REC_ID_BLOB;
    if (a->type == GRU4REC_ID_INTEGER && b->type == GRU4REC_ID_REAL)
        return b->real >= -0x1p63 && b->real < 0x1p63 && (double)a->integer == b->real &&
               (int64_t)b->real == a->integer;
    if (a->type == GRU4REC_ID_REAL && b->type == GRU4REC_ID_INTEGER)
        return is_same_session(b, a);
    if (a->type != b->type)
        return false;
    if (is_text)
        return a->n_bytes == b->n_bytes &&
               (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
    return a->type == GRU4REC_ID_INTEGER ? a->integer == b->integer : a->real == b->real;
}

/*
 * Appends to rows the row that the item of the present event has in the catalogue items.
 * Does nothing if the catalogue lacks the item, or if the item is NULL. Error: NOMEM.
 */
static int add_item(sqlite3_stmt *events, const gru4rec_items *items, ext_rows *rows,
                    ext_error *error)
{
    gru4rec_id item;
    if (!ext_value_item_column(events, 1, &item))
        return ext_value_is_short(&item) ? ext_error_nomem(error) : SQLITE_OK;
    const int32_t row = gru4rec_items_find(items, &item);
    return row >= 0 ? ext_rows_add(rows, row, error) : SQLITE_OK;
}

/*
 * Reads the next session from the source, as ext_histories_next() says. Afterwards
 * histories->events is at the first event of the session behind it, in a new statement if
 * the host wrote (sort_rest()); or the reading is stopped, if there is no further
 * session.
 */
static int next_of_events(ext_histories *histories, const gru4rec_items *items,
                          double session_gap, sqlite3_value **session, ext_rows *rows,
                          ext_error *error)
{
    sqlite3_stmt *events = histories->events;
    gru4rec_id own, other;
    double last_time = sqlite3_column_double(events, 2);
    int rc = SQLITE_ROW;
    *session = sqlite3_value_dup(sqlite3_column_value(events, 0));
    /*
     * The session is NULL. WHERE lets no NULL through, so an authorizer that answers
     * SQLITE_IGNORE made it.
     */
    if (*session != NULL && sqlite3_value_type(*session) == SQLITE_NULL)
        return ext_error_set(error, SQLITE_AUTH,
                             "not authorized to read the sessions of the source; "
                             "let the authorizer allow it");
    if (*session == NULL || !ext_value_id(*session, &own))
        return ext_error_nomem(error);
    while (rc == SQLITE_ROW && ext_value_column(events, 0, &other) &&
           is_same_session(&own, &other)) {
        const double time = sqlite3_column_double(events, 2);
        if (session_gap > 0 && time - last_time > session_gap)
            rows->n = 0; /* the session begins anew after the pause */
        last_time = time;
        if (add_item(events, items, rows, error) != SQLITE_OK)
            return error->rc;
        rc = sqlite3_step(events);
    }
    if (rc == SQLITE_ROW)
        return sort_rest(histories, *session, error);
    if (rc != SQLITE_DONE)
        return ext_error_db(error, sqlite3_db_handle(events), "reading the events");
    ext_histories_stop(histories);
    return SQLITE_OK;
}

int ext_histories_next(ext_histories *histories, const gru4rec_items *items,
                       double session_gap, sqlite3_value **session, ext_rows *rows,
                       ext_error *error)
{
    return histories->copied.copy != NULL
               ? ext_copies_next(&histories->copied, session, rows, error)
               : next_of_events(histories, items, session_gap, session, rows, error);
}

/* ---- copies ---- */

int ext_histories_fill(ext_histories *histories, ext_copy *copy,
                       const gru4rec_items *items, double session_gap, ext_error *error)
{
    ext_rows rows = {0};
    int rc = SQLITE_OK;
    forget_rest(histories);
    while (rc == SQLITE_OK && histories->events != NULL) {
        sqlite3_value *session = NULL;
        rows.n = 0;
        rc = next_of_events(histories, items, session_gap, &session, &rows, error);
        if (rc == SQLITE_OK)
            rc = ext_copies_add(copy, session, &rows, error);
        sqlite3_value_free(session);
    }
    ext_rows_free(&rows);
    if (rc == SQLITE_OK)
        ext_copies_finish(copy);
    return rc;
}

int ext_histories_open_copy(ext_histories *histories, ext_copy *copy, sqlite3 *db,
                            ext_error *error)
{
    assert(histories->events == NULL);
    return ext_copies_start(&histories->copied, copy, db, error);
}
