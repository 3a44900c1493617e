/*
 * ext_config.c - reads and writes the configuration of a model in m_config.
 *
 * The contracts are in ext_store.h. CREATE VIRTUAL TABLE and gru4rec_configure() set the
 * configuration.
 */
#include "ext_store.h"

#include <stdarg.h>
#include <string.h>

/*
 * FIRST_FORMAT and LAST_FORMAT are the storage formats that this build knows. An older
 * build knows only the first one, and would ignore the column order. So a model whose
 * content does not fit the first format gets the last one, which the older build refuses.
 */
enum { FIRST_FORMAT = 2, LAST_FORMAT = 3 };

/*
 * Each key of m_config that holds a text of ext_config, and the offset of its field
 * there.
 */
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
    {"shape", offsetof(ext_config, shape)},
    {"options", offsetof(ext_config, options)},
    {"defaults", offsetof(ext_config, defaults)},
};

enum { N_FIELDS = sizeof fields / sizeof *fields };

/* Returns the address of that field of config which fields[field] describes. */
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

/*
 * Replaces the text of config that has that key in fields by a copy of value, and frees
 * the old text. A key that is not in fields is ignored.
 */
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

bool ext_config_is_same(const ext_config *a, const ext_config *b)
{
    for (int i = 0; i < N_FIELDS; i++) {
        const char *one = *text_of(a, i), *other = *text_of(b, i);
        if (one == NULL || other == NULL ? one != other : strcmp(one, other) != 0)
            return false;
    }
    return true;
}

/* Writes a row of m_config, in place of the old one. value NULL: deletes the row. */
static int write_text(const ext_home *home, const char *key, const char *value,
                      ext_error *error)
{
    return value == NULL
               ? ext_query_run(home, error, "DELETE FROM @config WHERE key = ?1", "s",
                               key)
               : ext_query_run(home, error,
                               "REPLACE INTO @config(key, value) VALUES (?1, ?2)", "ss",
                               key, value);
}

/*
 * Returns the storage format that m_config gets: the lowest one that can hold config, but
 * not a lower one than config->format.
 */
static int format_of(const ext_config *config)
{
    if (config->columns.order != NULL)
        return LAST_FORMAT;
    return config->format > FIRST_FORMAT ? config->format : FIRST_FORMAT;
}

int ext_config_raise_format(const ext_home *home, ext_error *error)
{
    return ext_query_run(home, error,
                         "UPDATE @config SET value = CAST(?1 AS TEXT)"
                         " WHERE key = 'format' AND CAST(value AS INTEGER) < ?1",
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

/* ---- options ---- */

int ext_config_check_stored(ext_error *error, ext_error *cause, const char *what, ...)
{
    va_list args;
    if (cause->rc == SQLITE_OK)
        return SQLITE_OK;
    /*
     * Such an error does not come from the options (it may be a limit of SQLite). It
     * becomes the error without a change.
     */
    if (!ext_error_is(cause, SQLITE_ERROR) || cause->is_sqlite)
        return ext_error_wrap(error, cause, "", "");
    va_start(args, what);
    char *subject = sqlite3_vmprintf(what, args);
    va_end(args);
    if (subject == NULL)
        ext_error_nomem(error);
    else
        ext_error_set(error, cause->rc,
                      "%s that gru4rec %s does not know (%s); "
                      "use the build that made the model, or a newer one",
                      subject, GRU4REC_VERSION, ext_error_message(cause));
    sqlite3_free(subject);
    ext_error_clear(cause);
    return error->rc;
}

/*
 * Sets *defaults to the default options that the model stores. A newer build may have
 * made the model, with options or values that this build does not know. That is an error,
 * because a training without them would be a different training.
 */
int ext_config_defaults(const ext_config *config, const ext_home *home,
                        gru4rec_options *defaults, ext_error *error)
{
    ext_error cause = {0};
    gru4rec_options_init_stored(defaults);
    ext_options_parse_defaults(home->db, config->defaults, defaults, &cause);
    return ext_config_check_stored(error, &cause, "model '%s' has defaults", home->name);
}

int ext_config_options(const ext_config *config, const ext_home *home,
                       gru4rec_options *options, ext_error *error)
{
    ext_error cause = {0};
    int rc = ext_config_defaults(config, home, options, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_options_parse(home->db, config->options, GRU4REC_SCOPE_TRAIN, options, NULL,
                      &cause);
    return ext_config_check_stored(error, &cause, "model '%s' has options", home->name);
}

/* ---- the source ---- */

bool ext_config_is_source(const ext_config *config, const char *source)
{
    if (source == NULL || config->source == NULL)
        return source == config->source;
    if (!ext_select_is(source) || !ext_select_is(config->source))
        return strcmp(source, config->source) == 0;
    char *one = ext_select_subquery(source), *other = ext_select_subquery(config->source);
    const bool is_same = one != NULL && other != NULL && strcmp(one, other) == 0;
    sqlite3_free(one);
    sqlite3_free(other);
    return is_same;
}

/*
 * Returns the names of columns: for each of the four roles the name in given, or, if that
 * is NULL, the name in config. The texts are borrowed from the two; candidates and space
 * are NULL.
 */
static ext_columns merge(const ext_columns *given, const ext_columns *config)
{
    return (ext_columns){
        .session = given->session != NULL ? given->session : config->session,
        .item = given->item != NULL ? given->item : config->item,
        .time = given->time != NULL ? given->time : config->time,
        .order = given->order != NULL ? given->order : config->order,
    };
}

/*
 * Sets *name to the name of the table or view that the model's own source is read from:
 * m_source if config->source is a SELECT, else the text config->source itself. *name is
 * of sqlite3_malloc.
 */
static int name_own(char **name, const ext_config *config, const ext_home *home,
                    ext_error *error)
{
    *name = ext_select_is(config->source) ? sqlite3_mprintf("%s_source", home->name)
                                          : sqlite3_mprintf("%s", config->source);
    return *name != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Opens the model's own source under name (see name_own()). If the source is not a
 * SELECT, also checks it with ext_source_check_stored(). After a failure *source is
 * closed.
 */
static int open_own(const ext_config *config, const ext_home *home, const char *name,
                    const ext_columns *columns, ext_source *source, ext_error *error)
{
    int rc = ext_source_open(source, home->db, home->schema, name, columns, error);
    if (rc != SQLITE_OK || ext_select_is(config->source))
        return rc;
    rc = ext_source_check_stored(home->db, home->schema, name, error);
    if (rc != SQLITE_OK)
        ext_source_close(source);
    return rc;
}

/*
 * Tells whether missing is a role ("session", "item", "time" or "order") for which the
 * caller named a column in given. Returns false if missing is "source".
 */
static bool is_given(const ext_columns *given, const char *missing)
{
    const char *const roles[] = {"session", "item", "time", "order"};
    const char *const names[] = {given->session, given->item, given->time, given->order};
    for (int i = 0; i < 4; i++)
        if (strcmp(missing, roles[i]) == 0)
            return names[i] != NULL;
    return false;
}

int ext_config_check_source(const ext_config *config, const ext_home *home,
                            ext_error *error)
{
    ext_source source = {0};
    char *name = NULL;
    if (config->source != NULL && name_own(&name, config, home, error) == SQLITE_OK)
        open_own(config, home, name, &config->columns, &source, error);
    ext_source_close(&source);
    sqlite3_free(name);
    return error->rc;
}

int ext_config_open_like(const ext_config *config, const ext_home *home, const char *text,
                         const ext_columns *columns, ext_source *source, ext_error *error)
{
    const ext_columns none = {0}, *given = columns != NULL ? columns : &none;
    ext_columns merged = merge(given, &config->columns);
    ext_error cause = {0};
    int rc = ext_source_open(source, home->db, home->schema, text, &merged, &cause);
    if (ext_error_is(&cause, SQLITE_ERROR) && merged.order != NULL &&
        given->order == NULL) {
        ext_error_clear(&cause);
        merged.order = NULL;
        rc = ext_source_open(source, home->db, home->schema, text, &merged, &cause);
    }
    if (rc == SQLITE_OK)
        return rc;
    if (!ext_error_is(&cause, SQLITE_ERROR))
        return ext_error_wrap(error, &cause, "", "");
    ext_error_clear(&cause);
    return ext_source_open(source, home->db, home->schema, text, given, error);
}

int ext_config_open_source(const ext_config *config, const ext_home *home,
                           const char *text, const ext_columns *columns,
                           ext_source *source, ext_error *error)
{
    const ext_columns none = {0}, *given = columns != NULL ? columns : &none;
    const ext_columns merged = merge(given, &config->columns);
    ext_error cause = {0};
    char *name;
    if (text != NULL)
        return ext_source_open(source, home->db, home->schema, text, &merged, error);
    if (config->source == NULL)
        return ext_mending_fail_none(home, error);
    if (name_own(&name, config, home, error) != SQLITE_OK)
        return error->rc;
    int rc = open_own(config, home, name, &merged, source, &cause);
    if (rc != SQLITE_OK && source->missing != NULL && !is_given(given, source->missing))
        ext_mending_explain(config, home, name, source->missing, given, &cause, error);
    if (rc != SQLITE_OK)
        ext_error_wrap(error, &cause, "", "");
    sqlite3_free(name);
    return error->rc;
}
