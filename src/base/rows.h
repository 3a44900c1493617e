/* rows.h - ascending lists of item rows without repeats. */
#ifndef G4R_ROWS_H
#define G4R_ROWS_H

#include "base.h"

/*
 * Tells whether rows (n), an ascending list, has the value row. Sets *place in any case:
 * to the index of row in the list, or to the index at which row would have to be inserted
 * (from 0 to n).
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
 * Tells whether a ranking has the item of a row, and sets *place to the index of the
 * item's score. rows (n), ascending, are the items of the ranking, and the scores are in
 * the same order. If rows is NULL, the ranking is of all items: returns true, and *place
 * is row. If it returns false, *place is the index at which row would be inserted.
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
 * Inserts row into the ascending list rows (n), at its place, and returns n + 1. If the
 * list has the row already, changes nothing and returns n. The array must have room for
 * one more.
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
