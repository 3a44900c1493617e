/*
 * ext_copies.c - copies of histories for statements that write; see ext_events.h.
 *
 * A copy is a list of chunks of bytes, which are filled one after another. In a chunk
 * each session is a head, its value, and its item rows, without padding. No session is
 * spread over two chunks. A session takes the 12 bytes of its head, the bytes of its
 * value (8 for a number), and 4 bytes for each event.
 */
#include "ext_events.h"

#include <string.h>

/* Bytes of a chunk. A session that is larger gets a chunk of its own size. */
enum { CHUNK_BYTES = 1 << 16 };

/* A piece of a copy, in a list. n bytes of the capacity are filled. */
struct ext_copy_chunk {
    ext_copy_chunk *next;
    size_t n, capacity;
    unsigned char bytes[];
};

/*
 * What stands before a session's value in a chunk. n_rows: number of the item rows.
 * n_bytes: bytes of the value. type: SQLite's type of the value.
 */
typedef struct head {
    uint32_t n_rows, n_bytes;
    int32_t type;
} head;

/*
 * When a copy was made, and of which sessions. If the keys of two copies are equal, so
 * are the copies.
 */
typedef struct key {
    /*
     * sqlite3_total_changes() of the connection, which grows with each row that is
     * written.
     */
    int changes;
    uint64_t writers; /* hash_writers() when the copy was made */
    /* Hash of the values of the sessions, in their order; 0 if all sessions are meant. */
    uint64_t wanted;
    int n_wanted; /* number of these values; -1: all sessions */
    /* Name of the run (the training) in whose catalogue the item rows are. */
    char run[EXT_COPIES_RUN + 1];
} key;

struct ext_copy {
    /*
     * Number of users: the ext_copies that has the copy, its readers, and the callers of
     * ext_copies_find() until they drop the copy. The last user frees it.
     */
    int n_users;
    key key;
    /* ext_copies_finish() was called: the copy has all its sessions. */
    bool is_whole;
    /*
     * The list of chunks, and its last one, to which sessions are added. NULL: no session
     * yet.
     */
    ext_copy_chunk *first, *last;
};

struct ext_copies {
    int n_users; /* the scans that share it; the last one frees it */
    /*
     * The latest copy of all sessions, and the latest one of some sessions; or NULL. They
     * are users of these copies.
     */
    ext_copy *all, *named;
};

/* ---- one copy ---- */

/* Adds a user to the copy, which may be NULL, and returns the copy. */
static ext_copy *hold(ext_copy *copy)
{
    if (copy != NULL)
        copy->n_users++;
    return copy;
}

void ext_copies_drop(ext_copy *copy)
{
    if (copy == NULL || --copy->n_users > 0)
        return;
    while (copy->first != NULL) {
        ext_copy_chunk *next = copy->first->next;
        sqlite3_free(copy->first);
        copy->first = next;
    }
    sqlite3_free(copy);
}

/*
 * Makes room for n bytes at the end of the copy, and returns a pointer to it. They count
 * as filled at once. If the last chunk has less room, appends a new chunk. NULL: no
 * memory, and the copy is unchanged.
 */
static unsigned char *make_room(ext_copy *copy, size_t n)
{
    ext_copy_chunk *last = copy->last;
    if (last == NULL || last->capacity - last->n < n) {
        const size_t capacity = n > CHUNK_BYTES ? n : CHUNK_BYTES;
        ext_copy_chunk *chunk = sqlite3_malloc64(sizeof *chunk + capacity);
        if (chunk == NULL)
            return NULL;
        *chunk = (ext_copy_chunk){.capacity = capacity};
        if (last != NULL)
            last->next = chunk;
        else
            copy->first = chunk;
        copy->last = last = chunk;
    }
    last->n += n;
    return last->bytes + last->n - n;
}

/* Copies n bytes from from to *to, and adds n to *to. */
static void put(unsigned char **to, const void *from, size_t n)
{
    if (n > 0)
        memcpy(*to, from, n);
    *to += n;
}

int ext_copies_add(ext_copy *copy, sqlite3_value *session, const ext_rows *rows,
                   ext_error *error)
{
    gru4rec_id id = {0};
    const bool is_value = ext_value_id(session, &id);
    const bool has_bytes = id.type == GRU4REC_ID_TEXT || id.type == GRU4REC_ID_BLOB;
    const void *bytes = has_bytes                       ? id.bytes
                        : id.type == GRU4REC_ID_INTEGER ? (const void *)&id.integer
                                                        : (const void *)&id.real;
    const head h = {(uint32_t)rows->n, has_bytes ? (uint32_t)id.n_bytes : 8,
                    sqlite3_value_type(session)};
    unsigned char *to =
        is_value ? make_room(copy, sizeof h + h.n_bytes + rows->n * sizeof *rows->rows)
                 : NULL;
    if (to == NULL)
        return ext_error_nomem(error);
    put(&to, &h, sizeof h);
    put(&to, bytes, h.n_bytes);
    put(&to, rows->rows, rows->n * sizeof *rows->rows);
    return SQLITE_OK;
}

void ext_copies_finish(ext_copy *copy)
{
    copy->is_whole = true;
}

/* ---- reading ---- */

int ext_copies_start(ext_copy_reader *reader, ext_copy *copy, sqlite3 *db,
                     ext_error *error)
{
    *reader = (ext_copy_reader){.copy = hold(copy), .chunk = copy->first};
    return ext_sql_prepare(db, &reader->value, error, "SELECT ?1");
}

void ext_copies_stop(ext_copy_reader *reader)
{
    sqlite3_finalize(reader->value);
    ext_copies_drop(reader->copy);
    *reader = (ext_copy_reader){0};
}

/*
 * Makes an sqlite3_value from the bytes of a session's value, and puts it into *value.
 * SQLite has no function for that, so the bytes are bound to the reader's SELECT ?1, and
 * its result is copied. The caller frees *value. After an error of SQLite *value is
 * unchanged; after NOMEM it may be NULL.
 */
static int make_value(ext_copy_reader *reader, const head *h, const unsigned char *bytes,
                      sqlite3_value **value, ext_error *error)
{
    sqlite3_stmt *stmt = reader->value;
    int64_t integer;
    double real;
    int rc;
    if (h->type == SQLITE_INTEGER) {
        memcpy(&integer, bytes, sizeof integer);
        rc = sqlite3_bind_int64(stmt, 1, integer);
    } else if (h->type == SQLITE_FLOAT) {
        memcpy(&real, bytes, sizeof real);
        rc = sqlite3_bind_double(stmt, 1, real);
    } else if (h->type == SQLITE_TEXT) {
        rc = sqlite3_bind_text(stmt, 1, (const char *)bytes, (int)h->n_bytes,
                               SQLITE_STATIC);
    } else {
        rc = sqlite3_bind_blob(stmt, 1, bytes, (int)h->n_bytes, SQLITE_STATIC);
    }
    if (rc != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
        return ext_error_db(error, sqlite3_db_handle(stmt), "reading the events");
    *value = sqlite3_value_dup(sqlite3_column_value(stmt, 0));
    sqlite3_reset(stmt);
    return *value != NULL ? SQLITE_OK : ext_error_nomem(error);
}

bool ext_copies_has_next(const ext_copy_reader *reader)
{
    return reader->chunk != NULL;
}

int ext_copies_next(ext_copy_reader *reader, sqlite3_value **session, ext_rows *rows,
                    ext_error *error)
{
    const unsigned char *from = reader->chunk->bytes + reader->offset;
    head h;
    memcpy(&h, from, sizeof h);
    from += sizeof h;
    if (make_value(reader, &h, from, session, error) != SQLITE_OK)
        return error->rc;
    from += h.n_bytes;
    for (uint32_t i = 0; i < h.n_rows; i++, from += sizeof(int32_t)) {
        int32_t row;
        memcpy(&row, from, sizeof row);
        if (ext_rows_add(rows, row, error) != SQLITE_OK)
            return error->rc;
    }
    reader->offset = (size_t)(from - reader->chunk->bytes);
    if (reader->offset == reader->chunk->n) {
        reader->chunk = reader->chunk->next;
        reader->offset = 0;
    }
    return SQLITE_OK;
}

/* ---- finding a copy by its key ---- */

ext_copies *ext_copies_hold(ext_copies *copies)
{
    if (copies == NULL) {
        copies = sqlite3_malloc64(sizeof *copies);
        if (copies == NULL)
            return NULL;
        *copies = (ext_copies){0};
    }
    copies->n_users++;
    return copies;
}

void ext_copies_release(ext_copies *copies)
{
    if (copies == NULL || --copies->n_users > 0)
        return;
    ext_copies_drop(copies->all);
    ext_copies_drop(copies->named);
    sqlite3_free(copies);
}

/*
 * Returns a hash of the connection's statements that are writing now; 0 if there are
 * none. The hash includes how often each statement was run, so that a statement that runs
 * again counts as another one.
 */
static uint64_t hash_writers(sqlite3 *db)
{
    uint64_t hash = 0;
    for (sqlite3_stmt *s = sqlite3_next_stmt(db, NULL); s != NULL;
         s = sqlite3_next_stmt(db, s))
        if (sqlite3_stmt_busy(s) && !sqlite3_stmt_readonly(s))
            hash += ((uint64_t)(uintptr_t)s + 1) * 0x9e3779b97f4a7c15u *
                    (2 * (uint64_t)sqlite3_stmt_status(s, SQLITE_STMTSTATUS_RUN, 0) + 1);
    return hash;
}

/* Returns the key that a copy of these sessions (NULL: all) gets if it is made now. */
static key make_key(sqlite3 *db, const ext_sessions *sessions, const char *run)
{
    key made = {.changes = sqlite3_total_changes(db),
                .writers = hash_writers(db),
                .n_wanted = sessions != NULL ? sessions->n : -1};
    for (int i = 0; i < made.n_wanted; i++)
        made.wanted = ext_value_hash(made.wanted, sessions->values[i]);
    sqlite3_snprintf(sizeof made.run, made.run, "%s", run);
    return made;
}

/* Tells whether all members of the two keys are equal. */
static bool is_same(const key *a, const key *b)
{
    return a->changes == b->changes && a->writers == b->writers &&
           a->wanted == b->wanted && a->n_wanted == b->n_wanted &&
           strcmp(a->run, b->run) == 0;
}

int ext_copies_find(ext_copies *copies, sqlite3 *db, const ext_sessions *sessions,
                    const char *run, ext_copy **copy, bool *is_made, ext_error *error)
{
    ext_copy **place = sessions != NULL ? &copies->named : &copies->all;
    const key wanted = make_key(db, sessions, run);
    *is_made = *place != NULL && (*place)->is_whole && is_same(&(*place)->key, &wanted);
    *copy = NULL;
    if (!*is_made) {
        ext_copies_drop(*place);
        *place = sqlite3_malloc64(sizeof **place);
        if (*place == NULL)
            return ext_error_nomem(error);
        **place = (ext_copy){.n_users = 1, .key = wanted};
    }
    *copy = hold(*place);
    return SQLITE_OK;
}
