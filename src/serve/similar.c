/*
 * similar.c - computes how similar all items are to one item: the cosines of their output
 * rows x (of the item) and w,
 *   cos(x, w) = x.w / sqrt((x.x) (w.w))
 * If the norm of a row is 0, the score is 0. The item itself gets -INFINITY, so that a
 * ranking leaves it out.
 */
#include "../model/model.h"

void gru4rec_similar_scores(const gru4rec_model *model, int32_t row, gru4rec_real *scores)
{
    const g4r_vec *vec = g4r_vec_pick();
    const g4r_output output = g4r_model_output(model);
    const size_t d = output.d;
    assert(row >= 0 && (size_t)row < output.n);
    const g4r_real *x = output.table + (size_t)row * d, *w = output.table;
    const double norm = (double)vec->dot(x, x, d);
    for (size_t other = 0; other < output.n; other++, w += d) {
        const double norms = norm * (double)vec->dot(w, w, d);
        scores[other] =
            norms > 0 ? (g4r_real)((double)vec->dot(w, x, d) / sqrt(norms)) : 0;
    }
    scores[row] = -(g4r_real)INFINITY;
}
