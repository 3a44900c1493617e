/* ext_figure.c - the plain data of a picture; see ext_plot.h. */
#include "ext_plot.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/*
 * Makes room for one more element in an array of n elements, which has room for powers of
 * two, and returns the array; all bytes of the new element are zero. If there is no
 * memory, sets is_short and returns NULL; the array stays as it is.
 */
static void *grow(ext_figure *figure, void *array, size_t n, size_t bytes)
{
    char *grown = array;
    if ((n & (n - 1)) == 0) /* 0, 1, 2, 4, ...: the array is full */
        grown = sqlite3_realloc64(array, (n > 0 ? 2 * n : 1) * bytes);
    figure->is_short |= grown == NULL;
    if (grown != NULL)
        memset(grown + n * bytes, 0, bytes);
    return grown;
}

/* Returns a copy of a text (NULL: NULL); sets is_short if there is no memory for it. */
static char *copy(ext_figure *figure, const char *text)
{
    char *copied = text != NULL ? sqlite3_mprintf("%s", text) : NULL;
    figure->is_short |= copied == NULL && text != NULL;
    return copied;
}

/* Replaces *text by the new one, of sqlite3_malloc; NULL: there was no memory for it. */
static void replace(ext_figure *figure, char **text, char *made)
{
    figure->is_short |= made == NULL;
    sqlite3_free(*text);
    *text = made;
}

void ext_figure_title(ext_figure *figure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    replace(figure, &figure->title, sqlite3_vmprintf(format, args));
    va_end(args);
}

void ext_figure_note(ext_figure *figure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *note = sqlite3_vmprintf(format, args);
    va_end(args);
    if (figure->note != NULL && note != NULL)
        note = sqlite3_mprintf("%s %z", figure->note, note);
    replace(figure, &figure->note, note);
}

size_t ext_figure_add_panel(ext_figure *figure, const char *title, const char *x,
                            ext_figure_scale x_scale, const char *y,
                            ext_figure_scale y_scale)
{
    ext_figure_panel *panels =
        grow(figure, figure->panels, figure->n_panels, sizeof *panels);
    if (panels == NULL)
        return 0;
    figure->panels = panels;
    ext_figure_panel *panel = &panels[figure->n_panels];
    panel->title = copy(figure, title);
    panel->x = (ext_figure_axis){.scale = x_scale, .label = copy(figure, x)};
    panel->y = (ext_figure_axis){.scale = y_scale, .label = copy(figure, y)};
    return figure->n_panels++;
}

/* Returns a panel; NULL, if there was no memory for it. */
static ext_figure_panel *panel_of(const ext_figure *figure, size_t panel)
{
    return panel < figure->n_panels ? &figure->panels[panel] : NULL;
}

size_t ext_figure_add_name(ext_figure *figure, size_t panel, bool is_y, const char *name)
{
    ext_figure_panel *to = panel_of(figure, panel);
    if (to == NULL)
        return 0;
    ext_figure_axis *axis = is_y ? &to->y : &to->x;
    char **names = grow(figure, axis->names, axis->n_names, sizeof *names);
    if (names == NULL)
        return 0;
    axis->names = names;
    names[axis->n_names] = copy(figure, name);
    return axis->n_names++;
}

size_t ext_figure_find_name(ext_figure *figure, size_t panel, const char *name)
{
    const ext_figure_panel *of = panel_of(figure, panel);
    for (size_t i = 0; of != NULL && i < of->x.n_names; i++)
        if (of->x.names[i] != NULL && strcmp(of->x.names[i], name) == 0)
            return i;
    return ext_figure_add_name(figure, panel, false, name);
}

size_t ext_figure_find_series(ext_figure *figure, size_t panel, ext_figure_mark mark,
                              const char *name)
{
    const ext_figure_panel *of = panel_of(figure, panel);
    for (size_t i = 0; of != NULL && i < of->n_series; i++)
        if (of->series[i].name != NULL && strcmp(of->series[i].name, name) == 0)
            return i;
    return ext_figure_add_series(figure, panel, mark, name);
}

size_t ext_figure_add_series(ext_figure *figure, size_t panel, ext_figure_mark mark,
                             const char *name)
{
    ext_figure_panel *to = panel_of(figure, panel);
    if (to == NULL)
        return 0;
    ext_figure_series *series = grow(figure, to->series, to->n_series, sizeof *series);
    if (series == NULL)
        return 0;
    to->series = series;
    to->y.has_zero |= mark == EXT_FIGURE_BARS;
    series[to->n_series] = (ext_figure_series){.mark = mark, .name = copy(figure, name)};
    return to->n_series++;
}

void ext_figure_add_point(ext_figure *figure, size_t panel, size_t series,
                          const ext_figure_point *point)
{
    ext_figure_panel *to = panel_of(figure, panel);
    if (to == NULL || series >= to->n_series || !isfinite(point->x) ||
        !isfinite(point->y))
        return;
    ext_figure_series *s = &to->series[series];
    ext_figure_point *points = grow(figure, s->points, s->n, sizeof *points);
    if (points == NULL)
        return;
    s->points = points;
    points[s->n] = *point;
    points[s->n++].text = copy(figure, point->text);
}

void ext_figure_add(ext_figure *figure, size_t panel, size_t series, double x, double y)
{
    const ext_figure_point point = {.x = x,
                                    .y = y,
                                    .low = (double)NAN,
                                    .high = (double)NAN};
    ext_figure_add_point(figure, panel, series, &point);
}

void ext_figure_add_band(ext_figure *figure, size_t panel, double from, double to,
                         const char *name)
{
    ext_figure_panel *of = panel_of(figure, panel);
    if (of == NULL || !isfinite(from) || !isfinite(to))
        return;
    ext_figure_band *bands = grow(figure, of->bands, of->n_bands, sizeof *bands);
    if (bands == NULL)
        return;
    of->bands = bands;
    bands[of->n_bands++] =
        (ext_figure_band){.from = from, .to = to, .name = copy(figure, name)};
}

void ext_figure_say(ext_figure *figure, size_t panel, const char *format, ...)
{
    ext_figure_panel *to = panel_of(figure, panel);
    va_list args;
    if (to == NULL)
        return;
    va_start(args, format);
    replace(figure, &to->message, sqlite3_vmprintf(format, args));
    va_end(args);
}

static void free_axis(ext_figure_axis *axis)
{
    for (size_t i = 0; i < axis->n_names; i++)
        sqlite3_free(axis->names[i]);
    sqlite3_free(axis->names);
    sqlite3_free(axis->label);
}

static void free_panel(ext_figure_panel *panel)
{
    for (size_t i = 0; i < panel->n_series; i++) {
        ext_figure_series *series = &panel->series[i];
        for (size_t j = 0; j < series->n; j++)
            sqlite3_free(series->points[j].text);
        sqlite3_free(series->points);
        sqlite3_free(series->name);
    }
    for (size_t i = 0; i < panel->n_bands; i++)
        sqlite3_free(panel->bands[i].name);
    free_axis(&panel->x);
    free_axis(&panel->y);
    sqlite3_free(panel->series);
    sqlite3_free(panel->bands);
    sqlite3_free(panel->title);
    sqlite3_free(panel->message);
}

void ext_figure_drop_panels(ext_figure *figure, size_t n)
{
    while (figure->n_panels > n)
        free_panel(&figure->panels[--figure->n_panels]);
}

void ext_figure_free(ext_figure *figure)
{
    ext_figure_drop_panels(figure, 0);
    sqlite3_free(figure->panels);
    sqlite3_free(figure->title);
    sqlite3_free(figure->note);
    *figure = (ext_figure){0};
}
