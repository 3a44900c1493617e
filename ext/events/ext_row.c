/*
 * ext_row.c - makes events of the rows of a source; see ext_events.h.
 *
 * A row is left out, and counted, in these cases:
 * - its session, item or time is NULL, or its time is the empty text;
 * - its session or item is the empty text, and option keep_empty is off;
 * - its item is a BLOB or a REAL that is not whole, in an audit; elsewhere that is an
 *   error;
 * - its time cannot be read, and bad_rows allows that;
 * - its time is outside of the window from since to until, or behind reading->end.
 * Messages name the row: by its rowid, or, if the source has none, by its session and
 * item.
 */
#include "ext_events.h"

#include <string.h>

/* The 0-based result columns of the SELECT that ext_row_prepare() prepares. */
enum { SESSION, ITEM, TIME, ROWID };

int ext_row_prepare(const ext_source *source, bool is_sorted, sqlite3_stmt **stmt,
                    ext_error *error)
{
    const ext_columns *c = &source->columns;
    char *ties = is_sorted ? ext_source_ties(source) : NULL;
    *stmt = NULL;
    int rc = ties != NULL || !is_sorted ? SQLITE_OK : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(source->db, stmt, error,
                             "SELECT \"%w\", \"%w\", \"%w\", %s FROM %s AS source%s%s",
                             c->session, c->item, c->time,
                             source->rowid != NULL ? source->rowid : "0", source->from,
                             is_sorted ? " ORDER BY " : "", is_sorted ? ties : "");
    sqlite3_free(ties);
    return rc;
}

/*
 * Returns a column's name as SQL needs it: in double quotes, unless it is a plain word.
 * The caller frees the text. NULL: there is not enough memory.
 */
static char *quoted(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                "0123456789";
    const bool is_plain = name[strspn(name, plain)] == '\0' && *name > '9' &&
                          !sqlite3_keyword_check(name, (int)strlen(name));
    return sqlite3_mprintf(is_plain ? "%s" : "\"%w\"", name);
}

/*
 * Sets the error of an item that is a BLOB, or a REAL that is not whole. The message
 * advises an SQL expression that makes a TEXT or an INTEGER of the item and keeps
 * different ids different. (A CAST to INTEGER does not: it makes 0 of most BLOBs, and 1
 * of 1.5.) Returns SQLITE_ERROR, or SQLITE_NOMEM.
 */
static int fail_item(const ext_source *source, const gru4rec_id *item, ext_error *error)
{
    const bool is_blob = item->type == GRU4REC_ID_BLOB;
    char *column = quoted(source->columns.item), *text = NULL;
    ext_show item_show, advice_show, column_show;
    if (column != NULL)
        text = sqlite3_mprintf(ext_ids_advice(item), column);
    if (text == NULL)
        ext_error_nomem(error);
    else
        ext_error_set(
            error, SQLITE_ERROR,
            "item %s is a %s; items are INTEGER or TEXT, so use a source such as "
            "(SELECT ..., %s AS %s, ...)",
            ext_show_id(&item_show, item), is_blob ? "BLOB" : "REAL",
            ext_show_text(&advice_show, text), ext_show_text(&column_show, column));
    sqlite3_free(column);
    sqlite3_free(text);
    return error->rc;
}

/*
 * Moves cause into error, unless error is set already. Puts the rowid of the present row
 * before the message; if the source has no rowid, its session and item. cause is empty
 * afterwards. Returns the code that error has then, or SQLITE_NOMEM.
 */
static int fail_row(const ext_row_reader *rows, ext_error *cause, ext_error *error)
{
    gru4rec_id session, item;
    ext_show session_show, item_show;
    ext_value_column(rows->stmt, SESSION, &session);
    ext_value_column(rows->stmt, ITEM, &item);
    char *which =
        rows->source->rowid != NULL
            ? sqlite3_mprintf("rowid %lld: ", sqlite3_column_int64(rows->stmt, ROWID))
            : sqlite3_mprintf("session %s, item %s: ",
                              ext_show_id(&session_show, &session),
                              ext_show_id(&item_show, &item));
    int rc =
        which != NULL ? ext_error_wrap(error, cause, which, "") : ext_error_nomem(error);
    ext_error_clear(cause);
    sqlite3_free(which);
    return rc;
}

/*
 * Counts the present row, whose time cannot be read, in events->n_bad. If it is the first
 * such row, also keeps an error that names the row and its time in rows->first_bad.
 * ext_row_check_bad() decides later whether that is an error.
 */
static void skip_row(ext_row_reader *rows, ext_events *events)
{
    gru4rec_id time;
    ext_show show;
    ext_error cause = {0};
    if (events->n_bad++ > 0)
        return;
    ext_value_column(rows->stmt, TIME, &time);
    const char *quote = time.type == GRU4REC_ID_BLOB ? "" : "'";
    ext_error_set(&cause, SQLITE_ERROR,
                  "time %s%s%s is neither a number nor a date that SQLite knows; "
                  "use a source that converts it, or %s",
                  quote, ext_show_id(&show, &time), quote,
                  rows->reading->known == NULL
                      ? "skip such rows with option bad_rows"
                      : "train the model with an option bad_rows that skips such rows");
    fail_row(rows, &cause, &rows->first_bad);
}

int ext_row_check_bad(ext_row_reader *rows, const ext_events *events, ext_error *error)
{
    const double n_bad = (double)events->n_bad;
    if (n_bad <= rows->bad_rows * (double)rows->n_rows)
        return SQLITE_OK;
    if (rows->bad_rows == 0)
        return ext_error_wrap(error, &rows->first_bad, "", "");
    char *counts = sqlite3_mprintf("%lld of %lld rows have times that cannot be read, "
                                   "more than bad_rows=%g allows; the first: ",
                                   (long long)events->n_bad, (long long)rows->n_rows,
                                   rows->bad_rows);
    int rc = counts != NULL ? ext_error_wrap(error, &rows->first_bad, counts, "")
                            : ext_error_nomem(error);
    sqlite3_free(counts);
    return rc;
}

/*
 * Reads session and item of the present row into e. An item that is a whole REAL becomes
 * an INTEGER. Returns false, so that the row is left out, if one of the two is NULL, or
 * if one is the empty text and source->keeps_empty is false.
 */
static bool get_ids(const ext_row_reader *rows, ext_row_event *e)
{
    return ext_value_column(rows->stmt, SESSION, &e->session) &&
           ext_value_item_column(rows->stmt, ITEM, &e->item) &&
           (rows->source->keeps_empty ||
            (!ext_value_is_empty(&e->session) && !ext_value_is_empty(&e->item)));
}

/*
 * Tells whether the event comes after reading->end, and so is left out. False if
 * reading->end is NULL: there is no end.
 */
static bool is_behind(const ext_row_reader *rows, const ext_row_event *e)
{
    const ext_border *end = rows->reading->end;
    return end != NULL && ext_border_is_before(end, &e->at);
}

int ext_row_get(ext_row_reader *rows, ext_events *events, ext_row_event *e,
                bool *is_event, ext_error *error)
{
    ext_error cause = {0};
    const ext_time_kind kind = ext_time_column(rows->stmt, TIME, &e->at.time);
    *is_event = false;
    if (!get_ids(rows, e) || kind == EXT_TIME_NONE) {
        events->n_null++;
        return SQLITE_OK;
    }
    if (!ext_shards_is_own(rows->reading, &e->session))
        return SQLITE_OK;
    if (e->item.type != GRU4REC_ID_INTEGER && e->item.type != GRU4REC_ID_TEXT) {
        events->n_odd++;
        return rows->is_audit ? SQLITE_OK : fail_item(rows->source, &e->item, error);
    }
    if (kind == EXT_TIME_BAD) {
        skip_row(rows, events);
        return SQLITE_OK;
    }
    if (ext_since_check(&rows->since, &e->at.time, kind, is_event, &cause) != SQLITE_OK)
        return fail_row(rows, &cause, error);
    e->at.is_there = true;
    e->at.has_rowid = rows->source->rowid != NULL;
    e->at.rowid = sqlite3_column_int64(rows->stmt, ROWID);
    *is_event &= !is_behind(rows, e);
    events->n_outside += !*is_event;
    return SQLITE_OK;
}
