/* recent.c - keeps the sessions that have a new event; see recent.h. */
#include "recent.h"

/*
 * Gives the sessions that have a new event the numbers 1, 2, ..., in number (n_sessions),
 * which must be zeroed before; the other sessions keep 0. If no event is old (is_old is
 * NULL), all events are new. Returns how many sessions have a new event. If the caller
 * asks to stop (watch), numbers and result are of no use.
 */
static int32_t number_recent(const gru4rec_events *events, int32_t *number,
                             g4r_stop_watch *watch)
{
    int32_t n = 0;
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        if (events->is_old == NULL || !events->is_old[i])
            number[events->session[i]] = 1;
    for (int32_t s = 0; s < events->n_sessions; s++)
        if (number[s] != 0)
            number[s] = ++n;
    return n;
}

/*
 * Sets events->owner for the sessions that stay, by their new numbers: element k becomes
 * the owner (the number in events->sessions) of the session s with number[s] = k + 1. An
 * array events->owner that exists already is changed in place; else it is allocated.
 * Returns false, and changes nothing, if there is not enough memory.
 */
static bool number_owners(gru4rec_events *events, const int32_t *number)
{
    int32_t *owner = events->owner;
    if (owner == NULL)
        owner = g4r_alloc(&events->allocator, (size_t)events->n_sessions, sizeof *owner);
    if (owner == NULL)
        return false;
    for (int32_t s = 0; s < events->n_sessions; s++)
        if (number[s] != 0)
            owner[number[s] - 1] = g4r_events_owner(events, s);
    events->owner = owner;
    return true;
}

/*
 * Copies the event at index from to index to (to <= from), in all columns but session and
 * is_old.
 */
static void move_event(gru4rec_events *events, size_t to, size_t from)
{
    events->item[to] = events->item[from];
    events->time[to] = events->time[from];
    if (events->time_types != NULL)
        events->time_types[to] = events->time_types[from];
    if (events->order != NULL)
        events->order[to] = events->order[from];
    if (events->wide_order != NULL)
        events->wide_order[to] = events->wide_order[from];
    if (events->number != NULL)
        events->number[to] = events->number[from];
}

bool g4r_recent_keep(gru4rec_events *events, g4r_stop_watch *watch)
{
    size_t n = 0;
    int32_t *number =
        g4r_alloc(&events->allocator, (size_t)events->n_sessions, sizeof *number);
    bool is_ok = number != NULL;
    if (is_ok) {
        const int32_t n_recent = number_recent(events, number, watch);
        is_ok = !watch->is_over && number_owners(events, number);
        if (is_ok)
            events->n_sessions = n_recent;
    }
    for (size_t i = 0; is_ok && i < events->n && !g4r_stop_watch_is_over(watch); i++) {
        const int32_t s = number[events->session[i]];
        if (s == 0)
            continue;
        move_event(events, n, i);
        events->session[n++] = s - 1;
    }
    g4r_alloc_free(&events->allocator, number);
    if (!is_ok || watch->is_over)
        return false;
    events->n_old += (int64_t)(events->n - n);
    events->n = n;
    G4R_ALLOC_CLEAR(&events->allocator, events->is_old);
    return true;
}
