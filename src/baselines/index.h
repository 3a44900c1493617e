/*
 * index.h - an index of the sessions of training: the distinct items of each session, and
 * the sessions that contain each item.
 *
 * Sessions are numbered by age: in ascending order of (time of the last event, place in
 * the dataset), so that the youngest session has the highest number.
 */
#ifndef G4R_INDEX_H
#define G4R_INDEX_H

#include "baseline.h"

typedef struct g4r_index {
    int64_t *first;  /* (S + 1) where the items of each session begin in rows */
    int32_t *rows;   /* (n) distinct items; the last one of the session first */
    int32_t *places; /* (n) last place of each item in its session, from 1; or NULL */
    double *times;   /* (S) time of the last event of each session */
    int64_t *first_having; /* (I + 1) where the sessions of each item begin in having */
    int32_t *having;       /* (n) sessions that contain the item, the youngest first */
    /* Scratch while the index is made: */
    uint32_t *by_age;   /* (S) place in the dataset of each session */
    int32_t *copied_by; /* (I) the last session for which the item was copied */
} g4r_index;

/* Carves the arrays. has_places: places is needed. */
void g4r_index_layout(g4r_index *index, const gru4rec_baseline *baseline, bool has_places,
                      g4r_arena *kept, g4r_arena *scratch);
/* Fills the index from the sessions of training. False: no memory, or watch is over. */
bool g4r_index_fill(g4r_index *index, const gru4rec_baseline *baseline,
                    g4r_stop_watch *watch);
/* Returns the number of distinct items of a session. */
static inline int64_t g4r_index_length(const g4r_index *index, int32_t session)
{
    return index->first[session + 1] - index->first[session];
}

/* Returns the number of sessions that contain an item. */
static inline int64_t g4r_index_having(const g4r_index *index, int32_t row)
{
    return index->first_having[row + 1] - index->first_having[row];
}

#endif
