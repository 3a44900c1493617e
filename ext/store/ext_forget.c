/*
 * ext_forget.c - retires versions that a model no longer keeps, and deletes old rows.
 *
 * The contracts are in ext_store.h. When a version is retired, its items, tensors,
 * fingerprints, checksum, and the sessions that it blends with (m_blend) are deleted. Its
 * row and its epochs stay as history. Each step reads what the step before has written.
 * So if an authorizer ignores a step, the next ones do not delete a part of a version
 * that is still 'ready'.
 */
#include "ext_store.h"

ext_keep ext_forget_keep(const gru4rec_options *options)
{
    return (ext_keep){.versions = options->keep_versions,
                      .candidates = options->keep_candidates,
                      .history = options->keep_history};
}

/*
 * SQL: the ready versions that are kept.
 * kept: at most ?1 versions with numbers up to the active one's, chosen in this order:
 * the active one; the one that was active before it (key 'previous'); the newest others.
 * candidates: the newest ?2 of the versions with higher numbers than the active one. If
 * no version is active, all versions are among these.
 * IS_SURPLUS: the condition that a version is ready, but in neither of the two.
 */
#define WITH_KEPT                                                                 \
    "WITH ready AS (SELECT v.version, c.key IS 'version' AS is_active, "          \
    "c.key IS 'previous' AS is_previous, "                                        \
    "v.version > coalesce((SELECT value FROM @config WHERE key = 'version'), 0) " \
    "AS is_newer FROM @version AS v LEFT JOIN @config AS c "                      \
    "ON c.key IN ('version', 'previous') AND c.value = v.version "                \
    "WHERE v.status = 'ready'), "                                                 \
    "kept AS (SELECT version FROM ready WHERE NOT is_newer "                      \
    "ORDER BY is_active DESC, is_previous DESC, version DESC LIMIT ?1), "         \
    "candidates AS (SELECT version FROM ready WHERE is_newer "                    \
    "ORDER BY version DESC LIMIT ?2) "
#define IS_SURPLUS \
    "status = 'ready' AND version NOT IN kept AND version NOT IN candidates"

static const char retire[] =
    WITH_KEPT "UPDATE @version SET status = 'retired' WHERE " IS_SURPLUS;
static const char count_surplus[] =
    WITH_KEPT "SELECT count(*) FROM @version WHERE " IS_SURPLUS;

/*
 * SQL: deletes the rows of m_version that are history (their status is none of 'ready',
 * 'prepared' and 'training'), except those with the ?1 highest numbers.
 */
static const char forget_history[] =
    "DELETE FROM @version WHERE version IN (SELECT version FROM @version "
    "WHERE coalesce(status, '') NOT IN ('ready', 'prepared', 'training') "
    "ORDER BY version DESC LIMIT -1 OFFSET ?1)";

/*
 * Retires the versions that are prepared (see ext_version.c) and that nobody will finish:
 * a version with a higher number is active, and their runs are over.
 */
static int retire_prepared(const ext_home *home, ext_error *error)
{
    char *gone;
    int rc = ext_run_gone(&gone, "prepared", home, error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error,
                           "UPDATE @version SET status = 'retired' "
                           "WHERE status = 'prepared' AND "
                           "version IN (SELECT key FROM json_each(?1)) AND "
                           "version < (SELECT value FROM @config WHERE key = 'version')",
                           "s", gone);
    sqlite3_free(gone);
    return rc;
}

int ext_forget_old(const ext_home *home, const ext_keep *keep, bool *is_done,
                   ext_error *error)
{
    int64_t n_surplus = 0;
    static const char *const weights[] = {
        "DELETE FROM @item WHERE version IN"
        " (SELECT version FROM @version WHERE status = 'retired')",
        "DELETE FROM @tensor WHERE version IN"
        " (SELECT version FROM @version WHERE status = 'retired')",
    };
    int rc = ext_run_drop_checkpoints(home, error);
    if (rc == SQLITE_OK)
        rc = retire_prepared(home, error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error, retire, "ii", keep->versions, keep->candidates);
    if (rc == SQLITE_OK)
        rc = ext_query_integer(home, &n_surplus, error, count_surplus, "ii",
                               keep->versions, keep->candidates);
    *is_done = n_surplus == 0;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof weights / sizeof *weights; i++)
        rc = ext_query_run(home, error, weights[i], "");
    if (rc == SQLITE_OK)
        rc = ext_fingerprints_forget(home, error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error, forget_history, "i", keep->history);
    if (rc == SQLITE_OK)
        rc = ext_run_drop_orphans(home, error);
    if (rc == SQLITE_OK)
        rc = ext_blend_forget(home, error);
    return rc == SQLITE_OK ? ext_sum_forget(home, error) : rc;
}

int ext_forget_check(const ext_home *home, ext_error *error)
{
    int64_t version;
    int rc = ext_query_integer(home, &version, error,
                               "SELECT version FROM @version AS v"
                               " WHERE status = 'retired' AND"
                               " (EXISTS (SELECT 1 FROM @item AS i"
                               " WHERE i.version = v.version) OR"
                               " EXISTS (SELECT 1 FROM @tensor AS t"
                               " WHERE t.version = v.version))",
                               "");
    return rc != SQLITE_OK || version == 0
               ? rc
               : ext_error_set(error, SQLITE_CORRUPT_VTAB,
                               "model '%s' is damaged: version %lld is retired, but has "
                               "items or weights; restore the database from a backup or "
                               "train again",
                               home->name, (long long)version);
}
