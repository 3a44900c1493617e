/* rowset.c - see rowset.h. */
#include "rowset.h"

void g4r_rowset_layout(g4r_rowset *set, g4r_arena *arena, size_t n_rows)
{
    size_t n_slots = 16;
    while (n_slots < 2 * n_rows)
        n_slots *= 2;
    set->n_slots = (uint32_t)n_slots;
    set->slots = g4r_arena_take(arena, n_slots, sizeof *set->slots);
    set->stamp = 0;
    set->n = 0;
}

void g4r_rowset_clear(g4r_rowset *set)
{
    set->n = 0;
    if (++set->stamp == 0) {
        memset(set->slots, 0, set->n_slots * sizeof *set->slots);
        set->stamp = 1;
    }
}

int32_t g4r_rowset_add(g4r_rowset *set, int32_t row, bool *is_new)
{
    uint32_t mask = set->n_slots - 1;
    uint32_t i = ((uint32_t)row * 0x9e3779b1u >> 7) & mask;
    while (set->slots[i].stamp == set->stamp && set->slots[i].row != row)
        i = (i + 1) & mask;
    *is_new = set->slots[i].stamp != set->stamp;
    if (*is_new)
        set->slots[i] = (struct g4r_rowset_slot){set->stamp, row, set->n++};
    return set->slots[i].number;
}
