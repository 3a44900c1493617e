/*
 * ext_load.c - a version from the database into memory; see ext_int.h.
 *
 * What needs no SQLite happens in threads beside the reading: a large model takes its
 * memory from the system, page by page, while the items are read; these are indexed while
 * the tensors are, which are checked chunk by chunk (ext_tensor.c).
 */
#include "../base/ext_base.h"

#include <string.h>

/* Values of a table from which on a copy in bytes is worth its memory. */
enum { QUANTIZE_FROM = 1 << 20 };

typedef struct making {
    const gru4rec_options *options;
    int32_t n_items;
    bool is_to_serve;
    gru4rec_model *model;
    gru4rec_status status;
    gru4rec_error message;
} making;

static bool is_to_be_quantized(const making *m)
{
    if (!m->is_to_serve || m->options->quantize == GRU4REC_OFF)
        return false;
    return m->options->quantize == GRU4REC_ON ||
           gru4rec_model_quantized_bytes(m->model) >= QUANTIZE_FROM;
}

static void make(void *context, size_t i)
{
    making *m = context;
    (void)i;
    m->status =
        gru4rec_model_new(&ext_allocator, m->options, m->n_items, &m->model, &m->message);
    if (m->status == GRU4REC_OK && is_to_be_quantized(m))
        m->status = gru4rec_model_quantize_start(m->model);
}

static int read_options(sqlite3 *db, const char *schema, const char *name,
                        ext_version *version, gru4rec_options *options, ext_error *error)
{
    ext_columns columns = {0};
    int rc = ext_store_version(db, schema, name, version, error);
    gru4rec_options_init(options);
    if (rc == SQLITE_OK)
        rc = ext_options_parse(db, version->options, GRU4REC_SCOPE_TRAIN, options,
                               &columns, error);
    ext_columns_free(&columns);
    return rc == SQLITE_OK ? ext_options_resolve(options, error) : rc;
}

typedef struct indexing {
    gru4rec_items *items;
    gru4rec_status status;
} indexing;

static void index_items(void *context, size_t i)
{
    indexing *x = context;
    (void)i;
    x->status = gru4rec_items_index(x->items);
}

/* model->items and model->model. n_bytes: what the model is to take. */
static int load_values(sqlite3 *db, const char *schema, const char *name, int64_t version,
                       making *m, size_t n_bytes, ext_model *model, ext_error *error)
{
    ext_beside beside;
    ext_beside_start(&beside, make, m, n_bytes >= EXT_BESIDE_FROM);
    ext_beside_ready(&beside, 1);
    int rc =
        ext_store_items_load(db, schema, name, version, m->n_items, &model->items, error);
    ext_beside_finish(&beside);
    model->model = m->model;
    if (rc == SQLITE_OK)
        rc = ext_fail_library(error, m->status, &m->message);
    if (rc != SQLITE_OK)
        return rc;
    indexing x = {.items = model->items};
    ext_beside_start(&beside, index_items, &x, n_bytes >= EXT_BESIDE_FROM);
    ext_beside_ready(&beside, 1);
    rc = ext_tensors_load(db, schema, name, version, "", model->model, error);
    ext_beside_finish(&beside);
    return rc == SQLITE_OK ? ext_store_items_fail(name, x.status, error) : rc;
}

int ext_load_version(sqlite3 *db, const char *schema, const char *name, bool is_to_serve,
                     ext_version *version, ext_model *model, ext_error *error)
{
    making m = {.options = &model->options, .is_to_serve = is_to_serve};
    int rc = read_options(db, schema, name, version, &model->options, error);
    if (rc == SQLITE_OK)
        rc = ext_store_items_count(db, schema, name, version->version, &m.n_items, error);
    if (rc == SQLITE_OK && m.n_items == 0)
        rc = ext_fail(error, SQLITE_CORRUPT_VTAB,
                      "model '%s' is damaged: it has no items", name);
    const size_t n_bytes =
        rc == SQLITE_OK ? gru4rec_model_value_bytes(&model->options, m.n_items) : 0;
    if (rc == SQLITE_OK)
        rc = ext_tensors_check_size(db, schema, name, version->version, n_bytes, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = load_values(db, schema, name, version->version, &m, n_bytes, model, error);
    if (rc == SQLITE_OK && gru4rec_model_is_quantized(model->model))
        gru4rec_model_quantize_finish(model->model);
    return rc;
}
