/* index.c - makes the index of sessions and items; see index.h. */
#include "index.h"

#include "../data/sort.h"

void g4r_index_layout(g4r_index *index, const gru4rec_baseline *baseline, bool has_places,
                      g4r_arena *kept, g4r_arena *scratch)
{
    const size_t n_items = baseline->n_items, n_sessions = baseline->n_sessions;
    const size_t n = baseline->n_events; /* at least the number of elements of rows */
    index->first = g4r_arena_take(kept, n_sessions + 1, sizeof *index->first);
    index->rows = g4r_arena_take(kept, n, sizeof *index->rows);
    index->places = has_places ? g4r_arena_take(kept, n, sizeof *index->places) : NULL;
    index->times = g4r_arena_take(kept, n_sessions, sizeof *index->times);
    index->first_having = g4r_arena_take(kept, n_items + 1, sizeof *index->first_having);
    index->having = g4r_arena_take(kept, n, sizeof *index->having);
    index->by_age = g4r_arena_take(scratch, n_sessions, sizeof *index->by_age);
    index->copied_by = g4r_arena_take(scratch, n_items, sizeof *index->copied_by);
}

static double last_time(const gru4rec_dataset *sessions, uint32_t s)
{
    return sessions->times[sessions->offsets[s + 1] - 1];
}

/*
 * Compares the sessions at the places x and y of the dataset by the times of their last
 * events; at equal times by their places. context is the dataset.
 */
static int compare_ages(const void *context, uint32_t x, uint32_t y)
{
    const gru4rec_dataset *sessions = context;
    const double a = last_time(sessions, x), b = last_time(sessions, y);
    return a != b ? G4R_COMPARE(a, b) : G4R_COMPARE(x, y);
}

/*
 * Copies the distinct items of session s (its number in the index) to index->rows, from
 * place *n on, and their last places to index->places if it is not NULL; adds their
 * number to *n. The item that stands last in the session comes first. If the caller asks
 * to stop (watch), it copies only some.
 */
static void copy_items(g4r_index *index, const gru4rec_dataset *sessions, int32_t s,
                       int64_t *n, g4r_stop_watch *watch)
{
    const int64_t first = sessions->offsets[index->by_age[s]];
    const int64_t end = sessions->offsets[index->by_age[s] + 1];
    for (int64_t i = end; i-- > first && !g4r_stop_watch_is_over(watch);) {
        const int32_t row = sessions->item_rows[i];
        if (index->copied_by[row] == s)
            continue;
        index->copied_by[row] = s;
        index->rows[*n] = row;
        if (index->places != NULL)
            index->places[*n] = (int32_t)(i - first) + 1;
        ++*n;
    }
}

/*
 * Fills first_having and having: for each item the sessions that contain it, the youngest
 * first. It makes them from first and rows, by counting sort. If the caller asks to stop
 * (watch), they are incomplete.
 */
static void find_having(g4r_index *index, int32_t n_sessions, size_t n_items,
                        g4r_stop_watch *watch)
{
    int64_t *first = index->first_having;
    memset(first, 0, (n_items + 1) * sizeof *first);
    for (int64_t i = 0; i < index->first[n_sessions] && !g4r_stop_watch_is_over(watch);
         i++)
        first[index->rows[i] + 1]++;
    for (size_t row = 0; row < n_items; row++)
        first[row + 1] += first[row];
    if (watch->is_over)
        return;
    /*
     * In this loop, first[row] is where the next session of the item row goes in having.
     * When all sessions are in their places, it is the end of the row's sessions, which
     * is the beginning of those of row + 1. The memmove() behind the loop puts each entry
     * where it belongs.
     */
    for (int32_t s = n_sessions; s-- > 0;)
        for (int64_t i = index->first[s];
             i < index->first[s + 1] && !g4r_stop_watch_is_over(watch); i++)
            index->having[first[index->rows[i]]++] = s;
    memmove(first + 1, first, n_items * sizeof *first);
    first[0] = 0;
}

bool g4r_index_fill(g4r_index *index, const gru4rec_baseline *baseline,
                    g4r_stop_watch *watch)
{
    const gru4rec_dataset *sessions = baseline->data.sessions;
    const int32_t n_sessions = (int32_t)baseline->n_sessions;
    const g4r_sort_rule rule = {compare_ages, sessions};
    int64_t n = 0;
    for (int32_t s = 0; s < n_sessions; s++)
        index->by_age[s] = (uint32_t)s;
    for (size_t row = 0; row < baseline->n_items; row++)
        index->copied_by[row] = -1;
    if (!g4r_sort(index->by_age, baseline->n_sessions, &rule, &baseline->allocator,
                  watch))
        return false;
    index->first[0] = 0;
    for (int32_t s = 0; s < n_sessions && !watch->is_over; s++) {
        index->times[s] = last_time(sessions, index->by_age[s]);
        copy_items(index, sessions, s, &n, watch);
        index->first[s + 1] = n;
    }
    if (!watch->is_over)
        find_having(index, n_sessions, baseline->n_items, watch);
    return !watch->is_over;
}
