/* quantized.c - see quantized.h. */
#include "quantized.h"

size_t g4r_quantized_width(const g4r_params *params)
{
    return (params->top + 3) / 4 * 4;
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
    bytes->rest = g4r_arena_take(arena, n, sizeof *bytes->rest);
    bytes->norm = g4r_arena_take(arena, n, sizeof *bytes->norm);
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
    const double rounding = ((double)d + 8) * 0x1p-23;
    const double more = 1.0001 + (double)d * 0x1p-26; /* of the norms' own roundings */
    g4r_bytes_row made;
    if (!vec->all_finite(w, d))
        return false;
    vec->scan.to_bytes(quantized->row, &made, w, d);
    uint8_t *place = bytes->values + g4r_bytes_place(bytes, row, 0);
    for (size_t k = 0; k < bytes->d; k += 4, place += 4 * G4R_BYTES_ROWS)
        memcpy(place, quantized->row + k, 4);
    const double norm = sqrt(made.norm), rest = sqrt(made.rest);
    bytes->scale[row] = made.scale;
    bytes->norm[row] = (g4r_real)(more * norm);
    bytes->rest[row] = (g4r_real)(more * (rest + rounding * (norm + rest)) + 1e-30);
    quantized->largest_scale = G4R_MAX(quantized->largest_scale, made.scale);
    quantized->largest_norm = G4R_MAX(quantized->largest_norm, bytes->norm[row]);
    quantized->largest_rest = G4R_MAX(quantized->largest_rest, bytes->rest[row]);
    quantized->n_rows++;
    return isfinite(bytes->rest[row]) && isfinite(bytes->norm[row]);
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
                         int8_t *p, const g4r_real *x, size_t d)
{
    double largest = 0, norm = 0, rest = 0;
    int32_t sum = 0;
    memset(p, 0, quantized->bytes.d * sizeof *p);
    for (size_t k = 0; k < d; k++) {
        largest = G4R_MAX(largest, fabs((double)x[k]));
        norm += (double)x[k] * (double)x[k];
    }
    const double scale = (double)(g4r_real)(largest / G4R_LARGEST_QUERY);
    for (size_t k = 0; k < d; k++) {
        const double whole = scale > 0 ? round((double)x[k] / scale) : 0;
        p[k] = (int8_t)G4R_MAX(-G4R_LARGEST_QUERY, G4R_MIN(G4R_LARGEST_QUERY, whole));
        const double s = (double)x[k] - scale * p[k];
        rest += s * s;
        sum += p[k];
    }
    norm = sqrt(norm);
    rest = sqrt(rest);
    *query = (g4r_bytes_query){
        .x = p,
        .offset = 128 * sum,
        .scale = (g4r_real)scale,
        .rest = (g4r_real)(1.000001 * rest),
        .norm = (g4r_real)(1.000001 * norm),
        /* of adding the bias, and of numbers too small for their format */
        .slack = quantized->largest_bias * (g4r_real)0x1p-21 + (g4r_real)1e-30,
    };
    /* Products of what the kernel multiplies stay far from the ends of the format. */
    return norm < 1e18 && (norm == 0 || scale > 1e-20) &&
           (double)quantized->largest_scale * scale < 1e27 &&
           (double)quantized->largest_norm * rest < 1e37 &&
           (double)quantized->largest_rest * norm < 1e37;
}

g4r_real g4r_quantized_gap(const g4r_quantized *quantized, const g4r_bytes_query *query,
                           size_t row)
{
    const g4r_bytes *bytes = &quantized->bytes;
    return (g4r_real)2.00001 * (bytes->rest[row] * query->norm +
                                bytes->norm[row] * query->rest + query->slack);
}
