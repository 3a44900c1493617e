/*
 * vec.h (L1) - element-wise and row-wise kernels, picked for the processor at run time.
 * Uses rng.
 *
 * vec_kernels.c holds one plain body, compiled once for each instruction set. Arrays need
 * no alignment and never overlap unless they are named as the same argument. Reductions
 * run in a fixed order for a given table: same input, same bits. NaN goes
 * through to the result, infinity too but for exp, which saturates at 1.2e-38 and 1.7e38;
 * nothing here tests for them.
 */
#ifndef G4R_VEC_H
#define G4R_VEC_H

#include "base.h"

/* What bprmax_sums finds over a range of negatives; sums are added to. */
typedef struct g4r_bprmax_sums {
    double e;     /* sum of exp(r - max) */
    double sigma; /* sum of exp(r - max) sigma(t - r) */
    double slope; /* sum of exp(r - max) sigma(t - r) (1 - sigma(t - r)) */
    double reg;   /* sum of exp(r - max) r^2 */
} g4r_bprmax_sums;

typedef struct g4r_vec {
    const char *name;

    /* y += x; y *= x; y *= a; all (n) */
    void (*add)(g4r_real *y, const g4r_real *x, size_t n);
    void (*mul)(g4r_real *y, const g4r_real *x, size_t n);
    void (*scale)(g4r_real *y, g4r_real a, size_t n);
    g4r_real (*dot)(const g4r_real *x, const g4r_real *y, size_t n);
    /* out (n) = table (rows,d) . x (d) + bias; of the given rows, or where NULL the first
     * n. */
    void (*score)(g4r_real *out, const g4r_real *table, const g4r_real *bias,
                  const int32_t *rows, const g4r_real *x, size_t n, size_t d);
    /* mask = 0 with probability p, else 1 / (1 - p); y *= mask. Element i is random
     * number first + i of key. */
    void (*dropout)(g4r_real *y, g4r_real *mask, g4r_real p, uint32_t key, uint32_t first,
                    size_t n);

    /* Largest of y; -INFINITY for n = 0. */
    g4r_real (*max)(const g4r_real *y, size_t n);
    /* y = exp(y - max); returns their sum. */
    double (*exp_sum)(g4r_real *y, g4r_real max, size_t n);
    /* y = y where y > 0, else alpha (exp(y) - 1) */
    void (*elu)(g4r_real *y, g4r_real alpha, size_t n);

    /* Over n negatives r of a positive t: e = exp(r - max), sigma = sigma(t - r). */
    void (*bprmax_sums)(g4r_bprmax_sums *sums, g4r_real *e, g4r_real *sigma,
                        const g4r_real *r, g4r_real t, g4r_real max, size_t n);
    /* r becomes scale e [(a - sigma^2) / (a + eps) + reg (r^2 + 2 r - mean_reg)] f'(r),
     * with f' = 1, or that of ELU with alpha where alpha > 0. */
    void (*bprmax_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *sigma,
                            g4r_real scale, g4r_real a, g4r_real reg, g4r_real mean_reg,
                            g4r_real alpha, size_t n);

    /* Cells, for one lane; formulas in cell_torch.c and cell_original.c. */
    void (*torch_forward)(g4r_real *state, g4r_real *gates, g4r_real *hidden_n,
                          const g4r_real *input, const g4r_real *hidden,
                          const g4r_real *bias_ih, const g4r_real *bias_hh,
                          const g4r_real *old, size_t h);
    void (*torch_backward)(g4r_real *dinput, g4r_real *dhidden, const g4r_real *dstate,
                           const g4r_real *gates, const g4r_real *hidden_n,
                           const g4r_real *old, size_t h);
    void (*original_gates)(g4r_real *gates, g4r_real *reset_old, const g4r_real *input,
                           const g4r_real *hidden, const g4r_real *bias,
                           const g4r_real *old, size_t h);
    void (*original_forward)(g4r_real *state, g4r_real *gates, const g4r_real *input,
                             const g4r_real *hidden_c, const g4r_real *bias,
                             const g4r_real *old, size_t h);
    void (*original_backward)(g4r_real *dinput, const g4r_real *dstate,
                              const g4r_real *gates, const g4r_real *old, size_t h);
    void (*original_backward_reset)(g4r_real *dinput, const g4r_real *dreset_old,
                                    const g4r_real *gates, const g4r_real *old, size_t h);

    /* acc += g^2; d = lr g / sqrt(acc + 1e-6); v = momentum v - d, p += v; without v
     * (NULL) p -= d. */
    void (*adagrad)(g4r_real *p, g4r_real *acc, g4r_real *v, const g4r_real *g,
                    g4r_real lr, g4r_real momentum, size_t n);

    /* How many scores are greater than t, and how many equal to it. */
    void (*count)(const g4r_real *scores, g4r_real t, size_t n, size_t *n_greater,
                  size_t *n_equal);
    /* The first index from start on with scores[index] >= t, or n. */
    size_t (*find)(const g4r_real *scores, size_t start, g4r_real t, size_t n);
    bool (*all_finite)(const g4r_real *x, size_t n);
} g4r_vec;

/* The best table for this processor. */
const g4r_vec *g4r_vec_pick(void);
/* All that this processor can run, the best first; tests compare them. NULL from the end.
 */
const g4r_vec *g4r_vec_at(size_t index);

#endif
