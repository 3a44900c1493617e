/* ext_summary.c - what a training says of itself at its end, as JSON; see ext_train.h. */
#include "ext_train.h"

/*
 * What the user should know; NULL: nothing. *rc: whether that is for want of memory. The
 * last epoch stands for all: each has the same sessions.
 */
static char *make_warning(const ext_training *training, int *rc)
{
    const ext_run *run = &training->run;
    const gru4rec_epoch *last = &run->epochs[run->n_epochs - 1];
    *rc = SQLITE_OK;
    if (training->data->longest == NULL || 2 * last->narrow <= last->steps)
        return NULL;
    char *text = sqlite3_mprintf(
        "%lld of %lld steps of an epoch ran with less than half of the lanes, as few "
        "sessions are much longer than the others: %s; max_length cuts such sessions, "
        "and with long_sessions=drop leaves them out",
        (long long)last->narrow, (long long)last->steps, training->data->longest);
    *rc = text != NULL ? SQLITE_OK : SQLITE_NOMEM;
    return text;
}

/* ?24: what would make it faster, or NULL. */
static const char summary_query[] =
    "SELECT json_remove(json_object('model', ?1, 'version', 0, 'epochs', ?2, "
    "'best_epoch', ?3, "
    "'steps', ?4, 'events', ?5, 'sessions', ?6, 'items', ?7, 'loss', ?8, 'seconds', ?9, "
    "'events_per_second', ?10, 'threads', ?11, 'skipped_events', ?12, "
    "'skipped_sessions', ?13, 'bad_rows', ?14, 'outside', ?15, 'repeats', ?16, 'rare', "
    "?17, 'short', ?18, 'long', ?19, 'long_sessions', ?20, 'memory_bytes', ?21, "
    "'held_out', ?22, 'warnings', "
    "CASE WHEN ?23 IS NULL THEN json_array() ELSE json_array(?23) END, 'advice', ?24), "
    "iif(?24 IS NULL, '$.advice', '$.none'))";

static int prepare_summary(sqlite3_stmt **stmt, const ext_training *training,
                           const char *warning, ext_error *error)
{
    const ext_home *home = &training->home;
    const ext_run *run = &training->run;
    const ext_events *events = &training->data->events;
    const gru4rec_dataset *dataset = events->dataset, *held_out = dataset->validation;
    int64_t n_steps = 0, n_events = 0;
    double seconds = 0;
    gru4rec_build build;
    gru4rec_build_facts(&build);
    for (size_t i = 0; i < run->n_epochs; i++) {
        n_steps += run->epochs[i].steps;
        n_events += run->epochs[i].events;
        seconds += run->epoch_seconds[i];
    }
    return ext_query(home, stmt, error, summary_query, "siiiiiiddiiiiiiiiiiiiiss",
                     home->name, (int64_t)run->n_epochs, training->best_epoch, n_steps,
                     dataset->n_events, dataset->n_sessions,
                     (int64_t)gru4rec_items_count(events->items),
                     run->epochs[training->best_epoch - 1].loss, seconds,
                     (int64_t)((double)n_events / (seconds > 0 ? seconds : 1)),
                     (int64_t)gru4rec_train_threads(&training->request->options),
                     events->n_null, dataset->n_single + dataset->n_left, events->n_bad,
                     events->n_outside, dataset->n_repeats, dataset->n_rare,
                     dataset->n_short, dataset->n_dropped, dataset->n_long,
                     (int64_t)training->data->n_bytes,
                     held_out != NULL ? held_out->n_sessions : (int64_t)0, warning,
                     build.blas_core_better != NULL ? build.blas_core_reason : NULL);
}

int ext_summary_make(ext_training *training, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc;
    char *warning = make_warning(training, &rc);
    if (rc != SQLITE_OK)
        return ext_error_nomem(error);
    rc = prepare_summary(&stmt, training, warning, error);
    sqlite3_free(warning);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    training->run.summary = rc == SQLITE_ROW ? ext_sql_text(stmt, 0) : NULL;
    if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && training->run.summary == NULL)
        rc = ext_sql_fail_null(stmt, error);
    return ext_sql_finish(stmt, rc, "writing the summary", error);
}
