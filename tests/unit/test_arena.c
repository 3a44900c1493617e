/* test_arena.c - arena.c: measuring and carving agree, slices are apart. */
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

#include "../../src/base/arena.h"

enum { N_SLICES = 40 };

static void take_all(g4r_arena *arena, char *slices[N_SLICES])
{
    for (size_t i = 0; i < N_SLICES; i++)
        slices[i] = g4r_arena_take(arena, i * 7 % 31, i % 3 + 1);
}

static size_t slice_bytes(size_t i)
{
    return (i * 7 % 31) * (i % 3 + 1);
}

static void slices_are_aligned_zero_and_apart(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_arena arena = {0};
    char *slices[N_SLICES];
    take_all(&arena, slices);
    for (size_t i = 0; i < N_SLICES; i++)
        CHECK(slices[i] == NULL);
    size_t measured = arena.used;
    if (!CHECK(g4r_arena_allocate(&arena, &allocator)))
        return;
    CHECK_INT(0, arena.used);
    take_all(&arena, slices);
    CHECK_INT(measured, arena.used);
    /* Each filled with its own number: what overlaps is overwritten. */
    for (size_t i = 0; i < N_SLICES; i++) {
        CHECK_INT(0, (uintptr_t)slices[i] % G4R_ALIGNMENT);
        for (size_t k = 0; k < slice_bytes(i); k++)
            CHECK_INT(0, slices[i][k]);
        memset(slices[i], (int)i + 1, slice_bytes(i));
    }
    for (size_t i = 0; i < N_SLICES; i++)
        for (size_t k = 0; k < slice_bytes(i); k++)
            CHECK_INT(i + 1, slices[i][k]);
    CHECK_INT(1, fault.n_live);
    g4r_arena_free(&arena, &allocator);
    CHECK_INT(0, fault.n_live);
}

static void freed_arena_is_empty(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_arena arena = {0};
    g4r_arena_free(&arena, &allocator);
    for (int round = 0; round < 3; round++) {
        CHECK(g4r_arena_take(&arena, 100, 4) == NULL);
        CHECK(round == 1 ? g4r_arena_allocate_scratch(&arena, &allocator)
                         : g4r_arena_allocate(&arena, &allocator));
        CHECK(g4r_arena_take(&arena, 100, 4) != NULL);
        g4r_arena_free(&arena, &allocator);
        CHECK(arena.base == NULL && arena.used == 0);
    }
    g4r_arena_free(&arena, &allocator);
    CHECK_INT(0, fault.n_live);
}

static void size_that_overflows_is_short_memory(void)
{
    const size_t wide[][2] = {{SIZE_MAX, 1},
                              {SIZE_MAX / 2, 4},
                              {(size_t)1 << 40, (size_t)1 << 40},
                              {SIZE_MAX / 4 + 1, 1}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        fault_alloc fault = {0};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        g4r_arena arena = {0};
        g4r_arena_take(&arena, 10, 4);
        g4r_arena_take(&arena, wide[i][0], wide[i][1]);
        CHECK(arena.used == SIZE_MAX);
        g4r_arena_take(&arena, 1, 1);
        CHECK(arena.used == SIZE_MAX);
        CHECK(!g4r_arena_allocate(&arena, &allocator));
        CHECK(!g4r_arena_allocate_scratch(&arena, &allocator));
        CHECK(arena.base == NULL);
        CHECK_INT(0, fault.n_live);
    }
}

static void many_large_slices_overflow_too(void)
{
    g4r_arena arena = {0};
    for (int i = 0; i < 64; i++)
        g4r_arena_take(&arena, SIZE_MAX / 8, 1);
    CHECK(arena.used == SIZE_MAX);
}

static void short_memory_is_told(void)
{
    fault_alloc fault = {.fail_at = 1};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_arena arena = {0};
    g4r_arena_take(&arena, 10, 4);
    CHECK(!g4r_arena_allocate(&arena, &allocator));
    CHECK(arena.base == NULL);
    g4r_arena_free(&arena, &allocator);
    CHECK_INT(0, fault.n_live);
}

int main(void)
{
    RUN(slices_are_aligned_zero_and_apart);
    RUN(freed_arena_is_empty);
    RUN(size_that_overflows_is_short_memory);
    RUN(many_large_slices_overflow_too);
    RUN(short_memory_is_told);
    return test_end();
}
