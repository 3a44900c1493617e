/*
 * ext_evaluate.c - gru4rec_evaluate(model, source [, options]); see ext_tools.h.
 *
 * A row per method, segment and cut-off. The whole evaluation happens when the first row is
 * asked for. It runs SQL that is given as text, so views and triggers cannot use it.
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
    gru4rec_metrics *metrics; /* (n) */
    size_t n;
    int64_t n_skipped; /* events dropped because the model does not know their item */
    char *warnings;    /* or NULL */
} evaluate_cursor;

/* What is measured, and how. */
typedef struct measurement {
    ext_model *model;  /* held */
    ext_budget budget; /* of all that is taken beside it */
    gru4rec_options options;
    ext_columns columns;
    ext_rows candidates;                              /* of columns.candidates */
    gru4rec_baseline *baselines[GRU4REC_N_BASELINES]; /* (n) */
    size_t n_baselines;
    ext_source source;
    ext_events test;
} measurement;

static void stop(ext_cursor *base)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    sqlite3_free(cursor->metrics);
    sqlite3_free(cursor->warnings);
    cursor->metrics = NULL;
    cursor->warnings = NULL;
    cursor->n = 0;
}

/* Opens the source with columns that are called as the model's; order only where it has
 * such a column. */
static int open_like_model(measurement *request, ext_config *config, const ext_home *home,
                           const char *text, ext_error *error)
{
    const bool has_order = config->columns.order != NULL;
    int rc = ext_config_open_source(config, home, text, &request->columns,
                                    &request->source, error);
    if (rc == SQLITE_OK || !has_order || !ext_error_is(error, SQLITE_ERROR))
        return rc;
    ext_error_clear(error);
    sqlite3_free(config->columns.order);
    config->columns.order = NULL;
    return ext_config_open_source(config, home, text, &request->columns, &request->source,
                                  error);
}

/* Opens the source of test events. Its columns are called as the model's where it has
 * such, else they are guessed. */
static int open_source(measurement *request, const ext_cursor *base, const char *text,
                       ext_error *error)
{
    const ext_home *own = ext_table_home(base);
    ext_config config = {0};
    ext_error ignored = {0};
    ext_home home = {0};
    const char *model;
    ext_name room;
    bool is_found;
    int rc = ext_value_name(&model, &room, base->arguments[MODEL], error);
    if (rc == SQLITE_OK)
        rc = ext_schema_find(&home, own->db, own->connection, model, &is_found, error);
    if (rc == SQLITE_OK)
        rc = ext_config_read(&config, &home, error);
    if (rc == SQLITE_OK &&
        open_like_model(request, &config, &home, text, &ignored) != SQLITE_OK)
        rc = ext_error_is(&ignored, SQLITE_ERROR)
                 ? ext_source_open(&request->source, home.db, home.schema, text,
                                   &request->columns, error)
                 : ext_error_wrap(error, &ignored, "", "");
    ext_error_clear(&ignored);
    ext_config_free(&config);
    ext_home_clear(&home);
    return rc;
}

/* The rows of the items that alone are ranked. */
static int read_candidates(measurement *request, sqlite3 *db, ext_error *error)
{
    const char *text = request->columns.candidates;
    const ext_loaded *loaded = &request->model->loaded;
    ext_rows *rows = &request->candidates;
    ext_ids ids = {.items = loaded->items,
                   .keeps_empty = loaded->options.keep_empty != 0,
                   .what = "candidates",
                   .rows = rows};
    sqlite3_stmt *stmt;
    if (text == NULL)
        return SQLITE_OK;
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT ?1");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = ext_ids_read(&ids, db, sqlite3_column_value(stmt, 0), error);
    rc = ext_sql_finish(stmt, rc, NULL, error);
    ext_rows_sort(rows);
    if (rc == SQLITE_OK && rows->n == 0)
        rc = ext_error_set(
            error, SQLITE_ERROR,
            "none of the candidates is an item of the model; give ids that "
            "it knows, as {\"candidates\":[17,42]}, or candidates=sample=100: %s",
            ext_show_text(&(ext_show){""}, text));
    return rc;
}

static int read_request(measurement *request, const ext_cursor *base, const char *source,
                        ext_error *error)
{
    const ext_home *own = ext_table_home(base);
    const char *options;
    gru4rec_options_init(&request->options);
    if (ext_model_acquire_named(&request->model, own->connection, base->arguments[MODEL],
                                error) != SQLITE_OK ||
        ext_value_text(&options, base->arguments[OPTIONS], "the options", error) !=
            SQLITE_OK ||
        ext_options_parse(own->db, options, GRU4REC_SCOPE_EVALUATE, &request->options,
                          &request->columns, error) != SQLITE_OK ||
        read_candidates(request, own->db, error) != SQLITE_OK ||
        open_source(request, base, source, error) != SQLITE_OK)
        return error->rc;
    const ext_loaded *loaded = &request->model->loaded;
    const int64_t own_limit = request->options.memory_limit;
    ext_budget_start(&request->budget,
                     own_limit > 0 ? own_limit : loaded->options.memory_limit);
    return ext_read_events(&request->test, &request->budget, &request->source,
                           loaded->items, &loaded->options, error);
}

static void free_request(measurement *request)
{
    ext_read_free(&request->test);
    ext_source_close(&request->source);
    ext_options_free_columns(&request->columns);
    ext_rows_free(&request->candidates);
    for (size_t i = 0; i < request->n_baselines; i++)
        gru4rec_baseline_free(request->baselines[i]);
    ext_model_release(request->model);
}

static int on_poll(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ext_poll_check(context);
}

/* The baselines that the options name. */
static int fit_baselines(measurement *request, ext_poll *poll, ext_error *error)
{
    const gru4rec_items *items = request->model->loaded.items;
    const gru4rec_baseline_data data = {.n_items = gru4rec_items_count(items),
                                        .support = gru4rec_items_support(items)};
    for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++) {
        gru4rec_baseline **place = &request->baselines[request->n_baselines];
        gru4rec_error message = {0};
        if (!gru4rec_baseline_is_asked(&request->options, (gru4rec_baseline_kind)kind))
            continue;
        const gru4rec_status status =
            gru4rec_baseline_new(&request->budget.allocator, (gru4rec_baseline_kind)kind,
                                 &request->options, &data, ext_poll_is_stopped, poll,
                                 place, &message);
        if (ext_error_library(error, status, &message) != SQLITE_OK)
            return error->rc;
        request->n_baselines++;
    }
    return SQLITE_OK;
}

/* What makes the ranking not a full one; nothing where all items are ranked after all. */
static void warn_partial(sqlite3_str *text, const char *separator,
                         const measurement *request)
{
    const gru4rec_options *options = &request->options;
    const int64_t n_items = gru4rec_items_count(request->model->loaded.items);
    const int64_t n_drawn = options->candidates,
                  n_listed = (int64_t)request->candidates.n;
    if (n_drawn > 0 && n_drawn < n_items - 1)
        sqlite3_str_appendf(text,
                            "%snot comparable with full rankings: each target was ranked "
                            "among %lld sampled item%s (seed %lld)",
                            separator, n_drawn, n_drawn > 1 ? "s" : "", options->seed);
    else if (n_listed > 0 && n_listed < n_items)
        sqlite3_str_appendf(text,
                            "%snot comparable with full rankings: only %lld candidate%s "
                            "ranked",
                            separator, n_listed, n_listed > 1 ? "s were" : " was");
}

/* What whoever reads the figures must know. */
static int warn(evaluate_cursor *cursor, const measurement *request, ext_error *error)
{
    const int64_t n_bad = request->test.n_bad;
    const char *separator = "";
    sqlite3_str *text = sqlite3_str_new(NULL);
    if (cursor->metrics[0].events == 0) {
        sqlite3_str_appendall(text, "there was no event to rank: a session needs two "
                                    "events of items that the model knows");
        separator = "; ";
    }
    if (n_bad > 0) {
        sqlite3_str_appendf(text, "%s%lld row%s that cannot be read (bad_rows)",
                            separator, n_bad, n_bad > 1 ? "s have times" : " has a time");
        separator = "; ";
    }
    warn_partial(text, separator, request);
    const int rc = sqlite3_str_errcode(text);
    cursor->warnings = sqlite3_str_finish(text);
    return rc == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}

/* Leaves out segments without a target, unless there is no target at all; returns how many
 * rows are left. */
static size_t leave_out_empty(gru4rec_metrics *metrics, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (metrics[i].segment == NULL || metrics[i].events > 0)
            metrics[n_left++] = metrics[i];
    return n_left > 0 ? n_left : n;
}

static int measure(evaluate_cursor *cursor, const measurement *request, ext_poll *poll,
                   ext_error *error)
{
    const ext_loaded *loaded = &request->model->loaded;
    const gru4rec_evaluation what = {.model = loaded->model,
                                     .support = gru4rec_items_support(loaded->items),
                                     .test = request->test.dataset,
                                     .baselines = (const gru4rec_baseline *const *)
                                                      request->baselines,
                                     .n_baselines = request->n_baselines,
                                     .candidates = request->candidates.rows,
                                     .n_candidates = request->candidates.n};
    const size_t n = gru4rec_evaluate_count(&what, &request->options);
    const gru4rec_hooks hooks = {.poll = on_poll, .context = poll};
    gru4rec_error message = {0};
    cursor->metrics = sqlite3_malloc64(n * sizeof *cursor->metrics);
    if (cursor->metrics == NULL)
        return ext_error_nomem(error);
    gru4rec_status status =
        gru4rec_evaluate(&request->budget.allocator, &what, &request->options, &hooks,
                         cursor->metrics, &message);
    cursor->n_skipped = what.test->n_unknown;
    cursor->n = status == GRU4REC_OK ? leave_out_empty(cursor->metrics, n) : 0;
    return ext_error_library(error, status, &message);
}

static int compute(evaluate_cursor *cursor, measurement *request, ext_error *error)
{
    ext_poll poll;
    ext_poll_start(&poll, ext_table_home(&cursor->base)->db);
    int rc = fit_baselines(request, &poll, error);
    if (rc == SQLITE_OK)
        rc = measure(cursor, request, &poll, error);
    ext_poll_stop(&poll);
    if (rc == SQLITE_OK)
        warn(cursor, request, error);
    return ext_budget_explain(&request->budget, "measuring the model",
                              "use fewer events or shorter lists (cutoffs)", error);
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    measurement request = {0};
    const char *source;
    (void)idx_num;
    (void)argv;
    int rc = ext_value_text(&source, base->arguments[SOURCE], "the source", error);
    if (rc == SQLITE_OK && source == NULL)
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = read_request(&request, base, source, error);
    if (rc == SQLITE_OK)
        rc = compute(cursor, &request, error);
    free_request(&request);
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
        sqlite3_result_double(context, widths[i - RECALL_CI]); /* of NAN: NULL */
    else if (i < EVENTS)
        sqlite3_result_double(context, reals[i - RECALL]); /* of NAN: NULL */
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
