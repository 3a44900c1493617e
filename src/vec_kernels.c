/*
 * vec_kernels.c (L1) - the body of every kernel of vec.h, in plain C that compilers
 * vectorise.
 *
 * Compiled once per instruction set, with VEC_NAME the table's suffix and the flags that
 * allow the instructions (Makefile). Reductions keep LANES partial results, which is the
 * freedom that a compiler needs to vectorise them without changing their order by itself.
 *
 * exp and tanh: the polynomials of the Cephes library (Moshier), within 2 ulp (checked by
 * tests/unit/test_vec.c); exp underflows to 1.2e-38 instead of to less. The double build
 * uses libm.
 */
#include "rng.h"
#include "vec.h"

#define CONCAT2(a, b) a##b
#define CONCAT(a, b) CONCAT2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

enum { LANES = 16 };

/* ---- exp, sigmoid, tanh ---- */

#ifdef GRU4REC_DOUBLE

static inline double exp1(double x)
{
    return exp(x);
}

static inline double tanh1(double x)
{
    return tanh(x);
}

#else

static inline float exp1(float x)
{
    const float lowest = -87.33f, highest = 88.02f;
    x = x < lowest ? lowest : x;
    x = x > highest ? highest : x;
    /* x = n ln 2 + f: adding and subtracting 1.5 2^23 rounds to an integer. */
    float n = x * 1.44269504f + 12582912.0f - 12582912.0f;
    float f = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    /* NaN has no integer: take any, p is NaN already. */
    int32_t exponent = (int32_t)(n == n ? n : 0.0f);
    union {
        int32_t i;
        float f;
    } power = {(exponent + 127) << 23};
    return p * power.f;
}

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

#endif

static inline g4r_real sigmoid1(g4r_real x)
{
    return 1 / (1 + exp1(-x));
}

/* ---- element-wise ---- */

static void add(g4r_real *restrict y, const g4r_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
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

static void dropout(g4r_real *restrict y, g4r_real *restrict mask, g4r_real p,
                    uint32_t key, uint32_t first, size_t n)
{
    const g4r_real kept = 1 / (1 - p);
    /* The hash's upper 24 bits against p: compared as signed integers, which vectorise.
     */
    const int32_t threshold = (int32_t)(p * 16777216);
    for (size_t i = 0; i < n; i++) {
        int32_t random = (int32_t)(g4r_rng_hash(key, first + (uint32_t)i) >> 8);
        g4r_real m = random < threshold ? 0 : kept;
        mask[i] = m;
        y[i] *= m;
    }
}

static void elu(g4r_real *restrict y, g4r_real alpha, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g4r_real below = alpha * (exp1(y[i]) - 1);
        y[i] = y[i] > 0 ? y[i] : below;
    }
}

/* ---- reductions ---- */

static g4r_real dot(const g4r_real *restrict x, const g4r_real *restrict y, size_t n)
{
    g4r_real part[LANES] = {0};
    g4r_real sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            part[lane] += x[i + (size_t)lane] * y[i + (size_t)lane];
    for (; i < n; i++)
        part[i % LANES] += x[i] * y[i];
    for (int lane = 0; lane < LANES; lane++)
        sum += part[lane];
    return sum;
}

static void score(g4r_real *restrict out, const g4r_real *restrict table,
                  const g4r_real *restrict bias, const int32_t *restrict rows,
                  const g4r_real *restrict x, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = rows != NULL ? (size_t)rows[i] : i;
        out[i] = dot(table + row * d, x, d) + bias[row];
    }
}

static g4r_real max(const g4r_real *restrict y, size_t n)
{
    g4r_real part[LANES];
    g4r_real largest = -(g4r_real)INFINITY;
    size_t i = 0;
    for (int lane = 0; lane < LANES; lane++)
        part[lane] = largest;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            g4r_real v = y[i + (size_t)lane];
            part[lane] = v > part[lane] ? v : part[lane];
        }
    for (; i < n; i++)
        largest = y[i] > largest ? y[i] : largest;
    for (int lane = 0; lane < LANES; lane++)
        largest = part[lane] > largest ? part[lane] : largest;
    return largest;
}

static double exp_sum(g4r_real *restrict y, g4r_real max, size_t n)
{
    g4r_real part[LANES] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            g4r_real e = exp1(y[i + (size_t)lane] - max);
            y[i + (size_t)lane] = e;
            part[lane] += e;
        }
    for (; i < n; i++) {
        y[i] = exp1(y[i] - max);
        sum += (double)y[i];
    }
    for (int lane = 0; lane < LANES; lane++)
        sum += (double)part[lane];
    return sum;
}

static void bprmax_sums(g4r_bprmax_sums *restrict sums, g4r_real *restrict e,
                        g4r_real *restrict sigma, const g4r_real *restrict r, g4r_real t,
                        g4r_real max, size_t n)
{
    g4r_real part_e[LANES] = {0}, part_sigma[LANES] = {0};
    g4r_real part_slope[LANES] = {0}, part_reg[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        e[i] = exp1(r[i] - max);
        sigma[i] = sigmoid1(t - r[i]);
    }
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            size_t k = i + (size_t)lane;
            g4r_real weighted = e[k] * sigma[k];
            part_e[lane] += e[k];
            part_sigma[lane] += weighted;
            part_slope[lane] += weighted * (1 - sigma[k]);
            part_reg[lane] += e[k] * r[k] * r[k];
        }
    for (; i < n; i++) {
        g4r_real weighted = e[i] * sigma[i];
        part_e[i % LANES] += e[i];
        part_sigma[i % LANES] += weighted;
        part_slope[i % LANES] += weighted * (1 - sigma[i]);
        part_reg[i % LANES] += e[i] * r[i] * r[i];
    }
    for (int lane = 0; lane < LANES; lane++) {
        sums->e += (double)part_e[lane];
        sums->sigma += (double)part_sigma[lane];
        sums->slope += (double)part_slope[lane];
        sums->reg += (double)part_reg[lane];
    }
}

static void bprmax_gradient(g4r_real *restrict r, const g4r_real *restrict e,
                            const g4r_real *restrict sigma, g4r_real scale, g4r_real a,
                            g4r_real reg, g4r_real mean_reg, g4r_real alpha, size_t n)
{
    const g4r_real over = 1 / (a + (g4r_real)1e-24);
    const bool is_elu = alpha > 0;
    for (size_t i = 0; i < n; i++) {
        g4r_real pull = (a - sigma[i] * sigma[i]) * over;
        g4r_real shrink = reg * (r[i] * r[i] + 2 * r[i] - mean_reg);
        /* ELU's derivative from its value: alpha exp(x) = value + alpha. */
        g4r_real slope = is_elu && r[i] < 0 ? r[i] + alpha : 1;
        r[i] = scale * e[i] * (pull + shrink) * slope;
    }
}

/* ---- cells: formulas in cell_torch.c and cell_original.c ---- */

static void torch_forward(g4r_real *restrict state, g4r_real *restrict gates,
                          g4r_real *restrict hidden_n, const g4r_real *restrict input,
                          const g4r_real *restrict hidden,
                          const g4r_real *restrict bias_ih,
                          const g4r_real *restrict bias_hh, const g4r_real *restrict old,
                          size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(input[i] + bias_ih[i] + hidden[i] + bias_hh[i]);
        g4r_real z =
            sigmoid1(input[h + i] + bias_ih[h + i] + hidden[h + i] + bias_hh[h + i]);
        g4r_real gh = hidden[2 * h + i] + bias_hh[2 * h + i];
        g4r_real n = tanh1(input[2 * h + i] + bias_ih[2 * h + i] + r * gh);
        gates[i] = r;
        gates[h + i] = z;
        gates[2 * h + i] = n;
        hidden_n[i] = gh;
        state[i] = n + z * (old[i] - n);
    }
}

static void torch_backward(g4r_real *restrict dinput, g4r_real *restrict dhidden,
                           const g4r_real *restrict dstate,
                           const g4r_real *restrict gates,
                           const g4r_real *restrict hidden_n,
                           const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[i], z = gates[h + i], n = gates[2 * h + i];
        g4r_real an = dstate[i] * (1 - z) * (1 - n * n);
        g4r_real az = dstate[i] * (old[i] - n) * z * (1 - z);
        g4r_real ar = an * hidden_n[i] * r * (1 - r);
        dinput[i] = ar;
        dhidden[i] = ar;
        dinput[h + i] = az;
        dhidden[h + i] = az;
        dinput[2 * h + i] = an;
        dhidden[2 * h + i] = an * r;
    }
}

static void original_gates(g4r_real *restrict gates, g4r_real *restrict reset_old,
                           const g4r_real *restrict input,
                           const g4r_real *restrict hidden, const g4r_real *restrict bias,
                           const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(input[h + i] + bias[h + i] + hidden[i]);
        g4r_real z = sigmoid1(input[2 * h + i] + bias[2 * h + i] + hidden[h + i]);
        gates[h + i] = r;
        gates[2 * h + i] = z;
        reset_old[i] = r * old[i];
    }
}

static void original_forward(g4r_real *restrict state, g4r_real *restrict gates,
                             const g4r_real *restrict input,
                             const g4r_real *restrict hidden_c,
                             const g4r_real *restrict bias, const g4r_real *restrict old,
                             size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real c = tanh1(input[i] + bias[i] + hidden_c[i]);
        gates[i] = c;
        state[i] = old[i] + gates[2 * h + i] * (c - old[i]);
    }
}

static void original_backward(g4r_real *restrict dinput, const g4r_real *restrict dstate,
                              const g4r_real *restrict gates,
                              const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real c = gates[i], z = gates[2 * h + i];
        dinput[i] = dstate[i] * z * (1 - c * c);
        dinput[2 * h + i] = dstate[i] * (c - old[i]) * z * (1 - z);
    }
}

static void original_backward_reset(g4r_real *restrict dinput,
                                    const g4r_real *restrict dreset_old,
                                    const g4r_real *restrict gates,
                                    const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[h + i];
        dinput[h + i] = dreset_old[i] * old[i] * r * (1 - r);
    }
}

/* ---- optimiser ---- */

static void adagrad(g4r_real *restrict p, g4r_real *restrict acc, g4r_real *restrict v,
                    const g4r_real *restrict g, g4r_real lr, g4r_real momentum, size_t n)
{
    const g4r_real eps = (g4r_real)1e-6;
    if (v == NULL) {
        for (size_t i = 0; i < n; i++) {
            g4r_real a = acc[i] + g[i] * g[i];
            acc[i] = a;
            p[i] -= lr * g[i] / g4r_sqrt(a + eps);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        g4r_real a = acc[i] + g[i] * g[i];
        g4r_real move = momentum * v[i] - lr * g[i] / g4r_sqrt(a + eps);
        acc[i] = a;
        v[i] = move;
        p[i] += move;
    }
}

/* ---- ranks ---- */

/* Blocks of 2^12, so that 32-bit lanes cannot overflow and the compiler can use them. */
static void count(const g4r_real *restrict scores, g4r_real t, size_t n,
                  size_t *n_greater, size_t *n_equal)
{
    enum { BLOCK = 4096 };
    *n_greater = 0;
    *n_equal = 0;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t end = G4R_MIN(start + BLOCK, n);
        int32_t greater = 0, equal = 0;
        for (size_t i = start; i < end; i++) {
            greater += scores[i] > t;
            equal += scores[i] == t;
        }
        *n_greater += (size_t)greater;
        *n_equal += (size_t)equal;
    }
}

static size_t find(const g4r_real *restrict scores, size_t start, g4r_real t, size_t n)
{
    size_t i = start;
    for (; i + LANES <= n; i += LANES) {
        int any = 0;
        for (int lane = 0; lane < LANES; lane++)
            any |= scores[i + (size_t)lane] >= t;
        if (any)
            break;
    }
    while (i < n && !(scores[i] >= t))
        i++;
    return i;
}

static bool all_finite(const g4r_real *restrict x, size_t n)
{
    /* x - x is 0 for finite numbers, NaN for all others. */
    g4r_real part[LANES] = {0};
    g4r_real sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            part[lane] += x[i + (size_t)lane] - x[i + (size_t)lane];
    for (; i < n; i++)
        sum += x[i] - x[i];
    for (int lane = 0; lane < LANES; lane++)
        sum += part[lane];
    return sum == 0;
}

const g4r_vec CONCAT(g4r_vec_, VEC_NAME) = {
    .name = TEXT(VEC_NAME),
    .add = add,
    .mul = mul,
    .scale = scale,
    .dot = dot,
    .score = score,

    .dropout = dropout,
    .max = max,
    .exp_sum = exp_sum,
    .elu = elu,
    .bprmax_sums = bprmax_sums,
    .bprmax_gradient = bprmax_gradient,
    .torch_forward = torch_forward,
    .torch_backward = torch_backward,
    .original_gates = original_gates,
    .original_forward = original_forward,
    .original_backward = original_backward,
    .original_backward_reset = original_backward_reset,
    .adagrad = adagrad,
    .count = count,
    .find = find,
    .all_finite = all_finite,
};
