/* test_stan.c - stan.c, and with it index.c and nearest.c, against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    static const double lambdas[] = {1.02, 5, 2.05, 1e-5, 1e5};
    options->stan_k = log_below(rng, 3) == 0 ? 500 : 1 + log_below(rng, 12);
    options->stan_sample_size = log_below(rng, 3) == 0 ? 5000 : 1 + log_below(rng, 20);
    options->stan_lambda_spw = lambdas[log_below(rng, 5)];
    options->stan_lambda_snh = lambdas[log_below(rng, 5)];
    options->stan_lambda_inh = lambdas[log_below(rng, 5)];
}

static double similarity(const baseline_log *log, const gru4rec_options *options,
                         const gru4rec_prefix *prefix, int64_t s)
{
    const double l = (double)prefix->n;
    double sum = 0, squares = 0;
    int64_t place;
    for (size_t p = 1; p <= prefix->n; p++) {
        const double w = exp(((double)p - l) / options->stan_lambda_spw);
        if (log_last_place(prefix, prefix->rows[p - 1]) == p)
            squares += w * w;
    }
    for (size_t p = prefix->n; p > 0; p--)
        if (log_last_place(prefix, prefix->rows[p - 1]) == p &&
            log_find(log, s, prefix->rows[p - 1], &place))
            sum += exp(((double)p - l) / options->stan_lambda_spw);
    const double cosine =
        sum / (sqrt(squares) * sqrt((double)log_count_distinct(log, s)));
    if (log->data.day == 0 || prefix->n == 0)
        return cosine;
    const double age = prefix->times[prefix->n - 1] - log_last_time(log, s);
    return cosine * exp(fmin(-age / (options->stan_lambda_snh * log->data.day), 700));
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    double similarities[LOG_SESSIONS];
    int64_t neighbours[LOG_SESSIONS], place;
    for (int64_t s = 0; s < log->sessions.n_sessions; s++)
        similarities[s] = similarity(log, options, prefix, s);
    const int64_t n = log_neighbours(log, prefix, similarities, options->stan_sample_size,
                                     options->stan_k, neighbours);
    for (int64_t i = 0; i < n; i++) {
        const int64_t s = neighbours[i];
        int64_t last_shared = 0;
        for (size_t p = 0; p < prefix->n; p++)
            if (log_find(log, s, prefix->rows[p], &place) && place > last_shared)
                last_shared = place;
        for (int32_t row = 0; row < LOG_ITEMS; row++)
            if (log_find(log, s, row, &place))
                scores[row] +=
                    similarities[s] *
                    exp(-fabs((double)(place - last_shared)) / options->stan_lambda_inh);
    }
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_STAN, plain, draw);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    return test_end();
}
