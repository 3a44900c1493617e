/*
 * option.h - a row of the options table, and how its values are read from text and
 * written as text.
 */
#ifndef G4R_OPTION_H
#define G4R_OPTION_H

#include "../base/base.h"

/* The kind of an option: which values it accepts, and the type of its field. */
typedef enum g4r_option_kind {
    G4R_INTEGER,   /* int64_t: a number, or one of some words */
    G4R_REAL,      /* double: a number, or one of some words */
    G4R_BOOLEAN,   /* int64_t: 0 or 1 */
    G4R_CHOICE,    /* int64_t: the index of one of some words */
    G4R_LIST,      /* gru4rec_list: integers */
    G4R_REALS,     /* gru4rec_reals */
    G4R_WORD,      /* char[GRU4REC_MAX_WORD]: a date, a time or a number, as text */
    G4R_WORDS,     /* int64_t: a bit for each of some words */
    G4R_SAMPLE,    /* int64_t: the number of items to draw; 0: "all" */
    G4R_OBJECTIVE, /* gru4rec_objective */
    G4R_SPACE,     /* int64_t: 0, "default" */
    G4R_ACTIVATION /* gru4rec_activation */
} g4r_option_kind;

typedef struct g4r_option {
    const char *name;
    g4r_option_kind kind;
    gru4rec_option_scope scope;
    size_t offset; /* of the option's field in gru4rec_options */
    double min,
        max; /* range of numbers, and of the number in a G4R_SAMPLE or G4R_OBJECTIVE */
    bool is_max_open; /* max itself is not allowed */
    /*
     * Words that the option accepts, as "first|second", or NULL. They stand for 0, 1, ...
     * of a G4R_CHOICE, for bits 0, 1, ... of a G4R_WORDS, and for -1, -2, ... of a
     * G4R_INTEGER or a G4R_REAL. In a G4R_WORD they stand for themselves.
     */
    const char *words;
    const char *defaults; /* the default, as text */
    const char *before; /* default for models that did not store theirs; NULL: defaults */
    bool is_later;      /* the option came later; see LATER() in options_table.c */
    const char *help;
} g4r_option;

/*
 * Reads the value of an option from text into *field, its field in gru4rec_options.
 * Returns false if the option does not accept the text; *field is undefined then.
 */
bool g4r_option_parse(const g4r_option *o, const char *text, void *field);
/*
 * Writes *field, the value of the option, as text, cut to size bytes. Returns the length
 * of the whole text, as snprintf().
 */
int g4r_option_print(const g4r_option *o, const void *field, char *text, size_t size);
/*
 * Writes into text the values that the option accepts, for people to read. size must be
 * at least 200.
 */
void g4r_option_range(const g4r_option *o, char *text, size_t size);
/* Returns the type that the values of the option have in JSON. */
gru4rec_option_type g4r_option_type(const g4r_option *o);
/*
 * Returns the index of word in words, a list "first|second" or NULL; -1 if it is not
 * there. Upper and lower case are equal.
 */
int g4r_option_word_index(const char *words, const char *word);

/* ---- options_table.c ---- */

/* A row for each option. The index of an option is that of its row. */
extern const g4r_option g4r_options_table[];
/* Number of rows, at most GRU4REC_MAX_OPTIONS. */
extern const size_t g4r_options_table_count;

/* ---- options.c, for options_resolve.c ---- */

/*
 * Returns the row of the options table with that name, or NULL. Upper and lower case are
 * equal.
 */
const g4r_option *g4r_options_find(const char *name);
/* Tells whether the option of that name was set. There must be such an option. */
bool g4r_options_is_set(const gru4rec_options *options, const char *name);
/*
 * Gives the options that are not set the values that the preset (option preset) has for
 * them. They stay marked as not set.
 */
void g4r_options_apply_preset(gru4rec_options *options);

#endif
