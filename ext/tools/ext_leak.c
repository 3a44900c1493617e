/*
 * ext_leak.c - finds sessions of a test that a model was trained on; see ext_tools.h.
 *
 * Sessions are compared by their fingerprints (gru4rec_fingerprints). So leaks are found
 * even if the source of the training is gone or has another name. A few sessions in ten
 * thousand can have the same fingerprint by chance; a warning is given for more than
 * that.
 */
#include "ext_tools.h"

#include <math.h>

/* Standard deviations by which a number must exceed what chance makes likely. */
enum { LEAST_SIGMA = 4 };

int ext_leak_open(ext_leak *leak, ext_budget *budget, const ext_home *home,
                  int64_t version, ext_error *error)
{
    *leak = (ext_leak){.version = version};
    if (ext_fingerprints_read(&leak->fingerprints, budget, home, version, error) !=
            SQLITE_OK ||
        ext_window_read_last(&leak->against.end, home, version, error) != SQLITE_OK)
        return error->rc;
    leak->against.key = &leak->fingerprints.fingerprints.key;
    return SQLITE_OK;
}

void ext_leak_close(ext_leak *leak)
{
    ext_fingerprints_free(&leak->fingerprints);
    *leak = (ext_leak){0};
}

int ext_leak_find(ext_leak *leak, const ext_events *test, const ext_home *home,
                  ext_error *error)
{
    ext_poll poll;
    if (!leak->fingerprints.is_known)
        return SQLITE_OK;
    ext_poll_start(&poll, home->db);
    gru4rec_status status =
        gru4rec_fingerprints_find(test->builder, test->dataset->n_sessions,
                                  &leak->fingerprints.fingerprints, ext_poll_is_stopped,
                                  &poll, &leak->found);
    ext_poll_stop(&poll);
    return ext_fingerprints_library(&leak->fingerprints, status, home, error);
}

double ext_leak_excess(const gru4rec_fingerprints_found *found)
{
    const double n = (double)found->n_long, expected = n * found->chance;
    const double sigma = sqrt(expected * (1 - found->chance) + 1);
    return n > 0 && (double)found->items > expected + LEAST_SIGMA * sigma
               ? ((double)found->items - expected) / n
               : 0;
}

/* Tells whether n is more than a thousandth of the whole. */
static bool is_many(int64_t n, int64_t of)
{
    return n > 0 && (double)n > 1e-3 * (double)of;
}

/* Writes the warnings about sessions and about times, if there is reason for them. */
static void tell(sqlite3_str *text, const ext_leak *leak, const ext_events *test)
{
    const gru4rec_fingerprints_found *found = &leak->found;
    if (is_many(found->trained, found->sessions))
        sqlite3_str_appendf(text,
                            "likely leak: version %lld was trained on %lld of these %lld "
                            "sessions (gru4rec_audit() tells more)",
                            leak->version, found->trained, found->sessions);
    else if (ext_leak_excess(found) > 0.02)
        sqlite3_str_appendf(text,
                            "likely leak: %lld of %lld sessions have the items "
                            "of a session of the training, "
                            "and chance explains only %.0f (gru4rec_audit() tells more)",
                            found->items, found->n_long,
                            (double)found->n_long * found->chance);
    if (is_many(test->n_before, test->n_compared))
        sqlite3_str_appendf(text,
                            "%s%lld of %lld events are from before the end of the "
                            "training, so the model may have been trained on what came "
                            "after them",
                            sqlite3_str_length(text) > 0 ? "; " : "", test->n_before,
                            test->n_compared);
}

int ext_leak_warning(char **warning, const ext_leak *leak, const ext_events *test,
                     ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    tell(text, leak, test);
    const int rc = sqlite3_str_errcode(text);
    *warning = sqlite3_str_finish(text);
    return rc == SQLITE_OK ? SQLITE_OK : ext_error_nomem(error);
}
