/*
 * ext_train_data.c - reads the events to train on, and compares the memory that the
 * training needs with the limits; see ext_train.h.
 */
#include "ext_train.h"

#include <string.h>

enum { N_LONGEST = 3 }; /* number of long sessions that a warning names, at most */

/*
 * Two parts of the message that a memory limit is reached: what needs the memory
 * (training), and what the user can do (smaller).
 */
static const char training[] = "training";
static const char smaller[] = "use smaller layers, batch_size or n_sample";

/* Returns the number of events of the session with that index in the dataset. */
static int64_t length_of(const gru4rec_dataset *dataset, int64_t session)
{
    return dataset->offsets[session + 1] - dataset->offsets[session];
}

/*
 * Keeps the N_LONGEST longest sessions: inserts the session into longest, their indexes
 * sorted by length, longest first; -1 is an empty place. A session stands behind other
 * sessions of the same length. If the array is full, the last one is dropped, which can
 * be the new session.
 */
static void add_longest(int64_t longest[N_LONGEST], const gru4rec_dataset *dataset,
                        int64_t session)
{
    const int64_t length = length_of(dataset, session);
    int at = N_LONGEST;
    for (;
         at > 0 && (longest[at - 1] < 0 || length_of(dataset, longest[at - 1]) < length);
         at--)
        if (at < N_LONGEST)
            longest[at] = longest[at - 1];
    if (at < N_LONGEST)
        longest[at] = session;
}

/*
 * Tells whether the session is long: it has more than three times the events of more than
 * half of all sessions.
 */
static bool is_long(const gru4rec_dataset *dataset, int64_t session)
{
    const int64_t length = length_of(dataset, session);
    int64_t n_much_shorter = 0;
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        n_much_shorter += 3 * length_of(dataset, s) < length;
    return 2 * n_much_shorter > dataset->n_sessions;
}

/*
 * Sets data->longest to a text with names and lengths of the longest sessions, at most
 * N_LONGEST, of those that are long (is_long()). The text is NULL if no session is long.
 */
static int name_longest(ext_train_data *data, ext_error *error)
{
    const ext_events *events = &data->events;
    const gru4rec_dataset *dataset = events->dataset;
    int64_t longest[N_LONGEST] = {-1, -1, -1};
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        add_longest(longest, dataset, s);
    for (int i = 0; i < N_LONGEST && longest[i] >= 0 && is_long(dataset, longest[i]);
         i++) {
        gru4rec_id id;
        ext_show show;
        gru4rec_events_session(events->builder, longest[i], &id);
        sqlite3_str_appendf(text, "%s%s (%lld events)", i > 0 ? ", " : "",
                            ext_show_id(&show, &id),
                            (long long)length_of(dataset, longest[i]));
    }
    const int rc = sqlite3_str_errcode(text);
    data->longest = sqlite3_str_finish(text);
    return rc == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Finds the border of since=last: sets data->last to the active version and its last
 * event. For a resumed run, sets data->last to the border that the run had at its start;
 * on other ranks than rank 0 that is still the active version.
 * Does nothing if the call has no since=last, or the model does not exist. If no version
 * is active, data->last.version is 0. The border is read in the same snapshot as the
 * weights for warm_start, so both belong to one version.
 */
static int find_last(ext_train_data *data, const ext_train_request *request,
                     ext_error *error)
{
    ext_version active = {0};
    if (!ext_since_is_last(&request->options) || !request->is_found)
        return SQLITE_OK;
    if (request->checkpoint.epoch > 0 && ext_train_job_is_first(request)) {
        data->last = request->checkpoint.last;
        return SQLITE_OK;
    }
    int rc = ext_version_find(&active, &request->home, error);
    data->last.version = active.version;
    return rc != SQLITE_OK || active.version == 0
               ? rc
               : ext_window_read_last(&data->last.border, &request->home, active.version,
                                      error);
}

/*
 * Prepares the fingerprints of the new version. With warm_start, reads the fingerprints
 * of the active version into *before, because its sessions count as sessions of the new
 * version too. If the call has no warm_start, no version is active, or that version has
 * no fingerprints, before->is_known is false. *key: out, the key for the new
 * fingerprints: that of the old ones if they are known, else a random key. The caller
 * frees before by ext_fingerprints_free(), also after a failure.
 */
static int find_fingerprints(ext_fingerprints *before, gru4rec_fingerprints_key *key,
                             ext_train_data *data, const ext_train_request *request,
                             ext_error *error)
{
    ext_version active = {0};
    int rc = SQLITE_OK;
    *before = (ext_fingerprints){0};
    if (request->options.warm_start)
        rc = ext_version_find(&active, &request->home, error);
    if (rc == SQLITE_OK && active.version != 0)
        rc = ext_fingerprints_read(before, &data->budget, &request->home, active.version,
                                   error);
    *key = before->is_known ? before->fingerprints.key : ext_fingerprints_key();
    return rc;
}

/*
 * Makes data->fingerprints: the fingerprints of all sessions of this training, of all
 * ranks, and those in before, of earlier trainings. is_partial is stored with them: true
 * means that sessions of earlier trainings are missing, because nobody kept their
 * fingerprints. SQLITE_CORRUPT_VTAB: those in before are damaged. SQLITE_INTERRUPT: the
 * host interrupted the call.
 */
static int make_fingerprints(ext_train_data *data, const ext_fingerprints *before,
                             bool is_partial, const ext_home *home, ext_error *error)
{
    ext_poll poll;
    gru4rec_events *events = data->events.builder;
    gru4rec_error message = {0};
    int64_t n;
    ext_poll_start(&poll, home->db);
    ext_poll_join(&poll, home->connection->ranks);
    gru4rec_status status =
        gru4rec_fingerprints_unite(events, data->events.dataset,
                                   ext_ranks_hooks(data->ranks), ext_poll_is_stopped,
                                   &poll, &n, &message);
    if (ext_error_library(error, status, &message) == SQLITE_OK) {
        status = gru4rec_fingerprints_new(events, n,
                                          before->is_known ? &before->fingerprints : NULL,
                                          is_partial, ext_poll_is_stopped, &poll,
                                          &data->fingerprints, &data->n_fingerprints);
        ext_fingerprints_library(before, status, home, error);
    }
    ext_poll_stop(&poll);
    return error->rc;
}

/*
 * Reads the events from the open source (data->source) into sessions (data->events), and
 * makes what depends on the ids of sessions: the names of the longest sessions (if there
 * are events), and the fingerprints. Then frees these ids (events->builder becomes NULL),
 * also after a failure. With option blend, the dataset also keeps the times of the
 * events.
 */
static int read_sessions(ext_train_data *data, const ext_train_request *request,
                         ext_error *error)
{
    ext_events *events = &data->events;
    ext_fingerprints before;
    gru4rec_fingerprints_key key;
    const ext_against against = {.key = &key};
    int rc = find_fingerprints(&before, &key, data, request, error);
    if (rc == SQLITE_OK)
        rc = ext_train_ranks_compare(data, request, before.is_known, &key, error);
    if (rc == SQLITE_OK)
        rc = ext_read_events(events, &data->budget, &data->source,
                             &(ext_reading){.options = &request->options,
                                            .last = &data->last,
                                            .against = &against,
                                            .ranks = request->home.connection->ranks,
                                            .is_whole = data->ranks == NULL,
                                            .keeps_times = request->options.blend != 0},
                             error);
    const gru4rec_dataset *dataset = events->dataset;
    if (rc == SQLITE_OK && dataset->n_events > 0)
        rc = name_longest(data, error);
    if (rc == SQLITE_OK)
        rc = make_fingerprints(data, &before,
                               request->options.warm_start && !before.is_known,
                               &request->home, error);
    ext_fingerprints_free(&before);
    gru4rec_events_free(events->builder); /* nobody needs the ids of sessions again */
    events->builder = NULL;
    return rc;
}

/*
 * Opens the source of the call, or else the model's own, as data->source, which stays
 * open; reads its events into sessions (read_sessions()); and checks that there is
 * something to learn from those of all ranks.
 */
static int read_events(ext_train_data *data, const ext_train_request *request,
                       ext_error *error)
{
    const gru4rec_options *options = &request->options;
    int rc = ext_config_open_source(&request->config, &request->home, request->source,
                                    &request->columns, &data->source, error);
    if (rc == SQLITE_OK)
        rc = read_sessions(data, request, error);
    if (rc == SQLITE_OK)
        rc = ext_train_counts_unite(data, options, error);
    return rc == SQLITE_OK ? ext_train_counts_check(&data->counts, options, error) : rc;
}

/*
 * Gets the sessions of the other ranks, so that this one has all (request->is_whole). If
 * it has them already, does nothing.
 */
static int complete_events(ext_train_data *data, const ext_home *home, ext_error *error)
{
    ext_poll poll;
    gru4rec_error message = {0};
    ext_poll_start(&poll, home->db);
    ext_poll_join(&poll, home->connection->ranks);
    const gru4rec_status status =
        gru4rec_dataset_complete(data->events.dataset, ext_ranks_hooks(data->ranks),
                                 ext_poll_is_stopped, &poll, &message);
    ext_poll_stop(&poll);
    data->ranks = NULL;
    return ext_error_library(error, status, &message);
}

/*
 * With warm_start: acquires the active version as data->active, and adds its items to the
 * catalogue. Items without an event in this training are appended behind the others. Each
 * item of the active version adds its support, times support_decay, to its support here.
 * An item whose id is an empty text is left out, unless the option keep_empty is set.
 * SQLITE_INTERRUPT: the host interrupted the call.
 */
static int inherit_items(ext_train_data *data, const ext_train_request *request,
                         ext_error *error)
{
    int rc = ext_model_acquire(&data->active, &request->home, error);
    if (rc != SQLITE_OK)
        return rc;
    const gru4rec_items *old = data->active->loaded.items;
    const int64_t *support = gru4rec_items_support(old);
    gru4rec_status status = GRU4REC_OK;
    ext_poll poll;
    ext_poll_start(&poll, request->home.db);
    ext_poll_join(&poll, request->home.connection->ranks);
    for (int32_t row = 0; status == GRU4REC_OK && row < gru4rec_items_count(old); row++) {
        gru4rec_id id;
        gru4rec_items_get(old, row, &id);
        const bool is_item = request->options.keep_empty || !ext_value_is_empty(&id);
        if (is_item)
            status = gru4rec_items_inherit(data->events.items, &id, support[row],
                                           request->options.support_decay);
        if (status == GRU4REC_OK && row % 1024 == 0 && ext_poll_check(&poll))
            status = GRU4REC_INTERRUPTED;
    }
    ext_poll_stop(&poll);
    return ext_error_library(error, status, NULL);
}

/*
 * Sets data->fingerprint to the hash of all events and items, of all ranks. Compares it
 * with the hash in the checkpoint, because a resumed run must have the same events as at
 * its start. Compares nothing if the run is new (the checkpoint has no hash).
 * SQLITE_ERROR: they differ.
 */
static int take_fingerprint(ext_train_data *data, const ext_train_request *request,
                            ext_error *error)
{
    const ext_events *events = &data->events;
    const ext_checkpoint *checkpoint = &request->checkpoint;
    uint64_t hash = gru4rec_dataset_fingerprint(events->dataset, events->items);
    if (ext_train_meet_hash(&hash, data->ranks, error) != SQLITE_OK)
        return error->rc;
    sqlite3_snprintf(sizeof data->fingerprint, data->fingerprint, "%016llx",
                     (unsigned long long)hash);
    if (checkpoint->fingerprint == NULL ||
        strcmp(checkpoint->fingerprint, data->fingerprint) == 0)
        return SQLITE_OK;
    return ext_error_set(
        error, SQLITE_ERROR,
        "the events are not those that the run to resume began with; "
        "give the same source and columns as then, or train without resume: "
        "with until= to leave out newer events, or with warm_start");
}

/* Returns a + b, or SIZE_MAX if the sum is larger than that. */
static size_t add_bytes(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/*
 * Returns the bytes that the training still needs in addition to what is in memory: the
 * training itself, the measuring of sessions that are held out, the choice of the
 * strength of the blend, and what warm_start takes of the active version. SIZE_MAX: more
 * than that.
 */
static size_t count_bytes(const ext_train_data *data, const gru4rec_options *options)
{
    const gru4rec_dataset *dataset = data->events.dataset;
    const int32_t n_items = gru4rec_items_count(data->events.items);
    size_t n = ext_ranks_hooks(data->ranks) == NULL
                   ? gru4rec_train_bytes(options, n_items, dataset->n_sessions)
                   : gru4rec_train_rank_bytes(options, n_items, dataset->n_sessions,
                                              ext_ranks_count(data->ranks));
    if (dataset->validation != NULL)
        n = add_bytes(n, gru4rec_evaluate_bytes(options, n_items, dataset->validation));
    n = add_bytes(n, ext_train_blend_bytes(data, options));
    if (data->active != NULL) /* the weights, and one slot at a time */
        n = add_bytes(n, 2 * gru4rec_model_bytes(data->active->loaded.model));
    if (data->active != NULL && data->active->loaded.neighbours != NULL)
        n = add_bytes(n, gru4rec_baseline_size(data->active->loaded.neighbours));
    return n;
}

/*
 * Checks that the stored configuration of the model is still the one that the request has
 * read. Does nothing if the model does not exist. SQLITE_BUSY: gru4rec_configure()
 * changed it meanwhile, so the request may not fit the model; the user can train again.
 * The reason: without a transaction of the user there is no lock between the two
 * readings.
 */
static int check_config(const ext_train_request *request, ext_error *error)
{
    ext_config now = {0};
    if (request->is_found && ext_config_read(&now, &request->home, error) == SQLITE_OK &&
        !ext_config_is_same(&now, &request->config))
        ext_error_set(error, SQLITE_BUSY,
                      "model '%s' was configured anew while this training began; "
                      "train again",
                      request->home.name);
    ext_config_free(&now);
    return error->rc;
}

int ext_train_data_read(ext_train_data *data, const ext_train_request *request,
                        const ext_run *run, ext_error *error)
{
    const bool is_one_source = request->options.shard == GRU4REC_SHARD_AUTO;
    *data = (ext_train_data){0};
    if (!request->is_whole || !is_one_source)
        data->ranks = request->home.connection->ranks;
    ext_budget_start(&data->budget, request->options.memory_limit);
    int rc = request->is_found
                 ? ext_snapshot_start(&data->snapshot, &request->home, error)
                 : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = check_config(request, error);
    if (rc == SQLITE_OK && request->checkpoint.status != NULL)
        rc = ext_run_check_checkpoint(run->alive.run, &request->checkpoint,
                                      &request->home, error);
    if (rc == SQLITE_OK)
        rc = find_last(data, request, error);
    if (rc == SQLITE_OK)
        rc = read_events(data, request, error);
    if (rc == SQLITE_OK && request->is_whole)
        rc = complete_events(data, &request->home, error);
    if (rc == SQLITE_OK && request->options.warm_start)
        rc = inherit_items(data, request, error);
    if (rc == SQLITE_OK)
        rc = take_fingerprint(data, request, error);
    if (rc == SQLITE_OK)
        rc = ext_train_blend_sessions(data, request, error);
    if (rc == SQLITE_OK)
        rc = ext_train_ranks_compare_items(data, error);
    if (rc != SQLITE_OK)
        return ext_train_data_explain(data, error);
    const size_t n_bytes = count_bytes(data, &request->options);
    data->is_read = true;
    data->n_bytes = add_bytes(n_bytes, (size_t)data->budget.used);
    return ext_budget_check(&data->budget, n_bytes, training, smaller, error);
}

int ext_train_data_explain(const ext_train_data *data, ext_error *error)
{
    return ext_budget_explain(&data->budget, training, smaller, error);
}

void ext_train_data_free(ext_train_data *data)
{
    ext_snapshot_end(&data->snapshot);
    ext_model_release(data->active);
    sqlite3_free(data->longest);
    sqlite3_free(data->events_of_ranks);
    sqlite3_free(data->idle);
    gru4rec_dataset_free(data->latest);
    if (data->fingerprints != NULL)
        data->budget.allocator.resize(&data->budget, data->fingerprints, 0);
    ext_read_free(&data->events);
    ext_source_close(&data->source);
}
