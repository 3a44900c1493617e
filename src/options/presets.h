/*
 * presets.h - presets: named sets of option values.
 */
#ifndef G4R_PRESETS_H
#define G4R_PRESETS_H

#include "../base/base.h"

/*
 * The names of the presets, as the words of option preset (see words in option.h). The
 * order is that of the table in presets.c.
 */
#define G4R_PRESETS_WORDS                                                         \
    "none|official|recbole|rsc15|yoochoose|rees46|coveo|retailrocket|diginetica|" \
    "coveo_xe|diginetica_xe|retailrocket_xe|yoochoose_bprmax|rees46_bprmax"

/*
 * Returns what a preset sets, as "name=value,name=value"; "" for preset 0, "none". index:
 * the value of option preset. The text is a constant, which nobody frees.
 */
const char *g4r_presets_options(int64_t index);

#endif
