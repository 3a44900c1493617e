/*
 * ext_tensor.c - reads and writes the tensors of a version in m_tensor.
 *
 * The contracts are in ext_store.h.
 *
 *   m_tensor(id INTEGER PRIMARY KEY, version, name, chunk, shape, checksum, data)
 *
 * The values of a tensor are float32, little-endian, row-major. They are cut into chunks
 * 0, 1, ... of 1 MiB (the last chunk may be shorter); each chunk is one row, and has a
 * checksum. The content of the table is not trusted: a chunk that is missing, or that has
 * a wrong length or a wrong checksum, is an error that names the tensor. The slots of a
 * training have the same shapes as the weights, and names with the name of the slot in
 * front, such as acc.Wy.weight (gru4rec_training_slot_name()).
 */
#include "ext_store.h"

#include <string.h>

/* CHUNK is the number of bytes of a chunk, CHUNK_VALUES the number of its values. */
enum { CHUNK = 1 << 20, CHUNK_VALUES = CHUNK / 4 };

static int64_t count_chunks(const gru4rec_tensor *tensor)
{
    return (int64_t)((tensor->n_values + CHUNK_VALUES - 1) / CHUNK_VALUES);
}

/*
 * Returns the number of values in a chunk (0-based) of the tensor; the last chunk may
 * have fewer than the others.
 */
static size_t chunk_length(const gru4rec_tensor *tensor, int64_t chunk)
{
    size_t rest = tensor->n_values - (size_t)chunk * CHUNK_VALUES;
    return rest < CHUNK_VALUES ? rest : CHUNK_VALUES;
}

/* ---- saving ---- */

/*
 * Writes one chunk of a tensor into m_tensor: binds the tensor's name, the chunk's
 * number, the shape, the checksum and the bytes to ?2 to ?6 of the INSERT stmt, runs
 * stmt, and resets stmt for the next chunk. bytes (CHUNK) is a buffer. Returns SQLite's
 * code, and sets no ext_error.
 */
static int save_chunk(sqlite3_stmt *stmt, const gru4rec_tensor *tensor, int64_t chunk,
                      unsigned char *bytes)
{
    const size_t first = (size_t)chunk * CHUNK_VALUES;
    const size_t n = chunk_length(tensor, chunk);
    char shape[48];
    ext_value_write_floats(bytes, tensor->values + first, n);
    sqlite3_snprintf(sizeof shape, shape, tensor->n_dims == 1 ? "[%lld]" : "[%lld,%lld]",
                     tensor->dims[0], tensor->dims[1]);
    sqlite3_bind_int64(stmt, 3, chunk);
    sqlite3_bind_int64(stmt, 5,
                       ext_sum_chunk(tensor->name, chunk, tensor->values + first, n));
    int rc = sqlite3_bind_text(stmt, 2, tensor->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 4, shape, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob64(stmt, 6, bytes, n * 4, SQLITE_STATIC);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_step(stmt);
    return sqlite3_reset(stmt);
}

/*
 * Sets *tensor to the tensor of that index in the model, and its name to that in
 * m_tensor: with the name of the slot and a dot in front, unless slot is "". The name is
 * written into full_name, which must live as long as the name is used.
 */
static void get_tensor(const gru4rec_model *model, const char *slot, size_t index,
                       char full_name[64], gru4rec_tensor *tensor)
{
    gru4rec_model_tensor(model, index, tensor);
    sqlite3_snprintf(64, full_name, "%s%s%s", slot, *slot ? "." : "", tensor->name);
    tensor->name = full_name;
}

/*
 * Inserts all tensors of the model into m_tensor, as those of the version, under the
 * names that get_tensor() gives. slot: "" for the weights. Stops at the first chunk that
 * fails.
 */
static int save_tensors(const ext_home *home, int64_t version, const char *slot,
                        const gru4rec_model *model, const ext_ranks *ranks,
                        ext_error *error)
{
    char full_name[64];
    sqlite3_stmt *stmt;
    unsigned char *bytes = sqlite3_malloc(CHUNK);
    if (bytes == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error,
                       "INSERT INTO @tensor(version, name, chunk, shape, checksum, data) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                       "i", version);
    if (rc != SQLITE_OK)
        goto err_after_bytes;
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        get_tensor(model, slot, i, full_name, &tensor);
        for (int64_t chunk = 0; rc == SQLITE_OK && chunk < count_chunks(&tensor);
             chunk++) {
            rc = save_chunk(stmt, &tensor, chunk, bytes);
            if (rc == SQLITE_OK && ext_ranks_is_stopped(ranks))
                rc = ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
        }
    }
    rc = ext_sql_finish(stmt, rc, "writing the model", error);
err_after_bytes:
    sqlite3_free(bytes);
    return rc;
}

size_t ext_tensor_row_bytes(const gru4rec_model *model)
{
    size_t longest = 0;
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        const size_t n = 4 * chunk_length(&tensor, 0);
        longest = n > longest ? n : longest;
    }
    /* 256 bytes are enough for the other columns, and for SQLite's header of the row. */
    return longest + 256;
}

int ext_tensor_save(const gru4rec_training *training, int n_slots, const ext_home *home,
                    int64_t version, const ext_ranks *ranks, ext_error *error)
{
    int rc = ext_query_run(home, error, "DELETE FROM @tensor WHERE version = ?1", "i",
                           version);
    if (rc == SQLITE_OK)
        rc = save_tensors(home, version, "", training->model, ranks, error);
    for (int i = 0; rc == SQLITE_OK && i < n_slots; i++)
        if (training->slot[i] != NULL)
            rc = save_tensors(home, version, gru4rec_training_slot_name((gru4rec_slot)i),
                              training->slot[i], ranks, error);
    return rc;
}

/* ---- loading ---- */

/*
 * Sets the error that a tensor is damaged: returns SQLITE_CORRUPT_VTAB. tensor: its name
 * in m_tensor. what: the end of a sentence that begins with the tensor, for example "is
 * incomplete".
 */
static int fail_tensor(const ext_home *home, const char *tensor, const char *what,
                       ext_error *error)
{
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: tensor %s %s; restore the database from "
                         "a backup or train again",
                         home->name, tensor, what);
}

/*
 * Adds up the lengths that the version's rows of m_tensor claim, and compares the sum
 * with n_bytes; the data of the rows is not read. If the sum is larger than the database,
 * the size of the database is used instead. Less than half of n_bytes, with 1 MiB to
 * spare, is the error.
 */
int ext_tensor_check_size(const ext_home *home, int64_t version, size_t n_bytes,
                          ext_error *error)
{
    int64_t stored;
    int rc = ext_query_integer(home, &stored, error,
                               "SELECT coalesce(sum("
                               "iif(typeof(data) = 'blob', length(data), 0)), 0) "
                               "FROM @tensor WHERE version = ?1",
                               "i", version);
    const int64_t most = rc == SQLITE_OK ? ext_home_database_bytes(home) : 0;
    stored = stored < most ? stored : most;
    if (rc != SQLITE_OK || n_bytes / 2 <= (uint64_t)stored + CHUNK)
        return rc;
    return ext_error_set(
        error, SQLITE_CORRUPT_VTAB,
        "model '%s' is damaged: its tensors have %lld bytes and its options ask for "
        "%llu; restore the database from a backup or train again",
        home->name, (long long)stored, (unsigned long long)n_bytes);
}

int ext_tensor_find(bool *is_found, const ext_home *home, int64_t version,
                    const char *slot, ext_error *error)
{
    int64_t n;
    int rc = ext_query_integer(home, &n, error,
                               "SELECT count(*) FROM @tensor "
                               "WHERE version = ?1 AND name = ?2 || '.Wy.weight'",
                               "is", version, slot);
    *is_found = n > 0;
    return rc;
}

/*
 * What the two threads that load tensors share. The caller's thread reads chunks. The
 * second thread checks each chunk that was read, and makes the byte copy of its rows,
 * while the chunk is still in the processor's cache.
 */
typedef struct loading {
    gru4rec_model *model;
    gru4rec_bytes *bytes; /* byte copy of the output rows, or NULL */
    const char *slot;     /* name of the slot whose tensors are loaded; "": the weights */
    struct chunk {
        size_t tensor;            /* index of its tensor in the model */
        int64_t number, checksum; /* as they are stored in m_tensor */
    } * chunks;                   /* (n_chunks) chunks that were read */
    size_t n_chunks;              /* number of chunks that were read */
    size_t bad;                   /* index of the damaged tensor, if why is not NULL */
    const char *why;              /* what is wrong with that tensor; NULL: nothing */
} loading;

/*
 * Checks chunk i of load->chunks: its checksum, and that its values are finite. If the
 * chunk is damaged, sets load->why, and load->bad to the index of its tensor. If not,
 * lets the byte copy take its rows, if there is a byte copy and the chunk is of the
 * output rows. Does nothing if an earlier chunk was damaged (load->why is set). It is the
 * job of the worker of load_tensors(), which calls it for i = 0, 1, ... in turn.
 */
static void check_chunk(void *context, size_t i)
{
    loading *load = context;
    const struct chunk *chunk = &load->chunks[i];
    gru4rec_tensor tensor;
    char full_name[64];
    size_t width;
    if (load->why != NULL)
        return;
    get_tensor(load->model, load->slot, chunk->tensor, full_name, &tensor);
    const size_t first = (size_t)chunk->number * CHUNK_VALUES;
    const size_t n = chunk_length(&tensor, chunk->number);
    const gru4rec_real *values = tensor.values + first;
    load->bad = chunk->tensor;
    if (ext_sum_chunk(full_name, chunk->number, values, n) != chunk->checksum)
        load->why = "does not match its checksum";
    else if (!gru4rec_model_are_finite(values, n))
        load->why = "has values that are not finite";
    else if (load->bytes != NULL &&
             tensor.values == gru4rec_model_item(load->model, 0, &width))
        gru4rec_bytes_rows(load->bytes, (int32_t)((first + n) / width));
}

/*
 * Reads the chunks of the tensor of that index into the model, notes each in
 * load->chunks, and tells the worker checks that the chunk is ready to be checked. Stops
 * at the first chunk that is missing or has a wrong length. *is_whole: whether the tensor
 * has all its chunks, each with the right length, and no other; if not, that is no error
 * here. Returns SQLite's code, and sets no ext_error.
 */
static int load_tensor(loading *load, sqlite3_stmt *stmt, size_t index,
                       ext_worker *checks, bool *is_whole)
{
    gru4rec_tensor tensor;
    char full_name[64];
    get_tensor(load->model, load->slot, index, full_name, &tensor);
    const int64_t n = count_chunks(&tensor);
    int64_t number = 0;
    int rc = sqlite3_bind_text(stmt, 2, full_name, -1, SQLITE_TRANSIENT);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 3, n);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 4, (int64_t)chunk_length(&tensor, n - 1) * 4);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && number < n) {
        const size_t length = chunk_length(&tensor, number);
        const void *data = sqlite3_column_blob(stmt, 2);
        if (sqlite3_column_int64(stmt, 0) != number || data == NULL ||
            (size_t)sqlite3_column_bytes(stmt, 2) != length * 4)
            break;
        ext_value_read_floats(tensor.values + (size_t)number * CHUNK_VALUES, data,
                              length);
        load->chunks[load->n_chunks++] =
            (struct chunk){index, number, sqlite3_column_int64(stmt, 1)};
        ext_worker_ready(checks, load->n_chunks);
        number++;
    }
    *is_whole = rc == SQLITE_DONE && number == n;
    return sqlite3_reset(stmt);
}

static int64_t count_all_chunks(const gru4rec_model *model)
{
    int64_t n = 0;
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        n += count_chunks(&tensor);
    }
    return n;
}

/*
 * SQL: number, checksum and data of the chunks of tensor ?2 of version ?1, which should
 * have ?3 chunks; one more is given if there is one. data is NULL unless it is a BLOB of
 * the right length: 1048576 bytes, which is CHUNK, or ?4 in the last chunk. So data of a
 * wrong length is not read from the file.
 */
static const char chunks_query[] =
    "SELECT chunk, checksum, iif(typeof(data) = 'blob' AND "
    "length(data) = iif(chunk = ?3 - 1, ?4, 1048576), data, NULL) "
    "FROM @tensor WHERE version = ?1 AND name = ?2 ORDER BY chunk LIMIT ?3 + 1";

_Static_assert(CHUNK == 1048576, "chunks_query names it");

/*
 * Reads and checks all tensors of the model, or of a slot, and fills in the byte copy if
 * there is one. Stops at the first tensor that is incomplete. The chunks of a large model
 * are checked in a second thread. stmt: the prepared chunks_query; it is finalized here.
 * SQLITE_CORRUPT_VTAB: a tensor is incomplete or damaged; the message names it.
 */
static int load_tensors(loading *load, sqlite3_stmt *stmt, const ext_home *home,
                        ext_error *error)
{
    const size_t n = gru4rec_model_tensor_count(load->model);
    const int64_t n_chunks = count_all_chunks(load->model);
    size_t index = 0;
    gru4rec_tensor tensor;
    char full_name[64];
    ext_worker checks;
    bool is_whole = true;
    int rc = SQLITE_OK;
    ext_worker_start(&checks, check_chunk, load, n_chunks >= EXT_WORKER_FROM / CHUNK);
    for (; rc == SQLITE_OK && is_whole && index < n; index++)
        rc = load_tensor(load, stmt, index, &checks, &is_whole);
    ext_worker_finish(&checks);
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    get_tensor(load->model, load->slot, load->why != NULL ? load->bad : index - 1,
               full_name, &tensor);
    if (rc == SQLITE_OK && load->why != NULL)
        rc = fail_tensor(home, full_name, load->why, error);
    else if (rc == SQLITE_OK && !is_whole)
        rc = fail_tensor(home, full_name, "is incomplete or has a wrong size", error);
    return rc;
}

int ext_tensor_load(gru4rec_model *model, gru4rec_bytes *bytes, const ext_home *home,
                    int64_t version, const char *slot, ext_error *error)
{
    const size_t n_chunks = (size_t)count_all_chunks(model);
    loading load = {.model = model, .bytes = bytes, .slot = slot};
    sqlite3_stmt *stmt;
    load.chunks = sqlite3_malloc64(n_chunks * sizeof *load.chunks);
    if (load.chunks == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error, chunks_query, "i", version);
    if (rc == SQLITE_OK)
        rc = load_tensors(&load, stmt, home, error);
    sqlite3_free(load.chunks);
    return rc;
}
