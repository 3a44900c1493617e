/*
 * settings.h - options of tests, in one text.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "test.h"

/* Sets the options "name=value name=value ..."; all are fine. */
static inline void set_all(gru4rec_options *options, gru4rec_option_scope scope,
                           const char *settings)
{
    char name[40], value[40];
    gru4rec_error error;
    int n = 0;
    for (; sscanf(settings, " %39[^= ]=%39[^ ] %n", name, value, &n) == 2; settings += n)
        if (!CHECK_INT(GRU4REC_OK,
                       gru4rec_options_set(options, scope, name, value, &error)))
            printf("  %s\n", error.message);
    CHECK_TEXT("", settings);
}

#endif
