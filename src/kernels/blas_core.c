/*
 * blas_core.c - see blas_core.h.
 *
 * OpenBLAS up to 0.3.24 takes every Intel processor that is newer than OpenBLAS itself
 * for one without AVX (Prescott). Its products then have a quarter of the speed or less.
 *
 * gotoblas_dynamic_init() picks the kernels, once. gotoblas_dynamic_quit() makes OpenBLAS
 * forget the choice. Between the two calls there are no kernels, so no thread may be
 * multiplying. Hence OpenBLAS chooses again only while this library is loaded, and only
 * if nobody else uses OpenBLAS.
 *
 * Only an environment variable can tell OpenBLAS the core type, and other threads may
 * read the environment at the same time. So, while OpenBLAS chooses, environ points to a
 * copy that has one more entry. Both arrays are kept as they are for good. If another
 * thread changes the environment in this moment, that is as unsafe as it is beside any
 * getenv(); OpenBLAS itself called getenv() just before, when it was loaded. What that
 * thread set is not lost, because environ is then left pointing to that thread's array.
 */
#define _GNU_SOURCE /* so that environ is declared */
#include "blas_core.h"

#include "blas.h"
#include "blas_user.h"

#include <cblas.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__) && defined(__x86_64__)

/* What the kernels of a core type need from the processor and the system, ascending. */
typedef enum level { SSE, AVX, AVX2_FMA, AVX512, AVX512_BF16 } level;

#define VARIABLE "OPENBLAS_CORETYPE"
typedef struct core_type {
    const char *setting; /* "variable=name", an entry of the environment */
    level level;
} core_type;

/*
 * The core types of OpenBLAS that we know, each with the level of the processor that it
 * needs. Only the first N_CHOICES can be chosen: the first of them that the processor can
 * run. If OpenBLAS picked a core type that is not in this list, it is newer than the
 * list, and its choice is left alone.
 */
enum { N_CHOICES = 4 };
static const core_type core_types[] = {
    {VARIABLE "=Cooperlake", AVX512_BF16},
    {VARIABLE "=SkylakeX", AVX512},
    {VARIABLE "=Haswell", AVX2_FMA},
    {VARIABLE "=Sandybridge", AVX},
    {VARIABLE "=Zen", AVX2_FMA},
    {VARIABLE "=Excavator", AVX2_FMA},
    {VARIABLE "=Steamroller", AVX},
    {VARIABLE "=Piledriver", AVX},
    {VARIABLE "=Bulldozer", AVX},
    {VARIABLE "=Bobcat", SSE},
    {VARIABLE "=Atom", SSE},
    {VARIABLE "=Nano", SSE},
    {VARIABLE "=Barcelona", SSE},
    {VARIABLE "=Opteron_SSE3", SSE},
    {VARIABLE "=Opteron", SSE},
    {VARIABLE "=Athlon", SSE},
    {VARIABLE "=Nehalem", SSE},
    {VARIABLE "=Dunnington", SSE},
    {VARIABLE "=Penryn", SSE},
    {VARIABLE "=Core2", SSE},
    {VARIABLE "=Prescott", SSE},
    {VARIABLE "=Banias", SSE},
    {VARIABLE "=Northwood", SSE},
    {VARIABLE "=Coppermine", SSE},
    {VARIABLE "=Katmai", SSE},
};

static const char *name_of(const core_type *type)
{
    return type->setting + sizeof VARIABLE;
}

/*
 * Returns the entry of core_types for the core type that OpenBLAS uses, or NULL if we do
 * not know that type.
 */
static const core_type *find_picked(void)
{
    const char *name = openblas_get_corename();
    for (size_t i = 0; i < sizeof core_types / sizeof *core_types; i++)
        if (strcmp(name, name_of(&core_types[i])) == 0)
            return &core_types[i];
    return NULL;
}

/* Tells whether the processor has a feature, and the system saves the registers of it. */
#define HAS(feature) (__builtin_cpu_supports(feature) != 0)
static level level_of_processor(void)
{
    __builtin_cpu_init();
    if (!HAS("avx"))
        return SSE;
    if (!HAS("avx2") || !HAS("fma"))
        return AVX;
    if (!HAS("avx512f") || !HAS("avx512cd") || !HAS("avx512bw") || !HAS("avx512dq") ||
        !HAS("avx512vl"))
        return AVX2_FMA;
    return HAS("avx512vnni") && HAS("avx512bf16") ? AVX512_BF16 : AVX512;
}

/*
 * Returns a core type that would be better than the one that OpenBLAS picked, or NULL if
 * that one is good enough or unknown. On processors that are not Intel's, AVX2 kernels
 * are good enough: on Zen 4 the AVX-512 kernels were within 4 % of their speed. Zen 5,
 * which has wider units, was not measured.
 */
static const core_type *find_better(void)
{
    const core_type *picked = find_picked(), *best = core_types;
    const level has = level_of_processor();
    const level enough = G4R_MIN(has, __builtin_cpu_is("intel") ? AVX512 : AVX2_FMA);
    if (picked == NULL || picked->level >= enough)
        return NULL;
    while (best->level > has)
        best++;
    return best;
}

/* ---- choosing ---- */

/*
 * No header of OpenBLAS declares these functions. A build of OpenBLAS for one processor
 * alone does not have them: they are NULL then.
 */
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

typedef enum verdict {
    NOT_ASKED, /* better kernels exist, but gru4rec_blas_core_pick() was not called */
    ONLY,      /* this OpenBLAS has kernels for one processor alone */
    PICKED,    /* the kernels that OpenBLAS picked are good enough */
    SET,       /* the environment variable was set, so its value decides */
    CHOSEN,    /* gru4rec made OpenBLAS choose again, and it now uses better kernels */
    LEFT       /* better kernels exist, but OpenBLAS may not or could not choose again */
} verdict;

/*
 * The result of gru4rec_blas_core_pick(). The variable below is exported, so that the
 * linker gives the first copy's variable to all copies of this library in a process: the
 * later copies find OpenBLAS as the first copy left it. Whoever changes this layout must
 * change the name.
 */
struct gru4rec_blas_core_shared {
    /* The openblas_get_corename() of the OpenBLAS that the result is about. */
    char *(*_Atomic of)(void);
    /* verdict and why are written once, before of is set; later they only are read. */
    verdict verdict;
    char why[128]; /* CHOSEN: the core type picked before; LEFT: the reason */
};
extern struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1
    __attribute__((visibility("default")));
struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1;
#define shared gru4rec_blas_core_shared_1

/*
 * The array that environ points to while OpenBLAS chooses; NULL before. It is never
 * freed, because another thread may still be reading it, so OpenBLAS chooses again only
 * once.
 */
static char **lent_environment;

/*
 * Returns a copy of environ, whose entries are counted in *n, with room for one more
 * entry. Returns NULL if there is not enough memory.
 */
static char **copy_environment(size_t *n)
{
    *n = 0;
    while (environ != NULL && environ[*n] != NULL)
        ++*n;
    char **copy = malloc((*n + 2) * sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < *n; i++)
        copy[i] = environ[i];
    copy[*n] = copy[*n + 1] = NULL;
    return copy;
}

static void pick_again(void)
{
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
}

/*
 * Makes OpenBLAS choose its kernels while environ points to lent, whose entry n is the
 * setting of this core type, and then puts environ back. Returns false if another thread
 * changed the environment meanwhile: environ points to that thread's array then, and is
 * left so.
 */
static bool choose(const core_type *type, char **lent, size_t n)
{
    char **before = environ, **expected = lent;
    __atomic_store_n(&lent[n], (char *)type->setting, __ATOMIC_RELEASE);
    __atomic_store_n(&environ, lent, __ATOMIC_RELEASE);
    pick_again();
    return __atomic_compare_exchange_n(&environ, &expected, before, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * Makes OpenBLAS use the first core type from best on that it has. Returns false if none
 * of them is above the level picked, which is that of OpenBLAS's own choice: OpenBLAS has
 * then picked by itself again. Returns false, and changes nothing, if there is not enough
 * memory, or if it was called before. The new entry stands last in the environment, so
 * that a thread that is reading the entries meanwhile finds all others in both arrays.
 */
static bool choose_best(const core_type *best, level picked)
{
    size_t n;
    bool is_ours = true, is_better = false;
    if (lent_environment != NULL || (lent_environment = copy_environment(&n)) == NULL)
        return false;
    for (; is_ours && !is_better && best < core_types + N_CHOICES; best++) {
        is_ours = choose(best, lent_environment, n);
        const core_type *now = find_picked();
        is_better = now != NULL && now->level > picked;
    }
    if (!is_better)
        pick_again();
    return is_better;
}

/*
 * Makes OpenBLAS choose its kernels again, if nobody else uses it. Returns CHOSEN, with
 * the core type picked before in why (size). If OpenBLAS may not or cannot choose again,
 * returns LEFT, with the reason in why.
 */
static verdict try_to_choose(const core_type *best, char *why, size_t size)
{
    const core_type *picked = find_picked();
    void (*const functions[])(void) = {gotoblas_dynamic_init, gotoblas_dynamic_quit};
    const void *addresses[2];
    char user[80];
    memcpy(addresses, functions, sizeof addresses);
    if (gotoblas_dynamic_quit == NULL)
        snprintf(why, size, "it cannot choose its kernels again");
    else if (!g4r_blas_user_is_alone(openblas_get_corename(), addresses, 2, user,
                                     sizeof user))
        snprintf(why, size, "gru4rec does not change its kernels because %s",
                 *user != '\0' ? user : "OpenBLAS was loaded before gru4rec");
    else if (!g4r_blas_prepare() || !choose_best(best, picked->level))
        snprintf(why, size, "it could not choose its kernels again");
    else {
        snprintf(why, size, "%s", name_of(picked));
        return CHOSEN;
    }
    return LEFT;
}

/* ---- what is known ---- */

/*
 * Returns the verdict about OpenBLAS's kernels as far as it is known without making
 * OpenBLAS choose again: ONLY, SET, PICKED (better is NULL), or NOT_ASKED. better is the
 * result of find_better().
 */
static verdict assess(const core_type *better)
{
    return gotoblas_dynamic_init == NULL ? ONLY
           : getenv(VARIABLE) != NULL    ? SET
           : better == NULL              ? PICKED
                                         : NOT_ASKED;
}

/*
 * First lets OpenBLAS pick its kernels, and so read the environment variable, if it has
 * not done so yet: if OpenBLAS is linked into the same file as this code, this code may
 * run before OpenBLAS's own start. Then makes OpenBLAS choose again if better kernels
 * exist (try_to_choose()). The first call in a process, of any copy of this library,
 * stores its verdict in shared; later calls leave shared as it is.
 */
void gru4rec_blas_core_pick(void)
{
    char why[sizeof shared.why] = "";
    if (gotoblas_dynamic_init != NULL)
        gotoblas_dynamic_init();
    const core_type *better = find_better();
    verdict result = assess(better);
    if (result == NOT_ASKED)
        result = try_to_choose(better, why, sizeof why);
    if (atomic_load(&shared.of) != NULL)
        return;
    shared.verdict = result;
    memcpy(shared.why, why, sizeof why);
    atomic_store(&shared.of, openblas_get_corename);
    GRU4REC_TRACE(3, "OpenBLAS uses its kernels for %s (verdict %d)",
                  openblas_get_corename(), (int)result);
}

void g4r_blas_core_facts(gru4rec_build *build)
{
    static const char unknown[] = "OpenBLAS does not know this processor";
    const core_type *better = find_better();
    const bool is_known = atomic_load(&shared.of) == openblas_get_corename;
    const verdict result = is_known ? shared.verdict : assess(better);
    const bool is_bad = better != NULL && (result == LEFT || result == NOT_ASKED);
    char *text = build->blas_core_reason;
    const size_t size = sizeof build->blas_core_reason;
    build->blas_core = openblas_get_corename();
    build->blas_core_better = is_bad ? name_of(better) : NULL;
    if (is_bad)
        snprintf(text, size, "%s, and %s; set %s before the process starts", unknown,
                 result == LEFT ? shared.why : "gru4rec_blas_core_pick() was not called",
                 better->setting);
    else if (result == CHOSEN)
        snprintf(text, size, "chosen by gru4rec: %s, and picked %s", unknown, shared.why);
    else
        snprintf(text, size, "%s",
                 result == SET    ? VARIABLE " was set"
                 : result == ONLY ? "this OpenBLAS has no other kernels"
                                  : "picked by OpenBLAS");
}

#else
void gru4rec_blas_core_pick(void)
{
}

void g4r_blas_core_facts(gru4rec_build *build)
{
    build->blas_core = openblas_get_corename();
    build->blas_core_better = NULL;
    snprintf(build->blas_core_reason, sizeof build->blas_core_reason,
             "picked by OpenBLAS");
}
#endif
