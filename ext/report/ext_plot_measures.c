/*
 * ext_plot_measures.c - the pictures of measures: methods (the version beside baselines),
 * positions (by the place of the target and its popularity) and cutoffs (by the length of
 * the list); see ext_plot.h.
 *
 * All show the rows of gru4rec_evaluate(). Without a test, methods shows what the
 * trainings have measured on held-out sessions.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

/* ---- the rows ---- */

/* Returns the largest cut-off among the rows, whose lists the pictures show. */
static int64_t longest(const ext_plot_measures *measures)
{
    int64_t k = 0;
    for (size_t i = 0; i < measures->n; i++)
        k = measures->rows[i].k > k ? measures->rows[i].k : k;
    return k;
}

/* The measures that have an interval. */
typedef enum measure { RECALL, MRR, NDCG, MEASURES } measure;

static const char *const names[MEASURES] = {"recall", "MRR", "NDCG"};

/* Returns a measure of a row at a point; the caller sets the other coordinate. */
static ext_figure_point point_of(const gru4rec_metrics *row, measure which, bool is_lying)
{
    const double value = which == RECALL ? row->recall
                         : which == MRR  ? row->mrr
                                         : row->ndcg;
    const double half = which == RECALL ? row->recall_ci
                        : which == MRR  ? row->mrr_ci
                                        : row->ndcg_ci;
    return (ext_figure_point){.x = is_lying ? value : 0,
                              .y = is_lying ? 0 : value,
                              .low = value - half,
                              .high = value + half};
}

/* Notes what was measured, on what, and what a reader must know. */
static void note_test(ext_figure *figure, const ext_plot_request *request)
{
    const ext_measurement *measurement = &request->measurement;
    const gru4rec_dataset *test = measurement->test.dataset;
    int64_t n_targets = 0, n_sessions = 0;
    ext_text_count targets, sessions;
    for (int64_t i = 0; i < test->n_sessions; i++) {
        const int64_t n = test->offsets[i + 1] - test->offsets[i] - 1;
        n_targets += measurement->options.last_only && n > 1 ? 1 : n;
        n_sessions += n > 0;
    }
    ext_figure_note(figure, "%s of %s; version %lld.",
                    ext_text_count_of(&targets, n_targets, "target"),
                    ext_text_count_of(&sessions, n_sessions, "session"),
                    measurement->model->version);
    ext_figure_note(figure, "Lines at both sides: the 95 %% interval.");
    if (measurement->options.exclude_seen)
        ext_figure_note(figure, "Without items seen before (exclude_seen): a target that "
                                "is one of them counts as a miss.");
    if (measurement->warnings != NULL)
        ext_figure_note(figure, "Warning: %s.", measurement->warnings);
}

/*
 * Says in the first panel that the picture needs a test, and drops the other panels.
 * Returns whether it does.
 */
static bool lacks_test(ext_figure *figure, const ext_plot_request *request,
                       const char *what)
{
    if (request->columns.test != NULL)
        return false;
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "", EXT_FIGURE_LINEAR, "", EXT_FIGURE_LINEAR);
    ext_figure_say(figure, panel,
                   "It is measured on test events. Give them: gru4rec_plot('%s', '%s', "
                   "'{\"test\": \"clicks_test\"}').",
                   request->home.name, what);
    return true;
}

/* ---- methods ---- */

/* Adds a panel with one measure of all methods, the version first. */
static void add_methods(ext_figure *figure, const ext_plot_measures *measures,
                        measure which, int64_t k)
{
    char label[60];
    sqlite3_snprintf(sizeof label, label, "%s@%lld", names[which], k);
    const size_t panel = ext_figure_add_panel(figure, NULL, label, EXT_FIGURE_LINEAR, "",
                                              EXT_FIGURE_NAMES);
    const size_t own = ext_figure_add_series(figure, panel, EXT_FIGURE_POINTS, NULL);
    const size_t others = ext_figure_add_series(figure, panel, EXT_FIGURE_POINTS, NULL);
    if (panel < figure->n_panels)
        figure->panels[panel].x.has_zero = true;
    for (size_t i = 0; i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i];
        ext_figure_point point = point_of(row, which, true);
        if (row->k != k)
            continue;
        char text[60];
        if (isfinite(point.low))
            sqlite3_snprintf(sizeof text, text, "%.3f \xc2\xb1 %.3f", point.x,
                             point.high - point.x);
        else
            sqlite3_snprintf(sizeof text, text, "%.3f", point.x);
        point.y = (double)ext_figure_add_name(figure, panel, true, row->method);
        point.text = text;
        ext_figure_add_point(figure, panel,
                             strncmp(row->method, "gru4rec", 7) == 0 ? own : others,
                             &point);
    }
}

/* Adds the measures of the kept versions on their held-out sessions, if there are any. */
static int add_versions(ext_figure *figure, const ext_plot_request *request,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(&request->home, &stmt, error,
                       "SELECT version, summary ->> '$.recall' FROM @version "
                       "WHERE status = 'ready' AND summary ->> '$.recall' IS NOT NULL "
                       "ORDER BY version",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    const size_t panel =
        ext_figure_add_panel(figure, NULL,
                             "recall@20 on the sessions that its training held out",
                             EXT_FIGURE_LINEAR, "", EXT_FIGURE_NAMES);
    const size_t series = ext_figure_add_series(figure, panel, EXT_FIGURE_POINTS, NULL);
    if (panel < figure->n_panels)
        figure->panels[panel].x.has_zero = true;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        char name[40], text[40];
        const double recall = sqlite3_column_double(stmt, 1);
        sqlite3_snprintf(sizeof name, name, "version %lld",
                         sqlite3_column_int64(stmt, 0));
        sqlite3_snprintf(sizeof text, text, "%.3f", recall);
        const ext_figure_point point = {.x = recall,
                                        .y = (double)ext_figure_add_name(figure, panel,
                                                                         true, name),
                                        .low = (double)NAN,
                                        .high = (double)NAN,
                                        .text = text};
        ext_figure_add_point(figure, panel, series, &point);
    }
    if (panel < figure->n_panels && figure->panels[panel].y.n_names == 0)
        ext_figure_drop_panels(figure, panel);
    return ext_sql_finish(stmt, rc, "reading the versions", error);
}

int ext_plot_measures_methods(ext_figure *figure, ext_plot_request *request,
                              ext_error *error)
{
    const ext_plot_measures *measures;
    ext_figure_title(figure, "'%s' beside simple methods", request->home.name);
    if (lacks_test(figure, request, "methods"))
        return add_versions(figure, request, error);
    if (ext_plot_request_measures(&measures, request, GRU4REC_SEGMENT_NONE, error) !=
        SQLITE_OK)
        return error->rc;
    for (int which = 0; which < MEASURES; which++)
        add_methods(figure, measures, (measure)which, longest(measures));
    note_test(figure, request);
    return SQLITE_OK;
}

/* ---- positions and cutoffs ---- */

/*
 * Moves the points of the series aside, each by another step, so that their intervals do
 * not cover each other.
 */
static void spread(ext_figure *figure, size_t panel)
{
    if (panel >= figure->n_panels)
        return;
    ext_figure_panel *of = &figure->panels[panel];
    for (size_t i = 0; i < of->n_series; i++)
        for (size_t j = 0; j < of->series[i].n; j++)
            of->series[i].points[j].x +=
                0.3 * ((double)i + 0.5 - (double)of->n_series / 2) / (double)of->n_series;
}

/* Adds a panel with the recall of all methods by segment. */
static int add_segments(ext_figure *figure, ext_plot_request *request,
                        gru4rec_segment segment, const char *x, ext_error *error)
{
    const ext_plot_measures *measures;
    char label[60];
    if (ext_plot_request_measures(&measures, request, segment, error) != SQLITE_OK)
        return error->rc;
    const int64_t k = longest(measures);
    sqlite3_snprintf(sizeof label, label, "recall@%lld", k);
    const size_t panel =
        ext_figure_add_panel(figure, NULL, x, EXT_FIGURE_NAMES, label, EXT_FIGURE_LINEAR);
    if (panel < figure->n_panels)
        figure->panels[panel].y.has_zero = true;
    for (size_t i = 0; i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i];
        if (row->k != k || row->segment == NULL || row->events == 0)
            continue;
        ext_figure_point point = point_of(row, RECALL, false);
        point.x = (double)ext_figure_find_name(figure, panel, row->segment);
        ext_figure_add_point(figure, panel,
                             ext_figure_find_series(figure, panel, EXT_FIGURE_LINE,
                                                    row->method),
                             &point);
    }
    spread(figure, panel);
    return SQLITE_OK;
}

int ext_plot_measures_positions(ext_figure *figure, ext_plot_request *request,
                                ext_error *error)
{
    ext_figure_title(figure, "Where '%s' is right", request->home.name);
    if (lacks_test(figure, request, "positions"))
        return SQLITE_OK;
    if (add_segments(figure, request, GRU4REC_SEGMENT_POSITION,
                     "events of the session before the target", error) != SQLITE_OK ||
        add_segments(figure, request, GRU4REC_SEGMENT_POPULARITY,
                     "popularity of the target: each part has a third of the events",
                     error) != SQLITE_OK)
        return error->rc;
    note_test(figure, request);
    return SQLITE_OK;
}

int ext_plot_measures_cutoffs(ext_figure *figure, ext_plot_request *request,
                              ext_error *error)
{
    const ext_plot_measures *measures;
    ext_figure_title(figure, "'%s' by the length of the list", request->home.name);
    if (lacks_test(figure, request, "cutoffs"))
        return SQLITE_OK;
    if (ext_plot_request_measures(&measures, request, GRU4REC_SEGMENT_NONE, error) !=
        SQLITE_OK)
        return error->rc;
    for (int which = 0; which < 2; which++) {
        const size_t panel =
            ext_figure_add_panel(figure, NULL, "items in the list", EXT_FIGURE_LINEAR,
                                 names[which], EXT_FIGURE_LINEAR);
        if (panel < figure->n_panels) {
            figure->panels[panel].x.is_whole = true;
            figure->panels[panel].y.has_zero = true;
        }
        for (size_t i = 0; i < measures->n; i++) {
            const gru4rec_metrics *row = &measures->rows[i];
            ext_figure_point point = point_of(row, (measure)which, false);
            point.x = (double)row->k;
            ext_figure_add_point(figure, panel,
                                 ext_figure_find_series(figure, panel, EXT_FIGURE_LINE,
                                                        row->method),
                                 &point);
        }
    }
    note_test(figure, request);
    return SQLITE_OK;
}
