/*
 * similar.c - how alike items are: the cosine of their output rows. Uses model, vec.
 */
#include "../model/model.h"

const gru4rec_real *gru4rec_model_item(const gru4rec_model *model, int32_t row,
                                       size_t *width)
{
    assert(row >= 0 && row < model->params.n_items);
    *width = model->params.top;
    return model->values[model->params.output] + (size_t)row * model->params.top;
}

void gru4rec_model_similarities(const gru4rec_model *model, int32_t row,
                                gru4rec_real *similarities)
{
    const g4r_vec *vec = g4r_vec_pick();
    size_t d;
    const g4r_real *x = gru4rec_model_item(model, row, &d);
    const double norm = (double)vec->dot(x, x, d);
    for (int32_t other = 0; other < model->params.n_items; other++) {
        const g4r_real *w = gru4rec_model_item(model, other, &d);
        const double norms = norm * (double)vec->dot(w, w, d);
        similarities[other] =
            norms > 0 ? (g4r_real)((double)vec->dot(w, x, d) / sqrt(norms)) : 0;
    }
    similarities[row] = -(g4r_real)INFINITY;
}
