/*
 * ranks.h - ranks the targets of many sessions, and finds the best items of each session,
 * by the scores that serving gives, to the bit.
 *
 * Matrix products give bounds of the scores for all sessions at once (bounds.h). If both
 * bounds of an item are above, or both are below, the target's score, the item's score is
 * too. The few other items are scored exactly, as in serving. The lists of best items
 * come from the same bounds (shortlist.h). If the bounds exclude too few items of a
 * session, or cannot be used for it, all items are scored exactly.
 *
 * To use it: g4r_ranks_init() and g4r_ranks_layout() once; then for each step
 * g4r_ranks_start(), for each lane g4r_bounds_add() and g4r_ranks_add(),
 * g4r_ranks_bound(), and g4r_ranks_get() for each lane. g4r_ranks_exact() ranks one
 * target without these steps. Several of these may share the bounds: their lanes are the
 * same, and they differ only in the blender.
 */
#ifndef G4R_RANKS_H
#define G4R_RANKS_H

#include "../base/stop.h"
#include "../serve/blender.h"
#include "../serve/bounds.h"
#include "tally.h"

/* What the caller asks of one ranking. */
typedef struct g4r_rank_query {
    /*
     * Row of the target. -1: the target is not ranked, and only the best items are found.
     */
    int32_t target;
    /*
     * (n_seen) items to leave out of the counts and of the list, ascending, borrowed. The
     * target must not be one of them.
     */
    const int32_t *seen;
    size_t n_seen;
    /*
     * (n_history) the items of the session before the target, the oldest first, borrowed.
     * Read only if there is a blender.
     */
    const int32_t *history;
    size_t n_history;
    /*
     * The target's place among the test events. This file does not read it; it is for the
     * caller of g4r_ranks_get().
     */
    int64_t event;
} g4r_rank_query;

/* A lane: one session, from g4r_ranks_add() until the next g4r_ranks_start(). */
typedef struct g4r_rank_lane {
    g4r_rank_query query;
    /*
     * The fields below mean nothing if the lane has no bounds. All items are scored
     * exactly then.
     *
     * Set if the lane has a target: its exact score, blended if there is a blender.
     */
    g4r_real score;
    /*
     * Number of ranked items with a score above the target's, and with the same score,
     * the target included. While g4r_ranks_bound() counts, seen items count too, and all
     * scores are the network's; g4r_ranks_get() corrects both.
     */
    size_t n_greater, n_equal;
    /* The items that can be among the best by the network's scores (shortlist.h). */
    g4r_shortlist list;
} g4r_rank_lane;

typedef struct g4r_ranks {
    const g4r_vec *vec;
    /*
     * Borrowed. NULL: the scores are the network's. g4r_ranks_init() sets NULL; the
     * caller may set a blender afterwards.
     */
    gru4rec_blender *blender;
    /*
     * Borrowed: the bounds, whose lanes are those of the ranks. With way none, all lanes
     * are scored exactly.
     */
    g4r_bounds *bounds;
    /*
     * (n) ascending, borrowed: the items that are ranked. NULL: all n items of the model.
     */
    const int32_t *rows;
    /*
     * n: number of items that are ranked, also the most for g4r_ranks_exact(). longest:
     * most items in a list of best items, at most n. n_added: lanes added since
     * g4r_ranks_start().
     */
    size_t n, longest, n_added;
    /* Lanes that are scored at a time if bounds are not used; at least 1. */
    size_t n_exact;
    g4r_rank_lane *lanes; /* (bounds->n_lanes) the first n_added are used */
    size_t most_near;     /* room in near: most rows of a part of the bounds */
    /* (most_near) scratch: rows of items that are scored exactly. */
    int32_t *near;
    /* (most_near) scratch: the scores of the items in near. */
    g4r_real *near_scores;
    /* (n_exact,n) the exact scores of all ranked items, for lanes without bounds. */
    g4r_real *scores;
    /* (longest) the best items of the latest g4r_ranks_get() or g4r_ranks_exact(). */
    g4r_scored *list;
} g4r_ranks;

/*
 * Empties *ranks and sets what is ranked. *bounds is borrowed as long as ranks is used;
 * the model behind it too, and rows (n), the items that are ranked, ascending. rows is
 * NULL: all n items of the model. Both are those of *bounds, unless only
 * g4r_ranks_exact() is used. longest: most items in a list; if it is above n, n is used.
 * The blender becomes NULL.
 */
void g4r_ranks_init(g4r_ranks *ranks, g4r_bounds *bounds, const int32_t *rows, size_t n,
                    size_t longest);
/*
 * Returns whether bounds can be used for lists of so many items.
 */
static inline bool g4r_ranks_can_bound(size_t longest)
{
    return longest <= G4R_SHORTLIST_MOST;
}
/*
 * Carves the arrays from the arena (arena.h), for as many lanes as the bounds have room
 * for (g4r_bounds_layout()). If these are 0, only g4r_ranks_exact() can be used.
 */
void g4r_ranks_layout(g4r_ranks *ranks, g4r_arena *arena);
/*
 * Tells whether the item of this row is one of the ranked items; always if rows is NULL.
 */
bool g4r_ranks_has(const g4r_ranks *ranks, int32_t row);
/*
 * g4r_ranks_start() removes all lanes. g4r_ranks_add() adds the lane that
 * g4r_bounds_add() has added last: *query, which is copied. The lists query->seen and
 * query->history are not copied: they are borrowed until g4r_ranks_get() for this lane.
 * g4r_ranks_add() also computes the exact score of the target, if bounds are used.
 */
void g4r_ranks_start(g4r_ranks *ranks);
void g4r_ranks_add(g4r_ranks *ranks, const g4r_rank_query *query);
/*
 * Makes the bounds of the scores of all ranked items for all added lanes, and from these
 * the counts and the shortlist of each lane, in each of ranks (n_ranks), which must share
 * the bounds. Lanes without bounds are not changed. Does nothing and returns true if the
 * way of the bounds is none, or if no lane was added. Asks the caller whether to stop
 * after each part of the items; returns false if the answer is yes.
 */
bool g4r_ranks_bound(g4r_ranks *ranks, size_t n_ranks, const g4r_stop *stop);
/*
 * Fills *standing with the result of a lane, after g4r_ranks_bound(): n_greater and
 * n_equal of the target, both 0 if there is none, and the best items. Seen items are left
 * out, and scores are blended if there is a blender. If bounds cannot be used for the
 * lane, or left too many items in its shortlist, it scores all items. Call it for lanes
 * 0, 1, 2, ... in this order, once for each. The list in *standing is borrowed until the
 * next call of g4r_ranks_get() or g4r_ranks_exact(). Returns false if a score is not
 * finite; *standing is not filled then.
 */
bool g4r_ranks_get(g4r_ranks *ranks, size_t lane, g4r_standing *standing);
/*
 * Fills *standing at once, without lanes and bounds: ranks the query's target by exact
 * scores for the top layer's values x (D), blended if there is a blender, and finds the
 * best items. The items are rows (n), ascending, or all n items of the model if rows is
 * NULL; n must not exceed ranks->n. Seen items are left out. The list in *standing is
 * borrowed until the next call of g4r_ranks_get() or g4r_ranks_exact(). Returns false if
 * a score is not finite; *standing is not filled then.
 */
bool g4r_ranks_exact(g4r_ranks *ranks, const g4r_real *x, const int32_t *rows, size_t n,
                     const g4r_rank_query *query, g4r_standing *standing);

#endif
