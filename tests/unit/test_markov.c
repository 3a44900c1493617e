/* test_markov.c - markov.c against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    options->markov_pruning = log_below(rng, 3) == 0 ? 20 : 1 + log_below(rng, 5);
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    if (prefix->n == 0)
        return;
    for (int64_t s = 0; s < log->sessions.n_sessions; s++)
        for (int64_t i = log->offsets[s]; i + 1 < log->offsets[s + 1]; i++)
            if (log->rows[i] == prefix->rows[prefix->n - 1])
                scores[log->rows[i + 1]]++;
    log_keep_best(scores, options->markov_pruning);
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_MARKOV, plain, draw);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    return test_end();
}
