/*
 * pairs.h - finds the targets that two methods were both asked to predict.
 *
 * Two models read the same events in different ways. They may know different items, and
 * each cuts, collapses and shortens sessions by its own options. So one event can have
 * different places in the two datasets; the event's number is the same in both.
 *
 * A target of both methods is a common target if, in b's test, it stands in the same
 * session as the last event before it that both tests have.
 */
#ifndef G4R_PAIRS_H
#define G4R_PAIRS_H

#include "../base/arena.h"
#include "../base/stop.h"

typedef struct g4r_pairs {
    const gru4rec_side *a, *b;
    size_t n_numbers;    /* 1 + the largest number of an event of a; 0: one common test */
    uint32_t *place_of;  /* (numbers) 1 + place in b's test; 0: not in b's test */
    uint8_t *is_settled; /* (events of b) 1: a's test has the event too */
    int32_t *a_places;   /* (events of a) places by a; NONE: it is no common target */
    int32_t *b_places;   /* (events of a) places by b; NONE: it is no common target */
    /* Targets of a or b that are no common target, though both sides know their item. */
    int64_t n_unpaired;
} g4r_pairs;

/* Borrows a and b, and finds n_numbers. */
void g4r_pairs_init(g4r_pairs *pairs, const gru4rec_side *a, const gru4rec_side *b);
/* Carves the arrays from the arena. */
void g4r_pairs_layout(g4r_pairs *pairs, g4r_arena *arena);
/* Finds the common targets, after init and layout in memory that is zeroed. */
void g4r_pairs_find(g4r_pairs *pairs, g4r_stop_watch *watch);

#endif
