/*
 * synonyms.h - the names that options have in other tools.
 */
#ifndef G4R_SYNONYMS_H
#define G4R_SYNONYMS_H

#include "../base/base.h"

typedef struct g4r_synonym {
    const char *words;          /* names in other tools, as "first|second" */
    gru4rec_option_scope scope; /* where the words mean this */
    const char *names;  /* our options of that meaning, as "first|second"; or NULL */
    const char *advice; /* what to do if we have no such option; else NULL */
} g4r_synonym;

/*
 * Returns the synonym of that scope that has the name among its words; case, _ and - do
 * not matter. If there is none, the name may be mistyped: it returns the synonym whose
 * word differs in the fewest edits, if they are fewer than below. Otherwise it returns
 * NULL.
 */
const g4r_synonym *g4r_synonyms_find(const char *name, gru4rec_option_scope scope,
                                     int below);
/*
 * Returns the number of edits (insert, delete or change a character) that turn name, in
 * lower case, into word (length bytes); 32 if one of them is longer than 32 characters.
 */
int g4r_synonyms_distance(const char *name, const char *word, size_t length);
/* Returns synonym number index, for tests; NULL behind the last one. */
const g4r_synonym *g4r_synonyms_get(size_t index);

#endif
