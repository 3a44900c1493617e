/*
 * ext_state_blob.c - codes a session's state as a BLOB, which applications keep; see
 * ext_serve.h.
 *
 * All integers are little-endian. at: offset in bytes.
 *   at  bytes         holds
 *    0  4             "G4RS"
 *    4  1             format: 1
 *    5  1             1: the network has seen an item; 0: it has not
 *    6  2             n_items, at most EXT_STATE_BLOB_MOST_ITEMS
 *    8  16            name of the run whose version made the state
 *   24  4             n_values
 *   28  4 n_values    hidden states of all GRU layers, float32
 *       ...           n_items coded items, the last items of the session, oldest first:
 *                     byte 1 and the integer (8 bytes), or
 *                     byte 2, the length (4 bytes) and the text
 *       4             FNV-1a hash of all bytes before it
 *
 * The items have two uses. Another version of the model walks through them to reach the
 * session's place. And exclude_seen leaves them out of a ranking.
 *
 * The option state_items says how many last items are kept. Older items are kept too if
 * too few of the last ones are events of the network (mark_forgotten() in ext_state.c). A
 * state may come from another model, where the option has another value, so n_items may
 * be larger than the option says. A state comes from the application: all of it is
 * checked before it is used.
 */
#include "ext_serve.h"

#include <string.h>

/*
 * HEAD: bytes before the hidden states. CHECK: bytes of the hash. CODE_INTEGER,
 * CODE_TEXT: the byte with which a coded item of that type begins.
 */
enum { HEAD = 28, CHECK = 4, CODE_INTEGER = 1, CODE_TEXT = 2 };

/* The first five bytes of a state BLOB: "G4RS" and the format, 1. */
static const unsigned char magic[5] = {'G', '4', 'R', 'S', 1};

/* ---- bytes ---- */

/* Returns the unsigned integer in n bytes (8 at most) at at, little-endian. */
static uint64_t read_bytes(const unsigned char *at, int n)
{
    uint64_t value = 0;
    for (int i = n; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

/* Writes the n lowest bytes of value to at, little-endian. */
static void write_bytes(unsigned char *at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++, value >>= 8)
        at[i] = (unsigned char)value;
}

/* Returns the 32-bit FNV-1a hash of n bytes. */
static uint32_t hash_bytes(const unsigned char *bytes, size_t n)
{
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x01000193;
    return hash;
}

/*
 * Returns the length in bytes of the coded item that begins at at. At most n bytes may be
 * read. Returns 0 if no whole item is there, or its first byte is no known code.
 */
static size_t measure_item(const unsigned char *at, size_t n)
{
    if (n >= 9 && at[0] == CODE_INTEGER)
        return 9;
    if (n < 5 || at[0] != CODE_TEXT)
        return 0;
    size_t length = (size_t)read_bytes(at + 1, 4);
    return length <= n - 5 ? 5 + length : 0;
}

bool ext_state_blob_read(ext_state_blob *blob, const unsigned char *bytes, size_t n)
{
    memset(blob, 0, sizeof *blob);
    if (n < HEAD + CHECK || memcmp(bytes, magic, sizeof magic) != 0 || bytes[5] > 1 ||
        read_bytes(bytes + 6, 2) > EXT_STATE_BLOB_MOST_ITEMS ||
        read_bytes(bytes + n - CHECK, CHECK) != hash_bytes(bytes, n - CHECK))
        return false;
    blob->is_started = bytes[5] == 1;
    blob->n_items = (int)read_bytes(bytes + 6, 2);
    blob->run = bytes + 8;
    blob->n_values = (size_t)read_bytes(bytes + 24, 4);
    size_t left = n - HEAD - CHECK;
    if (blob->n_values > left / 4)
        return false;
    blob->values = bytes + HEAD;
    blob->items = blob->values + 4 * blob->n_values;
    blob->n_items_bytes = left - 4 * blob->n_values;
    const unsigned char *at = blob->items, *end = bytes + n - CHECK;
    for (int i = 0; i < blob->n_items; i++) {
        size_t length = measure_item(at, (size_t)(end - at));
        if (length == 0)
            return false;
        at += length;
    }
    return at == end;
}

unsigned char *ext_state_blob_write(const ext_state_blob *blob,
                                    const gru4rec_real *values, size_t *n)
{
    *n = HEAD + 4 * blob->n_values + blob->n_items_bytes + CHECK;
    unsigned char *bytes = sqlite3_malloc64(*n);
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, magic, sizeof magic);
    bytes[5] = blob->is_started;
    write_bytes(bytes + 6, (uint64_t)blob->n_items, 2);
    memcpy(bytes + 8, blob->run, EXT_STATE_BLOB_RUN);
    write_bytes(bytes + 24, blob->n_values, 4);
    ext_value_write_floats(bytes + HEAD, values, blob->n_values);
    if (blob->n_items_bytes > 0)
        memcpy(bytes + HEAD + 4 * blob->n_values, blob->items, blob->n_items_bytes);
    write_bytes(bytes + *n - CHECK, hash_bytes(bytes, *n - CHECK), CHECK);
    return bytes;
}

void ext_state_blob_item(const unsigned char **at, gru4rec_id *id)
{
    memset(id, 0, sizeof *id);
    if (**at == CODE_INTEGER) {
        id->type = GRU4REC_ID_INTEGER;
        id->integer = (int64_t)read_bytes(*at + 1, 8);
    } else {
        id->type = GRU4REC_ID_TEXT;
        id->n_bytes = (size_t)read_bytes(*at + 1, 4);
        id->bytes = *at + 5;
    }
    *at += ext_state_blob_item_bytes(id);
}

size_t ext_state_blob_item_bytes(const gru4rec_id *id)
{
    return id->type == GRU4REC_ID_INTEGER ? 9 : 5 + id->n_bytes;
}

void ext_state_blob_write_item(unsigned char *at, const gru4rec_id *id)
{
    *at = id->type == GRU4REC_ID_INTEGER ? CODE_INTEGER : CODE_TEXT;
    if (id->type == GRU4REC_ID_INTEGER) {
        write_bytes(at + 1, (uint64_t)id->integer, 8);
        return;
    }
    write_bytes(at + 1, id->n_bytes, 4);
    if (id->n_bytes > 0)
        memcpy(at + 5, id->bytes, id->n_bytes);
}

/*
 * Returns the value, from 0 to 15, of a hex digit in lower case. The caller has checked
 * the digit.
 */
static unsigned read_digit(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

bool ext_state_blob_run(unsigned char run[EXT_STATE_BLOB_RUN], const ext_model *model)
{
    if (!ext_alive_is_name(model->run))
        return false;
    for (int i = 0; i < EXT_STATE_BLOB_RUN; i++)
        run[i] = (unsigned char)(read_digit(model->run[2 * i]) << 4 |
                                 read_digit(model->run[2 * i + 1]));
    return true;
}

bool ext_state_blob_is_of(const ext_state_blob *blob, const ext_model *model)
{
    unsigned char run[EXT_STATE_BLOB_RUN];
    return ext_state_blob_run(run, model) &&
           blob->n_values == gru4rec_session_state_size(model->loaded.model) &&
           memcmp(run, blob->run, sizeof run) == 0;
}
