/*
 * ext_plot_days.c - the picture days: events and sessions by day, of the source and of a
 * test, with the days of the training marked; see ext_plot.h.
 *
 * All events of the source count, as they are there. A session counts on the day of its
 * first event. Days are those of UTC. Many days are grouped, so that bars can be seen.
 */
#include "ext_plot.h"

#include <math.h>

static const double day = 86400;

enum { BARS = 200 }; /* the most of one series */

/* Events with their times in seconds, and what they are called. */
typedef struct day_log {
    const char *name;
    ext_events events;
    double per_second; /* the unit of the times */
    double first, last;
} day_log;

/* Returns the time of an event, in seconds since 1970. */
static double seconds(const day_log *of, int64_t event)
{
    return of->events.dataset->times[event] / of->per_second;
}

/*
 * Reads a log, and finds its first and last time. SQLITE_ERROR: its times are no dates.
 */
static int read(day_log *of, ext_plot_request *request, const char *test,
                ext_error *error)
{
    of->name = test != NULL ? "test" : "source";
    of->first = INFINITY;
    of->last = -INFINITY;
    if (ext_plot_events_read(&of->events, request, test, EXT_PLOT_RAW, NULL, error) !=
        SQLITE_OK)
        return error->rc;
    const gru4rec_dataset *dataset = of->events.dataset;
    if (dataset->n_events == 0)
        return SQLITE_OK;
    if (of->events.unit.unit == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the times of the %s are no dates: they are a counter, or in "
            "several units; give the source a column of times, as "
            "seconds since 1970 or ISO-8601 dates",
            of->name);
    of->per_second = of->events.unit.unit->per_second;
    for (int64_t i = 0; i < dataset->n_events; i++) {
        of->first = fmin(of->first, seconds(of, i));
        of->last = fmax(of->last, seconds(of, i));
    }
    return SQLITE_OK;
}

/* Returns how many days one bar has, if there are so many days. */
static int64_t group(double n_days)
{
    static const int64_t groups[] = {1, 7, 28, 364, 3640};
    size_t i = 0;
    while (i < 4 && n_days / (double)groups[i] > BARS)
        i++;
    return groups[i];
}

/*
 * Adds a series with a bar for each group of days from the first to the last that has
 * one. of_sessions: sessions are counted, else events.
 */
static int add_bars(ext_figure *figure, size_t panel, const day_log *of, bool of_sessions,
                    double origin, double length, ext_error *error)
{
    const gru4rec_dataset *dataset = of->events.dataset;
    const size_t series = ext_figure_add_series(figure, panel, EXT_FIGURE_BARS, of->name);
    if (dataset->n_events == 0)
        return SQLITE_OK;
    const int64_t from = (int64_t)floor((of->first - origin) / length),
                  to = (int64_t)floor((of->last - origin) / length);
    const size_t n = (size_t)(to - from + 1);
    int64_t *counts = sqlite3_malloc64(n * sizeof *counts);
    if (counts == NULL)
        return ext_error_nomem(error);
    for (size_t i = 0; i < n; i++)
        counts[i] = 0;
    for (int64_t i = 0; i < (of_sessions ? dataset->n_sessions : dataset->n_events);
         i++) {
        const double at = seconds(of, of_sessions ? dataset->offsets[i] : i);
        counts[(int64_t)floor((at - origin) / length) - from]++;
    }
    for (size_t i = 0; i < n; i++)
        ext_figure_add(figure, panel, series,
                       origin + (double)(from + (int64_t)i) * length, (double)counts[i]);
    sqlite3_free(counts);
    return SQLITE_OK;
}

/*
 * Adds the band of the training of the version, if its ends are known. SQLITE_ERROR: the
 * call gives a version, and the model has none of that.
 */
static int add_training(ext_figure *figure, size_t panel, const ext_plot_request *request,
                        double per_second, ext_error *error)
{
    const ext_choice choice = ext_choice_of_option(request->options.version);
    const bool is_given = ext_options_is_set(&request->options, "version");
    ext_version version;
    sqlite3_stmt *stmt;
    int rc = is_given ? ext_choice_find(&version, &choice, &request->home, error)
                      : ext_choice_look(&version, &choice, &request->home, error);
    if (rc == SQLITE_OK)
        rc = ext_query(&request->home, &stmt, error,
                       "SELECT summary ->> '$.first_event', summary ->> '$.last_event' "
                       "FROM @version WHERE version = ?1",
                       "i", version.version);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    double ends[2];
    bool are_known = rc == SQLITE_ROW;
    for (int i = 0; are_known && i < 2; i++) {
        gru4rec_time time;
        const ext_time_kind kind = ext_time_column(stmt, i, &time);
        are_known = kind == EXT_TIME_NUMBER || kind == EXT_TIME_DATE;
        ends[i] = are_known ? gru4rec_time_real(&time) /
                                  (kind == EXT_TIME_DATE ? 1 : per_second)
                            : 0;
    }
    if (are_known)
        ext_figure_add_band(figure, panel, ends[0], ends[1], "days of the training");
    return ext_sql_finish(stmt, rc, "reading the version", error);
}

/* Adds the panel of events or of sessions. */
static int add_panel(ext_figure *figure, const ext_plot_request *request,
                     const day_log logs[2], size_t n_logs, bool of_sessions,
                     ext_error *error)
{
    const double first = fmin(logs[0].first, logs[1].first),
                 last = fmax(logs[0].last, logs[1].last);
    const int64_t n = isfinite(first) ? group((last - first) / day + 1) : 1;
    const double length = (double)n * day,
                 origin = isfinite(first) ? floor(first / day) * day : 0;
    char days[24] = "a day", label[80];
    if (n > 1)
        sqlite3_snprintf(sizeof days, days, "in %lld days", n);
    sqlite3_snprintf(sizeof label, label,
                     of_sessions ? "sessions %s, by their first event" : "events %s",
                     days);
    const size_t panel = ext_figure_add_panel(figure, NULL, "day (UTC)", EXT_FIGURE_TIME,
                                              label, EXT_FIGURE_LINEAR);
    for (size_t i = 0; i < n_logs; i++)
        if (add_bars(figure, panel, &logs[i], of_sessions, origin, length, error) !=
            SQLITE_OK)
            return error->rc;
    if (isfinite(first) &&
        add_training(figure, panel, request, logs[0].per_second, error) != SQLITE_OK)
        return error->rc;
    if (n_logs == 2)
        ext_figure_add_band(figure, panel, logs[1].first, logs[1].last,
                            "days of the test");
    return SQLITE_OK;
}

int ext_plot_days_fill(ext_figure *figure, ext_plot_request *request, ext_error *error)
{
    day_log logs[2] = {{.first = INFINITY, .last = -INFINITY},
                       {.first = INFINITY, .last = -INFINITY}};
    const char *test = request->columns.test;
    const size_t n_logs = test != NULL ? 2 : 1;
    ext_figure_title(figure, "Events and sessions of '%s' by day", request->home.name);
    if (ext_plot_events_are_missing(figure, request))
        return SQLITE_OK;
    int rc = read(&logs[0], request, NULL, error);
    if (rc == SQLITE_OK && test != NULL)
        rc = read(&logs[1], request, test, error);
    for (int of_sessions = 0; rc == SQLITE_OK && of_sessions < 2; of_sessions++)
        rc = add_panel(figure, request, logs, n_logs, of_sessions, error);
    if (rc == SQLITE_OK && isfinite(logs[0].first)) {
        const ext_figure_axis time = {.scale = EXT_FIGURE_TIME};
        char from[EXT_AXIS_TEXT], to[EXT_AXIS_TEXT];
        ext_text_count n;
        ext_figure_note(figure, "The source has %s from %s to %s.",
                        ext_text_count_of(&n, logs[0].events.dataset->n_events, "event"),
                        ext_axis_value(from, &time, floor(logs[0].first)),
                        ext_axis_value(to, &time, floor(logs[0].last)));
    }
    ext_read_free(&logs[1].events);
    ext_read_free(&logs[0].events);
    return rc;
}
