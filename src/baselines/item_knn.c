/*
 * item_knn.c - baseline item-knn: scores items that share many sessions with the last
 * one.
 *   score(j) = C_ij / ((n_i + lambda)^alpha (n_j + lambda)^(1 - alpha)), j not i, for the
 *              item_knn_k best j of each i (ties: lower row first)
 * i: the last item of the prefix
 * C_ij: number of events of i in training whose session contains j
 * n_i: number of events of i in training
 * lambda, alpha: options item_knn_lambda, item_knn_alpha
 */
#include "rules.h"
#include "methods.h"

typedef struct item_knn {
    gru4rec_baseline base;
    g4r_rules rules;
    /*
     * (I) Scratch of fit: for each item, the argument place of the last count_others()
     * that counted it; -1: none did. So an item that stands twice in a session is counted
     * once.
     */
    int64_t *counted_at;
} item_knn;

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    item_knn *b = (item_knn *)base;
    g4r_rules_layout(&b->rules, base, (size_t)base->options.item_knn_k,
                     base->longest > 0 ? base->longest - 1 : 0, kept, scratch);
    b->counted_at = g4r_arena_take(scratch, base->n_items, sizeof *b->counted_at);
}

/*
 * Counts the other items of one session that contains the item row: adds n_places to the
 * sum of each other item in rules.sums, once for each item. place: index in rules.places
 * of one of the row's places in that session. n_places: how many it has there. If the
 * caller asks to stop (watch), the sums are incomplete.
 */
static void count_others(item_knn *b, int32_t row, int64_t place, int64_t n_places,
                         g4r_stop_watch *watch)
{
    const gru4rec_dataset *sessions = b->base.data.sessions;
    const int32_t s = b->rules.places[place].session;
    for (int64_t i = sessions->offsets[s];
         i < sessions->offsets[s + 1] && !g4r_stop_watch_is_over(watch); i++) {
        const int32_t other = sessions->item_rows[i];
        if (other == row || b->counted_at[other] == place)
            continue;
        b->counted_at[other] = place;
        g4r_scores_add(&b->rules.sums, other, (double)n_places);
    }
}

/*
 * Sets rules.sums, which must be empty, to C_ij for the item i = row and all other items
 * j: the number of events of i whose session contains j. The places of a row in one
 * session are neighbours in rules.places; so count_others() is called once for each
 * session, with the number of these places. If the caller asks to stop (watch), the sums
 * are incomplete.
 */
static void count_row(item_knn *b, int32_t row, g4r_stop_watch *watch)
{
    const g4r_rules_place *places = b->rules.places;
    const int64_t end = b->rules.first_place[row + 1];
    for (int64_t i = b->rules.first_place[row], next; i < end; i = next) {
        next = i + 1;
        while (next < end && places[next].session == places[i].session)
            next++;
        count_others(b, row, i, next - i, watch);
    }
}

/*
 * Turns the counts of the item row in rules.sums (count_row()) into scores, in place:
 * divides the count of each item j by (n_row + lambda)^alpha (n_j + lambda)^(1 - alpha),
 * n being an item's number of events in training.
 */
static void divide(item_knn *b, int32_t row)
{
    const gru4rec_options *options = &b->base.options;
    const double lambda = options->item_knn_lambda, alpha = options->item_knn_alpha;
    const int64_t *first = b->rules.first_place;
    g4r_scores *sums = &b->rules.sums;
    const double own = pow((double)(first[row + 1] - first[row]) + lambda, alpha);
    for (size_t i = 0; i < sums->n; i++) {
        const int32_t other = sums->rows[i];
        const double n = (double)(first[other + 1] - first[other]);
        sums->values[other] /= own * pow(n + lambda, 1 - alpha);
    }
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    item_knn *b = (item_knn *)base;
    g4r_rules *rules = &b->rules;
    if (!g4r_rules_start(rules, base, watch))
        return false;
    for (size_t row = 0; row < base->n_items; row++)
        b->counted_at[row] = -1;
    for (int32_t row = 0; row < (int32_t)base->n_items && !watch->is_over; row++) {
        count_row(b, row, watch);
        divide(b, row);
        g4r_rules_keep(rules, row);
    }
    return !watch->is_over;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const item_knn *b = (const item_knn *)scorer->baseline;
    return g4r_rules_score(&b->rules, &scorer->scores, prefix);
}

const g4r_baseline_method g4r_item_knn = {.name = "item-knn",
                                          .needs_sessions = true,
                                          .bytes = sizeof(item_knn),
                                          .layout = layout,
                                          .fit = fit,
                                          .score = score};
