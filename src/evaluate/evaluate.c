/*
 * evaluate.c - measures how well a model predicts the next item of sessions.
 *
 * Every event of a test session except the first is a target (with option last_only, the
 * last event alone). The target is ranked among the items, given the events before it.
 * The items are all of the catalogue, or those that the caller names (what->candidates),
 * or the target with some that are drawn at random (option candidates). With option
 * exclude_seen, items that the session had before are left out.
 *
 * Sessions run side by side in lanes, each from a zero hidden state. All lanes are ranked
 * until the last one ends; in training, K = 0 ends an epoch before that.
 *
 * Hidden states and scores have the same bits as in serving, whatever the other lanes
 * hold. So ranks are those that a gru4rec_ranking gives. Baselines rank the same targets
 * by their own scores. Measures are means over targets (outcomes.h).
 *
 * The rank of a target with score t among scores o, the target's own included:
 *   standard      1 + #{o > t}
 *   conservative  #{o >= t}
 *   median        the mean of these two
 * A target has no rank if it is left out as seen, or is not among what->candidates: then
 * it counts as a miss.
 */
#include "../kernels/blas.h"
#include "../model/model.h"
#include "../model/network.h"
#include "../data/schedule.h"
#include "../base/fail.h"
#include "../base/rows.h"
#include "../baselines/baseline.h"
#include "listed.h"
#include "negatives.h"
#include "ranks.h"
#include "share.h"
#include "seen.h"

enum {
    MOST_LANES = 128,
    /*
     * Most bytes of the seen items of all lanes together. One lane alone may need more.
     */
    SEEN_BYTES = 64 << 20
};

/*
 * The numbers of the methods. MODEL is the model as it serves. NETWORK is the model's
 * network alone; this method exists only if the model's scores are blended. The baselines
 * follow: the first has the number measuring.n_models, which is 1, or 2 with a blend.
 * MOST_MODELS: most methods before the baselines. MOST_METHODS: most methods in all.
 */
enum { MODEL, NETWORK, MOST_MODELS, MOST_METHODS = MOST_MODELS + GRU4REC_N_BASELINES };

typedef struct measuring {
    gru4rec_allocator allocator;
    const gru4rec_evaluation *what;
    const gru4rec_options *options;
    const g4r_params *params; /* the model's tensors */
    const gru4rec_hooks *hooks;
    gru4rec_progress progress;
    size_t n_items, n_methods, n_lanes;
    /* Number of methods before the first baseline: 1, or 2 if the model blends. */
    size_t n_models;
    /*
     * Items drawn beside each target (option candidates, at most n_items - 1). 0: none
     * are drawn; the target is ranked among all items or what->candidates.
     */
    size_t n_negatives;
    /*
     * With option exclude_seen: room for the different items of the longest session, at
     * most n_items. 0: the option is off, and seen items are ranked too.
     */
    size_t most_seen;
    g4r_network network;
    g4r_arena arena;
    g4r_share share; /* of the sessions, the part that this process measures */
    g4r_schedule schedule;
    g4r_bounds bounds;            /* of all methods before the baselines */
    g4r_ranks ranks[MOST_MODELS]; /* one for each of these methods */
    /* Blends the scores of method MODEL; NULL: no blend. finish() frees it. */
    gru4rec_blender *blender;
    g4r_seen seen;
    g4r_negatives negatives;
    g4r_listed listed;
    /*
     * (most_seen + 1) the items that must not be drawn for a target: the target itself
     * and, with option exclude_seen, the seen items. Ascending.
     */
    int32_t *excluded;
    /* (n_negatives + 1) the rows that are ranked: the drawn items and the target. */
    int32_t *drawn;
    int64_t *segment_scratch; /* of g4r_segment_fill() */
    /* The first n_baselines: a scorer for each of what->baselines, freed by finish(). */
    gru4rec_scorer *scorers[GRU4REC_N_BASELINES];
    g4r_outcomes outcomes;
    g4r_tally tallies[MOST_METHODS];
} measuring;

static size_t count_models(const gru4rec_evaluation *what)
{
    return what->blend != NULL ? 2 : 1;
}

size_t gru4rec_evaluate_count(const gru4rec_evaluation *what,
                              const gru4rec_options *options)
{
    return g4r_tally_rows(options) * (count_models(what) + what->n_baselines);
}

/*
 * Returns where the places of a method begin in the caller's array what->places (a row of
 * n_events places for each method). Returns NULL if the caller gave no array.
 */
static int32_t *places_of(const measuring *e, size_t method)
{
    int32_t *places = e->what->places;
    return places != NULL ? places + method * (size_t)e->what->test->n_events : NULL;
}

/*
 * Carves from e->arena the arrays of the network, the ranks, the seen items, the drawn
 * items, the baselines' lists, the outcomes and the tallies. It is called twice: first it
 * only counts the bytes (arena.h). The caller's array of places is used if there is one.
 */
static void layout(measuring *e)
{
    g4r_arena *arena = &e->arena;
    const size_t n_drawn = e->n_negatives > 0 ? e->n_negatives + 1 : 0;
    g4r_network_layout(&e->network, arena, e->params, e->n_lanes, 1, false);
    e->network.by_rows = true;
    g4r_bounds_layout(&e->bounds, arena, n_drawn > 0 ? 0 : e->n_lanes);
    for (size_t i = 0; i < e->n_models; i++)
        g4r_ranks_layout(&e->ranks[i], arena);
    g4r_seen_layout(&e->seen, arena, e->n_lanes, e->most_seen);
    g4r_negatives_layout(&e->negatives, arena, e->n_items, e->n_negatives);
    e->excluded = g4r_arena_take(arena, e->most_seen + 1, sizeof *e->excluded);
    e->drawn = g4r_arena_take(arena, n_drawn, sizeof *e->drawn);
    if (e->what->n_baselines > 0)
        g4r_listed_layout(&e->listed, arena, e->n_items, e->outcomes.longest);
    g4r_outcomes_layout(&e->outcomes, arena);
    e->segment_scratch = g4r_segment_layout(arena, e->options->segment, e->n_items);
    for (size_t i = 0; i < e->n_methods; i++)
        g4r_tally_layout(&e->tallies[i], arena, places_of(e, i));
}

/*
 * Sets all sizes in *e from the options and the data, prepares the tallies and the ranks,
 * and counts the bytes that e->arena needs. It allocates nothing. The number of lanes is
 * MOST_LANES, or less if the seen items would take more than SEEN_BYTES; at least 1.
 * longest_session: number of events in the longest test session; read only with option
 * exclude_seen.
 */
static void measure(measuring *e, const g4r_output *output, int64_t longest_session)
{
    const gru4rec_options *options = e->options;
    const gru4rec_evaluation *what = e->what;
    const bool is_some = what->candidates != NULL;
    size_t n = is_some ? what->n_candidates : e->n_items;
    e->n_models = count_models(what);
    e->n_methods = e->n_models + what->n_baselines;
    e->outcomes.test = what->test;
    e->outcomes.longest = g4r_tally_longest(options, e->n_items);
    for (size_t i = 0; i < e->n_methods; i++) {
        g4r_tally *tally = &e->tallies[i];
        tally->outcomes = &e->outcomes;
        tally->options = options;
        tally->support = what->support;
        tally->n_items = e->n_items;
    }
    e->n_negatives = G4R_MIN((size_t)options->candidates, e->n_items - 1);
    if (options->candidates > 0)
        n = e->n_negatives + 1;
    if (options->exclude_seen)
        e->most_seen = G4R_MIN((size_t)longest_session, e->n_items);
    e->n_lanes = SEEN_BYTES / (G4R_MAX(e->most_seen, 1) * sizeof *e->excluded);
    e->n_lanes = G4R_MAX(1, G4R_MIN(e->n_lanes, MOST_LANES));
    const int32_t *rows = is_some ? what->candidates : NULL;
    g4r_bounds_init(&e->bounds, output, rows, n, NULL);
    e->bounds.is_two_sided = true;
    if (options->candidates > 0 || !g4r_ranks_can_bound(e->outcomes.longest))
        e->bounds.way = G4R_BOUNDS_NONE;
    for (size_t i = 0; i < e->n_models; i++)
        g4r_ranks_init(&e->ranks[i], &e->bounds, rows, n, e->outcomes.longest);
    layout(e);
}

size_t gru4rec_evaluate_bytes(const gru4rec_options *options, int32_t n_items,
                              const gru4rec_dataset *heldout)
{
    g4r_params params;
    const gru4rec_evaluation what = {.test = heldout};
    measuring e = {.what = &what,
                   .params = &params,
                   .options = options,
                   .n_items = (size_t)n_items};
    g4r_params_init(&params, options, n_items);
    const g4r_output output = {.n = e.n_items, .d = params.width};
    measure(&e, &output, 0);
    const g4r_schedule_plan plan = {.n_lanes = (int64_t)e.n_lanes};
    const size_t side = G4R_MAX(g4r_network_side(&params), e.n_lanes);
    const size_t bytes = g4r_add(g4r_arena_bytes(&e.arena), g4r_blas_bytes(side));
    return g4r_add(bytes, g4r_schedule_bytes(&plan, INT64_MAX));
}

static int64_t longest_session(const gru4rec_dataset *test)
{
    int64_t longest = 0;
    for (int64_t s = 0; s < test->n_sessions; s++)
        longest = G4R_MAX(longest, test->offsets[s + 1] - test->offsets[s]);
    return longest;
}

/*
 * For each baseline: gives the baseline's name to its tally, and makes a scorer in
 * e->scorers. Stops at the first error. INVALID: the baseline needs times, and the test
 * sessions have none. NOMEM: there is not enough memory. After an error finish() frees
 * the scorers that were made.
 */
static gru4rec_status start_baselines(measuring *e, gru4rec_error *error)
{
    const gru4rec_evaluation *what = e->what;
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0; i < what->n_baselines && status == GRU4REC_OK; i++) {
        const gru4rec_baseline *baseline = what->baselines[i];
        assert(baseline->n_items == e->n_items);
        e->tallies[e->n_models + i].method = baseline->method->name;
        if (g4r_baseline_needs_times(baseline) && what->test->times == NULL)
            return g4r_fail(error, GRU4REC_INVALID,
                            "baseline %s needs the times of the test sessions, "
                            "which have none; prepare their events with keeps_times",
                            baseline->method->name);
        status = gru4rec_scorer_new(&e->allocator, baseline, &e->scorers[i]);
        if (status != GRU4REC_OK)
            g4r_fail_nomem(error, gru4rec_scorer_bytes(baseline));
    }
    return status;
}

/*
 * Does nothing if the model's scores are not blended. Otherwise makes e->blender, gives
 * it to the ranks of the method MODEL, and names the method NETWORK "gru4rec-network".
 * NOMEM: there is not enough memory. finish() frees the blender.
 */
static gru4rec_status start_blending(measuring *e, gru4rec_error *error)
{
    const gru4rec_blend *blend = e->what->blend;
    if (blend == NULL)
        return GRU4REC_OK;
    if (gru4rec_blender_new(&e->allocator, blend, &e->blender) != GRU4REC_OK)
        return g4r_fail_nomem(error, gru4rec_blender_bytes(blend));
    e->ranks[MODEL].blender = e->blender;
    e->tallies[NETWORK].method = "gru4rec-network";
    return GRU4REC_OK;
}

/*
 * Prepares the evaluation: sets all sizes, allocates the schedule and the arena, gives
 * the network the model's weights, writes the segment of each event, sets all places to
 * "no target", and makes the blender and the scorers. The caller calls finish(), also
 * after an error. NOMEM: there is not enough memory. INVALID: as start_baselines().
 */
static gru4rec_status start(measuring *e, gru4rec_error *error)
{
    const gru4rec_evaluation *what = e->what;
    const g4r_output output = g4r_model_output(what->model);
    measure(e, &output, longest_session(what->test));
    const gru4rec_ranks *ranks = e->share.ranks;
    const g4r_schedule_plan plan = {.n_lanes = (int64_t)e->n_lanes,
                                    .group = ranks != NULL ? ranks->rank : 0,
                                    .n_groups = ranks != NULL ? ranks->n_ranks : 0};
    if (!g4r_schedule_init(&e->schedule, &e->share.test, &plan, &e->allocator) ||
        !g4r_arena_allocate(&e->arena, &e->allocator))
        return g4r_fail_nomem(error, g4r_arena_bytes(&e->arena));
    layout(e);
    g4r_bounds_measure(&e->bounds);
    e->negatives.seed = e->options->seed;
    g4r_network_bind(&e->network, what->model->values, NULL);
    g4r_segment_fill(e->outcomes.segments, e->options->segment, what->test, what->support,
                     e->n_items, e->segment_scratch);
    for (size_t i = 0; i < e->n_methods; i++)
        g4r_tally_start(&e->tallies[i]);
    gru4rec_status status = start_blending(e, error);
    return status == GRU4REC_OK ? start_baselines(e, error) : status;
}

/*
 * Frees all that start() allocated, also if start() failed half-way. The model, the
 * baselines and the test are the caller's and stay.
 */
static void finish(measuring *e)
{
    for (size_t i = 0; i < e->what->n_baselines; i++)
        gru4rec_scorer_free(e->scorers[i]);
    gru4rec_blender_free(e->blender);
    g4r_schedule_free(&e->schedule);
    g4r_arena_free(&e->arena, &e->allocator);
    g4r_share_free(&e->share);
}

/*
 * Calls the hook poll with e->progress, and returns whether it asks to stop; false if the
 * caller gave no such hook.
 */
static bool is_stopped(void *context)
{
    const measuring *e = context;
    const gru4rec_hooks *hooks = e->hooks;
    return hooks != NULL && hooks->poll != NULL &&
           hooks->poll(hooks->context, &e->progress) != 0;
}

/* ---- one step of the schedule ---- */

/*
 * Tells whether the lane's target is to be ranked. Without option last_only this is
 * always true; with it, only for the last event of a session.
 */
static bool is_ranked(const measuring *e, size_t lane)
{
    const g4r_schedule *schedule = &e->schedule;
    const int64_t end = e->what->test->offsets[schedule->session[lane] + 1];
    return !e->options->last_only || schedule->position[lane] + 2 == end;
}

/*
 * Returns the events of the lane's session from the first to the one before the target:
 * items and times, borrowed from the test. The times are NULL if the test has none.
 */
static gru4rec_prefix prefix_of(const measuring *e, size_t lane)
{
    const gru4rec_dataset *test = e->what->test;
    const int64_t first = test->offsets[e->schedule.session[lane]];
    return (gru4rec_prefix){.rows = test->item_rows + first,
                            .times = test->times != NULL ? test->times + first : NULL,
                            .n = (size_t)(e->schedule.position[lane] - first) + 1};
}

/*
 * Returns the query for the lane's target. It lists the seen items as items to leave out
 * only with option exclude_seen. The query's target becomes -1 if the target is among
 * these items; also if it is not among the ranked items, unless items are drawn for each
 * target. The lists are borrowed: the history from the test, the seen items from e->seen.
 */
static g4r_rank_query query_of(const measuring *e, size_t lane)
{
    const gru4rec_prefix prefix = prefix_of(e, lane);
    g4r_rank_query query = {.target = e->schedule.target[lane],
                            .history = prefix.rows,
                            .n_history = prefix.n,
                            .event = e->schedule.position[lane] + 1};
    size_t place;
    if (e->most_seen > 0) {
        query.seen = g4r_seen_rows(&e->seen, lane);
        query.n_seen = e->seen.n[lane];
    }
    if (g4r_rows_find(query.seen, query.n_seen, query.target, &place) ||
        (e->n_negatives == 0 && !g4r_ranks_has(&e->ranks[MODEL], query.target)))
        query.target = -1;
    return query;
}

/*
 * Ranks the lane's target by the scores of each baseline, and adds each result to the
 * tally of its baseline. rows (n): the ranked items; NULL: all.
 */
static void count_baselines(measuring *e, size_t lane, const int32_t *rows, size_t n,
                            const g4r_rank_query *query)
{
    const gru4rec_prefix prefix = prefix_of(e, lane);
    for (size_t i = 0; i < e->what->n_baselines; i++) {
        const gru4rec_scores scores = gru4rec_scorer_score(e->scorers[i], &prefix);
        g4r_standing standing;
        g4r_listed_rank(&e->listed, &scores, rows, n, query, &standing);
        g4r_tally_count(&e->tallies[e->n_models + i], &standing, query->event);
    }
}

/*
 * Ranks the lane's target among items that are drawn for it (option candidates). With
 * option exclude_seen, seen items are not drawn. It ranks by each method: the model with
 * the top layer's values x (D), its network alone if the model blends, and each baseline.
 * Each result is added to the method's tally. If the target itself was seen, it is not
 * ranked: a miss. Returns false if a score of the network is not finite; the later
 * methods are not counted then.
 */
static bool rank_drawn(measuring *e, size_t lane, const g4r_real *x)
{
    const int32_t target = e->schedule.target[lane];
    g4r_rank_query query = query_of(e, lane);
    g4r_standing standing;
    size_t n = query.n_seen;
    if (n > 0)
        memcpy(e->excluded, query.seen, n * sizeof *e->excluded);
    n = g4r_rows_add(e->excluded, n, target);
    n = g4r_negatives_draw(&e->negatives, e->drawn, e->excluded, n, query.event);
    if (query.target >= 0)
        n = g4r_rows_add(e->drawn, n, target);
    query.n_seen = 0; /* no seen item was drawn, so none needs to be left out */
    for (size_t i = 0; i < e->n_models; i++) {
        if (!g4r_ranks_exact(&e->ranks[i], x, e->drawn, n, &query, &standing))
            return false;
        g4r_tally_count(&e->tallies[i], &standing, query.event);
    }
    count_baselines(e, lane, e->drawn, n, &query);
    return true;
}

/* Writes the message of DIVERGED into *error, and returns DIVERGED. */
static gru4rec_status fail_diverged(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_DIVERGED,
                    "the model gives scores that are not finite; "
                    "train it again with a smaller learning_rate");
}

/* Writes the message of INTERRUPTED into *error, and returns INTERRUPTED. */
static gru4rec_status fail_interrupted(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
}

/*
 * Ranks the targets of the lanes in e->ranks[method] one after another, and adds each
 * result to the tally of the method (MODEL or NETWORK). Asks the hook after each target.
 * Stops at the first error: DIVERGED if a score is not finite, INTERRUPTED if the hook
 * says stop.
 */
static gru4rec_status rank_added(measuring *e, size_t method, gru4rec_error *error)
{
    g4r_ranks *ranks = &e->ranks[method];
    for (size_t i = 0; i < ranks->n_added; i++) {
        g4r_standing standing;
        if (!g4r_ranks_get(ranks, i, &standing))
            return fail_diverged(error);
        g4r_tally_count(&e->tallies[method], &standing, ranks->lanes[i].query.event);
        if (is_stopped(e))
            return fail_interrupted(error);
    }
    return GRU4REC_OK;
}

/*
 * Does one step of the schedule for all live lanes: moves hidden states and seen items to
 * the lanes of their sessions, runs the network on the lanes' inputs, adds each input to
 * the seen items, ranks each target by all methods, and adds the results to the tallies.
 * Targets that option last_only excludes are not ranked. Counts the ranked targets in
 * e->progress.events. Stops at the first error: DIVERGED if a score is not finite,
 * INTERRUPTED if the hook says stop.
 */
static gru4rec_status evaluate_step(measuring *e, gru4rec_error *error)
{
    const g4r_schedule *schedule = &e->schedule;
    const size_t m = (size_t)schedule->n_live, d = e->params->width;
    const g4r_real *x = g4r_network_top(&e->network, 0);
    g4r_network_carry(&e->network, 0, schedule->from, m);
    g4r_network_forward(&e->network, 0, schedule->input, m, NULL);
    if (e->most_seen > 0)
        g4r_seen_carry(&e->seen, schedule->from, m);
    g4r_bounds_start(&e->bounds);
    for (size_t i = 0; i < e->n_models; i++)
        g4r_ranks_start(&e->ranks[i]);
    for (size_t lane = 0; lane < m; lane++) {
        if (e->most_seen > 0)
            g4r_seen_add(&e->seen, lane, schedule->input[lane]);
        if (!is_ranked(e, lane))
            continue;
        e->progress.events++;
        if (e->n_negatives > 0) {
            if (!rank_drawn(e, lane, x + lane * d))
                return fail_diverged(error);
            if (is_stopped(e))
                return fail_interrupted(error);
            continue;
        }
        const g4r_rank_query query = query_of(e, lane);
        g4r_bounds_add(&e->bounds, x + lane * d);
        for (size_t i = 0; i < e->n_models; i++)
            g4r_ranks_add(&e->ranks[i], &query);
        count_baselines(e, lane, e->ranks[MODEL].rows, e->ranks[MODEL].n, &query);
        if (e->what->n_baselines > 0 && is_stopped(e))
            return fail_interrupted(error);
    }
    const g4r_stop stop = {is_stopped, e};
    if (!g4r_ranks_bound(e->ranks, e->n_models, &stop))
        return fail_interrupted(error);
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0; i < e->n_models && status == GRU4REC_OK; i++)
        status = rank_added(e, i, error);
    return status;
}

/*
 * Evaluates step after step until the schedule has no more, or until the first error,
 * which it returns: DIVERGED or INTERRUPTED. Asks the hook after each step.
 */
static gru4rec_status run(measuring *e, gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    while (status == GRU4REC_OK && g4r_schedule_next(&e->schedule)) {
        status = evaluate_step(e, error);
        e->progress.step++;
        if (status == GRU4REC_OK && is_stopped(e))
            status = fail_interrupted(error);
    }
    return status;
}

/*
 * Fills metrics with the measures of all methods, in the order of the methods' numbers,
 * the model first: g4r_tally_rows() for each. Returns INTERRUPTED if the hook says stop;
 * metrics must not be used then.
 */
static gru4rec_status report(measuring *e, gru4rec_metrics *metrics, gru4rec_error *error)
{
    g4r_stop_watch watch = {.stop = {is_stopped, e}};
    const size_t n_rows = g4r_tally_rows(e->options);
    for (size_t i = 0; i < e->n_methods && !watch.is_over; i++)
        g4r_tally_report(&e->tallies[i], metrics + i * n_rows, &watch);
    return watch.is_over ? fail_interrupted(error) : GRU4REC_OK;
}

/*
 * Prepares the evaluation, evaluates this process's share of the sessions, and gets what
 * the others have counted. Returns the status of start(), run() or an exchange.
 */
static gru4rec_status measure_shared(measuring *e, gru4rec_error *error)
{
    g4r_share *share = &e->share;
    const uint64_t hash = g4r_share_hash(share, e->what->model, e->options);
    gru4rec_status status = g4r_share_vote(share, start(e, error), hash, error);
    if (status == GRU4REC_OK)
        status = g4r_share_vote(share, run(e, error), 0, error);
    return status == GRU4REC_OK
               ? g4r_share_combine(share, e->tallies, e->n_methods, error)
               : status;
}

gru4rec_status gru4rec_evaluate(const gru4rec_allocator *allocator,
                                const gru4rec_evaluation *what,
                                const gru4rec_options *options,
                                const gru4rec_hooks *hooks, gru4rec_metrics *metrics,
                                gru4rec_error *error)
{
    const int64_t n_targets = what->test->n_events - what->test->n_sessions;
    measuring e = {
        .allocator = allocator != NULL ? *allocator : g4r_alloc_libc,
        .what = what,
        .options = options,
        .params = &what->model->params,
        .hooks = hooks,
        .progress = {.epoch = 1, .n_epochs = 1, .total_events = n_targets, .loss = NAN},
        .n_items = (size_t)what->model->params.n_items,
        .tallies = {{.method = "gru4rec"}},
    };
    assert(what->n_baselines <= GRU4REC_N_BASELINES);
    if (!g4r_blas_enter())
        return g4r_blas_fail(error);
    gru4rec_status status =
        g4r_share_init(&e.share, what->test, hooks != NULL ? hooks->ranks : NULL,
                       &e.allocator, error);
    if (status == GRU4REC_OK)
        status = measure_shared(&e, error);
    if (status == GRU4REC_OK)
        status = report(&e, metrics, error);
    finish(&e);
    g4r_blas_leave();
    return status;
}

gru4rec_status gru4rec_evaluate_heldout(const gru4rec_allocator *allocator,
                                        const gru4rec_model *model,
                                        const int64_t *support,
                                        const gru4rec_dataset *heldout,
                                        const gru4rec_hooks *hooks, double *recall,
                                        double *mrr, gru4rec_error *error)
{
    const gru4rec_options options = {.cutoffs = {1, {20}}, .mode = GRU4REC_CONSERVATIVE};
    const gru4rec_evaluation what = {.model = model, .support = support, .test = heldout};
    gru4rec_metrics metrics = {.recall = NAN, .mrr = NAN};
    gru4rec_status status =
        gru4rec_evaluate(allocator, &what, &options, hooks, &metrics, error);
    *recall = metrics.recall;
    *mrr = metrics.mrr;
    return status;
}
