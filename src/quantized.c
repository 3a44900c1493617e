/* quantized.c (L3) - see quantized.h. */
#include "quantized.h"

size_t g4r_quantized_width(const g4r_params *params)
{
    return params->top + params->top % 2;
}

/* The largest integer of a query: sums of d products must fit 32 bits. */
static double largest_p(size_t d)
{
    return G4R_MIN(32767.0, floor(2147483647.0 / (G4R_LARGEST_BYTE * (double)d)));
}

static void layout(g4r_quantized *quantized, const g4r_params *params)
{
    g4r_arena *arena = &quantized->arena;
    const size_t n = (size_t)params->n_items, d = g4r_quantized_width(params);
    g4r_bytes *bytes = &quantized->bytes;
    bytes->d = d;
    const size_t n_blocks = (n + G4R_BYTES_ROWS - 1) / G4R_BYTES_ROWS;
    bytes->values = g4r_arena_take(arena, g4r_mul(n_blocks * G4R_BYTES_ROWS, d), 1);
    bytes->scale = g4r_arena_take(arena, n, sizeof *bytes->scale);
    bytes->error = g4r_arena_take(arena, n, sizeof *bytes->error);
    quantized->row = g4r_arena_take(arena, d, 1);
}

size_t g4r_quantized_bytes(const g4r_params *params)
{
    g4r_quantized quantized = {0};
    layout(&quantized, params);
    return quantized.arena.used;
}

size_t gru4rec_model_quantized_bytes(const gru4rec_model *model)
{
    return g4r_quantized_bytes(&model->params);
}

bool gru4rec_model_is_quantized(const gru4rec_model *model)
{
    return model->quantized != NULL;
}

gru4rec_status gru4rec_model_quantize_start(gru4rec_model *model)
{
    assert(model->quantized == NULL);
    g4r_quantized *quantized = g4r_alloc(&model->allocator, 1, sizeof *quantized);
    if (quantized == NULL)
        return GRU4REC_NOMEM;
    layout(quantized, &model->params);
    if (!g4r_arena_allocate(&quantized->arena, &model->allocator)) {
        g4r_quantized_free(quantized, &model->allocator);
        return GRU4REC_NOMEM;
    }
    layout(quantized, &model->params);
    model->quantized = quantized;
    return GRU4REC_OK;
}

/* False where a value is not finite. */
static bool quantize_row(g4r_quantized *quantized, const g4r_real *w, size_t d,
                         const g4r_vec *vec)
{
    const g4r_bytes *bytes = &quantized->bytes;
    const size_t row = quantized->n_rows;
    const double rounding =
        sqrt((double)d) / (2 * largest_p(bytes->d)) * 1.01 + ((double)d + 8) * 0x1p-23;
    g4r_bytes_row made;
    if (!vec->all_finite(w, d))
        return false;
    vec->to_bytes(quantized->row, &made, w, d);
    for (size_t k = 0; k < bytes->d; k += 2)
        memcpy(bytes->values + g4r_bytes_place(bytes, row, k), quantized->row + k, 2);
    bytes->scale[row] = made.scale;
    bytes->error[row] =
        (g4r_real)(1.0001 * (sqrt(made.rest) + rounding * sqrt(made.norm)) + 1e-30);
    quantized->largest_scale = G4R_MAX(quantized->largest_scale, made.scale);
    quantized->largest_error = G4R_MAX(quantized->largest_error, bytes->error[row]);
    quantized->n_rows++;
    return (bool)isfinite(bytes->error[row]);
}

void gru4rec_model_quantize_rows(gru4rec_model *model, int32_t n_rows)
{
    g4r_quantized *quantized = model->quantized;
    const g4r_params *params = &model->params;
    const g4r_real *table = model->values[params->output];
    const g4r_vec *vec = g4r_vec_pick();
    assert(n_rows <= params->n_items);
    while (!quantized->is_impossible && quantized->n_rows < (size_t)n_rows)
        quantized->is_impossible =
            !quantize_row(quantized, table + quantized->n_rows * params->top, params->top,
                          vec);
}

void gru4rec_model_quantize_finish(gru4rec_model *model)
{
    g4r_quantized *quantized = model->quantized;
    const g4r_real *bias = model->values[model->params.output_bias];
    const int32_t n = model->params.n_items;
    gru4rec_model_quantize_rows(model, n);
    for (int32_t row = 0; row < n; row++)
        quantized->largest_bias =
            G4R_MAX(quantized->largest_bias, (g4r_real)fabs((double)bias[row]));
    if (quantized->is_impossible || !g4r_vec_pick()->all_finite(bias, (size_t)n)) {
        g4r_quantized_free(quantized, &model->allocator);
        model->quantized = NULL;
    }
}

void g4r_quantized_free(g4r_quantized *quantized, const gru4rec_allocator *allocator)
{
    if (quantized == NULL)
        return;
    g4r_arena_free(&quantized->arena, allocator);
    g4r_free(allocator, quantized);
}

bool g4r_quantized_query(const g4r_quantized *quantized, g4r_bytes_query *query,
                         int16_t *p, const g4r_real *x, size_t d)
{
    const double most = largest_p(quantized->bytes.d);
    double largest = 0, norm = 0;
    memset(p, 0, quantized->bytes.d * sizeof *p);
    for (size_t k = 0; k < d; k++) {
        largest = G4R_MAX(largest, fabs((double)x[k]));
        norm += (double)x[k] * (double)x[k];
    }
    const double scale = (double)(g4r_real)(largest / most);
    for (size_t k = 0; k < d && scale > 0; k++)
        p[k] = (int16_t)G4R_MAX(-most, G4R_MIN(most, round((double)x[k] / scale)));
    *query = (g4r_bytes_query){
        .x = p,
        .scale = (g4r_real)scale,
        .norm = (g4r_real)(1.000001 * sqrt(norm)),
        /* of adding the bias, and of numbers too small for their format */
        .slack = quantized->largest_bias * (g4r_real)0x1p-21 + (g4r_real)1e-30,
    };
    /* Products of what the kernel multiplies stay far from the ends of the format. */
    const double longest = sqrt(norm), of_scale = (double)quantized->largest_scale;
    return longest < 1e18 && (longest == 0 || scale > 1e-20) && of_scale * scale < 1e27 &&
           (double)quantized->largest_error * longest < 1e37;
}

g4r_real g4r_quantized_gap(const g4r_quantized *quantized, const g4r_bytes_query *query,
                           size_t row)
{
    return (g4r_real)2.00001 * (quantized->bytes.error[row] * query->norm + query->slack);
}
