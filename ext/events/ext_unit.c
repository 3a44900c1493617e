/* ext_unit.c - finds the unit of times that are numbers; see ext_events.h. */
#include "ext_events.h"

/* The known units, the longest first: name, how many make a second, its nanoseconds. */
static const ext_unit units[EXT_UNITS] = {
    {"seconds", 1, 1000000000},
    {"milliseconds", 1e3, 1000000},
    {"microseconds", 1e6, 1000},
    {"nanoseconds", 1e9, 1},
};

const ext_unit *const ext_unit_second = &units[0];

const ext_unit *ext_unit_of(const gru4rec_time *time)
{
    const double since_1980 = 315532800, until_2100 = 4102444800;
    const double real = gru4rec_time_real(time);
    if (time->type == GRU4REC_TIME_DATE)
        return ext_unit_second;
    for (int i = 0; i < EXT_UNITS; i++)
        if (real >= since_1980 * units[i].per_second &&
            real < until_2100 * units[i].per_second)
            return &units[i];
    return NULL;
}

void ext_unit_count(ext_unit_counts *counts, const gru4rec_time *time)
{
    const ext_unit *unit = ext_unit_of(time);
    counts->n++;
    if (unit != NULL)
        counts->of[unit - units]++;
}

int64_t ext_unit_others(const ext_unit_counts *counts)
{
    int64_t most = 0, n_known = 0;
    for (int i = 0; i < EXT_UNITS; i++) {
        n_known += counts->of[i];
        if (most < counts->of[i])
            most = counts->of[i];
    }
    return 2 * n_known > counts->n ? counts->n - most : 0;
}

void ext_unit_see(ext_unit_seen *seen, const gru4rec_time *time)
{
    const ext_unit *unit = ext_unit_of(time);
    if (!seen->is_there)
        seen->unit = unit;
    else if (seen->unit != unit)
        seen->unit = NULL; /* for good: no other branch sets the unit again */
    seen->is_there = true;
}
