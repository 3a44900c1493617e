/*
 * ext_measure.c - measures a version on test events; see ext_tools.h.
 *
 * The events are read with the version's own catalogue and options (session_gap and the
 * like). So the same source is read again for each version that is measured.
 */
#include "ext_tools.h"

#include <stdarg.h>
#include <string.h>

/*
 * Improves the error of a source that could not be opened, and returns its code. If text
 * is the model's own source, one of its names may have been changed: opens it once more
 * as the model's own source (ext_config_open_source()). If a name is missing, replaces
 * the error by the one of that attempt, whose message says how to tell the model the new
 * name. Any other error stays.
 */
static int fail_source(ext_measurement *request, const ext_config *config,
                       const ext_home *home, const char *text, ext_error *error)
{
    ext_error cause = {0};
    if (config->source == NULL || strcmp(text, config->source) != 0 ||
        !ext_error_is(error, SQLITE_ERROR))
        return error->rc;
    if (ext_config_open_source(config, home, NULL, &request->columns, &request->source,
                               &cause) != SQLITE_OK &&
        request->source.missing != NULL) {
        ext_error_clear(error);
        ext_error_wrap(error, &cause, "", "");
    }
    ext_error_clear(&cause);
    return error->rc;
}

/*
 * Opens the source of the test as request->source. The columns are those that the call
 * names (request->columns); those that it does not name are the model's, or else guessed
 * (ext_config_open_like()). The caller closes request->source.
 */
static int open_source(ext_measurement *request, const ext_home *home, const char *text,
                       ext_error *error)
{
    ext_config config = {0};
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK && ext_config_open_like(&config, home, text, &request->columns,
                                                &request->source, error) != SQLITE_OK)
        rc = fail_source(request, &config, home, text, error);
    ext_config_free(&config);
    return rc;
}

/*
 * Reads the list of items to be ranked into request->candidates, as rows of the
 * catalogue, sorted. text: one id, or a JSON array of ids. NULL: does nothing, so that
 * all items are ranked. Ids that the model does not know are left out. SQLITE_ERROR: the
 * model knows none of them.
 */
static int read_candidates(ext_measurement *request, const char *text, sqlite3 *db,
                           ext_error *error)
{
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

bool ext_measure_is_shown(const char *segment, int64_t n_events)
{
    return segment == NULL || n_events > 0;
}

int ext_measure_warn(ext_measurement *request, ext_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *warning = sqlite3_vmprintf(format, args), *all = warning;
    va_end(args);
    if (request->warnings != NULL && warning != NULL) {
        all = sqlite3_mprintf("%s; %s", request->warnings, warning);
        sqlite3_free(warning);
    }
    if (all == NULL)
        return ext_error_nomem(error);
    sqlite3_free(request->warnings);
    request->warnings = all;
    return SQLITE_OK;
}

int ext_measure_hold(ext_measurement *request, ext_home *home, ext_connection *connection,
                     sqlite3_value *name, const ext_choice *choice, ext_error *error)
{
    const char *text;
    ext_name room;
    bool is_found;
    if (ext_model_acquire_named(&request->model, connection, name, choice, error) !=
            SQLITE_OK ||
        ext_value_name(&text, &room, name, error) != SQLITE_OK)
        return error->rc;
    return ext_schema_find(home, connection->db, connection, text, &is_found, error);
}

int64_t ext_measure_limit(const ext_measurement *request)
{
    const int64_t own = request->options.memory_limit;
    return own > 0 ? own : request->model->loaded.options.memory_limit;
}

/*
 * Tells whether at least one of the baselines that the options ask for uses days
 * (gru4rec_baseline_uses_days()). Then the times of the test events must be kept.
 */
static bool needs_times(const gru4rec_options *options)
{
    bool needs = false;
    for (int i = 0; i < GRU4REC_N_BASELINES; i++)
        needs |= gru4rec_baseline_is_asked(options, (gru4rec_baseline_kind)i) &&
                 gru4rec_baseline_uses_days((gru4rec_baseline_kind)i);
    return needs;
}

/*
 * Returns how ext_read_events() shall read the test events: with the items and the
 * options of the version, which must be held; with the search for leaks, if
 * request->finds_leaks; and with their times, if needs_times(). Its pointers are borrowed
 * from the request.
 */
static ext_reading reading_of(const ext_measurement *request)
{
    const ext_loaded *loaded = &request->model->loaded;
    return (ext_reading){.known = loaded->items,
                         .options = &loaded->options,
                         .against = request->finds_leaks ? &request->leak.against : NULL,
                         .ranks = request->ranks,
                         .is_whole = true,
                         .keeps_times = needs_times(&request->options)};
}

/*
 * Opens the search for leaks, request->leak, on the version. Does nothing if
 * request->finds_leaks is false. The caller calls this before it reads the test.
 */
static int open_leak(ext_measurement *request, ext_budget *budget, const ext_home *home,
                     ext_error *error)
{
    return request->finds_leaks ? ext_leak_open(&request->leak, budget, home,
                                                request->model->version, error)
                                : SQLITE_OK;
}

/*
 * Looks for sessions of the test that the version was trained on, and fills in
 * request->leak.found. Does nothing if request->finds_leaks is false. The caller calls
 * this after it has read the test.
 */
static int find_leak(ext_measurement *request, const ext_home *home, ext_error *error)
{
    return request->finds_leaks ? ext_leak_find(&request->leak, request->test.pieces,
                                                request->test.n_pieces, home, error)
                                : SQLITE_OK;
}

int ext_measure_read(ext_measurement *request, ext_budget *budget, const ext_home *home,
                     const char *source, ext_error *error)
{
    if (read_candidates(request, request->columns.candidates, home->db, error) !=
            SQLITE_OK ||
        open_leak(request, budget, home, error) != SQLITE_OK ||
        open_source(request, home, source, error) != SQLITE_OK)
        return error->rc;
    const ext_reading reading = reading_of(request);
    int rc = ext_read_events(&request->test, budget, &request->source, &reading, error);
    ext_source_close(&request->source);
    return rc == SQLITE_OK ? find_leak(request, home, error) : rc;
}

int ext_measure_read_pair(ext_measurement requests[2], ext_budget *budget,
                          const ext_home homes[2], const char *source, int64_t *n_unknown,
                          ext_error *error)
{
    sqlite3 *db = homes[0].db;
    const ext_reading readings[2] = {reading_of(&requests[0]), reading_of(&requests[1])};
    const char *candidates = requests[0].columns.candidates;
    ext_events tests[2] = {0};
    *n_unknown = 0;
    if (read_candidates(&requests[0], candidates, db, error) != SQLITE_OK ||
        read_candidates(&requests[1], candidates, db, error) != SQLITE_OK ||
        open_leak(&requests[0], budget, &homes[0], error) != SQLITE_OK ||
        open_leak(&requests[1], budget, &homes[1], error) != SQLITE_OK ||
        open_source(&requests[0], &homes[0], source, error) != SQLITE_OK)
        return error->rc;
    int rc =
        ext_read_pair(tests, budget, &requests[0].source, readings, n_unknown, error);
    ext_source_close(&requests[0].source);
    requests[0].test = tests[0];
    requests[1].test = tests[1];
    for (int i = 0; i < 2 && rc == SQLITE_OK; i++)
        rc = find_leak(&requests[i], &homes[i], error);
    return rc;
}

void ext_measure_free(ext_measurement *request)
{
    ext_read_free(&request->test);
    ext_leak_close(&request->leak);
    ext_source_close(&request->source);
    ext_options_free_columns(&request->columns);
    ext_rows_free(&request->candidates);
    for (size_t i = 0; i < request->n_baselines; i++)
        gru4rec_baseline_free(request->baselines[i]);
    ext_model_release(request->model);
    sqlite3_free(request->warnings);
    *request = (ext_measurement){0};
}

/* ---- warnings ---- */

/*
 * Appends a warning to request->warnings if not all items were ranked: the options draw
 * candidates, or list them, and these are fewer than the items. Else does nothing.
 */
static int warn_of_candidates(ext_measurement *request, ext_error *error)
{
    const gru4rec_options *options = &request->options;
    const int64_t n_items = gru4rec_items_count(request->model->loaded.items);
    const int64_t n_drawn = options->candidates,
                  n_listed = (int64_t)request->candidates.n;
    if (n_drawn > 0 && n_drawn < n_items - 1)
        return ext_measure_warn(
            request, error,
            "not comparable with full rankings: each target was ranked "
            "among %lld sampled item%s (seed %lld)",
            n_drawn, n_drawn > 1 ? "s" : "", options->seed);
    if (n_listed > 0 && n_listed < n_items)
        return ext_measure_warn(
            request, error,
            "not comparable with full rankings: only %lld candidate%s ranked", n_listed,
            n_listed > 1 ? "s were" : " was");
    return SQLITE_OK;
}

/*
 * Appends the warning about the order of the test's events (ext_read_order_warning()) to
 * request->warnings, if there is one.
 */
static int warn_of_order(ext_measurement *request, ext_error *error)
{
    const gru4rec_dataset *test = request->test.dataset;
    char *warning;
    ext_read_order_warning(&warning, test->n_arbitrary, test->n_events, error);
    if (warning != NULL)
        ext_measure_warn(request, error, "%s", warning);
    sqlite3_free(warning);
    return error->rc;
}

int ext_measure_warn_of_leaks(ext_measurement *request, ext_error *error)
{
    char *warning = NULL;
    if (request->finds_leaks)
        ext_leak_warning(&warning, &request->leak, &request->test,
                         &request->model->loaded.options, error);
    if (warning != NULL)
        ext_measure_warn(request, error, "%s", warning);
    sqlite3_free(warning);
    return error->rc;
}

int ext_measure_warn_all(ext_measurement *request, bool has_events, ext_error *error)
{
    const int64_t n_bad = request->test.n_bad;
    if (!has_events)
        ext_measure_warn(request, error,
                         "there was no event to rank: a session needs two "
                         "events of items that the model knows");
    if (n_bad > 0)
        ext_measure_warn(request, error, "%lld row%s that cannot be read (bad_rows)",
                         n_bad, n_bad > 1 ? "s have times" : " has a time");
    warn_of_order(request, error);
    ext_measure_warn_of_leaks(request, error);
    warn_of_candidates(request, error);
    return error->rc;
}

/* ---- measuring ---- */

int ext_measure_poll(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ext_poll_check(context);
}

bool ext_measure_blends(const ext_measurement *request)
{
    return request->model->loaded.neighbours != NULL;
}

size_t ext_measure_methods(const ext_measurement *request)
{
    return 1 + (size_t)ext_measure_blends(request) + request->n_baselines;
}

/*
 * Returns the measurement in the library's form, for gru4rec_evaluate(): the version's
 * model, the test, the baselines, the candidates and, if the version blends, the blend.
 * Its pointers are borrowed from the request.
 */
static gru4rec_evaluation described(const ext_measurement *request)
{
    const ext_loaded *loaded = &request->model->loaded;
    return (gru4rec_evaluation){.model = loaded->model,
                                .support = gru4rec_items_support(loaded->items),
                                .test = request->test.dataset,
                                .baselines =
                                    (const gru4rec_baseline *const *)request->baselines,
                                .n_baselines = request->n_baselines,
                                .blend =
                                    ext_measure_blends(request) ? &loaded->blend : NULL,
                                .candidates = request->candidates.rows,
                                .n_candidates = request->candidates.n,
                                .places = request->places};
}

size_t ext_measure_count(const ext_measurement *request)
{
    const gru4rec_evaluation what = described(request);
    return gru4rec_evaluate_count(&what, &request->options);
}

/* What a measurement asks before it goes on. */
typedef struct measure_polls {
    ext_poll poll;
    const ext_ranks *ranks;
} measure_polls;

/* Tells whether this rank must stop: the host interrupted it, or another rank stops. */
static int on_poll(void *context, const gru4rec_progress *progress)
{
    measure_polls *polls = context;
    return ext_measure_poll(&polls->poll, progress) || ext_ranks_is_stopped(polls->ranks);
}

int ext_measure_run(const ext_measurement *request, ext_budget *budget, sqlite3 *db,
                    gru4rec_metrics *metrics, ext_error *error)
{
    const gru4rec_evaluation what = described(request);
    measure_polls polls = {.ranks = request->ranks};
    const gru4rec_hooks hooks = {.poll = on_poll,
                                 .context = &polls,
                                 .ranks = ext_ranks_hooks(request->ranks)};
    gru4rec_error message = {0};
    ext_poll_start(&polls.poll, db);
    gru4rec_status status = gru4rec_evaluate(&budget->allocator, &what, &request->options,
                                             &hooks, metrics, &message);
    ext_poll_stop(&polls.poll);
    GRU4REC_TRACE(2, "evaluation of version %lld ends: status %d, %llu bytes",
                  (long long)request->model->version, (int)status,
                  (unsigned long long)budget->used);
    ext_error_library(error, status, &message);
    return ext_budget_explain(budget, "measuring the model",
                              "use fewer events or shorter lists (cutoffs)", error);
}
