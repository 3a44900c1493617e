/*
 * vec_basic.h - the kernels of general use: element-wise operations, dropout,
 * activations, reductions. It is part of vec_kernels.c.
 *
 * Activations of x, with their parameters a and b. The slope y' is computed from the
 * value y:
 *   linear  y = x                                    y' = 1
 *   relu    y = max(0, x)                            y' = 1 above 0, else 0
 *   tanh    y = tanh x                               y' = 1 - y^2
 *   leaky   y = x above 0, else a x                  y' = 1 above 0, else a
 *   elu     y = x above 0, else a (exp(x) - 1)       y' = 1 above 0, else y + a
 *   selu    y = a x above 0, else a b (exp(x) - 1)   y' = a above 0, else y + a b
 * At y = 0 the slope of leaky and elu is 1, and that of selu is a.
 *
 * Dropout with probability p, m being the mask and u a random number from 0 to 1:
 *   m = 0 if u < p, else 1 / (1 - p)                 y = m x
 *
 * A reduction keeps SLICES partial results: partial result i takes the values i, i +
 * SLICES, i + 2 SLICES ... At the end the partial results are added up in order. In this
 * form compilers can vectorise the loop without changing the order of the sum, which they
 * may not change.
 */
#ifndef G4R_VEC_BASIC_H
#define G4R_VEC_BASIC_H

#include "../base/rng.h"
#include "bfloat16.h"
#include "vec.h"
#include "vec_math.h"

enum { SLICES = 16 };

/* ---- element-wise ---- */

static void add(g4r_real *restrict y, const g4r_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void subtract(g4r_real *restrict y, const g4r_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] -= x[i];
}

static void mul(g4r_real *restrict y, const g4r_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= x[i];
}

static void scale(g4r_real *restrict y, g4r_real a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

static void shift(g4r_real *restrict y, g4r_real a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a;
}

/* Rounds y (n) to bfloat16. */
static void round_bfloat16(g4r_real *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = (float)y[i];
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        bits = g4r_bfloat16_round(bits);
        memcpy(&x, &bits, sizeof x);
        y[i] = (g4r_real)x;
    }
}

/*
 * Sets each element of mask (n) to 0 with probability p, else to 1 / (1 - p), and
 * multiplies y (n) by mask. Element i uses random number first + i of key.
 */
static void dropout(g4r_real *restrict y, g4r_real *restrict mask, g4r_real p,
                    uint32_t key, uint32_t first, size_t n)
{
    const g4r_real kept = 1 / (1 - p);
    /*
     * The upper 24 bits of the hash are the random number. They are compared with p as
     * signed integers, because compilers vectorise that comparison.
     */
    const int32_t threshold = (int32_t)(p * 16777216);
    for (size_t i = 0; i < n; i++) {
        int32_t random = (int32_t)(g4r_rng_hash(key, first + (uint32_t)i) >> 8);
        g4r_real m = random < threshold ? 0 : kept;
        mask[i] = m;
        y[i] *= m;
    }
}

/*
 * Overwrites y (n), which holds x, by act(x). Each kind has a loop of its own, which
 * vectorises.
 */
static void activate(g4r_real *restrict y, const g4r_activation *act, size_t n)
{
    const g4r_real a = act->a, b = act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] < 0 ? 0 : y[i];
        break;
    case GRU4REC_ACT_TANH:
        for (size_t i = 0; i < n; i++)
            y[i] = tanh1(y[i]);
        break;
    case GRU4REC_ACT_LEAKY:
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] > 0 ? y[i] : a * y[i];
        break;
    case GRU4REC_ACT_ELU:
        for (size_t i = 0; i < n; i++) {
            g4r_real below = a * (exp1(y[i]) - 1);
            y[i] = y[i] > 0 ? y[i] : below;
        }
        break;
    case GRU4REC_ACT_SELU:
        for (size_t i = 0; i < n; i++) {
            g4r_real below = b * (exp1(y[i]) - 1);
            y[i] = a * (y[i] > 0 ? y[i] : below);
        }
        break;
    default: /* linear */
        break;
    }
}

/*
 * Sets s (n) to the slopes of the activation, from its values y (n): the slope of each
 * kind can be computed from the value alone.
 */
static void slope(g4r_real *restrict s, const g4r_real *restrict y,
                  const g4r_activation *act, size_t n)
{
    const g4r_real a = act->a, ab = act->a * act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        for (size_t i = 0; i < n; i++)
            s[i] = y[i] > 0 ? 1 : 0;
        break;
    case GRU4REC_ACT_TANH:
        for (size_t i = 0; i < n; i++)
            s[i] = 1 - y[i] * y[i];
        break;
    case GRU4REC_ACT_LEAKY:
        for (size_t i = 0; i < n; i++)
            s[i] = y[i] < 0 ? a : 1;
        break;
    case GRU4REC_ACT_ELU: /* y + a is a exp(x) */
        for (size_t i = 0; i < n; i++)
            s[i] = y[i] < 0 ? y[i] + a : 1;
        break;
    case GRU4REC_ACT_SELU: /* y + a b is a b exp(x) */
        for (size_t i = 0; i < n; i++)
            s[i] = y[i] < 0 ? y[i] + ab : a;
        break;
    default:
        for (size_t i = 0; i < n; i++)
            s[i] = 1;
        break;
    }
}

/* ---- reductions ---- */

/*
 * Runs the statement for each index k from 0 to n - 1. slice is the index of the partial
 * result that the statement must add value k to.
 */
#define FOR_SLICES(n, statement)                           \
    do {                                                   \
        size_t start_ = 0;                                 \
        for (; start_ + SLICES <= (n); start_ += SLICES)   \
            for (int slice = 0; slice < SLICES; slice++) { \
                const size_t k = start_ + (size_t)slice;   \
                statement                                  \
            }                                              \
        for (size_t k = start_; k < (n); k++) {            \
            const int slice = (int)(k % SLICES);           \
            statement                                      \
        }                                                  \
    } while (0)

/* Adds the SLICES partial results of a reduction to *sum, in order and in double. */
static void add_slices(double *sum, const g4r_real part[SLICES])
{
    for (int slice = 0; slice < SLICES; slice++)
        *sum += (double)part[slice];
}

static g4r_real dot(const g4r_real *restrict x, const g4r_real *restrict y, size_t n)
{
    g4r_real part[SLICES] = {0};
    g4r_real sum = 0;
    FOR_SLICES(n, part[slice] += x[k] * y[k];);
    for (int slice = 0; slice < SLICES; slice++)
        sum += part[slice];
    return sum;
}

static double sum(const g4r_real *restrict y, size_t n)
{
    g4r_real part[SLICES] = {0};
    double total = 0;
    FOR_SLICES(n, part[slice] += y[k];);
    add_slices(&total, part);
    return total;
}

/* Returns the largest value of y (n), NaN left out; -INFINITY if there is none. */
static g4r_real max(const g4r_real *restrict y, size_t n)
{
    g4r_real part[SLICES];
    g4r_real largest = -(g4r_real)INFINITY;
    for (int slice = 0; slice < SLICES; slice++)
        part[slice] = largest;
    FOR_SLICES(n, part[slice] = y[k] > part[slice] ? y[k] : part[slice];);
    for (int slice = 0; slice < SLICES; slice++)
        largest = part[slice] > largest ? part[slice] : largest;
    return largest;
}

/*
 * Tells whether all values of x (n) are finite: x - x is 0 for a finite x and NaN for any
 * other, so the sum is 0 only if all are finite.
 */
static bool all_finite(const g4r_real *restrict x, size_t n)
{
    g4r_real part[SLICES] = {0};
    double sum = 0;
    FOR_SLICES(n, part[slice] += x[k] - x[k];);
    add_slices(&sum, part);
    return sum == 0;
}

#endif
