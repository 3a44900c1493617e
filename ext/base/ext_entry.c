/* ext_entry.c - nested calls of SQLite into the extension; see ext_base.h. */
#include "ext_base.h"

/*
 * Largest number of nested calls; the next one is an error. So many fit on a stack of 256
 * KB, together with the stack that SQLite needs for each.
 */
enum { DEEPEST = 8 };

/*
 * The innermost call of this thread that has not ended; NULL: there is none. Each thread
 * has its own, because the entries are on its stack.
 */
static _Thread_local ext_entry *innermost;

int ext_entry_start(ext_entry *entry, sqlite3 *db, ext_error *error)
{
    const int depth = innermost != NULL ? innermost->depth + 1 : 1;
    *entry = (ext_entry){.outer = innermost,
                         .db = db,
                         .depth = depth,
                         .is_alone = sqlite3_get_autocommit(db)};
    innermost = entry;
    return depth <= DEEPEST
               ? SQLITE_OK
               : ext_error_set(
                     error, SQLITE_ERROR,
                     "more than %d calls are nested in each other; if a source or "
                     "a view reads itself, change it; if the chain of models is "
                     "too long, read one of them from a table",
                     DEEPEST);
}

void ext_entry_end(ext_entry *entry)
{
    assert(innermost == entry);
    innermost = entry->outer;
}

bool ext_entry_is_rolled_back(int rc)
{
    if (innermost == NULL || innermost->is_alone)
        return false;
    const int primary = rc & 0xff;
    return sqlite3_get_autocommit(innermost->db) ||
           ((primary == SQLITE_INTERRUPT || primary == SQLITE_IOERR) &&
            ext_sql_is_writing(innermost->db));
}

int ext_entry_use(const ext_home *home, ext_error *error)
{
    if (innermost == NULL) /* this call has no entry: nothing is nested in it */
        return SQLITE_OK;
    innermost->home = home;
    for (const ext_entry *outer = innermost->outer; outer != NULL; outer = outer->outer)
        if (outer->home != NULL && outer->home->db == home->db &&
            sqlite3_stricmp(outer->home->schema, home->schema) == 0 &&
            sqlite3_stricmp(outer->home->name, home->name) == 0)
            return ext_error_set(error, SQLITE_ERROR,
                                 "model '%s' leads back to itself: its source, or a view "
                                 "in place of one of its tables, reads the model",
                                 home->name);
    return SQLITE_OK;
}

bool ext_entry_holds(const ext_home *home)
{
    const ext_entry *entry = innermost;
    while (entry != NULL && entry->home != home)
        entry = entry->outer;
    return entry != NULL;
}
