/*
 * ext_serve.h - what the files that serve share, beside ext_int.h.
 *
 * A table of rankings plans its constraints (ext_plan_ranking), opens a ranker, walks a
 * history and reads rows in rank order. Whatever is pushed down SQLite checks again, so
 * it may be a superset.
 */
#ifndef EXT_SERVE_H
#define EXT_SERVE_H

#include "../base/ext_base.h"

/* ---- ext_history.c ---- */

/* What a session has seen of the items that the model knows, oldest first. */
typedef struct ext_history {
    ext_rows rows;       /* with a state the last ones */
    ext_rows positions;  /* of the rows among all items that were given, from 1 */
    gru4rec_real *state; /* where the network stood after them, or NULL; owned */
} ext_history;

/* A session's state as a BLOB, layout in ext_history.c; all borrowed. */
typedef struct ext_blob {
    const unsigned char *run;    /* (16) of the model that made it */
    bool is_started;             /* the network has seen an item */
    const unsigned char *values; /* (n_values) float32, little-endian */
    size_t n_values;
    const unsigned char *items; /* the session's last ones, coded */
    size_t n_items_bytes;
    int n_items;
} ext_blob;

enum { EXT_STATE_ITEMS = 32 };

/* False for what is no state of a session, or a damaged one. */
bool ext_blob_read(ext_blob *blob, const unsigned char *bytes, size_t n);
/* The BLOB, of sqlite3_malloc; NULL when memory is short. */
unsigned char *ext_blob_write(const ext_blob *blob, size_t *n);
/* The next coded item, which moves *at on. */
void ext_blob_item(const unsigned char **at, gru4rec_id *id);
/* Bytes that an item takes coded, and the coding. */
size_t ext_blob_item_bytes(const gru4rec_id *id);
void ext_blob_item_write(unsigned char *at, const gru4rec_id *id);
/* Did that very model make it? */
bool ext_blob_is_of(const ext_blob *blob, const ext_model *model);

/* value: a JSON array of ids, one id, or a state; NULL: nothing. */
int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error);
void ext_history_free(ext_history *history);
bool ext_history_is_empty(const ext_history *history);
/* Brings the session there, from the zero state. */
int ext_history_walk(const ext_history *history, sqlite3 *db, const ext_model *model,
                     gru4rec_session *session, ext_error *error);

/*
 * The model of a scalar function's first argument: once for a statement where that is a
 * constant. Held: release it.
 */
int ext_function_model(sqlite3_context *context, sqlite3_value *value, ext_model **model,
                       ext_error *error);

/* ---- ext_ranker.c ---- */

/* What of a ranking is asked for: columns, and the bit of idxNum from which on it is. */
typedef struct ext_plan {
    int rank, item;
    int first_bit;
} ext_plan;

/* Plans upper bounds of the rank and item = or IN; moves *n_argv on. */
void ext_plan_ranking(const ext_plan *plan, sqlite3_index_info *info, int *n_argv);
/* May the constraint be pushed down beside the arguments that are planned? */
bool ext_plan_may_use(const ext_plan *plan, sqlite3_index_info *info, int constraint);
bool ext_plan_is_bounded(const ext_plan *plan, int idx_num);
bool ext_plan_has_items(const ext_plan *plan, int idx_num);
/* Rows and cost of one ranking; needed, short: bits of its arguments. */
void ext_plan_estimate(const ext_plan *plan, sqlite3_index_info *info, int needed,
                       int short_list);
/* Is that the order in which rows come: ranks ascend, and what they rank by falls? */
bool ext_plan_is_in_order(const sqlite3_index_info *info, int rank, int score);

/* The ranking of the items after one history, row by row. */
typedef struct ext_ranker {
    ext_connection *connection;
    ext_workspace workspace;
    bool is_seen_excluded;
    bool has_candidates, has_wanted;
    ext_rows candidates; /* ascending, distinct, as the others */
    ext_rows wanted;     /* the items that are asked for */
    ext_rows seen;       /* those of the history, where they are excluded */
    bool is_rank_unused; /* rank is what comes, counted among the wanted only */
    size_t n_found;      /* wanted ones that have come */
    int64_t rank;        /* of the current row, from 1 */
    int64_t most;        /* ranks beyond are not asked for */
    int32_t row;
    double score;
    const char *basis;
} ext_ranker;

/* exclude_seen and candidates: the SQL arguments, or NULL. Takes over model, also on
 * error. */
int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    sqlite3_value *exclude_seen, sqlite3_value *candidates,
                    ext_error *error);
void ext_ranker_close(ext_ranker *ranker);
/* The argument k, the last rank; NULL or negative: all. */
int ext_ranker_take_k(ext_ranker *ranker, sqlite3_value *k, ext_error *error);
/* Takes what ext_plan_ranking() planned from *argv, which moves on. */
int ext_ranker_take_plan(ext_ranker *ranker, const ext_plan *plan, int idx_num,
                         sqlite3_value ***argv, ext_error *error);
/* Brings the session and the seen items to the history. */
int ext_ranker_walk(ext_ranker *ranker, const ext_history *history, ext_error *error);
/* Then: goes to the first row; false when there is none. */
bool ext_ranker_start(ext_ranker *ranker, const ext_history *history);
/* In place of both, for a ranking by similarity to the item of a row. */
bool ext_ranker_start_similar(ext_ranker *ranker, int32_t row);
bool ext_ranker_next(ext_ranker *ranker);
/* May many sessions be ranked at once by gru4rec_batch, and how many items of each? */
int32_t ext_ranker_batch(const ext_ranker *ranker);
/* The value of the current row's item. */
void ext_ranker_result_item(const ext_ranker *ranker, sqlite3_context *context);

/* ---- ext_relation.c: the methods of SELECT FROM m ---- */

int ext_relation_best_index(sqlite3_vtab *base, sqlite3_index_info *info);
int ext_relation_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out);
int ext_relation_close(sqlite3_vtab_cursor *base);
int ext_relation_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                        sqlite3_value **argv);
int ext_relation_next(sqlite3_vtab_cursor *base);
int ext_relation_eof(sqlite3_vtab_cursor *base);
int ext_relation_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i);
int ext_relation_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id);

#endif
