/* pairs.c - finds the targets that two methods have in common; see pairs.h. */
#include "pairs.h"

/*
 * Tells whether both methods were measured on the same dataset object. Then the place of
 * an event in a's test is also its place in b's.
 */
static bool is_one_test(const g4r_pairs *pairs)
{
    return pairs->a->test == pairs->b->test;
}

void g4r_pairs_init(g4r_pairs *pairs, const gru4rec_side *a, const gru4rec_side *b)
{
    *pairs = (g4r_pairs){.a = a, .b = b};
    if (is_one_test(pairs))
        return;
    for (int64_t i = 0; i < a->test->n_events; i++)
        pairs->n_numbers = G4R_MAX(pairs->n_numbers, (size_t)a->test->numbers[i] + 1);
}

void g4r_pairs_layout(g4r_pairs *pairs, g4r_arena *arena)
{
    const size_t n_a = (size_t)pairs->a->test->n_events;
    const size_t n_b = (size_t)pairs->b->test->n_events;
    pairs->place_of = g4r_arena_take(arena, pairs->n_numbers, sizeof *pairs->place_of);
    pairs->is_settled = g4r_arena_take(arena, n_b, sizeof *pairs->is_settled);
    pairs->a_places = g4r_arena_take(arena, n_a, sizeof *pairs->a_places);
    pairs->b_places = g4r_arena_take(arena, n_a, sizeof *pairs->b_places);
}

/*
 * Returns the place in b's test of an event that is given by its place in a's test; -1 if
 * b's test does not have the event. find_places() must have been called.
 */
static int64_t find_event(const g4r_pairs *pairs, int64_t event)
{
    if (is_one_test(pairs))
        return event;
    return (int64_t)pairs->place_of[pairs->a->test->numbers[event]] - 1;
}

/*
 * Returns the session that contains the event with this place in the test. Searches by
 * bisection. The session is given by its index into test->offsets.
 */
static int64_t find_session(const gru4rec_dataset *test, int64_t event)
{
    int64_t from = 0, to = test->n_sessions - 1;
    while (from < to) {
        const int64_t middle = to - (to - from) / 2;
        if (test->offsets[middle] <= event)
            from = middle;
        else
            to = middle - 1;
    }
    return from;
}

/*
 * Tells whether the catalogue of side has the item of an event. event: the event's place
 * in the test of the other side, other.
 */
static bool knows_item_of(const gru4rec_side *side, const gru4rec_side *other,
                          int64_t event)
{
    gru4rec_id id;
    gru4rec_items_get(other->items, other->test->item_rows[event], &id);
    return gru4rec_items_find(side->items, &id) >= 0;
}

/*
 * Tells whether the event with this place in the test of side is a target of its method.
 */
static bool is_target(const gru4rec_side *side, int64_t event)
{
    return side->places[event] != GRU4REC_PLACE_NONE;
}

/*
 * Pairs event i of a's test with the same event in b's test. It is a common target if it
 * is a target of both methods, and the session of b that contains it is *shared. Then
 * a_places[i] and b_places[i] become its places by a and by b; otherwise both become
 * GRU4REC_PLACE_NONE.
 *
 * *shared: the session of b that contains the nearest event before i, in a's session,
 * that both tests have; -1 if there is none. If b's test has event i, *shared becomes the
 * session of b that contains event i, and is_settled of the event is set to 1.
 *
 * Adds 1 to n_unpaired if the event is a target of a or b, but no common target. If b's
 * test does not have the event, this needs that b knows its item.
 */
static void pair_event(g4r_pairs *pairs, int64_t i, int64_t *shared)
{
    const gru4rec_side *a = pairs->a, *b = pairs->b;
    const int64_t j = find_event(pairs, i);
    pairs->a_places[i] = pairs->b_places[i] = GRU4REC_PLACE_NONE;
    if (j < 0) {
        pairs->n_unpaired += is_target(a, i) && knows_item_of(b, a, i);
        return;
    }
    const int64_t session = find_session(b->test, j);
    pairs->is_settled[j] = 1;
    if (is_target(a, i) && is_target(b, j) && session == *shared) {
        pairs->a_places[i] = a->places[i];
        pairs->b_places[i] = b->places[j];
    } else {
        pairs->n_unpaired += is_target(a, i) || is_target(b, j);
    }
    *shared = session;
}

/*
 * Fills place_of: for each event of b's test with a number below n_numbers, 1 + its place
 * in b's test. The other entries stay 0. Does nothing if both sides have one test.
 */
static void find_places(g4r_pairs *pairs)
{
    const gru4rec_dataset *b = pairs->b->test;
    for (int64_t j = 0; j < b->n_events && !is_one_test(pairs); j++)
        if (b->numbers[j] < pairs->n_numbers)
            pairs->place_of[b->numbers[j]] = (uint32_t)j + 1;
}

void g4r_pairs_find(g4r_pairs *pairs, g4r_stop_watch *watch)
{
    const gru4rec_dataset *a = pairs->a->test, *b = pairs->b->test;
    find_places(pairs);
    for (int64_t s = 0; s < a->n_sessions; s++) {
        int64_t shared = -1;
        for (int64_t i = a->offsets[s];
             i < a->offsets[s + 1] && !g4r_stop_watch_is_over(watch); i++)
            pair_event(pairs, i, &shared);
    }
    for (int64_t j = 0; j < b->n_events && !g4r_stop_watch_is_over(watch); j++)
        if (!pairs->is_settled[j] && is_target(pairs->b, j))
            pairs->n_unpaired += knows_item_of(pairs->a, pairs->b, j);
}
