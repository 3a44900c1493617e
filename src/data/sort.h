/*
 * sort.h - a stable sort that can be stopped.
 *
 * A list that is already in order is only checked. Any other list of more than 8 elements
 * needs scratch memory of 4 bytes for each element.
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
 * Sorts list (n) in place; equal elements keep their order. Returns false if there is not
 * enough memory, and the list is then unchanged; or if the watch said stop, and the order
 * of the list is then worth nothing.
 */
bool g4r_sort(uint32_t *list, size_t n, const g4r_sort_rule *rule,
              const gru4rec_allocator *allocator, g4r_stop_watch *watch);

#endif
