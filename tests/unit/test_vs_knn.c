/* test_vs_knn.c - vs_knn.c, and with it index.c and nearest.c, against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    static const double weightings[] = {5, 0, 1, 0.25};
    options->vs_knn_k = log_below(rng, 3) == 0 ? 500 : 1 + log_below(rng, 12);
    options->vs_knn_sample_size = log_below(rng, 3) == 0 ? 5000 : 1 + log_below(rng, 20);
    options->vs_knn_similarity = log_below(rng, 2);
    options->vs_knn_weighting = log_below(rng, 5);
    options->vs_knn_weighting_score = log_below(rng, 5);
    options->vs_knn_idf_weighting = weightings[log_below(rng, 4)];
}

/* w(p), but for what all items share: l for div, 10 for linear, l^2 for quadratic. */
static double weight(int64_t weighting, double p, double l)
{
    const double weights[] = {1, p, p <= 10 ? 10 - (l - p) : 0, 1 / log10(l - p + 1.7),
                              p * p};
    return weights[weighting];
}

static double shared(int64_t weighting, double l)
{
    const double all[] = {1, l, 10, 1, l * l};
    return all[weighting];
}

static double idf(const baseline_log *l, int32_t row)
{
    return log((double)l->sessions.n_sessions / (double)l->support[row]);
}

static double decay(int64_t weighting, double q)
{
    const double all[] = {1, 1 / q, q <= 100 ? 1 - 0.1 * q : 0, 1 / log10(q + 1.7),
                          1 / (q * q)};
    return all[weighting];
}

/* *latest: place of the latest item of the prefix that the session has. */
static double similarity(const baseline_log *log, const gru4rec_options *options,
                         const gru4rec_prefix *prefix, int64_t s, size_t *latest)
{
    const int64_t weighting = options->vs_knn_weighting;
    const double l = (double)prefix->n;
    double sum = 0, squares = 0;
    int64_t n_distinct = 0, place;
    *latest = 0;
    for (size_t p = 1; p <= prefix->n; p++)
        if (log_last_place(prefix, prefix->rows[p - 1]) == p) {
            const double w = weight(weighting, (double)p, l);
            n_distinct++;
            squares += w * w;
            if (log_find(log, s, prefix->rows[p - 1], &place))
                *latest = p;
        }
    for (size_t p = prefix->n; p > 0; p--)
        if (log_last_place(prefix, prefix->rows[p - 1]) == p &&
            log_find(log, s, prefix->rows[p - 1], &place))
            sum += weight(weighting, (double)p, l);
    if (options->vs_knn_similarity == GRU4REC_SIMILARITY_COSINE)
        return sum / (sqrt(squares) * sqrt((double)log_count_distinct(log, s)));
    return sum / (shared(weighting, l) * (double)n_distinct);
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    const int64_t n_sessions = log->sessions.n_sessions;
    double similarities[LOG_SESSIONS];
    size_t latest[LOG_SESSIONS];
    int64_t neighbours[LOG_SESSIONS], place;
    for (int64_t s = 0; s < n_sessions; s++)
        similarities[s] = similarity(log, options, prefix, s, &latest[s]);
    const int64_t n =
        log_neighbours(log, prefix, similarities, options->vs_knn_sample_size,
                       options->vs_knn_k, neighbours);
    for (int64_t i = 0; i < n; i++)
        for (int32_t row = 0; row < LOG_ITEMS; row++) {
            const int64_t s = neighbours[i];
            const double q = (double)(prefix->n - latest[s] + 1);
            if (log_find(log, s, row, &place))
                scores[row] += similarities[s] *
                               decay(options->vs_knn_weighting_score, q) *
                               (1 + options->vs_knn_idf_weighting * idf(log, row));
        }
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_VS_KNN, plain, draw);
}

/* By hand: weights 1/9, 4/9, 1 of a, b, c; three distinct items; no idf. */
static void one_session_by_hand(void)
{
    static const int32_t rows[] = {0, 1, 3, /* */ 2, 4, /* */ 5, 6};
    static const double times[] = {1, 2, 3, 4, 5, 6, 7};
    static const int64_t offsets[] = {0, 3, 5, 7};
    static const int64_t support[] = {1, 1, 1, 1, 1, 1, 1};
    static const int32_t session[] = {0, 1, 2};
    const gru4rec_dataset sessions = {.n_sessions = 3,
                                      .n_events = 7,
                                      .item_rows = (int32_t *)rows,
                                      .offsets = (int64_t *)offsets,
                                      .times = (double *)times};
    const gru4rec_baseline_data data = {7, support, &sessions, 0};
    const gru4rec_prefix prefix = {session, NULL, 3};
    gru4rec_options options;
    gru4rec_baseline *baseline;
    gru4rec_scorer *scorer;
    gru4rec_options_init(&options);
    options.vs_knn_idf_weighting = 0;
    CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_VS_KNN, &options, &data,
                                               NULL, NULL, &baseline, NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(NULL, baseline, &scorer));
    const gru4rec_scores scores = gru4rec_scorer_score(scorer, &prefix);
    CHECK_INT(5, scores.n);
    CHECK_NEAR((1 + 4) / 9.0 / 3 / 2, scores.values[3], 1e-15); /* b is two steps back */
    CHECK_NEAR(1 / 3.0, scores.values[4], 1e-15);
    CHECK_NEAR(1 / 3.0, scores.values[2], 1e-15);
    gru4rec_scorer_free(scorer);
    gru4rec_baseline_free(baseline);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    RUN(one_session_by_hand);
    return test_end();
}
