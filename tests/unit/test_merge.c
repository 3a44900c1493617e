/* test_merge.c - numbers of distinct rows: order, repeats, collisions, clearing. */
#include "../../src/base/rng.h"
#include "../../src/train/merge.h"
#include "../lib/test.h"

enum { MOST = 1000 };

static const uint64_t key = 0x9e3779b97f4a7c15u;

static bool start(g4r_merge *merge, g4r_arena *arena, size_t n_rows)
{
    memset(arena, 0, sizeof *arena);
    g4r_merge_layout(merge, arena, n_rows, key);
    if (!CHECK(g4r_arena_allocate(arena, &g4r_alloc_libc)))
        return false;
    g4r_merge_layout(merge, arena, n_rows, key);
    g4r_merge_clear(merge);
    return true;
}

/* The row's number; is it new? */
static int32_t add(g4r_merge *merge, int32_t row, bool *is_new)
{
    int32_t n = merge->n_distinct;
    g4r_merge_add(merge, &row, 1);
    *is_new = merge->n_distinct > n;
    return merge->number[merge->n - 1];
}

static void test_numbers_in_order(void)
{
    static const int32_t rows[] = {7, 0, 7, 2147483647, 0, 3, 2147483647, 7};
    static const int32_t numbers[] = {0, 1, 0, 2, 1, 3, 2, 0};
    static const bool news[] = {true, true, false, true, false, true, false, false};
    g4r_merge merge;
    g4r_arena arena;
    if (!start(&merge, &arena, 8))
        return;
    CHECK_INT(0, merge.n_distinct);
    for (size_t i = 0; i < 8; i++) {
        bool is_new;
        CHECK_INT(numbers[i], add(&merge, rows[i], &is_new));
        CHECK_INT(news[i], is_new);
    }
    CHECK_INT(4, merge.n_distinct);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

/* Adds rows and compares with a list that is searched from its start. */
static void check_against_list(g4r_merge *merge, const int32_t *rows, size_t n)
{
    static int32_t list[MOST];
    int32_t n_list = 0;
    g4r_merge_clear(merge);
    for (size_t i = 0; i < n; i++) {
        bool is_new;
        int32_t place = 0;
        while (place < n_list && list[place] != rows[i])
            place++;
        CHECK_INT(place, add(merge, rows[i], &is_new));
        CHECK_INT(place == n_list, is_new);
        if (place == n_list)
            list[n_list++] = rows[i];
    }
    CHECK_INT(n_list, merge->n_distinct);
}

/* As many distinct rows as there is room for, near each other and far apart. */
static void test_full(void)
{
    static int32_t rows[MOST];
    static const int32_t strides[] = {1, 2, 64, 2048, 65536, 2097152};
    g4r_merge merge;
    g4r_arena arena;
    g4r_rng rng;
    if (!start(&merge, &arena, MOST))
        return;
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        for (int32_t i = 0; i < MOST; i++)
            rows[i] = i * strides[s];
        check_against_list(&merge, rows, MOST);
    }
    g4r_rng_seed(&rng, 1, 0, 0);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < MOST; i++)
            rows[i] = (int32_t)(g4r_rng_uniform(&rng) * 700);
        check_against_list(&merge, rows, MOST);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

/* Rows that begin their search in one cell, found by trying. */
static void test_collisions(void)
{
    int32_t rows[32], n = 0;
    g4r_merge merge;
    g4r_arena arena;
    bool is_new;
    if (!start(&merge, &arena, 32))
        return;
    for (int32_t row = 0; n < 32; row++) {
        g4r_merge_clear(&merge);
        add(&merge, row, &is_new);
        if (merge.cells[merge.n_cells - 1].stamp == merge.stamp)
            rows[n++] = row; /* the last cell: the search wraps around */
    }
    check_against_list(&merge, rows, 32);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

static void test_clear(void)
{
    g4r_merge merge;
    g4r_arena arena;
    bool is_new;
    if (!start(&merge, &arena, 4))
        return;
    for (int round = 0; round < 3; round++) {
        g4r_merge_clear(&merge);
        CHECK_INT(0, add(&merge, 5, &is_new));
        CHECK(is_new);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

/* When all stamps are used up, rows of the very first ones are not found again. */
static void test_stamp_wraps(void)
{
    g4r_merge merge;
    g4r_arena arena;
    bool is_new;
    if (!start(&merge, &arena, 8))
        return;
    uint32_t first_stamp = merge.stamp;
    for (int32_t row = 0; row < 8; row++)
        add(&merge, row, &is_new);
    merge.stamp = UINT32_MAX;
    for (int round = 0; round < 3; round++) {
        g4r_merge_clear(&merge);
        CHECK(merge.stamp >= first_stamp && merge.stamp < first_stamp + 3);
        for (int32_t row = 7; row >= 0; row--) {
            CHECK_INT(7 - row, add(&merge, row, &is_new));
            CHECK(is_new);
        }
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

/* Rows that all met in a table whose multiplier was known. */
static void test_crafted_rows(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 3, 0, 0);
    for (int round = 0; round < 10; round++) {
        g4r_merge merge;
        g4r_arena arena;
        size_t n_probes = 0;
        memset(&arena, 0, sizeof arena);
        const uint64_t random = g4r_rng_next(&rng);
        g4r_merge_layout(&merge, &arena, MOST, random);
        if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)))
            return;
        g4r_merge_layout(&merge, &arena, MOST, random);
        g4r_merge_clear(&merge);
        const uint32_t mask = merge.n_cells - 1;
        for (int32_t row = 0; merge.n < MOST; row++)
            if (((uint32_t)row * 0x9e3779b1u >> 7 & mask) < 8)
                g4r_merge_add(&merge, &row, 1);
        for (uint32_t i = 0; i <= mask; i++) {
            const uint64_t row = (uint64_t)merge.cells[i].row;
            if (merge.cells[i].stamp == merge.stamp)
                n_probes += (i - (uint32_t)(row * merge.multiplier >> 32)) & mask;
        }
        CHECK(n_probes < 3 * MOST);
        g4r_arena_free(&arena, &g4r_alloc_libc);
    }
}

int main(void)
{
    RUN(test_numbers_in_order);
    RUN(test_full);
    RUN(test_collisions);
    RUN(test_clear);
    RUN(test_stamp_wraps);
    RUN(test_crafted_rows);
    return test_end();
}
