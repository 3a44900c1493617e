/*
 * blas_core.c - see blas_core.h.
 *
 * OpenBLAS up to 0.3.24 takes every Intel processor that is newer than it for one without
 * AVX (Prescott), and multiplies at a quarter of the speed or less. It picks its kernels by
 * gotoblas_dynamic_init(), once; gotoblas_dynamic_quit() makes it forget that. In between
 * there are none, so nobody may be multiplying: hence at load, where nobody else uses it.
 *
 * It can be told the core type only by an environment variable, and other threads may read
 * the environment meanwhile. So environ points to a copy with one entry more for that
 * long, and both arrays stay as they are for good. A thread that changes the environment
 * in this moment is as unsafe as it is beside any getenv(), such as those with which
 * OpenBLAS itself was loaded just before; what it set stays all the same, as its array is
 * then left in place.
 */
#define _GNU_SOURCE /* environ */
#include "blas_core.h"

#include "blas.h"
#include "blas_user.h"

#include <cblas.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__) && defined(__x86_64__)

/* What the kernels of a core type need of the processor and the system. */
typedef enum level { SSE, AVX, AVX2_FMA, AVX512, AVX512_BF16 } level;

#define VARIABLE "OPENBLAS_CORETYPE"
typedef struct core_type {
    const char *setting; /* of the environment */
    level level;
} core_type;

/* The first N_CHOICES can be chosen, the first that the processor can run. A name that is
 * not here is of a newer OpenBLAS, which knows better. */
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

/* NULL: a core type that we do not know. */
static const core_type *find_picked(void)
{
    const char *name = openblas_get_corename();
    for (size_t i = 0; i < sizeof core_types / sizeof *core_types; i++)
        if (strcmp(name, name_of(&core_types[i])) == 0)
            return &core_types[i];
    return NULL;
}

/* These look at what the system saves of the registers, too. */
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
 * The core type that would be better than what OpenBLAS picked, or NULL. On Zen 4 the
 * AVX-512 kernels were within 4 % of those with AVX2, so they are not missed there; Zen 5,
 * which has the wider units, was not measured.
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

/* They are in no header of OpenBLAS. A build for one processor alone has none. */
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

typedef enum verdict { NOT_ASKED, ONLY, PICKED, SET, CHOSEN, LEFT } verdict;

/*
 * What became of it, exported, so that the linker gives the first copy's to all copies of
 * this library in a process: the later ones find OpenBLAS as the first one left it. Whoever
 * changes the layout changes the name.
 */
struct gru4rec_blas_core_shared {
    char *(*_Atomic of)(
        void);       /* openblas_get_corename of the OpenBLAS that it is about */
    verdict verdict; /* written once, before of, as is why */
    char why[128];   /* CHOSEN: instead of which core type; LEFT: the reason */
};
extern struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1
    __attribute__((visibility("default")));
struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1;
#define shared gru4rec_blas_core_shared_1

/* Never freed: another thread may be reading it. */
static char **lent_environment;

/* One entry longer than environ. */
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

/* Has OpenBLAS choose for the length of one call as if the setting were given. False:
 * another thread has changed the environment, and has an array of its own now. */
static bool choose(const core_type *type, char **lent, size_t n)
{
    char **before = environ, **expected = lent;
    __atomic_store_n(&lent[n], (char *)type->setting, __ATOMIC_RELEASE);
    __atomic_store_n(&environ, lent, __ATOMIC_RELEASE);
    pick_again();
    return __atomic_compare_exchange_n(&environ, &expected, before, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The first that this OpenBLAS has, from best on. The entry comes last, so that who is
 * counting entries meanwhile finds the others in both arrays. */
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

/* LEFT, and why, where it may not or cannot. */
static verdict try_to_choose(const core_type *best, char *why, size_t size)
{
    const core_type *picked = find_picked();
    void (*const functions[])(void) = {gotoblas_dynamic_init, gotoblas_dynamic_quit};
    const void *addresses[2];
    char user[80];
    memcpy(addresses, functions, sizeof addresses);
    if (gotoblas_dynamic_quit == NULL)
        snprintf(why, size, "cannot choose again");
    else if (!g4r_blas_user_is_alone(openblas_get_corename(), addresses, 2, user,
                                     sizeof user))
        snprintf(why, size, "is left alone, as %s",
                 *user != '\0' ? user : "it was loaded before gru4rec");
    else if (!g4r_blas_prepare() || !choose_best(best, picked->level))
        snprintf(why, size, "could not choose again");
    else {
        snprintf(why, size, "%s", name_of(picked));
        return CHOSEN;
    }
    return LEFT;
}

/* ---- what is known ---- */

static verdict assess(const core_type *better)
{
    return gotoblas_dynamic_init == NULL ? ONLY
           : getenv(VARIABLE) != NULL    ? SET
           : better == NULL              ? PICKED
                                         : NOT_ASKED;
}

/* The first call of getenv() for the variable is OpenBLAS's, if it had none yet: what
 * stands in one file with it may begin before it. */
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
                 : result == ONLY ? "the only ones of this OpenBLAS"
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
