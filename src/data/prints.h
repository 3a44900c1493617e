/*
 * prints.h - makes the fingerprints of sessions, by which a model knows which sessions it
 * was trained on; see gru4rec.h.
 */
#ifndef G4R_PRINTS_H
#define G4R_PRINTS_H

#include "events.h"

/* Number of bits of a fingerprint. */
enum { G4R_PRINTS_BITS = 45 };

/* Returns the number that n <= 8 bytes write, little-endian on every machine. */
static inline uint64_t g4r_prints_word(const unsigned char *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/*
 * Allocates and fills events->prints with the fingerprints of all sessions. The events of
 * the session at place s in visiting order are permutation[offsets[s]] ...
 * permutation[offsets[s + 1] - 1], in order; the shapes are offsets (S + 1) and
 * permutation (n). Returns false if there is not enough memory, or if the watch stopped
 * the work.
 */
bool g4r_prints_make(gru4rec_events *events, const int64_t *offsets,
                     const uint32_t *permutation, g4r_stop_watch *watch);

/*
 * Returns the class of length of the session at a place in visiting order: 0, 1, ... for
 * 3, 4, ... 10 events, then a class for up to 20 events, and one for more. -1: the session
 * has fewer than 3 events, so it has no fingerprint of its items.
 */
int g4r_prints_class(const gru4rec_events *events, int64_t place);

/*
 * Returns a hash of the rules by which sessions are cut. The fingerprints of two sets of
 * sessions can be compared only if both were cut by the same rules.
 */
uint64_t g4r_prints_rules(const gru4rec_events *events);

#endif
