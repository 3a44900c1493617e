/* test_item_knn.c - item_knn.c against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    static const double alphas[] = {0.5, 0, 1, 0.3}, lambdas[] = {20, 0, 0.5};
    options->item_knn_k = log_below(rng, 3) == 0 ? 100 : 1 + log_below(rng, 6);
    options->item_knn_alpha = alphas[log_below(rng, 4)];
    options->item_knn_lambda = lambdas[log_below(rng, 3)];
}

/* Events of one item whose session has the other. */
static double count(const baseline_log *log, int32_t row, int32_t other)
{
    double n = 0;
    int64_t place;
    for (int64_t s = 0; s < log->sessions.n_sessions; s++)
        for (int64_t i = log->offsets[s]; i < log->offsets[s + 1]; i++)
            n += log->rows[i] == row && log_find(log, s, other, &place);
    return n;
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    const double lambda = options->item_knn_lambda, alpha = options->item_knn_alpha;
    if (prefix->n == 0)
        return;
    const int32_t last = prefix->rows[prefix->n - 1];
    for (int32_t row = 0; row < LOG_ITEMS; row++) {
        const double n = count(log, last, row);
        if (row != last && n > 0)
            scores[row] = n / (pow((double)log->support[last] + lambda, alpha) *
                               pow((double)log->support[row] + lambda, 1 - alpha));
    }
    log_keep_best(scores, options->item_knn_k);
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_ITEM_KNN, plain, draw);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    return test_end();
}
