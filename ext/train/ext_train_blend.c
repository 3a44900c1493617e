/*
 * ext_train_blend.c - option blend: chooses the sessions that a version blends with, and
 * with blend=auto the strength; see ext_train.h.
 */
#include "ext_train.h"

#include <math.h>

/* ---- the sessions ---- */

/*
 * Loads the sessions that the active version (data->active) blends with into *before, and
 * replaces the rows of their items by those of the new catalogue. Events of items that it
 * does not have (those with an empty id, without keep_empty) are dropped, and so are
 * sessions that have no event left. *before is NULL if the call has no warm_start, or
 * that version does not blend. The memory is from data->budget; the caller frees *before,
 * also after a failure. SQLITE_CORRUPT_VTAB: the sessions are missing or damaged.
 */
static int load_before(gru4rec_dataset **before, ext_train_data *data,
                       const ext_train_request *request, ext_error *error)
{
    const ext_model *active = data->active;
    *before = NULL;
    if (active == NULL || active->loaded.neighbours == NULL)
        return SQLITE_OK;
    const gru4rec_items *items = active->loaded.items;
    if (ext_blend_load(before, &data->budget, &request->home, active->version,
                       gru4rec_items_count(items), error) != SQLITE_OK)
        return error->rc;
    return ext_error_library(error,
                             gru4rec_dataset_map(*before, items, data->events.items),
                             NULL);
}

/*
 * Makes *recent of the sessions of all ranks that can be among the latest; NULL: this
 * process is the only one.
 */
static int unite(gru4rec_dataset **recent, const ext_train_data *data,
                 const ext_train_request *request, ext_poll *poll, ext_error *error)
{
    const gru4rec_ranks *ranks = ext_ranks_hooks(data->ranks);
    gru4rec_error message = {0};
    *recent = NULL;
    if (ranks == NULL)
        return SQLITE_OK;
    const gru4rec_status status =
        gru4rec_latest_unite(data->events.dataset, request->options.blend_sessions, ranks,
                             ext_poll_is_stopped, poll, recent, &message);
    return ext_error_library(error, status, &message);
}

int ext_train_blend_sessions(ext_train_data *data, const ext_train_request *request,
                             ext_error *error)
{
    gru4rec_dataset *dataset = data->events.dataset, *before = NULL, *recent;
    ext_poll poll;
    if (request->options.blend == 0)
        return SQLITE_OK;
    ext_poll_start(&poll, request->home.db);
    ext_poll_join(&poll, request->home.connection->ranks);
    if (unite(&recent, data, request, &poll, error) == SQLITE_OK &&
        load_before(&before, data, request, error) == SQLITE_OK)
        ext_error_library(error,
                          gru4rec_latest_new(&data->budget.allocator,
                                             recent != NULL ? recent : dataset, before,
                                             request->options.blend_sessions,
                                             ext_poll_is_stopped, &poll, &data->latest),
                          NULL);
    ext_poll_stop(&poll);
    gru4rec_dataset_free(before);
    gru4rec_dataset_free(recent);
    data->budget.allocator.resize(&data->budget, dataset->times, 0);
    dataset->times = NULL; /* nobody needs the times of the events again */
    return error->rc;
}

/* ---- the strength ---- */

/* The strengths that blend=auto chooses from, in addition to 0 (no blend). */
static const double strengths[] = {0.25, 0.5, 1, 2, 4};

enum { N_STRENGTHS = sizeof strengths / sizeof *strengths };

/*
 * Most bytes of a blender, together with what scores the items for it: BLENDER_ITEM for
 * each item of the catalogue, and BLENDER_REST once for all else.
 */
enum { BLENDER_ITEM = 96, BLENDER_REST = 1 << 16 };

size_t ext_train_blend_measure_bytes(const ext_train_data *data,
                                     const gru4rec_options *options)
{
    const int32_t n_items = gru4rec_items_count(data->events.items);
    return BLENDER_ITEM * (size_t)n_items + BLENDER_REST +
           gru4rec_evaluate_bytes(options, n_items, data->events.dataset->validation);
}

size_t ext_train_blend_bytes(const ext_train_data *data, const gru4rec_options *options)
{
    if (options->blend != GRU4REC_BLEND_AUTO || data->events.dataset->validation == NULL)
        return 0;
    return ext_blend_fit_bytes(data->latest, gru4rec_items_count(data->events.items)) +
           ext_train_blend_measure_bytes(data, options);
}

/*
 * Measures the trained model on the held-out sessions, blended with that strength, at
 * cut-off 20. neighbours: finds the sessions to blend with. metrics: out, row 0 of the
 * blend, row 1 of the network alone.
 */
static int measure(const ext_training *training, const gru4rec_baseline *neighbours,
                   double strength, const gru4rec_hooks *hooks,
                   gru4rec_metrics metrics[2], ext_error *error)
{
    const gru4rec_options at_20 = {.cutoffs = {1, {20}}, .mode = GRU4REC_CONSERVATIVE};
    const ext_events *events = &training->data->events;
    const gru4rec_blend blend = {neighbours, strength,
                                 (int32_t)training->request->options.state_items};
    const gru4rec_evaluation what = {.model = training->weights.model,
                                     .support = gru4rec_items_support(events->items),
                                     .test = events->dataset->validation,
                                     .blend = &blend};
    gru4rec_error message = {0};
    const gru4rec_status status =
        gru4rec_evaluate(&training->data->budget.allocator, &what, &at_20, hooks, metrics,
                         &message);
    return ext_error_library(error, status, &message);
}

/*
 * Sets *strength to the best of strengths[] on the held-out sessions: the one with the
 * largest sqrt(recall * MRR), of those with a larger value than the network alone, whose
 * recall and MRR (at 20) are both not below the network's. If several have the same
 * value, it is the smallest of them. *strength is 0 if there is none.
 */
static int choose(double *strength, const ext_training *training,
                  const gru4rec_baseline *neighbours, const gru4rec_hooks *hooks,
                  ext_error *error)
{
    double most = 0;
    *strength = 0;
    for (int i = 0; i < N_STRENGTHS; i++) {
        gru4rec_metrics metrics[2];
        if (measure(training, neighbours, strengths[i], hooks, metrics, error) !=
            SQLITE_OK)
            return error->rc;
        const gru4rec_metrics *blended = &metrics[0], *network = &metrics[1];
        const double value = sqrt(blended->recall * blended->mrr);
        if (i == 0)
            most = sqrt(network->recall * network->mrr);
        GRU4REC_TRACE(2, "blend %g: recall %g, mrr %g (the network: %g, %g)",
                      strengths[i], blended->recall, blended->mrr, network->recall,
                      network->mrr);
        if (value > most && blended->recall >= network->recall &&
            blended->mrr >= network->mrr) {
            most = value;
            *strength = strengths[i];
        }
    }
    return SQLITE_OK;
}

/*
 * Sets the value of blend to strength in run->options, the JSON of the options that the
 * version will have; frees the old text. After a failure run->options stays as it is.
 */
static int write_strength(ext_run *run, double strength, sqlite3 *db, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT json_set(%Q, '$.blend', %!.17g)",
                             run->options, strength);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    char *options = rc == SQLITE_ROW ? ext_sql_text(stmt, 0) : NULL;
    if (rc == SQLITE_ROW && options == NULL)
        rc = ext_sql_fail_null(stmt, error);
    rc = ext_sql_finish(stmt, rc, "writing the options", error);
    if (rc == SQLITE_OK) {
        sqlite3_free(run->options);
        run->options = options;
    }
    return rc;
}

/*
 * Returns the sessions of data->latest that ended before the first held-out session
 * began; there may be none. The arrays are borrowed from data->latest. The other sessions
 * must not help to choose the strength: with warm_start a held-out session, or its
 * beginning, can be one of them, and would predict itself. Both would end no earlier than
 * the held-out session began.
 */
static gru4rec_dataset ended_before(const ext_train_data *data)
{
    gru4rec_dataset sessions = *data->latest;
    const double border = gru4rec_time_real(&data->events.dataset->held_out);
    while (sessions.n_sessions > 0 &&
           sessions.times[sessions.offsets[sessions.n_sessions] - 1] >= border)
        sessions.n_sessions--;
    sessions.n_events = sessions.offsets[sessions.n_sessions];
    return sessions;
}

int ext_train_blend_strength(ext_training *training, const gru4rec_hooks *hooks,
                             ext_error *error)
{
    const ext_train_data *data = training->data;
    const int32_t n_items = gru4rec_items_count(data->events.items);
    gru4rec_baseline *neighbours = NULL;
    training->blend = training->request->options.blend;
    if (training->blend != GRU4REC_BLEND_AUTO)
        return SQLITE_OK;
    training->blend = 0;
    const gru4rec_dataset sessions = ended_before(data);
    int rc = SQLITE_OK;
    if (sessions.n_sessions > 0)
        rc = ext_blend_fit(&neighbours, &data->budget.allocator, &sessions, n_items,
                           training->home.db, training->home.connection->ranks, error);
    if (rc == SQLITE_OK && neighbours != NULL)
        rc = choose(&training->blend, training, neighbours, hooks, error);
    gru4rec_baseline_free(neighbours);
    return rc == SQLITE_OK
               ? write_strength(&training->run, training->blend, training->home.db, error)
               : rc;
}

const gru4rec_dataset *ext_train_blend_kept(const ext_training *training)
{
    return training->blend > 0 ? training->data->latest : NULL;
}
