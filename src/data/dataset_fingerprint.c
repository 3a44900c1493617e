/* dataset_fingerprint.c - the hash of what a training sees of a dataset. */
#include "../base/hash.h"

/*
 * Continues the hash with the sessions of the dataset: their number, offsets and item
 * rows.
 */
static uint64_t hash_sessions(uint64_t hash, const gru4rec_dataset *dataset)
{
    hash = g4r_hash_word(hash, (uint64_t)dataset->n_sessions);
    hash = g4r_hash_numbers(hash, dataset->offsets, (size_t)dataset->n_sessions + 1,
                            sizeof *dataset->offsets);
    return g4r_hash_numbers(hash, dataset->item_rows, (size_t)dataset->n_events,
                            sizeof *dataset->item_rows);
}

/*
 * Returns the hash of the sessions, also the held-out ones, and of the items' ids. The
 * support is hashed only if its sum is not the number of the dataset's events
 * (gru4rec_items_inherit() added some); otherwise the hashed rows determine it.
 */
uint64_t gru4rec_dataset_fingerprint(const gru4rec_dataset *dataset,
                                     const gru4rec_items *items)
{
    uint64_t hash = hash_sessions(G4R_HASH_START, dataset);
    if (dataset->validation != NULL)
        hash = hash_sessions(hash, dataset->validation);
    if (dataset->groups != NULL)
        hash = g4r_hash_numbers(hash, dataset->groups, (size_t)dataset->n_sessions,
                                sizeof *dataset->groups);
    const int64_t *support = gru4rec_items_support(items);
    int64_t n_events = 0;
    for (int32_t row = 0; row < gru4rec_items_count(items); row++)
        n_events += support[row];
    if (n_events != dataset->n_events)
        hash = g4r_hash_numbers(hash, support, (size_t)gru4rec_items_count(items),
                                sizeof *support);
    for (int32_t row = 0; row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        hash = g4r_hash_word(hash, (uint64_t)id.integer);
        if (id.type == GRU4REC_ID_REAL)
            hash = g4r_hash_numbers(hash, &id.real, 1, sizeof id.real);
        hash = g4r_hash_word(hash, id.n_bytes);
        hash = g4r_hash_bytes(hash, id.bytes, id.n_bytes);
    }
    return hash;
}
