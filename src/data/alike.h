/*
 * alike.h - finds ids that are alike: they differ only in how they are written.
 *
 * Two ids are alike if they become equal when three things are ignored: their type (5 and
 * '5'), upper and lower case of ASCII letters, and the white space around the text. Such
 * ids often mean the same item or session.
 */
#ifndef G4R_ALIKE_H
#define G4R_ALIKE_H

#include "dict.h"

typedef struct g4r_alike {
    int64_t n;         /* number of ids that are alike to an id before them */
    int32_t pair[2];   /* numbers of the first two ids that are alike; -1: no such ids */
    uint8_t *is_blank; /* (ids) 1: the id is only white space; NULL: no id is */
} g4r_alike;

/*
 * Looks at all ids of the dictionary and fills alike. Returns false if there is not
 * enough memory, or if the watch stopped the search. The caller frees alike->is_blank
 * with the dictionary's allocator, whatever the function returned.
 */
bool g4r_alike_find(const g4r_dict *ids, g4r_alike *alike, g4r_stop_watch *watch);

#endif
