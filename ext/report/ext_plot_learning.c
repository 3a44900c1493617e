/*
 * ext_plot_learning.c - the picture learning: loss, and measures on held-out sessions, by
 * epoch, a line for each version; see ext_plot.h.
 */
#include "ext_plot.h"

#include <math.h>

/* The most versions whose lines can be told apart. */
enum { VERSIONS = EXT_MARKS_COLOURS };

/* The panels, whose values stand in these columns of the query. */
enum { LOSS, RECALL, MRR, PANELS };

static const char query[] =
    "SELECT version, epoch, loss, recall, mrr, "
    "version = (SELECT CAST(value AS INTEGER) FROM @config WHERE key = 'version') "
    "FROM @epoch WHERE version IN "
    "(SELECT version FROM @epoch GROUP BY version ORDER BY version DESC LIMIT ?1) "
    "ORDER BY version, epoch";

/* Adds the panels, and returns the index of the first. */
static size_t add_panels(ext_figure *figure)
{
    static const char *const labels[PANELS] = {"loss (mean of the steps)",
                                               "recall@20 on held-out sessions",
                                               "MRR@20 on held-out sessions"};
    for (int i = 0; i < PANELS; i++) {
        const size_t panel =
            ext_figure_add_panel(figure, NULL, "epoch", EXT_FIGURE_LINEAR, labels[i],
                                 EXT_FIGURE_LINEAR);
        if (panel < figure->n_panels)
            figure->panels[panel].x.is_whole = true;
    }
    return figure->n_panels - PANELS;
}

/* Adds the value of a row to a panel, unless it is NULL. */
static void add_value(ext_figure *figure, size_t panel, size_t series, sqlite3_stmt *stmt,
                      int column)
{
    if (sqlite3_column_type(stmt, column) != SQLITE_NULL)
        ext_figure_add(figure, panel, series, sqlite3_column_double(stmt, 1),
                       sqlite3_column_double(stmt, column));
}

/* Reads the epochs; each version begins a series in each panel. */
static int read_epochs(ext_figure *figure, const ext_home *home, bool *has_measures,
                       ext_error *error)
{
    sqlite3_stmt *stmt;
    size_t series[PANELS] = {0};
    int64_t version = -1;
    int rc = ext_query(home, &stmt, error, query, "i", (int64_t)VERSIONS);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const int64_t next = sqlite3_column_int64(stmt, 0);
        char name[60];
        sqlite3_snprintf(sizeof name, name, "version %lld%s", next,
                         sqlite3_column_int(stmt, 5) ? " (active)" : "");
        for (size_t i = 0; i < PANELS; i++) {
            if (next != version)
                series[i] = ext_figure_add_series(figure, i, EXT_FIGURE_LINE, name);
            add_value(figure, i, series[i], stmt, 2 + (int)i);
        }
        *has_measures |= sqlite3_column_type(stmt, 3) != SQLITE_NULL;
        version = next;
    }
    return ext_sql_finish(stmt, rc, "reading the epochs", error);
}

int ext_plot_learning_fill(ext_figure *figure, ext_plot_request *request,
                           ext_error *error)
{
    const ext_home *home = &request->home;
    ext_snapshot snapshot = {0};
    bool has_measures = false;
    int64_t n_versions = 0;
    ext_figure_title(figure, "Learning of '%s'", home->name);
    add_panels(figure);
    int rc = ext_snapshot_start(&snapshot, home, error);
    if (rc == SQLITE_OK)
        rc = read_epochs(figure, home, &has_measures, error);
    if (rc == SQLITE_OK)
        rc = ext_query_integer(home, &n_versions, error,
                               "SELECT count(DISTINCT version) FROM @epoch", "");
    ext_snapshot_end(&snapshot);
    if (rc != SQLITE_OK)
        return rc;
    if (n_versions == 0)
        ext_figure_say(figure, LOSS,
                       "No epoch is recorded: the model was not trained here. Train it: "
                       "gru4rec_train('%s').",
                       home->name);
    if (n_versions == 0 || !has_measures)
        ext_figure_drop_panels(figure, 1);
    if (n_versions > 0 && !has_measures)
        ext_figure_note(figure, "Nothing was measured while it learnt: train with "
                                "validation=0.1 to hold out sessions.");
    if (n_versions > VERSIONS)
        ext_figure_note(figure, "The last %d of %lld versions are shown.", VERSIONS,
                        n_versions);
    return SQLITE_OK;
}
