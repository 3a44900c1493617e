/*
 * ext_serve.h - serving: SELECT FROM m (m is a model's table), the table-valued functions
 * that return rankings, and the SQL functions that work on one session.
 *
 * SQLite's virtual table interface, as far as this folder needs it:
 *
 *   xBestIndex  SQLite asks the table for a plan of a query. It lists the constraints
 *               (column, operator, usable or not) of the WHERE clause. The table names
 *               the constraints whose values it wants to know, and estimates the cost.
 *               SQLite may ask several times, with other constraints usable, and takes
 *               the cheapest plan. The table encodes its plan in the integer idxNum.
 *   xFilter     Starts a scan of a cursor. It gets idxNum and argv, the values that the
 *               plan asked for. In a join it is called once for each row of the outer
 *               table. Here the method is called start.
 *   xNext, xColumn  Go to the next row, and read one column of the current row. Here the
 *               methods are called next and column. SQLite stops calling xNext when it
 *               has enough rows, so a LIMIT needs no help from the table.
 *   hidden column   A column that SELECT * does not show. The arguments of a table-valued
 *               function are its hidden columns: f('a') means WHERE first_hidden = 'a'.
 *
 * "Pushed down" means that the table gets the value of a constraint. SQLite still tests
 * the constraint on each row that the table returns. So the table may return a superset
 * of the rows that match.
 *
 * A table of rankings plans its constraints (ext_plan.c) and opens a ranker
 * (ext_ranker.c) with the values. The ranker ranks the items after one history, or after
 * many histories together. The rows come in rank order, and each row is computed when
 * SQLite asks for it.
 *
 * Errors, if a comment says nothing else: a function that can fail returns an SQLite
 * result code, and sets *error to the same code and a message. Every function that
 * allocates can return SQLITE_NOMEM. "(n)" is the number of elements of an array, I the
 * number of items of the model. Items are stored as rows: an item's row is its index in
 * the catalogue, from 0.
 */
#ifndef EXT_SERVE_H
#define EXT_SERVE_H

#include "../cache/ext_cache.h"

/* ---- ext_state_blob.c ---- */

/*
 * The parts of a session's state BLOB. ext_state_blob.c describes the layout. The struct
 * borrows all memory that it points to.
 */
typedef struct ext_state_blob {
    const unsigned char *run;    /* (16) name of the run whose version made the state */
    bool is_started;             /* true: the network has seen an item */
    const unsigned char *values; /* (n_values) hidden states, float32, little-endian */
    size_t n_values;
    const unsigned char *items; /* (n_items_bytes) the last items, coded, oldest first */
    size_t n_items_bytes;
    int n_items;
} ext_state_blob;

/*
 * Bytes of a run's name in a state, and the most items of a state: twice the largest value
 * of the option state_items, because a version that blends keeps older items too.
 */
enum { EXT_STATE_BLOB_RUN = 16, EXT_STATE_BLOB_MOST_ITEMS = 2000 };

/*
 * Fills in blob from the n bytes, which it borrows. Returns false if the bytes are not a
 * session's state, or are damaged: then blob must not be used.
 */
bool ext_state_blob_read(ext_state_blob *blob, const unsigned char *bytes, size_t n);
/*
 * Makes the BLOB of a state: all fields come from blob, but the hidden states come from
 * values (blob->n_values). Sets *n to its length in bytes. The caller frees the BLOB by
 * sqlite3_free(). Returns NULL if there is not enough memory.
 */
unsigned char *ext_state_blob_write(const ext_state_blob *blob,
                                    const gru4rec_real *values, size_t *n);
/*
 * Decodes the item at *at into *id, and moves *at behind that item. A text is borrowed.
 */
void ext_state_blob_item(const unsigned char **at, gru4rec_id *id);
/* Returns the number of bytes that the item takes when it is coded. */
size_t ext_state_blob_item_bytes(const gru4rec_id *id);
/* Writes the coded item at at, which has room for ext_state_blob_item_bytes(id) bytes. */
void ext_state_blob_write_item(unsigned char *at, const gru4rec_id *id);
/*
 * Converts the model's run name from 32 hex digits to 16 bytes. Returns false if the
 * model has no valid run name, which only a forged database can cause.
 */
bool ext_state_blob_run(unsigned char run[EXT_STATE_BLOB_RUN], const ext_model *model);
/* Tells whether exactly this version of the model made the state. */
bool ext_state_blob_is_of(const ext_state_blob *blob, const ext_model *model);

/* ---- ext_history.c ---- */

/*
 * The items that a session has seen, oldest first, without the items that the model does
 * not know. A history that was read from a state BLOB has only the last items of the
 * session, as many as the BLOB remembers.
 */
typedef struct ext_history {
    ext_rows rows;      /* rows of the known items */
    ext_rows positions; /* place of each of rows among all given items, from 1 */
    int64_t n_unknown;  /* number of given ids that no item of the model has */
    gru4rec_real
        *state; /* hidden states after all items of the session; or NULL; owned */
} ext_history;

/*
 * Reads a history from an SQL value: a JSON array of ids, one id, or a state BLOB. SQL
 * NULL is an empty history. state is set only if exactly this version made the BLOB; any
 * other version must walk through the remembered items. The caller frees the history by
 * ext_history_free(); after a failure the history is empty and needs no free.
 * SQLITE_ERROR: the value is no history, or the BLOB is damaged.
 */
int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error);
void ext_history_free(ext_history *history);
/* Tells whether the history has neither a known item nor a state. */
bool ext_history_is_empty(const ext_history *history);
/* Moves the session on by one item. row: the item's row. */
int ext_history_step(gru4rec_session *session, int32_t row, ext_error *error);
/*
 * Resets the session, then brings it to the end of the history: from the history's state
 * if there is one, else by a step for each item. SQLITE_ERROR: the state has values that
 * are not finite. SQLITE_INTERRUPT: the host interrupted a long walk.
 */
int ext_history_walk(const ext_history *history, sqlite3 *db, gru4rec_session *session,
                     ext_error *error);
/*
 * Computes the score of the item that has the row, after the history, as it is in a
 * ranking: blended, if the version blends. A history without an item gives the score of
 * the zero state. It uses the workspace's session and blender. Errors: those of
 * ext_history_walk().
 */
int ext_history_score(const ext_history *history, sqlite3 *db,
                      const ext_workspace *workspace, int32_t row, double *score,
                      ext_error *error);

/* ---- ext_plan.c ---- */

/*
 * Bits of idxNum in the plan of a table of rankings. The lowest EXT_TABLE_ARGUMENTS bits
 * say which arguments are given (ext_base.h).
 */
enum {
    EXT_PLAN_MOST =
        1 << EXT_TABLE_ARGUMENTS,        /* argv has the bound of rank <= or rank = */
    EXT_PLAN_BELOW = EXT_PLAN_MOST << 1, /* argv has the bound of rank < */
    EXT_PLAN_ITEM = EXT_PLAN_MOST << 2,  /* argv has the value of item = or IN */
    EXT_PLAN_ITEMS = EXT_PLAN_MOST << 3, /* that value is the whole list of an IN */
    EXT_PLAN_RANK_UNUSED = EXT_PLAN_MOST << 4, /* the query does not use column rank */
    EXT_PLAN_BASIS = EXT_PLAN_MOST << 5,       /* argv has the value of basis =, IS, IN */
    EXT_PLAN_BASES = EXT_PLAN_MOST << 6,       /* that value is the whole list of an IN */
    EXT_PLAN_OWN = EXT_PLAN_MOST << 7 /* first bit that a table may define for itself */
};

/* The columns that a ranker fills in, in the order in which every table declares them. */
enum { EXT_RANKER_RANK, EXT_RANKER_ITEM, EXT_RANKER_SCORE, EXT_RANKER_BASIS };

/*
 * Pushes down one constraint column = value or column IN (list), if the query has one
 * that compares by the collation BINARY. Its value becomes the next of argv, and bit is
 * set in idxNum. For an IN list_bit is set too, and the value of argv is the whole list.
 * name: the column's name, for EXPLAIN QUERY PLAN.
 */
void ext_plan_equality(ext_table_plan *plan, int column, const char *name, int bit,
                       int list_bit);
/*
 * Goes through the values that ext_plan_equality() pushed down. argument: the value of
 * argv. is_list: list_bit is set in idxNum. *value must be NULL at first; each call sets
 * *value to the next value (borrowed), and to NULL behind the last.
 */
int ext_plan_next_value(sqlite3_value **value, sqlite3_value *argument, bool is_list,
                        ext_error *error);
/*
 * Asks for the value of basis =, IS or IN as the next of argv. The value selects no rows:
 * ext_ranker_check_basis() uses it to report a value that no row can have. column: index
 * of the column basis.
 */
void ext_plan_basis(ext_table_plan *plan, int column);
/*
 * Pushes down an upper bound of rank, and item = or IN. Also notes whether the query uses
 * the rank at all. rank: index of the column rank; the other columns of the ranker
 * follow.
 */
void ext_plan_ranking(ext_table_plan *plan, int rank);
/*
 * Makes the whole plan of a table that returns one ranking: constraints, estimates and
 * order. The table's first columns must be those of the ranker, and its first argument
 * that may be left out must be k, which bounds the number of rows.
 */
void ext_plan_one_ranking(ext_table_plan *plan);
/*
 * Estimates how many rows of one ranking the query reads. is_short: an argument of the
 * table bounds the number of rows.
 */
sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short);

/* ---- ext_ranker.c ---- */

/* What a query asks of a ranker. All members are borrowed. */
typedef struct ext_ranker_request {
    /* SQL arguments; NULL: the argument is not given. */
    sqlite3_value *k, *exclude_seen, *candidates;
    int idx_num; /* the plan, with bits of ext_plan.c */
    /*
     * Values that the plan asked for: the bound of rank, then the item or the list of
     * items. Each value is there only if its bit is set in idx_num.
     */
    sqlite3_value **argv;
} ext_ranker_request;

/*
 * A ranker: ranks the items after one history at a time, and gives row after row. All
 * zero: it is closed.
 */
typedef struct ext_ranker {
    ext_connection *connection;
    ext_workspace workspace; /* the model, and room for one session and one ranking */
    bool is_seen_excluded;   /* the items of the history are left out */
    bool has_candidates, has_wanted; /* the query gives the list below */
    ext_rows candidates;             /* sorted; only these items are ranked */
    ext_rows wanted;      /* sorted; values of item = or IN, the only rows to return */
    ext_rows seen;        /* sorted; items of the history, if is_seen_excluded */
    bool is_rank_unused;  /* the query does not use rank, so ranks need not be right */
    int64_t most;         /* the largest rank that the query needs */
    gru4rec_batch *batch; /* ranks many histories together; NULL: there is none */
    ext_rows *lane_seen;  /* (lanes of the batch) seen of each lane's history */
    int32_t lane;         /* lane whose ranking is read; -1: the workspace's ranking */
    size_t n_found;       /* number of wanted items that were returned */
    int64_t rank;         /* rank of the current row, from 1 */
    int32_t row;          /* row of the current item */
    double score;         /* score of the current item */
    const char *basis;    /* what the items are ranked by: "session" or "popularity" */
} ext_ranker;

/* The first members of every cursor that reads a ranker. */
typedef struct ext_ranker_cursor {
    ext_cursor cursor; /* cursor.row is the current item's row */
    ext_ranker ranker;
} ext_ranker_cursor;

/*
 * Opens a ranker on the model. Takes over the caller's hold on the model, also on
 * failure. After a failure the ranker is closed. SQLITE_ERROR: k, exclude_seen or
 * candidates has no valid value.
 */
int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    const ext_ranker_request *request, ext_error *error);
/* Frees all that the ranker holds, and makes it all zero. May be called when it is so. */
void ext_ranker_close(ext_ranker *ranker);
/*
 * Ranks the items after the history, and goes to the first row. *is_row is false if the
 * ranking is empty. A history without a known item ranks the items by support, with basis
 * 'popularity'. Errors: those of ext_history_walk().
 */
int ext_ranker_rank(ext_ranker *ranker, const ext_history *history, bool *is_row,
                    ext_error *error);
/* As ext_ranker_rank(), but ranks by similarity to the item that has the row. */
int ext_ranker_rank_similar(ext_ranker *ranker, int32_t row, bool *is_row,
                            ext_error *error);
/* Goes to the next row. Returns false at the end. */
bool ext_ranker_next(ext_ranker *ranker);
/*
 * Reports SQLITE_ERROR if the query compares basis only with values that no row can have:
 * such a query would return no rows, and nobody would know why. If the plan has
 * EXT_PLAN_BASIS, reads its value at *argv, and moves *argv on by one. advice: text that
 * ends the message.
 */
int ext_ranker_check_basis(int idx_num, sqlite3_value ***argv, const char *advice,
                           ext_error *error);
/* Copies the ranker's position to the cursor. is_row false: the scan is at its end. */
void ext_ranker_set_row(ext_ranker_cursor *cursor, bool is_row);
/* Returns column i of the current row (EXT_RANKER_RANK, ...) as the SQL result. */
void ext_ranker_result(const ext_ranker *ranker, sqlite3_context *context, int i);
/* Methods next, column and stop of a table whose columns are those of the ranker. */
int ext_ranker_method_next(ext_cursor *cursor, ext_error *error);
void ext_ranker_method_column(const ext_cursor *cursor, sqlite3_context *context, int i);
void ext_ranker_method_stop(ext_cursor *cursor);

/*
 * Ranking of many histories together, which is faster than one by one. It is possible
 * only if the query bounds the rank and neither candidates nor wanted items are given. In
 * order:
 *   ext_ranker_open_batch()     once, after ext_ranker_open()
 *   ext_ranker_add()            for each of up to n_lanes histories
 *   ext_ranker_score()          once for these histories
 *   ext_ranker_first_of_lane()  for each lane, then ext_ranker_next() for its other rows
 * After that the next histories can be added.
 */

/*
 * Opens a batch if the query allows it. Sets *n_lanes to the number of histories that can
 * be added before a score; it is 1 without a batch.
 */
int ext_ranker_open_batch(ext_ranker *ranker, int32_t *n_lanes, ext_error *error);
/*
 * Adds a history to the batch, and sets *lane to its lane. *lane is -1 if the caller must
 * rank the history by ext_ranker_rank(): there is no batch, or the history is empty.
 * Errors: those of ext_history_walk().
 */
int ext_ranker_add(ext_ranker *ranker, const ext_history *history, int32_t *lane,
                   ext_error *error);
/* Scores all lanes of the batch. SQLITE_INTERRUPT: the host interrupted it. */
int ext_ranker_score(ext_ranker *ranker, ext_error *error);
/* Goes to the first row of a lane's ranking. Returns false if that ranking is empty. */
bool ext_ranker_first_of_lane(ext_ranker *ranker, int32_t lane);

/* ---- what SQL sees; each has a file of its name ---- */

/* Registers the module gru4rec, by which CREATE VIRTUAL TABLE makes models. */
int ext_module_register(ext_connection *connection, ext_error *error);
extern const ext_table_function ext_relation; /* SELECT FROM m */
extern const ext_table_function ext_recommend, ext_similar, ext_explain;
extern const ext_function ext_score_functions[], ext_state_functions[];

#endif
