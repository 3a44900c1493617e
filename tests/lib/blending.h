/*
 * blending.h - sessions of training whose items are blended with the network's scores, and
 * a plain program that blends.
 */
#ifndef BLENDING_H
#define BLENDING_H

#include "serving.h"

enum { BLENDING_HISTORY = 60 };

/*
 * Fits vs-knn on n_sessions random sessions. Low rows are in many sessions, so that they
 * have many neighbours, and every ninth row is in none. The caller frees the baseline.
 */
static inline gru4rec_baseline *blending_fit(int32_t n_items, int64_t n_sessions)
{
    const size_t most = (size_t)n_sessions * 6 + 1;
    gru4rec_dataset sessions = {.n_sessions = n_sessions};
    int32_t *rows = malloc(most * sizeof *rows);
    double *times = malloc(most * sizeof *times);
    int64_t *offsets = malloc(most * sizeof *offsets);
    int64_t *support = calloc((size_t)n_items, sizeof *support);
    gru4rec_baseline *baseline;
    gru4rec_options options;
    int64_t n = 0;
    if (rows == NULL || times == NULL || offsets == NULL || support == NULL)
        exit(test_end());
    offsets[0] = 0;
    for (int64_t s = 0; s < n_sessions; s++) {
        const int64_t length = 1 + (int64_t)g4r_rng_below(&serving_rng, 6);
        for (int64_t i = 0; i < length; i++, n++) {
            const double u = draw(0, 1);
            int32_t row = (int32_t)(u * u * n_items);
            row -= n_items > 9 && row % 9 == 8;
            rows[n] = row;
            times[n] = (double)(n / 4);
            support[row]++;
        }
        offsets[s + 1] = n;
    }
    sessions.n_events = n;
    sessions.item_rows = rows;
    sessions.times = times;
    sessions.offsets = offsets;
    const gru4rec_baseline_data data = {n_items, support, &sessions, 0};
    gru4rec_options_init(&options);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_VS_KNN, &options, &data,
                                                    NULL, NULL, &baseline, NULL)))
        exit(test_end());
    free(rows);
    free(times);
    free(offsets);
    free(support);
    return baseline;
}

static inline gru4rec_blender *blending_new(const gru4rec_blend *blend)
{
    gru4rec_blender *blender;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_blender_new(NULL, blend, &blender)))
        exit(test_end());
    return blender;
}

/* Draws a history (BLENDING_HISTORY) with repeats. Returns its length, which may be 0. */
static inline size_t blending_history(int32_t *rows, int32_t n_items)
{
    const size_t n = (size_t)g4r_rng_below(&serving_rng, BLENDING_HISTORY + 1);
    for (size_t i = 0; i < n; i++) {
        const double u = draw(0, 1);
        rows[i] = i > 0 && draw(0, 1) < 0.3 ? rows[i - 1] : (int32_t)(u * u * n_items);
    }
    return n;
}

/*
 * Blends scores (n_items) after a history, by the formula and in double. Returns how many
 * items the nearest sessions have; is_blended (n_items) tells which, if it is not NULL.
 */
static inline size_t blending_plain(g4r_real *scores, bool *is_blended,
                                    const gru4rec_blend *blend,
                                    const gru4rec_model *model, const int32_t *rows,
                                    size_t n)
{
    int32_t kept[BLENDING_HISTORY + 1];
    size_t n_kept = 0, n_blended = 0, most = (size_t)blend->n_history;
    double sum = 0;
    gru4rec_scorer *scorer;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !model->collapses_repeats || rows[i] != rows[i - 1])
            kept[n_kept++] = rows[i];
    if (model->max_length > 0 && most > (size_t)model->max_length)
        most = (size_t)model->max_length;
    const size_t n_last = n_kept < most ? n_kept : most;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(NULL, blend->neighbours, &scorer)))
        exit(test_end());
    const gru4rec_prefix prefix = {.rows = kept + (n_kept - n_last), .n = n_last};
    const double *v = gru4rec_scorer_score(scorer, &prefix).values;
    for (int32_t row = 0; row < model->params.n_items; row++)
        sum += v[row];
    for (int32_t row = 0; row < model->params.n_items; row++) {
        if (is_blended != NULL)
            is_blended[row] = v[row] > 0;
        if (!(v[row] > 0))
            continue;
        n_blended++;
        scores[row] =
            (g4r_real)(scores[row] + blend->strength * log1p(10000 * (v[row] / sum)));
    }
    gru4rec_scorer_free(scorer);
    return n_blended;
}

/*
 * out (n_items): the ranking by blended scores (n_items), by a sort. rows (n_rows): the
 * only items that are ranked; NULL: all are. Returns how many there are.
 */
static inline size_t blending_sort(ranked *out, const g4r_real *scores, int32_t n_items,
                                   const int32_t *rows, size_t n_rows,
                                   const int32_t *excluded, size_t n_excluded)
{
    bool *is_in = calloc((size_t)n_items, sizeof *is_in);
    size_t n = 0;
    if (is_in == NULL)
        exit(test_end());
    for (size_t i = 0; i < (rows != NULL ? n_rows : (size_t)n_items); i++)
        is_in[rows != NULL ? (size_t)rows[i] : i] = true;
    for (size_t i = 0; i < n_excluded; i++)
        is_in[excluded[i]] = false;
    for (int32_t row = 0; row < n_items; row++)
        if (is_in[row] && scores[row] > -(g4r_real)INFINITY)
            out[n++] = (ranked){scores[row], row};
    free(is_in);
    qsort(out, n, sizeof *out, compare_ranked);
    return n;
}

#endif
