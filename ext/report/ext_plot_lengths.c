/*
 * ext_plot_lengths.c - the picture lengths: sessions by their number of events, and the
 * pauses between events, after preparation; see ext_plot.h.
 */
#include "ext_plot.h"

/* Sessions of this many events and more are one bar. */
enum { LONGEST = 30 };

/* The bars of pauses: those up to this many seconds, and above the one before. */
static const struct {
    double most;
    const char *name;
} pauses[] = {
    {1, "1 s"},      {10, "10 s"},     {30, "30 s"},    {60, "1 min"},  {180, "3 min"},
    {600, "10 min"}, {1800, "30 min"}, {3600, "1 h"},   {10800, "3 h"}, {43200, "12 h"},
    {86400, "1 d"},  {604800, "7 d"},  {1e300, "more"},
};

enum { PAUSES = sizeof pauses / sizeof *pauses };

/* Adds the sessions by length, and returns how many have LONGEST events and more. */
static void add_lengths(ext_figure *figure, const gru4rec_dataset *dataset)
{
    int64_t counts[LONGEST + 1] = {0};
    int64_t longest = 0;
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "events of the session", EXT_FIGURE_NAMES,
                             "sessions", EXT_FIGURE_LINEAR);
    const size_t series = ext_figure_add_series(figure, panel, EXT_FIGURE_BARS, NULL);
    for (int64_t i = 0; i < dataset->n_sessions; i++) {
        const int64_t n = dataset->offsets[i + 1] - dataset->offsets[i];
        longest = n > longest ? n : longest;
        counts[n < LONGEST ? n : LONGEST]++;
    }
    for (int64_t n = 1; n <= longest && n <= LONGEST; n++) {
        char name[24];
        const bool is_open = n == LONGEST && longest > LONGEST;
        sqlite3_snprintf(sizeof name, name, is_open ? "%lld+" : "%lld", n);
        const size_t at = ext_figure_add_name(figure, panel, false, name);
        ext_figure_add(figure, panel, series, (double)at, (double)counts[n]);
    }
    ext_text_count sessions, events;
    ext_figure_note(figure, "%s of %s; the longest has %lld.",
                    ext_text_count_of(&sessions, dataset->n_sessions, "session"),
                    ext_text_count_of(&events, dataset->n_events, "event"), longest);
}

/* Adds the pauses between the events of a session; per_second: the unit of the times. */
static void add_pauses(ext_figure *figure, const gru4rec_dataset *dataset,
                       double per_second)
{
    int64_t counts[PAUSES] = {0};
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "pause to the event before, up to",
                             EXT_FIGURE_NAMES, "events", EXT_FIGURE_LINEAR);
    const size_t series = ext_figure_add_series(figure, panel, EXT_FIGURE_BARS, NULL);
    for (int64_t i = 0; i < dataset->n_sessions; i++)
        for (int64_t j = dataset->offsets[i] + 1; j < dataset->offsets[i + 1]; j++) {
            const double pause = (dataset->times[j] - dataset->times[j - 1]) / per_second;
            int bar = 0;
            while (bar < PAUSES - 1 && pause > pauses[bar].most)
                bar++;
            counts[bar]++;
        }
    for (int bar = 0; bar < PAUSES; bar++) {
        const size_t at = ext_figure_add_name(figure, panel, false, pauses[bar].name);
        ext_figure_add(figure, panel, series, (double)at, (double)counts[bar]);
    }
}

/* Notes what the preparation has left out. */
static void note_dropped(ext_figure *figure, const gru4rec_dataset *dataset)
{
    const int64_t n = dataset->n_repeats + dataset->n_rare + dataset->n_short +
                      dataset->n_dropped + dataset->n_left;
    if (n > 0)
        ext_figure_note(figure, "The preparation left out %s.",
                        ext_text_count_of(&(ext_text_count){""}, n, "event"));
}

int ext_plot_lengths_fill(ext_figure *figure, ext_plot_request *request, ext_error *error)
{
    ext_events events = {0};
    ext_figure_title(figure, "Sessions of '%s', after preparation", request->home.name);
    if (ext_plot_events_are_missing(figure, request))
        return SQLITE_OK;
    int rc = ext_plot_events_read(&events, request, NULL, EXT_PLOT_PREPARED, NULL, error);
    if (rc == SQLITE_OK) {
        add_lengths(figure, events.dataset);
        if (events.unit.unit != NULL)
            add_pauses(figure, events.dataset, events.unit.unit->per_second);
        else if (events.dataset->n_events > 0)
            ext_figure_note(figure, "The times are in no known unit, so that pauses have "
                                    "no length.");
        note_dropped(figure, events.dataset);
    }
    ext_read_free(&events);
    return rc;
}
