/*
 * blas_user.h - tells whether anybody else in this process uses the OpenBLAS that we use.
 */
#ifndef G4R_BLAS_USER_H
#define G4R_BLAS_USER_H

#include "../base/base.h"

/*
 * Tells whether the file that contains this code is the only loaded file that uses our
 * OpenBLAS, as far as the loader knows. text is a string of OpenBLAS itself: the loaded
 * file in which text lies is OpenBLAS. functions (n) are addresses of OpenBLAS's
 * functions; if one of them lies in another file, the answer is false. The answer is also
 * false if it cannot be found: not enough memory, more than 1024 loaded files, or a
 * system that is not 64-bit Linux.
 *
 * If the answer is false, user (user_size bytes) says in words who else uses OpenBLAS, or
 * is "" if that is not known. If the answer is true, user is "".
 *
 * A file that begins to use OpenBLAS later is not found. So the caller must act on the
 * answer before the loader loads the next file: in a constructor, or while there is only
 * one thread.
 */
bool g4r_blas_user_is_alone(const void *text, const void *const *functions, size_t n,
                            char *user, size_t user_size);

#endif
