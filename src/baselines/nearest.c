/* nearest.c - finds the nearest sessions; see nearest.h. */
#include "nearest.h"

void g4r_nearest_layout(g4r_nearest *nearest, const gru4rec_baseline *baseline,
                        const g4r_index *index, size_t sample_size, size_t k,
                        g4r_arena *arena)
{
    const size_t n_items = baseline->n_items;
    nearest->index = index;
    nearest->sample_size = sample_size;
    nearest->k = G4R_MIN(k, baseline->n_sessions);
    nearest->places = g4r_arena_take(arena, n_items, sizeof *nearest->places);
    nearest->clicks = g4r_arena_take(arena, n_items, sizeof *nearest->clicks);
    nearest->cursors = g4r_arena_take(arena, n_items, sizeof *nearest->cursors);
    nearest->neighbours = g4r_arena_take(arena, nearest->k, sizeof *nearest->neighbours);
}

void g4r_nearest_start(g4r_nearest *nearest, const gru4rec_prefix *prefix)
{
    nearest->n_clicks = 0;
    for (size_t i = 0; i < prefix->n; i++)
        nearest->places[prefix->rows[i]] = (int32_t)i + 1;
    for (size_t i = 0; i < prefix->n; i++) {
        const int32_t row = prefix->rows[i], place = (int32_t)i + 1;
        if (nearest->places[row] == place)
            nearest->clicks[nearest->n_clicks++] =
                (g4r_nearest_click){.row = row, .place = place};
    }
}

void g4r_nearest_end(g4r_nearest *nearest)
{
    for (size_t i = 0; i < nearest->n_clicks; i++)
        nearest->places[nearest->clicks[i].row] = 0;
}

/* ---- merging the lists: a heap of cursors, the youngest session on top ---- */

/*
 * Moves the cursor at i down to its place in the heap (n), in which the largest key is on
 * top: that of the youngest session, and of one session that of the latest click.
 */
static void sift_cursor(g4r_nearest_cursor *heap, size_t i, size_t n)
{
    const g4r_nearest_cursor item = heap[i];
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && heap[child].key < heap[child + 1].key)
            child++;
        if (item.key >= heap[child].key)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = item;
}

static int32_t session_of(const g4r_nearest_cursor *cursor)
{
    return (int32_t)(cursor->key >> 32);
}

static int32_t place_of(const g4r_nearest_cursor *cursor)
{
    return (int32_t)(cursor->key & UINT32_MAX);
}

/*
 * Sets the cursor to the next session of its list; it must have one. place: that of the
 * cursor's click, which becomes the lower half of the key.
 */
static void move_on(g4r_nearest_cursor *cursor, int32_t place)
{
    cursor->key = (uint64_t)*cursor->next++ << 32 | (uint32_t)place;
}

/*
 * Fills nearest->cursors with a heap: one cursor for each click whose item is in a
 * session of training, which stands on the youngest session with that item. Clicks of
 * other items get no cursor. Returns the number of cursors.
 */
static size_t open_cursors(g4r_nearest *nearest)
{
    const g4r_index *index = nearest->index;
    size_t n = 0;
    for (size_t i = 0; i < nearest->n_clicks; i++) {
        const g4r_nearest_click *click = &nearest->clicks[i];
        g4r_nearest_cursor *cursor = &nearest->cursors[n];
        if (g4r_index_having(index, click->row) == 0)
            continue;
        cursor->next = index->having + index->first_having[click->row];
        cursor->end = index->having + index->first_having[click->row + 1];
        cursor->weight = click->weight;
        move_on(cursor, click->place);
        n++;
    }
    for (size_t i = n / 2; i-- > 0;)
        sift_cursor(nearest->cursors, i, n);
    return n;
}

/*
 * Moves the top cursor of the heap (n) to the next session of its list; if the list has
 * ended, removes the cursor. Then puts the cursor with the largest key on top. Returns
 * how many cursors are left.
 */
static size_t advance(g4r_nearest_cursor *heap, size_t n)
{
    if (heap->next < heap->end)
        move_on(heap, place_of(heap));
    else if (--n > 0)
        heap[0] = heap[n];
    if (n > 1)
        sift_cursor(heap, 0, n);
    return n;
}

/* ---- the nearest sessions: a heap with the farthest on top ---- */

/*
 * Tells whether a is nearer than b: it has a larger similarity, or it is equally similar
 * and younger.
 */
static bool is_nearer(const g4r_nearest_neighbour *a, const g4r_nearest_neighbour *b)
{
    return a->similarity > b->similarity ||
           (a->similarity == b->similarity && a->session > b->session);
}

/*
 * Puts item into the heap (n), which has a free place at i: there, or further down, so
 * that each neighbour is farther than its children, and the farthest is on top.
 * Neighbours on the way move up.
 */
static void sift_neighbour(g4r_nearest_neighbour *heap, size_t i, size_t n,
                           g4r_nearest_neighbour item)
{
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_nearer(&heap[child], &heap[child + 1]))
            child++;
        if (!is_nearer(&item, &heap[child]))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = item;
}

/*
 * Adds a neighbour to the n nearest found so far, if they are fewer than nearest->k. If
 * they are k already, it takes the place of the farthest if it is nearer than that, else
 * it is left out. Returns how many there are then. When they become k, they are made a
 * heap with the farthest on top.
 */
static size_t offer(const g4r_nearest *nearest, size_t n,
                    const g4r_nearest_neighbour *neighbour)
{
    g4r_nearest_neighbour *heap = nearest->neighbours;
    if (n < nearest->k) {
        heap[n++] = *neighbour;
        for (size_t i = n == nearest->k ? n / 2 : 0; i-- > 0;)
            sift_neighbour(heap, i, n, heap[i]);
    } else if (is_nearer(neighbour, &heap[0])) {
        sift_neighbour(heap, 0, n, *neighbour);
    }
    return n;
}

/*
 * Sorts the n neighbours in place, the nearest first. It makes a heap of them before,
 * because offer() makes none while they are fewer than k.
 */
static void sort_neighbours(g4r_nearest *nearest, size_t n)
{
    g4r_nearest_neighbour *heap = nearest->neighbours;
    for (size_t i = n / 2; i-- > 0;)
        sift_neighbour(heap, i, n, heap[i]);
    while (n > 1) {
        const g4r_nearest_neighbour last = heap[--n], top = heap[0];
        sift_neighbour(heap, 0, n, last);
        heap[n] = top;
    }
}

size_t g4r_nearest_find(g4r_nearest *nearest, g4r_nearest_similarity *similarity,
                        const void *context)
{
    g4r_nearest_cursor *top = nearest->cursors;
    size_t n_cursors = open_cursors(nearest), n = 0;
    for (size_t i = 0; i < nearest->sample_size && n_cursors > 0; i++) {
        g4r_nearest_neighbour one = {.session = session_of(top), .place = place_of(top)};
        double sum = 0;
        do {
            sum += top->weight;
            n_cursors = advance(top, n_cursors);
        } while (n_cursors > 0 && session_of(top) == one.session);
        one.similarity = similarity(context, one.session, sum);
        if (one.similarity > 0)
            n = offer(nearest, n, &one);
    }
    sort_neighbours(nearest, n);
    return n;
}
