/* floor.c - see floor.h. */
#define _POSIX_C_SOURCE 200809L
#include "floor.h"

#include "../../src/kernels/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

static void add_product(bench_floor *floor, char kind, size_t m, size_t n, size_t k)
{
    floor->products[floor->n_products++] = (bench_product){kind, m, n, k};
}

/* The products of a step, as src/README.md's letters have them. */
static void list_products(bench_floor *floor, const g4r_params *params, size_t b,
                          size_t n)
{
    const size_t d = params->width;
    for (size_t i = 0; i < params->n_layers; i++) {
        const g4r_layer *layer = &params->layers[i];
        const size_t h = layer->h, n_in = layer->n_in;
        if (!layer->is_lookup) {
            add_product(floor, 't', b, 3 * h, n_in);
            add_product(floor, 'k', 3 * h, n_in, b);
            add_product(floor, 'n', b, n_in, 3 * h);
        }
        if (layer->cell == G4R_CELL_TORCH) {
            add_product(floor, 't', b, 3 * h, h);
            add_product(floor, 'k', 3 * h, h, b);
        } else {
            add_product(floor, 'n', b, 2 * h, h);
            add_product(floor, 'n', b, h, h);
            add_product(floor, 't', b, h, h);
            add_product(floor, 'k', h, h, b);
            add_product(floor, 'k', h, 2 * h, b);
        }
    }
    add_product(floor, 't', b, n, d);
    add_product(floor, 'k', n, d, b);
    add_product(floor, 'n', b, d, n);
}

static g4r_real *random_matrix(size_t n)
{
    g4r_real *values = aligned_alloc(64, (n * sizeof *values + 63) / 64 * 64);
    if (values == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        values[i] = (g4r_real)(i % 7) * (g4r_real)0.1;
    return values;
}

/* Distinct rows of some steps: K samples and as many targets and inputs as lanes. */
static void draw_rows(bench_floor *floor, const gru4rec_options *options,
                      const int64_t *support, int32_t n_items, size_t n_others)
{
    g4r_sampler sampler, targets;
    size_t k = (size_t)options->n_sample;
    char *is_drawn = calloc((size_t)n_items, 1);
    if (is_drawn == NULL ||
        !g4r_sampler_init(&sampler, support, n_items, options->sample_alpha,
                          &g4r_alloc_libc) ||
        !g4r_sampler_init(&targets, support, n_items, 1, &g4r_alloc_libc))
        abort();
    g4r_sampler_start(&sampler, 1, 0);
    g4r_sampler_start(&targets, 2, 0);
    for (size_t set = 0; set < FLOOR_SETS; set++) {
        int32_t *rows = floor->rows + set * floor->most_rows;
        size_t n = 0;
        g4r_sampler_draw(&targets, rows, n_others);
        g4r_sampler_draw(&sampler, rows + n_others, k);
        for (size_t i = 0; i < n_others + k; i++)
            if (!is_drawn[rows[i]]) {
                is_drawn[rows[i]] = 1;
                rows[n++] = rows[i];
            }
        for (size_t i = 0; i < n; i++)
            is_drawn[rows[i]] = 0;
        floor->n_rows[set] = n;
    }
    g4r_sampler_free(&sampler);
    g4r_sampler_free(&targets);
    free(is_drawn);
}

/* Packed operands of ones, and the bytes that are written between products. */
static void make_packed(bench_floor *floor)
{
    const uint16_t one = 0x3f80;
    size_t left = 0, right = 0;
    for (size_t i = 0; i < floor->n_products; i++) {
        const bench_product *p = &floor->products[i];
        left = G4R_MAX(left, g4r_bfloat16_left(p->m, p->k));
        right = G4R_MAX(right, g4r_bfloat16_right(p->k, p->n));
    }
    floor->left = g4r_alloc_aligned(&g4r_alloc_libc, left * sizeof one);
    floor->right = g4r_alloc_aligned(&g4r_alloc_libc, right * sizeof one);
    floor->others = calloc(floor->most_rows * floor->width, sizeof(g4r_real));
    if (floor->left == NULL || floor->right == NULL || floor->others == NULL)
        abort();
    for (size_t i = 0; i < left; i++)
        floor->left[i] = one;
    for (size_t i = 0; i < right; i++)
        floor->right[i] = one;
}

void bench_floor_open(bench_floor *floor, const gru4rec_training *training,
                      const gru4rec_options *options, const int64_t *support)
{
    const g4r_params *params = &training->model->params;
    const gru4rec_model *acc = training->slot[GRU4REC_SLOT_ACC];
    const size_t b = (size_t)options->batch_size, n = b + (size_t)options->n_sample;
    bool is_shared = params->mode == G4R_SHARED;
    size_t largest = 0;
    *floor = (bench_floor){.width = params->width};
    list_products(floor, params, b, n);
    for (size_t i = 0; i < floor->n_products; i++) {
        const bench_product *p = &floor->products[i];
        size_t size = G4R_MAX(p->m * p->n, G4R_MAX(p->m * p->k, p->n * p->k));
        largest = G4R_MAX(largest, size);
    }
    floor->a = random_matrix(largest);
    floor->b = random_matrix(largest);
    floor->c = random_matrix(largest);
    floor->most_rows = n + b;
    make_packed(floor);
    floor->rows = malloc(FLOOR_SETS * floor->most_rows * sizeof *floor->rows);
    if (floor->rows == NULL)
        abort();
    draw_rows(floor, options, support, params->n_items, is_shared ? 2 * b : b);
    floor->table = training->model->values[params->output];
    floor->acc = acc->values[params->output];
    if (!is_shared) {
        size_t table = params->embedding;
        floor->input_table = training->model->values[table];
        floor->input_acc = acc->values[table];
        floor->input_width = (size_t)params->list[table].cols;
        floor->n_inputs = b;
    }
}

void bench_floor_close(bench_floor *floor)
{
    free(floor->a);
    free(floor->b);
    free(floor->c);
    g4r_alloc_free_aligned(&g4r_alloc_libc, floor->left);
    g4r_alloc_free_aligned(&g4r_alloc_libc, floor->right);
    free(floor->others);
    free(floor->rows);
}

static void multiply(const bench_floor *floor, const bench_product *p)
{
    const size_t m = p->m, n = p->n, k = p->k;
    if (p->kind == 't')
        g4r_blas_multiply(
            g4r_product_of(G4R_NT, floor->c, n, floor->a, k, floor->b, k, m, n, k, 0));
    else if (p->kind == 'n')
        g4r_blas_multiply(
            g4r_product_of(G4R_NN, floor->c, n, floor->a, k, floor->b, n, m, n, k, 0));
    else
        g4r_blas_multiply(
            g4r_product_of(G4R_TN, floor->c, n, floor->a, m, floor->b, n, m, n, k, 0));
}

static void prefetch_row(const g4r_real *row, size_t width)
{
    for (size_t i = 0; i < width; i += 64 / sizeof *row)
        __builtin_prefetch(row + i);
}

enum { AHEAD = 4 };

static void read_rows(bench_floor *floor, const int32_t *rows, size_t n,
                      const g4r_real *table, size_t width)
{
    g4r_real sums[16] = {0};
    for (size_t i = 0; i < n; i++) {
        const g4r_real *row = table + (size_t)rows[i] * width;
        if (i + AHEAD < n)
            prefetch_row(table + (size_t)rows[i + AHEAD] * width, width);
        for (size_t j = 0; j + 16 <= width; j += 16)
            for (size_t l = 0; l < 16; l++)
                sums[l] += row[j + l];
    }
    for (size_t l = 0; l < 16; l++)
        floor->sink += sums[l];
}

static void rewrite(g4r_real *restrict row, size_t width, g4r_real nothing)
{
    for (size_t j = 0; j < width; j++)
        row[j] += nothing;
}

static void update_rows(const int32_t *rows, size_t n, g4r_real *table, g4r_real *acc,
                        size_t width, g4r_real nothing)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)rows[i] * width;
        if (i + AHEAD < n) {
            prefetch_row(table + (size_t)rows[i + AHEAD] * width, width);
            prefetch_row(acc + (size_t)rows[i + AHEAD] * width, width);
        }
        rewrite(table + at, width, nothing);
        rewrite(acc + at, width, nothing);
    }
}

/* Distinct rows of a step are read, and after its products updated. */
double bench_floor_rows(bench_floor *floor)
{
    size_t set = floor->set++ % FLOOR_SETS, n = floor->n_rows[set];
    const int32_t *rows = floor->rows + set * floor->most_rows;
    volatile g4r_real zero = 0;
    double begin = now();
    read_rows(floor, rows, n, floor->table, floor->width);
    if (floor->input_table != NULL)
        read_rows(floor, rows, floor->n_inputs, floor->input_table, floor->input_width);
    double seconds = now() - begin;
    for (size_t i = 0; i < floor->n_products; i++)
        multiply(floor, &floor->products[i]);
    begin = now();
    update_rows(rows, n, floor->table, floor->acc, floor->width, zero);
    if (floor->input_table != NULL)
        update_rows(rows, floor->n_inputs, floor->input_table, floor->input_acc,
                    floor->input_width, zero);
    return seconds + now() - begin;
}

double bench_floor_bfloat16(bench_floor *floor)
{
    const g4r_bfloat16 *body = g4r_bfloat16_pick();
    const size_t n_bytes = floor->most_rows * floor->width * sizeof(g4r_real);
    for (size_t i = 0; i < n_bytes; i += 64)
        floor->others[i]++;
    const double begin = now();
    for (size_t i = 0; i < floor->n_products; i++) {
        const bench_product *p = &floor->products[i];
        body->multiply(floor->c, p->n, floor->left, floor->right,
                       g4r_bfloat16_stride(p->k), p->m, p->n, p->k, false);
    }
    return now() - begin;
}

double bench_floor_operations(const bench_floor *floor)
{
    double sum = 0;
    for (size_t i = 0; i < floor->n_products; i++) {
        const bench_product *p = &floor->products[i];
        sum += 2.0 * (double)p->m * (double)p->n * (double)p->k;
    }
    return sum;
}

void bench_floor_work(const bench_floor *floor, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%zu",
                                   floor->most_rows * floor->width * sizeof(g4r_real));
    for (size_t i = 0; i < floor->n_products && used < size; i++) {
        const bench_product *p = &floor->products[i];
        used += (size_t)snprintf(text + used, size - used, " %c %zu %zu %zu", p->kind,
                                 p->m, p->n, p->k);
    }
}
