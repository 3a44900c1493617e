/* test_dict.c - src/dict.c: identifiers of every type, found again, in SQLite's order. */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/dict.h"

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
    g4r_dict_init(&dict, &g4r_libc_allocator);
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
    g4r_dict_init(&dict, &g4r_libc_allocator);
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
    g4r_dict_init(&dict, &g4r_libc_allocator);
    CHECK_INT(0, add(&dict, id_real(1.0)));
    CHECK_INT(0, add(&dict, id_integer(1)));
    g4r_dict_get(&dict, 0, &id);
    CHECK_INT(GRU4REC_ID_INTEGER, id.type);
    CHECK_INT(1, id.integer);
    CHECK_INT(1, add(&dict, id_integer(0)));
    CHECK_INT(1, add(&dict, id_real(-0.0)));
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
    g4r_dict_init(&dict, &g4r_libc_allocator);
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
                              id_integer(2),
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
    g4r_dict_init(&dict, &g4r_libc_allocator);
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

/* A failed add tells it and changes nothing; the next try is as if nothing had been. */
static void short_memory_leaves_it_usable(void)
{
    enum { N = 200 };
    size_t n_failures = 0;
    for (size_t fail_at = 1;; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        g4r_dict dict;
        char text[64];
        g4r_dict_init(&dict, &allocator);
        for (int32_t i = 0; i < N; i++) {
            gru4rec_id id = make_id(i, text);
            size_t n_failed = fault.n_failed;
            int32_t number = g4r_dict_add(&dict, &id);
            if (fault.n_failed > n_failed) {
                CHECK_INT(-1, number);
                CHECK_INT(i, dict.n);
                CHECK_INT(-1, g4r_dict_find(&dict, &id));
                number = g4r_dict_add(&dict, &id);
            }
            CHECK_INT(i, number);
        }
        for (int32_t i = 0; i < N; i++)
            CHECK_INT(i, find(&dict, make_id(i, text)));
        n_failures += fault.n_failed;
        g4r_dict_free(&dict);
        CHECK_INT(0, fault.n_live);
        if (fault.n_failed == 0)
            break;
    }
    /* Slots 64..512, values, types and heap: each several times. */
    CHECK(n_failures > 15);
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
    return test_end();
}
