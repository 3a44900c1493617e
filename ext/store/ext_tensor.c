/*
 * ext_tensor.c - tensors in m_tensor; see ext_int.h.
 *
 *   m_tensor(id INTEGER PRIMARY KEY, version, name, chunk, shape, checksum, data)
 *
 * Values are float32, little-endian, row-major, cut into chunks 0, 1, ... of 1 MiB (the
 * last may be shorter), each with a checksum of its bytes. What a table holds is not
 * trusted: a chunk that is missing, of another length or another checksum is an error
 * that names the tensor. What training keeps beside the weights has the same shapes, and
 * names such as acc.Wy.weight (gru4rec_slot_name()).
 */
#include "../base/ext_base.h"

#include <string.h>

enum { CHUNK = 1 << 20, CHUNK_VALUES = CHUNK / 4 };

static int64_t count_chunks(const gru4rec_tensor *tensor)
{
    return (int64_t)((tensor->n_values + CHUNK_VALUES - 1) / CHUNK_VALUES);
}

/* Values of a chunk. */
static size_t chunk_length(const gru4rec_tensor *tensor, int64_t chunk)
{
    size_t rest = tensor->n_values - (size_t)chunk * CHUNK_VALUES;
    return rest < CHUNK_VALUES ? rest : CHUNK_VALUES;
}

static bool is_little_endian(void)
{
    const uint16_t number = 1;
    uint8_t first;
    memcpy(&first, &number, 1);
    return first == 1;
}

/* Copies 4-byte words, reversing each on machines that are not little-endian. */
static void copy_words(unsigned char *to, const unsigned char *from, size_t n)
{
    if (is_little_endian()) {
        memcpy(to, from, 4 * n);
        return;
    }
    for (size_t i = 0; i < 4 * n; i++)
        to[i] = from[(i & ~(size_t)3) + 3 - i % 4];
}

void ext_floats_read(gru4rec_real *values, const unsigned char *bytes, size_t n)
{
    copy_words((unsigned char *)values, bytes, n);
}

void ext_floats_write(unsigned char *bytes, const gru4rec_real *values, size_t n)
{
    copy_words(bytes, (const unsigned char *)values, n);
}

/*
 * Fletcher's checksum over 32-bit words, four independent lanes for speed, and over where
 * they belong, so that chunks cannot change places.
 */
static int64_t checksum(const char *tensor, int64_t chunk, const gru4rec_real *values,
                        size_t n)
{
    const uint64_t prime = 0x100000001b3u;
    uint64_t a[4] = {1, 2, 3, 4}, b[4] = {0}, sum = n * prime ^ (uint64_t)chunk;
    uint32_t words[4];
    const size_t n_whole = n - n % 4;
    for (size_t at = 0; at < n_whole; at += 4) {
        memcpy(words, values + at, sizeof words);
        for (int lane = 0; lane < 4; lane++) {
            a[lane] += words[lane];
            b[lane] += a[lane];
        }
    }
    memcpy(words, values + n_whole, (n - n_whole) * sizeof *words);
    for (size_t lane = 0; lane < n - n_whole; lane++) {
        a[lane] += words[lane];
        b[lane] += a[lane];
    }
    for (; *tensor; tensor++)
        sum = (sum ^ (unsigned char)*tensor) * prime;
    for (int lane = 0; lane < 4; lane++)
        sum = (sum * prime ^ a[lane]) * prime ^ b[lane];
    return (int64_t)sum;
}

static int prepare_insert(sqlite3 *db, const char *schema, const char *name,
                          sqlite3_stmt **stmt, ext_error *error)
{
    return ext_prepare(
        db,
        sqlite3_mprintf("INSERT INTO \"%w\".\"%w_tensor\"(version, name, chunk, shape, "
                        "checksum, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        schema, name),
        stmt, error);
}

/* bytes (CHUNK): room for those of a chunk. */
static int save_chunk(sqlite3 *db, sqlite3_stmt *stmt, const gru4rec_tensor *tensor,
                      int64_t chunk, unsigned char *bytes, ext_error *error)
{
    const size_t first = (size_t)chunk * CHUNK_VALUES;
    const size_t n = chunk_length(tensor, chunk);
    char shape[48];
    ext_floats_write(bytes, tensor->values + first, n);
    sqlite3_snprintf(sizeof shape, shape, tensor->n_dims == 1 ? "[%lld]" : "[%lld,%lld]",
                     tensor->dims[0], tensor->dims[1]);
    sqlite3_bind_text(stmt, 2, tensor->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, chunk);
    sqlite3_bind_text(stmt, 4, shape, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, checksum(tensor->name, chunk, tensor->values + first, n));
    int rc = sqlite3_bind_blob64(stmt, 6, bytes, n * 4, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        sqlite3_step(stmt);
    if (rc != SQLITE_OK || sqlite3_reset(stmt) != SQLITE_OK)
        return ext_fail_db(error, db, "writing the model");
    return SQLITE_OK;
}

static int save_tensor(sqlite3 *db, sqlite3_stmt *stmt, const gru4rec_tensor *tensor,
                       unsigned char *bytes, ext_error *error)
{
    int rc = SQLITE_OK;
    for (int64_t chunk = 0; rc == SQLITE_OK && chunk < count_chunks(tensor); chunk++)
        rc = save_chunk(db, stmt, tensor, chunk, bytes, error);
    return rc;
}

/* A tensor of the model, or of a state of it, under its name in the table. */
static void get_tensor(const gru4rec_model *model, const char *state, size_t index,
                       char full_name[64], gru4rec_tensor *tensor)
{
    gru4rec_model_tensor(model, index, tensor);
    sqlite3_snprintf(64, full_name, "%s%s%s", state, *state ? "." : "", tensor->name);
    tensor->name = full_name;
}

static int save_tensors(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, const char *state, const gru4rec_model *model,
                        ext_error *error)
{
    char full_name[64];
    sqlite3_stmt *stmt;
    int rc = prepare_insert(db, schema, name, &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    unsigned char *buffer = sqlite3_malloc(CHUNK);
    if (buffer == NULL)
        rc = ext_fail_nomem(error);
    sqlite3_bind_int64(stmt, 1, version);
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        get_tensor(model, state, i, full_name, &tensor);
        rc = save_tensor(db, stmt, &tensor, buffer, error);
    }
    sqlite3_free(buffer);
    sqlite3_finalize(stmt);
    return rc;
}

int ext_tensors_replace(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, const gru4rec_training *training, int n_states,
                        ext_error *error)
{
    int rc = ext_exec(db,
                      sqlite3_mprintf("DELETE FROM \"%w\".\"%w_tensor\" WHERE version = "
                                      "%lld",
                                      schema, name, version),
                      error);
    if (rc == SQLITE_OK)
        rc = save_tensors(db, schema, name, version, "", training->model, error);
    for (int i = 0; rc == SQLITE_OK && i < n_states; i++)
        if (training->slot[i] != NULL)
            rc = save_tensors(db, schema, name, version,
                              gru4rec_slot_name((gru4rec_slot)i), training->slot[i],
                              error);
    return rc;
}

static int fail_tensor(ext_error *error, const char *model, const char *tensor,
                       const char *what)
{
    return ext_fail(error, SQLITE_CORRUPT_VTAB,
                    "model '%s' is damaged: tensor %s %s; restore the database from a "
                    "backup or train again",
                    model, tensor, what);
}

int ext_tensors_check_size(sqlite3 *db, const char *schema, const char *name,
                           int64_t version, size_t n_bytes, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT coalesce(sum(length(data)), 0) FROM "
                                         "\"%w\".\"%w_tensor\" WHERE version = %lld",
                                         schema, name, version),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        int64_t stored = sqlite3_column_int64(stmt, 0);
        if (n_bytes / 2 > (uint64_t)stored + CHUNK)
            rc = ext_fail(
                error, SQLITE_CORRUPT_VTAB,
                "model '%s' is damaged: its tensors have %lld bytes and its options "
                "ask for %llu; restore the database from a backup or train again",
                name, (long long)stored, (unsigned long long)n_bytes);
    } else {
        rc = ext_fail_db(error, db, "reading the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

int ext_tensors_find(sqlite3 *db, const char *schema, const char *name, int64_t version,
                     const char *state, bool *is_found, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT count(*) FROM \"%w\".\"%w_tensor\" WHERE "
                                    "version = %lld AND name = '%q.Wy.weight'",
                                    schema, name, version, state),
                    &stmt, error);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        *is_found = sqlite3_column_int64(stmt, 0) > 0;
    else if (rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    return rc;
}

/*
 * What is read is checked, and copied in bytes where the model is to have that, in a
 * thread beside the reading, chunk by chunk while it is in the cache.
 */
typedef struct loading {
    gru4rec_model *model;
    const char *state;
    struct chunk {
        size_t tensor; /* its index */
        int64_t number, checksum;
    } * chunks; /* (n_chunks) that were read */
    size_t n_chunks;
    size_t bad;      /* tensor that was found damaged, */
    const char *why; /* or NULL */
} loading;

static void check_chunk(void *context, size_t i)
{
    loading *l = context;
    const struct chunk *chunk = &l->chunks[i];
    gru4rec_tensor tensor;
    char full_name[64];
    size_t width;
    if (l->why != NULL)
        return;
    get_tensor(l->model, l->state, chunk->tensor, full_name, &tensor);
    const size_t first = (size_t)chunk->number * CHUNK_VALUES;
    const size_t n = chunk_length(&tensor, chunk->number);
    const gru4rec_real *values = tensor.values + first;
    l->bad = chunk->tensor;
    if (checksum(full_name, chunk->number, values, n) != chunk->checksum)
        l->why = "does not match its checksum";
    else if (!gru4rec_is_finite(values, n))
        l->why = "has values that are not finite";
    else if (gru4rec_model_is_quantized(l->model) &&
             tensor.values == gru4rec_model_item(l->model, 0, &width))
        gru4rec_model_quantize_rows(l->model, (int32_t)((first + n) / width));
}

/* *is_whole: all chunks are there. */
static int load_tensor(sqlite3 *db, sqlite3_stmt *stmt, size_t index, loading *l,
                       ext_beside *checks, bool *is_whole, ext_error *error)
{
    gru4rec_tensor tensor;
    char full_name[64];
    int rc;
    get_tensor(l->model, l->state, index, full_name, &tensor);
    const int64_t n = count_chunks(&tensor);
    int64_t number = 0;
    sqlite3_bind_text(stmt, 2, full_name, -1, SQLITE_TRANSIENT);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && number < n) {
        const size_t length = chunk_length(&tensor, number);
        const void *bytes = sqlite3_column_blob(stmt, 2);
        if (sqlite3_column_int64(stmt, 0) != number || bytes == NULL ||
            (size_t)sqlite3_column_bytes(stmt, 2) != length * 4)
            break;
        ext_floats_read(tensor.values + (size_t)number * CHUNK_VALUES, bytes, length);
        l->chunks[l->n_chunks++] =
            (struct chunk){index, number, sqlite3_column_int64(stmt, 1)};
        ext_beside_ready(checks, l->n_chunks);
        number++;
    }
    *is_whole = rc == SQLITE_DONE && number == n;
    return sqlite3_reset(stmt) == SQLITE_OK ? SQLITE_OK
                                            : ext_fail_db(error, db, "reading the model");
}

/* stmt: chunks of the tensor ?2. */
static int load_tensors(sqlite3 *db, sqlite3_stmt *stmt, const char *name, loading *l,
                        ext_error *error)
{
    const size_t n = gru4rec_model_tensor_count(l->model);
    int64_t n_chunks = 0;
    size_t index = 0;
    gru4rec_tensor tensor;
    char full_name[64];
    ext_beside checks;
    bool is_whole = true;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n; i++) {
        gru4rec_model_tensor(l->model, i, &tensor);
        n_chunks += count_chunks(&tensor);
    }
    l->chunks = sqlite3_malloc64((uint64_t)n_chunks * sizeof *l->chunks);
    if (l->chunks == NULL)
        return ext_fail_nomem(error);
    ext_beside_start(&checks, check_chunk, l, n_chunks >= EXT_BESIDE_FROM / CHUNK);
    for (; rc == SQLITE_OK && is_whole && index < n; index++)
        rc = load_tensor(db, stmt, index, l, &checks, &is_whole, error);
    ext_beside_finish(&checks);
    sqlite3_free(l->chunks);
    get_tensor(l->model, l->state, l->why != NULL ? l->bad : index - 1, full_name,
               &tensor);
    if (rc == SQLITE_OK && l->why != NULL)
        rc = fail_tensor(error, name, full_name, l->why);
    else if (rc == SQLITE_OK && !is_whole)
        rc = fail_tensor(error, name, full_name, "is incomplete or of a wrong size");
    return rc;
}

int ext_tensors_load(sqlite3 *db, const char *schema, const char *name, int64_t version,
                     const char *state, gru4rec_model *model, ext_error *error)
{
    loading l = {.model = model, .state = state};
    sqlite3_stmt *stmt;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf("SELECT chunk, checksum, data FROM \"%w\".\"%w_tensor\" WHERE "
                        "version = ?1 AND name = ?2 ORDER BY chunk",
                        schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(stmt, 1, version);
    rc = load_tensors(db, stmt, name, &l, error);
    sqlite3_finalize(stmt);
    return rc;
}
