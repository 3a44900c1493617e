/*
 * tune.c - the search of gru4rec_tune_new(): proposals and successive halving; see
 * gru4rec.h.
 *
 * Rungs. A trial is trained several times, from scratch each time and with more epochs:
 * at the first rung with ceil(N / 9), then with ceil(N / 3), then with N epochs, where N
 * is option n_epochs; equal rungs are one. A batch of trials climbs together: when all
 * results of a rung are there, the best third of its trials, rounded up, go on to the
 * next rung. Of equal objectives, the lower trial number is better. The first trial,
 * which has the base's values, always goes on, so that the best trial is never worse than
 * the base. A trial that could not be trained never goes on.
 *
 * Proposals. The first trial is the base; the rest of the first batch is uniform over the
 * space. A later trial is uniform with probability 1/2; otherwise it begins as one of the
 * best trials of the batches before, and each of its values stays with probability 1/2 or
 * moves to a near one. Each trial draws from a stream of its own, so the proposals depend
 * only on the seed, the trial's number and the results of the batches before. A proposal
 * whose options contradict each other, or that an earlier trial had, is drawn again. If
 * that fails too often, the space has no more, and the search ends.
 */
#include "space.h"
#include "../base/alloc.h"
#include "../base/fail.h"
#include "../base/hash.h"
#include "../base/rng.h"
#include "../options/option.h"

enum {
    BATCH = 10,  /* most trials of a batch */
    N_RUNGS = 3, /* most rungs */
    /* Most parents, the best trials so far, as which later trials begin. */
    N_PARENTS = 5,
    /* After so many draws for one proposal without a new one, no more is drawn. */
    MOST_DRAWS = 500
};

/* A trial: the values that it has for the space's options, and its latest result. */
typedef struct trial {
    /* (space.n) the place of the value in each dimension; see space.h. */
    int32_t places[GRU4REC_MAX_DIMENSIONS];
    /* The highest rung, from 0, at which the trial has a result; -1: it has none yet. */
    int rung;
    /*
     * The result at that rung. NAN: it could not be trained there. Unset if rung is -1.
     */
    double objective;
} trial;

struct gru4rec_tune {
    gru4rec_allocator allocator;
    /* The caller's options with the values of the preset, but not resolved. */
    gru4rec_options base;
    gru4rec_options resolved; /* base, resolved */
    gru4rec_space space;
    /* (n_rungs) number of epochs that a trial is trained at each rung, ascending. */
    int64_t epochs[N_RUNGS];
    int n_rungs;
    int64_t most; /* most trials (option trials) */
    int64_t n;    /* number of trials proposed so far */
    /* (most) the first n are proposed. The trial number that users see is 1 + index. */
    trial *trials;
    /*
     * Index in trials of the first trial of the present batch, which ends with trial n -
     * 1.
     */
    int64_t first;
    /* The search has ended: there is no batch, and gru4rec_tune_next() gives no trial. */
    bool is_over;
    /* The rung, from 0, at which the present batch is. */
    int rung;
    /* (n_members) indexes of the trials of the batch that are at this rung, ascending. */
    int64_t members[BATCH + 1];
    /*
     * n_members: trials of the batch at this rung. n_given: those of them that
     * gru4rec_tune_next() has given, the first ones. n_told: those whose result
     * gru4rec_tune_tell() has got. When n_told is n_members, the batch goes to the next
     * rung.
     */
    int n_members, n_given, n_told;
};

/* ---- the options of a trial ---- */

/*
 * Fills *options with tune->base and, on top of it, the values at places (by dimension),
 * which are marked as set. The options are not resolved. Then each option that a tuning
 * can choose and that has no effect with these values gets its default, not marked as
 * set, also if the base has set it.
 */
static void set_places(const gru4rec_tune *tune, const int32_t *places,
                       gru4rec_options *options)
{
    *options = tune->base;
    for (size_t i = 0; i < tune->space.n; i++)
        if (places[i] != G4R_SPACE_NONE)
            g4r_space_set(&tune->space.dimensions[i], places[i], &tune->resolved,
                          options);
    g4r_space_drop_meaningless(options);
}

/*
 * Changes places (by dimension) to G4R_SPACE_NONE where the option has no effect beside
 * the other values that the places stand for.
 */
static void drop_meaningless(const gru4rec_tune *tune, int32_t *places)
{
    gru4rec_options options;
    set_places(tune, places, &options);
    for (size_t i = 0; i < tune->space.n; i++)
        if (!g4r_space_matters(tune->space.dimensions[i].option, &options))
            places[i] = G4R_SPACE_NONE;
}

void gru4rec_tune_options(const gru4rec_tune *tune, int64_t number,
                          gru4rec_options *options)
{
    set_places(tune, tune->trials[number - 1].places, options);
}

/*
 * Makes *options ready for a training with so many epochs: turns validation, patience,
 * warm_start, resume and checkpoints off, resolves the options, and sets n_epochs.
 * INVALID: the options contradict each other; *options must not be used for a training
 * then. error may be NULL.
 */
static gru4rec_status prepare(gru4rec_options *options, int64_t epochs,
                              gru4rec_error *error)
{
    gru4rec_options defaults;
    gru4rec_options_init(&defaults);
    gru4rec_options_unset(options, GRU4REC_SCOPE_TRAIN, "patience", &defaults, NULL);
    options->validation = 0;
    options->warm_start = 0;
    options->resume = 0;
    options->checkpoint_epochs = 0;
    gru4rec_status status = gru4rec_options_resolve(options, error);
    /* Resolving applies the preset, which may have set validation and patience again. */
    options->validation = 0;
    options->patience = 0;
    options->n_epochs = epochs;
    return status;
}

void gru4rec_tune_prepare(const gru4rec_tune *tune, const gru4rec_trial *of,
                          gru4rec_options *options)
{
    gru4rec_tune_options(tune, of->trial, options);
    gru4rec_status status = prepare(options, of->epochs, NULL);
    /* propose() and start() have checked that these options resolve. */
    assert(status == GRU4REC_OK);
    (void)status;
}

/* ---- which trial is better ---- */

/*
 * Tells whether trial a is better than trial b, both given as an index in tune->trials. A
 * higher rung is better; at the same rung the larger objective; with equal objectives the
 * lower index. Both must have a result (has_result()).
 */
static bool is_better(const gru4rec_tune *tune, int64_t a, int64_t b)
{
    const trial *x = &tune->trials[a], *y = &tune->trials[b];
    if (x->rung != y->rung)
        return x->rung > y->rung;
    return x->objective != y->objective ? x->objective > y->objective : a < b;
}

/*
 * Tells whether the trial has a result that counts: it was trained at some rung, and its
 * latest training did not fail.
 */
static bool has_result(const trial *entry)
{
    return entry->rung >= 0 && !isnan(entry->objective);
}

/*
 * Inserts the trial index into list (n), which has indexes of trials, the best one first,
 * and room for most. If the list is full, its worst trial or the new one, whichever is
 * worse, is dropped. The new trial must have a result. Returns the new length.
 */
static int insert(const gru4rec_tune *tune, int64_t *list, int n, int most, int64_t index)
{
    int at = n;
    for (; at > 0 && is_better(tune, index, list[at - 1]); at--)
        if (at < most)
            list[at] = list[at - 1];
    if (at < most)
        list[at] = index;
    return G4R_MIN(n + 1, most);
}

bool gru4rec_tune_best(const gru4rec_tune *tune, gru4rec_trial *best, double *objective)
{
    int64_t first;
    int n = 0;
    for (int64_t i = 0; i < tune->n; i++)
        if (has_result(&tune->trials[i]))
            n = insert(tune, &first, n, 1, i);
    if (n == 0)
        return false;
    const trial *entry = &tune->trials[first];
    *best = (gru4rec_trial){first + 1, entry->rung, tune->epochs[entry->rung]};
    *objective = entry->objective;
    return true;
}

/* ---- proposals ---- */

/*
 * Draws a place near place, in a range with n places. It is 1 to about 0.3 n places away,
 * in either direction; near places are more likely. A place beyond an end becomes the
 * end, so at an end the result may be place itself.
 */
static int32_t step_from(g4r_rng *rng, int32_t place, int32_t n)
{
    const double away = (g4r_rng_uniform(rng) + g4r_rng_uniform(rng) - 1) * 0.3 * n;
    int32_t step = (int32_t)lround(away);
    if (step == 0)
        step = away < 0 ? -1 : 1;
    const int32_t to = place + step;
    return G4R_MAX(0, G4R_MIN(to, n - 1));
}

/*
 * Draws the place that a new trial has in a dimension. from: the parent's place; NULL:
 * there is no parent. With a parent, the place stays with probability 1/2; otherwise it
 * moves: in a range to a place near it, among choices to any place. The result is uniform
 * over all places if there is no parent, or the parent's place is G4R_SPACE_NONE, or it
 * is G4R_SPACE_BASE and the base's value is not in the range or the dimension has
 * choices.
 */
static int32_t draw_place(const gru4rec_tune *tune, g4r_rng *rng,
                          const gru4rec_dimension *dimension, const int32_t *from)
{
    const int32_t n = g4r_space_places(dimension);
    int32_t place = from != NULL ? *from : G4R_SPACE_NONE;
    if (place == G4R_SPACE_BASE && !g4r_space_holds(dimension, &tune->resolved))
        place = G4R_SPACE_NONE;
    if (place != G4R_SPACE_NONE && g4r_rng_below(rng, 2) == 0)
        return place;
    if (place == G4R_SPACE_BASE)
        place = g4r_space_nearest(dimension, &tune->resolved);
    return place >= 0 && g4r_space_is_ordered(dimension)
               ? step_from(rng, place, n)
               : (int32_t)g4r_rng_below(rng, (uint64_t)n);
}

/*
 * Draws all places (by dimension) of a new trial. With probability 1/2 it begins as one
 * of the parents (n), which are indexes of trials; otherwise, or if n is 0, all places
 * are uniform. Then a place with the same value as the base becomes G4R_SPACE_BASE, and
 * the place of an option without effect G4R_SPACE_NONE, so that equal trials have equal
 * places.
 */
static void draw(const gru4rec_tune *tune, g4r_rng *rng, const int64_t *parents, int n,
                 int32_t *places)
{
    const int32_t *from = NULL;
    if (n > 0 && g4r_rng_below(rng, 2) == 0)
        from = tune->trials[parents[g4r_rng_below(rng, (uint64_t)n)]].places;
    for (size_t i = 0; i < tune->space.n; i++) {
        const gru4rec_dimension *dimension = &tune->space.dimensions[i];
        places[i] = draw_place(tune, rng, dimension, from != NULL ? &from[i] : NULL);
        if (places[i] >= 0 && g4r_space_is_base(dimension, places[i], &tune->resolved))
            places[i] = G4R_SPACE_BASE;
    }
    drop_meaningless(tune, places);
}

/*
 * Tells whether a proposal can become a trial: its options do not contradict each other,
 * and no earlier trial has the same places. If they contradict, error (or NULL) gets the
 * reason.
 */
static bool is_new(const gru4rec_tune *tune, const int32_t *places, gru4rec_error *error)
{
    gru4rec_options options;
    set_places(tune, places, &options);
    if (prepare(&options, 1, error) != GRU4REC_OK)
        return false;
    for (int64_t i = 0; i < tune->n; i++)
        if (memcmp(tune->trials[i].places, places, tune->space.n * sizeof *places) == 0)
            return false;
    return true;
}

/*
 * Adds one trial: draws places until they are new (is_new()), and appends them to
 * tune->trials, without a result. There must be room. Returns false and adds none if
 * MOST_DRAWS draws were not new. error (or NULL) gets the reason of each draw whose
 * options contradict each other; the last one stays, also if a trial is added.
 */
static bool propose(gru4rec_tune *tune, const int64_t *parents, int n_parents,
                    gru4rec_error *error)
{
    g4r_rng rng;
    trial *entry = &tune->trials[tune->n];
    g4r_rng_seed(&rng, tune->base.seed, G4R_STREAM_PROPOSALS, tune->n + 1);
    for (int i = 0; i < MOST_DRAWS; i++) {
        draw(tune, &rng, parents, n_parents, entry->places);
        if (is_new(tune, entry->places, error)) {
            entry->rung = -1;
            tune->n++;
            return true;
        }
    }
    return false;
}

/*
 * Begins a new batch: proposes its trials and makes them the members of the first rung.
 * There are at most BATCH, and in all batches together at most as many as option trials
 * says; fewer if propose() finds no more. The very first trial is not drawn but is the
 * base. The parents are the N_PARENTS best trials so far. If the batch has no trial, sets
 * is_over, which ends the search. error (or NULL): as propose().
 */
static void start_batch(gru4rec_tune *tune, gru4rec_error *error)
{
    int64_t parents[N_PARENTS];
    int n_parents = 0;
    tune->first = tune->n;
    for (int64_t i = 0; i < tune->n; i++)
        if (has_result(&tune->trials[i]))
            n_parents = insert(tune, parents, n_parents, N_PARENTS, i);
    /*
     * The first trial is the base: all its places are G4R_SPACE_BASE or G4R_SPACE_NONE.
     */
    if (tune->n == 0) {
        for (size_t i = 0; i < tune->space.n; i++)
            tune->trials[0].places[i] = G4R_SPACE_BASE;
        drop_meaningless(tune, tune->trials[0].places);
        tune->trials[0].rung = -1;
        tune->n = 1;
    }
    bool has_more = true;
    while (has_more && tune->n < tune->most && tune->n - tune->first < BATCH)
        has_more = propose(tune, parents, n_parents, error);
    tune->rung = tune->n_members = tune->n_given = tune->n_told = 0;
    for (int64_t i = tune->first; i < tune->n; i++)
        tune->members[tune->n_members++] = i;
    tune->is_over = tune->n_members == 0;
}

/* ---- halving ---- */

/*
 * Moves the batch to the next rung. The members become the best third (rounded up) of the
 * present ones, and in addition the first trial of all, if it is one of them. A trial
 * whose training failed is left out. The members stay in ascending order, and none is
 * given yet. There may be no members afterwards, and the rung may be n_rungs; the caller
 * checks both.
 */
static void promote(gru4rec_tune *tune)
{
    int64_t best[BATCH + 1];
    const int most = (tune->n_members + 2) / 3;
    int n = 0, n_next = 0;
    for (int i = 0; i < tune->n_members; i++)
        if (has_result(&tune->trials[tune->members[i]]))
            n = insert(tune, best, n, most, tune->members[i]);
    for (int i = 0; i < tune->n_members; i++) {
        const int64_t index = tune->members[i];
        bool goes_on = index == 0 && has_result(&tune->trials[0]);
        for (int j = 0; j < n; j++)
            goes_on = goes_on || best[j] == index;
        if (goes_on)
            tune->members[n_next++] = index;
    }
    tune->rung++;
    tune->n_members = n_next;
    tune->n_given = tune->n_told = 0;
}

bool gru4rec_tune_next(gru4rec_tune *tune, gru4rec_trial *next)
{
    if (tune->is_over || tune->n_given == tune->n_members)
        return false;
    *next = (gru4rec_trial){.trial = tune->members[tune->n_given++] + 1,
                            .rung = tune->rung,
                            .epochs = tune->epochs[tune->rung]};
    return true;
}

void gru4rec_tune_tell(gru4rec_tune *tune, const gru4rec_trial *of, double objective)
{
    trial *entry = &tune->trials[of->trial - 1];
    assert(of->rung == tune->rung && entry->rung < tune->rung);
    entry->rung = (int)of->rung;
    entry->objective = objective;
    if (++tune->n_told < tune->n_members)
        return;
    promote(tune);
    if (tune->rung == tune->n_rungs || tune->n_members == 0)
        start_batch(tune, NULL);
}

bool gru4rec_tune_is_over(const gru4rec_tune *tune)
{
    return tune->is_over;
}

int64_t gru4rec_tune_trials(const gru4rec_tune *tune)
{
    return tune->n;
}

int64_t gru4rec_tune_waiting(const gru4rec_tune *tune)
{
    return tune->is_over ? 0 : tune->n_members - tune->n_given;
}

int64_t gru4rec_tune_epochs(const gru4rec_tune *tune)
{
    int64_t sum = 0;
    for (int64_t first = 0; first < tune->most; first += BATCH) {
        int64_t n = G4R_MIN(tune->most - first, BATCH);
        for (int i = 0; i < tune->n_rungs; i++, n = (n + 2) / 3)
            sum += n * tune->epochs[i];
    }
    return sum;
}

/* ---- making and freeing ---- */

size_t gru4rec_tune_bytes(const gru4rec_options *base)
{
    return sizeof(gru4rec_tune) + (size_t)base->trials * sizeof(trial);
}

/*
 * Fills tune->epochs and n_rungs with ceil(N / 9), ceil(N / 3) and N, where N is
 * n_epochs. Of equal numbers only one is kept, so there may be fewer than three rungs.
 */
static void fill_rungs(gru4rec_tune *tune, int64_t n_epochs)
{
    for (int64_t part = 9; part > 0; part /= 3) {
        const int64_t epochs = (n_epochs + part - 1) / part;
        if (tune->n_rungs == 0 || tune->epochs[tune->n_rungs - 1] < epochs)
            tune->epochs[tune->n_rungs++] = epochs;
    }
}

/*
 * Begins the search: resolves the base, fills the rungs, and proposes the first batch.
 * INVALID: the base contradicts itself; or option trials is above 1, and the space gives
 * no trial beside the base, because its values contradict each other or are those of the
 * base.
 */
static gru4rec_status start(gru4rec_tune *tune, gru4rec_error *error)
{
    gru4rec_options first;
    gru4rec_error refusal = {0};
    tune->resolved = tune->base;
    gru4rec_status status = gru4rec_options_resolve(&tune->resolved, error);
    if (status != GRU4REC_OK)
        return status;
    fill_rungs(tune, tune->resolved.n_epochs);
    start_batch(tune, &refusal);
    gru4rec_tune_options(tune, 1, &first);
    status = prepare(&first, 1, error);
    if (status == GRU4REC_OK && tune->n == 1 && tune->most > 1)
        return refusal.message[0] != '\0'
                   ? g4r_fail(error, GRU4REC_INVALID,
                              "no values of the space go together (%.300s); give others",
                              refusal.message)
                   : g4r_fail(error, GRU4REC_INVALID,
                              "the space has nothing to choose from; "
                              "give it other values than the model has");
    return status;
}

gru4rec_status gru4rec_tune_new(const gru4rec_allocator *allocator,
                                const gru4rec_options *base, const gru4rec_space *space,
                                gru4rec_tune **out, gru4rec_error *error)
{
    const gru4rec_allocator memory = allocator != NULL ? *allocator : g4r_alloc_libc;
    gru4rec_tune *tune = g4r_alloc(&memory, 1, sizeof *tune);
    *out = NULL;
    if (tune == NULL)
        return g4r_fail_nomem(error, sizeof *tune);
    tune->allocator = memory;
    tune->base = *base;
    /*
     * The values of the preset are needed, because they decide which options have an
     * effect.
     */
    g4r_options_apply_preset(&tune->base);
    tune->space = *space;
    tune->most = base->trials;
    tune->trials = g4r_alloc(&memory, (size_t)base->trials, sizeof *tune->trials);
    gru4rec_status status = tune->trials != NULL
                                ? start(tune, error)
                                : g4r_fail_nomem(error, gru4rec_tune_bytes(base));
    if (status != GRU4REC_OK) {
        gru4rec_tune_free(tune);
        return status;
    }
    *out = tune;
    return GRU4REC_OK;
}

void gru4rec_tune_free(gru4rec_tune *tune)
{
    if (tune == NULL)
        return;
    const gru4rec_allocator allocator = tune->allocator;
    g4r_alloc_free(&allocator, tune->trials);
    g4r_alloc_free(&allocator, tune);
}

/* ---- the held-out sessions ---- */

/*
 * Returns the half, 0 or 1, that a session of the dataset belongs to: a bit of a hash of
 * the session's index and item rows. So it is the same in each run, whatever the seed.
 */
static int half_of(const gru4rec_dataset *dataset, int64_t session)
{
    const int64_t first = dataset->offsets[session];
    const size_t n = (size_t)(dataset->offsets[session + 1] - first);
    const uint64_t hash =
        g4r_hash_numbers(g4r_hash_word(G4R_HASH_START, (uint64_t)session),
                         dataset->item_rows + first, n, sizeof *dataset->item_rows);
    return (int)(g4r_hash_fold(hash, 0x9e3779b97f4a7c15u) >> 32 & 1);
}

/*
 * Returns a new dataset with the sessions of all that belong to a half (0 or 1). They
 * have the same order; their times are left out. The caller frees it with
 * gru4rec_dataset_free(). Returns NULL if there is not enough memory.
 */
static gru4rec_dataset *copy_half(const gru4rec_allocator *allocator,
                                  const gru4rec_dataset *all, int half)
{
    gru4rec_dataset *copy = g4r_alloc(allocator, 1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy->allocator = *allocator;
    copy->offsets = g4r_alloc(allocator, (size_t)all->n_sessions + 1, sizeof(int64_t));
    copy->item_rows = g4r_alloc(allocator, (size_t)all->n_events + 1, sizeof(int32_t));
    if (copy->offsets == NULL || copy->item_rows == NULL) {
        gru4rec_dataset_free(copy);
        return NULL;
    }
    for (int64_t s = 0; s < all->n_sessions; s++) {
        const int64_t first = all->offsets[s], n = all->offsets[s + 1] - first;
        if (half_of(all, s) != half)
            continue;
        memcpy(copy->item_rows + copy->n_events, all->item_rows + first,
               (size_t)n * sizeof *copy->item_rows);
        copy->n_events += n;
        copy->offsets[++copy->n_sessions] = copy->n_events;
    }
    return copy;
}

gru4rec_status gru4rec_tune_halve(const gru4rec_allocator *allocator,
                                  const gru4rec_dataset *heldout,
                                  gru4rec_dataset *halves[2], gru4rec_error *error)
{
    const gru4rec_allocator memory = allocator != NULL ? *allocator : g4r_alloc_libc;
    halves[0] = copy_half(&memory, heldout, 0);
    halves[1] = copy_half(&memory, heldout, 1);
    gru4rec_status status = GRU4REC_OK;
    if (halves[0] == NULL || halves[1] == NULL)
        status = g4r_fail_nomem(error, gru4rec_dataset_bytes(heldout));
    else if (halves[0]->n_events == halves[0]->n_sessions ||
             halves[1]->n_events == halves[1]->n_sessions)
        status = g4r_fail(error, GRU4REC_INVALID,
                          "validation holds out too few sessions to choose by one half "
                          "and to report on the other; set validation to a larger share");
    if (status == GRU4REC_OK)
        return GRU4REC_OK;
    gru4rec_dataset_free(halves[0]);
    gru4rec_dataset_free(halves[1]);
    halves[0] = halves[1] = NULL;
    return status;
}
