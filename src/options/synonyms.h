/* synonyms.h - finds our options for the names that options have in other tools. */
#ifndef G4R_SYNONYMS_H
#define G4R_SYNONYMS_H

#include "../base/base.h"

typedef struct g4r_synonym {
    /* Names in other tools, in lower case, as "first|second". */
    const char *words;
    /* The words have this meaning only among options of this scope. */
    gru4rec_option_scope scope;
    /* Our options with this meaning, as "first|second". NULL: we have none. */
    const char *names;
    /*
     * If names is NULL: the end of the message, which says what to do instead. Else NULL.
     */
    const char *advice;
} g4r_synonym;

/*
 * Finds the entry of the table whose scope has a bit of scope and whose words name means.
 * Words that are the same as name come first; case and the characters _ - . and space do
 * not matter. If there is none, name may be mistyped: the word with the fewest edits is
 * taken, if they are at most 2 and fewer than below, and the word has more than 4
 * letters. Returns the entry, which is a constant; NULL if there is none.
 */
const g4r_synonym *g4r_synonyms_find(const char *name, gru4rec_option_scope scope,
                                     int below);
/*
 * Returns the number of edits (insert, delete or change a character) that turn name into
 * word (length bytes, in lower case). The case of name does not matter. If one of them is
 * longer than 32 characters, returns 32.
 */
int g4r_synonyms_distance(const char *name, const char *word, size_t length);
/*
 * Returns entry number index (from 0) of the table of synonyms, a constant; NULL if the
 * table has no such entry.
 */
const g4r_synonym *g4r_synonyms_get(size_t index);

#endif
