/*
 * blas_environment.c - answers OpenBLAS what the environment says; see
 * blas_environment.h.
 */
#define _GNU_SOURCE /* so that environ is declared */
#include "blas_environment.h"

#include <stdlib.h>
#include <unistd.h>

#if defined(GRU4REC_BLAS_STATIC)

/* The setting of g4r_blas_environment_with() during a call, else NULL. */
static const char *told;

bool g4r_blas_environment_open(void)
{
    static bool is_open;
    const bool was_open = is_open;
    is_open = true;
    return !was_open;
}

bool g4r_blas_environment_with(const char *setting, void (*act)(void))
{
    told = setting;
    act();
    told = NULL;
    return true;
}

/* OpenBLAS declares that it gets a char *, but only reads what it gets. */
char *g4r_blas_environment_get(const char *name)
{
    static const char threads[] = "OPENBLAS_NUM_THREADS";
    const size_t n = strlen(name);
    char *set = getenv(name);
    if (set != NULL)
        return set;
    if (strcmp(name, threads) == 0)
        return (char *)"1";
    return told != NULL && strncmp(told, name, n) == 0 && told[n] == '='
               ? (char *)told + n + 1
               : NULL;
}

#elif defined(GRU4REC_CBLAS)

/*
 * The array that environ points to while OpenBLAS chooses, and how many entries of the
 * process it has; NULL until g4r_blas_environment_open() makes it. It is never freed,
 * because another thread may still be reading it. So OpenBLAS chooses again only once.
 */
static char **lent;
static size_t n_entries;

/*
 * Makes lent a new array with the entries of environ and with room for one more; the
 * strings themselves are not copied.
 */
bool g4r_blas_environment_open(void)
{
    size_t n = 0;
    while (environ != NULL && environ[n] != NULL)
        n++;
    char **copy = lent == NULL ? malloc((n + 2) * sizeof *copy) : NULL;
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        copy[i] = environ[i];
    copy[n] = copy[n + 1] = NULL;
    lent = copy;
    n_entries = n;
    return true;
}

/*
 * The new entry stands last in the environment, so that a thread that is reading the
 * entries meanwhile finds all others in both arrays.
 */
bool g4r_blas_environment_with(const char *setting, void (*act)(void))
{
    char **before = environ, **expected = lent;
    __atomic_store_n(&lent[n_entries], (char *)setting, __ATOMIC_RELEASE);
    __atomic_store_n(&environ, lent, __ATOMIC_RELEASE);
    act();
    return __atomic_compare_exchange_n(&environ, &expected, before, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

#endif
