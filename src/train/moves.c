/* moves.c - how far a copy has moved, and where the copies meet; see moves.h. */
#include "moves.h"

enum { IS_OTHER = -1 };

/* The two models that a merge moves. */
enum { WEIGHTS, ACCUMULATORS, N_MODELS };

/* Tells whether training moves rows of this parameter one by one, or all of it. */
static bool is_table(const g4r_param *param)
{
    return param->is_per_item && !param->is_fixed;
}

static bool is_whole(const g4r_param *param)
{
    return !param->is_per_item && !param->is_fixed;
}

void g4r_moves_layout(g4r_moves *moves, g4r_arena *arena, const g4r_params *params,
                      size_t most)
{
    moves->vec = g4r_vec_pick();
    moves->width = moves->n_whole = 0;
    moves->most = most;
    for (size_t i = 0; i < params->n; i++)
        if (is_table(&params->list[i]))
            moves->width += (size_t)params->list[i].cols;
        else if (is_whole(&params->list[i]))
            moves->n_whole += g4r_param_size(&params->list[i]);
    moves->place = g4r_arena_take(arena, (size_t)params->n_items, sizeof *moves->place);
    moves->rows = g4r_arena_take(arena, most, sizeof *moves->rows);
    moves->old = g4r_arena_reals(arena, most, g4r_mul(2, moves->width));
    moves->old_whole = g4r_arena_reals(arena, 2, moves->n_whole);
}

/* Returns the weights of the copy, or its accumulators. */
static gru4rec_model *model_of(const g4r_moves *moves, int which)
{
    const gru4rec_training *training = moves->training;
    return which == WEIGHTS ? training->model : training->slot[GRU4REC_SLOT_ACC];
}

/* ---- what is kept ---- */

/* Copies the values of an item, in all tables of the copy, to out (2 width). */
static void copy_row(const g4r_moves *moves, size_t row, g4r_real *out)
{
    const g4r_params *params = &moves->training->model->params;
    for (int which = 0; which < N_MODELS; which++)
        for (size_t i = 0; i < params->n; i++) {
            const size_t cols = (size_t)params->list[i].cols;
            if (!is_table(&params->list[i]))
                continue;
            memcpy(out, model_of(moves, which)->values[i] + row * cols,
                   cols * sizeof *out);
            out += cols;
        }
}

void g4r_moves_start(g4r_moves *moves)
{
    const g4r_params *params = &moves->training->model->params;
    g4r_real *out = moves->old_whole;
    memset(moves->place, 0, (size_t)params->n_items * sizeof *moves->place);
    moves->n = 0;
    for (int which = 0; which < N_MODELS; which++)
        for (size_t i = 0; i < params->n; i++) {
            const size_t n = g4r_param_size(&params->list[i]);
            if (!is_whole(&params->list[i]))
                continue;
            memcpy(out, model_of(moves, which)->values[i], n * sizeof *out);
            out += n;
        }
}

void g4r_moves_keep(g4r_moves *moves, const g4r_merge *merge)
{
    for (int32_t i = 0; i < merge->n_distinct; i++) {
        const int32_t row = merge->rows[merge->first[i]];
        if (moves->place[row] > 0)
            continue;
        assert(moves->n < moves->most);
        copy_row(moves, (size_t)row, moves->old + moves->n * 2 * moves->width);
        moves->rows[moves->n++] = row;
        moves->place[row] = (int32_t)moves->n;
    }
}

void g4r_moves_note(g4r_moves *moves, const int32_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (moves->place[rows[i]] == 0)
            moves->place[rows[i]] = IS_OTHER;
}

size_t g4r_moves_find(const g4r_moves *moves, int32_t *next, int32_t *rows, size_t most)
{
    const int32_t n_items = moves->training->model->params.n_items;
    size_t n = 0;
    for (; n < most && *next < n_items; ++*next)
        if (moves->place[*next] != 0)
            rows[n++] = *next;
    return n;
}

/* ---- the rule ---- */

void g4r_moves_of_rows(const g4r_moves *moves, const int32_t *rows, size_t n,
                       g4r_real *moved)
{
    const size_t width = 2 * moves->width;
    for (size_t k = 0; k < n; k++, moved += width) {
        const int32_t place = moves->place[rows[k]];
        memset(moved, 0, width * sizeof *moved);
        if (place == IS_OTHER)
            continue;
        copy_row(moves, (size_t)rows[k], moved);
        moves->vec->subtract(moved, moves->old + ((size_t)place - 1) * width, width);
    }
}

/*
 * Sets the values of an item, in all tables of the copy, to from + by (2 width each);
 * or to what they are + by, if from is NULL.
 */
static void set_row(g4r_moves *moves, size_t row, const g4r_real *from,
                    const g4r_real *by)
{
    const g4r_params *params = &moves->training->model->params;
    for (int which = 0; which < N_MODELS; which++)
        for (size_t i = 0; i < params->n; i++) {
            const size_t cols = (size_t)params->list[i].cols;
            g4r_real *values = model_of(moves, which)->values[i] + row * cols;
            if (!is_table(&params->list[i]))
                continue;
            if (from != NULL)
                memcpy(values, from, cols * sizeof *values);
            moves->vec->add(values, by, cols);
            from += from != NULL ? cols : 0;
            by += cols;
        }
}

void g4r_moves_set_rows(g4r_moves *moves, const int32_t *rows, size_t n,
                        const g4r_real *sums)
{
    const size_t width = 2 * moves->width;
    for (size_t k = 0; k < n; k++) {
        const int32_t place = moves->place[rows[k]];
        set_row(moves, (size_t)rows[k],
                place > 0 ? moves->old + ((size_t)place - 1) * width : NULL,
                sums + k * width);
    }
}

void g4r_moves_of_whole(const g4r_moves *moves, g4r_real *moved)
{
    const g4r_params *params = &moves->training->model->params;
    const g4r_real *old = moves->old_whole;
    for (int which = 0; which < N_MODELS; which++)
        for (size_t i = 0; i < params->n; i++) {
            const size_t n = g4r_param_size(&params->list[i]);
            if (!is_whole(&params->list[i]))
                continue;
            memcpy(moved, model_of(moves, which)->values[i], n * sizeof *moved);
            moves->vec->subtract(moved, old, n);
            moved += n;
            old += n;
        }
}

void g4r_moves_set_whole(g4r_moves *moves, const g4r_real *sums, size_t n_copies)
{
    const g4r_params *params = &moves->training->model->params;
    const g4r_real share = 1 / (g4r_real)G4R_MAX(n_copies, 1);
    const g4r_real *old = moves->old_whole;
    for (int which = 0; which < N_MODELS; which++)
        for (size_t i = 0; i < params->n; i++) {
            const size_t n = g4r_param_size(&params->list[i]);
            g4r_real *values = model_of(moves, which)->values[i];
            if (!is_whole(&params->list[i]))
                continue;
            memcpy(values, sums, n * sizeof *values);
            moves->vec->scale(values, share, n);
            moves->vec->add(values, old, n);
            sums += n;
            old += n;
        }
}
