/*
 * ext_load.c - a version from the database into memory; see ext_int.h.
 *
 * Of a large model's time to load a third goes into getting zeroed pages from the system.
 * So a thread of its own does that while the items are read; it touches no SQLite but its
 * memory allocator.
 */
#define _POSIX_C_SOURCE 200112L
#include "ext_int.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* The making of a model in the background. */
typedef struct making {
    const gru4rec_options *options;
    int32_t n_items;
    gru4rec_model *model;
    gru4rec_status status;
    gru4rec_error message;
    pthread_t thread;
    bool is_running;
} making;

static void *make(void *context)
{
    making *m = context;
    m->status =
        gru4rec_model_new(&ext_allocator, m->options, m->n_items, &m->model, &m->message);
    return NULL;
}

/* In this thread where the model is small, or where another cannot be had. */
static void start_making(making *m)
{
    const size_t large = (size_t)64 << 20;
    sigset_t all, before;
    if (sqlite3_threadsafe() &&
        gru4rec_model_value_bytes(m->options, m->n_items) > large) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
        m->is_running = pthread_create(&m->thread, NULL, make, m) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (!m->is_running)
        make(m);
}

static int finish_making(making *m, gru4rec_model **model, ext_error *error)
{
    if (m->is_running)
        pthread_join(m->thread, NULL);
    *model = m->model;
    return ext_fail_library(error, m->status, &m->message);
}

static int read_options(sqlite3 *db, const char *schema, const char *name,
                        ext_version *version, gru4rec_options *options, ext_error *error)
{
    ext_columns columns = {0};
    int rc = ext_store_version(db, schema, name, version, error);
    gru4rec_options_init(options);
    if (rc == SQLITE_OK)
        rc = ext_options_parse(db, version->options, GRU4REC_SCOPE_TRAIN, options,
                               &columns, error);
    ext_columns_free(&columns);
    return rc == SQLITE_OK ? ext_options_resolve(options, error) : rc;
}

int ext_load_version(sqlite3 *db, const char *schema, const char *name,
                     ext_version *version, ext_model *model, ext_error *error)
{
    making m = {.options = &model->options};
    int rc = read_options(db, schema, name, version, &model->options, error);
    if (rc == SQLITE_OK)
        rc = ext_store_items_count(db, schema, name, version->version, &m.n_items, error);
    if (rc == SQLITE_OK && m.n_items == 0)
        rc = ext_fail(error, SQLITE_CORRUPT_VTAB,
                      "model '%s' is damaged: it has no items", name);
    if (rc == SQLITE_OK)
        rc = ext_tensors_check_size(db, schema, name, version->version,
                                    gru4rec_model_value_bytes(&model->options, m.n_items),
                                    error);
    if (rc != SQLITE_OK)
        return rc;
    start_making(&m);
    rc = ext_store_items_load(db, schema, name, version->version, m.n_items,
                              &model->items, error);
    finish_making(&m, &model->model, error);
    rc = error->rc;
    if (rc == SQLITE_OK)
        rc =
            ext_tensors_load(db, schema, name, version->version, "", model->model, error);
    return rc;
}
