/* tally.c - see tally.h. */
#include "tally.h"

size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items)
{
    size_t longest = 0;
    for (int64_t i = 0; i < options->cutoffs.n; i++)
        longest = G4R_MAX(longest, (size_t)options->cutoffs.values[i]);
    return G4R_MIN(longest, n_items);
}

void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, size_t n_items, size_t longest)
{
    tally->n_items = n_items;
    tally->longest = longest;
    tally->hits = g4r_arena_take(arena, g4r_mul(2, longest), sizeof *tally->hits);
    tally->best = g4r_arena_take(arena, n_items, sizeof *tally->best);
}

/* Twice the rank, less two. */
static size_t half_steps(const g4r_standing *standing, int64_t mode)
{
    static const size_t counted[] = {
        [GRU4REC_STANDARD] = 0, [GRU4REC_CONSERVATIVE] = 2, [GRU4REC_MEDIAN] = 1};
    return 2 * standing->n_greater + counted[mode] * (standing->n_equal - 1);
}

static void count_list(g4r_tally *tally, const g4r_standing *standing)
{
    const gru4rec_list *cutoffs = tally->cutoffs;
    double sum = 0;
    for (size_t place = 1; place <= standing->n; place++) {
        const int32_t row = standing->list[place - 1].row;
        if (tally->best[row] == 0 || (size_t)tally->best[row] > place)
            tally->best[row] = (int32_t)place;
        sum += (double)tally->support[row];
        for (int64_t i = 0; i < cutoffs->n; i++)
            if (place == G4R_MIN((size_t)cutoffs->values[i], standing->n)) {
                tally->support_sums[i] += sum;
                tally->listed[i] += (int64_t)place;
            }
    }
}

void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t mode)
{
    tally->events++;
    tally->ties += standing->n_equal > 1;
    if (standing->n_equal > 0) {
        const size_t at = half_steps(standing, mode);
        if (at < 2 * tally->longest)
            tally->hits[at]++;
    }
    count_list(tally, standing);
}

static double largest_support(const g4r_tally *tally)
{
    int64_t largest = 1;
    for (size_t row = 0; row < tally->n_items; row++)
        largest = G4R_MAX(largest, tally->support[row]);
    return (double)largest;
}

static double coverage_of(const g4r_tally *tally, int64_t k)
{
    int64_t covered = 0;
    for (size_t row = 0; row < tally->n_items; row++)
        covered += tally->best[row] > 0 && tally->best[row] <= k;
    return (double)covered / (double)tally->n_items;
}

/* recall, mrr, ndcg. */
static void add_hits(const g4r_tally *tally, gru4rec_metrics *m)
{
    const double events = (double)tally->events;
    m->recall = m->mrr = m->ndcg = 0;
    for (size_t i = 0; i < 2 * tally->longest; i++) {
        const double n = (double)tally->hits[i], rank = 1 + (double)i / 2;
        if (n == 0 || rank > (double)m->k)
            continue;
        m->recall += n;
        m->mrr += n / rank;
        m->ndcg += n / log2(rank + 1);
    }
    m->recall /= events;
    m->mrr /= events;
    m->ndcg /= events;
}

void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics)
{
    const double largest = largest_support(tally);
    for (int64_t i = 0; i < tally->cutoffs->n; i++) {
        gru4rec_metrics *m = &metrics[i];
        *m = (gru4rec_metrics){
            .method = tally->method,
            .k = tally->cutoffs->values[i],
            .recall = NAN,
            .mrr = NAN,
            .ndcg = NAN,
            .coverage = NAN,
            .popularity = NAN,
            .events = tally->events,
            .sessions = tally->sessions,
            .ties = tally->ties,
        };
        if (tally->events == 0)
            continue;
        add_hits(tally, m);
        m->coverage = coverage_of(tally, m->k);
        if (tally->listed[i] > 0)
            m->popularity = tally->support_sums[i] / largest / (double)tally->listed[i];
    }
}
