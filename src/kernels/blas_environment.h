/*
 * blas_environment.h - what OpenBLAS finds in the environment while it chooses its
 * kernels.
 *
 * Only an environment variable can tell OpenBLAS the core type. With BLAS=static, our own
 * function answers OpenBLAS, and the environment is left alone. Otherwise OpenBLAS calls
 * getenv(), and other threads may read the environment at the same time. So, while
 * OpenBLAS chooses, environ points to a copy that has one more entry. Both arrays are
 * kept as they are for good. If another thread changes the environment in this moment,
 * that is as unsafe as it is beside any getenv(); OpenBLAS itself called getenv() just
 * before, when it was loaded. What that thread set is not lost, because environ is then
 * left pointing to that thread's array.
 */
#ifndef G4R_BLAS_ENVIRONMENT_H
#define G4R_BLAS_ENVIRONMENT_H

#include "../base/base.h"

#ifdef GRU4REC_BLAS_STATIC
/*
 * The getenv() of the OpenBLAS that is inside our file: the Makefile gives getenv() this
 * name there. Returns what the environment of the process says, if it has the variable.
 * If not, returns "1" for OPENBLAS_NUM_THREADS, so that OpenBLAS starts no threads;
 * inside g4r_blas_environment_with(), the value of its setting; else NULL.
 */
char *g4r_blas_environment_get(const char *name);
#endif

/*
 * Makes ready for calls of g4r_blas_environment_with(). Returns false if there is not
 * enough memory, or if this was called before: nothing may be called then.
 */
bool g4r_blas_environment_open(void);
/*
 * Calls act(), which makes OpenBLAS read its variables. During the call OpenBLAS finds
 * setting, "NAME=VALUE", among them; the caller knows that the process has no such
 * variable. Returns true if the environment is afterwards as it was. Returns false if
 * another thread changed it meanwhile: then it is as that thread left it, and nothing
 * more may be called.
 */
bool g4r_blas_environment_with(const char *setting, void (*act)(void));

#endif
