/*
 * test_vec_cells.c - vec_cell.h: the kernels of the two GRU cells, of every table
 * that this machine runs, against plain twins in double. What is made of them:
 * test_cell.c.
 *
 * Inputs, hidden parts, biases and states within +-1. Tolerances count roundings: EPS / 2
 * is the relative error of one operation in float; a sigmoid is allowed 3 EPS.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void candidate_and_mix(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *a = random_array(n, -1, 1), *b = random_array(n, -1, 1);
        const g4r_real *c = random_array(n, 0, 1);
        g4r_real *sum = array(n), *mixed = array(n);
        vec->cell.original_candidate(sum, a, b, c, n);
        vec->cell.mix(mixed, a, b, c, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)a[i], y = (double)b[i], z = (double)c[i];
            /* Two sums up to 2 and 3; a difference up to 2, a product, a sum up to 1. */
            CHECK_NEAR(x + y + z, sum[i], 2.5 * EPS);
            CHECK_NEAR(x + z * (y - x), mixed[i], 2.5 * EPS);
        }
    }
}

static void torch_gates(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *v = random_array(3 * h, -1, 1), *u = random_array(3 * h, -1, 1);
        const g4r_real *b = random_array(3 * h, -1, 1), *c = random_array(3 * h, -1, 1);
        g4r_real *gates = array(3 * h), *saved = array(h);
        vec->cell.torch_gates(gates, saved, v, u, b, c, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = sigmoid((double)v[i] + (double)b[i] + (double)u[i] + (double)c[i]);
            double z = sigmoid((double)v[j] + (double)b[j] + (double)u[j] + (double)c[j]);
            double g = (double)u[m] + (double)c[m];
            /* Three sums up to 4: 4.5 EPS, times sigmoid' <= 1/4; sigmoid itself 3. */
            CHECK_NEAR(r, gates[i], 5 * EPS);
            CHECK_NEAR(z, gates[j], 5 * EPS);
            CHECK_NEAR(g, saved[i], EPS);
            /* r g: 5 * 2 + 1 + 1; sums 1 + 2. */
            CHECK_NEAR((double)v[m] + (double)b[m] + r * g, gates[m], 15 * EPS);
        }
    }
}

/* slope: in, that of n; out, what of old's gradient does not go through a gate. */
static void torch_backward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *gates = random_array(3 * h, 0, 1), *g = random_array(h, -2, 2);
        const g4r_real *old = random_array(h, -1, 1), *dstate = random_array(h, -1, 1);
        const g4r_real *slope = random_array(h, 0, 1);
        g4r_real *dinput = array(3 * h), *dhidden = array(3 * h);
        g4r_real *dold = copy_of(slope, h);
        vec->cell.torch_backward(dinput, dhidden, dold, dstate, gates, g, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = (double)gates[i], z = (double)gates[j], n = (double)gates[m];
            double an = (double)dstate[i] * (1 - z) * (double)slope[i];
            double az = (double)dstate[i] * ((double)old[i] - n) * z * (1 - z);
            double ar = an * (double)g[i] * r * (1 - r);
            /* All below 2; at most 12 operations lead to any. */
            CHECK_NEAR(ar, dinput[i], 12 * EPS);
            CHECK_NEAR(ar, dhidden[i], 12 * EPS);
            CHECK_NEAR(az, dinput[j], 12 * EPS);
            CHECK_NEAR(az, dhidden[j], 12 * EPS);
            CHECK_NEAR(an, dinput[m], 12 * EPS);
            CHECK_NEAR(an * r, dhidden[m], 12 * EPS);
            CHECK_NEAR((double)dstate[i] * z, dold[i], EPS);
        }
    }
}

static void original_gates(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *v = random_array(3 * h, -1, 1), *u = random_array(2 * h, -1, 1);
        const g4r_real *b = random_array(3 * h, -1, 1), *old = random_array(h, -1, 1);
        g4r_real *gates = array(3 * h), *reset_old = array(h);
        vec->cell.original_gates(gates, reset_old, v, u, b, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = sigmoid((double)v[j] + (double)b[j] + (double)u[i]);
            double z = sigmoid((double)v[m] + (double)b[m] + (double)u[j]);
            /* Two sums up to 3: 2.5 EPS, a quarter of it for a sigmoid. */
            CHECK_NEAR(r, gates[j], 4 * EPS);
            CHECK_NEAR(z, gates[m], 4 * EPS);
            CHECK_NEAR(r * (double)old[i], reset_old[i], 5 * EPS);
            /* The candidate's place is left alone. */
            CHECK_NEAR(-12345, gates[i], 0);
        }
    }
}

static void original_backward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *gates = random_array(3 * h, 0, 1), *du = random_array(h, -1, 1);
        const g4r_real *old = random_array(h, -1, 1), *dstate = random_array(h, -1, 1);
        const g4r_real *slope = random_array(h, 0, 1);
        g4r_real *dinput = array(3 * h), *dold = copy_of(slope, h);
        vec->cell.original_backward(dinput, dold, dstate, gates, old, h);
        for (size_t i = 0; i < h; i++) {
            CHECK_NEAR(-12345, dinput[h + i], 0);
            CHECK_NEAR((double)dstate[i] * (1 - (double)gates[2 * h + i]), dold[i], EPS);
        }
        vec->cell.original_backward_reset(dinput, dold, du, gates, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double c = (double)gates[i], r = (double)gates[j], z = (double)gates[m];
            double d = (double)dstate[i], x = (double)old[i];
            /* All below 2; at most 8 operations. */
            CHECK_NEAR(d * z * (double)slope[i], dinput[i], 8 * EPS);
            CHECK_NEAR((double)du[i] * x * r * (1 - r), dinput[j], 8 * EPS);
            CHECK_NEAR(d * (c - x) * z * (1 - z), dinput[m], 8 * EPS);
            CHECK_NEAR(d * (1 - z) + (double)du[i] * r, dold[i], 8 * EPS);
        }
    }
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(candidate_and_mix);
        RUN(torch_gates);
        RUN(torch_backward);
        RUN(original_gates);
        RUN(original_backward);
    }
    return test_end();
}
