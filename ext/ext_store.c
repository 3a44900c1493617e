/*
 * ext_store.c - the shadow tables of a model m; see ext_int.h.
 *
 *   m_config(key, value)   format: 1; version: the active one, absent before the first
 *                          training; source, session, item, time: as CREATE found them,
 *                          session_type, item_type: their affinities; options: JSON
 *   m_version              a row per run, see ext_version.c
 *   m_epoch(version, epoch, loss, cost, steps, events, seconds)
 *   m_item(version, row, item, support)
 *   m_tensor               see ext_tensor.c
 *   m_source               a view, only where the source was given as a SELECT
 *
 * Every name is qualified with the schema, so that a TEMP table cannot stand in for one.
 */
#include "ext_int.h"

#include <string.h>

static const char format[] = "1";

const char *const ext_shadow_names[] = {"config", "version", "epoch", "item",
                                        "tensor", "source",  NULL};

/* ---- names ---- */

static bool has_model(sqlite3 *db, const char *schema, const char *name)
{
    char *config = sqlite3_mprintf("%s_config", name);
    bool is_found = config != NULL &&
                    sqlite3_table_column_metadata(db, schema, config, "key", NULL, NULL,
                                                  NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(config);
    return is_found;
}

/* The schema of a model by its bare name: temp, main, then attached ones in order. */
static char *find_schema(sqlite3 *db, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    char *found = NULL;
    if (has_model(db, "temp", name))
        return sqlite3_mprintf("temp");
    if (has_model(db, "main", name))
        return sqlite3_mprintf("main");
    if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_database_list ORDER BY seq", -1,
                           &stmt, NULL) == SQLITE_OK)
        while (found == NULL && sqlite3_step(stmt) == SQLITE_ROW) {
            const char *schema = (const char *)sqlite3_column_text(stmt, 0);
            if (schema != NULL && has_model(db, schema, name))
                found = sqlite3_mprintf("%s", schema);
        }
    sqlite3_finalize(stmt);
    return found;
}

int ext_store_find(sqlite3 *db, const char *text, char **schema, char **name,
                   bool *is_found, ext_error *error)
{
    const char *dot = strchr(text, '.');
    *name = NULL;
    *schema = find_schema(db, text);
    *is_found = *schema != NULL;
    if (*schema == NULL && dot != NULL) {
        *schema = sqlite3_mprintf("%.*s", (int)(dot - text), text);
        text = dot + 1;
        *is_found = *schema != NULL && has_model(db, *schema, text);
    } else if (*schema == NULL) {
        *schema = sqlite3_mprintf("main");
    }
    *name = sqlite3_mprintf("%s", text);
    if (*schema == NULL || *name == NULL)
        return ext_fail_nomem(error);
    return SQLITE_OK;
}

/* ---- life of the tables ---- */

static const char *const schemas[] = {
    "CREATE TABLE \"%w\".\"%w_config\"(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE \"%w\".\"%w_version\"(version INTEGER PRIMARY KEY, run TEXT, status "
    "TEXT, "
    "started TEXT, finished TEXT, process TEXT, source TEXT, options TEXT, summary TEXT, "
    "message TEXT)",
    "CREATE TABLE \"%w\".\"%w_epoch\"(version INTEGER, epoch INTEGER, loss REAL, cost "
    "REAL, "
    "steps INTEGER, events INTEGER, seconds REAL, PRIMARY KEY(version, epoch)) WITHOUT "
    "ROWID",
    "CREATE TABLE \"%w\".\"%w_item\"(version INTEGER, row INTEGER, item, support "
    "INTEGER, "
    "PRIMARY KEY(version, row)) WITHOUT ROWID",
    "CREATE TABLE \"%w\".\"%w_tensor\"(id INTEGER PRIMARY KEY, version INTEGER, name "
    "TEXT, "
    "chunk INTEGER, shape TEXT, checksum INTEGER, data BLOB, UNIQUE(version, name, "
    "chunk))",
};

static int set_config(sqlite3 *db, const char *schema, const char *name, const char *key,
                      const char *value, ext_error *error)
{
    if (value == NULL)
        return SQLITE_OK;
    return ext_exec(
        db,
        sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) VALUES "
                        "(%Q, %Q)",
                        schema, name, key, value),
        error);
}

static int check_names_free(sqlite3 *db, const char *schema, const char *name,
                            ext_error *error)
{
    for (int i = 0; ext_shadow_names[i] != NULL; i++) {
        char *table = sqlite3_mprintf("%s_%s", name, ext_shadow_names[i]);
        if (table == NULL)
            return ext_fail_nomem(error);
        bool is_taken = sqlite3_table_column_metadata(db, schema, table, NULL, NULL, NULL,
                                                      NULL, NULL, NULL) == SQLITE_OK;
        if (is_taken)
            ext_fail(
                error, SQLITE_ERROR,
                "a table '%s' exists, and the model '%s' needs that name; rename one "
                "of them",
                table, name);
        sqlite3_free(table);
        if (is_taken)
            return error->rc;
    }
    return SQLITE_OK;
}

static int create_view(sqlite3 *db, const char *schema, const char *name,
                       const char *select, ext_error *error)
{
    select += strspn(select, " \t\r\n");
    /* A view's body has no parentheses around it; a subquery with them is one. */
    return ext_exec(
        db,
        sqlite3_mprintf("CREATE VIEW \"%w\".\"%w_source\" AS SELECT * FROM %s%s%s",
                        schema, name, *select == '(' ? "" : "(", select,
                        *select == '(' ? "" : ")"),
        error);
}

int ext_store_create(sqlite3 *db, const char *schema, const char *name,
                     const ext_config *config, ext_error *error)
{
    int rc = check_names_free(db, schema, name, error);
    for (size_t i = 0; rc == SQLITE_OK && i < EXT_N_SHADOWS; i++)
        rc = ext_exec(db, sqlite3_mprintf(schemas[i], schema, name), error);
    if (rc == SQLITE_OK && config->source != NULL && ext_source_is_select(config->source))
        rc = create_view(db, schema, name, config->source, error);
    const char *const pairs[][2] = {
        {"format", format},
        {"source", config->source},
        {"session", config->columns.session},
        {"item", config->columns.item},
        {"time", config->columns.time},
        {"session_type", config->types[0]},
        {"item_type", config->types[1]},
        {"options", config->options},
    };
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof pairs / sizeof *pairs; i++)
        rc = set_config(db, schema, name, pairs[i][0], pairs[i][1], error);
    return rc;
}

int ext_store_drop(sqlite3 *db, const char *schema, const char *name, ext_error *error)
{
    int rc = ext_exec(db,
                      sqlite3_mprintf("DROP VIEW IF EXISTS \"%w\".\"%w_source\"", schema,
                                      name),
                      error);
    for (int i = 0; rc == SQLITE_OK && i < EXT_N_SHADOWS; i++)
        rc = ext_exec(db,
                      sqlite3_mprintf("DROP TABLE IF EXISTS \"%w\".\"%w_%s\"", schema,
                                      name, ext_shadow_names[i]),
                      error);
    return rc;
}

int ext_store_rename(sqlite3 *db, const char *schema, const char *name,
                     const char *new_name, ext_error *error)
{
    ext_config config;
    int rc = ext_store_config(db, schema, name, &config, error);
    bool has_view =
        rc == SQLITE_OK && config.source != NULL && ext_source_is_select(config.source);
    if (has_view)
        rc = ext_exec(db, sqlite3_mprintf("DROP VIEW \"%w\".\"%w_source\"", schema, name),
                      error);
    for (int i = 0; rc == SQLITE_OK && i < EXT_N_SHADOWS; i++)
        rc = ext_exec(db,
                      sqlite3_mprintf("ALTER TABLE \"%w\".\"%w_%s\" RENAME TO \"%w_%s\"",
                                      schema, name, ext_shadow_names[i], new_name,
                                      ext_shadow_names[i]),
                      error);
    if (rc == SQLITE_OK && has_view)
        rc = create_view(db, schema, new_name, config.source, error);
    ext_config_free(&config);
    return rc;
}

/* ---- m_config ---- */

void ext_config_free(ext_config *config)
{
    sqlite3_free(config->source);
    ext_columns_free(&config->columns);
    sqlite3_free(config->types[0]);
    sqlite3_free(config->types[1]);
    sqlite3_free(config->options);
    memset(config, 0, sizeof *config);
}

static int take_config(ext_config *config, const char *key, const char *value,
                       bool *is_known, ext_error *error)
{
    const struct {
        const char *key;
        char **text;
    } fields[] = {
        {"source", &config->source},         {"session", &config->columns.session},
        {"item", &config->columns.item},     {"time", &config->columns.time},
        {"session_type", &config->types[0]}, {"item_type", &config->types[1]},
        {"options", &config->options},
    };
    if (strcmp(key, "format") == 0)
        *is_known = strcmp(value, format) == 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(key, fields[i].key) != 0)
            continue;
        sqlite3_free(*fields[i].text);
        *fields[i].text = sqlite3_mprintf("%s", value);
        if (*fields[i].text == NULL)
            return ext_fail_nomem(error);
    }
    return SQLITE_OK;
}

int ext_store_config(sqlite3 *db, const char *schema, const char *name,
                     ext_config *config, ext_error *error)
{
    sqlite3_stmt *stmt;
    bool is_known = false;
    memset(config, 0, sizeof *config);
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT key, value FROM \"%w\".\"%w_config\"",
                                         schema, name),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 1);
        rc = SQLITE_OK;
        if (key != NULL && value != NULL)
            rc = take_config(config, key, value, &is_known, error);
    }
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    if (rc == SQLITE_OK && !is_known)
        rc = ext_fail(
            error, SQLITE_ERROR,
            "model '%s' has a storage format that gru4rec %s does not know; use "
            "the newer extension that wrote it, or drop the model and train again",
            name, GRU4REC_VERSION);
    if (rc != SQLITE_OK)
        ext_config_free(config);
    return rc;
}

int ext_store_source(sqlite3 *db, const char *schema, const char *name,
                     const ext_config *config, const char *text,
                     const ext_columns *columns, ext_source *source, ext_error *error)
{
    ext_columns merged = {
        .session = columns->session != NULL ? columns->session : config->columns.session,
        .item = columns->item != NULL ? columns->item : config->columns.item,
        .time = columns->time != NULL ? columns->time : config->columns.time,
    };
    if (text == NULL && config->source == NULL)
        return ext_fail(
            error, SQLITE_ERROR,
            "model '%s' has no source of events; name one as the second argument", name);
    if (text != NULL)
        return ext_source_open(db, schema, text, &merged, source, error);
    if (!ext_source_is_select(config->source))
        return ext_source_open(db, schema, config->source, &merged, source, error);
    char *view = sqlite3_mprintf("%s_source", name);
    int rc = view != NULL ? ext_source_open(db, schema, view, &merged, source, error)
                          : ext_fail_nomem(error);
    sqlite3_free(view);
    return rc;
}

/* ---- m_version ---- */

int ext_store_active(sqlite3 *db, const char *schema, const char *name,
                     ext_version *version, ext_error *error)
{
    sqlite3_stmt *stmt;
    memset(version, 0, sizeof *version);
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT v.version, v.run FROM \"%w\".\"%w_config\" c "
                                    "JOIN \"%w\".\"%w_version\" v ON v.version = c.value "
                                    "WHERE c.key = 'version'",
                                    schema, name, schema, name),
                    &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *run = (const char *)sqlite3_column_text(stmt, 1);
        version->version = sqlite3_column_int64(stmt, 0);
        sqlite3_snprintf(sizeof version->run, version->run, "%s", run != NULL ? run : "");
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = ext_fail(error, SQLITE_ERROR,
                      "model '%s' is not trained; run SELECT gru4rec_train('%s')", name,
                      name);
    } else {
        rc = ext_fail_db(error, db, "reading the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

void ext_version_free(ext_version *version)
{
    sqlite3_free(version->source);
    sqlite3_free(version->options);
    sqlite3_free(version->summary);
    memset(version, 0, sizeof *version);
}

int ext_store_version(sqlite3 *db, const char *schema, const char *name,
                      ext_version *version, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT source, options, summary FROM "
                                         "\"%w\".\"%w_version\" WHERE version = ?1",
                                         schema, name),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, version->version);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        version->source = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
        version->options = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 1));
        version->summary = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 2));
        rc = version->source == NULL || version->options == NULL ||
                     version->summary == NULL
                 ? ext_fail_nomem(error)
                 : SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = ext_fail(error, SQLITE_ERROR, "model '%s' has no version %lld", name,
                      (long long)version->version);
    } else {
        rc = ext_fail_db(error, db, "reading the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- m_item ---- */

int ext_store_items_load(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, gru4rec_items **items, ext_error *error)
{
    sqlite3_stmt *stmt;
    *items = NULL;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT row, item, support FROM \"%w\".\"%w_item\" "
                                    "WHERE version = ?1 ORDER BY row",
                                    schema, name),
                    &stmt, error);
    if (rc == SQLITE_OK && gru4rec_items_new(&ext_allocator, items) != GRU4REC_OK)
        rc = ext_fail_nomem(error);
    sqlite3_bind_int64(stmt, 1, version);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        gru4rec_id id;
        gru4rec_status status = GRU4REC_INVALID;
        if (sqlite3_column_int64(stmt, 0) == gru4rec_items_count(*items) &&
            ext_column_id(stmt, 1, &id) &&
            (id.type == GRU4REC_ID_INTEGER || id.type == GRU4REC_ID_TEXT))
            status = gru4rec_items_add(*items, &id, sqlite3_column_int64(stmt, 2));
        rc = status == GRU4REC_OK ? SQLITE_OK
             : status == GRU4REC_NOMEM
                 ? ext_fail_nomem(error)
                 : ext_fail(error, SQLITE_CORRUPT,
                            "model '%s' is damaged: its items are not "
                            "distinct ids in rows 0, 1, ...; restore "
                            "the database from a backup or train again",
                            name);
    }
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK) {
        gru4rec_items_free(*items);
        *items = NULL;
    }
    return rc;
}
