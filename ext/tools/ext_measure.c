/*
 * ext_measure.c - how good a version is on events; see ext_tools.h.
 *
 * The events are read with that version's items and preparation, so they go with it.
 */
#include "ext_tools.h"

#include <string.h>

/* Opens the source with columns that are called as the model's; order only where it has
 * such a column. */
static int open_like_model(ext_measurement *request, ext_config *config,
                           const ext_home *home, const char *text, ext_error *error)
{
    const bool has_order = config->columns.order != NULL;
    int rc = ext_config_open_source(config, home, text, &request->columns,
                                    &request->source, error);
    if (rc == SQLITE_OK || !has_order || !ext_error_is(error, SQLITE_ERROR))
        return rc;
    ext_error_clear(error);
    sqlite3_free(config->columns.order);
    config->columns.order = NULL;
    return ext_config_open_source(config, home, text, &request->columns, &request->source,
                                  error);
}

/* The source does not open. Where it is the model's own, another name of something is the
 * reason: then the error says how to tell the model. */
static int fail_source(ext_measurement *request, const ext_config *config,
                       const ext_home *home, const char *text, ext_error *error)
{
    ext_error cause = {0};
    if (config->source == NULL || strcmp(text, config->source) != 0 ||
        !ext_error_is(error, SQLITE_ERROR))
        return error->rc;
    if (ext_config_open_source(config, home, NULL, &request->columns, &request->source,
                               &cause) != SQLITE_OK &&
        request->source.missing != NULL) {
        ext_error_clear(error);
        ext_error_wrap(error, &cause, "", "");
    }
    ext_error_clear(&cause);
    return error->rc;
}

/* Opens the source of test events. Its columns are called as the model's where it has
 * such, else they are guessed. */
static int open_source(ext_measurement *request, const ext_home *home, const char *text,
                       ext_error *error)
{
    ext_config config = {0};
    ext_error ignored = {0};
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK &&
        open_like_model(request, &config, home, text, &ignored) != SQLITE_OK)
        rc = ext_error_is(&ignored, SQLITE_ERROR)
                 ? ext_source_open(&request->source, home->db, home->schema, text,
                                   &request->columns, error)
                 : ext_error_wrap(error, &ignored, "", "");
    if (rc != SQLITE_OK)
        rc = fail_source(request, &config, home, text, error);
    ext_error_clear(&ignored);
    ext_config_free(&config);
    return rc;
}

/* The rows of the items that alone are ranked. */
static int read_candidates(ext_measurement *request, sqlite3 *db, ext_error *error)
{
    const char *text = request->columns.candidates;
    const ext_loaded *loaded = &request->model->loaded;
    ext_rows *rows = &request->candidates;
    ext_ids ids = {.items = loaded->items,
                   .keeps_empty = loaded->options.keep_empty != 0,
                   .what = "candidates",
                   .rows = rows};
    sqlite3_stmt *stmt;
    if (text == NULL)
        return SQLITE_OK;
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT ?1");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = ext_ids_read(&ids, db, sqlite3_column_value(stmt, 0), error);
    rc = ext_sql_finish(stmt, rc, NULL, error);
    ext_rows_sort(rows);
    if (rc == SQLITE_OK && rows->n == 0)
        rc = ext_error_set(
            error, SQLITE_ERROR,
            "none of the candidates is an item of the model; give ids that "
            "it knows, as {\"candidates\":[17,42]}, or candidates=sample=100: %s",
            ext_show_text(&(ext_show){""}, text));
    return rc;
}

int64_t ext_measure_limit(const ext_measurement *request)
{
    const int64_t own = request->options.memory_limit;
    return own > 0 ? own : request->model->loaded.options.memory_limit;
}

int ext_measure_read(ext_measurement *request, ext_budget *budget, const ext_home *home,
                     const char *source, ext_error *error)
{
    const ext_loaded *loaded = &request->model->loaded;
    if (read_candidates(request, home->db, error) != SQLITE_OK ||
        open_source(request, home, source, error) != SQLITE_OK)
        return error->rc;
    request->source.against = request->against;
    int rc = ext_read_events(&request->test, budget, &request->source, loaded->items,
                             &loaded->options, NULL, error);
    ext_source_close(&request->source);
    return rc;
}

void ext_measure_free(ext_measurement *request)
{
    ext_read_free(&request->test);
    ext_source_close(&request->source);
    ext_options_free_columns(&request->columns);
    ext_rows_free(&request->candidates);
    ext_model_release(request->model);
    *request = (ext_measurement){0};
}

static int on_poll(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ext_poll_check(context);
}

int ext_measure_run(const ext_measurement *request, ext_budget *budget, sqlite3 *db,
                    gru4rec_metrics *metrics, ext_error *error)
{
    const ext_loaded *loaded = &request->model->loaded;
    const gru4rec_evaluation what = {.model = loaded->model,
                                     .support = gru4rec_items_support(loaded->items),
                                     .test = request->test.dataset,
                                     .candidates = request->candidates.rows,
                                     .n_candidates = request->candidates.n};
    ext_poll poll;
    const gru4rec_hooks hooks = {.poll = on_poll, .context = &poll};
    gru4rec_error message = {0};
    ext_poll_start(&poll, db);
    gru4rec_status status = gru4rec_evaluate(&budget->allocator, &what, &request->options,
                                             &hooks, metrics, &message);
    ext_poll_stop(&poll);
    ext_error_library(error, status, &message);
    return ext_budget_explain(budget, "measuring the model",
                              "use fewer events or shorter lists (cutoffs)", error);
}
