/*
 * vec.h - kernels over rows of values, picked for the processor at run time.
 *
 * There is a table of kernels (g4r_vec) for each instruction set: vec_kernels.c is
 * compiled once for each. General kernels stand in the table itself, and the kernels of a
 * subject stand in a group: vec->add(...), vec->loss.bpr(...).
 *
 * Arrays need no alignment. Two arguments of a kernel never overlap, unless the comment
 * says that they may be the same. A given table adds up in a fixed order: the same input
 * gives the same bits.
 *
 * If the input has a NaN, the result has a NaN, unless the comment says otherwise. An
 * infinity goes through to the result in the same way, except through exp, whose values
 * stay from 1.2e-38 to 1.7e38. The kernels do not test for NaN or infinity.
 */
#ifndef G4R_VEC_H
#define G4R_VEC_H

#include "../base/base.h"

/* An activation function; equations in vec_basic.h. */
typedef struct g4r_activation {
    gru4rec_activation_kind kind;
    g4r_real a, b; /* leaky and elu use a; selu uses both */
} g4r_activation;

/* How an optimiser changes a parameter in one update; equations in vec_update.h. */
typedef struct g4r_update {
    gru4rec_adapt kind;
    g4r_real learning_rate, momentum, lmbd;
    g4r_real rho, rho2;         /* from the option adapt_params */
    g4r_real correct, correct2; /* Adam's bias corrections of this update */
    g4r_real clip;              /* factor of the gradients, applied first */
} g4r_update;

#define G4R_LOSS_EPS 1e-24 /* eps of vec_loss.h */

/*
 * Sums over the negatives of one lane, which a loss needs; letters of vec_loss.h. The
 * losses TOP1-max and BPR-max multiply each term by its weight e.
 */
typedef struct g4r_vec_sums {
    double e; /* TOP1-max, BPR-max: the weights alone */
    /* BPR: -log sigma(t - r); TOP1, TOP1-max: q; BPR-max: sigma */
    double value;
    /*
     * The sum that the target's gradient is made of. Its terms are, for BPR: sigma(r -
     * t); TOP1, TOP1-max: a (1 - a) with a = sigma(r - t); BPR-max: sigma (1 - sigma)
     * with sigma = sigma(t - r). With TOP1-max and BPR-max each term has the weight e.
     */
    double slope;
    double square; /* BPR-max: r^2 */
} g4r_vec_sums;

enum {
    G4R_BYTES_ROWS = 32,    /* rows of a block, whose values are interleaved */
    G4R_LARGEST_BYTE = 127, /* largest integer that a value of a row becomes */
    /*
     * Largest integer that a value of a query becomes. It is so small that the sum of two
     * products with bytes (0 ... 255) fits a signed 16-bit integer, and the sum of 65,536
     * such products fits 32 bits.
     */
    G4R_LARGEST_QUERY = 64
};

/*
 * A table of n rows of d values in bytes: a value is about scale x (byte - 128). bytes.h
 * says how exact that is.
 */
typedef struct g4r_bytes {
    uint8_t *values; /* (n / 32,d / 4,32,4), see g4r_bytes_place() */
    g4r_real *scale; /* (n) scale of each row */
    /*
     * (n) Upper bounds of norms; rest: of what the bytes lose of a row; norm: of the row
     * in bytes.
     */
    g4r_real *rest, *norm;
    size_t d; /* values of a row; a multiple of 4, so the last ones may be padding */
} g4r_bytes;

/* Returns the index, in the array values of the table, of value k of a row. */
static inline size_t g4r_bytes_place(const g4r_bytes *bytes, size_t row, size_t k)
{
    const size_t n = G4R_BYTES_ROWS;
    return row / n * n * bytes->d + k / 4 * 4 * n + row % n * 4 + k % 4;
}

/* The scale and the errors of one row that was changed into bytes. */
typedef struct g4r_bytes_row {
    g4r_real scale;
    /*
     * Squared norms; rest: of what the bytes lose of the row; norm: of the row in bytes.
     */
    double rest, norm;
} g4r_bytes_row;

/* A session's vector in integers, for products with rows in bytes. */
typedef struct g4r_bytes_query {
    const int8_t *x; /* (d) the integers; a value is about scale x integer */
    int32_t offset;  /* 128 x the sum of x, as each byte is 128 too large */
    g4r_real scale;
    /* Norms; rest: of what the integers lose of the vector; norm: of the vector. */
    g4r_real rest, norm;
    g4r_real slack; /* upper bound of the error of adding the bias */
} g4r_bytes_query;

/* The table of kernels for one instruction set. */
typedef struct g4r_vec {
    const char *name; /* of the instruction set, as gru4rec_build.simd gives it */

    /* add: y += x; mul: y *= x; scale: y *= a; shift: y += a. x and y are (n). */
    void (*add)(g4r_real *y, const g4r_real *x, size_t n);
    void (*mul)(g4r_real *y, const g4r_real *x, size_t n);
    void (*scale)(g4r_real *y, g4r_real a, size_t n);
    void (*shift)(g4r_real *y, g4r_real a, size_t n);
    /* Returns the sum of y (n). */
    double (*sum)(const g4r_real *y, size_t n);
    /* Returns the dot product of x (n) and y (n). */
    g4r_real (*dot)(const g4r_real *x, const g4r_real *y, size_t n);
    /*
     * Returns the largest value of y (n). NaN is ignored; if there is nothing else,
     * returns -INFINITY.
     */
    g4r_real (*max)(const g4r_real *y, size_t n);
    /* Tells whether no value of x (n) is NaN or infinite. */
    bool (*all_finite)(const g4r_real *x, size_t n);
    /*
     * Sets each element of mask (n) to 0 with probability p, else to 1 / (1 - p), and
     * multiplies y (n) by mask. Element i uses number first + i of the random numbers
     * that belong to key.
     */
    void (*dropout)(g4r_real *y, g4r_real *mask, g4r_real p, uint32_t key, uint32_t first,
                    size_t n);
    /* Sets y (n) to act(y). */
    void (*activate)(g4r_real *y, const g4r_activation *act, size_t n);
    /* Sets s (n) to the slope of act where the value of act is y (n). */
    void (*slope)(g4r_real *s, const g4r_real *y, const g4r_activation *act, size_t n);

    /*
     * One lane of a GRU layer of width h; letters and equations in vec_cell.h. Shapes:
     * gates, v, dv and b are (3h), as is c of torch_gates; u and du are (3h), but (2h) in
     * the original cell; all others are (h). slope_dold is the slope of the candidate's
     * activation on entry, and a part of dold on return.
     */
    struct {
        /* Sets state, the state after the step, to a + z (b - a). */
        void (*mix)(g4r_real *state, const g4r_real *a, const g4r_real *b,
                    const g4r_real *z, size_t h);
        /*
         * Writes the gates r, z and the candidate n into gates, and g, the part of n that
         * r multiplies. The caller activates n afterwards.
         */
        void (*torch_gates)(g4r_real *gates, g4r_real *g, const g4r_real *v,
                            const g4r_real *u, const g4r_real *b, const g4r_real *c,
                            size_t h);
        /*
         * Writes dv and du, the gradients of v and u, and dold, that of old, without the
         * part that comes through u.
         */
        void (*torch_backward)(g4r_real *dv, g4r_real *du, g4r_real *slope_dold,
                               const g4r_real *dstate, const g4r_real *gates,
                               const g4r_real *g, const g4r_real *old, size_t h);
        /*
         * Writes the gates r and z into gates, and s = r old. Leaves the place of the
         * candidate c in gates as it is.
         */
        void (*original_gates)(g4r_real *gates, g4r_real *s, const g4r_real *v,
                               const g4r_real *u, const g4r_real *b, const g4r_real *old,
                               size_t h);
        /*
         * Writes the candidate c, which the caller activates afterwards. Reads only the
         * first h values of v and b.
         */
        void (*original_candidate)(g4r_real *c, const g4r_real *v, const g4r_real *b,
                                   const g4r_real *w, size_t h);
        /*
         * Writes a_c and a_z, the gradients of c and z before their activations, into dv,
         * and dold, that of old, without the parts that come through s and u. Leaves the
         * place of a_r in dv as it is.
         */
        void (*original_backward)(g4r_real *dv, g4r_real *slope_dold,
                                  const g4r_real *dstate, const g4r_real *gates,
                                  const g4r_real *old, size_t h);
        /*
         * Writes a_r, the gradient of r before its activation, into dv, and adds to dold,
         * the gradient of old, the part that comes through s. ds is the gradient of s.
         */
        void (*original_backward_reset)(g4r_real *dv, g4r_real *dold, const g4r_real *ds,
                                        const g4r_real *gates, const g4r_real *old,
                                        size_t h);
    } cell;

    /*
     * Losses; equations in vec_loss.h. The last six kernels take n negatives of one lane,
     * whose scores r stand side by side, and the score t of the lane's target. Their
     * arrays are (n). They add to the sums. scale multiplies the gradients, but not the
     * sums. The caller includes in scale the factor 1 / N of TOP1's dL/dr, and the factor
     * 1 / sum e of that of TOP1-max and BPR-max: these kernels leave them out.
     */
    struct {
        /* Sets y (n) to exp(y - max), and returns the sum of the new y. */
        double (*exp_sum)(g4r_real *y, g4r_real max, size_t n);
        /*
         * Adds the sum of f = p / (p + eps) over the probabilities p (n) to *f_sum, and
         * the sum of -log(p + eps) to *log_sum. If a value of p is NaN, only *f_sum is
         * sure to become NaN.
         */
        void (*smooth_sums)(double *f_sum, double *log_sum, const g4r_real *p, size_t n);
        /*
         * Replaces the probabilities p (n) of some columns, which all have the weight w,
         * by p total - w f, the gradient of the loss with respect to their scores, where
         * f = p / (p + eps). total is the sum of w f over all columns, each with its own
         * w.
         */
        void (*smooth_gradient)(g4r_real *p, g4r_real total, g4r_real w, size_t n);
        /*
         * bpr adds to value and slope of sums, and sets r to scale x dL/dr. So does top1.
         */
        void (*bpr)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                    size_t n);
        void (*top1)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                     size_t n);
        /*
         * Writes e = exp(r - max) and q = sigma(r - t) + sigma(r^2), sets r to dq/dr, and
         * adds to e, value and slope of sums. max is the largest score of all negatives.
         */
        void (*top1max_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *q, g4r_real *r,
                             g4r_real t, g4r_real max, size_t n);
        /* Sets r, which is dq/dr on entry, to scale x dL/dr. mean is L, the loss. */
        void (*top1max_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *q,
                                 g4r_real scale, g4r_real mean, size_t n);
        /*
         * Writes e = exp(r - max) and sigma = sigma(t - r), and adds to all four sums. r
         * stays. max is the largest score of all negatives.
         */
        void (*bprmax_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *sigma,
                            const g4r_real *r, g4r_real t, g4r_real max, size_t n);
        /*
         * Sets r to scale x dL/dr. a and mean_square are the means of sigma and of r^2,
         * weighted by e; reg is the option bpreg.
         */
        void (*bprmax_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *sigma,
                                g4r_real scale, g4r_real a, g4r_real reg,
                                g4r_real mean_square, size_t n);
    } loss;

    /*
     * Makes one update of the parameters p (n) with the gradients g (n); equations in
     * vec_update.h. acc, acc2 and v (n) are the slots that the optimiser keeps for p; a
     * slot that the optimiser does not use is NULL.
     */
    void (*update)(g4r_real *p, g4r_real *acc, g4r_real *acc2, g4r_real *v,
                   const g4r_real *g, const g4r_update *u, size_t n);

    /* Serving; equations in vec_scan.h. */
    struct {
        /*
         * Sets out (n) to table (all,d) . x (d) + bias (all), for the given rows (n) of
         * the table, or for its first n rows if rows is NULL. bias is NULL if there is
         * none. If rows is NULL, bias may be out.
         */
        void (*score)(g4r_real *out, const g4r_real *table, const g4r_real *bias,
                      const int32_t *rows, const g4r_real *x, size_t n, size_t d);
        /*
         * Returns the first index from start on whose score is threshold or more; n if
         * there is none. scores is (n). A NaN is never threshold or more.
         */
        size_t (*find)(const g4r_real *scores, size_t start, g4r_real threshold,
                       size_t n);
        /*
         * Sets *n_greater to the number of scores (n) that are greater than threshold,
         * and *n_equal to the number of those that are equal to it. NaN is neither.
         */
        void (*count)(const g4r_real *scores, g4r_real threshold, size_t n,
                      size_t *n_greater, size_t *n_equal);
        /*
         * Writes into within (n) the indexes of the scores (n) that are from low to high,
         * ascending, and returns how many there are. Sets *n_above to the number of
         * scores that are greater than high. NaN is neither. n must be below 2^31.
         */
        size_t (*split)(int32_t *within, const g4r_real *scores, g4r_real low,
                        g4r_real high, size_t n, size_t *n_above);
        /*
         * Changes the row w (d) into bytes: sets *row, and sets q (d) to round(w / scale)
         * + 128. All values must be finite.
         */
        void (*to_bytes)(uint8_t *q, g4r_bytes_row *row, const g4r_real *w, size_t d);
        /*
         * Writes upper (n), upper bounds of the scores of n rows. Their first row is row
         * first of the table, where a block must begin. bias (all) has the biases of all
         * rows of the table. All values must be finite.
         */
        void (*upper_bounds)(g4r_real *upper, const g4r_bytes *bytes,
                             const g4r_real *bias, const g4r_bytes_query *query,
                             size_t first, size_t n);
    } scan;
} g4r_vec;

/* Returns the best table of kernels that this processor can run. */
const g4r_vec *g4r_vec_pick(void);
/*
 * Returns table number index of those that this processor can run, the best at index 0;
 * NULL if there are not so many. Tests use this to compare the tables.
 */
const g4r_vec *g4r_vec_at(size_t index);

/*
 * Sets sums (n) to the column sums of x (m,n) + beta sums. The rows of x are ld values
 * apart. beta is 0 or 1.
 */
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
