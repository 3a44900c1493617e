/* ext_plot_request.c - what is drawn, and what was measured for it; see ext_plot.h. */
#include "ext_plot.h"

#include <string.h>

/*
 * Reads the options of the call. Those of a baseline that is not measured are refused, as
 * gru4rec_evaluate() refuses them.
 */
static int read_options(ext_plot_request *request, const char *text, ext_error *error)
{
    const gru4rec_option_scope scope =
        (gru4rec_option_scope)(GRU4REC_SCOPE_PLOT | GRU4REC_SCOPE_EVALUATE);
    gru4rec_options *options = &request->options;
    gru4rec_error message = {0};
    gru4rec_options_init(options);
    gru4rec_status status =
        gru4rec_options_set_default(options, scope, "baselines",
                                    "pop/markov/item-knn/vs-knn", &message);
    if (ext_error_library(error, status, &message) != SQLITE_OK ||
        ext_options_parse(request->home.db, text, scope, options, &request->columns,
                          error) != SQLITE_OK)
        return error->rc;
    return ext_fit_check_options(options, options->baselines,
                                 "add it to option baselines", error);
}

/* Reads the configuration of the model, and its options of training. */
static int read_model(ext_plot_request *request, ext_error *error)
{
    ext_snapshot snapshot = {0};
    int rc = ext_snapshot_start(&snapshot, &request->home, error);
    if (rc == SQLITE_OK)
        rc = ext_config_read(&request->config, &request->home, error);
    if (rc == SQLITE_OK)
        rc = ext_config_options(&request->config, &request->home, &request->own, error);
    ext_snapshot_end(&snapshot);
    return rc == SQLITE_OK ? ext_options_resolve(&request->own, error) : rc;
}

int ext_plot_request_read(ext_plot_request *request, ext_connection *connection,
                          sqlite3_value *name, const char *options, ext_error *error)
{
    int rc = ext_schema_get(&request->home, connection->db, connection, name, false, NULL,
                            error);
    if (rc == SQLITE_OK)
        rc = ext_schema_true_name(&request->home, error);
    if (rc == SQLITE_OK)
        rc = read_options(request, options, error);
    if (rc == SQLITE_OK)
        rc = read_model(request, error);
    const int64_t limit = request->options.memory_limit;
    ext_budget_start(&request->budget, limit > 0 ? limit : request->own.memory_limit);
    return rc;
}

bool ext_plot_request_option(gru4rec_option_info *info, const char *name)
{
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, info);
        if (strcmp(info->name, name) == 0)
            return true;
    }
    return false;
}

int ext_plot_request_check(const ext_plot_request *request, const char *who, int uses,
                           int with_test, ext_error *error)
{
    const ext_columns *columns = &request->columns;
    char untested[80];
    if (ext_uses_check(&request->options, columns, uses | with_test, who, "leave it out",
                       error) != SQLITE_OK ||
        columns->test != NULL)
        return error->rc;
    sqlite3_snprintf(sizeof untested, untested, "without a test, %s", who);
    return ext_uses_check(&request->options, columns, uses, untested,
                          "name test events, as test=clicks_test, or leave it out",
                          error);
}

void ext_plot_request_free(ext_plot_request *request)
{
    ext_measure_free(&request->measurement);
    for (int i = 0; i < EXT_PLOT_SEGMENTS; i++)
        sqlite3_free(request->measures[i].rows);
    ext_options_free_columns(&request->columns);
    ext_config_free(&request->config);
    ext_home_clear(&request->home);
    *request = (ext_plot_request){0};
}

/* ---- measures ---- */

/*
 * Fits the baselines. If the sessions of the training cannot be read again (the model was
 * imported, or its source is gone), and the call did not name the baselines, pop alone is
 * fitted, and a warning says why.
 */
static int fit(ext_plot_request *request, ext_error *error)
{
    ext_measurement *measurement = &request->measurement;
    ext_error own = {0};
    ext_fit_baselines(measurement, &request->budget, &request->home, &own);
    if (own.rc == SQLITE_OK)
        return SQLITE_OK;
    if (!ext_error_is(&own, SQLITE_ERROR) || own.is_limit ||
        measurement->n_baselines > 0 ||
        ext_options_is_set(&request->options, "baselines"))
        return ext_error_wrap(error, &own, "", "");
    int rc = ext_measure_warn(measurement, error, "%s", ext_error_message(&own));
    ext_error_clear(&own);
    measurement->options.baselines = 1 << GRU4REC_POP;
    return rc == SQLITE_OK
               ? ext_fit_baselines(measurement, &request->budget, &request->home, error)
               : rc;
}

/*
 * Holds the version, reads the test and fits the baselines, into request->measurement,
 * once. The names of columns are borrowed from the request meanwhile.
 */
static int prepare(ext_plot_request *request, ext_error *error)
{
    ext_measurement *measurement = &request->measurement;
    const ext_choice choice = ext_choice_of_option(request->options.version);
    if (measurement->model != NULL)
        return SQLITE_OK;
    if (request->columns.test == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the model is measured on test events; name their source, as "
            "{\"test\":\"clicks_test\"}");
    measurement->options = request->options;
    measurement->finds_leaks = true;
    int rc =
        ext_model_acquire_version(&measurement->model, &request->home, &choice, error);
    measurement->columns = request->columns;
    if (rc == SQLITE_OK)
        rc = ext_measure_read(measurement, &request->budget, &request->home,
                              request->columns.test, error);
    measurement->columns = (ext_columns){0};
    if (rc == SQLITE_OK)
        rc = fit(request, error);
    if (rc != SQLITE_OK)
        ext_measure_free(measurement); /* so that the next call fails in the same way */
    return rc;
}

int ext_plot_request_measures(const ext_plot_measures **measures,
                              ext_plot_request *request, gru4rec_segment segment,
                              ext_error *error)
{
    ext_measurement *measurement = &request->measurement;
    ext_plot_measures *made = &request->measures[segment];
    const bool is_first = measurement->model == NULL;
    *measures = made;
    if (made->rows != NULL || prepare(request, error) != SQLITE_OK)
        return error->rc;
    measurement->options.segment = segment;
    const size_t n = ext_measure_count(measurement);
    gru4rec_metrics *rows = sqlite3_malloc64(n * sizeof *rows);
    if (rows == NULL)
        return ext_error_nomem(error);
    int rc =
        ext_measure_run(measurement, &request->budget, request->home.db, rows, error);
    if (rc == SQLITE_OK && is_first)
        rc = ext_measure_warn_all(measurement,
                                  measurement->test.dataset->n_events >
                                      measurement->test.dataset->n_sessions,
                                  error);
    if (rc != SQLITE_OK) {
        sqlite3_free(rows);
        return rc;
    }
    *made = (ext_plot_measures){.rows = rows, .n = n};
    return SQLITE_OK;
}
