/*
 * ext_tune_deal.c - deals trials out to the ranks, and there to slots; see ext_tune.h.
 *
 * All ranks have the same search, so each of them knows which trial is next. Again and
 * again each rank casts a ballot: whether a trial has ended there, and whether the next
 * one could begin there. All ranks get all ballots, and conclude the same from them. So
 * none of them is in charge; a process without others casts the only ballot.
 */
#include "ext_tune.h"

#include <math.h>

/* What a rank tells the others. It has no gaps. */
typedef struct ballot {
    /* Threads that the next trial could have; 0: none now; NEVER: it never fits here. */
    int64_t room;
    int64_t is_late;   /* no trial may begin any more */
    int64_t n_events;  /* that the trials under way here have been trained on */
    int64_t has_row;   /* a trial has ended here: row is its result */
    int64_t n_trained; /* events that it was trained on */
    ext_tune_row row;
} ballot;

enum { NEVER = -1 };

/* What is at work while a deck is dealt out. */
typedef struct dealer {
    ext_tuning *tuning;
    const ext_tune_deck *deck;
    ballot own, *all;    /* (n_ranks) owned */
    int64_t n_under_way; /* trials, on all ranks */
    bool has_begun;      /* a trial has begun: before this it is never too late */
    bool is_moving;      /* the last ballots have ended or begun a trial */
    /* The place of the next trial on this rank, if it could begin here, and its needs. */
    ext_tune_slot *slot;
    gru4rec_options options;
    uint64_t n_bytes;
} dealer;

static const ext_ranks *ranks_of(const dealer *d)
{
    return &d->tuning->ranks;
}

/* ---- casting a ballot ---- */

/*
 * Makes *row the result of the slot's trial, which is over. A trial that diverged has the
 * objective NAN, and so has one whose options do not suit the events ("failed"); but if
 * it is the first trial, or the deck needs all, that is an error. Any other failure is an
 * error too.
 */
static int describe(ext_tune_row *row, const ext_tune_slot *slot,
                    const ext_tune_deck *deck, ext_error *error)
{
    const bool is_needed = deck->needs_all || slot->trial.trial == 1;
    const char *status = "done";
    *row = (ext_tune_row){.trial = slot->trial,
                          .objective = (double)NAN,
                          .recall = (double)NAN,
                          .mrr = (double)NAN,
                          .seconds = slot->seconds};
    if (slot->status == GRU4REC_OK) {
        row->objective = ext_tune_slot_objective(slot->tuning, slot->metrics);
        row->recall = slot->metrics[0].recall;
        row->mrr = slot->metrics[0].mrr;
    } else if (slot->status == GRU4REC_DIVERGED) {
        status = "diverged";
    } else if (slot->status == GRU4REC_INVALID && !is_needed) {
        status = "failed";
    } else {
        ext_error_library(error, slot->status, &slot->message);
        return ext_budget_explain(&slot->budget, deck->what, ext_tune_search_advice,
                                  error);
    }
    sqlite3_snprintf(sizeof row->status, row->status, "%s", status);
    return SQLITE_OK;
}

/* Looks for a trial that has ended here. */
static int find_result(dealer *d, ext_error *error)
{
    const ext_tune_slot *slot = ext_tune_slot_finished(d->tuning);
    if (slot == NULL)
        return SQLITE_OK;
    d->own.has_row = true;
    d->own.n_trained = atomic_load(&slot->n_events);
    return describe(&d->own.row, slot, d->deck, error);
}

/* Looks for room for the next trial here, if there is one. */
static void find_room(dealer *d)
{
    ext_tuning *tuning = d->tuning;
    int64_t n_free;
    if (!tuning->has_next)
        return;
    gru4rec_tune_prepare(tuning->search, &tuning->next, &d->options);
    d->n_bytes = ext_tune_slot_bytes(tuning, &d->options);
    d->slot = ext_tune_slot_find(tuning, d->n_bytes, &n_free);
    d->own.room = d->slot != NULL ? n_free : n_free == tuning->n_threads ? NEVER : 0;
}

/* Fills in the ballot of this rank, and gets those of all. */
static int vote(dealer *d, ext_error *error)
{
    d->own = (ballot){.is_late = d->has_begun && ext_poll_seconds() > d->deck->end,
                      .n_events = ext_tune_slot_events(d->tuning)};
    if (find_result(d, error) != SQLITE_OK)
        return error->rc;
    find_room(d);
    return ext_ranks_agree(ranks_of(d), &d->own, sizeof d->own, d->all, error);
}

/* ---- what follows from the ballots ---- */

/* Takes the results that ranks have told, in the order of the ranks. */
static int take_results(dealer *d, ext_error *error)
{
    ext_tuning *tuning = d->tuning;
    tuning->n_elsewhere = 0;
    for (int32_t rank = 0; rank < ext_ranks_count(ranks_of(d)); rank++) {
        const ballot *told = &d->all[rank];
        if (rank != ext_ranks_number(ranks_of(d)))
            tuning->n_elsewhere += told->n_events;
        if (!told->has_row)
            continue;
        d->is_moving = true;
        d->n_under_way--;
        tuning->n_events += told->n_trained;
        tuning->n_trained[rank]++;
        if (d->deck->take(tuning, &told->row, rank, error) != SQLITE_OK)
            return error->rc;
    }
    return SQLITE_OK;
}

/* Starts the next trial here. It gets this rank's part of the threads that all have. */
static void start(const dealer *d)
{
    const ext_tuning *tuning = d->tuning;
    ext_tune_slot *slot = d->slot;
    int64_t n_waiting = d->deck->count_waiting(tuning) + 1, n_free = 0;
    for (int32_t rank = 0; rank < ext_ranks_count(ranks_of(d)); rank++)
        n_free += d->all[rank].room > 0 ? d->all[rank].room : 0;
    if (n_free > 0) /* the waiting trials that this rank will get */
        n_waiting = (n_waiting * d->own.room + n_free - 1) / n_free;
    slot->trial = tuning->next;
    slot->options = d->options;
    slot->test = d->deck->test;
    slot->places = tuning->next_places;
    ext_tune_slot_run(slot, d->n_bytes, n_waiting);
}

/*
 * Gives up the next trial, which fits no rank: it gets a result with status "memory". If
 * it is the first trial, or the deck needs all, this is SQLITE_ERROR instead, because
 * there would be nothing to compare with.
 */
static int give_up(dealer *d, ext_error *error)
{
    ext_tuning *tuning = d->tuning;
    const ext_tune_row row = {.trial = tuning->next,
                              .objective = (double)NAN,
                              .recall = (double)NAN,
                              .mrr = (double)NAN,
                              .seconds = (double)NAN,
                              .status = "memory"};
    if (d->deck->needs_all || tuning->next.trial == 1)
        return ext_budget_check(&tuning->data.budget, d->n_bytes, d->deck->what,
                                ext_tune_search_advice, error);
    return d->deck->take(tuning, &row, 0, error);
}

/*
 * Gives the next trial, if there is one, to the rank that has most room for it, of
 * several to the lowest; to none if none has room now.
 */
static int deal(dealer *d, ext_error *error)
{
    ext_tuning *tuning = d->tuning;
    int32_t best = 0;
    bool fits = false;
    if (!tuning->has_next)
        return SQLITE_OK;
    for (int32_t rank = 0; rank < ext_ranks_count(ranks_of(d)); rank++) {
        fits |= d->all[rank].room != NEVER;
        if (d->all[rank].room > d->all[best].room)
            best = rank;
    }
    if (fits && d->all[best].room <= 0)
        return SQLITE_OK;
    d->is_moving = true;
    tuning->has_next = false;
    if (!fits)
        return give_up(d, error);
    d->n_under_way++;
    d->has_begun = true;
    if (best == ext_ranks_number(ranks_of(d)))
        start(d);
    return SQLITE_OK;
}

/* Does one round: casts a ballot, and does what follows from all. */
static int go_round(dealer *d, ext_error *error)
{
    ext_tuning *tuning = d->tuning;
    d->is_moving = false;
    if (vote(d, error) != SQLITE_OK || take_results(d, error) != SQLITE_OK)
        return error->rc;
    const bool is_late = d->all[0].is_late != 0;
    tuning->is_late |= is_late;
    if (!is_late && deal(d, error) != SQLITE_OK)
        return error->rc;
    if (ext_tune_rows_tell(tuning, error) != SQLITE_OK)
        return error->rc;
    return !d->is_moving && ext_tune_slot_wait(tuning)
               ? ext_error_set(error, SQLITE_INTERRUPT, "interrupted")
               : SQLITE_OK;
}

int ext_tune_deal_run(ext_tuning *tuning, const ext_tune_deck *deck, ext_error *error)
{
    const size_t n_ranks = (size_t)ext_ranks_count(&tuning->ranks);
    dealer d = {.tuning = tuning,
                .deck = deck,
                .all = sqlite3_malloc64(n_ranks * sizeof *d.all)};
    if (d.all == NULL)
        return ext_error_nomem(error);
    while (deck->find_next(tuning, error) == SQLITE_OK &&
           (tuning->has_next || d.n_under_way > 0) && go_round(&d, error) == SQLITE_OK)
        continue;
    sqlite3_free(d.all);
    return error->rc;
}
