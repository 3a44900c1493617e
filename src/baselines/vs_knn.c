/*
 * vs_knn.c - baseline vs-knn: scores the items of similar sessions, as VS-KNN (Ludewig
 * and Jannach, 2018). A session of training is more similar if it shares later items of
 * the present session.
 *   similarity(N) = (sum of w(p_i) over the items i that the session and N share) / norm
 *   norm, by option vs_knn_similarity:
 *     vec     the number of distinct items of the session
 *     cosine  sqrt(sum of w(p_i)^2 over the session's items) sqrt(distinct items of N)
 *   score(j) = sum over the neighbours N that have j, nearest first, of
 *              similarity(N) g(q) (1 + vs_knn_idf_weighting ln(S / n_j))
 * session: the prefix, of l items; p_i: last place of item i in the session, from 1
 * q: l + 1 - p_i for the latest item i that N has: 1 for the session's last item
 * S: number of sessions of training; n_j: number of events of j in training
 *   w(p) same 1, div p / l, linear 1 - 0.1 (l - p) for p <= 10 else 0,
 *        log 1 / log10(l - p + 1.7), quadratic (p / l)^2
 *   g(q) same 1, div 1 / q, linear 1 - 0.1 q for q <= 100 else 0, log 1 / log10(q + 1.7),
 *        quadratic 1 / q^2
 * Weights are added from the latest item on. Except for log, w is a whole number times a
 * factor that all items share, and the whole numbers are added. So the sums are exact,
 * and equally similar sessions have equal bits.
 */
#include "methods.h"
#include "nearest.h"

typedef struct vs_knn {
    gru4rec_baseline base;
    g4r_index index;
    double *worth; /* (I) factor of each item j: 1 + vs_knn_idf_weighting ln(S / n_j) */
} vs_knn;

typedef struct vs_knn_scorer {
    gru4rec_scorer base;
    g4r_nearest nearest;
} vs_knn_scorer;

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    vs_knn *b = (vs_knn *)base;
    g4r_index_layout(&b->index, base, false, kept, scratch);
    b->worth = g4r_arena_take(kept, base->n_items, sizeof *b->worth);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    vs_knn *b = (vs_knn *)base;
    const double weighting = base->options.vs_knn_idf_weighting;
    const double n_sessions = (double)base->n_sessions;
    memset(b->worth, 0, base->n_items * sizeof *b->worth);
    for (size_t i = 0; i < base->n_events && !g4r_stop_watch_is_over(watch); i++)
        b->worth[base->data.sessions->item_rows[i]]++;
    for (size_t row = 0; row < base->n_items; row++)
        b->worth[row] = 1 + weighting * log(n_sessions / G4R_MAX(b->worth[row], 1));
    return g4r_index_fill(&b->index, base, watch);
}

static void layout_scorer(gru4rec_scorer *scorer, g4r_arena *arena)
{
    const vs_knn *b = (const vs_knn *)scorer->baseline;
    const gru4rec_options *options = &b->base.options;
    g4r_nearest_layout(&((vs_knn_scorer *)scorer)->nearest, &b->base, &b->index,
                       (size_t)options->vs_knn_sample_size, (size_t)options->vs_knn_k,
                       arena);
}

/*
 * Returns the weight w(p), multiplied by *divisor, of an item with the last place p in a
 * session of l items, by option vs_knn_weighting. Sets *divisor to a factor that is the
 * same for all items of the session. It makes all weights but those of log whole numbers.
 */
static double weight(gru4rec_weighting weighting, double p, double l, double *divisor)
{
    *divisor = 1;
    switch (weighting) {
    case GRU4REC_WEIGHTING_SAME:
        return 1;
    case GRU4REC_WEIGHTING_DIV:
        *divisor = l;
        return p;
    case GRU4REC_WEIGHTING_LINEAR:
        *divisor = 10;
        return p <= 10 ? 10 - (l - p) : 0;
    case GRU4REC_WEIGHTING_LOG:
        return 1 / log10(l - p + 1.7);
    default:
        *divisor = l * l;
        return p * p;
    }
}

/*
 * Returns the factor g(q), by option vs_knn_weighting_score, for the similarity of a
 * neighbour. q says which item of the present session is the latest that the neighbour
 * has, counted from the end of the session: 1 is the last.
 */
static double decay(gru4rec_weighting weighting, double q)
{
    switch (weighting) {
    case GRU4REC_WEIGHTING_SAME:
        return 1;
    case GRU4REC_WEIGHTING_DIV:
        return 1 / q;
    case GRU4REC_WEIGHTING_LINEAR:
        return q <= 100 ? 1 - 0.1 * q : 0;
    case GRU4REC_WEIGHTING_LOG:
        return 1 / log10(q + 1.7);
    default:
        return 1 / (q * q);
    }
}

/*
 * What similarity() needs to turn the sum of the weights of the shared items into the
 * similarity of a session of training.
 */
typedef struct measure {
    const g4r_index *index;
    /*
     * What the sum is divided by. If is_cosine, the sum is also divided by the square
     * root of the number of distinct items of the session of training.
     */
    double divisor;
    bool is_cosine;
} measure;

/*
 * Returns the similarity of a session of training (its number in the index) to the
 * present one: sum, the sum of the weights of the shared items, divided as the measure
 * says. context is the measure.
 */
static double similarity(const void *context, int32_t session, double sum)
{
    const measure *m = context;
    const double length = (double)g4r_index_length(m->index, session);
    return sum / (m->is_cosine ? m->divisor * sqrt(length) : m->divisor);
}

/*
 * Sets the weights of all clicks, which are the distinct items of the present session,
 * and returns the measure that similarity() needs to compare sessions with it. The
 * weights and the measure have the same factor (see weight()), so it cancels out. length:
 * number of items of the session, repeats too.
 */
static measure weigh(const vs_knn *b, g4r_nearest *nearest, size_t length)
{
    const gru4rec_options *options = &b->base.options;
    measure m = {.index = &b->index,
                 .is_cosine = options->vs_knn_similarity == GRU4REC_SIMILARITY_COSINE};
    double squares = 0, divisor = 1;
    for (size_t i = 0; i < nearest->n_clicks; i++) {
        g4r_nearest_click *click = &nearest->clicks[i];
        click->weight = weight((gru4rec_weighting)options->vs_knn_weighting,
                               (double)click->place, (double)length, &divisor);
        squares += click->weight * click->weight;
    }
    m.divisor = m.is_cosine ? sqrt(squares) : divisor * (double)nearest->n_clicks;
    return m;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const vs_knn *b = (const vs_knn *)scorer->baseline;
    const gru4rec_weighting weighting =
        (gru4rec_weighting)b->base.options.vs_knn_weighting_score;
    g4r_nearest *nearest = &((vs_knn_scorer *)scorer)->nearest;
    g4r_nearest_start(nearest, prefix);
    const measure m = weigh(b, nearest, prefix->n);
    const size_t n = g4r_nearest_find(nearest, similarity, &m);
    for (size_t i = 0; i < n; i++) {
        const g4r_nearest_neighbour *neighbour = &nearest->neighbours[i];
        const double q = (double)prefix->n - neighbour->place + 1;
        const double worth = neighbour->similarity * decay(weighting, q);
        const int64_t end = b->index.first[neighbour->session + 1];
        for (int64_t j = b->index.first[neighbour->session]; j < end; j++)
            g4r_scores_add(&scorer->scores, b->index.rows[j],
                           worth * b->worth[b->index.rows[j]]);
    }
    g4r_nearest_end(nearest);
    return g4r_scores_above_zero(&scorer->scores);
}

const g4r_baseline_method g4r_vs_knn = {.name = "vs-knn",
                                        .needs_sessions = true,
                                        .bytes = sizeof(vs_knn),
                                        .scorer_bytes = sizeof(vs_knn_scorer),
                                        .layout = layout,
                                        .fit = fit,
                                        .layout_scorer = layout_scorer,
                                        .score = score};
