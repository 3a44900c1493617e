/*
 * ext_score.c - gru4rec_score(model, history, item), gru4rec_embedding(model, item); see
 * ext_serve.h.
 */
#include "ext_serve.h"

#include <string.h>

static double score_row(const ext_workspace *workspace, const ext_history *history,
                        int32_t row)
{
    gru4rec_real score;
    if (ext_history_is_empty(history))
        return (double)(gru4rec_real)gru4rec_items_support(workspace->model->items)[row];
    gru4rec_session_scores(workspace->session, &row, 1, &score);
    return (double)score;
}

/* What gru4rec_recommend() gives for the item; NULL for one that it does not have. */
static void score(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_workspace workspace = {0};
    ext_history history = {0};
    ext_error error = {0};
    ext_model *model;
    (void)argc;
    int rc = ext_function_model(context, argv[0], &model, &error);
    if (rc == SQLITE_OK)
        rc = ext_workspace_open(connection, model, &workspace, &error);
    if (rc == SQLITE_OK)
        rc = ext_history_read(&history, connection->db, argv[1], workspace.model, &error);
    if (rc == SQLITE_OK && !ext_history_is_empty(&history))
        rc = ext_history_walk(&history, connection->db, workspace.model,
                              workspace.session, &error);
    int32_t row = rc == SQLITE_OK ? ext_value_row(argv[2], workspace.model->items) : -1;
    if (row >= 0)
        sqlite3_result_double(context, score_row(&workspace, &history, row));
    ext_history_free(&history);
    if (workspace.model != NULL)
        ext_workspace_close(connection, &workspace);
    ext_error_result(&error, context);
}

/* The item's output row as float32, little-endian. */
static void embedding(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_error error = {0};
    ext_model *model;
    (void)argc;
    if (ext_function_model(context, argv[0], &model, &error) == SQLITE_OK) {
        int32_t row = ext_value_row(argv[1], model->items);
        if (row >= 0) {
            size_t n;
            const gru4rec_real *values = gru4rec_model_item(model->model, row, &n);
            unsigned char *bytes = sqlite3_malloc64(4 * n);
            if (bytes != NULL) {
                ext_floats_write(bytes, values, n);
                sqlite3_result_blob64(context, bytes, 4 * n, sqlite3_free);
            } else {
                ext_fail_nomem(&error);
            }
        }
        ext_model_release(model);
    }
    ext_error_result(&error, context);
}

int ext_register_score(ext_connection *connection, ext_error *error)
{
    int rc = ext_register_function(connection, "gru4rec_score", 3, SQLITE_INNOCUOUS,
                                   score, error);
    if (rc == SQLITE_OK)
        rc = ext_register_function(connection, "gru4rec_embedding", 2, SQLITE_INNOCUOUS,
                                   embedding, error);
    return rc;
}
