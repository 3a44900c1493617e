/*
 * ext_train_counts.c - counts of the events of a training, of all ranks together, and
 * whether they are enough; see ext_train.h.
 */
#include "ext_train.h"

/* The counts of this rank. Rows of a source that all ranks read are counted by rank 0. */
static ext_train_counts count(const ext_events *events, const gru4rec_options *options,
                              const ext_ranks *ranks)
{
    const gru4rec_dataset *dataset = events->dataset;
    const gru4rec_ranks *hooks = ext_ranks_hooks(ranks);
    const bool is_counted_elsewhere =
        hooks != NULL && hooks->rank > 0 && options->shard == GRU4REC_SHARD_AUTO;
    return (ext_train_counts){
        .n_sessions = dataset->n_sessions,
        .n_events = dataset->n_events,
        .n_single = dataset->n_single,
        .n_left = dataset->n_left,
        .n_arbitrary = dataset->n_arbitrary,
        .n_repeats = dataset->n_repeats,
        .n_rare = dataset->n_rare,
        .n_short = dataset->n_short,
        .n_dropped = dataset->n_dropped,
        .n_long = dataset->n_long,
        .n_null = is_counted_elsewhere ? 0 : events->n_null,
        .n_bad = events->n_bad,
        .n_outside = events->n_outside,
    };
}

static void add(ext_train_counts *sum, const ext_train_counts *other)
{
    sum->n_sessions += other->n_sessions;
    sum->n_events += other->n_events;
    sum->n_single += other->n_single;
    sum->n_left += other->n_left;
    sum->n_arbitrary += other->n_arbitrary;
    sum->n_repeats += other->n_repeats;
    sum->n_rare += other->n_rare;
    sum->n_short += other->n_short;
    sum->n_dropped += other->n_dropped;
    sum->n_long += other->n_long;
    sum->n_null += other->n_null;
    sum->n_bad += other->n_bad;
    sum->n_outside += other->n_outside;
}

/* Sets data->counts, data->events_of_ranks and data->idle by the counts of all ranks. */
static int add_up(ext_train_data *data, const ext_train_counts *all, int32_t n_ranks,
                  ext_error *error)
{
    sqlite3_str *events = sqlite3_str_new(NULL), *idle = sqlite3_str_new(NULL);
    data->counts = (ext_train_counts){0};
    for (int32_t rank = 0; rank < n_ranks; rank++) {
        add(&data->counts, &all[rank]);
        sqlite3_str_appendf(events, "%s%lld", rank > 0 ? "," : "",
                            (long long)all[rank].n_events);
        if (all[rank].n_sessions == 0)
            sqlite3_str_appendf(idle, "%s%d", sqlite3_str_length(idle) > 0 ? ", " : "",
                                (int)rank);
    }
    const int rc = sqlite3_str_errcode(events), rc_idle = sqlite3_str_errcode(idle);
    data->events_of_ranks = sqlite3_str_finish(events);
    data->idle = sqlite3_str_finish(idle);
    return rc == SQLITE_OK && rc_idle == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}

int ext_train_counts_unite(ext_train_data *data, const gru4rec_options *options,
                           ext_error *error)
{
    const int32_t n_ranks = ext_ranks_count(data->ranks);
    const ext_train_counts own = count(&data->events, options, data->ranks);
    ext_train_counts *all = sqlite3_malloc64((size_t)n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(data->ranks, &own, sizeof own, all, error) == SQLITE_OK)
        add_up(data, all, n_ranks, error);
    sqlite3_free(all);
    return error->rc;
}

/* ---- is there something to learn? ---- */

/*
 * Appends "n what" (the number n of events, and what happened to them) to causes, the
 * reasons why sessions are short; behind ", " if causes is not empty. Does nothing if n
 * is 0.
 */
static void add_cause(sqlite3_str *causes, int64_t n, const char *what)
{
    if (n > 0)
        sqlite3_str_appendf(causes, "%s%lld %s",
                            sqlite3_str_length(causes) > 0 ? ", " : "", (long long)n,
                            what);
}

/*
 * Sets the error that no session has two events, and returns its code: SQLITE_ERROR. The
 * message names the options that may have caused it, with numbers of events, and says to
 * check which column is the session.
 */
static int fail_single(const ext_train_counts *counts, const gru4rec_options *options,
                       ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    if (options->session_gap > 0)
        sqlite3_str_appendf(text,
                            "session_gap=%.15g, in the unit of the times, splits them",
                            options->session_gap);
    add_cause(text, counts->n_outside, "events lie outside since and until");
    add_cause(text, counts->n_rare + counts->n_short,
              "events were dropped by min_support and min_length");
    add_cause(text, counts->n_repeats, "events were dropped by collapse_repeats");
    add_cause(text, counts->n_dropped, "events were dropped with long sessions");
    const bool has_causes = sqlite3_str_length(text) > 0;
    char *causes = sqlite3_str_finish(text);
    if (has_causes && causes == NULL)
        return ext_error_nomem(error);
    ext_error_set(
        error, SQLITE_ERROR,
        "nothing to learn from: none of the %lld sessions has two events%s%s%s; "
        "check %swhich column is the session",
        (long long)(counts->n_left + counts->n_sessions), has_causes ? " (" : "",
        has_causes ? causes : "", has_causes ? ")" : "",
        has_causes ? "these options, and " : "");
    sqlite3_free(causes);
    return error->rc;
}

/*
 * Sets the error that no event is left to train on, and returns its code: SQLITE_ERROR.
 * The message counts the rows and events that were left out, by reason.
 */
static int fail_empty(const ext_train_counts *counts, ext_error *error)
{
    const int64_t n_rare = counts->n_rare + counts->n_short;
    return ext_error_set(
        error, SQLITE_ERROR,
        "no events are left to train on "
        "(%lld rows lack a session, an item or a time, "
        "%lld lie outside since and until, "
        "%lld were dropped by min_support, min_length and single_events, "
        "%lld with long sessions); "
        "add events, or train with other options",
        (long long)counts->n_null, (long long)counts->n_outside,
        (long long)(n_rare + counts->n_left), (long long)counts->n_dropped);
}

/*
 * If sessions are left out only because they had one event each, the error is that of
 * fail_single().
 */
int ext_train_counts_check(const ext_train_counts *counts, const gru4rec_options *options,
                           ext_error *error)
{
    const bool is_without_sessions =
        counts->n_sessions == 0 &&
        (counts->n_left == 0 || counts->n_rare + counts->n_short + counts->n_dropped > 0);
    if (is_without_sessions)
        return fail_empty(counts, error);
    return counts->n_events > counts->n_sessions ? SQLITE_OK
                                                 : fail_single(counts, options, error);
}
