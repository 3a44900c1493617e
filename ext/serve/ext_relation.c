/*
 * ext_relation.c - SELECT FROM m, where m is a model's table; see ext_serve.h.
 *
 * 1. m(session, rank, item, score), with the hidden columns basis, exclude_seen,
 *    candidates and version, has the ranking of all items for every session of the
 *    source. The events of a session are its history, in the order that training uses.
 *    Each row is computed when SQLite asks for it.
 * 2. These constraints are pushed down: session = and IN, upper bounds of rank, item =
 *    and IN. SQLite tests them again on each row, so a scan may return a superset. SQLite
 *    itself applies LIMIT and OFFSET.
 * 3. A statement that writes reads its sessions from a copy, so that it does not read
 *    events that it wrote itself. SQLite may scan the table several times for one place
 *    of the statement: for OR, UNION ALL and joins. Such scans share a copy if they read
 *    the same sessions. But a scan that begins while another scan stands on a row belongs
 *    to another place, as the body of a trigger, which must see what was written. It gets
 *    copies of its own.
 * 4. If the query bounds the rank, several sessions are read ahead and ranked together:
 *    one at first, then twice as many each time.
 */
#include "ext_serve.h"

#include <string.h>

enum { SESSION, RANK, ITEM, SCORE, BASIS, N_COLUMNS };
enum { EXCLUDE_SEEN, CANDIDATES, VERSION, N_ARGUMENTS };

/* Bits of idxNum in the plan of a model's table, besides those of ext_plan.c. */
enum {
    PLAN_SESSION = EXT_PLAN_OWN,       /* argv has the value of session = or IN */
    PLAN_SESSIONS = EXT_PLAN_OWN << 1, /* that value is the whole list of an IN */
    /* SQLite does not sort, because there is one session: a second one is an error. */
    PLAN_ONE = EXT_PLAN_OWN << 2
};

/*
 * An entry of the queue: a session that was read ahead, and the lane of its ranking.
 * session and history are owned; the ranker's batch borrows the history until it is
 * scored.
 */
typedef struct waiting {
    sqlite3_value *session;
    ext_history history;
    int32_t lane; /* lane of the ranker's batch; -1: ranked without a batch */
} waiting;

typedef struct relation_cursor {
    /*
     * The frame sets ranking.cursor.hash to that of the arguments; here it becomes the
     * hash of session and arguments for each session.
     */
    ext_ranker_cursor ranking;
    uint64_t arguments_hash; /* hash of the arguments alone, kept for the next session */
    ext_histories histories; /* reads sessions from the source or from a copy */
    /* Option keep_empty of the version for which the source was read last. */
    bool keeps_empty;
    /*
     * (capacity) The first n_queue entries are sessions that were read ahead; current is
     * the index of the one whose rows are returned now. NULL: no scan is open.
     */
    waiting *queue;
    int32_t capacity, n_queue, current;
    int32_t n_ahead; /* number of sessions to read ahead the next time */
    bool is_one;     /* the plan has PLAN_ONE: a second session is an error */
    bool was_on_row; /* the last scan was stopped before it came to its end */
    /*
     * Copies of sessions, for a statement that writes; the cursor is one of their users
     * until it is closed. NULL: none were needed yet.
     */
    ext_copies *copies;
} relation_cursor;

/* ---- plan ---- */

/* Tells whether the plan has the constraint session = value. False for session IN. */
static bool is_single(int idx_num)
{
    return (idx_num & (PLAN_SESSION | PLAN_SESSIONS)) == PLAN_SESSION;
}

/*
 * Tells whether the rows come in the order of the query's ORDER BY anyway; false if there
 * is none. Sessions come in ascending order. Within one session, ranks ascend and scores
 * descend. is_one: the scan has one session only, so any order of sessions is right.
 */
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

/*
 * Method plan, called from xBestIndex: pushes down the constraints on session, basis,
 * rank and item, estimates rows and cost, and tells SQLite not to sort if the rows come
 * in the order of ORDER BY. Sets PLAN_ONE if they do so only because there is one
 * session.
 */
static void plan(ext_table_plan *plan)
{
    sqlite3_index_info *info = plan->info;
    ext_plan_equality(plan, SESSION, "session", PLAN_SESSION, PLAN_SESSIONS);
    ext_plan_basis(plan, BASIS);
    ext_plan_ranking(plan, RANK);
    const bool is_one = is_single(info->idxNum);
    const sqlite3_int64 rows = ext_plan_rows(info, false);
    info->estimatedRows = is_one ? rows : rows * 10000;
    info->estimatedCost = (is_one ? 1e6 : 1e10) + (double)info->estimatedRows;
    info->orderByConsumed = is_row_order(info, is_one);
    if (info->orderByConsumed && !is_row_order(info, false))
        info->idxNum |= PLAN_ONE;
}

/* ---- the queue of sessions that were read ahead ---- */

/* Frees the sessions of the queue, and sets n_queue and current to 0. The array stays. */
static void clear_queue(relation_cursor *cursor)
{
    for (int32_t i = 0; i < cursor->n_queue; i++) {
        sqlite3_value_free(cursor->queue[i].session);
        ext_history_free(&cursor->queue[i].history);
    }
    cursor->n_queue = 0;
    cursor->current = 0;
}

/*
 * Allocates the queue, and sets capacity and n_ahead (to 1). Unless the query asks for
 * session = value, first opens the ranker's batch (ext_ranker_open_batch()). The queue
 * has room for as many sessions as the batch has lanes, or for one if there is no batch.
 */
static int make_queue(relation_cursor *cursor, int idx_num, ext_error *error)
{
    cursor->capacity = 1;
    cursor->n_ahead = 1;
    if (!is_single(idx_num) &&
        ext_ranker_open_batch(&cursor->ranking.ranker, &cursor->capacity, error) !=
            SQLITE_OK)
        return error->rc;
    cursor->queue =
        sqlite3_malloc64((sqlite3_uint64)cursor->capacity * sizeof *cursor->queue);
    return cursor->queue != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Empties the queue, reads the next sessions into it, n_ahead at most, and ranks them
 * together. Those that the batch does not take get lane -1, and are ranked later. Then
 * doubles n_ahead, to capacity at most. After an error the queue has the sessions that
 * were read.
 */
static int fill_queue(relation_cursor *cursor, ext_error *error)
{
    const ext_loaded *loaded = &cursor->ranking.ranker.workspace.model->loaded;
    int rc = SQLITE_OK;
    clear_queue(cursor);
    while (rc == SQLITE_OK && ext_histories_has_next(&cursor->histories) &&
           cursor->n_queue < cursor->n_ahead) {
        waiting *next = &cursor->queue[cursor->n_queue++];
        *next = (waiting){0};
        rc = ext_histories_next(&cursor->histories, loaded->items,
                                loaded->options.session_gap, &next->session,
                                &next->history.rows, error);
        if (rc == SQLITE_OK)
            rc = ext_ranker_add(&cursor->ranking.ranker, &next->history, &next->lane,
                                error);
    }
    if (rc == SQLITE_OK)
        rc = ext_ranker_score(&cursor->ranking.ranker, error);
    if (2 * cursor->n_ahead < cursor->capacity)
        cursor->n_ahead *= 2;
    else
        cursor->n_ahead = cursor->capacity;
    return rc;
}

/* ---- rows ---- */

/*
 * Tells whether the cursor has an open scan, and that scan stands on a row. A cursor has
 * a queue only while a scan is open: stop() frees it.
 */
static bool is_on_row(const relation_cursor *cursor)
{
    return cursor->queue != NULL && !cursor->ranking.cursor.is_eof;
}

/*
 * Method stop, which ends a scan: frees the queue, closes the ranker and stops the
 * reading of sessions. Keeps in was_on_row whether the scan stood on a row. The copies,
 * and a statement for one session that can be used again, stay for the next scan.
 */
static void stop(ext_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    cursor->was_on_row = is_on_row(cursor);
    clear_queue(cursor);
    sqlite3_free(cursor->queue);
    cursor->queue = NULL;
    ext_ranker_close(&cursor->ranking.ranker);
    ext_histories_stop(&cursor->histories);
}

/*
 * Method close, for a cursor that is not needed any more: closes its histories, with the
 * statement that was kept, and removes it as a user of its copies.
 */
static void close_cursor(ext_cursor *base)
{
    relation_cursor *cursor = (relation_cursor *)base;
    ext_histories_close(&cursor->histories);
    ext_copies_release(cursor->copies);
}

/*
 * Goes to the first row of the current session's ranking. A session with a lane is ranked
 * already; a session without one is ranked here. Sets ranking.cursor.hash to the hash of
 * the session and the arguments. *is_row: false if the ranking is empty.
 */
static int first_of_session(relation_cursor *cursor, bool *is_row, ext_error *error)
{
    const waiting *now = &cursor->queue[cursor->current];
    cursor->ranking.cursor.hash = ext_value_hash(cursor->arguments_hash, now->session);
    if (now->lane < 0)
        return ext_ranker_rank(&cursor->ranking.ranker, &now->history, is_row, error);
    *is_row = ext_ranker_first_of_lane(&cursor->ranking.ranker, now->lane);
    return SQLITE_OK;
}

/*
 * Checks, before the next session is read, that it may come. If the plan has PLAN_ONE and
 * a session was read already, it is SQLITE_ERROR, because the order that the plan
 * promised would not hold. There can be two sessions although the plan has session =
 * value: a number can equal several texts.
 */
static int check_one(const relation_cursor *cursor, ext_error *error)
{
    return cursor->is_one && cursor->n_queue > 0
               ? ext_error_set(error, SQLITE_ERROR,
                               "a number may equal several sessions that are text, "
                               "such as '3' and '03'; compare with CAST(... AS TEXT)")
               : SQLITE_OK;
}

/*
 * Goes to the first row of the first session that has rows, from the current session on.
 * When the queue is used up, checks (check_one()) and reads the next sessions. If no
 * session is left, sets is_eof.
 */
static int find_row(relation_cursor *cursor, ext_error *error)
{
    bool is_row = false;
    while (!is_row) {
        if (cursor->current == cursor->n_queue) {
            if (!ext_histories_has_next(&cursor->histories))
                break;
            if (check_one(cursor, error) != SQLITE_OK ||
                fill_queue(cursor, error) != SQLITE_OK)
                return error->rc;
        }
        if (first_of_session(cursor, &is_row, error) != SQLITE_OK)
            return error->rc;
        if (!is_row)
            cursor->current++;
    }
    ext_ranker_set_row(&cursor->ranking, is_row);
    return SQLITE_OK;
}

/*
 * Acquires the version that the argument version names (without it the active one), and
 * opens the cursor's ranker on it. argv: the values of the plan from the bound of rank
 * on.
 */
static int open_ranker(relation_cursor *cursor, int idx_num, sqlite3_value **argv,
                       ext_error *error)
{
    const ext_home *home = ext_table_home(&cursor->ranking.cursor);
    const ext_ranker_request request = {
        .exclude_seen = cursor->ranking.cursor.arguments[EXCLUDE_SEEN],
        .candidates = cursor->ranking.cursor.arguments[CANDIDATES],
        .idx_num = idx_num,
        .argv = argv,
    };
    ext_choice choice;
    ext_model *model;
    int rc = ext_choice_read(&choice, cursor->ranking.cursor.arguments[VERSION], error);
    if (rc == SQLITE_OK)
        rc = ext_model_acquire_version(&model, home, &choice, error);
    return rc == SQLITE_OK ? ext_ranker_open(&cursor->ranking.ranker, home->connection,
                                             model, &request, error)
                           : rc;
}

/*
 * Starts to read the sessions of the model's source in cursor->histories. wanted: only
 * these sessions; NULL: all. If only one session is wanted, and histories has kept a
 * fitting statement from the last scan, uses that statement again; else reads the model's
 * config and opens the source for a new one. If the option keep_empty of the version is
 * not that of the last scan's version, first frees the kept statement, because it would
 * skip other events. Keeps that option in keeps_empty.
 */
static int open_events(relation_cursor *cursor, const ext_sessions *wanted,
                       ext_error *error)
{
    const ext_home *home = ext_table_home(&cursor->ranking.cursor);
    ext_config config;
    ext_source source = {0};
    bool is_open;
    const gru4rec_options *options =
        &cursor->ranking.ranker.workspace.model->loaded.options;
    if (cursor->keeps_empty != (options->keep_empty != 0))
        ext_histories_close(&cursor->histories);
    cursor->keeps_empty = options->keep_empty != 0;
    int rc = ext_histories_reopen(&cursor->histories, wanted, &is_open, error);
    if (rc != SQLITE_OK || is_open)
        return rc;
    rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK)
        rc = ext_config_open_source(&config, home, NULL, NULL, &source, error);
    source.keeps_empty = cursor->keeps_empty;
    if (rc == SQLITE_OK)
        rc = ext_histories_open(&cursor->histories, &source, wanted, error);
    ext_source_close(&source);
    ext_config_free(&config);
    return rc;
}

/*
 * Chooses the copies of sessions that this scan uses, and puts them into cursor->copies,
 * as one of their users:
 * - If the last scan of the cursor was stopped while it stood on a row, new copies.
 * - Else, if the cursor has copies, these.
 * - Else, if another cursor on the table stands on a row, new copies.
 * - Else the copies of another cursor on the table; or new ones if no other has any.
 * Copies that the cursor had before are released. A scan that begins while another one
 * stands on a row, or after a scan that did not come to its end, belongs to another place
 * of the statement (point 3 above).
 */
static int choose_copies(relation_cursor *cursor, ext_error *error)
{
    const ext_table *table = (const ext_table *)cursor->ranking.cursor.base.pVtab;
    ext_copies *shared = NULL, *old = cursor->copies;
    bool is_apart = cursor->was_on_row;
    if (old != NULL && !is_apart)
        return SQLITE_OK;
    for (const ext_cursor *c = table->open; c != NULL; c = c->next_open) {
        const relation_cursor *other = (const relation_cursor *)c;
        is_apart |= other != cursor && is_on_row(other);
        if (shared == NULL && other != cursor)
            shared = other->copies;
    }
    cursor->copies = ext_copies_hold(is_apart ? NULL : shared);
    ext_copies_release(old);
    return cursor->copies != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Starts to read a copy of the sessions in cursor->histories. If there is no complete
 * copy of these sessions yet, first reads them all from the source into a new one.
 * wanted: only these sessions; NULL: all.
 */
static int open_copy(relation_cursor *cursor, const ext_sessions *wanted,
                     ext_error *error)
{
    const ext_model *model = cursor->ranking.ranker.workspace.model;
    sqlite3 *db = ext_table_home(&cursor->ranking.cursor)->db;
    ext_copy *copy = NULL;
    bool is_made;
    int rc = choose_copies(cursor, error);
    if (rc == SQLITE_OK)
        rc = ext_copies_find(cursor->copies, db, wanted, model->run, &copy, &is_made,
                             error);
    if (rc == SQLITE_OK && !is_made) {
        rc = open_events(cursor, wanted, error);
        if (rc == SQLITE_OK)
            rc = ext_histories_fill(&cursor->histories, copy, model->loaded.items,
                                    model->loaded.options.session_gap, error);
    }
    if (rc == SQLITE_OK)
        rc = ext_histories_open_copy(&cursor->histories, copy, db, error);
    ext_copies_drop(copy);
    return rc;
}

/*
 * Starts to read sessions in cursor->histories: from a copy if a statement of the
 * connection that may write runs, else from the source. wanted: only these; NULL: all.
 */
static int open_histories(relation_cursor *cursor, const ext_sessions *wanted,
                          ext_error *error)
{
    return ext_sql_is_writing(ext_table_home(&cursor->ranking.cursor)->db)
               ? open_copy(cursor, wanted, error)
               : open_events(cursor, wanted, error);
}

/*
 * Adds the value of session =, or the values of session IN, to wanted. A NULL is left
 * out.
 */
static int read_sessions(ext_sessions *wanted, sqlite3_value *argument, bool is_list,
                         ext_error *error)
{
    sqlite3_value *value = NULL;
    while (ext_plan_next_value(&value, argument, is_list, error) == SQLITE_OK &&
           value != NULL)
        if (ext_sessions_add(wanted, value, error) != SQLITE_OK)
            break;
    return error->rc;
}

/*
 * The end of the message about an impossible basis. The usual cause is m(17), which means
 * basis = '17', because basis is the first hidden column and has TEXT affinity.
 */
static const char basis_advice[] =
    "; write WHERE session = ... for the rows of a session";

/*
 * Method start, called from xFilter: reads the sessions that are wanted, checks basis,
 * opens the ranker, the queue and the reading of sessions, and goes to the first row, or
 * sets is_eof. argv: values of session, basis, rank and item, each only if its bit is
 * set.
 */
static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    relation_cursor *cursor = (relation_cursor *)base;
    const bool is_picked = (idx_num & PLAN_SESSION) != 0;
    ext_sessions wanted = {0};
    int rc = SQLITE_OK;
    cursor->arguments_hash = base->hash;
    cursor->is_one = (idx_num & PLAN_ONE) != 0;
    if (is_picked)
        rc = read_sessions(&wanted, *argv++, (idx_num & PLAN_SESSIONS) != 0, error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_check_basis(idx_num, &argv, basis_advice, error);
    if (rc == SQLITE_OK)
        rc = open_ranker(cursor, idx_num, argv, error);
    if (rc == SQLITE_OK)
        rc = make_queue(cursor, idx_num, error);
    if (rc == SQLITE_OK)
        rc = open_histories(cursor, is_picked ? &wanted : NULL, error);
    ext_sessions_free(&wanted);
    return rc == SQLITE_OK ? find_row(cursor, error) : rc;
}

/*
 * Method next: goes to the next row of the current session; behind its last row to the
 * first row of the next session that has rows, or sets is_eof.
 */
static int next(ext_cursor *base, ext_error *error)
{
    relation_cursor *cursor = (relation_cursor *)base;
    if (ext_ranker_next(&cursor->ranking.ranker)) {
        ext_ranker_set_row(&cursor->ranking, true);
        return SQLITE_OK;
    }
    cursor->current++;
    return find_row(cursor, error);
}

/* Method column: the session's value, or a column of the ranker's current row. */
static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const relation_cursor *cursor = (const relation_cursor *)base;
    if (i == SESSION)
        sqlite3_result_value(context, cursor->queue[cursor->current].session);
    else
        ext_ranker_result(&cursor->ranking.ranker, context, i - RANK);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [EXCLUDE_SEEN] = {"exclude_seen", "exclude_seen = 1"},
    [CANDIDATES] = {"candidates", "candidates = '[17, 42]'"},
    [VERSION] = {"version", "version = 'newest'"},
};

const ext_table_function ext_relation = {
    .name = "gru4rec",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(relation_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .plan = plan,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
    .close = close_cursor,
};
