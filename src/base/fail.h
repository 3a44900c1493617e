/*
 * fail.h - error messages.
 */
#ifndef G4R_FAIL_H
#define G4R_FAIL_H

#include "base.h"

/*
 * Writes a message to *error, in the form that gru4rec_show() gives it, and returns
 * status. format works as in printf(). error may be NULL. An argument that is a text of
 * the user must be made by gru4rec_show() first, which limits its length: otherwise a
 * long text would cut off the end of the message.
 */
gru4rec_status g4r_fail(gru4rec_error *error, gru4rec_status status, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));
/* Writes that so many bytes could not be allocated, and returns NOMEM. */
gru4rec_status g4r_fail_nomem(gru4rec_error *error, size_t bytes);

#endif
