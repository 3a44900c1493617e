/*
 * ext_plot_trials.c - the picture trials: what the last tuning tried; see ext_plot.h.
 *
 * The first panel has the objective of the trials in their order. Then there is a panel
 * for each option of which they have several values: the objective over the value. Each
 * number of epochs has a series of its own, as objectives after few epochs are not those
 * after many.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

enum {
    PANELS = 12, /* the most options */
    FEW = 3      /* more panels are low */
};

/* The number of the last tuning. */
#define LAST "(SELECT max(tune) FROM @trial)"

/* An option of the trials. */
typedef struct option {
    char *name; /* owned */
    bool is_number, is_log;
} option;

/* Returns the series of a panel for trials of that many epochs. */
static size_t series_of(ext_figure *figure, size_t panel, int64_t epochs)
{
    ext_text_count name;
    return ext_figure_find_series(figure, panel, EXT_FIGURE_POINTS,
                                  ext_text_count_of(&name, epochs, "epoch"));
}

int ext_plot_trials_objective(char **text, const ext_home *home, ext_error *error)
{
    gru4rec_option_info info = {.name = ""};
    sqlite3_stmt *stmt;
    ext_plot_request_option(&info, "objective");
    int rc = ext_query(home, &stmt, error,
                       "SELECT coalesce((SELECT options ->> '$.given.objective' FROM "
                       "@trial WHERE tune = " LAST " AND trial = 0), ?1)",
                       "s", info.default_text);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (*text = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, "reading the trials", error);
}

/* Adds the panel of the objective by trial. */
static int add_order(ext_figure *figure, const char *objective, const ext_home *home,
                     ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT trial, objective, epochs FROM @trial "
                       "WHERE tune = " LAST " AND trial > 0 AND objective IS NOT NULL "
                       "ORDER BY epochs, trial",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    const size_t panel = ext_figure_add_panel(figure, NULL, "trial", EXT_FIGURE_LINEAR,
                                              objective, EXT_FIGURE_LINEAR);
    if (panel < figure->n_panels)
        figure->panels[panel].x.is_whole = true;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ext_figure_add(figure, panel,
                       series_of(figure, panel, sqlite3_column_int64(stmt, 2)),
                       sqlite3_column_double(stmt, 0), sqlite3_column_double(stmt, 1));
    return ext_sql_finish(stmt, rc, "reading the trials", error);
}

/* The value of an option, and the rows that have one. */
#define VALUE EXT_PLOT_VALUE("j")
#define ROWS                                                          \
    " FROM @trial AS t, json_each(t.options) AS j WHERE tune = " LAST \
    " AND trial > 0 AND objective IS NOT NULL AND j.type <> 'null' "

/* Gives a panel of names the values of the option, short ones first. */
static int add_names(ext_figure *figure, size_t panel, const option *of,
                     const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT DISTINCT " VALUE " AS v" ROWS
                       "AND j.key = ?1 ORDER BY length(v), v",
                       "s", of->name);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (name != NULL)
            ext_figure_find_name(figure, panel, name);
    }
    return ext_sql_finish(stmt, rc, "reading the trials", error);
}

/* Adds the points of one option to its panel. */
static int add_points(ext_figure *figure, size_t panel, const option *of,
                      const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = of->is_number ? SQLITE_OK : add_names(figure, panel, of, home, error);
    if (rc == SQLITE_OK)
        rc = ext_query(home, &stmt, error,
                       "SELECT " VALUE ", objective, epochs" ROWS
                       "AND j.key = ?1 ORDER BY epochs, j.value, trial",
                       "s", of->name);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        double x = sqlite3_column_double(stmt, 0);
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (!of->is_number && text != NULL)
            x = (double)ext_figure_find_name(figure, panel, text);
        ext_figure_add(figure, panel,
                       series_of(figure, panel, sqlite3_column_int64(stmt, 2)), x,
                       sqlite3_column_double(stmt, 1));
    }
    return ext_sql_finish(stmt, rc, "reading the trials", error);
}

/* Reads the options of which there are several values, at most PANELS. */
static int read_options(option options[PANELS], size_t *n, const ext_home *home,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(
        home, &stmt, error,
        "SELECT j.key, min(j.type IN ('integer', 'real')), min(j.value) > 0 AND "
        "max(j.value) >= 20 * min(j.value)" ROWS
        "GROUP BY j.key HAVING count(DISTINCT j.value) > 1 "
        "ORDER BY min(j.id) LIMIT ?1",
        "i", (int64_t)PANELS);
    if (rc != SQLITE_OK)
        return rc;
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        options[*n] = (option){.name = ext_sql_text(stmt, 0),
                               .is_number = sqlite3_column_int(stmt, 1) != 0,
                               .is_log = sqlite3_column_int(stmt, 2) != 0};
        rc = options[*n].name != NULL ? SQLITE_OK : ext_sql_fail_null(stmt, error);
        *n += rc == SQLITE_OK;
    }
    return ext_sql_finish(stmt, rc, "reading the trials", error);
}

/* Adds a panel for each option. */
static int add_options(ext_figure *figure, const char *objective, const ext_home *home,
                       ext_error *error)
{
    option options[PANELS];
    size_t n = 0;
    int rc = read_options(options, &n, home, error);
    for (size_t i = 0; i < n; i++) {
        const ext_figure_scale scale = !options[i].is_number ? EXT_FIGURE_NAMES
                                       : options[i].is_log   ? EXT_FIGURE_LOG
                                                             : EXT_FIGURE_LINEAR;
        const size_t panel = ext_figure_add_panel(figure, NULL, options[i].name, scale,
                                                  objective, EXT_FIGURE_LINEAR);
        if (panel < figure->n_panels)
            figure->panels[panel].is_low = n > FEW;
        if (rc == SQLITE_OK)
            rc = add_points(figure, panel, &options[i], home, error);
        sqlite3_free(options[i].name);
    }
    return rc;
}

/* Fills in the figure, in a snapshot of the caller's. */
static int fill(ext_figure *figure, const ext_home *home, ext_error *error)
{
    bool has_trials;
    char *objective = NULL;
    int64_t tune = 0;
    int rc = ext_shadow_has(home, "trial", &has_trials, error);
    if (rc == SQLITE_OK && has_trials)
        rc = ext_query_integer(home, &tune, error, "SELECT max(tune) FROM @trial", "");
    if (rc == SQLITE_OK && tune == 0) {
        const size_t panel = ext_figure_add_panel(figure, NULL, "", EXT_FIGURE_LINEAR, "",
                                                  EXT_FIGURE_LINEAR);
        ext_figure_say(figure, panel,
                       "There was no tuning. Tune the model: gru4rec_tune('%s').",
                       home->name);
        return SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = ext_plot_trials_objective(&objective, home, error);
    if (rc == SQLITE_OK)
        rc = add_order(figure, objective, home, error);
    if (rc == SQLITE_OK)
        rc = add_options(figure, objective, home, error);
    if (rc == SQLITE_OK)
        ext_figure_note(figure,
                        "The objective is %s, on the sessions that the tuning chose by: "
                        "more is better. Tuning %lld.",
                        objective, tune);
    sqlite3_free(objective);
    return rc;
}

int ext_plot_trials_fill(ext_figure *figure, ext_plot_request *request, ext_error *error)
{
    const ext_home *home = &request->home;
    ext_snapshot snapshot = {0};
    ext_figure_title(figure, "Trials of the last tuning of '%s'", home->name);
    int rc = ext_snapshot_start(&snapshot, home, error);
    if (rc == SQLITE_OK)
        rc = fill(figure, home, error);
    ext_snapshot_end(&snapshot);
    return rc;
}
