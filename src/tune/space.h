/*
 * space.h - the dimensions of a tuning's space. A dimension (gru4rec_dimension) is an
 * option with the values that the tuning chooses from. The values are numbered from 0;
 * such a number is a place. See gru4rec.h.
 */
#ifndef G4R_SPACE_H
#define G4R_SPACE_H

#include "../base/base.h"

/*
 * Places that are no index of a value. The place of a trial in a dimension is 0 ...
 * g4r_space_places() - 1, or one of these.
 */
enum {
    /*
     * The value that the base has, which need not be one of the values of the dimension.
     */
    G4R_SPACE_BASE = -1,
    /*
     * The option is not set in this trial, because it has no effect beside the trial's
     * other values.
     */
    G4R_SPACE_NONE = -2
};

/*
 * Returns the number of places of a dimension: of its choices, or of the numbers of its
 * range.
 */
int32_t g4r_space_places(const gru4rec_dimension *dimension);
/*
 * Tells whether the dimension is a range of numbers, and not a list of choices. In a
 * range, neighbouring places have similar values.
 */
bool g4r_space_is_ordered(const gru4rec_dimension *dimension);
/*
 * Tells whether the value that the dimension's option has in options lies within the
 * range of the dimension, ends included; it need not be at a place. A list counts as a
 * number if it has exactly one element. Returns false for a list of choices.
 */
bool g4r_space_holds(const gru4rec_dimension *dimension, const gru4rec_options *options);
/*
 * Returns the place whose value is nearest to the value that the dimension's option has
 * in options; of two equally near ones, the lower place. Call it only if
 * g4r_space_holds() is true for this dimension and these options.
 */
int32_t g4r_space_nearest(const gru4rec_dimension *dimension,
                          const gru4rec_options *options);
/*
 * Sets the dimension's option in options to the value at a place, and marks it as set. At
 * G4R_SPACE_BASE the value is the one in base, which must be resolved options. The place
 * must not be G4R_SPACE_NONE.
 */
void g4r_space_set(const gru4rec_dimension *dimension, int32_t place,
                   const gru4rec_options *base, gru4rec_options *options);
/*
 * Tells whether the value at a place is the value that the option has in base, resolved
 * options. Compares the texts of the two values. The place must not be G4R_SPACE_NONE.
 */
bool g4r_space_is_base(const gru4rec_dimension *dimension, int32_t place,
                       const gru4rec_options *base);
/*
 * Tells whether the option of this name has any effect with the values that the other
 * options have in options. bpreg, for example, has one only with loss bpr-max. Has rules
 * for a few options that a tuning can choose; returns true for all others.
 */
bool g4r_space_matters(const char *name, const gru4rec_options *options);
/*
 * Sets to their defaults, and marks as not set, all options in options that a tuning can
 * choose and that have no effect (g4r_space_matters()). Other options are not changed.
 */
void g4r_space_drop_meaningless(gru4rec_options *options);

#endif
