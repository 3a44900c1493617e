/*
 * ext_train.c - gru4rec_train(model [, source] [, options]); see ext_int.h.
 *
 * 1. A second argument that is a SELECT, or neither starts with { nor holds a =, is a
 *    source; else options. Both override the stored ones for this run.
 * 2. A model that does not exist is created when a source is given.
 * 3. What cannot work is refused before anything is read: a read-only database,
 *    query_only, a second training on this connection, a call beside a table or inside
 *    a write.
 * 4. Events are read once into memory; then no statement and no transaction of ours is
 *    open. Inside the user's transaction the write lock is taken first, so that the end
 *    cannot fail.
 * 5. Interrupts and the host's progress handler stop it between two steps.
 * 6. The new version is written in one savepoint and becomes active in it; whatever
 *    fails leaves the version before it serving.
 * 7. Gives a JSON summary. Restores last_insert_rowid().
 */
#define _DEFAULT_SOURCE /* sysconf(_SC_PHYS_PAGES) */
#include "ext_int.h"

#include <string.h>
#include <unistd.h>

/* ---- arguments ---- */

static bool is_options(const char *text)
{
    if (ext_source_is_select(text))
        return false;
    return text[strspn(text, " \t\r\n")] == '{' || strchr(text, '=') != NULL;
}

static const char *text_argument(int argc, sqlite3_value **argv, int i)
{
    return i < argc ? (const char *)sqlite3_value_text(argv[i]) : NULL;
}

static int take_arguments(ext_training *t, int argc, sqlite3_value **argv,
                          ext_error *error)
{
    const char *model = text_argument(argc, argv, 0);
    const char *options = text_argument(argc, argv, 2);
    t->text = text_argument(argc, argv, 1);
    if (argc == 2 && t->text != NULL && is_options(t->text)) {
        options = t->text;
        t->text = NULL;
    }
    if (model == NULL || *model == '\0')
        return ext_fail(error, SQLITE_ERROR,
                        "gru4rec_train() needs the model's name as its first argument");
    int rc = ext_store_find(t->db, model, &t->schema, &t->name, &t->is_found, error);
    if (rc == SQLITE_OK && !t->is_found && t->text == NULL)
        rc =
            ext_fail(error, SQLITE_ERROR,
                     "no model '%s'; name its source of events as the second argument to "
                     "create it",
                     model);
    if (rc == SQLITE_OK && t->is_found)
        rc = ext_store_config(t->db, t->schema, t->name, &t->config, error);
    gru4rec_options_init(&t->options);
    if (rc == SQLITE_OK && t->config.options != NULL)
        rc = ext_options_parse(t->db, t->config.options, GRU4REC_SCOPE_TRAIN, &t->options,
                               &t->columns, error);
    if (rc == SQLITE_OK && options != NULL)
        rc = ext_options_parse(t->db, options, GRU4REC_SCOPE_TRAIN, &t->options,
                               &t->columns, error);
    return rc;
}

/* ---- the events, and the memory that they need ---- */

static int read_events(ext_training *t, ext_error *error)
{
    int rc = ext_store_source(t->db, t->schema, t->name, &t->config, t->text, &t->columns,
                              &t->source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_read(t->db, &t->source, NULL, &t->options, &t->events, error);
    gru4rec_events_free(t->events.builder); /* the sessions' ids are not needed again */
    t->events.builder = NULL;
    if (rc == SQLITE_OK && t->events.dataset->n_events == 0)
        rc = ext_fail(
            error, SQLITE_ERROR,
            "no events are left to train on (%lld rows lack a session, an item or a "
            "time, %lld lie outside since and until, %lld went by min_support and "
            "min_length); train when there are some, or with other options",
            (long long)t->events.n_null, (long long)t->events.n_outside,
            (long long)(t->events.dataset->n_rare + t->events.dataset->n_short));
    return rc;
}

static size_t dataset_bytes(const gru4rec_dataset *dataset)
{
    return (size_t)dataset->n_events * sizeof *dataset->item_rows +
           (size_t)dataset->n_sessions * sizeof *dataset->offsets;
}

static int check_memory(ext_training *t, ext_error *error)
{
    const gru4rec_dataset *dataset = t->events.dataset;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double limit =
        t->options.memory_limit > 0 ? (double)t->options.memory_limit : 0.8 * machine;
    t->n_bytes = gru4rec_train_bytes(&t->options, gru4rec_items_count(t->events.items),
                                     dataset->n_sessions);
    size_t n_data = dataset_bytes(dataset);
    if (dataset->validation != NULL)
        n_data += dataset_bytes(dataset->validation);
    t->n_bytes = t->n_bytes > SIZE_MAX - n_data ? SIZE_MAX : t->n_bytes + n_data;
    if ((double)t->n_bytes > limit)
        return ext_fail(
            error, SQLITE_ERROR,
            "training needs %.3g MB of memory and may use %.3g MB; use smaller "
            "layers, batch_size or n_sample, or raise memory_limit",
            (double)t->n_bytes / 1e6, limit / 1e6);
    return SQLITE_OK;
}

/* Which version serves until this one is done? warm_start starts from it. */
static int find_serving(ext_training *t, ext_error *error)
{
    ext_version active = {0};
    ext_error none = {0};
    if (t->is_found &&
        ext_store_active(t->db, t->schema, t->name, &active, &none) == SQLITE_OK)
        t->serving = active.version;
    ext_version_free(&active);
    ext_error_clear(&none);
    if (t->options.warm_start && t->serving == 0)
        return ext_fail(error, SQLITE_ERROR,
                        "warm_start needs a trained version to start from; train once "
                        "without it");
    return SQLITE_OK;
}

/* ---- the work ---- */

static int on_poll(void *context, const gru4rec_progress *progress)
{
    ext_training *t = context;
    ext_progress_show(&t->progress, progress);
    return ext_poll_check(&t->poll);
}

/*
 * The host's busy timeout, in milliseconds; 0 also where it has a handler of its own,
 * which nobody could put back.
 */
static int busy_timeout(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int timeout = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA busy_timeout", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        timeout = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return timeout;
}

/*
 * Rows for whoever watches: each commits by itself. When somebody is in the way they are
 * written with the next epoch's, or at the end. Nothing waits for them: neither this
 * training, nor those whom a commit that waits for a reader would keep out. A handler of
 * the host's may wait all the same: then not again before ten times as long has passed.
 */
static void show_run(ext_training *t)
{
    ext_error problem = {0};
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(t->db);
    double start = ext_seconds();
    if (!t->is_alone || !t->is_found || start < t->show_after)
        return;
    int timeout = busy_timeout(t->db);
    if (timeout > 0)
        sqlite3_busy_timeout(t->db, 0);
    if (t->run.version == 0)
        ext_run_begin(t->db, t->schema, t->name, &t->run, &problem);
    if (t->run.version != 0)
        ext_run_epochs(t->db, t->schema, t->name, &t->run, &problem);
    if (timeout > 0)
        sqlite3_busy_timeout(t->db, timeout);
    if (problem.rc != SQLITE_OK)
        t->show_after = ext_seconds() + 10 * (ext_seconds() - start);
    ext_error_clear(&problem);
    sqlite3_set_last_insert_rowid(t->db, rowid);
}

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    ext_training *t = context;
    double now = ext_seconds();
    t->run.epochs[t->run.n_epochs] = *epoch;
    t->run.epoch_seconds[t->run.n_epochs] = now - t->epoch_start;
    t->run.n_epochs++;
    t->epoch_start = now;
    show_run(t);
    return 0;
}

/* Begins from the active version's weights instead of random ones. */
static int adopt_active(ext_training *t, ext_error *error)
{
    ext_model *active;
    gru4rec_error message = {0};
    int rc = ext_model_acquire(t->connection, t->schema, t->name, &active, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_fail_library(error,
                          gru4rec_model_adopt(t->model, t->events.items, active->model,
                                              active->items, &message),
                          &message);
    ext_model_release(active);
    return rc;
}

static int compute(ext_training *t, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_hooks hooks = {on_poll, on_epoch, t};
    size_t n_epochs = (size_t)t->options.n_epochs;
    t->run.epochs = sqlite3_malloc64(n_epochs * sizeof *t->run.epochs);
    t->run.epoch_seconds = sqlite3_malloc64(n_epochs * sizeof *t->run.epoch_seconds);
    if (t->run.epochs == NULL || t->run.epoch_seconds == NULL)
        return ext_fail_nomem(error);
    int rc = ext_fail_library(error,
                              gru4rec_model_new(&ext_allocator, &t->options,
                                                gru4rec_items_count(t->events.items),
                                                &t->model, &message),
                              &message);
    if (rc != SQLITE_OK)
        return rc;
    ext_progress_start(&t->progress, t->options.verbose);
    t->start = t->epoch_start = ext_seconds();
    gru4rec_model_init(t->model, &t->options);
    if (t->options.warm_start && adopt_active(t, error) != SQLITE_OK)
        return error->rc;

    rc = ext_fail_library(error,
                          gru4rec_train(t->model, t->events.dataset,
                                        gru4rec_items_support(t->events.items),
                                        &t->options, &hooks, &t->best_epoch, &message),
                          &message);
    ext_progress_stop(&t->progress);
    return rc;
}

/* ---- the function ---- */

static int run(ext_training *t, int argc, sqlite3_value **argv, ext_error *error)
{
    int rc = take_arguments(t, argc, argv, error);
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&t->options, error);
    if (rc == SQLITE_OK)
        rc = find_serving(t, error);
    if (rc == SQLITE_OK)
        rc = ext_training_check(t, error);
    if (rc == SQLITE_OK)
        rc = read_events(t, error);
    if (rc == SQLITE_OK)
        rc = check_memory(t, error);
    if (rc != SQLITE_OK)
        return rc;
    t->run.source = t->text != NULL ? t->text : t->config.source;
    t->run.options = ext_options_json(&t->options, true);
    if (t->run.options == NULL)
        return ext_fail_nomem(error);
    ext_run_start(&t->run);
    ext_poll_start(&t->poll, t->db);
    show_run(t);
    rc = compute(t, error);
    if (rc == SQLITE_OK)
        rc = ext_training_save(t, error);
    ext_poll_stop(&t->poll);
    if (rc != SQLITE_OK && t->is_alone && t->run.version != 0) {
        ext_error ignored = {0};
        ext_run_fail(t->db, t->schema, t->name, &t->run,
                     (rc & 0xff) == SQLITE_INTERRUPT ? "interrupted" : "failed",
                     error->message, &ignored);
        ext_error_clear(&ignored);
    }
    ext_run_stop(&t->run);
    return rc;
}

/* Says which version goes on serving after a failure. */
static void mention_serving(const ext_training *t, ext_error *error)
{
    if (t->n_bytes != 0 && t->serving != 0 && error->message != NULL)
        error->message = sqlite3_mprintf("%z; version %lld of '%s' keeps serving",
                                         error->message, (long long)t->serving, t->name);
}

static void release(ext_training *t)
{
    gru4rec_model_free(t->model);
    ext_events_free(&t->events);
    ext_source_close(&t->source);
    ext_config_free(&t->config);
    ext_columns_free(&t->columns);
    sqlite3_free(t->run.options);
    sqlite3_free(t->run.summary);
    sqlite3_free(t->run.epochs);
    sqlite3_free(t->run.epoch_seconds);
    sqlite3_free(t->schema);
    sqlite3_free(t->name);
}

static void train(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_training t = {.connection = connection,
                      .db = connection->db,
                      .is_alone = sqlite3_get_autocommit(connection->db)};
    ext_error error = {0};
    if (connection->is_training) {
        ext_fail(&error, SQLITE_BUSY,
                 "a training runs on this connection; wait for it, or use another one");
        ext_error_result(&error, context);
        return;
    }
    connection->is_training = true;
    if (run(&t, argc, argv, &error) == SQLITE_OK) {
        sqlite3_result_text(context, t.run.summary, -1, SQLITE_TRANSIENT);
    } else {
        mention_serving(&t, &error);
        ext_error_result(&error, context);
    }
    connection->is_training = false;
    release(&t);
}

int ext_register_train(ext_connection *connection, ext_error *error)
{
    int rc = SQLITE_OK;
    for (int n = 1; n <= 3 && rc == SQLITE_OK; n++)
        rc = ext_register_function(connection, "gru4rec_train", n, SQLITE_DIRECTONLY,
                                   train, error);
    return rc;
}
