/*
 * blas_core.c - a library for LD_PRELOAD: whoever asks for OPENBLAS_CORETYPE the first time,
 * and that is OpenBLAS when it is loaded, is told what TEST_CORETYPE says. So OpenBLAS picks
 * kernels as it does on a processor that it does not know, and nobody has set the variable.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int n_asked;

static char *find(const char *name)
{
    size_t n = strlen(name);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=')
            return *entry + n + 1;
    return NULL;
}

char *getenv(const char *name)
{
    if (strcmp(name, "OPENBLAS_CORETYPE") == 0 && atomic_fetch_add(&n_asked, 1) == 0)
        return find("TEST_CORETYPE");
    return find(name);
}
