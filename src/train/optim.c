/* optim.c - moves parameters by their gradients, with many threads; see optim.h. */
#include "optim.h"

void g4r_optim_init(g4r_optim *optim, gru4rec_training *training,
                    const gru4rec_options *options)
{
    const double *rates = options->adapt_params.values;
    *optim = (g4r_optim){
        .vec = g4r_vec_pick(),
        .training = training,
        .grad_cap = (g4r_real)options->grad_cap,
        .update.kind = (gru4rec_adapt)options->adapt,
        .update.learning_rate = (g4r_real)options->learning_rate,
        .update.momentum = (g4r_real)options->momentum,
        .update.lmbd = (g4r_real)options->lmbd,
        .update.rho = (g4r_real)rates[0],
        .update.rho2 = (g4r_real)rates[1],
        .update.clip = 1,
    };
}

/*
 * Adds 1 to training->updates, which is then n, and sets three factors of optim->update.
 * norm is the square root of squares, and so the norm of the update's whole gradient:
 *   correct = 1 / (1 - rho^n),  correct2 = 1 / (1 - rho2^n)   (adam's correction)
 *   clip = grad_cap / norm if grad_cap > 0 and norm >= grad_cap, else 1
 */
void g4r_optim_begin(g4r_optim *optim, double squares)
{
    g4r_update *update = &optim->update;
    double cap = (double)optim->grad_cap, norm = sqrt(squares);
    double n = (double)++optim->training->updates;
    update->correct = (g4r_real)(1 / (1 - pow((double)update->rho, n)));
    update->correct2 = (g4r_real)(1 / (1 - pow((double)update->rho2, n)));
    update->clip = cap > 0 && norm >= cap ? (g4r_real)(cap / norm) : 1;
}

/*
 * Number of arrays that an update moves: one with the parameter's values, and one in each
 * slot that an optimiser can have.
 */
enum { N_KINDS = 1 + GRU4REC_N_OPTIMISER_SLOTS };
_Static_assert(GRU4REC_SLOT_ACC == 0 && GRU4REC_SLOT_ACC2 == 1 &&
                   GRU4REC_SLOT_VELOCITY == 2,
               "the slots stand in the order of vec->update's arguments");

/*
 * Sets values[0] to the address of a parameter's value number offset, and values[1] ...
 * to the addresses of the same value in the slots acc, acc2 and velocity. The address is
 * NULL for a slot that the training does not have.
 */
static void values_of(const g4r_optim *optim, size_t param, size_t offset,
                      g4r_real *values[N_KINDS])
{
    const gru4rec_training *training = optim->training;
    values[0] = training->model->values[param] + offset;
    for (size_t slot = 0; slot < GRU4REC_N_OPTIMISER_SLOTS; slot++) {
        const gru4rec_model *kept = training->slot[slot];
        values[1 + slot] = kept != NULL ? kept->values[param] + offset : NULL;
    }
}

void g4r_optim_prefetch(const g4r_optim *optim, size_t param, size_t row, bool is_far)
{
    const size_t cols = (size_t)optim->training->model->params.list[param].cols;
    g4r_real *values[N_KINDS];
    values_of(optim, param, row * cols, values);
    for (size_t i = 0; i < (is_far ? N_KINDS : 1); i++)
        if (values[i] != NULL)
            g4r_prefetch(values[i], cols);
}

/*
 * Moves n values of a parameter by gradient (n), and updates the same values of its
 * slots. offset is the number of the first of these values in the parameter.
 */
static void update_values(g4r_optim *optim, size_t param, size_t offset,
                          const g4r_real *gradient, size_t n)
{
    g4r_real *values[N_KINDS];
    values_of(optim, param, offset, values);
    optim->vec->update(values[0], values[1], values[2], values[3], gradient,
                       &optim->update, n);
}

/*
 * The work of g4r_optim_whole() or g4r_optim_rows(), for the tasks that the threads
 * share.
 */
typedef struct update_job {
    g4r_optim *optim;
    /*
     * param: number of the parameter in params.list. cols: width of its rows; unused if
     * the whole tensor is updated.
     */
    size_t param, cols;
    const g4r_real *gradients; /* (n) of the values, or (occurrences, cols) of the rows */
    const g4r_merge *merge;    /* of the rows; NULL: the whole tensor is updated */
    size_t n;                  /* number of values, or of distinct rows */
} update_job;

/*
 * VALUES_EACH, ROWS_EACH: values and rows of one task. ROWS_AHEAD: a row is prefetched
 * when the row that stands this many rows before it is updated. COLUMN_EACH: the most
 * rows of one value each that one call of the kernel updates.
 */
enum { VALUES_EACH = 16384, ROWS_EACH = 64, ROWS_AHEAD = 2, COLUMN_EACH = 256 };

/*
 * Moves the values of one task, VALUES_EACH of a whole tensor (fewer in the last task),
 * and updates their slots. context is an update_job. It is a task of the pool.
 */
static void update_range(void *context, size_t task, size_t worker)
{
    const update_job *job = context;
    size_t begin = task * VALUES_EACH;
    (void)worker;
    update_values(job->optim, job->param, begin, job->gradients + begin,
                  G4R_MIN(VALUES_EACH, job->n - begin));
}

void g4r_optim_whole(g4r_optim *optim, g4r_pool *pool, size_t param,
                     const g4r_real *gradient, size_t n)
{
    update_job job = {.optim = optim, .param = param, .gradients = gradient, .n = n};
    g4r_pool_run(pool, update_range, &job, (job.n + VALUES_EACH - 1) / VALUES_EACH);
}

/* ---- rows ---- */

/*
 * Moves n distinct rows (at most COLUMN_EACH) of a parameter whose rows have one value,
 * as biases have, and updates their slots. Copies the values of these rows side by side,
 * updates them by one call of the kernel, and copies them back. first (n): the places of
 * the rows' first occurrences in gradients.
 */
static void update_block(g4r_optim *optim, size_t param, const g4r_real *gradients,
                         const g4r_merge *merge, const int32_t *first, size_t n)
{
    g4r_real *values[N_KINDS], *columns[N_KINDS];
    g4r_real block[N_KINDS][COLUMN_EACH], gradient[COLUMN_EACH];
    values_of(optim, param, 0, values);
    for (size_t i = 0; i < n; i++)
        gradient[i] = gradients[first[i]];
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        columns[kind] = values[kind] != NULL ? block[kind] : NULL;
        for (size_t i = 0; values[kind] != NULL && i < n; i++)
            block[kind][i] = values[kind][merge->rows[first[i]]];
    }
    optim->vec->update(columns[0], columns[1], columns[2], columns[3], gradient,
                       &optim->update, n);
    for (size_t kind = 0; kind < N_KINDS; kind++)
        for (size_t i = 0; values[kind] != NULL && i < n; i++)
            values[kind][merge->rows[first[i]]] = block[kind][i];
}

/*
 * Moves the rows of one task, ROWS_EACH distinct rows of a parameter (fewer in the last
 * task), and updates their slots. context is an update_job. Begins to load each row and
 * its slots into the cache ROWS_AHEAD rows before it moves the row. It is a task of the
 * pool.
 */
static void update_rows(void *context, size_t task, size_t worker)
{
    const update_job *job = context;
    const g4r_merge *merge = job->merge;
    size_t begin = task * ROWS_EACH, end = G4R_MIN(begin + ROWS_EACH, job->n);
    (void)worker;
    for (size_t ahead = begin; ahead < end + ROWS_AHEAD; ahead++) {
        if (ahead < end)
            g4r_optim_prefetch(job->optim, job->param,
                               (size_t)merge->rows[merge->first[ahead]], true);
        if (ahead < begin + ROWS_AHEAD)
            continue;
        size_t first = (size_t)merge->first[ahead - ROWS_AHEAD];
        size_t at = (size_t)merge->rows[first] * job->cols;
        update_values(job->optim, job->param, at, job->gradients + first * job->cols,
                      job->cols);
    }
}

void g4r_optim_rows(g4r_optim *optim, g4r_pool *pool, size_t param,
                    const g4r_real *gradients, const g4r_merge *merge, size_t n_distinct)
{
    size_t cols = (size_t)optim->training->model->params.list[param].cols;
    update_job job = {optim, param, cols, gradients, merge, n_distinct};
    if (cols > 1)
        g4r_pool_run(pool, update_rows, &job, (n_distinct + ROWS_EACH - 1) / ROWS_EACH);
    for (size_t i = 0; cols == 1 && i < n_distinct; i += COLUMN_EACH)
        update_block(optim, param, gradients, merge, merge->first + i,
                     G4R_MIN(COLUMN_EACH, n_distinct - i));
}
