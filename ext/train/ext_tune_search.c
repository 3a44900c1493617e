/* ext_tune_search.c - the search of a tuning, from trial to trial; see ext_tune.h. */
#include "ext_tune.h"

#include <math.h>

const char ext_tune_search_advice[] = "give smaller layers, batch_size or n_sample";

/*
 * Tells the search the result of a trial, and sets tuning->best if the result is better
 * or the first. Adds it to the rows that are written. rank does not matter.
 */
static int take(ext_tuning *tuning, const ext_tune_row *row, int32_t rank,
                ext_error *error)
{
    (void)rank;
    gru4rec_tune_tell(tuning->search, &row->trial, row->objective);
    if (row->objective > tuning->best || isnan(tuning->best))
        tuning->best = row->objective;
    return ext_tune_rows_add(&tuning->rows, row, error);
}

/*
 * Sets tuning->next to the next trial to train, and has_next to true. Does nothing if a
 * trial waits already. If the result of a trial is known, from the call that is resumed,
 * tells that result to the search, counts the trial's events in n_events, and goes on to
 * the next trial. has_next stays false if the search has no trial now; it is false if the
 * time is over.
 */
static int find_next(ext_tuning *tuning, ext_error *error)
{
    const int64_t per_epoch =
        tuning->data.events.dataset->n_events - tuning->data.events.dataset->n_sessions;
    if (tuning->is_late)
        tuning->has_next = false;
    while (!tuning->is_late && !tuning->has_next &&
           gru4rec_tune_next(tuning->search, &tuning->next)) {
        const ext_tune_row *row = ext_tune_rows_find(&tuning->rows, &tuning->next);
        tuning->has_next = row == NULL;
        if (row == NULL)
            continue;
        tuning->n_events += row->trial.epochs * per_epoch;
        if (take(tuning, row, 0, error) != SQLITE_OK)
            return error->rc;
    }
    return SQLITE_OK;
}

static int64_t count_waiting(const ext_tuning *tuning)
{
    return gru4rec_tune_waiting(tuning->search);
}

int ext_tune_search_run(ext_tuning *tuning, ext_error *error)
{
    const double minutes = tuning->request.base.minutes;
    const ext_tune_deck deck = {.what = "a trial",
                                .test = tuning->halves[0],
                                .end = minutes > 0 ? tuning->start + 60 * minutes
                                                   : (double)INFINITY,
                                .find_next = find_next,
                                .count_waiting = count_waiting,
                                .take = take};
    if (ext_tune_deal_run(tuning, &deck, error) != SQLITE_OK ||
        gru4rec_tune_best(tuning->search, &tuning->chosen, &tuning->objective))
        return error->rc;
    return ext_error_set(
        error, SQLITE_ERROR,
        "no trial has a result: all diverged, or could not be measured; "
        "give a space with smaller learning rates, or a larger validation");
}
