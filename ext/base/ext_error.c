/*
 * ext_error.c - the first error of a call, and its way to SQLite; see ext_base.h.
 *
 * Inside the extension a message has no prefix. "gru4rec: " is put before it when the
 * error is passed to SQLite, and is removed when SQLite gives us the message of a nested
 * call back. Messages contain values of users, and messages of SQLite, which contain such
 * values too. So every message is made valid UTF-8: some hosts fail at a message that is
 * not, instead of showing it.
 */
#include "ext_base.h"

#include <stdarg.h>
#include <string.h>

static const char prefix[] = "gru4rec: ";

/*
 * Returns a copy of text in the form that messages show, made by gru4rec_show(): valid
 * UTF-8 on one line, not shortened. The caller frees the copy; text is freed here. NULL
 * as text or as result means that there is not enough memory.
 */
static char *shown(char *text)
{
    const size_t n = text != NULL ? strlen(text) : 0;
    const size_t size = 4 * n + 4; /* a byte becomes at most \xNN */
    char *copy = text != NULL ? sqlite3_malloc64(size) : NULL;
    if (copy != NULL)
        gru4rec_show(copy, size, text, n);
    sqlite3_free(text);
    return copy;
}

int ext_error_set(ext_error *error, int rc, const char *format, ...)
{
    assert(rc != SQLITE_OK);
    if (error->rc != SQLITE_OK)
        return error->rc;
    va_list args;
    va_start(args, format);
    error->message = shown(sqlite3_vmprintf(format, args));
    va_end(args);
    error->rc = rc;
    GRU4REC_TRACE(1, "error %d: %s", rc, error->message != NULL ? error->message : "");
    return rc;
}

int ext_error_nomem(ext_error *error)
{
    if (error->rc == SQLITE_OK)
        error->rc = SQLITE_NOMEM;
    return error->rc;
}

int ext_error_db(ext_error *error, sqlite3 *db, const char *what)
{
    int rc = sqlite3_extended_errcode(db);
    if (rc == SQLITE_NOMEM)
        return ext_error_nomem(error);
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = SQLITE_ERROR; /* SQLite has no error: a row is missing that must be there */
    const char *message = sqlite3_errmsg(db);
    error->is_sqlite |= error->rc == SQLITE_OK;
    if (strncmp(message, prefix, strlen(prefix)) == 0)
        return ext_error_set(error, rc, "%s", message + strlen(prefix));
    return ext_error_set(error, rc, "%s%s%s", what != NULL ? what : "",
                         what != NULL ? ": " : "", message);
}

int ext_error_library(ext_error *error, gru4rec_status status,
                      const gru4rec_error *message)
{
    if (status == GRU4REC_OK)
        return SQLITE_OK;
    int rc = status == GRU4REC_NOMEM         ? SQLITE_NOMEM
             : status == GRU4REC_INTERRUPTED ? SQLITE_INTERRUPT
                                             : SQLITE_ERROR;
    if (message != NULL && message->message[0] != '\0')
        return ext_error_set(error, rc, "%s", message->message);
    if (status == GRU4REC_NOMEM)
        return ext_error_nomem(error);
    return ext_error_set(error, rc, "%s",
                         status == GRU4REC_INTERRUPTED ? "interrupted"
                                                       : "internal error");
}

const char *ext_error_message(const ext_error *error)
{
    return error->message != NULL ? error->message : "out of memory";
}

int ext_error_wrap(ext_error *error, ext_error *other, const char *before,
                   const char *behind)
{
    if (error->rc == SQLITE_OK) {
        error->is_sqlite = other->is_sqlite;
        error->is_limit = other->is_limit;
    }
    ext_error_set(error, other->rc, "%s%s%s", before, ext_error_message(other), behind);
    ext_error_clear(other);
    return error->rc;
}

void ext_error_add(ext_error *error, const char *words)
{
    assert(error->rc != SQLITE_OK);
    char *both = sqlite3_mprintf("%s%s", ext_error_message(error), words);
    sqlite3_free(error->message);
    error->message = shown(both);
}

bool ext_error_is(const ext_error *error, int primary_code)
{
    return (error->rc & 0xff) == primary_code;
}

void ext_error_clear(ext_error *error)
{
    sqlite3_free(error->message);
    *error = (ext_error){0};
}

/*
 * Appends to the message of a set error that the whole transaction was rolled back,
 * unless the message has these words already.
 */
static void add_rollback(ext_error *error)
{
    static const char words[] = "; the whole transaction was rolled back";
    if (error->message == NULL || strstr(error->message, words) == NULL)
        ext_error_add(error, words);
}

/*
 * Appends what to do to the message of a set SQLITE_BUSY, if that ends with SQLite's
 * words for a lock of another connection, which give no advice. A transaction that has
 * read an old snapshot can never write, however long it waits.
 */
static void add_advice(ext_error *error)
{
    static const char words[] = "database is locked";
    const size_t n = error->message != NULL ? strlen(error->message) : 0;
    if (n < strlen(words) || strcmp(error->message + n - strlen(words), words) != 0)
        return;
    ext_error_add(error, error->rc == SQLITE_BUSY_SNAPSHOT
                             ? "; another connection has written since this transaction "
                               "began to read: end it and try again"
                             : " by another connection; try again, or let this one wait "
                               "longer: PRAGMA busy_timeout = 5000");
}

int ext_error_text(ext_error *error, char **message)
{
    const int rc = error->rc;
    if (ext_error_is(error, SQLITE_BUSY))
        add_advice(error);
    if (rc != SQLITE_OK && ext_entry_is_rolled_back(rc))
        add_rollback(error);
    if (rc != SQLITE_OK && message != NULL)
        *message = error->message != NULL
                       ? sqlite3_mprintf("%s%s", prefix, error->message)
                       : NULL;
    ext_error_clear(error);
    return rc;
}

int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab)
{
    char *message = NULL;
    const int rc = ext_error_text(error, &message);
    if (message != NULL) {
        sqlite3_free(vtab->zErrMsg);
        vtab->zErrMsg = message;
    }
    return rc;
}

/*
 * Tells whether rc is SQLITE_FULL or SQLITE_IOERR (or an extended code of theirs), and
 * the connection is not in autocommit, so the user has a transaction. If an SQL function
 * returned such a code, SQLite would roll back that transaction (if the statement reads a
 * table). A rollback is not needed, because the function has already undone its own
 * changes. So the caller returns SQLITE_ERROR instead, and keeps SQLite's message.
 */
static bool makes_rollback(sqlite3_context *context, int rc)
{
    const int primary = rc & 0xff;
    return (primary == SQLITE_FULL || primary == SQLITE_IOERR) &&
           !sqlite3_get_autocommit(sqlite3_context_db_handle(context));
}

void ext_error_result(ext_error *error, sqlite3_context *context)
{
    char *message = NULL;
    if (makes_rollback(context, error->rc))
        error->rc = SQLITE_ERROR;
    const int rc = ext_error_text(error, &message);
    if (rc != SQLITE_OK && message == NULL)
        sqlite3_result_error_nomem(context);
    else if (message != NULL)
        sqlite3_result_error(context, message, -1);
    /*
     * The code is set after the message, because sqlite3_result_error() sets
     * SQLITE_ERROR.
     */
    if (message != NULL)
        sqlite3_result_error_code(context, rc);
    sqlite3_free(message);
}
