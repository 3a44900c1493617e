/* test_items.c - items.c: rows and supports, one by one and many at once, and finding
 * by value or text form. */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

static gru4rec_items *new_items(const gru4rec_allocator *allocator)
{
    gru4rec_items *items;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_items_new(allocator, &items)))
        exit(test_end());
    return items;
}

static gru4rec_status add(gru4rec_items *items, gru4rec_id id, int64_t support)
{
    return gru4rec_items_add(items, &id, support);
}

static int32_t find(const gru4rec_items *items, gru4rec_id id)
{
    return gru4rec_items_find(items, &id);
}

static void rows_keep_their_order_and_support(void)
{
    gru4rec_items *items = new_items(NULL);
    gru4rec_id id;
    CHECK_INT(0, gru4rec_items_count(items));
    CHECK_INT(-1, find(items, id_integer(1)));
    for (int32_t i = 0; i < 5000; i++) {
        CHECK_INT(GRU4REC_OK, add(items, id_integer(5000 - i), i * 10));
        CHECK_INT(i + 1, gru4rec_items_count(items));
    }
    const int64_t *support = gru4rec_items_support(items);
    for (int32_t i = 0; i < 5000; i++) {
        CHECK_INT(i, find(items, id_integer(5000 - i)));
        CHECK_INT(i * 10, support[i]);
        gru4rec_items_get(items, i, &id);
        CHECK(id.type == GRU4REC_ID_INTEGER && id.integer == 5000 - i);
    }
    gru4rec_items_free(items);
    gru4rec_items_free(NULL);
}

static void duplicates_are_refused(void)
{
    gru4rec_items *items = new_items(NULL);
    CHECK_INT(GRU4REC_OK, add(items, id_text("a"), 1));
    CHECK_INT(GRU4REC_OK, add(items, id_integer(1), 2));
    CHECK_INT(GRU4REC_INVALID, add(items, id_text("a"), 3));
    CHECK_INT(GRU4REC_INVALID, add(items, id_integer(1), 4));
    CHECK_INT(GRU4REC_INVALID, add(items, id_real(1.0), 5));
    CHECK_INT(2, gru4rec_items_count(items));
    CHECK_INT(1, gru4rec_items_support(items)[0]);
    CHECK_INT(2, gru4rec_items_support(items)[1]);
    /* Another type with the same text form is another item. */
    CHECK_INT(GRU4REC_OK, add(items, id_text("1"), 6));
    CHECK_INT(3, gru4rec_items_count(items));
    gru4rec_items_free(items);
}

static void id_is_copied(void)
{
    char text[] = "shoe";
    gru4rec_id id;
    gru4rec_items *items = new_items(NULL);
    CHECK_INT(GRU4REC_OK, add(items, id_text(text), 1));
    memset(text, 'x', 4);
    CHECK_INT(0, find(items, id_text("shoe")));
    gru4rec_items_get(items, 0, &id);
    CHECK(id.n_bytes == 4 && memcmp(id.bytes, "shoe", 4) == 0);
    gru4rec_items_free(items);
}

static void same_type_goes_before_same_text(void)
{
    gru4rec_items *items = new_items(NULL);
    CHECK_INT(GRU4REC_OK, add(items, id_text("7"), 1));
    CHECK_INT(GRU4REC_OK, add(items, id_integer(7), 1));
    CHECK_INT(0, find(items, id_text("7")));
    CHECK_INT(1, find(items, id_integer(7)));
    gru4rec_items_free(items);
}

static void text_of_an_integer_finds_it(void)
{
    const int64_t values[] = {7, 0, -12, INT64_MAX, INT64_MIN};
    const char *const texts[] = {"7", "0", "-12", "9223372036854775807",
                                 "-9223372036854775808"};
    for (int is_text = 0; is_text <= 1; is_text++) {
        gru4rec_items *items = new_items(NULL);
        for (int i = 0; i < 5; i++)
            CHECK_INT(GRU4REC_OK,
                      add(items, is_text ? id_text(texts[i]) : id_integer(values[i]), 1));
        for (int i = 0; i < 5; i++) {
            CHECK_INT(i, find(items, id_text(texts[i])));
            CHECK_INT(i, find(items, id_integer(values[i])));
        }
        gru4rec_items_free(items);
    }
}

static void other_spellings_are_other_items(void)
{
    const char *const others[] = {"007",
                                  "+7",
                                  " 7",
                                  "7 ",
                                  "7.0",
                                  "7x",
                                  "0x7",
                                  "",
                                  "-0",
                                  "00",
                                  "9223372036854775808",
                                  "-9223372036854775809",
                                  "18446744073709551623",
                                  "100000000000000000000000000007"};
    gru4rec_items *items = new_items(NULL);
    CHECK_INT(GRU4REC_OK, add(items, id_integer(7), 1));
    CHECK_INT(GRU4REC_OK, add(items, id_integer(0), 1));
    CHECK_INT(GRU4REC_OK, add(items, id_integer(INT64_MAX), 1));
    CHECK_INT(GRU4REC_OK, add(items, id_integer(INT64_MIN), 1));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK_INT(-1, find(items, id_text(others[i])));
    CHECK_INT(-1, find(items, id_blob("7", 1)));
    CHECK_INT(-1, find(items, id_integer(8)));
    CHECK_INT(-1, find(items, id_real(7.5)));
    CHECK_INT(0, find(items, id_real(7.0)));
    CHECK_INT(1, find(items, id_real(-0.0)));
    CHECK_INT(-1, find(items, id_real(-0x1p63)));
    CHECK_INT(GRU4REC_OK, add(items, id_text("007"), 1));
    CHECK_INT(4, find(items, id_text("007")));
    CHECK_INT(0, find(items, id_integer(7)));
    gru4rec_items_free(items);
}

/* A REAL from 2^53 on may stand for its neighbours too. */
static void wide_real_is_no_integer(void)
{
    const int64_t most = (int64_t)1 << 53;
    gru4rec_items *items = new_items(NULL);
    for (int64_t i = 0; i < 3; i++)
        CHECK_INT(GRU4REC_OK, add(items, id_integer(most - 1 + i), 1));
    CHECK_INT(0, find(items, id_real(0x1p53 - 1)));
    CHECK_INT(-1, find(items, id_real(0x1p53)));
    CHECK_INT(-1, find(items, id_real(0x1p53 + 2)));
    gru4rec_items_free(items);
}

/* Text need not end with NUL: exactly n_bytes are read. */
static void text_is_read_to_its_length(void)
{
    gru4rec_items *items = new_items(NULL);
    char *text = malloc(2);
    if (!CHECK(text != NULL))
        return;
    memcpy(text, "42", 2);
    CHECK_INT(GRU4REC_OK, add(items, id_integer(4), 1));
    gru4rec_id id = {.type = GRU4REC_ID_TEXT, .bytes = text, .n_bytes = 2};
    CHECK_INT(-1, gru4rec_items_find(items, &id));
    id.n_bytes = 1;
    CHECK_INT(0, gru4rec_items_find(items, &id));
    free(text);
    gru4rec_items_free(items);
}

static void short_memory_is_told_and_leaves_no_trace(void)
{
    enum { N = 120 };
    bool is_done = false;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_items *items;
        gru4rec_status status = gru4rec_items_new(&allocator, &items);
        if (status != GRU4REC_OK) {
            CHECK_INT(GRU4REC_NOMEM, status);
            CHECK(items == NULL);
            CHECK_INT(1, fail_at);
            continue;
        }
        char text[24];
        for (int32_t i = 0; i < N; i++) {
            snprintf(text, sizeof text, "item %d", (int)i);
            status = add(items, id_text(text), i);
            if (status != GRU4REC_OK) {
                CHECK_INT(GRU4REC_NOMEM, status);
                CHECK_INT(i, gru4rec_items_count(items));
                CHECK_INT(GRU4REC_OK, add(items, id_text(text), i));
            }
            CHECK_INT(i, find(items, id_text(text)));
        }
        for (int32_t i = 0; i < N; i++)
            CHECK_INT(i, gru4rec_items_support(items)[i]);
        gru4rec_items_free(items);
        CHECK_INT(0, fault.n_live);
        is_done = fault.n_failed == 0;
    }
}

/* ---- many at once ---- */

static gru4rec_status append(gru4rec_items *items, gru4rec_id id, int64_t support)
{
    return gru4rec_items_append(items, &id, support);
}

/* Every third is text. */
static gru4rec_id make_id(int32_t i, char text[24])
{
    if (i % 3 > 0)
        return id_integer(3000000000 - i);
    snprintf(text, 24, "item %d", (int)i);
    return id_text(text);
}

static void check_all(const gru4rec_items *items, int32_t n)
{
    char text[24];
    gru4rec_id got;
    CHECK_INT(n, gru4rec_items_count(items));
    for (int32_t i = 0; i < n; i++) {
        const gru4rec_id id = make_id(i, text);
        CHECK_INT(i, gru4rec_items_find(items, &id));
        CHECK_INT((int64_t)i << 33, gru4rec_items_support(items)[i]);
        gru4rec_items_get(items, i, &got);
        CHECK_INT(0, id_compare(&id, &got));
    }
    CHECK_INT(-1, find(items, make_id(n, text)));
}

static void append_and_index_are_as_add(void)
{
    enum { N = 100000 };
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    gru4rec_items *items = new_items(&allocator), *added = new_items(&allocator);
    char text[24];
    CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
    CHECK_INT(-1, find(items, id_integer(1)));
    for (int32_t i = 0; i < N; i++) {
        CHECK_INT(GRU4REC_OK, append(items, make_id(i, text), (int64_t)i << 33));
        CHECK_INT(GRU4REC_OK, add(added, make_id(i, text), (int64_t)i << 33));
    }
    CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
    check_all(items, N);
    check_all(added, N);
    /* of the same size, and as good to find by the text form */
    CHECK_INT(gru4rec_items_bytes(added), gru4rec_items_bytes(items));
    CHECK_INT(1, find(items, id_text("2999999999")));
    gru4rec_items_free(added);
    gru4rec_items_free(items);
    CHECK_INT(0, fault.n_live);
}

static void add_goes_on_where_an_index_ended(void)
{
    gru4rec_items *items = new_items(NULL);
    char text[24];
    for (int32_t n = 0; n < 1000;) {
        for (int32_t end = n + 1 + n / 7; n < end; n++)
            CHECK_INT(GRU4REC_OK, append(items, make_id(n, text), (int64_t)n << 33));
        CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
        CHECK_INT(GRU4REC_INVALID, add(items, make_id(n / 2, text), 1));
        CHECK_INT(n, gru4rec_items_count(items));
        CHECK_INT(GRU4REC_OK, add(items, make_id(n, text), (int64_t)n << 33));
        n++;
        check_all(items, n);
    }
    gru4rec_items_free(items);
}

static void index_refuses_duplicates(void)
{
    const gru4rec_id pairs[][2] = {{id_text("a"), id_text("a")},
                                   {id_integer(1), id_integer(1)},
                                   {id_real(1.0), id_integer(1)},
                                   {id_integer(1), id_real(1.0)}};
    char text[24];
    for (size_t p = 0; p < 4; p++)
        for (int32_t n = 0; n < 100; n++) {
            fault_alloc fault = {0};
            gru4rec_allocator allocator = fault_alloc_allocator(&fault);
            gru4rec_items *items = new_items(&allocator);
            CHECK_INT(GRU4REC_OK, append(items, pairs[p][0], 1));
            for (int32_t i = 0; i < n; i++)
                CHECK_INT(GRU4REC_OK, append(items, make_id(i, text), i));
            if (n % 2)
                CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
            CHECK_INT(GRU4REC_OK, append(items, pairs[p][1], 2));
            CHECK_INT(GRU4REC_OK, append(items, id_text("the last"), 3));
            CHECK_INT(GRU4REC_INVALID, gru4rec_items_index(items, NULL, NULL));
            gru4rec_items_free(items);
            CHECK_INT(0, fault.n_live);
        }
    /* Another type with the same text form is another item. */
    gru4rec_items *items = new_items(NULL);
    CHECK_INT(GRU4REC_OK, append(items, id_text("1"), 1));
    CHECK_INT(GRU4REC_OK, append(items, id_integer(1), 2));
    CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
    CHECK_INT(0, find(items, id_text("1")));
    CHECK_INT(1, find(items, id_integer(1)));
    gru4rec_items_free(items);
}

static void short_memory_at_append_and_index(void)
{
    enum { N = 120 };
    size_t n_failures = 0, n_failed = 1;
    for (size_t fail_at = 2; n_failed > 0; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_items *items = new_items(&allocator);
        char text[24];
        for (int32_t i = 0; i < N; i++) {
            gru4rec_status status = append(items, make_id(i, text), (int64_t)i << 33);
            if (status == GRU4REC_OK)
                continue;
            CHECK_INT(GRU4REC_NOMEM, status);
            CHECK_INT(i, gru4rec_items_count(items));
            CHECK_INT(GRU4REC_OK, append(items, make_id(i, text), (int64_t)i << 33));
        }
        gru4rec_status status = gru4rec_items_index(items, NULL, NULL);
        if (status != GRU4REC_OK) {
            CHECK_INT(GRU4REC_NOMEM, status);
            CHECK_INT(GRU4REC_OK, gru4rec_items_index(items, NULL, NULL));
        }
        check_all(items, N);
        gru4rec_items_free(items);
        CHECK_INT(0, fault.n_live);
        n_failed = fault.n_failed;
        n_failures += n_failed;
    }
    CHECK(n_failures > 10);
}

int main(void)
{
    RUN(rows_keep_their_order_and_support);
    RUN(duplicates_are_refused);
    RUN(id_is_copied);
    RUN(same_type_goes_before_same_text);
    RUN(text_of_an_integer_finds_it);
    RUN(other_spellings_are_other_items);
    RUN(wide_real_is_no_integer);
    RUN(text_is_read_to_its_length);
    RUN(short_memory_is_told_and_leaves_no_trace);
    RUN(append_and_index_are_as_add);
    RUN(add_goes_on_where_an_index_ended);
    RUN(index_refuses_duplicates);
    RUN(short_memory_at_append_and_index);
    return test_end();
}
