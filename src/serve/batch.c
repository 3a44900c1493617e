/*
 * batch.c - the best items of many sessions at once, by matrix products. Uses
 * session, shortlist, blas.
 *
 * A product of matrices rounds otherwise than the scan of one session, and the ranking
 * may not depend on who else is ranked. So the products only bound the scores, from
 * above, and the rows that can be among the best are scored as ranking.c does: see
 * shortlist.h. With the error of rounding twice over, a product is off by at most
 * (d + 8) 2^-22 |w| |x|, and the sum with its bias by (d / 64 + 8) 2^-22 |b|, as BLAS
 * adds products of long rows up in parts.
 */
#include "../kernels/blas.h"
#include "session.h"
#include "shortlist.h"

enum {
    MOST_LANES = 128,
    COLUMNS = 2048 /* whose scores for all lanes stay in the cache */
};

/* Of the products of one batch: its first row must not take too long. */
static const double most_operations = 4e9;

struct gru4rec_batch {
    gru4rec_allocator allocator;
    const gru4rec_model *model;
    const g4r_vec *vec;
    g4r_arena arena; /* of x, slack, n_best */
    char *memory;    /* of all that need not be zero */
    size_t k, n_lanes, n;
    bool is_scored;           /* the next session begins a new batch */
    g4r_real *x;              /* (lanes,D) */
    g4r_real *slack;          /* (lanes) what a bound is above the product */
    size_t *n_best;           /* (lanes) */
    g4r_real *upper;          /* (lanes,COLUMNS) */
    g4r_scored *best;         /* (lanes,k) */
    g4r_shortlist *shortlist; /* (lanes) */
    double largest_norm, largest_bias;
};

static size_t count_lanes(const g4r_params *params)
{
    double each = 2.0 * (double)params->n_items * (double)params->top;
    return (size_t)G4R_MAX(1, G4R_MIN(MOST_LANES, most_operations / each));
}

/* In double where the square might not fit. */
static double norm_of(const g4r_vec *vec, const g4r_real *x, size_t d)
{
    double square = (double)vec->dot(x, x, d);
    if (square > 1e-20 && square < 1e30)
        return sqrt(square);
    square = 0;
    for (size_t k = 0; k < d; k++)
        square += (double)x[k] * (double)x[k];
    return sqrt(square);
}

/* NaN stays in the largest: its bounds are worth nothing. */
static double larger(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

static void measure_table(gru4rec_batch *batch)
{
    const g4r_params *params = &batch->model->params;
    const g4r_real *table = batch->model->values[params->output];
    const g4r_real *bias = batch->model->values[params->output_bias];
    for (size_t row = 0; row < (size_t)params->n_items; row++) {
        const g4r_real *w = table + row * params->top;
        batch->largest_norm =
            larger(batch->largest_norm, norm_of(batch->vec, w, params->top));
        batch->largest_bias = larger(batch->largest_bias, fabs((double)bias[row]));
    }
}

static void layout(gru4rec_batch *batch)
{
    g4r_arena *arena = &batch->arena;
    batch->x = g4r_arena_take(arena, batch->n_lanes * batch->model->params.top,
                              sizeof *batch->x);
    batch->slack = g4r_arena_take(arena, batch->n_lanes, sizeof *batch->slack);
    batch->n_best = g4r_arena_take(arena, batch->n_lanes, sizeof *batch->n_best);
    batch->best = g4r_arena_take(arena, batch->n_lanes * batch->k, sizeof *batch->best);
    batch->shortlist = g4r_arena_take(arena, batch->n_lanes, sizeof *batch->shortlist);
}

gru4rec_status gru4rec_batch_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, int32_t k,
                                 gru4rec_batch **out)
{
    if (allocator == NULL)
        allocator = &g4r_libc_allocator;
    assert(k > 0 && k <= gru4rec_batch_most());
    *out = NULL;
    gru4rec_batch *batch = g4r_alloc(allocator, 1, sizeof *batch);
    if (batch == NULL)
        return GRU4REC_NOMEM;
    batch->allocator = *allocator;
    batch->model = model;
    batch->vec = g4r_vec_pick();
    batch->k = (size_t)k;
    batch->n_lanes = count_lanes(&model->params);
    layout(batch);
    const size_t list_bytes = g4r_shortlist_bytes((size_t)model->params.n_items);
    const size_t upper_bytes = batch->n_lanes * COLUMNS * sizeof *batch->upper;
    if (g4r_arena_allocate(&batch->arena, allocator))
        batch->memory =
            g4r_alloc_scratch(allocator, upper_bytes + batch->n_lanes * list_bytes);
    if (batch->memory == NULL) {
        gru4rec_batch_free(batch);
        return GRU4REC_NOMEM;
    }
    layout(batch);
    batch->upper = (g4r_real *)(void *)batch->memory;
    for (size_t lane = 0; lane < batch->n_lanes; lane++)
        g4r_shortlist_init(&batch->shortlist[lane],
                           batch->memory + upper_bytes + lane * list_bytes,
                           (size_t)model->params.n_items);
    measure_table(batch);
    *out = batch;
    return GRU4REC_OK;
}

void gru4rec_batch_free(gru4rec_batch *batch)
{
    if (batch == NULL)
        return;
    gru4rec_allocator allocator = batch->allocator;
    g4r_arena_free(&batch->arena, &allocator);
    g4r_free_aligned(&allocator, batch->memory);
    g4r_free(&allocator, batch);
}

int32_t gru4rec_batch_most(void)
{
    return G4R_SHORTLIST_MOST;
}

int32_t gru4rec_batch_lanes(const gru4rec_batch *batch)
{
    return (int32_t)batch->n_lanes;
}

int32_t gru4rec_batch_add(gru4rec_batch *batch, const gru4rec_session *session,
                          const int32_t *excluded, size_t n_excluded)
{
    if (batch->is_scored)
        batch->n = 0;
    batch->is_scored = false;
    const size_t d = batch->model->params.top, lane = batch->n++;
    g4r_real *x = batch->x + lane * d;
    assert(lane < batch->n_lanes && g4r_session_model(session) == batch->model);
    memcpy(x, g4r_session_top(session), d * sizeof *x);
    const double norm = norm_of(batch->vec, x, d);
    batch->slack[lane] =
        (g4r_real)(((double)d + 8) * 0x1p-22 * batch->largest_norm * norm +
                   ((double)d / 64 + 8) * 0x1p-22 * batch->largest_bias + 1e-30);
    g4r_shortlist_start(&batch->shortlist[lane],
                        G4R_MIN(batch->k, (size_t)batch->model->params.n_items), excluded,
                        n_excluded);
    /* Where products do not fit the format, bounds tell nothing. */
    batch->shortlist[lane].is_full =
        !(batch->largest_norm * norm + batch->largest_bias < 1e37);
    return (int32_t)lane;
}

/* The rows from first on whose bounds (n) reach the least. */
static void add_rows(gru4rec_batch *batch, size_t lane, size_t first,
                     const g4r_real *upper, size_t n)
{
    const g4r_real gap = (g4r_real)2.001 * batch->slack[lane];
    g4r_shortlist *list = &batch->shortlist[lane];
    g4r_real least = g4r_shortlist_least(list);
    for (size_t i = batch->vec->scan.find(upper, 0, least, n); i < n;
         i = batch->vec->scan.find(upper, i + 1, least, n)) {
        g4r_shortlist_add(list, (int32_t)(first + i), upper[i], upper[i] - gap);
        least = g4r_shortlist_least(list);
    }
}

/*
 * For scores so close together that bounds leave too many: the exact ones, of which a
 * later row needs a greater one.
 */
static void add_exact_rows(gru4rec_batch *batch, size_t lane)
{
    const g4r_params *params = &batch->model->params;
    const g4r_real *bias = batch->model->values[params->output_bias];
    const size_t d = params->top, all = (size_t)params->n_items;
    g4r_shortlist *list = &batch->shortlist[lane];
    g4r_shortlist_start(list, list->k, list->excluded, list->n_excluded);
    for (size_t first = 0; first < all; first += COLUMNS) {
        const size_t n = G4R_MIN(COLUMNS, all - first);
        batch->vec->scan.score(batch->upper,
                               batch->model->values[params->output] + first * d,
                               bias + first, NULL, batch->x + lane * d, n, d);
        for (size_t i = 0; i < n; i++)
            if (batch->upper[i] > g4r_shortlist_least(list))
                g4r_shortlist_add(list, (int32_t)(first + i), batch->upper[i],
                                  batch->upper[i]);
    }
}

static void bound_columns(gru4rec_batch *batch, size_t first, size_t n)
{
    const g4r_params *params = &batch->model->params;
    const g4r_real *bias = batch->model->values[params->output_bias];
    const size_t d = params->top;
    for (size_t lane = 0; lane < batch->n; lane++) {
        g4r_real *upper = batch->upper + lane * n;
        memcpy(upper, bias + first, n * sizeof *upper);
        batch->vec->shift(upper, batch->slack[lane], n);
    }
    g4r_blas_nt(batch->upper, n, batch->x, d,
                batch->model->values[params->output] + first * d, d, batch->n, n, d, 1);
}

static void find_best(gru4rec_batch *batch, size_t lane)
{
    const g4r_params *params = &batch->model->params;
    if (batch->shortlist[lane].is_full)
        add_exact_rows(batch, lane);
    batch->n_best[lane] =
        g4r_shortlist_best(&batch->shortlist[lane], batch->best + lane * batch->k,
                           batch->model->values[params->output],
                           batch->model->values[params->output_bias],
                           batch->x + lane * params->top, params->top, batch->vec);
}

bool gru4rec_batch_score(gru4rec_batch *batch, bool (*is_stopped)(void *), void *context)
{
    const size_t all = (size_t)batch->model->params.n_items;
    bool stops = false;
    if (batch->is_scored) /* nothing was added */
        return true;
    batch->is_scored = true;
    g4r_blas_enter();
    for (size_t first = 0; first < all && !stops; first += COLUMNS) {
        const size_t n = G4R_MIN(COLUMNS, all - first);
        bound_columns(batch, first, n);
        for (size_t lane = 0; lane < batch->n; lane++)
            add_rows(batch, lane, first, batch->upper + lane * n, n);
        stops = is_stopped(context);
    }
    g4r_blas_leave();
    for (size_t lane = 0; lane < batch->n && !stops; lane++) {
        find_best(batch, lane);
        stops = is_stopped(context);
    }
    return !stops;
}

bool gru4rec_batch_get(const gru4rec_batch *batch, int32_t lane, int64_t place,
                       int32_t *row, gru4rec_real *score)
{
    if (place < 0 || place >= (int64_t)batch->n_best[lane])
        return false;
    const g4r_scored *item = &batch->best[(size_t)lane * batch->k + (size_t)place];
    *row = item->row;
    *score = item->score;
    return true;
}
