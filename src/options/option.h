/*
 * option.h - a row of the options table, and how its values are read from text and
 * written as text.
 */
#ifndef G4R_OPTION_H
#define G4R_OPTION_H

#include "../base/base.h"

/*
 * The kind of an option decides which texts it accepts, and the type of its field in
 * gru4rec_options, which the comment at each kind names.
 */
typedef enum g4r_option_kind {
    /* int64_t: a number, or for word i -1 - i. */
    G4R_INTEGER,
    /* double: a number, or for word i -1 - i. */
    G4R_REAL,
    G4R_BOOLEAN, /* int64_t: 0 or 1 */
    G4R_CHOICE,  /* int64_t: the index of one of the words */
    G4R_LIST,    /* gru4rec_list: integers, as "a/b/c" */
    G4R_REALS,   /* gru4rec_reals: numbers, as "a/b" */
    /* char[GRU4REC_MAX_WORD]: a date, a time, a number or one of the words, as text. */
    G4R_WORD,
    G4R_WORDS, /* int64_t: bit i is set for word i */
    /* int64_t: the N of "sample=N", number of items to draw; 0: "all". */
    G4R_SAMPLE,
    /* gru4rec_objective: "measure@k"; the measure is the index of one of the words. */
    G4R_OBJECTIVE,
    /* int64_t: always 0, for the text "default"; here it accepts no other. */
    G4R_SPACE,
    G4R_QUERY, /* as G4R_SPACE, for the text "none" */
    /* gru4rec_activation: a word, or leaky-a, elu-a or selu-a-b. */
    G4R_ACTIVATION
} g4r_option_kind;

typedef struct g4r_option {
    const char *name;
    g4r_option_kind kind;
    gru4rec_option_scope scope;
    /* Place of the option's field in gru4rec_options, in bytes. */
    size_t offset;
    /*
     * Smallest and largest number that the option accepts: of each number of a list, of
     * the N of a G4R_SAMPLE, of the k of a G4R_OBJECTIVE. Kinds without numbers have 0.
     */
    double min, max;
    bool is_max_open; /* true: max itself is not accepted */
    /*
     * Words that the option accepts, as "first|second", or NULL. They stand for 0, 1, ...
     * of a G4R_CHOICE, for bits 0, 1, ... of a G4R_WORDS, and for -1, -2, ... of a
     * G4R_INTEGER or a G4R_REAL. In a G4R_WORD they stand for themselves.
     */
    const char *words;
    /* The default, as a text that g4r_option_parse() accepts. */
    const char *defaults;
    /*
     * The value, as text, for stored models whose options do not contain this option
     * (gru4rec_options_init_stored()). NULL: the value is that of defaults.
     */
    const char *before;
    /*
     * true: a model is stored with this option also if it was not set, so that older
     * builds, which do not know it, refuse the model. See LATER() in options_table.c.
     */
    bool is_later;
    const char *help;
} g4r_option;

/*
 * Reads the value of an option from text into *field, which has the type that the kind
 * says. Returns false if the option does not accept the text; *field is undefined then.
 * It does not mark the option as set.
 */
bool g4r_option_parse(const g4r_option *o, const char *text, void *field);
/*
 * Writes *field, the value of an option, to text, in the form that g4r_option_parse()
 * reads, cut to size bytes. Returns the length of the whole text, as snprintf().
 */
int g4r_option_print(const g4r_option *o, const void *field, char *text, size_t size);
/*
 * Writes to text which values the option accepts, in words for people, such as "integer
 * from 1 to 100000". size must be at least 200, or the end is cut off.
 */
void g4r_option_range(const g4r_option *o, char *text, size_t size);
/* Returns the type that the values of the option have in JSON. The kind decides it. */
gru4rec_option_type g4r_option_type(const g4r_option *o);
/*
 * Looks for word in words, a list "first|second" or NULL; upper and lower case are equal.
 * Returns its index, from 0; -1 if the list does not have it.
 */
int g4r_option_word_index(const char *words, const char *word);

/* ---- options_table.c ---- */

/* A row for each option. The index of an option is that of its row. */
extern const g4r_option g4r_options_table[];
/* Number of rows, at most GRU4REC_MAX_OPTIONS. */
extern const size_t g4r_options_table_count;

/* ---- options.c, for options_resolve.c ---- */

/*
 * Returns the row of the options table whose option has this name, in upper or lower
 * case. Returns NULL if there is none; synonyms do not count.
 */
const g4r_option *g4r_options_find(const char *name);
/*
 * Tells whether the option of this name is marked as set: given by the user, and not by a
 * preset or a default. There must be such an option.
 */
bool g4r_options_is_set(const gru4rec_options *options, const char *name);
/*
 * Applies the preset that option preset names: each option that the preset has and that
 * is not marked as set gets the preset's value. These options stay marked as not set. The
 * preset "none" changes nothing.
 */
void g4r_options_apply_preset(gru4rec_options *options);

#endif
