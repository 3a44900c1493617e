/*
 * ext_trained.c - reads the sessions that a version was trained on once more; see
 * ext_tools.h.
 *
 * These are the sessions that the version's own run read: the events of its source, up to
 * its last_event, prepared by its options. If the run had since=last, they are the
 * sessions with at least one event in the window of that run, each session whole.
 * Sessions that were held out begin after last_event, so they are not read.
 *
 * m_version says which source it was. That text becomes SQL only as a quoted name,
 * because somebody may have forged the table. If the text is a SELECT, it is run only if
 * it is still the model's own source.
 */
#include "ext_tools.h"

/* The row of m_version about the version's run. */
typedef struct record {
    bool is_there;
    char *source;     /* owned, or NULL */
    int64_t n_events; /* that were trained on; 0: not known */
    ext_last since;   /* since=last: the version before, whose events were left out */
    ext_border end;   /* the last event */
} record;

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
 * Refuses a record that does not tell which events the version was trained on. name: of
 * the baseline that needs them.
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
 * Opens the table or view that the record names. *is_open: false if there is none of that
 * name, or if the record has a SELECT.
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
 * Opens the model's own source instead of the record's, which cannot be read, and adds a
 * warning to the request.
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

/* Opens the source of the run, or one in its place. */
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
 * Reads the events as the run read them, with three differences. Rows that cannot be read
 * are skipped, because rows were perhaps added to the log since then. No session is held
 * out, because those that the run held out begin after r->end. Sessions are sorted by
 * time, because baselines use their age.
 */
static int read_events(ext_events *trained, ext_measurement *request, const record *r,
                       ext_budget *budget, ext_source *source, ext_error *error)
{
    gru4rec_options options = request->model->loaded.options;
    const bool had_held_out = options.validation > 0;
    const ext_reading reading = {.options = &options,
                                 .last = &r->since,
                                 .end = &r->end,
                                 .keeps_times = true};
    options.validation = 0;
    options.bad_rows = 1;
    options.time_sort = 1;
    int rc = ext_read_events(trained, budget, source, &reading, error);
    const gru4rec_dataset *dataset = trained->dataset;
    if (rc != SQLITE_OK || dataset->n_events == r->n_events)
        return rc;
    return ext_measure_warn(request, error,
                            "the baselines were fitted on %lld events, "
                            "but version %lld was trained on %lld%s",
                            dataset->n_events, request->model->version, r->n_events,
                            had_held_out
                                ? "; the version held out sessions (validation), "
                                  "and later events of other sessions are not read"
                                : "; the source has changed since");
}

/*
 * Gives the items the rows that they have in the version's catalogue. Frees what is not
 * needed any more: the catalogue of these events, and the ids of the sessions.
 */
static int map_items(ext_events *trained, const gru4rec_items *known, ext_error *error)
{
    gru4rec_events_free(trained->builder); /* it holds the ids of the sessions */
    trained->builder = NULL;
    const gru4rec_status status =
        gru4rec_dataset_map(trained->dataset, trained->items, known);
    gru4rec_items_free(trained->items);
    trained->items = NULL;
    return ext_error_library(error, status, NULL);
}

int ext_trained_read(ext_events *trained, ext_measurement *request, ext_budget *budget,
                     const ext_home *home, const char *name, ext_error *error)
{
    record r = {0};
    ext_source source = {0};
    int rc = read_record(&r, request->model, home, error);
    if (rc == SQLITE_OK)
        rc = check_record(&r, request->model, name, error);
    if (rc == SQLITE_OK)
        rc = open_source(&source, request, &r, home, error);
    if (rc == SQLITE_OK)
        rc = read_events(trained, request, &r, budget, &source, error);
    if (rc == SQLITE_OK)
        rc = map_items(trained, request->model->loaded.items, error);
    ext_source_close(&source);
    sqlite3_free(r.source);
    return rc;
}
