/*
 * ext_ranker.c - ranks the items after one history, or after many histories together; see
 * ext_serve.h.
 *
 * The arguments exclude_seen and candidates change the ranking: items that they leave out
 * get no rank, and the other items are ranked without gaps. A WHERE clause (rank <= 10,
 * item IN (...)) does not change the ranking: it only picks rows, and each row keeps its
 * rank among all items that are ranked. If the query wants certain items, and neither
 * uses the rank nor bounds it, only these items are scored.
 *
 * A history without a known item ranks the items by support, with basis 'popularity'.
 *
 * If the version blends, the scores after a history are blended (src/serve/blender.c).
 * For one history the workspace's blender does that, and stays as it is until the ranking
 * has been read. For a batch the same blender does it, one lane after the other, while
 * the batch is scored. Support and similarity are never blended.
 */
#include "ext_serve.h"

#include <string.h>

static const char session_basis[] = "session", popularity_basis[] = "popularity";

/* ---- reading the request ---- */

/*
 * Sets ranker->is_seen_excluded by the argument exclude_seen: 0 or 1; without it, false.
 * SQLITE_ERROR: the value is neither 0 nor 1.
 */
static int read_exclude_seen(ext_ranker *ranker, sqlite3_value *value, ext_error *error)
{
    int64_t flag = 0;
    int rc = ext_value_is_given(value)
                 ? ext_value_integer(&flag, value, "exclude_seen", 0, 1, "0 or 1", error)
                 : SQLITE_OK;
    ranker->is_seen_excluded = flag == 1;
    return rc;
}

/*
 * Reads the ids of the argument candidates into the list candidates, as ascending rows,
 * and sets has_candidates. Without the argument, has_candidates is false and the list is
 * empty. Unknown ids are left out. Errors: those of ext_ids_read().
 */
static int read_candidates(ext_ranker *ranker, sqlite3_value *value, ext_error *error)
{
    ranker->has_candidates = ext_value_is_given(value);
    if (!ranker->has_candidates)
        return SQLITE_OK;
    const ext_loaded *loaded = &ranker->workspace.model->loaded;
    ext_ids ids = {.items = loaded->items,
                   .keeps_empty = loaded->options.keep_empty != 0,
                   .what = "candidates",
                   .rows = &ranker->candidates};
    int rc = ext_ids_read(&ids, ranker->connection->db, value, error);
    ext_rows_sort(&ranker->candidates);
    return rc;
}

/*
 * Sets ranker->most to the argument k, the largest rank to return. If k is not given or
 * is negative, most is INT64_MAX: all ranks are returned. SQLITE_ERROR: k is no integer.
 */
static int read_k(ext_ranker *ranker, sqlite3_value *value, ext_error *error)
{
    static const char advice[] = "the number of items as an integer";
    int64_t most = -1;
    int rc = ext_value_is_given(value) ? ext_value_integer(&most, value, "k", INT64_MIN,
                                                           INT64_MAX, advice, error)
                                       : SQLITE_OK;
    ranker->most = most >= 0 ? most : INT64_MAX;
    return rc;
}

/*
 * Returns the largest rank that can satisfy rank <= bound, or rank < bound if is_below; 0
 * if no rank can, as with NULL. A bound that is no number gives INT64_MAX, that is no
 * bound: SQLite tests each row by its own rules.
 */
static int64_t most_ranks(sqlite3_value *bound, bool is_below)
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
    int64_t most = (int64_t)limit; /* the largest rank <= limit */
    return is_below && (double)most == limit && most > 0 ? most - 1 : most;
}

/*
 * Adds the item that equals an SQL value to ranker->wanted, if the item is in the
 * catalogue and, where the query gives candidates, among these. Adds nothing for NULL,
 * and leaves *is_known then.
 *
 * *is_known: whether we can say which items equal the value. It is true if all items of
 * the model have one type and the value has the same; a REAL that ext_value_is_whole()
 * accepts counts as an INTEGER. Otherwise SQLite may convert the value or the items
 * before it compares them, so that '3' can equal 3: then it is false, and nothing is
 * added.
 */
static int want(ext_ranker *ranker, sqlite3_value *value, bool *is_known,
                ext_error *error)
{
    const ext_model *model = ranker->workspace.model;
    gru4rec_id id;
    if (!ext_value_item(value, &id)) /* NULL equals no item */
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    *is_known = (int)id.type == model->id_type;
    const int32_t row = *is_known ? gru4rec_items_find(model->loaded.items, &id) : -1;
    const bool is_ranked =
        row >= 0 && (!ranker->has_candidates || ext_rows_has(&ranker->candidates, row));
    return is_ranked ? ext_rows_add(&ranker->wanted, row, error) : SQLITE_OK;
}

/*
 * Reads the values of item = or IN into ranker->wanted, as ascending rows, and sets
 * has_wanted to true. But if we cannot say which items equal one of the values (want()),
 * it stops there, and has_wanted is false: all items are returned, and SQLite picks the
 * rows. is_list: argument is the list of an IN.
 */
static int read_items(ext_ranker *ranker, sqlite3_value *argument, bool is_list,
                      ext_error *error)
{
    sqlite3_value *value = NULL;
    bool is_known = true;
    while (is_known &&
           ext_plan_next_value(&value, argument, is_list, error) == SQLITE_OK &&
           value != NULL)
        if (want(ranker, value, &is_known, error) != SQLITE_OK)
            break;
    ext_rows_sort(&ranker->wanted);
    ranker->has_wanted = is_known;
    return error->rc;
}

/*
 * Reads the values that ext_plan_ranking() asked for, each only if its bit is set in
 * idx_num: the bound of rank, which can only lower ranker->most, then the items, which
 * become the wanted items. Also sets is_rank_unused.
 */
static int read_plan(ext_ranker *ranker, int idx_num, sqlite3_value **argv,
                     ext_error *error)
{
    ranker->is_rank_unused = (idx_num & EXT_PLAN_RANK_UNUSED) != 0;
    if (idx_num & (EXT_PLAN_MOST | EXT_PLAN_BELOW)) {
        const int64_t most = most_ranks(*argv++, (idx_num & EXT_PLAN_BELOW) != 0);
        ranker->most = most < ranker->most ? most : ranker->most;
    }
    return idx_num & EXT_PLAN_ITEM
               ? read_items(ranker, *argv, (idx_num & EXT_PLAN_ITEMS) != 0, error)
               : SQLITE_OK;
}

int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    const ext_ranker_request *request, ext_error *error)
{
    *ranker = (ext_ranker){.connection = connection, .most = INT64_MAX, .lane = -1};
    int rc = ext_workspace_open(&ranker->workspace, connection, model, error);
    if (rc == SQLITE_OK)
        rc = read_exclude_seen(ranker, request->exclude_seen, error);
    if (rc == SQLITE_OK)
        rc = read_candidates(ranker, request->candidates, error);
    if (rc == SQLITE_OK)
        rc = read_k(ranker, request->k, error);
    if (rc == SQLITE_OK)
        rc = read_plan(ranker, request->idx_num, request->argv, error);
    if (rc != SQLITE_OK)
        ext_ranker_close(ranker);
    return rc;
}

void ext_ranker_close(ext_ranker *ranker)
{
    if (ranker->batch != NULL)
        for (int32_t i = 0; i < gru4rec_batch_lanes(ranker->batch); i++)
            ext_rows_free(&ranker->lane_seen[i]);
    sqlite3_free(ranker->lane_seen);
    gru4rec_batch_free(ranker->batch);
    ext_rows_free(&ranker->candidates);
    ext_rows_free(&ranker->wanted);
    ext_rows_free(&ranker->seen);
    ext_workspace_close(&ranker->workspace, ranker->connection);
    *ranker = (ext_ranker){0};
}

/* ---- one history ---- */

/*
 * Replaces the list seen by the items of the history, as ascending rows, if exclude_seen
 * is 1; else only empties it. Error: NOMEM.
 */
static int note_seen(ext_rows *seen, const ext_ranker *ranker, const ext_history *history,
                     ext_error *error)
{
    seen->n = 0;
    for (size_t i = 0; ranker->is_seen_excluded && i < history->rows.n; i++)
        if (ext_rows_add(seen, history->rows.rows[i], error) != SQLITE_OK)
            return error->rc;
    ext_rows_sort(seen);
    return SQLITE_OK;
}

/*
 * Returns the ascending rows of the only items that need scores, borrowed from the
 * ranker; NULL: all items need scores. If the query wants certain items, and neither uses
 * the rank nor bounds it (also not by k), only the wanted items need scores, because only
 * a rank needs the scores of all other items. Otherwise the candidates need scores, if
 * the query gives candidates.
 */
static const ext_rows *scored_items(const ext_ranker *ranker)
{
    if (ranker->has_wanted && ranker->is_rank_unused && ranker->most == INT64_MAX)
        return &ranker->wanted;
    return ranker->has_candidates ? &ranker->candidates : NULL;
}

/*
 * Returns the library's query for a ranking: which items are ranked, which are left out
 * (ranker->seen), and how many are expected to be read (most; 0: not known). It borrows
 * these lists from the ranker. The caller adds what gives the scores: a session, or an
 * array of scores.
 */
static gru4rec_query make_query(const ext_ranker *ranker)
{
    static const int32_t no_rows[1];
    const ext_rows *items = scored_items(ranker);
    gru4rec_query query = {
        .excluded = ranker->seen.rows,
        .n_excluded = ranker->seen.n,
        .n_expected = ranker->most != INT64_MAX ? ranker->most : 0,
    };
    if (items != NULL) {
        query.rows = items->n > 0 ? items->rows : no_rows;
        query.n_rows = items->n;
    }
    return query;
}

/*
 * Starts a ranking of the workspace by the query, in place of any ranking before, and
 * goes to its first row: sets lane to -1, and rank and n_found to 0 before. Returns false
 * if it has no row that the query wants.
 */
static bool start(ext_ranker *ranker, const gru4rec_query *query)
{
    gru4rec_ranking_start(ranker->workspace.ranking, query);
    ranker->lane = -1;
    ranker->rank = 0;
    ranker->n_found = 0;
    return ext_ranker_next(ranker);
}

/*
 * Brings the workspace's session to the end of the history, ranks the items by the scores
 * that the version gives there (blended, if it blends), with basis 'session', and goes to
 * the first row. *is_row: there is one; not set after an error. Errors: those of
 * ext_history_walk().
 */
static int rank_by_session(ext_ranker *ranker, const ext_history *history, bool *is_row,
                           ext_error *error)
{
    const ext_workspace *workspace = &ranker->workspace;
    gru4rec_query query = make_query(ranker);
    int rc = ext_history_walk(history, ranker->connection->db, workspace->session, error);
    if (rc != SQLITE_OK)
        return rc;
    query.session = workspace->session;
    query.bytes = workspace->model->loaded.bytes;
    query.blender = workspace->blender;
    if (query.blender != NULL)
        gru4rec_blender_start(query.blender, query.session, history->rows.rows,
                              history->rows.n);
    ranker->basis = session_basis;
    *is_row = start(ranker, &query);
    return SQLITE_OK;
}

/*
 * Ranks the items by their support, the number of training events of each item, with
 * basis 'popularity', and goes to the first row. *is_row: there is one; not set after an
 * error. NOMEM: there is no room for the scores.
 */
static int rank_by_support(ext_ranker *ranker, bool *is_row, ext_error *error)
{
    const gru4rec_items *items = ranker->workspace.model->loaded.items;
    const int64_t *support = gru4rec_items_support(items);
    gru4rec_query query = make_query(ranker);
    gru4rec_real *scores = ext_workspace_scores(&ranker->workspace);
    if (scores == NULL)
        return ext_error_nomem(error);
    for (int32_t row = 0; row < gru4rec_items_count(items); row++)
        scores[row] = (gru4rec_real)support[row];
    query.scores = scores;
    ranker->basis = popularity_basis;
    *is_row = start(ranker, &query);
    return SQLITE_OK;
}

int ext_ranker_rank(ext_ranker *ranker, const ext_history *history, bool *is_row,
                    ext_error *error)
{
    *is_row = false;
    int rc = note_seen(&ranker->seen, ranker, history, error);
    if (rc != SQLITE_OK)
        return rc;
    return ext_history_is_empty(history)
               ? rank_by_support(ranker, is_row, error)
               : rank_by_session(ranker, history, is_row, error);
}

int ext_ranker_rank_similar(ext_ranker *ranker, int32_t row, bool *is_row,
                            ext_error *error)
{
    gru4rec_query query = make_query(ranker);
    gru4rec_real *scores = ext_workspace_scores(&ranker->workspace);
    *is_row = false;
    if (scores == NULL)
        return ext_error_nomem(error);
    gru4rec_similar_scores(ranker->workspace.model->loaded.model, row, scores);
    query.scores = scores;
    *is_row = start(ranker, &query);
    return SQLITE_OK;
}

/* ---- many histories ---- */

int ext_ranker_open_batch(ext_ranker *ranker, int32_t *n_lanes, ext_error *error)
{
    const gru4rec_model *model = ranker->workspace.model->loaded.model;
    *n_lanes = 1;
    if (ranker->has_candidates || ranker->has_wanted || ranker->most < 1 ||
        ranker->most > gru4rec_batch_most())
        return SQLITE_OK;
    if (gru4rec_batch_new(&ext_memory, model, ranker->workspace.blender,
                          (int32_t)ranker->most, &ranker->batch) != GRU4REC_OK)
        return ext_error_nomem(error);
    const int32_t n = gru4rec_batch_lanes(ranker->batch);
    ranker->lane_seen = sqlite3_malloc64((size_t)n * sizeof *ranker->lane_seen);
    if (ranker->lane_seen == NULL) {
        gru4rec_batch_free(ranker->batch);
        ranker->batch = NULL;
        return ext_error_nomem(error);
    }
    memset(ranker->lane_seen, 0, (size_t)n * sizeof *ranker->lane_seen);
    *n_lanes = n;
    return SQLITE_OK;
}

int ext_ranker_add(ext_ranker *ranker, const ext_history *history, int32_t *lane,
                   ext_error *error)
{
    gru4rec_session *session = ranker->workspace.session;
    *lane = -1;
    if (ranker->batch == NULL || ext_history_is_empty(history))
        return SQLITE_OK;
    if (note_seen(&ranker->seen, ranker, history, error) != SQLITE_OK ||
        ext_history_walk(history, ranker->connection->db, session, error) != SQLITE_OK)
        return error->rc;
    *lane = gru4rec_batch_add(ranker->batch, session, ranker->seen.rows, ranker->seen.n,
                              history->rows.rows, history->rows.n);
    /*
     * The batch borrows both lists until it is scored. The caller keeps the history's
     * rows. The list of seen items moves to the lane in exchange for the lane's old list,
     * whose memory is used for the next history.
     */
    const ext_rows unused = ranker->lane_seen[*lane];
    ranker->lane_seen[*lane] = ranker->seen;
    ranker->seen = unused;
    return SQLITE_OK;
}

int ext_ranker_score(ext_ranker *ranker, ext_error *error)
{
    ext_poll poll;
    if (ranker->batch == NULL)
        return SQLITE_OK;
    ext_poll_start(&poll, ranker->connection->db);
    gru4rec_error message = {0};
    gru4rec_status status =
        gru4rec_batch_score(ranker->batch, ext_poll_is_stopped, &poll, &message);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, &message);
}

bool ext_ranker_first_of_lane(ext_ranker *ranker, int32_t lane)
{
    ranker->lane = lane;
    ranker->rank = 0;
    ranker->basis = session_basis;
    return ext_ranker_next(ranker);
}

/* ---- rows ---- */

/*
 * Goes to the next row of the current lane's ranking: sets row, rank and score. Returns
 * false, and sets none of them, at its end.
 */
static bool next_of_lane(ext_ranker *ranker)
{
    gru4rec_real score;
    if (!gru4rec_batch_get(ranker->batch, ranker->lane, ranker->rank, &ranker->row,
                           &score))
        return false;
    ranker->rank++;
    ranker->score = (double)score;
    return true;
}

bool ext_ranker_next(ext_ranker *ranker)
{
    gru4rec_real score;
    if (ranker->lane >= 0)
        return next_of_lane(ranker);
    do {
        if (ranker->rank >= ranker->most ||
            (ranker->has_wanted && ranker->n_found == ranker->wanted.n) ||
            !gru4rec_ranking_next(ranker->workspace.ranking, &ranker->row, &score))
            return false;
        ranker->rank++;
    } while (ranker->has_wanted && !ext_rows_has(&ranker->wanted, ranker->row));
    ranker->n_found++;
    ranker->score = (double)score;
    return true;
}

/* ---- cursors ---- */

void ext_ranker_set_row(ext_ranker_cursor *cursor, bool is_row)
{
    cursor->cursor.is_eof = !is_row;
    cursor->cursor.row = cursor->ranker.row;
}

/* Tells whether a row can have this value as its basis: 'session' or 'popularity'. */
static bool is_basis(sqlite3_value *value)
{
    const char *text = sqlite3_value_type(value) == SQLITE_TEXT
                           ? (const char *)sqlite3_value_text(value)
                           : NULL;
    return text != NULL &&
           (strcmp(text, session_basis) == 0 || strcmp(text, popularity_basis) == 0);
}

/*
 * Returns success at the first value that is possible: with basis IN ('session', 'x') the
 * query can still return rows.
 */
int ext_ranker_check_basis(int idx_num, sqlite3_value ***argv, const char *advice,
                           ext_error *error)
{
    const bool is_list = (idx_num & EXT_PLAN_BASES) != 0;
    sqlite3_value *value = NULL;
    ext_show show;
    const char *shown = NULL;
    if (!(idx_num & EXT_PLAN_BASIS))
        return SQLITE_OK;
    sqlite3_value *argument = *(*argv)++;
    while (ext_plan_next_value(&value, argument, is_list, error) == SQLITE_OK &&
           value != NULL) {
        if (is_basis(value))
            return SQLITE_OK;
        shown = ext_show_value(&show, value);
    }
    if (shown == NULL || error->rc != SQLITE_OK) /* NULL: the list of the IN is empty */
        return error->rc;
    return ext_error_set(error, SQLITE_ERROR,
                         "basis is compared with %s, "
                         "but it can only be 'session' or 'popularity'%s",
                         shown, advice);
}

void ext_ranker_result(const ext_ranker *ranker, sqlite3_context *context, int i)
{
    switch (i) {
    case EXT_RANKER_RANK:
        sqlite3_result_int64(context, ranker->rank);
        break;
    case EXT_RANKER_ITEM:
        ext_value_result_item(context, ranker->workspace.model->loaded.items,
                              ranker->row);
        break;
    case EXT_RANKER_SCORE:
        sqlite3_result_double(context, ranker->score);
        break;
    default:
        sqlite3_result_text(context, ranker->basis, -1, SQLITE_STATIC);
        break;
    }
}

int ext_ranker_method_next(ext_cursor *base, ext_error *error)
{
    ext_ranker_cursor *cursor = (ext_ranker_cursor *)base;
    (void)error;
    ext_ranker_set_row(cursor, ext_ranker_next(&cursor->ranker));
    return SQLITE_OK;
}

void ext_ranker_method_column(const ext_cursor *base, sqlite3_context *context, int i)
{
    ext_ranker_result(&((const ext_ranker_cursor *)base)->ranker, context, i);
}

void ext_ranker_method_stop(ext_cursor *base)
{
    ext_ranker_close(&((ext_ranker_cursor *)base)->ranker);
}
