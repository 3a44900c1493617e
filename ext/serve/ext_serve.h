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
 * Number of bytes of a run's name in a state BLOB; and the largest number of items that a
 * state BLOB can remember. That is twice the largest value of the option state_items,
 * because a state of a version that blends can have older items too.
 */
enum { EXT_STATE_BLOB_RUN = 16, EXT_STATE_BLOB_MOST_ITEMS = 2000 };

/*
 * Finds the parts of a state BLOB, and fills in blob, which borrows the n bytes. Returns
 * false if the bytes are not a session's state, or are damaged (checksum, lengths, number
 * of items): then blob must not be used.
 */
bool ext_state_blob_read(ext_state_blob *blob, const unsigned char *bytes, size_t n);
/*
 * Makes a state BLOB: all parts come from blob, but the hidden states come from values
 * (blob->n_values). Returns the BLOB, and sets *n to its length in bytes. The caller
 * frees it by sqlite3_free(). NULL: there is not enough memory.
 */
unsigned char *ext_state_blob_write(const ext_state_blob *blob,
                                    const gru4rec_real *values, size_t *n);
/*
 * Decodes the coded item of a state BLOB at *at into *id, and moves *at behind that item.
 * A text id is borrowed from the BLOB. The BLOB must have been checked
 * (ext_state_blob_read()).
 */
void ext_state_blob_item(const unsigned char **at, gru4rec_id *id);
/*
 * Returns the number of bytes that the item id takes when it is coded for a state BLOB.
 */
size_t ext_state_blob_item_bytes(const gru4rec_id *id);
/*
 * Writes the item id, coded for a state BLOB, to at, which has room for
 * ext_state_blob_item_bytes(id) bytes.
 */
void ext_state_blob_write_item(unsigned char *at, const gru4rec_id *id);
/*
 * Converts the run name of the loaded version from 32 hex digits to the 16 bytes of a
 * state BLOB. Returns false, and writes nothing, if the run name is not valid, which only
 * a forged database can cause.
 */
bool ext_state_blob_run(unsigned char run[EXT_STATE_BLOB_RUN], const ext_model *model);
/*
 * Tells whether exactly this version made the state: the run names are equal, and the BLOB
 * has as many values of hidden states as the model. False if the model's run name is not
 * valid.
 */
bool ext_state_blob_is_of(const ext_state_blob *blob, const ext_model *model);

/* ---- ext_history.c ---- */

/*
 * The items that a session has seen, oldest first, without the items that the model does
 * not know. A history that was read from a state BLOB has only the last items of the
 * session, as many as the BLOB remembers.
 */
typedef struct ext_history {
    ext_rows rows;       /* rows of the known items */
    ext_rows positions;  /* place of each of rows among all given ids, from 1 */
    int64_t n_unknown;   /* number of given ids that no item of the model has */
    gru4rec_real *state; /* hidden states at the end of the session; or NULL; owned */
} ext_history;

/*
 * Reads a history from an SQL value: a JSON array of ids, one id, or a state BLOB. SQL
 * NULL is an empty history. Ids that the model does not know are only counted, in
 * n_unknown. An empty text is skipped and not counted, unless the version's option
 * keep_empty is set. state is set only if exactly this version made the BLOB, and the
 * session had seen an item; else state is NULL, and ext_history_walk() walks through the
 * items. The caller frees the history by ext_history_free(); after a failure the history
 * is empty and needs no free.
 * SQLITE_ERROR: the value is no history, or the BLOB is damaged.
 */
int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error);
/* Frees the lists and the state of a history, and leaves it empty; n_unknown stays. */
void ext_history_free(ext_history *history);
/* Tells whether the history has neither a known item nor a state. */
bool ext_history_is_empty(const ext_history *history);
/*
 * Moves the hidden states of the session on by one event. row: the row of its item in the
 * catalogue.
 */
int ext_history_step(gru4rec_session *session, int32_t row, ext_error *error);
/*
 * Resets the session, then brings it to the end of the history: from the history's state
 * if there is one, else by a step for each item. If the version was trained with
 * max_length, only the last max_length events are walked through.
 * SQLITE_ERROR: the state has values that are not finite. SQLITE_INTERRUPT: the host
 * interrupted a walk of more than 32 steps.
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

/*
 * The columns that a ranker fills in, in the order in which every table of rankings
 * declares them. Their numbers count from the column rank.
 */
enum { EXT_RANKER_RANK, EXT_RANKER_ITEM, EXT_RANKER_SCORE, EXT_RANKER_BASIS };

/*
 * Pushes down the first constraint column = value or column IN (list) of the query that
 * compares by the collation BINARY and that the plan may use. Its value becomes the next
 * of argv, and bit is set in idxNum. For an IN, list_bit is set too, and the value of
 * argv is the whole list. If bit is set already, or there is no such constraint, does
 * nothing. name: the column's name, for EXPLAIN QUERY PLAN.
 */
void ext_plan_equality(ext_table_plan *plan, int column, const char *name, int bit,
                       int list_bit);
/*
 * Goes, call by call, through the values of a constraint that ext_plan_equality() pushed
 * down: one value, or those of a list. argument: the value in argv. is_list: list_bit is
 * set in idxNum. *value must be NULL before the first call; each call sets *value to the
 * next value (borrowed), and behind the last value to NULL. After a failure *value is
 * NULL too.
 */
int ext_plan_next_value(sqlite3_value **value, sqlite3_value *argument, bool is_list,
                        ext_error *error);
/*
 * Plans to get the value of the constraint basis =, IS or IN as the next of argv, and
 * sets EXT_PLAN_BASIS (and EXT_PLAN_BASES for an IN). If there is no such constraint,
 * does nothing. The table does not choose its rows by that value: only
 * ext_ranker_check_basis() reads it, to report a value that no row can have. column:
 * index of the column basis.
 */
void ext_plan_basis(ext_table_plan *plan, int column);
/*
 * Pushes down the first upper bound of rank (<, <= or =), and item = or IN. Also sets
 * EXT_PLAN_RANK_UNUSED if the query neither reads nor compares the rank. rank: index of
 * the column rank; the other columns of the ranker follow it.
 */
void ext_plan_ranking(ext_table_plan *plan, int rank);
/*
 * Makes the whole plan of a table that returns one ranking: pushes down the constraints,
 * estimates the rows and the cost, and tells SQLite not to sort if ORDER BY is rank, or
 * score DESC. The table's first columns must be those of the ranker, and its first
 * argument that may be left out must be k, which bounds the number of rows.
 */
void ext_plan_one_ranking(ext_table_plan *plan);
/*
 * Returns an estimate of the number of rows of one ranking that the query reads: 1 if it
 * picks items, 20 if it bounds the rank or is_short is true, else 10000. is_short: an
 * argument of the table bounds the number of rows.
 */
sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short);

/* ---- ext_ranker.c ---- */

/* What a query asks of a ranker. All members are borrowed. */
typedef struct ext_ranker_request {
    /* The SQL arguments of these names; NULL: the argument is not given. */
    sqlite3_value *k, *exclude_seen, *candidates;
    int idx_num; /* the plan, with bits of ext_plan.c */
    /*
     * Values that the plan asked for: the bound of rank, then the item or the list of
     * items. Each value is there only if its bit is set in idx_num.
     */
    sqlite3_value **argv;
} ext_ranker_request;

/*
 * A ranker: ranks the items after one history at a time (or after many together, see
 * below), and gives row after row. All zero: it is closed.
 */
typedef struct ext_ranker {
    ext_connection *connection;
    ext_workspace workspace; /* the model, and room for one session and one ranking */
    bool is_seen_excluded;   /* exclude_seen = 1: no items of the history */
    bool has_candidates, has_wanted; /* the query gives the list of that name */
    ext_rows candidates;             /* sorted; only these items are ranked */
    ext_rows wanted;      /* sorted; values of item = or IN, the only rows to return */
    ext_rows seen;        /* sorted; items of the history, if is_seen_excluded */
    bool is_rank_unused;  /* the query does not use rank, so ranks need not be right */
    int64_t most;         /* the largest rank that the query needs */
    gru4rec_batch *batch; /* ranks many histories together; NULL: there is none */
    ext_rows *lane_seen;  /* (lanes of the batch) the list seen of each lane */
    int32_t lane;         /* lane whose ranking is read; -1: the workspace's ranking */
    size_t n_found;       /* number of rows returned so far */
    int64_t rank;         /* rank of the current row, from 1 */
    int32_t row;          /* row of the current item */
    double score;         /* score of the current item */
    const char *basis;    /* what the items are ranked by: "session" or "popularity" */
} ext_ranker;

/* The first members of every cursor that reads a ranker. */
typedef struct ext_ranker_cursor {
    ext_cursor cursor; /* cursor.row is the row of the current item in the catalogue */
    ext_ranker ranker;
} ext_ranker_cursor;

/*
 * Opens a ranker on a loaded version, and reads the request. Takes over the caller's hold
 * on the version, also on failure. After a failure the ranker is closed. SQLITE_ERROR: k,
 * exclude_seen or candidates has no valid value.
 */
int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    const ext_ranker_request *request, ext_error *error);
/*
 * Frees the lists and the batch of the ranker, gives its workspace back to the
 * connection, and makes the ranker all zero. May be called when the ranker is all zero.
 */
void ext_ranker_close(ext_ranker *ranker);
/*
 * Ranks the items after the history, and goes to the first row. If the history has a
 * known item or a state, ranks by the scores that the model gives after it, with basis
 * 'session'; else by the support of the items, with basis 'popularity'. If
 * is_seen_excluded is true, the items of the history are left out.
 * *is_row: false if the ranking is empty, or after a failure. Errors: those of
 * ext_history_walk().
 */
int ext_ranker_rank(ext_ranker *ranker, const ext_history *history, bool *is_row,
                    ext_error *error);
/*
 * Ranks the items by their similarity to the item at that row of the catalogue, most
 * similar first, and goes to the first row. That item itself is not among them. basis
 * stays as it is. *is_row: false if the ranking is empty, or after a failure.
 * SQLITE_NOMEM is the only error.
 */
int ext_ranker_rank_similar(ext_ranker *ranker, int32_t row, bool *is_row,
                            ext_error *error);
/*
 * Goes to the next row of the ranking that the query wants. Returns false if there is
 * none: the ranking ends, the bound of rank is reached, or all wanted items were
 * returned.
 */
bool ext_ranker_next(ext_ranker *ranker);
/*
 * Checks the values that the query compares basis with. If the plan has no
 * EXT_PLAN_BASIS, does nothing. Else reads the values at *argv, and moves *argv on by
 * one. SQLITE_ERROR: no row can have any of these values; without the error such a query
 * would return no rows, and nobody would know why. An empty list is no error. advice:
 * text that ends the message.
 */
int ext_ranker_check_basis(int idx_num, sqlite3_value ***argv, const char *advice,
                           ext_error *error);
/*
 * Copies the position of the cursor's ranker to the cursor: cursor.row becomes the row of
 * the current item in the catalogue, and is_eof becomes !is_row. is_row: the ranker
 * stands on a row; false: the scan is at its end.
 */
void ext_ranker_set_row(ext_ranker_cursor *cursor, bool is_row);
/*
 * Returns column i (EXT_RANKER_RANK, ...) of the ranker's current row as the SQL result;
 * any i above EXT_RANKER_SCORE gives the basis.
 */
void ext_ranker_result(const ext_ranker *ranker, sqlite3_context *context, int i);
/*
 * Methods next, column and stop for an ext_table_function whose columns are exactly those
 * of the ranker, and whose cursor begins with an ext_ranker_cursor. stop closes the
 * ranker.
 */
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
 * Opens a batch, and sets *n_lanes to the number of histories that the caller can add
 * before it calls ext_ranker_score(). If the query gives candidates or wanted items, or
 * the largest rank that it needs is not from 1 to gru4rec_batch_most(), opens none, and
 * *n_lanes is 1, which is no error.
 */
int ext_ranker_open_batch(ext_ranker *ranker, int32_t *n_lanes, ext_error *error);
/*
 * Walks through a history, adds the hidden states at its end to the batch, and sets *lane
 * to its lane. The batch borrows the history's rows: the caller must not free the history
 * before ext_ranker_score() has returned. If there is no batch, or the history is empty
 * (ext_history_is_empty()), only sets *lane to -1; the caller must then rank the history
 * by ext_ranker_rank(). Errors: those of ext_history_walk().
 */
int ext_ranker_add(ext_ranker *ranker, const ext_history *history, int32_t *lane,
                   ext_error *error);
/*
 * Scores all histories that were added to the batch. Does nothing if there is no batch.
 * SQLITE_INTERRUPT: the host interrupted it.
 */
int ext_ranker_score(ext_ranker *ranker, ext_error *error);
/*
 * Makes that lane's ranking the one that ext_ranker_next() reads, with basis 'session',
 * and goes to its first row. Returns false if that ranking is empty.
 */
bool ext_ranker_first_of_lane(ext_ranker *ranker, int32_t lane);

/* ---- what SQL sees; each has a file of its name ---- */

/* Registers the module gru4rec, by which CREATE VIRTUAL TABLE makes models. */
int ext_module_register(ext_connection *connection, ext_error *error);
extern const ext_table_function ext_relation; /* SELECT FROM m */
/*
 * The table-valued functions gru4rec_recommend(), gru4rec_similar() and
 * gru4rec_explain().
 */
extern const ext_table_function ext_recommend, ext_similar, ext_explain;
/*
 * The tables that register the functions of ext_score.c and of ext_state.c. Each ends
 * with an entry whose name is NULL.
 */
extern const ext_function ext_score_functions[], ext_state_functions[];

#endif
