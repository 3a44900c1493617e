/*
 * negatives.h - draws items to rank beside a target: each equally likely, none twice.
 *
 * The items drawn for an event depend only on the seed and on the event's place among the
 * test events.
 */
#ifndef G4R_NEGATIVES_H
#define G4R_NEGATIVES_H

#include "../base/arena.h"
#include "../base/rng.h"

typedef struct g4r_negatives {
    int64_t seed;
    size_t n_items, n; /* I; items to draw, or fewer if there are not so many */
    uint64_t *drawn;   /* (I / 64 + 1) scratch: a bit for each number; 0 between draws */
} g4r_negatives;

/* Sets the sizes, and carves the array from the arena. n <= n_items. */
void g4r_negatives_layout(g4r_negatives *negatives, g4r_arena *arena, size_t n_items,
                          size_t n);
/*
 * Draws items that are not excluded, for the event with this place among the test events.
 * excluded (n_excluded): rows, ascending. rows (n) out: the drawn rows, ascending.
 * Returns how many were drawn.
 */
size_t g4r_negatives_draw(g4r_negatives *negatives, int32_t *rows,
                          const int32_t *excluded, size_t n_excluded, int64_t event);

#endif
