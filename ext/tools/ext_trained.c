/*
 * ext_trained.c - reads the sessions that a version was trained on once more; see
 * ext_tools.h.
 *
 * These are the sessions that the version's own run read: the events of its source, up to
 * its last_event, prepared by its options. If the run had since=last, they are the
 * sessions with at least one event in the window of that run, each session whole.
 * Sessions that were held out begin after last_event, so they are not read.
 *
 * The source may have changed since. So the sessions that are read are counted after
 * their items are mapped to the version's catalogue, and looked for in the version's
 * fingerprints.
 *
 * m_version says which source it was. That text becomes SQL only as a quoted name,
 * because somebody may have forged the table. If the text is a SELECT, it is run only if
 * it is still the model's own source.
 */
#include "ext_tools.h"

#include <string.h>

/*
 * What m_version records about the run that made the version. All zero at first.
 * read_record() fills it in.
 */
typedef struct record {
    bool is_there;
    char *source;     /* the run's source; owned; NULL: none is recorded */
    int64_t n_events; /* number of events trained on; 0: not known */
    /* since=last: the version that was active before the run, and its last event. */
    ext_last since;
    ext_border end; /* the last event that was trained on */
} record;

/*
 * Reads the record of the run that made the version. If m_version has no row of that run
 * any more, only r->end is read, and is_there is false. The caller frees r->source in any
 * case.
 */
static int read_record(record *r, const ext_model *model, const ext_home *home,
                       ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT source, summary ->> '$.events', " EXT_WINDOW_SINCE
                       "FROM @version WHERE version = ?1 AND run = ?2",
                       "is", model->version, model->run);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const bool has_source = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
        r->is_there = true;
        r->source = ext_sql_text(stmt, 0);
        r->n_events = sqlite3_column_int64(stmt, 1);
        ext_window_take_since(&r->since, stmt, 2);
        if (has_source && r->source == NULL)
            rc = ext_error_nomem(error);
    }
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    return rc == SQLITE_OK ? ext_window_read_last(&r->end, home, model->version, error)
                           : rc;
}

/*
 * Checks that the record has the source and the last event that the version was trained
 * on. name: of the baseline that needs the events, for the message. SQLITE_ERROR: it has
 * not; the message says why.
 */
static int check_record(const record *r, const ext_model *model, const char *name,
                        ext_error *error)
{
    const char *why = !r->is_there ? "the version is no longer kept"
                      : r->source == NULL
                          ? "the version has no source"
                          : "the version has no last_event, because it was imported, "
                            "or an older gru4rec made it, "
                            "or no event came before its held-out sessions";
    if (r->source != NULL && r->end.is_there)
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "baseline %s is fitted on the events "
                         "that version %lld was trained on, "
                         "but these are not known: %s; "
                         "use baselines=pop, or train a new version",
                         name, (long long)model->version, why);
}

/* ---- its source ---- */

/*
 * Opens the table or view that the record names as *source. Its columns are those of the
 * model's configuration, or guessed ones (ext_config_open_like()). *is_open: out, whether
 * there is a table or view of that name. It is false, and nothing is opened, also if the
 * record has a SELECT, which is not run. SQLITE_ERROR: the table or view may not be read
 * (ext_source_check_stored()), or does not open.
 */
static int open_named(ext_source *source, bool *is_open, const record *r,
                      const ext_config *config, const ext_home *home, ext_error *error)
{
    *is_open = false;
    if (ext_select_is(r->source) ||
        ext_source_exists(is_open, home->db, home->schema, r->source, error) !=
            SQLITE_OK ||
        !*is_open)
        return error->rc;
    int rc = ext_source_check_stored(home->db, home->schema, r->source, error);
    return rc == SQLITE_OK
               ? ext_config_open_like(config, home, r->source, NULL, source, error)
               : rc;
}

/*
 * Opens the model's own source as *source, in place of the recorded source, which cannot
 * be read; and adds a warning to the request, which says so. SQLITE_ERROR: the model has
 * no source of its own.
 */
static int replace_source(ext_source *source, ext_measurement *request, const record *r,
                          const ext_config *config, const ext_home *home,
                          ext_error *error)
{
    const bool is_select = ext_select_is(r->source);
    ext_show show;
    ext_show_text(&show, r->source);
    if (config->source == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "version %lld was trained on '%s', which %s, and the model has no source of "
            "its own; give it one by gru4rec_configure(), or use baselines=pop",
            (long long)request->model->version, show.text,
            is_select ? "is a SELECT that is not run again" : "is gone");
    int rc = ext_config_open_source(config, home, NULL, NULL, source, error);
    return rc == SQLITE_OK
               ? ext_measure_warn(request, error,
                                  "the baselines were fitted on the model's own source: "
                                  "version %lld was trained on '%s', which %s",
                                  request->model->version, show.text,
                                  is_select ? "is another SELECT, which is not run again"
                                            : "is gone")
               : rc;
}

/*
 * Opens the source that the run of the version has read as *source: the model's own
 * source if that is the same, else the table or view that the record names. If that is
 * gone, or is a SELECT, opens the model's own source in its place, with a warning
 * (replace_source()). The caller closes *source in any case.
 */
static int open_source(ext_source *source, ext_measurement *request, const record *r,
                       const ext_home *home, ext_error *error)
{
    ext_config config = {0};
    bool is_open;
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK && ext_config_is_source(&config, r->source)) {
        rc = ext_config_open_source(&config, home, NULL, NULL, source, error);
    } else if (rc == SQLITE_OK) {
        rc = open_named(source, &is_open, r, &config, home, error);
        if (rc == SQLITE_OK && !is_open)
            rc = replace_source(source, request, r, &config, home, error);
    }
    ext_config_free(&config);
    return rc;
}

/* ---- its events ---- */

/*
 * Reads the events into *trained as the run of the version read them, by the version's
 * options and up to its last event. There are three differences. Rows that cannot be read
 * are skipped, because rows were perhaps added to the log since then. No session is held
 * out, because those that the run held out begin after r->end. Sessions are sorted by
 * time, because baselines use their age. If request->leak has fingerprints of the
 * version, these sessions get fingerprints with the same key, for find_sessions().
 */
static int read_events(ext_events *trained, ext_measurement *request, const record *r,
                       ext_budget *budget, ext_source *source, ext_error *error)
{
    gru4rec_options options = request->model->loaded.options;
    const ext_reading reading = {.options = &options,
                                 .last = &r->since,
                                 .end = &r->end,
                                 .against = &request->leak.against,
                                 .keeps_times = true};
    options.validation = 0;
    options.bad_rows = 1;
    options.time_sort = 1;
    return ext_read_events(trained, budget, source, &reading, error);
}

/*
 * Looks for the sessions that were read among the fingerprints of the version
 * (request->leak, which stays as it is), and fills in *found. *found is all zero if there
 * are no fingerprints. Then frees the ids of the sessions (trained->builder), which
 * becomes NULL, also after a failure.
 */
static int find_sessions(gru4rec_fingerprints_found *found, ext_events *trained,
                         const ext_measurement *request, const ext_home *home,
                         ext_error *error)
{
    ext_leak leak = request->leak; /* a copy, so that request->leak.found stays */
    leak.found = (gru4rec_fingerprints_found){0};
    int rc =
        ext_leak_find(&leak, trained->builder, trained->dataset->n_sessions, home, error);
    *found = leak.found;
    gru4rec_events_free(trained->builder);
    trained->builder = NULL;
    return rc;
}

/*
 * Replaces the item rows in the sessions by those of the version's catalogue, and drops
 * the events whose item the version does not know. Then frees the catalogue of these
 * events (trained->items), which becomes NULL, also after a failure. SQLITE_ERROR: no
 * event is left.
 */
static int map_items(ext_events *trained, const ext_measurement *request,
                     ext_error *error)
{
    const int64_t n_read = trained->dataset->n_events;
    const gru4rec_status status = gru4rec_dataset_map(trained->dataset, trained->items,
                                                      request->model->loaded.items);
    gru4rec_items_free(trained->items);
    trained->items = NULL;
    if (status != GRU4REC_OK || trained->dataset->n_events > 0)
        return ext_error_library(error, status, NULL);
    return ext_error_set(
        error, SQLITE_ERROR,
        "the baselines cannot be fitted: of the %lld events that version %lld's source "
        "now has up to its last_event, none has an item that the version knows; "
        "restore the source as it was trained on, train a new version, "
        "or use baselines=pop",
        (long long)n_read, (long long)request->model->version);
}

/*
 * Adds a warning to the request if the sessions that were read are not those of the
 * training. First compares the number of events with the recorded number. If it is the
 * same, and the version held out no session, looks how many sessions of two events or
 * more were not found among the version's fingerprints by their items and times. The only
 * error is SQLITE_NOMEM.
 */
static int compare_sessions(ext_measurement *request, const ext_events *trained,
                            const gru4rec_fingerprints_found *found, const record *r,
                            ext_error *error)
{
    const bool had_held_out = request->model->loaded.options.validation > 0;
    const int64_t n_other = found->n_paired - found->events;
    if (trained->dataset->n_events != r->n_events)
        return ext_measure_warn(request, error,
                                "the baselines were fitted on %lld events, "
                                "but version %lld was trained on %lld%s",
                                trained->dataset->n_events, request->model->version,
                                r->n_events,
                                had_held_out
                                    ? "; the version held out sessions (validation), "
                                      "and later events of other sessions are not read"
                                    : "; the source has changed since");
    if (n_other > 0 && !had_held_out)
        return ext_measure_warn(request, error,
                                "the baselines were fitted on other sessions than "
                                "version %lld was trained on: the items or times of "
                                "%lld of %lld sessions are others; "
                                "the source has changed since",
                                request->model->version, n_other, found->n_paired);
    return SQLITE_OK;
}

/*
 * Adds a warning to the request if the version began from another one (warm_start) and
 * was trained on a part of the source (since): its weights hold what the versions before
 * it saw, and the sessions that were read do not. The only error is SQLITE_NOMEM.
 */
static int warn_of_window(ext_measurement *request, const ext_events *trained,
                          const record *r, ext_error *error)
{
    const gru4rec_options *options = &request->model->loaded.options;
    const bool has_time =
        options->since[0] != '\0' && strcmp(options->since, "last") != 0;
    if (!options->warm_start || (!has_time && !r->since.border.is_there))
        return SQLITE_OK;
    return ext_measure_warn(request, error,
                            "the baselines were fitted on the %lld events of the last "
                            "training alone, but version %lld began with the weights of "
                            "earlier ones (warm_start), so they know less than it does: "
                            "to compare, train a version on everything",
                            (long long)trained->dataset->n_events,
                            (long long)request->model->version);
}

int ext_trained_read(ext_events *trained, ext_measurement *request, ext_budget *budget,
                     const ext_home *home, const char *name, ext_error *error)
{
    record r = {0};
    ext_source source = {0};
    gru4rec_fingerprints_found found = {0};
    int rc = read_record(&r, request->model, home, error);
    if (rc == SQLITE_OK)
        rc = check_record(&r, request->model, name, error);
    if (rc == SQLITE_OK)
        rc = open_source(&source, request, &r, home, error);
    if (rc == SQLITE_OK)
        rc = read_events(trained, request, &r, budget, &source, error);
    if (rc == SQLITE_OK)
        rc = find_sessions(&found, trained, request, home, error);
    if (rc == SQLITE_OK)
        rc = map_items(trained, request, error);
    if (rc == SQLITE_OK)
        rc = compare_sessions(request, trained, &found, &r, error);
    if (rc == SQLITE_OK)
        rc = warn_of_window(request, trained, &r, error);
    ext_source_close(&source);
    sqlite3_free(r.source);
    return rc;
}
