/*
 * pairs.h - the targets that two methods were both asked for.
 *
 * Each model reads the same events in its own way: it does not know the same items, and
 * cuts, collapses and shortens sessions as it was trained to. So an event stands in two
 * datasets, at places of their own; its number says that it is one.
 */
#ifndef G4R_PAIRS_H
#define G4R_PAIRS_H

#include "../base/arena.h"
#include "../base/stop.h"

typedef struct g4r_pairs {
    const gru4rec_side *a, *b;
    size_t n_numbers;
    uint32_t *place_of;  /* (numbers) 1 + event of b; 0: b has not got it */
    uint8_t *is_settled; /* (events of b) */
    int32_t *a_places;   /* (events of a) of targets that count; NONE: it does not */
    int32_t *b_places;   /* (events of a) the same of b */
    int64_t n_unpaired;  /* targets of one whose items both know, that do not count */
} g4r_pairs;

void g4r_pairs_init(g4r_pairs *pairs, const gru4rec_side *a, const gru4rec_side *b);
void g4r_pairs_layout(g4r_pairs *pairs, g4r_arena *arena);
/* After init and layout. */
void g4r_pairs_find(g4r_pairs *pairs, g4r_stop_watch *watch);

#endif
