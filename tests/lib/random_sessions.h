/*
 * random_sessions.h - sessions of 1 to 6 events of random items, the same each time.
 */
#ifndef RANDOM_SESSIONS_H
#define RANDOM_SESSIONS_H

#include "../../src/base/base.h"
#include "../../src/base/rng.h"

enum { RANDOM_SESSIONS_LONGEST = 6 };

/*
 * Makes n_sessions sessions of n_items items in *dataset, whose arrays are the caller's:
 * rows and times (RANDOM_SESSIONS_LONGEST n_sessions), and offsets (n_sessions + 1), whose
 * first one is 0. Three events each have the same time.
 */
static inline void make_random_sessions(gru4rec_dataset *dataset, int32_t *rows,
                                        int64_t *offsets, double *times,
                                        int64_t n_sessions, int32_t n_items)
{
    g4r_rng rng;
    int64_t n = 0;
    g4r_rng_seed(&rng, 77, 0, 0);
    *dataset = (gru4rec_dataset){.allocator = g4r_alloc_libc,
                                 .n_sessions = n_sessions,
                                 .item_rows = rows,
                                 .offsets = offsets,
                                 .times = times};
    for (int64_t s = 0; s < n_sessions; s++) {
        const int64_t length =
            1 + (int64_t)(g4r_rng_uniform(&rng) * RANDOM_SESSIONS_LONGEST);
        dataset->n_single += length == 1;
        for (int64_t i = 0; i < length; i++, n++) {
            rows[n] = (int32_t)(g4r_rng_uniform(&rng) * n_items);
            times[n] = (double)(n / 3);
        }
        offsets[s + 1] = n;
    }
    dataset->n_events = n;
}

#endif
