/* test_alloc.c - alloc.c, and the allocator of the tests themselves. */
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

#include "../../src/base/alloc.h"

static bool is_zero(const void *block, size_t bytes)
{
    const unsigned char *b = block;
    for (size_t i = 0; i < bytes; i++)
        if (b[i] != 0)
            return false;
    return true;
}

static void libc_allocator_works_as_realloc(void)
{
    const gru4rec_allocator *libc = &g4r_alloc_libc;
    char *block = libc->resize(libc->context, NULL, 3);
    if (!CHECK(block != NULL))
        return;
    memcpy(block, "ab", 3);
    block = libc->resize(libc->context, block, 100000);
    if (!CHECK(block != NULL))
        return;
    CHECK_TEXT("ab", block);
    CHECK(libc->resize(libc->context, block, 0) == NULL);
    CHECK(libc->resize(libc->context, NULL, 0) == NULL);
}

static void alloc_gives_zeroed_blocks(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    for (size_t n = 0; n < 40; n++) {
        void *block = g4r_alloc(&allocator, n, 12);
        CHECK(block != NULL && is_zero(block, n * 12));
        CHECK_INT(1, fault.n_live);
        g4r_alloc_free(&allocator, block);
        CHECK_INT(0, fault.n_live);
    }
}

static void alloc_of_too_much_is_short_memory(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    CHECK(g4r_alloc(&allocator, SIZE_MAX / 2, 3) == NULL);
    CHECK(g4r_alloc(&allocator, SIZE_MAX, SIZE_MAX) == NULL);
    CHECK(g4r_alloc(&allocator, (size_t)1 << 32, (size_t)1 << 32) == NULL);
    CHECK_INT(0, fault.n_live);
    CHECK_INT(SIZE_MAX, g4r_mul(SIZE_MAX / 2, 3));
    CHECK_INT(6, g4r_mul(2, 3));
    CHECK_INT(0, g4r_mul(SIZE_MAX, 0));
}

static void aligned_blocks_are_aligned_and_zero(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    void *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = g4r_alloc_aligned(&allocator, i);
        CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % G4R_ALIGNMENT == 0);
        CHECK(is_zero(blocks[i], i));
        memset(blocks[i], 0x5a, i);
    }
    CHECK_INT(200, fault.n_live);
    for (size_t i = 0; i < 200; i++)
        g4r_alloc_free_aligned(&allocator, blocks[i]);
    CHECK_INT(0, fault.n_live);
    CHECK_INT(0, fault.live_bytes);
}

static void aligned_alloc_of_too_much_is_short_memory(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    CHECK(g4r_alloc_aligned(&allocator, SIZE_MAX) == NULL);
    CHECK(g4r_alloc_aligned(&allocator, SIZE_MAX - G4R_ALIGNMENT) == NULL);
    fault = (fault_alloc){.fail_at = 1};
    CHECK(g4r_alloc_aligned(&allocator, 8) == NULL);
    CHECK_INT(0, fault.n_live);
}

static void free_takes_null(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_alloc_free(&allocator, NULL);
    g4r_alloc_free_aligned(&allocator, NULL);
    CHECK_INT(0, fault.n_requests);
}

static void grow_keeps_what_is_there(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    int64_t *array = NULL;
    size_t capacity = 0;
    for (size_t n = 0; n < 10000; n++) {
        size_t before = capacity;
        if (!CHECK(g4r_alloc_grow(&allocator, &array, &capacity, n + 1, sizeof *array)))
            return;
        CHECK(capacity >= n + 1);
        CHECK(capacity == before || capacity >= before + before / 2);
        array[n] = (int64_t)n;
    }
    for (size_t n = 0; n < 10000; n++)
        CHECK_INT(n, array[n]);
    /* log(10000 / 16) / log(1.5) + 2 = 17.9 */
    CHECK(fault.n_requests <= 18);
    g4r_alloc_free(&allocator, array);
    CHECK_INT(0, fault.n_live);
}

static void grow_that_fails_changes_nothing(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    int32_t *array = NULL;
    size_t capacity = 0;
    fault.fail_at = 1;
    CHECK(!g4r_alloc_grow(&allocator, &array, &capacity, 1, sizeof *array));
    CHECK(array == NULL && capacity == 0);
    CHECK(g4r_alloc_grow(&allocator, &array, &capacity, 5, sizeof *array));
    array[4] = 77;
    const int32_t *before = array;
    size_t before_capacity = capacity;
    CHECK(!g4r_alloc_grow(&allocator, &array, &capacity, SIZE_MAX / 2, sizeof *array));
    CHECK(array == before && capacity == before_capacity);
    CHECK_INT(77, array[4]);
    /* Room enough: no request. */
    size_t n_requests = fault.n_requests;
    CHECK(g4r_alloc_grow(&allocator, &array, &capacity, capacity, sizeof *array));
    CHECK_INT(n_requests, fault.n_requests);
    g4r_alloc_free(&allocator, array);
    CHECK_INT(0, fault.n_live);
}

static void fault_alloc_fails_when_asked(void)
{
    fault_alloc fault = {.fail_at = 2};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    void *first = g4r_alloc(&allocator, 1, 1);
    void *second = g4r_alloc(&allocator, 1, 1);
    void *third = g4r_alloc(&allocator, 1, 1);
    CHECK(first != NULL && second == NULL && third != NULL);
    fault.is_sticky = true;
    CHECK(g4r_alloc(&allocator, 1, 1) == NULL);
    CHECK_INT(2, fault.n_live);
    CHECK_INT(2, fault.n_failed);
    g4r_alloc_free(&allocator, first);
    g4r_alloc_free(&allocator, third);
    fault = (fault_alloc){.limit = 100};
    first = g4r_alloc(&allocator, 1, 60);
    CHECK(first != NULL && g4r_alloc(&allocator, 1, 41) == NULL);
    second = g4r_alloc(&allocator, 1, 40);
    CHECK(second != NULL);
    CHECK_INT(100, fault.peak_bytes);
    g4r_alloc_free(&allocator, first);
    g4r_alloc_free(&allocator, second);
    CHECK_INT(0, fault.live_bytes);
}

int main(void)
{
    RUN(libc_allocator_works_as_realloc);
    RUN(alloc_gives_zeroed_blocks);
    RUN(alloc_of_too_much_is_short_memory);
    RUN(aligned_blocks_are_aligned_and_zero);
    RUN(aligned_alloc_of_too_much_is_short_memory);
    RUN(free_takes_null);
    RUN(grow_keeps_what_is_there);
    RUN(grow_that_fails_changes_nothing);
    RUN(fault_alloc_fails_when_asked);
    return test_end();
}
