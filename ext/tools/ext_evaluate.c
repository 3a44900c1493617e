/*
 * ext_evaluate.c - gru4rec_evaluate(model, source [, options]): measures a model and
 * baselines on test events; see ext_tools.h.
 *
 * The table has a row for each method, segment and cut-off. Rows of a segment without an
 * event are left out. The whole evaluation happens before the first row.
 * Views and triggers cannot use the table, because it runs SQL that is given as text.
 */
#include "ext_tools.h"

enum {
    METHOD,
    K,
    RECALL,
    MRR,
    NDCG,
    COVERAGE,
    POPULARITY,
    EVENTS,
    SESSIONS,
    SKIPPED,
    TIES,
    WARNINGS,
    RECALL_CI,
    MRR_CI,
    NDCG_CI,
    SEGMENT,
    N_COLUMNS
};
enum { MODEL, SOURCE, OPTIONS, N_ARGUMENTS };

typedef struct evaluate_cursor {
    ext_cursor base;
    gru4rec_metrics *metrics; /* (n) owned; of sqlite3_malloc */
    size_t n;
    int64_t n_skipped; /* events dropped because the model does not know their item */
    char *warnings;    /* what the user must know of the figures; NULL: nothing */
} evaluate_cursor;

/*
 * What one call of gru4rec_evaluate() works with. All zero at first. start() frees it
 * before the first row is given.
 */
typedef struct evaluate_call {
    ext_home home; /* of the model */
    ext_budget budget;
    ext_ranks ranks; /* with option ranks=all, until the figures are there */
    /* The request. Its test, its baselines and its fingerprints are in the budget. */
    ext_measurement measurement;
} evaluate_call;

static void stop(ext_cursor *base)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    sqlite3_free(cursor->metrics);
    sqlite3_free(cursor->warnings);
    cursor->metrics = NULL;
    cursor->warnings = NULL;
    cursor->n = 0;
}

/*
 * With option ranks=all, waits for the other ranks, and checks that they are given the
 * same options (text, NULL: none). Then the caller ends that by ext_ranks_close().
 */
static int meet_ranks(evaluate_call *call, sqlite3 *db, const char *text,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    if (!call->measurement.options.ranks ||
        ext_ranks_open(&call->ranks, db, "gru4rec_evaluate()", error) != SQLITE_OK)
        return error->rc;
    call->measurement.ranks = &call->ranks;
    int rc = ext_sql_prepare(db, &stmt, error,
                             "SELECT json_object('options', coalesce(?1, ''))");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = ext_ranks_compare(&call->ranks, (const char *)sqlite3_column_text(stmt, 0),
                               error);
    return ext_sql_finish(stmt, rc, NULL, error);
}

/*
 * Reads the argument options and sets the options of the measurement; waits for the other
 * ranks, if the options say so; acquires the
 * version; starts the budget (ext_measure_limit()); and reads the test events and the
 * candidates. Also looks for sessions of the test that the version was trained on.
 * SQLITE_ERROR: an option is wrong, or is one of a baseline that is not measured; or as
 * for ext_measure_hold() and ext_measure_read().
 */
static int read_call(evaluate_call *call, const ext_cursor *base, const char *source,
                     ext_error *error)
{
    ext_measurement *request = &call->measurement;
    const ext_home *own = ext_table_home(base);
    const char *options;
    gru4rec_options_init(&request->options);
    if (ext_value_text(&options, base->arguments[OPTIONS], "the options", error) !=
            SQLITE_OK ||
        ext_options_parse(own->db, options, GRU4REC_SCOPE_EVALUATE, &request->options,
                          &request->columns, error) != SQLITE_OK ||
        ext_fit_check_options(&request->options, request->options.baselines,
                              "add it to option baselines", error) != SQLITE_OK ||
        meet_ranks(call, own->db, options, error) != SQLITE_OK)
        return error->rc;
    const ext_choice choice = ext_choice_of_option(request->options.version);
    request->finds_leaks = true;
    if (ext_measure_hold(request, &call->home, own->connection, base->arguments[MODEL],
                         &choice, error) != SQLITE_OK)
        return error->rc;
    ext_budget_start(&call->budget, ext_measure_limit(request));
    return ext_measure_read(request, &call->budget, &call->home, source, error);
}

/*
 * Moves the rows that are shown (ext_measure_is_shown()) to the front, in their order,
 * and returns how many these are. If no row is shown, moves nothing and returns n.
 */
static size_t leave_out_empty(gru4rec_metrics *metrics, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (ext_measure_is_shown(metrics[i].segment, metrics[i].events))
            metrics[n_left++] = metrics[i];
    return n_left > 0 ? n_left : n;
}

/*
 * Fits the baselines, measures the version, its network alone if the version blends, and
 * the baselines, and appends the warnings. Fills in the cursor: its rows (without those
 * of empty segments), n_skipped, and the warnings, which it moves out of the measurement.
 * If measuring fails, cursor->n is 0.
 */
static int compute(evaluate_cursor *cursor, evaluate_call *call, ext_error *error)
{
    ext_measurement *request = &call->measurement;
    ext_budget *budget = &call->budget;
    if (ext_fit_baselines(request, budget, &call->home, error) != SQLITE_OK)
        return error->rc;
    const size_t n = ext_measure_count(request);
    cursor->metrics = sqlite3_malloc64(n * sizeof *cursor->metrics);
    if (cursor->metrics == NULL)
        return ext_error_nomem(error);
    int rc = ext_measure_run(request, budget, call->home.db, cursor->metrics, error);
    cursor->n_skipped = request->test.dataset->n_unknown;
    cursor->n = rc == SQLITE_OK ? leave_out_empty(cursor->metrics, n) : 0;
    if (rc == SQLITE_OK)
        rc = ext_measure_warn_all(request, cursor->metrics[0].events > 0, error);
    cursor->warnings = request->warnings;
    request->warnings = NULL;
    return rc;
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    evaluate_call call = {0};
    const char *source;
    (void)idx_num;
    (void)argv;
    int rc = ext_value_text(&source, base->arguments[SOURCE], "the source", error);
    if (rc == SQLITE_OK && source == NULL)
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = read_call(&call, base, source, error);
    if (rc == SQLITE_OK)
        rc = compute(cursor, &call, error);
    rc = ext_ranks_close(&call.ranks, error);
    if (rc != SQLITE_OK)
        cursor->n = 0;
    ext_measure_free(&call.measurement);
    ext_home_clear(&call.home);
    base->is_eof = cursor->n == 0;
    return rc;
}

static int next(ext_cursor *base, ext_error *error)
{
    (void)error;
    base->is_eof = base->row >= (int64_t)((evaluate_cursor *)base)->n;
    return SQLITE_OK;
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const evaluate_cursor *cursor = (const evaluate_cursor *)base;
    const gru4rec_metrics *m = &cursor->metrics[base->row];
    const double reals[] = {m->recall, m->mrr, m->ndcg, m->coverage, m->popularity};
    const double widths[] = {m->recall_ci, m->mrr_ci, m->ndcg_ci};
    const int64_t integers[] = {m->events, m->sessions, cursor->n_skipped, m->ties};
    if (i == METHOD)
        sqlite3_result_text(context, m->method, -1, SQLITE_STATIC);
    else if (i == K)
        sqlite3_result_int64(context, m->k);
    else if (i == WARNINGS)
        sqlite3_result_text(context, cursor->warnings, -1, SQLITE_TRANSIENT);
    else if (i == SEGMENT)
        sqlite3_result_text(context, m->segment, -1, SQLITE_STATIC);
    else if (i >= RECALL_CI)
        sqlite3_result_double(context, widths[i - RECALL_CI]); /* SQLite makes NAN NULL */
    else if (i < EVENTS)
        sqlite3_result_double(context, reals[i - RECALL]); /* SQLite makes NAN NULL */
    else
        sqlite3_result_int64(context, integers[i - EVENTS]);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [SOURCE] = {"source", "source = 'clicks'"},
    [OPTIONS] = {"options", "options = 'cutoffs=20'"},
};

const ext_table_function ext_evaluate = {
    .name = "gru4rec_evaluate",
    .declaration =
        "CREATE TABLE x(method TEXT, k INTEGER, recall REAL, mrr REAL, ndcg REAL, "
        "coverage REAL, popularity REAL, events INTEGER, sessions INTEGER, "
        "skipped INTEGER, ties INTEGER, warnings TEXT, "
        "recall_ci REAL, mrr_ci REAL, ndcg_ci REAL, segment TEXT, "
        "model BLOB HIDDEN, source BLOB HIDDEN, options BLOB HIDDEN)",
    .trust = SQLITE_VTAB_DIRECTONLY,
    .cursor_bytes = sizeof(evaluate_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = SOURCE + 1,
    .usage = "needs a model and a source of test events; write "
             "gru4rec_evaluate('model', 'table')",
    .n_rows = 10,
    .cost = 1e9,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
