/* ext_config.c - what CREATE VIRTUAL TABLE said, in m_config; see ext_store.h. */
#include "ext_store.h"

#include <string.h>

/*
 * Storage formats. An older build knows the first only, and would serve order= as if it
 * had not been said: so what it cannot hold makes a model's format the last one.
 */
enum { FIRST_FORMAT = 2, LAST_FORMAT = 3 };

/* The keys of m_config that hold texts, and where these go. */
static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    {"source", offsetof(ext_config, source)},
    {"session", offsetof(ext_config, columns.session)},
    {"item", offsetof(ext_config, columns.item)},
    {"time", offsetof(ext_config, columns.time)},
    {"order", offsetof(ext_config, columns.order)},
    {"session_type", offsetof(ext_config, types[0])},
    {"item_type", offsetof(ext_config, types[1])},
    {"options", offsetof(ext_config, options)},
    {"defaults", offsetof(ext_config, defaults)},
};

enum { N_FIELDS = sizeof fields / sizeof *fields };

static char **text_of(const ext_config *config, int field)
{
    return (char **)((char *)config + fields[field].offset);
}

void ext_config_free(ext_config *config)
{
    for (int i = 0; i < N_FIELDS; i++)
        sqlite3_free(*text_of(config, i));
    *config = (ext_config){0};
}

int ext_config_known_format(const char *text)
{
    const bool is_digit = text != NULL && text[0] >= '0' && text[0] <= '9' && !text[1];
    const int format = is_digit ? text[0] - '0' : 0;
    return format >= FIRST_FORMAT && format <= LAST_FORMAT ? format : 0;
}

int ext_config_fail_format(const ext_home *home, ext_error *error)
{
    return ext_error_set(
        error, SQLITE_ERROR,
        "model '%s' has a storage format that gru4rec %s does not know; use the "
        "extension that wrote it, or drop the model and train again",
        home->name, GRU4REC_VERSION);
}

static int take_field(ext_config *config, const char *key, const char *value,
                      ext_error *error)
{
    for (int i = 0; i < N_FIELDS; i++) {
        if (strcmp(key, fields[i].key) != 0)
            continue;
        char **text = text_of(config, i);
        sqlite3_free(*text);
        *text = sqlite3_mprintf("%s", value);
        return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
    return SQLITE_OK;
}

int ext_config_read(ext_config *config, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    *config = (ext_config){0};
    int rc = ext_query(home, &stmt, error, "SELECT key, value FROM @config", "");
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 1);
        rc = SQLITE_OK;
        if (key != NULL && value != NULL)
            rc = take_field(config, key, value, error);
        if (key != NULL && strcmp(key, "format") == 0)
            config->format = ext_config_known_format(value);
    }
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    return rc == SQLITE_OK && config->format == 0 ? ext_config_fail_format(home, error)
                                                  : rc;
}

static int write_text(const ext_home *home, const char *key, const char *value,
                      ext_error *error)
{
    return value == NULL
               ? SQLITE_OK
               : ext_query_run(home, error,
                               "REPLACE INTO @config(key, value) VALUES (?1, ?2)", "ss",
                               key, value);
}

/* The least format that holds the config, but not less than it had. */
static int format_of(const ext_config *config)
{
    if (config->columns.order != NULL)
        return LAST_FORMAT;
    return config->format > FIRST_FORMAT ? config->format : FIRST_FORMAT;
}

int ext_config_raise_format(const ext_home *home, ext_error *error)
{
    return ext_query_run(home, error,
                         "UPDATE @config SET value = CAST(?1 AS TEXT) WHERE "
                         "key = 'format' AND CAST(value AS INTEGER) < ?1",
                         "i", (int64_t)LAST_FORMAT);
}

int ext_config_write(const ext_config *config, const ext_home *home, ext_error *error)
{
    const char format[] = {(char)('0' + format_of(config)), '\0'};
    int rc = write_text(home, "format", format, error);
    for (int i = 0; rc == SQLITE_OK && i < N_FIELDS; i++)
        rc = write_text(home, fields[i].key, *text_of(config, i), error);
    return rc;
}

int ext_config_open_source(const ext_config *config, const ext_home *home,
                           const char *text, const ext_columns *columns,
                           ext_source *source, ext_error *error)
{
    const ext_columns none = {0}, *given = columns != NULL ? columns : &none;
    const ext_columns merged = {
        .session = given->session != NULL ? given->session : config->columns.session,
        .item = given->item != NULL ? given->item : config->columns.item,
        .time = given->time != NULL ? given->time : config->columns.time,
        .order = given->order != NULL ? given->order : config->columns.order,
    };
    if (text != NULL)
        return ext_source_open(source, home->db, home->schema, text, &merged, error);
    if (config->source == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "model '%s' was made without a source of events; name one to train on as the "
            "second argument of gru4rec_train(), and serve it through "
            "gru4rec_recommend()",
            home->name);
    if (!ext_source_is_select(config->source)) {
        int rc = ext_source_open(source, home->db, home->schema, config->source, &merged,
                                 error);
        if (rc == SQLITE_OK)
            rc = ext_source_check_stored(home->db, home->schema, config->source, error);
        if (rc != SQLITE_OK)
            ext_source_close(source);
        return rc;
    }
    char *view = sqlite3_mprintf("%s_source", home->name);
    if (view == NULL)
        return ext_error_nomem(error);
    int rc = ext_source_open(source, home->db, home->schema, view, &merged, error);
    sqlite3_free(view);
    return rc;
}
