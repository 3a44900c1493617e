/*
 * ext_source.c - finds the table of the events, and its columns; see ext_events.h.
 *
 * The order of events does not depend on SQLite's plan. It is (session, time,
 * tie-breaker, item). The tie-breaker is the column that option order names, or else the
 * rowid if the source has one. Training and evaluation read rows in any order, and the
 * library sorts them. When the history of a session is read, ORDER BY asks SQLite for the
 * same order.
 */
#include "ext_events.h"

#include <string.h>

/*
 * An ORDER BY term that sorts items as the library does, which compares texts as bytes of
 * UTF-8. In a UTF-16 database the collation BINARY compares other bytes. Of SQLite's
 * other collations only RTRIM is case-sensitive, and SQLite always gives it UTF-8. RTRIM
 * ignores spaces at the end of a text, so the term appends a NUL character. NUL sorts
 * before all other characters, as the end of a text does, so it changes no order.
 */
static const char item_order[] =
    "CASE typeof(\"%w\") WHEN 'text' THEN \"%w\" || char(0) ELSE \"%w\" END "
    "COLLATE RTRIM";

char *ext_source_ties(const ext_source *source)
{
    const char *item = source->columns.item, *order = source->columns.order;
    /* The rowid breaks all ties, except in virtual tables that break SQLite's rules. */
    if (order == NULL && source->rowid != NULL)
        return sqlite3_mprintf("%s, \"%w\" COLLATE BINARY", source->rowid, item);
    char *by_item = sqlite3_mprintf(item_order, item, item, item);
    if (order == NULL || by_item == NULL)
        return by_item;
    return sqlite3_mprintf("\"%w\", %z", order, by_item);
}

/* ---- which table ---- */

/*
 * Sets *is_found to whether a schema has a table or a view of that name. schema NULL:
 * looks in all schemas, but only for a table. Errors: NOMEM, those of ext_found_in().
 */
static int find_table(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                      ext_error *error)
{
    ext_found found;
    int rc = sqlite3_table_column_metadata(db, schema, name, NULL, NULL, NULL, NULL, NULL,
                                           NULL);
    *is_found = rc == SQLITE_OK;
    if (rc == SQLITE_NOMEM)
        return ext_error_nomem(error);
    if (*is_found || schema == NULL)
        return SQLITE_OK;
    rc = ext_found_in(&found, db, schema, name, error);
    *is_found = found == EXT_FOUND_VIEW;
    return rc;
}

/*
 * Returns what stands after FROM for the source text, which the caller frees; NULL after
 * an error, which is set. A SELECT becomes a subquery. A name is looked for in the
 * model's own schema first, so that a TEMP table of the same name is not read instead;
 * then SQLite looks for it in all schemas. A dot separates schema and table, unless a
 * table has the whole text as its name. That the table exists is not checked.
 */
static char *make_from(sqlite3 *db, const char *schema, const char *text,
                       ext_error *error)
{
    const char *dot = strchr(text, '.');
    bool is_own, is_any = true;
    char *from;
    if (ext_select_is(text)) {
        from = ext_select_subquery(text);
    } else if (find_table(db, schema, text, &is_own, error) != SQLITE_OK ||
               (dot != NULL && find_table(db, NULL, text, &is_any, error) != SQLITE_OK)) {
        return NULL;
    } else if (is_own) {
        from = sqlite3_mprintf("\"%w\".\"%w\"", schema, text);
    } else if (is_any) {
        from = sqlite3_mprintf("\"%w\"", text);
    } else {
        char *left = sqlite3_mprintf("%.*s", (int)(dot - text), text);
        from = left != NULL ? sqlite3_mprintf("\"%w\".\"%w\"", left, dot + 1) : NULL;
        sqlite3_free(left);
    }
    if (from == NULL)
        ext_error_nomem(error);
    return from;
}

/*
 * Looks in all schemas for a table or a view of the name text. If text has a dot, it also
 * looks for the part behind the dot. Sets *is_found to true if any schema has one, and
 * *is_virtual to true if one of them is a virtual table; else leaves both as they are.
 */
static int find_anywhere(sqlite3 *db, const char *text, bool *is_found, bool *is_virtual,
                         ext_error *error)
{
    const char *dot = strchr(text, '.'), *names[2] = {text, dot != NULL ? dot + 1 : NULL};
    char *schema = NULL;
    int rc = SQLITE_OK;
    ext_found found;
    for (int i = 0; rc == SQLITE_OK; i++) {
        rc = ext_sql_schema(&schema, db, i, error);
        if (schema == NULL)
            break;
        for (int j = 0; rc == SQLITE_OK && j < 2 && names[j] != NULL; j++) {
            rc = ext_found_in(&found, db, schema, names[j], error);
            *is_virtual |= found == EXT_FOUND_VIRTUAL_TABLE;
            *is_found |= found != EXT_FOUND_NOTHING;
        }
        sqlite3_free(schema);
    }
    return rc;
}

/*
 * Sets *is_virtual to whether text may name a virtual table. What the model's own schema
 * has decides; if it has nothing, any virtual table that find_anywhere() finds. A name
 * that no schema has counts as virtual too: it can be an eponymous virtual table.
 */
static int find_virtual(sqlite3 *db, const char *schema, const char *text,
                        bool *is_virtual, ext_error *error)
{
    ext_found found;
    bool is_found = false;
    int rc = ext_found_in(&found, db, schema, text, error);
    *is_virtual = found == EXT_FOUND_VIRTUAL_TABLE;
    if (rc != SQLITE_OK || found != EXT_FOUND_NOTHING)
        return rc;
    rc = find_anywhere(db, text, &is_found, is_virtual, error);
    *is_virtual |= !is_found;
    return rc;
}

int ext_source_exists(bool *is_there, sqlite3 *db, const char *schema, const char *text,
                      ext_error *error)
{
    ext_found found;
    bool is_virtual = false;
    int rc = ext_found_in(&found, db, schema, text, error);
    *is_there = found != EXT_FOUND_NOTHING;
    return rc == SQLITE_OK && !*is_there
               ? find_anywhere(db, text, is_there, &is_virtual, error)
               : rc;
}

int ext_source_check_stored(sqlite3 *db, const char *schema, const char *text,
                            ext_error *error)
{
    int is_trusted = 1;
    bool is_virtual;
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1, &is_trusted);
    if (is_trusted)
        return SQLITE_OK;
    int rc = find_virtual(db, schema, text, &is_virtual, error);
    if (rc != SQLITE_OK || !is_virtual)
        return rc;
    return ext_error_set(
        error, SQLITE_ERROR,
        "the stored source '%s' is a virtual table, and trusted_schema is off; "
        "switch trusted_schema on, "
        "or make the model with a table or a view as its source",
        ext_show_text(&(ext_show){""}, text));
}

/* ---- which columns ---- */

/* The column names to guess for each role, the best one first; NULL ends a list. */
static const char *const session_names[] = {"SessionId", "session_id", "session", NULL};
static const char *const item_names[] = {"ItemId", "item_id", "item", NULL};
static const char *const time_names[] = {"Time", "timestamp", "ts", NULL};

/* Returns the 0-based number of the column of that name, or -1. Case is ignored. */
static int find_column(sqlite3_stmt *stmt, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        if (sqlite3_stricmp(sqlite3_column_name(stmt, i), name) == 0)
            return i;
    return -1;
}

/*
 * Returns the part of a column's name behind a byte order mark, with which a CSV file may
 * begin. The mark may be encoded twice: read as Latin-1, then written as UTF-8 again.
 * NULL: there is no mark.
 */
static const char *behind_mark(const char *name)
{
    static const char *const marks[] = {"\xEF\xBB\xBF", "\xC3\xAF\xC2\xBB\xC2\xBF"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strncmp(name, marks[i], strlen(marks[i])) == 0)
            return name + strlen(marks[i]);
    return NULL;
}

/*
 * Tells whether the column is named name with a byte order mark before it. Case is
 * ignored. The name may be in quotes, which CSV readers leave after the mark.
 */
static bool is_marked(const char *column, const char *name)
{
    const char *rest = behind_mark(column);
    const size_t n = strlen(name);
    if (rest == NULL)
        return false;
    const bool is_quoted = *rest == '"' && strlen(rest) == n + 2;
    return (is_quoted || strlen(rest) == n) &&
           sqlite3_strnicmp(rest + is_quoted, name, (int)n) == 0;
}

/* Sets the error if a column has that name after a byte order mark. */
static int check_marks(sqlite3_stmt *stmt, const char *name, ext_error *error)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        if (is_marked(sqlite3_column_name(stmt, i), name))
            return ext_error_set(error, SQLITE_ERROR,
                                 "the name of column '%s' begins with a byte order mark, "
                                 "as some CSV files do; "
                                 "make a table with a column '%s' and copy the rows, "
                                 "or import the file without its first three bytes",
                                 ext_show_text(&(ext_show){""},
                                               sqlite3_column_name(stmt, i)),
                                 ext_show_text(&(ext_show){""}, name));
    return SQLITE_OK;
}

/* Returns the columns' names as "a, b, c"; the caller frees the text. NULL: NOMEM. */
static char *list_columns(sqlite3_stmt *stmt)
{
    sqlite3_str *list = sqlite3_str_new(NULL);
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        sqlite3_str_appendf(list, "%s%s", i > 0 ? ", " : "",
                            sqlite3_column_name(stmt, i));
    return sqlite3_str_finish(list);
}

/*
 * Returns the 0-based number of the column that has a role: the column named given, or,
 * if given is NULL, the first of guesses that exists. If there is none, it returns -1 and
 * sets the error. *missing becomes the role then if given is not NULL and check_marks()
 * finds nothing.
 */
static int choose_column(sqlite3_stmt *stmt, const char *role, const char *given,
                         const char *const *guesses, const char **missing,
                         ext_error *error)
{
    int column = -1;
    if (given != NULL)
        column = find_column(stmt, given);
    for (int i = 0; given == NULL && column < 0 && guesses[i] != NULL; i++)
        column = find_column(stmt, guesses[i]);
    if (column >= 0)
        return column;
    if (given != NULL)
        check_marks(stmt, given, error);
    for (int i = 0; given == NULL && guesses[i] != NULL; i++)
        check_marks(stmt, guesses[i], error);
    if (error->rc != SQLITE_OK)
        return -1;
    if (given != NULL)
        *missing = role;
    char *columns = list_columns(stmt);
    if (columns == NULL)
        ext_error_nomem(error);
    else if (given != NULL)
        ext_error_set(error, SQLITE_ERROR,
                      "the source has no column '%s' for %s; its columns are %s",
                      ext_show_text(&(ext_show){""}, given), role,
                      ext_show_text(&(ext_show){""}, columns));
    else
        ext_error_set(
            error, SQLITE_ERROR,
            "no %s column found: looked for %s, %s and %s among %s; say %s=<column>",
            role, guesses[0], guesses[1], guesses[2],
            ext_show_text(&(ext_show){""}, columns), role);
    sqlite3_free(columns);
    return -1;
}

/*
 * Tells whether the word stands anywhere in text. The case of ASCII letters is ignored.
 */
static bool has_word(const char *text, const char *word)
{
    const int n = (int)strlen(word);
    while (*text != '\0' && sqlite3_strnicmp(text, word, n) != 0)
        text++;
    return *text != '\0';
}

/*
 * Returns the affinity that SQLite gives a declared type (may be NULL), as CREATE TABLE
 * AS writes it: "INT", "TEXT", "REAL", "NUM" or "", a constant text.
 */
static const char *affinity(const char *type)
{
    static const char *const rules[][2] = {
        {"INT", "INT"}, {"CHAR", "TEXT"}, {"CLOB", "TEXT"}, {"TEXT", "TEXT"},
        {"BLOB", ""},   {"REAL", "REAL"}, {"FLOA", "REAL"}, {"DOUB", "REAL"},
    };
    if (type == NULL || *type == '\0')
        return "";
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (has_word(type, rules[i][0]))
            return rules[i][1];
    return "NUM";
}

/*
 * Sets source->rowid to a copy of the first name of the rowid that no column has. It
 * stays NULL, without an error, for a SELECT, a view or a table without a rowid, and if
 * columns have all these names. columns: a SELECT of all columns of the source.
 */
static int find_rowid(ext_source *source, const char *text, sqlite3_stmt *columns,
                      ext_error *error)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    sqlite3_stmt *stmt;
    size_t i = 0;
    while (i < sizeof names / sizeof *names && find_column(columns, names[i]) >= 0)
        i++;
    if (i == sizeof names / sizeof *names || ext_select_is(text))
        return SQLITE_OK;
    int rc = ext_sql_try(source->db, &stmt, error, "SELECT %s FROM %s", names[i],
                         source->from);
    if (rc != SQLITE_OK || stmt == NULL)
        return rc;
    /* In some builds of SQLite a view has a rowid, which is NULL and has no type. */
    const bool is_real = sqlite3_column_decltype(stmt, 0) != NULL;
    sqlite3_finalize(stmt);
    if (!is_real)
        return SQLITE_OK;
    source->rowid = sqlite3_mprintf("%s", names[i]);
    return source->rowid != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* Sets *name to a copy of the name of a column, which the caller frees; NULL: NOMEM. */
static int keep_name(char **name, sqlite3_stmt *stmt, int column, ext_error *error)
{
    *name = sqlite3_mprintf("%s", sqlite3_column_name(stmt, column));
    return *name != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Sets source->columns.order to the column that the user named to break ties in time.
 * Does nothing if the user named none. The column may have another role too.
 */
static int set_order(sqlite3_stmt *stmt, const ext_columns *columns, ext_source *source,
                     ext_error *error)
{
    if (columns->order == NULL)
        return SQLITE_OK;
    const int order =
        choose_column(stmt, "order", columns->order, NULL, &source->missing, error);
    return order < 0 ? error->rc : keep_name(&source->columns.order, stmt, order, error);
}

/*
 * Sets source->columns, given or guessed, and source->types. Errors: a column is not
 * found; session, item and time are not three different columns; NOMEM. columns may be
 * set in part then.
 */
static int set_columns(sqlite3_stmt *stmt, const ext_columns *columns, ext_source *source,
                       ext_error *error)
{
    const char **missing = &source->missing;
    int session =
        choose_column(stmt, "session", columns->session, session_names, missing, error);
    int item = session < 0 ? -1
                           : choose_column(stmt, "item", columns->item, item_names,
                                           missing, error);
    int time =
        item < 0 ? -1
                 : choose_column(stmt, "time", columns->time, time_names, missing, error);
    if (time < 0)
        return error->rc;
    if (session == item || session == time || item == time)
        return ext_error_set(error, SQLITE_ERROR,
                             "session, item and time must be three different columns, "
                             "but they are '%s', '%s' and '%s'; name a column for each",
                             sqlite3_column_name(stmt, session),
                             sqlite3_column_name(stmt, item),
                             sqlite3_column_name(stmt, time));
    source->types[0] = affinity(sqlite3_column_decltype(stmt, session));
    source->types[1] = affinity(sqlite3_column_decltype(stmt, item));
    if (keep_name(&source->columns.session, stmt, session, error) != SQLITE_OK ||
        keep_name(&source->columns.item, stmt, item, error) != SQLITE_OK ||
        keep_name(&source->columns.time, stmt, time, error) != SQLITE_OK)
        return error->rc;
    return set_order(stmt, columns, source, error);
}

int ext_source_keep_columns(ext_columns *columns, const ext_columns *kept, sqlite3 *db,
                            const char *schema, const char *text, ext_error *error)
{
    char **const to[] = {&columns->session, &columns->item, &columns->time,
                         &columns->order};
    char *const from[] = {kept->session, kept->item, kept->time, kept->order};
    sqlite3_stmt *stmt = NULL;
    const char *missing = NULL;
    char *source = make_from(db, schema, text, error);
    int rc = error->rc;
    if (rc == SQLITE_OK)
        rc = ext_sql_try(db, &stmt, error, "SELECT * FROM %s", source);
    sqlite3_free(source);
    for (int i = 0; stmt != NULL && i < 4; i++) {
        const int column = from[i] != NULL ? find_column(stmt, from[i]) : -1;
        if (*to[i] == NULL && column >= 0 &&
            keep_name(to[i], stmt, column, error) != SQLITE_OK)
            break;
    }
    if (stmt != NULL && error->rc == SQLITE_OK && kept->order != NULL &&
        columns->order == NULL &&
        choose_column(stmt, "order", kept->order, NULL, &missing, error) < 0 &&
        ext_error_is(error, SQLITE_ERROR))
        ext_error_add(error, "; name another column, or remove order with order=null");
    sqlite3_finalize(stmt);
    return error->rc;
}

/* Sets the error if the source has a parameter: no caller could bind a value to it. */
static int check_parameters(sqlite3_stmt *stmt, const char *text, ext_error *error)
{
    const int n = sqlite3_bind_parameter_count(stmt);
    ext_show text_show, name_show;
    if (n == 0)
        return SQLITE_OK;
    const char *name = sqlite3_bind_parameter_name(stmt, n);
    return ext_error_set(error, SQLITE_ERROR,
                         "a source cannot have parameters, but '%s' has %s; "
                         "write the value into the source",
                         ext_show_text(&text_show, text),
                         ext_show_text(&name_show, name != NULL ? name : "?"));
}

/*
 * Sets the error that SQLite cannot read the source, with the code and message of cause,
 * SQLite's error; NOMEM if cause has no message. If cause says that a table or a column
 * does not exist, source->missing becomes "source".
 */
static void fail_source(ext_source *source, const char *text, const ext_error *cause,
                        ext_error *error)
{
    if (cause->message == NULL) {
        ext_error_nomem(error);
        return;
    }
    if (strstr(cause->message, "no such table") != NULL ||
        strstr(cause->message, "no such column") != NULL)
        source->missing = "source";
    ext_error_set(error, cause->rc, "cannot read the source '%s': %s",
                  ext_show_text(&(ext_show){""}, text), cause->message);
}

int ext_source_open(ext_source *source, sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_error cause = {0};
    *source = (ext_source){.db = db, .from = make_from(db, schema, text, error)};
    if (source->from == NULL)
        return error->rc;
    int rc = ext_sql_prepare(db, &stmt, &cause, "SELECT * FROM %s", source->from);
    if (rc == SQLITE_OK)
        rc = check_parameters(stmt, text, error) == SQLITE_OK
                 ? set_columns(stmt, columns, source, error)
                 : error->rc;
    else
        fail_source(source, text, &cause, error);
    if (rc == SQLITE_OK)
        rc = find_rowid(source, text, stmt, error);
    const char *missing = source->missing;
    sqlite3_finalize(stmt);
    ext_error_clear(&cause);
    if (rc != SQLITE_OK)
        ext_source_close(source);
    source->missing = missing;
    return rc;
}

/*
 * Sets *found to what a name that the model's own schema lacks leads to: as
 * make_from() reads it, text is first the name of a table of any schema, then
 * "schema.table". If an authorizer hides a schema on the way, nothing counts as found.
 */
static int find_elsewhere(ext_found *found, sqlite3 *db, const char *text,
                          ext_error *error)
{
    const char *dot = strchr(text, '.');
    ext_found_first(found, db, text, error);
    if (dot != NULL && (*found == EXT_FOUND_NOTHING || *found == EXT_FOUND_VIEW)) {
        char *schema = sqlite3_mprintf("%.*s", (int)(dot - text), text);
        if (schema == NULL)
            ext_error_nomem(error);
        else if (error->rc == SQLITE_OK)
            ext_found_in(found, db, schema, dot + 1, error);
        sqlite3_free(schema);
    }
    if (ext_error_is(error, SQLITE_AUTH)) {
        *found = EXT_FOUND_NOTHING;
        ext_error_clear(error);
    }
    return error->rc;
}

/*
 * Sets *kind: "select"; "view" if text leads to a view, of whatever schema; else "table".
 */
static int find_kind(const char **kind, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error)
{
    ext_found found = EXT_FOUND_NOTHING;
    int rc =
        ext_select_is(text) ? SQLITE_OK : ext_found_in(&found, db, schema, text, error);
    if (rc == SQLITE_OK && !ext_select_is(text) && found == EXT_FOUND_NOTHING)
        rc = find_elsewhere(&found, db, text, error);
    *kind = ext_select_is(text) ? "select" : found == EXT_FOUND_VIEW ? "view" : "table";
    return rc;
}

int ext_source_shape(char **shape, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    const char *kind = "";
    *shape = NULL;
    char *from = make_from(db, schema, text, error);
    if (from != NULL && find_kind(&kind, db, schema, text, error) == SQLITE_OK)
        ext_sql_try(db, &stmt, error, "SELECT * FROM %s", from);
    sqlite3_free(from);
    if (stmt == NULL)
        return error->rc;
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendf(json, "[\"%s\"", kind);
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const char *name = sqlite3_column_name(stmt, i);
        sqlite3_str_appendchar(json, 1, ',');
        ext_json_append(json, name != NULL ? name : "");
    }
    sqlite3_finalize(stmt);
    sqlite3_str_appendchar(json, 1, ']');
    *shape = sqlite3_str_finish(json);
    return *shape != NULL ? SQLITE_OK : ext_error_nomem(error);
}

int ext_source_hold(const ext_source *source, sqlite3_stmt **hold, ext_error *error)
{
    /* The first row comes from SELECT 1, so no row of the source is read or sorted. */
    int rc =
        ext_sql_prepare(source->db, hold, error,
                        "SELECT 1 UNION ALL SELECT 1 FROM %s AS source", source->from);
    if (rc == SQLITE_OK && sqlite3_step(*hold) != SQLITE_ROW) {
        rc = ext_error_db(error, source->db, "reading the events");
        sqlite3_finalize(*hold);
        *hold = NULL;
    }
    return rc;
}

void ext_source_close(ext_source *source)
{
    sqlite3_free(source->from);
    sqlite3_free(source->rowid);
    ext_options_free_columns(&source->columns);
    memset(source, 0, sizeof *source);
}
