/*
 * ext_options_table.c - gru4rec_options: a table with a row for each option; see
 * ext_tools.h.
 *
 * A row is (name, default_value, range, help, scope). The rows have the order of the
 * library's table of options. scope names the calls that take the option: train,
 * evaluate, export, compare, tune, or two of them.
 */
#include "ext_tools.h"

enum { NAME, DEFAULT_VALUE, RANGE, HELP, SCOPE, N_COLUMNS };

/*
 * Moves the cursor to option i (0-based) of the library's table; sets is_eof if there is
 * no such option, else clears it.
 */
static void go_to(ext_cursor *cursor, size_t i)
{
    cursor->row = (int64_t)i;
    cursor->is_eof = i >= gru4rec_option_count();
}

static int start(ext_cursor *cursor, int idx_num, sqlite3_value **argv, ext_error *error)
{
    (void)idx_num;
    (void)argv;
    (void)error;
    go_to(cursor, 0);
    return SQLITE_OK;
}

/*
 * Makes cursor->row the current option, or sets is_eof. Adds nothing to cursor->row: the
 * frame (ext_table.c) has already added 1.
 */
static int next(ext_cursor *cursor, ext_error *error)
{
    (void)error;
    go_to(cursor, (size_t)cursor->row);
    return SQLITE_OK;
}

/*
 * Returns the names of the calls that take an option of that scope, such as "train,
 * evaluate"; static. scope must be one that an option of the library has.
 */
static const char *scope_text(gru4rec_option_scope scope)
{
    static const char *const texts[] = {
        [GRU4REC_SCOPE_TRAIN] = "train",
        [GRU4REC_SCOPE_EVALUATE] = "evaluate",
        [GRU4REC_SCOPE_TRAIN | GRU4REC_SCOPE_EVALUATE] = "train, evaluate",
        [GRU4REC_SCOPE_EVALUATE | GRU4REC_SCOPE_EXPORT] = "evaluate, export",
        [GRU4REC_SCOPE_EVALUATE | GRU4REC_SCOPE_TUNE] = "evaluate, tune",
        [GRU4REC_SCOPE_EXPORT] = "export",
        [GRU4REC_SCOPE_COMPARE] = "compare",
        [GRU4REC_SCOPE_TUNE] = "tune",
        [GRU4REC_SCOPE_PLOT] = "plot",
    };
    return texts[scope];
}

static void column(const ext_cursor *cursor, sqlite3_context *context, int i)
{
    gru4rec_option_info info;
    gru4rec_option_describe((size_t)cursor->row, &info);
    const char *const texts[N_COLUMNS] = {
        [NAME] = info.name, [DEFAULT_VALUE] = info.default_text, [RANGE] = info.range,
        [HELP] = info.help, [SCOPE] = scope_text(info.scope),
    };
    sqlite3_result_text(context, texts[i], -1, SQLITE_TRANSIENT);
}

static void stop(ext_cursor *cursor)
{
    (void)cursor;
}

const ext_table_function ext_options_table = {
    .name = "gru4rec_options",
    .declaration = "CREATE TABLE x(name TEXT, default_value TEXT, range TEXT, help TEXT, "
                   "scope TEXT)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(ext_cursor),
    .n_columns = N_COLUMNS,
    .n_rows = 64,
    .cost = 100,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
