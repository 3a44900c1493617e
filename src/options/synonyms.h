/*
 * synonyms.h - what options are called elsewhere.
 */
#ifndef G4R_SYNONYMS_H
#define G4R_SYNONYMS_H

#include "../base/base.h"

typedef struct g4r_synonym {
    const char *words;          /* "first|second": what they are called elsewhere */
    gru4rec_option_scope scope; /* where they mean that */
    const char *names;          /* what they are called here, in the same form; or NULL */
    const char *advice; /* what is done instead, where no name says it; else NULL */
} g4r_synonym;

/*
 * What has that name elsewhere, in any case, with or without _ and -; else what a mistyped
 * name is nearest to, if that takes fewer edits than below; or NULL.
 */
const g4r_synonym *g4r_synonyms_find(const char *name, gru4rec_option_scope scope,
                                     int below);
/* Edits (insert, drop, change) that turn a name, in any case, into the word (of length
 * bytes); names are short. */
int g4r_synonyms_distance(const char *name, const char *word, size_t length);
/* One after another, for tests; NULL behind the last. */
const g4r_synonym *g4r_synonyms_get(size_t index);

#endif
