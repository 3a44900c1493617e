/*
 * ext_best.c - finds the best of a model's versions on a source of events; see
 * ext_tools.h.
 *
 * 1. In one snapshot, the events are read once for each version, with that version's
 *    items and options. So all versions are measured on the same rows, even if others
 *    insert rows meanwhile. The events of all versions are then in memory together.
 * 2. Then, without a snapshot, the versions are measured one after the other. Only one
 *    version is held at a time.
 */
#include "ext_tools.h"

#include <string.h>

/* A version that takes part in the search for the best one. */
typedef struct contestant {
    int64_t version;            /* its number */
    char run[EXT_RUN_NAME + 1]; /* name of the run that made it */
    /*
     * Has the test events of the version from read_all() on, until measure() frees them.
     * Its model is NULL, except while read_all() or measure() works on this version.
     */
    ext_measurement measurement;
} contestant;

/* The search for the best version of a model. */
typedef struct contest {
    const ext_home *home;
    ext_budget budget;       /* counts the test events of all versions */
    contestant *contestants; /* (n), newest version first; owned */
    size_t n;
} contest;

/*
 * Appends a version to the contestants (n grows by 1). Sets its options of measuring to
 * the defaults with cutoffs=20.
 */
static int add_contestant(contest *all, int64_t version, ext_error *error)
{
    contestant *more =
        sqlite3_realloc64(all->contestants, (all->n + 1) * sizeof *all->contestants);
    if (more == NULL)
        return ext_error_nomem(error);
    all->contestants = more;
    contestant *one = &more[all->n++];
    *one = (contestant){.version = version};
    gru4rec_options *options = &one->measurement.options;
    gru4rec_error message = {0};
    gru4rec_options_init(options);
    return ext_error_library(error,
                             gru4rec_options_set(options, GRU4REC_SCOPE_EVALUATE,
                                                 "cutoffs", "20", &message),
                             &message);
}

/*
 * Appends all versions of the model that are ready to the contestants, newest first.
 * SQLITE_ERROR: there is none.
 */
static int list(contest *all, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(all->home, &stmt, error,
                       "SELECT version FROM @version WHERE status = 'ready' "
                       "ORDER BY version DESC",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (add_contestant(all, sqlite3_column_int64(stmt, 0), error) != SQLITE_OK) {
            rc = error->rc;
            break;
        }
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    return rc != SQLITE_OK || all->n > 0 ? rc
                                         : ext_version_fail_untrained(all->home, error);
}

/*
 * Acquires the version of the contestant as measurement.model, loading it if it is not in
 * memory. The caller gives it up by release_model() or ext_measure_free(). SQLITE_ERROR:
 * the version does not exist any more.
 */
static int hold_model(contestant *one, const ext_home *home, ext_error *error)
{
    const ext_choice choice = {.kind = EXT_CHOICE_NUMBER, .number = one->version};
    return ext_model_acquire_version(&one->measurement.model, home, &choice, error);
}

/* Gives up the version that hold_model() has acquired; the test events stay. */
static void release_model(contestant *one)
{
    ext_model_release(one->measurement.model);
    one->measurement.model = NULL;
}

/*
 * Lists the versions that are ready, and then reads the test events once for each of them
 * into its measurement, in one snapshot, which ends here. Holds each version only while
 * its events are read. Copies the name of the run that made the version into run, so that
 * measure() sees whether the version was replaced. Starts the budget by the memory limit
 * of the newest version.
 */
static int read_all(contest *all, const char *source, ext_error *error)
{
    ext_snapshot snapshot = {0};
    int rc = ext_snapshot_start(&snapshot, all->home, error);
    if (rc == SQLITE_OK)
        rc = list(all, error);
    for (size_t i = 0; rc == SQLITE_OK && i < all->n; i++) {
        contestant *one = &all->contestants[i];
        rc = hold_model(one, all->home, error);
        if (rc != SQLITE_OK)
            break;
        memcpy(one->run, one->measurement.model->run, sizeof one->run);
        if (i == 0)
            ext_budget_start(&all->budget, ext_measure_limit(&one->measurement));
        rc = ext_measure_read(&one->measurement, &all->budget, all->home, source, error);
        release_model(one);
    }
    ext_snapshot_end(&snapshot);
    return rc;
}

/*
 * Measures the version of a contestant on its test events; the caller must hold the
 * version. Sets *mrr to the version's MRR@20; NAN: no event was ranked. After a failure
 * *mrr is of no use.
 */
static int measure_held(contest *all, contestant *one, double *mrr, ext_error *error)
{
    gru4rec_metrics *metrics =
        sqlite3_malloc64(ext_measure_count(&one->measurement) * sizeof *metrics);
    if (metrics == NULL)
        return ext_error_nomem(error);
    int rc =
        ext_measure_run(&one->measurement, &all->budget, all->home->db, metrics, error);
    *mrr = rc == SQLITE_OK ? metrics[0].mrr : 0; /* the version is the first method */
    sqlite3_free(metrics);
    return rc;
}

/*
 * Acquires and measures the version of a contestant, and sets *mrr (measure_held()). In
 * any case then frees its test events, releases its version, and makes its measurement
 * all zero. SQLITE_BUSY: since read_all() another run has made the version that has this
 * number now.
 */
static int measure(contest *all, contestant *one, double *mrr, ext_error *error)
{
    int rc = hold_model(one, all->home, error);
    if (rc == SQLITE_OK && strcmp(one->measurement.model->run, one->run) != 0)
        rc =
            ext_error_set(error, SQLITE_BUSY,
                          "version %lld of model '%s' changed while it was measured; try "
                          "again",
                          (long long)one->version, all->home->name);
    if (rc == SQLITE_OK)
        rc = measure_held(all, one, mrr, error);
    ext_measure_free(&one->measurement);
    return rc;
}

/*
 * Measures all versions, newest first, and sets *version to the number of the first one
 * with the best MRR. Stops at the first failure. SQLITE_ERROR: no version had an event to
 * rank; *version is then 0.
 */
static int find_best(int64_t *version, contest *all, ext_error *error)
{
    double mrr = 0;
    /*
     * No comparison with NAN is true, so a version without an event to rank never wins.
     */
    double best = -1;
    int rc = SQLITE_OK;
    *version = 0;
    for (size_t i = 0; rc == SQLITE_OK && i < all->n; i++) {
        contestant *one = &all->contestants[i];
        rc = measure(all, one, &mrr, error);
        if (rc == SQLITE_OK && mrr > best) {
            best = mrr;
            *version = one->version;
        }
    }
    return rc != SQLITE_OK || *version != 0
               ? rc
               : ext_error_set(error, SQLITE_ERROR,
                               "the source has no event to rank, so no version of model "
                               "'%s' is the best: a session needs two events of items "
                               "that the model knows",
                               all->home->name);
}

int ext_best_find(int64_t *version, const ext_home *home, const char *source,
                  ext_error *error)
{
    contest all = {.home = home};
    int rc = read_all(&all, source, error);
    if (rc == SQLITE_OK)
        rc = find_best(version, &all, error);
    for (size_t i = 0; i < all.n; i++)
        ext_measure_free(&all.contestants[i].measurement);
    sqlite3_free(all.contestants);
    return rc;
}
