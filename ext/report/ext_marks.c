/*
 * ext_marks.c - draws a panel: its legend, its axes, and the marks of its series; see
 * ext_plot.h.
 *
 * From above to below: the title, the legend, the label of the y axis, the marks with
 * ticks at both sides, the label of the x axis. So the legend covers no data. A mark that
 * is not one of many has a <title> with its exact numbers, which browsers show when the
 * pointer is on it.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

/* Sizes, in units of the picture. */
#define HEIGHT 190.0     /* of the marks */
#define MAP_HEIGHT 400.0 /* the same, if both axes are bare */
#define NAME_HEIGHT 26.0 /* of each name of a y axis */
#define SWATCH 24.0      /* of an entry of the legend */
#define RIGHT (EXT_SVG_WIDTH - EXT_SVG_MARGIN)
#define INSIDE (EXT_SVG_WIDTH - 2 * EXT_SVG_MARGIN)

enum {
    COLOURS = 8,
    SHAPES = 5,
    FEW = 200,     /* a series with more points has no titles of its marks */
    FEW_DOTS = 40, /* a line with more points has no dots */
    LABELS = 64    /* the most texts beside points */
};

/* A rectangle that a text covers. */
typedef struct box {
    double left, top, right, bottom;
} box;

/* What one panel is drawn with. */
typedef struct drawing {
    sqlite3_str *svg;
    const ext_figure_panel *panel;
    ext_axis x, y;
    double gap;    /* the smallest distance between bars, in values; 0: there are none */
    size_t n_bars; /* series of bars, which share that room */
    box labels[LABELS];
    size_t n_labels;
} drawing;

/* Tells whether the marks lie: bars and intervals go along x, from names on the y axis. */
static bool lies(const ext_figure_panel *panel)
{
    return panel->y.scale == EXT_FIGURE_NAMES;
}

/* ---- ranges ---- */

static void include(double range[2], double value)
{
    if (isfinite(value)) {
        range[0] = fmin(range[0], value);
        range[1] = fmax(range[1], value);
    }
}

/* Puts the least and the largest value along x and y into x and y. */
static void find_ranges(const ext_figure_panel *panel, double x[2], double y[2])
{
    double *along = lies(panel) ? x : y;
    for (size_t i = 0; i < panel->n_series; i++)
        for (size_t j = 0; j < panel->series[i].n; j++) {
            const ext_figure_point *point = &panel->series[i].points[j];
            include(x, point->x);
            include(y, point->y);
            include(along, point->low);
            include(along, point->high);
        }
    for (size_t i = 0; i < panel->n_bands && x[0] <= x[1]; i++) {
        include(x, panel->bands[i].from);
        include(x, panel->bands[i].to);
    }
}

/* Returns the smallest distance between two neighbours in a series of bars, or gap. */
static double smallest_gap(const ext_figure_series *series, double gap, bool is_lying)
{
    for (size_t i = 1; i < series->n; i++) {
        const ext_figure_point *a = &series->points[i - 1], *b = &series->points[i];
        const double distance = is_lying ? fabs(b->y - a->y) : fabs(b->x - a->x);
        gap = distance > 0 ? fmin(gap, distance) : gap;
    }
    return gap;
}

/* Sets the axes of the drawing to the ranges of the panel, and the room for bars. */
static void fit_axes(drawing *d)
{
    const ext_figure_panel *panel = d->panel;
    const bool is_time = panel->x.scale == EXT_FIGURE_TIME;
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY}, gap = INFINITY;
    find_ranges(panel, x, y);
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].mark == EXT_FIGURE_BARS) {
            gap = smallest_gap(&panel->series[i], gap, lies(panel));
            d->n_bars++;
        }
    d->gap = d->n_bars == 0 ? 0 : isfinite(gap) ? gap : is_time ? 86400 : 1;
    if (d->n_bars > 0 && !lies(panel)) {
        x[0] -= d->gap / 2;
        x[1] += d->gap / 2;
    }
    ext_axis_fit(&d->x, &panel->x, x[0], x[1]);
    ext_axis_fit(&d->y, &panel->y, y[0], y[1]);
}

/* ---- the legend ---- */

/* A triangle, a square and the like around x and y; the first shape is a circle. */
static void draw_shape(sqlite3_str *svg, size_t shape, double x, double y, double r)
{
    static const double corners[SHAPES - 1][8] = {
        {-0.9, -0.9, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9}, /* a square */
        {0, -1.2, 1.1, 0.9, 1.1, 0.9, -1.1, 0.9},     /* a triangle */
        {0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0},           /* a diamond */
        {0, 1.2, 1.1, -0.9, 1.1, -0.9, -1.1, -0.9},   /* a triangle on its tip */
    };
    sqlite3_str_appendall(svg, " d=\"M");
    if (shape % SHAPES == 0) {
        ext_svg_number(svg, x - r);
        ext_svg_number(svg, y);
        sqlite3_str_appendf(svg, "a%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 -%.1f 0", r, r,
                            2 * r, r, r, 2 * r);
    } else {
        const double *corner = corners[shape % SHAPES - 1];
        for (int i = 0; i < 4; i++) {
            sqlite3_str_appendall(svg, i > 0 ? "L" : "");
            ext_svg_number(svg, x + r * corner[2 * i]);
            ext_svg_number(svg, y + r * corner[2 * i + 1]);
        }
        sqlite3_str_appendall(svg, "Z");
    }
    sqlite3_str_appendall(svg, "\"");
}

/* Appends a path's start with the class of a colour: f fills, s strokes. */
static void open_path(sqlite3_str *svg, const char *classes, char kind, size_t colour)
{
    sqlite3_str_appendf(svg, "<path class=\"%sg4r-%c%d\"", classes, kind,
                        (int)(colour % COLOURS));
}

/* Appends the straight line from (x1, y1) to (x2, y2) to a path that is open. */
static void draw_straight(sqlite3_str *svg, double x1, double y1, double x2, double y2)
{
    sqlite3_str_appendall(svg, " d=\"M");
    ext_svg_number(svg, x1);
    ext_svg_number(svg, y1);
    sqlite3_str_appendall(svg, "L");
    ext_svg_number(svg, x2);
    ext_svg_number(svg, y2);
    sqlite3_str_appendall(svg, "\"");
}

static void draw_rectangle(sqlite3_str *svg, const char *class, size_t colour, box at)
{
    sqlite3_str_appendf(svg, "<path class=\"%s%d\" d=\"M", class,
                        (int)(colour % COLOURS));
    ext_svg_number(svg, at.left);
    ext_svg_number(svg, at.top);
    sqlite3_str_appendall(svg, "H");
    ext_svg_number(svg, at.right);
    sqlite3_str_appendall(svg, "V");
    ext_svg_number(svg, at.bottom);
    sqlite3_str_appendall(svg, "H");
    ext_svg_number(svg, at.left);
    sqlite3_str_appendall(svg, "Z\"");
}

/* Draws what stands for a series in the legend. */
static void draw_swatch(sqlite3_str *svg, const ext_figure_series *series, size_t colour,
                        double x, double y)
{
    char classes[40];
    if (series->mark == EXT_FIGURE_BARS) {
        draw_rectangle(svg, "g4r-f", colour, (box){x + 4, y - 5, x + 16, y + 5});
        sqlite3_str_appendall(svg, "/>");
        return;
    }
    if (series->mark == EXT_FIGURE_LINE) {
        sqlite3_snprintf(sizeof classes, classes, "g4r-line g4r-d%d ",
                         (int)(colour % COLOURS));
        open_path(svg, classes, 's', colour);
        draw_straight(svg, x, y, x + 20, y);
        sqlite3_str_appendall(svg, "/>");
    }
    open_path(svg, "", 'f', colour);
    draw_shape(svg, colour, x + 10, y, 3.2);
    sqlite3_str_appendall(svg, "/>");
}

/* Where the next entry of a legend goes. */
typedef struct legend {
    sqlite3_str *svg;
    double x, y; /* y: the base line */
} legend;

/* Starts an entry, in a new line if there is no room, and writes its name. */
static void start_entry(legend *at, const char *name)
{
    const double most = INSIDE - SWATCH;
    const double width = fmin(ext_text_width(name) * EXT_SVG_SIZE, most);
    if (at->x > EXT_SVG_MARGIN && at->x + SWATCH + width > RIGHT) {
        at->x = EXT_SVG_MARGIN;
        at->y += EXT_SVG_LINE;
    }
    ext_svg_text(at->svg, at->x + SWATCH, at->y, "", name, most);
}

/* Moves behind the entry that has the name. */
static void end_entry(legend *at, const char *name)
{
    at->x += SWATCH + ext_text_width(name) * EXT_SVG_SIZE + 16;
}

/*
 * Draws the legend at y, if there are two names or a band. Returns its lower end.
 */
static double draw_legend(sqlite3_str *svg, const ext_figure_panel *panel, double y)
{
    legend at = {.svg = svg, .x = EXT_SVG_MARGIN, .y = y + EXT_SVG_LINE};
    size_t n_names = panel->n_bands > 0 ? 2 : 0;
    for (size_t i = 0; i < panel->n_series; i++)
        n_names += panel->series[i].name != NULL;
    if (n_names < 2)
        return y;
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].name != NULL) {
            start_entry(&at, panel->series[i].name);
            draw_swatch(svg, &panel->series[i], i, at.x, at.y - 4.5);
            end_entry(&at, panel->series[i].name);
        }
    for (size_t i = 0; i < panel->n_bands; i++)
        if (panel->bands[i].name != NULL) {
            start_entry(&at, panel->bands[i].name);
            draw_rectangle(svg, "g4r-b", i % 2,
                           (box){at.x, at.y - 10.5, at.x + 20, at.y + 1.5});
            sqlite3_str_appendall(svg, "/>");
            end_entry(&at, panel->bands[i].name);
        }
    return at.y;
}

/* ---- axes ---- */

static const char *tick_text(const ext_axis_tick *tick)
{
    return tick->name != NULL ? tick->name : tick->text;
}

/* Returns the width of the widest text of the ticks. */
static double widest(const ext_axis_tick *ticks, int n)
{
    double width = 0;
    for (int i = 0; i < n; i++)
        width = fmax(width, ext_text_width(tick_text(&ticks[i])) * EXT_SVG_SIZE);
    return width;
}

/* Fills in as many ticks of the x axis as have room beside each other. */
static int choose_ticks(const ext_axis *x, ext_axis_tick *ticks)
{
    const double length = x->end - x->start;
    for (int most = 10; most > 1; most--) {
        const int n = ext_axis_ticks(x, ticks, most);
        if (n < 2 || (widest(ticks, n) + 12) * n <= length)
            return n;
    }
    return ext_axis_ticks(x, ticks, 1);
}

static void draw_grid(sqlite3_str *svg, const char *class, double x1, double y1,
                      double x2, double y2)
{
    sqlite3_str_appendf(svg, "<path class=\"%s\"", class);
    draw_straight(svg, x1, y1, x2, y2);
    sqlite3_str_appendall(svg, "/>");
}

static void draw_y_axis(const drawing *d, const ext_axis_tick *ticks, int n)
{
    const double left = d->x.start, right = d->x.end;
    for (int i = 0; i < n; i++) {
        const double y = ext_axis_place(&d->y, ticks[i].value);
        draw_grid(d->svg, "g4r-grid", left, y, right, y);
        ext_svg_text(d->svg, left - 7, y + 4.7, "class=\"g4r-end\"", tick_text(&ticks[i]),
                     left - 7 - EXT_SVG_MARGIN);
    }
    if (!d->panel->y.is_bare)
        draw_grid(d->svg, "g4r-axis", left, d->y.start, left, d->y.end);
}

/* Draws the x axis at the lower end, with its label. Returns its lower end. */
static double draw_x_axis(const drawing *d)
{
    ext_axis_tick ticks[EXT_AXIS_TICKS];
    const double bottom = fmax(d->y.start, d->y.end), top = fmin(d->y.start, d->y.end);
    const int n = choose_ticks(&d->x, ticks);
    double y = bottom;
    for (int i = 0; i < n; i++) {
        const double x = ext_axis_place(&d->x, ticks[i].value);
        const double half = ext_text_width(tick_text(&ticks[i])) * EXT_SVG_SIZE / 2;
        const double middle = fmax(fmin(x, EXT_SVG_WIDTH - 3 - half), half + 3);
        if (lies(d->panel))
            draw_grid(d->svg, "g4r-grid", x, top, x, bottom);
        draw_grid(d->svg, "g4r-axis", x, bottom, x, bottom + 4);
        ext_svg_text(d->svg, middle, bottom + 18, "class=\"g4r-mid\"",
                     tick_text(&ticks[i]), EXT_SVG_WIDTH);
    }
    if (n > 0)
        y += 18;
    if (!d->panel->x.is_bare)
        draw_grid(d->svg, "g4r-axis", d->x.start, bottom, d->x.end, bottom);
    return ext_svg_lines(d->svg, (d->x.start + d->x.end) / 2, y + EXT_SVG_LINE,
                         "class=\"g4r-mid g4r-dim\"",
                         d->panel->x.label != NULL ? d->panel->x.label : "",
                         d->x.end - d->x.start, 3) -
           EXT_SVG_LINE + 6;
}

/* ---- marks ---- */

/* Appends the exact numbers of a point as <title>. */
static void draw_numbers(const drawing *d, const ext_figure_series *series,
                         const ext_figure_point *point)
{
    const ext_figure_axis *x = &d->panel->x, *y = &d->panel->y;
    const ext_figure_axis *along = lies(d->panel) ? x : y;
    char text[EXT_AXIS_TEXT];
    sqlite3_str_appendall(d->svg, "<title>");
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

static double x_of(const drawing *d, const ext_figure_point *point)
{
    return ext_axis_place(&d->x, point->x);
}

static double y_of(const drawing *d, const ext_figure_point *point)
{
    return ext_axis_place(&d->y, point->y);
}

/* Returns the rectangle of a bar; i: which of the series of bars it belongs to. */
static box bar_of(const drawing *d, const ext_figure_point *point, size_t i)
{
    const ext_axis *across = lies(d->panel) ? &d->y : &d->x;
    const ext_axis *along = lies(d->panel) ? &d->x : &d->y;
    const double at = lies(d->panel) ? point->y : point->x;
    const double value = lies(d->panel) ? point->x : point->y;
    const double share = d->gap * 0.84 / (double)d->n_bars;
    const double from = at + ((double)i - (double)d->n_bars / 2) * share;
    const double zero = fmax(fmin(0, along->to), along->from);
    const double a = ext_axis_place(across, from),
                 b = ext_axis_place(across, from + share);
    const double low = ext_axis_place(along, zero), high = ext_axis_place(along, value);
    return lies(d->panel)
               ? (box){fmin(low, high), fmin(a, b), fmax(low, high), fmax(a, b)}
               : (box){fmin(a, b), fmin(low, high), fmax(a, b), fmax(low, high)};
}

static void draw_bars(const drawing *d, const ext_figure_series *series, size_t colour,
                      size_t i)
{
    for (size_t j = 0; j < series->n; j++) {
        draw_rectangle(d->svg, "g4r-f", colour, bar_of(d, &series->points[j], i));
        if (series->n > FEW) {
            sqlite3_str_appendall(d->svg, "/>");
            continue;
        }
        sqlite3_str_appendall(d->svg, ">");
        draw_numbers(d, series, &series->points[j]);
    }
}

static void draw_line(const drawing *d, const ext_figure_series *series, size_t colour)
{
    char classes[40];
    sqlite3_snprintf(sizeof classes, classes, "g4r-line g4r-d%d ",
                     (int)(colour % COLOURS));
    open_path(d->svg, classes, 's', colour);
    sqlite3_str_appendall(d->svg, " d=\"");
    for (size_t j = 0; j < series->n; j++) {
        sqlite3_str_appendall(d->svg, j > 0 ? "L" : "M");
        ext_svg_number(d->svg, x_of(d, &series->points[j]));
        ext_svg_number(d->svg, y_of(d, &series->points[j]));
    }
    sqlite3_str_appendall(d->svg, "\"/>");
}

/* Draws the interval around a point, with a short line across at both ends. */
static void draw_interval(const drawing *d, const ext_figure_point *point, size_t colour)
{
    const bool is_lying = lies(d->panel);
    const ext_axis *along = is_lying ? &d->x : &d->y;
    const double at = is_lying ? y_of(d, point) : x_of(d, point);
    const double ends[2] = {ext_axis_place(along, point->low),
                            ext_axis_place(along, point->high)};
    open_path(d->svg, "g4r-ends ", 's', colour);
    sqlite3_str_appendall(d->svg, " d=\"");
    for (int i = 0; i < 3; i++) {
        const double from = ends[i > 1], to = i == 0 ? ends[1] : from;
        const double half = i == 0 ? 0 : 4;
        sqlite3_str_appendall(d->svg, "M");
        ext_svg_number(d->svg, is_lying ? from : at - half);
        ext_svg_number(d->svg, is_lying ? at - half : from);
        sqlite3_str_appendall(d->svg, "L");
        ext_svg_number(d->svg, is_lying ? to : at + half);
        ext_svg_number(d->svg, is_lying ? at + half : to);
    }
    sqlite3_str_appendall(d->svg, "\"/>");
}

/* Draws many points as one path. */
static void draw_cloud(const drawing *d, const ext_figure_series *series, size_t colour)
{
    open_path(d->svg, "g4r-dots ", 's', colour);
    sqlite3_str_appendall(d->svg, " d=\"");
    for (size_t j = 0; j < series->n; j++) {
        sqlite3_str_appendall(d->svg, "M");
        ext_svg_number(d->svg, x_of(d, &series->points[j]));
        ext_svg_number(d->svg, y_of(d, &series->points[j]));
        sqlite3_str_appendall(d->svg, "h0");
    }
    sqlite3_str_appendall(d->svg, "\"/>");
}

static void draw_points(const drawing *d, const ext_figure_series *series, size_t colour)
{
    if (series->n > FEW) {
        draw_cloud(d, series, colour);
        return;
    }
    for (size_t j = 0; j < series->n; j++) {
        const ext_figure_point *point = &series->points[j];
        if (isfinite(point->low) && isfinite(point->high))
            draw_interval(d, point, colour);
        open_path(d->svg, "", 'f', colour);
        draw_shape(d->svg, colour, x_of(d, point), y_of(d, point), 3.2);
        sqlite3_str_appendall(d->svg, ">");
        draw_numbers(d, series, point);
    }
}

/* ---- texts beside points ---- */

/* Tells whether a text can stand there, and if so, notes that it does. */
static bool claim(drawing *d, box at)
{
    const double top = fmin(d->y.start, d->y.end), bottom = fmax(d->y.start, d->y.end);
    if (d->n_labels == LABELS || at.left < d->x.start || at.right > d->x.end ||
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
static void draw_text(drawing *d, const ext_figure_point *point)
{
    const double x = x_of(d, point), y = y_of(d, point);
    const double most = 150;
    const double width = fmin(ext_text_width(point->text) * EXT_SVG_SIZE, most);
    const double lefts[] = {x + 7, x - 7 - width, x - width / 2, x - width / 2};
    const double tops[] = {y - 8, y - 8, y - 22, y + 6};
    if (lies(d->panel)) {
        ext_svg_text(d->svg, d->x.end + 8, y + 4.7, "", point->text, 400);
        return;
    }
    for (int i = 0; i < 4; i++)
        if (claim(d, (box){lefts[i], tops[i], lefts[i] + width, tops[i] + 16})) {
            ext_svg_text(d->svg, lefts[i], tops[i] + 12.5, "class=\"g4r-halo\"",
                         point->text, most);
            return;
        }
}

/* Returns the width of the widest text beside a point. */
static double widest_text(const ext_figure_panel *panel)
{
    double width = 0;
    for (size_t i = 0; i < panel->n_series; i++)
        for (size_t j = 0; j < panel->series[i].n; j++)
            if (panel->series[i].points[j].text != NULL)
                width = fmax(width, ext_text_width(panel->series[i].points[j].text));
    return width * EXT_SVG_SIZE;
}

/* ---- all ---- */

static void draw_series(drawing *d)
{
    const ext_figure_panel *panel = d->panel;
    size_t n_bars = 0;
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].mark == EXT_FIGURE_BARS)
            draw_bars(d, &panel->series[i], i, n_bars++);
    for (size_t i = 0; i < panel->n_series; i++) {
        const ext_figure_series *series = &panel->series[i];
        if (series->mark == EXT_FIGURE_LINE && series->n > 1)
            draw_line(d, series, i);
        if (series->mark == EXT_FIGURE_POINTS ||
            (series->mark == EXT_FIGURE_LINE && series->n <= FEW_DOTS))
            draw_points(d, series, i);
    }
    for (size_t i = 0; i < panel->n_series; i++)
        for (size_t j = 0; j < panel->series[i].n; j++)
            if (panel->series[i].points[j].text != NULL)
                draw_text(d, &panel->series[i].points[j]);
}

static void draw_bands(const drawing *d)
{
    const double top = fmin(d->y.start, d->y.end), bottom = fmax(d->y.start, d->y.end);
    for (size_t i = 0; i < d->panel->n_bands; i++) {
        const ext_figure_band *band = &d->panel->bands[i];
        const double from = ext_axis_place(&d->x, band->from),
                     to = ext_axis_place(&d->x, band->to);
        draw_rectangle(d->svg, "g4r-b", i % 2,
                       (box){fmin(from, to), top, fmax(from, to), bottom});
        sqlite3_str_appendall(d->svg, "/>");
    }
}

/* Draws a box with the message in place of data. Returns its lower end. */
static double draw_message(sqlite3_str *svg, const char *message, double y)
{
    sqlite3_str *lines = sqlite3_str_new(NULL);
    const double below = ext_svg_lines(lines, EXT_SVG_MARGIN + 14, y + 32,
                                       "class=\"g4r-dim\"", message, INSIDE - 28, 12);
    char *text = sqlite3_str_finish(lines);
    const double height = below - EXT_SVG_LINE + 16 - (y + 10);
    sqlite3_str_appendf(svg,
                        "<rect class=\"g4r-box\" x=\"10\" y=\"%lld\" width=\"460\" "
                        "height=\"%lld\" rx=\"6\"/>%s",
                        llround(y + 10), llround(height), text != NULL ? text : "");
    sqlite3_free(text);
    return y + 10 + height;
}

static bool has_points(const ext_figure_panel *panel)
{
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].n > 0)
            return true;
    return false;
}

/* Draws axes and marks below y. Returns the lower end. */
static double draw_data(drawing *d, double y)
{
    const ext_figure_panel *panel = d->panel;
    ext_axis_tick ticks[EXT_AXIS_TICKS];
    fit_axes(d);
    const double height = lies(panel) ? NAME_HEIGHT * (double)panel->y.n_names
                          : panel->x.is_bare && panel->y.is_bare ? MAP_HEIGHT
                                                                 : HEIGHT;
    const int n = ext_axis_ticks(&d->y, ticks, lies(panel) ? EXT_AXIS_TICKS : 6);
    const double room = lies(panel) ? widest_text(panel) : 0;
    d->x.start = EXT_SVG_MARGIN + (n > 0 ? fmin(widest(ticks, n), 170) + 7 : 0);
    d->x.end = RIGHT - (room > 0 ? room + 8 : panel->x.is_bare ? 0 : 8);
    d->y.start = lies(panel) ? y : y + height;
    d->y.end = lies(panel) ? y + height : y;
    draw_bands(d);
    draw_y_axis(d, ticks, n);
    draw_series(d);
    return draw_x_axis(d);
}

double ext_marks_panel(sqlite3_str *svg, const ext_figure_panel *panel, double y)
{
    drawing d = {.svg = svg, .panel = panel};
    y += 6;
    if (panel->title != NULL)
        y = ext_svg_lines(svg, EXT_SVG_MARGIN, y + EXT_SVG_LINE, "class=\"g4r-head\"",
                          panel->title, INSIDE / 1.12, 2) -
            EXT_SVG_LINE + 4;
    if (panel->message != NULL || !has_points(panel))
        return draw_message(svg,
                            panel->message != NULL ? panel->message : "There is no data.",
                            y);
    y = draw_legend(svg, panel, y);
    if (panel->y.label != NULL && *panel->y.label != '\0')
        y = ext_svg_lines(svg, EXT_SVG_MARGIN, y + EXT_SVG_LINE + 2, "class=\"g4r-dim\"",
                          panel->y.label, INSIDE, 2) -
            EXT_SVG_LINE;
    return draw_data(&d, y + 10);
}
