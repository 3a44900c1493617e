/*
 * ext_similar.c - gru4rec_similar(model, item [, k [, version]]); see ext_serve.h.
 *
 * Ranks all other items by their similarity to the given item. Rows are (rank, item,
 * similarity) in rank order. The similarity is the cosine of the output rows of the two
 * items. There are no rows if the model does not know the given item.
 */
#include "ext_serve.h"

enum { RANK, ITEM, SIMILARITY, N_COLUMNS };
enum { MODEL, TARGET, K, VERSION, N_ARGUMENTS };

/*
 * Method start: opens a ranker on the version, ranks the items by their similarity to the
 * given item, and goes to the first row. Sets is_eof at once, without an error, if the
 * model does not know the item.
 */
static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    ext_ranker_cursor *cursor = (ext_ranker_cursor *)base;
    ext_ranker *ranker = &cursor->ranker;
    ext_connection *connection = ext_table_home(base)->connection;
    const ext_ranker_request request = {.k = base->arguments[K],
                                        .idx_num = idx_num,
                                        .argv = argv};
    ext_choice choice;
    ext_model *model;
    bool is_row = false;
    if (ext_choice_read(&choice, base->arguments[VERSION], error) != SQLITE_OK ||
        ext_model_acquire_named(&model, connection, base->arguments[MODEL], &choice,
                                error) != SQLITE_OK ||
        ext_ranker_open(ranker, connection, model, &request, error) != SQLITE_OK)
        return error->rc;
    int32_t row;
    int rc = ext_ids_read_one(&row, base->arguments[TARGET], model->loaded.items, error);
    if (row >= 0 && rc == SQLITE_OK)
        rc = ext_ranker_rank_similar(ranker, row, &is_row, error);
    ext_ranker_set_row(cursor, is_row);
    return rc;
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [TARGET] = {"target", "target = 17"},
    [K] = {"k", "k = 10"},
    [VERSION] = {"version", "version = 'newest'"},
};

const ext_table_function ext_similar = {
    .name = "gru4rec_similar",
    .declaration = "CREATE TABLE x(rank INTEGER, item, similarity REAL, "
                   "model BLOB HIDDEN, target BLOB HIDDEN, "
                   "k BLOB HIDDEN, version BLOB HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(ext_ranker_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = TARGET + 1,
    .usage = "needs a model and an item; write gru4rec_similar('model', item, k)",
    .plan = ext_plan_one_ranking,
    .start = start,
    .next = ext_ranker_method_next,
    .column = ext_ranker_method_column,
    .stop = ext_ranker_method_stop,
};
