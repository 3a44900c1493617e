/*
 * ext_train_job.c - the parts of a training in which its ranks decide together; see
 * ext_train.h, and ext_ranks in ext_base.h.
 *
 * The run has the same name on all ranks; rank 0 draws it. All ranks have the same
 * weights after each epoch, so rank 0 alone writes checkpoints, and gives them to the
 * others when the run is resumed. The commit has five steps, each of which is one
 * transaction in one file, or one exchange:
 *
 *   1. prepare   Every rank that writes, except rank 0, writes the version with status
 *                'prepared'. It does not serve.
 *   2. vote      An exchange. Who gets its result knows that all have prepared.
 *   3. decide    Rank 0 writes its version, 'ready' and active. This transaction is the
 *                decision: before it, the version does not exist for anybody; after it,
 *                it exists for all.
 *   4. tell      An exchange. Who gets its result knows that rank 0 has decided.
 *   5. finish    The others make their version 'ready' and active.
 *
 * What the files have when ranks are killed (n is the new version, c the checkpoint, if
 * the options ask for one):
 *
 *   killed          the file of rank 0   other files             serves
 *   before 1        c                    run 'killed'            old
 *   in or after 1   c                    n prepared, or killed   old
 *   after 2         c                    n prepared              old
 *   after 3         n ready              n prepared              n in the file of rank 0
 *   in or after 5   n ready              n ready, or prepared    n where it is ready
 *
 * The next training over the same files looks first whether a version is prepared
 * somewhere that is ready in the file of rank 0, and finishes it. If rank 0 has not
 * decided, resume=true goes on from c, trains to the same bits, and prepares n anew. A
 * rank that was not killed, but stops between 1 and 5 (an interrupt, a full disk), leaves
 * the same. Then rank 0 keeps the trained model in memory (ext_kept.c), as does a rank
 * that could not prepare it; resume=true goes on with step 1 where it is missing.
 */
#include "ext_train.h"

#include <string.h>

static const ext_ranks *ranks_of(const ext_train_request *request)
{
    return request->home.connection->ranks;
}

/* The hooks of the ranks; NULL: this process is the only one. */
static const gru4rec_ranks *hooks_of(const ext_train_request *request)
{
    return ext_ranks_hooks(ranks_of(request));
}

bool ext_train_job_is_first(const ext_train_request *request)
{
    const gru4rec_ranks *hooks = hooks_of(request);
    return hooks == NULL || hooks->rank == 0;
}

bool ext_train_job_is_writer(const ext_train_request *request)
{
    return ext_train_job_is_first(request) ||
           (request->is_lowest && request->options.replicate == GRU4REC_REPLICATE_ALL);
}

/*
 * Waits until all ranks are here. A rank that returns SQLITE_OK knows that all the others
 * have done what they do before this.
 */
static int wait_for_all(const ext_train_request *request, ext_error *error)
{
    const int64_t own = 0;
    int64_t *all = sqlite3_malloc64((size_t)hooks_of(request)->n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    ext_ranks_agree(ranks_of(request), &own, sizeof own, all, error);
    sqlite3_free(all);
    return error->rc;
}

/* ---- meeting ---- */

enum { NAME = 40 }; /* bytes for the name of a run */

/* What a rank tells when the ranks meet. All bytes that are not used are 0. */
typedef struct ballot {
    int64_t is_lowest;   /* no rank below this one has the same model in the same file */
    int64_t is_first;    /* only rank 0 is to have the kept model */
    char drawn[NAME];    /* a new name for a run */
    char kept[NAME];     /* name of the run whose result it keeps; "": none */
    char prepared[NAME]; /* name of the newest run whose version is prepared; "": none */
} ballot;

/*
 * Finds the newest version that is prepared in this file: its number and the name of its
 * run, which has NAME bytes. *version 0 and name "": there is none.
 */
static int find_prepared(int64_t *version, char *name, const ext_home *home,
                         ext_error *error)
{
    sqlite3_stmt *stmt;
    *version = 0;
    int rc = ext_query(home, &stmt, error,
                       "SELECT version, run FROM @version WHERE status = 'prepared' "
                       "ORDER BY version DESC",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    while (*version == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *run = (const char *)sqlite3_column_text(stmt, 1);
        if (!ext_alive_is_name(run))
            continue;
        *version = sqlite3_column_int64(stmt, 0);
        sqlite3_snprintf(NAME, name, "%s", run);
    }
    return ext_sql_finish(stmt, rc, "reading the training runs", error);
}

/*
 * Fills in the ballot of this rank. *version: out, the version that is prepared here; 0:
 * none is.
 */
static int fill_in(ballot *own, int64_t *version, const ext_train_request *request,
                   ext_error *error)
{
    *own = (ballot){.is_lowest = request->is_lowest};
    *version = 0;
    ext_alive_name(own->drawn);
    if (request->kept != NULL) {
        own->is_first =
            request->kept->request.options.replicate == GRU4REC_REPLICATE_FIRST;
        memcpy(own->kept, request->kept->training.run.alive.run, EXT_RUN_NAME);
    }
    return request->is_found
               ? find_prepared(version, own->prepared, &request->home, error)
               : SQLITE_OK;
}

/* ---- what earlier trainings have left ---- */

/*
 * Makes the training, which has not begun, that of a run whose version is prepared here.
 */
static void adopt(ext_training *training, const char *name, int64_t version)
{
    memcpy(training->run.alive.run, name, EXT_RUN_NAME);
    training->run.written.version = version;
    training->is_prepared = training->has_model = true;
}

/*
 * Sets is_ready (n_ranks) on all ranks: whether the version that is prepared in the file
 * of a rank is ready in the file of rank 0.
 */
static int ask_first(int32_t *is_ready, const ballot *ballots,
                     const ext_train_request *request, ext_error *error)
{
    const int n_ranks = hooks_of(request)->n_ranks;
    memset(is_ready, 0, (size_t)n_ranks * sizeof *is_ready);
    for (int rank = 1; ext_train_job_is_first(request) && request->is_found &&
                       error->rc == SQLITE_OK && rank < n_ranks;
         rank++) {
        int64_t n = 0;
        if (ballots[rank].prepared[0] != '\0')
            ext_query_integer(
                &request->home, &n, error,
                "SELECT count(*) FROM @version WHERE run = ?1 AND status IN "
                "('ready', 'retired')",
                "s", ballots[rank].prepared);
        is_ready[rank] = n > 0;
    }
    return error->rc == SQLITE_OK
               ? ext_ranks_broadcast(ranks_of(request), 0, is_ready,
                                     (size_t)n_ranks * sizeof *is_ready, error)
               : error->rc;
}

/*
 * Finishes the version that is prepared here (0: none is), if rank 0 has decided so. Sets
 * request->is_finished if any rank has something to finish; then waits until all have
 * done it, because this rank may read the file of another next.
 */
static int finish_old(ext_training *training, ext_train_request *request,
                      const ballot *ballots, int64_t version, ext_error *error)
{
    const gru4rec_ranks *hooks = hooks_of(request);
    bool is_asked = false;
    for (int rank = 1; rank < hooks->n_ranks; rank++)
        is_asked |= ballots[rank].prepared[0] != '\0';
    if (!is_asked)
        return SQLITE_OK;
    int32_t *is_ready = sqlite3_malloc64((size_t)hooks->n_ranks * sizeof *is_ready);
    if (is_ready == NULL)
        return ext_error_nomem(error);
    ask_first(is_ready, ballots, request, error);
    for (int rank = 1; error->rc == SQLITE_OK && rank < hooks->n_ranks; rank++)
        request->is_finished |= is_ready[rank] != 0;
    if (error->rc == SQLITE_OK && is_ready[hooks->rank] && request->is_lowest) {
        adopt(training, ballots[hooks->rank].prepared, version);
        ext_poll_start(&training->poll, training->home.db);
        ext_publish_finish(training, error);
        ext_poll_stop(&training->poll);
    }
    sqlite3_free(is_ready);
    return error->rc == SQLITE_OK && request->is_finished ? wait_for_all(request, error)
                                                          : error->rc;
}

/*
 * If rank 0 keeps a trained model, the call only commits it (is_commit). Checks that each
 * rank that is to have it keeps it too, or has prepared it, and sets request->kept or
 * adopts the version (of that number).
 */
static int take_kept(ext_training *training, ext_train_request *request,
                     const ballot *ballots, int64_t version, ext_error *error)
{
    const gru4rec_ranks *hooks = hooks_of(request);
    const char *name = ballots[0].kept;
    request->is_commit = request->options.resume && name[0] != '\0';
    if (!request->is_commit) {
        request->kept = NULL;
        return SQLITE_OK;
    }
    for (int rank = 1; rank < hooks->n_ranks; rank++)
        if (strcmp(ballots[rank].kept, name) != 0 &&
            strcmp(ballots[rank].prepared, name) != 0 && !ballots[0].is_first &&
            ballots[rank].is_lowest)
            return ext_error_set(error, SQLITE_ERROR,
                                 "a trained model waits to be committed on rank 0, but "
                                 "rank %d does not have it any more; train without "
                                 "resume",
                                 rank);
    const ballot *own = &ballots[hooks->rank];
    if (strcmp(own->kept, name) != 0)
        request->kept = NULL;
    if (request->kept == NULL && request->is_lowest && strcmp(own->prepared, name) == 0)
        adopt(training, name, version);
    request->is_writer = request->kept != NULL || training->is_prepared;
    return SQLITE_OK;
}

/* Does what ext_train_job_meet() does, with the ballots of all ranks. */
static int decide(ext_training *training, ext_train_request *request,
                  const ballot *ballots, int64_t version, ext_error *error)
{
    if (finish_old(training, request, ballots, version, error) != SQLITE_OK)
        return error->rc;
    /* What was finished leaves only its summary. */
    training->run.written = (ext_written){0};
    training->is_prepared = false;
    memcpy(training->run.alive.run, ballots[0].drawn, EXT_RUN_NAME);
    return take_kept(training, request, ballots, version, error);
}

int ext_train_job_meet(ext_training *training, ext_train_request *request,
                       ext_error *error)
{
    const gru4rec_ranks *hooks = hooks_of(request);
    ballot own;
    int64_t version;
    int32_t lowest;
    request->is_lowest = true;
    request->is_commit = request->kept != NULL;
    if (hooks == NULL)
        return SQLITE_OK;
    if (!request->is_alone)
        return ext_error_set(error, SQLITE_ERROR,
                             "a training over several processes commits by itself, which "
                             "it cannot inside a transaction; train outside of it");
    if (ext_train_meet(&lowest, &request->home, request->options.resume, error) !=
        SQLITE_OK)
        return error->rc;
    request->is_lowest = lowest == hooks->rank;
    if (fill_in(&own, &version, request, error) != SQLITE_OK)
        return error->rc;
    ballot *ballots = sqlite3_malloc64((size_t)hooks->n_ranks * sizeof *ballots);
    if (ballots == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks_of(request), &own, sizeof own, ballots, error) == SQLITE_OK)
        decide(training, request, ballots, version, error);
    sqlite3_free(ballots);
    return error->rc;
}

/* ---- what rank 0 gives to the others ---- */

/* A run to resume, without its texts and epochs. */
typedef struct resumed {
    char name[NAME], fingerprint[24];
    int64_t epoch;
} resumed;

/* Makes room for the epochs of a run to resume, on another rank than rank 0. */
static int make_room(ext_run *run, int64_t n, ext_error *error)
{
    run->n_epochs = (size_t)n;
    run->epochs = sqlite3_malloc64(run->n_epochs * sizeof *run->epochs);
    run->epoch_seconds = sqlite3_malloc64(run->n_epochs * sizeof *run->epoch_seconds);
    return run->epochs != NULL && run->epoch_seconds != NULL ? SQLITE_OK
                                                             : ext_error_nomem(error);
}

/* Takes what rank 0 tells of the run to resume. */
static int take_run(ext_train_request *request, ext_run *run, const resumed *told,
                    ext_error *error)
{
    memcpy(run->alive.run, told->name, EXT_RUN_NAME);
    request->checkpoint.epoch = told->epoch;
    request->checkpoint.fingerprint = sqlite3_mprintf("%s", told->fingerprint);
    return request->checkpoint.fingerprint != NULL ? make_room(run, told->epoch, error)
                                                   : ext_error_nomem(error);
}

/*
 * Tells the ranks that have no model yet, and whose calls name no source, the source of
 * the run to resume: that which made the model on rank 0.
 */
static int share_source(ext_train_request *request, ext_error *error)
{
    char none[] = "";
    const char *own = request->checkpoint.source;
    char *source =
        ext_train_job_is_first(request) ? (own != NULL ? (char *)own : none) : NULL;
    if (ext_ranks_text(ranks_of(request), &source, error) != SQLITE_OK ||
        ext_train_job_is_first(request))
        return error->rc;
    if (!request->is_found && request->source == NULL && *source != '\0')
        request->source = source;
    else
        sqlite3_free(source);
    return SQLITE_OK;
}

/*
 * Gives the summary of rank 0 to the ranks that have none, when all that remained was to
 * finish a version. Rank 0 takes that of its newest version.
 */
static int share_summary(const ext_train_request *request, ext_run *run, ext_error *error)
{
    char *summary = NULL;
    if (ext_train_job_is_first(request)) {
        sqlite3_stmt *stmt;
        int rc = ext_query(&request->home, &stmt, error,
                           "SELECT summary FROM @version WHERE status = 'ready' "
                           "ORDER BY version DESC LIMIT 1",
                           "");
        if (rc != SQLITE_OK)
            return rc;
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            summary = ext_sql_text(stmt, 0);
        ext_sql_finish(stmt, rc, "reading the model", error);
        if (error->rc == SQLITE_OK && summary == NULL)
            summary = sqlite3_mprintf("{}");
        if (error->rc == SQLITE_OK && summary == NULL)
            ext_error_nomem(error);
    }
    if (error->rc == SQLITE_OK)
        ext_ranks_text(ranks_of(request), &summary, error);
    if (run->summary == NULL)
        run->summary = summary;
    else
        sqlite3_free(summary);
    return error->rc;
}

int ext_train_job_share_run(ext_train_request *request, ext_run *run, ext_error *error)
{
    const ext_ranks *ranks = ranks_of(request);
    ext_checkpoint *checkpoint = &request->checkpoint;
    resumed told = {.epoch = checkpoint->epoch};
    if (hooks_of(request) == NULL)
        return SQLITE_OK;
    const bool is_first = ext_train_job_is_first(request);
    memcpy(told.name, run->alive.run, EXT_RUN_NAME);
    sqlite3_snprintf(sizeof told.fingerprint, told.fingerprint, "%s",
                     checkpoint->fingerprint != NULL ? checkpoint->fingerprint : "");
    if (ext_ranks_broadcast(ranks, 0, &told, sizeof told, error) != SQLITE_OK)
        return error->rc;
    if (told.epoch == 0)
        return share_summary(request, run, error);
    if ((!is_first && take_run(request, run, &told, error) != SQLITE_OK) ||
        share_source(request, error) != SQLITE_OK ||
        ext_ranks_text(ranks, &checkpoint->options, error) != SQLITE_OK ||
        ext_ranks_broadcast(ranks, 0, run->epochs, run->n_epochs * sizeof *run->epochs,
                            error) != SQLITE_OK)
        return error->rc;
    return ext_ranks_broadcast(ranks, 0, run->epoch_seconds,
                               run->n_epochs * sizeof *run->epoch_seconds, error);
}

/* Gives all ranks the tensors of a model of rank 0. */
static int share_model(gru4rec_model *model, const ext_ranks *ranks, ext_error *error)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        rc = ext_ranks_broadcast(ranks, 0, tensor.values,
                                 tensor.n_values * sizeof *tensor.values, error);
    }
    return rc;
}

int ext_train_job_share_weights(gru4rec_training *weights,
                                const ext_train_request *request, ext_error *error)
{
    const ext_ranks *ranks = ranks_of(request);
    int64_t updates = weights->updates;
    if (hooks_of(request) == NULL ||
        (request->checkpoint.epoch == 0 && !request->options.warm_start))
        return SQLITE_OK;
    int rc = share_model(weights->model, ranks, error);
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_SLOTS; i++)
        if (weights->slot[i] != NULL)
            rc = share_model(weights->slot[i], ranks, error);
    if (rc == SQLITE_OK)
        rc = ext_ranks_broadcast(ranks, 0, &updates, sizeof updates, error);
    if (rc == SQLITE_OK && !ext_train_job_is_first(request))
        gru4rec_training_continue(weights, updates);
    return rc;
}

/* ---- the commit ---- */

/*
 * Steps 4 and 5, on rank 0. It has decided, so nothing that the others do matters to this
 * call any more.
 */
static void tell(ext_training *training)
{
    ext_ranks *ranks = training->home.connection->ranks;
    ext_error ignored = {0};
    ext_ranks_text(ranks, &training->run.summary, &ignored);
    ext_ranks_close(ranks, &ignored);
    ext_error_clear(&ignored);
}

/* Steps 4 and 5, on the other ranks. A rank that has not written gets the summary. */
static int hear(ext_training *training, ext_error *error)
{
    ext_ranks *ranks = training->home.connection->ranks;
    ext_error ignored = {0};
    char *summary = NULL;
    if (ext_ranks_text(ranks, &summary, error) != SQLITE_OK)
        return error->rc;
    ext_ranks_close(ranks, &ignored);
    ext_error_clear(&ignored);
    if (!training->is_prepared) {
        sqlite3_free(training->run.summary);
        training->run.summary = summary;
        return SQLITE_OK;
    }
    sqlite3_free(summary);
    if (ext_publish_finish(training, error) == SQLITE_OK)
        training->is_prepared = false;
    return error->rc;
}

int ext_train_job_publish(ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    const gru4rec_ranks *hooks = hooks_of(request);
    if (hooks == NULL)
        return ext_publish_version(training, error);
    const bool is_first = hooks->rank == 0;
    if (!is_first && request->is_writer && !training->is_prepared) {
        if (ext_publish_version(training, error) != SQLITE_OK)
            return error->rc;
        training->is_prepared = true;
    }
    if (wait_for_all(request, error) != SQLITE_OK) /* the vote */
        return error->rc;
    if (!is_first)
        return hear(training, error);
    if (ext_publish_version(training, error) == SQLITE_OK)
        tell(training);
    return error->rc;
}

void ext_train_job_advise(const ext_training *training, ext_error *error)
{
    if (!training->is_prepared || error->rc == SQLITE_OK)
        return;
    char *model = ext_schema_reference(&training->home);
    char *words =
        model == NULL
            ? NULL
            : sqlite3_mprintf("; version %lld is prepared: SELECT gru4rec_train(%Q, "
                              "'resume=true') on all ranks finishes it if rank 0 has it",
                              (long long)training->run.written.version, model);
    sqlite3_free(model);
    if (words != NULL)
        ext_error_add(error, words);
    sqlite3_free(words);
}
