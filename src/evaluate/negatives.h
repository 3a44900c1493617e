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
    /*
     * Set by the caller. The random numbers of an event come from seed and the event's
     * place among the test events.
     */
    int64_t seed;
    /* Number of items I; items to draw for an event, or all if fewer can be drawn. */
    size_t n_items, n;
    /*
     * (I / 64 + 1) scratch: a bit for each number that was drawn. All bits are 0 before
     * and after g4r_negatives_draw(). Empty if n is 0.
     */
    uint64_t *drawn;
} g4r_negatives;

/*
 * Sets n_items and n (n <= n_items), and carves the array drawn from the arena, or an
 * empty one if n is 0. It does not set the seed.
 */
void g4r_negatives_layout(g4r_negatives *negatives, g4r_arena *arena, size_t n_items,
                          size_t n);
/*
 * Draws n different items that are not in excluded (n_excluded rows, ascending); if there
 * are fewer such items, all of them. event: the target's place among the test events,
 * which decides what is drawn, together with the seed. Writes the drawn rows, ascending,
 * into rows (n), and returns how many there are.
 */
size_t g4r_negatives_draw(g4r_negatives *negatives, int32_t *rows,
                          const int32_t *excluded, size_t n_excluded, int64_t event);

#endif
