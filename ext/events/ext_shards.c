/*
 * ext_shards.c - readings of the events of one training by several processes (ranks),
 * each of which has a part; see ext_events.h. If this process is the only one, nothing
 * here changes anything.
 */
#include "ext_events.h"

#include <string.h>

const ext_ranks *ext_shards_others(const ext_reading *reading)
{
    return reading->is_whole ? NULL : reading->ranks;
}

/* Whether all ranks read one source (option shard=auto), and so see each other's rows. */
static bool is_one_source(const ext_reading *reading)
{
    return reading->options->shard == GRU4REC_SHARD_AUTO;
}

bool ext_shards_is_own(const ext_reading *reading, const gru4rec_id *session)
{
    const gru4rec_ranks *ranks = ext_ranks_hooks(ext_shards_others(reading));
    return ranks == NULL || !is_one_source(reading) ||
           gru4rec_shard_of(session, ranks->n_ranks) == ranks->rank;
}

/* What a rank says about times that cannot be read. */
typedef struct bad_rows {
    int64_t n_rows, n_bad;
    char first[300]; /* the message about the first of them; "": there is none */
} bad_rows;

/* Adds up what all ranks say, and keeps the message of the first that has one. */
static void add_up(bad_rows *sum, const bad_rows *all, int32_t n_ranks, bool is_one)
{
    char text[sizeof sum->first + 20];
    *sum = (bad_rows){0};
    for (int32_t rank = 0; rank < n_ranks; rank++) {
        if (rank == 0 || !is_one)
            sum->n_rows += all[rank].n_rows;
        sum->n_bad += all[rank].n_bad;
        if (sum->first[0] != '\0' || all[rank].first[0] == '\0')
            continue;
        sqlite3_snprintf(sizeof text, text, "rank %d, %s", (int)rank, all[rank].first);
        gru4rec_show(sum->first, sizeof sum->first, text, strlen(text));
    }
}

int ext_shards_check_bad(ext_row_reader *rows, const ext_events *events, ext_error *error)
{
    const ext_ranks *ranks = ext_shards_others(rows->reading);
    bad_rows sum, own = {.n_rows = rows->n_rows, .n_bad = events->n_bad};
    if (ext_ranks_hooks(ranks) == NULL)
        return ext_row_check_bad(rows, events, error);
    const int32_t n_ranks = ranks->hooks.n_ranks;
    const char *first = ext_error_message(&rows->first_bad);
    if (events->n_bad > 0)
        gru4rec_show(own.first, sizeof own.first, first, strlen(first));
    bad_rows *all = sqlite3_malloc64((size_t)n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, &own, sizeof own, all, error) == SQLITE_OK) {
        add_up(&sum, all, n_ranks, is_one_source(rows->reading));
        if ((double)sum.n_bad > rows->bad_rows * (double)sum.n_rows)
            ext_error_set(error, SQLITE_ERROR,
                          "%lld of %lld rows have times that cannot be read, more than "
                          "bad_rows=%g allows; the first: %s",
                          (long long)sum.n_bad, (long long)sum.n_rows, rows->bad_rows,
                          sum.first);
    }
    sqlite3_free(all);
    return error->rc;
}

int ext_shards_check_stop(const ext_reading *reading, int64_t n, ext_error *error)
{
    return n % 1024 == 0 && ext_ranks_is_stopped(reading->ranks)
               ? ext_error_set(error, SQLITE_INTERRUPT, "interrupted")
               : SQLITE_OK;
}

int ext_shards_has_any(const ext_reading *reading, bool *has, ext_error *error)
{
    const ext_ranks *ranks = ext_shards_others(reading);
    const int32_t n_ranks = ext_ranks_count(ranks);
    const char own = *has;
    char *all = sqlite3_malloc(n_ranks);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, &own, sizeof own, all, error) == SQLITE_OK)
        *has = memchr(all, true, (size_t)n_ranks) != NULL;
    sqlite3_free(all);
    return error->rc;
}

/*
 * Finds the last of the borders of all ranks. The rowids of several sources cannot be
 * compared: then last has no rowid.
 */
static ext_border find_last(const ext_border *all, int32_t n_ranks, bool is_one)
{
    ext_border last = {0};
    for (int32_t rank = 0; rank < n_ranks; rank++) {
        ext_border other = all[rank];
        other.has_rowid &= is_one;
        if (other.is_there)
            ext_border_move(&last, &other);
    }
    return last;
}

int ext_shards_unite_border(const ext_row_reader *rows, ext_border *border,
                            ext_error *error)
{
    const ext_ranks *ranks = ext_shards_others(rows->reading);
    const int32_t n_ranks = ext_ranks_count(ranks);
    const bool is_one = is_one_source(rows->reading);
    if (n_ranks == 1)
        return SQLITE_OK;
    ext_border *all = sqlite3_malloc64((size_t)n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, border, sizeof *border, all, error) == SQLITE_OK) {
        const ext_border last = find_last(all, n_ranks, is_one);
        const bool is_own = border->is_there && last.is_there &&
                            gru4rec_time_compare(&border->time, &last.time) == 0;
        if (is_one || !is_own)
            *border = last;
        if (!is_one && !is_own && last.is_there) {
            /* All events of this source at that time are still to come. */
            border->has_rowid = rows->source->rowid != NULL;
            border->rowid = INT64_MIN;
        }
    }
    sqlite3_free(all);
    return error->rc;
}
