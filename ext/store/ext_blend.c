/*
 * ext_blend.c - reads and writes the sessions that a version blends with, in m_blend.
 *
 * The contracts are in ext_store.h. A version that blends raises the network's scores of
 * items that the most similar of these sessions have (gru4rec_blend).
 *
 *   m_blend(version, chunk, checksum, data)
 *
 * The sessions of a version are coded as a row of words of 32 bits. The row is cut into
 * chunks 0, 1, ... of 1 MiB (the last chunk may be shorter); data has the words of one
 * chunk as little-endian bytes. S sessions with E events in all, the oldest session
 * first, have these words:
 *
 *   6 words   header: "G4RB", format 1, S (low word, high word), E (low word, high word)
 *   S words   the number of events of each session
 *   2S words  the time of the last event of each session: bits of a float64, low word,
 *             high word
 *   E words   the rows of the items of all events
 *
 * The content of the table is not trusted. Before memory is allocated, the counts S and E
 * of the header are compared with the number of bytes that are stored. Then each chunk is
 * compared with its checksum, and each word with the values that it may have.
 */
#include "ext_store.h"

#include <string.h>

/*
 * CHUNK is the number of bytes of a chunk, CHUNK_WORDS the number of its words.
 * HEADER_WORDS is the number of words of the header. FORMAT is the number of the format
 * in the header.
 */
enum { CHUNK = 1 << 20, CHUNK_WORDS = CHUNK / 4, HEADER_WORDS = 6, FORMAT = 1 };

static const char checksum_name[] = "blend";
static const uint32_t magic = 0x42523447; /* "G4RB" */

ext_blend_layout ext_blend_layout_of(int64_t n_sessions, int64_t n_events)
{
    ext_blend_layout at = {.n_sessions = n_sessions, .n_events = n_events};
    at.lengths = HEADER_WORDS;
    at.times = at.lengths + n_sessions;
    at.rows = at.times + 2 * n_sessions;
    at.end = at.rows + n_events;
    return at;
}

static int64_t count_chunks(const ext_blend_layout *at)
{
    return (at->end + CHUNK_WORDS - 1) / CHUNK_WORDS;
}

/*
 * Returns the number of words of a chunk (0-based) of the sessions; the last chunk may
 * have fewer than the others.
 */
static size_t chunk_length(const ext_blend_layout *at, int64_t chunk)
{
    const int64_t rest = at->end - chunk * CHUNK_WORDS;
    return (size_t)(rest < CHUNK_WORDS ? rest : CHUNK_WORDS);
}

/* ---- saving ---- */

static uint32_t header_word(const ext_blend_layout *at, int64_t i)
{
    const uint64_t n_sessions = (uint64_t)at->n_sessions;
    const uint64_t n_events = (uint64_t)at->n_events;
    const uint32_t words[HEADER_WORDS] = {
        magic,
        FORMAT,
        (uint32_t)n_sessions,
        (uint32_t)(n_sessions >> 32),
        (uint32_t)n_events,
        (uint32_t)(n_events >> 32),
    };
    return words[i];
}

/*
 * Returns word i of the row of words that the sessions are coded as. The word is computed
 * from the sessions.
 */
static uint32_t word_at(const gru4rec_dataset *sessions, const ext_blend_layout *at,
                        int64_t i)
{
    const int64_t *offsets = sessions->offsets;
    if (i < HEADER_WORDS)
        return header_word(at, i);
    if (i < at->times) {
        i -= at->lengths;
        return (uint32_t)(offsets[i + 1] - offsets[i]);
    }
    if (i >= at->rows)
        return (uint32_t)sessions->item_rows[i - at->rows];
    uint64_t bits;
    i -= at->times;
    memcpy(&bits, &sessions->times[offsets[i / 2 + 1] - 1], sizeof bits);
    return (uint32_t)(i % 2 == 0 ? bits : bits >> 32);
}

void ext_blend_words(uint32_t *words, const gru4rec_dataset *sessions, int64_t first,
                     size_t n)
{
    const ext_blend_layout at =
        ext_blend_layout_of(sessions->n_sessions, sessions->n_events);
    for (size_t i = 0; i < n; i++)
        words[i] = word_at(sessions, &at, first + (int64_t)i);
}

/*
 * Writes one chunk of the sessions into m_blend: codes it, binds its number, checksum and
 * bytes to ?2, ?3 and ?4 of the INSERT stmt, runs stmt, and resets stmt for the next
 * chunk. words (CHUNK_WORDS) and bytes (CHUNK) are buffers. Returns SQLite's code, and
 * sets no ext_error.
 */
static int save_chunk(sqlite3_stmt *stmt, const gru4rec_dataset *sessions,
                      const ext_blend_layout *at, int64_t chunk, uint32_t *words,
                      unsigned char *bytes)
{
    const size_t n = chunk_length(at, chunk);
    ext_blend_words(words, sessions, chunk * CHUNK_WORDS, n);
    ext_value_write_words(bytes, words, n);
    sqlite3_bind_int64(stmt, 2, chunk);
    sqlite3_bind_int64(stmt, 3, ext_sum_chunk(checksum_name, chunk, words, n));
    int rc = sqlite3_bind_blob64(stmt, 4, bytes, 4 * n, SQLITE_STATIC);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_step(stmt);
    return sqlite3_reset(stmt);
}

/*
 * Inserts all chunks of the sessions into m_blend, as those of the version. Stops at the
 * first one that fails.
 */
static int save_chunks(const gru4rec_dataset *sessions, const ext_home *home,
                       int64_t version, ext_error *error)
{
    const ext_blend_layout at =
        ext_blend_layout_of(sessions->n_sessions, sessions->n_events);
    sqlite3_stmt *stmt;
    uint32_t *words = sqlite3_malloc(2 * CHUNK);
    if (words == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error,
                       "INSERT INTO @blend(version, chunk, checksum, data) "
                       "VALUES (?1, ?2, ?3, ?4)",
                       "i", version);
    if (rc == SQLITE_OK) {
        for (int64_t i = 0; rc == SQLITE_OK && i < count_chunks(&at); i++)
            rc = save_chunk(stmt, sessions, &at, i, words,
                            (unsigned char *)(words + CHUNK_WORDS));
        rc = ext_sql_finish(stmt, rc, "writing the model", error);
    }
    sqlite3_free(words);
    return rc;
}

int ext_blend_save(const gru4rec_dataset *sessions, const ext_home *home, int64_t version,
                   ext_error *error)
{
    if (sessions == NULL)
        return SQLITE_OK;
    int rc = ext_shadow_make_later(home, "blend", error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error, "DELETE FROM @blend WHERE version = ?1", "i",
                           version);
    return rc == SQLITE_OK ? save_chunks(sessions, home, version, error) : rc;
}

size_t ext_blend_row_bytes(const gru4rec_dataset *sessions)
{
    if (sessions == NULL)
        return 0;
    const ext_blend_layout at =
        ext_blend_layout_of(sessions->n_sessions, sessions->n_events);
    /*
     * The row has the data of the chunk. The 64 bytes are enough for its other columns
     * and for SQLite's header of the row.
     */
    return 4 * chunk_length(&at, 0) + 64;
}

int ext_blend_is_saved(bool *is_saved, const gru4rec_dataset *sessions,
                       const ext_home *home, int64_t version, ext_error *error)
{
    int64_t n = 0;
    *is_saved = true;
    if (sessions == NULL)
        return SQLITE_OK;
    const ext_blend_layout at =
        ext_blend_layout_of(sessions->n_sessions, sessions->n_events);
    bool has;
    int rc = ext_shadow_has(home, "blend", &has, error);
    if (rc == SQLITE_OK && has)
        rc = ext_query_integer(home, &n, error,
                               "SELECT count(*) FROM @blend WHERE version = ?1", "i",
                               version);
    *is_saved = n == count_chunks(&at);
    return rc;
}

/* ---- decoding words ---- */

/*
 * Takes word, the number of events of session s: sets offsets[s + 1], where the next
 * session begins. Sets reading->why if the number is 0, if the sum of the numbers so far
 * exceeds the number of all events, or if s is the last session and that sum is smaller
 * than the number of all events.
 */
static void take_length(ext_blend_reading *reading, int64_t s, uint32_t word)
{
    int64_t *offsets = reading->sessions->offsets;
    offsets[s + 1] = offsets[s] + word;
    const bool is_last = s + 1 == reading->at.n_sessions;
    if (word == 0 || offsets[s + 1] > reading->at.n_events ||
        (is_last && offsets[s + 1] != reading->at.n_events))
        reading->why = "have impossible lengths";
}

/*
 * Gives all events of session s one time, whose two words are reading->low and high. Sets
 * reading->why if the time is NaN, or earlier than that of the session before; the events
 * get the time also then.
 */
static void take_time(ext_blend_reading *reading, int64_t s, uint32_t high)
{
    const int64_t *offsets = reading->sessions->offsets;
    double *times = reading->sessions->times, time;
    const uint64_t bits = (uint64_t)high << 32 | reading->low;
    memcpy(&time, &bits, sizeof time);
    if (time != time || (s > 0 && time < times[offsets[s] - 1]))
        reading->why = "are not in the order of their times";
    for (int64_t i = offsets[s]; i < offsets[s + 1]; i++)
        times[i] = time;
}

/*
 * Takes the next word of the row: counts it in reading->next, and decodes it as what
 * stands at its index. The low word of a time is only kept in reading->low until the high
 * word comes. Sets reading->why if the word is wrong. A word of the header is only
 * counted, and so is every word after something was found wrong.
 */
static void take_word(ext_blend_reading *reading, uint32_t word)
{
    const ext_blend_layout *at = &reading->at;
    const int64_t i = reading->next++;
    /*
     * Words of the header are skipped: read_header() has checked them before. Nothing is
     * decoded after something was found wrong.
     */
    if (reading->why != NULL || i < at->lengths)
        return;
    if (i < at->times)
        take_length(reading, i - at->lengths, word);
    else if (i < at->rows && (i - at->times) % 2 == 0)
        reading->low = word;
    else if (i < at->rows)
        take_time(reading, (i - at->times) / 2, word);
    else if (word < (uint32_t)reading->n_items)
        reading->sessions->item_rows[i - at->rows] = (int32_t)word;
    else
        reading->why = "have items that the version does not have";
}

gru4rec_status ext_blend_start(ext_blend_reading *reading,
                               const gru4rec_allocator *allocator, int64_t n_sessions,
                               int64_t n_events, int32_t n_items)
{
    *reading = (ext_blend_reading){.n_items = n_items};
    if (n_sessions <= 0 || n_sessions > n_events || n_events > INT32_MAX)
        return GRU4REC_INVALID;
    reading->at = ext_blend_layout_of(n_sessions, n_events);
    return gru4rec_latest_room(allocator, n_sessions, n_events, &reading->sessions);
}

void ext_blend_take(ext_blend_reading *reading, const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        take_word(reading, words[i]);
}

/* ---- loading ---- */

/*
 * Sets the error that the sessions of the version are damaged: returns
 * SQLITE_CORRUPT_VTAB. what: the end of a sentence that begins with "the sessions", for
 * example "are missing".
 */
static int fail_sessions(const ext_home *home, int64_t version, const char *what,
                         ext_error *error)
{
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: the sessions that version %lld blends "
                         "with %s; restore the database from a backup or train again",
                         home->name, (long long)version, what);
}

static const char impossible[] = "have impossible counts";
static const char incomplete[] = "are incomplete, or have a wrong size";

/*
 * SQL: number, checksum and data of the chunks of version ?1, in their order. There
 * should be ?2 chunks; the query gives one more if there are more. data is NULL unless
 * it is a BLOB of the right length: 1048576 bytes, which is CHUNK, or ?3 bytes in the
 * last chunk.
 */
static const char chunks_query[] =
    "SELECT chunk, checksum, iif(typeof(data) = 'blob' AND "
    "length(data) = iif(chunk = ?2 - 1, ?3, 1048576), data, NULL) "
    "FROM @blend WHERE version = ?1 ORDER BY chunk LIMIT ?2 + 1";

_Static_assert(CHUNK == 1048576, "chunks_query names it");

/*
 * Decodes the chunk in the current row of stmt (chunks_query) into load. If the chunk is
 * not the next one, or has a wrong length, sets load->why and decodes nothing. Also sets
 * load->why if the chunk does not match its checksum, or if one of its words is wrong.
 * words (CHUNK_WORDS) is a buffer.
 */
static void take_chunk(ext_blend_reading *load, sqlite3_stmt *stmt, uint32_t *words)
{
    const int64_t chunk = load->next / CHUNK_WORDS;
    const size_t n = load->next < load->at.end ? chunk_length(&load->at, chunk) : 0;
    const void *data = sqlite3_column_blob(stmt, 2);
    if (n == 0 || sqlite3_column_int64(stmt, 0) != chunk || data == NULL ||
        (size_t)sqlite3_column_bytes(stmt, 2) != 4 * n) {
        load->why = incomplete;
        return;
    }
    ext_value_read_words(words, data, n);
    if (ext_sum_chunk(checksum_name, chunk, words, n) != sqlite3_column_int64(stmt, 1))
        load->why = "do not match their checksum";
    ext_blend_take(load, words, n);
}

/*
 * Reads the chunks of the version, and decodes them into load->sessions. Stops at the
 * first chunk that is wrong. SQLITE_CORRUPT_VTAB: a chunk is wrong or missing, or there
 * are too many; the message says which. The caller frees load->sessions, also after a
 * failure.
 */
static int load_chunks(ext_blend_reading *load, const ext_home *home, int64_t version,
                       ext_error *error)
{
    const int64_t n = count_chunks(&load->at);
    sqlite3_stmt *stmt;
    uint32_t *words = sqlite3_malloc(CHUNK);
    if (words == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error, chunks_query, "iii", version, n,
                       (int64_t)chunk_length(&load->at, n - 1) * 4);
    if (rc == SQLITE_OK) {
        while (load->why == NULL && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
            take_chunk(load, stmt, words);
        rc = ext_sql_finish(stmt, rc, "reading the model", error);
    }
    sqlite3_free(words);
    if (rc == SQLITE_OK && load->why == NULL && load->next != load->at.end)
        load->why = incomplete;
    return rc == SQLITE_OK && load->why != NULL
               ? fail_sessions(home, version, load->why, error)
               : rc;
}

/*
 * Sets *at from the header of the sessions. Column 0 of the current row of stmt has the
 * 24 bytes of the header (NULL: there is no chunk 0), column 1 the number of bytes in all
 * chunks. SQLITE_CORRUPT_VTAB: the header is wrong or missing; or the sessions that it
 * counts would not have as many bytes as are stored; or they would have more bytes than
 * the database.
 */
static int read_header(ext_blend_layout *at, sqlite3_stmt *stmt, const ext_home *home,
                       int64_t version, ext_error *error)
{
    uint32_t words[HEADER_WORDS];
    const void *data = sqlite3_column_blob(stmt, 0);
    if (data == NULL || sqlite3_column_bytes(stmt, 0) != (int)sizeof words)
        return fail_sessions(home, version, "are missing", error);
    ext_value_read_words(words, data, HEADER_WORDS);
    const uint64_t n_sessions = (uint64_t)words[3] << 32 | words[2];
    const uint64_t n_events = (uint64_t)words[5] << 32 | words[4];
    if (words[0] != magic || words[1] != FORMAT)
        return fail_sessions(home, version, "have a format that is not known", error);
    if (n_sessions > n_events || n_events > INT32_MAX)
        return fail_sessions(home, version, impossible, error);
    *at = ext_blend_layout_of((int64_t)n_sessions, (int64_t)n_events);
    return sqlite3_column_int64(stmt, 1) == 4 * at->end &&
                   4 * at->end <= ext_home_database_bytes(home)
               ? SQLITE_OK
               : fail_sessions(home, version, incomplete, error);
}

/*
 * Reads the header of the sessions that are stored for the version, and sets *at to their
 * layout. SQLITE_CORRUPT_VTAB: the model has no table m_blend, or as for read_header().
 */
static int find_layout(ext_blend_layout *at, const ext_home *home, int64_t version,
                       ext_error *error)
{
    sqlite3_stmt *stmt;
    bool has;
    if (ext_shadow_has(home, "blend", &has, error) != SQLITE_OK)
        return error->rc;
    if (!has)
        return fail_sessions(home, version, "are missing", error);
    int rc = ext_query(home, &stmt, error,
                       "SELECT (SELECT substr(data, 1, 24) FROM @blend "
                       "WHERE version = ?1 AND chunk = 0 AND typeof(data) = 'blob'), "
                       "(SELECT sum(iif(typeof(data) = 'blob', length(data), 0)) "
                       "FROM @blend WHERE version = ?1)",
                       "i", version);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = read_header(at, stmt, home, version, error);
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

int ext_blend_load(gru4rec_dataset **sessions, ext_budget *budget, const ext_home *home,
                   int64_t version, int32_t n_items, ext_error *error)
{
    ext_blend_layout at = {0};
    ext_blend_reading load;
    *sessions = NULL;
    if (find_layout(&at, home, version, error) != SQLITE_OK)
        return error->rc;
    const gru4rec_status status =
        ext_blend_start(&load, &budget->allocator, at.n_sessions, at.n_events, n_items);
    if (status != GRU4REC_OK)
        return status == GRU4REC_INVALID ? fail_sessions(home, version, impossible, error)
                                         : ext_error_nomem(error);
    int rc = load_chunks(&load, home, version, error);
    if (rc == SQLITE_OK)
        *sessions = load.sessions;
    else
        gru4rec_dataset_free(load.sessions);
    return rc;
}

/* ---- fitting ---- */

/*
 * Returns the library's default options. The neighbours (the sessions that are most like
 * a given one) are always found with these, and not with the model's options, so that all
 * versions blend alike.
 */
static gru4rec_options default_options(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    return options;
}

size_t ext_blend_fit_bytes(const gru4rec_dataset *sessions, int32_t n_items)
{
    const gru4rec_options options = default_options();
    return gru4rec_baseline_bytes(GRU4REC_VS_KNN, &options,
                                  &(gru4rec_baseline_data){.n_items = n_items,
                                                           .sessions = sessions});
}

int ext_blend_fit(gru4rec_baseline **neighbours, const gru4rec_allocator *allocator,
                  const gru4rec_dataset *sessions, int32_t n_items, sqlite3 *db,
                  const ext_ranks *ranks, ext_error *error)
{
    const gru4rec_options options = default_options();
    const gru4rec_baseline_data data = {.n_items = n_items, .sessions = sessions};
    gru4rec_error message = {0};
    ext_poll poll;
    ext_poll_start(&poll, db);
    ext_poll_join(&poll, ranks);
    const gru4rec_status status =
        gru4rec_baseline_new(allocator, GRU4REC_VS_KNN, &options, &data,
                             ext_poll_is_stopped, &poll, neighbours, &message);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, &message);
}

/* ---- forgetting ---- */

int ext_blend_forget(const ext_home *home, ext_error *error)
{
    bool has;
    int rc = ext_shadow_has(home, "blend", &has, error);
    return rc == SQLITE_OK && has
               ? ext_query_run(home, error,
                               "DELETE FROM @blend WHERE version NOT IN (SELECT version "
                               "FROM @version WHERE status IS NOT 'retired')",
                               "")
               : rc;
}

int ext_blend_find_retired(int64_t *version, const ext_home *home, ext_error *error)
{
    bool has;
    int rc = ext_shadow_has(home, "blend", &has, error);
    *version = 0;
    return rc == SQLITE_OK && has
               ? ext_query_integer(home, version, error,
                                   "SELECT version FROM @version AS v "
                                   "WHERE status = 'retired' AND EXISTS (SELECT 1 "
                                   "FROM @blend AS b WHERE b.version = v.version)",
                                   "")
               : rc;
}
