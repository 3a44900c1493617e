/*
 * shortlist.h - the rows that can be among the k best, found from upper bounds of
 * their scores.
 *
 * The k-th largest of the lower bounds seen so far is no greater than the k-th largest
 * score, so a row whose upper bound is below it is out. What is left at the end is scored
 * exactly: the k best of it are the k best of all, with the same ties.
 */
#ifndef G4R_SHORTLIST_H
#define G4R_SHORTLIST_H

#include "../kernels/topk.h"
#include "../model/model.h"

enum {
    G4R_SHORTLIST_MOST = 1024 /* largest k */,
    G4R_SHORTLIST_ROWS = 8192 /* at most */
};

typedef struct g4r_shortlist {
    const g4r_vec *vec;
    size_t k;
    const int32_t *excluded; /* (n_excluded) ascending: rows that do not count */
    size_t n_excluded;
    size_t most;      /* rows that there is room for */
    g4r_real *lower;  /* (k) the best lower bounds, a heap with the least first */
    g4r_scored *rows; /* (most) with their upper bounds, rows ascending */
    size_t n;
    bool is_full;       /* more rows than there was room for: the list is worth nothing */
    int32_t *finalists; /* (most) */
    g4r_real *scores;   /* (most) theirs */
} g4r_shortlist;

/* For n_items; the arrays need not be zero. */
void g4r_shortlist_layout(g4r_shortlist *list, g4r_arena *arena, size_t n_items);
/* excluded is borrowed. */
void g4r_shortlist_start(g4r_shortlist *list, size_t k, const int32_t *excluded,
                         size_t n_excluded);
/* What an upper bound must reach. */
g4r_real g4r_shortlist_least(const g4r_shortlist *list);
/* The first of the upper bounds (n) from i on that reaches it; n where none does. */
size_t g4r_shortlist_find(const g4r_shortlist *list, const g4r_real *upper, size_t i,
                          size_t n);
/* A row whose upper bound reaches it; rows ascend from call to call. */
void g4r_shortlist_add(g4r_shortlist *list, int32_t row, g4r_real upper, g4r_real lower);
/* The n rows from first on, or of rows (NULL: rows are numbers themselves) those from first
 * on, whose upper bounds (n) reach it; lower ones are gap below them. */
void g4r_shortlist_add_bounded(g4r_shortlist *list, size_t first, const int32_t *rows,
                               const g4r_real *upper, size_t n, g4r_real gap);
/*
 * No more rows. best (k) out: the k best of them in order, by their scores against x (d).
 * Returns how many there are.
 */
size_t g4r_shortlist_best(g4r_shortlist *list, g4r_scored *best, const g4r_output *output,
                          const g4r_real *x);

#endif
