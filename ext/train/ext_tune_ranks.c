/*
 * ext_tune_ranks.c - what the ranks of a tuning agree on; see ext_tune.h.
 */
#include "ext_tune.h"

#include <stdlib.h>

/* ---- before the search ---- */

/*
 * Returns a JSON object of all that must be equal on all ranks, which the caller frees;
 * NULL: an error.
 */
static char *describe(const ext_tune_request *request, ext_error *error)
{
    sqlite3_stmt *stmt;
    char *text = NULL, *base = ext_options_json(&request->base, true);
    int rc = base != NULL ? ext_query(&request->train.home, &stmt, error,
                                      "SELECT json_patch(json_patch(?1, ?2 -> '$.given'),"
                                      " json_object('space', coalesce(?3, 'default'), "
                                      "'given', ?2 ->> '$.given', 'minutes', ?4))",
                                      "sssd", base, request->settings,
                                      request->space_text, request->base.minutes)
                          : ext_error_nomem(error);
    sqlite3_free(base);
    if (rc != SQLITE_OK)
        return NULL;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (text = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_sql_fail_null(stmt, error);
    ext_sql_finish(stmt, rc, "reading the options", error);
    return text;
}

int ext_tune_ranks_compare(const ext_tune_request *request, ext_error *error)
{
    ext_ranks *ranks = request->train.home.connection->ranks;
    if (ext_ranks_hooks(ranks) == NULL)
        return SQLITE_OK;
    if (request->base.groups > 1 && request->base.shard == GRU4REC_SHARD_OWN)
        return ext_error_set(error, SQLITE_ERROR,
                             "groups divides the sessions of one source, and each rank "
                             "has its own; leave groups out, or let all ranks read one "
                             "source with shard=auto");
    char *options = describe(request, error);
    if (options != NULL)
        ext_ranks_compare(ranks, options, error);
    sqlite3_free(options);
    return error->rc;
}

int ext_tune_ranks_compare_events(const ext_tuning *tuning, ext_error *error)
{
    const ext_train_data *data = &tuning->data;
    const gru4rec_dataset *latest = data->latest;
    uint64_t hash = strtoull(data->fingerprint, NULL, 16);
    int32_t other;
    if (latest != NULL) {
        const uint64_t own = gru4rec_dataset_fingerprint(latest, data->events.items);
        hash = ext_train_meet_add(hash, &own, sizeof own);
        hash = ext_train_meet_add(hash, latest->times,
                                  (size_t)latest->n_events * sizeof *latest->times);
    }
    if (ext_train_meet_compare(&other, hash, &tuning->ranks, error) != SQLITE_OK)
        return error->rc;
    return other == 0
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "rank %d has read other events than rank 0; with "
                               "shard=auto let all ranks read one source, or equal "
                               "copies of it, and give until= if events come in "
                               "meanwhile; if each rank has its own, leave shard out",
                               (int)other);
}

int ext_tune_ranks_share(ext_tuning *tuning, ext_error *error)
{
    ext_tune_list *known = &tuning->rows.known;
    const ext_ranks *ranks = &tuning->ranks;
    int64_t n = (int64_t)known->n;
    if (ext_ranks_broadcast(ranks, 0, &n, sizeof n, error) != SQLITE_OK || n == 0)
        return error->rc;
    const size_t n_bytes = (size_t)n * sizeof *known->rows;
    if (ext_ranks_number(ranks) > 0) {
        known->rows = sqlite3_malloc64(n_bytes);
        if (known->rows == NULL)
            return ext_error_nomem(error);
        known->n = known->capacity = (size_t)n;
    }
    return ext_ranks_broadcast(ranks, 0, known->rows, n_bytes, error);
}

/* ---- the end ---- */

int ext_tune_ranks_number(ext_tuning *tuning, ext_error *error)
{
    const ext_ranks *ranks = &tuning->ranks;
    int64_t *all = sqlite3_malloc64((size_t)ext_ranks_count(ranks) * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, &tuning->rows.tune, sizeof *all, all, error) == SQLITE_OK)
        tuning->rows.tune = all[tuning->request.writer];
    sqlite3_free(all);
    return error->rc;
}

/*
 * After the vote the other ranks are done, whatever becomes of rank 0: if it fails, it
 * resumes its own tuning, and they go on with theirs.
 */
int ext_tune_ranks_finish(ext_tuning *tuning, ext_error *error)
{
    const ext_ranks *ranks = &tuning->ranks;
    const bool is_first = ext_ranks_number(ranks) == 0;
    const char vote = 1;
    if (!is_first && ext_tune_rows_end(tuning, "finished", error) != SQLITE_OK)
        return error->rc;
    char *votes = sqlite3_malloc(ext_ranks_count(ranks));
    if (votes == NULL)
        return ext_error_nomem(error);
    ext_ranks_agree(ranks, &vote, sizeof vote, votes, error);
    sqlite3_free(votes);
    if (error->rc == SQLITE_OK && is_first)
        ext_tune_rows_end(tuning, "finished", error);
    tuning->is_finished = error->rc == SQLITE_OK;
    return error->rc;
}
