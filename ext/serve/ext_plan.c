/*
 * ext_plan.c - plans of tables of rankings: which constraints of a query are pushed down;
 * see ext_serve.h.
 *
 * SQLite calls xBestIndex with a list of constraints. A plan asks for the value of a
 * constraint, and sets a bit of idxNum that says so. xFilter then gets the values in
 * argv, in this order: the arguments; the values that the table itself asks for (session,
 * basis); the bound of rank; the item. A value whose bit is not set is not there. The
 * frame (ext_table.c) takes the arguments away before it calls start.
 *
 * SQLite tests every constraint again on the rows that it gets, except those on
 * arguments.
 */
#include "ext_serve.h"

/*
 * Tells whether the plan so far gets the value of an argument of the table-valued
 * function from an IN, as in "WHERE history IN (...)". Then SQLite calls xFilter for each
 * value of the list.
 */
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
 * Tells whether the plan may push down the constraint with this index. False only if an
 * argument of the table-valued function comes from IN (...) and the value of the
 * constraint is no constant.
 *
 * When an argument comes from IN (...), SQLite calls xBestIndex again with that argument
 * unusable. We must refuse such a call, and SQLite then never tries other plans. So a
 * plan with such an argument must not depend on another table: it pushes down only
 * comparisons with constants, whose values sqlite3_vtab_rhs_value() knows already.
 */
static bool may_use(const ext_table_plan *plan, int constraint)
{
    sqlite3_value *value;
    return !has_list_argument(plan->function, plan->info) ||
           sqlite3_vtab_rhs_value(plan->info, constraint, &value) == SQLITE_OK;
}

/*
 * Tells whether the constraint with this index can be pushed down as one on this column
 * with the operator op: it must be usable, compare by the collation BINARY, and be
 * allowed by may_use(). Another collation, as NOCASE, would match more items than we
 * find.
 */
static bool can_use(const ext_table_plan *plan, int constraint, int column, int op)
{
    const sqlite3_index_info *info = plan->info;
    return info->aConstraint[constraint].usable &&
           info->aConstraint[constraint].iColumn == column &&
           info->aConstraint[constraint].op == op && may_use(plan, constraint) &&
           sqlite3_stricmp(sqlite3_vtab_collation(plan->info, constraint), "BINARY") == 0;
}

void ext_plan_equality(ext_table_plan *plan, int column, const char *name, int bit,
                       int list_bit)
{
    sqlite3_index_info *info = plan->info;
    for (int i = 0; i < info->nConstraint; i++)
        if (!(info->idxNum & bit) &&
            can_use(plan, i, column, SQLITE_INDEX_CONSTRAINT_EQ)) {
            ext_table_use(plan, i, bit, name);
            /*
             * An IN: tells SQLite to give all values of the list in one call of xFilter.
             */
            if (sqlite3_vtab_in(info, i, 1))
                info->idxNum |= list_bit;
        }
}

int ext_plan_next_value(sqlite3_value **value, sqlite3_value *argument, bool is_list,
                        ext_error *error)
{
    if (!is_list) {
        *value = *value == NULL ? argument : NULL;
        return SQLITE_OK;
    }
    int rc = *value == NULL ? sqlite3_vtab_in_first(argument, value)
                            : sqlite3_vtab_in_next(argument, value);
    if (rc == SQLITE_OK)
        return rc;
    *value = NULL;
    return rc == SQLITE_DONE ? SQLITE_OK : ext_error_set(error, rc, "reading an IN");
}

void ext_plan_basis(ext_table_plan *plan, int column)
{
    const sqlite3_index_info *info = plan->info;
    static const char name[] = "basis";
    ext_plan_equality(plan, column, name, EXT_PLAN_BASIS, EXT_PLAN_BASES);
    for (int i = 0; i < info->nConstraint; i++)
        if (!(info->idxNum & EXT_PLAN_BASIS) &&
            can_use(plan, i, column, SQLITE_INDEX_CONSTRAINT_IS))
            ext_table_use(plan, i, EXT_PLAN_BASIS, name);
}

/*
 * Pushes down constraint i, which must be a usable one on the column rank, if it is an
 * upper bound (<, <= or =), and may_use() allows it. Does nothing if an upper bound is
 * pushed down already.
 */
static void plan_rank(ext_table_plan *plan, int i)
{
    static const char name[] = "rank";
    const int op = plan->info->aConstraint[i].op;
    if ((plan->info->idxNum & (EXT_PLAN_MOST | EXT_PLAN_BELOW)) || !may_use(plan, i))
        return;
    if (op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_EQ)
        ext_table_use(plan, i, EXT_PLAN_MOST, name);
    else if (op == SQLITE_INDEX_CONSTRAINT_LT)
        ext_table_use(plan, i, EXT_PLAN_BELOW, name);
}

/*
 * Tells whether the query reads or compares the column with index rank. colUsed is
 * SQLite's bit mask of the columns that the query reads.
 */
static bool is_rank_used(int rank, const sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].iColumn == rank)
            return true;
    return (info->colUsed >> rank & 1) != 0;
}

void ext_plan_ranking(ext_table_plan *plan, int rank)
{
    sqlite3_index_info *info = plan->info;
    for (int i = 0; i < info->nConstraint; i++)
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == rank)
            plan_rank(plan, i);
    ext_plan_equality(plan, rank + EXT_RANKER_ITEM, "item", EXT_PLAN_ITEM,
                      EXT_PLAN_ITEMS);
    if (!is_rank_used(rank, info))
        info->idxNum |= EXT_PLAN_RANK_UNUSED;
}

sqlite3_int64 ext_plan_rows(const sqlite3_index_info *info, bool is_short)
{
    if (info->idxNum & EXT_PLAN_ITEM)
        return 1;
    return is_short || (info->idxNum & (EXT_PLAN_MOST | EXT_PLAN_BELOW)) ? 20 : 10000;
}

void ext_plan_one_ranking(ext_table_plan *plan)
{
    sqlite3_index_info *info = plan->info;
    ext_plan_ranking(plan, EXT_RANKER_RANK);
    info->estimatedRows =
        ext_plan_rows(info, info->idxNum & 1 << plan->function->n_needed);
    info->estimatedCost = 1e6 + (double)info->estimatedRows;
    /*
     * Rows come by ascending rank, and so by descending score. SQLite need not sort then.
     */
    info->orderByConsumed =
        info->nOrderBy == 1 &&
        ((info->aOrderBy[0].iColumn == EXT_RANKER_RANK && !info->aOrderBy[0].desc) ||
         (info->aOrderBy[0].iColumn == EXT_RANKER_SCORE && info->aOrderBy[0].desc));
}
