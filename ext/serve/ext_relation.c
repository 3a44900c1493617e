/*
 * ext_relation.c - SELECT FROM m; see ext_serve.h.
 *
 * 1. m(session, rank, item, score), hidden basis, exclude_seen, candidates, is the
 *    ranking of all items for every session of the source, from its events in the
 *    product's order. Rows are found as they are asked for.
 * 2. Pushed down: session = and IN, upper bounds of rank, item = and IN. SQLite checks
 *    them again, so what is pushed down may be a superset. LIMIT and OFFSET stay
 *    SQLite's.
 * 3. Where only so many ranks of all sessions are asked for, sessions are read ahead and
 *    ranked together (gru4rec_batch): one at first, then twice as many each time.
 */
#include "ext_serve.h"

#include <string.h>

enum { SESSION, RANK, ITEM, SCORE, BASIS, FIRST_ARGUMENT };
enum { EXCLUDE_SEEN, CANDIDATES, N_ARGUMENTS };

/* idxNum: a bit for each argument, then */
enum {
    PLAN_SESSION = 1 << N_ARGUMENTS,
    PLAN_SESSIONS = PLAN_SESSION << 1, /* IN */
    PLAN_ONE = PLAN_SESSION << 2       /* the order is right for one session only */
};

static const ext_plan plan = {RANK, ITEM, N_ARGUMENTS + 3};

/* A session that was read ahead. */
typedef struct waiting {
    sqlite3_value *session;
    ext_history history;
    ext_rows seen; /* as the ranker's */
    int32_t lane;  /* of the batch; -1: ranked by itself */
} waiting;

typedef struct relation_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    ext_ranker ranker;
    bool is_open; /* the ranker is */
    bool is_eof;
    sqlite3_stmt *events; /* (session, item, time) in order; on the first row of the
                             next session */
    bool is_single;       /* they are of one session: */
    sqlite3_stmt *single; /* what read those of the one before, to be used again */
    int value_type;       /* of the value it asked for */
    gru4rec_batch *batch; /* NULL: one session after another */
    waiting *queue;       /* (capacity) sessions that were read */
    int32_t capacity, n_queue;
    int32_t current; /* in the queue */
    int32_t n_ahead; /* sessions to read the next time */
    bool is_one;     /* a second session would come out of order */
    uint64_t hash;   /* of the arguments and the session */
} relation_cursor;

/* ---- plan ---- */

static void plan_session(sqlite3_index_info *info, int *n_argv)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == SESSION &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ &&
            !(info->idxNum & PLAN_SESSION) && ext_plan_may_use(&plan, info, i) &&
            sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0) {
            info->aConstraintUsage[i].argvIndex = ++*n_argv;
            info->idxNum |= PLAN_SESSION;
            if (sqlite3_vtab_in(info, i, 1)) /* all values at once */
                info->idxNum |= PLAN_SESSIONS;
        }
}

/* Sessions ascend, and ranks in each; of one session, scores fall. */
static bool is_row_order(const sqlite3_index_info *info, bool is_one)
{
    int i = 0;
    if (info->nOrderBy > 0 && info->aOrderBy[0].iColumn == SESSION &&
        (is_one || !info->aOrderBy[0].desc)) {
        i++;
        is_one = true;
    }
    if (i < info->nOrderBy && is_one &&
        ((info->aOrderBy[i].iColumn == RANK && !info->aOrderBy[i].desc) ||
         (info->aOrderBy[i].iColumn == SCORE && info->aOrderBy[i].desc)))
        i++;
    return info->nOrderBy > 0 && i == info->nOrderBy;
}

int ext_relation_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    info->idxNum = 0;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    if (rc != SQLITE_OK)
        return rc;
    plan_session(info, &n_argv);
    ext_plan_ranking(&plan, info, &n_argv);
    bool is_one = (info->idxNum & (PLAN_SESSION | PLAN_SESSIONS)) == PLAN_SESSION;
    bool is_bounded = ext_plan_is_bounded(&plan, info->idxNum);
    bool has_items = ext_plan_has_items(&plan, info->idxNum);
    sqlite3_int64 rows = has_items ? 1 : is_bounded ? 20 : 10000;
    info->estimatedRows = is_one ? rows : rows * 10000;
    info->estimatedCost = (is_one ? 1e6 : 1e10) + (double)info->estimatedRows;
    info->orderByConsumed = is_row_order(info, is_one);
    if (info->orderByConsumed && !is_row_order(info, false))
        info->idxNum |= PLAN_ONE;
    return SQLITE_OK;
}

/* ---- rows ---- */

int ext_relation_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(relation_cursor), out);
}

static void clear_queue(relation_cursor *cursor)
{
    for (int32_t i = 0; i < cursor->n_queue; i++) {
        sqlite3_value_free(cursor->queue[i].session);
        ext_history_free(&cursor->queue[i].history);
        ext_rows_free(&cursor->queue[i].seen);
    }
    cursor->n_queue = 0;
    cursor->current = 0;
}

/* A join asks for one session after another: their statement is kept. */
static void close_events(relation_cursor *cursor)
{
    sqlite3_reset(cursor->events);
    if (cursor->is_single && cursor->single == NULL)
        cursor->single = cursor->events;
    else
        sqlite3_finalize(cursor->events);
    cursor->events = NULL;
}

static void stop(relation_cursor *cursor)
{
    clear_queue(cursor);
    sqlite3_free(cursor->queue);
    gru4rec_batch_free(cursor->batch);
    if (cursor->is_open)
        ext_ranker_close(&cursor->ranker);
    close_events(cursor);
    cursor->queue = NULL;
    cursor->batch = NULL;
    cursor->is_open = false;
    cursor->is_eof = true;
}

int ext_relation_close(sqlite3_vtab_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    stop(cursor);
    sqlite3_finalize(cursor->single);
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static bool is_same_session(const gru4rec_id *a, const gru4rec_id *b)
{
    bool is_text = a->type == GRU4REC_ID_TEXT || a->type == GRU4REC_ID_BLOB;
    if (a->type == GRU4REC_ID_INTEGER && b->type == GRU4REC_ID_REAL) /* exactly */
        return b->real >= -0x1p63 && b->real < 0x1p63 && (double)a->integer == b->real &&
               (int64_t)b->real == a->integer;
    if (a->type == GRU4REC_ID_REAL && b->type == GRU4REC_ID_INTEGER)
        return is_same_session(b, a);
    if (a->type != b->type)
        return false;
    if (is_text)
        return a->n_bytes == b->n_bytes &&
               (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
    return a->type == GRU4REC_ID_INTEGER ? a->integer == b->integer : a->real == b->real;
}

/*
 * Reads one session's items, of its last part where the model cuts sessions at pauses,
 * and the first row behind it. Needs a row; drops the statement behind the last.
 */
static int read_session(relation_cursor *cursor, waiting *next, ext_error *error)
{
    sqlite3 *db = sqlite3_db_handle(cursor->events);
    const ext_model *model = cursor->ranker.workspace.model;
    gru4rec_id session, other, item;
    double last_time = sqlite3_column_double(cursor->events, 2);
    int rc = SQLITE_ROW;
    next->session = sqlite3_value_dup(sqlite3_column_value(cursor->events, 0));
    if (next->session == NULL || !ext_value_id(next->session, &session))
        return ext_fail_nomem(error);
    while (rc == SQLITE_ROW && ext_column_id(cursor->events, 0, &other) &&
           is_same_session(&session, &other)) {
        double time = sqlite3_column_double(cursor->events, 2);
        if (model->options.session_gap > 0 &&
            time - last_time > model->options.session_gap)
            next->history.rows.n = 0; /* a pause: the session before it is over */
        last_time = time;
        if (ext_column_id(cursor->events, 1, &item)) {
            int32_t row = gru4rec_items_find(model->items, &item);
            if (row >= 0 && ext_rows_add(&next->history.rows, row, error) != SQLITE_OK)
                return error->rc;
        }
        rc = sqlite3_step(cursor->events);
    }
    if (rc == SQLITE_ROW)
        return SQLITE_OK;
    if (rc != SQLITE_DONE)
        return ext_fail_db(error, db, "reading the events");
    close_events(cursor);
    return SQLITE_OK;
}

/* Puts the session where the walk has brought it into the batch. */
static void add_to_batch(relation_cursor *cursor, waiting *next)
{
    ext_ranker *ranker = &cursor->ranker;
    next->lane = -1;
    if (cursor->batch == NULL || ext_history_is_empty(&next->history))
        return;
    next->seen = ranker->seen; /* which the batch borrows */
    memset(&ranker->seen, 0, sizeof ranker->seen);
    next->lane = gru4rec_batch_add(cursor->batch, ranker->workspace.session,
                                   next->seen.rows, next->seen.n);
}

static bool is_stopped(void *poll)
{
    return ext_poll_check(poll);
}

static int score_batch(relation_cursor *cursor, ext_error *error)
{
    ext_poll poll;
    ext_poll_start(&poll, cursor->ranker.connection->db);
    bool is_done = gru4rec_batch_score(cursor->batch, is_stopped, &poll);
    ext_poll_stop(&poll);
    return is_done ? SQLITE_OK : ext_fail(error, SQLITE_INTERRUPT, "interrupted");
}

/* Reads the next sessions into the queue, and ranks them together. */
static int fill_queue(relation_cursor *cursor, ext_error *error)
{
    int rc = SQLITE_OK;
    clear_queue(cursor);
    while (rc == SQLITE_OK && cursor->events != NULL &&
           cursor->n_queue < cursor->n_ahead) {
        waiting *next = &cursor->queue[cursor->n_queue++];
        memset(next, 0, sizeof *next);
        rc = read_session(cursor, next, error);
        if (rc == SQLITE_OK && cursor->batch != NULL)
            rc = ext_ranker_walk(&cursor->ranker, &next->history, error);
        if (rc == SQLITE_OK)
            add_to_batch(cursor, next);
    }
    if (rc == SQLITE_OK && cursor->batch != NULL)
        rc = score_batch(cursor, error);
    cursor->n_ahead =
        2 * cursor->n_ahead < cursor->capacity ? 2 * cursor->n_ahead : cursor->capacity;
    return rc;
}

/* The session's next row. */
static bool next_row(relation_cursor *cursor)
{
    ext_ranker *ranker = &cursor->ranker;
    gru4rec_real score;
    const int32_t lane = cursor->queue[cursor->current].lane;
    if (lane < 0)
        return ext_ranker_next(ranker);
    if (!gru4rec_batch_get(cursor->batch, lane, ranker->rank, &ranker->row, &score))
        return false;
    ranker->rank++;
    ranker->score = (double)score;
    return true;
}

/* The first row of the session that is current; false in *is_row when it has none. */
static int first_row(relation_cursor *cursor, bool *is_row, ext_error *error)
{
    ext_ranker *ranker = &cursor->ranker;
    const waiting *now = &cursor->queue[cursor->current];
    int rc = SQLITE_OK;
    cursor->hash = ext_hash_value(EXT_HASH_START, now->session);
    for (int i = 0; i < N_ARGUMENTS; i++)
        cursor->hash = ext_hash_value(cursor->hash, cursor->arguments[i]);
    if (now->lane >= 0) {
        ranker->basis = "session";
        ranker->rank = 0;
        *is_row = next_row(cursor);
    } else {
        rc = ext_ranker_walk(ranker, &now->history, error);
        *is_row = rc == SQLITE_OK && ext_ranker_start(ranker, &now->history);
    }
    return rc;
}

/* Rows come in order for one session: with the next one they would not. */
static int check_one(const relation_cursor *cursor, ext_error *error)
{
    return cursor->is_one && cursor->n_queue > 0
               ? ext_fail(error, SQLITE_ERROR,
                          "a number may equal several sessions that are text, as '3' and "
                          "'03'; compare with CAST(... AS TEXT)")
               : SQLITE_OK;
}

/* Goes to the first row of the next session that has one. */
static int start_session(relation_cursor *cursor, ext_error *error)
{
    int rc = SQLITE_OK;
    bool is_row = false;
    cursor->current++;
    while (rc == SQLITE_OK && !is_row) {
        if (cursor->current >= cursor->n_queue) {
            if (cursor->events == NULL)
                break;
            rc = check_one(cursor, error);
            if (rc == SQLITE_OK)
                rc = fill_queue(cursor, error);
        }
        if (rc == SQLITE_OK)
            rc = first_row(cursor, &is_row, error);
        if (rc == SQLITE_OK && !is_row)
            cursor->current++;
    }
    cursor->is_eof = !is_row;
    return rc;
}

/* A queue of one, or of as many as are ranked together. */
static int make_queue(relation_cursor *cursor, int idx_num, ext_error *error)
{
    const int32_t k = ext_ranker_batch(&cursor->ranker);
    cursor->capacity = 1;
    const bool is_one = (idx_num & (PLAN_SESSION | PLAN_SESSIONS)) == PLAN_SESSION;
    if (k > 0 && !is_one) {
        if (gru4rec_batch_new(&ext_allocator, cursor->ranker.workspace.model->model, k,
                              &cursor->batch) != GRU4REC_OK)
            return ext_fail_nomem(error);
        cursor->capacity = gru4rec_batch_lanes(cursor->batch);
    }
    cursor->n_ahead = 1;
    cursor->queue =
        sqlite3_malloc64((sqlite3_uint64)cursor->capacity * sizeof *cursor->queue);
    return cursor->queue != NULL ? SQLITE_OK : ext_fail_nomem(error);
}

/* wanted: the sessions that are asked for, or NULL. */
static int open_events(relation_cursor *cursor, ext_table *table,
                       const ext_sessions *wanted, ext_error *error)
{
    sqlite3 *db = table->connection->db;
    ext_columns none = {0};
    ext_config config;
    ext_source source = {0};
    const bool is_single = wanted != NULL && wanted->n == 1;
    if (is_single && cursor->single != NULL &&
        cursor->value_type == sqlite3_value_type(wanted->values[0])) {
        cursor->events = cursor->single;
        cursor->single = NULL;
        return sqlite3_bind_value(cursor->events, 1, wanted->values[0]) == SQLITE_OK
                   ? SQLITE_OK
                   : ext_fail_db(error, db, NULL);
    }
    sqlite3_finalize(cursor->single); /* it compares values of another type */
    cursor->single = NULL;
    cursor->is_single = is_single;
    cursor->value_type = is_single ? sqlite3_value_type(wanted->values[0]) : SQLITE_NULL;
    int rc = ext_store_config(db, table->schema, table->name, &config, error);
    if (rc == SQLITE_OK)
        rc = ext_store_source(db, table->schema, table->name, &config, NULL, &none,
                              &source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_histories(db, &source, wanted, &cursor->events, error);
    ext_source_close(&source);
    ext_config_free(&config);
    return rc;
}

static int open_ranker(relation_cursor *cursor, ext_table *table, ext_error *error)
{
    ext_model *model;
    int rc =
        ext_model_acquire(table->connection, table->schema, table->name, &model, error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_open(&cursor->ranker, table->connection, model,
                             cursor->arguments[EXCLUDE_SEEN],
                             cursor->arguments[CANDIDATES], error);
    cursor->is_open = rc == SQLITE_OK;
    return rc;
}

static int take_sessions(ext_sessions *wanted, sqlite3_value *argument, bool is_list,
                         ext_error *error)
{
    sqlite3_value *value = argument;
    int rc = is_list ? sqlite3_vtab_in_first(argument, &value) : SQLITE_OK;
    while (rc == SQLITE_OK && value != NULL) {
        rc = ext_sessions_add(wanted, value, error);
        if (rc == SQLITE_OK && is_list)
            rc = sqlite3_vtab_in_next(argument, &value);
        else
            value = NULL;
    }
    return rc == SQLITE_DONE || rc == SQLITE_OK ? SQLITE_OK
                                                : ext_fail(error, rc, "reading an IN");
}

/* argv: what is planned behind the arguments. */
static int start(relation_cursor *cursor, ext_table *table, int idx_num,
                 sqlite3_value **argv, ext_error *error)
{
    const bool is_picked = (idx_num & PLAN_SESSION) != 0;
    ext_sessions wanted = {0};
    cursor->is_one = (idx_num & PLAN_ONE) != 0;
    int rc = open_ranker(cursor, table, error);
    if (rc == SQLITE_OK && is_picked)
        rc = take_sessions(&wanted, *argv++, (idx_num & PLAN_SESSIONS) != 0, error);
    if (rc == SQLITE_OK)
        rc = open_events(cursor, table, is_picked ? &wanted : NULL, error);
    ext_sessions_free(&wanted);
    if (rc == SQLITE_OK)
        rc = ext_ranker_take_plan(&cursor->ranker, &plan, idx_num, &argv, error);
    if (rc == SQLITE_OK)
        rc = make_queue(cursor, idx_num, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(cursor->events);
    if (rc == SQLITE_ROW)
        return start_session(cursor, error);
    return rc == SQLITE_DONE
               ? SQLITE_OK
               : ext_fail_db(error, table->connection->db, "reading the events");
}

int ext_relation_filter(sqlite3_vtab_cursor *base, int idx_num, const char *text,
                        int argc, sqlite3_value **argv)
{
    relation_cursor *cursor = (relation_cursor *)base;
    ext_error error = {0};
    (void)text;
    (void)argc;
    stop(cursor);

    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, &argv, idx_num) != SQLITE_OK)
        return SQLITE_NOMEM;
    start(cursor, (ext_table *)base->pVtab, idx_num, argv, &error);
    return ext_error_vtab(&error, base->pVtab);
}

int ext_relation_next(sqlite3_vtab_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    ext_error error = {0};

    if (!next_row(cursor))
        start_session(cursor, &error);
    return ext_error_vtab(&error, base->pVtab);
}

int ext_relation_eof(sqlite3_vtab_cursor *base)
{
    return ((relation_cursor *)base)->is_eof;
}

int ext_relation_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const relation_cursor *cursor = (relation_cursor *)base;
    const ext_ranker *ranker = &cursor->ranker;
    switch (i) {
    case SESSION:
        sqlite3_result_value(context, cursor->queue[cursor->current].session);
        break;
    case RANK:
        sqlite3_result_int64(context, ranker->rank);
        break;
    case ITEM:
        ext_ranker_result_item(ranker, context);
        break;
    case SCORE:
        sqlite3_result_double(context, ranker->score);
        break;
    case BASIS:
        sqlite3_result_text(context, ranker->basis, -1, SQLITE_STATIC);
        break;
    default:
        ext_result_argument(context, cursor->arguments[i - FIRST_ARGUMENT]);
        break;
    }
    return SQLITE_OK;
}

int ext_relation_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const relation_cursor *cursor = (relation_cursor *)base;
    *id = ext_rowid(cursor->hash, cursor->ranker.row);

    return SQLITE_OK;
}
