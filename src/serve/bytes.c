/*
 * bytes.c - makes the copy of the output rows in bytes, and prepares searches in it; see
 * bytes.h and gru4rec.h.
 */
#include "bytes.h"

/*
 * Carves the arrays of the copy from its arena, and sets the width of its rows, table.d:
 * D, rounded up to a multiple of 4. While the arena has no memory, only counts the bytes.
 */
static void layout(gru4rec_bytes *bytes)
{
    g4r_arena *arena = &bytes->arena;
    g4r_bytes *table = &bytes->table;
    const g4r_output output = g4r_model_output(bytes->model);
    const size_t n_blocks = (output.n + G4R_BYTES_ROWS - 1) / G4R_BYTES_ROWS;
    table->d = (output.d + 3) / 4 * 4;
    table->values =
        g4r_arena_take(arena, g4r_mul(n_blocks * G4R_BYTES_ROWS, table->d), 1);
    table->scale = g4r_arena_take(arena, output.n, sizeof *table->scale);
    table->rest = g4r_arena_take(arena, output.n, sizeof *table->rest);
    table->norm = g4r_arena_take(arena, output.n, sizeof *table->norm);
    bytes->row = g4r_arena_take(arena, table->d, 1);
}

size_t gru4rec_bytes_size(const gru4rec_model *model)
{
    gru4rec_bytes bytes = {.model = model};
    layout(&bytes);
    return bytes.arena.used;
}

gru4rec_status gru4rec_bytes_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, gru4rec_bytes **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = NULL;
    gru4rec_bytes *bytes = g4r_alloc(allocator, 1, sizeof *bytes);
    if (bytes == NULL)
        return GRU4REC_NOMEM;
    bytes->allocator = *allocator;
    bytes->model = model;
    layout(bytes);
    if (!g4r_arena_allocate(&bytes->arena, allocator)) {
        gru4rec_bytes_free(bytes);
        return GRU4REC_NOMEM;
    }
    layout(bytes);
    *out = bytes;
    return GRU4REC_OK;
}

void gru4rec_bytes_free(gru4rec_bytes *bytes)
{
    if (bytes == NULL)
        return;
    gru4rec_allocator allocator = bytes->allocator;
    g4r_arena_free(&bytes->arena, &allocator);
    g4r_alloc_free(&allocator, bytes);
}

/*
 * Copies row number bytes->n_rows, which is w (d), into the table: its values in bytes,
 * its scale, and upper bounds of its norms. Raises the largest scale, norm and rest if
 * those of the row are larger, and adds 1 to n_rows. Returns false if a value or a norm
 * of the row is not finite: n_rows does not change then, so the row does not count as
 * copied.
 */
static bool copy_row(gru4rec_bytes *bytes, const g4r_real *w, size_t d,
                     const g4r_vec *vec)
{
    const g4r_bytes *table = &bytes->table;
    const size_t row = bytes->n_rows;
    const double rounding = ((double)d + 8) * 0x1p-23;
    /* The factor covers the rounding errors of the norms themselves. */
    const double more = 1.0001 + (double)d * 0x1p-26;
    g4r_bytes_row made;
    if (!vec->all_finite(w, d))
        return false;
    vec->scan.to_bytes(bytes->row, &made, w, d);
    uint8_t *place = table->values + g4r_bytes_place(table, row, 0);
    for (size_t k = 0; k < table->d; k += 4, place += 4 * G4R_BYTES_ROWS)
        memcpy(place, bytes->row + k, 4);
    const double norm = sqrt(made.norm), rest = sqrt(made.rest);
    table->scale[row] = made.scale;
    table->norm[row] = (g4r_real)(more * norm);
    table->rest[row] = (g4r_real)(more * (rest + rounding * (norm + rest)) + 1e-30);
    bytes->largest_scale = G4R_MAX(bytes->largest_scale, made.scale);
    bytes->largest_norm = G4R_MAX(bytes->largest_norm, table->norm[row]);
    bytes->largest_rest = G4R_MAX(bytes->largest_rest, table->rest[row]);
    if (!isfinite(table->rest[row]) || !isfinite(table->norm[row]))
        return false;
    bytes->n_rows++;
    return true;
}

void gru4rec_bytes_rows(gru4rec_bytes *bytes, int32_t n_rows)
{
    const g4r_output output = g4r_model_output(bytes->model);
    const g4r_vec *vec = g4r_vec_pick();
    assert(n_rows >= 0 && (size_t)n_rows <= output.n);
    while (!bytes->has_bad_row && bytes->n_rows < (size_t)n_rows)
        bytes->has_bad_row =
            !copy_row(bytes, output.table + bytes->n_rows * output.d, output.d, vec);
}

bool gru4rec_bytes_finish(gru4rec_bytes *bytes)
{
    const g4r_output output = g4r_model_output(bytes->model);
    gru4rec_bytes_rows(bytes, (int32_t)output.n);
    for (size_t row = 0; row < output.n; row++)
        bytes->largest_bias =
            G4R_MAX(bytes->largest_bias, (g4r_real)fabs((double)output.bias[row]));
    return !bytes->has_bad_row && g4r_vec_pick()->all_finite(output.bias, output.n);
}

bool g4r_bytes_prepare(const gru4rec_bytes *bytes, g4r_bytes_query *query, int8_t *p,
                       const g4r_real *x)
{
    const size_t d = g4r_model_output(bytes->model).d;
    double largest = 0, norm = 0, rest = 0;
    int32_t sum = 0;
    memset(p, 0, bytes->table.d * sizeof *p);
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
        /* Covers the rounding error of adding the bias, and numbers that underflow. */
        .slack = bytes->largest_bias * (g4r_real)0x1p-21 + (g4r_real)1e-30,
    };
    /* Within these limits, no product or sum in the kernel overflows or underflows. */
    return norm < 1e18 && (norm == 0 || scale > 1e-20) &&
           (double)bytes->largest_scale * scale < 1e27 &&
           (double)bytes->largest_norm * rest < 1e37 &&
           (double)bytes->largest_rest * norm < 1e37;
}

g4r_real g4r_bytes_gap(const gru4rec_bytes *bytes, const g4r_bytes_query *query,
                       size_t row)
{
    const g4r_bytes *table = &bytes->table;
    return (g4r_real)2.00001 * (table->rest[row] * query->norm +
                                table->norm[row] * query->rest + query->slack);
}
