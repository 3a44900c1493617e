/*
 * presets.h - sets of options under a name.
 */
#ifndef G4R_PRESETS_H
#define G4R_PRESETS_H

#include "../base/base.h"

/* The names, as the words of an option (option.h). */
#define G4R_PRESETS_WORDS                                                         \
    "none|official|recbole|rsc15|yoochoose|rees46|coveo|retailrocket|diginetica|" \
    "coveo_xe|diginetica_xe|retailrocket_xe|yoochoose_bprmax|rees46_bprmax"

/* What the preset of that place among the names sets: "name=value,name=value". */
const char *g4r_presets_options(int64_t index);

#endif
