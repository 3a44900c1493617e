/* optim.c (L3) - see optim.h. */
#include "optim.h"

void g4r_optim_layout(g4r_optim *optim, g4r_arena *arena, const g4r_params *params,
                      const gru4rec_options *options)
{
    optim->params = params;
    optim->vec = g4r_vec_pick();
    optim->learning_rate = (g4r_real)options->learning_rate;
    optim->momentum = (g4r_real)options->momentum;
    g4r_params_layout(params, arena, optim->acc);
    if (optim->momentum > 0)
        g4r_params_layout(params, arena, optim->vel);
}

static g4r_real *velocity(const g4r_optim *optim, size_t param, size_t offset)
{
    return optim->momentum > 0 ? optim->vel[param] + offset : NULL;
}

void g4r_optim_dense(g4r_optim *optim, size_t param, g4r_real *values,
                     const g4r_real *gradient)
{
    optim->vec->adagrad(values, optim->acc[param], velocity(optim, param, 0), gradient,
                        optim->learning_rate, optim->momentum,
                        g4r_param_size(&optim->params->list[param]));
}

void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows)
{
    g4r_rowset_layout(&merge->set, arena, n_rows);
    merge->rows = g4r_arena_take(arena, n_rows, sizeof *merge->rows);
    merge->number = g4r_arena_take(arena, n_rows, sizeof *merge->number);
    merge->first = g4r_arena_take(arena, n_rows, sizeof *merge->first);
    merge->column = g4r_arena_take(arena, 3 * n_rows, sizeof *merge->column);
    merge->n = 0;
    merge->most = n_rows;
}

void g4r_merge_clear(g4r_merge *merge)
{
    g4r_rowset_clear(&merge->set);
    merge->n = 0;
}

void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n)
{
    assert((size_t)merge->n + n <= merge->most);
    for (size_t i = 0; i < n; i++) {
        bool is_new;
        int32_t k = merge->n++;
        merge->rows[k] = rows[i];
        merge->number[k] = g4r_rowset_add(&merge->set, rows[i], &is_new);
        if (is_new)
            merge->first[merge->number[k]] = k;
    }
}

/* Adds later occurrences to the first; returns how many distinct rows there are. */
static size_t sum_duplicates(g4r_real *gradients, const g4r_merge *merge, size_t n,
                             size_t width, const g4r_vec *vec)
{
    size_t n_distinct = 0;
    for (size_t k = 0; k < n; k++) {
        size_t first = (size_t)merge->first[merge->number[k]];
        if (first == k)
            n_distinct++;
        else
            vec->add(gradients + first * width, gradients + k * width, width);
    }
    return n_distinct;
}

/* One value per item: gathered, updated side by side, and put back. */
static void update_column(g4r_optim *optim, size_t param, g4r_real *values,
                          g4r_real *gradients, const g4r_merge *merge, size_t n_distinct)
{
    g4r_real *p = merge->column, *acc = p + merge->most, *vel = acc + merge->most;
    bool has_velocity = optim->momentum > 0;
    for (size_t i = 0; i < n_distinct; i++) {
        size_t first = (size_t)merge->first[i];
        size_t row = (size_t)merge->rows[first];
        p[i] = values[row];
        acc[i] = optim->acc[param][row];
        if (has_velocity)
            vel[i] = optim->vel[param][row];
        gradients[i] = gradients[first]; /* first >= i */
    }
    optim->vec->adagrad(p, acc, has_velocity ? vel : NULL, gradients,
                        optim->learning_rate, optim->momentum, n_distinct);
    for (size_t i = 0; i < n_distinct; i++) {
        size_t row = (size_t)merge->rows[merge->first[i]];
        values[row] = p[i];
        optim->acc[param][row] = acc[i];
        if (has_velocity)
            optim->vel[param][row] = vel[i];
    }
}

void g4r_optim_rows(g4r_optim *optim, size_t param, g4r_real *values, g4r_real *gradients,
                    const g4r_merge *merge, size_t n)
{
    size_t width = (size_t)optim->params->list[param].cols;
    size_t n_distinct = sum_duplicates(gradients, merge, n, width, optim->vec);
    if (width == 1) {
        update_column(optim, param, values, gradients, merge, n_distinct);
        return;
    }
    for (size_t i = 0; i < n_distinct; i++) {
        size_t first = (size_t)merge->first[i];
        size_t offset = (size_t)merge->rows[first] * width;
        optim->vec->adagrad(values + offset, optim->acc[param] + offset,
                            velocity(optim, param, offset), gradients + first * width,
                            optim->learning_rate, optim->momentum, width);
    }
}
