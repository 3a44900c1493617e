/* columns.c - the rows of the columns, and the products with them; see columns.h. */
#include "columns.h"

/* The most columns of G that a thread packs together: whole blocks of k. */
enum { MOST_PACKED = 16 * G4R_BFLOAT16_BLOCK };

/* Returns the values of the two packed forms of a part of G. */
static size_t gradient_values(size_t n_columns, size_t n_lanes, size_t values[2])
{
    const size_t n = G4R_MIN(n_columns, MOST_PACKED);
    values[0] = g4r_bfloat16_left(n, n_lanes);
    values[1] = g4r_bfloat16_left(n_lanes, n);
    return g4r_add(values[0], values[1]);
}

void g4r_columns_layout(g4r_columns *columns, g4r_arena *arena,
                        const g4r_products *products, size_t d, size_t n_columns,
                        size_t n_lanes, size_t n_frames, size_t n_threads,
                        bool is_bfloat16)
{
    const size_t size = sizeof *columns->top, packed = is_bfloat16 && n_columns > 0;
    size_t each[2];
    columns->body = products->body;
    columns->d = d;
    columns->most = n_columns;
    columns->most_lanes = n_lanes;
    columns->weights =
        g4r_arena_reals(arena, g4r_mul(is_bfloat16 ? 0 : n_frames, n_columns), d);
    columns->for_scores =
        g4r_arena_take(arena, packed, g4r_mul(g4r_bfloat16_right(d, n_columns), size));
    columns->for_top = g4r_arena_take(arena, packed * n_frames,
                                      g4r_mul(g4r_bfloat16_right(n_columns, d), size));
    columns->top = g4r_arena_take(arena,
                                  packed * G4R_MAX(g4r_bfloat16_left(n_lanes, d),
                                                   g4r_bfloat16_right(n_lanes, d)),
                                  size);
    columns->gradients =
        g4r_arena_take(arena, packed * n_threads,
                       g4r_mul(gradient_values(n_columns, n_lanes, each), size));
}

size_t g4r_columns_part(const g4r_columns *columns, size_t part, size_t n_parts, size_t n)
{
    if (columns->body == NULL)
        return g4r_pool_part(part, n_parts, n);
    return G4R_MIN(n, 2 * g4r_pool_part(part, n_parts, (n + 1) / 2));
}

/* Returns the pairs of a panel of for_top. */
static size_t top_stride(const g4r_columns *columns)
{
    return g4r_bfloat16_stride(columns->most);
}

/* Returns the place in for_top of a frame's columns from begin on. */
static uint16_t *for_top_at(const g4r_columns *columns, const g4r_columns_frame *frame,
                            size_t begin)
{
    return columns->for_top + frame->t * g4r_bfloat16_right(columns->most, columns->d) +
           begin * G4R_BFLOAT16_PANEL;
}

/* Returns the place in for_scores of the columns from begin on. */
static uint16_t *for_scores_at(const g4r_columns *columns, size_t begin)
{
    return columns->for_scores + begin * 2 * g4r_bfloat16_stride(columns->d);
}

void g4r_columns_pack(const g4r_columns *columns, const g4r_columns_frame *frame,
                      const g4r_real *table, const int32_t *items, size_t begin, size_t n)
{
    const size_t d = columns->d;
    const g4r_bfloat16_source rows = {table, d, items + begin};
    columns->body->pack_right_turned(for_scores_at(columns, begin),
                                     g4r_bfloat16_stride(d), &rows, d, n);
    columns->body->pack_right(for_top_at(columns, frame, begin), top_stride(columns),
                              &rows, n, d);
}

void g4r_columns_set_top(g4r_columns *columns, const g4r_real *y, size_t m,
                         bool is_forward)
{
    const size_t d = columns->d;
    const g4r_bfloat16_source rows = {y, d, NULL};
    if (columns->body != NULL && is_forward)
        columns->body->pack_left(columns->top, &rows, m, d);
    else if (columns->body != NULL)
        columns->body->pack_right(columns->top, g4r_bfloat16_stride(m), &rows, m, d);
}

void g4r_columns_score(const g4r_columns *columns, const g4r_columns_frame *frame,
                       g4r_real *scores, const g4r_real *y, size_t m, size_t begin,
                       size_t end)
{
    const size_t d = columns->d, n = frame->n;
    if (columns->body != NULL)
        columns->body->multiply(scores + begin, n, columns->top,
                                for_scores_at(columns, begin), g4r_bfloat16_stride(d), m,
                                end - begin, d, false);
    else
        g4r_blas_multiply(g4r_product_of(G4R_NT, scores + begin, n, y, d,
                                         columns->weights + (frame->start + begin) * d, d,
                                         m, end - begin, d, 0));
}

/* Does what g4r_columns_backward() does, in bfloat16. */
static void backward_packed(const g4r_columns *columns, const g4r_columns_frame *frame,
                            g4r_real *dweights, g4r_real *dy, const g4r_real *g, size_t m,
                            size_t begin, size_t end, size_t worker)
{
    const g4r_bfloat16 *body = columns->body;
    const size_t d = columns->d;
    size_t each[2];
    uint16_t *by_columns =
        columns->gradients +
        worker * gradient_values(columns->most, columns->most_lanes, each);
    uint16_t *by_lanes = by_columns + each[0];
    for (size_t at = begin; at < end; at += MOST_PACKED) {
        const size_t n = G4R_MIN(MOST_PACKED, end - at);
        const g4r_bfloat16_source part = {g + at, frame->n, NULL};
        body->pack_left_turned(by_columns, &part, n, m);
        body->multiply(dweights + at * d, d, by_columns, columns->top,
                       g4r_bfloat16_stride(m), n, d, m, false);
        body->pack_left(by_lanes, &part, m, n);
        body->multiply(dy, d, by_lanes, for_top_at(columns, frame, at),
                       top_stride(columns), m, d, n, at > begin);
    }
}

void g4r_columns_backward(const g4r_columns *columns, const g4r_columns_frame *frame,
                          g4r_real *dweights, g4r_real *dy, const g4r_real *g,
                          const g4r_real *y, size_t m, size_t begin, size_t end,
                          size_t worker)
{
    const size_t d = columns->d, n = frame->n;
    if (columns->body != NULL) {
        backward_packed(columns, frame, dweights, dy, g, m, begin, end, worker);
        return;
    }
    g4r_blas_multiply(g4r_product_of(G4R_TN, dweights + begin * d, d, g + begin, n, y, d,
                                     end - begin, d, m, 0));
    g4r_blas_multiply(g4r_product_of(G4R_NN, dy, d, g + begin, n,
                                     columns->weights + (frame->start + begin) * d, d, m,
                                     d, end - begin, 0));
}
