/*
 * ext_plot_events.c - reads the events of a model's source, or of a test, for pictures;
 * see ext_plot.h.
 */
#include "ext_plot.h"

/* Options with which every event is read, and each session stays as it is. */
static gru4rec_options raw_options(const gru4rec_options *own)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    options.keep_empty = own->keep_empty;
    options.single_events = GRU4REC_SINGLE_COUNT;
    return options;
}

/*
 * Opens the test, with the columns of the call and those of the model; or the model's own
 * source, which may be forged, so that it is restricted as a view.
 */
static int open_source(ext_source *source, const ext_plot_request *request,
                       const char *test, ext_error *error)
{
    if (test != NULL)
        return ext_config_open_like(&request->config, &request->home, test,
                                    &request->columns, source, error);
    int rc = ext_config_open_source(&request->config, &request->home, NULL, NULL, source,
                                    error);
    source->is_restricted = true;
    return rc;
}

/* Reads the events that the version knows, by the options that it was trained with. */
static int read_known(ext_events *events, ext_plot_request *request, ext_source *source,
                      const ext_model *version, ext_error *error)
{
    gru4rec_options options = version->loaded.options;
    const ext_reading reading = {.known = version->loaded.items,
                                 .options = &options,
                                 .keeps_times = true};
    options.bad_rows = 1;
    return ext_read_events(events, &request->budget, source, &reading, error);
}

int ext_plot_events_read(ext_events *events, ext_plot_request *request, const char *test,
                         ext_plot_preparation preparation, const ext_model *version,
                         ext_error *error)
{
    gru4rec_options options =
        preparation == EXT_PLOT_RAW ? raw_options(&request->own) : request->own;
    const ext_reading reading = {.options = &options, .keeps_times = true};
    ext_source source = {0};
    options.validation = 0;
    int rc = open_source(&source, request, test, error);
    if (rc == SQLITE_OK && preparation == EXT_PLOT_KNOWN) {
        rc = read_known(events, request, &source, version, error);
    } else if (rc == SQLITE_OK) {
        rc = ext_read_collect(events, &request->budget, &source, &reading, false, error);
        if (rc == SQLITE_OK)
            rc = ext_read_finish(events, &request->budget, request->home.db, &options,
                                 error);
    }
    ext_source_close(&source);
    return rc;
}

bool ext_plot_events_are_missing(ext_figure *figure, const ext_plot_request *request)
{
    if (request->config.source != NULL)
        return false;
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "", EXT_FIGURE_LINEAR, "", EXT_FIGURE_LINEAR);
    ext_figure_say(figure, panel,
                   "The model has no source of events. Give it one: "
                   "gru4rec_configure('%s', '{\"source\": \"clicks\"}').",
                   request->home.name);
    return true;
}
