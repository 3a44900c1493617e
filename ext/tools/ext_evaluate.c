/*
 * ext_evaluate.c - gru4rec_evaluate(model, source [, options]); see ext_tools.h.
 *
 * A row per method and cut-off. The whole evaluation happens when the first row is asked
 * for. It runs SQL that is given as text, so views and triggers cannot use it.
 */
#include "ext_tools.h"

#include <string.h>

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

static void stop(ext_cursor *base)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    sqlite3_free(cursor->metrics);
    sqlite3_free(cursor->warnings);
    cursor->metrics = NULL;
    cursor->warnings = NULL;
    cursor->n = 0;
}

static int read_request(ext_measurement *request, ext_leak *leak, ext_budget *budget,
                        const ext_cursor *base, const char *source, ext_error *error)
{
    const ext_home *own = ext_table_home(base);
    sqlite3_value *const name = base->arguments[MODEL];
    const char *options, *model;
    ext_home home = {0};
    ext_name room;
    bool is_found;
    gru4rec_options_init(&request->options);
    if (ext_value_text(&options, base->arguments[OPTIONS], "the options", error) !=
            SQLITE_OK ||
        ext_options_parse(own->db, options, GRU4REC_SCOPE_EVALUATE, &request->options,
                          &request->columns, error) != SQLITE_OK)
        return error->rc;
    const ext_choice choice = ext_choice_of_option(request->options.version);
    int rc =
        ext_model_acquire_named(&request->model, own->connection, name, &choice, error);
    if (rc == SQLITE_OK)
        rc = ext_value_name(&model, &room, name, error);
    if (rc == SQLITE_OK)
        rc = ext_schema_find(&home, own->db, own->connection, model, &is_found, error);
    if (rc == SQLITE_OK) {
        ext_budget_start(budget, ext_measure_limit(request));
        rc = ext_leak_open(leak, budget, &home, request->model->version, error);
    }
    request->against = &leak->against;
    if (rc == SQLITE_OK)
        rc = ext_measure_read(request, budget, &home, source, error);
    if (rc == SQLITE_OK)
        rc = ext_leak_find(leak, &request->test, &home, error);
    ext_home_clear(&home);
    return rc;
}

/* What makes the ranking not a full one; nothing where all items are ranked after all. */
static void warn_partial(sqlite3_str *text, const char *separator,
                         const ext_measurement *request)
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
static int warn(evaluate_cursor *cursor, const ext_measurement *request,
                const ext_leak *leak, ext_error *error)
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
    ext_leak_warn(text, &separator, leak, &request->test);
    warn_partial(text, separator, request);
    const int rc = sqlite3_str_errcode(text);
    cursor->warnings = sqlite3_str_finish(text);
    return rc == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}

static int compute(evaluate_cursor *cursor, const ext_measurement *request,
                   const ext_leak *leak, ext_budget *budget, ext_error *error)
{
    const size_t n = gru4rec_evaluate_count(&request->options);
    cursor->metrics = sqlite3_malloc64(n * sizeof *cursor->metrics);
    if (cursor->metrics == NULL)
        return ext_error_nomem(error);
    int rc = ext_measure_run(request, budget, ext_table_home(&cursor->base)->db,
                             cursor->metrics, error);
    cursor->n_skipped = request->test.dataset->n_unknown;
    cursor->n = rc == SQLITE_OK ? n : 0;
    return rc == SQLITE_OK ? warn(cursor, request, leak, error) : rc;
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    ext_measurement request = {0};
    ext_leak leak = {0};
    ext_budget budget; /* of all that is taken beside the model */
    const char *source;
    (void)idx_num;
    (void)argv;
    int rc = ext_value_text(&source, base->arguments[SOURCE], "the source", error);
    if (rc == SQLITE_OK && source == NULL)
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = read_request(&request, &leak, &budget, base, source, error);
    if (rc == SQLITE_OK)
        rc = compute(cursor, &request, &leak, &budget, error);
    ext_measure_free(&request);
    ext_leak_close(&leak);
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
    const int64_t integers[] = {m->events, m->sessions, cursor->n_skipped, m->ties};
    if (i == METHOD)
        sqlite3_result_text(context, m->method, -1, SQLITE_STATIC);
    else if (i == K)
        sqlite3_result_int64(context, m->k);
    else if (i == WARNINGS)
        sqlite3_result_text(context, cursor->warnings, -1, SQLITE_TRANSIENT);
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
