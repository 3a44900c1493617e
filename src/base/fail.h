/*
 * fail.h - error messages.
 */
#ifndef G4R_FAIL_H
#define G4R_FAIL_H

#include "base.h"

/*
 * Returns the argument status in any case. If error is not NULL, writes a message to
 * *error, in the form that gru4rec_show() gives it, and also to the trace at level 1.
 * format works as in printf(). A message that does not fit is cut and ends in "...". So
 * the caller passes a text of the user through gru4rec_show() first, which limits its
 * length: otherwise a long text would cut off the end of the message.
 */
gru4rec_status g4r_fail(gru4rec_error *error, gru4rec_status status, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));
/*
 * Returns NOMEM. If error is not NULL, writes to *error, as g4r_fail(), that so many
 * bytes (in MB) could not be allocated, and advice: a smaller network or n_sample, or
 * more memory.
 */
gru4rec_status g4r_fail_nomem(gru4rec_error *error, size_t bytes);

#endif
