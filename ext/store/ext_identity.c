/*
 * ext_identity.c - recognises a model by a random id, also after it was renamed.
 *
 * The contracts are in ext_store.h. The name of a model is not enough: while a training
 * runs, another connection may rename the model, or drop it and make another model of the
 * same name. So each model has a random id in m_config. CREATE writes the id; a model
 * that an older build made gets one when this build first writes a run. VACUUM, ALTER
 * TABLE, a backup and .dump keep the id.
 */
#include "ext_store.h"

int ext_identity_make(const ext_home *home, ext_error *error)
{
    char id[EXT_RUN_NAME + 1];
    ext_alive_name(id);
    return ext_query_run(home, error,
                         "INSERT OR IGNORE INTO @config(key, value) VALUES ('id', ?1)",
                         "s", id);
}

int ext_identity_read(char **id, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    *id = NULL;
    int rc =
        ext_query(home, &stmt, error,
                  "SELECT value FROM @config WHERE key = 'id' AND value IS NOT NULL", "");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (*id = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/*
 * Sets *has to whether the model of home's name exists and has that id. id NULL: whether
 * a model of that name exists. If the model is damaged, *has is false, and there is no
 * error.
 */
static int has_id(const ext_home *home, const char *id, bool *has, ext_error *error)
{
    int64_t n = 0;
    int rc = ext_schema_exists(home->db, home->schema, home->name, has, error);
    if (rc != SQLITE_OK || !*has || id == NULL)
        return rc;
    rc = ext_shadow_check(home, error);
    if (rc == SQLITE_OK)
        rc = ext_query_integer(
            home, &n, error,
            "SELECT count(*) FROM @config WHERE key = 'id' AND value = ?1", "s", id);
    if (ext_error_is(error, SQLITE_CORRUPT)) {
        ext_error_clear(error);
        rc = SQLITE_OK;
    }
    *has = n > 0;
    return rc;
}

/*
 * Looks for the id in all models of the schema, up to the first model that has it. Sets
 * *name to the name of that model, of sqlite3_malloc; to NULL if no model has the id.
 */
static int find_id(const ext_home *home, const char *id, char **name, ext_error *error)
{
    sqlite3_stmt *stmt;
    *name = NULL;
    int rc = ext_query(home, &stmt, error,
                       "SELECT substr(name, 1, length(name) - length('_config'))"
                       " FROM @schema.sqlite_schema"
                       " WHERE type = 'table' AND lower(substr(name, -7)) = '_config'",
                       "");
    while (rc == SQLITE_OK && *name == NULL && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bool has = false;
        ext_home other = *home;
        other.name = ext_sql_text(stmt, 0);
        rc =
            other.name != NULL ? has_id(&other, id, &has, error) : ext_error_nomem(error);
        if (has)
            *name = other.name;
        else
            sqlite3_free(other.name);
    }
    return ext_sql_finish(stmt, rc, "reading the models", error);
}

int ext_identity_follow(ext_home *home, const char *id, bool *is_found, ext_error *error)
{
    char *name;
    int rc = has_id(home, id, is_found, error);
    if (rc != SQLITE_OK || *is_found || id == NULL)
        return rc;
    rc = find_id(home, id, &name, error);
    *is_found = name != NULL;
    if (name == NULL)
        return rc;
    sqlite3_free(home->name);
    home->name = name;
    return rc;
}
