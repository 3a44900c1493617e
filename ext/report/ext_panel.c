/*
 * ext_panel.c - draws a panel: its title, its legend, its axes, and the marks between
 * them (ext_marks.c); see ext_plot.h.
 *
 * From above to below: the title, the legend, the label of the y axis, the marks with
 * ticks at both sides, the label of the x axis. So the legend covers no data.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

/* Sizes, in units of the picture. */
#define HEIGHT 190.0     /* of the marks */
#define LOW_HEIGHT 95.0  /* the same, of a panel that is low */
#define MAP_HEIGHT 400.0 /* the same, if both axes are bare */
#define NAME_HEIGHT 26.0 /* of each name of a y axis */
#define SWATCH 24.0      /* of an entry of the legend */
#define RIGHT (EXT_SVG_WIDTH - EXT_SVG_MARGIN)
#define INSIDE (EXT_SVG_WIDTH - 2 * EXT_SVG_MARGIN)

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
    double *along = ext_marks_lie(panel) ? x : y;
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

/* Returns the smallest distance between two neighbours in the series of bars; 0: none. */
static double find_gap(const ext_figure_panel *panel)
{
    double gap = INFINITY;
    bool has_bars = false;
    for (size_t i = 0; i < panel->n_series; i++) {
        const ext_figure_series *series = &panel->series[i];
        has_bars |= series->mark == EXT_FIGURE_BARS;
        for (size_t j = 1; series->mark == EXT_FIGURE_BARS && j < series->n; j++) {
            const double distance = fabs(series->points[j].x - series->points[j - 1].x);
            gap = distance > 0 ? fmin(gap, distance) : gap;
        }
    }
    if (has_bars && !isfinite(gap))
        gap = panel->x.scale == EXT_FIGURE_TIME ? 86400 : 1;
    return has_bars ? gap : 0;
}

/* Sets the axes to the ranges of the panel, and the room for bars. */
static void fit_axes(ext_marks *d)
{
    const ext_figure_panel *panel = d->panel;
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
    find_ranges(panel, x, y);
    d->gap = find_gap(panel);
    const double before = panel->x.scale == EXT_FIGURE_TIME ? 0 : d->gap / 2;
    ext_axis_fit(&d->x, &panel->x, x[0] - before, x[1] + d->gap - before);
    ext_axis_fit(&d->y, &panel->y, y[0], y[1]);
}

/* ---- the legend ---- */

static const char *band_class(size_t i)
{
    return i % 2 == 0 ? "g4r-b0" : "g4r-b1";
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

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Tells whether two panels have the same series and bands, by name, mark and colour. */
static bool have_same_legend(const ext_figure_panel *a, const ext_figure_panel *b)
{
    bool are_same = a->n_series == b->n_series && a->n_bands == b->n_bands;
    for (size_t i = 0; are_same && i < a->n_series; i++)
        are_same = a->series[i].mark == b->series[i].mark &&
                   is_same(a->series[i].name, b->series[i].name);
    for (size_t i = 0; are_same && i < a->n_bands; i++)
        are_same = is_same(a->bands[i].name, b->bands[i].name);
    return are_same;
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
            ext_marks_swatch(svg, panel->series[i].mark, i, at.x, at.y - 4.5);
            end_entry(&at, panel->series[i].name);
        }
    for (size_t i = 0; i < panel->n_bands; i++)
        if (panel->bands[i].name != NULL) {
            start_entry(&at, panel->bands[i].name);
            ext_marks_rectangle(svg, band_class(i),
                                (ext_marks_box){at.x, at.y - 10.5, at.x + 20,
                                                at.y + 1.5});
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

static void draw_y_axis(const ext_marks *d, const ext_axis_tick *ticks, int n)
{
    const double left = d->x.start, right = d->x.end;
    for (int i = 0; i < n; i++) {
        const double y = ext_axis_place(&d->y, ticks[i].value);
        ext_marks_straight(d->svg, "g4r-grid", left, y, right, y);
        ext_svg_text(d->svg, left - 7, y + 4.7, "class=\"g4r-end\"", tick_text(&ticks[i]),
                     left - 7 - EXT_SVG_MARGIN);
    }
    if (!d->panel->y.is_bare)
        ext_marks_straight(d->svg, "g4r-axis", left, d->y.start, left, d->y.end);
}

/* Draws the x axis at the lower end, with its label. Returns its lower end. */
static double draw_x_axis(const ext_marks *d)
{
    ext_axis_tick ticks[EXT_AXIS_TICKS];
    const double bottom = fmax(d->y.start, d->y.end), top = fmin(d->y.start, d->y.end);
    const int n = choose_ticks(&d->x, ticks);
    double y = bottom;
    for (int i = 0; i < n; i++) {
        const double x = ext_axis_place(&d->x, ticks[i].value);
        const double half = ext_text_width(tick_text(&ticks[i])) * EXT_SVG_SIZE / 2;
        const double middle = fmax(fmin(x, EXT_SVG_WIDTH - 3 - half), half + 3);
        if (ext_marks_lie(d->panel))
            ext_marks_straight(d->svg, "g4r-grid", x, top, x, bottom);
        ext_marks_straight(d->svg, "g4r-axis", x, bottom, x, bottom + 4);
        ext_svg_text(d->svg, middle, bottom + 21, "class=\"g4r-mid\"",
                     tick_text(&ticks[i]), EXT_SVG_WIDTH);
    }
    if (n > 0)
        y += 21;
    if (!d->panel->x.is_bare)
        ext_marks_straight(d->svg, "g4r-axis", d->x.start, bottom, d->x.end, bottom);
    return ext_svg_lines(d->svg, (d->x.start + d->x.end) / 2, y + EXT_SVG_LINE,
                         "class=\"g4r-mid g4r-dim\"",
                         d->panel->x.label != NULL ? d->panel->x.label : "",
                         d->x.end - d->x.start, 3) -
           EXT_SVG_LINE + 6;
}

/* ---- all ---- */

static void draw_bands(const ext_marks *d)
{
    const double top = fmin(d->y.start, d->y.end), bottom = fmax(d->y.start, d->y.end);
    for (size_t i = 0; i < d->panel->n_bands; i++) {
        const ext_figure_band *band = &d->panel->bands[i];
        const double from = ext_axis_place(&d->x, band->from),
                     to = ext_axis_place(&d->x, band->to);
        ext_marks_rectangle(d->svg, band_class(i),
                            (ext_marks_box){fmin(from, to), top, fmax(from, to), bottom});
    }
}

/* Draws a box with the message in place of data. Returns its lower end. */
static double draw_message(sqlite3_str *svg, const char *message, double y)
{
    const double below = ext_svg_lines(svg, EXT_SVG_MARGIN + 14, y + 32,
                                       "class=\"g4r-dim\"", message, INSIDE - 28, 12);
    const ext_marks_box box = {EXT_SVG_MARGIN, y + 10, RIGHT, below - EXT_SVG_LINE + 16};
    ext_marks_rectangle(svg, "g4r-box", box);
    return box.bottom;
}

static bool has_points(const ext_figure_panel *panel)
{
    for (size_t i = 0; i < panel->n_series; i++)
        if (panel->series[i].n > 0)
            return true;
    return false;
}

/* Draws axes and marks below y. Returns the lower end. */
static double draw_data(ext_marks *d, double y)
{
    const ext_figure_panel *panel = d->panel;
    ext_axis_tick ticks[EXT_AXIS_TICKS];
    fit_axes(d);
    const double height = ext_marks_lie(panel) ? NAME_HEIGHT * (double)panel->y.n_names
                          : panel->x.is_bare && panel->y.is_bare ? MAP_HEIGHT
                          : panel->is_low                        ? LOW_HEIGHT
                                                                 : HEIGHT;
    const int n = ext_axis_ticks(&d->y, ticks,
                                 ext_marks_lie(panel) ? EXT_AXIS_TICKS
                                 : panel->is_low      ? 4
                                                      : 6);
    const double room = ext_marks_lie(panel) ? ext_marks_widest_text(panel) : 0;
    d->x.start = EXT_SVG_MARGIN + (n > 0 ? fmin(widest(ticks, n), 170) + 7 : 0);
    d->x.end = RIGHT - (room > 0 ? room + 8 : panel->x.is_bare ? 0 : 8);
    d->y.start = ext_marks_lie(panel) ? y : y + height;
    d->y.end = ext_marks_lie(panel) ? y + height : y;
    draw_bands(d);
    draw_y_axis(d, ticks, n);
    ext_marks_draw(d);
    return draw_x_axis(d);
}

double ext_panel_draw(sqlite3_str *svg, const ext_figure_panel *panel,
                      const ext_figure_panel *above, double y)
{
    ext_marks d = {.svg = svg, .panel = panel};
    y += 6;
    if (panel->title != NULL)
        y = ext_svg_lines(svg, EXT_SVG_MARGIN, y + EXT_SVG_LINE, "class=\"g4r-head\"",
                          panel->title, INSIDE / 1.12, 2) -
            EXT_SVG_LINE + 4;
    if (panel->message != NULL || !has_points(panel))
        return draw_message(svg,
                            panel->message != NULL ? panel->message : "There is no data.",
                            y);
    if (above == NULL || !has_points(above) || !have_same_legend(panel, above))
        y = draw_legend(svg, panel, y);
    if (panel->y.label != NULL && *panel->y.label != '\0')
        y = ext_svg_lines(svg, EXT_SVG_MARGIN, y + EXT_SVG_LINE + 2, "class=\"g4r-dim\"",
                          panel->y.label, INSIDE, 2) -
            EXT_SVG_LINE;
    return draw_data(&d, y + 10);
}
