/*
 * index.h - the sessions of training by age, each with its distinct items, and the sessions
 * that each item is in.
 *
 * A session's number is its age: sessions ascend by (time of the last event, place in the
 * one order), so the youngest has the highest number.
 */
#ifndef G4R_INDEX_H
#define G4R_INDEX_H

#include "baseline.h"

typedef struct g4r_index {
    int64_t *first;  /* (S + 1) where a session's items begin */
    int32_t *rows;   /* (n) distinct, the one that stands last in the session first */
    int32_t *places; /* (n) of each in its session, the last, from 1; or NULL */
    double *times;   /* (S) of the last events */
    int64_t *first_having; /* (I + 1) where an item's sessions begin */
    int32_t *having;       /* (n) sessions, the youngest first */
    /* While it is made: */
    uint32_t *by_age;   /* (S) sessions as they were given */
    int32_t *copied_by; /* (I) the last session that the item was copied to */
} g4r_index;

void g4r_index_layout(g4r_index *index, const gru4rec_baseline *baseline, bool has_places,
                      g4r_arena *kept, g4r_arena *scratch);
/* False: no memory, or stopped. */
bool g4r_index_fill(g4r_index *index, const gru4rec_baseline *baseline,
                    g4r_stop_watch *watch);
/* Distinct items of a session; sessions that have an item. */
static inline int64_t g4r_index_length(const g4r_index *index, int32_t session)
{
    return index->first[session + 1] - index->first[session];
}

static inline int64_t g4r_index_having(const g4r_index *index, int32_t row)
{
    return index->first_having[row + 1] - index->first_having[row];
}

#endif
