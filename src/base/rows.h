/* rows.h - ascending lists of item rows without repeats. */
#ifndef G4R_ROWS_H
#define G4R_ROWS_H

#include "base.h"

/*
 * Tells whether rows (n), an ascending list, has the value row. Sets *place to the index
 * of row in the list, or to the index at which it would have to be inserted.
 */
static inline bool g4r_rows_find(const int32_t *rows, size_t n, int32_t row,
                                 size_t *place)
{
    size_t from = 0, to = n;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (rows[middle] < row)
            from = middle + 1;
        else
            to = middle;
    }
    *place = from;
    return from < n && rows[from] == row;
}

/*
 * Tells whether a ranking of the items rows (n), ascending, or of all items if rows is
 * NULL, has the item of a row. Sets *place to the item's index in the ranking's scores.
 */
static inline bool g4r_rows_place(const int32_t *rows, size_t n, int32_t row,
                                  size_t *place)
{
    if (rows != NULL)
        return g4r_rows_find(rows, n, row, place);
    *place = (size_t)row;
    return true;
}

/*
 * Inserts row into the ascending list rows (n) if the list does not have it. The array
 * must have room for one more. Returns the new number of rows.
 */
static inline size_t g4r_rows_add(int32_t *rows, size_t n, int32_t row)
{
    size_t place;
    if (g4r_rows_find(rows, n, row, &place))
        return n;
    memmove(rows + place + 1, rows + place, (n - place) * sizeof *rows);
    rows[place] = row;
    return n + 1;
}

#endif
