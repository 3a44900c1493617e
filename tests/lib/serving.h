/*
 * serving.h - models for the tests of serving: any table of output rows, and sessions
 * whose vector is any x.
 *
 * The model has a GRU layer of width 1 and a dense layer of width D whose weights are
 * zero and whose activation is linear: what a session is scored by is that layer's bias,
 * as it was when the session was made.
 */
#ifndef SERVING_H
#define SERVING_H

#include "models.h"

#include "../../src/base/rng.h"
#include "../../src/serve/bytes.h"

#include <float.h>

static g4r_rng serving_rng;

/* What a table of rows is like. */
typedef enum serving_kind {
    NORMAL,
    ALL_EQUAL,
    LAST_BIT,      /* equal rows but for one value each, by one in the last place */
    MIXED_NORMS,   /* from 1e-15 to 1e15 */
    TINY,          /* 1e-30 */
    DENORMAL,      /* a few times the smallest number */
    ZERO_ROWS,     /* half of them */
    ONE_DOMINATES, /* one coordinate is 1e4 times the others */
    BIAS_DECIDES,  /* biases are 1e6 times the products */
    BIAS_SWALLOWS, /* products round to a few values beside one bias of all */
    FEW_VALUES,    /* -1, 0, 1: scores are integers, exactly */
    RISING,        /* each row beats all before */
    FALLING,
    BEST_LAST, /* equal rows, and ten at the end that are a little longer or shorter */
    N_KINDS
} serving_kind;

/* Builds that are slow, to count lines or to watch memory, take every fourth kind. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
enum { KIND_STEP = 1 };
#else
enum { KIND_STEP = 4 };
#endif

static inline double draw(double low, double high)
{
    return low + (high - low) * g4r_rng_uniform(&serving_rng);
}

/* Near enough to normal: deviation 1. */
static inline double draw_normal(void)
{
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += draw(-1, 1);
    return sum * sqrt(3.0 / 4);
}

static inline gru4rec_model *serving_model(const gru4rec_allocator *allocator,
                                           int32_t n_items, size_t d)
{
    char width[24];
    snprintf(width, sizeof width, "%zu", d);
    const gru4rec_options options = resolved(
        (const char *const[]){"layers", "1", "feedforward", width, "feedforward_act",
                              "linear", "constrained_embedding", "false", NULL});
    return model_of(allocator, n_items, &options);
}

static inline g4r_real *serving_table(const gru4rec_model *model)
{
    return model->values[model->params.output];
}

static inline g4r_real *serving_bias(const gru4rec_model *model)
{
    return model->values[model->params.output_bias];
}

static inline double value_of(serving_kind kind, size_t row, size_t k, size_t n)
{
    const double z = draw_normal();
    switch (kind) {
    case TINY:
        return 1e-30 * z;
    case DENORMAL:
        return ldexp(floor(draw(-5, 6)), -149);
    case ONE_DOMINATES:
        return k == 0 ? 10 + z : 1e-3 * z;
    case BIAS_DECIDES:
        return 1e-6 * z;
    case BIAS_SWALLOWS:
        return 1e-4 * z;
    case FEW_VALUES:
        return floor(draw(-1, 2));
    case RISING:
        return 1e-4 * z + (double)row / (double)n;
    case FALLING:
        return 1e-4 * z - (double)row / (double)n;
    default:
        return z;
    }
}

static inline void fill_table(gru4rec_model *model, serving_kind kind)
{
    const size_t n = (size_t)model->params.n_items, d = model->params.width;
    g4r_real *w = serving_table(model), *bias = serving_bias(model);
    for (size_t row = 0; row < n; row++, w += d) {
        const double norm = kind == MIXED_NORMS ? pow(10, draw(-15, 15)) : 1;
        const bool is_zero = kind == ZERO_ROWS && draw(0, 1) < 0.5;
        const bool is_copy =
            row > 0 && (kind == ALL_EQUAL || kind == LAST_BIT || kind == BEST_LAST);
        for (size_t k = 0; k < d; k++)
            w[k] = is_copy ? serving_table(model)[k]
                           : (g4r_real)(is_zero ? 0 : norm * value_of(kind, row, k, n));
        for (size_t k = 0; k < d && kind == BEST_LAST && row + 10 >= n; k++)
            w[k] *= row % 2 == 0 ? 1.001f : 0.999f;
        if (is_copy && kind == LAST_BIT) {
            size_t k = (size_t)g4r_rng_below(&serving_rng, d);
            w[k] = nextafterf(w[k], draw(-1, 1) < 0 ? -9 : 9);
        }
        bias[row] = (g4r_real)(kind == BIAS_DECIDES    ? 0.5 * draw_normal()
                               : kind == BIAS_SWALLOWS ? 1000
                               : kind == NORMAL        ? 0.1 * draw_normal()
                                                       : 0);
    }
}

/* The model's copy in bytes; NULL where it gets none. */
static inline gru4rec_bytes *bytes_of(const gru4rec_model *model)
{
    gru4rec_bytes *bytes;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_bytes_new(NULL, model, &bytes)))
        exit(test_end());
    if (gru4rec_bytes_finish(bytes))
        return bytes;
    gru4rec_bytes_free(bytes);
    return NULL;
}

/* x (d) for a kind of table, of about that size. */
static inline void draw_x(g4r_real *x, serving_kind kind, size_t d, double size)
{
    for (size_t k = 0; k < d; k++) {
        double value = kind == FEW_VALUES                  ? floor(draw(-2, 3))
                       : kind == RISING || kind == FALLING ? draw(0.5, 1)
                                                           : draw_normal();
        x[k] = (g4r_real)(size * value);
    }
}

static inline gru4rec_session *session_of(gru4rec_model *model, const g4r_real *x)
{
    const g4r_params *params = &model->params;
    const g4r_real state = 0;
    gru4rec_session *session;
    memcpy(model->values[params->dense[0].bias], x, params->width * sizeof *x);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, model, &session)))
        exit(test_end());
    CHECK(gru4rec_session_resume(session, &state, -1));
    return session;
}

/* ---- rankings ---- */

typedef struct ranked {
    g4r_real score;
    int32_t row;
} ranked;

static inline int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static inline bool is_among(const int32_t *rows, size_t n, int32_t row)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i] == row)
            return true;
    return false;
}

/* out (n_items): what a ranking is to be, by a sort of all scores. Returns how many. */
static inline size_t sort_all(ranked *out, const gru4rec_session *session,
                              int32_t n_items, const int32_t *excluded, size_t n_excluded)
{
    g4r_real *scores = malloc((size_t)n_items * sizeof *scores);
    size_t n = 0, at = 0;
    if (scores == NULL)
        exit(test_end());
    gru4rec_session_scores(session, NULL, n_items, scores);
    for (int32_t row = 0; row < n_items; row++) {
        while (at < n_excluded && excluded[at] < row)
            at++;
        if ((at == n_excluded || excluded[at] != row) &&
            scores[row] > -(g4r_real)INFINITY)
            out[n++] = (ranked){scores[row], row};
    }
    free(scores);
    qsort(out, n, sizeof *out, compare_ranked);
    return n;
}

/* Rows of 0 ... n_items - 1 in ascending order, each with probability p. */
static inline size_t draw_rows(int32_t *rows, int32_t n_items, double p)
{
    size_t n = 0;
    for (int32_t row = 0; row < n_items; row++)
        if (draw(0, 1) < p)
            rows[n++] = row;
    return n;
}

/*
 * Reads a started ranking: it must give expected (n), bit for bit, and then nothing,
 * however often it is asked.
 */
static inline bool check_reads(gru4rec_ranking *ranking, const ranked *expected, size_t n)
{
    size_t n_right = 0, n_more = 0;
    int32_t row;
    g4r_real score;
    while (n_right < n && gru4rec_ranking_next(ranking, &row, &score) &&
           row == expected[n_right].row &&
           memcmp(&score, &expected[n_right].score, sizeof score) == 0)
        n_right++;
    bool is_right = CHECK_INT(n, n_right);
    for (int i = 0; is_right && i < 5; i++)
        n_more += gru4rec_ranking_next(ranking, &row, &score);
    return CHECK_INT(0, n_more) && is_right;
}

#endif
