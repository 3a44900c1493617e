/*
 * ext_marks.c - draws the marks of a panel: lines, bars, dots, rings, intervals and
 * texts; see ext_plot.h.
 *
 * A mark that is not one of many has a <title> with its exact numbers, which browsers
 * show when the pointer is on it. Of many points there is one path, which is shorter.
 */
#include "ext_plot.h"

#include <math.h>

enum {
    FEW = 200,    /* a series with more points has no titles of its marks */
    FEW_DOTS = 40 /* a line with more points has no dots */
};

/*
 * The shapes of dots, by colour, as parts of a path behind "Mx y": for one dot, and for
 * one of many, with the classes of the latter; kind: it is stroked (s) or filled (f).
 */
static const struct {
    const char *large, *small, *classes;
    char kind;
} shapes[EXT_MARKS_COLOURS] = {
    {"m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z", "h0", "g4r-dots ", 's'},
    {"m-2.9-2.9h5.8v5.8h-5.8z", "m-1.5-1.5h3v3h-3z", "g4r-areas ", 'f'},
    {"m0-3.8 3.5 6.6h-7z", "m0-2.2 2.1 3.8h-4.2z", "g4r-areas ", 'f'},
    {"m0-4.2 4.2 4.2-4.2 4.2-4.2-4.2z", "m0-2.3 2.3 2.3-2.3 2.3-2.3-2.3z", "g4r-areas ",
     'f'},
    {"m0 3.8 3.5-6.6h-7z", "m0 2.2 2.1-3.8h-4.2z", "g4r-areas ", 'f'},
    {"m-1.2-4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z", "m-2 0h4m-2-2v4",
     "g4r-cross ", 's'},
    {"m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0-4.8 0z", "h0", "g4r-dots ", 's'},
};

static int colour_of(size_t series)
{
    return (int)(series % EXT_MARKS_COLOURS);
}

bool ext_marks_lie(const ext_figure_panel *panel)
{
    return panel->y.scale == EXT_FIGURE_NAMES;
}

/* ---- parts of paths ---- */

/* Appends "Mx y" (or "Lx y") to a path that is open. */
static void append_point(sqlite3_str *svg, char command, double x, double y)
{
    sqlite3_str_appendchar(svg, 1, command);
    ext_svg_pair(svg, x, y);
}

void ext_marks_straight(sqlite3_str *svg, const char *classes, double x1, double y1,
                        double x2, double y2)
{
    sqlite3_str_appendf(svg, "<path class=\"%s\" d=\"", classes);
    append_point(svg, 'M', x1, y1);
    append_point(svg, 'L', x2, y2);
    sqlite3_str_appendall(svg, "\"/>");
}

/* Appends a rectangle, up to the end of its path's attributes. */
static void open_rectangle(sqlite3_str *svg, const char *classes, ext_marks_box at)
{
    sqlite3_str_appendf(svg, "<path class=\"%s\" d=\"", classes);
    append_point(svg, 'M', at.left, at.top);
    append_point(svg, 'L', at.right, at.top);
    append_point(svg, 'L', at.right, at.bottom);
    append_point(svg, 'L', at.left, at.bottom);
    sqlite3_str_appendall(svg, "Z\"");
}

void ext_marks_rectangle(sqlite3_str *svg, const char *classes, ext_marks_box at)
{
    open_rectangle(svg, classes, at);
    sqlite3_str_appendall(svg, "/>");
}

/* Writes "classes g4r-kN" into text: the class of a colour; kind: f fills, s strokes. */
static const char *with_colour(char text[64], const char *classes, char kind,
                               size_t series)
{
    sqlite3_snprintf(64, text, "%sg4r-%c%d", classes, kind, colour_of(series));
    return text;
}

/* Appends one dot, up to the end of its path's attributes. */
static void open_dot(sqlite3_str *svg, size_t series, double x, double y)
{
    char classes[64];
    sqlite3_str_appendf(svg, "<path class=\"%s\" d=\"",
                        with_colour(classes, "", 'f', series));
    append_point(svg, 'M', x, y);
    sqlite3_str_appendf(svg, "%s\"", shapes[colour_of(series)].large);
}

/* Appends a ring, up to the end of its path's attributes. */
static void open_ring(sqlite3_str *svg, double x, double y)
{
    sqlite3_str_appendall(svg, "<path class=\"g4r-ring\" d=\"");
    append_point(svg, 'M', x, y);
    sqlite3_str_appendf(svg, "%s\"", shapes[0].large);
}

static const char *line_classes(char text[64], size_t series)
{
    char dashes[24];
    sqlite3_snprintf(sizeof dashes, dashes, "g4r-line g4r-d%d ", colour_of(series));
    return with_colour(text, dashes, 's', series);
}

void ext_marks_swatch(sqlite3_str *svg, ext_figure_mark mark, size_t series, double x,
                      double y)
{
    char classes[64];
    if (mark == EXT_FIGURE_BARS) {
        ext_marks_rectangle(svg, with_colour(classes, "", 'f', series),
                            (ext_marks_box){x + 4, y - 5, x + 16, y + 5});
        return;
    }
    if (mark == EXT_FIGURE_LINE)
        ext_marks_straight(svg, line_classes(classes, series), x, y, x + 20, y);
    if (mark == EXT_FIGURE_RINGS)
        open_ring(svg, x + 10, y);
    else
        open_dot(svg, series, x + 10, y);
    sqlite3_str_appendall(svg, "/>");
}

/* ---- marks ---- */

/*
 * Ends the path of a point; its exact numbers are its <title>, unless it is one of many.
 */
static void draw_numbers(const ext_marks *d, const ext_figure_series *series,
                         const ext_figure_point *point)
{
    const ext_figure_axis *x = &d->panel->x, *y = &d->panel->y;
    const ext_figure_axis *along = ext_marks_lie(d->panel) ? x : y;
    char text[EXT_AXIS_TEXT];
    if (series->n > FEW) {
        sqlite3_str_appendall(d->svg, "/>");
        return;
    }
    sqlite3_str_appendall(d->svg, "><title>");
    if (series->name != NULL) {
        ext_svg_escape(d->svg, series->name);
        sqlite3_str_appendall(d->svg, ": ");
    }
    ext_svg_escape(d->svg, ext_axis_value(text, x, point->x));
    sqlite3_str_appendall(d->svg, ", ");
    ext_svg_escape(d->svg, ext_axis_value(text, y, point->y));
    if (isfinite(point->low) && isfinite(point->high)) {
        sqlite3_str_appendall(d->svg, " (");
        ext_svg_escape(d->svg, ext_axis_value(text, along, point->low));
        sqlite3_str_appendall(d->svg, " to ");
        ext_svg_escape(d->svg, ext_axis_value(text, along, point->high));
        sqlite3_str_appendall(d->svg, ")");
    }
    sqlite3_str_appendall(d->svg, "</title></path>");
}

static double x_of(const ext_marks *d, const ext_figure_point *point)
{
    return ext_axis_place(&d->x, point->x);
}

static double y_of(const ext_marks *d, const ext_figure_point *point)
{
    return ext_axis_place(&d->y, point->y);
}

/*
 * Draws bars from 0, or from the end of the axis that is nearest to it. The bars of a
 * later series are narrower, so that those behind them are seen.
 */
static void draw_bars(const ext_marks *d, const ext_figure_series *series, size_t i,
                      size_t n_before)
{
    const double half = d->gap * (n_before == 0 ? 0.42 : 0.22);
    const double middle = d->panel->x.scale == EXT_FIGURE_TIME ? d->gap / 2 : 0;
    const double zero = fmax(fmin(0, d->y.to), d->y.from);
    char classes[64];
    for (size_t j = 0; j < series->n; j++) {
        const ext_figure_point *point = &series->points[j];
        const double x = point->x + middle;
        const double a = ext_axis_place(&d->y, zero), b = y_of(d, point);
        open_rectangle(d->svg, with_colour(classes, "", 'f', i),
                       (ext_marks_box){ext_axis_place(&d->x, x - half), fmin(a, b),
                                       ext_axis_place(&d->x, x + half), fmax(a, b)});
        draw_numbers(d, series, point);
    }
}

static void draw_line(const ext_marks *d, const ext_figure_series *series, size_t i)
{
    char classes[64];
    sqlite3_str_appendf(d->svg, "<path class=\"%s\" d=\"", line_classes(classes, i));
    for (size_t j = 0; j < series->n; j++)
        append_point(d->svg, j > 0 ? 'L' : 'M', x_of(d, &series->points[j]),
                     y_of(d, &series->points[j]));
    sqlite3_str_appendall(d->svg, "\"/>");
}

/* Draws the interval around a point, with a short line across at both ends. */
static void draw_interval(const ext_marks *d, const ext_figure_point *point, size_t i)
{
    const bool is_lying = ext_marks_lie(d->panel);
    const ext_axis *along = is_lying ? &d->x : &d->y;
    const double at = is_lying ? y_of(d, point) : x_of(d, point);
    const double ends[2] = {ext_axis_place(along, point->low),
                            ext_axis_place(along, point->high)};
    char classes[64];
    sqlite3_str_appendf(d->svg, "<path class=\"%s\" d=\"",
                        with_colour(classes, "g4r-ends ", 's', i));
    for (int part = 0; part < 3; part++) { /* the line, then its two ends */
        const double from = ends[part > 1], to = part == 0 ? ends[1] : from;
        const double half = part == 0 ? 0 : 4;
        append_point(d->svg, 'M', is_lying ? from : at - half,
                     is_lying ? at - half : from);
        append_point(d->svg, 'L', is_lying ? to : at + half, is_lying ? at + half : to);
    }
    sqlite3_str_appendall(d->svg, "\"/>");
}

/* Draws many points as one path. */
static void draw_cloud(const ext_marks *d, const ext_figure_series *series, size_t i)
{
    const int colour = colour_of(i);
    char classes[64];
    sqlite3_str_appendf(d->svg, "<path class=\"%s\" d=\"",
                        with_colour(classes, shapes[colour].classes, shapes[colour].kind,
                                    i));
    for (size_t j = 0; j < series->n; j++) {
        append_point(d->svg, 'M', x_of(d, &series->points[j]),
                     y_of(d, &series->points[j]));
        sqlite3_str_appendall(d->svg, shapes[colour].small);
    }
    sqlite3_str_appendall(d->svg, "\"/>");
}

static void draw_points(const ext_marks *d, const ext_figure_series *series, size_t i)
{
    for (size_t j = 0; j < series->n; j++) {
        const ext_figure_point *point = &series->points[j];
        if (isfinite(point->low) && isfinite(point->high))
            draw_interval(d, point, i);
        if (series->mark == EXT_FIGURE_RINGS)
            open_ring(d->svg, x_of(d, point), y_of(d, point));
        else
            open_dot(d->svg, i, x_of(d, point), y_of(d, point));
        draw_numbers(d, series, point);
    }
}

/* ---- texts beside points ---- */

/* Tells whether a text can stand there, and if so, notes that it does. */
static bool claim(ext_marks *d, ext_marks_box at)
{
    const double top = fmin(d->y.start, d->y.end), bottom = fmax(d->y.start, d->y.end);
    if (d->n_labels == EXT_MARKS_LABELS || at.left < d->x.start || at.right > d->x.end ||
        at.top < top || at.bottom > bottom)
        return false;
    for (size_t i = 0; i < d->n_labels; i++)
        if (at.left < d->labels[i].right && at.right > d->labels[i].left &&
            at.top < d->labels[i].bottom && at.bottom > d->labels[i].top)
            return false;
    d->labels[d->n_labels++] = at;
    return true;
}

/*
 * Writes the text of a point to its right, to its left, above or below it, where there is
 * room first; nowhere, if there is none. With names on the y axis: in the margin, which
 * is kept free for that.
 */
static void draw_text(ext_marks *d, const ext_figure_point *point)
{
    const double x = x_of(d, point), y = y_of(d, point);
    const double most = 150;
    const double width = fmin(ext_text_width(point->text) * EXT_SVG_SIZE, most);
    const double lefts[] = {x + 7, x - 7 - width, x - width / 2, x - width / 2};
    const double tops[] = {y - 8, y - 8, y - 22, y + 6};
    if (ext_marks_lie(d->panel)) {
        ext_svg_text(d->svg, d->x.end + 8, y + 4.7, "", point->text, 400);
        return;
    }
    for (int i = 0; i < 4; i++)
        if (claim(d,
                  (ext_marks_box){lefts[i], tops[i], lefts[i] + width, tops[i] + 16})) {
            ext_svg_text(d->svg, lefts[i], tops[i] + 12.5, "class=\"g4r-halo\"",
                         point->text, most);
            return;
        }
}

double ext_marks_widest_text(const ext_figure_panel *panel)
{
    double width = 0;
    for (size_t i = 0; i < panel->n_series; i++)
        for (size_t j = 0; j < panel->series[i].n; j++)
            if (panel->series[i].points[j].text != NULL)
                width = fmax(width, ext_text_width(panel->series[i].points[j].text));
    return width * EXT_SVG_SIZE;
}

/* ---- all ---- */

/* Writes all texts; none covers a point that has one. */
static void draw_texts(ext_marks *d)
{
    const ext_figure_panel *panel = d->panel;
    const double r = 4;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < panel->n_series; i++)
            for (size_t j = 0; j < panel->series[i].n; j++) {
                const ext_figure_point *point = &panel->series[i].points[j];
                const double x = x_of(d, point), y = y_of(d, point);
                if (point->text != NULL && pass == 0)
                    claim(d, (ext_marks_box){x - r, y - r, x + r, y + r});
                else if (point->text != NULL)
                    draw_text(d, point);
            }
}

/* Tells whether dots of the panel are small, because there are many. */
static bool is_crowded(const ext_figure_panel *panel)
{
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].mark == EXT_FIGURE_POINTS && panel->series[i].n > FEW)
            return true;
    return false;
}

void ext_marks_draw(ext_marks *d)
{
    const ext_figure_panel *panel = d->panel;
    const bool has_cloud = is_crowded(panel);
    size_t n_bars = 0;
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].mark == EXT_FIGURE_BARS)
            draw_bars(d, &panel->series[i], i, n_bars++);
    for (size_t i = 0; i < panel->n_series; i++) {
        const ext_figure_series *series = &panel->series[i];
        const bool is_line = series->mark == EXT_FIGURE_LINE;
        if (is_line && series->n > 1)
            draw_line(d, series, i);
        if (series->mark == EXT_FIGURE_POINTS && has_cloud)
            draw_cloud(d, series, i);
        else if (is_line ? series->n <= FEW_DOTS : series->mark != EXT_FIGURE_BARS)
            draw_points(d, series, i);
    }
    draw_texts(d);
}
