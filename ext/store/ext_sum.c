/*
 * ext_sum.c - computes the checksum of a chunk; computes, stores and compares that of a
 * version.
 *
 * The contracts are in ext_store.h. Each chunk of a tensor, and of the sessions that a
 * version blends with, has a checksum of its own (ext_tensor.c, ext_blend.c). The
 * checksum of the version covers the rest: the items in the order of their rows, each
 * with its support, the number of the version, its run, and its options as they are
 * stored. It is a row of m_config:
 *
 *   key: 'checksum:' and the run's 32 hex digits; value: an integer
 *
 * Older builds do not write such rows, and ignore them. So a version without such a row
 * is not checked. If an older build deletes a version, its checksum stays. That does no
 * harm, because the names of runs are random: no other version has the same name.
 */
#include "ext_store.h"

#include <string.h>

/* ---- of a chunk ---- */

int64_t ext_sum_chunk(const char *name, int64_t chunk, const void *words, size_t n)
{
    enum { LANES = 4 };
    const uint64_t prime = 0x100000001b3u;
    const char *at = words;
    uint64_t a[LANES] = {1, 2, 3, 4}, b[LANES] = {0}, sum = n * prime ^ (uint64_t)chunk;
    uint32_t next[LANES];
    for (size_t i = 0; i < n / LANES; i++, at += sizeof next) {
        memcpy(next, at, sizeof next);
        for (int lane = 0; lane < LANES; lane++) {
            a[lane] += next[lane];
            b[lane] += a[lane];
        }
    }
    memcpy(next, at, n % LANES * sizeof *next);
    for (size_t lane = 0; lane < n % LANES; lane++) {
        a[lane] += next[lane];
        b[lane] += a[lane];
    }
    for (; *name; name++)
        sum = (sum ^ (unsigned char)*name) * prime;
    for (int lane = 0; lane < LANES; lane++)
        sum = (sum * prime ^ a[lane]) * prime ^ b[lane];
    return (int64_t)sum;
}

/* ---- of a version ---- */

/*
 * Adds a word of 64 bits to *sum, a checksum. The order in which words are added matters.
 * Each step of the computation can be inverted, so two different words always give two
 * different sums.
 */
static void add_word(uint64_t *sum, uint64_t word)
{
    *sum = (*sum ^ word) * 0x9e3779b97f4a7c15u;
    *sum ^= *sum >> 32;
}

/*
 * Returns a word of 64 bits made of the first n bytes (at most 8), in little-endian order
 * on every machine.
 */
static uint64_t word_of(const unsigned char *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/* Adds an id to *sum, a checksum: its type, its length in bytes, and its value. */
static void add_id(uint64_t *sum, const gru4rec_id *id)
{
    const unsigned char *bytes = id->bytes;
    add_word(sum, (uint64_t)id->n_bytes << 2 | (uint64_t)id->type);
    if (id->type == GRU4REC_ID_INTEGER)
        add_word(sum, (uint64_t)id->integer);
    for (size_t at = 0; at < id->n_bytes; at += 8)
        add_word(sum, word_of(bytes + at, id->n_bytes - at < 8 ? id->n_bytes - at : 8));
}

void ext_sum_item(uint64_t *sum, const gru4rec_id *id, int64_t support)
{
    add_id(sum, id);
    add_word(sum, (uint64_t)support);
}

int64_t ext_sum_version(uint64_t items, int64_t version, const gru4rec_id *run,
                        const gru4rec_id *options)
{
    add_word(&items, (uint64_t)version);
    add_id(&items, run);
    add_id(&items, options);
    return (int64_t)items;
}

int ext_sum_write(const ext_home *home, const char *run, int64_t sum, ext_error *error)
{
    return ext_query_run(home, error,
                         "REPLACE INTO @config(key, value) "
                         "VALUES ('checksum:' || ?1, ?2)",
                         "si", run, sum);
}

/*
 * Tells whether two names of runs were the same before somebody changed one of them: they
 * agree in at least 16 of their 32 digits. Two random names agree in 2 digits on average.
 */
static bool is_changed_run(const char *a, const char *b)
{
    int n_same = 0;
    for (; *a != '\0' && *b != '\0'; a++, b++)
        n_same += *a == *b;
    return n_same >= 16;
}

/*
 * Sets *is_against to whether the current row of ext_sum_check() shows that the version
 * is damaged. The row has a stored checksum: the name of its run, its value, whether that
 * run is the version's; then the version's run and options.
 * - If the run is that of the version, the version is damaged if the checksum differs.
 * - If the run is another one, the version is damaged if the checksum matches
 *   nevertheless, or if the two names are almost the same (is_changed_run()), because
 *   then somebody has changed one of the names.
 * If the version's run is not a valid name, rows of other runs show nothing; another
 * check reports the name. SQLITE_AUTH: a column that cannot be NULL is NULL.
 */
static int compare(bool *is_against, sqlite3_stmt *stmt, uint64_t items, int64_t version,
                   ext_error *error)
{
    gru4rec_id run, options;
    const bool is_own = sqlite3_column_int(stmt, 2);
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const char *own_name = (const char *)sqlite3_column_text(stmt, 3);
    *is_against = false;
    if (!is_own && !ext_alive_is_name(own_name))
        return SQLITE_OK;
    if (name == NULL || !ext_value_column(stmt, 0, &run) ||
        !ext_value_column(stmt, 4, &options))
        return ext_sql_fail_null(stmt, error);
    const bool is_same =
        sqlite3_column_type(stmt, 1) == SQLITE_INTEGER &&
        sqlite3_column_int64(stmt, 1) == ext_sum_version(items, version, &run, &options);
    *is_against = is_own ? !is_same : is_same || is_changed_run(name, own_name);
    return SQLITE_OK;
}

/*
 * SQL on m_config. NAMED: the part of the key behind 'checksum:', which is the name of
 * the run. IS_SUM: the condition that the row is a checksum. IS_NOBODYS: the condition
 * that no version that is kept (its status is not 'retired') belongs to that run.
 */
#define NAMED "substr(key, 10)"
#define IS_SUM "key >= 'checksum:' AND key < 'checksum;'"
#define IS_NOBODYS                             \
    NAMED " NOT IN (SELECT run FROM @version " \
          "WHERE run IS NOT NULL AND status IS NOT 'retired')"

int ext_sum_check(const ext_home *home, int64_t version, uint64_t items, ext_error *error)
{
    sqlite3_stmt *stmt;
    bool is_damaged = false;
    int rc = ext_query(home, &stmt, error,
                       "SELECT c.name, c.value, c.name = v.run, v.run, v.options "
                       "FROM @version AS v JOIN (SELECT " NAMED " AS name, value "
                       "FROM @config WHERE " IS_SUM ") AS c WHERE v.version = ?1",
                       "i", version);
    while (rc == SQLITE_OK && !is_damaged && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = compare(&is_damaged, stmt, items, version, error);
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    if (rc != SQLITE_OK || !is_damaged)
        return rc;
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: the items, options or run of version "
                         "%lld do not match their checksum; restore the database from a "
                         "backup or train again",
                         home->name, (long long)version);
}

int ext_sum_forget(const ext_home *home, ext_error *error)
{
    return ext_query_run(home, error,
                         "DELETE FROM @config WHERE " IS_SUM " AND " IS_NOBODYS, "");
}
