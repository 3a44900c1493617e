/*
 * ext_train.c - gru4rec_train(model [, source] [, options]); see ext_int.h.
 *
 * 1. A second argument that is a SELECT, or neither starts with { nor holds a =, is a
 * source; else options. Both override the stored ones for this run.
 * 2. A model that does not exist is created when a source is given.
 * 3. What cannot work is refused before anything is read: a read-only database,
 * query_only, a second training on this connection, a call beside a table or inside a
 * write.
 * 4. Events are read once into memory; then no statement and no transaction of ours is
 * open. Inside the user's transaction the write lock is taken first, so that the end
 * cannot fail.
 * 5. Interrupts and the host's progress handler stop it between two steps.
 * 6. The new version is written in one savepoint and becomes active in it; whatever fails
 *    leaves the version before it serving.
 * 7. Gives a JSON summary. Restores last_insert_rowid().
 */
#define _DEFAULT_SOURCE /* sysconf(_SC_PHYS_PAGES) */
#include "ext_int.h"

#include <string.h>
#include <unistd.h>

typedef struct training {
    ext_connection *connection;
    sqlite3 *db;
    char *schema, *name;
    bool is_found; /* the model exists */
    ext_config config;
    const char *text; /* source given for this run, or NULL */
    gru4rec_options options;
    ext_columns columns;
    ext_source source;
    ext_events events;
    gru4rec_model *model;
    ext_poll poll;
    ext_progress progress;
    ext_run run;
    bool
        is_alone; /* no transaction of the user's is open: what is written is committed */
    double start, epoch_start;
    size_t n_bytes; /* that the training needs */
} training;

/* ---- before: arguments, and whether it can work at all ---- */

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

static int take_arguments(training *t, int argc, sqlite3_value **argv, ext_error *error)
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

static bool is_query_only(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    bool is_on =
        sqlite3_prepare_v2(db, "PRAGMA query_only", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) != 0;
    sqlite3_finalize(stmt);
    return is_on;
}

/*
 * Inside a transaction: takes the write lock, which the transaction then keeps, by
 * writing the user_version that the file has already. A change that were rolled back
 * would end other statements of the connection.
 */
static int take_lock(training *t, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int user_version = 0;
    int rc = ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_prepare(t->db, sqlite3_mprintf("PRAGMA \"%w\".user_version", t->schema),
                     &stmt, error);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        user_version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (rc == SQLITE_OK)
        rc = ext_exec(t->db,
                      sqlite3_mprintf("PRAGMA \"%w\".user_version = %d", t->schema,
                                      user_version),
                      error);
    if (ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error) != SQLITE_OK)
        rc = error->rc;
    return rc;
}

static int check_circumstances(training *t, ext_error *error)
{
    ext_error probe = {0};
    if (sqlite3_db_readonly(t->db, t->schema) == 1 || is_query_only(t->db))
        return ext_fail(error, SQLITE_READONLY,
                        "the database is read-only here; train on a connection that can "
                        "write");
    if (t->is_alone) {
        if (sqlite3_txn_state(t->db, NULL) != SQLITE_TXN_NONE)
            return ext_fail(error, SQLITE_ERROR,
                            "training beside a table, or while another statement of this "
                            "connection runs, would keep the database locked; run SELECT "
                            "gru4rec_train(...) by itself, without FROM");
        if (ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), &probe) == SQLITE_OK)
            return ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error);
    } else if (take_lock(t, &probe) == SQLITE_OK) {
        return SQLITE_OK;
    }
    ext_fail(
        error, probe.rc,
        "training cannot write its result here (%s); run SELECT gru4rec_train(...) by "
        "itself, outside other statements and transactions",
        probe.message != NULL ? probe.message + 9 : "out of memory");
    ext_error_clear(&probe);
    return error->rc;
}

/* ---- the events, and the memory that they need ---- */

static int read_events(training *t, ext_error *error)
{
    int rc = ext_store_source(t->db, t->schema, t->name, &t->config, t->text, &t->columns,
                              &t->source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_read(t->db, &t->source, NULL, &t->events, error);
    gru4rec_events_free(t->events.builder); /* the sessions' ids are not needed again */
    t->events.builder = NULL;
    if (rc == SQLITE_OK && t->events.dataset->n_events == 0)
        rc = ext_fail(error, SQLITE_ERROR,
                      "the source has no events (%lld rows lack a session, an item or a "
                      "time); train when there are some",
                      (long long)t->events.n_null);
    return rc;
}

static int check_memory(training *t, ext_error *error)
{
    const gru4rec_dataset *dataset = t->events.dataset;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double limit =
        t->options.memory_limit > 0 ? (double)t->options.memory_limit : 0.8 * machine;
    t->n_bytes = gru4rec_train_bytes(&t->options, gru4rec_items_count(t->events.items),
                                     dataset->n_sessions);
    size_t n_data = (size_t)dataset->n_events * sizeof *dataset->item_rows +
                    (size_t)dataset->n_sessions * sizeof *dataset->offsets;
    t->n_bytes = t->n_bytes > SIZE_MAX - n_data ? SIZE_MAX : t->n_bytes + n_data;
    if ((double)t->n_bytes > limit)
        return ext_fail(
            error, SQLITE_ERROR,
            "training needs %.3g MB of memory and may use %.3g MB; use smaller "
            "layers, batch_size or n_sample, or raise memory_limit",
            (double)t->n_bytes / 1e6, limit / 1e6);
    return SQLITE_OK;
}

/* ---- the work ---- */

static int on_poll(void *context, const gru4rec_progress *progress)
{
    training *t = context;
    ext_progress_show(&t->progress, progress);
    return ext_poll_check(&t->poll);
}

/*
 * Rows for whoever watches: each commits by itself. When another writer is in the way
 * they are written with the next epoch's, or at the end.
 */
static void show_run(training *t)
{
    ext_error ignored = {0};
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(t->db);
    if (!t->is_alone || !t->is_found)
        return;
    if (t->run.version == 0)
        ext_run_begin(t->db, t->schema, t->name, &t->run, &ignored);
    if (t->run.version != 0)
        ext_run_epochs(t->db, t->schema, t->name, &t->run, &ignored);
    ext_error_clear(&ignored);
    sqlite3_set_last_insert_rowid(t->db, rowid);
}

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    training *t = context;
    double now = ext_seconds();
    t->run.epochs[t->run.n_epochs] = *epoch;
    t->run.epoch_seconds[t->run.n_epochs] = now - t->epoch_start;
    t->run.n_epochs++;
    t->epoch_start = now;
    show_run(t);
    return 0;
}

/* Begins from the active version's weights instead of random ones. */
static int adopt_active(training *t, ext_error *error)
{
    ext_model *active;
    gru4rec_error message = {0};
    if (!t->is_found)
        return ext_fail(error, SQLITE_ERROR,
                        "warm_start needs a trained version to start from; train once "
                        "without it");
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

static int compute(training *t, ext_error *error)
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
    gru4rec_model_init(t->model, t->options.seed);
    if (t->options.warm_start && adopt_active(t, error) != SQLITE_OK)
        return error->rc;

    rc = ext_fail_library(error,
                          gru4rec_train(t->model, t->events.dataset,
                                        gru4rec_items_support(t->events.items),
                                        &t->options, &hooks, &message),
                          &message);
    ext_progress_stop(&t->progress);
    return rc;
}

/* ---- after: the new version ---- */

static int create_model(training *t, ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(t->db);
    gru4rec_option_info info;
    char value[512];
    sqlite3_str_appendf(text, "CREATE VIRTUAL TABLE \"%w\".\"%w\" USING gru4rec(",
                        t->schema, t->name);
    if (ext_source_is_select(t->text))
        sqlite3_str_appendf(text, *t->text == '(' ? "%s" : "(%s)", t->text);
    else
        sqlite3_str_appendf(text, "\"%w\"", t->text);
    sqlite3_str_appendf(text, ", session=\"%w\", item=\"%w\", time=\"%w\"",
                        t->source.columns.session, t->source.columns.item,
                        t->source.columns.time);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (info.scope != GRU4REC_SCOPE_TRAIN || !gru4rec_option_is_set(&t->options, i))
            continue;
        gru4rec_option_text(&t->options, i, value, sizeof value);
        sqlite3_str_appendf(text, ", %s=%s", info.name, value);
    }
    sqlite3_str_appendall(text, ")");
    return ext_exec(t->db, sqlite3_str_finish(text), error);
}

static int make_summary(training *t, ext_error *error)
{
    sqlite3_stmt *stmt;
    const ext_run *run = &t->run;
    const gru4rec_dataset *dataset = t->events.dataset;
    int64_t steps = 0, events = 0;
    double seconds = 0;
    for (size_t i = 0; i < run->n_epochs; i++) {
        steps += run->epochs[i].steps;
        events += run->epochs[i].events;
        seconds += run->epoch_seconds[i];
    }
    int rc = ext_prepare(
        t->db,
        sqlite3_mprintf(
            "SELECT json_object('model', ?1, 'version', 0, 'epochs', ?2, 'steps', "
            "?3, 'events', ?4, 'sessions', ?5, 'items', ?6, 'loss', ?7, "
            "'seconds', ?8, 'events_per_second', ?9, 'threads', 1, "
            "'skipped_events', ?10, 'skipped_sessions', ?11, 'memory_bytes', "
            "?12)"),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, (int64_t)run->n_epochs);
    sqlite3_bind_int64(stmt, 3, steps);
    sqlite3_bind_int64(stmt, 4, dataset->n_events);
    sqlite3_bind_int64(stmt, 5, dataset->n_sessions);
    sqlite3_bind_int64(stmt, 6, gru4rec_items_count(t->events.items));
    sqlite3_bind_double(stmt, 7, run->epochs[run->n_epochs - 1].loss);
    sqlite3_bind_double(stmt, 8, seconds);
    sqlite3_bind_int64(stmt, 9, (int64_t)((double)events / (seconds > 0 ? seconds : 1)));
    sqlite3_bind_int64(stmt, 10, t->events.n_null);
    sqlite3_bind_int64(stmt, 11, dataset->n_single);
    sqlite3_bind_int64(stmt, 12, (int64_t)t->n_bytes);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        t->run.summary = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    if (t->run.summary == NULL)
        rc = ext_fail_db(error, t->db, "writing the summary");
    sqlite3_finalize(stmt);
    return rc;
}

/* Writes everything in one savepoint, but does not release it. */
static int write_version(training *t, ext_error *error)
{
    int rc = SQLITE_OK;
    if (!t->is_found)
        rc = create_model(t, error);
    if (rc == SQLITE_OK)
        rc = ext_runs_sweep(t->db, t->schema, t->name, error);
    if (rc == SQLITE_OK)
        rc = ext_run_finish(t->db, t->schema, t->name, &t->run, t->model, t->events.items,
                            t->options.keep_versions, error);
    return rc;
}

static bool is_busy(const ext_error *error)
{
    return (error->rc & 0xff) == SQLITE_BUSY;
}

/*
 * Waits a moment for whoever is in the way; false when patience is over: as long as the
 * training took, but a minute at least.
 */
static bool wait_for_others(training *t, double since)
{
    double now = ext_seconds(), patience = since - t->start;
    bool is_late = now - since > (patience > 60 ? patience : 60);
    sqlite3_sleep(20);
    return !is_late && !ext_poll_check(&t->poll);
}

/*
 * The commit. In autocommit the outermost RELEASE commits, and while readers hold it up
 * it is tried again with everything still written. Given up, only ROLLBACK ends that
 * transaction, which is ours alone.
 */
static int release_version(training *t, double since, ext_error *error)
{
    ext_error ignored = {0};
    int rc = ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error);
    while (t->is_alone && is_busy(error) && wait_for_others(t, since)) {
        ext_error_clear(error);
        rc = ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error);
    }
    if (rc != SQLITE_OK) {
        ext_exec(t->db, sqlite3_mprintf(t->is_alone ? "ROLLBACK" : "ROLLBACK TO gru4rec"),
                 &ignored);
        ext_error_clear(&ignored);
        if (!t->is_alone)
            ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), &ignored);
        ext_error_clear(&ignored);
    }
    return rc;
}

static int save(training *t, ext_error *error)
{
    ext_error ignored = {0};
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(t->db);
    double since = ext_seconds();
    int rc = make_summary(t, error);
    bool is_again = rc == SQLITE_OK;
    while (is_again) {
        ext_error_clear(error);
        rc = ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), error);
        if (rc != SQLITE_OK)
            break;
        rc = write_version(t, error);
        if (rc == SQLITE_OK) {
            rc = release_version(t, since, error);
            break;
        }
        ext_exec(t->db, sqlite3_mprintf("ROLLBACK TO gru4rec"), &ignored);
        ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), &ignored);
        ext_error_clear(&ignored);
        is_again = t->is_alone && is_busy(error) && wait_for_others(t, since);
    }
    sqlite3_set_last_insert_rowid(t->db, rowid);
    return rc;
}

/* ---- the function ---- */

static int run(training *t, int argc, sqlite3_value **argv, ext_error *error)
{
    int rc = take_arguments(t, argc, argv, error);
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&t->options, error);
    if (rc == SQLITE_OK)
        rc = check_circumstances(t, error);
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
        rc = save(t, error);
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
static void mention_serving(training *t, ext_error *error)
{
    ext_error ignored = {0};
    ext_version active;
    if (t->n_bytes == 0 || !t->is_found || error->message == NULL)
        return; /* nothing had begun, or there is no model */
    if (ext_store_active(t->db, t->schema, t->name, &active, &ignored) == SQLITE_OK)
        error->message = sqlite3_mprintf("%z; version %lld of '%s' keeps serving",
                                         error->message, active.version, t->name);
    ext_version_free(&active);
    ext_error_clear(&ignored);
}

static void release(training *t)
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
    training t = {.connection = connection,
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
    for (int n = 1; n <= 3; n++)
        if (sqlite3_create_function_v2(connection->db, "gru4rec_train", n,
                                       SQLITE_UTF8 | SQLITE_DIRECTONLY, connection, train,
                                       NULL, NULL, NULL) != SQLITE_OK)
            return ext_fail_db(error, connection->db, "registering gru4rec_train");
    return SQLITE_OK;
}
