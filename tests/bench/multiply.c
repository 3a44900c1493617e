/*
 * multiply.c - how long the products of a step take by our own kernels (BLAS=builtin), and
 * by OpenBLAS with the core type that gru4rec chooses, on one thread; make bench-multiply.
 *
 *   multiply [SECONDS_EACH]
 *
 * The two take turns in short rounds, so that both see the same moments of a busy machine,
 * and the median of the rounds' ratios counts. Between the rounds other memory is read, so
 * that the operands come from where they are in a step: not from the nearest cache.
 *
 * Each line: the product, the GFLOP/s of both, and how many times longer ours takes. The
 * last line is the verdict: no product that a step takes long for may take more than 2.5
 * times OpenBLAS's time.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../src/kernels/blas.h"
#include "../../src/kernels/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_ROUNDS = 1000, OTHER_BYTES = 4 << 20 };
static const double most_times = 2.5;

/* A product of a step: C is m x n. */
typedef struct shape {
    const char *what;
    g4r_product_form form;
    size_t m, n, k;
} shape;

static const shape shapes[] = {
    {"W1 scores", G4R_NT, 32, 2080, 100},
    {"W1 gradient of top", G4R_NN, 32, 100, 2080},
    {"W1 gradient of columns", G4R_TN, 2080, 100, 32},
    {"W1 gates", G4R_NT, 32, 300, 100},
    {"W1 gradient of state", G4R_NN, 32, 100, 300},
    {"W1 gradient of gates", G4R_TN, 300, 100, 32},
    {"W2 scores", G4R_NT, 80, 2128, 224},
    {"W2 gradient of top", G4R_NN, 80, 224, 2128},
    {"W2 gradient of columns", G4R_TN, 2128, 224, 80},
    {"W2 gates", G4R_NT, 80, 672, 224},
    {"W2 gradient of state", G4R_NN, 80, 224, 672},
    {"W2 gradient of gates", G4R_TN, 672, 224, 80},
};

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

static void *take(size_t n_bytes)
{
    void *block = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    if (block == NULL) {
        fputs("multiply: not enough memory\n", stderr);
        exit(1);
    }
    return block;
}

static g4r_real *take_values(size_t n)
{
    g4r_real *values = take(n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (g4r_real)(i % 7) / 10 - (g4r_real)0.3;
    return values;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return G4R_COMPARE(x, y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static void multiply(const g4r_product *p, bool is_ours)
{
    if (!is_ours) {
        g4r_blas_multiply(*p);
        return;
    }
    g4r_vec_pick()->multiply(&(g4r_vec_product){.c = p->c,
                                                .a = p->a,
                                                .b = p->b,
                                                .ldc = p->ldc,
                                                .lda = p->lda,
                                                .ldb = p->ldb,
                                                .m = p->m,
                                                .n = p->n,
                                                .k = p->k,
                                                .is_a_transposed = p->form == G4R_TN,
                                                .is_b_transposed = p->form == G4R_NT});
}

/* Seconds of one product, after other memory was written to. */
static double time_once(const g4r_product *p, bool is_ours, char *others)
{
    for (size_t i = 0; i < OTHER_BYTES; i += 64)
        others[i]++;
    const double begin = now();
    multiply(p, is_ours);
    return now() - begin;
}

/* Prints the line of a shape, and returns how many times longer ours takes. */
static double measure(const shape *s, double seconds, char *others)
{
    static double ours[MOST_ROUNDS], theirs[MOST_ROUNDS], times[MOST_ROUNDS];
    g4r_real *a = take_values(s->m * s->k), *b = take_values(s->n * s->k);
    g4r_real *c = take_values(s->m * s->n);
    const g4r_product p =
        g4r_product_of(s->form, c, s->n, a, s->form == G4R_TN ? s->m : s->k, b,
                       s->form == G4R_NT ? s->k : s->n, s->m, s->n, s->k, 0);
    const double flops = 2e-9 * (double)s->m * (double)s->n * (double)s->k;
    const double begin = now();
    size_t n = 0;
    for (; n < MOST_ROUNDS && (n < 9 || now() - begin < seconds); n++) {
        ours[n] = time_once(&p, true, others);
        theirs[n] = time_once(&p, false, others);
        times[n] = ours[n] / theirs[n];
    }
    const double result = median(times, n);
    printf("%-24s %s %5zu x %5zu x %5zu %8.1f %9.1f %8.2f\n", s->what,
           s->form == G4R_NT   ? "NT"
           : s->form == G4R_NN ? "NN"
                               : "TN",
           s->m, s->n, s->k, flops / median(ours, n), flops / median(theirs, n), result);
    free(a);
    free(b);
    free(c);
    return result;
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    double worst = 0;
    gru4rec_build build;
    char *others = take(OTHER_BYTES);
    memset(others, 0, OTHER_BYTES);
    gru4rec_blas_core_pick();
    if (!g4r_blas_enter())
        return 1;
    gru4rec_build_facts(&build);
    printf("ours: %s; OpenBLAS: %s (%s); GFLOP/s on one thread\n", build.simd, build.blas,
           build.blas_core);
    printf("%-24s    %21s %8s %9s %8s\n", "product", "m x n x k", "ours", "OpenBLAS",
           "times");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const double times = measure(&shapes[i], seconds, others);
        worst = G4R_MAX(worst, times);
    }
    g4r_blas_leave();
    free(others);
    printf("%s: ours take at most %.2f times OpenBLAS's time; %.1f is allowed\n",
           worst <= most_times ? "ok" : "TOO SLOW", worst, most_times);
    return worst <= most_times ? 0 : 1;
}
