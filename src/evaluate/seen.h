/* seen.h - the items that the session of each lane contained so far. */
#ifndef G4R_SEEN_H
#define G4R_SEEN_H

#include "../base/arena.h"

typedef struct g4r_seen {
    size_t most;   /* most items of a lane, enough for the longest session */
    int32_t *rows; /* (lanes,most) the rows of each lane, ascending */
    size_t *n;     /* (lanes) number of rows of each lane */
} g4r_seen;

/* Sets most, and carves the arrays from the arena. */
void g4r_seen_layout(g4r_seen *seen, g4r_arena *arena, size_t n_lanes, size_t most);
/*
 * Moves the items of lanes as g4r_network_carry() moves states. from (m): lane l
 * continues the session of lane from[l] >= l, or begins a new one if from[l] is -1.
 */
void g4r_seen_carry(g4r_seen *seen, const int32_t *from, size_t m);
/* Adds an item to a lane, unless the lane has it. */
void g4r_seen_add(g4r_seen *seen, size_t lane, int32_t row);
/* Returns the rows (seen->n[lane]) of a lane, ascending; borrowed until a change. */
const int32_t *g4r_seen_rows(const g4r_seen *seen, size_t lane);

#endif
