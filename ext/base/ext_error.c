/* ext_status.c - errors and memory; see ext_int.h. */
#include "ext_base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int ext_fail(ext_error *error, int rc, const char *format, ...)
{
    if (error->rc != SQLITE_OK)
        return error->rc;
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    error->rc = rc;
    error->message = text != NULL ? sqlite3_mprintf("gru4rec: %z", text) : NULL;
    return rc;
}

int ext_fail_nomem(ext_error *error)
{
    if (error->rc == SQLITE_OK)
        error->rc = SQLITE_NOMEM;
    return error->rc;
}

int ext_fail_db(ext_error *error, sqlite3 *db, const char *what)
{
    int rc = sqlite3_extended_errcode(db);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) /* no row where there must be one */
        rc = SQLITE_ERROR;
    if (rc == SQLITE_NOMEM)
        return ext_fail_nomem(error);
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        return ext_fail(error, SQLITE_INTERRUPT, "interrupted");
    const char *message = sqlite3_errmsg(db);
    if (strncmp(message, "gru4rec: ", 9) == 0) /* from one of our own below */
        return ext_fail(error, rc, "%s", message + 9);
    return ext_fail(error, rc != SQLITE_OK ? rc : SQLITE_ERROR, "%s%s%s",
                    what != NULL ? what : "", what != NULL ? ": " : "", message);
}

int ext_fail_library(ext_error *error, gru4rec_status status,
                     const gru4rec_error *message)
{
    if (status == GRU4REC_OK)
        return SQLITE_OK;
    int rc = status == GRU4REC_NOMEM         ? SQLITE_NOMEM
             : status == GRU4REC_INTERRUPTED ? SQLITE_INTERRUPT
                                             : SQLITE_ERROR;
    if (message == NULL || message->message[0] == '\0')
        return status == GRU4REC_NOMEM ? ext_fail_nomem(error)
                                       : ext_fail(error, rc, "internal error");
    return ext_fail(error, rc, "%s", message->message);
}

void ext_error_clear(ext_error *error)
{
    sqlite3_free(error->message);
    error->message = NULL;
    error->rc = SQLITE_OK;
}

void ext_error_result(ext_error *error, sqlite3_context *context)
{
    if (error->rc == SQLITE_OK)
        return;
    if (error->message != NULL) {
        /* result_error sets the code to SQLITE_ERROR, result_error_code keeps the text.
         */
        sqlite3_result_error(context, error->message, -1);
        sqlite3_result_error_code(context, error->rc);
    } else if (error->rc == SQLITE_NOMEM) {
        sqlite3_result_error_nomem(context);
    } else {
        sqlite3_result_error_code(context, error->rc);
    }
    ext_error_clear(error);
}

int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab)
{
    int rc = error->rc;
    if (rc != SQLITE_OK && error->message != NULL) {
        sqlite3_free(vtab->zErrMsg);
        vtab->zErrMsg = error->message;
        error->message = NULL;
    }
    ext_error_clear(error);
    return rc;
}

int ext_error_text(ext_error *error, char **message)
{
    int rc = error->rc;
    if (rc != SQLITE_OK) {
        *message = error->message;
        error->message = NULL;
    }
    ext_error_clear(error);
    return rc;
}

/*
 * Each block starts with a word that says whose it is, so that a growing array can move
 * from SQLite's memory to the C library's, which enlarges large blocks without copying
 * them.
 */
enum { HEADER = 16, LARGE = 1 << 20 };

typedef union header {
    struct {
        size_t bytes;
        bool is_large;
    } block;
    char padding[HEADER];
} header;

static header *resize_within(header *old, size_t bytes, bool is_large)
{
    return is_large ? realloc(old, bytes) : sqlite3_realloc64(old, bytes);
}

static void release(header *block)
{
    if (block->block.is_large)
        free(block);
    else
        sqlite3_free(block);
}

static void *resize(void *context, void *block, size_t bytes)
{
    (void)context;
    header *old = block != NULL ? (header *)((char *)block - HEADER) : NULL;
    bool is_large = bytes >= LARGE;
    if (bytes == 0 || bytes > SIZE_MAX - HEADER) {
        if (bytes == 0 && old != NULL)
            release(old);
        return NULL;
    }
    bool is_same = old == NULL || old->block.is_large == is_large;
    header *new = resize_within(is_same ? old : NULL, bytes + HEADER, is_large);
    if (new == NULL)
        return NULL;
    if (!is_same) {
        size_t kept = old->block.bytes < bytes ? old->block.bytes : bytes;
        memcpy((char *)new + HEADER, (char *)old + HEADER, kept);
        release(old);
    }
    new->block.bytes = bytes;
    new->block.is_large = is_large;
    return (char *)new + HEADER;
}

const gru4rec_allocator ext_allocator = {resize, NULL};
