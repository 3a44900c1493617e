/*
 * shortlist.h - finds the k best rows from bounds of their scores.
 *
 * The shortlist keeps the rows that can be among the k best. The k-th largest of the
 * lower bounds seen so far is called the least. It is no greater than the k-th largest
 * score, so a row whose upper bound is below it cannot be among the k best. The rows that
 * are left at the end are scored exactly. The k best of these are the k best of all rows,
 * with the same order of equal scores.
 *
 * To use a shortlist: start, add each row whose upper bound reaches the least, best.
 */
#ifndef G4R_SHORTLIST_H
#define G4R_SHORTLIST_H

#include "../kernels/topk.h"
#include "../model/model.h"

enum {
    G4R_SHORTLIST_MOST = 1024 /* largest k */,
    G4R_SHORTLIST_ROWS = 8192 /* most rows in a shortlist */
};

typedef struct g4r_shortlist {
    const g4r_vec *vec;
    size_t k;
    const int32_t *excluded; /* (n_excluded) ascending: rows that must be left out */
    size_t n_excluded;
    size_t most;        /* rows that there is room for */
    g4r_real *lower;    /* (k) the k largest lower bounds, a heap with the least on top */
    g4r_scored *rows;   /* (most) rows, ascending, with their upper bounds as scores */
    size_t n;           /* rows in the shortlist */
    bool is_full;       /* too many rows are left, so the shortlist cannot be used */
    int32_t *finalists; /* (most) the rows that are scored exactly */
    g4r_real *scores;   /* (most) the exact scores of the finalists */
} g4r_shortlist;

/*
 * Carves the arrays of a shortlist over n_items rows from the arena. Their memory need
 * not be zeroed.
 */
void g4r_shortlist_layout(g4r_shortlist *list, g4r_arena *arena, size_t n_items);
/*
 * Empties the shortlist, clears is_full, and begins to look for the k best, 1 ...
 * G4R_SHORTLIST_MOST. excluded (n_excluded) has the rows that must be left out,
 * ascending; it is borrowed until the last row is added.
 */
void g4r_shortlist_start(g4r_shortlist *list, size_t k, const int32_t *excluded,
                         size_t n_excluded);
/*
 * Returns the least, the k-th largest lower bound so far; -INFINITY if fewer than k rows
 * were added. A row is worth adding only if its upper bound is no smaller.
 */
g4r_real g4r_shortlist_least(const g4r_shortlist *list);
/*
 * Returns the first index from i on at which upper (n), the upper bounds of some rows,
 * reaches the least; n if there is none.
 */
size_t g4r_shortlist_find(const g4r_shortlist *list, const g4r_real *upper, size_t i,
                          size_t n);
/*
 * Adds a row with the bounds of its score. The caller makes sure that upper reaches the
 * least. An excluded row is not added. The least can become greater. The rows must ascend
 * from call to call. If too many rows are left for the room that there is, sets is_full,
 * and from then on adds nothing.
 */
void g4r_shortlist_add(g4r_shortlist *list, int32_t row, g4r_real upper, g4r_real lower);
/*
 * Adds those of n rows whose upper bounds (n) reach the least. upper[i] is that of
 * rows[first + i], or of row first + i if rows is NULL. A lower bound is gap below its
 * upper bound.
 */
void g4r_shortlist_add_bounded(g4r_shortlist *list, size_t first, const int32_t *rows,
                               const g4r_real *upper, size_t n, g4r_real gap);
/*
 * Ends the search. Scores the rows that are left exactly, against x (d), and writes the k
 * best into best (k), the best first. Returns how many there are: fewer than k if there
 * are fewer rows whose score is neither NaN nor -INFINITY. is_full must be false.
 */
size_t g4r_shortlist_best(g4r_shortlist *list, g4r_scored *best, const g4r_output *output,
                          const g4r_real *x);

#endif
