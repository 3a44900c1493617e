/*
 * ext_tune_report.c - compares the best trial with the first one on sessions that chose
 * nothing, and makes the JSON of gru4rec_tune(); see ext_tune.h.
 */
#include "ext_tune.h"

#include <math.h>

/* ---- measuring ---- */

/*
 * Begins to train a trial with all epochs in a free slot, where it is then measured on
 * halves[1]. places: gets the ranks of the targets, (halves[1]->n_events), or (2,
 * halves[1]->n_events) if the trial blends; see ext_tune_slot. n_waiting: as for
 * ext_tune_slot_run(). *is_started: false if there is no room for the trial now, but
 * another trial is under way. SQLITE_ERROR: there is no room although no other trial is
 * under way.
 */
static int start(ext_tuning *tuning, int64_t trial, int32_t *places, int64_t n_waiting,
                 bool *is_started, ext_error *error)
{
    gru4rec_options options;
    bool is_idle;
    const gru4rec_trial whole = {trial, 0, tuning->request.train.options.n_epochs};
    gru4rec_tune_prepare(tuning->search, &whole, &options);
    const uint64_t n_bytes = ext_tune_slot_bytes(tuning, &options);
    ext_tune_slot *slot = ext_tune_slot_find(tuning, n_bytes, &is_idle);
    *is_started = slot != NULL;
    if (slot == NULL)
        return is_idle ? ext_budget_check(&tuning->data.budget, n_bytes, "the report",
                                          ext_tune_search_advice, error)
                       : SQLITE_OK;
    slot->trial = whole;
    slot->options = options;
    slot->test = tuning->halves[1];
    slot->places = places;
    ext_tune_slot_run(slot, n_bytes, n_waiting);
    return SQLITE_OK;
}

/*
 * Looks at how the trial in the slot, which is over, ended. If it diverged, sets
 * is_compared to false, which is no error. Any other failure of the trial becomes the
 * error; too little memory is SQLITE_ERROR. After success there is nothing to do: the
 * ranks are in the slot's places.
 */
static int take(ext_tuning *tuning, const ext_tune_slot *slot, ext_error *error)
{
    if (slot->status == GRU4REC_DIVERGED) {
        tuning->is_compared = false;
        return SQLITE_OK;
    }
    ext_error_library(error, slot->status, &slot->message);
    return ext_budget_explain(&slot->budget, "the report", ext_tune_search_advice, error);
}

/*
 * Trains and measures the n trials of the report, side by side if there is room, and
 * waits for them: the best trial, and the first one. n is 1 if they are the same trial.
 * Meanwhile writes results that m_trial does not have. SQLITE_INTERRUPT: the user stopped
 * it. After a failure a trial may still be under way.
 */
static int measure(ext_tuning *tuning, int n, ext_error *error)
{
    const int64_t trials[] = {tuning->chosen.trial, 1};
    const int64_t n_events = tuning->halves[1]->n_events;
    int n_started = 0, n_taken = 0;
    while (n_taken < n) {
        ext_tune_slot *slot;
        bool is_started = true;
        while (is_started && n_started < n) {
            if (start(tuning, trials[n_started],
                      tuning->places + 2 * n_started * n_events, n - n_started,
                      &is_started, error) != SQLITE_OK)
                return error->rc;
            n_started += is_started;
        }
        for (; (slot = ext_tune_slot_finished(tuning)) != NULL; n_taken++)
            if (take(tuning, slot, error) != SQLITE_OK)
                return error->rc;
        if (ext_tune_rows_tell(tuning, error) != SQLITE_OK)
            return error->rc;
        if (n_taken < n && ext_tune_slot_wait(tuning))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    }
    return SQLITE_OK;
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
 * the blend are compared. If n is 1, compares the best trial with itself, so all
 * differences are 0. SQLITE_INTERRUPT: the user stopped it.
 */
static int compare(ext_tuning *tuning, int n, ext_error *error)
{
    const gru4rec_hooks hooks = {.poll = on_poll, .context = &tuning->poll};
    const int32_t *places = tuning->places;
    const gru4rec_items *items = tuning->data.events.items;
    const gru4rec_side a = {items, tuning->halves[1], places};
    const gru4rec_side b = {items, tuning->halves[1],
                            places + 2 * (n - 1) * tuning->halves[1]->n_events};
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
    const int n = tuning->chosen.trial == 1 ? 1 : 2;
    const size_t n_bytes =
        2 * (size_t)n * (size_t)tuning->halves[1]->n_events * sizeof(int32_t);
    tuning->places = memory->resize(memory->context, NULL, n_bytes);
    if (tuning->places == NULL)
        ext_error_nomem(error);
    tuning->is_compared = true;
    if (error->rc == SQLITE_OK && measure(tuning, n, error) == SQLITE_OK &&
        tuning->is_compared)
        compare(tuning, n, error);
    return ext_budget_explain(&tuning->data.budget, "the report", ext_tune_search_advice,
                              error);
}

/* ---- the JSON ---- */

/* Returns how many results (trials at a rung) in tuning->rows have the status. */
static int64_t count(const ext_tuning *tuning, const char *status)
{
    int64_t n = 0;
    for (size_t i = 0; i < tuning->rows.n; i++)
        n += sqlite3_stricmp(tuning->rows.rows[i].status, status) == 0;
    return n;
}

/*
 * Returns a warning about trials without a result (diverged, failed, or too little
 * memory). NULL: there are none, or there is not enough memory for the text. The caller
 * frees it by sqlite3_free().
 */
static char *warn_of_lost(const ext_tuning *tuning)
{
    const int64_t n_diverged = count(tuning, "diverged");
    const int64_t n_memory = count(tuning, "memory"), n_failed = count(tuning, "failed");
    if (n_diverged + n_memory + n_failed == 0)
        return NULL;
    return sqlite3_mprintf(
        "trials without a result: %lld diverged, %lld needed more "
        "memory than the tuning may use, %lld could not be trained on these "
        "events",
        n_diverged, n_memory, n_failed);
}

/*
 * Returns a warning that the option minutes ended the search; NULL: it did not, or there
 * is not enough memory for the text. The caller frees it by sqlite3_free().
 */
static char *warn_of_time(const ext_tuning *tuning)
{
    return tuning->is_late
               ? sqlite3_mprintf("minutes=%.15g ended the search after %lld of %lld "
                                 "trials; more minutes may find better options",
                                 tuning->request.base.minutes,
                                 gru4rec_tune_trials(tuning->search),
                                 tuning->request.base.trials)
               : NULL;
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
 * SQL that makes the JSON of the call. make() binds its parameters. Each is the value of
 * the member whose name stands before it, except these:
 *   ?12       the report as JSON: an array, or null
 *   ?13, ?14  the warnings about lost trials and about the time, or NULL
 *   ?15, ?16  number of held-out sessions to choose by, and to report on
 */
static const char result_query[] =
    "SELECT json_object('model', ?1, 'tune', ?2, 'trials', ?3, 'best_trial', ?4, "
    "'options', json(?5), 'objective', ?6, 'value', ?7, 'epochs', ?8, 'seconds', ?9, "
    "'threads', ?10, 'depends_on_time', json(iif(?11, 'true', 'false')), "
    "'held_out', json_object('choosing', ?15, 'reporting', ?16), 'report', json(?12), "
    "'warnings', json((SELECT json_group_array(column1) "
    "FROM (VALUES (?13), (?14)) WHERE column1 IS NOT NULL)))";

/*
 * Runs result_query, and sets tuning->result to its JSON, of sqlite3_malloc; to NULL
 * after a failure. options: JSON of the best trial's options. report: JSON of the
 * differences, or "null". lost, late: the warnings, or NULL.
 */
static int make(ext_tuning *tuning, const char *options, const char *report,
                const char *lost, const char *late, ext_error *error)
{
    sqlite3_stmt *stmt;
    char objective[32];
    const gru4rec_objective *by = &tuning->request.base.objective;
    static const char *const names[] = {"recall", "mrr", "ndcg"};
    sqlite3_snprintf(sizeof objective, objective, "%s@%lld", names[by->measure], by->k);
    int rc = ext_query(&tuning->rows.home, &stmt, error, result_query, "siiissdidiisssii",
                       tuning->rows.home.name, tuning->rows.tune,
                       gru4rec_tune_trials(tuning->search), tuning->chosen.trial, options,
                       objective, tuning->objective, tuning->chosen.epochs,
                       ext_poll_seconds() - tuning->start, (int64_t)tuning->n_threads,
                       (int64_t)(tuning->request.base.minutes > 0), report, lost, late,
                       tuning->halves[0]->n_sessions, tuning->halves[1]->n_sessions);
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
    char *lost = warn_of_lost(tuning), *late = warn_of_time(tuning);
    if (report == NULL || options == NULL)
        ext_error_nomem(error);
    if (error->rc == SQLITE_OK)
        make(tuning, options, report, lost, late, error);
    sqlite3_free(report);
    sqlite3_free(options);
    sqlite3_free(lost);
    sqlite3_free(late);
    return error->rc;
}
