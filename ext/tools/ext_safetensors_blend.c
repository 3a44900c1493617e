/*
 * ext_safetensors_blend.c - reads the sessions that a model blends with from a file in
 * safetensors format; see ext_tools.h.
 *
 * They are three tensors: the length of each session, its time, and the rows of its
 * items, one session after the other. As ext_safetensors_read.c, this file does not trust
 * them.
 */
#include "ext_tools.h"

#include <string.h>

/* The names of the three tensors of the sessions, by the constants below. */
static const char *const part_names[] = {"blend.lengths", "blend.times", "blend.rows"};

enum { LENGTHS, TIMES, ROWS, N_PARTS = EXT_SAFETENSORS_PARTS };

/* Where a tensor of the sessions is in the file. */
typedef struct file_part {
    int64_t n;     /* number of values; -1: the file does not have the tensor */
    uint64_t from; /* byte of the input at which the values begin */
} file_part;

/*
 * Looks in the header for the tensor part_names[which], by stmt (?2: its name): fills in
 * *part, or sets n to -1. SQLITE_ERROR: its type, shape or offsets are wrong.
 */
static int find_part(const ext_safetensors_reader *r, sqlite3_stmt *stmt, int which,
                     file_part *part, ext_error *error)
{
    const int64_t width = which == TIMES ? 8 : 4;
    *part = (file_part){.n = -1};
    int step = sqlite3_bind_text(stmt, 2, part_names[which], -1, SQLITE_STATIC);
    if (step == SQLITE_OK)
        step = sqlite3_step(stmt);
    if (step == SQLITE_DONE)
        return SQLITE_OK;
    if (step != SQLITE_ROW)
        return ext_safetensors_read_fail_step(r, error);
    const char *dtype = (const char *)sqlite3_column_text(stmt, 0);
    const int64_t n = sqlite3_column_int64(stmt, 1);
    const int64_t begin = sqlite3_column_int64(stmt, 2);
    const int64_t end = sqlite3_column_int64(stmt, 3);
    if (dtype == NULL || strcmp(dtype, which == TIMES ? "F64" : "I32") != 0 || n < 0 ||
        begin < 0 || end < begin || (uint64_t)end > r->n_data || n > INT32_MAX ||
        end - begin != width * n)
        return ext_error_set(error, SQLITE_ERROR,
                             "tensor %s is not %s, lies outside of the file, or has "
                             "another length than its shape says",
                             part_names[which], which == TIMES ? "F64" : "I32");
    *part = (file_part){n, r->data + (uint64_t)begin};
    return SQLITE_OK;
}

/*
 * Looks in the header for each of the three tensors of the sessions, and fills in parts:
 * n is -1 for a tensor that the file does not have. Stops at the first failure. Errors:
 * those of find_part().
 */
static int find_parts(const ext_safetensors_reader *r, file_part parts[N_PARTS],
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_safetensors_read_query(
        r,
        "SELECT value ->> 'dtype', iif(json_array_length(value, '$.shape') = 1 "
        "AND json_type(value, '$.shape[0]') = 'integer', "
        "value ->> '$.shape[0]', -1), value ->> '$.data_offsets[0]', "
        "value ->> '$.data_offsets[1]' FROM json_each(?1) WHERE key = ?2",
        &stmt, error);
    for (int i = 0; rc == SQLITE_OK && i < N_PARTS; i++) {
        rc = find_part(r, stmt, i, &parts[i], error);
        rc = ext_safetensors_read_again(stmt, rc, error);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/*
 * Reads n_words words of 4 bytes from the begin of a tensor of the sessions, and gives
 * them to the reading in their order (ext_blend_take()), which notes in reading->why what
 * is wrong with them. Errors: SQLITE_INTERRUPT, those of ext_file_read().
 */
static int read_part(ext_safetensors_reader *r, const file_part *part, int64_t n_words,
                     ext_blend_reading *reading, ext_error *error)
{
    unsigned char bytes[4 * EXT_SAFETENSORS_PART];
    uint32_t words[EXT_SAFETENSORS_PART];
    for (int64_t at = 0, n; at < n_words; at += n) {
        n = n_words - at < EXT_SAFETENSORS_PART ? n_words - at : EXT_SAFETENSORS_PART;
        if (ext_poll_check(&r->poll))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
        if (ext_file_read(r->input, bytes, part->from + 4 * (uint64_t)at, 4 * (size_t)n,
                          error) != SQLITE_OK)
            return error->rc;
        ext_value_read_words(words, bytes, (size_t)n);
        ext_blend_take(reading, words, (size_t)n);
    }
    return SQLITE_OK;
}

/*
 * Reads the three tensors of the sessions, one after the other, into the reading that
 * ext_blend_start() has begun. SQLITE_ERROR: their values cannot be those of sessions
 * (reading->why). Other errors: those of read_part().
 */
static int read_parts(ext_safetensors_reader *r, const file_part parts[N_PARTS],
                      ext_blend_reading *reading, ext_error *error)
{
    const ext_blend_layout at = reading->at;
    reading->next = at.lengths;
    if (read_part(r, &parts[LENGTHS], at.times - at.lengths, reading, error) !=
            SQLITE_OK ||
        read_part(r, &parts[TIMES], at.rows - at.times, reading, error) != SQLITE_OK ||
        read_part(r, &parts[ROWS], at.end - at.rows, reading, error) != SQLITE_OK)
        return error->rc;
    return reading->why == NULL
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR, "%s: its sessions %s",
                               EXT_SAFETENSORS_DAMAGED, reading->why);
}

int ext_safetensors_blend_read(ext_safetensors_reader *r, const ext_loaded *loaded,
                               gru4rec_dataset **sessions, ext_error *error)
{
    ext_blend_reading reading;
    file_part parts[N_PARTS];
    if (loaded->options.blend == 0)
        return SQLITE_OK;
    if (find_parts(r, parts, error) != SQLITE_OK)
        return error->rc;
    if (parts[LENGTHS].n < 0 || parts[TIMES].n < 0 || parts[ROWS].n < 0 ||
        !(loaded->options.blend > 0))
        return ext_safetensors_read_fail(
            "its options say blend, and it has no sessions to blend with; "
            "export it with sessions=true, or set blend to 0 in its options",
            error);
    ext_budget budget;
    ext_budget_start(&budget, INT64_MAX);
    if (ext_budget_check(&budget, gru4rec_latest_bytes(parts[LENGTHS].n, parts[ROWS].n),
                         "the model in the file", "export it without sessions",
                         error) != SQLITE_OK)
        return error->rc;
    const gru4rec_status status =
        ext_blend_start(&reading, &ext_memory, parts[LENGTHS].n, parts[ROWS].n,
                        gru4rec_items_count(loaded->items));
    if (status == GRU4REC_INVALID || parts[TIMES].n != parts[LENGTHS].n)
        ext_safetensors_read_fail("its sessions have impossible counts", error);
    else if (status != GRU4REC_OK)
        ext_error_library(error, status, NULL);
    else
        read_parts(r, parts, &reading, error);
    *sessions = reading.sessions;
    return error->rc;
}
