/*
 * ext_leak.c - finds sessions of a test that a model was trained on; see ext_tools.h.
 *
 * Sessions are compared by their fingerprints (gru4rec_fingerprints). So leaks are found
 * even if the source of the training is gone or has another name. A few sessions in ten
 * thousand can have the same fingerprint by chance; a warning is given for more than
 * that. If something cannot be found out, that is a warning too, because a reader would
 * take silence for "no leak".
 */
#include "ext_tools.h"

#include <stdarg.h>

int ext_leak_open(ext_leak *leak, ext_budget *budget, const ext_home *home,
                  int64_t version, ext_error *error)
{
    *leak = (ext_leak){.version = version};
    if (ext_fingerprints_read(&leak->fingerprints, budget, home, version, error) !=
            SQLITE_OK ||
        ext_window_read_last(&leak->against.end, home, version, error) != SQLITE_OK)
        return error->rc;
    if (leak->fingerprints.is_known)
        leak->against.key = &leak->fingerprints.fingerprints.key;
    return SQLITE_OK;
}

void ext_leak_close(ext_leak *leak)
{
    ext_fingerprints_free(&leak->fingerprints);
    *leak = (ext_leak){0};
}

int ext_leak_find(ext_leak *leak, const gru4rec_events *sessions, int64_t n,
                  const ext_home *home, ext_error *error)
{
    ext_poll poll;
    if (!leak->fingerprints.is_known)
        return SQLITE_OK;
    ext_poll_start(&poll, home->db);
    gru4rec_status status =
        gru4rec_fingerprints_find(sessions, n, &leak->fingerprints.fingerprints,
                                  ext_poll_is_stopped, &poll, &leak->found);
    ext_poll_stop(&poll);
    return ext_fingerprints_library(&leak->fingerprints, status, home, error);
}

const char *ext_leak_pieces(const gru4rec_options *options)
{
    const bool has_gap = options->session_gap > 0;
    const bool has_most =
        options->max_length > 0 && options->long_sessions == GRU4REC_LONG_CUT;
    return has_gap && has_most ? "session_gap and max_length cut them"
           : has_gap           ? "session_gap cuts them"
           : has_most          ? "max_length cuts them"
                               : NULL;
}

bool ext_leak_has_other_unit(const ext_events *test)
{
    return 2 * test->n_other_unit > test->n_compared;
}

/*
 * Appends to text "in UNIT" (the name of the unit of some times). unit NULL: appends "not
 * all in one known unit".
 */
static void tell_unit(sqlite3_str *text, const ext_unit *unit)
{
    if (unit != NULL)
        sqlite3_str_appendf(text, "in %s", unit->name);
    else
        sqlite3_str_appendall(text, "not all in one known unit");
}

void ext_leak_tell_units(sqlite3_str *text, const ext_leak *leak, const ext_events *test)
{
    sqlite3_str_appendall(text, "the times of the test are ");
    tell_unit(text, test->unit.unit);
    sqlite3_str_appendall(text, ", and the end of the training is ");
    tell_unit(text, ext_unit_of(&leak->against.end.time));
}

/* ---- warnings ---- */

/*
 * Tells whether n, a part of the total of, is more than a thousandth of it. False if n is
 * 0.
 */
static bool is_many(int64_t n, int64_t of)
{
    return n > 0 && (double)n > 1e-3 * (double)of;
}

/*
 * Appends one warning, made as by printf(), to text. Puts "; " before the warning if text
 * is not empty.
 */
static void say(sqlite3_str *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (sqlite3_str_length(text) > 0)
        sqlite3_str_appendall(text, "; ");
    sqlite3_str_vappendf(text, format, args);
    va_end(args);
}

/*
 * Appends to text the first of these warnings about sessions that applies; nothing if
 * none does:
 * - The version keeps no fingerprints, so it is not known whether there is a leak.
 * - More than a thousandth of the test's sessions were likely trained on.
 * - Of the sessions with 3 events or more, more than 2 % have the items of one of the
 *   training, in addition to those that chance explains.
 * - It is not known what earlier trainings (warm_start) were trained on.
 * pieces: what ext_leak_pieces() returned; if it is not NULL, the numbers in a warning
 * are called pieces of sessions, and it stands in brackets behind them.
 */
static void tell_sessions(sqlite3_str *text, const ext_leak *leak, const char *pieces)
{
    const gru4rec_fingerprints_found *found = &leak->found;
    const char *name = pieces != NULL ? "pieces of sessions (" : "sessions";
    const char *cut = pieces != NULL ? pieces : "";
    const char *end = pieces != NULL ? ")" : "";
    if (!leak->fingerprints.is_known)
        say(text,
            "it is not known whether version %lld was trained on sessions of this test, "
            "because it keeps no fingerprints of its sessions "
            "(gru4rec_audit() tells more)",
            leak->version);
    else if (is_many(found->trained, found->sessions))
        say(text,
            "likely leak: version %lld was trained on %lld of these %lld %s%s%s "
            "(gru4rec_audit() tells more)",
            leak->version, found->trained, found->sessions, name, cut, end);
    else if (found->n_long > 0 && found->excess / (double)found->n_long > 0.02)
        say(text,
            "likely leak: %lld of %lld %s%s%s have the items of one of the training, "
            "%.0f more than chance explains (gru4rec_audit() tells more)",
            found->items, found->n_long, name, cut, end, found->excess);
    else if (found->is_partial)
        say(text,
            "it is not known whether the versions with whose weights version %lld began "
            "(warm_start) were trained on sessions of this test",
            leak->version);
}

/*
 * Appends to text the first of these warnings about times that applies; nothing if none
 * does:
 * - The end of the training is not known.
 * - More than half of the times of the test have another unit than that end.
 * - More than a thousandth of the events are from before that end.
 */
static void tell_times(sqlite3_str *text, const ext_leak *leak, const ext_events *test)
{
    if (!leak->against.end.is_there) {
        say(text,
            "it is not known whether events are from before the end of the training, "
            "because version %lld has no last_event",
            leak->version);
    } else if (ext_leak_has_other_unit(test)) {
        say(text, "it is not known whether events are from before the end of the "
                  "training: ");
        ext_leak_tell_units(text, leak, test);
    } else if (is_many(test->n_before, test->n_compared)) {
        say(text,
            "%lld of %lld events are from before the end of the "
            "training, so the model may have been trained on what came after them",
            test->n_before, test->n_compared);
    }
}

int ext_leak_warning(char **warning, const ext_leak *leak, const ext_events *test,
                     const gru4rec_options *options, ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    tell_sessions(text, leak, ext_leak_pieces(options));
    tell_times(text, leak, test);
    const int rc = sqlite3_str_errcode(text);
    *warning = sqlite3_str_finish(text);
    return rc == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}
