/*
 * ext_events.h - finds the table and the columns of the user's events, and reads the
 * events: all at once for a training or a test, or session by session for serving.
 *
 * Functions that return int return an SQLite result code, and put a failure's code and
 * message into error (see ext_base.h). Texts that are returned are of sqlite3_malloc and
 * belong to the caller, unless a comment says otherwise.
 */
#ifndef EXT_EVENTS_H
#define EXT_EVENTS_H

#include "../base/ext_base.h"

/* ---- ext_found.c ---- */

/* What a schema has under a name, as its sqlite_schema table says. */
typedef enum ext_found {
    EXT_FOUND_NOTHING,
    EXT_FOUND_TABLE,
    EXT_FOUND_VIEW,
    EXT_FOUND_VIRTUAL_TABLE
} ext_found;

/*
 * Sets *found to what a schema has under a name; EXT_FOUND_NOTHING also if there is no
 * such schema. Case is ignored. Errors: SQLITE_AUTH if an authorizer hides sqlite_schema;
 * SQLite's. *found means nothing then.
 */
int ext_found_in(ext_found *found, sqlite3 *db, const char *schema, const char *name,
                 ext_error *error);
/*
 * Sets *found to what SQLite finds under a name that is written without a schema: it
 * takes the first schema that has the name, in the order temp, main, attached databases.
 * Errors: those of ext_found_in().
 */
int ext_found_first(ext_found *found, sqlite3 *db, const char *name, ext_error *error);

/* ---- ext_source.c ---- */

/*
 * A source: a table, a view or a SELECT whose rows are events. ext_source_open() sets all
 * fields. ext_source_close() frees the texts; db is borrowed.
 */
typedef struct ext_source {
    sqlite3 *db;
    /*
     * The SQL that stands after FROM: a SELECT in parentheses, or the quoted name of the
     * table or view.
     */
    char *from;
    ext_columns columns;
    /*
     * The first of the names "rowid", "_rowid_" and "oid" that no column has. NULL: the
     * source has no rowid (a SELECT, a view, a WITHOUT ROWID table), or columns have all
     * three names. The rowid breaks ties in time if columns.order is NULL.
     */
    char *rowid;
    /*
     * The affinities of the declared types of the columns session (0) and item (1), as
     * CREATE TABLE AS writes them: "INT", "TEXT", "REAL", "NUM" or "". An expression has
     * no declared type, so a CAST gives "" too. Constant texts.
     */
    const char *types[2];
    /*
     * Whether an event is read if its session or item is the empty text (option
     * keep_empty). ext_source_open() sets it to false; whoever reads the events sets it
     * before.
     */
    bool keeps_empty;
    /*
     * Whether SQLite restricts the SELECT of all events as it restricts a view
     * (ext_sql_prepare_stored()), because a function that a view may call reads what the
     * schema stores. ext_source_open() sets it to false; whoever reads sets it before.
     */
    bool is_restricted;
    /*
     * Why ext_source_open() failed, if the reason is that something is missing. A role
     * ("session", "item", "time", "order"): the user named a column for it, and the
     * source has no such column. "source": SQLite says that a table, a view or a column
     * does not exist. NULL: the source opened, or failed for another reason. Constant
     * texts.
     */
    const char *missing;
} ext_source;

/*
 * Opens a source: finds the table, view or SELECT that text names, and sets all fields of
 * source, among them the columns of the roles session, item, time and order, and the
 * rowid. It reads no rows. ext_source_close() frees what source owns.
 *
 * schema: the schema in which a table name without a schema is looked for first.
 * text: the name of a table or a view, or a SELECT.
 * columns: the names of columns that the user gave; upper and lower case are equal. A
 *   name that is NULL is guessed: the first of some common names that the source has.
 *   order is never guessed.
 * Errors: SQLite cannot read the source; the source has a parameter; a column is not
 *   found; two of session, item and time are the same column (order may be any column);
 *   SQLITE_AUTH if an authorizer hides sqlite_schema; NOMEM.
 *
 * After an error all fields of source are zero except missing, which says why (see
 * ext_source). So the source needs no close.
 */
int ext_source_open(ext_source *source, sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_error *error);
/*
 * Completes columns, the names that the user gave, from kept, the names that the model
 * had. For each role for which columns has no name, it puts a copy of the name in kept
 * there, if the source has such a column. Otherwise the name stays NULL, so that
 * ext_source_open() guesses it later.
 * If SQLite cannot read the source text, it does nothing, and there is no error.
 * Errors: SQLITE_ERROR if kept names a column order, columns names none, and the source
 * lacks the column, because order is not guessed; SQLITE_AUTH if an authorizer hides
 * something; NOMEM. After an error some names may be copied.
 */
int ext_source_keep_columns(ext_columns *columns, const ext_columns *kept, sqlite3 *db,
                            const char *schema, const char *text, ext_error *error);
/*
 * Sets *is_there to whether a table (virtual ones too) or a view has the name text, in
 * schema or in any other schema of the connection. If text has a dot, it is also true if
 * any schema has a table or a view whose name is the part behind the dot. Errors:
 * SQLITE_AUTH if an authorizer hides sqlite_schema; NOMEM. *is_there means nothing then.
 */
int ext_source_exists(bool *is_there, sqlite3 *db, const char *schema, const char *text,
                      ext_error *error);
/*
 * Makes *shape, a JSON array of the source's kind and the names of its columns in their
 * order. The kind is "select" for a SELECT, "view" for a view (of whatever schema), and
 * "table" for everything else. The caller frees *shape. *shape is NULL if SQLite refuses
 * to read the source, which is no error, and after an error. Errors: SQLITE_AUTH, NOMEM.
 */
int ext_source_shape(char **shape, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error);
/* Frees the texts that the source owns, and sets all its fields to zero. */
void ext_source_close(ext_source *source);
/*
 * Refuses a virtual table as a source whose name text is stored in a schema, unless
 * schemas are trusted (PRAGMA trusted_schema); SQLite has the same rule for views. If
 * they are trusted, it does nothing and returns SQLITE_OK.
 * If they are not, the error is SQLITE_ERROR if text may name a virtual table. A name
 * that is in no schema counts as one, because it may be an eponymous virtual table. A
 * view passes: SQLite checks the tables that the view reads. If an authorizer hides
 * sqlite_schema, the error is SQLITE_AUTH.
 */
int ext_source_check_stored(sqlite3 *db, const char *schema, const char *text,
                            ext_error *error);
/*
 * Holds a read transaction: starts a statement on the source, and leaves it, unfinished,
 * in *hold. Until the caller finalizes *hold, this connection does not see what other
 * connections write, so all its readings of the source see the same rows. The statement
 * itself reads no row of the source. After an error *hold is NULL.
 */
int ext_source_hold(const ext_source *source, sqlite3_stmt **hold, ext_error *error);
/*
 * Returns the terms that ORDER BY needs after session and time to break ties, as SQL: the
 * column order, or else the rowid if the source has one; then, in both cases, the item.
 * The caller frees the text. NULL: there is no memory.
 */
char *ext_source_ties(const ext_source *source);

/* ---- ext_renamed.c ---- */

/*
 * Looks for the present name of a source that was renamed. The caller knows that the old
 * name leads to nothing now. shape: the old shape (ext_source_shape()), or NULL if it is
 * not known. columns: the columns that the source must have.
 * It tries the tables and views of all schemas, except virtual tables. Those of schema,
 * the model's own, come before all others. Then those with the same shape come first,
 * then those of the same kind.
 * Returns the name of the best one, with "schema." before it if it is not in the model's
 * own schema; the caller frees it. NULL: none has the columns, or several fit equally
 * well, or the search failed.
 */
char *ext_renamed_source(sqlite3 *db, const char *schema, const char *shape,
                         const ext_columns *columns);
/* What became of a column after the source had changed from an old shape to a new one. */
typedef enum ext_renamed_fate {
    EXT_RENAMED_IS_THERE, /* the source still has a column of that name */
    EXT_RENAMED_IS_GONE,  /* no such column, and no new name is known */
    EXT_RENAMED_IS_KNOWN, /* no such column, but its new name is known */
} ext_renamed_fate;
/*
 * Tells what became of column when its source changed. before and now: the shapes of the
 * source (ext_source_shape()); before may be invalid JSON or NULL. The new name is the
 * one that stands now at the column's old place, if it is new.
 * *name: the new name for EXT_RENAMED_IS_KNOWN, which the caller frees; else NULL. An
 * error of SQLite is not reported: the column counts as gone.
 */
ext_renamed_fate ext_renamed_column(char **name, sqlite3 *db, const char *before,
                                    const char *now, const char *column);

/* ---- ext_time.c ---- */

typedef enum ext_time_kind {
    EXT_TIME_NONE, /* NULL or the empty text: there is no time */
    EXT_TIME_NUMBER,
    EXT_TIME_DATE,
    EXT_TIME_BAD /* neither a number nor a date, or a BLOB */
} ext_time_kind;

enum { EXT_TIME_TEXT = 40 };

/*
 * Writes a time as text that can be read back to the last bit: a number, or a date in UTC
 * as "YYYY-MM-DD HH:MM:SS", with up to nine digits of a second if they are not all 0.
 * Infinity becomes 9.0e+999 or -9.0e+999. Returns true for a date, false for a number.
 */
bool ext_time_text(char text[EXT_TIME_TEXT], const gru4rec_time *time);
/*
 * Reads the time in a column (0-based) of the statement's present row into *time, and
 * returns its kind. A text can be a number or a date. *time means something only for
 * EXT_TIME_NUMBER and EXT_TIME_DATE.
 */
ext_time_kind ext_time_column(sqlite3_stmt *stmt, int column, gru4rec_time *time);
/*
 * Reads the time in a value into *time. Returns false, and *time means nothing, if the
 * value is NULL, a BLOB or the empty text, or a text that is neither a number nor a date.
 */
bool ext_time_value(sqlite3_value *value, gru4rec_time *time);
/*
 * Two SQL expressions for ORDER BY, which sort rows by the time in a column as
 * gru4rec_time_compare() does. ext_time_sql() returns the first: it has the value of
 * gru4rec_time_real(), a number as it is, or NULL if the time cannot be read.
 * ext_time_rest_sql() returns the second: the value of gru4rec_time_rest() for a text,
 * else 0. The caller frees the texts. NULL: there is no memory.
 */
char *ext_time_sql(const char *column);
char *ext_time_rest_sql(const char *column);

/* ---- ext_border.c ---- */

/*
 * The position of an event among all events of a source: by time, and among events of one
 * time by rowid, if both events have one. The column that option order names plays no
 * part here.
 */
typedef struct ext_border {
    /*
     * is_there false: there is no such event, and the other fields mean nothing.
     * has_rowid false: the source has no rowid, or the rowid is not known.
     */
    bool is_there, has_rowid;
    gru4rec_time time;
    int64_t rowid;
} ext_border;

/* The number of a version of a model, and the last event that it was trained on. */
typedef struct ext_last {
    int64_t version; /* 0: the model has no version */
    ext_border border;
} ext_last;

enum { EXT_BORDER_JSON = 200 };

/*
 * Tells whether the event, which must be there, comes after the border (the position of
 * another event, such as the last one of a training). If the border is not there, the
 * answer is true. If both have the same time, and one of them has no rowid, it is false.
 */
bool ext_border_is_before(const ext_border *border, const ext_border *event);
/*
 * Copies the event to *border if the event comes after the border or the border is not
 * there; else changes nothing.
 */
void ext_border_move(ext_border *border, const ext_border *event);
/*
 * Writes the border's time as JSON: a number, or a date in quotes; null if the border is
 * not there.
 */
void ext_border_time_json(char json[EXT_TIME_TEXT + 2], const ext_border *border);
/*
 * Writes the version and the last event that it was trained on, as JSON:
 * {"version":3,"last_event":...,"last_rowid":...}
 * last_event is the time (ext_border_time_json()). last_rowid is null if the border has
 * no rowid. If there is no version, it writes the empty text.
 */
void ext_border_json(char json[EXT_BORDER_JSON], const ext_last *last);

/*
 * A training that the events of a reading are compared with (ext_reading). key is
 * borrowed.
 */
typedef struct ext_against {
    /*
     * The key of the training's fingerprints, by which the sessions that are read get
     * fingerprints too. NULL: the training has none, so the sessions get none.
     */
    const gru4rec_fingerprints_key *key;
    /*
     * The training's last event. The events before its time are counted (n_before of
     * ext_events). If it is not there, none is counted.
     */
    ext_border end;
} ext_against;

/* ---- ext_unit.c ---- */

/*
 * A unit in which times that are numbers can be given: one of the four constants of
 * ext_unit.c.
 */
typedef struct ext_unit {
    const char *name;    /* "seconds", "milliseconds", "microseconds" or "nanoseconds" */
    double per_second;   /* how many of this unit make a second */
    int64_t nanoseconds; /* how many nanoseconds make one of this unit */
} ext_unit;

/*
 * The common unit of many times, which ext_unit_see() gathers. All zero: no time was seen
 * yet.
 */
typedef struct ext_unit_seen {
    bool is_there; /* at least one time was seen */
    /*
     * The unit of all these times. NULL: no time was seen; or they have several units; or
     * one of them has no known unit, as counters have.
     */
    const ext_unit *unit;
} ext_unit_seen;

enum { EXT_UNITS = 4 }; /* the number of known units: seconds to nanoseconds */

/* How many times are in each unit, which ext_unit_count() counts. All zero: none yet. */
typedef struct ext_unit_counts {
    int64_t n;             /* number of times, also of those without a known unit */
    int64_t of[EXT_UNITS]; /* how many of these are in each unit, from seconds */
} ext_unit_counts;

extern const ext_unit *const ext_unit_second; /* the unit of seconds */
/*
 * Returns the unit, of the four that are known, in which a number is a time from 1980 to
 * before 2100. No number is one in two units. For a date it returns the second. NULL: no
 * unit fits.
 */
const ext_unit *ext_unit_of(const gru4rec_time *time);
/* Counts one time in counts->n. If its unit is known, also counts it in counts->of. */
void ext_unit_count(ext_unit_counts *counts, const gru4rec_time *time);
/*
 * Returns how many of the counted times are not in the commonest unit; times without a
 * known unit are among them. But if half of the times or more have no known unit, it
 * returns 0, because then the times are counters.
 */
int64_t ext_unit_others(const ext_unit_counts *counts);
/*
 * Takes one more time into account. The unit of the first time becomes seen->unit (NULL
 * if it is not known), and seen->is_there becomes true. A later time of another unit
 * makes seen->unit NULL for good.
 */
void ext_unit_see(ext_unit_seen *seen, const gru4rec_time *time);

/* ---- ext_since.c ---- */

/* One end of the window of time that is read: option since or until. */
typedef struct ext_since_bound {
    const char *option, *text; /* name and value of the option; borrowed */
    /*
     * EXT_TIME_NONE: there is no bound, because the option is empty, or is since=last.
     * Then time means nothing.
     */
    ext_time_kind kind;
    gru4rec_time time;
} ext_since_bound;

/*
 * The window of time from since (included) to until (excluded), and the border of
 * since=last. All zero: no event is left out.
 */
typedef struct ext_since {
    ext_since_bound from, to;
    /*
     * With since=last: events up to the border in it are old; an event after it is new.
     * NULL: every event is new, because since is not "last" or there is no border.
     */
    const ext_last *last;
    /*
     * The unit of the times that ext_since_check() compared with a date so far; NULL:
     * none was.
     */
    const ext_unit *unit;
    /* Some of these times are dates themselves. */
    bool has_dates;
} ext_since;

/*
 * Reads the options since and until into *since, which must be all zero. since keeps
 * pointers into options and to last, which must live as long as since; it owns nothing.
 * last: the event that since=last means; NULL: since=last is an error here. If last has
 * no border, since=last makes no event old, and since->last stays NULL. With since=last,
 * since->from is no bound.
 *
 * Errors: SQLITE_ERROR if since or until is neither a number nor a date, or for
 * since=last without last; NOMEM.
 */
int ext_since_read(ext_since *since, sqlite3 *db, const gru4rec_options *options,
                   const ext_last *last, ext_error *error);
/* Tells whether the options say since=last. */
bool ext_since_is_last(const gru4rec_options *options);
/*
 * Sets the error that with since=last no event is new, and returns the code:
 * SQLITE_ERROR, or NOMEM. The message has the time and the version of since->last, which
 * must be set, and until.
 */
int ext_since_fail_none(const ext_since *since, ext_error *error);
/*
 * Returns how many units of the times make a second: 1, 1e3, 1e6 or 1e9. If either time
 * is a date, the result is 1. Otherwise both must be between 1980 and 2100 in the same
 * unit; if they are not, it returns 0.
 */
double ext_since_per_second(const gru4rec_time *first, const gru4rec_time *last);
/*
 * Sets *is_inside to whether a time of the source is not before since and is before
 * until. A bound that is not given leaves nothing out, and since=last plays no part here.
 * kind is EXT_TIME_NUMBER or EXT_TIME_DATE.
 * If since or until is a date, it also keeps the unit of the time in since->unit, for the
 * next call, and sets since->has_dates if the time is a date. SQLITE_ERROR then means
 * that the time has no known unit, or another unit than an earlier time. *is_inside means
 * nothing then.
 */
int ext_since_check(ext_since *since, const gru4rec_time *time, ext_time_kind kind,
                    bool *is_inside, ext_error *error);

/* ---- ext_read.c ---- */

/*
 * The result of a reading: the events, and counts of the rows and events that were left
 * out. ext_read_free() frees what it owns.
 */
typedef struct ext_events {
    gru4rec_dataset *dataset; /* the sessions that the events form; NULL: not made yet */
    /* The catalogue that was made with the dataset; NULL: reading->known was given. */
    gru4rec_items *items;
    /*
     * Collects the events before the dataset is made; afterwards gives the ids of the
     * sessions and their fingerprints.
     */
    gru4rec_events *builder;
    /*
     * The same events once more, for fingerprints, if reading->known and
     * reading->against->key are both set. They are cut into n_pieces sessions as a
     * training with the same options would cut them. No event is dropped, because a
     * training makes fingerprints before it drops events. NULL: there are none; if
     * against->key is set, the sessions of builder get the fingerprints.
     */
    gru4rec_events *pieces;
    int64_t n_pieces; /* number of sessions in pieces; 0 before they were made */
    /*
     * Number of rows that were left out because the session, the item or the time is
     * NULL, or because the time is the empty text; with keep_empty off also because the
     * session or the item is the empty text.
     */
    int64_t n_null;
    /*
     * Number of events that were left out because they are outside the window from since
     * to until, or behind reading->end, or because since=last dropped them: old events
     * that are in no session with a new one.
     */
    int64_t n_outside;
    int64_t n_bad; /* rows that were left out: the time cannot be read */
    /*
     * In an audit: rows that were left out because the item is a BLOB, or a REAL that is
     * not whole. In other readings such an item is an error.
     */
    int64_t n_odd;
    ext_unit_counts units; /* in an audit only: how many of the times are in each unit */
    int64_t n_rows;        /* all rows of the source, also those that were left out */
    /*
     * These are counted only if reading->against is set. n_compared: the events that were
     * read. If against->end is there, n_other_unit of them have a time whose unit is not
     * that of end. Of the rest, n_before have a time before that of end.
     */
    int64_t n_compared, n_other_unit;
    int64_t n_before;
    /* The first and the last event: see the function that reads. */
    ext_border first, last;
    /*
     * The common unit of the times; set only if reading->keeps_times or reading->against
     * is.
     */
    ext_unit_seen unit;
} ext_events;

/*
 * How events are to be read, and for whom. The caller fills it; all pointers are
 * borrowed.
 */
typedef struct ext_reading {
    /*
     * For a test: the catalogue of a model that was trained with these options. Of
     * these options only keep_empty, session_gap, collapse_repeats, max_length and
     * bad_rows are used for the dataset. NULL: for a training, which uses all options
     * that choose and prepare events; or for an audit.
     */
    const gru4rec_items *known;
    const gru4rec_options *options;
    /* For a training: the event that since=last means; NULL: since=last is an error. */
    const ext_last *last;
    /* Events after this position are left out and counted in n_outside; NULL: none is. */
    const ext_border *end;
    /* The training that the events are compared with; NULL: with none. */
    const ext_against *against;
    /*
     * The processes that read together; NULL: there are none. Each reads its part, as
     * for a training; or, if is_whole, all events, and only stops if another one does.
     */
    const ext_ranks *ranks;
    bool is_whole;
    /* The dataset keeps the times of its events (dataset->times). */
    bool keeps_times;
} ext_reading;

/*
 * Reads all events of a source, and makes events->dataset from them. For a training
 * (reading->known is NULL) it also makes events->items, the catalogue. All memory is that
 * of the budget, within its limits. Sets source->keeps_empty by option keep_empty. With
 * since=last, sessions without a new event are never in memory. The caller calls
 * ext_read_free() afterwards, also after an error.
 *
 * In a training, events->last is the last event that has session, item and time and is
 * inside the window. events->first has the time of the first such event; with since=last
 * only sessions with a new event count for it. Both are found before min_support and the
 * like drop any event. first has no rowid. In a test, last is the last event that was
 * read, and first is not set.
 *
 * If sessions are held out (option validation), last is the last event before the first
 * time of all held-out sessions, so that these are new to the next training. If no event
 * that is read comes before that time, last is the border of since=last; without
 * since=last it is not there.
 *
 * Errors: SQLite cannot read the source; an item is a BLOB, or a REAL that
 * ext_value_is_whole() rejects; more times cannot be read than bad_rows allows; no event
 * is new (since=last); what ext_since_read() and ext_since_check() refuse; too little
 * memory for the events; an interrupt.
 */
int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const ext_reading *reading, ext_error *error);
/*
 * Reads the events once for a test of two models: events[i] and readings[i] are those of
 * model i, and both readings have known. Makes both datasets. An event has the same
 * number in both (dataset->numbers).
 * A row that is left out is left out for both models. Empty ids are read only if both
 * have keep_empty; source->keeps_empty is set so. Of bad_rows the lower one holds.
 * readings[0].end holds for both.
 * The counts of rows that were left out, n_rows and last are set in events[0] only.
 * *n_unknown: number of events whose item at least one of the models does not know. The
 * caller calls ext_read_free() for both, also after an error. Errors as for
 * ext_read_events().
 */
int ext_read_pair(ext_events events[2], ext_budget *budget, ext_source *source,
                  const ext_reading readings[2], int64_t *n_unknown, ext_error *error);
/*
 * Read events for an audit, in two steps: ext_read_collect() reads them into
 * events->builder, and ext_read_finish() makes events->dataset and events->items from it.
 * Between the two steps the audit can look at the events in the builder.
 * reading->known must be NULL.
 * Rows that a training would refuse are left out, and counted in n_bad and n_odd. With
 * since=last every event counts as new. source->keeps_empty is set by option keep_empty.
 * ext_read_collect() counts the units of the times in events->units, and sets
 * events->first and events->last to the first and the last event that was read, with
 * their rowids.
 *
 * is_test: the events are those of a test. Then since and until leave nothing out.
 * Sessions are only cut, at pauses longer than session_gap, and with long_sessions=cut
 * into parts of max_length events (collapse_repeats first). No other option drops or
 * cuts.
 * Errors: as for ext_read_events(), but no row is refused for its item or for a time that
 * cannot be read. The caller calls ext_read_free() afterwards, also after an error.
 */
int ext_read_collect(ext_events *events, ext_budget *budget, ext_source *source,
                     const ext_reading *reading, bool is_test, ext_error *error);
int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error);
/*
 * Makes the warning that n_arbitrary events have their place in the session by the id of
 * their item, if they are more than a thousandth of n_events (both of gru4rec_dataset).
 * The text has no n_events, because n_arbitrary also counts events that were dropped.
 * *warning: owned by the caller; NULL: there is none, or an error. Error: NOMEM.
 */
int ext_read_order_warning(char **warning, int64_t n_arbitrary, int64_t n_events,
                           ext_error *error);
/* Frees what events owns, and sets all fields of events to zero. */
void ext_read_free(ext_events *events);

/* ---- ext_row.c, for ext_read.c ---- */

/*
 * One reading of the rows of a source, for ext_read.c. The pointers are borrowed, except
 * stmt, which the function that reads finalizes, and first_bad, which owns its message.
 */
typedef struct ext_row_reader {
    const ext_source *source;
    /*
     * How to read: an array of one entry, or of two if there is a twin; the second one is
     * the twin's.
     */
    const ext_reading *reading;
    /*
     * The result that gets the same events for a second model (ext_read_pair()); NULL:
     * there is none.
     */
    ext_events *twin;
    /* The share of the rows (0 to 1) whose times may be unreadable without an error. */
    double bad_rows;
    /*
     * Whether a row whose item is a BLOB, or a REAL that is not whole, is left out; if
     * false, it is an error. It is counted in events->n_odd in both cases.
     */
    bool is_audit;
    /*
     * The SELECT of ext_row_prepare(); "the present row" is the row on which it stands.
     */
    sqlite3_stmt *stmt;
    ext_since since; /* the window of time, and the border of since=last */
    int64_t n_rows;  /* number of rows of this reading so far */
    /*
     * If there is a twin: number of events whose item is not in both of the catalogues;
     * else 0.
     */
    int64_t n_unknown;
    /*
     * The error of the first row whose time cannot be read, with that row in its message.
     * ext_row_get() keeps it here, and ext_row_check_bad() may return it later.
     */
    ext_error first_bad;
} ext_row_reader;

/*
 * An event that is not left out. The bytes of its ids are borrowed from the present row
 * of the reader's statement, until the next step.
 */
typedef struct ext_row_event {
    gru4rec_id session, item;
    ext_border at; /* time and rowid of the event; always there */
    /*
     * Breaks ties in time. Without a column order: the rowid, or 0 if the source has
     * none. With one: the 0-based place of the row in SQLite's order.
     */
    int64_t order;
} ext_row_event;

/*
 * Prepares *stmt, the SELECT of all rows of the source. Its columns are session, item,
 * time and rowid (0 if the source has none). is_sorted: SQLite sorts the rows, by
 * ext_source_ties() only. The caller finalizes *stmt, which is NULL after a failure.
 */
int ext_row_prepare(const ext_source *source, bool is_sorted, sqlite3_stmt **stmt,
                    ext_error *error);
/*
 * Returns SQLITE_OK if the number of unreadable times (events->n_bad) is at most the
 * share rows->bad_rows of the rows so far. If it is more, sets the error: the message is
 * that of rows->first_bad, which is empty afterwards. If bad_rows is not 0, both numbers
 * stand before that message. Codes: SQLITE_ERROR, or NOMEM.
 */
int ext_row_check_bad(ext_row_reader *rows, const ext_events *events, ext_error *error);
/*
 * Makes an event of the present row in *e, except e->order, which the caller sets.
 * *is_event false: the row is left out; *e means nothing, and the row was counted in one
 * of n_null, n_odd, n_bad and n_outside of events. A time that cannot be read is such a
 * case; if it is the first, an error that names the row is kept in rows->first_bad.
 * Errors: what ext_since_check() refuses, with the row named in the message; unless
 * rows->is_audit, an item that is a BLOB or a REAL that is not whole; NOMEM.
 */
int ext_row_get(ext_row_reader *rows, ext_events *events, ext_row_event *e,
                bool *is_event, ext_error *error);

/* ---- ext_shards.c ---- */

/*
 * Returns the processes that read the other parts of the events; NULL: this one reads all
 * of them.
 */
const ext_ranks *ext_shards_others(const ext_reading *reading);
/*
 * Tells whether a session belongs to this rank. With shard=auto all ranks read one
 * source, and each has its part of the sessions (gru4rec_shard_of()).
 */
bool ext_shards_is_own(const ext_reading *reading, const gru4rec_id *session);
/*
 * Does what ext_row_check_bad() does at the end of a reading, for all ranks together: all
 * of them get the same result. rows->first_bad stays if there are other ranks.
 */
int ext_shards_check_bad(ext_row_reader *rows, const ext_events *events,
                         ext_error *error);
/*
 * In a long reading, of which n rows are read: SQLITE_INTERRUPT if another rank stops.
 * Looks only at every 1024th row.
 */
int ext_shards_check_stop(const ext_reading *reading, int64_t n, ext_error *error);
/* Sets *has to whether it is true on any rank. */
int ext_shards_has_any(const ext_reading *reading, bool *has, ext_error *error);
/*
 * Makes *border, of the events of this rank, that of the events of all ranks: the last
 * one. If each rank has a source of its own, it has the rowid of this rank's event at
 * that time, or one before all events of this source at that time.
 */
int ext_shards_unite_border(const ext_row_reader *rows, ext_border *border,
                            ext_error *error);

/* ---- ext_sessions.c ---- */

/* The values of the sessions that a query asks for. All zero: an empty list. */
typedef struct ext_sessions {
    sqlite3_value **values; /* (n) copies, in an array; both are owned */
    int n, capacity;
} ext_sessions;

/*
 * Appends a copy of a session's value to the list. NULL is left out without an error,
 * because in SQL it equals no session. NOMEM: the list may only be freed.
 */
int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error);
/* Frees the values and their array, and sets all fields to zero: an empty list. */
void ext_sessions_free(ext_sessions *sessions);

/* ---- ext_copies.c ---- */

enum { EXT_COPIES_RUN = 32 }; /* characters of the name of a run (a training) */

/*
 * A copy of the histories of sessions as they were at one moment: each session's value,
 * and the rows that the items of its history have in the catalogue. Reference-counted.
 */
typedef struct ext_copy ext_copy;
typedef struct ext_copy_chunk ext_copy_chunk;
/*
 * The copies that the scans of one statement share: at most one of all sessions and one
 * of some sessions, the latest in both cases. Reference-counted.
 */
typedef struct ext_copies ext_copies;

/*
 * A position in a copy, which ext_copies_next() moves by one session. All zero: no copy
 * is read.
 */
typedef struct ext_copy_reader {
    ext_copy *copy; /* the reader is one of its users until ext_copies_stop() */
    const ext_copy_chunk *chunk; /* where the next session is; NULL: there is none */
    size_t offset;               /* bytes into the chunk: where the next session begins */
    sqlite3_stmt *value;         /* SELECT ?1, which makes the sessions' values; owned */
} ext_copy_reader;

/*
 * Counts one more user of copies, and returns copies. If copies is NULL, makes a new,
 * empty object with one user and returns that; NULL: there is no memory. Each user calls
 * ext_copies_release().
 */
ext_copies *ext_copies_hold(ext_copies *copies);
/*
 * Removes a user of copies. After the last one it frees the object, and drops the copies
 * in it. Does nothing if copies is NULL.
 */
void ext_copies_release(ext_copies *copies);
/*
 * Looks in copies for a complete copy of these sessions (NULL: of all sessions), with
 * item rows of the run's catalogue. A copy fits if the connection has written nothing
 * since it was made, and the same statements are writing now as then.
 * *is_made true: *copy is such a copy. False: *copy is a new, empty one, which replaces
 * the copy that copies held; the caller fills it by ext_copies_add(), and then calls
 * ext_copies_finish(). In both cases the caller becomes a user of *copy, and calls
 * ext_copies_drop() at the end. NOMEM: *copy is NULL.
 */
int ext_copies_find(ext_copies *copies, sqlite3 *db, const ext_sessions *sessions,
                    const char *run, ext_copy **copy, bool *is_made, ext_error *error);
/*
 * Appends a session to the copy: its value, which must not be NULL, and the item rows of
 * its history. Both are copied. NOMEM: the copy is unchanged.
 */
int ext_copies_add(ext_copy *copy, sqlite3_value *session, const ext_rows *rows,
                   ext_error *error);
/*
 * Marks the copy as complete. Before that, ext_copies_find() gives it to no further user.
 */
void ext_copies_finish(ext_copy *copy);
/*
 * Removes a user of the copy, and frees the copy after the last one. Does nothing if copy
 * is NULL.
 */
void ext_copies_drop(ext_copy *copy);
/*
 * Puts the reader before the first session of the copy, and makes the reader a user of
 * the copy. What the reader held before is not freed. Call ext_copies_stop() afterwards,
 * also after an error, which can only be that of preparing a statement.
 */
int ext_copies_start(ext_copy_reader *reader, ext_copy *copy, sqlite3 *db,
                     ext_error *error);
/* Tells whether the reader has a further session to read. */
bool ext_copies_has_next(const ext_copy_reader *reader);
/*
 * Reads the next session of the copy, which there must be, and moves the reader behind
 * it. *session, which must be NULL before, becomes the session's value. The item rows of
 * its history are appended to rows. After an error (NOMEM, SQLite's) the reader has not
 * moved. The caller frees *session by sqlite3_value_free(), also after an error.
 */
int ext_copies_next(ext_copy_reader *reader, sqlite3_value **session, ext_rows *rows,
                    ext_error *error);
/*
 * Ends the reading of a copy: frees the reader's statement, drops its copy
 * (ext_copies_drop()), and makes the reader all zero. Does nothing to a reader that is
 * all zero.
 */
void ext_copies_stop(ext_copy_reader *reader);

/* ---- ext_histories.c ---- */

/*
 * Reads the sessions of a source one after another. All zero to begin with.
 *
 * A session is read from the source when ext_histories_next() asks for it. There are two
 * exceptions.
 * - While a statement of the connection that may write runs, a row that it writes must
 *   not become another row of its own input. So the caller first copies the sessions that
 *   it wants (ext_histories_fill()), and reads the copy (ext_histories_open_copy()).
 *   ext_histories_open() does not check this.
 * - If all sessions are read, and the host writes between two steps of its SELECT, the
 *   sessions that are left are read and sorted at once, so that later writes do not
 *   change them. A reading of named sessions goes on as before.
 */
typedef struct ext_histories {
    /*
     * The SELECT, which stands on the first event of the next session. NULL: there is no
     * further session, or a copy is read.
     */
    sqlite3_stmt *events;
    /*
     * A statement for one session, which ext_histories_stop() kept for
     * ext_histories_reopen(); or NULL.
     */
    sqlite3_stmt *kept;
    /* The reading was opened for one session's value, so its statement can be kept. */
    bool is_single;
    /*
     * If is_single: SQLite's type of that value. A kept statement fits only values of
     * this type.
     */
    int value_type;
    /*
     * The SQL that reads and sorts the sessions after a given one, if the host writes
     * during the reading. NULL: named sessions are read, or this SQL was used already.
     */
    char *rest;
    /* If all sessions are read: sqlite3_total_changes() when the reading began. */
    int changes;
    /* The reader of the copy, if a copy is read; else all zero. */
    ext_copy_reader copied;
} ext_histories;

/*
 * Closes what histories read before, and starts to read those sessions of the source that
 * can equal one of the values; NULL: all sessions. Some that equal no value may be among
 * them, and if there are too many values for one statement, all sessions are read; SQLite
 * filters the rows later. A session that is NULL is never read. That no session is found
 * is no error (ext_histories_has_next()). Errors: SQLite's, NOMEM; histories can then
 * only be closed or opened again.
 */
int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error);
/*
 * Starts to read one other session with the statement that ext_histories_stop() kept,
 * which saves preparing one. The reading must be stopped before. *is_open false: that is
 * not possible, and nothing was done. It is possible if sessions has one value, a
 * statement is kept, and the value has the type that the statement was made for. Errors:
 * those of binding and reading.
 */
int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error);
/*
 * Reads all sessions that are left from the source, as ext_histories_next() does, appends
 * them to the copy, and marks the copy as complete. A write of the host does not change
 * the way of reading any more. After a failure the copy has the sessions that were read
 * before, and is not complete.
 */
int ext_histories_fill(ext_histories *histories, ext_copy *copy,
                       const gru4rec_items *items, double session_gap, ext_error *error);
/*
 * Starts to read the sessions of a copy. Its reader is a user of the copy until
 * ext_histories_stop() or ext_histories_close(). The reading must be stopped before.
 */
int ext_histories_open_copy(ext_histories *histories, ext_copy *copy, sqlite3 *db,
                            ext_error *error);
/* Tells whether there is a further session to read. It reads no row to find out. */
bool ext_histories_has_next(const ext_histories *histories);
/*
 * Reads the next session, which there must be. *session, which must be NULL before,
 * becomes its value; the caller frees it by sqlite3_value_free(), also after an error.
 * rows, which must be empty before, gets the rows of the session's items in items (the
 * catalogue), in their order.
 * Items that are not in the catalogue are left out. So is everything before the last
 * pause that is longer than session_gap (in the unit of the times; 0: no pause counts).
 * So rows may stay empty. If a copy is read, items and session_gap are not used, because
 * the copy has the rows already.
 * Errors: SQLite's; SQLITE_AUTH if an authorizer hides the session; NOMEM.
 */
int ext_histories_next(ext_histories *histories, const gru4rec_items *items,
                       double session_gap, sqlite3_value **session, ext_rows *rows,
                       ext_error *error);
/*
 * Stops the reading: there is no further session then. A copy that was read is dropped.
 * The statement is kept for ext_histories_reopen() if it reads one session and none is
 * kept yet; else it is freed.
 */
void ext_histories_stop(ext_histories *histories);
/*
 * Frees all that histories owns, also a kept statement, drops the copy, and makes
 * histories all zero.
 */
void ext_histories_close(ext_histories *histories);
/*
 * Sets *is_scanned to whether SQLite reads all events of the source to find those of one
 * session, as its EXPLAIN QUERY PLAN says: a line of the plan begins with SCAN. If the
 * plan cannot be read to its end, that is no error, and the lines before count. Errors:
 * those of preparing the SELECT; *is_scanned is false then.
 */
int ext_histories_is_scanned(const ext_source *source, bool *is_scanned,
                             ext_error *error);

#endif
