/*
 * ext_plan.c - what of a ranking is asked for, as SQLite plans it; see ext_serve.h.
 *
 * argv has the arguments first, in their order, then what a table plans by itself, then
 * the rank's bound and the item, each where its bit is set. SQLite checks what is pushed
 * down again.
 */
#include "ext_serve.h"

void ext_plan_use(sqlite3_index_info *info, int constraint, int *n_argv, int bit)
{
    info->aConstraintUsage[constraint].argvIndex = ++*n_argv;
    info->idxNum |= bit;
}

/* Does an argument come value by value from an IN? */
static bool has_list_argument(const ext_table_function *function,
                              sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn >= function->n_columns &&
            info->aConstraintUsage[i].argvIndex > 0 && sqlite3_vtab_in(info, i, -1))
            return true;
    return false;
}

/*
 * When an argument comes from IN (...), SQLite calls xBestIndex again with it unusable; we
 * must refuse, and SQLite then never retries. So such a plan must not depend on another
 * table: comparisons with constants only are pushed down.
 */
bool ext_plan_may_use(const ext_table_function *function, sqlite3_index_info *info,
                      int constraint)
{
    sqlite3_value *value;
    return !has_list_argument(function, info) ||
           sqlite3_vtab_rhs_value(info, constraint, &value) == SQLITE_OK;
}

static void plan_rank(const ext_table_function *function, sqlite3_index_info *info, int i,
                      int *n_argv)
{
    const int op = info->aConstraint[i].op;
    if ((info->idxNum & (EXT_PLAN_MOST | EXT_PLAN_BELOW)) ||
        !ext_plan_may_use(function, info, i))
        return;
    if (op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_EQ)
        ext_plan_use(info, i, n_argv, EXT_PLAN_MOST);
    else if (op == SQLITE_INDEX_CONSTRAINT_LT)
        ext_plan_use(info, i, n_argv, EXT_PLAN_BELOW);
}

static void plan_item(const ext_table_function *function, sqlite3_index_info *info, int i,
                      int *n_argv)
{
    if ((info->idxNum & EXT_PLAN_ITEM) || !ext_plan_may_use(function, info, i) ||
        info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
        sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
        return;
    ext_plan_use(info, i, n_argv, EXT_PLAN_ITEM);
    if (sqlite3_vtab_in(info, i, 1)) /* all values of an IN at once */
        info->idxNum |= EXT_PLAN_ITEMS;
}

/* Is the rank read, or compared? */
static bool is_rank_used(int rank, const sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn == rank)
            return true;
    return (info->colUsed >> rank & 1) != 0;
}

void ext_plan_ranking(const ext_table_function *function, int rank,
                      sqlite3_index_info *info, int *n_argv)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == rank)
            plan_rank(function, info, i, n_argv);
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable &&
            info->aConstraint[i].iColumn == rank + EXT_RANKER_ITEM)
            plan_item(function, info, i, n_argv);
    if (!is_rank_used(rank, info))
        info->idxNum |= EXT_PLAN_RANK_UNUSED;
}

sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short)
{
    if (info->idxNum & EXT_PLAN_ITEM)
        return 1;
    return is_short || (info->idxNum & (EXT_PLAN_MOST | EXT_PLAN_BELOW)) ? 20 : 10000;
}

void ext_plan_one_ranking(const ext_table_function *function, sqlite3_index_info *info,
                          int *n_argv)
{
    ext_plan_ranking(function, EXT_RANKER_RANK, info, n_argv);
    info->estimatedRows = ext_plan_rows(info, info->idxNum & 1 << function->n_needed);
    info->estimatedCost = 1e6 + (double)info->estimatedRows;
    /* Ranks ascend, and what they rank by falls. */
    info->orderByConsumed =
        info->nOrderBy == 1 &&
        ((info->aOrderBy[0].iColumn == EXT_RANKER_RANK && !info->aOrderBy[0].desc) ||
         (info->aOrderBy[0].iColumn == EXT_RANKER_SCORE && info->aOrderBy[0].desc));
}
