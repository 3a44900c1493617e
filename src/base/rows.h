/* rows.h - ascending lists of item rows without repeats. */
#ifndef G4R_ROWS_H
#define G4R_ROWS_H

#include "base.h"

/* Tells whether rows (n) has row. Sets *place to its index, or to where it belongs. */
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
 * Adds row to rows (n) if it is not there. The array must have room for one more. Returns
 * the new number of rows.
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
