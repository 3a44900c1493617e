/*
 * ext_fingerprints.c - reads and writes the fingerprints of a version's sessions.
 *
 * The contracts are in ext_store.h. The fingerprints are in m_version.fingerprints. An
 * older build, which does not know that column, ignores it. If an older build retires a
 * version, its fingerprints stay; the next training with this build deletes them.
 */
#include "ext_store.h"

#include <string.h>

gru4rec_fingerprints_key ext_fingerprints_key(void)
{
    return (gru4rec_fingerprints_key){ext_memory.random(ext_memory.context),
                                      ext_memory.random(ext_memory.context)};
}

int ext_fingerprints_library(const ext_fingerprints *fingerprints, gru4rec_status status,
                             const ext_home *home, ext_error *error)
{
    if (status != GRU4REC_INVALID)
        return ext_error_library(error, status, NULL);
    return ext_error_set(
        error, SQLITE_CORRUPT_VTAB,
        "model '%s' is damaged: the fingerprints of version %lld cannot be read; "
        "restore the database from a backup, "
        "or delete the fingerprints: UPDATE "
        "\"%s\".\"%s_version\" SET fingerprints = NULL WHERE version = %lld",
        home->name, (long long)fingerprints->version, home->schema, home->name,
        (long long)fingerprints->version);
}

/*
 * Copies the BLOB of the current row into memory of the budget, and lets fingerprints
 * read that copy: sets is_known. If the BLOB is NULL, sets nothing and returns SQLITE_OK.
 * SQLITE_CORRUPT_VTAB: the BLOB is damaged. SQLITE_ERROR: the budget has too little
 * memory. The copy must be freed also after a failure (ext_fingerprints_free()).
 */
static int copy(ext_fingerprints *fingerprints, sqlite3_stmt *stmt,
                const ext_budget *budget, const ext_home *home, ext_error *error)
{
    if (sqlite3_column_type(stmt, 0) == SQLITE_NULL)
        return SQLITE_OK;
    const void *bytes = sqlite3_column_blob(stmt, 0);
    const size_t n = (size_t)sqlite3_column_bytes(stmt, 0);
    if (bytes == NULL && n > 0)
        return ext_sql_fail_null(stmt, error);
    if (ext_budget_check(budget, n, "the reading of the model's fingerprints", NULL,
                         error) != SQLITE_OK)
        return error->rc;
    fingerprints->allocator = &budget->allocator;
    fingerprints->bytes =
        n > 0 ? fingerprints->allocator->resize(fingerprints->allocator->context, NULL, n)
              : NULL;
    if (n > 0 && fingerprints->bytes == NULL)
        return ext_error_nomem(error);
    if (n > 0)
        memcpy(fingerprints->bytes, bytes, n);
    fingerprints->is_known =
        gru4rec_fingerprints_read(&fingerprints->fingerprints, fingerprints->bytes, n);
    return ext_fingerprints_library(fingerprints,
                                    fingerprints->is_known ? GRU4REC_OK : GRU4REC_INVALID,
                                    home, error);
}

int ext_fingerprints_read(ext_fingerprints *fingerprints, ext_budget *budget,
                          const ext_home *home, int64_t version, ext_error *error)
{
    sqlite3_stmt *stmt;
    bool has;
    *fingerprints = (ext_fingerprints){.version = version};
    int rc = ext_shadow_has_column(home, "version", "fingerprints", &has, error);
    if (rc != SQLITE_OK || !has)
        return rc;
    rc = ext_query(home, &stmt, error,
                   "SELECT fingerprints FROM @version WHERE version = ?1", "i", version);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = copy(fingerprints, stmt, budget, home, error);
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

void ext_fingerprints_free(ext_fingerprints *fingerprints)
{
    if (fingerprints->bytes != NULL)
        fingerprints->allocator->resize(fingerprints->allocator->context,
                                        fingerprints->bytes, 0);
    *fingerprints = (ext_fingerprints){0};
}

int ext_fingerprints_write(const void *bytes, size_t n, const ext_home *home,
                           int64_t version, ext_error *error)
{
    sqlite3_stmt *stmt;
    const size_t limit = (size_t)sqlite3_limit(home->db, SQLITE_LIMIT_LENGTH, -1);
    /*
     * Fingerprints that are too long are not stored. Half of the limit is left for the
     * other columns of the row.
     */
    if (bytes == NULL || n > limit / 2)
        return SQLITE_OK;
    int rc = ext_query(home, &stmt, error,
                       "UPDATE @version SET fingerprints = ?2 WHERE version = ?1", "i",
                       version);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_blob64(stmt, 2, bytes, n, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    return ext_sql_finish(stmt, rc, "writing the model", error);
}

int ext_fingerprints_forget(const ext_home *home, ext_error *error)
{
    bool has;
    int rc = ext_shadow_has_column(home, "version", "fingerprints", &has, error);
    return rc == SQLITE_OK && has
               ? ext_query_run(home, error,
                               "UPDATE @version SET fingerprints = NULL "
                               "WHERE status = 'retired' AND fingerprints IS NOT NULL",
                               "")
               : rc;
}
