/*
 * ext_options.c - reads options from JSON or from name=value,..., and writes them; see
 * ext_base.h.
 */
#include "ext_base.h"

#include <string.h>

/*
 * Largest length in bytes of a model's options as text. All options together need about
 * 2,000 bytes. There is a limit because a file may hold anything, and parsed JSON is
 * large in memory. The options of an evaluation have no such limit, because they may list
 * many ids.
 */
enum { LONGEST = 1 << 16 };

void ext_options_free_columns(ext_columns *columns)
{
    sqlite3_free(columns->session);
    sqlite3_free(columns->item);
    sqlite3_free(columns->time);
    sqlite3_free(columns->order);
    sqlite3_free(columns->candidates);
    sqlite3_free(columns->space);
    sqlite3_free(columns->test);
    sqlite3_free(columns->label);
    sqlite3_free(columns->titles);
    memset(columns, 0, sizeof *columns);
}

/* Returns the field of columns that has this name, or NULL; case does not count. */
static char **column_named(ext_columns *columns, const char *name)
{
    if (sqlite3_stricmp(name, "session") == 0)
        return &columns->session;
    if (sqlite3_stricmp(name, "item") == 0)
        return &columns->item;
    if (sqlite3_stricmp(name, "time") == 0)
        return &columns->time;
    return sqlite3_stricmp(name, "order") == 0 ? &columns->order : NULL;
}

/*
 * Returns the field of columns for the option of a picture that has this name and whose
 * value is a table, a view or a SELECT; NULL, if there is none, or scope has no pictures.
 */
static char **query_named(ext_columns *columns, const char *name,
                          gru4rec_option_scope scope)
{
    if ((scope & GRU4REC_SCOPE_PLOT) == 0)
        return NULL;
    if (sqlite3_stricmp(name, "test") == 0)
        return &columns->test;
    if (sqlite3_stricmp(name, "label") == 0)
        return &columns->label;
    return sqlite3_stricmp(name, "titles") == 0 ? &columns->titles : NULL;
}

/* Tells whether name is space, whose value can be an object, and scope has the tuning. */
static bool is_space(const char *name, gru4rec_option_scope scope)
{
    return (scope & GRU4REC_SCOPE_TUNE) != 0 && sqlite3_stricmp(name, "space") == 0;
}

/* Tells whether the name is the option candidates, and scope has the evaluation. */
static bool is_candidates(const char *name, gru4rec_option_scope scope)
{
    return (scope & GRU4REC_SCOPE_EVALUATE) != 0 &&
           sqlite3_stricmp(name, "candidates") == 0;
}

/*
 * Tells whether the value of candidates is a list of ids: it is neither empty nor all nor
 * sample=..., which the library reads.
 */
static bool is_id_list(const char *value)
{
    return *value != '\0' && sqlite3_stricmp(value, "all") != 0 &&
           sqlite3_strnicmp(value, "sample=", 7) != 0;
}

int ext_options_set(const char *name, const char *value, gru4rec_option_scope scope,
                    gru4rec_options *options, ext_columns *columns, ext_error *error)
{
    gru4rec_error message = {0};
    char **column = columns != NULL ? column_named(columns, name) : NULL;
    /* A new value of candidates replaces an old one of both kinds, list or words. */
    if (columns != NULL && is_candidates(name, scope)) {
        sqlite3_free(columns->candidates);
        columns->candidates = NULL;
        column = is_id_list(value) ? &columns->candidates : NULL;
        options->candidates = 0;
    }
    if (columns != NULL && is_space(name, scope) && *value == '{')
        column = &columns->space;
    char **query = columns != NULL ? query_named(columns, name, scope) : NULL;
    if (query != NULL) {
        sqlite3_free(*query);
        *query = NULL;
        column = sqlite3_stricmp(value, "none") != 0 ? query : NULL;
    }
    if (column != NULL) {
        sqlite3_free(*column);
        *column = sqlite3_mprintf("%s", value);
        return *column != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
    return ext_error_library(error,
                             gru4rec_options_set(options, scope, name, value, &message),
                             &message);
}

/* ---- the destination of options that are read ---- */

/* The destination of options that are read. All pointers are borrowed. */
typedef struct sink {
    gru4rec_option_scope scope; /* the functions whose options are allowed */
    gru4rec_options *options;
    ext_columns *columns; /* gets session, item, ...; NULL: these are unknown options */
    ext_changes *changes; /* options and columns are those of these changes; or NULL */
    bool are_defaults;    /* values are set as a model's defaults, not as the user's */
} sink;

static void drop(char **text)
{
    sqlite3_free(*text);
    *text = NULL;
}

/*
 * Frees the new source of the changes, puts a copy of value in its place, and sets
 * has_source. If value is NULL, because null was given, the new source is NULL.
 */
static int change_source(ext_changes *changes, const char *value, ext_error *error)
{
    drop(&changes->source);
    changes->has_source = true;
    if (value == NULL)
        return SQLITE_OK;
    changes->source = sqlite3_mprintf("%s", value);
    return changes->source != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Does what null asks for: gives an option of the model its value of changes->defaults
 * back, or, if name is a column, frees it in changes->columns and in the model's columns
 * (changes->kept). Error: SQLITE_ERROR for an unknown name.
 */
static int take_back(ext_changes *changes, const char *name, ext_error *error)
{
    gru4rec_error message = {0};
    if (column_named(&changes->columns, name) != NULL) {
        drop(column_named(&changes->columns, name));
        drop(column_named(changes->kept, name));
        return SQLITE_OK;
    }
    return ext_error_library(error,
                             gru4rec_options_unset(changes->options, GRU4REC_SCOPE_TRAIN,
                                                   name, changes->defaults, &message),
                             &message);
}

static bool is_source(const sink *to, const char *name)
{
    return to->changes != NULL && sqlite3_stricmp(name, "source") == 0;
}

/* Tells whether the value of that name can be a SELECT. */
static bool is_query(const sink *to, const char *name)
{
    return is_source(to, name) ||
           (to->columns != NULL && query_named(to->columns, name, to->scope) != NULL);
}

/*
 * Sets one option, column or source in the destination to; its old value is lost. If
 * value is NULL, because null was given (in changes only), takes it back. Errors:
 * SQLITE_ERROR for an unknown name and a bad value; SQLITE_NOMEM.
 */
static int take(const sink *to, const char *name, const char *value, ext_error *error)
{
    gru4rec_error message = {0};
    if (is_source(to, name))
        return change_source(to->changes, value, error);
    if (value == NULL)
        return take_back(to->changes, name, error);
    return to->are_defaults
               ? ext_error_library(error,
                                   gru4rec_options_set_default(to->options, to->scope,
                                                               name, value, &message),
                                   &message)
               : ext_options_set(name, value, to->scope, to->options, to->columns, error);
}

/* ---- JSON ---- */

static const char space[] = " \t\r\n";

/*
 * Puts the description of the option whose name the text begins with into *info. Returns
 * false if no option has that name; *info then means nothing. The name ends at white
 * space, at '=' or at the end of the text; white space before it and its case do not
 * count.
 */
static bool find_option(const char *text, gru4rec_option_info *info)
{
    text += strspn(text, space);
    const size_t n = strcspn(text, "= \t\r\n");
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, info);
        if (strlen(info->name) == n && sqlite3_strnicmp(info->name, text, (int)n) == 0)
            return true;
    }
    return false;
}

/*
 * Tells whether the option, column or source of that name cannot have a JSON array as its
 * value. Lists and candidates can. Returns false for an unknown name.
 */
static bool is_single(const sink *to, const char *name)
{
    gru4rec_option_info info;
    if (is_query(to, name) ||
        (to->columns != NULL && column_named(to->columns, name) != NULL))
        return true;
    return find_option(name, &info) && info.type != GRU4REC_OPTION_LIST &&
           !is_candidates(name, to->scope);
}

/*
 * The query that reads options in JSON, ?1. It gives the members of the object as four
 * columns: name, JSON type, value as text (NULL for an object and for null), and the JSON
 * of an array or object, else NULL. The text of an array of numbers and strings is its
 * elements with slashes between them, as 100/100; that of any other array is its JSON. If
 * the name has no other characters than a to z and _, a REAL is given as it is written,
 * because SQLite may print it by the host's locale, as 0,5.
 */
static const char json_query[] =
    "SELECT key, type, CASE type"
    " WHEN 'array' THEN"
    " (SELECT iif(count(*) = count(atom),"
    " coalesce(group_concat(iif(type = 'real', e.value -> fullkey, atom), '/'), ''),"
    " e.value) FROM json_each(e.value))"
    " WHEN 'true' THEN 'true'"
    " WHEN 'false' THEN 'false'"
    " WHEN 'real' THEN"
    " iif(key <> '' AND ltrim(key, 'abcdefghijklmnopqrstuvwxyz_') = '',"
    " ?1 -> ('$.' || key), atom)"
    " ELSE atom END,"
    " iif(type IN ('array', 'object'), value, NULL)"
    " FROM json_each(?1) AS e";

/*
 * Sets the option, column or source of the current row of json_query in the destination
 * to. Errors: SQLITE_ERROR for an object (except for space in a tuning), for null (except
 * in changes), and for an array where one value is needed; those of take(); SQLITE_NOMEM.
 */
static int take_member(const sink *to, sqlite3_stmt *stmt, ext_error *error)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    const char *value = (const char *)sqlite3_column_text(stmt, 2);
    if (name == NULL || type == NULL)
        return ext_sql_fail_null(stmt, error);
    const bool is_array = strcmp(type, "array") == 0;
    const bool is_null = to->changes != NULL && strcmp(type, "null") == 0;
    if ((is_array && is_candidates(name, to->scope)) ||
        (strcmp(type, "object") == 0 && is_space(name, to->scope)))
        value = (const char *)sqlite3_column_text(stmt, 3);
    if ((value == NULL && !is_null) || (is_array && is_single(to, name)))
        return ext_error_set(error, SQLITE_ERROR,
                             "option '%s' is a JSON %s; give a number%s, or "
                             "leave it out",
                             ext_show_text(&(ext_show){""}, name), type,
                             value == NULL ? ", a text or an array of numbers"
                                           : " or a text");
    return take(to, name, value, error);
}

/* Reads options from a JSON object, member by member; stops at the first failure. */
static int parse_json(sqlite3 *db, const char *text, const sink *to, ext_error *error)
{
    sqlite3_stmt *stmt;
    if (ext_json_has_nul(text)) /* no option has one; old SQLite would stop there */
        return ext_error_set(error, SQLITE_ERROR,
                             "options hold a NUL character; leave it out: %s",
                             ext_show_text(&(ext_show){""}, text));
    int rc = ext_sql_prepare(db, &stmt, error, "%s", json_query);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = take_member(to, stmt, error);
    if ((rc & 0xff) == SQLITE_ERROR)
        ext_error_set(error, SQLITE_ERROR, "options are not a JSON object (%s): %s",
                      sqlite3_errmsg(db), ext_show_text(&(ext_show){""}, text));
    return ext_sql_finish(stmt, rc, NULL, error);
}

/* ---- name=value,... ---- */

/*
 * Tells whether the text at pair begins with the name of an option whose value can be a
 * SELECT, and =. White space before and behind the name, and upper and lower case, do not
 * count.
 */
static bool is_query_pair(const sink *to, const char *pair)
{
    char name[8] = "";
    pair += strspn(pair, space);
    const size_t n = strcspn(pair, "=, \t\r\n");
    if (n >= sizeof name)
        return false;
    memcpy(name, pair, n);
    pair += n;
    return pair[strspn(pair, space)] == '=' && is_query(to, name);
}

/*
 * Tells whether the text before the next comma is one more part of a list that is written
 * with commas. In a list of numbers a part begins with a digit or a point; in a list of
 * words (has_words) any text is a part, unless it is name=value or empty. White space and
 * opening brackets before the part are passed over.
 */
static bool is_part(const char *text, bool has_words)
{
    text += strspn(text, " \t\r\n[(");
    return *text != '\0' && (has_words || strchr("0123456789.", *text) != NULL) &&
           text[strcspn(text, "=,")] != '=';
}

int ext_options_check_list(const char *text, ext_error *error)
{
    gru4rec_option_info info;
    if (!find_option(text, &info) || info.type != GRU4REC_OPTION_LIST)
        return SQLITE_OK;
    const bool has_words = strcmp(info.default_text, "none") == 0;
    sqlite3_str *list = sqlite3_str_new(NULL);
    int n = 0;
    for (; *text && (n == 0 || is_part(text, has_words)); n++) {
        sqlite3_str_appendall(list, n > 0 ? "/" : "");
        for (; *text && *text != ','; text++)
            if (strchr(" \t\r\n[]()", *text) == NULL)
                sqlite3_str_appendchar(list, 1, *text);
        text += *text == ',';
    }
    char *better = sqlite3_str_finish(list);
    if (better == NULL)
        ext_error_nomem(error);
    else if (n > 1)
        ext_error_set(
            error, SQLITE_ERROR,
            "a comma ends an option, so the %s of a list are separated by slashes; "
            "write %s",
            has_words ? "words" : "numbers", ext_show_text(&(ext_show){""}, better));
    sqlite3_free(better);
    return error->rc;
}

/*
 * Sets the error, SQLITE_ERROR, for a pair without '='. is_candidate: the pair before had
 * the name candidates, so this pair is probably the second id of a list with commas, and
 * the message says how to write such a list.
 */
static int fail_pair(const sink *to, const char *pair, bool is_candidate,
                     ext_error *error)
{
    const char *advice =
        is_candidate          ? "give several candidates as a JSON array, such as "
                                "candidates=[17,42] or candidates=[\"a\",\"b\"]"
        : to->changes != NULL ? "write changes as source=clicks,layers=100 "
                                "or as a JSON object"
                              : "write options as layers=100,loss=bpr-max "
                                "or as a JSON object";
    return ext_error_set(error, SQLITE_ERROR, "'%s' is not name=value; %s",
                         ext_show_text(&(ext_show){""}, pair), advice);
}

/*
 * Checks that a source or a query is no SELECT without parentheses, because a SELECT has
 * commas and '=' of its own. Error: SQLITE_ERROR if it is. Any other name passes.
 */
static int check_query(const sink *to, const char *name, const char *value,
                       ext_error *error)
{
    if (!is_query(to, name) || !ext_select_is(value) || *value == '(')
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "a SELECT in name=value needs parentheses or quotes, because a "
                         "comma would end it; write %s=(SELECT ...), or a JSON object",
                         name);
}

/* Takes the quotes off a value in single quotes, in place; two inside become one. */
static void take_quotes(char *value)
{
    const size_t n = strlen(value);
    size_t n_left = 0;
    if (n < 2 || *value != '\'' || value[n - 1] != '\'')
        return;
    for (size_t i = 1; i < n - 1; i++) {
        i += value[i] == '\'' && value[i + 1] == '\'' && i + 1 < n - 1;
        value[n_left++] = value[i];
    }
    value[n_left] = '\0';
}

/* Sets one pair; in changes the value null, in any case of its letters, takes back. */
static int take_pair(const sink *to, const char *name, char *value, ext_error *error)
{
    if (check_query(to, name, value, error) != SQLITE_OK)
        return error->rc;
    if (is_query(to, name))
        take_quotes(value);
    const bool is_null = to->changes != NULL && sqlite3_stricmp(value, "null") == 0;
    return take(to, name, is_null ? NULL : value, error);
}

/*
 * Reads options from "name=value,..." into the destination to, pair by pair; stops at the
 * first failure. Errors: those of ext_options_check_list() and take_pair(), and
 * SQLITE_ERROR without '='.
 */
static int parse_pairs(const char *text, const sink *to, ext_error *error)
{
    int rc = SQLITE_OK;
    bool is_behind_candidates = false;
    while (rc == SQLITE_OK && *text) {
        if (ext_options_check_list(text, error) != SQLITE_OK)
            return error->rc;
        char *pair = ext_pairs_cut(&text, ext_pairs_end(text, is_query_pair(to, text)));
        const char *rest = pair;
        char *name =
            pair != NULL ? ext_pairs_cut(&rest, ext_pairs_find(rest, '=')) : NULL;
        char *value =
            name != NULL ? ext_pairs_cut(&rest, ext_pairs_find(rest, '\0')) : NULL;
        if (value == NULL)
            rc = ext_error_nomem(error);
        else if (strchr(pair, '=') == NULL)
            rc = fail_pair(to, pair, is_behind_candidates, error);
        else
            rc = take_pair(to, name, value, error);
        is_behind_candidates = name != NULL && is_candidates(name, to->scope);
        sqlite3_free(pair);
        sqlite3_free(name);
        sqlite3_free(value);
    }
    return rc;
}

/* ---- the forms of options ---- */

/*
 * Reads options into the destination to: as JSON if the text begins with {, else as
 * pairs. NULL has none. Error: SQLITE_ERROR if a model's options are longer than LONGEST;
 * those of the two forms.
 */
static int parse(sqlite3 *db, const char *text, const sink *to, ext_error *error)
{
    if (text == NULL)
        return SQLITE_OK;
    if (to->scope == GRU4REC_SCOPE_TRAIN && strlen(text) > LONGEST)
        return ext_error_set(error, SQLITE_ERROR,
                             "the options are longer than %d bytes; "
                             "leave out what is not an option",
                             LONGEST);
    text += strspn(text, space);
    return *text == '{' ? parse_json(db, text, to, error) : parse_pairs(text, to, error);
}

bool ext_options_is(const char *text)
{
    return !ext_select_is(text) &&
           (text[strspn(text, " \t\r\n")] == '{' || strchr(text, '=') != NULL);
}

int ext_options_parse(sqlite3 *db, const char *text, gru4rec_option_scope scope,
                      gru4rec_options *options, ext_columns *columns, ext_error *error)
{
    const sink to = {.scope = scope, .options = options, .columns = columns};
    return parse(db, text, &to, error);
}

int ext_options_parse_defaults(sqlite3 *db, const char *text, gru4rec_options *options,
                               ext_error *error)
{
    const sink to = {.scope = GRU4REC_SCOPE_TRAIN,
                     .options = options,
                     .are_defaults = true};
    return parse(db, text, &to, error);
}

int ext_options_parse_changes(sqlite3 *db, const char *text, ext_changes *changes,
                              ext_error *error)
{
    const sink to = {.scope = GRU4REC_SCOPE_TRAIN,
                     .options = changes->options,
                     .columns = &changes->columns,
                     .changes = changes};
    return parse(db, text, &to, error);
}

/* ---- options as text ---- */

int ext_options_resolve(gru4rec_options *options, ext_error *error)
{
    gru4rec_error message = {0};
    return ext_error_library(error, gru4rec_options_resolve(options, &message), &message);
}

bool ext_options_is_set(const gru4rec_options *options, const char *name)
{
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (strcmp(info.name, name) == 0)
            return gru4rec_option_is_set(options, i);
    }
    return false;
}

/* Appends the value of an option to json, in the JSON form of its type. */
static void append_value(sqlite3_str *json, gru4rec_option_type type, const char *text)
{
    switch (type) {
    case GRU4REC_OPTION_LIST:
        sqlite3_str_appendchar(json, 1, '[');
        for (; *text; text++)
            sqlite3_str_appendchar(json, 1, *text == '/' ? ',' : *text);
        sqlite3_str_appendchar(json, 1, ']');
        break;
    case GRU4REC_OPTION_BOOLEAN:
        sqlite3_str_appendall(json, text);
        break;
    case GRU4REC_OPTION_TEXT: /* words of the option table, or times: no escapes needed */
        sqlite3_str_appendf(json, "\"%s\"", text);
        break;
    default: /* a number, or a word that stands for one */
        sqlite3_str_appendf(json, strchr("-0123456789", *text) != NULL ? "%s" : "\"%s\"",
                            text);
        break;
    }
}

void ext_options_append(sqlite3_str *json, const gru4rec_options *options, size_t index)
{
    gru4rec_option_info info;
    char text[512];
    gru4rec_option_describe(index, &info);
    gru4rec_option_text(options, index, text, sizeof text);
    sqlite3_str_appendf(json, "\"%s\":", info.name);
    append_value(json, info.type, text);
}

char *ext_options_json(const gru4rec_options *options, bool is_all)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    const char *separator = "";
    sqlite3_str_appendchar(json, 1, '{');
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        if ((info.scope & GRU4REC_SCOPE_TRAIN) == 0 ||
            !(is_all || info.is_stored || gru4rec_option_is_set(options, i)))
            continue;
        sqlite3_str_appendall(json, separator);
        ext_options_append(json, options, i);
        separator = ",";
    }
    sqlite3_str_appendchar(json, 1, '}');
    return sqlite3_str_finish(json);
}

void ext_options_arguments(sqlite3_str *text, const gru4rec_options *options)
{
    gru4rec_option_info info;
    char value[512];
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        gru4rec_option_text(options, i, value, sizeof value);
        const bool is_other = info.is_stored && strcmp(value, info.default_text) != 0;
        if ((info.scope & GRU4REC_SCOPE_TRAIN) != 0 &&
            (is_other || gru4rec_option_is_set(options, i)))
            sqlite3_str_appendf(text, ", %s='%q'", info.name, value);
    }
}
