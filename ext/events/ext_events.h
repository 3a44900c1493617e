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
    char *rowid;          /* name of the rowid, or NULL where there is none */
    const char *types[2]; /* affinity of the columns session and item, as a type */
} ext_source;

/* Is it SQL to run, rather than a name? */
bool ext_source_is_select(const char *text);
/*
 * Finds the columns. Those that columns does not name are guessed from common names.
 * schema: where a bare table name is looked for first.
 */
int ext_source_open(ext_source *source, sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_error *error);
void ext_source_close(ext_source *source);
/*
 * A name that is stored in a schema may not lead to a virtual table where the schema is
 * not trusted, as in a view of SQLite's. Views keep that rule themselves.
 */
int ext_source_check_stored(sqlite3 *db, const char *text, ext_error *error);
/* The SQL expression that makes a number of a column of times; of sqlite3_malloc. */
char *ext_source_time(const char *column);

/* ---- ext_read.c ---- */

/* What was read and what was not. */
typedef struct ext_events {
    gru4rec_dataset *dataset;
    gru4rec_items *items;    /* NULL where a catalogue was given */
    gru4rec_events *builder; /* knows the sessions' ids */
    int64_t n_null;          /* events without session, item or time */
    int64_t n_outside;       /* events before since or from until on */
} ext_events;

/*
 * Reads all events, into memory of the budget, within its limits. known: NULL for training,
 * which takes all options that prepare events; else the items of a model trained with
 * those options, of which only session_gap and collapse_repeats matter. Give events to
 * ext_read_free(), also after an error.
 */
int ext_read_events(ext_events *events, ext_budget *budget, const ext_source *source,
                    const gru4rec_items *known, const gru4rec_options *options,
                    ext_error *error);
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

/* ---- ext_histories.c ---- */

/* The sessions of a source, one after another. All zero to begin with. */
typedef struct ext_histories {
    sqlite3_stmt *events; /* on the first row of the next session, or NULL */
    sqlite3_stmt *kept;   /* what read the events of one session, to be used again */
    bool is_single;       /* events are those of one value */
    int value_type;       /* of that value, or of the one that kept compares with */
} ext_histories;

/* Starts with the sessions that can equal one of the values; NULL: with all. */
int ext_histories_open(ext_histories *histories, const ext_source *source,
                       const ext_sessions *sessions, ext_error *error);
/* Starts with another single session, if a kept statement can do that; else false in
 * *is_open. */
int ext_histories_reopen(ext_histories *histories, const ext_sessions *sessions,
                         bool *is_open, ext_error *error);
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
