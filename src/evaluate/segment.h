/*
 * segment.h - segments: kinds of targets that are measured separately.
 *
 *   position    number of events before the target in its session, in the classes 1, 2,
 *               3, 4-5, 6-10 and 11+
 *   length      number of events after the first in the target's session, in the same
 *               classes. Option last_only does not change it.
 *   popularity  share of all support that is in items with more support than the target's
 *               item: below 1/3 head, below 2/3 middle, else tail. So items with the same
 *               support are in the same segment.
 */
#ifndef G4R_SEGMENT_H
#define G4R_SEGMENT_H

#include "../base/base.h"

enum { G4R_SEGMENT_MOST = 6 };

/*
 * Returns how many segments there are for kind, a gru4rec_segment; 1 if targets are not
 * separated.
 */
size_t g4r_segment_count(int64_t kind);
/*
 * Returns the name of segment number segment for kind, a gru4rec_segment; NULL if targets
 * are not separated. The name is a constant, which nobody frees.
 */
const char *g4r_segment_name(int64_t kind, size_t segment);
/*
 * Writes into segments (n_events) the number of each event's segment, as if each event
 * were a target; 0 for all if targets are not separated. support (I): number of training
 * events of each item; used for popularity only.
 */
void g4r_segment_fill(uint8_t *segments, int64_t kind, const gru4rec_dataset *test,
                      const int64_t *support, size_t n_items);

#endif
