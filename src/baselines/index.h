/*
 * index.h - an index of the sessions of training: the distinct items of each session, and
 * the sessions that contain each item.
 *
 * In the index, sessions have numbers by age: 0, 1, ... in ascending order of (time of
 * the last event, place in the dataset), so that the youngest session has the highest
 * number. n is the sum of the sessions' distinct items.
 */
#ifndef G4R_INDEX_H
#define G4R_INDEX_H

#include "baseline.h"

typedef struct g4r_index {
    int64_t *first; /* (S + 1) where the items of each session begin in rows */
    /*
     * (n) The distinct items of each session, by their last places in it: the item that
     * stands last comes first.
     */
    int32_t *rows;
    /*
     * (n) For each element of rows: the last place of the item in its session, from 1.
     * NULL: not needed.
     */
    int32_t *places;
    double *times;         /* (S) time of the last event of each session */
    int64_t *first_having; /* (I + 1) where the sessions of each item begin in having */
    int32_t *having;       /* (n) the sessions of each item, the youngest first */
    /* Scratch of g4r_index_fill(), freed when the method is fitted: */
    uint32_t *by_age;   /* (S) place in the dataset of the session with each number */
    int32_t *copied_by; /* (I) the latest session whose items got this one; -1: none */
} g4r_index;

/*
 * Sets the pointers of the index to arrays that it carves: by_age and copied_by from the
 * arena scratch, all others from the arena kept. If has_places is false, places is NULL.
 * The sizes are those of the baseline.
 */
void g4r_index_layout(g4r_index *index, const gru4rec_baseline *baseline, bool has_places,
                      g4r_arena *kept, g4r_arena *scratch);
/*
 * Sorts the sessions of baseline->data by age, and fills all arrays of the index, which
 * must have been carved. Returns false if there is not enough memory to sort the
 * sessions, or if the caller asked to stop (watch); the index must not be used then.
 */
bool g4r_index_fill(g4r_index *index, const gru4rec_baseline *baseline,
                    g4r_stop_watch *watch);
/* Returns the number of distinct items of the session with this number in the index. */
static inline int64_t g4r_index_length(const g4r_index *index, int32_t session)
{
    return index->first[session + 1] - index->first[session];
}

/* Returns the number of sessions of training that contain the item in this row. */
static inline int64_t g4r_index_having(const g4r_index *index, int32_t row)
{
    return index->first_having[row + 1] - index->first_having[row];
}

#endif
