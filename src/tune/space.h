/*
 * space.h - the values of each option that a tuning chooses from, as numbered places; see
 * gru4rec.h.
 */
#ifndef G4R_SPACE_H
#define G4R_SPACE_H

#include "../base/base.h"

/*
 * The place of a trial in one dimension: 0 ... g4r_space_places() - 1, or one of these.
 */
enum {
    G4R_SPACE_BASE = -1, /* the value of the base, which need not have a place */
    G4R_SPACE_NONE = -2  /* the option means nothing beside the others; it is not set */
};

/* Returns the number of places of a dimension. */
int32_t g4r_space_places(const gru4rec_dimension *dimension);
/* Tells whether neighbouring places have similar values. */
bool g4r_space_is_ordered(const gru4rec_dimension *dimension);
/* Tells whether the value in options is a number in the range of the dimension. */
bool g4r_space_holds(const gru4rec_dimension *dimension, const gru4rec_options *options);
/*
 * Returns the place whose value is nearest to that in options, which the dimension holds.
 */
int32_t g4r_space_nearest(const gru4rec_dimension *dimension,
                          const gru4rec_options *options);
/*
 * Sets the option to the value at a place, which is no G4R_SPACE_NONE. base: resolved; it
 * has the value of G4R_SPACE_BASE.
 */
void g4r_space_set(const gru4rec_dimension *dimension, int32_t place,
                   const gru4rec_options *base, gru4rec_options *options);
/* Tells whether the value at a place is that of base, which is resolved. */
bool g4r_space_is_base(const gru4rec_dimension *dimension, int32_t place,
                       const gru4rec_options *base);
/* Tells whether the option of that name means something beside the others. */
bool g4r_space_matters(const char *name, const gru4rec_options *options);
/* Unsets the options that mean nothing beside the others, and that a tuning can choose. */
void g4r_space_drop_meaningless(gru4rec_options *options);

#endif
