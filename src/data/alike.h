/*
 * alike.h - finds ids that are alike: they differ only in how they are written.
 *
 * Two ids are alike if they become equal when three things are ignored: their type (5 and
 * '5'), upper and lower case of ASCII letters, and the white space around the text. Such
 * ids often mean the same item or session. An id that is empty or only white space is
 * alike to no other id.
 */
#ifndef G4R_ALIKE_H
#define G4R_ALIKE_H

#include "dict.h"

typedef struct g4r_alike {
    int64_t n; /* number of ids that are alike to an id with a smaller number */
    /*
     * The numbers of an example: pair[1] is the first id that is alike to an id before
     * it, and pair[0] is the first id to which it is alike. Both are -1 if no ids are
     * alike.
     */
    int32_t pair[2];
    /*
     * (ids) 1: the id is white space and nothing else; an empty id has 0. NULL: no id is
     * only white space.
     */
    uint8_t *is_blank;
} g4r_alike;

/*
 * Compares all ids of the dictionary, and overwrites all fields of alike with what it
 * found. Returns false if there is not enough memory, or if the caller asked to stop
 * (watch); alike then tells about some of the ids only. In each case, the caller frees
 * alike->is_blank with g4r_alloc_free() and the dictionary's allocator. The dictionary
 * stays as it is.
 */
bool g4r_alike_find(const g4r_dict *ids, g4r_alike *alike, g4r_stop_watch *watch);

#endif
