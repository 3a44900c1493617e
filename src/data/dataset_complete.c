/*
 * dataset_complete.c - gives each of several processes the sessions of all of them; see
 * gru4rec.h.
 */
#include "union.h"

gru4rec_status gru4rec_dataset_complete(gru4rec_dataset *dataset,
                                        const gru4rec_ranks *ranks,
                                        bool (*is_stopped)(void *), void *context,
                                        gru4rec_error *error)
{
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    int64_t *places = dataset->places;
    g4r_union u;
    if (ranks == NULL)
        return GRU4REC_OK;
    assert(dataset->groups == NULL && dataset->numbers == NULL);
    g4r_union_init(&u, ranks, &dataset->allocator, error);
    u.n_sessions = dataset->n_sessions;
    if (u.status == GRU4REC_OK && g4r_union_sum(&u, &u.n_sessions, 1) &&
        g4r_union_sessions_collect(&u, dataset, places, 0, &watch)) {
        g4r_alloc_free(&dataset->allocator, places);
        dataset->places = NULL;
        dataset->n_behind = 0;
    }
    const gru4rec_status status = u.status;
    g4r_union_free(&u);
    return status;
}
