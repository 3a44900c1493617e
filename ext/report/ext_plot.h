/*
 * ext_plot.h - pictures of a model and of its events, as SVG.
 *
 * Data flows one way. A picture has a file ext_plot_*.c that asks the database and the
 * library, and fills in a figure: numbers, names and units (ext_figure.c). The drawing
 * code (ext_svg.c, ext_axis.c) turns a figure into SVG, and knows nothing else. So no
 * picture code knows SQL, and no query code knows pixels.
 *
 * A figure is made of few marks: axes, lines, bars, points, intervals, bands and a
 * legend. The SVG has no script, no outside reference and no id, and its style touches no
 * element outside of it: all its classes begin with g4r-, so that several can stand in
 * one HTML page. Coordinates have one decimal, so that the last bits of a number change
 * nothing.
 *
 * No library draws this. Of those in Debian in C, libplot (plotutils 2.6) has had no
 * release since 2009 and needs X11; PLplot needs six other libraries and a folder of
 * data; ploticus has been still since 2013; cairo writes text as outlines, which nobody
 * can select or search. None of them knows colours that follow prefers-color-scheme, or
 * where a legend covers no data. The marks here are some hundred lines.
 *
 * Errors are as in ext_tools.h.
 */
#ifndef EXT_PLOT_H
#define EXT_PLOT_H

#include "../tools/ext_tools.h"

/* ---- ext_figure.c: what is drawn, without pixels ---- */

/* What the numbers along an axis are, which decides its ticks. */
typedef enum ext_figure_scale {
    EXT_FIGURE_LINEAR, /* numbers */
    EXT_FIGURE_LOG,    /* numbers above 0, by their logarithm */
    EXT_FIGURE_TIME,   /* seconds since 1970-01-01, UTC */
    EXT_FIGURE_NAMES   /* 0, 1, 2, ... stand for the names of the axis */
} ext_figure_scale;

/* An axis of a panel. */
typedef struct ext_figure_axis {
    ext_figure_scale scale;
    char *label; /* what the axis shows, with its unit; owned */
    /*
     * The names of an axis of scale NAMES, from the left or from the top: (n_names)
     * owned.
     */
    char **names;
    size_t n_names;
    bool has_zero; /* the axis begins at 0, also if no value is near it */
    bool is_bare;  /* the numbers mean nothing to a reader: there are no ticks */
    bool is_whole; /* the numbers are whole, and so are the ticks */
} ext_figure_axis;

/* How the points of a series are drawn. */
typedef enum ext_figure_mark {
    EXT_FIGURE_LINE, /* a line through the points, with a dot on each if they are few */
    /*
     * A bar from 0 to each point; along an axis of time it begins at the point. Not with
     * names on the y axis.
     */
    EXT_FIGURE_BARS,
    EXT_FIGURE_POINTS, /* a dot at each point */
    EXT_FIGURE_RINGS   /* a ring around each point, which marks points of other series */
} ext_figure_mark;

/* A point of a series, which owns its text. */
typedef struct ext_figure_point {
    double x, y;
    /*
     * The ends of an interval around the point, along y; along x if the y axis has the
     * scale NAMES. NAN: there is no interval.
     */
    double low, high;
    char *text; /* what stands beside the point, such as a title; NULL: nothing */
} ext_figure_point;

/* Points that belong together and have one colour. */
typedef struct ext_figure_series {
    ext_figure_mark mark;
    char *name; /* for the legend; owned; NULL: the legend has no entry for it */
    ext_figure_point *points; /* (n) owned */
    size_t n;
} ext_figure_series;

/* A part of the x axis that is marked behind the data, such as a test's days. */
typedef struct ext_figure_band {
    double from, to; /* as x of the points */
    char *name;      /* for the legend; owned */
} ext_figure_band;

/* One pair of axes with what stands between them. */
typedef struct ext_figure_panel {
    char *title; /* owned; NULL: the figure's title is enough */
    ext_figure_axis x, y;
    ext_figure_series *series; /* (n_series) owned */
    size_t n_series;
    ext_figure_band *bands; /* (n_bands) owned */
    size_t n_bands;
    bool is_low; /* it is half as high, as one of many */
    /*
     * What the panel says in place of data: why there is none, and what to do. Owned;
     * NULL: the panel has data.
     */
    char *message;
} ext_figure_panel;

/* A picture: panels below each other. All zero: it has no panel yet. */
typedef struct ext_figure {
    char *title; /* of the picture; owned */
    char *
        note; /* a sentence below the panels, such as what was left out; owned, or NULL */
    ext_figure_panel *panels; /* (n_panels) owned */
    size_t n_panels;
    /* Memory for a part was missing; ext_figure_draw() then fails. */
    bool is_short;
} ext_figure;

/*
 * The functions that fill in a figure cannot fail: if there is no memory, they set
 * is_short, and leave out what they were to add. They copy their texts, which are formats
 * as for sqlite3_mprintf() where "..." follows; a text may hold any characters, and is
 * escaped when it is drawn. An index that they return stays valid; a pointer into the
 * figure does not.
 */

/* Sets the title of the figure; an old one is freed. */
void ext_figure_title(ext_figure *figure, const char *format, ...);
/* Appends a sentence to the note of the figure. */
void ext_figure_note(ext_figure *figure, const char *format, ...);
/*
 * Adds a panel without data, below the others. title: may be NULL; x, y: the labels of
 * the axes, with units. Returns its index.
 */
size_t ext_figure_add_panel(ext_figure *figure, const char *title, const char *x,
                            ext_figure_scale x_scale, const char *y,
                            ext_figure_scale y_scale);
/* Drops all panels but the first n. */
void ext_figure_drop_panels(ext_figure *figure, size_t n);
/*
 * Adds a name to the x axis (or the y axis) of a panel. Returns the number it stands for.
 */
size_t ext_figure_add_name(ext_figure *figure, size_t panel, bool is_y, const char *name);
/*
 * Returns the number that a name of the x axis of a panel stands for; adds the name, if
 * it is not there.
 */
size_t ext_figure_find_name(ext_figure *figure, size_t panel, const char *name);
/*
 * Returns the series of a panel that has this name; adds one with that mark, if there is
 * none.
 */
size_t ext_figure_find_series(ext_figure *figure, size_t panel, ext_figure_mark mark,
                              const char *name);
/* Adds a series without points to a panel. name: may be NULL. Returns its index. */
size_t ext_figure_add_series(ext_figure *figure, size_t panel, ext_figure_mark mark,
                             const char *name);
/* Adds a point without interval and text to a series of a panel; NAN is left out. */
void ext_figure_add(ext_figure *figure, size_t panel, size_t series, double x, double y);
/*
 * Adds a point as ext_figure_add() does, with the interval from low to high (NAN: none)
 * and a text (NULL: none).
 */
void ext_figure_add_point(ext_figure *figure, size_t panel, size_t series,
                          const ext_figure_point *point);
/* Adds a band to a panel. */
void ext_figure_add_band(ext_figure *figure, size_t panel, double from, double to,
                         const char *name);
/* Sets the message of a panel, which is drawn in place of data. */
void ext_figure_say(ext_figure *figure, size_t panel, const char *format, ...);
/* Frees all that the figure owns, and makes it all zero. */
void ext_figure_free(ext_figure *figure);

/* ---- ext_axis.c, for ext_svg.c: from numbers to places along an axis ---- */

enum { EXT_AXIS_TICKS = 24, EXT_AXIS_TEXT = 40 };

/* An axis with its range, and where that stands in the picture. */
typedef struct ext_axis {
    const ext_figure_axis *axis; /* borrowed */
    double from, to;             /* the values at its ends */
    double start, end; /* the coordinates of its ends, in units of the picture */
} ext_axis;

/* A tick of an axis: a value, and what stands beside it. */
typedef struct ext_axis_tick {
    double value;
    char text[EXT_AXIS_TEXT];
    const char *name; /* stands there in place of text; borrowed; NULL: text does */
} ext_axis_tick;

/*
 * Makes *placed an axis whose range holds the values from low to high, and a margin. If
 * the axis has the scale NAMES, the range holds its names. low above high: no value is
 * known. The caller sets start and end.
 */
void ext_axis_fit(ext_axis *placed, const ext_figure_axis *axis, double low, double high);
/* Returns the coordinate of a value. Of a logarithm, what is not above 0 is at start. */
double ext_axis_place(const ext_axis *placed, double value);
/*
 * Fills in ticks at round values in the range, at most most (1 to EXT_AXIS_TICKS) of
 * them, in ascending order; returns how many. A bare axis has none.
 */
int ext_axis_ticks(const ext_axis *placed, ext_axis_tick ticks[EXT_AXIS_TICKS], int most);
/*
 * Writes a value of an axis for people: a whole number with all digits, another with
 * four, a time as date. Returns text; or the name that the value stands for, borrowed.
 */
const char *ext_axis_value(char text[EXT_AXIS_TEXT], const ext_figure_axis *axis,
                           double value);

/* ---- ext_text.c: how long texts are, and counts as text ---- */

/* Room for a count with its noun. */
typedef struct ext_text_count {
    char text[64];
} ext_text_count;

/*
 * Writes a count with its noun into room, and returns it: "1 session", "1,234 sessions".
 * noun: the singular, of which the plural has an s more.
 */
const char *ext_text_count_of(ext_text_count *room, int64_t n, const char *noun);

/*
 * Returns about how wide a text is, at a font size of 1. It is the width in a wide font
 * (DejaVu Sans), so that a text seldom takes more room than that.
 */
double ext_text_width(const char *text);
/*
 * Returns how many bytes of text fit into a width (at a font size of 1), in whole
 * characters, at least one character: all, if all fit. is_line: rather as many whole
 * words, if there is a space.
 */
size_t ext_text_fit(const char *text, double width, bool is_line);
/*
 * Returns the length in bytes of the character that text (not empty) begins with, and
 * sets *code to it; if the bytes are no UTF-8, the length is 1 and the code U+FFFD.
 */
size_t ext_text_character(const char *text, uint32_t *code);

/* ---- ext_svg.c: figures as SVG ---- */

/*
 * The picture is EXT_SVG_WIDTH units wide, with a margin at both sides; its height is as
 * its content needs. Texts have EXT_SVG_SIZE units, which are 10 pixels if the picture is
 * shown 360 pixels wide, and 9 in a page of 360 pixels with margins.
 */
#define EXT_SVG_WIDTH 480.0
#define EXT_SVG_MARGIN 10.0
#define EXT_SVG_SIZE 13.5
#define EXT_SVG_LINE 18.0 /* from one line of text to the next */

/*
 * Appends the figure to svg as one <svg> element. A panel without any point says that it
 * has no data. Error: SQLITE_NOMEM, also if is_short is set.
 */
int ext_svg_draw(sqlite3_str *svg, const ext_figure *figure, ext_error *error);
/*
 * Appends a text to xml: &, <, > and quotes are escaped; bytes that are no UTF-8 and
 * characters that XML does not allow become U+FFFD. For HTML too.
 */
void ext_svg_escape(sqlite3_str *xml, const char *text);

/* ---- ext_svg.c, for ext_panel.c and ext_marks.c ---- */

/* Appends "x y", two coordinates, each rounded to one decimal. */
void ext_svg_pair(sqlite3_str *svg, double x, double y);
/*
 * Appends a text element at x and y, its base line; cut to width with an ellipsis if it
 * is longer. of: its classes and other attributes.
 */
void ext_svg_text(sqlite3_str *svg, double x, double y, const char *of, const char *text,
                  double width);
/*
 * Appends a text in as many lines as width needs, at most most; y is the base line of the
 * first. Returns the base line after the last.
 */
double ext_svg_lines(sqlite3_str *svg, double x, double y, const char *of,
                     const char *text, double width, int most);

/* ---- ext_panel.c, for ext_svg.c ---- */

/*
 * Appends a panel whose upper end is at y. above: the panel above it, or NULL; if that
 * has the same legend, this one has none. Returns its lower end.
 */
double ext_panel_draw(sqlite3_str *svg, const ext_figure_panel *panel,
                      const ext_figure_panel *above, double y);

/* ---- ext_marks.c, for ext_panel.c ---- */

enum {
    EXT_MARKS_COLOURS = 7, /* series of a panel that can be told apart */
    EXT_MARKS_LABELS = 64  /* the most texts beside points */
};

/* A rectangle. */
typedef struct ext_marks_box {
    double left, top, right, bottom;
} ext_marks_box;

/*
 * What the marks of a panel are drawn with. The caller sets all but labels and n_labels.
 */
typedef struct ext_marks {
    sqlite3_str *svg;
    const ext_figure_panel *panel;
    ext_axis x, y;
    double gap; /* from one bar to the next, as x of the points; 0: there are no bars */
    ext_marks_box labels[EXT_MARKS_LABELS]; /* (n_labels) where texts stand already */
    size_t n_labels;
} ext_marks;

/* Draws all series of the panel. */
void ext_marks_draw(ext_marks *marks);
/* Draws what stands for a series with this index, at x and y, 20 units wide. */
void ext_marks_swatch(sqlite3_str *svg, ext_figure_mark mark, size_t series, double x,
                      double y);
/* Draws a straight line, or a rectangle, of these classes. */
void ext_marks_straight(sqlite3_str *svg, const char *classes, double x1, double y1,
                        double x2, double y2);
void ext_marks_rectangle(sqlite3_str *svg, const char *classes, ext_marks_box at);
/* Tells whether intervals go along x, because the y axis has names. */
bool ext_marks_lie(const ext_figure_panel *panel);
/* Returns the width of the widest text beside a point of the panel. */
double ext_marks_widest_text(const ext_figure_panel *panel);

/* ---- ext_plot_request.c ---- */

/*
 * SQL of the value of an option, a row j of json_each(), as name=value takes it: a list
 * as 100/50, a boolean as true or false.
 */
#define EXT_PLOT_VALUE(j)                                                              \
    "CASE " j ".type WHEN 'array' THEN replace(replace(trim(" j ".value, '[]'), ',', " \
    "'/'), '\"', '') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE " j        \
    ".value END"

enum { EXT_PLOT_SEGMENTS = GRU4REC_SEGMENT_POPULARITY + 1 };

/*
 * The measures of a version and of baselines on test events, of one kind of segments: the
 * rows that gru4rec_evaluate() has, also those of empty segments.
 */
typedef struct ext_plot_measures {
    gru4rec_metrics *rows; /* (n) owned; NULL: they were not measured yet */
    size_t n;
} ext_plot_measures;

/*
 * What is drawn: a model, and the options of the call. One request serves several
 * pictures. All zero before ext_plot_request_read(); it must not be moved afterwards.
 */
typedef struct ext_plot_request {
    ext_home home;           /* the model; owned */
    ext_config config;       /* its configuration; owned */
    gru4rec_options own;     /* its options of training; resolved */
    gru4rec_options options; /* those of the call, of evaluations and pictures */
    /* The texts among these: test, label and titles, names of columns; owned. */
    ext_columns columns;
    ext_budget budget; /* of all memory that grows with the events */
    /* The version, the test and the baselines; read before the first measures. Owned. */
    ext_measurement measurement;
    ext_plot_measures measures[EXT_PLOT_SEGMENTS]; /* by gru4rec_segment; owned */
} ext_plot_request;

/*
 * Finds the model called name, and reads the options (NULL: none given) of scope
 * GRU4REC_SCOPE_PLOT and GRU4REC_SCOPE_EVALUATE into *request. Options of the library are
 * at their defaults where they are not given; but baselines is then
 * pop/markov/item-knn/vs-knn, or pop alone where the sessions of the training cannot be
 * read again. The caller calls ext_plot_request_free() in any case.
 * SQLITE_ERROR: there is no such model; an option is unknown or wrong.
 */
int ext_plot_request_read(ext_plot_request *request, ext_connection *connection,
                          sqlite3_value *name, const char *options, ext_error *error);
/*
 * Fills *info with what is known about the option of that name; false: this build has no
 * such option, as an older or a newer one may have.
 */
bool ext_plot_request_option(gru4rec_option_info *info, const char *name);
/*
 * Checks that the call gives no option that it does not use. who: the picture or the
 * report, for the message; uses: what it uses, as bits of ext_uses; with_test: what it
 * uses in addition if there is a test. SQLITE_ERROR: it gives one.
 */
int ext_plot_request_check(const ext_plot_request *request, const char *who, int uses,
                           int with_test, ext_error *error);
/*
 * Sets *measures to what the version of option version has on the events of option test,
 * by segment (GRU4REC_SEGMENT_NONE: all targets together), and beside it the baselines.
 * The test is read and the baselines are fitted once, and a second call for a segment
 * measures nothing. Afterwards measurement.warnings is what a reader must know of the
 * figures (NULL: nothing), and measurement.test has the events.
 * SQLITE_ERROR: the option test is missing; or as for gru4rec_evaluate().
 */
int ext_plot_request_measures(const ext_plot_measures **measures,
                              ext_plot_request *request, gru4rec_segment segment,
                              ext_error *error);
/* Frees all that the request owns, and makes it all zero. */
void ext_plot_request_free(ext_plot_request *request);

/* ---- ext_plot_ranking.c ---- */

/* An item of a catalogue, with its events in the training. */
typedef struct ext_plot_item {
    int64_t support;
    int32_t row;
} ext_plot_item;

/*
 * Makes *list of all items, the most events first; of equals, the lower row. The caller
 * frees it by memory->resize(), also after a failure, which leaves NULL.
 */
int ext_plot_ranking_make(ext_plot_item **list, const gru4rec_allocator *memory,
                          const gru4rec_items *items, ext_error *error);
/*
 * Random numbers that are the same on every machine (splitmix64). The first function
 * mixes the bits of a number. The second moves *at, which begins as a seed, on by one
 * number, and returns that: at least 0 and below 1.
 */
uint64_t ext_plot_ranking_mix(uint64_t x);
double ext_plot_ranking_draw(uint64_t *at);

/* ---- ext_plot_texts.c ---- */

/* Takes the text of an item, borrowed. Returns the code of the error. */
typedef int ext_plot_texts_taker(void *context, int32_t row, const char *text,
                                 ext_error *error);

/*
 * Runs a query of the user's, the name of a table, a view or a SELECT, that has two
 * columns, an item and a text; NULL: there is none, which is no error. take gets each row
 * whose item the catalogue has, and whose text is neither NULL nor empty. option: what
 * the user knows it as. SQLITE_ERROR: the query cannot be run, or has other columns;
 * those of take.
 */
int ext_plot_texts_read(const ext_plot_request *request, const char *option,
                        const char *query, const gru4rec_items *items,
                        ext_plot_texts_taker *take, void *context, ext_error *error);

/* ---- ext_plot_events.c ---- */

/* How ext_plot_events_read() prepares events. */
typedef enum ext_plot_preparation {
    EXT_PLOT_RAW,      /* all events, sessions as they are */
    EXT_PLOT_PREPARED, /* as the next training of the model would prepare them */
    /* As EXT_PLOT_PREPARED, of the items that the version knows, which has its rows. */
    EXT_PLOT_KNOWN
} ext_plot_preparation;

/*
 * Reads events with their times: those of the source test; or, if test is NULL, of the
 * model's own source, restricted as in a view. Rows that cannot be read are left out.
 * version: for EXT_PLOT_KNOWN. The memory is that of the request's budget. The caller
 * calls ext_read_free() before that ends, in any case.
 * SQLITE_ERROR: the model has no source; or as for ext_read_events().
 */
int ext_plot_events_read(ext_events *events, ext_plot_request *request, const char *test,
                         ext_plot_preparation preparation, const ext_model *version,
                         ext_error *error);
/*
 * Tells whether the model has no source of events. If so, adds a panel to the figure that
 * says how to give it one.
 */
bool ext_plot_events_are_missing(ext_figure *figure, const ext_plot_request *request);

/* ---- ext_plot_*.c: each fills in the figure of one picture ---- */

typedef int ext_plot_picture(ext_figure *figure, ext_plot_request *request,
                             ext_error *error);

ext_plot_picture ext_plot_learning_fill, ext_plot_lengths_fill, ext_plot_days_fill;
ext_plot_picture ext_plot_popularity_fill, ext_plot_items_fill, ext_plot_trials_fill;
ext_plot_picture ext_plot_measures_methods, ext_plot_measures_positions;
ext_plot_picture ext_plot_measures_cutoffs;

/* ---- ext_plot_trials.c ---- */

/*
 * Sets *text to the measure by which the last tuning of a model chose, such as "mrr@20",
 * which the caller frees. The model must have the table of trials.
 */
int ext_plot_trials_objective(char **text, const ext_home *home, ext_error *error);

/* ---- ext_plot.c ---- */

/*
 * Appends the picture called what ("learning", "methods", ...) to svg, as one <svg>
 * element without an XML declaration, which can stand in HTML as it is. What the model
 * does not have, such as epochs, the picture says.
 * SQLITE_ERROR: there is no such picture (the message lists them), or it needs an option
 * or a model that is not there (the message says what to do). svg is then of no use.
 */
int ext_plot_append(sqlite3_str *svg, ext_plot_request *request, const char *what,
                    ext_error *error);

/* The SQL function gru4rec_plot(); the last entry has the name NULL. */
extern const ext_function ext_plot_functions[];

#endif
