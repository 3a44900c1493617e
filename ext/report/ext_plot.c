/*
 * ext_plot.c - gru4rec_plot(model, what [, options]): a picture as SVG; see ext_plot.h.
 *
 * With two arguments it runs no SQL that is given in one, reads the model and its source
 * as SELECT FROM the model does, and writes nothing: views may call it. With options,
 * which can hold SQL, they may not.
 */
#include "ext_plot.h"

#include <string.h>

/* What options a picture uses, as bits. */
enum {
    MEASURES = 1, /* those of gru4rec_evaluate() but segment, and test with its columns */
    TEST = 2,     /* test, with its columns */
    ITEMS = 4,    /* label and titles */
    VERSION = 8,
    SEED = 16,
    MEMORY = 32 /* memory_limit */
};

/* The pictures. */
static const struct {
    const char *name;
    ext_plot_picture *fill;
    int uses;
} pictures[] = {
    {"learning", ext_plot_learning_fill, 0},
    {"methods", ext_plot_measures_methods, MEASURES},
    {"positions", ext_plot_measures_positions, MEASURES},
    {"cutoffs", ext_plot_measures_cutoffs, MEASURES},
    {"lengths", ext_plot_lengths_fill, MEMORY},
    {"popularity", ext_plot_popularity_fill, VERSION | SEED | MEMORY},
    {"days", ext_plot_days_fill, TEST | MEMORY},
    {"items", ext_plot_items_fill, ITEMS | VERSION | MEMORY},
    {"trials", ext_plot_trials_fill, 0},
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

/* Tells whether a picture that uses these options uses the one of that name and scope. */
static bool is_used(int uses, const char *name, gru4rec_option_scope scope)
{
    if (strcmp(name, "segment") == 0)
        return false;
    if ((uses & MEASURES) != 0 && (scope & GRU4REC_SCOPE_EVALUATE) != 0)
        return true;
    return ((uses & VERSION) != 0 && strcmp(name, "version") == 0) ||
           ((uses & SEED) != 0 && strcmp(name, "seed") == 0) ||
           ((uses & MEMORY) != 0 && strcmp(name, "memory_limit") == 0);
}

/*
 * Returns the name of an option of the call that the picture does not use; NULL: it uses
 * all.
 */
static const char *find_unused(const ext_plot_request *request, int uses)
{
    const ext_columns *columns = &request->columns;
    const bool has_test = (uses & (MEASURES | TEST)) != 0;
    const struct {
        const char *text, *name;
        bool is_used;
    } texts[] = {
        {columns->test, "test", has_test},
        {columns->session, "session", has_test},
        {columns->item, "item", has_test},
        {columns->time, "time", has_test},
        {columns->order, "order", has_test},
        {columns->candidates, "candidates", (uses & MEASURES) != 0},
        {columns->label, "label", (uses & ITEMS) != 0},
        {columns->titles, "titles", (uses & ITEMS) != 0},
    };
    gru4rec_option_info info;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text != NULL && !texts[i].is_used)
            return texts[i].name;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (gru4rec_option_is_set(&request->options, i) &&
            (info.scope & GRU4REC_SCOPE_PLOT) == 0 &&
            !is_used(uses, info.name, info.scope))
            return info.name;
    }
    return NULL;
}

static int check_options(const ext_plot_request *request, int which, ext_error *error)
{
    const char *unused = find_unused(request, pictures[which].uses);
    return unused == NULL
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "the picture %s does not use the option %s; leave it out",
                               pictures[which].name, unused);
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
