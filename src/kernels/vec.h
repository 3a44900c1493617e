/*
 * vec.h - kernels over rows of values, picked for the processor at run time.
 *
 * One table for each instruction set, made by vec_kernels.c, which is compiled once for
 * each. The general kernels stand in the table itself, those of a subject in a group:
 * vec->add(...), vec->loss.bpr(...).
 *
 * Arrays need no alignment and never overlap unless they are named as the same argument.
 * Reductions run in a fixed order for a given table: same input, same bits. NaN goes
 * through to the result where nothing else is said, infinity too but for exp, which
 * saturates at 1.2e-38 and 1.7e38; nothing here tests for them.
 */
#ifndef G4R_VEC_H
#define G4R_VEC_H

#include "../base/base.h"

typedef struct g4r_activation {
    gru4rec_activation_kind kind;
    g4r_real a, b; /* leaky, elu: a; selu: both; see vec_basic.h */
} g4r_activation;

/* How an optimiser moves a parameter; equations in vec_update.h. */
typedef struct g4r_update {
    gru4rec_adapt kind;
    g4r_real learning_rate, momentum, lmbd;
    g4r_real rho, rho2;         /* adapt_params */
    g4r_real correct, correct2; /* Adam's bias corrections of this update */
    g4r_real clip;              /* gradients are multiplied by it first */
} g4r_update;

#define G4R_LOSS_EPS 1e-24 /* eps of vec_loss.h */

/* What a loss adds up over the negatives; in the -max losses with the weights e. Letters
 * of vec_loss.h. */
typedef struct g4r_vec_sums {
    double e;
    double value;  /* BPR: -log sigma(t - r); TOP1, TOP1-max: q; BPR-max: sigma */
    double slope;  /* BPR: sigma(r - t); TOP1, TOP1-max: a (1 - a);
                    * BPR-max: sigma (1 - sigma) */
    double square; /* BPR-max: r^2 */
} g4r_vec_sums;

enum {
    G4R_BYTES_ROWS = 32,    /* a block: rows that stand side by side */
    G4R_LARGEST_BYTE = 127, /* of a row */
    G4R_LARGEST_QUERY = 64  /* pairs of products with bytes fit 16 bits, 65,536 fit 32 */
};

/* A table of rows in bytes: value = scale x (byte - 128), give or take; see bytes.h. */
typedef struct g4r_bytes {
    uint8_t *values;       /* (n / 32,d / 4,32,4), see g4r_bytes_place() */
    g4r_real *scale;       /* (n) */
    g4r_real *rest, *norm; /* (n) norms of what is lost, and of what is there */
    size_t d;              /* a multiple of 4 */
} g4r_bytes;

/* Where in the values that of (row,k) is. */
static inline size_t g4r_bytes_place(const g4r_bytes *bytes, size_t row, size_t k)
{
    const size_t n = G4R_BYTES_ROWS;
    return row / n * n * bytes->d + k / 4 * 4 * n + row % n * 4 + k % 4;
}

/* How a row became bytes; squares of the two norms. */
typedef struct g4r_bytes_row {
    g4r_real scale;
    double rest, norm;
} g4r_bytes_row;

/* A vector in integers, for products with such rows. */
typedef struct g4r_bytes_query {
    const int8_t *x; /* (d) */
    int32_t offset;  /* 128 x their sum */
    g4r_real scale;
    g4r_real rest, norm; /* of what is lost, and of the vector */
    g4r_real slack;      /* of a sum with the bias */
} g4r_bytes_query;

typedef struct g4r_vec {
    const char *name;

    /* y += x; y *= x; y *= a; y += a; all (n) */
    void (*add)(g4r_real *y, const g4r_real *x, size_t n);
    void (*mul)(g4r_real *y, const g4r_real *x, size_t n);
    void (*scale)(g4r_real *y, g4r_real a, size_t n);
    void (*shift)(g4r_real *y, g4r_real a, size_t n);
    /* x, y (n) */
    double (*sum)(const g4r_real *y, size_t n);
    g4r_real (*dot)(const g4r_real *x, const g4r_real *y, size_t n);
    /* Largest of y (n), NaN left out; -INFINITY where there is none. */
    g4r_real (*max)(const g4r_real *y, size_t n);
    bool (*all_finite)(const g4r_real *x, size_t n);
    /* mask (n) = 0 with probability p, else 1 / (1 - p); y (n) *= mask. Element i is
     * random number first + i of key. */
    void (*dropout)(g4r_real *y, g4r_real *mask, g4r_real p, uint32_t key, uint32_t first,
                    size_t n);
    /* y (n) = act(y) */
    void (*activate)(g4r_real *y, const g4r_activation *act, size_t n);
    /* s (n) = slope of act where its value is y (n) */
    void (*slope)(g4r_real *s, const g4r_real *y, const g4r_activation *act, size_t n);

    /*
     * One lane of a GRU layer of width h; letters and equations in vec_cell.h. gates, v,
     * dv, b and c of torch_gates (3h); u, du (3h), in the original (2h); all others (h).
     * slope_dold: in, the slope of the candidate; out, a part of dold.
     */
    struct {
        /* state = a + z (b - a) */
        void (*mix)(g4r_real *state, const g4r_real *a, const g4r_real *b,
                    const g4r_real *z, size_t h);
        /* Leaves n before its activation. */
        void (*torch_gates)(g4r_real *gates, g4r_real *g, const g4r_real *v,
                            const g4r_real *u, const g4r_real *b, const g4r_real *c,
                            size_t h);
        void (*torch_backward)(g4r_real *dv, g4r_real *du, g4r_real *slope_dold,
                               const g4r_real *dstate, const g4r_real *gates,
                               const g4r_real *g, const g4r_real *old, size_t h);
        /* Leaves out c, whose place in gates is not written to. */
        void (*original_gates)(g4r_real *gates, g4r_real *s, const g4r_real *v,
                               const g4r_real *u, const g4r_real *b, const g4r_real *old,
                               size_t h);
        /* c before its activation. v, b: their first (h). */
        void (*original_candidate)(g4r_real *c, const g4r_real *v, const g4r_real *b,
                                   const g4r_real *w, size_t h);
        /* Leaves out a_r, whose place in dv is not written to. */
        void (*original_backward)(g4r_real *dv, g4r_real *slope_dold,
                                  const g4r_real *dstate, const g4r_real *gates,
                                  const g4r_real *old, size_t h);
        /* Writes a_r; dold is added to. */
        void (*original_backward_reset)(g4r_real *dv, g4r_real *dold, const g4r_real *ds,
                                        const g4r_real *gates, const g4r_real *old,
                                        size_t h);
    } cell;

    /*
     * Losses; equations in vec_loss.h. The last six take n negatives r of a positive t,
     * which stand together; all arrays are (n) and sums are added to. scale is a factor
     * of the gradients, but not of the sums; TOP1's 1 / N is part of it, and so is the
     * 1 / sum e of the -max losses.
     */
    struct {
        /* y (n) = exp(y - max); returns their sum. */
        double (*exp_sum)(g4r_real *y, g4r_real max, size_t n);
        /* Adds the sums of f and of -log(p + eps); p (n). Of a NaN only the first is sure
         * to become NaN. */
        void (*smooth_sums)(double *f_sum, double *log_sum, const g4r_real *p, size_t n);
        /* p (n) becomes the gradient of columns whose weight is w; total: the sum of w f
         * over all columns. */
        void (*smooth_gradient)(g4r_real *p, g4r_real total, g4r_real w, size_t n);
        /* r becomes scale x its gradient. */
        void (*bpr)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                    size_t n);
        void (*top1)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                     size_t n);
        /* Writes e and q; r becomes dq/dr. */
        void (*top1max_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *q, g4r_real *r,
                             g4r_real t, g4r_real max, size_t n);
        /* r, holding dq/dr, becomes scale x its gradient. mean: L. */
        void (*top1max_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *q,
                                 g4r_real scale, g4r_real mean, size_t n);
        /* Writes e and sigma. */
        void (*bprmax_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *sigma,
                            const g4r_real *r, g4r_real t, g4r_real max, size_t n);
        /* r becomes scale x its gradient. a: A; reg: lambda; mean_square: R. */
        void (*bprmax_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *sigma,
                                g4r_real scale, g4r_real a, g4r_real reg,
                                g4r_real mean_square, size_t n);
    } loss;

    /* One update of p (n) with the gradients g (n); equations in vec_update.h. acc, acc2
     * and v (n) are NULL where the optimiser has none. */
    void (*update)(g4r_real *p, g4r_real *acc, g4r_real *acc2, g4r_real *v,
                   const g4r_real *g, const g4r_update *u, size_t n);

    /* Serving; equations in vec_scan.h. */
    struct {
        /* out (n) = table (rows,d) . x (d) + bias; of the given rows, or where NULL the
         * first n. bias: NULL for none, may be out. */
        void (*score)(g4r_real *out, const g4r_real *table, const g4r_real *bias,
                      const int32_t *rows, const g4r_real *x, size_t n, size_t d);
        /* The first index from start on with scores (n) of t or more, or n. NaN is never
         * t or more. */
        size_t (*find)(const g4r_real *scores, size_t start, g4r_real t, size_t n);
        /* How many scores (n) are greater than t, and how many equal to it; NaN is
         * neither. */
        void (*count)(const g4r_real *scores, g4r_real t, size_t n, size_t *n_greater,
                      size_t *n_equal);
        /* within (n) out: where scores (n < 2^31) are from low to high, ascending; returns
         * how many those are. *n_above: how many are greater. NaN is neither. */
        size_t (*split)(int32_t *within, const g4r_real *scores, g4r_real low,
                        g4r_real high, size_t n, size_t *n_above);
        /* q (d) = w (d) / scale + 128, rounded. Finite values only. */
        void (*to_bytes)(uint8_t *q, g4r_bytes_row *row, const g4r_real *w, size_t d);
        /* upper (n): no score of the n rows from first on, which begins a block, is
         * greater. bias: of all rows. Finite values only. */
        void (*upper_bounds)(g4r_real *upper, const g4r_bytes *bytes,
                             const g4r_real *bias, const g4r_bytes_query *query,
                             size_t first, size_t n);
    } scan;
} g4r_vec;

/* The best table for this processor. */
const g4r_vec *g4r_vec_pick(void);
/* All that this processor can run, the best first; tests compare them. NULL from the end.
 */
const g4r_vec *g4r_vec_at(size_t index);

/* sums (n) = column sums of x (m,n), whose rows are ld apart, + beta sums. */
static inline void g4r_vec_column_sums(g4r_real *sums, const g4r_real *x, size_t ld,
                                       size_t m, size_t n, g4r_real beta,
                                       const g4r_vec *vec)
{
    if (beta == 0)
        memset(sums, 0, n * sizeof *sums);
    for (size_t row = 0; row < m; row++)
        vec->add(sums, x + row * ld, n);
}

#endif
