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

int ext_ranks_close(ext_ranks *ranks, ext_error *error)
{
    if (!has_job(ranks))
        return error->rc;
    driver->close(ranks, error);
    ext_poll_stop(&ranks->poll);
    *ranks = (ext_ranks){.hooks = {.n_ranks = 1}};
    return error->rc;
}
