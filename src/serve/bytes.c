/*
 * bytes.c - makes the copy of the output rows in bytes, and prepares searches in it; see
 * bytes.h and gru4rec.h.
 */
#include "bytes.h"

void g4r_bytes_init(gru4rec_bytes *bytes, const g4r_output *output, const int32_t *rows,
                    size_t n)
{
    *bytes = (gru4rec_bytes){.output = *output, .rows = rows, .n = n};
}

void g4r_bytes_layout(gru4rec_bytes *bytes, g4r_arena *arena)
{
    g4r_bytes *table = &bytes->table;
    const size_t n = bytes->n, n_blocks = (n + G4R_BYTES_ROWS - 1) / G4R_BYTES_ROWS;
    table->d = (bytes->output.d + 3) / 4 * 4;
    table->values =
        g4r_arena_take(arena, g4r_mul(n_blocks * G4R_BYTES_ROWS, table->d), 1);
    table->scale = g4r_arena_take(arena, n, sizeof *table->scale);
    table->rest = g4r_arena_take(arena, n, sizeof *table->rest);
    table->norm = g4r_arena_take(arena, n, sizeof *table->norm);
    bytes->some_bias =
        g4r_arena_take(arena, bytes->rows != NULL ? n : 0, sizeof *bytes->some_bias);
    bytes->row = g4r_arena_take(arena, table->d, 1);
    bytes->bias = bytes->rows != NULL ? bytes->some_bias : bytes->output.bias;
}

/* Empties *bytes, and makes it a copy of all output rows of the model. */
static void copy_of(gru4rec_bytes *bytes, const gru4rec_model *model)
{
    const g4r_output output = g4r_model_output(model);
    g4r_bytes_init(bytes, &output, NULL, output.n);
    bytes->model = model;
}

size_t gru4rec_bytes_size(const gru4rec_model *model)
{
    gru4rec_bytes bytes;
    copy_of(&bytes, model);
    g4r_bytes_layout(&bytes, &bytes.arena);
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
    copy_of(bytes, model);
    bytes->allocator = *allocator;
    g4r_bytes_layout(bytes, &bytes->arena);
    if (!g4r_arena_allocate(&bytes->arena, allocator)) {
        gru4rec_bytes_free(bytes);
        return GRU4REC_NOMEM;
    }
    g4r_bytes_layout(bytes, &bytes->arena);
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
    vec->bytes.make(bytes->row, &made, w, d);
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
    const g4r_vec *vec = g4r_vec_pick();
    const size_t d = bytes->output.d;
    assert(n_rows >= 0 && (size_t)n_rows <= bytes->n);
    while (!bytes->has_bad_row && bytes->n_rows < (size_t)n_rows) {
        const size_t i = bytes->n_rows;
        const size_t row = bytes->rows != NULL ? (size_t)bytes->rows[i] : i;
        bytes->has_bad_row = !copy_row(bytes, bytes->output.table + row * d, d, vec);
    }
}

bool gru4rec_bytes_finish(gru4rec_bytes *bytes)
{
    gru4rec_bytes_rows(bytes, (int32_t)bytes->n);
    for (size_t i = 0; bytes->rows != NULL && i < bytes->n; i++)
        bytes->some_bias[i] = bytes->output.bias[bytes->rows[i]];
    for (size_t i = 0; i < bytes->n; i++)
        bytes->largest_bias =
            G4R_MAX(bytes->largest_bias, (g4r_real)fabs((double)bytes->bias[i]));
    return !bytes->has_bad_row && g4r_vec_pick()->all_finite(bytes->bias, bytes->n);
}

/*
 * Writes the integers of x (d), p, into every fourth four places from p on (see
 * g4r_bytes_query), and sets x, offset, scale and rest of *query. Values of p are at most
 * most in size. Returns the norm of x.
 */
static double to_integers(g4r_bytes_query *query, int8_t *p, size_t n_lanes,
                          const g4r_real *x, size_t d, int32_t most)
{
    double largest = 0, norm = 0, rest = 0;
    int32_t sum = 0;
    for (size_t k = 0; k < d; k++) {
        largest = G4R_MAX(largest, fabs((double)x[k]));
        norm += (double)x[k] * (double)x[k];
    }
    const double scale = (double)(g4r_real)(largest / most);
    const double inverse = scale > 0 ? 1 / scale : 0;
    for (size_t k = 0; k < d; k++) {
        const double whole = rint((double)x[k] * inverse);
        const int8_t integer = (int8_t)G4R_MAX(-most, G4R_MIN(most, whole));
        const double s = (double)x[k] - scale * integer;
        p[k / 4 * 4 * n_lanes + k % 4] = integer;
        rest += s * s;
        sum += integer;
    }
    query->x = p;
    query->offset = 128 * sum;
    query->scale = (g4r_real)scale;
    query->rest = (g4r_real)(1.000001 * sqrt(rest));
    return sqrt(norm);
}

bool g4r_bytes_prepare(const gru4rec_bytes *bytes, g4r_bytes_query *query, int8_t *p,
                       size_t n_lanes, const g4r_real *x, const g4r_vec *vec)
{
    const size_t d = bytes->output.d;
    *query = (g4r_bytes_query){.x = p};
    for (size_t k = 0; k < bytes->table.d; k++)
        p[k / 4 * 4 * n_lanes + k % 4] = 0;
    if (!vec->all_finite(x, d))
        return false;
    const double norm = to_integers(query, p, n_lanes, x, d, vec->bytes.largest_query);
    const double scale = (double)query->scale, rest = (double)query->rest;
    query->norm = (g4r_real)(1.000001 * norm);
    query->slack = bytes->largest_bias * (g4r_real)0x1p-21 + (g4r_real)1e-30;
    /*
     * Within these limits, no product or sum in the kernel overflows or underflows, and
     * all scores are finite.
     */
    const double largest = (double)bytes->largest_norm + (double)bytes->largest_rest;
    return norm < 1e18 && (norm == 0 || scale > 1e-20) &&
           (double)bytes->largest_scale * scale < 1e27 &&
           largest * (norm + rest) + (double)bytes->largest_bias < 1e37;
}

g4r_real g4r_bytes_gap(const gru4rec_bytes *bytes, const g4r_bytes_query *query,
                       size_t row)
{
    const g4r_bytes *table = &bytes->table;
    return (g4r_real)2.00001 * (table->rest[row] * query->norm +
                                table->norm[row] * query->rest + query->slack);
}
