/*
 * ext_store.c - the shadow tables of a model m; see ext_int.h.
 *
 *   m_config(key, value)   format: 2; version: the active one, absent before the first
 *                          training; source, session, item, time: as CREATE found them,
 *                          session_type, item_type: their affinities; options: JSON
 *   m_version              a row per run, see ext_version.c
 *   m_epoch(version, epoch, loss, cost, steps, events, seconds, recall, mrr,
 *                          updates)
 *   m_item(version, row, item, support)
 *   m_tensor               see ext_tensor.c
 *   m_source               a view, only where the source was given as a SELECT
 *
 * Every name is qualified with the schema, so that a TEMP table cannot stand in for one.
 */
#include "../base/ext_base.h"

#include <string.h>

static const char format[] = "2";

const char *const ext_shadow_names[] = {"config", "version", "epoch", "item",
                                        "tensor", "source",  NULL};

/* ---- names ---- */

/* *has in and out: stays false. */
static int check_column(sqlite3 *db, const char *schema, const char *table,
                        const char *column, bool *has)
{
    if (table == NULL)
        return SQLITE_NOMEM;
    if (!*has)
        return SQLITE_OK;
    int rc = sqlite3_table_column_metadata(db, schema, table, column, NULL, NULL, NULL,
                                           NULL, NULL);
    *has = rc == SQLITE_OK;
    return rc == SQLITE_NOMEM ? rc : SQLITE_OK;
}

/* By columns that its shadow tables have; a user's own table m_config is no model. */
int ext_store_exists(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                     ext_error *error)
{
    char *config = sqlite3_mprintf("%s_config", name);
    char *tensor = sqlite3_mprintf("%s_tensor", name);
    *is_found = true;
    int rc = check_column(db, schema, config, "key", is_found);
    if (rc == SQLITE_OK)
        rc = check_column(db, schema, tensor, "checksum", is_found);
    if (rc == SQLITE_OK)
        rc = check_column(db, schema, name, NULL, is_found);
    sqlite3_free(config);
    sqlite3_free(tensor);
    *is_found = *is_found && rc == SQLITE_OK;
    return rc == SQLITE_OK ? rc : ext_fail_nomem(error);
}

/* The model in one of the attached databases, in order. */
static int find_attached(sqlite3 *db, const char *name, char **schema, bool *is_found,
                         ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT name FROM pragma_database_list ORDER BY seq"),
                    &stmt, error);
    while (rc == SQLITE_OK && !*is_found && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *other = (const char *)sqlite3_column_text(stmt, 0);
        rc = other != NULL ? ext_store_exists(db, other, name, is_found, error)
                           : ext_fail_nomem(error);
        if (rc == SQLITE_OK && *is_found) {
            sqlite3_free(*schema);
            *schema = sqlite3_mprintf("%s", other);
        }
    }
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (rc != SQLITE_OK && error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "looking for the model");
    sqlite3_finalize(stmt);
    return rc;
}

/* The schema of a model by its bare name: temp, main, then attached ones. */
static int find_schema(sqlite3 *db, const char *name, char **schema, bool *is_found,
                       ext_error *error)
{
    static const char *const first[] = {"temp", "main"};
    int rc = SQLITE_OK;
    *is_found = false;
    for (int i = 0; rc == SQLITE_OK && !*is_found && i < 2; i++) {
        sqlite3_free(*schema);
        *schema = sqlite3_mprintf("%s", first[i]);
        rc = ext_store_exists(db, first[i], name, is_found, error);
    }
    return rc == SQLITE_OK && !*is_found
               ? find_attached(db, name, schema, is_found, error)
               : rc;
}

int ext_store_find(sqlite3 *db, const char *text, char **schema, char **name,
                   bool *is_found, ext_error *error)
{
    const char *dot = strchr(text, '.');
    *schema = NULL;
    *name = NULL;
    int rc = find_schema(db, text, schema, is_found, error);
    if (rc == SQLITE_OK && !*is_found && dot != NULL) {
        sqlite3_free(*schema);
        *schema = sqlite3_mprintf("%.*s", (int)(dot - text), text);
        text = dot + 1;
        if (*schema != NULL)
            rc = ext_store_exists(db, *schema, text, is_found, error);
    }
    *name = sqlite3_mprintf("%s", text);
    if (rc == SQLITE_OK && (*schema == NULL || *name == NULL))
        rc = ext_fail_nomem(error);
    return rc;
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
    "steps INTEGER, events INTEGER, seconds REAL, recall REAL, mrr REAL, updates "
    "INTEGER, "
    "PRIMARY KEY(version, epoch)) WITHOUT ROWID",
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

/* Table or view; of the view m_source only where the model makes one. */
static int check_names_free(sqlite3 *db, const char *schema, const char *name,
                            bool has_view, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "SELECT s.type, s.name FROM \"%w\".sqlite_schema AS s, json_each("
            "'[\"config\",\"version\",\"epoch\",\"item\",\"tensor\"%s]') AS e "
            "WHERE s.type IN ('table', 'view', 'index') AND lower(s.name) = "
            "lower(%Q || '_' || e.value) LIMIT 1",
            schema, has_view ? ",\"source\"" : "", name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        rc = ext_fail(
            error, SQLITE_ERROR,
            "a %s '%s' exists, and the model '%s' needs that name; rename one of "
            "them",
            sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1), name);
    else
        rc = rc == SQLITE_DONE ? SQLITE_OK : ext_fail_db(error, db, "creating the model");
    sqlite3_finalize(stmt);
    return rc;
}

int ext_store_check_new(sqlite3 *db, const char *schema, const char *name,
                        ext_error *error)
{
    sqlite3_stmt *stmt; /* preparing looks at the names and writes nothing */
    int rc =
        ext_prepare(db, sqlite3_mprintf("CREATE TABLE \"%w\".\"%w\"(x)", schema, name),
                    &stmt, error);
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? check_names_free(db, schema, name, false, error) : rc;
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
    bool has_view = config->source != NULL && ext_source_is_select(config->source);
    int rc = check_names_free(db, schema, name, has_view, error);
    for (size_t i = 0; rc == SQLITE_OK && i < EXT_N_SHADOWS; i++)
        rc = ext_exec(db, sqlite3_mprintf(schemas[i], schema, name), error);
    if (rc == SQLITE_OK && has_view)
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

/* A view m_source that is the user's own stays; without a config that tells, it does too.
 */
int ext_store_drop(sqlite3 *db, const char *schema, const char *name, ext_error *error)
{
    ext_config config;
    ext_error ignored = {0};
    int rc = SQLITE_OK;
    ext_store_config(db, schema, name, &config, &ignored);
    if (config.source != NULL && ext_source_is_select(config.source))
        rc = ext_exec(db,
                      sqlite3_mprintf("DROP VIEW IF EXISTS \"%w\".\"%w_source\"", schema,
                                      name),
                      error);
    for (int i = 0; rc == SQLITE_OK && i < EXT_N_SHADOWS; i++)
        rc = ext_exec(db,
                      sqlite3_mprintf("DROP TABLE IF EXISTS \"%w\".\"%w_%s\"", schema,
                                      name, ext_shadow_names[i]),
                      error);
    ext_config_free(&config);
    ext_error_clear(&ignored);
    return rc;
}

/* The SELECT as the view has it: ALTER TABLE keeps that, not m_config, up to date. */
static int read_view(sqlite3 *db, const char *schema, const char *name, char **select,
                     ext_error *error)
{
    sqlite3_stmt *stmt;
    char *head = sqlite3_mprintf("CREATE VIEW \"%w_source\" AS SELECT * FROM ", name);
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "SELECT substr(sql, length(%Q) + 1) FROM \"%w\".sqlite_schema WHERE "
            "type = 'view' AND lower(name) = lower(%Q || '_source') AND "
            "substr(sql, 1, length(%Q)) = %Q",
            head, schema, name, head, head),
        &stmt, error);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        sqlite3_free(*select);
        *select = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
        if (*select == NULL)
            rc = ext_fail_nomem(error);
    }
    sqlite3_finalize(stmt);
    sqlite3_free(head);
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
        rc = read_view(db, schema, name, &config.source, error);
    if (rc == SQLITE_OK && has_view)
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
    if (rc == SQLITE_OK && has_view)
        rc = set_config(db, schema, new_name, "source", config.source, error);
    ext_config_free(&config);
    return rc;
}

/* ---- m_config ---- */

static bool is_known_format(const char *text)
{
    return text != NULL && strcmp(text, format) == 0;
}

static int fail_format(const char *name, ext_error *error)
{
    return ext_fail(
        error, SQLITE_ERROR,
        "model '%s' has a storage format that gru4rec %s does not know; use the "
        "extension that wrote it, or drop the model and train again",
        name, GRU4REC_VERSION);
}

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
        *is_known = is_known_format(value);
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
        rc = fail_format(name, error);
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
            "model '%s' was made without a source of events; name one to train on as the "
            "second argument of gru4rec_train(), and serve it through "
            "gru4rec_recommend()",
            name);
    if (text != NULL)
        return ext_source_open(db, schema, text, &merged, source, error);
    if (!ext_source_is_select(config->source)) {
        int opened = ext_source_open(db, schema, config->source, &merged, source, error);
        return opened != SQLITE_OK ? opened
                                   : ext_source_check_stored(db, config->source, error);
    }
    char *view = sqlite3_mprintf("%s_source", name);
    int rc = view != NULL ? ext_source_open(db, schema, view, &merged, source, error)
                          : ext_fail_nomem(error);
    sqlite3_free(view);
    return rc;
}

/* ---- m_version ---- */

static int fail_untrained(const char *name, ext_error *error)
{
    char *quoted = sqlite3_mprintf("%Q", name);
    if (quoted == NULL)
        return ext_fail_nomem(error);
    ext_fail(error, SQLITE_ERROR,
             "model '%s' is not trained; run SELECT gru4rec_train(%s)", name, quoted);
    sqlite3_free(quoted);
    return error->rc;
}

int ext_store_active(sqlite3 *db, const char *schema, const char *name,
                     ext_version *version, ext_error *error)
{
    sqlite3_stmt *stmt;
    memset(version, 0, sizeof *version);
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "SELECT f.value, v.version, v.run FROM \"%w\".\"%w_config\" AS f LEFT "
            "JOIN \"%w\".\"%w_config\" AS c ON c.key = 'version' LEFT JOIN "
            "\"%w\".\"%w_version\" AS v ON v.version = c.value WHERE f.key = "
            "'format'",
            schema, name, schema, name, schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        rc = ext_fail_db(error, db, "reading the model");
    } else if (rc == SQLITE_DONE ||
               !is_known_format((const char *)sqlite3_column_text(stmt, 0))) {
        rc = fail_format(name, error);
    } else if (sqlite3_column_type(stmt, 1) == SQLITE_NULL) {
        rc = fail_untrained(name, error);

    } else {
        const char *run = (const char *)sqlite3_column_text(stmt, 2);
        version->version = sqlite3_column_int64(stmt, 1);
        sqlite3_snprintf(sizeof version->run, version->run, "%s", run != NULL ? run : "");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

bool ext_store_is_active(sqlite3 *db, const char *schema, const char *name,
                         const char *run)
{
    sqlite3_stmt *stmt;
    ext_error ignored = {0};
    bool is_active = false;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf("SELECT run FROM \"%w\".\"%w_version\" WHERE version = (SELECT "
                        "value FROM \"%w\".\"%w_config\" WHERE key = 'version')",
                        schema, name, schema, name),
        &stmt, &ignored);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *active = (const char *)sqlite3_column_text(stmt, 0);
        is_active = active != NULL && strcmp(active, run) == 0;
    }
    sqlite3_finalize(stmt);
    ext_error_clear(&ignored);
    return is_active;
}

void ext_version_free(ext_version *version)
{
    sqlite3_free(version->options);
    memset(version, 0, sizeof *version);
}

int ext_store_version(sqlite3 *db, const char *schema, const char *name,
                      ext_version *version, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT options FROM "
                                         "\"%w\".\"%w_version\" WHERE version = ?1",
                                         schema, name),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, version->version);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        version->options = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
        rc = version->options == NULL ? ext_fail_nomem(error) : SQLITE_OK;
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

int ext_store_items_fail(const char *name, gru4rec_status status, ext_error *error)
{
    if (status == GRU4REC_OK)
        return SQLITE_OK;
    if (status == GRU4REC_NOMEM)
        return ext_fail_nomem(error);
    return ext_fail(error, SQLITE_CORRUPT_VTAB,
                    "model '%s' is damaged: its items are not distinct ids in rows 0, 1, "
                    "...; restore the database from a backup or train again",
                    name);
}

int ext_store_items_count(sqlite3 *db, const char *schema, const char *name,
                          int64_t version, int32_t *n, ext_error *error)
{
    sqlite3_stmt *stmt;
    *n = 0;
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT coalesce(max(row) + 1, 0) FROM "
                                         "\"%w\".\"%w_item\" WHERE version = ?1",
                                         schema, name),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, version);
    if (sqlite3_step(stmt) != SQLITE_ROW)
        rc = ext_fail_db(error, db, "reading the model");
    int64_t count = rc == SQLITE_OK ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    if (count < 0 || count > INT32_MAX)
        return ext_store_items_fail(name, GRU4REC_INVALID, error);
    *n = (int32_t)count;
    return rc;
}

int ext_store_items_load(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, int32_t n, gru4rec_items **items,
                         ext_error *error)
{
    sqlite3_stmt *stmt;
    *items = NULL;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT item, support, row FROM \"%w\".\"%w_item\" "
                                    "WHERE version = ?1 ORDER BY row",
                                    schema, name),
                    &stmt, error);
    if (rc == SQLITE_OK && gru4rec_items_new(&ext_allocator, items) != GRU4REC_OK)
        rc = ext_fail_nomem(error);
    sqlite3_bind_int64(stmt, 1, version);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        gru4rec_id id;
        gru4rec_status status = GRU4REC_INVALID;
        /* From 0 on, all different, and n of them, the last n - 1: 0, 1, 2, ... */
        bool is_row =
            gru4rec_items_count(*items) > 0 || sqlite3_column_int64(stmt, 2) == 0;
        if (is_row && ext_column_id(stmt, 0, &id) &&
            (id.type == GRU4REC_ID_INTEGER || id.type == GRU4REC_ID_TEXT))
            status = gru4rec_items_append(*items, &id, sqlite3_column_int64(stmt, 1));
        rc = ext_store_items_fail(name, status, error);
    }
    if (rc == SQLITE_DONE)
        rc = ext_store_items_fail(name,
                                  gru4rec_items_count(*items) == n ? GRU4REC_OK
                                                                   : GRU4REC_INVALID,
                                  error);
    else if (error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK) {
        gru4rec_items_free(*items);
        *items = NULL;
    }
    return rc;
}
