/*
 * The only file that runs SQL: connections by name, and one command turned into text.
 *
 * A connection is opened at its first use, with every extension loaded; loading is then
 * forbidden again, so that the tests see the database as an ordinary program has it.
 * Rendering (README.md, "Values"): NULL in every type; T: bytes outside 0x20..0x7e become
 * @, the empty text (empty); I: %lld; R: %.Nf. Uses text.c.
 */
#include "slt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool load_extensions(sqlite3 *db, const slt_options *options, char **error)
{
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    for (size_t i = 0; i < options->n_extensions; i++) {
        char *message = NULL;
        int rc = sqlite3_load_extension(db, options->extensions[i], NULL, &message);
        if (rc != SQLITE_OK) {
            slt_buf text = {0};
            slt_buf_printf(&text, "cannot load extension '%s': %s",
                           options->extensions[i],
                           message ? message : sqlite3_errmsg(db));
            sqlite3_free(message);
            *error = slt_buf_take(&text);
            return false;
        }
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    return true;
}

sqlite3 *slt_db_get(slt_db *db, const char *name, char **error)
{
    for (size_t i = 0; i < db->n; i++)
        if (strcmp(db->items[i].name, name) == 0)
            return db->items[i].db;

    sqlite3 *opened = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(db->path, &opened, flags, NULL) != SQLITE_OK) {
        slt_buf text = {0};
        slt_buf_printf(&text, "cannot open '%s': %s", db->path, sqlite3_errmsg(opened));
        *error = slt_buf_take(&text);
        sqlite3_close(opened);
        return NULL;
    }
    if (!load_extensions(opened, db->options, error)) {
        sqlite3_close(opened);
        return NULL;
    }
    db->items = slt_grow(db->items, db->n, sizeof *db->items);
    db->items[db->n].name = slt_strdup(name);
    db->items[db->n].db = opened;
    db->n++;
    return opened;
}

static void describe_unclosed(slt_buf *text, const char *name, sqlite3 *db)
{
    slt_buf_printf(text, "%ssqlite3_close() of connection %s: %s",
                   text->length ? "; " : "", name, sqlite3_errmsg(db));
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(db, stmt)) != NULL;)
        slt_buf_printf(text, "; not finalized: %s", sqlite3_sql(stmt));
}

bool slt_db_close(slt_db *db, char **error)
{
    slt_buf text = {0};
    for (size_t i = 0; i < db->n; i++) {
        struct slt_connection *connection = &db->items[i];
        if (sqlite3_close(connection->db) != SQLITE_OK) {
            describe_unclosed(&text, connection->name, connection->db);
            sqlite3_close_v2(connection->db);
        }
        free(connection->name);
    }
    free(db->items);
    db->items = NULL;
    db->n = 0;
    bool is_clean = text.length == 0;
    if (!is_clean)
        *error = slt_buf_take(&text);
    return is_clean;
}

/* The first byte that is not white space, a semicolon or a comment. */
static const char *skip_nothing(const char *sql)
{
    for (;;) {
        if (slt_is_space(*sql) || *sql == ';') {
            sql++;
        } else if (sql[0] == '-' && sql[1] == '-') {
            sql += strcspn(sql, "\n");
        } else if (sql[0] == '/' && sql[1] == '*') {
            const char *end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : sql + strlen(sql);
        } else {
            return sql;
        }
    }
}

static char *render_text(const char *bytes, size_t n)
{
    if (n == 0)
        return slt_strdup("(empty)");
    char *text = slt_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = bytes[i] < 0x20 || bytes[i] > 0x7e ? '@' : bytes[i];
    return text;
}

/* Enough that a result written as expected text is within the tolerance again. */
static int real_digits(const slt_settings *settings)
{
    int needed = 0;
    if (settings->tolerance > 0)
        for (double unit = 1; unit > settings->tolerance / 10 && needed < 17; unit /= 10)
            needed++;
    return needed > settings->float_digits ? needed : settings->float_digits;
}

static slt_value render(sqlite3_stmt *stmt, int column, char type, int float_digits)
{
    slt_value value = {0};
    slt_buf text = {0};
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        value.text = slt_strdup("NULL");
        return value;
    }
    switch (type) {
    case 'I':
        slt_buf_printf(&text, "%lld", (long long)sqlite3_column_int64(stmt, column));
        value.text = slt_buf_take(&text);
        break;
    case 'R':
        value.real = sqlite3_column_double(stmt, column);
        value.is_real = true;
        slt_buf_printf(&text, "%.*f", float_digits, value.real);
        value.text = slt_buf_take(&text);
        break;
    default: {
        const char *bytes = (const char *)sqlite3_column_text(stmt, column);
        value.text = render_text(bytes, (size_t)sqlite3_column_bytes(stmt, column));
    }
    }
    return value;
}

static void collect_row(slt_result *result, sqlite3_stmt *stmt, const char *types,
                        int float_digits)
{
    for (size_t col = 0; col < result->n_cols; col++) {
        size_t n = result->n_rows * result->n_cols + col;
        result->values = slt_grow(result->values, n, sizeof *result->values);
        result->values[n] = render(stmt, (int)col, types[col], float_digits);
    }
    result->n_rows++;
}

/*
 * Of the command just finished; sqlite3_changes() alone keeps the last writer's number.
 */
static long long changes_since(sqlite3 *db, int total_before)
{
    return sqlite3_total_changes(db) == total_before ? 0 : sqlite3_changes(db);
}

/*
 * Returns NULL if the prepared command may run, else what is wrong whatever is expected.
 */
static char *find_misuse(sqlite3_stmt *stmt, const char *tail, const char *types)
{
    slt_buf text = {0};
    const char *rest = skip_nothing(tail);
    if (stmt == NULL) {
        slt_buf_printf(&text, "no SQL command in this record");
    } else if (*rest) {
        slt_buf_printf(&text, "more than one SQL command in this record; the rest: %s",
                       rest);
    } else if (types != NULL && (size_t)sqlite3_column_count(stmt) != strlen(types)) {
        slt_buf_printf(&text,
                       "wrong number of result columns: %d, not the %zu of types '%s'",
                       sqlite3_column_count(stmt), strlen(types), types);
    }
    return text.length ? slt_buf_take(&text) : NULL;
}

void slt_execute(slt_outcome *out, sqlite3 *db, const char *sql, const char *types,
                 const slt_settings *settings)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = "";
    *out = (slt_outcome){0};
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, &tail) != SQLITE_OK) {
        out->error = slt_strdup(sqlite3_errmsg(db));
        return;
    }
    out->misuse = find_misuse(stmt, tail, types);
    if (out->misuse == NULL) {
        int total_before = sqlite3_total_changes(db);
        int rc;
        int digits = real_digits(settings);
        out->result.n_cols = types ? strlen(types) : 0;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
            if (types != NULL)
                collect_row(&out->result, stmt, types, digits);
        if (rc != SQLITE_DONE)
            out->error = slt_strdup(sqlite3_errmsg(db));
        out->changes = changes_since(db, total_before);
    }
    sqlite3_finalize(stmt);
}

void slt_outcome_free(slt_outcome *out)
{
    for (size_t i = 0; i < out->result.n_rows * out->result.n_cols; i++)
        free(out->result.values[i].text);
    free(out->result.values);
    free(out->misuse);
    free(out->error);
    *out = (slt_outcome){0};
}
