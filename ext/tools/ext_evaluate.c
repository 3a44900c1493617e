/*
 * ext_evaluate.c - gru4rec_evaluate(model, source [, options]); see ext_int.h.
 *
 * A row per method and cut-off. The whole evaluation happens when the first row is asked
 * for. Runs SQL that is given as text, so it cannot be used in views and triggers.
 */
#include "../base/ext_base.h"

#include <string.h>

enum {
    METHOD,
    K,
    RECALL,
    MRR,
    NDCG,
    COVERAGE,
    POPULARITY,
    EVENTS,
    SESSIONS,
    SKIPPED,
    TIES,
    FIRST_ARGUMENT
};
enum { MODEL, SOURCE, OPTIONS, N_ARGUMENTS };

typedef struct evaluate_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    gru4rec_metrics *metrics; /* (n) */
    size_t n, row;
    int64_t n_skipped; /* events dropped because the model does not know their item */
} evaluate_cursor;

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    (void)db;
    return ext_connect_table(
        aux,
        "CREATE TABLE x(method TEXT, k INTEGER, recall REAL, mrr REAL, ndcg REAL, "
        "coverage "
        "REAL, popularity REAL, events INTEGER, sessions INTEGER, skipped INTEGER, ties "
        "INTEGER, model BLOB HIDDEN, source BLOB HIDDEN, options BLOB HIDDEN)",
        SQLITE_VTAB_DIRECTONLY, out);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    bool is_complete = (info->idxNum & (1 << MODEL)) && (info->idxNum & (1 << SOURCE));
    info->estimatedRows = 10;
    info->estimatedCost = is_complete ? 1e9 : 1e50;
    return rc;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(evaluate_cursor), out);
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor->metrics);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int on_poll(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ext_poll_check(context);
}

static int compute(evaluate_cursor *cursor, sqlite3 *db, const ext_model *model,
                   const ext_events *test, const gru4rec_options *options,
                   ext_error *error)
{
    ext_poll poll;
    gru4rec_hooks hooks = {on_poll, NULL, &poll};
    gru4rec_error message = {0};
    size_t n = gru4rec_evaluate_count(options);
    cursor->metrics = sqlite3_malloc64(n * sizeof *cursor->metrics);
    if (cursor->metrics == NULL)
        return ext_fail_nomem(error);
    ext_poll_start(&poll, db);
    gru4rec_status status =
        gru4rec_evaluate(&ext_allocator, model->model,
                         gru4rec_items_support(model->items), test->dataset, options,
                         &hooks, cursor->metrics, &message);
    ext_poll_stop(&poll);
    cursor->n_skipped = test->dataset->n_unknown;
    if (status == GRU4REC_OK)
        cursor->n = n;
    return ext_fail_library(error, status, &message);
}

/* The columns of the source are called as the model's where it has such, else guessed. */
static int open_source(ext_connection *connection, const char *model, const char *text,
                       const ext_columns *columns, ext_source *source, ext_error *error)
{
    ext_config config = {0};
    ext_error ignored = {0};
    char *schema = NULL, *name = NULL;
    bool is_found;
    int rc = ext_store_find(connection->db, model, &schema, &name, &is_found, error);
    if (rc == SQLITE_OK)
        rc = ext_store_config(connection->db, schema, name, &config, error);
    if (rc == SQLITE_OK && ext_store_source(connection->db, schema, name, &config, text,
                                            columns, source, &ignored) != SQLITE_OK)
        rc = ext_source_open(connection->db, schema, text, columns, source, error);
    ext_error_clear(&ignored);
    ext_config_free(&config);
    sqlite3_free(schema);
    sqlite3_free(name);
    return rc;
}

static int evaluate(evaluate_cursor *cursor, ext_connection *connection, ext_error *error)
{
    sqlite3_value **arguments = cursor->arguments;
    gru4rec_options options;
    ext_columns columns = {0};
    ext_source source = {0};
    ext_events test = {0};
    ext_model *model = NULL;
    const char *text = ext_argument_text(arguments[SOURCE]);
    const char *given = ext_argument_text(arguments[OPTIONS]);
    if (arguments[MODEL] == NULL || text == NULL)
        return ext_fail(error, SQLITE_ERROR,
                        "gru4rec_evaluate() needs a model and a source of test events; "
                        "write gru4rec_evaluate('model', 'table')");
    gru4rec_options_init(&options);
    int rc = ext_model_acquire_named(connection, arguments[MODEL], &model, error);
    if (rc == SQLITE_OK && given != NULL)
        rc = ext_options_parse(connection->db, given, GRU4REC_SCOPE_EVALUATE, &options,
                               &columns, error);
    if (rc == SQLITE_OK)
        rc = open_source(connection, (const char *)sqlite3_value_text(arguments[MODEL]),
                         text, &columns, &source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_read(connection->db, &source, model->items, &model->options,
                             &test, error);
    if (rc == SQLITE_OK)
        rc = compute(cursor, connection->db, model, &test, &options, error);
    ext_events_free(&test);
    ext_source_close(&source);
    ext_columns_free(&columns);
    ext_model_release(model);
    return rc;
}

static int filter(sqlite3_vtab_cursor *base, int mask, const char *plan, int argc,
                  sqlite3_value **argv)
{
    evaluate_cursor *cursor = (evaluate_cursor *)base;
    ext_error error = {0};
    (void)plan;
    (void)argc;
    sqlite3_free(cursor->metrics);
    cursor->metrics = NULL;
    cursor->n = 0;
    cursor->row = 0;
    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, &argv, mask) != SQLITE_OK)
        return SQLITE_NOMEM;
    evaluate(cursor, ((ext_table *)base->pVtab)->connection, &error);
    return ext_error_vtab(&error, base->pVtab);
}

static int next(sqlite3_vtab_cursor *base)
{
    ((evaluate_cursor *)base)->row++;
    return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
    const evaluate_cursor *cursor = (evaluate_cursor *)base;
    return cursor->row >= cursor->n;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const evaluate_cursor *cursor = (evaluate_cursor *)base;
    const gru4rec_metrics *m = &cursor->metrics[cursor->row];
    const double reals[] = {m->recall, m->mrr, m->ndcg, m->coverage, m->popularity};
    const int64_t integers[] = {m->events, m->sessions, cursor->n_skipped, m->ties};
    if (i == METHOD)
        sqlite3_result_text(context, m->method, -1, SQLITE_STATIC);
    else if (i == K)
        sqlite3_result_int64(context, m->k);
    else if (i < EVENTS)
        sqlite3_result_double(context, reals[i - RECALL]);
    else if (i < FIRST_ARGUMENT)
        sqlite3_result_int64(context, integers[i - EVENTS]);
    else
        ext_result_argument(context, cursor->arguments[i - FIRST_ARGUMENT]);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const evaluate_cursor *cursor = (evaluate_cursor *)base;
    *id =
        ext_rowid(ext_hash_values(cursor->arguments, N_ARGUMENTS), (int64_t)cursor->row);
    return SQLITE_OK;
}

int ext_register_evaluate(ext_connection *connection, ext_error *error)
{
    static const sqlite3_module module = {
        .xConnect = connect,
        .xDisconnect = ext_disconnect_table,
        .xBestIndex = best_index,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = eof,
        .xColumn = column,
        .xRowid = rowid,
    };
    return ext_register_module(connection, "gru4rec_evaluate", &module, error);
}
