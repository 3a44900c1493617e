/*
 * ext_relation.c - SELECT FROM m; see ext_int.h.
 *
 * 1. m(session, rank, item, score), hidden basis, exclude_seen, candidates, is the
 *    ranking of all items for every session of the source, from its events in the
 *    product's order. Rows are found as they are asked for.
 * 2. Pushed down: session =, and an upper bound of rank as a reason to stop early.
 *    SQLite checks both again, so what is pushed down may be a superset. LIMIT and
 *    OFFSET stay SQLite's.
 */
#include "ext_int.h"

#include <string.h>

enum { SESSION, RANK, ITEM, SCORE, BASIS, FIRST_ARGUMENT };
enum { EXCLUDE_SEEN, CANDIDATES, N_ARGUMENTS };

/* idxNum: a bit for each argument, then */
enum {
    PLAN_SESSION = 1 << N_ARGUMENTS,
    PLAN_MOST = PLAN_SESSION << 1, /* rank <= */
    PLAN_BELOW = PLAN_MOST << 1    /* rank < */
};

typedef struct relation_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    ext_ranker ranker;
    bool is_open; /* the ranker is */
    bool is_eof;
    sqlite3_stmt *
        events; /* (session, item, time) in order; on the first row of the next session */
    sqlite3_value *session;
    uint64_t hash; /* of the arguments and the session */

} relation_cursor;

/* ---- plan ---- */

/* Uses up a constraint as the next argument; SQLite checks it again. */
static void use(sqlite3_index_info *info, int constraint, int *n_argv, int plan)
{
    info->aConstraintUsage[constraint].argvIndex = ++*n_argv;
    info->idxNum |= plan;
}

static void plan_constraints(sqlite3_index_info *info, int *n_argv)
{
    const int bounds = PLAN_MOST | PLAN_BELOW;
    for (int i = 0; i < info->nConstraint; i++) {
        const int column = info->aConstraint[i].iColumn, op = info->aConstraint[i].op;
        if (info->aConstraint[i].usable && column == SESSION &&
            op == SQLITE_INDEX_CONSTRAINT_EQ && !(info->idxNum & PLAN_SESSION) &&
            sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0)
            use(info, i, n_argv, PLAN_SESSION);
    }
    for (int i = 0; i < info->nConstraint; i++) {
        const int column = info->aConstraint[i].iColumn, op = info->aConstraint[i].op;
        if (!info->aConstraint[i].usable || column != RANK || (info->idxNum & bounds))
            continue;
        if (op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_EQ)
            use(info, i, n_argv, PLAN_MOST);
        else if (op == SQLITE_INDEX_CONSTRAINT_LT)
            use(info, i, n_argv, PLAN_BELOW);
    }
}

/* Sessions ascend, and ranks in each; of one session, scores fall. */
static bool is_row_order(const sqlite3_index_info *info)
{
    bool is_one = (info->idxNum & PLAN_SESSION) != 0;
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
    plan_constraints(info, &n_argv);
    bool is_one = (info->idxNum & PLAN_SESSION) != 0;
    bool is_bounded = (info->idxNum & (PLAN_MOST | PLAN_BELOW)) != 0;
    sqlite3_int64 rows = is_bounded ? 20 : 10000;
    info->estimatedRows = is_one ? rows : rows * 10000;
    info->estimatedCost = (is_one ? 1e6 : 1e10) + (double)info->estimatedRows;
    info->orderByConsumed = is_row_order(info);
    return SQLITE_OK;
}

/* ---- rows ---- */

int ext_relation_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(relation_cursor), out);
}

static void stop(relation_cursor *cursor)
{
    if (cursor->is_open)
        ext_ranker_close(&cursor->ranker);
    sqlite3_finalize(cursor->events);
    sqlite3_value_free(cursor->session);
    cursor->is_open = false;
    cursor->events = NULL;
    cursor->session = NULL;
    cursor->is_eof = true;
}

int ext_relation_close(sqlite3_vtab_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    stop(cursor);
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static bool is_same_session(const gru4rec_id *a, const gru4rec_id *b)
{
    bool is_text = a->type == GRU4REC_ID_TEXT || a->type == GRU4REC_ID_BLOB;
    if (a->type == GRU4REC_ID_INTEGER && b->type == GRU4REC_ID_REAL)
        return (double)a->integer == b->real;
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
 * and the first row behind it. Needs a row; *has_more out.
 */
static int read_session(relation_cursor *cursor, ext_rows *history, bool *has_more,
                        ext_error *error)
{
    sqlite3 *db = sqlite3_db_handle(cursor->events);
    gru4rec_id session, next, item;
    const double gap = cursor->ranker.model->options.session_gap;
    double last_time = sqlite3_column_double(cursor->events, 2);
    int rc = SQLITE_ROW;
    sqlite3_value_free(cursor->session);
    cursor->session = sqlite3_value_dup(sqlite3_column_value(cursor->events, 0));
    if (cursor->session == NULL || !ext_value_id(cursor->session, &session))
        return ext_fail_nomem(error);
    cursor->hash = ext_hash_value(EXT_HASH_START, cursor->session);
    for (int i = 0; i < N_ARGUMENTS; i++)
        cursor->hash = ext_hash_value(cursor->hash, cursor->arguments[i]);

    while (rc == SQLITE_ROW && ext_column_id(cursor->events, 0, &next) &&
           is_same_session(&session, &next)) {
        double time = sqlite3_column_double(cursor->events, 2);
        if (gap > 0 && time - last_time > gap)
            history->n = 0; /* a pause: the session before it is over */
        last_time = time;
        if (ext_column_id(cursor->events, 1, &item)) {
            int32_t row = gru4rec_items_find(cursor->ranker.model->items, &item);
            if (row >= 0 && ext_rows_add(history, row, error) != SQLITE_OK)
                return error->rc;
        }
        rc = sqlite3_step(cursor->events);
    }
    *has_more = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return ext_fail_db(error, db, "reading the events");
    return SQLITE_OK;
}

/* Goes to the first row of the next session that has one. */
static int start_session(relation_cursor *cursor, ext_error *error)
{
    int rc = SQLITE_OK;
    cursor->is_eof = true;
    while (rc == SQLITE_OK && cursor->is_eof && cursor->events != NULL) {
        ext_rows history = {0};
        bool has_more = false;
        rc = read_session(cursor, &history, &has_more, error);
        if (rc == SQLITE_OK)
            cursor->is_eof = !ext_ranker_start(&cursor->ranker, &history);
        ext_rows_free(&history);
        if (!has_more) {
            sqlite3_finalize(cursor->events);
            cursor->events = NULL;
        }
    }
    return rc;
}

/* The rank that rows need not go beyond. What is no number bounds nothing: SQLite
 * decides. */
static int64_t most_ranks(sqlite3_value *bound, int plan)
{
    double limit;
    switch (sqlite3_value_type(bound)) {
    case SQLITE_NULL:
        return 0;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        limit = sqlite3_value_double(bound);
        break;
    default:
        return INT64_MAX;
    }
    if (limit < 0)
        return 0;
    if (limit >= 9e15)
        return INT64_MAX;
    int64_t most = (int64_t)limit; /* of ranks <= limit */
    return (plan & PLAN_BELOW) && (double)most == limit && most > 0 ? most - 1 : most;
}

static int start(relation_cursor *cursor, ext_table *table, int plan,
                 sqlite3_value **argv, ext_error *error)
{
    sqlite3 *db = table->connection->db;
    ext_columns none = {0};
    ext_config config;
    ext_source source = {0};
    ext_model *model;
    int rc = ext_store_config(db, table->schema, table->name, &config, error);
    if (rc == SQLITE_OK)
        rc = ext_model_acquire(table->connection, table->schema, table->name, &model,
                               error);
    if (rc == SQLITE_OK) {
        rc = ext_ranker_open(&cursor->ranker, db, model, cursor->arguments[EXCLUDE_SEEN],
                             cursor->arguments[CANDIDATES], error);
        cursor->is_open = rc == SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = ext_store_source(db, table->schema, table->name, &config, NULL, &none,
                              &source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_histories(db, &source, (plan & PLAN_SESSION) != 0,
                                  &cursor->events, error);
    ext_source_close(&source);
    ext_config_free(&config);
    if (rc != SQLITE_OK)
        return rc;
    if (plan & PLAN_SESSION)
        sqlite3_bind_value(cursor->events, 1, *argv++);
    if (plan & (PLAN_MOST | PLAN_BELOW))
        cursor->ranker.most = most_ranks(*argv, plan);
    rc = sqlite3_step(cursor->events);
    if (rc == SQLITE_ROW)
        return start_session(cursor, error);
    return rc == SQLITE_DONE ? SQLITE_OK : ext_fail_db(error, db, "reading the events");
}

int ext_relation_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                        sqlite3_value **argv)
{
    relation_cursor *cursor = (relation_cursor *)base;
    ext_error error = {0};
    int n_kept = 0;
    (void)text;
    (void)argc;
    stop(cursor);

    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, plan, argv) != SQLITE_OK)
        return SQLITE_NOMEM;
    for (int i = 0; i < N_ARGUMENTS; i++)
        n_kept += (plan >> i) & 1;
    start(cursor, (ext_table *)base->pVtab, plan, argv + n_kept, &error);
    return ext_error_vtab(&error, base->pVtab);
}

int ext_relation_next(sqlite3_vtab_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    ext_error error = {0};

    if (!ext_ranker_next(&cursor->ranker))
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
    gru4rec_id id;
    switch (i) {
    case SESSION:
        sqlite3_result_value(context, cursor->session);
        break;
    case RANK:
        sqlite3_result_int64(context, ranker->rank);
        break;
    case ITEM:
        gru4rec_items_get(ranker->model->items, ranker->row, &id);
        ext_result_id(context, &id);
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
