/*
 * segment.h - targets of several kinds, which are measured apart.
 *
 *   position    events of the session before the target: 1, 2, 3, 4-5, 6-10, 11+
 *   length      targets of the session: the same; last_only does not change it
 *   popularity  share of all support that items with more support than the target have:
 *               below a third head, below two thirds middle, else tail. So items with the
 *               same support are in the same segment.
 */
#ifndef G4R_SEGMENT_H
#define G4R_SEGMENT_H

#include "../base/base.h"

enum { G4R_SEGMENT_MOST = 6 };

/* Segments of a gru4rec_segment; 1 where all targets are measured together. */
size_t g4r_segment_count(int64_t kind);
/* NULL where all are measured together. */
const char *g4r_segment_name(int64_t kind, size_t segment);
/* segments (n_events) out: of each event, as if it were a target. support (I): only for
 * popularity. */
void g4r_segment_fill(uint8_t *segments, int64_t kind, const gru4rec_dataset *test,
                      const int64_t *support, size_t n_items);

#endif
