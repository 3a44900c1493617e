/*
 * hall.h - ranks that are threads of this process: the plainest functions for
 * gru4rec_ranks, by which they meet in a hall. It aborts if the ranks call different
 * functions, or if one waits for the others longer than PATIENCE.
 */
#ifndef HALL_H
#define HALL_H

#include "test.h"

#include "../../include/gru4rec.h"

#include <pthread.h>
#include <time.h>

enum { MOST_RANKS = 5, MOST_HALL_LANES = 64, PATIENCE = 600 };

typedef enum hall_kind { GATHER, SUM, SHARE, AGREE } hall_kind;

/* What a rank brings to a meeting. */
typedef struct hall_call {
    hall_kind kind;
    const int32_t *targets, *inputs;
    int32_t m;
    const gru4rec_block *blocks;
    size_t n_blocks, n_losses;
    double *losses;
    const gru4rec_real *rows;
    const void *own;
    size_t n;
    bool stop;
} hall_call;

typedef struct hall {
    int32_t n_ranks;
    pthread_mutex_t mutex;
    pthread_cond_t all_came;
    int n_came;
    int64_t n_meetings; /* each has two rounds: all have brought, all have read */
    hall_call calls[MOST_RANKS];
    int64_t fail_at;        /* this meeting fails for all, counted from 1; 0: none */
    bool is_closed;         /* a rank has left: the meetings of the others fail */
    void *lent[MOST_RANKS]; /* by the hook memory; owned */
} hall;

/* One of the threads. */
typedef struct hall_rank {
    hall *hall;
    int32_t rank;
    int64_t n_calls; /* of hooks by this rank */
    int32_t counts[MOST_RANKS];
    int32_t targets[MOST_RANKS * MOST_HALL_LANES], inputs[MOST_RANKS * MOST_HALL_LANES];
} hall_rank;

static inline void hall_start(hall *h, int32_t n_ranks)
{
    memset(h, 0, sizeof *h);
    h->n_ranks = n_ranks;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->all_came, NULL);
}

static inline void hall_end(hall *h)
{
    for (int32_t rank = 0; rank < h->n_ranks; rank++)
        free(h->lent[rank]);
    pthread_cond_destroy(&h->all_came);
    pthread_mutex_destroy(&h->mutex);
}

static inline void hall_give_up(const char *why)
{
    printf("%s: %s\n", test_running, why);
    fflush(stdout);
    abort();
}

/* Waits until all ranks are here; false: one has left. */
static inline bool hall_wait(hall *h)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE;
    pthread_mutex_lock(&h->mutex);
    const int64_t round = h->n_meetings;
    if (++h->n_came == h->n_ranks) {
        h->n_came = 0;
        h->n_meetings++;
        pthread_cond_broadcast(&h->all_came);
    }
    while (h->n_meetings == round && !h->is_closed)
        if (pthread_cond_timedwait(&h->all_came, &h->mutex, &end) != 0)
            hall_give_up("a rank was left waiting");
    const bool is_met = h->n_meetings != round;
    pthread_mutex_unlock(&h->mutex);
    return is_met;
}

/* For a rank that has failed: it comes to no more meetings. */
static inline void hall_leave(hall *h)
{
    pthread_mutex_lock(&h->mutex);
    h->is_closed = true;
    pthread_cond_broadcast(&h->all_came);
    pthread_mutex_unlock(&h->mutex);
}

/*
 * Brings the call, and waits for those of the others. OK: *stop tells whether any rank
 * wants to stop. The caller ends the meeting by hall_wait().
 */
static inline gru4rec_status hall_meet(hall_rank *r, const hall_call *call, bool *stop,
                                       gru4rec_error *error)
{
    hall *h = r->hall;
    h->calls[r->rank] = *call;
    *stop = true;
    if (!hall_wait(h)) {
        if (error != NULL)
            snprintf(error->message, sizeof error->message, "a rank has left");
        return GRU4REC_INVALID;
    }
    r->n_calls++;
    *stop = false;
    for (int32_t i = 0; i < h->n_ranks; i++) {
        if (h->calls[i].kind != call->kind || h->calls[i].n != call->n)
            hall_give_up("the ranks do not make the same calls");
        *stop = *stop || h->calls[i].stop;
    }
    if (h->fail_at == 0 || r->n_calls < h->fail_at)
        return GRU4REC_OK;
    if (error != NULL)
        snprintf(error->message, sizeof error->message, "the hall is closed");
    return GRU4REC_INVALID;
}

static inline gru4rec_status
hall_gather(void *context, const int32_t *targets, const int32_t *inputs, int32_t m,
            const int32_t **counts, const int32_t **all_targets,
            const int32_t **all_inputs, bool *stop, gru4rec_error *error)
{
    hall_rank *r = context;
    const hall_call call = {
        .kind = GATHER, .targets = targets, .inputs = inputs, .m = m, .stop = *stop};
    gru4rec_status status = hall_meet(r, &call, stop, error);
    size_t n = 0;
    for (int32_t i = 0; i < r->hall->n_ranks; i++) {
        const hall_call *c = &r->hall->calls[i];
        r->counts[i] = c->m;
        for (int32_t lane = 0; lane < c->m; lane++) {
            r->targets[n] = c->targets[lane];
            r->inputs[n++] = c->inputs[lane];
        }
    }
    hall_wait(r->hall);
    *counts = r->counts;
    *all_targets = r->targets;
    *all_inputs = r->inputs;
    return status;
}

/* Sets *to to value number k of a block, added up over the ranks in their order. */
static inline void hall_add(gru4rec_real *to, const hall *h, size_t block, size_t k)
{
    gru4rec_real sum = h->calls[0].blocks[block].values[k];
    for (int32_t i = 1; i < h->n_ranks; i++)
        sum += h->calls[i].blocks[block].values[k];
    *to = sum;
}

static inline gru4rec_status hall_sum(void *context, const gru4rec_block *blocks,
                                      size_t n_blocks, double *losses, size_t n_losses,
                                      bool *stop, gru4rec_error *error)
{
    hall_rank *r = context;
    const hall *h = r->hall;
    const hall_call call = {.kind = SUM,
                            .blocks = blocks,
                            .n_blocks = n_blocks,
                            .losses = losses,
                            .n_losses = n_losses,
                            .n = n_blocks,
                            .stop = *stop};
    size_t n = 0, at = 0;
    gru4rec_status status = hall_meet(r, &call, stop, error);
    for (size_t i = 0; i < n_blocks; i++)
        n += blocks[i].n;
    gru4rec_real *sums = malloc((n + 1) * sizeof *sums);
    double *all_losses = calloc(n_losses + 1, sizeof *all_losses);
    if (sums == NULL || all_losses == NULL)
        abort();
    for (size_t i = 0; i < n_blocks; i++)
        for (size_t k = 0; k < blocks[i].n; k++)
            hall_add(&sums[at++], h, i, k);
    for (int32_t rank = 0; rank < h->n_ranks; rank++)
        for (size_t i = 0; i < n_losses; i++)
            all_losses[i] += h->calls[rank].losses[i];
    hall_wait(r->hall);
    at = 0;
    for (size_t i = 0; i < n_blocks; at += blocks[i++].n) {
        memcpy(blocks[i].values, sums + at, blocks[i].n * sizeof *sums);
        if (blocks[i].is_bfloat16)
            gru4rec_round_bfloat16(blocks[i].values, blocks[i].n);
    }
    memcpy(losses, all_losses, n_losses * sizeof *losses);
    free(sums);
    free(all_losses);
    return status;
}

static inline gru4rec_status hall_share_rows(void *context, gru4rec_real *rows,
                                             const int32_t *counts, size_t width,
                                             bool *stop, gru4rec_error *error)
{
    hall_rank *r = context;
    const hall_call call = {.kind = SHARE, .rows = rows, .n = width, .stop = *stop};
    gru4rec_status status = hall_meet(r, &call, stop, error);
    size_t at = 0;
    for (int32_t i = 0; i < r->hall->n_ranks; i++) {
        const size_t n = (size_t)counts[i] * width;
        if (i != r->rank)
            memcpy(rows + at, r->hall->calls[i].rows + at, n * sizeof *rows);
        at += n;
    }
    hall_wait(r->hall);
    return status;
}

static inline gru4rec_status hall_agree(void *context, const void *own, size_t n,
                                        void *all, gru4rec_error *error)
{
    hall_rank *r = context;
    const hall_call call = {.kind = AGREE, .own = own, .n = n};
    bool stop;
    gru4rec_status status = hall_meet(r, &call, &stop, error);
    if (r->hall->is_closed)
        return status;
    for (int32_t i = 0; i < r->hall->n_ranks; i++)
        memcpy((char *)all + (size_t)i * n, r->hall->calls[i].own, n);
    hall_wait(r->hall);
    return status;
}

/* Memory full of NaN, which the sums must overwrite; an odd number of ranks has none. */
static inline gru4rec_real *hall_memory(void *context, size_t n)
{
    hall_rank *r = context;
    void **lent = &r->hall->lent[r->rank];
    const size_t bytes = n * sizeof(gru4rec_real);
    free(*lent);
    *lent = NULL;
    if (r->hall->n_ranks % 2 != 0)
        return NULL;
    if (posix_memalign(lent, 64, bytes > 0 ? bytes : 1) != 0)
        hall_give_up("no memory");
    memset(*lent, 0xff, bytes);
    return *lent;
}

/* The hooks of a rank, which borrow it. */
static inline gru4rec_ranks hall_hooks(hall_rank *r)
{
    return (gru4rec_ranks){.n_ranks = r->hall->n_ranks,
                           .rank = r->rank,
                           .gather = hall_gather,
                           .memory = hall_memory,
                           .sum = hall_sum,
                           .share_rows = hall_share_rows,
                           .agree = hall_agree,
                           .context = r};
}

#endif
