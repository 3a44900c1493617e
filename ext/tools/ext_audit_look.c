/*
 * ext_audit_look.c - reads the log and the test of an audit, and counts; see ext_tools.h.
 *
 * Each source is read once, as training reads it, but no row is refused. The library
 * counts what is striking about the log's events. The test is compared with the
 * fingerprints that the version keeps of its sessions. If there is no version, the test
 * is compared with fingerprints of the log's sessions, made as a training makes them.
 */
#include "ext_tools.h"

#include <string.h>

/* ---- findings ---- */

/* Records that a check found n of so many, and returns its finding. */
static ext_audit_finding *count(ext_audit_work *work, ext_audit_check check, int64_t n,
                                int64_t of)
{
    ext_audit_finding *finding = &work->findings[check];
    finding->state = EXT_AUDIT_COUNTED;
    finding->n = n;
    finding->of = of;
    finding->weight = of > 0 ? (double)n / (double)of : 0;
    return finding;
}

/* Takes over words, which were just allocated: NULL is an error. */
static void set_text(char **text, char *words, ext_error *error)
{
    *text = words;
    if (words == NULL)
        ext_error_nomem(error);
}

/* Adds an id as the example, if something was found. */
static void show_example(ext_audit_finding *finding, const gru4rec_id *id,
                         ext_error *error)
{
    ext_show show;
    if (finding->n > 0)
        set_text(&finding->example, sqlite3_mprintf("%s", ext_show_id(&show, id)), error);
}

/* Adds two ids that are alike as the example, and names their column in the advice. */
static void show_pair(ext_audit_finding *finding, const gru4rec_id pair[2],
                      const char *column, ext_audit_check check, ext_error *error)
{
    ext_show shows[2];
    if (finding->n == 0)
        return;
    set_text(&finding->example,
             sqlite3_mprintf("'%s' and '%s'", ext_show_id(&shows[0], &pair[0]),
                             ext_show_id(&shows[1], &pair[1])),
             error);
    set_text(&finding->advice, sqlite3_mprintf(ext_audit_rules_advice(check), column),
             error);
}

static void say_unknown(ext_audit_work *work, ext_audit_check check, const char *why,
                        ext_error *error)
{
    work->findings[check].state = EXT_AUDIT_UNKNOWN;
    work->findings[check].n = 0;
    set_text(&work->findings[check].detail, sqlite3_mprintf("%s", why), error);
}

/* ---- the log ---- */

static void judge_rows(ext_audit_work *work, const ext_events *log,
                       const gru4rec_audit *audit, const ext_columns *columns,
                       ext_error *error)
{
    const int64_t n_rows = log->n_rows;
    ext_audit_finding *finding = count(work, EXT_AUDIT_BAD_TIMES, log->n_bad, n_rows);
    if (finding->weight > work->options.bad_rows)
        finding->weight = 1e9; /* training would refuse them */
    count(work, EXT_AUDIT_MISSING, log->n_null, n_rows);
    finding = count(work, EXT_AUDIT_BAD_ITEMS, log->n_odd, n_rows);
    set_text(&finding->advice,
             sqlite3_mprintf(ext_audit_rules_advice(EXT_AUDIT_BAD_ITEMS), columns->item),
             error);
    finding = count(work, EXT_AUDIT_BLANK, audit->blank, audit->events);
    set_text(&finding->advice,
             sqlite3_mprintf(ext_audit_rules_advice(EXT_AUDIT_BLANK), columns->session,
                             columns->item),
             error);
    finding = count(work, EXT_AUDIT_ALIKE_ITEMS, audit->alike_items, audit->items);
    show_pair(finding, audit->alike_item, columns->item, EXT_AUDIT_ALIKE_ITEMS, error);
    finding =
        count(work, EXT_AUDIT_ALIKE_SESSIONS, audit->alike_sessions, audit->sessions);
    show_pair(finding, audit->alike_session, columns->session, EXT_AUDIT_ALIKE_SESSIONS,
              error);
}

/*
 * Judges sessions that take more than a day. This needs the unit of the times. Such
 * sessions are harmless if the option session_gap cuts them.
 *
 * day: length of a day in the unit of the times; 0: the unit is not known.
 */
static void judge_spans(ext_audit_work *work, const gru4rec_audit *audit, double day,
                        ext_error *error)
{
    ext_audit_finding *finding =
        count(work, EXT_AUDIT_SPANS, audit->spanning, audit->sessions);
    show_example(finding, &audit->wide_session, error);
    if (day == 0 && audit->events > 0)
        say_unknown(work, EXT_AUDIT_SPANS,
                    "the unit of the times is not known: "
                    "they are not between 1980 and 2100 in seconds, milliseconds, "
                    "microseconds or nanoseconds; "
                    "so the length of a day is not known either",
                    error);
    else if (work->options.session_gap > 0)
        finding->weight = 0;
    if (finding->n > 0 && audit->gap > 0)
        set_text(
            &finding->advice,
            sqlite3_mprintf("cut them by session_gap=%.15g (in the unit of the times): "
                            "of the pauses between ten minutes and twelve hours, "
                            "those of about this length are the rarest",
                            audit->gap),
            error);
}

static void judge_sessions(ext_audit_work *work, const gru4rec_audit *audit,
                           ext_error *error)
{
    const int64_t n = audit->events, median = audit->median_length;
    ext_audit_finding *finding;
    count(work, EXT_AUDIT_DUPLICATES, audit->duplicates, n);
    count(work, EXT_AUDIT_SINGLE, audit->single, audit->sessions);
    finding = count(work, EXT_AUDIT_REPEATS, audit->repeats, n);
    if (work->options.collapse_repeats)
        finding->weight = 0;
    count(work, EXT_AUDIT_TIES, audit->tied, n);
    count(work, EXT_AUDIT_ARBITRARY, audit->arbitrary, n);
    finding = count(work, EXT_AUDIT_LONG, audit->long_events, n);
    show_example(finding, &audit->long_session, error);
    set_text(&finding->advice,
             sqlite3_mprintf(ext_audit_rules_advice(EXT_AUDIT_LONG),
                             (long long)(median > 5 ? 20 * median : 100)),
             error);
    if (work->options.max_length > 0)
        finding->weight = 0;
    finding = count(work, EXT_AUDIT_FAST, audit->fast_events, n);
    show_example(finding, &audit->fast_session, error);
}

/* Returns how many are missing. */
static int64_t lacking(int64_t wanted, int64_t n)
{
    return wanted > n ? wanted - n : 0;
}

static void judge_size(ext_audit_work *work, const gru4rec_audit *audit)
{
    const gru4rec_options *options = &work->options;
    const int64_t n_sessions = audit->sessions - audit->single;
    const int64_t sessions = 10 * options->batch_size, events = 5 * audit->items;
    const int64_t drawn = options->n_sample > 0 ? options->n_sample : 0;
    count(work, EXT_AUDIT_ONCE, audit->once, audit->items);
    count(work, EXT_AUDIT_POPULAR, audit->top, audit->events);
    count(work, EXT_AUDIT_FEW_SESSIONS, lacking(sessions, n_sessions), sessions);
    count(work, EXT_AUDIT_FEW_EVENTS, lacking(events, audit->events), events);
    count(work, EXT_AUDIT_FEW_ITEMS, lacking(drawn, audit->items), drawn);
}

/* Returns the length of a day in the unit of the times; 0: the unit is not known. */
static double day_of(const ext_events *events)
{
    return events->first.is_there
               ? 86400 * ext_since_per_second(&events->first.time, &events->last.time)
               : 0;
}

/* Counts what is striking about the log. Must run before a dataset uses up the events. */
static int audit_log(ext_audit_work *work, const ext_events *log,
                     const ext_columns *columns, ext_error *error)
{
    gru4rec_audit audit;
    ext_poll poll;
    const double day = day_of(log);
    ext_poll_start(&poll, work->home.db);
    gru4rec_status status =
        gru4rec_audit_events(log->builder, day, ext_poll_is_stopped, &poll, &audit);
    ext_poll_stop(&poll);
    if (ext_error_library(error, status, NULL) != SQLITE_OK)
        return error->rc;
    judge_rows(work, log, &audit, columns, error);
    judge_sessions(work, &audit, error);
    judge_spans(work, &audit, day, error);
    judge_size(work, &audit);
    return error->rc;
}

/* Makes the fingerprints that a training on the log would keep; takes the log's items. */
static int fingerprints_log(ext_audit_work *work, ext_events *log, ext_error *error)
{
    ext_leak *leak = &work->leak;
    ext_poll poll;
    size_t n;
    if (ext_read_finish(log, &work->budget, work->home.db, &work->options, error) !=
        SQLITE_OK)
        return error->rc;
    work->items = log->items;
    log->items = NULL;
    leak->against.end = log->last;
    ext_poll_start(&poll, work->home.db);
    gru4rec_status status =
        gru4rec_fingerprints_new(log->builder, log->dataset->n_sessions, NULL, false,
                                 ext_poll_is_stopped, &poll, &leak->fingerprints.bytes,
                                 &n);
    ext_poll_stop(&poll);
    leak->fingerprints.allocator = &work->budget.allocator;
    if (status == GRU4REC_OK)
        leak->fingerprints.is_known =
            gru4rec_fingerprints_read(&leak->fingerprints.fingerprints,
                                      leak->fingerprints.bytes, n);
    return ext_error_library(error, status, NULL);
}

static int open_log(ext_audit_work *work, const char *text, ext_source *source,
                    ext_error *error)
{
    return work->has_model ? ext_config_open_source(&work->config, &work->home, NULL,
                                                    &work->columns, source, error)
                           : ext_source_open(source, work->home.db, "main", text,
                                             &work->columns, error);
}

int ext_audit_look_log(ext_audit_work *work, const char *text, bool has_test,
                       ext_error *error)
{
    const bool has_key = has_test && work->model == NULL;
    ext_source source = {0};
    ext_events log = {0};
    const gru4rec_fingerprints_key key = ext_fingerprints_key();
    const ext_against own = {.key = &key};
    const ext_reading reading = {.options = &work->options,
                                 .against = has_key ? &own : NULL};
    int rc = open_log(work, text, &source, error);
    if (rc == SQLITE_OK)
        rc = ext_read_collect(&log, &work->budget, &source, &reading, false, error);
    if (rc == SQLITE_OK)
        rc = audit_log(work, &log, &source.columns, error);
    if (rc == SQLITE_OK && has_key)
        rc = fingerprints_log(work, &log, error);
    ext_read_free(&log);
    ext_source_close(&source);
    return rc;
}

/* ---- the test ---- */

/* Counts the items of the test that the training did not see, and their events. */
static void judge_unknown(ext_audit_work *work, const ext_events *test)
{
    const gru4rec_items *known =
        work->model != NULL ? work->model->loaded.items : work->items;
    const int64_t *support = gru4rec_items_support(test->items);
    const int32_t n_items = gru4rec_items_count(test->items);
    int64_t n_unknown = 0, n_events = 0;
    for (int32_t row = 0; row < n_items; row++) {
        gru4rec_id id;
        gru4rec_items_get(test->items, row, &id);
        if (gru4rec_items_find(known, &id) >= 0)
            continue;
        n_unknown++;
        n_events += support[row];
    }
    count(work, EXT_AUDIT_UNKNOWN_ITEMS, n_unknown, n_items);
    count(work, EXT_AUDIT_UNKNOWN_EVENTS, n_events, test->dataset->n_events);
}

static const char no_fingerprints[] =
    "the version keeps no fingerprints of its sessions: it was imported, "
    "or an older gru4rec made it, "
    "or the fingerprints were longer than SQLITE_LIMIT_LENGTH allows; train again";
static const char no_end[] =
    "the version has no last_event: it was imported, or an older gru4rec made it; "
    "train again";
static const char no_past[] =
    "no session of the test is one of the last training; "
    "but that training began with warm_start, "
    "and what the versions before it were trained on is not known";

static void judge_leaks(ext_audit_work *work, const ext_events *test, ext_error *error)
{
    static const ext_audit_check by_fingerprints[] = {EXT_AUDIT_TRAINED, EXT_AUDIT_SHARED,
                                                      EXT_AUDIT_IDENTICAL};
    const ext_leak *leak = &work->leak;
    const gru4rec_fingerprints_found *found = &leak->found;
    ext_audit_finding *finding =
        count(work, EXT_AUDIT_TRAINED, found->trained, found->sessions);
    if (finding->n > 0) {
        gru4rec_id id;
        gru4rec_events_session(test->builder, found->first, &id);
        show_example(finding, &id, error);
    }
    count(work, EXT_AUDIT_SHARED, found->ids, found->sessions);
    finding = count(work, EXT_AUDIT_IDENTICAL, found->items, found->n_long);
    finding->weight = ext_leak_excess(found);
    set_text(&finding->detail,
             sqlite3_mprintf("%.2g %% would be chance: so many sessions of the training "
                             "have the items of another session of the training",
                             100 * found->chance),
             error);
    for (size_t i = 0; i < sizeof by_fingerprints / sizeof *by_fingerprints; i++) {
        ext_audit_finding *of = &work->findings[by_fingerprints[i]];
        if (leak->fingerprints.is_known &&
            (!leak->fingerprints.fingerprints.is_partial || of->n > 0))
            continue;
        sqlite3_free(of->detail);
        say_unknown(work, by_fingerprints[i],
                    leak->fingerprints.is_known ? no_past : no_fingerprints, error);
    }
    count(work, EXT_AUDIT_BEFORE, test->n_before, test->n_compared);
    if (!leak->against.end.is_there)
        say_unknown(work, EXT_AUDIT_BEFORE, no_end, error);
}

static int open_test(ext_audit_work *work, const char *text, ext_source *source,
                     ext_error *error)
{
    return work->has_model ? ext_config_open_like(&work->config, &work->home, text,
                                                  &work->columns, source, error)
                           : ext_source_open(source, work->home.db, "main", text,
                                             &work->columns, error);
}

int ext_audit_look_test(ext_audit_work *work, const char *text, ext_error *error)
{
    ext_source source = {0};
    ext_events test = {0};
    const ext_reading reading = {.options = &work->options,
                                 .against = &work->leak.against};
    int rc = open_test(work, text, &source, error);
    work->leak.against.key = &work->leak.fingerprints.fingerprints.key;
    if (rc == SQLITE_OK)
        rc = ext_read_collect(&test, &work->budget, &source, &reading, true, error);
    if (rc == SQLITE_OK)
        rc = ext_read_finish(&test, &work->budget, work->home.db, &work->options, error);
    if (rc == SQLITE_OK)
        rc = ext_leak_find(&work->leak, &test, &work->home, error);
    if (rc == SQLITE_OK) {
        judge_unknown(work, &test);
        judge_leaks(work, &test, error);
        rc = error->rc;
    }
    ext_read_free(&test);
    ext_source_close(&source);
    return rc;
}
