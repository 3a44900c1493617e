/* test_dict.c - dict.c: identifiers of every type, found again, in SQLite's order. */
#include "../lib/crafted.h"
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/keys.h"
#include "../lib/test.h"

#include "../../src/data/dict.h"

static int32_t add(g4r_dict *dict, gru4rec_id id)
{
    return g4r_dict_add(dict, &id);
}

static int32_t find(const g4r_dict *dict, gru4rec_id id)
{
    return g4r_dict_find(dict, &id);
}

static void numbers_follow_first_sight(void)
{
    g4r_dict dict;
    g4r_dict_init(&dict, &g4r_alloc_libc);
    CHECK_INT(-1, find(&dict, id_integer(0)));
    CHECK_INT(0, add(&dict, id_text("b")));
    CHECK_INT(1, add(&dict, id_integer(7)));
    CHECK_INT(2, add(&dict, id_text("a")));
    CHECK_INT(1, add(&dict, id_integer(7)));
    CHECK_INT(0, add(&dict, id_text("b")));
    CHECK_INT(3, dict.n);
    CHECK_INT(2, find(&dict, id_text("a")));
    CHECK_INT(-1, find(&dict, id_text("c")));
    g4r_dict_free(&dict);
    CHECK_INT(0, dict.n);
}

static void types_are_kept_apart(void)
{
    g4r_dict dict;
    double seven = 7;
    int64_t bits;
    memcpy(&bits, &seven, sizeof bits);
    g4r_dict_init(&dict, &g4r_alloc_libc);
    CHECK_INT(0, add(&dict, id_integer(7)));
    CHECK_INT(1, add(&dict, id_text("7")));
    CHECK_INT(2, add(&dict, id_blob("7", 1)));
    CHECK_INT(3, add(&dict, id_real(7.5)));
    CHECK_INT(4, add(&dict, id_text("")));
    CHECK_INT(5, add(&dict, id_blob(NULL, 0)));
    CHECK_INT(6, add(&dict, id_integer(0)));
    CHECK_INT(7, add(&dict, id_integer(bits)));
    CHECK_INT(8, add(&dict, id_text("7.5")));
    CHECK_INT(5, find(&dict, id_blob("", 0)));
    CHECK_INT(-1, find(&dict, id_blob("7", 2)));
    g4r_dict_free(&dict);
}

static void whole_real_is_its_integer(void)
{
    g4r_dict dict;
    gru4rec_id id;
    g4r_dict_init(&dict, &g4r_alloc_libc);
    CHECK_INT(0, add(&dict, id_real(1.0)));
    CHECK_INT(0, add(&dict, id_integer(1)));
    CHECK_INT(0, find(&dict, id_real(1.0)));
    /* It comes back as what was added first. */
    g4r_dict_get(&dict, 0, &id);
    CHECK_INT(GRU4REC_ID_REAL, id.type);
    CHECK_NEAR(1, id.real, 0);
    CHECK_INT(1, add(&dict, id_integer(0)));
    CHECK_INT(1, add(&dict, id_real(-0.0)));
    g4r_dict_get(&dict, 1, &id);
    CHECK_INT(GRU4REC_ID_INTEGER, id.type);
    CHECK_INT(0, id.integer);
    CHECK_INT(2, add(&dict, id_real(-0x1p63)));
    CHECK_INT(2, add(&dict, id_integer(INT64_MIN)));
    /* 2^63 is no int64, so it stays what it is. */
    CHECK_INT(3, add(&dict, id_real(0x1p63)));
    CHECK_INT(4, add(&dict, id_integer(INT64_MAX)));
    CHECK_INT(5, add(&dict, id_real(INFINITY)));
    CHECK_INT(6, add(&dict, id_real(-INFINITY)));
    CHECK_INT(5, find(&dict, id_real(INFINITY)));
    /* 2^53 + 1 has no double: it is not 2^53. */
    CHECK_INT(7, add(&dict, id_integer(((int64_t)1 << 53) + 1)));
    CHECK_INT(8, add(&dict, id_real(0x1p53)));
    g4r_dict_free(&dict);
}

static void get_gives_back_what_was_added(void)
{
    g4r_dict dict;
    gru4rec_id id;
    char text[] = "a\0b";
    g4r_dict_init(&dict, &g4r_alloc_libc);
    add(&dict, (gru4rec_id){.type = GRU4REC_ID_TEXT, .bytes = text, .n_bytes = 3});
    text[0] = 'x';
    add(&dict, id_real(-2.5));
    add(&dict, id_integer(INT64_MIN));
    add(&dict, id_blob("\xff\x00", 2));
    g4r_dict_get(&dict, 0, &id);
    CHECK(id.type == GRU4REC_ID_TEXT && id.n_bytes == 3);
    CHECK(memcmp(id.bytes, "a\0b", 3) == 0);
    g4r_dict_get(&dict, 1, &id);
    CHECK(id.type == GRU4REC_ID_REAL);
    CHECK_NEAR(-2.5, id.real, 0);
    g4r_dict_get(&dict, 2, &id);
    CHECK(id.type == GRU4REC_ID_INTEGER);
    CHECK_INT(INT64_MIN, id.integer);
    g4r_dict_get(&dict, 3, &id);
    CHECK(id.type == GRU4REC_ID_BLOB && id.n_bytes == 2);
    CHECK(memcmp(id.bytes, "\xff\x00", 2) == 0);
    g4r_dict_free(&dict);
}

/* Integer, text of every length to 40, real; the i-th in a fixed pattern. */
static gru4rec_id make_id(int32_t i, char text[64])
{
    if (i % 3 == 0)
        return id_integer((int64_t)i * 0x100000001);
    if (i % 3 == 1)
        return id_real(i + 0.5);
    snprintf(text, 64, "%0*d", i % 40 + 7, (int)i);
    return id_text(text);
}

static void many_are_found_again(void)
{
    enum { N = 30000 };
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_dict dict;
    char text[64];
    g4r_dict_init(&dict, &allocator);
    for (int32_t i = 0; i < N; i++)
        CHECK_INT(i, add(&dict, make_id(i, text)));
    for (int32_t i = 0; i < N; i++) {
        gru4rec_id id = make_id(i, text), got;
        CHECK_INT(i, g4r_dict_add(&dict, &id));
        CHECK_INT(i, g4r_dict_find(&dict, &id));
        g4r_dict_get(&dict, i, &got);
        CHECK_INT(0, id_compare(&id, &got));
    }
    CHECK_INT(N, dict.n);
    for (int32_t i = N; i < 2 * N; i++)
        CHECK_INT(-1, find(&dict, make_id(i, text)));
    g4r_dict_free(&dict);
    CHECK_INT(0, fault.n_live);
}

static void order_is_that_of_sqlite(void)
{
    /* Ascending. */
    const gru4rec_id ids[] = {id_real(-INFINITY),
                              id_real(-1e300),
                              id_integer(INT64_MIN),
                              id_integer(-((int64_t)1 << 53) - 1),
                              id_integer(-((int64_t)1 << 53)),
                              id_real(-1.5),
                              id_integer(-1),
                              id_real(-0.5),
                              id_integer(0),
                              id_real(1e-300),
                              id_real(0.5),
                              id_integer(1),
                              id_real(1.5),
                              id_real(2.0),
                              id_integer(3),
                              id_integer(((int64_t)1 << 53)),
                              id_integer(((int64_t)1 << 53) + 1),
                              id_integer(INT64_MAX),
                              id_real(0x1p63),
                              id_real(1e300),
                              id_real(INFINITY),
                              id_text(""),
                              id_text("A"),
                              id_text("AB"),
                              id_text("a"),
                              id_text("b"),
                              id_text("\xc3\xa9"),
                              id_blob(NULL, 0),
                              id_blob("\0", 1),
                              id_blob("\0\0", 2),
                              id_blob("A", 1),
                              id_blob("\xff", 1)};
    enum { N = sizeof ids / sizeof *ids };
    g4r_dict dict;
    g4r_dict_init(&dict, &g4r_alloc_libc);
    for (int32_t i = 0; i < N; i++)
        CHECK_INT(i, g4r_dict_add(&dict, &ids[i]));
    for (int32_t i = 0; i < N; i++)
        for (int32_t k = 0; k < N; k++) {
            int order = g4r_dict_compare(&dict, i, k);
            CHECK_INT((i > k) - (i < k), (order > 0) - (order < 0));
            int plain = id_compare(&ids[i], &ids[k]);
            CHECK_INT((i > k) - (i < k), (plain > 0) - (plain < 0));
        }
    g4r_dict_free(&dict);
}

enum { N_SHORT = 200 };

/* Does the work with the first allocation failing, the second, ... until none does. */
static void run_short_of_memory(void (*work)(g4r_dict *dict, const fault_alloc *fault))
{
    size_t n_failures = 0;
    bool is_done = false;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        g4r_dict dict;
        g4r_dict_init(&dict, &allocator);
        work(&dict, &fault);
        n_failures += fault.n_failed;
        g4r_dict_free(&dict);
        CHECK_INT(0, fault.n_live);
        is_done = fault.n_failed == 0;
    }
    /* Slots, values, types and heap: each several times. */
    CHECK(n_failures > 15);
}

static void add_again(g4r_dict *dict, const fault_alloc *fault)
{
    char text[64];
    for (int32_t i = 0; i < N_SHORT; i++) {
        gru4rec_id id = make_id(i, text);
        size_t n_failed = fault->n_failed;
        int32_t number = g4r_dict_add(dict, &id);
        if (fault->n_failed > n_failed) {
            CHECK_INT(-1, number);
            CHECK_INT(i, dict->n);
            CHECK_INT(-1, g4r_dict_find(dict, &id));
            number = g4r_dict_add(dict, &id);
        }
        CHECK_INT(i, number);
    }
    for (int32_t i = 0; i < N_SHORT; i++)
        CHECK_INT(i, find(dict, make_id(i, text)));
}

/* A failed add tells it and changes nothing; the next try is as if nothing had been. */
static void short_memory_leaves_it_usable(void)
{
    run_short_of_memory(add_again);
}

/* ---- many at once ---- */

static bool append(g4r_dict *dict, gru4rec_id id)
{
    return g4r_dict_append(dict, &id);
}

static void check_all(const g4r_dict *dict, int32_t from, int32_t to, int32_t n_not)
{
    char text[64];
    gru4rec_id got;
    for (int32_t i = from; i < to; i++) {
        gru4rec_id id = make_id(i, text);
        CHECK_INT(i, g4r_dict_find(dict, &id));
        g4r_dict_get(dict, i, &got);
        CHECK_INT(0, id_compare(&id, &got));
    }
    for (int32_t i = to; i < to + n_not; i++)
        CHECK_INT(-1, find(dict, make_id(i, text)));
}

static void what_is_appended_is_found_after_the_index(void)
{
    enum { N = 100000 };
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_dict dict;
    char text[64];
    g4r_dict_init(&dict, &allocator);
    CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
    CHECK_INT(-1, find(&dict, id_integer(0)));
    for (int32_t i = 0; i < N; i++)
        CHECK(append(&dict, make_id(i, text)));
    CHECK_INT(N, dict.n);
    CHECK_INT(0, dict.n_indexed);
    CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
    CHECK_INT(N, dict.n_indexed);
    check_all(&dict, 0, N, N);
    /* No more cells than by adding, and never all of them filled. */
    CHECK(dict.n_cells * 2 + 2 >= N * 3 && dict.n_cells <= N * 3);
    CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
    check_all(&dict, 0, N, 0);
    g4r_dict_free(&dict);
    CHECK_INT(0, fault.n_live);
}

/* Parts of every length to 70, each indexed; between two of them some are added. */
static void index_in_parts_and_add_between(void)
{
    g4r_dict dict;
    char text[64];
    int32_t n = 0;
    g4r_dict_init(&dict, &g4r_alloc_libc);
    for (int32_t part = 0; part <= 70; part++) {
        for (int32_t i = 0; i < part; i++)
            CHECK(append(&dict, make_id(n + i, text)));
        CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
        n += part;
        CHECK_INT(n, dict.n);
        CHECK_INT(-1, find(&dict, make_id(n, text)));
        for (int32_t i = 0; i < part % 5; i++, n++)
            CHECK_INT(n, add(&dict, make_id(n, text)));
        if (n > 0)
            CHECK_INT(n / 2, add(&dict, make_id(n / 2, text)));
        check_all(&dict, n > 90 ? n - 90 : 0, n, 3);
    }
    CHECK_INT(n, dict.n);
    check_all(&dict, 0, n, n);
    g4r_dict_free(&dict);
}

static void appended_types_are_kept_apart(void)
{
    double seven = 7.5;
    int64_t bits;
    memcpy(&bits, &seven, sizeof bits);
    const gru4rec_id ids[] = {id_integer(7),        id_text("7"),
                              id_blob("7", 1),      id_real(7.5),
                              id_text(""),          id_blob(NULL, 0),
                              id_integer(0),        id_integer(bits),
                              id_text("7.5"),       id_real(0x1p63),
                              id_real(-0x1p63),     id_integer(INT64_MAX),
                              id_real(INFINITY),    id_real(-INFINITY),
                              id_real(1e-300),      id_blob("\0", 1),
                              id_text("7\xc3\xa9"), id_integer(-1),
                              id_real(-1.5),        id_blob("\0\0\0\0\0\0\0\0", 8)};
    enum { N = sizeof ids / sizeof *ids };
    g4r_dict dict;
    g4r_dict_init(&dict, &g4r_alloc_libc);
    for (int32_t i = 0; i < N; i++)
        CHECK(g4r_dict_append(&dict, &ids[i]));
    CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
    for (int32_t i = 0; i < N; i++) {
        gru4rec_id got;
        CHECK_INT(i, g4r_dict_find(&dict, &ids[i]));
        CHECK_INT(i, g4r_dict_add(&dict, &ids[i]));
        g4r_dict_get(&dict, i, &got);
        CHECK_INT(0, id_compare(&ids[i], &got));
    }
    CHECK_INT(10, find(&dict, id_integer(INT64_MIN)));
    CHECK_INT(6, find(&dict, id_real(-0.0)));
    CHECK_INT(-1, find(&dict, id_blob("7.5", 3)));
    g4r_dict_free(&dict);
}

/* All but the one at twice, which is what the one at once is. */
static gru4rec_status index_twice(gru4rec_id first, gru4rec_id again, int32_t once,
                                  int32_t twice, int32_t n, int32_t n_before)
{
    g4r_dict dict;
    char text[64];
    g4r_dict_init(&dict, &g4r_alloc_libc);
    for (int32_t i = 0; i < n; i++) {
        gru4rec_id id = i == once ? first : i == twice ? again : make_id(i + 3, text);
        CHECK(g4r_dict_append(&dict, &id));
        if (i + 1 == n_before)
            CHECK_INT(GRU4REC_OK, g4r_dict_index(&dict, (g4r_stop){0}));
    }
    gru4rec_status status = g4r_dict_index(&dict, (g4r_stop){0});
    g4r_dict_free(&dict);
    return status;
}

static void duplicates_are_found_at_any_distance(void)
{
    enum { N = 150 };
    const char zeros[24] = {0};
    const gru4rec_id pairs[][2] = {{id_integer(-5), id_integer(-5)},
                                   {id_real(1.0), id_integer(1)},
                                   {id_integer(1), id_real(1.0)},
                                   {id_integer(0x7fffffffffff), id_real(0x7fffffffffff)},
                                   {id_real(-0.0), id_real(0.0)},
                                   {id_real(-0.25), id_real(-0.25)},
                                   {id_text(""), id_text("")},
                                   {id_text("a shoe"), id_text("a shoe")},
                                   {id_blob(NULL, 0), id_blob("", 0)},
                                   {id_blob(zeros, 20), id_blob(zeros + 2, 20)}};
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        for (int32_t once = 1; once < N; once += 1 + once / 9)
            for (int32_t twice = once + 1; twice < N; twice++) {
                const gru4rec_id *pair = pairs[p];
                CHECK_INT(GRU4REC_INVALID,
                          index_twice(pair[0], pair[1], once, twice, N, 0));
                /* and the one that was indexed before */
                if (twice % 7 == 0)
                    CHECK_INT(GRU4REC_INVALID,
                              index_twice(pair[0], pair[1], once, twice, N, twice));
            }
    /* Not equal, though alike. */
    CHECK_INT(GRU4REC_OK, index_twice(id_text("1"), id_integer(1), 4, 9, N, 0));
    CHECK_INT(GRU4REC_OK, index_twice(id_text("1"), id_blob("1", 1), 4, 9, N, 0));
    CHECK_INT(GRU4REC_OK, index_twice(id_integer(1), id_real(1.25), 4, 9, N, 0));
    CHECK_INT(GRU4REC_OK,
              index_twice(id_blob(zeros, 20), id_blob(zeros, 19), 4, 9, N, 0));
}

/* The first and the last of many, and the last two. */
static void duplicates_are_found_among_many(void)
{
    enum { N = 100000 };
    gru4rec_id shoe = id_text("a shoe");
    CHECK_INT(GRU4REC_INVALID, index_twice(shoe, shoe, 0, N - 1, N, 0));
    CHECK_INT(GRU4REC_INVALID, index_twice(shoe, shoe, N - 2, N - 1, N, 0));
    CHECK_INT(GRU4REC_INVALID, index_twice(shoe, shoe, 0, 1, N, 0));
    CHECK_INT(GRU4REC_INVALID, index_twice(shoe, shoe, 0, N - 1, N, N / 2));
    CHECK_INT(GRU4REC_OK, index_twice(shoe, id_text("a shoe "), 0, N - 1, N, 0));
}

static void append_again(g4r_dict *dict, const fault_alloc *fault)
{
    char text[64];
    for (int32_t i = 0; i < N_SHORT; i++) {
        size_t n_failed = fault->n_failed;
        if (!append(dict, make_id(i, text))) {
            CHECK_INT(n_failed + 1, fault->n_failed);
            CHECK_INT(i, dict->n);
            CHECK(append(dict, make_id(i, text)));
        }
        if (i % 80 != 40)
            continue;
        gru4rec_status status = g4r_dict_index(dict, (g4r_stop){0});
        if (status != GRU4REC_OK) {
            CHECK_INT(GRU4REC_NOMEM, status);
            CHECK_INT(i + 1, dict->n);
            CHECK_INT(GRU4REC_OK, g4r_dict_index(dict, (g4r_stop){0}));
        }
        CHECK_INT(i, find(dict, make_id(i, text)));
    }
    if (g4r_dict_index(dict, (g4r_stop){0}) == GRU4REC_NOMEM)
        CHECK_INT(GRU4REC_OK, g4r_dict_index(dict, (g4r_stop){0}));
    check_all(dict, 0, N_SHORT, 3);
}

/* Each append or index that fails is done again: as if nothing had been. */
static void short_memory_leaves_what_was_appended(void)
{
    run_short_of_memory(append_again);
}

/* What is thrown away after a failure leaves nothing. */
static void short_memory_leaves_no_trace(void)
{
    for (size_t fail_at = 1; fail_at < 60; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at, .is_sticky = true};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        g4r_dict dict;
        char text[64];
        g4r_dict_init(&dict, &allocator);
        int32_t n = 0;
        while (n < 500 && append(&dict, make_id(n, text)))
            n++;
        CHECK_INT(n, dict.n);
        gru4rec_status status = g4r_dict_index(&dict, (g4r_stop){0});
        CHECK_INT(fault.n_failed > 0 && n > 0 ? GRU4REC_NOMEM : status, status);
        CHECK(status == GRU4REC_OK ? fault.n_failed == 0 : status == GRU4REC_NOMEM);
        g4r_dict_free(&dict);
        CHECK_INT(0, fault.n_live);
    }
}

/* ---- keys ---- */

/* How many cells a search for each id passes over, all together. */
static size_t count_probes(const g4r_dict *dict)
{
    size_t n = 0;
    for (size_t cell = 0; cell < dict->n_cells; cell++)
        if (dict->cells[cell] != 0)
            n += (cell - (size_t)(dict->cells[cell] >> 32)) & (dict->n_cells - 1);
    return n;
}

enum { CRAFTED_INTEGERS, CRAFTED_REALS, CRAFTED_8, CRAFTED_16, CRAFTED_BLOBS, N_CRAFTED };

/* bytes (16): room for those of texts and blobs. */
static gru4rec_id make_crafted(int kind, uint32_t i, char *bytes)
{
    const size_t n = kind == CRAFTED_16 ? 16 : 8;
    gru4rec_id id = {.type = GRU4REC_ID_TEXT, .bytes = bytes, .n_bytes = n};
    if (kind == CRAFTED_INTEGERS)
        return id_integer(crafted_integer(i));
    if (kind == CRAFTED_REALS)
        return id_real(crafted_real(i));
    if (kind == CRAFTED_BLOBS)
        id.type = GRU4REC_ID_BLOB;
    crafted_bytes(bytes, n, id.type, i);
    return id;
}

/* Can SQLite give it, and is it no integer? */
static bool is_usable(const gru4rec_id *id)
{
    return id->type != GRU4REC_ID_REAL ||
           (isfinite(id->real) && floor(id->real) != id->real);
}

/* The mixer that crafted.h turns round, to see that it does. */
static uint64_t old_mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * CRAFTED_MIX;
    x = (x ^ (x >> 32)) * CRAFTED_MIX;
    return x ^ (x >> 32);
}

static void crafted_ids_are_what_they_should_be(void)
{
    for (uint32_t i = 0; i < 1000; i++) {
        char bytes[16];
        double real = crafted_real(i);
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        CHECK(old_mix((uint64_t)crafted_integer(i)) == ((uint64_t)0xdeadbeefu << 32 | i));
        if (!isnan(real))
            CHECK(old_mix(bits + GRU4REC_ID_REAL) == ((uint64_t)0xdeadbeefu << 32 | i));
        for (size_t n = 8; n <= 16; n += 8) {
            crafted_bytes(bytes, n, GRU4REC_ID_TEXT, i);
            CHECK(old_mix(g4r_hash_numbers(GRU4REC_ID_TEXT, bytes, n / 8, 8) + n) ==
                  ((uint64_t)0xdeadbeefu << 32 | i));
        }
    }
}

/* They take no longer than ordinary ids, which pass over 1 cell on the average. */
static void crafted_ids_do_not_meet(void)
{
    enum { N = 20000 };
    g4r_rng rng;
    for (int64_t seed = 0; seed < 4; seed++)
        for (int kind = 0; kind < N_CRAFTED; kind++) {
            const gru4rec_allocator random = keys_allocator(&rng, seed);
            g4r_dict added, indexed;
            g4r_dict_init(&added, seed == 0 ? &g4r_alloc_libc : &random);
            g4r_dict_init(&indexed, &random);
            for (uint32_t i = 0; i < 10 * N && added.n < N; i++) {
                char bytes[16];
                gru4rec_id id = make_crafted(kind, i, bytes);
                if (!is_usable(&id))
                    continue;
                const int32_t n = added.n;
                CHECK_INT(n, g4r_dict_add(&added, &id));
                CHECK(g4r_dict_append(&indexed, &id));
            }
            CHECK_INT(GRU4REC_OK, g4r_dict_index(&indexed, (g4r_stop){0}));
            CHECK(added.n > N / 2);
            CHECK(count_probes(&added) < 3 * N);
            CHECK(count_probes(&indexed) < 3 * N);
            g4r_dict_free(&added);
            g4r_dict_free(&indexed);
        }
}

/* Small, dense, far apart, alike at one end: whatever the key, they do not meet. */
static void ordinary_ids_do_not_meet(void)
{
    enum { N = 20000 };
    g4r_rng rng;
    const gru4rec_allocator random = keys_allocator(&rng, 5);
    for (int kind = 0; kind < 6; kind++)
        for (int round = 0; round < 5; round++) {
            g4r_dict dict;
            g4r_dict_init(&dict, &random);
            for (int64_t i = 0; i < N; i++) {
                char text[64];
                gru4rec_id id = id_integer(i);
                if (kind == 1)
                    id.integer = (int64_t)((uint64_t)i << 44);
                if (kind == 2)
                    id.integer = -i * 1000003;
                if (kind == 3)
                    id = id_real((double)i + 0.5);
                if (kind >= 4) {
                    snprintf(text, sizeof text,
                             kind == 4 ? "session-%lld"
                                       : "%lld-in-a-much-longer-text-of-them-all",
                             (long long)i);
                    id = id_text(text);
                }
                CHECK_INT(i, g4r_dict_add(&dict, &id));
            }
            CHECK(count_probes(&dict) < 3 * N);
            g4r_dict_free(&dict);
        }
}

static bool asks_until(void *left)
{
    return --*(int *)left < 0;
}

/* An index that is stopped at any time can be made again. */
static void index_can_be_stopped(void)
{
    enum { N = 50000 };
    int n_stopped = 0, left;
    for (int most = 0; most <= n_stopped; most++) {
        g4r_dict dict;
        char text[64];
        g4r_dict_init(&dict, &g4r_alloc_libc);
        for (int32_t i = 0; i < N; i++)
            CHECK(append(&dict, make_id(i, text)));
        left = most;
        gru4rec_status status = g4r_dict_index(&dict, (g4r_stop){asks_until, &left});
        if (status == GRU4REC_INTERRUPTED) {
            n_stopped++;
            CHECK(dict.n_indexed < N);
            status = g4r_dict_index(&dict, (g4r_stop){0});
        }
        CHECK_INT(GRU4REC_OK, status);
        check_all(&dict, 0, N, 3);
        g4r_dict_free(&dict);
    }
    CHECK(n_stopped > 5);
}

int main(void)
{
    RUN(numbers_follow_first_sight);
    RUN(types_are_kept_apart);
    RUN(whole_real_is_its_integer);
    RUN(get_gives_back_what_was_added);
    RUN(many_are_found_again);
    RUN(order_is_that_of_sqlite);
    RUN(short_memory_leaves_it_usable);
    RUN(what_is_appended_is_found_after_the_index);
    RUN(index_in_parts_and_add_between);
    RUN(appended_types_are_kept_apart);
    RUN(duplicates_are_found_at_any_distance);
    RUN(duplicates_are_found_among_many);
    RUN(short_memory_leaves_what_was_appended);
    RUN(short_memory_leaves_no_trace);
    RUN(crafted_ids_are_what_they_should_be);
    RUN(crafted_ids_do_not_meet);
    RUN(ordinary_ids_do_not_meet);
    RUN(index_can_be_stopped);
    return test_end();
}
