/*
 * ranks.h - ranks the targets of many sessions, and finds the best items of each session,
 * by the scores that serving gives, to the bit.
 *
 * Matrix products give bounds of the scores for all sessions at once (bounds.h). If both
 * bounds of an item are above, or both are below, the target's score, the item's score is
 * too. The few other items are scored exactly, as in serving. The lists of best items
 * come from the same bounds (shortlist.h). If the bounds exclude too few items, all items
 * are scored exactly.
 *
 * To use it: init, layout, and then for each step start, add for each lane, bound, and
 * get for each lane.
 */
#ifndef G4R_RANKS_H
#define G4R_RANKS_H

#include "../base/stop.h"
#include "../serve/blender.h"
#include "../serve/bounds.h"
#include "../serve/shortlist.h"
#include "tally.h"

/* What is asked of one ranking. */
typedef struct g4r_rank_query {
    int32_t target; /* row of the target; -1: it is not among the items that are ranked */
    /* (n_seen) items to leave out, ascending, borrowed; the target is none of them. */
    const int32_t *seen;
    size_t n_seen;
    /*
     * (n_history) the items that the network has seen before the target, the oldest
     * first, borrowed; read only by a blender.
     */
    const int32_t *history;
    size_t n_history;
    int64_t event; /* the target's place among the test events */
} g4r_rank_query;

/* A lane: one session between g4r_ranks_add() and g4r_ranks_get(). */
typedef struct g4r_rank_lane {
    g4r_rank_query query;
    bool is_bounded; /* bounds are used; else the fields below mean nothing */
    /*
     * score: the target's, blended if there is a blender. high: an item whose upper bound
     * is above this has a greater score by the network.
     */
    g4r_real score, high;
    /*
     * Ranked items that score above the target, and those that have its score, with the
     * target itself.
     */
    size_t n_greater, n_equal;
    g4r_shortlist list; /* items that can be among the best by the network's scores */
} g4r_rank_lane;

typedef struct g4r_ranks {
    const g4r_vec *vec;
    gru4rec_blender *blender; /* borrowed; NULL: the scores are the network's */
    g4r_bounds bounds;
    const int32_t *rows; /* (n) ascending: the items that are ranked; NULL: all are */
    /*
     * n: number of items that are ranked. longest: most items in a list of best items.
     * n_lanes: lanes that there is room for. n_added: lanes that were added.
     */
    size_t n, longest, n_lanes, n_added;
    size_t n_exact;         /* lanes that are scored together when bounds are not used */
    g4r_rank_lane *lanes;   /* (lanes) the first n_added are used */
    g4r_real *x, *slack;    /* (lanes,D) top layer's values; (lanes) see bounds.h */
    g4r_real *upper;        /* (lanes,COLUMNS) upper bounds of some items' scores */
    g4r_real *table, *bias; /* (COLUMNS,D), (COLUMNS) output rows of rows; else unused */
    int32_t *near;          /* (COLUMNS) items that must be scored exactly */
    g4r_real *near_scores;  /* (COLUMNS) their scores */
    g4r_real *scores;       /* (n_exact,n) exact scores of the ranked items */
    g4r_scored *list;       /* (longest) the latest list that was given */
} g4r_ranks;

/*
 * Sets what is ranked. bounds is copied. The model behind it is borrowed as long as ranks
 * is used, and so is rows (n): the items that are ranked, ascending; NULL: all n items of
 * the model. longest: most items in a list.
 */
void g4r_ranks_init(g4r_ranks *ranks, const g4r_bounds *bounds, const int32_t *rows,
                    size_t n, size_t longest);
/*
 * Carves the arrays from the arena. n_lanes: most lanes between start and get; 0: only
 * g4r_ranks_exact() is used.
 */
void g4r_ranks_layout(g4r_ranks *ranks, g4r_arena *arena, size_t n_lanes);
/* Tells whether the item is among those that are ranked. */
bool g4r_ranks_has(const g4r_ranks *ranks, int32_t row);
/*
 * g4r_ranks_start() removes all lanes. g4r_ranks_add() then adds a lane: the values x (D)
 * of the network's top layer for a session, and a query, which both are copied. Only the
 * query's lists of seen items and of the history are not copied: they are borrowed until
 * g4r_ranks_get() for this lane.
 */
void g4r_ranks_start(g4r_ranks *ranks);
void g4r_ranks_add(g4r_ranks *ranks, const g4r_real *x, const g4r_rank_query *query);
/*
 * If the lists are too long for bounds (longest above G4R_SHORTLIST_MOST), or if no lane
 * was added, does nothing and returns true. Otherwise makes the bounds of the scores for
 * all lanes that were added, and from these the counts and the shortlist of each lane.
 * ranks (n_ranks) have the same lanes, items and vectors, and differ only in the blender,
 * so the bounds of the first one serve all. Returns false if the caller asked to stop.
 */
bool g4r_ranks_bound(g4r_ranks *ranks, size_t n_ranks, const g4r_stop *stop);
/*
 * Fills *standing with the result of a lane, after g4r_ranks_bound(). Call it for lanes
 * 0, 1, 2, ... in this order, once for each. The list of the result is borrowed until the
 * next call of g4r_ranks_get() or g4r_ranks_exact(). Returns false if a score is not
 * finite.
 */
bool g4r_ranks_get(g4r_ranks *ranks, size_t lane, g4r_standing *standing);
/*
 * Ranks the query's target at once by exact scores for the top layer's values x (D),
 * among the items rows (n), ascending, or all n items if rows is NULL, and fills
 * *standing, whose list is borrowed until the next call of g4r_ranks_get() or
 * g4r_ranks_exact(). n must not exceed ranks->n. It needs no lane and changes none.
 * Returns false if a score is not finite; *standing is not filled then.
 */
bool g4r_ranks_exact(g4r_ranks *ranks, const g4r_real *x, const int32_t *rows, size_t n,
                     const g4r_rank_query *query, g4r_standing *standing);

#endif
