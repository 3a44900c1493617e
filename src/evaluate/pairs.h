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
    /* 1 + the largest number of an event of a's test; 0: both sides have one test. */
    size_t n_numbers;
    /*
     * (n_numbers) for each number of an event: 1 + the event's place in b's test, or 0 if
     * b's test does not have the event. Not used if both sides have one test.
     */
    uint32_t *place_of;
    /* (events of b) 1: a's test has the event too, so pair_event() has dealt with it. */
    uint8_t *is_settled;
    /*
     * (events of a) a's place for each common target, GRU4REC_PLACE_NONE for other
     * events.
     */
    int32_t *a_places;
    /*
     * (events of a) b's place for each common target, GRU4REC_PLACE_NONE for other
     * events.
     */
    int32_t *b_places;
    /*
     * Number of targets of a or of b that are no common target, though both sides know
     * their items. An event that is a target of both counts once.
     */
    int64_t n_unpaired;
} g4r_pairs;

/*
 * Empties *pairs, puts the sides a and b into it, which are borrowed until
 * g4r_pairs_find() returns, and finds n_numbers, for which it reads all events of a.
 */
void g4r_pairs_init(g4r_pairs *pairs, const gru4rec_side *a, const gru4rec_side *b);
/* Carves place_of, is_settled, a_places and b_places from the arena (arena.h). */
void g4r_pairs_layout(g4r_pairs *pairs, g4r_arena *arena);
/*
 * Finds the common targets: fills a_places and b_places, and counts n_unpaired. Call it
 * once after init and layout, in an arena whose memory is zeroed. If the caller asks to
 * stop (watch), the results are incomplete and must not be used.
 */
void g4r_pairs_find(g4r_pairs *pairs, g4r_stop_watch *watch);

#endif
