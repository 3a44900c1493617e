/*
 * option.h - a row of the options table, and its values as text.
 */
#ifndef G4R_OPTION_H
#define G4R_OPTION_H

#include "../base/base.h"

typedef enum g4r_option_kind {
    G4R_INTEGER,
    G4R_REAL,
    G4R_BOOLEAN,
    G4R_CHOICE,
    G4R_LIST,
    G4R_REALS,
    G4R_WORD,
    G4R_WORDS,
    G4R_SAMPLE,
    G4R_ACTIVATION
} g4r_option_kind;

typedef struct g4r_option {
    const char *name;
    g4r_option_kind kind;
    gru4rec_option_scope scope;
    size_t offset;    /* of the field in gru4rec_options */
    double min, max;  /* of numbers, and of what a G4R_SAMPLE draws */
    bool is_max_open; /* max itself is not allowed */
    /* G4R_CHOICE: "first|second", for 0, 1, ...; G4R_WORDS: for bits 0, 1, ... of which any
     * may be set; G4R_INTEGER: words for -1, -2, ...; G4R_WORD: what stands for itself */
    const char *words;
    const char *defaults; /* as text */
    const char *before; /* the default of models that do not say theirs; NULL: the same */
    bool is_later;      /* it came later; see options.c */
    const char *help;
} g4r_option;

/*
 * A field is of the type that the option's kind says: int64_t for INTEGER, BOOLEAN, CHOICE,
 * WORDS and SAMPLE, else double, gru4rec_list, gru4rec_reals, char[GRU4REC_MAX_WORD] or
 * gru4rec_activation.
 */

/* False, and *field is undefined, for text that is no value of the option. */
bool g4r_option_parse(const g4r_option *o, const char *text, void *field);
/* As snprintf: cut to size, returns the full length. */
int g4r_option_print(const g4r_option *o, const void *field, char *text, size_t size);
/* The accepted values, for people; size at least 200. */
void g4r_option_range(const g4r_option *o, char *text, size_t size);
gru4rec_option_type g4r_option_type(const g4r_option *o);
/* The index of word in "first|second" (any case), or -1. */
int g4r_option_word_index(const char *words, const char *word);

/* ---- options.c, for options_resolve.c ---- */

/* The row of that name (any case), or NULL. */
const g4r_option *g4r_options_find(const char *name);
bool g4r_options_is_set(const gru4rec_options *options, const char *name);
/* Gives what is not set itself the values of the preset. */
void g4r_options_apply_preset(gru4rec_options *options);

#endif
