/*
 * blas_user.h - does anybody else in this process use the OpenBLAS that we use?
 */
#ifndef G4R_BLAS_USER_H
#define G4R_BLAS_USER_H

#include "../base/base.h"

/*
 * In which loaded file lies what? functions: all of them must lie beside text, which is
 * OpenBLAS's own. True: only the file that this code is in uses it, as far as the loader
 * knows. False: user gets who uses it too, in words, or "" where the loader does not say.
 * A file that comes to use it later is not found: who acts on the answer does so before the
 * loader's next work (in a constructor, or in the only thread).
 */
bool g4r_blas_user_is_alone(const void *text, const void *const *functions, size_t n,
                            char *user, size_t user_size);

#endif
