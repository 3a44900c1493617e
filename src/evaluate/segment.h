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
 *   seen        same if the target's item is that of the event before it; else seen if
 *               its session had the item earlier; else new
 */
#ifndef G4R_SEGMENT_H
#define G4R_SEGMENT_H

#include "../base/arena.h"

enum { G4R_SEGMENT_MOST = 6 };

/*
 * Returns how many segments there are. kind: a gru4rec_segment. For GRU4REC_SEGMENT_NONE,
 * with which targets are not separated, returns 1.
 */
size_t g4r_segment_count(int64_t kind);
/*
 * Returns the name of a segment, such as "4-5" or "head", by its number from 0. kind: a
 * gru4rec_segment. For GRU4REC_SEGMENT_NONE returns NULL. The name is a constant, which
 * nobody frees.
 */
const char *g4r_segment_name(int64_t kind, size_t segment);
/*
 * Carves the scratch of g4r_segment_fill() from the arena, and returns it: one value for
 * each item if the kind of segments needs that, else none.
 */
int64_t *g4r_segment_layout(g4r_arena *arena, int64_t kind, size_t n_items);
/*
 * Writes into segments (n_events) the number of each event's segment, from 0. Events that
 * are no targets get one too. For GRU4REC_SEGMENT_NONE all are 0. support (I): number of
 * training events of each item; read for popularity only. scratch: of
 * g4r_segment_layout(), for the same kind and n_items; its content is lost.
 */
void g4r_segment_fill(uint8_t *segments, int64_t kind, const gru4rec_dataset *test,
                      const int64_t *support, size_t n_items, int64_t *scratch);

#endif
