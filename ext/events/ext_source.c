/*
 * ext_source.c - the user's events; see ext_int.h.
 *
 * The order of events is the product's own, whatever plan SQLite takes: (session, time,
 * rowid where there is one, item). Training reads in any order and the library sorts;
 * where a session's history is read, ORDER BY says the same.
 *
 * Time may be a number, text that holds one, or any text that SQLite's date functions
 * take, which becomes seconds since 1970 with milliseconds. One SQL expression does that
 * for both; what it cannot read stays text, and is an error.
 */
#include "../base/ext_base.h"

#include <string.h>

/* A number as JSON has it, or what holds the - or : of a date. */
static const char time_expression[] =
    "CASE typeof(\"%w\") WHEN 'text' THEN CASE"
    " WHEN \"%w\" = '' THEN NULL"
    " WHEN json_valid(\"%w\") AND json_type(\"%w\") IN ('integer', 'real')"
    " THEN CAST(\"%w\" AS NUMERIC)"
    " WHEN \"%w\" GLOB '*[-:]*'"
    " THEN coalesce(round((julianday(\"%w\") - 2440587.5) * 86400000.0) / 1000.0, \"%w\")"
    " ELSE \"%w\" END ELSE \"%w\" END";

static char *make_time(const char *c)
{
    return sqlite3_mprintf(time_expression, c, c, c, c, c, c, c, c, c, c);
}

static bool starts_with_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return sqlite3_strnicmp(text, word, (int)n) == 0 && text[n] != '\0' &&
           strchr(" \t\r\n(*'\"/-", text[n]) != NULL;
}

bool ext_source_is_select(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '(' || starts_with_word(text, "select") ||
           starts_with_word(text, "with");
}

/* ---- which table ---- */

static bool has_table(sqlite3 *db, const char *schema, const char *table)
{
    return sqlite3_table_column_metadata(db, schema, table, NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* Is it a view? Virtual tables and ordinary ones are not. */
static bool has_view(sqlite3 *db, const char *schema, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    char *text = sqlite3_mprintf("SELECT 1 FROM \"%w\".sqlite_schema WHERE type = 'view' "
                                 "AND lower(name) = lower(%Q)",
                                 schema, name);
    bool is_found = text != NULL &&
                    sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK &&
                    sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    sqlite3_free(text);
    return is_found;
}

/*
 * A bare name is looked for in the model's own schema first, so that a TEMP table of the
 * same name does not take its place; then where SQLite looks. A dot separates schema and
 * table unless a table has that very name.
 */
static char *make_from(sqlite3 *db, const char *schema, const char *text)
{
    const char *dot = strchr(text, '.');
    if (ext_source_is_select(text)) {
        text += strspn(text, " \t\r\n");
        return sqlite3_mprintf(*text == '(' ? "%s" : "(%s)", text);
    }
    if (has_table(db, schema, text) || has_view(db, schema, text))
        return sqlite3_mprintf("\"%w\".\"%w\"", schema, text);
    if (dot == NULL || has_table(db, NULL, text))
        return sqlite3_mprintf("\"%w\"", text);
    char *left = sqlite3_mprintf("%.*s", (int)(dot - text), text);
    char *from = left != NULL ? sqlite3_mprintf("\"%w\".\"%w\"", left, dot + 1) : NULL;
    sqlite3_free(left);
    return from;
}

/*
 * Asked of the catalogues of all schemas: a name that is a virtual table in one, or that
 * none has, which then is an eponymous one.
 */
static bool is_virtual(sqlite3 *db, const char *text)
{
    const char *dot = strchr(text, '.');
    sqlite3_stmt *stmt = NULL;
    bool is_plain = false;
    if (sqlite3_prepare_v2(db,
                           "SELECT min(type <> 'virtual') FROM pragma_table_list WHERE "
                           "name COLLATE NOCASE IN (?1, ?2)",
                           -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(stmt, 2, dot != NULL ? dot + 1 : text, -1, SQLITE_STATIC) ==
            SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        is_plain = sqlite3_column_int(stmt, 0) != 0;
    sqlite3_finalize(stmt);
    return !is_plain;
}

int ext_source_check_stored(sqlite3 *db, const char *text, ext_error *error)
{
    int is_trusted = 1;
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1, &is_trusted);
    if (is_trusted || !is_virtual(db, text))
        return SQLITE_OK;
    return ext_fail(
        error, SQLITE_ERROR,
        "the stored source '%.80s' is a virtual table, and trusted_schema is "
        "off; trust the schema, or make the model with a table or a view as its "
        "source",
        text);
}

/* ---- which columns ---- */

static const char *const session_names[] = {"SessionId", "session_id", "session", NULL};
static const char *const item_names[] = {"ItemId", "item_id", "item", NULL};
static const char *const time_names[] = {"Time", "timestamp", "ts", NULL};

static int find_column(sqlite3_stmt *stmt, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        if (sqlite3_stricmp(sqlite3_column_name(stmt, i), name) == 0)
            return i;
    return -1;
}

static char *list_columns(sqlite3_stmt *stmt)
{
    sqlite3_str *list = sqlite3_str_new(NULL);
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        sqlite3_str_appendf(list, "%s%s", i > 0 ? ", " : "",
                            sqlite3_column_name(stmt, i));
    return sqlite3_str_finish(list);
}

/* The place of the column that plays a role, by its given name or by guess; -1 and error.
 */
static int choose_column(sqlite3_stmt *stmt, const char *role, const char *given,
                         const char *const *guesses, ext_error *error)
{
    int column = -1;
    if (given != NULL)
        column = find_column(stmt, given);
    for (int i = 0; given == NULL && column < 0 && guesses[i] != NULL; i++)
        column = find_column(stmt, guesses[i]);
    if (column >= 0)
        return column;
    char *columns = list_columns(stmt);
    if (columns == NULL)
        ext_fail_nomem(error);
    else if (given != NULL)
        ext_fail(error, SQLITE_ERROR,
                 "the source has no column '%s' for %s; its columns are %s", given, role,
                 columns);
    else
        ext_fail(error, SQLITE_ERROR,
                 "no %s column found: looked for %s, %s and %s among %s; say %s=<column>",
                 role, guesses[0], guesses[1], guesses[2], columns, role);
    sqlite3_free(columns);
    return -1;
}

/* The declared type's affinity, as CREATE TABLE AS would write it. */
static const char *affinity(const char *type)
{
    static const char *const rules[][2] = {
        {"INT", "INT"}, {"CHAR", "TEXT"}, {"CLOB", "TEXT"}, {"TEXT", "TEXT"},
        {"BLOB", ""},   {"REAL", "REAL"}, {"FLOA", "REAL"}, {"DOUB", "REAL"},
    };
    char upper[64];
    if (type == NULL || *type == '\0')
        return "";
    sqlite3_snprintf(sizeof upper, upper, "%s", type);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strstr(upper, rules[i][0]) != NULL)
            return rules[i][1];
    return "NUM";
}

/* The first of rowid's names that is no column and that the source answers to, or NULL.
 */
static char *find_rowid(sqlite3 *db, const char *text, const char *from,
                        sqlite3_stmt *columns)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    if (ext_source_is_select(text))
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sqlite3_stmt *stmt = NULL;
        if (find_column(columns, names[i]) >= 0)
            continue;
        char *query = sqlite3_mprintf("SELECT %s FROM %s", names[i], from);
        bool is_ok =
            query != NULL && sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK;
        sqlite3_finalize(stmt);
        sqlite3_free(query);
        return is_ok ? sqlite3_mprintf("%s", names[i]) : NULL;
    }
    return NULL;
}

static int set_columns(sqlite3_stmt *stmt, const ext_columns *columns, ext_source *source,
                       ext_error *error)
{
    int session = choose_column(stmt, "session", columns->session, session_names, error);
    int item =
        session < 0 ? -1 : choose_column(stmt, "item", columns->item, item_names, error);
    int time =
        item < 0 ? -1 : choose_column(stmt, "time", columns->time, time_names, error);
    if (time < 0)
        return error->rc;
    if (session == item || session == time || item == time)
        return ext_fail(
            error, SQLITE_ERROR,
            "one column cannot be two of session (%s), item (%s) and time (%s)",
            sqlite3_column_name(stmt, session), sqlite3_column_name(stmt, item),
            sqlite3_column_name(stmt, time));
    source->columns.session = sqlite3_mprintf("%s", sqlite3_column_name(stmt, session));
    source->columns.item = sqlite3_mprintf("%s", sqlite3_column_name(stmt, item));
    source->columns.time = sqlite3_mprintf("%s", sqlite3_column_name(stmt, time));
    source->types[0] = affinity(sqlite3_column_decltype(stmt, session));
    source->types[1] = affinity(sqlite3_column_decltype(stmt, item));
    if (source->columns.session == NULL || source->columns.item == NULL ||
        source->columns.time == NULL)
        return ext_fail_nomem(error);
    return SQLITE_OK;
}

int ext_source_open(sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_source *source, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    memset(source, 0, sizeof *source);
    source->from = make_from(db, schema, text);
    if (source->from == NULL)
        return ext_fail_nomem(error);
    ext_error cause = {0};
    int rc =
        ext_prepare(db, sqlite3_mprintf("SELECT * FROM %s", source->from), &stmt, &cause);
    if (rc != SQLITE_OK && cause.message != NULL)
        ext_fail(error, rc, "cannot read the source '%.80s': %s", text,
                 cause.message + strlen("gru4rec: "));
    else if (rc != SQLITE_OK)
        ext_fail_nomem(error);
    ext_error_clear(&cause);
    if (rc == SQLITE_OK)
        rc = set_columns(stmt, columns, source, error);
    if (rc == SQLITE_OK)
        source->rowid = find_rowid(db, text, source->from, stmt);
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK)
        ext_source_close(source);
    return rc;
}

void ext_source_close(ext_source *source)
{
    sqlite3_free(source->from);
    sqlite3_free(source->rowid);
    ext_columns_free(&source->columns);
    memset(source, 0, sizeof *source);
}

/* ---- reading ---- */

enum { SESSION, ITEM, TIME, ROWID };

static int prepare_events(sqlite3 *db, const ext_source *source, sqlite3_stmt **stmt,
                          ext_error *error)
{
    char *time = make_time(source->columns.time);
    if (time == NULL)
        return ext_fail_nomem(error);
    char *query =
        sqlite3_mprintf("SELECT \"%w\", \"%w\", %s, %s FROM %s AS source",
                        source->columns.session, source->columns.item, time,
                        source->rowid != NULL ? source->rowid : "0", source->from);
    sqlite3_free(time);
    return ext_prepare(db, query, stmt, error);
}

static bool get_time(sqlite3_stmt *stmt, gru4rec_time *time)
{
    int type = sqlite3_column_type(stmt, TIME);
    time->is_real = type == SQLITE_FLOAT;
    if (time->is_real)
        time->real = sqlite3_column_double(stmt, TIME);
    else
        time->integer = sqlite3_column_int64(stmt, TIME);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* A time that since or until gives. */
typedef struct time_bound {
    bool is_set;
    gru4rec_time time;
} time_bound;

/* Is the column's time before the bound? */
static bool is_before(const gru4rec_time *time, const time_bound *bound)
{
    if (!time->is_real && !bound->time.is_real)
        return time->integer < bound->time.integer;
    double a = time->is_real ? time->real : (double)time->integer;
    double b = bound->time.is_real ? bound->time.real : (double)bound->time.integer;
    return a < b;
}

static int add_event(sqlite3_stmt *stmt, const time_bound bounds[2], ext_events *events,
                     ext_error *error)
{
    gru4rec_id session, item;
    gru4rec_time time;
    gru4rec_error message = {0};
    if (!ext_column_id(stmt, SESSION, &session) || !ext_column_id(stmt, ITEM, &item) ||
        sqlite3_column_type(stmt, TIME) == SQLITE_NULL) {
        events->n_null++;
        return SQLITE_OK;
    }
    if (item.type != GRU4REC_ID_INTEGER && item.type != GRU4REC_ID_TEXT)
        return ext_fail(error, SQLITE_ERROR,
                        "item %.40s is a %s; items are INTEGER or TEXT, so use a source "
                        "such as (SELECT ..., CAST(item AS INTEGER) AS item, ...)",
                        sqlite3_column_text(stmt, ITEM),
                        item.type == GRU4REC_ID_REAL ? "REAL" : "BLOB");
    if (!get_time(stmt, &time))
        return ext_fail(error, SQLITE_ERROR,
                        "time '%.40s' is neither a number nor a date that SQLite knows; "
                        "use a source that converts it",
                        sqlite3_column_text(stmt, TIME));
    if ((bounds[0].is_set && is_before(&time, &bounds[0])) ||
        (bounds[1].is_set && !is_before(&time, &bounds[1]))) {
        events->n_outside++;
        return SQLITE_OK;
    }
    return ext_fail_library(error,
                            gru4rec_events_add(events->builder, &session, &item, &time,
                                               sqlite3_column_int64(stmt, ROWID),
                                               &message),
                            &message);
}

/* The time that an option gives, as the source's times are read; none for "". */
static int read_bound(sqlite3 *db, const char *text, const char *name, time_bound *bound,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    char *time = make_time("t");
    bound->is_set = *text != '\0';
    if (time == NULL)
        return ext_fail_nomem(error);
    int rc =
        ext_prepare(db, sqlite3_mprintf("SELECT 0, 0, %z FROM (SELECT ?1 AS t)", time),
                    &stmt, error);
    if (rc != SQLITE_OK || !bound->is_set) {
        sqlite3_finalize(stmt);
        return rc;
    }
    sqlite3_bind_text(stmt, 1, text, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(stmt) != SQLITE_ROW || !get_time(stmt, &bound->time))
        rc = ext_fail(error, SQLITE_ERROR,
                      "option '%s' cannot be '%s'; it takes a number or an ISO-8601 time",
                      name, text);
    sqlite3_finalize(stmt);
    return rc;
}

static int read_rows(sqlite3 *db, const ext_source *source, const time_bound bounds[2],
                     ext_events *events, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare_events(db, source, &stmt, error);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = add_event(stmt, bounds, events, error);
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the events");
    sqlite3_finalize(stmt);
    return rc;
}

int ext_source_read(sqlite3 *db, const ext_source *source, const gru4rec_items *known,
                    const gru4rec_options *options, ext_events *events, ext_error *error)
{
    bool is_training = known == NULL;
    time_bound bounds[2] = {{0}};
    gru4rec_preparation preparation = {
        .session_gap = options->session_gap,
        .collapse_repeats = options->collapse_repeats != 0,
        .min_support = is_training ? options->min_support : 0,
        .min_length = is_training ? options->min_length : 0,
        .validation = is_training ? options->validation : 0,
    };
    int rc = SQLITE_OK;
    memset(events, 0, sizeof *events);
    if (is_training)
        rc = read_bound(db, options->since, "since", &bounds[0], error);
    if (is_training && rc == SQLITE_OK)
        rc = read_bound(db, options->until, "until", &bounds[1], error);
    if (rc == SQLITE_OK &&
        gru4rec_events_new(&ext_allocator, known, &events->builder) != GRU4REC_OK)
        rc = ext_fail_nomem(error);
    if (rc != SQLITE_OK)
        return rc;
    gru4rec_events_prepare(events->builder, &preparation);
    rc = read_rows(db, source, bounds, events, error);
    if (rc == SQLITE_OK)
        rc = ext_fail_library(error,
                              gru4rec_events_finish(events->builder,
                                                    !is_training || options->time_sort,
                                                    &events->dataset, &events->items),
                              NULL);
    return rc;
}

void ext_events_free(ext_events *events)
{
    gru4rec_events_free(events->builder);
    gru4rec_dataset_free(events->dataset);
    gru4rec_items_free(events->items);
    memset(events, 0, sizeof *events);
}

int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) /* equals nothing */
        return SQLITE_OK;
    if (sessions->n == sessions->capacity) {
        int capacity = 2 * sessions->capacity + 8;
        sqlite3_value **values =
            sqlite3_realloc64(sessions->values,
                              (sqlite3_uint64)capacity * sizeof *values);
        if (values == NULL)
            return ext_fail_nomem(error);
        sessions->values = values;
        sessions->capacity = capacity;
    }
    sessions->values[sessions->n] = sqlite3_value_dup(value);
    if (sessions->values[sessions->n++] == NULL)
        return ext_fail_nomem(error);
    return SQLITE_OK;
}

void ext_sessions_free(ext_sessions *sessions)
{
    for (int i = 0; i < sessions->n; i++)
        sqlite3_value_free(sessions->values[i]);
    sqlite3_free(sessions->values);
    memset(sessions, 0, sizeof *sessions);
}

/*
 * May SQLite convert sessions before it compares them? Those that are text to numbers,
 * with a number out of a column of numbers; where the column has no type also numbers to
 * text. Which values come out of such a column it does not say.
 */
static bool is_mixed(const ext_source *source, const ext_sessions *sessions, int i)
{
    const char *type = source->types[0];
    const int value = sqlite3_value_type(sessions->values[i]);
    if (value == SQLITE_TEXT)
        return *type == '\0';
    return value != SQLITE_BLOB && (*type == '\0' || strcmp(type, "TEXT") == 0);
}

static bool has_mixed(const ext_source *source, const ext_sessions *sessions)
{
    for (int i = 0; sessions->values != NULL && i < sessions->n; i++)
        if (is_mixed(source, sessions, i))
            return true;
    return false;
}

/* The condition that a session can equal one of the values; NULL: no memory. */
static char *make_condition(const ext_source *source, const ext_sessions *sessions)
{
    const char *session = source->columns.session;
    if (sessions == NULL)
        return sqlite3_mprintf("\"%w\" IS NOT NULL", session);
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "(\"%w\" COLLATE BINARY IN (", session);
    for (int i = 1; i <= sessions->n; i++)
        sqlite3_str_appendf(text, i == 1 ? "?%d" : ", ?%d", i);
    sqlite3_str_appendchar(text, 1, ')');
    for (int i = 0; sessions->values != NULL && i < sessions->n; i++)
        if (is_mixed(source, sessions, i))
            sqlite3_str_appendf(text, " OR \"%w\" = CAST(?%d AS %s)", session, i + 1,
                                sqlite3_value_type(sessions->values[i]) == SQLITE_TEXT
                                    ? "TEXT"
                                    : "NUMERIC");
    sqlite3_str_appendchar(text, 1, ')');
    return sqlite3_str_finish(text);
}

/* Values that one statement can name. */
static int most_values(sqlite3 *db, const ext_source *source,
                       const ext_sessions *sessions)
{
    int most = sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, -1);
    int depth = sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, -1) - 10;
    return has_mixed(source, sessions) && depth > 0 && depth < most ? depth : most;
}

/* verb: SELECT, or EXPLAIN QUERY PLAN SELECT. */
static int prepare_histories(sqlite3 *db, const char *verb, const ext_source *source,
                             const ext_sessions *sessions, sqlite3_stmt **stmt,
                             ext_error *error)
{
    const ext_columns *c = &source->columns;
    char *time = make_time(c->time), *condition = make_condition(source, sessions);
    *stmt = NULL;
    int rc = time != NULL && condition != NULL ? SQLITE_OK : ext_fail_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_prepare_stored(
            db,
            sqlite3_mprintf("%s \"%w\", \"%w\", %s FROM %s AS source WHERE %s AND "
                            "\"%w\" IS NOT NULL AND %s IS NOT NULL ORDER BY \"%w\" "
                            "COLLATE BINARY, %s, %s, \"%w\" COLLATE BINARY",
                            verb, c->session, c->item, time, source->from, condition,
                            c->item, time, c->session, time,
                            source->rowid != NULL ? source->rowid : "NULL", c->item),
            stmt, error);
    sqlite3_free(time);
    sqlite3_free(condition);
    return rc;
}

int ext_source_histories(sqlite3 *db, const ext_source *source,
                         const ext_sessions *sessions, sqlite3_stmt **stmt,
                         ext_error *error)
{
    if (sessions != NULL && sessions->n > most_values(db, source, sessions))
        sessions = NULL; /* too many to name: SQLite picks them out */
    int rc = prepare_histories(db, "SELECT", source, sessions, stmt, error);
    for (int i = 0; rc == SQLITE_OK && sessions != NULL && i < sessions->n; i++)
        rc = sqlite3_bind_value(*stmt, i + 1, sessions->values[i]) == SQLITE_OK
                 ? SQLITE_OK
                 : ext_fail_db(error, db, NULL);
    return rc;
}

int ext_source_is_scanned(sqlite3 *db, const ext_source *source, bool *is_scanned,
                          ext_error *error)
{
    const ext_sessions one = {.n = 1};
    sqlite3_stmt *stmt;
    *is_scanned = false;
    int rc =
        prepare_histories(db, "EXPLAIN QUERY PLAN SELECT", source, &one, &stmt, error);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);
        *is_scanned |= detail != NULL && strncmp(detail, "SCAN", 4) == 0;
    }
    sqlite3_finalize(stmt);
    return rc;
}
