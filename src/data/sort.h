/*
 * sort.h - a stable sort that can be stopped.
 *
 * A list that is already in order is only checked. To sort any other list of more than 8
 * elements, it allocates 4 bytes for each element, and frees them at the end.
 */
#ifndef G4R_SORT_H
#define G4R_SORT_H

#include "../base/alloc.h"
#include "../base/stop.h"

/* How two elements compare. Elements are numbers; context knows what they stand for. */
typedef struct g4r_sort_rule {
    /*
     * Returns a negative number if x stands before y, 0 if they are equal, else a
     * positive number.
     */
    int (*compare)(const void *context, uint32_t x, uint32_t y);
    const void *context;
} g4r_sort_rule;

/*
 * Sorts list (n) in place, in ascending order of the rule; equal elements keep their
 * order. Returns false if there is not enough memory: the list is unchanged then. Also
 * returns false if the caller asked to stop (watch): the list then has all its elements,
 * but in no useful order. A list of up to 8 elements needs no memory.
 */
bool g4r_sort(uint32_t *list, size_t n, const g4r_sort_rule *rule,
              const gru4rec_allocator *allocator, g4r_stop_watch *watch);

#endif
