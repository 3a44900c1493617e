/*
 * ext_recommend.c - gru4rec_recommend(model, history [, k ...]); see ext_serve.h.
 *
 * Recommends items after a history, which the caller gives.
 *
 * 1. Rows are (rank, item, score, basis) in rank order. Each row is computed when SQLite
 *    asks for it.
 * 2. history is a JSON array of item ids, oldest first, or one id, or a session's state
 *    BLOB. Ids that the model does not know are skipped; the hidden column unknown is
 *    their number.
 * 3. k is the largest rank that is returned. If k is NULL, negative or left out, all
 *    ranks are. exclude_seen = 1 leaves out the items of the history. candidates =
 *    '[...]' leaves out all items but those. The remaining items are ranked without gaps.
 *    version picks a version of the model; NULL or left out means the active one.
 * 4. If the model knows no item of the history, the items come by support, with basis
 *    'popularity'.
 * 5. Nothing is written. SQLite itself applies LIMIT and OFFSET: it stops reading rows.
 */
#include "ext_serve.h"

enum { RANK, ITEM, SCORE, BASIS, N_COLUMNS };
enum { MODEL, HISTORY, K, EXCLUDE_SEEN, CANDIDATES, VERSION, N_ARGUMENTS };
/* The index of the hidden column unknown, which follows the arguments. */
enum { UNKNOWN = N_COLUMNS + N_ARGUMENTS };

/* Bits of idxNum in the plan of gru4rec_recommend(), besides those of ext_plan.c. */
enum {
    PLAN_ARGUMENTS = (1 << N_ARGUMENTS) - 1, /* the bits of all arguments together */
    /*
     * All arguments are given, and unknown = value too: that may be a seventh argument.
     */
    PLAN_SEVENTH = EXT_PLAN_OWN
};

typedef struct recommend_cursor {
    ext_ranker_cursor ranking;
    int64_t n_unknown; /* number of ids in the history that the model does not know */
} recommend_cursor;

/*
 * Method plan: pushes down basis, rank and item, estimates rows and cost, and sets
 * PLAN_SEVENTH for a seventh argument, which start() reports as an error.
 *
 * SQLite turns the arguments of a table-valued function into conditions on the hidden
 * columns, in their order. So a seventh argument, which is a mistake, arrives as the
 * condition unknown = value, and would silently give no rows. Therefore unknown = value
 * is an error if all six arguments are given, because then it could be a seventh one.
 * Otherwise unknown = value is a condition that SQLite tests, as any other.
 */
static void plan(ext_table_plan *plan)
{
    sqlite3_index_info *info = plan->info;
    ext_plan_basis(plan, BASIS);
    ext_plan_one_ranking(plan);
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn == UNKNOWN &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ &&
            (info->idxNum & PLAN_ARGUMENTS) == PLAN_ARGUMENTS)
            info->idxNum |= PLAN_SEVENTH;
}

/*
 * Reads the argument history, sets cursor->n_unknown, ranks the items after the history,
 * and goes to the first row, or sets is_eof.
 */
static int rank(recommend_cursor *cursor, const ext_model *model, ext_error *error)
{
    const ext_cursor *base = &cursor->ranking.cursor;
    ext_history history;
    bool is_row;
    if (ext_history_read(&history, ext_table_home(base)->db, base->arguments[HISTORY],
                         model, error) != SQLITE_OK)
        return error->rc;
    cursor->n_unknown = history.n_unknown;
    int rc = ext_ranker_rank(&cursor->ranking.ranker, &history, &is_row, error);
    ext_history_free(&history);
    ext_ranker_set_row(&cursor->ranking, is_row);
    return rc;
}

/*
 * Method start: checks the basis and the number of arguments, opens the ranker on the
 * version that the arguments name, ranks, and goes to the first row, or sets is_eof.
 */
static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    recommend_cursor *cursor = (recommend_cursor *)base;
    ext_connection *connection = ext_table_home(base)->connection;
    if (ext_ranker_check_basis(idx_num, &argv, "", error) != SQLITE_OK)
        return error->rc;
    const ext_ranker_request request = {
        .k = base->arguments[K],
        .exclude_seen = base->arguments[EXCLUDE_SEEN],
        .candidates = base->arguments[CANDIDATES],
        .idx_num = idx_num,
        .argv = argv,
    };
    ext_choice choice;
    ext_model *model;
    if (idx_num & PLAN_SEVENTH)
        return ext_error_set(error, SQLITE_ERROR,
                             "too many arguments on gru4rec_recommend() - max %d; "
                             "to compare the column unknown beside all of them, "
                             "write +unknown",
                             N_ARGUMENTS);
    if (ext_choice_read(&choice, base->arguments[VERSION], error) != SQLITE_OK ||
        ext_model_acquire_named(&model, connection, base->arguments[MODEL], &choice,
                                error) != SQLITE_OK ||
        ext_ranker_open(&cursor->ranking.ranker, connection, model, &request, error) !=
            SQLITE_OK)
        return error->rc;
    return rank(cursor, model, error);
}

/* Method column: unknown, or a column of the ranker's current row. */
static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const recommend_cursor *cursor = (const recommend_cursor *)base;
    if (i == UNKNOWN)
        sqlite3_result_int64(context, cursor->n_unknown);
    else
        ext_ranker_result(&cursor->ranking.ranker, context, i);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [HISTORY] = {"history", "history = '[17, 42]'"},
    [K] = {"k", "k = 10"},
    [EXCLUDE_SEEN] = {"exclude_seen", "exclude_seen = 1"},
    [CANDIDATES] = {"candidates", "candidates = '[17, 42]'"},
    [VERSION] = {"version", "version = 'newest'"},
};

const ext_table_function ext_recommend = {
    .name = "gru4rec_recommend",
    .declaration = "CREATE TABLE x(rank INTEGER, item, score REAL, basis TEXT, "
                   "model BLOB HIDDEN, history BLOB HIDDEN, k BLOB HIDDEN, "
                   "exclude_seen BLOB HIDDEN, candidates BLOB HIDDEN, "
                   "version BLOB HIDDEN, unknown INTEGER HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(recommend_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = HISTORY + 1,
    .usage = "needs a model and a history; "
             "write gru4rec_recommend('model', '[item, ...]', k)",
    .plan = plan,
    .start = start,
    .next = ext_ranker_method_next,
    .column = column,
    .stop = ext_ranker_method_stop,
};
