/*
 * prints.h - makes the fingerprints of sessions, by which a model knows which sessions it
 * was trained on; see gru4rec.h.
 */
#ifndef G4R_PRINTS_H
#define G4R_PRINTS_H

#include "events.h"

/* Number of bits of a fingerprint. */
enum { G4R_PRINTS_BITS = 45 };

/*
 * Returns the hash of the id of a session or an item, which depends on the key. An
 * integer has the same hash as INTEGER, as REAL and as text, because a column with
 * another affinity can hold the same session's id in another type. Any other text has the
 * same hash as a blob with these bytes. The last word that is mixed in (1, 2 or 3) keeps
 * integers, other reals, and texts and blobs apart. It is the same on every machine, and
 * must never change.
 */
uint64_t g4r_prints_of_id(const gru4rec_fingerprints_key *key, const gru4rec_id *id);

/*
 * Allocates events->prints, and fills it with the fingerprints and the lengths of all
 * sessions, by the sessions' numbers. The fingerprints are made with
 * events->fingerprints_key. The events of the session at place s in visiting order are
 * permutation[offsets[s]] ... permutation[offsets[s + 1] - 1], in order; the shapes are
 * offsets (n_sessions + 1) and permutation (number of events). Returns false if there is
 * not enough memory, or if the caller asked to stop (watch); events->prints must not be
 * used then. gru4rec_events_free() frees it in all cases.
 */
bool g4r_prints_make(gru4rec_events *events, const int64_t *offsets,
                     const uint32_t *permutation, g4r_stop_watch *watch);

/*
 * Returns the class of length of the session at a place in visiting order: 0, 1, ... 7
 * for 3, 4, ... 10 events, 8 for 11 to 20 events, and 9 for more. -1: the session has
 * fewer than 3 events, so it has no fingerprint of its items.
 */
int g4r_prints_class(const gru4rec_events *events, int64_t place);

/*
 * Returns a hash of the rules by which these events' sessions are cut: session_gap; and,
 * if long_sessions is "cut" and max_length is above 0, max_length and collapse_repeats.
 * The fingerprints of two sets of sessions can be compared only if both were cut by the
 * same rules.
 */
uint64_t g4r_prints_rules(const gru4rec_events *events);

#endif
