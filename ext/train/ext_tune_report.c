/*
 * ext_tune_report.c - compares the best trial with the first one on sessions that chose
 * nothing, and makes the JSON of gru4rec_tune(); see ext_tune.h.
 */
#include "ext_tune.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- measuring ---- */

/* Number of trials that are compared: the best and the first one, or one that is both. */
static int count(const ext_tuning *tuning)
{
    return tuning->chosen.trial == 1 ? 1 : 2;
}

/*
 * Returns the part of tuning->places, and sets *n to its length, of a trial: of the best
 * one (i is 0), or of the first one.
 */
static int32_t *places_of(const ext_tuning *tuning, int i, size_t *n)
{
    *n = 2 * (size_t)tuning->halves[1]->n_events;
    return tuning->places + (size_t)i * *n;
}

/* Sets tuning->next to the next trial of the report, with all epochs. */
static int find_next(ext_tuning *tuning, ext_error *error)
{
    size_t n;
    (void)error;
    if (tuning->has_next || tuning->n_reported == count(tuning))
        return SQLITE_OK;
    const int i = tuning->n_reported++;
    tuning->next = (gru4rec_trial){i == 0 ? tuning->chosen.trial : 1, 0,
                                   tuning->request.train.options.n_epochs};
    tuning->next_places = places_of(tuning, i, &n);
    tuning->has_next = true;
    return SQLITE_OK;
}

static int64_t count_waiting(const ext_tuning *tuning)
{
    return count(tuning) - tuning->n_reported;
}

/*
 * Gives all ranks the places that the trial has on the rank that has measured it. If the
 * trial diverged, only sets is_compared to false.
 */
static int take(ext_tuning *tuning, const ext_tune_row *row, int32_t rank,
                ext_error *error)
{
    size_t n;
    int32_t *places = places_of(tuning, row->trial.trial != tuning->chosen.trial, &n);
    tuning->is_compared &= strcmp(row->status, "diverged") != 0;
    return ext_ranks_broadcast(&tuning->ranks, rank, places, n * sizeof *places, error);
}

/* Hook poll of the comparison: returns true if the user interrupts. */
static int on_poll(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ext_poll_check(context);
}

/*
 * Sets tuning->differences: lets the library compare the ranks of both trials in
 * tuning->places, at the cut-off of option objective. If a trial blends, its ranks with
 * the blend are compared. If there is one trial, compares it with itself, so all
 * differences are 0. SQLITE_INTERRUPT: the user stopped it.
 */
static int compare(ext_tuning *tuning, ext_error *error)
{
    const gru4rec_hooks hooks = {.poll = on_poll, .context = &tuning->poll};
    size_t n;
    const gru4rec_items *items = tuning->data.events.items;
    const gru4rec_side a = {items, tuning->halves[1], places_of(tuning, 0, &n)};
    const gru4rec_side b = {items, tuning->halves[1],
                            places_of(tuning, count(tuning) - 1, &n)};
    gru4rec_options options;
    gru4rec_error message = {0};
    int64_t n_unpaired;
    gru4rec_options_init(&options);
    options.cutoffs = (gru4rec_list){1, {tuning->request.base.objective.k}};
    return ext_error_library(error,
                             gru4rec_compare(&tuning->data.budget.allocator, &a, &b,
                                             &options, &hooks, tuning->differences,
                                             &n_unpaired, &message),
                             &message);
}

int ext_tune_report_run(ext_tuning *tuning, ext_error *error)
{
    const gru4rec_allocator *memory = &tuning->data.budget.allocator;
    const ext_tune_deck deck = {.what = "the report",
                                .test = tuning->halves[1],
                                .end = (double)INFINITY,
                                .needs_all = true,
                                .find_next = find_next,
                                .count_waiting = count_waiting,
                                .take = take};
    size_t n;
    places_of(tuning, 0, &n);
    n *= (size_t)count(tuning) * sizeof *tuning->places;
    tuning->places = memory->resize(memory->context, NULL, n);
    if (tuning->places != NULL)
        memset(tuning->places, 0, n); /* without a blend a trial leaves a part as it is */
    else
        ext_error_nomem(error);
    tuning->is_compared = true;
    if (error->rc == SQLITE_OK && ext_tune_deal_run(tuning, &deck, error) == SQLITE_OK &&
        tuning->is_compared)
        compare(tuning, error);
    return ext_budget_explain(&tuning->data.budget, "the report", ext_tune_search_advice,
                              error);
}

/* ---- the JSON ---- */

/* Returns how many results (trials at a rung) have the status. */
static int64_t count_rows(const ext_tuning *tuning, const char *status)
{
    int64_t n = 0;
    for (size_t i = 0; i < tuning->rows.told.n; i++)
        n += sqlite3_stricmp(tuning->rows.told.rows[i].status, status) == 0;
    return n;
}

/*
 * Appends a warning to json, an array of texts that is not closed yet. Without memory for
 * its text, it is left out.
 */
static EXT_PRINTF(2, 3) void warn(sqlite3_str *json, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (text == NULL)
        return;
    if (sqlite3_str_length(json) > 1)
        sqlite3_str_appendchar(json, 1, ',');
    ext_json_append(json, text);
    sqlite3_free(text);
}

/* Warns of trials without a result: diverged, failed, or too little memory. */
static void warn_of_lost(sqlite3_str *json, const ext_tuning *tuning)
{
    const int64_t n_diverged = count_rows(tuning, "diverged");
    const int64_t n_memory = count_rows(tuning, "memory"),
                  n_failed = count_rows(tuning, "failed");
    if (n_diverged + n_memory + n_failed > 0)
        warn(json,
             "trials without a result: %lld diverged, %lld needed more "
             "memory than the tuning may use, %lld could not be trained on these "
             "events",
             (long long)n_diverged, (long long)n_memory, (long long)n_failed);
}

/*
 * Warns of a choice that says little: by fewer epochs than the options have, or of the
 * first trial, which has the model's own options.
 */
static void warn_of_choice(sqlite3_str *json, const ext_tuning *tuning)
{
    const int64_t n_epochs = tuning->request.train.options.n_epochs;
    if (tuning->chosen.epochs < n_epochs)
        warn(json,
             "no trial has a result with all %lld epochs, so the best one was chosen "
             "by %lld; give more minutes, or fewer n_epochs",
             (long long)n_epochs, (long long)tuning->chosen.epochs);
    if (tuning->chosen.trial == 1 && gru4rec_tune_trials(tuning->search) > 1)
        warn(json, "no trial beat the model's own options, so these are the best, and "
                   "the report compares them with themselves");
}

/*
 * Returns the warnings as a JSON array, which the caller frees by sqlite3_free(). NULL:
 * there is not enough memory.
 */
static char *list_warnings(const ext_tuning *tuning)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(json, 1, '[');
    warn_of_lost(json, tuning);
    if (tuning->is_late)
        warn(json,
             "minutes=%.15g ended the search after %lld of %lld trials; more minutes "
             "may find better options",
             tuning->request.base.minutes, (long long)gru4rec_tune_trials(tuning->search),
             (long long)tuning->request.base.trials);
    warn_of_choice(json, tuning);
    sqlite3_str_appendchar(json, 1, ']');
    return sqlite3_str_finish(json);
}

/*
 * Appends tuning->differences to json: an array of three objects, for recall, MRR and
 * NDCG. A value that is NAN is null. After a failure json holds a part of the array.
 */
static int append_report(sqlite3_str *json, const ext_tuning *tuning, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < 3; i++) {
        const gru4rec_difference *d = &tuning->differences[i];
        rc = ext_query(&tuning->rows.home, &stmt, error,
                       "SELECT json_object('measure', ?1, 'k', ?2, 'tuned', ?3, "
                       "'default', ?4, 'difference', ?5, 'low', ?6, 'high', ?7, 'p', ?8, "
                       "'wins', ?9, 'losses', ?10, 'ties', ?11, 'events', ?12, "
                       "'sessions', ?13)",
                       "siddddddiiiii", d->measure, d->k, d->a, d->b, d->difference,
                       d->low, d->high, d->p, d->wins, d->losses, d->ties, d->events,
                       d->sessions);
        if (rc != SQLITE_OK)
            return rc;
        rc = sqlite3_step(stmt);
        const char *text =
            rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        sqlite3_str_appendf(json, "%s%s", i > 0 ? "," : "[",
                            text != NULL ? text : "null");
        rc = ext_sql_finish(stmt, rc, "writing the report", error);
    }
    sqlite3_str_appendchar(json, 1, ']');
    return rc;
}

/*
 * Makes the JSON about the ranks. *text is owned by the caller; NULL: this process is the
 * only one, or an error.
 */
static int describe_ranks(char **text, const ext_tuning *tuning, ext_error *error)
{
    const ext_ranks *ranks = &tuning->ranks;
    const ext_ranks_cost cost = ext_ranks_cost_of(ranks);
    *text = NULL;
    if (ext_ranks_hooks(ranks) == NULL)
        return SQLITE_OK;
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendf(json, "{\"ranks\":%d,\"rank\":%d,\"trials\":[",
                        (int)ext_ranks_count(ranks), (int)ext_ranks_number(ranks));
    for (int32_t rank = 0; rank < ext_ranks_count(ranks); rank++)
        sqlite3_str_appendf(json, "%s%lld", rank > 0 ? "," : "",
                            (long long)tuning->n_trained[rank]);
    sqlite3_str_appendf(json, "],\"exchange_seconds\":%.3f,\"exchange_bytes\":%lld}",
                        cost.seconds, (long long)cost.bytes);
    *text = sqlite3_str_finish(json);
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * SQL that makes the JSON of the call. make() binds its parameters. Each is the value of
 * the member whose name stands before it, except these:
 *   ?12       the report as JSON: an array, or null
 *   ?13       the warnings, as a JSON array
 *   ?14, ?15  number of held-out sessions to choose by, and to report on
 *   ?16       the ranks, as JSON, or NULL: then there is no such member
 */
static const char result_query[] =
    "SELECT json_remove(json_object('model', ?1, 'tune', ?2, 'trials', ?3, 'best_trial', ?4, "
    "'options', json(?5), 'objective', ?6, 'value', ?7, 'epochs', ?8, 'seconds', ?9, "
    "'threads', ?10, 'depends_on_time', json(iif(?11, 'true', 'false')), "
    "'held_out', json_object('choosing', ?14, 'reporting', ?15), 'report', json(?12), "
    "'warnings', json(?13), 'ranks', json(?16)), "
    "iif(?16 IS NULL, '$.ranks', '$.none'))";

/*
 * Runs result_query, and sets tuning->result to its JSON, of sqlite3_malloc; to NULL
 * after a failure. options: JSON of the best trial's options. report: JSON of the
 * differences, or "null". warnings: their JSON. ranks: their JSON, or NULL.
 */
static int make(ext_tuning *tuning, const char *options, const char *report,
                const char *warnings, const char *ranks, ext_error *error)
{
    sqlite3_stmt *stmt;
    char objective[32];
    const gru4rec_objective *by = &tuning->request.base.objective;
    static const char *const names[] = {"recall", "mrr", "ndcg"};
    sqlite3_snprintf(sizeof objective, objective, "%s@%lld", names[by->measure], by->k);
    int rc =
        ext_query(&tuning->rows.home, &stmt, error, result_query, "siiissdidiissiis",
                  tuning->rows.home.name, tuning->rows.tune,
                  gru4rec_tune_trials(tuning->search), tuning->chosen.trial, options,
                  objective, tuning->objective, tuning->chosen.epochs,
                  ext_poll_seconds() - tuning->start, (int64_t)tuning->n_threads,
                  (int64_t)(tuning->request.base.minutes > 0), report, warnings,
                  tuning->halves[0]->n_sessions, tuning->halves[1]->n_sessions, ranks);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    tuning->result = rc == SQLITE_ROW ? ext_sql_text(stmt, 0) : NULL;
    if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && tuning->result == NULL)
        rc = ext_sql_fail_null(stmt, error);
    return ext_sql_finish(stmt, rc, "writing the result", error);
}

int ext_tune_report_make(ext_tuning *tuning, ext_error *error)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    if (tuning->is_compared)
        append_report(json, tuning, error);
    else
        sqlite3_str_appendall(json, "null");
    char *report = sqlite3_str_finish(json);
    char *options = ext_tune_rows_options(tuning, tuning->chosen.trial);
    char *warnings = list_warnings(tuning), *ranks;
    if (report == NULL || options == NULL || warnings == NULL)
        ext_error_nomem(error);
    if (describe_ranks(&ranks, tuning, error) == SQLITE_OK && error->rc == SQLITE_OK)
        make(tuning, options, report, warnings, ranks, error);
    sqlite3_free(report);
    sqlite3_free(options);
    sqlite3_free(warnings);
    sqlite3_free(ranks);
    return error->rc;
}
