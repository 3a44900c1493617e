/*
 * columns.h - the rows W of the output table that the columns of the frames need, and the
 * products with them:
 *
 *   scores = y W^T          dW = G^T y          dy = G W
 *
 * y (m,D) are the top layer's values of a group's lanes, G (m,N) the gradient of their
 * scores. In float32 (products.h) the rows are copied, and BLAS multiplies. In bfloat16
 * they are packed, twice: for the scores, and for dy; y and G are packed when they are
 * there. The functions that the threads share work on columns begin ... end - 1 of a
 * frame, a part of g4r_columns_part().
 */
#ifndef G4R_COLUMNS_H
#define G4R_COLUMNS_H

#include "../kernels/products.h"

typedef struct g4r_columns {
    const g4r_bfloat16 *body; /* NULL: in float32 */
    size_t d, most;           /* D; the most columns of a frame */
    g4r_real *weights;        /* (T N,D) copies of the rows, frame after frame; float32 */
    /* The rest is for bfloat16 only: packed operands (bfloat16.h). */
    uint16_t *for_scores; /* right (D,N): the rows of the newest frame */
    uint16_t *for_top;    /* T times right (N,D): the rows of each frame */
    uint16_t *top;        /* left (m,D) or right (m,D): y of the group that is at work */
    uint16_t *gradients;  /* of each thread: parts of G */
    size_t most_lanes;    /* of a group */
} g4r_columns;

/* A frame's columns: its number among the frames, its first column among all, N. */
typedef struct g4r_columns_frame {
    size_t t, start, n;
} g4r_columns_frame;

/*
 * Carves the arrays from the arena, for rows of width d: n_frames frames of up to
 * n_columns columns, and up to n_lanes lanes of a group. products has been laid out.
 */
void g4r_columns_layout(g4r_columns *columns, g4r_arena *arena,
                        const g4r_products *products, size_t d, size_t n_columns,
                        size_t n_lanes, size_t n_frames, size_t n_threads,
                        bool is_bfloat16);
/*
 * Returns the index of the first column of a part, if the n columns of a frame are cut
 * into n_parts; n if part is n_parts. In bfloat16, parts begin at multiples of 32.
 */
size_t g4r_columns_part(const g4r_columns *columns, size_t part, size_t n_parts,
                        size_t n);
/*
 * Returns how many columns one call of g4r_columns_gather() should copy: the calls of a
 * part begin at multiples of this from the part's begin.
 */
static inline size_t g4r_columns_each(const g4r_columns *columns)
{
    return columns->body == NULL ? 1 : G4R_BFLOAT16_BLOCK;
}
/* Does what g4r_columns_gather() does, in bfloat16. */
void g4r_columns_pack(const g4r_columns *columns, const g4r_columns_frame *frame,
                      const g4r_real *table, const int32_t *items, size_t begin,
                      size_t n);
/*
 * Copies the rows of the n columns from column begin on: rows items[begin] ... of table.
 * items are those of the frame.
 */
static inline void g4r_columns_gather(const g4r_columns *columns,
                                      const g4r_columns_frame *frame,
                                      const g4r_real *table, const int32_t *items,
                                      size_t begin, size_t n)
{
    const size_t d = columns->d;
    if (columns->body != NULL)
        g4r_columns_pack(columns, frame, table, items, begin, n);
    else
        for (size_t j = begin; j < begin + n; j++)
            memcpy(columns->weights + (frame->start + j) * d,
                   table + (size_t)items[j] * d, d * sizeof *table);
}
/* Sets y (m,D) for the scores, or for the way back. Call it before the parts. */
void g4r_columns_set_top(g4r_columns *columns, const g4r_real *y, size_t m,
                         bool is_forward);
/* Writes the scores of a part into scores (m,N). y is that of g4r_columns_set_top(). */
void g4r_columns_score(const g4r_columns *columns, const g4r_columns_frame *frame,
                       g4r_real *scores, const g4r_real *y, size_t m, size_t begin,
                       size_t end);
/*
 * Goes back through a part of a frame: writes dW of its columns into dweights (N,D), and
 * the sum of G W over its columns into dy (m,D). g (m,N) is G; worker is the number of
 * the thread.
 */
void g4r_columns_backward(const g4r_columns *columns, const g4r_columns_frame *frame,
                          g4r_real *dweights, g4r_real *dy, const g4r_real *g,
                          const g4r_real *y, size_t m, size_t begin, size_t end,
                          size_t worker);

#endif
