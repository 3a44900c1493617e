/*
 * ext_audit.c - gru4rec_audit(model or source [, test source] [, options]): what is wrong
 * with a log, and with a test; see ext_tools.h.
 *
 * The table has a row for each check, always the same checks in the same order. The whole
 * audit happens before the first row. Column value is the number of cases that were
 * found. It is NULL if the check did not run: the call has no test, or the model has no
 * source or one that does not exist any more. It is 'unknown' if the check needs facts
 * that are not known.
 * Views and triggers cannot use the table, because it runs SQL that is given as text.
 */
#include "ext_tools.h"

#include <string.h>

enum { CHECK_NAME, SEVERITY, VALUE, ADVICE, N_COLUMNS };
enum { MODEL, TEST, OPTIONS, N_ARGUMENTS };

typedef struct audit_cursor {
    ext_cursor base;
    ext_audit_line lines[EXT_AUDIT_CHECKS];
} audit_cursor;

static void stop(ext_cursor *base)
{
    audit_cursor *cursor = (audit_cursor *)base;
    for (int i = 0; i < EXT_AUDIT_CHECKS; i++) {
        sqlite3_free(cursor->lines[i].advice);
        cursor->lines[i] = (ext_audit_line){0};
    }
}

/*
 * Ends the snapshot if it is still open, releases the version, and frees all else that
 * the work of an audit holds. It does not free the struct.
 */
static void release(ext_audit_work *work)
{
    for (int i = 0; i < EXT_AUDIT_CHECKS; i++) {
        sqlite3_free(work->findings[i].example);
        sqlite3_free(work->findings[i].advice);
        sqlite3_free(work->findings[i].detail);
    }
    ext_snapshot_end(&work->snapshot);
    ext_leak_close(&work->leak);
    gru4rec_items_free(work->items);
    ext_model_release(work->model);
    ext_options_free_columns(&work->columns);
    ext_config_free(&work->config);
    sqlite3_free(work->no_log);
    ext_home_clear(&work->home);
}

/*
 * Checks that given, the options of the call, has none that the audit does not use. It
 * uses, if there is a log, those of a training that say how events are prepared and how
 * large a batch is; and, if a model is audited, version. SQLITE_ERROR: it has another.
 */
static int check_options(const ext_audit_work *work, const gru4rec_options *given,
                         ext_error *error)
{
    const int both =
        EXT_USES_MEMORY | EXT_USES_COLUMNS | (work->has_model ? EXT_USES_VERSION : 0);
    if (work->has_model && work->config.source == NULL)
        return ext_uses_check(given, &work->columns, both,
                              "without a source, gru4rec_audit()", "leave it out", error);
    return ext_uses_check(given, &work->columns,
                          both | EXT_USES_EVENTS | EXT_USES_BATCHES, "gru4rec_audit()",
                          "it takes the options that prepare events, such as "
                          "session_gap, and batch_size, n_sample, preset and "
                          "memory_limit, and for a model version",
                          error);
}

/*
 * Fills in work->options: the options of the model if a model is audited, else the
 * defaults; over these, the options of the call (text; NULL: none). Puts the columns that
 * the call names into work->columns. Checks the options of the call (check_options()),
 * and resolves work->options (ext_options_resolve()).
 */
static int read_options(ext_audit_work *work, const char *text, ext_error *error)
{
    const gru4rec_option_scope scope =
        (gru4rec_option_scope)(GRU4REC_SCOPE_TRAIN | GRU4REC_SCOPE_EVALUATE);
    sqlite3 *db = work->home.db;
    gru4rec_options given;
    gru4rec_options_init(&given);
    int rc = ext_options_parse(db, text, scope, &given, &work->columns, error);
    if (rc == SQLITE_OK)
        rc = check_options(work, &given, error);
    if (rc == SQLITE_OK && work->has_model)
        rc = ext_config_options(&work->config, &work->home, &work->options, error);
    if (rc == SQLITE_OK)
        rc = ext_options_parse(db, text, scope, &work->options, &work->columns, error);
    return rc == SQLITE_OK ? ext_options_resolve(&work->options, error) : rc;
}

/*
 * Finds out whether text is the name of a model, and sets has_model. A SELECT never is.
 * If text is the name of a model, fills in work->home, takes the model into use
 * (ext_schema_take()), starts the snapshot, which find_version() ends, and reads the
 * model's config. Else text is a source, and only home.db is set. own: home of the table
 * gru4rec_audit.
 */
static int find_model(ext_audit_work *work, const ext_home *own, const char *text,
                      ext_error *error)
{
    bool is_found = false;
    int rc = SQLITE_OK;
    if (!ext_select_is(text))
        rc = ext_schema_find(&work->home, own->db, own->connection, text, &is_found,
                             error);
    work->home.db = own->db;
    work->has_model = is_found;
    if (rc == SQLITE_OK && is_found)
        rc = ext_schema_take(&work->home, true, false, error);
    if (rc == SQLITE_OK && is_found)
        rc = ext_snapshot_start(&work->snapshot, &work->home, error);
    return rc == SQLITE_OK && is_found
               ? ext_config_read(&work->config, &work->home, error)
               : rc;
}

/*
 * Acquires the version that the option version of the audit means (the active one by
 * default) as work->model, and opens the search for leaks on it. Then ends the snapshot,
 * also after a failure. Does nothing if no model is audited.
 * If the model has no such version, work->model stays NULL, and no search is opened.
 * SQLITE_ERROR: the option version was given, and there is no such version.
 */
static int find_version(ext_audit_work *work, ext_error *error)
{
    const ext_choice choice = ext_choice_of_option(work->options.version);
    ext_version version = {0};
    if (!work->has_model)
        return SQLITE_OK;
    int rc = ext_choice_look(&version, &choice, &work->home, error);
    if (rc == SQLITE_OK &&
        (version.version != 0 || ext_options_is_set(&work->options, "version")))
        rc = ext_model_acquire_version(&work->model, &work->home, &choice, error);
    if (rc == SQLITE_OK && work->model != NULL)
        rc = ext_leak_open(&work->leak, &work->budget, &work->home, work->model->version,
                           error);
    ext_snapshot_end(&work->snapshot);
    return rc;
}

/*
 * Starts the budget by the option memory_limit. Then finds the version (find_version()),
 * reads and audits the log, and reads and audits the test (test NULL: there is none). A
 * model without a source has no log: then only the test is audited.
 * SQLITE_ERROR: the model has no source, and either the call has no test, or the model
 * has no version to compare it with; or a memory limit is reached.
 */
static int look(ext_audit_work *work, const char *text, const char *test,
                ext_error *error)
{
    const bool has_log = !work->has_model || work->config.source != NULL;
    ext_budget_start(&work->budget, work->options.memory_limit);
    if (!has_log && test == NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "model '%s' has no source to audit; name a test as the "
                             "second argument, or audit a source",
                             work->home.name);
    int rc = find_version(work, error);
    if (rc == SQLITE_OK && !has_log && work->model == NULL)
        rc = ext_version_fail_untrained(&work->home, error);
    if (rc == SQLITE_OK && has_log)
        rc = ext_audit_look_log(work, text, test != NULL, error);
    if (rc == SQLITE_OK && test != NULL)
        rc = ext_audit_look_test(work, test, error);
    return ext_budget_explain(&work->budget, "the audit",
                              "use fewer events (a source with WHERE)", error);
}

/*
 * Details of the skipped checks of a log (no_source), and of a test (no_test): what the
 * user can do so that these checks run.
 */
static const char no_source[] = "the model has no source; audit the log by another call, "
                                "gru4rec_audit(source)";
static const char no_test[] =
    "name a test as the second argument: gru4rec_audit(model or source, test)";

/*
 * Fills in cursor->lines, the rows of all checks, from the findings of the work. First
 * gives each skipped check a detail that says why it did not run: there is no test, the
 * log could not be read, or the model has no source.
 */
static int write_lines(audit_cursor *cursor, ext_audit_work *work, ext_error *error)
{
    for (int i = 0; i < EXT_AUDIT_CHECKS; i++) {
        ext_audit_finding *finding = &work->findings[i];
        if (finding->state == EXT_AUDIT_SKIPPED)
            finding->detail =
                i >= EXT_AUDIT_UNKNOWN_ITEMS ? sqlite3_mprintf("%s", no_test)
                : work->no_log != NULL
                    ? sqlite3_mprintf("the log was not audited: %s", work->no_log)
                    : sqlite3_mprintf("%s", no_source);
        if (finding->state == EXT_AUDIT_SKIPPED && finding->detail == NULL)
            return ext_error_nomem(error);
        if (ext_audit_rules_row(&cursor->lines[i], finding, (ext_audit_check)i, error) !=
            SQLITE_OK)
            return error->rc;
    }
    return SQLITE_OK;
}

/*
 * Reads the arguments of the table as texts. *test and *options: out, NULL if not given.
 * If the argument options is not given, and the argument test looks like options
 * (ext_options_is()), the latter is taken for the options: *test is NULL then. The texts
 * are borrowed from the arguments; *model can also be in *room. SQLITE_ERROR: the first
 * argument is NULL, or an argument is no valid text.
 */
static int read_arguments(const ext_cursor *base, const char **model, ext_name *room,
                          const char **test, const char **options, ext_error *error)
{
    int rc = ext_value_name(model, room, base->arguments[MODEL], error);
    if (rc == SQLITE_OK && *model == NULL)
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = ext_value_text(test, base->arguments[TEST], "the test source", error);
    if (rc == SQLITE_OK)
        rc = ext_value_text(options, base->arguments[OPTIONS], "the options", error);
    if (rc == SQLITE_OK && *options == NULL && *test != NULL && ext_options_is(*test)) {
        *options = *test;
        *test = NULL;
    }
    return rc;
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    audit_cursor *cursor = (audit_cursor *)base;
    ext_audit_work *work = sqlite3_malloc(sizeof *work);
    const char *model, *test, *options;
    ext_name room;
    (void)idx_num;
    (void)argv;
    if (work == NULL)
        return ext_error_nomem(error);
    *work = (ext_audit_work){.home.db = ext_table_home(base)->db};
    gru4rec_options_init(&work->options);
    int rc = read_arguments(base, &model, &room, &test, &options, error);
    if (rc == SQLITE_OK)
        rc = find_model(work, ext_table_home(base), model, error);
    if (rc == SQLITE_OK)
        rc = read_options(work, options, error);
    if (rc == SQLITE_OK)
        rc = look(work, model, test, error);
    if (rc == SQLITE_OK)
        rc = write_lines(cursor, work, error);
    release(work);
    sqlite3_free(work);
    base->is_eof = rc != SQLITE_OK;
    return rc;
}

static int next(ext_cursor *base, ext_error *error)
{
    (void)error;
    base->is_eof = base->row >= EXT_AUDIT_CHECKS;
    return SQLITE_OK;
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const ext_audit_line *line = &((const audit_cursor *)base)->lines[base->row];
    if (i == CHECK_NAME)
        sqlite3_result_text(context, line->name, -1, SQLITE_STATIC);
    else if (i == SEVERITY)
        sqlite3_result_text(context, line->severity, -1, SQLITE_STATIC);
    else if (i == ADVICE)
        sqlite3_result_text(context, line->advice, -1, SQLITE_TRANSIENT);
    else if (line->state == EXT_AUDIT_COUNTED)
        sqlite3_result_int64(context, line->n);
    else if (line->state == EXT_AUDIT_UNKNOWN)
        sqlite3_result_text(context, "unknown", -1, SQLITE_STATIC);
    else
        sqlite3_result_null(context);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [TEST] = {"test", "test = 'clicks_test'"},
    [OPTIONS] = {"options", "options = 'session_gap=1800'"},
};

const ext_table_function ext_audit = {
    .name = "gru4rec_audit",
    .declaration = "CREATE TABLE x(check_name TEXT, severity TEXT, value, advice TEXT, "
                   "model BLOB HIDDEN, test BLOB HIDDEN, options BLOB HIDDEN)",
    .trust = SQLITE_VTAB_DIRECTONLY,
    .cursor_bytes = sizeof(audit_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = MODEL + 1,
    .usage = "needs a model or a source of events; write gru4rec_audit('clicks')",
    .n_rows = EXT_AUDIT_CHECKS,
    .cost = 1e9,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
