/*
 * evaluate.c - full-ranking evaluation of next-item prediction.
 *
 * Every event but the first of a test session is a target, ranked among all items given
 * the events before it. Sessions run side by side in lanes, from a zero state, whatever
 * their number; all lanes are ranked, down to the last (K = 0 does not end an epoch early
 * here). Measures are means over events. Baselines give their scores for the same lanes.
 *   rank   standard: 1 + #{o > t}; conservative: #{o >= t}; median: half-way between
 *   recall [rank <= k]   mrr [rank <= k] / rank   ndcg [rank <= k] / log2(rank + 1)
 */
#include "../kernels/blas.h"
#include "../model/model.h"
#include "../model/network.h"
#include "../data/schedule.h"
#include "../base/fail.h"
#include "../kernels/topk.h"

enum {
    MOST_LANES = 256,
    BLOCK_BYTES = 64 << 20 /* of scores at a time */
};

/* What is counted for one method. */
typedef struct method_tally {
    const char *method;
    int32_t *best; /* (I) place of each item in its best list, from 1; 0: in none */
    double recall[GRU4REC_MAX_LIST], mrr[GRU4REC_MAX_LIST], ndcg[GRU4REC_MAX_LIST];
    double popularity[GRU4REC_MAX_LIST]; /* sum of support / largest support */
    int64_t listed[GRU4REC_MAX_LIST];    /* items in lists */
    int64_t events, ties;
} method_tally;

enum { MODEL, POPULARITY, N_METHODS };

typedef struct evaluation {
    gru4rec_allocator allocator;
    const gru4rec_model *model;
    const g4r_params *params; /* the model's */
    const int64_t *support;   /* (I) */
    const gru4rec_options *options;
    const g4r_vec *vec;
    size_t n_items, n_methods;
    g4r_network network;
    g4r_arena arena;
    g4r_schedule_plan plan;
    g4r_schedule schedule;
    g4r_real *scores;        /* (M,I) */
    g4r_real *popularity;    /* (I) that baseline's scores */
    int64_t largest_support; /* at least 1 */
    g4r_scored *list;        /* (longest) */
    size_t longest;          /* largest cut-off, at most I */
    method_tally tallies[N_METHODS];
} evaluation;

size_t gru4rec_evaluate_count(const gru4rec_options *options)
{
    return (size_t)options->cutoffs.n * (options->baselines ? N_METHODS : 1);
}

static void layout(evaluation *e)
{
    g4r_arena *arena = &e->arena;
    const size_t n_lanes = (size_t)e->plan.n_lanes;
    g4r_network_layout(&e->network, arena, e->params, n_lanes, 1, false);
    e->scores = g4r_arena_take(arena, g4r_mul(n_lanes, e->n_items), sizeof *e->scores);
    e->popularity = g4r_arena_take(arena, e->n_items, sizeof *e->popularity);
    e->list = g4r_arena_take(arena, e->longest, sizeof *e->list);
    for (size_t i = 0; i < e->n_methods; i++)
        e->tallies[i].best =
            g4r_arena_take(arena, e->n_items, sizeof *e->tallies[i].best);
}

/* Measures what it takes: lanes, as many as scores of a block fit; the longest list. */
static void measure(evaluation *e)
{
    const gru4rec_list *cutoffs = &e->options->cutoffs;
    size_t most = BLOCK_BYTES / (G4R_MAX(e->n_items, 1) * sizeof(g4r_real));
    e->plan.n_lanes = (int64_t)G4R_MAX(1, G4R_MIN(MOST_LANES, most));
    for (int64_t i = 0; i < cutoffs->n; i++)
        e->longest = G4R_MAX(e->longest, (size_t)cutoffs->values[i]);
    e->longest = G4R_MIN(e->longest, e->n_items);
    layout(e);
}

size_t gru4rec_evaluate_bytes(const gru4rec_options *options, int32_t n_items)
{
    g4r_params params;
    evaluation e = {.params = &params,
                    .options = options,
                    .n_items = (size_t)n_items,
                    .n_methods = N_METHODS};
    g4r_params_init(&params, options, n_items);
    measure(&e);
    const size_t side = G4R_MAX(g4r_network_side(&params), (size_t)e.plan.n_lanes);
    const size_t bytes = g4r_add(g4r_arena_bytes(&e.arena), g4r_blas_bytes(side));
    return g4r_add(bytes, g4r_schedule_bytes(&e.plan, INT64_MAX));
}

static gru4rec_status start(evaluation *e, const gru4rec_dataset *test,
                            gru4rec_error *error)
{
    measure(e);
    if (!g4r_schedule_init(&e->schedule, test, &e->plan, &e->allocator) ||
        !g4r_arena_allocate(&e->arena, &e->allocator))
        return g4r_fail_nomem(error, g4r_arena_bytes(&e->arena));
    layout(e);
    g4r_network_bind(&e->network, e->model->values, NULL);
    e->largest_support = 1;
    for (size_t i = 0; i < e->n_items; i++) {
        e->largest_support = G4R_MAX(e->largest_support, e->support[i]);
        e->popularity[i] = (g4r_real)e->support[i];
    }
    return GRU4REC_OK;
}

/* Of a target that n_equal items share its score with, itself included. */
static double rank_of(size_t n_greater, size_t n_equal, int64_t mode)
{
    static const double counted[] = {
        [GRU4REC_STANDARD] = 0, [GRU4REC_CONSERVATIVE] = 1, [GRU4REC_MEDIAN] = 0.5};
    return (double)n_greater + counted[mode] * ((double)n_equal - 1) + 1;
}

/* Counts one ranking: where the target stands, and which items are at the top. */
static void count_ranking(evaluation *e, method_tally *tally, const g4r_real *scores,
                          int32_t target)
{
    const gru4rec_list *cutoffs = &e->options->cutoffs;
    size_t n_greater, n_equal;
    double share = 0;
    e->vec->scan.count(scores, scores[target], e->n_items, &n_greater, &n_equal);
    double rank = rank_of(n_greater, n_equal, e->options->mode);
    size_t n = g4r_topk(e->list, scores, NULL, e->n_items, e->longest, e->vec);
    tally->events++;
    tally->ties += n_equal > 1;
    for (int64_t i = 0; i < cutoffs->n; i++) {
        if (rank > (double)cutoffs->values[i])
            continue;
        tally->recall[i] += 1;
        tally->mrr[i] += 1 / rank;
        tally->ndcg[i] += 1 / log2(rank + 1);
    }
    for (size_t place = 1; place <= n; place++) {
        int32_t row = e->list[place - 1].row;
        if (tally->best[row] == 0 || (size_t)tally->best[row] > place)
            tally->best[row] = (int32_t)place;
        share += (double)e->support[row] / (double)e->largest_support;
        for (int64_t i = 0; i < cutoffs->n; i++)
            if (place == G4R_MIN((size_t)cutoffs->values[i], n)) {
                tally->popularity[i] += share;
                tally->listed[i] += (int64_t)place;
            }
    }
}

static gru4rec_status evaluate_step(evaluation *e, gru4rec_error *error)
{
    const g4r_params *params = e->params;
    const g4r_schedule *schedule = &e->schedule;
    const size_t m = (size_t)schedule->n_live, n = e->n_items, d = params->width;
    g4r_network_carry(&e->network, 0, schedule->from, m);
    g4r_network_forward(&e->network, 0, schedule->input, m, NULL);
    for (size_t lane = 0; lane < m; lane++)
        memcpy(e->scores + lane * n, e->model->values[params->output_bias],
               n * sizeof *e->scores);
    g4r_blas_multiply(g4r_product_of(G4R_NT, e->scores, n,
                                     g4r_network_top(&e->network, 0), d,
                                     e->model->values[params->output], d, m, n, d, 1));
    if (!e->vec->all_finite(e->scores, m * n))
        return g4r_fail(error, GRU4REC_DIVERGED,
                        "the model gives scores that are not finite; train it again with "
                        "a smaller learning_rate");
    for (size_t lane = 0; lane < m; lane++) {
        count_ranking(e, &e->tallies[MODEL], e->scores + lane * n,
                      schedule->target[lane]);
        if (e->n_methods > POPULARITY)
            count_ranking(e, &e->tallies[POPULARITY], e->popularity,
                          schedule->target[lane]);
    }
    return GRU4REC_OK;
}

static void report(const evaluation *e, const gru4rec_dataset *test,
                   gru4rec_metrics *metrics)
{
    const gru4rec_list *cutoffs = &e->options->cutoffs;
    for (size_t method = 0; method < e->n_methods; method++) {
        const method_tally *tally = &e->tallies[method];
        double events = (double)G4R_MAX(tally->events, 1);
        for (int64_t i = 0; i < cutoffs->n; i++, metrics++) {
            int64_t covered = 0;
            for (size_t row = 0; row < e->n_items; row++)
                covered += tally->best[row] > 0 && tally->best[row] <= cutoffs->values[i];
            *metrics = (gru4rec_metrics){
                .method = tally->method,
                .k = cutoffs->values[i],
                .recall = tally->recall[i] / events,
                .mrr = tally->mrr[i] / events,
                .ndcg = tally->ndcg[i] / events,
                .coverage = (double)covered / (double)e->n_items,
                .popularity = tally->popularity[i] / (double)G4R_MAX(tally->listed[i], 1),
                .events = tally->events,
                .sessions = test->n_sessions - test->n_single,
                .ties = tally->ties,
            };
        }
    }
}

gru4rec_status gru4rec_evaluate(const gru4rec_allocator *allocator,
                                const gru4rec_model *model, const int64_t *support,
                                const gru4rec_dataset *test,
                                const gru4rec_options *options,
                                const gru4rec_hooks *hooks, gru4rec_metrics *metrics,
                                gru4rec_error *error)
{
    evaluation e = {
        .allocator = allocator != NULL ? *allocator : g4r_alloc_libc,
        .model = model,
        .params = &model->params,
        .support = support,
        .options = options,
        .vec = g4r_vec_pick(),
        .n_items = (size_t)model->params.n_items,
        .n_methods = options->baselines ? N_METHODS : 1,
        .tallies = {{.method = "gru4rec"}, {.method = "pop"}},
    };
    gru4rec_progress progress = {.epoch = 1,
                                 .n_epochs = 1,
                                 .total_events = test->n_events - test->n_sessions};
    if (!g4r_blas_enter())
        return g4r_blas_fail(error);
    gru4rec_status status = start(&e, test, error);
    while (status == GRU4REC_OK && g4r_schedule_next(&e.schedule)) {
        status = evaluate_step(&e, error);
        progress.step++;
        progress.events = e.tallies[MODEL].events;
        if (status == GRU4REC_OK && hooks != NULL && hooks->poll != NULL &&
            hooks->poll(hooks->context, &progress) != 0)
            status = g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    }
    if (status == GRU4REC_OK)
        report(&e, test, metrics);
    g4r_schedule_free(&e.schedule);
    g4r_arena_free(&e.arena, &e.allocator);
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
    gru4rec_metrics metrics = {.recall = NAN, .mrr = NAN};
    gru4rec_status status = gru4rec_evaluate(allocator, model, support, heldout, &options,
                                             hooks, &metrics, error);
    *recall = metrics.recall;
    *mrr = metrics.mrr;
    return status;
}
