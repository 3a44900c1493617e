/*
 * ext_ranker.c - the ranking after one history; see ext_serve.h.
 *
 * exclude_seen and candidates change the relation: ranks count what is left. What is only
 * asked for (ranks up to a bound, some items) does not: wanted items keep their ranks in
 * the whole, unless nobody looks at those, and then no other item is scored. A history
 * without a known item gets the items by support, basis 'popularity'.
 */
#include "ext_serve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- plan ---- */

/* idxNum, from first_bit on */
enum { MOST = 1, BELOW = 2, ITEM = 4, ITEMS = 8, RANK_UNUSED = 16 };

static bool has_bit(const ext_plan *plan, int idx_num, int bit)
{
    return (idx_num >> plan->first_bit & bit) != 0;
}

/* Uses up a constraint as the next argument; SQLite checks it again. */
static void use(const ext_plan *plan, sqlite3_index_info *info, int constraint,
                int *n_argv, int bit)
{
    info->aConstraintUsage[constraint].argvIndex = ++*n_argv;
    info->idxNum |= bit << plan->first_bit;
}

static void plan_rank(const ext_plan *plan, sqlite3_index_info *info, int i, int *n_argv)
{
    const int op = info->aConstraint[i].op;
    if (op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_EQ)
        use(plan, info, i, n_argv, MOST);
    else if (op == SQLITE_INDEX_CONSTRAINT_LT)
        use(plan, info, i, n_argv, BELOW);
}

static void plan_item(const ext_plan *plan, sqlite3_index_info *info, int i, int *n_argv)
{
    if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
        sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
        return;
    use(plan, info, i, n_argv, ITEM);
    if (sqlite3_vtab_in(info, i, 1)) /* all values of an IN at once */
        info->idxNum |= ITEMS << plan->first_bit;
}

/* Is the column read by more than the constraints that were pushed down? */
static bool is_rank_used(const ext_plan *plan, const sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn == plan->rank)
            return true;
    return (info->colUsed >> plan->rank & 1) != 0;
}

/* Does an argument, of the columns behind the others, come value by value from an IN? */
static bool has_list_argument(const ext_plan *plan, sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn > plan->item &&
            info->aConstraintUsage[i].argvIndex > 0 && sqlite3_vtab_in(info, i, -1))
            return true;
    return false;
}

/*
 * With an argument from an IN, SQLite asks for the plan again without it, which fails,
 * and then does not ask once more for one that needs no other table. So this one must not
 * come to need one: only what is compared with a constant is pushed down.
 */
bool ext_plan_may_use(const ext_plan *plan, sqlite3_index_info *info, int constraint)
{
    sqlite3_value *value;
    return !has_list_argument(plan, info) ||
           sqlite3_vtab_rhs_value(info, constraint, &value) == SQLITE_OK;
}

void ext_plan_ranking(const ext_plan *plan, sqlite3_index_info *info, int *n_argv)
{
    const int of_rank = (MOST | BELOW) << plan->first_bit;
    const int of_item = ITEM << plan->first_bit;
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == plan->rank &&
            !(info->idxNum & of_rank) && ext_plan_may_use(plan, info, i))
            plan_rank(plan, info, i, n_argv);
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == plan->item &&
            !(info->idxNum & of_item) && ext_plan_may_use(plan, info, i))
            plan_item(plan, info, i, n_argv);
    if (!is_rank_used(plan, info))
        info->idxNum |= RANK_UNUSED << plan->first_bit;
}

void ext_plan_estimate(const ext_plan *plan, sqlite3_index_info *info, int needed,
                       int short_list)
{
    /* Without what is needed filter says so: an error here would break OR on old
     * versions. */
    bool is_complete = (info->idxNum & needed) == needed;
    bool is_short =
        (info->idxNum & short_list) || ext_plan_is_bounded(plan, info->idxNum);
    info->estimatedRows = ext_plan_has_items(plan, info->idxNum) ? 1
                          : is_short                             ? 20
                                                                 : 10000;
    info->estimatedCost = is_complete ? 1e6 + (double)info->estimatedRows : 1e50;
}

bool ext_plan_is_in_order(const sqlite3_index_info *info, int rank, int score)
{
    return info->nOrderBy == 1 &&
           ((info->aOrderBy[0].iColumn == rank && !info->aOrderBy[0].desc) ||
            (info->aOrderBy[0].iColumn == score && info->aOrderBy[0].desc));
}

bool ext_plan_is_bounded(const ext_plan *plan, int idx_num)
{
    return has_bit(plan, idx_num, MOST | BELOW);
}

bool ext_plan_has_items(const ext_plan *plan, int idx_num)
{
    return has_bit(plan, idx_num, ITEM);
}

/* ---- arguments ---- */

static int compare_rows(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void sort_distinct(ext_rows *list)
{
    size_t n = 0;
    if (list->n > 1)
        qsort(list->rows, list->n, sizeof *list->rows, compare_rows);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->rows[n - 1] != list->rows[i])
            list->rows[n++] = list->rows[i];
    list->n = n;
}

static bool is_in(const ext_rows *list, int32_t row)
{
    return list->n > 0 &&
           bsearch(&row, list->rows, list->n, sizeof *list->rows, compare_rows) != NULL;
}

static int take_arguments(ext_ranker *ranker, sqlite3_value *exclude_seen,
                          sqlite3_value *candidates, ext_error *error)
{
    bool is_given =
        exclude_seen != NULL && sqlite3_value_type(exclude_seen) != SQLITE_NULL;
    int64_t flag = 0;
    bool is_integer = true;
    if (is_given &&
        ext_value_integer(exclude_seen, &flag, &is_integer, error) != SQLITE_OK)
        return error->rc;
    if (!is_integer || (flag & ~(int64_t)1) != 0)
        return ext_fail(error, SQLITE_ERROR, "exclude_seen is '%.40s'; give 0 or 1",
                        sqlite3_value_text(exclude_seen));
    ranker->is_seen_excluded = flag == 1;

    ranker->has_candidates =
        candidates != NULL && sqlite3_value_type(candidates) != SQLITE_NULL;
    if (!ranker->has_candidates)
        return SQLITE_OK;
    int rc = ext_parse_items(ranker->connection->db, candidates,
                             ranker->workspace.model->items, "candidates",
                             &ranker->candidates, NULL, error);
    sort_distinct(&ranker->candidates);
    return rc;
}

int ext_ranker_open(ext_ranker *ranker, ext_connection *connection, ext_model *model,
                    sqlite3_value *exclude_seen, sqlite3_value *candidates,
                    ext_error *error)
{
    memset(ranker, 0, sizeof *ranker);
    ranker->connection = connection;
    ranker->most = INT64_MAX;
    int rc = ext_workspace_open(connection, model, &ranker->workspace, error);
    if (rc == SQLITE_OK)
        rc = take_arguments(ranker, exclude_seen, candidates, error);
    if (rc != SQLITE_OK)
        ext_ranker_close(ranker);
    return rc;
}

void ext_ranker_close(ext_ranker *ranker)
{
    ext_rows_free(&ranker->candidates);
    ext_rows_free(&ranker->wanted);
    ext_rows_free(&ranker->seen);
    ext_workspace_close(ranker->connection, &ranker->workspace);
    memset(ranker, 0, sizeof *ranker);
}

int ext_ranker_take_k(ext_ranker *ranker, sqlite3_value *k, ext_error *error)
{
    if (k == NULL || sqlite3_value_type(k) == SQLITE_NULL)
        return SQLITE_OK;
    int64_t most;
    bool is_integer;
    if (ext_value_integer(k, &most, &is_integer, error) != SQLITE_OK)
        return error->rc;
    if (!is_integer)
        return ext_fail(error, SQLITE_ERROR,
                        "k is '%.40s'; give the number of items as an integer",
                        sqlite3_value_text(k));
    if (most >= 0)
        ranker->most = most;
    return SQLITE_OK;
}

/* The rank that rows need not go beyond. What is no number bounds nothing: SQLite
 * decides. */
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
    int64_t most = (int64_t)limit; /* of ranks <= limit */
    return is_below && (double)most == limit && most > 0 ? most - 1 : most;
}

/*
 * Adds an item that is asked for. False: which items compare equal to the value is not
 * for us to say, as SQLite may convert the value or the items first. Where all items and
 * the value are of one type, no conversion makes unequal ones equal.
 */
static int want(ext_ranker *ranker, sqlite3_value *value, bool *is_known,
                ext_error *error)
{
    const ext_model *model = ranker->workspace.model;
    gru4rec_id id;
    if (!ext_value_id(value, &id)) /* NULL equals nothing */
        return SQLITE_OK;
    *is_known = *is_known && (int)id.type == model->id_type;
    if (!*is_known)
        return SQLITE_OK;
    int32_t row = gru4rec_items_find(model->items, &id);
    bool is_ranked =
        row >= 0 && (!ranker->has_candidates || is_in(&ranker->candidates, row));
    return is_ranked ? ext_rows_add(&ranker->wanted, row, error) : SQLITE_OK;
}

static int take_items(ext_ranker *ranker, sqlite3_value *argument, bool is_list,
                      ext_error *error)
{
    sqlite3_value *value = argument;
    bool is_known = true;
    int rc = is_list ? sqlite3_vtab_in_first(argument, &value) : SQLITE_OK;
    while (rc == SQLITE_OK && is_known && value != NULL) {
        rc = want(ranker, value, &is_known, error);
        if (rc == SQLITE_OK && is_list)
            rc = sqlite3_vtab_in_next(argument, &value);
        else
            value = NULL;
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        return ext_fail_db(error, ranker->connection->db, NULL);
    sort_distinct(&ranker->wanted);
    ranker->has_wanted = is_known;
    return SQLITE_OK;
}

int ext_ranker_take_plan(ext_ranker *ranker, const ext_plan *plan, int idx_num,
                         sqlite3_value ***argv, ext_error *error)
{
    ranker->is_rank_unused = has_bit(plan, idx_num, RANK_UNUSED);
    if (has_bit(plan, idx_num, MOST | BELOW)) {
        int64_t most = most_ranks(*(*argv)++, has_bit(plan, idx_num, BELOW));
        ranker->most = most < ranker->most ? most : ranker->most;
    }
    return has_bit(plan, idx_num, ITEM)
               ? take_items(ranker, *(*argv)++, has_bit(plan, idx_num, ITEMS), error)
               : SQLITE_OK;
}

/* ---- rows ---- */

static void score_by_support(ext_ranker *ranker, const int32_t *rows, int32_t n)
{
    const int64_t *support = gru4rec_items_support(ranker->workspace.model->items);
    gru4rec_real *scores = gru4rec_ranking_scores(ranker->workspace.ranking);
    for (int32_t i = 0; i < n; i++)
        scores[i] = (gru4rec_real)support[rows != NULL ? rows[i] : i];
}

/* The items that are scored, where they are not all. */
static const ext_rows *scored_items(const ext_ranker *ranker)
{
    if (ranker->has_wanted && ranker->is_rank_unused && ranker->most == INT64_MAX)
        return &ranker->wanted;
    return ranker->has_candidates ? &ranker->candidates : NULL;
}

int ext_ranker_walk(ext_ranker *ranker, const ext_history *history, ext_error *error)
{
    int rc = SQLITE_OK;
    ranker->basis = ext_history_is_empty(history) ? "popularity" : "session";
    ranker->seen.n = 0;
    for (size_t i = 0; rc == SQLITE_OK && ranker->is_seen_excluded && i < history->rows.n;
         i++)
        rc = ext_rows_add(&ranker->seen, history->rows.rows[i], error);
    sort_distinct(&ranker->seen);
    if (rc == SQLITE_OK && !ext_history_is_empty(history))
        rc = ext_history_walk(history, ranker->connection->db, ranker->workspace.model,
                              ranker->workspace.session, error);
    return rc;
}

/* To the first row of a ranking that has been started. */
static bool show_first(ext_ranker *ranker)
{
    gru4rec_ranking *ranking = ranker->workspace.ranking;
    gru4rec_ranking_exclude(ranking, ranker->seen.rows, ranker->seen.n);
    if (ranker->most != INT64_MAX)
        gru4rec_ranking_expect(ranking, ranker->most);
    ranker->rank = 0;
    ranker->n_found = 0;
    return ext_ranker_next(ranker);
}

bool ext_ranker_start(ext_ranker *ranker, const ext_history *history)
{
    gru4rec_ranking *ranking = ranker->workspace.ranking;
    const ext_rows *items = scored_items(ranker);
    int32_t n = gru4rec_items_count(ranker->workspace.model->items), *rows = NULL;
    if (items != NULL) {
        rows = gru4rec_ranking_rows(ranking);
        n = (int32_t)items->n;
        if (n > 0)
            memcpy(rows, items->rows, (size_t)n * sizeof *rows);
    }
    if (ext_history_is_empty(history)) {
        score_by_support(ranker, rows, n);
        gru4rec_ranking_start(ranking, n, rows != NULL);
    } else {
        gru4rec_ranking_start_session(ranking, ranker->workspace.session, n,
                                      rows != NULL);
    }
    return show_first(ranker);
}

bool ext_ranker_start_similar(ext_ranker *ranker, int32_t row)
{
    const ext_model *model = ranker->workspace.model;
    gru4rec_model_similarities(model->model, row,
                               gru4rec_ranking_scores(ranker->workspace.ranking));
    gru4rec_ranking_start(ranker->workspace.ranking, gru4rec_items_count(model->items),
                          false);
    return show_first(ranker);
}

bool ext_ranker_next(ext_ranker *ranker)
{
    gru4rec_real score;
    do {
        if (ranker->rank >= ranker->most ||
            (ranker->has_wanted && ranker->n_found == ranker->wanted.n) ||
            !gru4rec_ranking_next(ranker->workspace.ranking, &ranker->row, &score))
            return false;
        ranker->rank++;
    } while (ranker->has_wanted && !is_in(&ranker->wanted, ranker->row));
    ranker->n_found++;
    ranker->score = (double)score;
    return true;
}

int32_t ext_ranker_batch(const ext_ranker *ranker)
{
    if (ranker->has_candidates || ranker->has_wanted || ranker->most < 1 ||
        ranker->most > gru4rec_batch_most())
        return 0;
    return (int32_t)ranker->most;
}

void ext_ranker_result_item(const ext_ranker *ranker, sqlite3_context *context)
{
    gru4rec_id id;
    gru4rec_items_get(ranker->workspace.model->items, ranker->row, &id);
    ext_result_id(context, &id);
}
