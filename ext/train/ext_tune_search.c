/* ext_tune_search.c - the search of a tuning, from trial to trial; see ext_tune.h. */
#include "ext_tune.h"

#include <math.h>

const char ext_tune_search_advice[] = "give smaller layers, batch_size or n_sample";

/* What needs the memory, for messages about a memory limit. */
static const char tuning_text[] = "a trial";

/* ---- results ---- */

/*
 * Tells the search the result of a trial, and sets tuning->best if the result is better
 * or the first. Adds a result that m_trial does not have to tuning->rows, to be written
 * later.
 */
static int tell(ext_tuning *tuning, const ext_tune_row *row, ext_error *error)
{
    gru4rec_tune_tell(tuning->search, &row->trial, row->objective);
    if (row->objective > tuning->best || isnan(tuning->best))
        tuning->best = row->objective;
    return row->is_written ? SQLITE_OK : ext_tune_rows_add(&tuning->rows, row, error);
}

/*
 * Makes a row of the result of the slot's trial, which is over, and tells it to the
 * search. A trial that diverged has the objective NAN and the status "diverged". A trial
 * whose options do not suit the events has the objective NAN and the status "failed"; but
 * if it is the first trial, that is an error. Any other failure is an error too. An error
 * ends the tuning.
 */
static int take(ext_tuning *tuning, ext_tune_slot *slot, ext_error *error)
{
    ext_tune_row row = {.trial = slot->trial,
                        .objective = (double)NAN,
                        .recall = (double)NAN,
                        .mrr = (double)NAN,
                        .seconds = slot->seconds,
                        .status = "done"};
    if (slot->status == GRU4REC_OK) {
        row.objective = ext_tune_slot_objective(tuning, slot->metrics);
        row.recall = slot->metrics[0].recall;
        row.mrr = slot->metrics[0].mrr;
    } else if (slot->status == GRU4REC_DIVERGED) {
        row.status = "diverged";
    } else if (slot->status == GRU4REC_INVALID && slot->trial.trial > 1) {
        row.status = "failed";
    } else {
        ext_error_library(error, slot->status, &slot->message);
        return ext_budget_explain(&slot->budget, tuning_text, ext_tune_search_advice,
                                  error);
    }
    return tell(tuning, &row, error);
}

/* ---- starting trials ---- */

/*
 * Gives up the trial tuning->next, which needs n_bytes, more than the tuning may use: no
 * trial waits then (has_next). Tells the search that the trial has no result, and adds a
 * row with status "memory". If it is the first trial, this is SQLITE_ERROR instead,
 * because there would be nothing to compare with.
 */
static int give_up(ext_tuning *tuning, uint64_t n_bytes, ext_error *error)
{
    const ext_tune_row row = {.trial = tuning->next,
                              .objective = (double)NAN,
                              .recall = (double)NAN,
                              .mrr = (double)NAN,
                              .seconds = (double)NAN,
                              .status = "memory"};
    tuning->has_next = false;
    if (tuning->next.trial == 1)
        return ext_budget_check(&tuning->data.budget, n_bytes, tuning_text,
                                ext_tune_search_advice, error);
    return tell(tuning, &row, error);
}

/*
 * Sets tuning->next to the next trial to train, and has_next to true. Does nothing if a
 * trial waits already. If m_trial has the result of a trial, from the call that is
 * resumed, tells that result to the search, counts the trial's events in n_events, and
 * goes on to the next trial. has_next stays false if the search has no trial now.
 */
static int find_next(ext_tuning *tuning, ext_error *error)
{
    const int64_t per_epoch =
        tuning->data.events.dataset->n_events - tuning->data.events.dataset->n_sessions;
    while (!tuning->has_next && gru4rec_tune_next(tuning->search, &tuning->next)) {
        const ext_tune_row *row = ext_tune_rows_find(&tuning->rows, &tuning->next);
        tuning->has_next = row == NULL;
        if (row != NULL && tell(tuning, row, error) != SQLITE_OK)
            return error->rc;
        if (row != NULL)
            tuning->n_events += row->trial.epochs * per_epoch;
    }
    return SQLITE_OK;
}

/*
 * Starts trials in free slots until there is no room for another one, or the search has
 * no trial now. A trial that does not fit even while no other is under way is given up
 * (give_up()), which is an error if it is the first one. Does nothing if the time is
 * over. Returns after a trial in a slot without a thread; that trial is over then.
 */
static int start_trials(ext_tuning *tuning, ext_error *error)
{
    while (!tuning->is_late && find_next(tuning, error) == SQLITE_OK &&
           tuning->has_next) {
        gru4rec_options options;
        bool is_idle;
        gru4rec_tune_prepare(tuning->search, &tuning->next, &options);
        const uint64_t n_bytes = ext_tune_slot_bytes(tuning, &options);
        ext_tune_slot *slot = ext_tune_slot_find(tuning, n_bytes, &is_idle);
        if (slot == NULL && !is_idle)
            return SQLITE_OK;
        if (slot == NULL) {
            if (give_up(tuning, n_bytes, error) != SQLITE_OK)
                return error->rc;
            continue;
        }
        slot->trial = tuning->next;
        slot->options = options;
        slot->test = tuning->halves[0];
        slot->places = NULL;
        tuning->has_next = false;
        ext_tune_slot_run(slot, n_bytes, gru4rec_tune_waiting(tuning->search) + 1);
        if (!slot->worker.is_threaded)
            /*
             * The trial ran in this thread and is over. The search needs its result
             * first.
             */
            return SQLITE_OK;
    }
    return error->rc;
}

/* Tells whether some trial is under way. */
static bool is_busy(const ext_tuning *tuning)
{
    for (int i = 0; i < tuning->n_slots; i++)
        if (tuning->slots[i].is_busy)
            return true;
    return false;
}

/*
 * Tells whether no more trials will begin: the time is over, or the search is over and no
 * trial waits.
 */
static bool is_over(const ext_tuning *tuning)
{
    return tuning->is_late || (gru4rec_tune_is_over(tuning->search) && !tuning->has_next);
}

int ext_tune_search_run(ext_tuning *tuning, ext_error *error)
{
    const double minutes = tuning->request.base.minutes;
    while (!is_over(tuning) || is_busy(tuning)) {
        ext_tune_slot *slot;
        if (start_trials(tuning, error) != SQLITE_OK)
            return error->rc;
        while ((slot = ext_tune_slot_finished(tuning)) != NULL)
            if (take(tuning, slot, error) != SQLITE_OK)
                return error->rc;
        if (ext_tune_rows_tell(tuning, error) != SQLITE_OK)
            return error->rc;
        if (is_busy(tuning) && ext_tune_slot_wait(tuning))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
        tuning->is_late =
            tuning->is_late ||
            (minutes > 0 && ext_poll_seconds() - tuning->start > 60 * minutes);
    }
    if (gru4rec_tune_best(tuning->search, &tuning->chosen, &tuning->objective))
        return SQLITE_OK;
    return ext_error_set(
        error, SQLITE_ERROR,
        "no trial has a result: all diverged, or could not be measured; "
        "give a space with smaller learning rates, or a larger validation");
}
