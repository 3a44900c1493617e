/*
 * segment.h - segments: kinds of targets that are measured separately.
 *
 *   position    number of events before the target in its session: 1, 2, 3, 4-5, 6-10,
 *   11+ length      number of events after the first in the target's session, in the same
 *               classes. Option last_only does not change it.
 *   popularity  share of all support that is in items with more support than the target's
 *               item: below 1/3 head, below 2/3 middle, else tail. So items with the same
 *               support are in the same segment.
 */
#ifndef G4R_SEGMENT_H
#define G4R_SEGMENT_H

#include "../base/base.h"

enum { G4R_SEGMENT_MOST = 6 };

/* Returns how many segments a gru4rec_segment has; 1 if targets are not separated. */
size_t g4r_segment_count(int64_t kind);
/* Returns the name of a segment, a constant; NULL if targets are not separated. */
const char *g4r_segment_name(int64_t kind, size_t segment);
/*
 * Finds the segment of each event, as if each event were a target. segments (n_events)
 * out.
 * support (I): number of training events of each item; used for popularity only.
 */
void g4r_segment_fill(uint8_t *segments, int64_t kind, const gru4rec_dataset *test,
                      const int64_t *support, size_t n_items);

#endif
