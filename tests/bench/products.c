/*
 * products.c - a worker (worker.h) that times the products of a step on one thread, with
 * whatever core type its OpenBLAS has. It holds nothing of the project: the floor must not
 * depend on what is measured.
 *
 * A request: N BYTES, and for each product KIND M N K, where C is M x N and the kind is t, n
 * or k: A . B^T, A . B, A^T . B. Before each time it rewrites as many bytes, so that the
 * caches hold as little of the operands as the rows of a step leave there.
 */
#define _POSIX_C_SOURCE 200809L
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_PRODUCTS = 24 };

typedef struct product {
    char kind;
    int m, n, k;
} product;

typedef struct job {
    size_t n_times, n_bytes, n_products;
    product list[MOST_PRODUCTS];
} job;

/* Operands as large as the largest, and the bytes that are rewritten; they only grow. */
typedef struct memory {
    float *a, *b, *c;
    char *others;
    size_t n_values, n_others;
} memory;

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

static int parse(job *j, const char *line)
{
    int n = 0;
    product p;
    *j = (job){0};
    if (sscanf(line, "%zu %zu%n", &j->n_times, &j->n_bytes, &n) != 2)
        return 0;
    for (line += n; j->n_products < MOST_PRODUCTS &&
                    sscanf(line, " %c %d %d %d%n", &p.kind, &p.m, &p.n, &p.k, &n) == 4;
         line += n)
        j->list[j->n_products++] = p;
    return j->n_products > 0;
}

static size_t largest_operand(const job *j)
{
    size_t largest = 0;
    for (size_t i = 0; i < j->n_products; i++) {
        const product *p = &j->list[i];
        const size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
        largest = m * n > largest ? m * n : largest;
        largest = m * k > largest ? m * k : largest;
        largest = n * k > largest ? n * k : largest;
    }
    return largest;
}

static void *renew(void *old, size_t n_bytes)
{
    free(old);
    char *block = aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    if (block == NULL) {
        fputs("products: not enough memory\n", stderr);
        exit(1);
    }
    memset(block, 0, n_bytes);
    return block;
}

static float *renew_values(float *old, size_t n)
{
    float *values = renew(old, n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(i % 7) * 0.1f;
    return values;
}

static void make_room(memory *m, const job *j)
{
    const size_t n = largest_operand(j);
    if (n > m->n_values) {
        m->a = renew_values(m->a, n);
        m->b = renew_values(m->b, n);
        m->c = renew_values(m->c, n);
        m->n_values = n;
    }
    if (j->n_bytes > m->n_others) {
        m->others = renew(m->others, j->n_bytes);
        m->n_others = j->n_bytes;
    }
}

static void multiply(const memory *m, const product *p)
{
    const CBLAS_TRANSPOSE a = p->kind == 'k' ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE b = p->kind == 't' ? CblasTrans : CblasNoTrans;
    cblas_sgemm(CblasRowMajor, a, b, p->m, p->n, p->k, 1, m->a,
                p->kind == 'k' ? p->m : p->k, m->b, p->kind == 't' ? p->k : p->n, 0, m->c,
                p->n);
}

static double run(memory *m, const job *j)
{
    for (size_t i = 0; i < j->n_bytes; i += 64)
        m->others[i]++;
    const double begin = now();
    for (size_t i = 0; i < j->n_products; i++)
        multiply(m, &j->list[i]);
    return now() - begin;
}

int main(void)
{
    memory m = {0};
    job j;
    char *line = NULL;
    size_t size = 0;
    openblas_set_num_threads(1);
    printf("%s\n", openblas_get_corename());
    fflush(stdout);
    while (getline(&line, &size, stdin) > 0 && parse(&j, line)) {
        make_room(&m, &j);
        for (size_t i = 0; i < j.n_times; i++)
            printf("%.9f ", run(&m, &j));
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    free(m.a);
    free(m.b);
    free(m.c);
    free(m.others);
    return 0;
}
