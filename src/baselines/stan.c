/*
 * stan.c - baseline stan: scores the items of similar sessions, as STAN (Garg et al.,
 * 2019). A session of training is more similar if it shares later items of the present
 * session, and if it is younger. An item of it scores more if it stands near the shared
 * item.
 *   similarity(N) = cosine(N) exp(-(now - t_N) / stan_lambda_snh), times in days
 *   cosine(N) = (sum of w_i over the items i that the session and N share) /
 *               (sqrt(sum of w_i^2 over the session's items) sqrt(distinct items of N))
 *   score(j) = sum over the neighbours N that have j, nearest first, of
 *              similarity(N) exp(-|p_N(j) - p*| / stan_lambda_inh)
 *   w_i = exp((p_i - l) / stan_lambda_spw)
 * session: the prefix, of l items; p_i: last place of item i in the session, from 1
 * now: time of the last event of the session; t_N: time of the last event of N
 * p_N(j): last place of j in N; p*: p_N of the last item in N that the session has too
 * Weights are added from the latest item on, their squares from the earliest. If times
 * only count events, there is no decay by days.
 */
#include "methods.h"
#include "nearest.h"

typedef struct stan {
    gru4rec_baseline base;
    g4r_index index;
} stan;

typedef struct stan_scorer {
    gru4rec_scorer base;
    g4r_nearest nearest;
} stan_scorer;

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    g4r_index_layout(&((stan *)base)->index, base, true, kept, scratch);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    return g4r_index_fill(&((stan *)base)->index, base, watch);
}

static void layout_scorer(gru4rec_scorer *scorer, g4r_arena *arena)
{
    const stan *b = (const stan *)scorer->baseline;
    const gru4rec_options *options = &b->base.options;
    g4r_nearest_layout(&((stan_scorer *)scorer)->nearest, &b->base, &b->index,
                       (size_t)options->stan_sample_size, (size_t)options->stan_k, arena);
}

/* What similarity() needs to compare a session of training with the present session. */
typedef struct measure {
    const g4r_index *index;
    double norm; /* sqrt of the sum of w^2 over the session's items */
    /*
     * now: time of the present session's last event, set only if there is a decay by
     * days. lambda: stan_lambda_snh in the unit of the times; 0: there is no such decay.
     */
    double now, lambda;
} measure;

/*
 * Returns exp(exponent); if exponent is above 700, exp(700), so that the result is finite
 * even if a session of training is long after the present one.
 */
static double decay(double exponent)
{
    return exp(G4R_MIN(exponent, 700));
}

/*
 * Returns the similarity of a session of training (its number in the index) to the
 * present one: the cosine, times the decay by the time between their last events. If the
 * measure has no decay (lambda 0), returns the cosine. context is the measure; sum is the
 * sum of the weights of the shared items.
 */
static double similarity(const void *context, int32_t session, double sum)
{
    const measure *m = context;
    const double cosine =
        sum / (m->norm * sqrt((double)g4r_index_length(m->index, session)));
    if (m->lambda == 0)
        return cosine;
    return cosine * decay(-(m->now - m->index->times[session]) / m->lambda);
}

/*
 * Sets the weights of all clicks, which are the distinct items of the present session:
 * exp((p - l) / stan_lambda_spw) for an item with the last place p in a session of l
 * items. Returns the measure that similarity() needs to compare sessions with the present
 * one.
 */
static measure weigh(const stan *b, g4r_nearest *nearest, const gru4rec_prefix *prefix)
{
    const gru4rec_options *options = &b->base.options;
    measure m = {.index = &b->index,
                 .lambda = options->stan_lambda_snh * b->base.data.day};
    double squares = 0;
    for (size_t i = 0; i < nearest->n_clicks; i++) {
        g4r_nearest_click *click = &nearest->clicks[i];
        const double back = (double)click->place - (double)prefix->n;
        click->weight = exp(back / options->stan_lambda_spw);
        squares += click->weight * click->weight;
    }
    m.norm = sqrt(squares);
    if (m.lambda > 0 && prefix->n > 0)
        m.now = prefix->times[prefix->n - 1];
    return m;
}

/*
 * Adds the items of one neighbour to the scores: to the score of each item, the
 * neighbour's similarity times exp(-distance / stan_lambda_inh). distance is the number
 * of places between the item and the last item in the neighbour that the present session
 * has too; this is the first such item that the index lists, because it lists the last
 * items first.
 */
static void add_items(const stan *b, const g4r_nearest *nearest,
                      const g4r_nearest_neighbour *neighbour, g4r_scores *scores)
{
    const g4r_index *index = &b->index;
    const int64_t end = index->first[neighbour->session + 1];
    int64_t shared = index->first[neighbour->session];
    while (nearest->places[index->rows[shared]] == 0)
        shared++;
    for (int64_t i = index->first[neighbour->session]; i < end; i++) {
        const double distance = fabs((double)(index->places[i] - index->places[shared]));
        g4r_scores_add(scores, index->rows[i],
                       neighbour->similarity *
                           exp(-distance / b->base.options.stan_lambda_inh));
    }
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const stan *b = (const stan *)scorer->baseline;
    g4r_nearest *nearest = &((stan_scorer *)scorer)->nearest;
    g4r_nearest_start(nearest, prefix);
    const measure m = weigh(b, nearest, prefix);
    const size_t n = g4r_nearest_find(nearest, similarity, &m);
    for (size_t i = 0; i < n; i++)
        add_items(b, nearest, &nearest->neighbours[i], &scorer->scores);
    g4r_nearest_end(nearest);
    return g4r_scores_above_zero(&scorer->scores);
}

const g4r_baseline_method g4r_stan = {.name = "stan",
                                      .needs_sessions = true,
                                      .uses_days = true,
                                      .bytes = sizeof(stan),
                                      .scorer_bytes = sizeof(stan_scorer),
                                      .layout = layout,
                                      .fit = fit,
                                      .layout_scorer = layout_scorer,
                                      .score = score};
