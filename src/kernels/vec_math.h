/*
 * vec_math.h - exp, tanh, log, sigmoid and softplus of one value. It is part of
 * vec_kernels.c.
 *
 * The functions have no branches, so that loops over them vectorise. They use the
 * polynomials of the Cephes library (Moshier), and are exact within 2 ulp
 * (tests/unit/test_vec.c). exp saturates at 1.2e-38 and at 1.7e38. The double build uses
 * libm instead.
 */
#ifndef G4R_VEC_MATH_H
#define G4R_VEC_MATH_H

#include "../base/base.h"

#ifdef GRU4REC_DOUBLE

#define exp1 exp
#define tanh1 tanh
#define log1 log

#else

/*
 * Returns exp(x); the result stays from 1.2e-38 to 1.7e38. If x is NaN, so is the result.
 */
static inline float exp1(float x)
{
    const float lowest = -87.33f, highest = 88.02f;
    x = x < lowest ? lowest : x;
    x = x > highest ? highest : x;
    /*
     * Writes x as n ln 2 + f with an integer n: so exp(x) = 2^n exp(f). Adding and
     * subtracting 1.5 2^23 rounds n to an integer.
     */
    float n = x * 1.44269504f + 12582912.0f - 12582912.0f;
    float f = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    /* NaN has no integer value. Any integer will do then, because p is NaN already. */
    int32_t exponent = (int32_t)(n == n ? n : 0.0f);
    union {
        int32_t i;
        float f;
    } power = {(exponent + 127) << 23};
    return p * power.f;
}

/* Returns tanh(x): near 0 by a polynomial, else from exp. */
static inline float tanh1(float x)
{
    float a = x < 0 ? -x : x;
    float e = exp1(-2.0f * a);
    float large = (1.0f - e) / (1.0f + e);
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    p = p * z * x + x;
    large = x < 0 ? -large : large;
    return a < 0.625f ? p : large;
}

/*
 * Returns the natural logarithm of x, which must be positive and normal: for 0, NaN or
 * infinity the result means nothing.
 */
static inline float log1(float x)
{
    union {
        float f;
        int32_t i;
    } bits = {x};
    /* x = 2^e (1 + m), with 1 + m in [sqrt(1/2), sqrt(2)) */
    int32_t e = (bits.i - 0x3f3504f3) >> 23;
    bits.i -= (int32_t)((uint32_t)e << 23);
    float m = bits.f - 1.0f;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float z = m * m;
    float y = p * m * z - 2.12194440e-4f * (float)e - 0.5f * z;
    return m + y + 0.693359375f * (float)e;
}

#endif

/* Returns the logistic function 1 / (1 + exp(-x)). */
static inline g4r_real sigmoid1(g4r_real x)
{
    return 1 / (1 + exp1(-x));
}

/* Returns log(1 + exp(x)), computed so that exp cannot overflow. */
static inline g4r_real softplus1(g4r_real x)
{
    g4r_real a = x > 0 ? -x : x;
    return (x < 0 ? 0 : x) + log1(1 + exp1(a)); /* if x is NaN, so is the result */
}

#endif
