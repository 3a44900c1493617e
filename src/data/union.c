/* union.c - the exchanges between ranks that unite their parts; see union.h. */
#include "union.h"

#include "../base/fail.h"

/* Bytes that a rank gives in one exchange, unless a single element has more. */
enum { MOST = 1 << 16 };

void g4r_union_init(g4r_union *u, const gru4rec_ranks *ranks,
                    const gru4rec_allocator *allocator, gru4rec_error *error)
{
    *u = (g4r_union){.ranks = ranks, .allocator = *allocator, .error = error};
    if (ranks == NULL)
        return;
    u->sizes = g4r_alloc(allocator, (size_t)ranks->n_ranks, sizeof *u->sizes);
    if (u->sizes == NULL)
        g4r_union_fail(u, GRU4REC_NOMEM);
}

void g4r_union_free(g4r_union *u)
{
    g4r_alloc_free(&u->allocator, u->own);
    g4r_alloc_free(&u->allocator, u->all);
    g4r_alloc_free(&u->allocator, u->sizes);
    g4r_alloc_free(&u->allocator, u->starts);
}

bool g4r_union_fail(g4r_union *u, gru4rec_status status)
{
    if (u->status == GRU4REC_OK)
        u->status = status;
    return false;
}

bool g4r_union_put(g4r_union *u, const void *bytes, size_t n)
{
    if (!G4R_ALLOC_GROW(&u->allocator, u->own, u->own_capacity, u->n_own + n))
        return g4r_union_fail(u, GRU4REC_NOMEM);
    if (n > 0)
        memcpy(u->own + u->n_own, bytes, n);
    u->n_own += n;
    return true;
}

/* Gives own (n), and gets all (ranks, n); n is equal on all ranks. */
static bool agree(g4r_union *u, const void *own, size_t n, void *all)
{
    if (u->status == GRU4REC_OK)
        u->status = u->ranks->agree(u->ranks->context, own, n, all, u->error);
    return u->status == GRU4REC_OK;
}

/* Makes room for n bytes in u->own, and for n of each rank in u->all. */
static bool make_room(g4r_union *u, size_t n)
{
    const size_t n_all = g4r_mul((size_t)u->ranks->n_ranks, n);
    return (G4R_ALLOC_GROW(&u->allocator, u->own, u->own_capacity, n) &&
            G4R_ALLOC_GROW(&u->allocator, u->all, u->all_capacity, n_all)) ||
           g4r_union_fail(u, GRU4REC_NOMEM);
}

bool g4r_union_gather(g4r_union *u)
{
    const int64_t n = (int64_t)u->n_own;
    if (!agree(u, &n, sizeof n, u->sizes))
        return false;
    u->stride = 0;
    for (int32_t rank = 0; rank < u->ranks->n_ranks; rank++)
        u->stride = G4R_MAX(u->stride, (size_t)u->sizes[rank]);
    if (u->stride == 0)
        return true;
    if (!make_room(u, u->stride))
        return false;
    memset(u->own + u->n_own, 0, u->stride - u->n_own);
    u->n_own = 0;
    return agree(u, u->own, u->stride, u->all);
}

/* ---- arrays of numbers ---- */

/* Replaces values (n) by the sum of those of all ranks, or by the least. */
static bool fold(g4r_union *u, int64_t *values, size_t n, bool is_sum)
{
    enum { STEP = MOST / sizeof *values };
    if (u->ranks == NULL)
        return true;
    for (size_t at = 0; at < n; at += STEP) {
        const size_t part = G4R_MIN(n - at, (size_t)STEP), bytes = part * sizeof *values;
        if (!make_room(u, bytes) || !agree(u, values + at, bytes, u->all))
            return false;
        memcpy(values + at, u->all, bytes);
        for (int32_t rank = 1; rank < u->ranks->n_ranks; rank++)
            for (size_t i = 0; i < part; i++) {
                int64_t other, *value = &values[at + i];
                memcpy(&other, u->all + (size_t)rank * bytes + i * sizeof other,
                       sizeof other);
                *value = is_sum ? *value + other : G4R_MIN(*value, other);
            }
    }
    return true;
}

bool g4r_union_sum(g4r_union *u, int64_t *values, size_t n)
{
    return fold(u, values, n, true);
}

bool g4r_union_least(g4r_union *u, int64_t *values, size_t n)
{
    return fold(u, values, n, false);
}

bool g4r_union_least_time(g4r_union *u, gru4rec_time *time, bool *has_time)
{
    if (u->ranks == NULL)
        return true;
    if (*has_time && !g4r_union_put(u, time, sizeof *time))
        return false;
    if (!g4r_union_gather(u))
        return false;
    for (int32_t rank = 0; rank < u->ranks->n_ranks; rank++) {
        gru4rec_time other;
        if (u->sizes[rank] == 0)
            continue;
        memcpy(&other, u->all + (size_t)rank * u->stride, sizeof other);
        if (!*has_time || gru4rec_time_compare(&other, time) < 0)
            *time = other;
        *has_time = true;
    }
    return true;
}

/* ---- lists ---- */

void g4r_union_get(g4r_union_reader *reader, void *bytes, size_t n)
{
    assert(reader->n >= n);
    memcpy(bytes, reader->bytes, n);
    reader->bytes += n;
    reader->n -= n;
}

bool g4r_union_put_id(g4r_union *u, const gru4rec_id *id)
{
    const uint8_t type = (uint8_t)id->type;
    const uint32_t n = (uint32_t)id->n_bytes; /* a dictionary has no longer ones */
    if (!g4r_union_put(u, &type, sizeof type))
        return false;
    switch (id->type) {
    case GRU4REC_ID_INTEGER:
        return g4r_union_put(u, &id->integer, sizeof id->integer);
    case GRU4REC_ID_REAL:
        return g4r_union_put(u, &id->real, sizeof id->real);
    default:
        return g4r_union_put(u, &n, sizeof n) && g4r_union_put(u, id->bytes, n);
    }
}

void g4r_union_get_id(g4r_union_reader *reader, gru4rec_id *id)
{
    uint8_t type;
    uint32_t n;
    memset(id, 0, sizeof *id);
    g4r_union_get(reader, &type, sizeof type);
    id->type = type;
    if (id->type == GRU4REC_ID_INTEGER) {
        g4r_union_get(reader, &id->integer, sizeof id->integer);
    } else if (id->type == GRU4REC_ID_REAL) {
        g4r_union_get(reader, &id->real, sizeof id->real);
    } else {
        g4r_union_get(reader, &n, sizeof n);
        assert(reader->n >= n);
        id->bytes = reader->bytes;
        id->n_bytes = n;
        reader->bytes += n;
        reader->n -= n;
    }
}

/* Calls get for all elements of the last exchange. *is_last: nobody had any. */
static bool read_all(g4r_union *u, const g4r_union_list *list, bool *is_last,
                     g4r_stop_watch *watch)
{
    *is_last = u->stride == 0;
    for (int32_t rank = 0; rank < u->ranks->n_ranks; rank++) {
        g4r_union_reader reader = {u->all + (size_t)rank * u->stride,
                                   (size_t)u->sizes[rank]};
        while (reader.n > 0) {
            if (g4r_stop_watch_is_over(watch))
                return g4r_union_fail(u, GRU4REC_INTERRUPTED);
            if (!list->get(u, rank, &reader, list->context))
                return g4r_union_fail(u, GRU4REC_NOMEM);
        }
    }
    return true;
}

bool g4r_union_pass(g4r_union *u, const g4r_union_list *list, g4r_stop_watch *watch)
{
    bool is_last = u->ranks == NULL;
    for (int64_t i = 0; !is_last;) {
        for (; i < list->n && u->n_own < MOST; i++)
            if (!list->put(u, i, list->context))
                return g4r_union_fail(u, GRU4REC_NOMEM);
        if (!g4r_union_gather(u) || !read_all(u, list, &is_last, watch))
            return false;
    }
    return true;
}
