/* ext_fit.c - fits the baselines that are measured with a version; see ext_tools.h. */
#include "ext_tools.h"

#include <string.h>

/*
 * Two parts of the message that a memory limit is reached: what needs the memory
 * (fitting), and what the user can do (fewer).
 */
static const char fitting[] = "fitting the baselines";
static const char fewer[] = "use fewer of them, or fewer events";

/* Tells whether the options of the request name the baseline of that kind. */
static bool is_asked(const ext_measurement *request, int kind)
{
    return gru4rec_baseline_is_asked(&request->options, (gru4rec_baseline_kind)kind);
}

int ext_fit_check_options(const gru4rec_options *options, int64_t asked,
                          const char *advice, ext_error *error)
{
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++)
            if (gru4rec_option_is_set(options, i) && (asked >> kind & 1) == 0 &&
                gru4rec_baseline_has_option((gru4rec_baseline_kind)kind, info.name))
                return ext_error_set(
                    error, SQLITE_ERROR,
                    "option %s is for baseline %s, which is not measured; %s, or leave "
                    "the option out",
                    info.name, gru4rec_baseline_name((gru4rec_baseline_kind)kind),
                    advice);
    }
    return SQLITE_OK;
}

/*
 * Returns the name of the first baseline that the request asks for and that is fitted on
 * sessions, static; NULL: none of its baselines needs sessions.
 */
static const char *needs_sessions(const ext_measurement *request)
{
    for (int i = 0; i < GRU4REC_N_BASELINES; i++)
        if (is_asked(request, i) &&
            gru4rec_baseline_needs_sessions((gru4rec_baseline_kind)i))
            return gru4rec_baseline_name((gru4rec_baseline_kind)i);
    return NULL;
}

/*
 * Returns the length of a day in the unit of the times of the training events. Returns 0
 * if that unit is not known, or if the times of the test have another unit (a test
 * without times has none).
 */
static double find_day(const ext_unit_seen *trained, const ext_unit_seen *test)
{
    const bool is_same = trained->unit == test->unit || !test->is_there;
    return is_same && trained->unit != NULL ? 86400 * trained->unit->per_second : 0;
}

/*
 * Appends to request->warnings that this baseline does not count days, and why: the test
 * has another unit of time than the training, or the unit is not known.
 */
static int warn_of_days(ext_measurement *request, gru4rec_baseline_kind kind,
                        const ext_unit_seen *trained, ext_error *error)
{
    return ext_measure_warn(
        request, error, "%s does not count days: %s", gru4rec_baseline_name(kind),
        trained->unit != NULL || !trained->is_there
            ? "the times of the test events have another unit than those of training"
            : "the unit of the times is not known: "
              "not all of them are between 1980 and 2100 in the same unit "
              "(seconds, milliseconds, microseconds or nanoseconds)");
}

/*
 * Checks that the budget has room for one baseline, fits it, and appends it to
 * request->baselines (n_baselines grows by 1). SQLITE_ERROR: the budget is too small.
 * SQLITE_INTERRUPT: the host interrupted the call. After a failure nothing is appended.
 */
static int fit(ext_measurement *request, gru4rec_baseline_kind kind,
               const gru4rec_baseline_data *data, ext_budget *budget, ext_poll *poll,
               ext_error *error)
{
    gru4rec_error message = {0};
    const size_t n = gru4rec_baseline_bytes(kind, &request->options, data);
    if (ext_budget_check(budget, n, fitting, fewer, error) != SQLITE_OK)
        return error->rc;
    const gru4rec_status status =
        gru4rec_baseline_new(&budget->allocator, kind, &request->options, data,
                             ext_poll_is_stopped, poll,
                             &request->baselines[request->n_baselines], &message);
    request->n_baselines += status == GRU4REC_OK;
    return ext_error_library(error, status, &message);
}

/*
 * Fits the baselines that request->options names, in the order of their kinds, and
 * appends each to request->baselines. A baseline that uses days gets a warning first if
 * the length of a day is not known, and is fitted all the same. Stops at the first
 * failure; the baselines before it stay.
 *
 * trained: the sessions of the training; all zero if no baseline needs sessions.
 */
static int fit_all(ext_measurement *request, const ext_events *trained,
                   ext_budget *budget, sqlite3 *db, ext_error *error)
{
    const gru4rec_items *items = request->model->loaded.items;
    const gru4rec_baseline_data data = {.n_items = gru4rec_items_count(items),
                                        .support = gru4rec_items_support(items),
                                        .sessions = trained->dataset,
                                        .day = find_day(&trained->unit,
                                                        &request->test.unit)};
    ext_poll poll;
    int rc = SQLITE_OK;
    ext_poll_start(&poll, db);
    for (int i = 0; i < GRU4REC_N_BASELINES && rc == SQLITE_OK; i++) {
        const gru4rec_baseline_kind kind = (gru4rec_baseline_kind)i;
        if (!is_asked(request, i))
            continue;
        if (gru4rec_baseline_uses_days(kind) && data.day == 0)
            rc = warn_of_days(request, kind, &trained->unit, error);
        if (rc == SQLITE_OK)
            rc = fit(request, kind, &data, budget, &poll, error);
    }
    ext_poll_stop(&poll);
    return rc;
}

/* What a rank fits its baselines on. It has no gaps. */
typedef struct ground {
    uint64_t sessions, times; /* hashes */
    int64_t day;              /* find_day() */
} ground;

static ground describe(const ext_measurement *request, const ext_events *trained)
{
    const gru4rec_dataset *sessions = trained->dataset;
    ground own = {.sessions =
                      gru4rec_dataset_fingerprint(sessions, request->model->loaded.items),
                  .day = (int64_t)find_day(&trained->unit, &request->test.unit)};
    for (int64_t i = 0; sessions->times != NULL && i < sessions->n_events; i++) {
        uint64_t time;
        memcpy(&time, &sessions->times[i], sizeof time);
        own.times = (own.times ^ time) * 0x9e3779b97f4a7c15;
        own.times ^= own.times >> 32;
    }
    return own;
}

/*
 * With option ranks=all, checks that all ranks fit the baselines on the same sessions,
 * because each rank counts its share of the test. SQLITE_ERROR: they do not.
 */
static int compare_ranks(const ext_measurement *request, const ext_events *trained,
                         ext_error *error)
{
    const int32_t n_ranks = ext_ranks_count(request->ranks);
    if (n_ranks == 1)
        return SQLITE_OK;
    const ground own = describe(request, trained);
    ground *all = sqlite3_malloc64((size_t)n_ranks * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    ext_ranks_agree(request->ranks, &own, sizeof own, all, error);
    for (int32_t rank = 1; error->rc == SQLITE_OK && rank < n_ranks; rank++)
        if (memcmp(&all[rank], &all[0], sizeof *all) != 0)
            ext_error_set(
                error, SQLITE_ERROR,
                "rank %d has other training events to fit the baselines on than "
                "rank 0, as after a training over shards; measure baselines in "
                "one process that has all events, or use baselines=pop",
                (int)rank);
    sqlite3_free(all);
    return error->rc;
}

int ext_fit_baselines(ext_measurement *request, ext_budget *budget, const ext_home *home,
                      ext_error *error)
{
    ext_events trained = {0};
    const char *name = needs_sessions(request);
    ext_ranks_watch(request->ranks, true);
    int rc = name != NULL ? ext_trained_read(&trained, request, budget, home, name, error)
                          : SQLITE_OK;
    ext_ranks_watch(request->ranks, false);
    if (rc == SQLITE_OK && name != NULL)
        rc = compare_ranks(request, &trained, error);
    if (rc == SQLITE_OK)
        fit_all(request, &trained, budget, home->db, error);
    ext_read_free(&trained); /* a fitted baseline does not use these sessions */
    return ext_budget_explain(budget, fitting, fewer, error);
}
