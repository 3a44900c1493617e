/*
 * session.c - the session of one visitor: a network of one lane that goes forward item by
 * item, and scores from its hidden state. See gru4rec.h and session.h.
 */
#include "session.h"

#include "../kernels/blas.h"

gru4rec_status gru4rec_session_new(const gru4rec_allocator *allocator,
                                   const gru4rec_model *model, gru4rec_session **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = NULL;
    gru4rec_session *session = g4r_alloc(allocator, 1, sizeof *session);
    if (session == NULL)
        return GRU4REC_NOMEM;
    session->allocator = *allocator;
    session->model = model;
    g4r_network_layout(&session->network, &session->arena, &model->params, 1, 1, false);
    if (!g4r_arena_allocate(&session->arena, allocator)) {
        g4r_alloc_free(allocator, session);
        return GRU4REC_NOMEM;
    }
    g4r_network_layout(&session->network, &session->arena, &model->params, 1, 1, false);
    g4r_network_bind(&session->network, model->values, NULL);
    for (size_t i = 0; i < model->params.n_layers; i++)
        session->needs_blas |= model->params.layers[i].cell == G4R_CELL_ORIGINAL;
    gru4rec_session_reset(session);
    *out = session;
    return GRU4REC_OK;
}

void gru4rec_session_free(gru4rec_session *session)
{
    if (session == NULL)
        return;
    gru4rec_allocator allocator = session->allocator;
    g4r_arena_free(&session->arena, &allocator);
    g4r_alloc_free(&allocator, session);
}

/*
 * Makes the states in cells[i].old the session's hidden state, and computes the session's
 * vector from them. cells[i].old has the states that the last step began with: then the
 * step is taken back. Or the caller has written other states there before: then the
 * session goes on from those. last_row does not change.
 */
static void step_back(gru4rec_session *session)
{
    const g4r_params *params = &session->model->params;
    const g4r_network_frame *frame = &session->network.frames[0];
    for (size_t i = 0; i < params->n_layers; i++)
        memcpy(frame->cells[i].state, frame->cells[i].old,
               params->layers[i].h * sizeof(g4r_real));
    g4r_network_resume(&session->network, 0, 1);
}

void gru4rec_session_reset(gru4rec_session *session)
{
    const int32_t from_zero = -1;
    g4r_network_carry(&session->network, 0, &from_zero, 1);
    step_back(session);
    session->last_row = -1;
}

size_t gru4rec_session_first(const gru4rec_session *session, const int32_t *rows,
                             size_t n)
{
    const gru4rec_model *model = session->model;
    size_t first = n;
    int64_t length = 0;
    if (model->max_length == 0)
        return 0;
    for (size_t i = n; i-- > 0;) {
        if (i > 0 && model->collapses_repeats && rows[i] == rows[i - 1])
            continue;
        if (length++ == model->max_length)
            break;
        first = i;
    }
    return first;
}

/* Tells whether the session's hidden state is finite, in all GRU layers. */
static bool is_finite(const gru4rec_session *session)
{
    const g4r_params *params = &session->model->params;
    const g4r_network_frame *frame = &session->network.frames[0];
    bool is_finite = true;
    for (size_t i = 0; i < params->n_layers; i++)
        is_finite &=
            session->network.vec->all_finite(frame->cells[i].state, params->layers[i].h);
    return is_finite;
}

gru4rec_status gru4rec_session_step(gru4rec_session *session, int32_t item_row,
                                    gru4rec_error *error)
{
    const int32_t from = 0;
    assert(item_row >= 0 && item_row < session->model->params.n_items);
    if (session->model->collapses_repeats && item_row == session->last_row)
        return GRU4REC_OK;
    if (session->needs_blas && !g4r_blas_enter())
        return g4r_blas_fail(error);
    session->last_row = item_row;
    g4r_network_carry(&session->network, 0, &from, 1);
    g4r_network_forward(&session->network, 0, &item_row, 1, NULL);
    if (session->needs_blas)
        g4r_blas_leave();
    if (!is_finite(session))
        step_back(session);
    return GRU4REC_OK;
}

size_t gru4rec_session_state_size(const gru4rec_model *model)
{
    size_t n = 0;
    for (size_t i = 0; i < model->params.n_layers; i++)
        n += model->params.layers[i].h;
    return n;
}

void gru4rec_session_state(const gru4rec_session *session, gru4rec_real *state)
{
    const g4r_params *params = &session->model->params;
    const g4r_network_frame *frame = &session->network.frames[0];
    for (size_t i = 0; i < params->n_layers; i++) {
        const size_t h = params->layers[i].h;
        memcpy(state, frame->cells[i].state, h * sizeof *state);
        state += h;
    }
}

bool gru4rec_session_resume(gru4rec_session *session, const gru4rec_real *state,
                            int32_t last_row)
{
    const g4r_params *params = &session->model->params;
    const g4r_network_frame *frame = &session->network.frames[0];
    if (!session->network.vec->all_finite(state,
                                          gru4rec_session_state_size(session->model)))
        return false;
    for (size_t i = 0; i < params->n_layers; i++) {
        const size_t h = params->layers[i].h;
        memcpy(frame->cells[i].old, state, h * sizeof *state);
        state += h;
    }
    session->last_row = last_row;
    step_back(session);
    return true;
}

void gru4rec_session_scores(const gru4rec_session *session, const int32_t *rows,
                            int32_t n, gru4rec_real *scores)
{
    const g4r_output output = g4r_model_output(session->model);
    assert(rows != NULL || (size_t)n == output.n);
    /*
     * The same kernel scores all items and chosen rows, so that the score of an item does
     * not depend on which other items are asked for.
     */
    session->network.vec->scan.score(scores, output.table, output.bias, rows,
                                     g4r_network_top(&session->network, 0), (size_t)n,
                                     output.d);
}
