/*
 * ext_events.h - the user's events: which table has them, which columns, in which order.
 * They are read all at once for training, or session by session for serving.
 *
 * Functions that return int return an SQLite result code and leave the message in error
 * (see ext_base.h). Texts that are returned are of sqlite3_malloc and belong to the
 * caller, unless a comment says otherwise.
 */
#ifndef EXT_EVENTS_H
#define EXT_EVENTS_H

#include "../base/ext_base.h"

/* ---- ext_source.c ---- */

/* A source: a table, a view or a SELECT whose rows are events. All texts are owned. */
typedef struct ext_source {
    sqlite3 *db;
    char *from; /* the SQL that stands after FROM */
    ext_columns columns;
    /*
     * The name of the source's rowid, or NULL if it has none. The rowid breaks ties in
     * time, unless columns.order names a column that does.
     */
    char *rowid;
    /*
     * The types that CREATE TABLE AS would give the columns session and item: "INT",
     * "TEXT", "REAL", "NUM" or "". Not owned.
     */
    const char *types[2];
    bool keeps_empty; /* value of option keep_empty for this reading of the source */
    /*
     * Why the source did not open: the role ("session", "item", "time", "order") whose
     * column was named and does not exist; or "source" if a table, a view or a column
     * that SQLite needs does not exist. NULL: it opened, or failed for another reason.
     * Not owned.
     */
    const char *missing;
} ext_source;

/*
 * Opens a source: finds the table, view or SELECT that text names, and the columns that
 * have the roles session, item, time and order. It reads no rows.
 *
 * schema: the schema in which a table name without a schema is looked for first.
 * text: the name of a table or a view, or a SELECT.
 * columns: the names of columns that the user gave. A name that is NULL is guessed from
 *   common names, except order, which is never guessed.
 * Errors: SQLite cannot read the source; the source has a parameter; a column is not
 *   found; one column has two roles; NOMEM. After an error the source needs no close, and
 *   source->missing is set.
 */
int ext_source_open(ext_source *source, sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_error *error);
/*
 * Completes columns, the names that the user gave, from kept, the names that the model
 * had. If SQLite cannot read the source text, it does nothing, and there is no error. For
 * each role for which columns has no name, it copies the name in kept, if the source has
 * such a column. It is an error if the source lacks the column in kept->order and columns
 * has no other name for order, because order is not guessed. After an error some names
 * may be copied.
 */
int ext_source_keep_columns(ext_columns *columns, const ext_columns *kept, sqlite3 *db,
                            const char *schema, const char *text, ext_error *error);
/*
 * Sets *is_there to whether a table or a view has the name text, in schema or in any
 * other schema of the connection. If text has a dot, it is also true if any schema has a
 * table or a view whose name is the part behind the dot.
 */
int ext_source_exists(bool *is_there, sqlite3 *db, const char *schema, const char *text,
                      ext_error *error);
/*
 * Makes a JSON array of the source's kind ("table", "view" or "select") and the names of
 * its columns in their order. The caller frees *shape. It is NULL if SQLite refuses to
 * read the source; that alone is no error.
 */
int ext_source_shape(char **shape, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error);
/* Frees what the source owns and sets all fields of the source to zero. */
void ext_source_close(ext_source *source);
/*
 * Checks a source whose name text is stored in a schema. If schemas are trusted (PRAGMA
 * trusted_schema=ON), it does nothing. If they are not, the error is SQLITE_ERROR if the
 * source may be a virtual table; SQLite has the same rule for views. A name that is in no
 * schema counts as a virtual table, because it may be an eponymous one. A view passes:
 * SQLite checks the tables that the view reads. If an authorizer hides sqlite_schema, the
 * error is SQLITE_AUTH.
 */
int ext_source_check_stored(sqlite3 *db, const char *schema, const char *text,
                            ext_error *error);
/*
 * Starts a statement that reads the source, and puts it into *hold. Until the caller
 * finalizes *hold, this connection does not see what other connections write: all its
 * reads of the source see it as it was at one moment. *hold is NULL after an error.
 */
int ext_source_hold(const ext_source *source, sqlite3_stmt **hold, ext_error *error);
/*
 * Returns, as SQL, the terms that ORDER BY needs after session and time, which break ties
 * in time: the column order or the rowid, then the item. NULL: there is no memory.
 */
char *ext_source_ties(const ext_source *source);

/* ---- ext_renamed.c ---- */

/*
 * Returns the present name of a source that was renamed: it had this shape (see
 * ext_source_shape(); may be NULL) and these columns, and its old name leads to nothing
 * now. Looks for it among the tables and views of all schemas, except virtual tables;
 * those of schema, the model's own, come before all others. The caller frees the name.
 * NULL: there is no such source, or several fit equally well, or looking for it failed.
 */
char *ext_renamed_source(sqlite3 *db, const char *schema, const char *shape,
                         const ext_columns *columns);
/* What became of a column when its source changed from one shape to another. */
typedef enum ext_renamed_fate {
    EXT_RENAMED_IS_THERE, /* the source still has it */
    EXT_RENAMED_IS_GONE,  /* it is gone, and no column is known to be it */
    EXT_RENAMED_IS_KNOWN, /* it was renamed */
} ext_renamed_fate;
/*
 * Finds what became of a column when its source changed. before and now: the shapes of
 * the source; before may be invalid JSON or NULL. *name: the column's new name if it was
 * renamed, which the caller frees; else NULL. After an error of SQLite the column counts
 * as gone.
 */
ext_renamed_fate ext_renamed_column(char **name, sqlite3 *db, const char *before,
                                    const char *now, const char *column);

/* ---- ext_time.c ---- */

typedef enum ext_time_kind {
    EXT_TIME_NONE, /* NULL or the empty text */
    EXT_TIME_NUMBER,
    EXT_TIME_DATE,
    EXT_TIME_BAD /* neither a number nor a date */
} ext_time_kind;

enum { EXT_TIME_TEXT = 40 };

/*
 * Writes a time as text that can be read back to the last bit: a number, or a date in UTC
 * in the form of SQLite's datetime(), with up to nine digits of a second. Infinity is
 * 9.0e+999. Returns whether it is a date.
 */
bool ext_time_text(char text[EXT_TIME_TEXT], const gru4rec_time *time);
/*
 * Reads the time in a column of the statement's present row, and returns its kind. *time
 * is meaningful for EXT_TIME_NUMBER and EXT_TIME_DATE only.
 */
ext_time_kind ext_time_column(sqlite3_stmt *stmt, int column, gru4rec_time *time);
/*
 * Reads the time in a value. Returns false if the value has none, or if it is neither a
 * number nor a date.
 */
bool ext_time_value(sqlite3_value *value, gru4rec_time *time);
/*
 * Two SQL expressions for ORDER BY, which sort rows by the time in a column as
 * gru4rec_time_compare() does: the first by gru4rec_time_real(), the second by
 * gru4rec_time_rest(). The first has the value NULL for a row whose time cannot be read.
 * The caller frees the texts; each function returns a NULL pointer if there is no memory.
 */
char *ext_time_sql(const char *column);
char *ext_time_rest_sql(const char *column);

/* ---- ext_border.c ---- */

/*
 * The position of an event among all events of a source: by time, and among events of one
 * time by rowid, if both events have one. The column that breaks ties within a session
 * (order) is not used here.
 */
typedef struct ext_border {
    bool is_there, has_rowid; /* is_there false: there is no border */
    gru4rec_time time;
    int64_t rowid;
} ext_border;

/* The last event that a version was trained on, and the number of that version. */
typedef struct ext_last {
    int64_t version; /* 0: there is no version */
    ext_border border;
} ext_last;

enum { EXT_BORDER_JSON = 200 };

/*
 * Tells whether the event comes after the border (the position of another event, such as
 * the last one of a training). Without a border, every event does.
 */
bool ext_border_is_before(const ext_border *border, const ext_border *event);
/*
 * Moves the border to the event, if the event comes after the border or there is no
 * border yet.
 */
void ext_border_move(ext_border *border, const ext_border *event);
/* Writes the border's time as JSON: a number, a date in quotes, or null for no border. */
void ext_border_time_json(char json[EXT_TIME_TEXT + 2], const ext_border *border);
/*
 * Writes last, the last event that a version was trained on, as JSON:
 * {"version":3,"last_event":...,"last_rowid":...}; or the empty text if there is no
 * version.
 */
void ext_border_json(char json[EXT_BORDER_JSON], const ext_last *last);

/* A training that events are compared with. */
typedef struct ext_against {
    /*
     * The key of the training's fingerprints. The sessions that are read get fingerprints
     * by the same key. NULL: the training has none, so the sessions get none.
     */
    const gru4rec_fingerprints_key *key;
    ext_border end; /* the training's last event; events before it are counted */
} ext_against;

/* ---- ext_unit.c ---- */

/* A unit of times that are numbers. */
typedef struct ext_unit {
    const char *name;    /* "seconds", "milliseconds", ... */
    double per_second;   /* units in a second */
    int64_t nanoseconds; /* nanoseconds in a unit */
} ext_unit;

/* The common unit of many times. All zero: no time was seen yet. */
typedef struct ext_unit_seen {
    bool is_there; /* a time was seen */
    /*
     * The unit of all these times. NULL: they have several units, or none that is known,
     * as counters have.
     */
    const ext_unit *unit;
} ext_unit_seen;

enum { EXT_UNITS = 4 }; /* number of units that are known, from seconds to nanoseconds */

/* How many times are in each unit. All zero: no time was counted yet. */
typedef struct ext_unit_counts {
    int64_t n;             /* number of times that were counted */
    int64_t of[EXT_UNITS]; /* how many of these are in each unit; the rest is in none */
} ext_unit_counts;

extern const ext_unit *const ext_unit_second; /* the unit of seconds */
/*
 * Returns the unit in which a number is a time between 1980 and 2100; no number is one in
 * two units. For a date it returns the second. NULL: no unit fits.
 */
const ext_unit *ext_unit_of(const gru4rec_time *time);
/* Counts one time in counts->n, and in counts->of under its unit, if that is known. */
void ext_unit_count(ext_unit_counts *counts, const gru4rec_time *time);
/*
 * Returns how many of the counted times are not in the commonest unit (also those that
 * are in no unit that is known). But 0 if half of the times or more are in no unit that
 * is known: then the times are counters.
 */
int64_t ext_unit_others(const ext_unit_counts *counts);
/*
 * Adds one time to those that were seen: the unit of the first time becomes seen->unit,
 * and a time of another unit makes it NULL for good.
 */
void ext_unit_see(ext_unit_seen *seen, const gru4rec_time *time);

/* ---- ext_since.c ---- */

/* One end of the window of time that is read: option since or until. */
typedef struct ext_since_bound {
    const char *option, *text; /* name and value of the option; borrowed */
    ext_time_kind kind;        /* EXT_TIME_NONE: the option is not given, no bound */
    gru4rec_time time;
} ext_since_bound;

/* The window of time from since (included) to until (excluded). All zero: all times. */
typedef struct ext_since {
    ext_since_bound from, to;
    /*
     * With since=last: the event up to whose position (border) events are old. NULL: no
     * event is old.
     */
    const ext_last *last;
    /* The unit of the times that were compared with a date so far; NULL: none was. */
    const ext_unit *unit;
    bool has_dates; /* some of these times are dates */
} ext_since;

/*
 * Reads the window of time from options since and until. since must be all zero; it keeps
 * pointers into options and to last, which must live as long as since. last: the event
 * that since=last means; NULL: since=last is an error here. If last has no border,
 * since=last leaves no event out.
 *
 * Errors: since or until is neither a number nor a date; since=last without last; NOMEM.
 */
int ext_since_read(ext_since *since, sqlite3 *db, const gru4rec_options *options,
                   const ext_last *last, ext_error *error);
/* Tells whether the options say since=last. */
bool ext_since_is_last(const gru4rec_options *options);
/*
 * Sets the error that with since=last no event is new, SQLITE_ERROR; since->last must be
 * set. Returns the code.
 */
int ext_since_fail_none(const ext_since *since, ext_error *error);
/*
 * Returns how many units of the times make a second: 1, 1e3, 1e6 or 1e9. If either time
 * is a date, the unit is the second. Returns 0 if no unit puts both times between 1980
 * and 2100.
 */
double ext_since_per_second(const gru4rec_time *first, const gru4rec_time *last);
/*
 * Sets *is_inside to whether a time of the source is in the window from since to until;
 * since=last plays no part here. If since or until is a date, it also notes the unit of
 * the time in since->unit, and in since->has_dates if the time is a date. It is an error
 * if since or until is a date, and the times of the source have no known unit, or have
 * two.
 */
int ext_since_check(ext_since *since, const gru4rec_time *time, ext_time_kind kind,
                    bool *is_inside, ext_error *error);

/* ---- ext_read.c ---- */

/* The events that were read, and counts of those that were left out. */
typedef struct ext_events {
    gru4rec_dataset *dataset; /* the sessions that were made of the events; or NULL */
    gru4rec_items *items;     /* new catalogue; NULL if the reading gave a known one */
    gru4rec_events *builder;  /* collects the events; knows the ids of the sessions */
    /*
     * If reading->known and reading->against->key are set: the same events again, cut
     * into n_pieces sessions as a training with the same options would cut them. Their
     * sessions get fingerprints. No event is dropped, because a training makes
     * fingerprints before it drops events. NULL: there are no such pieces; if
     * against->key is set, the sessions of the builder get the fingerprints.
     */
    gru4rec_events *pieces;
    int64_t n_pieces; /* number of sessions in pieces, after these were made */
    /*
     * Rows whose session, item or time is NULL; whose time is the empty text; or whose
     * session or item is, if option keep_empty is off.
     */
    int64_t n_null;
    /*
     * Events outside the window from since to until, events behind reading->end, and old
     * events that since=last left out of the dataset.
     */
    int64_t n_outside;
    int64_t n_bad;         /* rows whose time is neither a number nor a date */
    int64_t n_odd;         /* in an audit: rows whose item is a BLOB or no whole REAL */
    ext_unit_counts units; /* in an audit: how many of the times are in each unit */
    int64_t n_rows;        /* all rows of the source, also those that were left out */
    /*
     * If reading->against is set: n_compared is the number of events that were read. If
     * against->end is there, n_other_unit of these have a time in another unit than it,
     * and n_before of the others are before it.
     */
    int64_t n_compared, n_other_unit;
    int64_t n_before;
    ext_border first, last; /* see ext_read_events() */
    ext_unit_seen unit;     /* the times' common unit, if keeps_times or against is set */
} ext_events;

/* How events are to be read, and for whom. All pointers are borrowed. */
typedef struct ext_reading {
    /*
     * The items of a model that was trained with these options, to read events for a
     * test; then only keep_empty, session_gap, collapse_repeats, max_length and bad_rows
     * are used. NULL: events are read for training, and all options that prepare events
     * are used.
     */
    const gru4rec_items *known;
    const gru4rec_options *options;
    const ext_last *last;       /* for since=last; NULL: since=last is an error */
    const ext_border *end;      /* events behind it are left out; NULL: no such end */
    const ext_against *against; /* the training to compare the events with, or NULL */
    bool keeps_times;           /* dataset->times is set */
} ext_reading;

/*
 * Reads all events of a source, and makes events->dataset from them, and events->items
 * (the catalogue) if reading->known is NULL. All memory is that of the budget, within its
 * limits. Sets source->keeps_empty by option keep_empty. With since=last, sessions
 * without a new event are never in memory. The caller calls ext_read_free() afterwards,
 * also after an error.
 *
 * In training, events->first and events->last are the first and the last event of those
 * that have session, item and time, are inside the window, and are taken by since=last.
 * They are found before min_support and the like drop any event. first has no rowid. If
 * reading->known is set, last is the last event that was read, and first is not set.
 *
 * If sessions are held out (option validation), last is the last event before the first
 * time of all held-out sessions, so that these are new to the next training. If no event
 * that is read comes before that time, last is the border of since=last, or there is none
 * (is_there false).
 *
 * Errors: SQLite cannot read the source; an item is a BLOB or a REAL; more times cannot
 * be read than bad_rows allows; no event is new (since=last); what ext_since_read() and
 * ext_since_check() refuse; too little memory; an interrupt.
 */
int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const ext_reading *reading, ext_error *error);
/*
 * Reads the events once for two models, neither of which is to be trained. events[i] and
 * readings[i] are those of model i. An event has the same number in both datasets. Empty
 * ids are read only if both models have keep_empty, to which source->keeps_empty is set;
 * the lower bad_rows of the two holds. A row that is left out is left out for both;
 * readings[0].end holds for both. The counts of rows that are left out, n_rows, last and
 * unit are set in events[0] only. *n_unknown: events whose item at least one model does
 * not know. The caller calls ext_read_free() for both, also after an error. Errors as
 * ext_read_events().
 */
int ext_read_pair(ext_events events[2], ext_budget *budget, ext_source *source,
                  const ext_reading readings[2], int64_t *n_unknown, ext_error *error);
/*
 * Reads events for an audit, in two steps: ext_read_collect() reads them into
 * events->builder, and ext_read_finish() makes the dataset from it. Between the two steps
 * the audit can look at the events in the builder. source->keeps_empty is set by option
 * keep_empty. No row is refused: rows that a training would refuse are left out and
 * counted in n_bad and n_odd. With since=last no event is old here, so none is left out
 * for that.
 *
 * is_test: the events are those of a test, which nothing is trained on. Then only
 * keep_empty, session_gap, collapse_repeats and max_length are used of the options that
 * prepare events. A session that is longer than max_length is then cut into pieces, or
 * stays whole with long_sessions=drop. events->first and last are those of all events
 * that were read. The caller calls ext_read_free() afterwards, also after an error.
 */
int ext_read_collect(ext_events *events, ext_budget *budget, ext_source *source,
                     const ext_reading *reading, bool is_test, ext_error *error);
int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error);
/* Frees what events owns, and sets all fields of events to zero. */
void ext_read_free(ext_events *events);

/* ---- ext_row.c, for ext_read.c ---- */

/* A reading of the rows of a source. The pointers are borrowed, except stmt. */
typedef struct ext_row_reader {
    const ext_source *source;
    /* How to read: one entry, or two if there is a twin, which the second one is for. */
    const ext_reading *reading;
    /* A second result for the same events (ext_read_pair()); NULL: there is none. */
    ext_events *twin;
    double bad_rows;    /* share of the rows, at most, whose time may be unreadable */
    bool is_audit;      /* an item that is a BLOB or a REAL is counted, and is no error */
    sqlite3_stmt *stmt; /* ext_row_prepare(); the present row is that of this statement */
    ext_since since;    /* the window of times from since to until, and since=last */
    int64_t n_rows;     /* number of rows so far */
    /* If there is a twin: events whose item is not in both of the two catalogues. */
    int64_t n_unknown;
    ext_error first_bad; /* the error of the first row whose time cannot be read */
} ext_row_reader;

/* An event that is not left out. Its ids are borrowed from the present row of stmt. */
typedef struct ext_row_event {
    gru4rec_id session, item;
    ext_border at; /* time and rowid of the event */
    int64_t order; /* breaks ties in time: the rowid, or the place in SQLite's order */
} ext_row_event;

/*
 * Prepares *stmt, the SELECT of the source's rows: session, item, time, and rowid (0 if
 * the source has none). is_sorted: it sorts the rows by ext_source_ties(). The caller
 * finalizes *stmt, which is NULL after a failure.
 */
int ext_row_prepare(const ext_source *source, bool is_sorted, sqlite3_stmt **stmt,
                    ext_error *error);
/*
 * Sets the error if more times of the rows so far cannot be read than the share
 * rows->bad_rows allows. The message is that of rows->first_bad, which is moved; if
 * bad_rows is not 0, the numbers of rows stand before it.
 */
int ext_row_check_bad(ext_row_reader *rows, const ext_events *events, ext_error *error);
/*
 * Reads the present row into *e, except e->order. *is_event false: the row is left out,
 * and was counted in n_null, n_odd, n_bad or n_outside of events; *e is not to be used.
 * Errors: what ext_since_check() refuses, with the row named in the message; and, outside
 * an audit, an item that is a BLOB or a REAL that is not whole.
 */
int ext_row_get(ext_row_reader *rows, ext_events *events, ext_row_event *e,
                bool *is_event, ext_error *error);

/* ---- ext_sessions.c ---- */

/* The values of the sessions that a query asks for. */
typedef struct ext_sessions {
    sqlite3_value **values; /* (n) copies; owned, and so is the array */
    int n, capacity;
} ext_sessions;

/*
 * Adds a copy of a session's value to the list. NULL is left out without an error,
 * because in SQL it equals no session.
 */
int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error);
/* Frees the values of the sessions and their array, and leaves an empty list. */
void ext_sessions_free(ext_sessions *sessions);

/* ---- ext_copies.c ---- */

enum { EXT_COPIES_RUN = 32 }; /* characters of the name of a run */

/* Sessions, each with the item rows of its history, as they were at one moment. */
typedef struct ext_copy ext_copy;
typedef struct ext_copy_chunk ext_copy_chunk;
/*
 * The copies that the scans of one statement share: the latest copy of all sessions, and
 * the latest copy of some sessions. Reference-counted.
 */
typedef struct ext_copies ext_copies;

/* A position in a copy, which moves by one session. All zero: no copy is read. */
typedef struct ext_copy_reader {
    ext_copy *copy;              /* held by the reader */
    const ext_copy_chunk *chunk; /* NULL: there is no further session */
    size_t offset;               /* bytes into the chunk */
    sqlite3_stmt *value;         /* the statement that makes the sessions' values */
} ext_copy_reader;

/*
 * Adds a user to copies, or makes a new object with one user if copies is NULL. Returns
 * the object; NULL: there is no memory.
 */
ext_copies *ext_copies_hold(ext_copies *copies);
/*
 * Removes a user of copies. If it was the last one, copies is freed, and does not hold
 * its copies any more. copies may be NULL.
 */
void ext_copies_release(ext_copies *copies);
/*
 * Looks in copies for a complete copy of these sessions (NULL: of all), with item rows of
 * the run's catalogue. A copy fits if the statements that write now were the ones that
 * wrote when it was made, and nothing was written since. *is_made: such a copy was found,
 * and is *copy. If false, *copy is a new, empty copy, which takes the place of the one
 * that copies held; the caller fills it by ext_copies_add(), and then calls
 * ext_copies_finish(). In both cases the caller calls ext_copies_drop() when it needs the
 * copy no longer. NOMEM: *copy is NULL.
 */
int ext_copies_find(ext_copies *copies, sqlite3 *db, const ext_sessions *sessions,
                    const char *run, ext_copy **copy, bool *is_made, ext_error *error);
/*
 * Adds a session's value and the item rows of its history to the copy. NOMEM: the copy
 * has what it had.
 */
int ext_copies_add(ext_copy *copy, sqlite3_value *session, const ext_rows *rows,
                   ext_error *error);
/* Marks the copy as complete: from now on ext_copies_find() gives it to others. */
void ext_copies_finish(ext_copy *copy);
/*
 * Removes a user of the copy. If it was the last one, the copy is freed. copy may be
 * NULL.
 */
void ext_copies_drop(ext_copy *copy);
/*
 * Puts the reader before the first session of the copy, and makes it a user of the copy.
 * Call ext_copies_stop() afterwards, also after an error.
 */
int ext_copies_start(ext_copy_reader *reader, ext_copy *copy, sqlite3 *db,
                     ext_error *error);
/* Tells whether the copy has a further session behind the reader's position. */
bool ext_copies_has_next(const ext_copy_reader *reader);
/*
 * Reads the next session of the copy, which there must be, and moves the reader behind
 * it. *session, which must be NULL before: the session's value, which the caller frees,
 * also after an error. The item rows of its history are added to rows.
 */
int ext_copies_next(ext_copy_reader *reader, sqlite3_value **session, ext_rows *rows,
                    ext_error *error);
/*
 * Ends the reading of a copy: drops the copy that the reader holds, frees its statement,
 * and makes the reader all zero.
 */
void ext_copies_stop(ext_copy_reader *reader);

/* ---- ext_histories.c ---- */

/*
 * Reads the sessions of a source one after another. All zero to begin with.
 *
 * A session is read from the source when it is asked for. There are two exceptions.
 * - While a statement of the connection that may write runs, a row that it writes must
 *   not become another row of its own input. So the caller first copies the sessions that
 *   it wants (ext_histories_fill()), and reads the copy (ext_histories_open_copy()).
 *   ext_histories_open() does not check this.
 * - If all sessions are read, and the host writes between two steps of its SELECT, the
 *   sessions that are left are read and sorted at once, so that later writes do not
 *   change them. A reading of named sessions goes on as before.
 */
typedef struct ext_histories {
    sqlite3_stmt *events;   /* on the first row of the next session; NULL: no more */
    sqlite3_stmt *kept;     /* a statement that read one session, to be used again */
    bool is_single;         /* events reads the sessions that equal one value */
    int value_type;         /* SQLite type of that value; kept needs the same type */
    char *rest;             /* SQL that sorts the sessions after a given one, or NULL */
    int changes;            /* sqlite3_total_changes() at the start */
    ext_copy_reader copied; /* reads the copy, if the sessions were copied */
} ext_histories;

/*
 * Closes what histories read before, and starts to read the sessions of the source that
 * can equal one of the values; NULL: all sessions. Some sessions that equal none may be
 * among them, and all are if there are too many values for one statement; SQLite filters
 * these out.
 */
int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error);
/*
 * Starts to read another single session with the statement that ext_histories_stop()
 * kept. The caller must have stopped the reading before. *is_open: whether that was
 * possible: one session is asked for, a statement is kept, and the value has the type
 * that the statement was made for. If false, nothing was done.
 */
int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error);
/*
 * Reads all sessions that are left, as ext_histories_next() does, adds them to the copy,
 * and marks the copy as complete. After a failure the copy has the sessions that were
 * read before, and is not complete.
 */
int ext_histories_fill(ext_histories *histories, ext_copy *copy,
                       const gru4rec_items *items, double session_gap, ext_error *error);
/*
 * Starts to read the sessions of a copy, which is held until ext_histories_stop() or
 * ext_histories_close(). The caller must have stopped the reading before.
 */
int ext_histories_open_copy(ext_histories *histories, ext_copy *copy, sqlite3 *db,
                            ext_error *error);
/* Tells whether there is a further session in histories. It reads no row to find out. */
bool ext_histories_has_next(const ext_histories *histories);
/*
 * Reads the next session, which there must be. *session, which must be NULL before: its
 * value; the caller frees it, also after an error. rows, which must be empty before: gets
 * the rows of the session's items in their order. Items that are not in items are left
 * out, and so is everything before the last pause that is longer than session_gap (in the
 * unit of the times; 0: no pause counts). A copy already has the rows of a session: if a
 * copy is read, items and session_gap are not used.
 */
int ext_histories_next(ext_histories *histories, const gru4rec_items *items,
                       double session_gap, sqlite3_value **session, ext_rows *rows,
                       ext_error *error);
/*
 * Stops the reading of sessions, so that there is no further one, and drops the copy if
 * one was read. A statement for one session is kept for ext_histories_reopen(), unless
 * one is kept already; any other is freed.
 */
void ext_histories_stop(ext_histories *histories);
/* Stops the reading and frees all that histories owns; histories is all zero then. */
void ext_histories_close(ext_histories *histories);
/*
 * Sets *is_scanned to whether SQLite, by its EXPLAIN QUERY PLAN, reads all events of the
 * source to find those of one session. If the plan cannot be read to its end, that is no
 * error, and what was read of it counts.
 */
int ext_histories_is_scanned(const ext_source *source, bool *is_scanned,
                             ext_error *error);

#endif
