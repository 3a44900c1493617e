/*
 * shard.c - which part of the sessions a session belongs to, if they are divided among
 * processes or groups.
 *
 * Checkpoints are made by trainings that are divided in this way, and files of several
 * processes may have been, so neither the hash nor the key may ever change.
 */
#include "shard.h"

#include "prints.h"

/*
 * The parts have the lengths 2^64 / n_shards in the range of the hash: the upper half of
 * the hash, times n_shards, divided by 2^32.
 */
int32_t gru4rec_shard_of(const gru4rec_id *session, int32_t n_shards)
{
    static const gru4rec_fingerprints_key key = {0x2545f4914f6cdd1du,
                                                 0x9e6c63d0876a9a47u};
    const uint64_t hash = g4r_prints_of_id(&key, session);
    return (int32_t)((hash >> 32) * (uint64_t)n_shards >> 32);
}

bool g4r_shard_divide(const gru4rec_events *events, gru4rec_dataset *dataset,
                      g4r_stop_watch *watch)
{
    const int32_t n_groups = events->preparation.n_groups;
    if (n_groups <= 1)
        return true;
    dataset->n_groups = n_groups;
    dataset->groups = g4r_alloc(&events->allocator, (size_t)dataset->n_sessions,
                                sizeof *dataset->groups);
    if (dataset->groups == NULL)
        return false;
    for (int64_t s = 0; s < dataset->n_sessions && !g4r_stop_watch_is_over(watch); s++) {
        gru4rec_id id;
        gru4rec_events_session(events, s, &id);
        dataset->groups[s] = gru4rec_shard_of(&id, n_groups);
    }
    return !watch->is_over;
}
