/*
 * markov.c - baseline markov: scores items that often come directly after the last item.
 *   score(j) = number of times that j directly follows i in training, for the
 *              markov_pruning best j of each i (ties: lower row first)
 * i: the last item of the prefix
 */
#include "rules.h"
#include "methods.h"

typedef struct markov {
    gru4rec_baseline base;
    g4r_rules rules;
} markov;

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    markov *b = (markov *)base;
    g4r_rules_layout(&b->rules, base, (size_t)base->options.markov_pruning, 1, kept,
                     scratch);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    g4r_rules *rules = &((markov *)base)->rules;
    const gru4rec_dataset *sessions = base->data.sessions;
    if (!g4r_rules_start(rules, base, watch))
        return false;
    for (int32_t row = 0; row < (int32_t)base->n_items && !watch->is_over; row++) {
        for (int64_t i = rules->first_place[row];
             i < rules->first_place[row + 1] && !g4r_stop_watch_is_over(watch); i++) {
            const g4r_rules_place *place = &rules->places[i];
            const int64_t next = sessions->offsets[place->session] + place->at + 1;
            if (next < sessions->offsets[place->session + 1])
                g4r_scores_add(&rules->sums, sessions->item_rows[next], 1);
        }
        g4r_rules_keep(rules, row);
    }
    return !watch->is_over;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const markov *b = (const markov *)scorer->baseline;
    return g4r_rules_score(&b->rules, &scorer->scores, prefix);
}

const g4r_baseline_method g4r_markov = {.name = "markov",
                                        .needs_sessions = true,
                                        .bytes = sizeof(markov),
                                        .layout = layout,
                                        .fit = fit,
                                        .score = score};
