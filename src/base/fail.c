/* fail.c - error messages; see fail.h. */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

gru4rec_status g4r_fail(gru4rec_error *error, gru4rec_status status, const char *format,
                        ...)
{
    if (error != NULL) {
        char text[2 * sizeof error->message];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        gru4rec_show(error->message, sizeof error->message, text, strlen(text));
        GRU4REC_TRACE(1, "status %d: %s", (int)status, error->message);
    }
    return status;
}

gru4rec_status g4r_fail_nomem(gru4rec_error *error, size_t bytes)
{
    return g4r_fail(error, GRU4REC_NOMEM,
                    "out of memory: %.1f MB could not be allocated; use fewer or smaller "
                    "layers, a smaller n_sample, or a machine with more memory",
                    (double)bytes / 1e6);
}
