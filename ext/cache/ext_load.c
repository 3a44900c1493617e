/*
 * ext_load.c - loads a version from the database into memory.
 *
 * The contracts are in ext_cache.h. The caller's thread reads the database. If the model
 * is large, a second thread meanwhile does work that needs no SQLite (except its memory):
 * - while the items are read, the model's memory is allocated, because the system gives
 *   it page by page, which takes time;
 * - while the tensors are read, the items are indexed; a third thread checks the chunks
 *   of the tensors (ext_tensor.c).
 * If the model is small, the caller's thread does all this work itself.
 */
#define _POSIX_C_SOURCE 199309L
#include "ext_cache.h"

#include <time.h>

/*
 * With quantize=auto: the size in bytes of a byte copy from which on a version gets one.
 */
enum { BYTES_FROM = 1 << 20 };

static const char loading[] = "loading the model";
static const char smaller[] = "use a model with smaller layers or fewer items";

void ext_load_free(ext_loaded *loaded)
{
    gru4rec_bytes_free(loaded->bytes);
    gru4rec_baseline_free(loaded->neighbours);
    gru4rec_model_free(loaded->model);
    gru4rec_items_free(loaded->items);
    *loaded = (ext_loaded){0};
}

/* ---- jobs of threads ---- */

/*
 * The job that allocates the model of a version and, if is_to_serve and the options want
 * one, the byte copy of its output weights. status and message are its result.
 */
typedef struct making {
    ext_loaded *loaded;
    int32_t n_items;
    bool is_to_serve;
    gru4rec_status status;
    gru4rec_error message;
} making;

/*
 * Tells whether the options want a byte copy of the output weights: the option quantize
 * is on, or it is auto and the copy would have BYTES_FROM bytes or more. loaded->model
 * must exist.
 */
static bool wants_bytes(const ext_loaded *loaded)
{
    return loaded->options.quantize == GRU4REC_ON ||
           (loaded->options.quantize == GRU4REC_AUTO &&
            gru4rec_bytes_size(loaded->model) >= BYTES_FROM);
}

/*
 * Does the job making (context): allocates loaded->model, without weights, and
 * loaded->bytes, without rows, if the version is to be served with a byte copy. Sets
 * job->status to the first failure, or GRU4REC_OK.
 */
static void make(void *context, size_t i)
{
    making *job = context;
    ext_loaded *loaded = job->loaded;
    (void)i;
    job->status = gru4rec_model_new(&ext_memory, &loaded->options, job->n_items,
                                    &loaded->model, &job->message);
    if (job->status == GRU4REC_OK && job->is_to_serve && wants_bytes(loaded))
        job->status = gru4rec_bytes_new(&ext_memory, loaded->model, &loaded->bytes);
}

/*
 * The job that indexes the items by their ids. status is its result. The caller sets
 * is_stopped to stop it.
 */
typedef struct indexing {
    gru4rec_items *items;
    ext_poll *poll; /* NULL in a second thread, which must not call SQLite */
    _Atomic bool is_stopped;
    gru4rec_status status;
} indexing;

/*
 * Tells the library whether to stop indexing: load_weights() set is_stopped, or, where
 * the caller's own thread indexes, there is an interrupt.
 */
static bool is_indexing_over(void *context)
{
    indexing *job = context;
    return atomic_load(&job->is_stopped) ||
           (job->poll != NULL && ext_poll_check(job->poll));
}

/*
 * Does the job indexing (context): indexes the items by id, and puts the result into
 * job->status: GRU4REC_INVALID if an id occurs twice, GRU4REC_INTERRUPTED if
 * is_indexing_over() said to stop.
 */
static void index_items(void *context, size_t i)
{
    indexing *job = context;
    (void)i;
    job->status = gru4rec_items_index(job->items, is_indexing_over, job);
}

/*
 * Waits until the worker has no work left, and looks for an interrupt every millisecond.
 * SQLITE_INTERRUPT: the user interrupted the wait; the worker may still be at work, and
 * this function does not stop it.
 */
static int wait_for(ext_worker *worker, ext_poll *poll, ext_error *error)
{
    const struct timespec pause = {0, 1000000};
    while (!ext_worker_is_idle(worker)) {
        if (ext_poll_check(poll))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
        nanosleep(&pause, NULL);
    }
    return SQLITE_OK;
}

/* ---- a version ---- */

/*
 * Reads the n items of a version into loaded->items, and sets *sum to the checksum of the
 * items. A worker meanwhile allocates loaded->model, and loaded->bytes if it is needed;
 * this function waits for its end. is_large: the worker has a thread of its own; else it
 * works before the items are read. Errors: those of ext_item_load(); then those of the
 * worker.
 */
static int load_items(ext_loaded *loaded, uint64_t *sum, const ext_home *home,
                      int64_t version, int32_t n, bool is_to_serve, bool is_large,
                      ext_error *error)
{
    making job = {.loaded = loaded, .n_items = n, .is_to_serve = is_to_serve};
    ext_worker maker;
    ext_worker_start(&maker, make, &job, is_large);
    ext_worker_ready(&maker, 1);
    int rc = ext_item_load(&loaded->items, sum, home, version, n, error);
    ext_worker_finish(&maker);
    return rc == SQLITE_OK ? ext_error_library(error, job.status, &job.message) : rc;
}

/*
 * Reads the weights of the version into loaded->model, and fills in loaded->bytes if it
 * is not NULL, while a worker indexes the items by id. Then waits for the worker. If the
 * weights cannot be read, or an interrupt ends that wait, the worker stops indexing
 * before this function returns. is_large: as for load_items(). Errors: those of
 * ext_tensor_load(); SQLITE_INTERRUPT; SQLITE_CORRUPT_VTAB if an id occurs twice.
 */
static int load_weights(ext_loaded *loaded, const ext_home *home, int64_t version,
                        bool is_large, ext_error *error)
{
    indexing job = {.items = loaded->items};
    ext_worker indexer;
    ext_poll poll;
    ext_poll_start(&poll, home->db);
    ext_worker_start(&indexer, index_items, &job, is_large);
    job.poll = indexer.is_threaded ? NULL : &poll;
    ext_worker_ready(&indexer, 1);
    int rc = ext_tensor_load(loaded->model, loaded->bytes, home, version, "", error);
    if (rc == SQLITE_OK)
        rc = wait_for(&indexer, &poll, error);
    atomic_store(&job.is_stopped, rc != SQLITE_OK);
    ext_worker_finish(&indexer);
    ext_poll_stop(&poll);
    return rc == SQLITE_OK ? ext_item_fail(home, job.status, error) : rc;
}

/*
 * Does nothing if the version does not blend (option blend is 0). Else reads the sessions
 * that it blends with, from n items, fits loaded->neighbours to them, frees the sessions
 * again, and sets loaded->blend. SQLITE_ERROR: the limits of memory do not allow it
 * (ext_budget.c). Other errors: those of ext_blend_load() and ext_blend_fit().
 */
static int load_neighbours(ext_loaded *loaded, const ext_home *home, int64_t version,
                           int32_t n, ext_error *error)
{
    static const char fewer[] = "train it with a smaller blend_sessions, or with blend=0";
    gru4rec_dataset *sessions;
    ext_budget budget; /* started anew: the model now counts as used memory */
    if (!(loaded->options.blend > 0))
        return SQLITE_OK;
    ext_budget_start(&budget, INT64_MAX);
    int rc = ext_blend_load(&sessions, &budget, home, version, n, error);
    if (rc == SQLITE_OK)
        rc = ext_budget_check(&budget, ext_blend_fit_bytes(sessions, n), loading, fewer,
                              error);
    if (rc == SQLITE_OK)
        rc = ext_blend_fit(&loaded->neighbours, &ext_memory, sessions, n, home->db, NULL,
                           error);
    gru4rec_dataset_free(sessions);
    loaded->blend = (gru4rec_blend){loaded->neighbours, loaded->options.blend,
                                    (int32_t)loaded->options.state_items};
    return ext_budget_explain(&budget, loading, fewer, error);
}

/*
 * Loads the n items, the weights and the byte copy of a version, but not its neighbours.
 * Compares the checksum of the whole version last, because the checks of the single parts
 * give more exact messages. Then finishes the byte copy; if the output weights are not
 * all finite, frees it and sets loaded->bytes to NULL, which is no error.
 */
static int load_all(ext_loaded *loaded, const ext_home *home, int64_t version, int32_t n,
                    bool is_to_serve, bool is_large, ext_error *error)
{
    uint64_t sum;
    int rc = load_items(loaded, &sum, home, version, n, is_to_serve, is_large, error);
    if (rc == SQLITE_OK)
        rc = load_weights(loaded, home, version, is_large, error);
    if (rc == SQLITE_OK)
        rc = ext_sum_check(home, version, sum, error);
    if (rc == SQLITE_OK && loaded->bytes != NULL &&
        !gru4rec_bytes_finish(loaded->bytes)) {
        gru4rec_bytes_free(loaded->bytes);
        loaded->bytes = NULL;
    }
    return rc;
}

int ext_load_version(ext_loaded *loaded, const ext_home *home, int64_t version,
                     bool is_to_serve, ext_error *error)
{
    int32_t n;
    if (ext_version_options(&loaded->options, home, version, error) != SQLITE_OK ||
        ext_item_count(&n, home, version, error) != SQLITE_OK)
        return error->rc;
    if (n == 0)
        return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                             "model '%s' is damaged: it has no items; "
                             "restore the database from a backup or train again",
                             home->name);
    const size_t n_bytes = gru4rec_model_value_bytes(&loaded->options, n);
    const bool is_large = n_bytes >= EXT_WORKER_FROM;
    ext_budget budget;
    ext_budget_start(&budget, INT64_MAX);
    if (ext_tensor_check_size(home, version, n_bytes, error) == SQLITE_OK &&
        ext_budget_check(&budget, n_bytes, loading, smaller, error) == SQLITE_OK &&
        load_all(loaded, home, version, n, is_to_serve, is_large, error) == SQLITE_OK)
        load_neighbours(loaded, home, version, n, error);
    return ext_budget_explain(&budget, loading, smaller, error);
}
