/* seen.c - keeps the seen items of each lane; see seen.h. */
#include "seen.h"

#include "../base/rows.h"

void g4r_seen_layout(g4r_seen *seen, g4r_arena *arena, size_t n_lanes, size_t most)
{
    seen->most = most;
    seen->rows = g4r_arena_take(arena, g4r_mul(n_lanes, most), sizeof *seen->rows);
    seen->n = g4r_arena_take(arena, n_lanes, sizeof *seen->n);
}

void g4r_seen_carry(g4r_seen *seen, const int32_t *from, size_t m)
{
    for (size_t lane = 0; lane < m; lane++) {
        const size_t before = (size_t)from[lane];
        if (from[lane] < 0) {
            seen->n[lane] = 0;
        } else if (before != lane) { /* before > lane: not overwritten yet */
            seen->n[lane] = seen->n[before];
            memcpy(seen->rows + lane * seen->most, seen->rows + before * seen->most,
                   seen->n[lane] * sizeof *seen->rows);
        }
    }
}

void g4r_seen_add(g4r_seen *seen, size_t lane, int32_t row)
{
    int32_t *rows = seen->rows + lane * seen->most;
    seen->n[lane] = g4r_rows_add(rows, seen->n[lane], row);
}

const int32_t *g4r_seen_rows(const g4r_seen *seen, size_t lane)
{
    return seen->rows + lane * seen->most;
}
