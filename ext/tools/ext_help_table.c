/*
 * ext_help_table.c - gru4rec_help([what]): a row for each function, table and option; see
 * ext_tools.h.
 *
 * A row is (name, kind, usage, help, notes, example). First come the rows of ext_help.c,
 * then one for each option of the library's table. If what is given, only the rows whose
 * name it is, with or without "gru4rec_" before it; if there are none, those whose name
 * contains it.
 */
#include "ext_tools.h"

#include <string.h>

enum { NAME, KIND, USAGE, HELP, NOTES, EXAMPLE, N_COLUMNS };
enum { WHAT, N_ARGUMENTS };

typedef struct help_cursor {
    ext_cursor base;            /* its row counts functions and tables, then options */
    const char *what;           /* borrowed from the argument; NULL: all rows */
    bool is_part;               /* a name fits if it contains what */
    ext_help function;          /* the current row, if it is a function or a table */
    gru4rec_option_info option; /* the current row, if it is an option */
} help_cursor;

static size_t count(void)
{
    return ext_help_count() + gru4rec_option_count();
}

static bool is_option(const help_cursor *cursor)
{
    return (size_t)cursor->base.row >= ext_help_count();
}

/* Reads the row of the cursor, which must be one, and returns its name. */
static const char *read_row(help_cursor *cursor)
{
    const size_t row = (size_t)cursor->base.row;
    if (is_option(cursor)) {
        gru4rec_option_describe(row - ext_help_count(), &cursor->option);
        return cursor->option.name;
    }
    cursor->function = *ext_help_row(row);
    return cursor->function.name;
}

/* Returns a name without the "gru4rec_" that functions begin with. */
static const char *short_name(const char *name)
{
    static const char prefix[] = "gru4rec_";
    const size_t n = sizeof prefix - 1;
    return sqlite3_strnicmp(name, prefix, (int)n) == 0 ? name + n : name;
}

/* Tells whether the name contains the part, whatever the case of their ASCII letters. */
static bool contains(const char *name, const char *part)
{
    const int n = (int)strlen(part);
    for (; *name != '\0'; name++)
        if (sqlite3_strnicmp(name, part, n) == 0)
            return true;
    return false;
}

static bool fits(const help_cursor *cursor, const char *name)
{
    if (cursor->what == NULL)
        return true;
    if (cursor->is_part)
        return contains(name, cursor->what);
    return sqlite3_stricmp(name, cursor->what) == 0 ||
           sqlite3_stricmp(short_name(name), cursor->what) == 0;
}

/* Goes to the first row from this one on whose name fits, or sets is_eof. */
static void go_to(help_cursor *cursor, int64_t row)
{
    cursor->base.is_eof = true;
    for (cursor->base.row = row;
         cursor->base.is_eof && (size_t)cursor->base.row < count();)
        if (fits(cursor, read_row(cursor)))
            cursor->base.is_eof = false;
        else
            cursor->base.row++;
}

/*
 * Returns the function whose short name shares the longest start with that of what, NULL
 * if none shares four characters, or two where what begins with "gru4rec_". People
 * mistype the end of a name, seldom its start.
 */
static const char *nearest_function(const char *what)
{
    const char *nearest = NULL;
    int longest = what == short_name(what) ? 3 : 1;
    what = short_name(what);
    for (size_t i = 0; i < ext_help_count(); i++) {
        const char *name = short_name(ext_help_row(i)->name);
        int n = 0;
        while (what[n] != '\0' && sqlite3_strnicmp(name, what, n + 1) == 0)
            n++;
        if (n > longest) {
            longest = n;
            nearest = ext_help_row(i)->name;
        }
    }
    return nearest;
}

/*
 * Sets the error for a name that fits nothing, SQLITE_ERROR, and returns its code. If no
 * function may be meant, the library says which option may be: it knows names of other
 * tools.
 */
static int refuse(const char *what, ext_error *error)
{
    char shown[100];
    gru4rec_options options;
    gru4rec_error advice = {""};
    const char *nearest = nearest_function(what);
    gru4rec_show(shown, sizeof shown, what, strlen(what));
    if (nearest != NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "no function or table '%s'; did you mean '%s'?", shown,
                             nearest);
    gru4rec_options_init(&options);
    gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, what, "", &advice);
    return ext_error_set(error, SQLITE_ERROR,
                         "no function or table '%s' (SELECT name FROM gru4rec_help lists "
                         "them), and %s",
                         shown, advice.message);
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    help_cursor *cursor = (help_cursor *)base;
    (void)idx_num;
    (void)argv;
    if (ext_value_text(&cursor->what, base->arguments[WHAT], "the name", error) !=
        SQLITE_OK)
        return error->rc;
    cursor->is_part = false;
    go_to(cursor, 0);
    if (base->is_eof) {
        cursor->is_part = true;
        go_to(cursor, 0);
    }
    return base->is_eof ? refuse(cursor->what, error) : SQLITE_OK;
}

/* The frame has counted the row. */
static int next(ext_cursor *base, ext_error *error)
{
    (void)error;
    go_to((help_cursor *)base, base->row);
    return SQLITE_OK;
}

/*
 * What an example must give before the option so that the option means something: a loss
 * with an ELU for elu_param, and baselines for the options of baselines.
 */
static const char *before(const gru4rec_option_info *option)
{
    if (strcmp(option->name, "elu_param") == 0)
        return "loss=bpr-max, ";
    if (option->scope & GRU4REC_SCOPE_TRAIN || strcmp(option->name, "baselines") == 0)
        return "";
    return option->scope & GRU4REC_SCOPE_EVALUATE ? "baselines=all, " : "";
}

/*
 * The example of an option: a call that takes the option, with its default. Returned in
 * memory of SQLite, or NULL.
 */
static char *make_example(const gru4rec_option_info *option)
{
    static const struct {
        gru4rec_option_scope scope;
        const char *form;
    } calls[] = {
        {GRU4REC_SCOPE_TRAIN, "SELECT gru4rec_train('rec', '%s%s=%s')"},
        {GRU4REC_SCOPE_EVALUATE,
         "SELECT * FROM gru4rec_evaluate('rec', 'clicks_test', '%s%s=%s')"},
        {GRU4REC_SCOPE_EXPORT, "SELECT length(gru4rec_export('rec', NULL, '%s%s=%s'))"},
        {GRU4REC_SCOPE_COMPARE,
         "SELECT * FROM gru4rec_compare('rec', 'rec', 'clicks_test', '%s%s=%s')"},
        {GRU4REC_SCOPE_TUNE, "SELECT gru4rec_tune('rec', '%s%s=%s')"},
        {GRU4REC_SCOPE_PLOT, "SELECT gru4rec_plot('rec', 'items', '%s%s=%s')"},
    };
    size_t i = 0;
    while ((option->scope & calls[i].scope) == 0)
        i++;
    return sqlite3_mprintf(calls[i].form, before(option), option->name,
                           option->default_text);
}

static void option_column(const gru4rec_option_info *option, sqlite3_context *context,
                          int i)
{
    char *text = NULL;
    if (i == NAME || i == HELP || i == KIND) {
        const char *known = i == NAME   ? option->name
                            : i == HELP ? option->help
                                        : "option";
        sqlite3_result_text(context, known, -1, SQLITE_STATIC);
        return;
    }
    if (i == USAGE)
        text = sqlite3_mprintf("%s=VALUE; VALUE: %s", option->name, option->range);
    else if (i == EXAMPLE)
        text = make_example(option);
    else
        text = option->default_text[0] == '\0'
                   ? sqlite3_mprintf("Without it: nothing is given.")
                   : sqlite3_mprintf("Default: %s.", option->default_text);
    if (text == NULL)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, text, -1, sqlite3_free);
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const help_cursor *cursor = (const help_cursor *)base;
    if (is_option(cursor)) {
        option_column(&cursor->option, context, i);
        return;
    }
    const ext_help *help = &cursor->function;
    const char *const texts[N_COLUMNS] = {
        [NAME] = help->name, [KIND] = help->kind,   [USAGE] = help->usage,
        [HELP] = help->help, [NOTES] = help->notes, [EXAMPLE] = help->example,
    };
    sqlite3_result_text(context, texts[i], -1, SQLITE_STATIC);
}

static void stop(ext_cursor *base)
{
    (void)base;
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [WHAT] = {"what", "what = 'gru4rec_train'"},
};

const ext_table_function ext_help_table = {
    .name = "gru4rec_help",
    .declaration = "CREATE TABLE x(name TEXT, kind TEXT, usage TEXT, help TEXT, "
                   "notes TEXT, example TEXT, what BLOB HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(help_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_rows = 100,
    .cost = 200,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
