/* test_session_pop.c - session_pop.c against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    options->session_pop_top_n = log_below(rng, 3) == 0 ? 100 : 1 + log_below(rng, 5);
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    double popular[LOG_ITEMS];
    for (int32_t row = 0; row < LOG_ITEMS; row++)
        popular[row] = (double)log->support[row];
    log_keep_best(popular, options->session_pop_top_n);
    for (int32_t row = 0; row < LOG_ITEMS; row++) {
        for (size_t i = 0; i < prefix->n; i++)
            scores[row] += prefix->rows[i] == row;
        scores[row] += popular[row] / (popular[row] + 1);
    }
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_SESSION_POP, plain, draw);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    return test_end();
}
