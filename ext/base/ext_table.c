/*
 * ext_table.c - the methods that all virtual tables share; see ext_base.h.
 *
 * If two rows of one query have the same rowid, SQLite takes them for the same row: by
 * the rowids it merges the scans of the branches of an OR. So a rowid is made from
 * everything in which two rows can differ: from a hash of the values that many rows have
 * in common, such as the arguments, and from the number of the row among the rows with
 * that hash.
 */
#include "ext_base.h"

#include <string.h>

int ext_table_new(ext_table **out, const ext_table_function *function,
                  const char *declaration, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error)
{
    assert(function->n_arguments <= EXT_TABLE_ARGUMENTS);
    *out = NULL;
    int rc = sqlite3_declare_vtab(db, declaration);
    if (rc == SQLITE_NOMEM) /* SQLite may not have noted it as the connection's error */
        return ext_error_nomem(error);
    if (rc != SQLITE_OK)
        return ext_error_db(error, db, "declaring the table");
    sqlite3_vtab_config(db, function->trust);
    ext_table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL)
        return ext_error_nomem(error);
    *table =
        (ext_table){.function = function, .home = {.db = db, .connection = connection}};
    if (name != NULL)
        rc = ext_home_init(&table->home, db, connection, schema, name, error);
    if (rc != SQLITE_OK)
        sqlite3_free(table);
    else
        *out = table;
    return rc;
}

int ext_table_disconnect(sqlite3_vtab *base)
{
    ext_home_clear(&((ext_table *)base)->home);
    sqlite3_free(base);
    return SQLITE_OK;
}

const ext_home *ext_table_home(const ext_cursor *cursor)
{
    return &((const ext_table *)cursor->base.pVtab)->home;
}

static const ext_table_function *function_of(const ext_cursor *cursor)
{
    return ((const ext_table *)cursor->base.pVtab)->function;
}

int ext_table_usage(const ext_cursor *cursor, ext_error *error)
{
    const ext_table_function *function = function_of(cursor);
    return ext_error_set(error, SQLITE_ERROR, "%s() %s", function->name, function->usage);
}

/* ---- plan ---- */

/*
 * Returns the operator of a constraint as text, in the form of EXPLAIN QUERY PLAN for
 * ordinary tables: "<=", "<", or "=" for any other operator.
 */
static const char *operator_of(sqlite3_index_info *info, int constraint)
{
    const int op = info->aConstraint[constraint].op;
    if (op == SQLITE_INDEX_CONSTRAINT_LE)
        return "<=";
    return op == SQLITE_INDEX_CONSTRAINT_LT ? "<" : "=";
}

void ext_table_use(ext_table_plan *plan, int constraint, int bit, const char *name)
{
    plan->info->aConstraintUsage[constraint].argvIndex = ++plan->n_argv;
    plan->info->idxNum |= bit;
    sqlite3_str_appendf(plan->text, "%s%s%s?", plan->n_argv > 1 ? " " : "", name,
                        operator_of(plan->info, constraint));
}

/*
 * Plans the arguments: makes xFilter get the values of those that the query gives by "=",
 * in their order, sets their bits in idxNum, and tells SQLite not to check these
 * constraints itself. If an argument is given twice, the last one counts. Sets the bit
 * for a missing argument if the argument is not given so, and either the query reads it
 * or a value for it exists that this plan cannot use.
 */
static void plan_arguments(ext_table_plan *plan)
{
    const ext_table_function *function = plan->function;
    sqlite3_index_info *info = plan->info;
    int chosen[EXT_TABLE_ARGUMENTS], unusable = 0;
    memset(chosen, -1, sizeof chosen);
    for (int i = 0; i < info->nConstraint; i++) {
        const int argument = info->aConstraint[i].iColumn - function->n_columns;
        if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ || argument < 0 ||
            argument >= function->n_arguments)
            continue;
        if (info->aConstraint[i].usable)
            chosen[argument] = i;
        else
            unusable |= 1 << argument;
    }
    for (int i = 0; i < function->n_arguments; i++) {
        if (chosen[i] >= 0) {
            ext_table_use(plan, chosen[i], 1 << i, function->arguments[i].name);
            info->aConstraintUsage[chosen[i]].omit = 1;
        } else if ((info->colUsed >> (function->n_columns + i) & 1) ||
                   (unusable >> i & 1)) {
            info->idxNum |= 1 << (EXT_TABLE_MISSING + i);
        }
    }
}

/*
 * Tells by idxNum whether the scan cannot run because an argument is missing: one that
 * the table needs, or one that the query reads.
 */
static bool is_missing(const ext_table_function *function, int idx_num)
{
    const int needed = (1 << function->n_needed) - 1;
    return (idx_num & needed) != needed || idx_num >> EXT_TABLE_MISSING != 0;
}

/*
 * Tells whether the query has an ORDER BY that asks for the order in which the rows of
 * the table come anyway: ascending, by the first columns, at most n_ordered of them.
 * Returns false without ORDER BY.
 */
static bool is_in_order(const ext_table_function *function,
                        const sqlite3_index_info *info)
{
    bool is_same = info->nOrderBy > 0 && info->nOrderBy <= function->n_ordered;
    for (int i = 0; is_same && i < info->nOrderBy; i++)
        is_same = info->aOrderBy[i].iColumn == i && !info->aOrderBy[i].desc;
    return is_same;
}

int ext_table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const ext_table_function *function = ((ext_table *)base)->function;
    ext_table_plan plan = {function, info, 0, sqlite3_str_new(NULL)};
    info->idxNum = 0;
    plan_arguments(&plan);
    info->estimatedRows = (sqlite3_int64)function->n_rows;
    info->estimatedCost = function->cost;
    info->orderByConsumed = is_in_order(function, info);
    if (function->plan != NULL)
        function->plan(&plan);
    /*
     * A missing argument is an error only when the scan starts. An error here would break
     * OR on old versions of SQLite, and in another plan the argument may be there. So
     * this plan is only given a very high cost.
     */
    if (is_missing(function, info->idxNum))
        info->estimatedCost = 1e50;
    const int rc = sqlite3_str_errcode(plan.text);
    char *text = sqlite3_str_finish(plan.text);
    if (rc != SQLITE_OK) { /* after a failure SQLite does not free text */
        sqlite3_free(text);
        return rc;
    }
    info->idxStr = text;
    info->needToFreeIdxStr = text != NULL;
    GRU4REC_TRACE(3, "plan of %s: idxNum 0x%x, cost %g, %lld rows%s", function->name,
                  (unsigned)info->idxNum, info->estimatedCost,
                  (long long)info->estimatedRows,
                  info->orderByConsumed ? ", in order" : "");
    return SQLITE_OK;
}

/* ---- rows ---- */

int ext_table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    ext_table *table = (ext_table *)base;
    const size_t bytes = table->function->cursor_bytes;
    ext_cursor *cursor = sqlite3_malloc64(bytes);
    if (cursor == NULL)
        return SQLITE_NOMEM;
    memset(cursor, 0, bytes);
    cursor->base.pVtab = base;
    cursor->next_open = table->open;
    table->open = cursor;
    *out = &cursor->base;
    return SQLITE_OK;
}

/*
 * Takes the cursor, which must be in it, out of the table's list of open cursors. The
 * cursor is not freed.
 */
static void take_out(ext_table *table, const ext_cursor *cursor)
{
    ext_cursor **link = &table->open;
    while (*link != cursor)
        link = &(*link)->next_open;
    *link = cursor->next_open;
}

/* Frees the cursor's copies of the arguments and sets them to NULL. */
static void drop_arguments(ext_cursor *cursor)
{
    for (int i = 0; i < EXT_TABLE_ARGUMENTS; i++) {
        sqlite3_value_free(cursor->arguments[i]);
        cursor->arguments[i] = NULL;
    }
}

int ext_table_close(sqlite3_vtab_cursor *base)
{
    ext_cursor *cursor = (ext_cursor *)base;
    const ext_table_function *function = function_of(cursor);
    function->stop(cursor);
    if (function->close != NULL)
        function->close(cursor);
    drop_arguments(cursor);
    take_out((ext_table *)base->pVtab, cursor);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/*
 * Replaces the cursor's copies of the arguments by copies of those that idxNum says are
 * given (NULL: not given), and sets the cursor's hash to the hash of all arguments. Moves
 * *argv past their values. Returns SQLITE_OK or SQLITE_NOMEM.
 */
static int keep_arguments(ext_cursor *cursor, sqlite3_value ***argv, int idx_num)
{
    const int n = function_of(cursor)->n_arguments;
    drop_arguments(cursor);
    cursor->hash = 0;
    for (int i = 0; i < n; i++) {
        if (idx_num & (1 << i)) {
            cursor->arguments[i] = sqlite3_value_dup(*(*argv)++);
            if (cursor->arguments[i] == NULL)
                return SQLITE_NOMEM;
        }
        cursor->hash = ext_value_hash(cursor->hash, cursor->arguments[i]);
    }
    return SQLITE_OK;
}

/*
 * Begins the ext_entry of a call, because the SQL that start and next run may lead back
 * to this table. If the table is a model's own, notes in the entry that the call uses the
 * model. Errors: those of ext_entry_start() and ext_entry_use(). leave() must end the
 * entry, also after a failure.
 */
static int enter(ext_entry *entry, const ext_cursor *cursor, ext_error *error)
{
    const ext_home *home = ext_table_home(cursor);
    int rc = ext_entry_start(entry, home->db, error);
    return rc == SQLITE_OK && home->name != NULL ? ext_entry_use(home, error) : rc;
}

/*
 * Ends what enter() began, even if enter() failed: passes the error of the call to SQLite
 * as the message of the table (ext_error_vtab()), and ends the ext_entry. If the error is
 * set, also sets is_eof of the cursor. Returns the code that the error had, and clears
 * the error.
 */
static int leave(ext_entry *entry, ext_cursor *cursor, ext_error *error)
{
    cursor->is_eof |= error->rc != SQLITE_OK;
    const int rc = ext_error_vtab(error, cursor->base.pVtab);
    ext_entry_end(entry);
    return rc;
}

/*
 * Sets the error, SQLITE_ERROR, for the first argument that is missing by idxNum, and
 * returns its code. If the table needs the argument, the message is the usage of the
 * table. Otherwise the query reads the argument, and the message says how to give it:
 * only a comparison gives an argument a value.
 */
static int fail_missing(const ext_cursor *cursor, int idx_num, ext_error *error)
{
    const ext_table_function *function = function_of(cursor);
    int i = 0;
    if ((idx_num >> EXT_TABLE_MISSING) == 0)
        return ext_table_usage(cursor, error);
    while ((idx_num >> (EXT_TABLE_MISSING + i) & 1) == 0)
        i++;
    if (i < function->n_needed)
        return ext_table_usage(cursor, error);
    return ext_error_set(error, SQLITE_ERROR,
                         "%s is an argument that is read here but not given; write %s "
                         "as a condition of the whole query, or in the ON of a LEFT JOIN",
                         function->arguments[i].name, function->arguments[i].example);
}

int ext_table_filter(sqlite3_vtab_cursor *base, int idx_num, const char *text, int argc,
                     sqlite3_value **argv)
{
    ext_cursor *cursor = (ext_cursor *)base;
    const ext_table_function *function = function_of(cursor);
    ext_entry entry;
    ext_error error = {0};
    (void)text;
    (void)argc;
    function->stop(cursor);
    cursor->row = 0;
    cursor->is_eof = true;
    if (keep_arguments(cursor, &argv, idx_num) != SQLITE_OK)
        return SQLITE_NOMEM;
    if (enter(&entry, cursor, &error) == SQLITE_OK) {
        cursor->is_eof = false;
        if (is_missing(function, idx_num))
            fail_missing(cursor, idx_num, &error);
        else
            function->start(cursor, idx_num, argv, &error);
    }
    return leave(&entry, cursor, &error);
}

int ext_table_next(sqlite3_vtab_cursor *base)
{
    ext_cursor *cursor = (ext_cursor *)base;
    ext_entry entry;
    ext_error error = {0};
    cursor->row++;
    if (enter(&entry, cursor, &error) == SQLITE_OK)
        function_of(cursor)->next(cursor, &error);
    return leave(&entry, cursor, &error);
}

int ext_table_eof(sqlite3_vtab_cursor *base)
{
    return ((ext_cursor *)base)->is_eof;
}

int ext_table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const ext_cursor *cursor = (ext_cursor *)base;
    const ext_table_function *function = function_of(cursor);
    const int argument = i - function->n_columns;
    if (argument < 0 || argument >= function->n_arguments)
        function->column(cursor, context, i);
    else if (cursor->arguments[argument] != NULL)
        sqlite3_result_value(context, cursor->arguments[argument]);
    return SQLITE_OK;
}

int ext_table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const ext_cursor *cursor = (ext_cursor *)base;
    *id = (sqlite3_int64)((cursor->hash + (uint64_t)cursor->row) * 0x9e3779b97f4a7c15u);
    return SQLITE_OK;
}
