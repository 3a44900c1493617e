/* test_sequential_rules.c - sequential_rules.c against a plain program. */
#include "../lib/baseline_logs.h"

static void draw(gru4rec_options *options, g4r_rng *rng)
{
    options->sequential_rules_steps = log_below(rng, 3) == 0 ? 10 : 1 + log_below(rng, 4);
    options->sequential_rules_pruning =
        log_below(rng, 3) == 0 ? 20 : 1 + log_below(rng, 5);
}

static void plain(const baseline_log *log, const gru4rec_options *options,
                  const gru4rec_prefix *prefix, double scores[LOG_ITEMS])
{
    if (prefix->n == 0)
        return;
    for (int64_t s = 0; s < log->sessions.n_sessions; s++)
        for (int64_t i = log->offsets[s]; i < log->offsets[s + 1]; i++)
            for (int64_t d = 1; d <= options->sequential_rules_steps; d++)
                if (log->rows[i] == prefix->rows[prefix->n - 1] &&
                    i + d < log->offsets[s + 1])
                    scores[log->rows[i + d]] += 1 / (double)d;
    log_keep_best(scores, options->sequential_rules_pruning);
}

static void scores_are_the_plain_ones(void)
{
    log_check(GRU4REC_SEQUENTIAL_RULES, plain, draw);
}

int main(void)
{
    RUN(scores_are_the_plain_ones);
    return test_end();
}
