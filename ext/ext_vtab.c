/* ext_vtab.c - hidden arguments of virtual tables; see ext_int.h. */
#include "ext_int.h"

int ext_plan_arguments(sqlite3_index_info *info, int first, int n, int *n_argv)
{
    int chosen[16];
    for (int i = 0; i < n; i++)
        chosen[i] = -1;
    for (int i = 0; i < info->nConstraint; i++) {
        int argument = info->aConstraint[i].iColumn - first;
        if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ || argument < 0 ||
            argument >= n)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT;
        chosen[argument] = i;
    }
    for (int i = 0; i < n; i++) {
        if (chosen[i] < 0)
            continue;
        info->aConstraintUsage[chosen[i]].argvIndex = ++*n_argv;
        info->aConstraintUsage[chosen[i]].omit = 1;
        info->idxNum |= 1 << i;
    }
    return SQLITE_OK;
}

int ext_keep_arguments(sqlite3_value **kept, int n, int mask, sqlite3_value **argv)
{
    ext_drop_arguments(kept, n);
    for (int i = 0; i < n; i++)
        if (mask & (1 << i)) {
            kept[i] = sqlite3_value_dup(*argv++);
            if (kept[i] == NULL)
                return SQLITE_NOMEM;
        }
    return SQLITE_OK;
}

void ext_drop_arguments(sqlite3_value **kept, int n)
{
    for (int i = 0; i < n; i++) {
        sqlite3_value_free(kept[i]);
        kept[i] = NULL;
    }
}
