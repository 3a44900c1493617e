/*
 * ids.h - identifiers for tests, and their order in plain code: numbers by value, then
 * text, then blobs, these byte by byte. long double holds every int64 and every double.
 */
#ifndef IDS_H
#define IDS_H

#include <string.h>

#include "../../include/gru4rec.h"

static inline gru4rec_id id_integer(int64_t value)
{
    return (gru4rec_id){.type = GRU4REC_ID_INTEGER, .integer = value};
}

static inline gru4rec_id id_real(double value)
{
    return (gru4rec_id){.type = GRU4REC_ID_REAL, .real = value};
}

static inline gru4rec_id id_text(const char *text)
{
    return (gru4rec_id){.type = GRU4REC_ID_TEXT, .bytes = text, .n_bytes = strlen(text)};
}

static inline gru4rec_id id_blob(const void *bytes, size_t n_bytes)
{
    return (gru4rec_id){.type = GRU4REC_ID_BLOB, .bytes = bytes, .n_bytes = n_bytes};
}

static inline int id_class(const gru4rec_id *id)
{
    return id->type == GRU4REC_ID_TEXT ? 1 : id->type == GRU4REC_ID_BLOB ? 2 : 0;
}

static inline int id_compare(const gru4rec_id *a, const gru4rec_id *b)
{
    if (id_class(a) != id_class(b))
        return id_class(a) < id_class(b) ? -1 : 1;
    if (id_class(a) == 0) {
        long double x =
            a->type == GRU4REC_ID_REAL ? (long double)a->real : (long double)a->integer;
        long double y =
            b->type == GRU4REC_ID_REAL ? (long double)b->real : (long double)b->integer;
        return (x > y) - (x < y);
    }
    const unsigned char *x = a->bytes, *y = b->bytes;
    for (size_t i = 0; i < a->n_bytes && i < b->n_bytes; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return (a->n_bytes > b->n_bytes) - (a->n_bytes < b->n_bytes);
}

#endif
