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
 * Makes the finding of the check COUNTED, with n cases in a total (of), and returns it.
 * Its weight becomes n / of, or 0 if of is 0. Its texts stay.
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
 * Sets *text to words, a text of sqlite3_malloc, which *text then owns. Does not free the
 * old *text. words NULL means that the allocation failed: then *text is NULL, and the
 * error is set to SQLITE_NOMEM.
 */
static void set_text(char **text, char *words, ext_error *error)
{
    *text = words;
    if (words == NULL)
        ext_error_nomem(error);
}

/*
 * Sets the example of the finding to the id, as a message shows it. Does nothing if the
 * finding has no case.
 */
static void show_example(ext_audit_finding *finding, const gru4rec_id *id,
                         ext_error *error)
{
    ext_show show;
    if (finding->n > 0)
        set_text(&finding->example, sqlite3_mprintf("%s", ext_show_id(&show, id)), error);
}

/*
 * Returns an id as a message shows it, a TEXT in single quotes. If is_typed, " (INTEGER)"
 * or another type stands behind the id. The caller frees the text by sqlite3_free().
 * NULL: there is not enough memory.
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
 * Sets two texts of the finding: the example becomes "A and B", the two ids of pair, with
 * their types if these differ; the advice becomes that of the check's rule, with the name
 * of the column in it. Does nothing if the finding has no case.
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
 * Makes the finding of the check UNKNOWN, with 0 cases. Frees its detail, and sets the
 * detail to a copy of why.
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
 * bad_rows, a training would refuse the log: then that finding gets the weight 1e9, which
 * makes it an error. Also gives the findings about ids their advice with the names of the
 * columns, and those about ids that are alike an example.
 */
static void judge_rows(ext_audit_work *work, const ext_events *log,
                       const gru4rec_audit *audit, const ext_columns *columns,
                       ext_error *error)
{
    const int64_t n_rows = log->n_rows;
    ext_audit_finding *finding = count(work, EXT_AUDIT_BAD_TIMES, log->n_bad, n_rows);
    if (finding->weight > work->options.bad_rows)
        finding->weight = 1e9; /* a training would refuse the log */
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
 * Fills in the finding about sessions of the log that take more than a day, with one of
 * them as the example. If the pauses suggest a value for session_gap, the advice names
 * it. If the option session_gap is set, which cuts such sessions, the finding has weight
 * 0, so that it is no warning. If day is 0 and the log has events, the finding becomes
 * unknown.
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
 * Fills in the findings of the log about its sessions: duplicate events, sessions of one
 * event, repeated items, equal times, arbitrary order, and long and fast sessions (the
 * last two with an example). Repeats get weight 0, so that they are no warning, if the
 * option collapse_repeats is set; long sessions do if max_length is set.
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
 * Fills in the findings about the size of the log: items that have only one event; events
 * of the most frequent items; and how many sessions, events and items the log lacks. It
 * should have 10 batch_size sessions of two events or more, 5 events for each item, and
 * n_sample items (0 if all items are scored).
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
 * Returns the length of a day in the unit of the times of the events. Returns 0 if the
 * unit of the first and the last time is not known, or there are no events.
 */
static double day_of(const ext_events *events)
{
    return events->first.is_there
               ? 86400 * ext_since_per_second(&events->first.time, &events->last.time)
               : 0;
}

/*
 * Lets the library count what is striking about the events in log->builder, and fills in
 * the findings of all checks of the log. The caller must call this before
 * ext_read_finish(), which makes a dataset of the events and so uses them up.
 * SQLITE_INTERRUPT: the host interrupted the call.
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
 * Makes work->leak as if a version had been trained on the log, so that a test can be
 * compared with the log. Makes the log a dataset, and fills in the fingerprints that a
 * training on it would keep. The last event of the log becomes the end of the training
 * (against.end). Also moves the log's catalogue of items to work->items.
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
 * Opens the log as *source: the model's own source if a model is audited; else the table,
 * view or SELECT that text gives. The columns are those that the call names; those that
 * it does not name come from the model, or are guessed. Beside a test the call names the
 * columns of the test, as everywhere: those of a model's own source come from the model.
 * In a report, which a view may make, the model's own source is restricted as a view.
 */
static int open_log(ext_audit_work *work, const char *text, bool has_test,
                    ext_source *source, ext_error *error)
{
    if (!work->has_model)
        return ext_source_open(source, work->home.db, "main", text, &work->columns,
                               error);
    int rc = ext_config_open_source(&work->config, &work->home, NULL,
                                    has_test ? NULL : &work->columns, source, error);
    source->is_restricted = work->home.connection->is_reporting;
    return rc;
}

/*
 * Turns the error that the model's source does not exist into no error. Moves its message
 * to work->no_log, the reason why the checks of the log are skipped, and clears the
 * error. Returns SQLITE_OK, or SQLITE_NOMEM.
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
    int rc = open_log(work, text, has_test, &source, error);
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
 * Fills in two findings of the test: its items that are not in the catalogue of the
 * version (of the log if there is no version), and the events of these items.
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
 * Makes the finding of the check unknown, for the reason that most times of the test have
 * another unit than the end of the training. The detail names both units, and gives the
 * advice to use one unit.
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

/*
 * Details of findings that are unknown: which fact is missing, and why. no_fingerprints:
 * those of the version's sessions; no_end: the end of its training; no_past: the sessions
 * of trainings before its last one.
 */
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

/*
 * The checks (N_LEAKS) that look for sessions of the test among the fingerprints of the
 * training.
 */
static const ext_audit_check leaks[] = {EXT_AUDIT_TRAINED, EXT_AUDIT_SHARED,
                                        EXT_AUDIT_IDENTICAL};

enum { N_LEAKS = sizeof leaks / sizeof *leaks };

/*
 * Appends words to the detail of a finding, behind "; " if the finding already has a
 * detail. Frees words, a text of sqlite3_malloc. words NULL means that an allocation
 * failed: sets the error SQLITE_NOMEM.
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
 * If the training (trained_options()) cuts sessions, adds to the details of the findings
 * about leaked sessions that they count pieces of sessions, and by which options these
 * are cut. Does nothing if the training cuts no sessions.
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
 * Makes findings unknown for which facts are missing; the others stay.
 * - A finding about leaked sessions (leaks[]), if there are no fingerprints. If there
 *   are, a finding with cases stays. One without a case becomes unknown if it depends on
 *   times and the test has another unit, or if sessions of earlier trainings (warm_start)
 *   are not known.
 * - The finding about events before the end of the training, if that end is not known, or
 *   the test has another unit.
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
 * Fills in the findings about leaks from work->leak.found and the counts of the test:
 * sessions that were trained on (with the first as the example), sessions that share an
 * id with one of the training, sessions that have the same items as one of the training,
 * and events before the end of the training. The weight of the finding about the same
 * items is the share of sessions in addition to those that chance explains; its detail
 * says how many would be chance. Findings for which facts are missing become unknown
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
 * Opens the test as *source: the table, view or SELECT that text gives. The columns are
 * those that the call names; those that it does not name are the model's if a model is
 * audited, else guessed ones.
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
