/*
 * alike.h - ids that are one but for how they are written: type, upper and lower case of
 * ASCII, white space around them.
 */
#ifndef G4R_ALIKE_H
#define G4R_ALIKE_H

#include "dict.h"

typedef struct g4r_alike {
    int64_t n;         /* ids that are another one but for that */
    int32_t pair[2];   /* numbers of two such; -1: there are none */
    uint8_t *is_blank; /* (ids) nothing but white space; NULL: none is */
} g4r_alike;

/* False when memory is short, or it was stopped. Free alike->is_blank in any case. */
bool g4r_alike_find(const g4r_dict *ids, g4r_alike *alike, g4r_stop_watch *watch);

#endif
