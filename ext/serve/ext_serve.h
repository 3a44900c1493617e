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
 * The parts of a session's state BLOB; ext_state_blob.c describes the layout. All
 * pointers borrow from the BLOB, or from the caller that wants to write one.
 */
typedef struct ext_state_blob {
    /* (16) The name of the run (the training) whose version made the state. */
    const unsigned char *run;
    bool is_started;             /* true: the network has seen an item, so values count */
    const unsigned char *values; /* (n_values) hidden states, float32, little-endian */
    size_t n_values;
    const unsigned char *items; /* (n_items_bytes) n_items items, coded, oldest first */
    size_t n_items_bytes;
    int n_items;
} ext_state_blob;

/*
 * EXT_STATE_BLOB_RUN: number of bytes of a run's name in a state BLOB.
 * EXT_STATE_BLOB_MOST_ITEMS: the largest number of items that a state BLOB can remember.
 * That is twice the largest value of the option state_items, because a state of a version
 * that blends can have older items too.
 */
enum { EXT_STATE_BLOB_RUN = 16, EXT_STATE_BLOB_MOST_ITEMS = 2000 };

/*
 * Checks n bytes, and sets all fields of blob to the parts of the state BLOB in them,
 * which blob borrows. Returns false if the bytes are no state BLOB, or are damaged
 * (checksum, lengths, number of items): then blob must not be used. It does not check
 * which version made the state, or that the hidden states are finite.
 */
bool ext_state_blob_read(ext_state_blob *blob, const unsigned char *bytes, size_t n);
/*
 * Makes a state BLOB of the parts in blob. Only the hidden states come from values
 * (blob->n_values); blob->values is not used. Sets *n to its length in bytes. The caller
 * frees the BLOB by sqlite3_free(). NULL: there is not enough memory.
 */
unsigned char *ext_state_blob_write(const ext_state_blob *blob,
                                    const gru4rec_real *values, size_t *n);
/*
 * Decodes the item of a state BLOB that begins at *at into *id, an INTEGER or a TEXT, and
 * moves *at behind that item. The bytes of a text are borrowed from the BLOB, which must
 * have been checked (ext_state_blob_read()). It cannot fail.
 */
void ext_state_blob_item(const unsigned char **at, gru4rec_id *id);
/* Returns the number of bytes that the item id takes in a state BLOB. */
size_t ext_state_blob_item_bytes(const gru4rec_id *id);
/*
 * Writes the item id, as a state BLOB has it, to at, where there must be room for
 * ext_state_blob_item_bytes(id) bytes. An id that is no INTEGER is written as a TEXT.
 */
void ext_state_blob_write_item(unsigned char *at, const gru4rec_id *id);
/*
 * Converts the name of the run that made the version, 32 hex digits, to the 16 bytes of a
 * state BLOB. Returns false, and writes nothing, if the digits are not valid, which only
 * a forged database can cause.
 */
bool ext_state_blob_run(unsigned char run[EXT_STATE_BLOB_RUN], const ext_model *model);
/*
 * Tells whether exactly this version of the model made the state, so that its hidden
 * states can be used: the names of the runs are equal, and the BLOB has as many values as
 * the model's hidden states. False if the name of the model's run is not valid.
 */
bool ext_state_blob_is_of(const ext_state_blob *blob, const ext_model *model);

/* ---- ext_history.c ---- */

/*
 * What a session has seen: its items, oldest first, without those that the model does not
 * know. A history that was read from a state BLOB has only the last items of the session,
 * as many as the BLOB remembers. All zero: an empty history.
 */
typedef struct ext_history {
    ext_rows rows; /* rows of the known items in the catalogue */
    /*
     * (as many as rows) The place of each of these items among all given ids, from 1.
     * Empty if the history comes from the model's source.
     */
    ext_rows positions;
    int64_t n_unknown; /* number of given ids that the model does not know */
    /*
     * The hidden states at the end of the session, owned. NULL: a walk through the items
     * finds them.
     */
    gru4rec_real *state;
} ext_history;

/*
 * Reads a history from an SQL value: a JSON array of ids, one id, or a state BLOB. SQL
 * NULL is an empty history. What history held before is not freed. Ids that the model
 * does not know are only counted, in n_unknown. An empty text is skipped and not counted,
 * unless the version's option keep_empty is set.
 * history->state is set only if exactly this version made the BLOB, and the session had
 * seen an item. Otherwise it is NULL, and ext_history_walk() walks through the items.
 * The caller frees the history by ext_history_free(); after a failure the history is
 * empty and needs no free.
 * SQLITE_ERROR: the value is no history, or the BLOB is damaged.
 */
int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error);
/*
 * Frees the lists and the state of a history, and leaves it empty. n_unknown keeps its
 * value.
 */
void ext_history_free(ext_history *history);
/*
 * Tells whether the history has neither a known item nor hidden states, so that items can
 * only be ranked by popularity.
 */
bool ext_history_is_empty(const ext_history *history);
/*
 * Moves the hidden states of the session on by one event: the item with this row in the
 * catalogue. NOMEM: the session is unchanged.
 */
int ext_history_step(gru4rec_session *session, int32_t row, ext_error *error);
/*
 * Resets the session, then brings it to the end of the history. If the history has hidden
 * states, copies them; else walks: takes a step for each item. If the version was trained
 * with max_length, it walks through the last max_length events only.
 * SQLITE_ERROR: a value of the history's hidden states is not finite. SQLITE_INTERRUPT:
 * the host interrupted a walk of more than 32 steps; shorter walks are not interrupted.
 */
int ext_history_walk(const ext_history *history, sqlite3 *db, gru4rec_session *session,
                     ext_error *error);
/*
 * Sets *score to the score that the item with this row has after the history, as in a
 * ranking: blended, if the version blends. After a history without an item it is the
 * score of the zero state. It changes the workspace's session and blender. Errors: those
 * of ext_history_walk(); *score is not set then.
 */
int ext_history_score(const ext_history *history, sqlite3 *db,
                      const ext_workspace *workspace, int32_t row, double *score,
                      ext_error *error);

/* ---- ext_plan.c ---- */

/*
 * Bits of idxNum in the plan of a table of rankings. The lowest EXT_TABLE_ARGUMENTS bits
 * say which arguments are given (ext_base.h). argv: the values that xFilter gets.
 */
enum {
    EXT_PLAN_MOST =
        1 << EXT_TABLE_ARGUMENTS,        /* argv has the bound of rank <= or rank = */
    EXT_PLAN_BELOW = EXT_PLAN_MOST << 1, /* argv has the bound of rank < */
    EXT_PLAN_ITEM = EXT_PLAN_MOST << 2,  /* argv has the value of item = or IN */
    EXT_PLAN_ITEMS = EXT_PLAN_MOST << 3, /* that value is the whole list of an IN */
    /* The query neither reads nor compares rank. */
    EXT_PLAN_RANK_UNUSED = EXT_PLAN_MOST << 4,
    EXT_PLAN_BASIS = EXT_PLAN_MOST << 5, /* argv has the value of basis =, IS, IN */
    EXT_PLAN_BASES = EXT_PLAN_MOST << 6, /* that value is the whole list of an IN */
    EXT_PLAN_OWN = EXT_PLAN_MOST << 7    /* first bit that a table may use for itself */
};

/*
 * The columns that a ranker fills in: every table of rankings declares them side by side
 * in this order. The numbers count from the table's column rank.
 */
enum { EXT_RANKER_RANK, EXT_RANKER_ITEM, EXT_RANKER_SCORE, EXT_RANKER_BASIS };

/*
 * Pushes down the first constraint column = value or column IN (list) of the query that
 * the plan may use and that compares by the collation BINARY. Its value becomes the next
 * of argv, and bit is set in idxNum. For an IN, list_bit is set too, and the value of
 * argv is the whole list. name: the column's name, for EXPLAIN QUERY PLAN. Does nothing
 * if bit is set already, or there is no such constraint.
 */
void ext_plan_equality(ext_table_plan *plan, int column, const char *name, int bit,
                       int list_bit);
/*
 * Steps through the values of a constraint that ext_plan_equality() pushed down: one
 * value, or those of a list. Each call sets *value to the next value, borrowed from
 * argument, and behind the last one to NULL. *value must be NULL before the first call.
 * argument: the value in argv. is_list: whether list_bit is set in idxNum. After an error
 * of SQLite *value is NULL too.
 */
int ext_plan_next_value(sqlite3_value **value, sqlite3_value *argument, bool is_list,
                        ext_error *error);
/*
 * Asks for the value of the first constraint basis = or IN, or else basis IS, as the next
 * of argv. Sets EXT_PLAN_BASIS, and EXT_PLAN_BASES too for an IN. Does nothing if there
 * is no such constraint. The table does not choose its rows by that value: only
 * ext_ranker_check_basis() reads it, to report a value that no row can have. column:
 * index of the column basis.
 */
void ext_plan_basis(ext_table_plan *plan, int column);
/*
 * Pushes down two constraints, if the query has them: the first upper bound of rank (<,
 * <= or =), as EXT_PLAN_MOST or EXT_PLAN_BELOW, and the first item = or IN, as
 * EXT_PLAN_ITEM. Sets EXT_PLAN_RANK_UNUSED if the query neither reads nor compares the
 * rank. rank: index of the column rank; the other columns of the ranker follow it.
 */
void ext_plan_ranking(ext_table_plan *plan, int rank);
/*
 * Makes the plan of a table that returns one ranking, except basis: pushes down rank and
 * item (ext_plan_ranking()), estimates the rows and the cost, and tells SQLite not to
 * sort if ORDER BY is rank alone, or score DESC alone. The table's first columns must be
 * those of the ranker, and its first argument that may be left out must be k, which
 * bounds the number of rows.
 */
void ext_plan_one_ranking(ext_table_plan *plan);
/*
 * Returns an estimate of the number of rows of one ranking that the query reads: 1 if it
 * picks items, 20 if it bounds the rank or is_short is true, else 10000. is_short: an
 * argument of the table bounds the number of rows.
 */
sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short);

/* ---- ext_ranker.c ---- */

/*
 * What a query asks of a ranker. ext_ranker_open() reads it; all pointers are borrowed
 * until that returns.
 */
typedef struct ext_ranker_request {
    /*
     * The values of the SQL arguments with these names; NULL: the argument is not given,
     * or the table has no such argument.
     */
    sqlite3_value *k, *exclude_seen, *candidates;
    int idx_num; /* the plan of the query, in bits EXT_PLAN_... */
    /*
     * The values that ext_plan_ranking() asked for: the bound of rank, then the item or
     * the list of items. Each value is there only if its bit is set in idx_num.
     */
    sqlite3_value **argv;
} ext_ranker_request;

/*
 * A ranker: ranks the items after one history at a time (or after many together, see
 * below), and gives the rows of the ranking one by one. It owns what its fields point to,
 * except connection and basis. All zero: it is closed.
 */
typedef struct ext_ranker {
    ext_connection *connection;
    ext_workspace workspace; /* the model, and room for one session and one ranking */
    /* exclude_seen is 1: the items of the history get no rank. */
    bool is_seen_excluded;
    /*
     * The query gives the list of that name. If not, the list does not count, whatever it
     * holds.
     */
    bool has_candidates, has_wanted;
    /* Ascending rows. Only these items are ranked; the others get no rank. */
    ext_rows candidates;
    /*
     * Ascending rows of the values of item = or IN. Only these items are returned. If
     * is_rank_unused is false, they keep their ranks among all items that are ranked.
     */
    ext_rows wanted;
    /*
     * Ascending rows of the history's items if is_seen_excluded, else empty.
     * ext_ranker_rank() and ext_ranker_add() fill it for each history.
     */
    ext_rows seen;
    /*
     * The query does not use rank. So if only wanted items are scored, their ranks may be
     * wrong.
     */
    bool is_rank_unused;
    /*
     * The largest rank that the query needs, by k and by its bounds of rank; INT64_MAX:
     * all.
     */
    int64_t most;
    gru4rec_batch *batch; /* ranks many histories together; NULL: it is not open */
    /*
     * (lanes of the batch) The list seen of each lane's history, which the batch borrows.
     */
    ext_rows *lane_seen;
    /*
     * The lane of the batch whose ranking is read; -1: the ranking of the workspace is
     * read.
     */
    int32_t lane;
    /*
     * The number of rows that this ranking has returned. Not counted if a lane is read.
     */
    size_t n_found;
    int64_t rank; /* rank of the current row, from 1; 0: no row yet */
    int32_t row;  /* row of the current item in the catalogue */
    double score; /* score of the current item */
    /*
     * What the items are ranked by: "session" or "popularity", a constant. NULL: no
     * ranking by ext_ranker_rank() or of a lane yet.
     */
    const char *basis;
} ext_ranker;

/* How every cursor that reads a ranker begins. */
typedef struct ext_ranker_cursor {
    ext_cursor cursor; /* cursor.row is the row of the current item in the catalogue */
    ext_ranker ranker;
} ext_ranker_cursor;

/*
 * Opens a ranker on a loaded version, and reads the request: which items are candidates,
 * wanted or left out, and the largest rank. Nothing is ranked yet. The caller's hold on
 * the version passes to the ranker, which releases it also on failure. After a failure
 * the ranker is closed.
 * SQLITE_ERROR: k, exclude_seen or candidates has no valid value.
 */
int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    const ext_ranker_request *request, ext_error *error);
/*
 * Closes the ranker: frees its lists and its batch, gives its workspace back to the
 * connection for the next query, and makes the ranker all zero. Does nothing to a ranker
 * that is all zero.
 */
void ext_ranker_close(ext_ranker *ranker);
/*
 * Ranks the items after the history, and goes to the first row. If the history has a
 * known item or hidden states, ranks by the scores that the model gives after it, with
 * basis 'session'. Otherwise ranks by the support of the items, with basis 'popularity'.
 * If is_seen_excluded is true, the items of the history are left out.
 * *is_row: the ranker stands on a row. False if the ranking is empty, or after a failure.
 * Errors: those of ext_history_walk().
 */
int ext_ranker_rank(ext_ranker *ranker, const ext_history *history, bool *is_row,
                    ext_error *error);
/*
 * Ranks the items by their similarity to the item with this row in the catalogue, most
 * similar first, and goes to the first row. That item itself is left out, and so are the
 * items of ranker->seen, which is empty if the ranker has ranked no history. basis stays
 * as it was.
 * *is_row: the ranker stands on a row. False if the ranking is empty, or after a failure.
 * SQLITE_NOMEM is the only error.
 */
int ext_ranker_rank_similar(ext_ranker *ranker, int32_t row, bool *is_row,
                            ext_error *error);
/*
 * Goes to the next row of the present ranking that the query wants. Returns false if
 * there is none: the ranking is at its end, the largest rank is reached, or all wanted
 * items were returned.
 */
bool ext_ranker_next(ext_ranker *ranker);
/*
 * Checks the values that the query compares basis with, and moves *argv behind their
 * entry. Does nothing if the plan has no EXT_PLAN_BASIS. SQLITE_ERROR: no row can have
 * any of these values; without the error such a query would return no rows, and nobody
 * would know why. If one value is possible, or the list is empty, there is no error.
 * advice: a text that ends the message.
 */
int ext_ranker_check_basis(int idx_num, sqlite3_value ***argv, const char *advice,
                           ext_error *error);
/*
 * Sets the fields of the cursor that the frame of tables reads, from the cursor's ranker:
 * cursor.row becomes the row of the current item in the catalogue, and is_eof becomes
 * !is_row. is_row: the ranker stands on a row; false: the scan is at its end.
 */
void ext_ranker_set_row(ext_ranker_cursor *cursor, bool is_row);
/*
 * Makes column i of the ranker's current row the SQL result. i is EXT_RANKER_RANK, _ITEM
 * or _SCORE; any other i means the basis.
 */
void ext_ranker_result(const ext_ranker *ranker, sqlite3_context *context, int i);
/*
 * Methods next, column and stop for an ext_table_function whose columns are exactly those
 * of the ranker, and whose cursor begins with an ext_ranker_cursor. next goes to the next
 * row, or sets is_eof; it cannot fail. stop closes the ranker.
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
 * before it calls ext_ranker_score().
 * A batch is not possible if the query gives candidates or wanted items, or if the
 * largest rank that it needs is not from 1 to gru4rec_batch_most(). Then there is no
 * batch, *n_lanes is 1, and that is no error. NOMEM: there is no batch.
 */
int ext_ranker_open_batch(ext_ranker *ranker, int32_t *n_lanes, ext_error *error);
/*
 * Adds a history to the batch: walks through it, gives the batch the hidden states at its
 * end, and sets *lane to its lane. If is_seen_excluded, keeps the history's items to
 * leave them out. The batch borrows the history's rows: the caller must not free the
 * history before ext_ranker_score() has returned.
 * If there is no batch, or the history is empty (ext_history_is_empty()), it only sets
 * *lane to -1; the caller must then rank the history by ext_ranker_rank(). Errors: those
 * of ext_history_walk(); *lane is -1 then.
 */
int ext_ranker_add(ext_ranker *ranker, const ext_history *history, int32_t *lane,
                   ext_error *error);
/*
 * Finds the best items of all histories that were added since its last call. Does nothing
 * if there is no batch or no such history. Errors: SQLITE_INTERRUPT if the
 * host interrupted it; NOMEM. After an error no lane may be read.
 */
int ext_ranker_score(ext_ranker *ranker, ext_error *error);
/*
 * Goes to the first row of that lane's ranking, which ext_ranker_next() then reads; the
 * basis becomes 'session'. Returns false if that ranking is empty. It must have been
 * scored by ext_ranker_score().
 */
bool ext_ranker_first_of_lane(ext_ranker *ranker, int32_t lane);

/* ---- what SQL sees; each has a file of its name ---- */

/*
 * Registers the module gru4rec, by which CREATE VIRTUAL TABLE makes models. Errors:
 * SQLite's.
 */
int ext_module_register(ext_connection *connection, ext_error *error);
/* SELECT FROM m, where m is a model's table */
extern const ext_table_function ext_relation;
/*
 * The table-valued functions gru4rec_recommend(), gru4rec_similar() and
 * gru4rec_explain().
 */
extern const ext_table_function ext_recommend, ext_similar, ext_explain;
/*
 * The entries by which the SQL functions of ext_score.c and of ext_state.c are
 * registered. Each array ends with an entry whose name is NULL.
 */
extern const ext_function ext_score_functions[], ext_state_functions[];

#endif
