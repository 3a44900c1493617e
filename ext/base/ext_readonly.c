/*
 * ext_readonly.c - a process that only serves: GRU4REC_READONLY in its environment; see
 * ext_base.h.
 *
 * Some systems copy a database file page by page to others (replicas). What is written
 * into such a copy is not sent back, so the copy would no longer be one. But SQLite can
 * not tell a copy from any other file, and to a server that forwards statements that
 * write to the primary, SELECT gru4rec_train() looks like one that reads.
 *
 * Two places ask here. The calls that write ask before they begin, so that the message
 * names them. And ext_sql.c asks for every statement that SQLite says is not read-only,
 * so that no call can be forgotten.
 */
#include "ext_base.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLE "GRU4REC_READONLY"

/* What the variable says. */
enum { UNREAD, OFF, ON };

/*
 * Set once, when the extension is loaded for the first time. A later getenv() would race
 * with a host that calls setenv() in another thread.
 */
static _Atomic int setting = UNREAD;

int ext_readonly_read(ext_error *error)
{
    if (atomic_load(&setting) != UNREAD)
        return SQLITE_OK;
    const char *text = getenv(VARIABLE);
    const bool is_off = text == NULL || strcmp(text, "") == 0 || strcmp(text, "0") == 0;
    if (!is_off && strcmp(text, "1") != 0)
        return ext_error_set(error, SQLITE_ERROR,
                             VARIABLE " is '%s' in the environment of this process; "
                                      "give 1 to refuse everything that writes, or 0",
                             ext_show_text(&(ext_show){""}, text));
    atomic_store(&setting, is_off ? OFF : ON);
    return SQLITE_OK;
}

bool ext_readonly_is_on(void)
{
    return atomic_load(&setting) == ON;
}

int ext_readonly_check(const char *what, ext_error *error)
{
    return ext_readonly_is_on()
               ? ext_error_set(error, SQLITE_READONLY,
                               "%s writes, which " VARIABLE
                               "=1 in the environment of this process refuses; "
                               "train on the primary, and make every other change there",
                               what)
               : SQLITE_OK;
}
