/* merge.c - finds equal rows among those of an update; see merge.h. */
#include "merge.h"

void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows, uint64_t key)
{
    size_t n_cells = 16;
    while (n_cells < 2 * n_rows)
        n_cells *= 2;
    *merge =
        (g4r_merge){.n_cells = (uint32_t)n_cells, .multiplier = key | 1, .most = n_rows};
    merge->cells = g4r_arena_take(arena, n_cells, sizeof *merge->cells);
    merge->rows = g4r_arena_take(arena, n_rows, sizeof *merge->rows);
    merge->number = g4r_arena_take(arena, n_rows, sizeof *merge->number);
    merge->first = g4r_arena_take(arena, n_rows, sizeof *merge->first);
}

void g4r_merge_clear(g4r_merge *merge)
{
    merge->n = 0;
    merge->n_distinct = 0;
    if (++merge->stamp == 0) {
        memset(merge->cells, 0, merge->n_cells * sizeof *merge->cells);
        merge->stamp = 1;
    }
}

/*
 * Returns the cell of the hash table that holds the item row. If no cell holds it yet,
 * returns the free cell where the row belongs; the caller fills it. Goes on from cell to
 * cell while other rows are in the way.
 */
static struct g4r_merge_cell *find_cell(const g4r_merge *merge, int32_t row)
{
    uint32_t mask = merge->n_cells - 1;
    uint32_t i = (uint32_t)((uint64_t)row * merge->multiplier >> 32) & mask;
    while (merge->cells[i].stamp == merge->stamp && merge->cells[i].row != row)
        i = (i + 1) & mask;
    return &merge->cells[i];
}

void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n)
{
    assert((size_t)merge->n + n <= merge->most);
    for (size_t i = 0; i < n; i++) {
        struct g4r_merge_cell *cell = find_cell(merge, rows[i]);
        int32_t k = merge->n++;
        if (cell->stamp != merge->stamp) {
            merge->first[merge->n_distinct] = k;
            *cell = (struct g4r_merge_cell){merge->stamp, rows[i], merge->n_distinct++};
        }
        merge->rows[k] = rows[i];
        merge->number[k] = cell->number;
    }
}

size_t g4r_merge_sum(g4r_real *gradients, const g4r_merge *merge, size_t n, size_t cols,
                     const g4r_vec *vec)
{
    size_t n_distinct = 0;
    for (size_t k = 0; k < n; k++) {
        size_t first = (size_t)merge->first[merge->number[k]];
        if (first == k)
            n_distinct++;
        else
            vec->add(gradients + first * cols, gradients + k * cols, cols);
    }
    return n_distinct;
}

double g4r_merge_squares(const g4r_real *gradients, const g4r_merge *merge,
                         size_t n_distinct, size_t cols, const g4r_vec *vec)
{
    double squares = 0;
    for (size_t i = 0; i < n_distinct; i++) {
        const g4r_real *gradient = gradients + (size_t)merge->first[i] * cols;
        squares += (double)vec->dot(gradient, gradient, cols);
    }
    return squares;
}
