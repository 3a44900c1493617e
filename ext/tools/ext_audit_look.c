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

/*
 * Records that a check found n cases in a total (of), and returns its finding. The
 * finding's weight is n / of, or 0 if of is 0.
 */
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

/*
 * Sets *text to words, a text that was just allocated. If words is NULL, sets the error
 * SQLITE_NOMEM.
 */
static void set_text(char **text, char *words, ext_error *error)
{
    *text = words;
    if (words == NULL)
        ext_error_nomem(error);
}

/* Adds the id to the finding as its example, if the finding counts any case. */
static void show_example(ext_audit_finding *finding, const gru4rec_id *id,
                         ext_error *error)
{
    ext_show show;
    if (finding->n > 0)
        set_text(&finding->example, sqlite3_mprintf("%s", ext_show_id(&show, id)), error);
}

/*
 * Returns an id as a message shows it, a text in quotes; if is_typed, with its type behind
 * it. The caller frees it by sqlite3_free(). NULL: there is not enough memory.
 */
static char *show_typed(const gru4rec_id *id, bool is_typed)
{
    static const char *const types[] = {[GRU4REC_ID_INTEGER] = "INTEGER",
                                        [GRU4REC_ID_REAL] = "REAL",
                                        [GRU4REC_ID_TEXT] = "TEXT",
                                        [GRU4REC_ID_BLOB] = "BLOB"};
    const char *quote = id->type == GRU4REC_ID_TEXT ? "'" : "";
    ext_show show;
    return sqlite3_mprintf("%s%s%s%s%s%s", quote, ext_show_id(&show, id), quote,
                           is_typed ? " (" : "", is_typed ? types[id->type] : "",
                           is_typed ? ")" : "");
}

/*
 * If the finding counts any case, adds two ids that are alike as its example, with their
 * types if these differ, and gives it the advice of the check with the name of their
 * column.
 */
static void show_pair(ext_audit_finding *finding, const gru4rec_id pair[2],
                      const char *column, ext_audit_check check, ext_error *error)
{
    if (finding->n == 0)
        return;
    const bool is_typed = pair[0].type != pair[1].type;
    char *first = show_typed(&pair[0], is_typed);
    char *second = show_typed(&pair[1], is_typed);
    set_text(&finding->example,
             first != NULL && second != NULL ? sqlite3_mprintf("%s and %s", first, second)
                                             : NULL,
             error);
    sqlite3_free(first);
    sqlite3_free(second);
    set_text(&finding->advice, sqlite3_mprintf(ext_audit_rules_advice(check), column),
             error);
}

/*
 * Makes the finding of the check unknown, with no cases; why becomes its detail. Any
 * detail before must have been freed.
 */
static void say_unknown(ext_audit_work *work, ext_audit_check check, const char *why,
                        ext_error *error)
{
    work->findings[check].state = EXT_AUDIT_UNKNOWN;
    work->findings[check].n = 0;
    sqlite3_free(work->findings[check].detail);
    set_text(&work->findings[check].detail, sqlite3_mprintf("%s", why), error);
}

/* ---- the log ---- */

/*
 * Fills in the findings of the log about rows and ids: missing values, times that cannot
 * be read or have another unit than most times, items that a training refuses, blank ids,
 * and ids that are alike. If the share of times that cannot be read is above the option
 * bad_rows, a training would refuse them: then the weight of that finding is 1e9, which
 * makes it an error.
 */
static void judge_rows(ext_audit_work *work, const ext_events *log,
                       const gru4rec_audit *audit, const ext_columns *columns,
                       ext_error *error)
{
    const int64_t n_rows = log->n_rows;
    ext_audit_finding *finding = count(work, EXT_AUDIT_BAD_TIMES, log->n_bad, n_rows);
    if (finding->weight > work->options.bad_rows)
        finding->weight = 1e9; /* training would refuse them */
    count(work, EXT_AUDIT_UNITS, ext_unit_others(&log->units), audit->events);
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
 * Fills in the finding about sessions of the log that take more than a day, with an
 * example and, if the pauses suggest one, a value for session_gap. This needs the unit of
 * the times; without, the finding is unknown. Such sessions are harmless (weight 0) if
 * the option session_gap cuts them.
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

/*
 * Fills in the findings about the sessions of the log and their events. If an option
 * deals with repeats or with long sessions, their weight is 0, so that they are no
 * warning.
 */
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

/*
 * Returns how many of the wanted number are missing if there are n; 0 if there are
 * enough.
 */
static int64_t lacking(int64_t wanted, int64_t n)
{
    return wanted > n ? wanted - n : 0;
}

/*
 * Fills in the findings about the size of the log and of its catalogue: how many items
 * have only one event, how many events are of the most frequent items; and how many
 * sessions (of 10 batch_size), events (of 5 for each item) and items (of n_sample) are
 * missing. Sessions of one event do not count as sessions here.
 */
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

/*
 * Returns the length of a day in the unit of the times of the events; 0: the unit is not
 * known, or there are no events.
 */
static double day_of(const ext_events *events)
{
    return events->first.is_there
               ? 86400 * ext_since_per_second(&events->first.time, &events->last.time)
               : 0;
}

/*
 * Lets the library count what is striking about the events of the log, and fills in the
 * findings of all checks of the log. The caller must call this before it makes a dataset,
 * which uses up the events.
 */
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

/*
 * Makes of the log a dataset as a training does, and the fingerprints that a training on
 * it would keep, in work->leak, with the last event of the log as the end of the
 * training. Moves the log's items to work->items.
 */
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
    leak->against.key = &leak->fingerprints.fingerprints.key;
    return ext_error_library(error, status, NULL);
}

/*
 * Opens the log: the model's own source if a model is audited; else the table, view or
 * SELECT that text gives.
 */
static int open_log(ext_audit_work *work, const char *text, ext_source *source,
                    ext_error *error)
{
    return work->has_model ? ext_config_open_source(&work->config, &work->home, NULL,
                                                    &work->columns, source, error)
                           : ext_source_open(source, work->home.db, "main", text,
                                             &work->columns, error);
}

/*
 * Moves the message of the error, which is that the model's source does not exist, to
 * work->no_log, as the reason why the checks of the log are left out. Clears the error.
 */
static int excuse_log(ext_audit_work *work, ext_error *error)
{
    char *why = sqlite3_mprintf("%s", error->message != NULL ? error->message : "");
    ext_error_clear(error);
    work->no_log = why;
    return why != NULL ? SQLITE_OK : ext_error_nomem(error);
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
    if (rc != SQLITE_OK && has_test && work->model != NULL && source.missing != NULL)
        return excuse_log(work, error);
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

/*
 * Fills in the findings about the items of the test that are not in the catalogue of the
 * version, or of the log if there is no version; and about the events of these items.
 */
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

/*
 * Returns the options of the training that the test is compared with: those of the
 * version, or if there is none, those of the audit. Borrowed from work.
 */
static const gru4rec_options *trained_options(const ext_audit_work *work)
{
    return work->model != NULL ? &work->model->loaded.options : &work->options;
}

/*
 * Makes the finding of the check unknown, because most times of the test have another unit
 * than the end of the training. Its detail says which units these are.
 */
static void say_units(ext_audit_work *work, ext_audit_check check, const ext_events *test,
                      ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    ext_leak_tell_units(text, &work->leak, test);
    sqlite3_str_appendall(text, "; give both the same unit");
    char *words = sqlite3_str_finish(text);
    if (words == NULL)
        ext_error_nomem(error);
    else
        say_unknown(work, check, words, error);
    sqlite3_free(words);
}

/* Details of findings that are unknown: which fact is missing, and why. */
static const char no_fingerprints[] =
    "the version keeps no fingerprints of its sessions: it was imported, "
    "or an older gru4rec made it, "
    "or the fingerprints were longer than SQLITE_LIMIT_LENGTH allows; train again";
static const char no_end[] =
    "the version has no last_event: it was imported, or an older gru4rec made it; "
    "train again";
static const char no_past[] =
    "no session of the test is one of the last training; "
    "but that training began with warm_start, and what the versions before it were "
    "trained on is not known, or their options cut sessions by other rules";

/* The checks (N_LEAKS) of a test that ask the fingerprints of the training. */
static const ext_audit_check leaks[] = {EXT_AUDIT_TRAINED, EXT_AUDIT_SHARED,
                                        EXT_AUDIT_IDENTICAL};

enum { N_LEAKS = sizeof leaks / sizeof *leaks };

/*
 * Appends words to the detail of a finding, behind "; " if it has a detail. words: of
 * sqlite3_malloc; freed here. NULL: sets the error SQLITE_NOMEM.
 */
static void add_detail(ext_audit_finding *finding, char *words, ext_error *error)
{
    set_text(&finding->detail,
             finding->detail != NULL && words != NULL
                 ? sqlite3_mprintf("%z; %s", finding->detail, words)
                 : sqlite3_mprintf("%s", words),
             error);
    sqlite3_free(words);
}

/*
 * If a training with these options cuts sessions, adds to the details of the findings about
 * leaked sessions that they count pieces of sessions, and by which options these are cut.
 */
static void say_pieces(ext_audit_work *work, ext_error *error)
{
    const char *pieces = ext_leak_pieces(trained_options(work));
    const bool has_gap = trained_options(work)->session_gap > 0;
    for (size_t i = 0; pieces != NULL && i < N_LEAKS; i++) {
        const bool is_by_id = leaks[i] != EXT_AUDIT_IDENTICAL;
        add_detail(&work->findings[leaks[i]],
                   sqlite3_mprintf("these are pieces of sessions: %s%s", pieces,
                                   has_gap && is_by_id
                                       ? ", and a piece is known by its id "
                                         "and the time of its first event"
                                       : ""),
                   error);
    }
}

/*
 * Makes findings unknown where facts are missing. A finding about leaked sessions: if the
 * version keeps no fingerprints; or if it has no case, and either it depends on times and
 * the test has another unit, or earlier trainings (warm_start) are not known. The finding
 * about events before the end of the training: if that end is not known, or the test has
 * another unit.
 */
static void judge_knowledge(ext_audit_work *work, const ext_events *test,
                            ext_error *error)
{
    const ext_leak *leak = &work->leak;
    const bool has_other = leak->against.end.is_there && ext_leak_has_other_unit(test);
    const bool has_gap = trained_options(work)->session_gap > 0;
    for (size_t i = 0; i < N_LEAKS; i++) {
        const bool needs_times = has_gap || leaks[i] == EXT_AUDIT_TRAINED;
        if (!leak->fingerprints.is_known)
            say_unknown(work, leaks[i], no_fingerprints, error);
        else if (work->findings[leaks[i]].n > 0)
            continue;
        else if (has_other && needs_times)
            say_units(work, leaks[i], test, error);
        else if (leak->found.is_partial)
            say_unknown(work, leaks[i], no_past, error);
    }
    if (!leak->against.end.is_there)
        say_unknown(work, EXT_AUDIT_BEFORE, no_end, error);
    else if (has_other)
        say_units(work, EXT_AUDIT_BEFORE, test, error);
}

/*
 * Fills in the findings about leaks: sessions of the test that were trained on, that
 * share an id, or have the same items, and events before the end of the training. The
 * weight of the finding about the same items is the share of sessions beyond those that
 * chance explains. Findings for which facts are missing become unknown
 * (judge_knowledge()).
 */
static void judge_leaks(ext_audit_work *work, const ext_events *test, ext_error *error)
{
    const gru4rec_fingerprints_found *found = &work->leak.found;
    ext_audit_finding *finding =
        count(work, EXT_AUDIT_TRAINED, found->trained, found->sessions);
    if (finding->n > 0) {
        gru4rec_id id;
        gru4rec_events_session(test->builder, found->first, &id);
        show_example(finding, &id, error);
    }
    count(work, EXT_AUDIT_SHARED, found->ids, found->sessions);
    finding = count(work, EXT_AUDIT_IDENTICAL, found->items, found->n_long);
    finding->weight = found->n_long > 0 ? found->excess / (double)found->n_long : 0;
    add_detail(finding,
               sqlite3_mprintf("%.3g would be chance: so many sessions of the training, "
                               "of the same lengths, "
                               "have the items of another session of the training",
                               found->chance),
               error);
    count(work, EXT_AUDIT_BEFORE, test->n_before, test->n_compared);
    say_pieces(work, error);
    judge_knowledge(work, test, error);
}

/*
 * Opens the test, the table, view or SELECT that text gives: with the names of the model's
 * columns if a model is audited.
 */
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
    const ext_reading reading = {.options = trained_options(work),
                                 .against = &work->leak.against};
    int rc = open_test(work, text, &source, error);
    if (rc == SQLITE_OK)
        rc = ext_read_collect(&test, &work->budget, &source, &reading, true, error);
    if (rc == SQLITE_OK)
        rc = ext_read_finish(&test, &work->budget, work->home.db, reading.options, error);
    if (rc == SQLITE_OK)
        rc = ext_leak_find(&work->leak, test.builder, test.dataset->n_sessions,
                           &work->home, error);
    if (rc == SQLITE_OK) {
        judge_unknown(work, &test);
        judge_leaks(work, &test, error);
        rc = error->rc;
    }
    ext_read_free(&test);
    ext_source_close(&source);
    return rc;
}
