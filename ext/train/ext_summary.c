/* ext_summary.c - makes the JSON summary that a training returns; see ext_train.h. */
#include "ext_train.h"

/* ---- warnings; *text is NULL if there is nothing to warn of ---- */

/*
 * Makes a warning if there are long sessions (data->longest), and more than half of the
 * steps of the last epoch ran with less than half of the lanes of the first step. Then a
 * few long sessions alone fill the end of each epoch. Only the last epoch is looked at,
 * because all epochs have the same sessions. *text is owned by the caller, who frees it
 * by sqlite3_free(); NULL: there is no warning, or an error.
 */
static int warn_of_steps(char **text, const ext_training *training, ext_error *error)
{
    const ext_run *run = &training->run;
    const gru4rec_epoch *last = &run->epochs[run->n_epochs - 1];
    *text = NULL;
    if (training->data->longest == NULL || 2 * last->narrow <= last->steps)
        return SQLITE_OK;
    *text = sqlite3_mprintf(
        "%lld of %lld steps of an epoch used less than half of the lanes, "
        "because a few sessions are much longer than the others: %s; "
        "max_length cuts such sessions, or leaves them out with long_sessions=drop",
        (long long)last->narrow, (long long)last->steps, training->data->longest);
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Makes a warning if since=last could not leave out old events: a version is active, but
 * that version does not say which event was its last, so all events were taken. *text is
 * owned by the caller, who frees it by sqlite3_free(); NULL: there is no warning, or an
 * error.
 */
static int warn_of_border(char **text, const ext_training *training, ext_error *error)
{
    const ext_last *last = &training->data->last;
    *text = NULL;
    if (last->version == 0 || last->border.is_there)
        return SQLITE_OK;
    *text = sqlite3_mprintf(
        "since=last took all events, because version %lld has no last_event: "
        "it was imported, or made by an older gru4rec, "
        "or its held-out sessions begin before all other events",
        (long long)last->version);
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Makes a warning if ranks have no sessions (data->idle). *text as above.
 */
static int warn_of_idle(char **text, const ext_training *training, ext_error *error)
{
    const char *idle = training->data->idle;
    *text = NULL;
    if (ext_ranks_count(training->home.connection->ranks) == 1 || idle == NULL)
        return SQLITE_OK;
    *text = sqlite3_mprintf("no sessions on rank %s; divide the events more evenly, or "
                            "use fewer processes",
                            idle);
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* Makes a warning if warm_start began with an optimiser at zero. *text as above. */
static int warn_of_reset(char **text, const ext_training *training, ext_error *error)
{
    *text = NULL;
    if (!training->is_reset)
        return SQLITE_OK;
    *text = sqlite3_mprintf(
        "warm_start found no state of this optimiser in the active version, so the first "
        "steps are as large as in a new training and can undo what was learnt; train "
        "each version with keep_optimizer=true and the same adapt");
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* Makes a warning if ids of items decide about order. *text as above. */
static int warn_of_order(char **text, const ext_training *training, ext_error *error)
{
    const ext_train_counts *counts = &training->data->counts;
    return ext_read_order_warning(text, counts->n_arbitrary, counts->n_events, error);
}

/* ---- several processes ---- */

/*
 * Makes the JSON of the summary about the ranks. *text is owned by the caller; NULL: this
 * process is the only one, or an error.
 */
static int describe_ranks(char **text, const ext_training *training, ext_error *error)
{
    const ext_ranks *ranks = training->home.connection->ranks;
    const ext_ranks_cost cost = ext_ranks_cost_of(ranks);
    *text = NULL;
    if (ext_ranks_hooks(ranks) == NULL)
        return SQLITE_OK;
    *text = sqlite3_mprintf("{\"ranks\":%d,\"rank\":%d,\"events\":[%s],"
                            "\"exchange_seconds\":%.3f,\"exchange_bytes\":%lld}",
                            (int)ranks->hooks.n_ranks, (int)ranks->hooks.rank,
                            training->data->events_of_ranks, cost.seconds,
                            (long long)cost.bytes);
    return *text != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* ---- the summary ---- */

/*
 * The query that makes the JSON. json_remove() takes out keys that do not apply; '$.none'
 * is a path that no summary has, so it takes out nothing.
 *   ?27       the border of since=last, or the empty text
 *   ?28, ?29  warnings, or NULL
 *   ?30       advice how training would be faster, or NULL
 *   ?31       whether sessions were held out
 *   ?34       whether option blend is not 0
 *   ?35       whether option tuned is set, so that options of a tuning were used
 *   ?36       the ranks, as JSON, or NULL
 *   ?37, ?39, ?40  more warnings, or NULL
 *   ?38       the name of the kernels, if the training multiplied in bfloat16, or NULL
 * prepare_summary() binds all of them.
 */
static const char summary_query[] =
    "SELECT json_remove(json_object("
    "'model', ?1, 'version', 0, 'epochs', ?2, 'best_epoch', ?3, 'steps', ?4, "
    "'events', ?5, 'sessions', ?6, 'items', ?7, 'loss', ?8, 'seconds', ?9, "
    "'events_per_second', ?10, 'threads', ?11, 'skipped_events', ?12, "
    "'skipped_sessions', ?13, 'bad_rows', ?14, 'outside', ?15, 'repeats', ?16, "
    "'rare', ?17, 'short', ?18, 'long', ?19, 'long_sessions', ?20, "
    "'memory_bytes', ?21, 'held_out', ?22, 'recall', ?23, 'mrr', ?24, "
    "'first_event', json(?25), 'last_event', json(?26), "
    "'blend', ?32, 'blend_events', ?33, "
    "'since', json(nullif(?27, '')), "
    "'warnings', json((SELECT json_group_array(column1) "
    "FROM (VALUES (?28), (?29), (?37), (?39), (?40)) WHERE column1 IS NOT NULL)), "
    "'advice', ?30, 'tuned', json('true'), 'ranks', json(?36), "
    "'precision', 'bfloat16', 'precision_kernels', ?38), "
    "iif(?38 IS NULL, '$.precision', '$.none'), "
    "iif(?38 IS NULL, '$.precision_kernels', '$.none'), "
    "iif(?36 IS NULL, '$.ranks', '$.none'), "
    "iif(?35, '$.none', '$.tuned'), "
    "iif(?27 = '', '$.since', '$.none'), "
    "iif(?31, '$.none', '$.recall'), iif(?31, '$.none', '$.mrr'), "
    "iif(?34, '$.none', '$.blend'), iif(?34, '$.none', '$.blend_events'), "
    "iif(?30 IS NULL, '$.advice', '$.none'))";

/*
 * Texts that become values of the summary, owned by ext_summary_make(). first and last:
 * the times of the first and the last event, as JSON. since: the border of since=last, as
 * JSON; empty without since=last.
 */
typedef struct text_list {
    char *steps, *border, *idle, *reset, *order; /* warnings, or NULL */
    char *ranks;                                 /* the ranks, as JSON, or NULL */
    char first[EXT_TIME_TEXT + 2], last[EXT_TIME_TEXT + 2], since[EXT_BORDER_JSON];
} text_list;

/*
 * Prepares the query of the summary, and binds its values. Loss and measures are those of
 * the epoch whose weights were kept. Steps and seconds are sums over all epochs of the
 * run, the resumed ones too, and events_per_second is made of such sums. Events, sessions
 * and items are those that were read, by all ranks. *stmt has no row yet; the caller
 * steps and finalizes it.
 */
static int prepare_summary(sqlite3_stmt **stmt, const ext_training *training,
                           const text_list *texts, ext_error *error)
{
    const ext_home *home = &training->home;
    const ext_run *run = &training->run;
    const gru4rec_epoch *best = &run->epochs[training->best_epoch - 1];
    const ext_events *events = &training->data->events;
    const ext_train_counts *counts = &training->data->counts;
    const gru4rec_dataset *held_out = events->dataset->validation;
    const gru4rec_dataset *kept = ext_train_blend_kept(training);
    const char *kernels =
        gru4rec_precision_of(&training->request->options) == GRU4REC_PRECISION_BFLOAT16
            ? gru4rec_bfloat16_kernels()
            : NULL;
    int64_t n_steps = 0, n_events = 0;
    double seconds = 0;
    gru4rec_build build;
    gru4rec_build_facts(&build);
    for (size_t i = 0; i < run->n_epochs; i++) {
        n_steps += run->epochs[i].steps;
        n_events += run->epochs[i].events;
        seconds += run->epoch_seconds[i];
    }
    return ext_query(
        home, stmt, error, summary_query, "siiiiiiddiiiiiiiiiiiiiddssssssidiiisssss",
        home->name, (int64_t)run->n_epochs, training->best_epoch, n_steps,
        counts->n_events, counts->n_sessions, (int64_t)gru4rec_items_count(events->items),
        best->loss, seconds, (int64_t)((double)n_events / (seconds > 0 ? seconds : 1)),
        (int64_t)gru4rec_train_threads(&training->request->options), counts->n_null,
        counts->n_single + counts->n_left, counts->n_bad, counts->n_outside,
        counts->n_repeats, counts->n_rare, counts->n_short, counts->n_dropped,
        counts->n_long, (int64_t)training->data->n_bytes,
        held_out != NULL ? held_out->n_sessions : (int64_t)0, best->recall, best->mrr,
        texts->first, texts->last, texts->since, texts->steps, texts->border,
        build.blas_core_better != NULL ? build.blas_core_reason : NULL,
        (int64_t)(held_out != NULL), training->blend,
        kept != NULL ? kept->n_events : (int64_t)0,
        (int64_t)(training->request->options.blend != 0),
        training->request->options.tuned, texts->ranks, texts->idle, kernels,
        texts->reset, texts->order);
}

/*
 * Runs the query of the summary, and sets training->run.summary to its JSON, of
 * sqlite3_malloc. After a failure run.summary is NULL.
 */
static int run_summary(ext_training *training, const text_list *texts, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = prepare_summary(&stmt, training, texts, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    training->run.summary = rc == SQLITE_ROW ? ext_sql_text(stmt, 0) : NULL;
    if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && training->run.summary == NULL)
        rc = ext_sql_fail_null(stmt, error);
    return ext_sql_finish(stmt, rc, "writing the summary", error);
}

int ext_summary_make(ext_training *training, ext_error *error)
{
    const ext_events *events = &training->data->events;
    text_list texts = {0};
    ext_border_time_json(texts.first, &events->first);
    ext_border_time_json(texts.last, &events->last);
    ext_border_json(texts.since, &training->data->last);
    if (warn_of_steps(&texts.steps, training, error) == SQLITE_OK &&
        warn_of_border(&texts.border, training, error) == SQLITE_OK &&
        warn_of_idle(&texts.idle, training, error) == SQLITE_OK &&
        warn_of_reset(&texts.reset, training, error) == SQLITE_OK &&
        warn_of_order(&texts.order, training, error) == SQLITE_OK &&
        describe_ranks(&texts.ranks, training, error) == SQLITE_OK)
        run_summary(training, &texts, error);
    sqlite3_free(texts.steps);
    sqlite3_free(texts.border);
    sqlite3_free(texts.idle);
    sqlite3_free(texts.reset);
    sqlite3_free(texts.order);
    sqlite3_free(texts.ranks);
    return error->rc;
}
