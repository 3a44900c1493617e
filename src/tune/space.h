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
    G4R_SPACE_NONE = -2  /* the option has no effect in this trial; it is not set */
};

/*
 * Returns the number of places of a dimension, which is the number of values that a
 * tuning can choose for the option.
 */
int32_t g4r_space_places(const gru4rec_dimension *dimension);
/*
 * Tells whether neighbouring places have similar values: the dimension is a range of
 * numbers, not a list of choices.
 */
bool g4r_space_is_ordered(const gru4rec_dimension *dimension);
/*
 * Tells whether the dimension is a range of numbers, and the option's value in options is
 * a number in this range. A list counts as a number if it has exactly one element.
 */
bool g4r_space_holds(const gru4rec_dimension *dimension, const gru4rec_options *options);
/*
 * Returns the place of a range whose value is nearest to the option's value in options;
 * of two equally near ones, the lower place. g4r_space_holds() must be true for both.
 */
int32_t g4r_space_nearest(const gru4rec_dimension *dimension,
                          const gru4rec_options *options);
/*
 * Sets the dimension's option in options to the value at a place, and marks it as set.
 * The place must not be G4R_SPACE_NONE. base: resolved options; at G4R_SPACE_BASE the
 * value is copied from them. It cannot fail.
 */
void g4r_space_set(const gru4rec_dimension *dimension, int32_t place,
                   const gru4rec_options *base, gru4rec_options *options);
/*
 * Tells whether the value at a place, which must not be G4R_SPACE_NONE, is the value that
 * the option has in base, which is resolved.
 */
bool g4r_space_is_base(const gru4rec_dimension *dimension, int32_t place,
                       const gru4rec_options *base);
/*
 * Tells whether the option of that name has any effect with the values that the other
 * options have: bpreg, for example, has one only with loss bpr-max. True for every option
 * that the function has no rule for.
 */
bool g4r_space_matters(const char *name, const gru4rec_options *options);
/*
 * Sets those options that a tuning can choose, and that have no effect
 * (g4r_space_matters()), to their defaults, and marks them as not set.
 */
void g4r_space_drop_meaningless(gru4rec_options *options);

#endif
