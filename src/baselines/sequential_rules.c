/*
 * sequential_rules.c - baseline sequential-rules: scores items that come a few steps
 * after the last item; fewer steps give a higher score.
 *   score(j) = sum of 1 / d over all j that stand d steps behind an i, with d up to
 *              sequential_rules_steps,
 *              for the sequential_rules_pruning best j of each i (ties: lower row first)
 * i: the last item of the prefix
 * The sum is added in the order of the places of i in training, and for each place with
 * d from 1 on.
 */
#include "rules.h"
#include "methods.h"

typedef struct sequential_rules {
    gru4rec_baseline base;
    g4r_rules rules;
} sequential_rules;

static int64_t steps(const gru4rec_baseline *base)
{
    return base->options.sequential_rules_steps;
}

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    sequential_rules *b = (sequential_rules *)base;
    g4r_rules_layout(&b->rules, base, (size_t)base->options.sequential_rules_pruning,
                     G4R_MIN((size_t)steps(base), base->longest), kept, scratch);
}

/*
 * Adds 1 / d to the score, in rules.sums, of each item that stands d steps behind this
 * place of the present item, for d from 1 to sequential_rules_steps, but not beyond the
 * end of the session. If the caller asks to stop (watch), the sums are incomplete.
 */
static void add_followers(sequential_rules *b, const g4r_rules_place *place,
                          g4r_stop_watch *watch)
{
    const gru4rec_dataset *sessions = b->base.data.sessions;
    const int64_t at = sessions->offsets[place->session] + place->at;
    const int64_t last = sessions->offsets[place->session + 1] - 1;
    const int64_t most = G4R_MIN(steps(&b->base), last - at);
    for (int64_t d = 1; d <= most && !g4r_stop_watch_is_over(watch); d++)
        g4r_scores_add(&b->rules.sums, sessions->item_rows[at + d], 1 / (double)d);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    sequential_rules *b = (sequential_rules *)base;
    g4r_rules *rules = &b->rules;
    if (!g4r_rules_start(rules, base, watch))
        return false;
    for (int32_t row = 0; row < (int32_t)base->n_items && !watch->is_over; row++) {
        for (int64_t i = rules->first_place[row]; i < rules->first_place[row + 1]; i++)
            add_followers(b, &rules->places[i], watch);
        g4r_rules_keep(rules, row);
    }
    return !watch->is_over;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const sequential_rules *b = (const sequential_rules *)scorer->baseline;
    return g4r_rules_score(&b->rules, &scorer->scores, prefix);
}

const g4r_baseline_method g4r_sequential_rules = {.name = "sequential-rules",
                                                  .needs_sessions = true,
                                                  .bytes = sizeof(sequential_rules),
                                                  .layout = layout,
                                                  .fit = fit,
                                                  .score = score};
