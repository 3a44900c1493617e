/*
 * ext_train_ranks.c - what the ranks of a training must agree on before they train; see
 * ext_train.h. If this process is the only one, nothing here changes anything.
 */
#include "ext_train.h"

#include <string.h>

/* ---- options ---- */

int ext_train_ranks_refuse(const ext_train_request *request, ext_error *error)
{
    const int32_t n_ranks = ext_ranks_count(request->home.connection->ranks);
    return n_ranks > 1 && request->options.groups > 1
               ? ext_error_set(error, SQLITE_ERROR,
                               "groups computes in one process what several would, and "
                               "here are %d processes; leave groups out",
                               (int)n_ranks)
               : SQLITE_OK;
}

/* ---- the versions that ranks start from ---- */

/* What a rank starts from. It has no gaps. */
typedef struct beginning {
    int64_t has_version;     /* warm_start, since=last: a version is active */
    int64_t has_border;      /* since=last: and it says which event was its last */
    int64_t checkpoint;      /* the epoch from which a run is resumed */
    int64_t has_key;         /* warm_start: the version has fingerprints */
    uint64_t key[2];         /* by this key */
    int64_t time_type, time; /* of the border */
} beginning;

static beginning describe(const ext_train_data *data, const ext_train_request *request,
                          bool has_key, const gru4rec_fingerprints_key *key)
{
    const ext_border *border = &data->last.border;
    const bool starts = request->options.warm_start != 0 || data->last.version != 0;
    beginning own = {.has_version = starts && request->serving != 0,
                     .has_border = border->is_there,
                     .checkpoint = request->checkpoint.epoch,
                     .has_key = has_key};
    if (has_key) {
        own.key[0] = key->a;
        own.key[1] = key->b;
    }
    if (border->is_there) {
        own.time_type = (int64_t)border->time.type;
        if (border->time.type == GRU4REC_TIME_REAL)
            memcpy(&own.time, &border->time.real, sizeof own.time);
        else
            own.time = border->time.integer;
    }
    return own;
}

int ext_train_ranks_compare(const ext_train_data *data, const ext_train_request *request,
                            bool has_key, gru4rec_fingerprints_key *key, ext_error *error)
{
    const int32_t n_ranks = ext_ranks_count(data->ranks);
    struct {
        beginning start;
        uint64_t new_key[2];
    } own = {describe(data, request, has_key, key), {key->a, key->b}}, *all;
    if (n_ranks == 1)
        return SQLITE_OK;
    all = sqlite3_malloc64((size_t)n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    ext_ranks_agree(data->ranks, &own, sizeof own, all, error);
    for (int32_t rank = 1; error->rc == SQLITE_OK && rank < n_ranks; rank++)
        if (memcmp(&all[rank].start, &all[0].start, sizeof all->start) != 0)
            ext_error_set(error, SQLITE_ERROR,
                          "rank %d would not start from the version, or the checkpoint, "
                          "that rank 0 starts from; let all ranks have the same one, or "
                          "train with warm_start=false, and without since=last and "
                          "resume",
                          (int)rank);
    if (error->rc == SQLITE_OK)
        *key = (gru4rec_fingerprints_key){all[0].new_key[0], all[0].new_key[1]};
    sqlite3_free(all);
    return error->rc;
}

int ext_train_ranks_compare_items(const ext_train_data *data, ext_error *error)
{
    int64_t no_offsets[1] = {0};
    const gru4rec_dataset none = {.offsets = no_offsets};
    int32_t other;
    if (ext_ranks_hooks(data->ranks) == NULL)
        return SQLITE_OK;
    const uint64_t own =
        gru4rec_dataset_fingerprint(data->latest != NULL ? data->latest : &none,
                                    data->events.items);
    if (ext_train_meet_compare(&other, own, data->ranks, error) != SQLITE_OK)
        return error->rc;
    return other == 0 ? SQLITE_OK
                      : ext_error_set(error, SQLITE_ERROR,
                                      "the active version of rank %d has other items, or "
                                      "sessions to blend with, than that of rank 0; let "
                                      "all ranks have the same version, or train with "
                                      "warm_start=false",
                                      (int)other);
}
