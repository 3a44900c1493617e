/*
 * ext_serve.h - serving: SELECT FROM m, the table-valued functions of rankings, and the
 * functions on one session.
 *
 * A table of rankings plans its constraints (ext_plan.c), opens a ranker with what is
 * asked for, and lets it rank after one history or many; the rows come in rank order as
 * they are read. Whatever is pushed down SQLite checks again, so it may be a superset.
 */
#ifndef EXT_SERVE_H
#define EXT_SERVE_H

#include "../cache/ext_cache.h"

/* ---- ext_state_blob.c ---- */

/* A session's state as a BLOB, layout in ext_state_blob.c; all borrowed. */
typedef struct ext_state_blob {
    const unsigned char *run;    /* (16) of the model that made it */
    bool is_started;             /* the network has seen an item */
    const unsigned char *values; /* (n_values) float32, little-endian */
    size_t n_values;
    const unsigned char *items; /* the session's last ones, coded */
    size_t n_items_bytes;
    int n_items;
} ext_state_blob;

/* No option state_items is larger. */
enum { EXT_STATE_BLOB_RUN = 16, EXT_STATE_BLOB_MOST_ITEMS = 1000 };

/* False for what is no state of a session, or a damaged one. */
bool ext_state_blob_read(ext_state_blob *blob, const unsigned char *bytes, size_t n);
/* The BLOB, of sqlite3_malloc, with these values (n_values) in place of the blob's; NULL
 * when memory is short. */
unsigned char *ext_state_blob_write(const ext_state_blob *blob,
                                    const gru4rec_real *values, size_t *n);
/* The next coded item, which moves *at on. */
void ext_state_blob_item(const unsigned char **at, gru4rec_id *id);
/* Bytes that an item takes coded, and the coding. */
size_t ext_state_blob_item_bytes(const gru4rec_id *id);
void ext_state_blob_write_item(unsigned char *at, const gru4rec_id *id);
/* The run's name, which a model has in hex, in bytes. False where a forged model has none. */
bool ext_state_blob_run(unsigned char run[EXT_STATE_BLOB_RUN], const ext_model *model);
/* Did that very model make it? */
bool ext_state_blob_is_of(const ext_state_blob *blob, const ext_model *model);

/* ---- ext_history.c ---- */

/* What a session has seen of the items that the model knows, oldest first. */
typedef struct ext_history {
    ext_rows rows;       /* with a state the last ones */
    ext_rows positions;  /* of the rows among all items that were given, from 1 */
    int64_t n_unknown;   /* ids that no item has */
    gru4rec_real *state; /* where the network stood after them, or NULL; owned */
} ext_history;

/* value: a JSON array of ids, one id, or a state; SQL NULL: nothing. */
int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error);
void ext_history_free(ext_history *history);
bool ext_history_is_empty(const ext_history *history);
/* One item more. */
int ext_history_step(gru4rec_session *session, int32_t row, ext_error *error);
/* Brings the session there, from the zero state. */
int ext_history_walk(const ext_history *history, sqlite3 *db, gru4rec_session *session,
                     ext_error *error);

/* ---- ext_plan.c ---- */

/* Bits of idxNum, above those of the arguments. */
enum {
    EXT_PLAN_MOST = 1 << EXT_TABLE_ARGUMENTS, /* rank <= or = */
    EXT_PLAN_BELOW = EXT_PLAN_MOST << 1,      /* rank < */
    EXT_PLAN_ITEM = EXT_PLAN_MOST << 2,       /* item = or IN */
    EXT_PLAN_ITEMS = EXT_PLAN_MOST << 3,      /* it is IN */
    EXT_PLAN_RANK_UNUSED = EXT_PLAN_MOST << 4,
    EXT_PLAN_BASIS = EXT_PLAN_MOST << 5, /* basis = or IS */
    EXT_PLAN_BASES = EXT_PLAN_MOST << 6, /* or IN */
    EXT_PLAN_OWN = EXT_PLAN_MOST << 7    /* the first bit of a table's own */
};

/* Columns that show a ranker's row stand in this order. */
enum { EXT_RANKER_RANK, EXT_RANKER_ITEM, EXT_RANKER_SCORE, EXT_RANKER_BASIS };

/* Plans column = or IN, by BINARY, where there is one: bit, and for an IN list_bit too. */
void ext_plan_equality(ext_table_plan *plan, int column, const char *name, int bit,
                       int list_bit);
/* Goes to the next value of what was planned so, NULL behind the last. *value is NULL at
 * first. */
int ext_plan_next_value(sqlite3_value **value, sqlite3_value *argument, bool is_list,
                        ext_error *error);
/* Plans basis =, IS or IN as the next value: not to find rows, but for
 * ext_ranker_check_basis(). column: of the basis. */
void ext_plan_basis(ext_table_plan *plan, int column);
/* Plans upper bounds of the rank, and item = or IN. rank: the first of a ranker's columns. */
void ext_plan_ranking(ext_table_plan *plan, int rank);
/* The plan of a table of one ranking: a ranker's columns, then arguments, of which k is the
 * first that may be left out. */
void ext_plan_one_ranking(ext_table_plan *plan);
/* Rows of one ranking that will be read. is_short: an argument bounds them. */
sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short);

/* ---- ext_ranker.c ---- */

/* What is asked of a table of rankings. Its SQL arguments are NULL where not given. */
typedef struct ext_ranker_request {
    sqlite3_value *k, *exclude_seen, *candidates;
    int idx_num;          /* its bits of ext_plan.c, */
    sqlite3_value **argv; /* and what goes with them: the rank's bound, then the items */
} ext_ranker_request;

/* The ranking of the items after one history at a time, row by row. */
typedef struct ext_ranker {
    ext_connection *connection;
    ext_workspace workspace;
    bool is_seen_excluded;
    bool has_candidates, has_wanted;
    ext_rows candidates; /* sorted, as the other lists */
    ext_rows wanted;     /* the items that are asked for */
    ext_rows seen;       /* those of the history, where they are excluded */
    bool is_rank_unused; /* nobody looks at rank: it may count wanted rows only */
    int64_t most;        /* ranks beyond are not asked for */
    gru4rec_batch *batch;
    ext_rows *lane_seen; /* (lanes of the batch) */
    int32_t lane;        /* the ranking is that lane's; -1: one of its own */
    size_t n_found;      /* wanted items that have come */
    int64_t rank;        /* of the current row, from 1 */
    int32_t row;
    double score;
    const char *basis;
} ext_ranker;

/* What a cursor on rankings begins with. */
typedef struct ext_ranker_cursor {
    ext_cursor cursor; /* its row is the item's */
    ext_ranker ranker;
} ext_ranker_cursor;

/* Takes over model, also on failure; then nothing is left to close. */
int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    const ext_ranker_request *request, ext_error *error);
/* Nothing is done for one that is all zero, as it is again afterwards. */
void ext_ranker_close(ext_ranker *ranker);
/* Ranks after the history and goes to the first row; false in *is_row: there is none. */
int ext_ranker_rank(ext_ranker *ranker, const ext_history *history, bool *is_row,
                    ext_error *error);
/* The same by similarity to the item of a row. */
int ext_ranker_rank_similar(ext_ranker *ranker, int32_t row, bool *is_row,
                            ext_error *error);
bool ext_ranker_next(ext_ranker *ranker);
/*
 * The error of a comparison that no row's basis meets, which would give no rows without a
 * word; advice stands behind it. *argv moves on where ext_plan_basis() planned one.
 */
int ext_ranker_check_basis(int idx_num, sqlite3_value ***argv, const char *advice,
                           ext_error *error);
/* Tells SQLite's side of the cursor where the ranker stands; is_row false: at the end. */
void ext_ranker_set_row(ext_ranker_cursor *cursor, bool is_row);
/* Of the current row: EXT_RANKER_RANK, ... */
void ext_ranker_result(const ext_ranker *ranker, sqlite3_context *context, int i);
/* Methods of a table of one ranking, whose columns are those. */
int ext_ranker_method_next(ext_cursor *cursor, ext_error *error);
void ext_ranker_method_column(const ext_cursor *cursor, sqlite3_context *context, int i);
void ext_ranker_method_stop(ext_cursor *cursor);

/*
 * Many histories at once, where only so many ranks of each are asked for. open_batch says
 * how many can be added; then add each, score, go to the first row of each, and so on. add
 * gives the history's lane, or -1: rank it by itself. So it does for every history where
 * there is no batch.
 */
int ext_ranker_open_batch(ext_ranker *ranker, int32_t *n_lanes, ext_error *error);
int ext_ranker_add(ext_ranker *ranker, const ext_history *history, int32_t *lane,
                   ext_error *error);
int ext_ranker_score(ext_ranker *ranker, ext_error *error);
/* Goes to the first row of a lane; false: it has none. */
bool ext_ranker_first_of_lane(ext_ranker *ranker, int32_t lane);

/* ---- what SQL sees, each in its file ---- */

int ext_module_register(ext_connection *connection, ext_error *error);
extern const ext_table_function ext_relation; /* SELECT FROM m */
extern const ext_table_function ext_recommend, ext_similar, ext_explain;
extern const ext_function ext_score_functions[], ext_state_functions[];

#endif
