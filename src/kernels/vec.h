/*
 * vec.h - kernels: loops over arrays of values, in tables from which one is picked for
 * the processor at run time.
 *
 * There is a table of kernels (g4r_vec) for each instruction set: vec_kernels.c is
 * compiled once for each. General kernels stand in the table itself, and the kernels of a
 * subject stand in a group: vec->add(...), vec->loss.bpr(...).
 *
 * Arrays need no alignment. Two arguments of a kernel never overlap, unless the comment
 * says that they may be the same. No kernel allocates memory or fails. A given table adds
 * up in a fixed order: the same input gives the same bits.
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
    /* Parameters: leaky and elu use a; selu uses both; the other kinds use none. */
    g4r_real a, b;
} g4r_activation;

/* How an optimiser changes parameters in one update; equations in vec_update.h. */
typedef struct g4r_update {
    gru4rec_adapt kind;
    g4r_real learning_rate, momentum, lmbd;
    g4r_real rho, rho2; /* decay rates, from option adapt_params */
    /*
     * Adam's bias corrections of this update, 1 / (1 - rho^n) and 1 / (1 - rho2^n). n is
     * the number of the update in the whole training, from 1.
     */
    g4r_real correct, correct2;
    /*
     * Each gradient is first multiplied by it; 1 if option grad_cap does not shorten it.
     */
    g4r_real clip;
} g4r_update;

#define G4R_LOSS_EPS 1e-24 /* eps of vec_loss.h */

/*
 * Sums over the negatives of one lane, which a loss needs; letters of vec_loss.h. The
 * kernels add to them, so the caller sets them to 0 first. With TOP1-max and BPR-max,
 * each term has the weight e of its negative.
 */
typedef struct g4r_vec_sums {
    double e; /* TOP1-max, BPR-max: the sum of the weights e alone */
    /* The terms are, for BPR: -log sigma(t - r); TOP1, TOP1-max: q; BPR-max: sigma. */
    double value;
    /*
     * The sum from which the target's gradient is made. Its terms are, for BPR: sigma(r -
     * t); TOP1, TOP1-max: a (1 - a) with a = sigma(r - t); BPR-max: sigma (1 - sigma)
     * with sigma = sigma(t - r).
     */
    double slope;
    double square; /* BPR-max: the terms are r^2 */
} g4r_vec_sums;

enum {
    G4R_BYTES_ROWS = 32,    /* rows of a block, whose values are interleaved */
    G4R_BYTES_LANES = 8,    /* vectors that are multiplied with a block at once */
    G4R_LARGEST_BYTE = 127, /* largest integer that a value of a row becomes */
};

/*
 * A table of n rows of d values in bytes: a value is about scale x (byte - 128), with the
 * scale of its row. bytes.h says how exact that is.
 */
typedef struct g4r_bytes {
    /*
     * (n / 32,d / 4,32,4), n rounded up to a multiple of 32. Blocks of 32 rows; within a
     * block, four values of each row stand together. g4r_bytes_place() finds a value.
     */
    uint8_t *values;
    g4r_real *scale; /* (n) scale of each row */
    /*
     * (n) Upper bounds of norms. rest: of what the bytes lose of a row. norm: of the row
     * that the bytes give.
     */
    g4r_real *rest, *norm;
    /*
     * Values of a row: a multiple of 4. If the weights have fewer, the last ones are
     * padding.
     */
    size_t d;
} g4r_bytes;

/*
 * Returns the index, in the array values of the table, of value k of a row; both count
 * from 0.
 */
static inline size_t g4r_bytes_place(const g4r_bytes *bytes, size_t row, size_t k)
{
    const size_t n = G4R_BYTES_ROWS;
    return row / n * n * bytes->d + k / 4 * 4 * n + row % n * 4 + k % 4;
}

/* The scale of one row that was changed into bytes, and its errors. */
typedef struct g4r_bytes_row {
    g4r_real scale;
    /*
     * Squared norms. rest: of what the bytes lose of the row. norm: of the row that the
     * bytes give.
     */
    double rest, norm;
} g4r_bytes_row;

/*
 * The vector of a session in integers, for products with rows in bytes: a value is about
 * scale x integer. The vectors of n lanes are multiplied together: then their integers
 * are interleaved.
 */
typedef struct g4r_bytes_query {
    /*
     * The first integer, borrowed. Four integers of a vector stand together; its next
     * four stand 4 n places further on, behind those of the other lanes. The integers of
     * the lanes before begin 4 places before. All are from -largest_query to
     * largest_query of the table of kernels.
     */
    const int8_t *x;
    /*
     * 128 x the sum of the integers. A product with the bytes is too large by this,
     * because each byte is 128 too large.
     */
    int32_t offset;
    g4r_real scale;
    /*
     * Upper bounds of norms. rest: of what the integers lose of the vector. norm: of the
     * vector.
     */
    g4r_real rest, norm;
    g4r_real slack; /* upper bound of the rounding error of adding the bias */
} g4r_bytes_query;

/*
 * A product C (m,n) = A (m,k) . B (k,n). Sizes are in values. A leading dimension (ldc,
 * lda, ldb) is the distance from the begin of a row to the begin of the next row in
 * memory. The matrices are borrowed, and C overlaps neither of the others.
 */
typedef struct g4r_vec_product {
    g4r_real *c;
    const g4r_real *a, *b;
    size_t ldc, lda, ldb, m, n, k;
    bool is_a_transposed; /* A stands in memory transposed, (k,m) */
    bool is_b_transposed; /* B stands in memory transposed, (n,k) */
    bool is_added;        /* the product is added to C; else it overwrites C */
} g4r_vec_product;

/* The table of kernels for one instruction set. */
typedef struct g4r_vec {
    const char *name; /* of the instruction set, as gru4rec_build.simd gives it */

    /*
     * Change y (n) in place. add: y += x; subtract: y -= x; mul: y *= x; scale: y *= a;
     * shift: y += a. x is (n), a one number.
     */
    void (*add)(g4r_real *y, const g4r_real *x, size_t n);
    void (*subtract)(g4r_real *y, const g4r_real *x, size_t n);
    void (*mul)(g4r_real *y, const g4r_real *x, size_t n);
    void (*scale)(g4r_real *y, g4r_real a, size_t n);
    void (*shift)(g4r_real *y, g4r_real a, size_t n);
    /* Rounds y (n) to bfloat16, as gru4rec_round_bfloat16() does. */
    void (*round_bfloat16)(g4r_real *y, size_t n);
    /* Returns the sum of y (n). */
    double (*sum)(const g4r_real *y, size_t n);
    /* Returns the dot product of x (n) and y (n), which may be the same array. */
    g4r_real (*dot)(const g4r_real *x, const g4r_real *y, size_t n);
    /*
     * Returns the largest value of y (n). NaN is ignored; if there is no other value,
     * returns -INFINITY.
     */
    g4r_real (*max)(const g4r_real *y, size_t n);
    /* Tells whether all values of x (n) are finite: none is NaN or infinite. */
    bool (*all_finite)(const g4r_real *x, size_t n);
    /*
     * Sets each element of mask (n) to 0 with probability p, else to 1 / (1 - p), and
     * multiplies y (n) by mask. Element i uses random number first + i of key: the same
     * key and numbers give the same mask.
     */
    void (*dropout)(g4r_real *y, g4r_real *mask, g4r_real p, uint32_t key, uint32_t first,
                    size_t n);
    /* Overwrites y (n) by act(y). */
    void (*activate)(g4r_real *y, const g4r_activation *act, size_t n);
    /*
     * Sets s (n) to the slopes of act, which are computed from its values y (n): y is
     * what activate has left.
     */
    void (*slope)(g4r_real *s, const g4r_real *y, const g4r_activation *act, size_t n);

    /*
     * Kernels for one lane of a GRU layer of width h; letters and equations in
     * vec_cell.h. Shapes: gates, v, dv and b are (3h), as is c of torch_gates; u and du
     * are (3h), but (2h) in the original cell; all others are (h). slope_dold is the
     * slope of the candidate's activation on entry; the kernel overwrites it by a part of
     * dold.
     */
    struct {
        /* Sets state, the hidden state after the step, to (1 - z) a + z b. */
        void (*mix)(g4r_real *state, const g4r_real *a, const g4r_real *b,
                    const g4r_real *z, size_t h);
        /*
         * Writes the reset gate r, the update gate z and the candidate n into gates, and
         * writes g, the part of n that r multiplies. The candidate comes without its
         * activation, which the caller applies afterwards.
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
         * Writes the reset gate r and the update gate z into gates, and writes s = r old.
         * Leaves the place of the candidate c in gates as it is.
         */
        void (*original_gates)(g4r_real *gates, g4r_real *s, const g4r_real *v,
                               const g4r_real *u, const g4r_real *b, const g4r_real *old,
                               size_t h);
        /*
         * Writes the candidate c, without its activation, which the caller applies
         * afterwards. Reads only the first h values of v and b.
         */
        void (*original_candidate)(g4r_real *c, const g4r_real *v, const g4r_real *b,
                                   const g4r_real *w, size_t h);
        /*
         * Writes a_c and a_z, the gradients of the candidate c and of the update gate z
         * before their activations, into dv. Writes dold, the gradient of old, without
         * the parts that come through s and u. Leaves the place of a_r in dv as it is.
         */
        void (*original_backward)(g4r_real *dv, g4r_real *slope_dold,
                                  const g4r_real *dstate, const g4r_real *gates,
                                  const g4r_real *old, size_t h);
        /*
         * Writes a_r, the gradient of the reset gate r before its activation, into dv.
         * Adds to dold, the gradient of old, the part that comes through s. ds is the
         * gradient of s.
         */
        void (*original_backward_reset)(g4r_real *dv, g4r_real *dold, const g4r_real *ds,
                                        const g4r_real *gates, const g4r_real *old,
                                        size_t h);
    } cell;

    /*
     * Losses; equations in vec_loss.h. The last six kernels take n negatives of one lane,
     * whose scores r stand side by side, and the score t of the lane's target. Their
     * arrays are (n). Those with sums add to them. scale multiplies the gradients, but
     * not the sums. The caller includes in scale the factor 1 / N of TOP1's dL/dr, and
     * the factor 1 / sum e of that of TOP1-max and BPR-max: these kernels leave them out.
     */
    struct {
        /* Overwrites y (n) by exp(y - max), and returns the sum of the new y. */
        double (*exp_sum)(g4r_real *y, g4r_real max, size_t n);
        /*
         * Adds the sum of f = p / (p + eps) over the probabilities p (n) to *f_sum, and
         * the sum of -log(p + eps) to *log_sum. If a value of p is NaN, only *f_sum is
         * sure to become NaN.
         */
        void (*smooth_sums)(double *f_sum, double *log_sum, const g4r_real *p, size_t n);
        /*
         * Overwrites p (n), the probabilities of some columns that all have the weight w,
         * by p total - w f, the gradient of the loss with respect to their scores, where
         * f = p / (p + eps). total is the sum of w f over all columns, each with its own
         * w.
         */
        void (*smooth_gradient)(g4r_real *p, g4r_real total, g4r_real w, size_t n);
        /*
         * bpr and top1 overwrite r by scale x dL/dr, and add to value and slope of sums.
         */
        void (*bpr)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                    size_t n);
        void (*top1)(g4r_vec_sums *sums, g4r_real *r, g4r_real t, g4r_real scale,
                     size_t n);
        /*
         * First pass of TOP1-max: writes e = exp(r - max) and q = sigma(r - t) +
         * sigma(r^2), overwrites r by dq/dr, and adds to e, value and slope of sums. max
         * is the largest score of all negatives.
         */
        void (*top1max_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *q, g4r_real *r,
                             g4r_real t, g4r_real max, size_t n);
        /*
         * Second pass of TOP1-max: overwrites r, which is dq/dr on entry, by scale x
         * dL/dr. e and q are those of the first pass; mean is L, the loss.
         */
        void (*top1max_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *q,
                                 g4r_real scale, g4r_real mean, size_t n);
        /*
         * First pass of BPR-max: writes e = exp(r - max) and sigma = sigma(t - r), and
         * adds to all four sums. r stays. max is the largest score of all negatives.
         */
        void (*bprmax_sums)(g4r_vec_sums *sums, g4r_real *e, g4r_real *sigma,
                            const g4r_real *r, g4r_real t, g4r_real max, size_t n);
        /*
         * Second pass of BPR-max: overwrites r by scale x dL/dr. e and sigma are those of
         * the first pass; a and mean_square are the means of sigma and of r^2, weighted
         * by e; reg is the option bpreg.
         */
        void (*bprmax_gradient)(g4r_real *r, const g4r_real *e, const g4r_real *sigma,
                                g4r_real scale, g4r_real a, g4r_real reg,
                                g4r_real mean_square, size_t n);
    } loss;

    /*
     * Makes one update of the parameters p (n) and of their slots with the gradients g
     * (n), which are first multiplied by u->clip; equations in vec_update.h. acc, acc2
     * and v (n) are the slots that the optimiser keeps for p; a slot that the optimiser
     * does not use may be NULL. v is NULL without momentum.
     */
    void (*update)(g4r_real *p, g4r_real *acc, g4r_real *acc2, g4r_real *v,
                   const g4r_real *g, const g4r_update *u, size_t n);

    /*
     * Computes a product. The bits of a value of C depend on its row of A, its column of
     * B, k and, if the product is added, its old value; on nothing else.
     */
    void (*multiply)(const g4r_vec_product *product);

    /* Kernels of serving; equations in vec_scan.h. */
    struct {
        /*
         * Sets out (n) to the scores of n rows of table (all,d): row . x (d) + bias (all)
         * of the row. The rows are those whose numbers are in rows (n), or the first n of
         * the table if rows is NULL. bias NULL: nothing is added. If rows is NULL, bias
         * and out may be the same array.
         */
        void (*score)(g4r_real *out, const g4r_real *table, const g4r_real *bias,
                      const int32_t *rows, const g4r_real *x, size_t n, size_t d);
        /*
         * Returns the first index, from start on, of a score that is threshold or more; n
         * if there is none. scores is (n). A NaN is passed over.
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
         * Writes into within (n) the indexes i, ascending, of which it is not known
         * whether the score is above low: upper[i] is at least low, and lower[i] is not
         * above high. Returns how many there are. Sets *n_above to the number of i with
         * lower[i] above high. upper and lower (n) may be the same array. An i with a NaN
         * is neither. n must be below 2^31.
         */
        size_t (*split)(int32_t *within, const g4r_real *upper, const g4r_real *lower,
                        g4r_real low, g4r_real high, size_t n, size_t *n_above);
    } scan;

    /* Rows in bytes; equations in vec_bytes.h. */
    struct {
        /*
         * Largest integer that a value of a vector becomes. Without an instruction that
         * adds up four products, it is so small that two products with bytes (0 ... 255)
         * fit a signed 16-bit integer together.
         */
        int32_t largest_query;
        /* bound() for many vectors takes less time than the product that BLAS makes. */
        bool is_fast;
        /*
         * Changes the row w (d) into bytes: sets *row to its scale and errors, and sets q
         * (d) to round(w / scale) + 128. All values must be finite.
         */
        void (*make)(uint8_t *q, g4r_bytes_row *row, const g4r_real *w, size_t d);
        /*
         * Writes into upper (n_lanes,n) and, unless it is NULL, into lower (n_lanes,n)
         * the upper and lower bounds of the scores of n rows of a table in bytes, from
         * row first on, where a block must begin (a multiple of 32). n_lanes, the number
         * of queries, is 1 or G4R_BYTES_LANES. bias (all) has the biases of all rows of
         * the table. All values must be finite.
         */
        void (*bound)(g4r_real *upper, g4r_real *lower, const g4r_bytes *bytes,
                      const g4r_real *bias, const g4r_bytes_query *queries,
                      size_t n_lanes, size_t first, size_t n);
    } bytes;
} g4r_vec;

/*
 * Returns the best table of kernels that this processor can run. The table is a constant.
 */
const g4r_vec *g4r_vec_pick(void);
/*
 * Returns table number index of those that this processor can run, the best first, from
 * 0; NULL if there are not so many. Tests use this to compare the tables.
 */
const g4r_vec *g4r_vec_at(size_t index);

/*
 * Computes the sums of the columns of x (m,n), and writes them into sums (n) if beta is
 * 0, or adds them to sums if beta is 1. The rows of x are ld values apart.
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
