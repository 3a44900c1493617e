/*
 * ext_events.h - the user's events: which table, which columns, in which order; read for
 * training, or session by session for serving.
 */
#ifndef EXT_EVENTS_H
#define EXT_EVENTS_H

#include "../base/ext_base.h"

/* ---- ext_source.c ---- */

/* Events as rows: of a table, a view or a SELECT. */
typedef struct ext_source {
    sqlite3 *db;
    char *from; /* what stands behind FROM */
    ext_columns columns;
    char *rowid; /* name of the rowid, or NULL; it breaks ties unless a column does */
    const char *types[2]; /* affinity of the columns session and item, as a type */
    bool keeps_empty;     /* option keep_empty, of who reads it */
    const char *missing; /* why it did not open: no column for that role, which was named,
                             or for "source" no table, no view, or something that a view
                             reads; NULL: another reason */
} ext_source;

/*
 * Finds the columns. Those that columns does not name are guessed from common names, but
 * for order.
 * schema: where a bare table name is looked for first.
 */
int ext_source_open(ext_source *source, sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_error *error);
/* Gives columns, where it names none, those of kept that the source has. That it lacks the
 * one for order, which is not guessed, is an error. */
int ext_source_keep_columns(ext_columns *columns, const ext_columns *kept, sqlite3 *db,
                            const char *schema, const char *text, ext_error *error);
/* Is there a table or a view of that name, where a source is looked for? */
int ext_source_exists(bool *is_there, sqlite3 *db, const char *schema, const char *text,
                      ext_error *error);
/* Its kind and the names of its columns in their order, as a JSON array of
 * sqlite3_malloc; NULL: SQLite refuses to read it. */
int ext_source_shape(char **shape, sqlite3 *db, const char *schema, const char *text,
                     ext_error *error);
void ext_source_close(ext_source *source);
/*
 * A name that is stored in a schema may not lead to a virtual table where the schema is
 * not trusted, as in a view of SQLite's. Views keep that rule themselves. What an
 * authorizer does not let us look at is its error, SQLITE_AUTH.
 */
int ext_source_check_stored(sqlite3 *db, const char *schema, const char *text,
                            ext_error *error);
/* Until *hold is finalized, what is read of the source is of one moment. */
int ext_source_hold(const ext_source *source, sqlite3_stmt **hold, ext_error *error);
/* What ORDER BY says behind session and time: the terms that break ties; of
 * sqlite3_malloc. */
char *ext_source_ties(const ext_source *source);

/* ---- ext_renamed.c ---- */

/* The name by which a source is found that had that shape and those columns, and is gone;
 * of sqlite3_malloc, NULL: none can be told. shape may be NULL. */
char *ext_renamed_source(sqlite3 *db, const char *schema, const char *shape,
                         const ext_columns *columns);
/* What became of a column of a source that had the shape before, and has the shape now. */
typedef enum ext_renamed_fate {
    EXT_RENAMED_IS_THERE,
    EXT_RENAMED_IS_GONE,
    EXT_RENAMED_IS_KNOWN, /* the name is set, of sqlite3_malloc */
} ext_renamed_fate;
ext_renamed_fate ext_renamed_column(char **name, sqlite3 *db, const char *before,
                                    const char *now, const char *column);

/* ---- ext_time.c ---- */

typedef enum ext_time_kind {
    EXT_TIME_NONE, /* NULL or the empty text */
    EXT_TIME_NUMBER,
    EXT_TIME_DATE,
    EXT_TIME_BAD /* cannot be read */
} ext_time_kind;

enum { EXT_TIME_TEXT = 40 };

/* As it can be read again to the last bit: a number, or a date in UTC as SQLite's
 * datetime() writes it, with up to nine digits behind the point. True: it is a date. */
bool ext_time_text(char text[EXT_TIME_TEXT], const gru4rec_time *time);
ext_time_kind ext_time_column(sqlite3_stmt *stmt, int column, gru4rec_time *time);
/* False: there is none, or it cannot be read. */
bool ext_time_value(sqlite3_value *value, gru4rec_time *time);
/* The two SQL expressions that sort as a column's times do; the first is NULL where there
 * is none that can be read. Of sqlite3_malloc. */
char *ext_time_sql(const char *column);
char *ext_time_rest_sql(const char *column);

/* ---- ext_border.c ---- */

/* An event's place among all: by time and, at one time, by rowid where both have one.
 * Which column breaks ties within a session is no matter here. */
typedef struct ext_border {
    bool is_there, has_rowid;
    gru4rec_time time;
    int64_t rowid;
} ext_border;

/* Where the events of a version end. */
typedef struct ext_last {
    int64_t version; /* 0: there is none */
    ext_border border;
} ext_last;

enum { EXT_BORDER_JSON = 200 };

/* Is the event after the border? All are where there is none. */
bool ext_border_is_before(const ext_border *border, const ext_border *event);
/* Moves the border to the event, if that is after it. */
void ext_border_move(ext_border *border, const ext_border *event);
/* Its time as JSON has it: null where there is no border. */
void ext_border_time_json(char json[EXT_TIME_TEXT + 2], const ext_border *border);
/* {"version":3,"last_event":...,"last_rowid":...}; empty where there is no version. */
void ext_border_json(char json[EXT_BORDER_JSON], const ext_last *last);

/* What events are compared with: a training. */
typedef struct ext_against {
    /* of its fingerprints: sessions get fingerprints by it */
    const gru4rec_fingerprints_key *key;
    ext_border end; /* its last event: those before it are counted */
} ext_against;

/* ---- ext_unit.c ---- */

/* A unit of times that are numbers. */
typedef struct ext_unit {
    const char *name;
    double per_second;
    int64_t nanoseconds;
} ext_unit;

/* That of many times. All zero: none was seen. */
typedef struct ext_unit_seen {
    bool is_there;
    const ext_unit *unit; /* NULL: several, or none that is known, as of a counter */
} ext_unit_seen;

extern const ext_unit *const ext_unit_second;
/* The one that puts a number between 1980 and 2100, which no two do; of a date the second.
 * NULL: there is none. */
const ext_unit *ext_unit_of(const gru4rec_time *time);
void ext_unit_see(ext_unit_seen *seen, const gru4rec_time *time);

/* ---- ext_since.c ---- */

typedef struct ext_since_bound {
    const char *option, *text; /* borrowed */
    ext_time_kind kind;        /* EXT_TIME_NONE: nothing is bounded */
    gru4rec_time time;
} ext_since_bound;

/* From since until before until. All zero: all times. */
typedef struct ext_since {
    ext_since_bound from, to;
    const ext_last *last; /* since=last: events up to its border are old; NULL: none is */
    const ext_unit *unit; /* of the times that were compared with a date so far */
    bool has_dates;       /* are some of them dates? */
} ext_since;

/* As the options say, which must live as long, as must last. last: what since=last takes
 * the events behind; NULL: it cannot be said here. */
int ext_since_read(ext_since *since, sqlite3 *db, const gru4rec_options *options,
                   const ext_last *last, ext_error *error);
/* Do the options say since=last? */
bool ext_since_is_last(const gru4rec_options *options);
/* The error that no event is new. */
int ext_since_fail_none(const ext_since *since, ext_error *error);
/* How many units of the times a second has: 1, 1e3, 1e6 or 1e9; 0: none puts both times
 * between 1980 and 2100. Beside dates it is the second. */
double ext_since_per_second(const gru4rec_time *first, const gru4rec_time *last);
/* Is the time between the two? A date where the times have no unit that is known, or two,
 * is an error. */
int ext_since_check(ext_since *since, const gru4rec_time *time, ext_time_kind kind,
                    bool *is_inside, ext_error *error);

/* ---- ext_read.c ---- */

/* What was read and what was not. */
typedef struct ext_events {
    gru4rec_dataset *dataset;
    gru4rec_items *items;    /* NULL where a catalogue was given */
    gru4rec_events *builder; /* knows the sessions' ids */
    int64_t n_null;          /* events without session, item or time, empty ones too */
    int64_t n_outside;       /* events before since or from until on, or too old */
    int64_t n_bad;           /* events whose time cannot be read */
    int64_t n_odd;           /* in an audit: rows whose item can be none */
    int64_t n_rows;          /* all of the source */
    int64_t n_compared;      /* events that were read beside reading->against, and of */
    int64_t n_before;        /* these, those before its end */
    ext_border first, last;  /* in training: see ext_read_events() */
    ext_unit_seen unit;      /* of the times, where these are kept */
} ext_events;

/* For whom events are read. All are borrowed. */
typedef struct ext_reading {
    /* NULL for training, which takes all options that prepare events; else the items of a
     * model trained with these options, of which keep_empty, session_gap,
     * collapse_repeats, max_length and bad_rows matter. */
    const gru4rec_items *known;
    const gru4rec_options *options;
    const ext_last *last;  /* of which version since=last is said; NULL: it cannot be */
    const ext_border *end; /* events behind it are left out; NULL: none is */
    const ext_against *against; /* what the events are compared with, or NULL */
    bool keeps_times;           /* the dataset has the events' times */
} ext_reading;

/*
 * first and last are the first and the last of the events that are read: those that have
 * session, item and a time, since and until leave, and since=last takes; before anything
 * prepares them (min_support and the like). The first has no rowid. Where sessions are held
 * out (validation), last is the last event before the time of the first event of all of
 * them, so that they are new to the next training; but not before the border of since=last,
 * where it is that border. Where there is no such event, there is no last.
 *
 * Reads all events, into memory of the budget, within its limits. With since=last those of
 * sessions without a new event are never in memory. Give events to ext_read_free(), also
 * after an error.
 */
int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const ext_reading *reading, ext_error *error);
/*
 * Reads events once for two models, neither of which is to be trained: an event has the
 * same number in both datasets. What one of them skips is skipped for both, and counted in
 * the first; *n_unknown: events whose item is not known to both.
 */
int ext_read_pair(ext_events events[2], ext_budget *budget, ext_source *source,
                  const ext_reading readings[2], int64_t *n_unknown, ext_error *error);
/*
 * Reads as for training, in two steps, for an audit, which looks at the events in between
 * and refuses no row: those that training would are counted in n_bad and n_odd. is_test:
 * events that are not trained on, whose sessions are cut as in training, and nothing else.
 * first and last are those of all that were read.
 */
int ext_read_collect(ext_events *events, ext_budget *budget, ext_source *source,
                     const ext_reading *reading, bool is_test, ext_error *error);
int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error);
void ext_read_free(ext_events *events);

/* ---- ext_sessions.c ---- */

/* Values that a session is asked to equal. */
typedef struct ext_sessions {
    sqlite3_value **values; /* (n) copies, in an array that is owned */
    int n, capacity;
} ext_sessions;

/* NULL equals nothing and is left out. */
int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error);
void ext_sessions_free(ext_sessions *sessions);

/* ---- ext_copies.c ---- */

enum { EXT_COPIES_RUN = 32 }; /* characters of a run's name */

/* Sessions, each with the rows of its history, as they were at one moment. */
typedef struct ext_copy ext_copy;
typedef struct ext_copy_chunk ext_copy_chunk;
/* The copies that the scans of one statement share: the last one of all sessions, and the
 * last one of some. */
typedef struct ext_copies ext_copies;

/* From one session of a copy to the next. All zero: it is not reading. */
typedef struct ext_copy_reader {
    ext_copy *copy;              /* held */
    const ext_copy_chunk *chunk; /* NULL: no session is left */
    size_t offset;               /* in it */
    sqlite3_stmt *value;         /* makes the sessions' values */
} ext_copy_reader;

/* Takes part in copies, or in new ones where these are NULL. NULL: no memory. */
ext_copies *ext_copies_hold(ext_copies *copies);
void ext_copies_release(ext_copies *copies);
/*
 * The copy of these sessions (NULL: of all), with rows of the run's catalogue, as they are
 * to the statements that write now. *is_made false: it is empty, to be filled by
 * ext_copies_add() and ext_copies_finish(). To be given to ext_copies_drop().
 */
int ext_copies_find(ext_copies *copies, sqlite3 *db, const ext_sessions *sessions,
                    const char *run, ext_copy **copy, bool *is_made, ext_error *error);
int ext_copies_add(ext_copy *copy, sqlite3_value *session, const ext_rows *rows,
                   ext_error *error);
/* All sessions were added: others may find it. */
void ext_copies_finish(ext_copy *copy);
void ext_copies_drop(ext_copy *copy);
/* Stop the reader in any case. */
int ext_copies_start(ext_copy_reader *reader, ext_copy *copy, sqlite3 *db,
                     ext_error *error);
bool ext_copies_has_next(const ext_copy_reader *reader);
/* Gives the next session, to be freed, and adds its rows. */
int ext_copies_next(ext_copy_reader *reader, sqlite3_value **session, ext_rows *rows,
                    ext_error *error);
void ext_copies_stop(ext_copy_reader *reader);

/* ---- ext_histories.c ---- */

/*
 * The sessions of a source, one after another. All zero to begin with.
 *
 * Sessions are read as they are asked for. But where a writing statement of the connection
 * is under way, they are copied first: what is written because of a row must not become
 * another row. Where the host writes between two steps, the rest is sorted at once.
 */
typedef struct ext_histories {
    sqlite3_stmt *events;   /* on the first row of the next session, or NULL */
    sqlite3_stmt *kept;     /* what read the events of one session, to be used again */
    bool is_single;         /* events are those of one value */
    int value_type;         /* of that value, or of the one that kept compares with */
    char *rest;             /* SQL that sorts what is behind a session, or NULL */
    int changes;            /* rows that the connection had changed at the start */
    ext_copy_reader copied; /* what is read instead, once it was copied */
} ext_histories;

/* Starts with the sessions that can equal one of the values; NULL: with all. */
int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error);
/* Starts with another single session, if a kept statement can do that; else false in
 * *is_open. */
int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error);
/* Reads all sessions into the copy. */
int ext_histories_fill(ext_histories *histories, ext_copy *copy,
                       const gru4rec_items *items, double session_gap, ext_error *error);
/* Starts with the sessions of a copy, which is held meanwhile. */
int ext_histories_open_copy(ext_histories *histories, ext_copy *copy, sqlite3 *db,
                            ext_error *error);
/* Is there another session? It has been looked for. */
bool ext_histories_has_next(const ext_histories *histories);
/*
 * Reads the next session, which there must be: its value into *session (free it), the
 * known ones of its items, behind its last pause longer than session_gap, into rows.
 */
int ext_histories_next(ext_histories *histories, const gru4rec_items *items,
                       double session_gap, sqlite3_value **session, ext_rows *rows,
                       ext_error *error);
/* Stops reading; a statement for one session is kept. */
void ext_histories_stop(ext_histories *histories);
void ext_histories_close(ext_histories *histories);
/* Does SQLite read all events to find those of one session? */
int ext_histories_is_scanned(const ext_source *source, bool *is_scanned,
                             ext_error *error);

#endif
