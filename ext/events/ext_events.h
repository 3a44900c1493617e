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
 * Opens a source: finds where text leads and which columns have the roles.
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
 * Completes columns from kept: where columns names none for a role, the name in kept is
 * copied if the source has such a column. If the source lacks the column in kept->order
 * and columns names no other, that is an error, because order is not guessed. If SQLite
 * cannot read the source, columns stays as it is and there is no error.
 */
int ext_source_keep_columns(ext_columns *columns, const ext_columns *kept, sqlite3 *db,
                            const char *schema, const char *text, ext_error *error);
/*
 * Sets *is_there to whether a table or a view has the name text, in schema or in any
 * other schema of the connection.
 */
int ext_source_exists(bool *is_there, sqlite3 *db, const char *schema, const char *text,
                      ext_error *error);
/*
 * Makes a JSON array of the source's kind ("table", "view" or "select") and the names of
 * its columns in their order. *shape is NULL if SQLite refuses to read the source; that
 * alone is no error.
 */
int ext_source_shape(char **shape, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error);
/* Frees what the source owns and sets all of it to zero. */
void ext_source_close(ext_source *source);
/*
 * Checks a source whose name is stored in a schema. It may not be a virtual table if the
 * schema is not trusted (PRAGMA trusted_schema=OFF), because SQLite has the same rule for
 * views. A view passes: SQLite checks the tables that the view reads. If an authorizer
 * hides sqlite_schema, the error is SQLITE_AUTH.
 */
int ext_source_check_stored(sqlite3 *db, const char *schema, const char *text,
                            ext_error *error);
/*
 * Opens a read of the source. Until the caller finalizes *hold, all reads of the source
 * see it as it was at one moment. *hold is NULL after an error.
 */
int ext_source_hold(const ext_source *source, sqlite3_stmt **hold, ext_error *error);
/*
 * Returns the terms that ORDER BY needs after session and time, which break ties. NULL:
 * there is no memory.
 */
char *ext_source_ties(const ext_source *source);

/* ---- ext_renamed.c ---- */

/*
 * Returns the present name of a source that was renamed: it had this shape (see
 * ext_source_shape(); may be NULL) and these columns, and its old name leads to nothing
 * now.
 * NULL: there is no such source, or several fit equally well.
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
 * Finds what became of a column. before and now: the shapes; before may be invalid JSON
 * or NULL. *name: the column's new name if it was renamed, else NULL.
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
 * in the form of SQLite's datetime(), with up to nine digits of a second. Returns whether
 * it is a date.
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
 * gru4rec_time_rest(). The first is NULL for a row whose time cannot be read. Each
 * function returns NULL if there is no memory.
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

/* The last event that a version was trained on. */
typedef struct ext_last {
    int64_t version; /* 0: there is no version */
    ext_border border;
} ext_last;

enum { EXT_BORDER_JSON = 200 };

/* Tells whether the event comes after the border. Without a border, every event does. */
bool ext_border_is_before(const ext_border *border, const ext_border *event);
/* Moves the border to the event, if the event comes after it. */
void ext_border_move(ext_border *border, const ext_border *event);
/* Writes the border's time as JSON: a number, a date in quotes, or null for no border. */
void ext_border_time_json(char json[EXT_TIME_TEXT + 2], const ext_border *border);
/*
 * Writes {"version":3,"last_event":...,"last_rowid":...}, or the empty text if there is
 * no version.
 */
void ext_border_json(char json[EXT_BORDER_JSON], const ext_last *last);

/* A training that events are compared with. */
typedef struct ext_against {
    /*
     * The key of the training's fingerprints. The sessions that are read get fingerprints
     * by the same key.
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
    /* NULL: the times have several units, or none that is known, as counters have. */
    const ext_unit *unit;
} ext_unit_seen;

extern const ext_unit *const ext_unit_second;
/*
 * Returns the unit in which a number is a time between 1980 and 2100; no number is one in
 * two units. For a date it returns the second. NULL: no unit fits.
 */
const ext_unit *ext_unit_of(const gru4rec_time *time);
/* Adds one time to those that were seen. */
void ext_unit_see(ext_unit_seen *seen, const gru4rec_time *time);

/* ---- ext_since.c ---- */

/* One end of the window: option since or until. */
typedef struct ext_since_bound {
    const char *option, *text; /* name and value of the option; borrowed */
    ext_time_kind kind;        /* EXT_TIME_NONE: the option is not given, no bound */
    gru4rec_time time;
} ext_since_bound;

/* The window of time from since (included) to until (excluded). All zero: all times. */
typedef struct ext_since {
    ext_since_bound from, to;
    /* With since=last: events up to last->border are old. NULL: no event is old. */
    const ext_last *last;
    /* The unit of the times that were compared with a date so far; NULL: none was. */
    const ext_unit *unit;
    bool has_dates; /* some of these times are dates */
} ext_since;

/*
 * Reads the window from the options. since keeps pointers into options and to last, which
 * must live as long as since. last: the event that since=last means; NULL: since=last is
 * an error here.
 * Errors: since or until is neither a number nor a date; since=last without last; NOMEM.
 */
int ext_since_read(ext_since *since, sqlite3 *db, const gru4rec_options *options,
                   const ext_last *last, ext_error *error);
/* Tells whether the options say since=last. */
bool ext_since_is_last(const gru4rec_options *options);
/* Sets the error that no event is new. Returns its code. */
int ext_since_fail_none(const ext_since *since, ext_error *error);
/*
 * Returns how many units of the times make a second: 1, 1e3, 1e6 or 1e9. If either time
 * is a date, the unit is the second. Returns 0 if no unit puts both times between 1980
 * and 2100.
 */
double ext_since_per_second(const gru4rec_time *first, const gru4rec_time *last);
/*
 * Sets *is_inside to whether a time of the source is in the window. It is an error if
 * since or until is a date, and the times of the source have no known unit, or have two.
 */
int ext_since_check(ext_since *since, const gru4rec_time *time, ext_time_kind kind,
                    bool *is_inside, ext_error *error);

/* ---- ext_read.c ---- */

/* The events that were read, and counts of those that were left out. */
typedef struct ext_events {
    gru4rec_dataset *dataset;
    gru4rec_items *items;    /* new catalogue; NULL if the reading gave a known one */
    gru4rec_events *builder; /* knows the ids of the sessions */
    int64_t n_null;          /* events whose session, item or time is NULL or empty */
    int64_t n_outside;       /* events outside the window, behind the end, or too old */
    int64_t n_bad;           /* events whose time cannot be read */
    int64_t n_odd;           /* in an audit: events whose item is a BLOB or a REAL */
    int64_t n_rows;          /* rows of the source */
    /*
     * If reading->against is set: events that were read, and how many of them are before
     * against->end.
     */
    int64_t n_compared;
    int64_t n_before;
    ext_border first, last; /* see ext_read_events() */
    ext_unit_seen unit;     /* of the times, if reading->keeps_times */
} ext_events;

/* How events are to be read, and for whom. All pointers are borrowed. */
typedef struct ext_reading {
    /*
     * NULL: events are read for training, and all options that prepare events are used.
     * Else the items of a model that was trained with these options; then only
     * keep_empty, session_gap, collapse_repeats, max_length and bad_rows are used.
     */
    const gru4rec_items *known;
    const gru4rec_options *options;
    const ext_last *last;       /* for since=last; NULL: since=last is an error */
    const ext_border *end;      /* events behind it are left out; NULL: no such end */
    const ext_against *against; /* the training to compare the events with, or NULL */
    bool keeps_times;           /* the dataset keeps the events' times */
} ext_reading;

/*
 * Reads all events of a source into memory of the budget, within its limits. With
 * since=last, sessions without a new event are never in memory. Call ext_read_free()
 * afterwards, also after an error.
 *
 * In training, events->first and events->last are the first and the last event of those
 * that have session, item and time, are inside the window, and are taken by since=last.
 * They are found before min_support and the like drop any event. first has no rowid.
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
 * Reads the events once for two models, neither of which is to be trained. An event has
 * the same number in both datasets. An event that either model's options skip is skipped
 * for both, and counted in events[0]. *n_unknown: events whose item at least one model
 * does not know. Call ext_read_free() for both. Errors as ext_read_events().
 */
int ext_read_pair(ext_events events[2], ext_budget *budget, ext_source *source,
                  const ext_reading readings[2], int64_t *n_unknown, ext_error *error);
/*
 * Reads events for an audit, in two steps: ext_read_collect() makes events->builder, and
 * ext_read_finish() makes the dataset from it. Between the two the audit can look at the
 * collected events. No row is refused: rows that a training would refuse are counted in
 * n_bad and n_odd.
 *
 * is_test: the events are those of a test, which nothing is trained on. Then sessions are
 * cut as in training, and no other option that prepares events is used. events->first and
 * last are those of all events that were read. Call ext_read_free() afterwards, also
 * after an error.
 */
int ext_read_collect(ext_events *events, ext_budget *budget, ext_source *source,
                     const ext_reading *reading, bool is_test, ext_error *error);
int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error);
/* Frees what events owns, and sets all of it to zero. */
void ext_read_free(ext_events *events);

/* ---- ext_sessions.c ---- */

/* The values of the sessions that a query asks for. */
typedef struct ext_sessions {
    sqlite3_value **values; /* (n) copies; owned, and so is the array */
    int n, capacity;
} ext_sessions;

/* Adds a copy of the value. NULL is left out, because in SQL it equals no session. */
int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error);
/* Frees the values, and leaves an empty list. */
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
/* Removes a user. Without users the object is freed. copies may be NULL. */
void ext_copies_release(ext_copies *copies);
/*
 * Finds the copy of these sessions (NULL: of all), with item rows of the run's catalogue,
 * as the statements that write now see them. *is_made: a complete copy was found. If
 * false, *copy is a new, empty copy, which the caller fills by ext_copies_add() and then
 * ext_copies_finish(). In both cases the caller calls ext_copies_drop() when it needs the
 * copy no longer. NOMEM: *copy is NULL.
 */
int ext_copies_find(ext_copies *copies, sqlite3 *db, const ext_sessions *sessions,
                    const char *run, ext_copy **copy, bool *is_made, ext_error *error);
/* Adds a session and its item rows to the copy. NOMEM: the copy has what it had. */
int ext_copies_add(ext_copy *copy, sqlite3_value *session, const ext_rows *rows,
                   ext_error *error);
/* Marks the copy as complete: from now on ext_copies_find() gives it to others. */
void ext_copies_finish(ext_copy *copy);
/* Removes a user of the copy. Without users the copy is freed. copy may be NULL. */
void ext_copies_drop(ext_copy *copy);
/*
 * Puts the reader before the first session. Call ext_copies_stop() afterwards, also after
 * an error.
 */
int ext_copies_start(ext_copy_reader *reader, ext_copy *copy, sqlite3 *db,
                     ext_error *error);
/* Tells whether there is a further session. */
bool ext_copies_has_next(const ext_copy_reader *reader);
/*
 * Reads the next session, which there must be. *session: its value, which the caller
 * frees. Its item rows are added to rows.
 */
int ext_copies_next(ext_copy_reader *reader, sqlite3_value **session, ext_rows *rows,
                    ext_error *error);
/* Ends the reading, and drops the copy that the reader holds. */
void ext_copies_stop(ext_copy_reader *reader);

/* ---- ext_histories.c ---- */

/*
 * Reads the sessions of a source one after another. All zero to begin with.
 *
 * A session is read from the source when it is asked for. There are two exceptions. While
 * a statement of the connection writes, all sessions are copied first, because a row that
 * the statement writes must not become another row of its own input. And if the host
 * writes between two steps of a SELECT, all sessions that are left are read and sorted at
 * once, so that later writes do not change them.
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
 * Starts to read the sessions that can equal one of the values; NULL: all sessions. Some
 * sessions that equal none may be among them; SQLite filters these out.
 */
int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error);
/*
 * Starts to read another single session with the statement that was kept. *is_open:
 * whether that was possible; if false, nothing was done.
 */
int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error);
/* Reads all sessions into the copy, and marks the copy as complete. */
int ext_histories_fill(ext_histories *histories, ext_copy *copy,
                       const gru4rec_items *items, double session_gap, ext_error *error);
/* Starts to read the sessions of a copy, which is held until the reading stops. */
int ext_histories_open_copy(ext_histories *histories, ext_copy *copy, sqlite3 *db,
                            ext_error *error);
/* Tells whether there is a further session. It reads no row to find out. */
bool ext_histories_has_next(const ext_histories *histories);
/*
 * Reads the next session, which there must be. *session: its value, freed by the caller.
 * rows: gets the rows of the session's items in their order. Items that are not in items
 * are left out, and so is everything before the last pause that is longer than
 * session_gap (in the unit of the times; 0: no pause counts).
 */
int ext_histories_next(ext_histories *histories, const gru4rec_items *items,
                       double session_gap, sqlite3_value **session, ext_rows *rows,
                       ext_error *error);
/* Stops the reading. A statement for one session is kept for ext_histories_reopen(). */
void ext_histories_stop(ext_histories *histories);
/* Stops the reading and frees all; histories is all zero then. */
void ext_histories_close(ext_histories *histories);
/* Sets *is_scanned to whether SQLite reads all events to find those of one session. */
int ext_histories_is_scanned(const ext_source *source, bool *is_scanned,
                             ext_error *error);

#endif
