/* scorer.c - the scorer, with which a thread queries a baseline; see baseline.h. */
#include "baseline.h"

/*
 * Returns the size, in bytes, of the struct of a scorer for this baseline: the method's
 * own, which begins with a gru4rec_scorer, or gru4rec_scorer if the method has none.
 */
static size_t own_bytes(const gru4rec_baseline *baseline)
{
    return G4R_MAX(baseline->method->scorer_bytes, sizeof(gru4rec_scorer));
}

/*
 * Carves from the arena the arrays of scorer->scores, and those that the method needs for
 * its queries, if any.
 */
static void layout(gru4rec_scorer *scorer, g4r_arena *arena)
{
    const g4r_baseline_method *method = scorer->baseline->method;
    g4r_scores_layout(&scorer->scores, arena, scorer->baseline->n_items);
    if (method->layout_scorer != NULL)
        method->layout_scorer(scorer, arena);
}

size_t gru4rec_scorer_bytes(const gru4rec_baseline *baseline)
{
    union { /* room for the struct of any method, so that layout can be measured */
        gru4rec_scorer part;
        char room[1024];
    } scorer = {.part = {.baseline = baseline}};
    g4r_arena arena = {0};
    assert(own_bytes(baseline) <= sizeof scorer);
    layout(&scorer.part, &arena);
    return g4r_add(own_bytes(baseline), g4r_arena_bytes(&arena));
}

gru4rec_status gru4rec_scorer_new(const gru4rec_allocator *allocator,
                                  const gru4rec_baseline *baseline, gru4rec_scorer **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    gru4rec_scorer *scorer = g4r_alloc(allocator, 1, own_bytes(baseline));
    *out = scorer;
    if (scorer == NULL)
        return GRU4REC_NOMEM;
    scorer->baseline = baseline;
    scorer->allocator = *allocator;
    layout(scorer, &scorer->arena);
    if (g4r_arena_allocate(&scorer->arena, allocator)) {
        layout(scorer, &scorer->arena);
        return GRU4REC_OK;
    }
    g4r_alloc_free(allocator, scorer);
    *out = NULL;
    return GRU4REC_NOMEM;
}

void gru4rec_scorer_free(gru4rec_scorer *scorer)
{
    if (scorer == NULL)
        return;
    gru4rec_allocator allocator = scorer->allocator;
    g4r_arena_free(&scorer->arena, &allocator);
    g4r_alloc_free(&allocator, scorer);
}

gru4rec_scores gru4rec_scorer_score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    g4r_scores_clear(&scorer->scores);
    return scorer->baseline->method->score(scorer, prefix);
}
