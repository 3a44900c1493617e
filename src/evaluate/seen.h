/* seen.h - the items that the session of each lane has had so far. */
#ifndef G4R_SEEN_H
#define G4R_SEEN_H

#include "../base/arena.h"

typedef struct g4r_seen {
    size_t most;   /* items that a lane has room for: of the longest session */
    int32_t *rows; /* (lanes,most) ascending */
    size_t *n;     /* (lanes) */
} g4r_seen;

void g4r_seen_layout(g4r_seen *seen, g4r_arena *arena, size_t n_lanes, size_t most);
/* As g4r_network_carry(). */
void g4r_seen_carry(g4r_seen *seen, const int32_t *from, size_t m);
void g4r_seen_add(g4r_seen *seen, size_t lane, int32_t row);
const int32_t *g4r_seen_rows(const g4r_seen *seen, size_t lane);

#endif
