/* seen.h - the items that the session of each lane contained so far. */
#ifndef G4R_SEEN_H
#define G4R_SEEN_H

#include "../base/arena.h"

typedef struct g4r_seen {
    /* Room for items in each lane. A session may not have more different items. */
    size_t most;
    /* (lanes,most) the items of each lane's session; each lane's n rows are ascending. */
    int32_t *rows;
    /* (lanes) number of items of each lane. */
    size_t *n;
} g4r_seen;

/* Sets most, and carves the arrays for n_lanes lanes from the arena. */
void g4r_seen_layout(g4r_seen *seen, g4r_arena *arena, size_t n_lanes, size_t most);
/*
 * Moves the seen items between lanes for a step of m lanes. from (m): lane l goes on with
 * the session that lane from[l] >= l had, and gets its items. If from[l] is -1, the lane
 * begins a new session, and its items are removed. Lanes from m on are left as they are.
 */
void g4r_seen_carry(g4r_seen *seen, const int32_t *from, size_t m);
/*
 * Adds an item to the seen items of a lane, in ascending order. Does nothing if the lane
 * has the item. The lane must have room (most).
 */
void g4r_seen_add(g4r_seen *seen, size_t lane, int32_t row);
/*
 * Returns the rows (seen->n[lane]) of the items that a lane has seen, ascending. They are
 * borrowed until the next g4r_seen_carry() or g4r_seen_add().
 */
const int32_t *g4r_seen_rows(const g4r_seen *seen, size_t lane);

#endif
