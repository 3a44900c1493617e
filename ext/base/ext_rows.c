/* ext_rows.c - lists of rows of the catalogue; see ext_base.h. */
#include "ext_base.h"

#include <stdlib.h>
#include <string.h>

int ext_rows_add(ext_rows *list, int32_t row, ext_error *error)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        int32_t *rows = sqlite3_realloc64(list->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return ext_error_nomem(error);
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->n++] = row;
    return SQLITE_OK;
}

void ext_rows_free(ext_rows *list)
{
    sqlite3_free(list->rows);
    memset(list, 0, sizeof *list);
}

/* Compares two rows, for qsort() and bsearch(), in ascending order. */
static int compare_rows(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

void ext_rows_sort(ext_rows *list)
{
    size_t n = 0;
    if (list->n > 1)
        qsort(list->rows, list->n, sizeof *list->rows, compare_rows);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->rows[n - 1] != list->rows[i])
            list->rows[n++] = list->rows[i];
    list->n = n;
}

bool ext_rows_has(const ext_rows *list, int32_t row)
{
    return list->n > 0 &&
           bsearch(&row, list->rows, list->n, sizeof *list->rows, compare_rows) != NULL;
}
