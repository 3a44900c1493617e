/*
 * ext_ranks.c - the other processes of a call; see ext_base.h.
 */
#include "ext_base.h"

#include <string.h>

/* Set once, before any call: by the entry point of gru4rec_mpi.so. */
static const ext_ranks_driver *_Atomic driver;

void ext_ranks_use(const ext_ranks_driver *one)
{
    driver = one;
}

/* Whether there are other processes. */
static bool has_job(const ext_ranks *ranks)
{
    return ranks != NULL && ranks->job != NULL;
}

int ext_ranks_open(ext_ranks *ranks, sqlite3 *db, const char *call, ext_error *error)
{
    *ranks = (ext_ranks){.hooks = {.n_ranks = 1}};
    if (driver == NULL)
        return SQLITE_OK;
    ext_poll_start(&ranks->poll, db);
    driver->open(ranks, call, error);
    if (ranks->job == NULL)
        ext_poll_stop(&ranks->poll);
    return error->rc;
}

int ext_ranks_compare(ext_ranks *ranks, const char *options, ext_error *error)
{
    return has_job(ranks) ? driver->compare(ranks, options, error) : SQLITE_OK;
}

const gru4rec_ranks *ext_ranks_hooks(const ext_ranks *ranks)
{
    return has_job(ranks) ? &ranks->hooks : NULL;
}

int32_t ext_ranks_count(const ext_ranks *ranks)
{
    return has_job(ranks) ? ranks->hooks.n_ranks : 1;
}

int32_t ext_ranks_number(const ext_ranks *ranks)
{
    return has_job(ranks) ? ranks->hooks.rank : 0;
}

int ext_ranks_agree(const ext_ranks *ranks, const void *own, size_t n, void *all,
                    ext_error *error)
{
    gru4rec_error message = {0};
    if (!has_job(ranks)) {
        memcpy(all, own, n);
        return SQLITE_OK;
    }
    const gru4rec_ranks *hooks = &ranks->hooks;
    const gru4rec_status status = hooks->agree(hooks->context, own, n, all, &message);
    return ext_error_library(error, status, &message);
}

ext_ranks_cost ext_ranks_cost_of(const ext_ranks *ranks)
{
    return has_job(ranks) ? driver->cost(ranks->job) : (ext_ranks_cost){0};
}

bool ext_ranks_is_stopped(const ext_ranks *ranks)
{
    return has_job(ranks) && driver->is_stopped(ranks->job);
}

void ext_ranks_watch(const ext_ranks *ranks, bool is_on)
{
    if (has_job(ranks))
        driver->watch(ranks, is_on);
}

/*
 * Copies n values of a rank, at most 2^31 - 1, as the rows that this rank brings and the
 * others do not. The values are not looked at, so they can be any bytes.
 */
static gru4rec_status share_words(const gru4rec_ranks *hooks, int32_t from,
                                  gru4rec_real *words, size_t n, int32_t *counts,
                                  gru4rec_error *message)
{
    bool stop = false;
    counts[from] = (int32_t)n;
    const gru4rec_status status =
        hooks->share_rows(hooks->context, words, counts, 1, &stop, message);
    return status == GRU4REC_OK && stop ? GRU4REC_INTERRUPTED : status;
}

int ext_ranks_broadcast(const ext_ranks *ranks, int32_t from, void *bytes, size_t n,
                        ext_error *error)
{
    enum { MOST = 1 << 26 }; /* words at once: 256 MB */
    gru4rec_error message = {0};
    gru4rec_status status = GRU4REC_OK;
    if (!has_job(ranks))
        return SQLITE_OK;
    const size_t n_words = n / sizeof(gru4rec_real);
    int32_t *counts = sqlite3_malloc64((size_t)ranks->hooks.n_ranks * sizeof *counts);
    if (counts == NULL)
        return ext_error_nomem(error);
    memset(counts, 0, (size_t)ranks->hooks.n_ranks * sizeof *counts);
    for (size_t at = 0; status == GRU4REC_OK && at < n_words; at += MOST)
        status = share_words(&ranks->hooks, from, (gru4rec_real *)bytes + at,
                             n_words - at < MOST ? n_words - at : MOST, counts, &message);
    sqlite3_free(counts);
    return ext_error_library(error, status, &message);
}

int ext_ranks_text(const ext_ranks *ranks, char **text, ext_error *error)
{
    if (!has_job(ranks))
        return SQLITE_OK;
    const bool is_first = ranks->hooks.rank == 0;
    int32_t n = is_first ? (int32_t)strlen(*text) : 0;
    if (ext_ranks_broadcast(ranks, 0, &n, sizeof n, error) != SQLITE_OK)
        return error->rc;
    const size_t n_bytes = ((size_t)n + 4) / 4 * 4; /* with a NUL at least */
    char *room = sqlite3_malloc64(n_bytes);
    if (room == NULL)
        return ext_error_nomem(error);
    memset(room, 0, n_bytes);
    if (is_first)
        memcpy(room, *text, (size_t)n);
    if (ext_ranks_broadcast(ranks, 0, room, n_bytes, error) == SQLITE_OK && !is_first)
        *text = room;
    else
        sqlite3_free(room);
    return error->rc;
}

int ext_ranks_close(ext_ranks *ranks, ext_error *error)
{
    if (!has_job(ranks))
        return error->rc;
    driver->close(ranks, error);
    ext_poll_stop(&ranks->poll);
    *ranks = (ext_ranks){.hooks = {.n_ranks = 1}};
    return error->rc;
}
