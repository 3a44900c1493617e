/*
 * ranks.h - where the targets of many sessions stand among the items, and what stands
 * first, by the scores that serving has, to the bit.
 *
 * Matrix products bound the scores of all sessions (bounds.h). An item whose bounds are on
 * one side of the target's score is on that side; the few others are scored as serving
 * scores them. The lists come from the same bounds (shortlist.h). Where bounds tell too
 * little, all items are scored.
 */
#ifndef G4R_RANKS_H
#define G4R_RANKS_H

#include "../base/stop.h"
#include "../serve/blend.h"
#include "../serve/bounds.h"
#include "../serve/shortlist.h"
#include "tally.h"

/* One ranking. */
typedef struct g4r_rank_query {
    int32_t target;      /* its row; -1: it is not among the items that are ranked */
    const int32_t *seen; /* (n_seen) ascending: left out, target none of them; borrowed */
    size_t n_seen;
    const int32_t *history; /* (n_history) the items before the target, the oldest first;
                             * only read to blend; borrowed */
    size_t n_history;
    int64_t event; /* the target's place among the test events */
} g4r_rank_query;

/* A query between add and get. */
typedef struct g4r_rank_lane {
    g4r_rank_query query;
    bool is_bounded;      /* the rest holds */
    g4r_real score, high; /* the target's; what is bounded by more is greater */
    size_t n_greater, n_equal;
    g4r_shortlist list;
} g4r_rank_lane;

typedef struct g4r_ranks {
    const g4r_vec *vec;
    gru4rec_blender
        *blender; /* blends the scores; borrowed; NULL: they are the network's */
    g4r_bounds bounds;
    const int32_t *rows; /* (n) ascending: the items that are ranked; NULL: all are */
    size_t n, longest, n_lanes, n_added;
    size_t n_exact;         /* lanes whose items are all scored together, if so */
    g4r_rank_lane *lanes;   /* (lanes) */
    g4r_real *x, *slack;    /* (lanes,D), (lanes) */
    g4r_real *upper;        /* (lanes,COLUMNS) */
    g4r_real *table, *bias; /* (COLUMNS,D), (COLUMNS) gathered rows; none where all are */
    int32_t *near;          /* (COLUMNS) */
    g4r_real *near_scores;  /* (COLUMNS) */
    g4r_real *scores;       /* (n_exact,n) */
    g4r_scored *list;       /* (longest) the one given last */
} g4r_ranks;

/* rows (n): the items that are ranked, ascending; NULL: all of the model. */
void g4r_ranks_init(g4r_ranks *ranks, const g4r_bounds *bounds, const int32_t *rows,
                    size_t n, size_t longest);
void g4r_ranks_layout(g4r_ranks *ranks, g4r_arena *arena, size_t n_lanes);
/* Is the item ranked? */
bool g4r_ranks_has(const g4r_ranks *ranks, int32_t row);
/* Takes in a session's vector x (D), the first after a start for new lanes. */
void g4r_ranks_start(g4r_ranks *ranks);
void g4r_ranks_add(g4r_ranks *ranks, const g4r_real *x, const g4r_rank_query *query);
/* All that were added; false: stopped. */
bool g4r_ranks_bound(g4r_ranks *ranks, const g4r_stop *stop);
/* One of them after another, in the order in which they came. False: scores are not finite. The list
 * lasts until the next one. */
bool g4r_ranks_get(g4r_ranks *ranks, size_t lane, g4r_standing *standing);
/* The same at once for one session, whose items are rows (n, NULL: all); n: at most as many
 * as ranks has. */
bool g4r_ranks_exact(g4r_ranks *ranks, const g4r_real *x, const int32_t *rows, size_t n,
                     const g4r_rank_query *query, g4r_standing *standing);

#endif
