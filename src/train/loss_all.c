/* loss_all.c - cross-entropy over all items, block by block; see loss_all.h. */
#include "loss_all.h"

/* The most items of a block. With fewer items there is one block of all. */
enum { BLOCK = 1024 };

void g4r_loss_all_layout(g4r_loss_all *all, g4r_arena *arena, size_t n_lanes,
                         size_t n_rows)
{
    all->vec = g4r_vec_pick();
    all->products = NULL;
    all->block = G4R_MIN(n_rows, BLOCK);
    all->scores = g4r_arena_reals(arena, n_lanes, all->block);
    all->largest = g4r_arena_take(arena, n_lanes, sizeof *all->largest);
    all->sum = g4r_arena_take(arena, n_lanes, sizeof *all->sum);
}

void g4r_loss_all_init(g4r_loss_all *all, g4r_output output, double smoothing,
                       g4r_stop stop)
{
    bool is_smooth = smoothing > 0 && output.n > 1;
    all->output = output;
    all->stop = stop;
    all->w_other = is_smooth ? smoothing / (double)(output.n - 1) : 0;
    all->w_own = is_smooth ? 1 - smoothing : 1;
}

/*
 * Computes the scores of the n items from row start on for all m lanes, and writes them
 * into all->scores (m,n). W and b are these items' rows and biases of the output table:
 *   s = y W^T + b
 */
static void score_block(const g4r_loss_all *all, const g4r_real *y, size_t m,
                        size_t start, size_t n)
{
    const size_t d = all->output.d;
    g4r_products_multiply(all->products,
                          g4r_product_of(G4R_NT, all->scores, n, y, d,
                                         all->output.table + start * d, d, m, n, d, 0),
                          0);
    for (size_t lane = 0; lane < m; lane++)
        all->vec->add(all->scores + lane * n, all->output.bias + start, n);
}

/*
 * Returns the place of a lane's target in a block, from 0: target is its item row, and
 * the block has the n items from row start on. Returns n if the target is in another
 * block.
 */
static size_t own_column(int32_t target, size_t start, size_t n)
{
    size_t row = (size_t)target;
    return row >= start && row - start < n ? row - start : n;
}

/*
 * Returns the sum of the lanes' losses, and fills log_sums. Computes the loss of each
 * lane from the scores s_j of all items j, block by block; before each block it asks
 * whether to stop. w_j is w_own for the target, and w_other for any other item:
 *   L = log(sum_j exp(s_j)) - sum_j w_j s_j
 * The first sum is kept as sum_j exp(s_j - largest) for each lane. When a block has a
 * larger score, the sum so far is multiplied by exp(largest before - largest). At the end
 * its logarithm goes into log_sums. wanted is the second sum, added up over all lanes:
 *   sum_j w_j s_j = w_other sum_j s_j + (w_own - w_other) s_own
 */
double g4r_loss_all_forward(g4r_loss_all *all, double *log_sums, const g4r_real *y,
                            const int32_t *targets, size_t m)
{
    double wanted = 0, loss = 0;
    for (size_t lane = 0; lane < m; lane++) {
        all->largest[lane] = -INFINITY;
        all->sum[lane] = 0;
    }
    for (size_t start = 0; start < all->output.n && !g4r_stop_is_asked(&all->stop);
         start += all->block) {
        size_t n = G4R_MIN(all->block, all->output.n - start);
        score_block(all, y, m, start, n);
        for (size_t lane = 0; lane < m; lane++) {
            g4r_real *scores = all->scores + lane * n, before = all->largest[lane];
            size_t own = own_column(targets[lane], start, n);
            if (own < n)
                wanted += (all->w_own - all->w_other) * (double)scores[own];
            if (all->w_other > 0)
                wanted += all->w_other * all->vec->sum(scores, n);
            g4r_real largest = G4R_MAX(before, all->vec->max(scores, n));
            all->sum[lane] = all->sum[lane] * exp((double)before - (double)largest) +
                             all->vec->loss.exp_sum(scores, largest, n);
            all->largest[lane] = largest;
        }
    }
    for (size_t lane = 0; lane < m; lane++) {
        log_sums[lane] = (double)all->largest[lane] + log(all->sum[lane]);
        loss += log_sums[lane];
    }
    return loss - wanted;
}

/*
 * Overwrites the scores s_j of the n items from row start on, in all->scores (m,n), by G,
 * scale times the gradients of the loss with respect to them:
 *   p_j = exp(s_j - log_sum)
 *   G_j = scale (p_j - w_j)
 * log_sum is that of the lane; w_j is w_own for the lane's target, else w_other.
 */
static void block_gradients(const g4r_loss_all *all, const double *log_sums,
                            const int32_t *targets, size_t m, size_t start, size_t n,
                            g4r_real scale)
{
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *g = all->scores + lane * n;
        size_t own = own_column(targets[lane], start, n);
        all->vec->loss.exp_sum(g, (g4r_real)log_sums[lane], n);
        if (all->w_other > 0)
            all->vec->shift(g, (g4r_real)-all->w_other, n);
        if (own < n)
            g[own] -= (g4r_real)(all->w_own - all->w_other);
        all->vec->scale(g, scale, n);
    }
}

/*
 * Goes through the items block by block, with G, scale times the gradient of the block's
 * scores (block_gradients()); before each block it asks whether to stop. W, db and dW are
 * the rows of this block in the output table, in dbias and in dtable:
 *   db = column sums of G + beta db
 *   dW = G^T y + beta dW
 *   dy = the sum over all blocks of G W
 */
void g4r_loss_all_backward(g4r_loss_all *all, g4r_real *dy, g4r_real *dtable,
                           g4r_real *dbias, const double *log_sums, const g4r_real *y,
                           const int32_t *targets, size_t m, g4r_real scale,
                           g4r_real beta)
{
    const size_t d = all->output.d;
    for (size_t start = 0; start < all->output.n && !g4r_stop_is_asked(&all->stop);
         start += all->block) {
        size_t n = G4R_MIN(all->block, all->output.n - start), at = start * d;
        score_block(all, y, m, start, n);
        block_gradients(all, log_sums, targets, m, start, n, scale);
        g4r_vec_column_sums(dbias + start, all->scores, n, m, n, beta, all->vec);
        g4r_products_multiply(all->products,
                              g4r_product_of(G4R_TN, dtable + at, d, all->scores, n, y, d,
                                             n, d, m, beta),
                              0);
        g4r_products_multiply(all->products,
                              g4r_product_of(G4R_NN, dy, d, all->scores, n,
                                             all->output.table + at, d, m, d, n,
                                             start > 0 ? 1 : 0),
                              0);
    }
}
