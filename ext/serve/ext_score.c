/*
 * ext_score.c - the SQL functions gru4rec_score(model, history, item [, version]) and
 * gru4rec_embedding(model, item [, version]); see ext_serve.h.
 */
#include "ext_serve.h"

/*
 * Makes the score that gru4rec_recommend() gives the item after the history the SQL
 * result. After a history without a known item that is the item's support. There is no
 * result, so SQL gets NULL, if the model does not know the item, and after an error.
 * Errors: the item cannot be an id (ext_ids_read_one()); those of ext_history_walk().
 */
static int result_score(sqlite3_context *context, ext_workspace *workspace,
                        const ext_history *history, sqlite3_value *item, ext_error *error)
{
    const gru4rec_items *items = workspace->model->loaded.items;
    sqlite3 *db = sqlite3_context_db_handle(context);
    int32_t row;
    double score;
    int rc = ext_ids_read_one(&row, item, items, error);
    if (rc != SQLITE_OK)
        return rc;
    if (row < 0) /* the result is NULL, but a damaged state is an error too */
        return ext_history_walk(history, db, workspace->session, error);
    if (ext_history_is_empty(history))
        score = (double)(gru4rec_real)gru4rec_items_support(items)[row];
    else
        rc = ext_history_score(history, db, workspace, row, &score, error);
    if (rc == SQLITE_OK)
        sqlite3_result_double(context, score);
    return rc;
}

/*
 * The SQL function gru4rec_score(model, history, item [, version]): returns the score of
 * one item after a history, or NULL if the model does not know the item.
 */
static void score(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_workspace workspace = {0};
    ext_history history = {0};
    ext_error error = {0};
    ext_model *model;
    sqlite3_value *version = argc > 3 ? argv[3] : NULL;
    if (ext_model_acquire_for(&model, context, argv[0], version, &error) == SQLITE_OK &&
        ext_workspace_open(&workspace, connection, model, &error) == SQLITE_OK &&
        ext_history_read(&history, connection->db, argv[1], model, &error) == SQLITE_OK)
        result_score(context, &workspace, &history, argv[2], &error);
    ext_history_free(&history);
    ext_workspace_close(&workspace, connection);
    ext_error_result(&error, context);
}

/*
 * The SQL function gru4rec_embedding(model, item [, version]): returns the item's row of
 * the output weights as a BLOB of float32 values, little-endian; NULL if the model does
 * not know the item.
 */
static void embedding(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_error error = {0};
    ext_model *model;
    int32_t row;
    sqlite3_value *version = argc > 2 ? argv[2] : NULL;
    if (ext_model_acquire_for(&model, context, argv[0], version, &error) == SQLITE_OK) {
        if (ext_ids_read_one(&row, argv[1], model->loaded.items, &error) == SQLITE_OK &&
            row >= 0) {
            size_t n;
            const gru4rec_real *values = gru4rec_model_item(model->loaded.model, row, &n);
            unsigned char *bytes = sqlite3_malloc64(4 * n);
            if (bytes != NULL) {
                ext_value_write_floats(bytes, values, n);
                sqlite3_result_blob64(context, bytes, 4 * n, sqlite3_free);
            } else {
                ext_error_nomem(&error);
            }
        }
        ext_model_release(model);
    }
    ext_error_result(&error, context);
}

/*
 * The entries by which gru4rec_score() and gru4rec_embedding() are registered, each with
 * and without the argument version. The last entry has the name NULL.
 */
const ext_function ext_score_functions[] = {
    {"gru4rec_score", 3, SQLITE_INNOCUOUS, score, NULL},
    {"gru4rec_score", 4, SQLITE_INNOCUOUS, score, NULL},
    {"gru4rec_embedding", 2, SQLITE_INNOCUOUS, embedding, NULL},
    {"gru4rec_embedding", 3, SQLITE_INNOCUOUS, embedding, NULL},
    {NULL, 0, 0, NULL, NULL},
};
