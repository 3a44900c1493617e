/*
 * shortlist.h - finds the k best rows from bounds of their scores.
 *
 * The shortlist keeps the rows that can be among the k best. The k-th largest of the
 * lower bounds seen so far is called the least. It is no greater than the k-th largest
 * score, so a row whose upper bound is below it cannot be among the k best. The rows that
 * are left at the end are scored exactly. The k best of these are the k best of all rows,
 * with the same order of equal scores.
 *
 * How to use a shortlist: call g4r_shortlist_start(), then g4r_shortlist_add() for each
 * row whose upper bound reaches the least, by ascending row, then g4r_shortlist_best().
 * If is_full is true after the adding, the list is useless: the caller must score all
 * rows.
 */
#ifndef G4R_SHORTLIST_H
#define G4R_SHORTLIST_H

#include "../kernels/topk.h"
#include "../model/model.h"

enum {
    G4R_SHORTLIST_MOST = 1024 /* largest k */,
    G4R_SHORTLIST_ROWS = 8192 /* most rows in a shortlist */
};

/* A search for the k best rows. */
typedef struct g4r_shortlist {
    const g4r_vec *vec;
    size_t k;
    const int32_t *excluded; /* (n_excluded) ascending: rows that must be left out */
    size_t n_excluded;
    size_t most; /* rows that there is room for */
    /*
     * (k) The k largest lower bounds so far, as a heap with the smallest of them, the
     * least, on top. -INFINITY where no row has been added yet.
     */
    g4r_real *lower;
    /*
     * (most) The first n are the rows in the shortlist, ascending. The score of each is
     * its upper bound.
     */
    g4r_scored *rows;
    size_t n; /* rows in the shortlist */
    /*
     * Too many rows are left, so the shortlist cannot be used. g4r_shortlist_add() sets
     * it, and the caller may. While it is true, nothing is added.
     */
    bool is_full;
    int32_t *finalists; /* (most) the rows that are scored exactly */
    g4r_real *scores;   /* (most) the exact scores of the finalists */
} g4r_shortlist;

/*
 * Carves the arrays of a shortlist over n_items rows from the arena, and sets vec and
 * most. The memory need not be zeroed. Call g4r_shortlist_start() before any search.
 */
void g4r_shortlist_layout(g4r_shortlist *list, g4r_arena *arena, size_t n_items);
/*
 * Begins a search for the k best rows, k from 1 to G4R_SHORTLIST_MOST and at most
 * n_items: empties the shortlist, clears is_full, and sets all lower bounds to -INFINITY.
 * excluded (n_excluded) has the rows that must be left out, ascending. It is borrowed
 * until the last row is added.
 */
void g4r_shortlist_start(g4r_shortlist *list, size_t k, const int32_t *excluded,
                         size_t n_excluded);
/*
 * Returns the least: the k-th largest lower bound of the rows added so far. Returns
 * -INFINITY if there are fewer than k. A row can be among the best only if its upper
 * bound is at least this.
 */
g4r_real g4r_shortlist_least(const g4r_shortlist *list);
/*
 * Returns the first index, from i on, of a value of upper (n) that is the least or
 * greater; n if there is none. upper has the upper bounds of some rows. Changes nothing.
 */
size_t g4r_shortlist_find(const g4r_shortlist *list, const g4r_real *upper, size_t i,
                          size_t n);
/*
 * Adds a row with the bounds of its score, unless it is excluded. lower may raise the
 * least. The caller makes sure that upper is the least or greater, and that the rows
 * ascend from call to call. If there is no room, first removes the rows whose upper bound
 * is below the least. If more than half of the rows stay, sets is_full. While is_full is
 * true, adds nothing.
 */
void g4r_shortlist_add(g4r_shortlist *list, int32_t row, g4r_real upper, g4r_real lower);
/*
 * Ends the search. Removes the rows whose upper bound is below the least, scores the
 * others exactly with the vector x (d), and writes the k best into best (k), the best
 * first. Returns how many there are: fewer than k if fewer rows have a score that is
 * neither NaN nor -INFINITY. is_full must be false. output has the table and the biases
 * of all rows.
 */
size_t g4r_shortlist_best(g4r_shortlist *list, g4r_scored *best, const g4r_output *output,
                          const g4r_real *x);

#endif
