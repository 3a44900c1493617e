/*
 * ext_train.c - gru4rec_train(model [, source] [, options]); see ext_train.h.
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
#include "../store/ext_train.h"

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

/* What may differ between the run that stopped and the one that goes on from it. */
static int check_resumable(ext_training *t, const char *given, ext_error *error)
{
    static const char free[] =
        " resume n_epochs patience threads keep_versions keep_optimizer "
        "checkpoint_epochs memory_limit verbose ";
    gru4rec_options options;
    gru4rec_option_info info;
    ext_columns columns = {0};
    gru4rec_options_init(&options);
    int rc = given == NULL ? SQLITE_OK
                           : ext_options_parse(t->db, given, GRU4REC_SCOPE_TRAIN,
                                               &options, &columns, error);
    ext_columns_free(&columns);
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_option_count(); i++) {
        char word[64];
        gru4rec_option_describe(i, &info);
        sqlite3_snprintf(sizeof word, word, " %s ", info.name);
        if (gru4rec_option_is_set(&options, i) && strstr(free, word) == NULL)
            rc = ext_fail(error, SQLITE_ERROR,
                          "resume goes on with the options of the run that stopped; "
                          "leave out %s, or train without resume",
                          info.name);
    }
    return rc;
}

/* Is that the model's own source? A SELECT has got its parentheses there. */
static bool is_stored_source(const ext_training *t, const char *source)
{
    const char *stored = t->config.source;
    if (source == NULL || stored == NULL)
        return source == stored;
    char *wrapped = sqlite3_mprintf("(%s)", source);
    bool is_same =
        strcmp(source, stored) == 0 || (wrapped != NULL && strcmp(wrapped, stored) == 0);
    sqlite3_free(wrapped);
    return is_same;
}

/* The run that resume continues: its options and its source, and what it has done. */
static int take_run(ext_training *t, const char *given, ext_error *error)
{
    int rc = check_resumable(t, given, error);
    if (rc == SQLITE_OK && !t->is_found)
        rc = ext_fail(error, SQLITE_ERROR,
                      "no model '%s' to resume; train it without resume", t->name);
    if (rc == SQLITE_OK)
        rc = ext_run_resume(t->db, t->schema, t->name, &t->run, &t->checkpoint, error);
    gru4rec_options_init(&t->options);
    if (rc == SQLITE_OK)
        rc = ext_options_parse(t->db, t->checkpoint.options, GRU4REC_SCOPE_TRAIN,
                               &t->options, &t->columns, error);
    if (rc == SQLITE_OK && given != NULL)
        rc = ext_options_parse(t->db, given, GRU4REC_SCOPE_TRAIN, &t->options,
                               &t->columns, error);
    t->options.resume = false; /* the version is the one that never stopped */
    t->saved = t->checkpoint.epoch;
    const char *source = t->checkpoint.source;
    if (rc == SQLITE_OK && t->text == NULL && !is_stored_source(t, source))
        rc = ext_fail(error, SQLITE_ERROR,
                      "the run to resume was trained on %.80s; name that source as the "
                      "second argument",
                      source);
    return rc;
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
    if (rc == SQLITE_OK && t->options.resume)
        rc = take_run(t, options, error);
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

/* warm_start: items that have no events any more stay in the catalogue, behind the others.
 */
static int add_gone_items(ext_training *t, ext_error *error)
{
    int rc = ext_model_acquire(t->connection, t->schema, t->name, &t->active, error);
    if (rc != SQLITE_OK)
        return rc;
    const gru4rec_items *old = t->active->items;
    gru4rec_status status = GRU4REC_OK;
    for (int32_t row = 0; status == GRU4REC_OK && row < gru4rec_items_count(old); row++) {
        gru4rec_id id;
        gru4rec_items_get(old, row, &id);
        if (gru4rec_items_find(t->events.items, &id) < 0)
            status = gru4rec_items_add(t->events.items, &id, 0);
    }
    return ext_fail_library(error, status, NULL);
}

/* A run goes on only with the events that it began with. */
static int take_fingerprint(ext_training *t, ext_error *error)
{
    sqlite3_snprintf(sizeof t->fingerprint, t->fingerprint, "%016llx",
                     (unsigned long long)gru4rec_dataset_fingerprint(t->events.dataset,
                                                                     t->events.items));
    if (t->checkpoint.fingerprint != NULL &&
        strcmp(t->checkpoint.fingerprint, t->fingerprint) != 0)
        return ext_fail(error, SQLITE_ERROR,
                        "the events are not those that the run to resume began with; "
                        "name its source and columns as then, or train anew, with until= "
                        "to leave out what comes later, or with warm_start");
    return SQLITE_OK;
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
        n_data += 2 * dataset_bytes(dataset->validation); /* cut off as a copy */
    if (t->active != NULL) /* what warm_start reads of it, one after the other */
        n_data += 2 * gru4rec_model_bytes(t->active->model);
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

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    ext_training *t = context;
    double now = ext_seconds();
    t->run.epochs[t->run.n_epochs] = *epoch;
    t->run.epoch_seconds[t->run.n_epochs] = now - t->epoch_start;
    t->run.n_epochs++;
    t->epoch_start = now;
    ext_training_show(t);
    return 0;
}

/* ---- where the weights come from ---- */

/* A state of the version, where it was kept; it belongs to the same optimiser. */
static int adopt_state(ext_training *t, const ext_model *active, gru4rec_slot state,
                       bool *is_kept, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_model *kept = NULL;
    const char *name = gru4rec_slot_name(state);
    int rc = ext_tensors_find(t->db, t->schema, t->name, active->version, name, is_kept,
                              error);
    if (rc != SQLITE_OK || !*is_kept)
        return rc;
    rc = ext_fail_library(error,
                          gru4rec_model_new(&ext_allocator, &active->options,
                                            gru4rec_items_count(active->items), &kept,
                                            &message),
                          &message);
    if (rc == SQLITE_OK)
        rc = ext_tensors_load(t->db, t->schema, t->name, active->version, name, kept,
                              error);
    if (rc == SQLITE_OK)
        rc =
            ext_fail_library(error,
                             gru4rec_model_adopt(t->training.slot[state], t->events.items,
                                                 kept, active->items, &message),
                             &message);
    gru4rec_model_free(kept);
    return rc;
}

/* warm_start: the active version's weights, and what its training kept beside them. */
static int adopt_active(ext_training *t, ext_error *error)
{
    gru4rec_error message = {0};
    const ext_model *active = t->active;
    int rc = ext_fail_library(error,
                              gru4rec_model_adopt(t->training.model, t->events.items,
                                                  active->model, active->items, &message),
                              &message);
    if (rc != SQLITE_OK || active->options.adapt != t->options.adapt)
        return rc;
    bool is_whole = true;
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_OPTIMISER_SLOTS; i++) {
        bool is_kept = true;
        if (t->training.slot[i] != NULL)
            rc = adopt_state(t, active, (gru4rec_slot)i, &is_kept, error);
        is_whole = is_whole && is_kept;
    }
    /* Adam's moments begin at zero, and know it by the number of updates. */
    return rc == SQLITE_OK && is_whole
               ? ext_version_updates(t->db, t->schema, t->name, active->version,
                                     &t->training.updates, error)
               : rc;
}

/* resume: all that the run had when it wrote its checkpoint. */
static int adopt_checkpoint(ext_training *t, ext_error *error)
{
    ext_run *run = &t->run;
    int rc = ext_tensors_load(t->db, t->schema, t->name, run->version, "",
                              t->training.model, error);
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_SLOTS; i++)
        if (t->training.slot[i] != NULL)
            rc = ext_tensors_load(t->db, t->schema, t->name, run->version,
                                  gru4rec_slot_name((gru4rec_slot)i), t->training.slot[i],
                                  error);
    t->training.updates = run->epochs[run->n_epochs - 1].updates;
    return rc;
}

static int start_weights(ext_training *t, ext_error *error)
{
    gru4rec_error message = {0};
    int rc = ext_fail_library(error,
                              gru4rec_training_new(&ext_allocator, &t->options,
                                                   gru4rec_items_count(t->events.items),
                                                   &t->training, &message),
                              &message);
    if (rc != SQLITE_OK)
        return rc;
    if (t->checkpoint.epoch > 0)
        return adopt_checkpoint(t, error);
    gru4rec_model_init(t->training.model, &t->options);
    return t->options.warm_start ? adopt_active(t, error) : SQLITE_OK;
}

/* Room for the epochs to come, behind those of a run that is continued. */
static int make_room(ext_run *run, size_t n, ext_error *error)
{
    gru4rec_epoch *epochs = sqlite3_realloc64(run->epochs, n * sizeof *epochs);
    if (epochs != NULL)
        run->epochs = epochs;
    double *seconds = sqlite3_realloc64(run->epoch_seconds, n * sizeof *seconds);
    if (seconds != NULL)
        run->epoch_seconds = seconds;
    return epochs != NULL && seconds != NULL ? SQLITE_OK : ext_fail_nomem(error);
}

static int compute(ext_training *t, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_hooks hooks = {on_poll, on_epoch, t};
    ext_run *run = &t->run;
    size_t n_done = run->n_epochs;
    int rc = make_room(run,
                       n_done > (size_t)t->options.n_epochs ? n_done
                                                            : (size_t)t->options.n_epochs,
                       error);
    if (rc == SQLITE_OK)
        rc = start_weights(t, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_progress_start(&t->progress, t->options.verbose);
    t->start = t->epoch_start = ext_seconds();
    rc = ext_fail_library(error,
                          gru4rec_train(&t->training, t->events.dataset,
                                        gru4rec_items_support(t->events.items),
                                        &t->options, run->epochs, n_done, &hooks,
                                        &t->best_epoch, &message),
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
    if (rc == SQLITE_OK && !t->is_alone && t->options.checkpoint_epochs > 0)
        rc = ext_fail(error, SQLITE_ERROR,
                      "inside a transaction a checkpoint could not outlive it; train "
                      "outside, or with checkpoint_epochs=0");
    if (rc == SQLITE_OK)
        rc = read_events(t, error);
    if (rc == SQLITE_OK && t->options.warm_start)
        rc = add_gone_items(t, error);
    if (rc == SQLITE_OK)
        rc = take_fingerprint(t, error);
    if (rc == SQLITE_OK)
        rc = check_memory(t, error);
    if (rc != SQLITE_OK)
        return rc;
    t->run.source = t->text != NULL ? t->text : t->config.source;
    t->run.options = ext_options_json(&t->options, true);
    if (t->run.options == NULL)
        return ext_fail_nomem(error);
    ext_run_start(&t->run);
    if (t->checkpoint.epoch > 0)
        rc = ext_run_claim(t->db, t->schema, t->name, &t->run, &t->checkpoint, error);
    bool is_claimed = rc == SQLITE_OK;
    ext_poll_start(&t->poll, t->db);
    if (rc == SQLITE_OK) {
        ext_training_show(t);
        rc = compute(t, error);
    }
    if (rc == SQLITE_OK)
        rc = ext_training_save(t, error);
    ext_poll_stop(&t->poll);
    if (rc != SQLITE_OK && is_claimed && t->is_alone && t->run.version != 0) {
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
    gru4rec_training_free(&t->training);
    ext_model_release(t->active);
    ext_checkpoint_free(&t->checkpoint);
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
