/*
 * ext_plot.c - gru4rec_plot(model, what [, options]): a picture as SVG; see ext_plot.h.
 *
 * With two arguments it runs no SQL that is given in one, reads the model and its source
 * as SELECT FROM the model does, and writes nothing: views may call it. With options,
 * which can hold SQL, they may not.
 */
#include "ext_plot.h"

#include <string.h>

/* What the measures of a test take, beside the test. */
enum {
    MEASURED = EXT_USES_MEASURES | EXT_USES_LISTS | EXT_USES_VERSION | EXT_USES_SEED |
               EXT_USES_MEMORY | EXT_USES_COLUMNS
};

/* The pictures. */
static const struct {
    const char *name;
    ext_plot_picture *fill;
    int uses;      /* the options that it uses, as bits of ext_uses */
    int with_test; /* those that it uses if there is a test, in addition */
} pictures[] = {
    {"learning", ext_plot_learning_fill, 0, 0},
    {"methods", ext_plot_measures_methods, EXT_USES_TEST, MEASURED},
    {"positions", ext_plot_measures_positions, EXT_USES_TEST, MEASURED},
    {"cutoffs", ext_plot_measures_cutoffs, EXT_USES_TEST, MEASURED},
    {"lengths", ext_plot_lengths_fill, EXT_USES_MEMORY, 0},
    {"popularity", ext_plot_popularity_fill,
     EXT_USES_VERSION | EXT_USES_SEED | EXT_USES_MEMORY, 0},
    {"days", ext_plot_days_fill, EXT_USES_TEST | EXT_USES_VERSION | EXT_USES_MEMORY,
     EXT_USES_COLUMNS},
    {"items", ext_plot_items_fill, EXT_USES_ITEMS | EXT_USES_VERSION | EXT_USES_MEMORY,
     0},
    {"trials", ext_plot_trials_fill, 0, 0},
};

enum { PICTURES = sizeof pictures / sizeof *pictures };

/* Sets the error that no picture is called what (NULL: no name was given). */
static int fail_unknown(const char *what, ext_error *error)
{
    sqlite3_str *names = sqlite3_str_new(NULL);
    for (int i = 0; i < PICTURES; i++)
        sqlite3_str_appendf(names, "%s%s", i > 0 ? ", " : "", pictures[i].name);
    char *list = sqlite3_str_finish(names);
    if (list == NULL)
        return ext_error_nomem(error);
    if (what != NULL)
        ext_error_set(error, SQLITE_ERROR, "there is no picture '%s'; give one of %s",
                      ext_show_text(&(ext_show){""}, what), list);
    else
        ext_error_set(error, SQLITE_ERROR,
                      "the picture's name is missing; give one of %s", list);
    sqlite3_free(list);
    return error->rc;
}

/*
 * Sets *which to the picture of that name. SQLITE_ERROR: there is none, or what is NULL.
 */
static int find(int *which, const char *what, ext_error *error)
{
    for (*which = 0; what != NULL && *which < PICTURES; ++*which)
        if (sqlite3_stricmp(pictures[*which].name, what) == 0)
            return SQLITE_OK;
    return fail_unknown(what, error);
}

int ext_plot_append(sqlite3_str *svg, ext_plot_request *request, const char *what,
                    ext_error *error)
{
    ext_figure figure = {0};
    int which;
    if (find(&which, what, error) != SQLITE_OK)
        return error->rc;
    int rc = pictures[which].fill(&figure, request, error);
    if (rc == SQLITE_OK)
        rc = ext_svg_draw(svg, &figure, error);
    ext_figure_free(&figure);
    return rc;
}

/* ---- the SQL function ---- */

/* Checks that the picture uses all options of the call. */
static int check_options(const ext_plot_request *request, int which, ext_error *error)
{
    char who[40];
    sqlite3_snprintf(sizeof who, who, "the picture %s", pictures[which].name);
    return ext_plot_request_check(request, who, pictures[which].uses,
                                  pictures[which].with_test, error);
}

/* Draws the picture what of the model into *svg, which the caller frees. */
static int draw(char **svg, ext_plot_request *request, ext_connection *connection,
                sqlite3_value *const *argv, const char *options, ext_error *error)
{
    const char *what;
    int which;
    *svg = NULL;
    if (ext_value_text(&what, argv[1], "the picture", error) != SQLITE_OK ||
        find(&which, what, error) != SQLITE_OK ||
        ext_plot_request_read(request, connection, argv[0], options, error) !=
            SQLITE_OK ||
        check_options(request, which, error) != SQLITE_OK)
        return error->rc;
    sqlite3_str *text = sqlite3_str_new(connection->db);
    int rc = ext_plot_append(text, request, what, error);
    *svg = sqlite3_str_finish(text);
    return rc == SQLITE_OK && *svg == NULL ? ext_error_nomem(error) : rc;
}

/* The SQL function gru4rec_plot(model, what [, options]). */
static void plot(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_plot_request *request = sqlite3_malloc(sizeof *request);
    ext_error error = {0};
    const char *options = NULL;
    char *svg = NULL;
    if (request == NULL) {
        ext_error_nomem(&error);
    } else {
        *request = (ext_plot_request){0};
        if (argc < 3 ||
            ext_value_text(&options, argv[2], "the options", &error) == SQLITE_OK)
            draw(&svg, request, connection, argv, options, &error);
        ext_plot_request_free(request);
        sqlite3_free(request);
    }
    if (error.rc == SQLITE_OK)
        sqlite3_result_text(context, svg, -1, sqlite3_free);
    else
        sqlite3_free(svg);
    ext_error_result(&error, context);
}

const ext_function ext_plot_functions[] = {
    {"gru4rec_plot", 2, SQLITE_INNOCUOUS, plot, NULL},
    {"gru4rec_plot", 3, SQLITE_DIRECTONLY, plot, NULL},
    {NULL, 0, 0, NULL, NULL},
};
