/* rules.c - finds and keeps rules from item to item; see rules.h. */
#include "rules.h"

#include "best.h"

void g4r_rules_layout(g4r_rules *rules, const gru4rec_baseline *baseline, size_t most,
                      size_t each, g4r_arena *kept, g4r_arena *scratch)
{
    const size_t n_items = baseline->n_items, n_events = baseline->n_events;
    rules->most = G4R_MIN(most, n_items);
    const size_t n = G4R_MIN(g4r_mul(n_items, rules->most), g4r_mul(n_events, each));
    rules->first = g4r_arena_take(kept, n_items + 1, sizeof *rules->first);
    rules->rows = g4r_arena_take(kept, n, sizeof *rules->rows);
    rules->values = g4r_arena_take(kept, n, sizeof *rules->values);
    g4r_scores_layout(&rules->sums, scratch, n_items);
    rules->best = g4r_arena_take(scratch, rules->most, sizeof *rules->best);
    rules->first_place = g4r_arena_take(scratch, n_items + 1, sizeof *rules->first_place);
    rules->places = g4r_arena_take(scratch, n_events, sizeof *rules->places);
}

bool g4r_rules_start(g4r_rules *rules, const gru4rec_baseline *baseline,
                     g4r_stop_watch *watch)
{
    const gru4rec_dataset *sessions = baseline->data.sessions;
    const size_t n_items = baseline->n_items;
    int64_t *first = rules->first_place;
    memset(first, 0, (n_items + 1) * sizeof *first);
    g4r_scores_reset(&rules->sums, n_items);
    rules->first[0] = 0;
    for (size_t i = 0; i < baseline->n_events && !g4r_stop_watch_is_over(watch); i++)
        first[sessions->item_rows[i] + 1]++;
    for (size_t row = 0; row < n_items; row++)
        first[row + 1] += first[row];
    if (watch->is_over)
        return false;
    /*
     * In this loop, first[row] is where the next place of the item row goes in
     * rules->places. When all places are there, it is the end of the row's places, which
     * is the beginning of those of row + 1. The memmove() behind the loop puts each entry
     * where it belongs.
     */
    for (int64_t s = 0; s < sessions->n_sessions; s++)
        for (int64_t i = sessions->offsets[s];
             i < sessions->offsets[s + 1] && !g4r_stop_watch_is_over(watch); i++)
            rules->places[first[sessions->item_rows[i]]++] =
                (g4r_rules_place){(int32_t)s, (int32_t)(i - sessions->offsets[s])};
    memmove(first + 1, first, n_items * sizeof *first);
    first[0] = 0;
    return !watch->is_over;
}

void g4r_rules_keep(g4r_rules *rules, int32_t row)
{
    const gru4rec_scores sums = g4r_scores_above_zero(&rules->sums);
    const size_t n =
        g4r_best_find(rules->best, rules->most, sums.rows, sums.n, sums.values);
    for (size_t i = 0; i < n; i++) {
        rules->rows[rules->n] = rules->best[i];
        rules->values[rules->n++] = sums.values[rules->best[i]];
    }
    rules->first[row + 1] = (int64_t)rules->n;
    g4r_scores_clear(&rules->sums);
}

gru4rec_scores g4r_rules_score(const g4r_rules *rules, g4r_scores *scores,
                               const gru4rec_prefix *prefix)
{
    if (prefix->n > 0) {
        const int32_t last = prefix->rows[prefix->n - 1];
        for (int64_t i = rules->first[last]; i < rules->first[last + 1]; i++)
            g4r_scores_add(scores, rules->rows[i], rules->values[i]);
    }
    return g4r_scores_above_zero(scores);
}
