/*
 * ext_report.h - gru4rec_report(): what is known of a version of a model, as one HTML
 * page.
 *
 * Data flows one way. The facts (ext_report_facts.c, ext_report_examples.c) are read from
 * the database first, all of them; then the page (ext_report_page.c and the files that it
 * calls) is written from the facts and from pictures (ext_plot_append()). So no code that
 * writes HTML knows SQL, and no query knows HTML. Only ext_report_html.c knows tags.
 *
 * Where a fact can be had by SQL of the user's, it is read by that SQL, nested in the
 * call: so each number of the page is that of the query which stands below it.
 *
 * The same version, data and options give the same page to the byte, apart from durations
 * and dates.
 *
 * Errors are as in ext_tools.h.
 */
#ifndef EXT_REPORT_H
#define EXT_REPORT_H

#include "ext_plot.h"

/*
 * The schema of our tables in SQL, with a dot. SQLite finds them under any schema name,
 * and no schema has this one: so a table of the user's that is called as one of ours is
 * not taken for it.
 */
#define EXT_REPORT_OWN "\"gru4rec()\"."

/* ---- ext_report_rows.c ---- */

/*
 * The rows that a query gave, as copies of their values. All fields zero: there are none.
 */
typedef struct ext_report_rows {
    sqlite3_value **values; /* (n, n_columns) owned; of each row one after the other */
    size_t n, n_columns;
    size_t capacity; /* rows that have room */
} ext_report_rows;

/*
 * Runs a statement to its end, appends its rows, and finalizes it, also after a failure.
 * The rows that are there already must have as many columns. Does nothing if stmt is
 * NULL. Errors: SQLite's.
 */
int ext_report_rows_read(ext_report_rows *rows, sqlite3_stmt *stmt, ext_error *error);
/* Frees the rows, and sets all fields to zero. */
void ext_report_rows_free(ext_report_rows *rows);
/*
 * The next four functions read a value as sqlite3_column_*() would. A row that is not
 * there has only NULL. A text is borrowed from the rows; NULL: the value is NULL. A real
 * is NAN if the value is NULL.
 */
const char *ext_report_rows_text(const ext_report_rows *rows, size_t row, size_t column);
int64_t ext_report_rows_integer(const ext_report_rows *rows, size_t row, size_t column);
double ext_report_rows_real(const ext_report_rows *rows, size_t row, size_t column);
bool ext_report_rows_is_null(const ext_report_rows *rows, size_t row, size_t column);
/*
 * Turns an error that tells what a model or a source lacks into a text that the page
 * shows: if cause is SQLITE_ERROR, and no limit of memory, *why (owned, or NULL) becomes
 * its message. Any other cause becomes the error. cause is then clear. Returns the code
 * of the error, SQLITE_OK if there is none.
 */
int ext_report_rows_excuse(char **why, ext_error *cause, ext_error *error);

/* ---- ext_report_examples.c ---- */

/*
 * How many sessions are examples, how many of the clicks of each are shown, and how many
 * recommendations.
 */
enum { EXT_REPORT_EXAMPLES = 10, EXT_REPORT_CLICKS = 8, EXT_REPORT_LIST = 10 };

/*
 * A session that is shown as an example. Its last event is the target; the events before
 * it are the history, after which the list was recommended.
 */
typedef struct ext_report_example {
    sqlite3_value *session; /* owned */
    uint64_t key;           /* by which it was drawn: those with the lowest keys are */
    ext_rows rows;          /* the items of its events, as rows of the catalogue */
    /*
     * (EXT_REPORT_CLICKS) for each of the last events, from the first of these on, the
     * rank that its item had after the events before it; 0: none, because there is no
     * event before it, or the item was not ranked.
     */
    int64_t ranks[EXT_REPORT_CLICKS];
    int32_t list[EXT_REPORT_LIST]; /* the rows of the items that were recommended */
    int n_list;
} ext_report_example;

/* The examples of a report. All zero: there are none. */
typedef struct ext_report_examples {
    ext_report_example *examples; /* (n) owned, in the order of their keys */
    size_t n;
    char *failure; /* why there are none, such as a source that is gone; owned, or NULL */
    bool is_test;  /* they are of the test; false: of the model's own source */
} ext_report_examples;

/*
 * Draws up to n sessions of two events and more whose items the version knows, and has
 * items recommended for each: of the test if the request has one, else of the model's own
 * source. Which ones depends on the seed of the request and on the values of the sessions
 * only. If the model's own source cannot be read, that is no error: examples->failure
 * says why. reference: the name by which SQL finds the model; loaded: the version.
 * Errors: SQLite's; those of the source of the test.
 */
int ext_report_examples_draw(ext_report_examples *examples, size_t n,
                             const ext_plot_request *request, const char *reference,
                             const ext_loaded *loaded, ext_error *error);
/* Frees the examples, and sets all fields to zero. */
void ext_report_examples_free(ext_report_examples *examples);

/* ---- ext_report_titles.c ---- */

/*
 * The titles of items. A title is text of the user's; one that is not there is NULL.
 */
typedef struct ext_report_titles {
    ext_rows rows; /* the items whose titles are wanted, sorted; see ext_rows_sort() */
    char **texts;  /* (rows.n) owned */
} ext_report_titles;

/*
 * Reads the titles of the items titles->rows by option titles of the request, as
 * ext_plot_texts_read() does; of several titles of an item the first counts. Without that
 * option there is no title, which is no error.
 */
int ext_report_titles_read(ext_report_titles *titles, const ext_plot_request *request,
                           const gru4rec_items *items, ext_error *error);
/* Returns the title of an item, borrowed; NULL: it has none. */
const char *ext_report_titles_find(const ext_report_titles *titles, int32_t row);
/* Frees the titles, and sets all fields to zero. */
void ext_report_titles_free(ext_report_titles *titles);

/* ---- ext_report_facts.c ---- */

/* The columns of facts->version, which has one row. */
typedef enum ext_report_version {
    EXT_REPORT_SOURCE,
    EXT_REPORT_FINISHED,
    EXT_REPORT_EVENTS,
    EXT_REPORT_SESSIONS,
    EXT_REPORT_BEST_EPOCH,
    EXT_REPORT_SECONDS,
    EXT_REPORT_SKIPPED_EVENTS,
    EXT_REPORT_SKIPPED_SESSIONS,
    EXT_REPORT_HELD_OUT,
    EXT_REPORT_RECALL,
    EXT_REPORT_MRR,
    EXT_REPORT_FIRST_EVENT,
    EXT_REPORT_LAST_EVENT,
    EXT_REPORT_WARNINGS
} ext_report_version;

/* The columns of facts->catalogue, which has one row. */
typedef enum ext_report_catalogue {
    EXT_REPORT_ITEMS,
    EXT_REPORT_MOST,  /* events of the most frequent item */
    EXT_REPORT_RARE,  /* items with fewer than five events */
    EXT_REPORT_SUM,   /* events of all items */
    EXT_REPORT_TWENTY /* events of the 20 most frequent items */
} ext_report_catalogue;

/* The measures that the page has a sentence on, in the order of gru4rec_compare(). */
typedef enum ext_report_measure {
    EXT_REPORT_BY_RECALL,
    EXT_REPORT_BY_MRR,
    EXT_REPORT_BY_NDCG,
    EXT_REPORT_MEASURES /* how many there are */
} ext_report_measure;

/* All that a report says, apart from its pictures. All zero to begin with. */
typedef struct ext_report_facts {
    ext_plot_request request;  /* the model, the options, and what was measured */
    char *reference;           /* the name by which SQL finds the model; owned */
    ext_model *model;          /* the version, held */
    ext_report_rows version;   /* see ext_report_version */
    ext_report_rows catalogue; /* see ext_report_catalogue */
    char *first, *last;        /* times of the first and the last event; owned, or NULL */
    ext_report_rows options;   /* name, value, default: those that are not default */
    ext_report_rows epochs;    /* epoch, loss, recall, mrr */
    ext_report_rows audit;     /* check_name, severity, value, advice */
    char *no_audit;            /* why the events were not audited; owned, or NULL */
    ext_rows frequent;         /* the items with the most events, at most ten */
    ext_report_rows tuning;    /* of the last one: trials, the best one */
    char *objective;           /* by which that chose; owned; NULL: there is no tuning */
    ext_report_rows trials;    /* trial, epochs, objective, recall, mrr, options */
    /* What was measured on the test; NULL: the request has no test. Borrowed. */
    const ext_plot_measures *all, *positions, *popularity;
    int64_t k; /* the cut-off that the text is about: the largest one */
    /*
     * For each measure the row, in all->rows, of the baseline that has most of it at k,
     * or NULL; and the difference to that baseline: b, difference, low, high, p. A
     * baseline can be the best by several measures.
     */
    const gru4rec_metrics *best[EXT_REPORT_MEASURES];
    ext_report_rows comparisons[EXT_REPORT_MEASURES];
    ext_report_examples examples;
    ext_report_titles titles;
} ext_report_facts;

/*
 * Reads all facts. The request must have been read. What a model lacks, such as a source,
 * is no error: the facts then say why they are empty. SQLITE_ERROR: the model has no such
 * version; the test or the titles cannot be read. The caller calls
 * ext_report_facts_free() in any case.
 */
int ext_report_facts_read(ext_report_facts *facts, ext_error *error);
/* Frees the facts and the request, and sets all fields to zero. */
void ext_report_facts_free(ext_report_facts *facts);
/*
 * Returns the row of a method at cut-off k in a segment (NULL: all targets), or NULL.
 */
const gru4rec_metrics *ext_report_facts_find(const ext_plot_measures *measures,
                                             const char *method, const char *segment,
                                             int64_t k);

/* ---- ext_report_html.c ---- */

/* Room for a count as text. */
typedef struct ext_report_count {
    char text[32];
} ext_report_count;

/* Writes a count with a comma after each three digits, and returns it: 1,234,567. */
const char *ext_report_html_count(ext_report_count *room, int64_t n);

/* A page that is being written. */
typedef struct ext_report_html {
    sqlite3_str *text; /* borrowed */
    bool is_short;     /* memory for a text was missing; as sqlite3_str_errcode(text) */
    /*
     * Of the table that was begun last: its headings, borrowed until it ends, and the
     * number of cells in the present row. On a narrow screen each cell shows its heading.
     */
    const char *const *headings;
    size_t n_cells;
} ext_report_html;

/*
 * The next functions append to the page. Texts are formats as for sqlite3_mprintf() where
 * "..." follows; what they make is escaped, so no text can become a tag. They cannot
 * fail: ext_report_html_check() tells at the end whether memory was missing.
 */

/* Begins the page: everything up to its heading, with the style of the page. */
void ext_report_html_begin(ext_report_html *html, const char *title);
/* Ends the page. */
void ext_report_html_end(ext_report_html *html);
/* Sets the error SQLITE_NOMEM if memory was missing. Returns the code of the error. */
int ext_report_html_check(const ext_report_html *html, ext_error *error);
/* Begins a section with a heading. */
void ext_report_html_section(ext_report_html *html, const char *heading);
/* Begins a part of a section, with a smaller heading. */
void ext_report_html_part(ext_report_html *html, const char *heading);
/* Ends the section that was begun last. */
void ext_report_html_section_end(ext_report_html *html);
/* A paragraph. */
void ext_report_html_say(ext_report_html *html, const char *format, ...) EXT_PRINTF(2, 3);
/* A paragraph of lesser weight, such as where a number comes from. */
void ext_report_html_note(ext_report_html *html, const char *format, ...)
    EXT_PRINTF(2, 3);
/* A paragraph that warns. */
void ext_report_html_warn(ext_report_html *html, const char *format, ...)
    EXT_PRINTF(2, 3);
/* SQL that the reader can run. */
void ext_report_html_code(ext_report_html *html, const char *format, ...)
    EXT_PRINTF(2, 3);
/* Figures that stand out: begins the row of them, adds one, ends the row. */
void ext_report_html_cards(ext_report_html *html);
void ext_report_html_card(ext_report_html *html, const char *label, const char *format,
                          ...) EXT_PRINTF(3, 4);
void ext_report_html_cards_end(ext_report_html *html);
/*
 * Begins a table. caption: what it shows; columns: a letter for each, l for text and r
 * for numbers; headings: of the columns.
 */
void ext_report_html_table(ext_report_html *html, const char *caption,
                           const char *columns, const char *const *headings);
/* Begins a row of the table; mark: it stands out, as that of the model does. */
void ext_report_html_row(ext_report_html *html, bool mark);
/* Appends a cell to the row: of a column of text, or of one of numbers. */
void ext_report_html_cell(ext_report_html *html, const char *format, ...)
    EXT_PRINTF(2, 3);
void ext_report_html_number(ext_report_html *html, const char *format, ...)
    EXT_PRINTF(2, 3);
void ext_report_html_row_end(ext_report_html *html);
void ext_report_html_table_end(ext_report_html *html);
/* A picture: svg is an <svg> element, which is appended as it is. */
void ext_report_html_picture(ext_report_html *html, const char *svg);
/*
 * Lists: ext_report_html_pair() begins a row of two, ext_report_html_list() begins one
 * with a heading, whose entries are numbered from first on. An entry has a text, and may
 * have a smaller text behind it, and a badge (NULL: none); mark: it stands out.
 */
void ext_report_html_pair(ext_report_html *html);
void ext_report_html_list(ext_report_html *html, const char *heading, size_t first);
void ext_report_html_entry(ext_report_html *html, const char *text, const char *small,
                           const char *badge, bool mark);
void ext_report_html_list_end(ext_report_html *html);
void ext_report_html_pair_end(ext_report_html *html);

/* ---- the sections of the page ---- */

/*
 * ext_report_page.c. Appends the whole page to html, with its pictures. Errors: those of
 * ext_plot_append(); SQLITE_NOMEM.
 */
int ext_report_page_write(ext_report_html *html, ext_report_facts *facts,
                          ext_error *error);
/*
 * Appends the picture called what. If it cannot be drawn because of what the model or the
 * test is, the page says why. Errors: all others of ext_plot_append().
 */
int ext_report_page_picture(ext_report_html *html, ext_report_facts *facts,
                            const char *what, ext_error *error);
/* How good the version is. Errors: those of ext_report_page_picture(). */
int ext_report_measured_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error);
/* Where it is good and where not. Errors: those of ext_report_page_picture(). */
int ext_report_segments_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error);
/* How it was trained and tuned. Errors: those of ext_report_page_picture(). */
int ext_report_training_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error);
/* ext_report_shown.c. The examples. */
void ext_report_shown_write(ext_report_html *html, const ext_report_facts *facts);
/*
 * Appends an entry of a list: the item in this row of the catalogue, with its title if it
 * has one. badge, mark: as for ext_report_html_entry().
 */
void ext_report_shown_item(ext_report_html *html, const ext_report_facts *facts,
                           int32_t row, const char *badge, bool mark);

/* ---- ext_report.c ---- */

/* The SQL function gru4rec_report(); the last entry has the name NULL. */
extern const ext_function ext_report_functions[];

#endif
