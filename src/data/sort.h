/*
 * sort.h - a stable sort that can be stopped.
 *
 * What is in order already is only checked; what is not takes 4 bytes more an element.
 */
#ifndef G4R_SORT_H
#define G4R_SORT_H

#include "../base/alloc.h"
#include "../base/stop.h"

/* How elements compare, which are numbers of what is sorted. */
typedef struct g4r_sort_rule {
    int (*compare)(const void *context, uint32_t x, uint32_t y);
    const void *context;
} g4r_sort_rule;

/* Sorts a list (n). False when memory is short, or it was stopped. */
bool g4r_sort(uint32_t *list, size_t n, const g4r_sort_rule *rule,
              const gru4rec_allocator *allocator, g4r_stop_watch *watch);

#endif
