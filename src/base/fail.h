/*
 * fail.h - error messages.
 */
#ifndef G4R_FAIL_H
#define G4R_FAIL_H

#include "base.h"

/* Writes the message, as gru4rec_show() does, and returns status. error may be NULL. A
 * text of the caller's goes through gru4rec_show() first, so that the message's end stays.
 */
gru4rec_status g4r_fail(gru4rec_error *error, gru4rec_status status, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));
/* NOMEM with the number of bytes that could not be had. */
gru4rec_status g4r_fail_nomem(gru4rec_error *error, size_t bytes);

#endif
