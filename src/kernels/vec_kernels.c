/*
 * vec_kernels.c - the body of every kernel of vec.h, in plain C that compilers
 * vectorise.
 *
 * Compiled once per instruction set, with VEC_NAME the table's suffix and the flags that
 * allow the instructions (Makefile). Reductions keep LANES partial results, which is the
 * freedom that a compiler needs to vectorise them without changing their order by itself.
 *
 * The functions that they are made of are in vec_math.h, the scans of serving in vec_scan.h.
 */
#include "../base/rng.h"
#include "vec.h"
#include "vec_math.h"
#include "vec_scan.h"

#define CONCAT2(a, b) a##b
#define CONCAT(a, b) CONCAT2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

enum { LANES = 16 };

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

static void shift(g4r_real *restrict y, g4r_real a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a;
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

/* One loop for each kind, so that each vectorises. */
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
    case GRU4REC_ACT_ELU: /* a exp(x) = y + a */
        for (size_t i = 0; i < n; i++)
            s[i] = y[i] < 0 ? y[i] + a : 1;
        break;
    case GRU4REC_ACT_SELU: /* a b exp(x) = y + a b */
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
 * The statement for each index k below n, with lane the partial result that it adds to.
 */
#define FOR_LANES(n, statement)                         \
    do {                                                \
        size_t start_ = 0;                              \
        for (; start_ + LANES <= (n); start_ += LANES)  \
            for (int lane = 0; lane < LANES; lane++) {  \
                const size_t k = start_ + (size_t)lane; \
                statement                               \
            }                                           \
        for (size_t k = start_; k < (n); k++) {         \
            const int lane = (int)(k % LANES);          \
            statement                                   \
        }                                               \
    } while (0)

/* *sum += the partial results, in order. */
static void add_lanes(double *sum, const g4r_real part[LANES])
{
    for (int lane = 0; lane < LANES; lane++)
        *sum += (double)part[lane];
}

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

static double sum(const g4r_real *restrict y, size_t n)
{
    g4r_real part[LANES] = {0};
    double total = 0;
    FOR_LANES(n, part[lane] += y[k];);
    add_lanes(&total, part);
    return total;
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
    FOR_LANES(n, {
        g4r_real weighted = e[k] * sigma[k];
        part_e[lane] += e[k];
        part_sigma[lane] += weighted;
        part_slope[lane] += weighted * (1 - sigma[k]);
        part_reg[lane] += e[k] * r[k] * r[k];
    });
    add_lanes(&sums->e, part_e);
    add_lanes(&sums->sigma, part_sigma);
    add_lanes(&sums->slope, part_slope);
    add_lanes(&sums->reg, part_reg);
}

static void bprmax_gradient(g4r_real *restrict r, const g4r_real *restrict e,
                            const g4r_real *restrict sigma, g4r_real scale, g4r_real a,
                            g4r_real reg, g4r_real mean_reg, size_t n)
{
    const g4r_real over = 1 / (a + (g4r_real)1e-24);
    for (size_t i = 0; i < n; i++) {
        g4r_real pull = (a - sigma[i] * sigma[i]) * over;
        g4r_real shrink = reg * (r[i] * r[i] + 2 * r[i] - mean_reg);
        r[i] = scale * e[i] * (pull + shrink);
    }
}

static void smooth_sums(double *restrict f_sum, double *restrict log_sum,
                        const g4r_real *restrict p, size_t n)
{
    const g4r_real eps = (g4r_real)1e-24;
    g4r_real part_f[LANES] = {0}, part_log[LANES] = {0};
    FOR_LANES(n, {
        part_f[lane] += p[k] / (p[k] + eps);
        part_log[lane] -= log1(p[k] + eps);
    });
    add_lanes(f_sum, part_f);
    add_lanes(log_sum, part_log);
}

static void smooth_gradient(g4r_real *restrict p, g4r_real total, g4r_real w, size_t n)
{
    const g4r_real eps = (g4r_real)1e-24;
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] * total - w * p[i] / (p[i] + eps);
}

static void bpr(double *restrict loss, double *restrict slope_sum, g4r_real *restrict r,
                g4r_real t, g4r_real factor, size_t n)
{
    g4r_real part_loss[LANES] = {0}, part_slope[LANES] = {0};
    FOR_LANES(n, {
        g4r_real g = sigmoid1(r[k] - t);
        part_loss[lane] += softplus1(r[k] - t);
        part_slope[lane] += g;
        r[k] = factor * g;
    });
    add_lanes(loss, part_loss);
    add_lanes(slope_sum, part_slope);
}

static void top1(double *restrict loss, double *restrict slope_sum, g4r_real *restrict r,
                 g4r_real t, g4r_real factor, size_t n)
{
    g4r_real part_loss[LANES] = {0}, part_slope[LANES] = {0};
    FOR_LANES(n, {
        g4r_real a = sigmoid1(r[k] - t);
        g4r_real b = sigmoid1(r[k] * r[k]);
        part_loss[lane] += a + b;
        part_slope[lane] += a * (1 - a);
        r[k] = factor * (a * (1 - a) + 2 * r[k] * b * (1 - b));
    });
    add_lanes(loss, part_loss);
    add_lanes(slope_sum, part_slope);
}

static void top1max_sums(double *restrict e_sum, double *restrict q_sum,
                         double *restrict slope_sum, g4r_real *restrict e,
                         g4r_real *restrict q, g4r_real *restrict r, g4r_real t,
                         g4r_real largest, size_t n)
{
    g4r_real part_e[LANES] = {0}, part_q[LANES] = {0}, part_slope[LANES] = {0};
    FOR_LANES(n, {
        g4r_real a = sigmoid1(r[k] - t);
        g4r_real b = sigmoid1(r[k] * r[k]);
        e[k] = exp1(r[k] - largest);
        q[k] = a + b;
        part_e[lane] += e[k];
        part_q[lane] += e[k] * q[k];
        part_slope[lane] += e[k] * (a * (1 - a));
        r[k] = a * (1 - a) + 2 * r[k] * b * (1 - b);
    });
    add_lanes(e_sum, part_e);
    add_lanes(q_sum, part_q);
    add_lanes(slope_sum, part_slope);
}

static void top1max_gradient(g4r_real *restrict r, const g4r_real *restrict e,
                             const g4r_real *restrict q, g4r_real scale, g4r_real mean,
                             size_t n)
{
    for (size_t i = 0; i < n; i++)
        r[i] = scale * e[i] * (q[i] - mean + r[i]);
}

/* ---- cells: formulas in cell_torch.c and cell_original.c ---- */

static void torch_gates(g4r_real *restrict gates, g4r_real *restrict hidden_n,
                        const g4r_real *restrict input, const g4r_real *restrict hidden,
                        const g4r_real *restrict bias_ih,
                        const g4r_real *restrict bias_hh, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(input[i] + bias_ih[i] + hidden[i] + bias_hh[i]);
        g4r_real gh = hidden[2 * h + i] + bias_hh[2 * h + i];
        gates[i] = r;
        gates[h + i] =
            sigmoid1(input[h + i] + bias_ih[h + i] + hidden[h + i] + bias_hh[h + i]);
        gates[2 * h + i] = input[2 * h + i] + bias_ih[2 * h + i] + r * gh;
        hidden_n[i] = gh;
    }
}

static void torch_backward(g4r_real *restrict dinput, g4r_real *restrict dhidden,
                           g4r_real *restrict slope_dold, const g4r_real *restrict dstate,
                           const g4r_real *restrict gates,
                           const g4r_real *restrict hidden_n,
                           const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[i], z = gates[h + i], n = gates[2 * h + i];
        g4r_real an = dstate[i] * (1 - z) * slope_dold[i];
        g4r_real az = dstate[i] * (old[i] - n) * z * (1 - z);
        g4r_real ar = an * hidden_n[i] * r * (1 - r);
        dinput[i] = ar;
        dhidden[i] = ar;
        dinput[h + i] = az;
        dhidden[h + i] = az;
        dinput[2 * h + i] = an;
        dhidden[2 * h + i] = an * r;
        slope_dold[i] = dstate[i] * z;
    }
}

static void original_gates(g4r_real *restrict gates, g4r_real *restrict reset_old,
                           const g4r_real *restrict input,
                           const g4r_real *restrict hidden, const g4r_real *restrict bias,
                           const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(input[h + i] + bias[h + i] + hidden[i]);
        gates[h + i] = r;
        gates[2 * h + i] = sigmoid1(input[2 * h + i] + bias[2 * h + i] + hidden[h + i]);
        reset_old[i] = r * old[i];
    }
}

static void original_backward(g4r_real *restrict dinput, g4r_real *restrict slope_dold,
                              const g4r_real *restrict dstate,
                              const g4r_real *restrict gates,
                              const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real c = gates[i], z = gates[2 * h + i];
        dinput[i] = dstate[i] * z * slope_dold[i];
        dinput[2 * h + i] = dstate[i] * (c - old[i]) * z * (1 - z);
        slope_dold[i] = dstate[i] * (1 - z);
    }
}

static void original_backward_reset(g4r_real *restrict dinput, g4r_real *restrict dold,
                                    const g4r_real *restrict dreset_old,
                                    const g4r_real *restrict gates,
                                    const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[h + i];
        dinput[h + i] = dreset_old[i] * old[i] * r * (1 - r);
        dold[i] += dreset_old[i] * r;
    }
}

static void mix(g4r_real *restrict state, const g4r_real *restrict a,
                const g4r_real *restrict b, const g4r_real *restrict z, size_t n)
{
    for (size_t i = 0; i < n; i++)
        state[i] = a[i] + z[i] * (b[i] - a[i]);
}

static void add3(g4r_real *restrict y, const g4r_real *restrict a,
                 const g4r_real *restrict b, const g4r_real *restrict c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i] + c[i];
}

/* ---- optimiser ---- */

/* d is the scaled gradient: what moves the parameter. One loop for each kind. */
static void scale_gradient(g4r_real *restrict d, g4r_real *restrict acc,
                           g4r_real *restrict acc2, const g4r_real *restrict g,
                           const g4r_update *u, size_t n)
{
    const g4r_real eps = (g4r_real)1e-6, rho = u->rho, rest = 1 - u->rho;
    const g4r_real clip = u->clip;
    switch (u->kind) {
    case GRU4REC_ADAGRAD:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = acc[i] + x * x;
            acc[i] = a;
            d[i] = x / g4r_sqrt(a + eps);
        }
        break;
    case GRU4REC_RMSPROP:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = rho * acc[i] + rest * x * x;
            acc[i] = a;
            d[i] = x / g4r_sqrt(a + eps);
        }
        break;
    case GRU4REC_ADADELTA:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = rho * acc[i] + rest * x * x;
            g4r_real kappa = (acc2[i] + eps) / (a + eps);
            acc[i] = a;
            acc2[i] = rho * acc2[i] + rest * kappa * x * x;
            d[i] = x * g4r_sqrt(kappa);
        }
        break;
    case GRU4REC_ADAM:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], m = rho * acc2[i] + rest * x;
            g4r_real a = u->rho2 * acc[i] + (1 - u->rho2) * x * x;
            acc2[i] = m;
            acc[i] = a;
            d[i] = m * u->correct / (g4r_sqrt(a * u->correct2) + (g4r_real)1e-8);
        }
        break;
    default: /* plain gradient descent */
        for (size_t i = 0; i < n; i++)
            d[i] = clip * g[i];
        break;
    }
}

static void move(g4r_real *restrict p, g4r_real *restrict v, const g4r_real *restrict d,
                 const g4r_update *u, size_t n)
{
    const g4r_real lr = u->learning_rate, momentum = u->momentum, lmbd = u->lmbd;
    if (v == NULL) {
        for (size_t i = 0; i < n; i++)
            p[i] -= lr * (d[i] + lmbd * p[i]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        g4r_real next = momentum * v[i] - lr * (d[i] + lmbd * p[i]);
        v[i] = next;
        p[i] += next;
    }
}

/* In blocks, so that d stays in the first cache. */
static void update(g4r_real *restrict p, g4r_real *restrict acc, g4r_real *restrict acc2,
                   g4r_real *restrict v, const g4r_real *restrict g, const g4r_update *u,
                   size_t n)
{
    enum { BLOCK = 256 };
    g4r_real d[BLOCK];
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t length = G4R_MIN(BLOCK, n - start);
        scale_gradient(d, acc != NULL ? acc + start : NULL,
                       acc2 != NULL ? acc2 + start : NULL, g + start, u, length);
        move(p + start, v != NULL ? v + start : NULL, d, u, length);
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
    .shift = shift,
    .sum = sum,
    .dot = dot,
    .score = score,
    .to_bytes = to_bytes,
    .upper_bounds = upper_bounds,

    .dropout = dropout,
    .max = max,
    .exp_sum = exp_sum,
    .activate = activate,
    .slope = slope,
    .bprmax_sums = bprmax_sums,
    .bprmax_gradient = bprmax_gradient,
    .smooth_sums = smooth_sums,
    .smooth_gradient = smooth_gradient,
    .bpr = bpr,
    .top1 = top1,
    .top1max_sums = top1max_sums,
    .top1max_gradient = top1max_gradient,
    .torch_gates = torch_gates,
    .torch_backward = torch_backward,
    .original_gates = original_gates,
    .mix = mix,
    .add3 = add3,
    .original_backward = original_backward,
    .original_backward_reset = original_backward_reset,
    .update = update,
    .count = count,
    .find = find,
    .all_finite = all_finite,
};
