/*
 * blas_core.c - makes OpenBLAS choose better kernels, and tells which it uses; see
 * blas_core.h.
 *
 * OpenBLAS up to 0.3.24 takes every Intel processor that is newer than OpenBLAS itself
 * for one without AVX (Prescott). Its products then have a quarter of the speed or less.
 *
 * gotoblas_dynamic_init() picks the kernels, if none are picked. gotoblas_dynamic_quit()
 * makes OpenBLAS forget the choice. Between the two calls there are no kernels, so no
 * thread may be multiplying. Hence OpenBLAS chooses again only while this library is
 * loaded, or when the program calls gru4rec_blas_core_pick(), and only if nobody else
 * uses OpenBLAS.
 * Only an environment variable can tell OpenBLAS the core type: blas_environment.h has
 * how that is done.
 */
#include "blas_core.h"

#include "blas_engine.h"
#include "blas_environment.h"
#include "blas_user.h"

#ifdef GRU4REC_CBLAS
#include <cblas.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#if !defined(GRU4REC_CBLAS)
void gru4rec_blas_core_pick(void)
{
}

#elif defined(__linux__) && defined(__x86_64__)

/*
 * What the kernels of a core type need from the processor and the system, in ascending
 * order. A processor with one level can run the kernels of all lower levels.
 */
typedef enum level { SSE, AVX, AVX2_FMA, AVX512, AVX512_BF16 } level;

#define VARIABLE "OPENBLAS_CORETYPE"
/* A core type of OpenBLAS, and what its kernels need. */
typedef struct core_type {
    /*
     * "OPENBLAS_CORETYPE=name", an entry of the environment that makes OpenBLAS choose
     * it.
     */
    const char *setting;
    level level;
} core_type;

/*
 * The core types of OpenBLAS that we know, each with the level of the processor that it
 * needs. Only the first N_CHOICES can be chosen, which go from the highest level down. If
 * OpenBLAS picked a core type that is not in this list, OpenBLAS is newer than the list,
 * and its choice is left alone.
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

/* Returns the name in the setting of a core type, behind "OPENBLAS_CORETYPE=". */
static const char *name_of(const core_type *type)
{
    return type->setting + sizeof VARIABLE;
}

/*
 * Returns the entry of core_types for the core type that OpenBLAS uses now, or NULL if
 * the list does not have that type.
 */
static const core_type *find_picked(void)
{
    const char *name = openblas_get_corename();
    for (size_t i = 0; i < sizeof core_types / sizeof *core_types; i++)
        if (strcmp(name, name_of(&core_types[i])) == 0)
            return &core_types[i];
    return NULL;
}

/* Tells whether the processor has a feature and the system saves its registers. */
#define HAS(feature) (__builtin_cpu_supports(feature) != 0)
/* Returns the highest level that this processor can run. */
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
 * Returns the best of the first N_CHOICES core types that this processor can run, if
 * OpenBLAS uses one that is not good enough; NULL if that one is good enough or unknown.
 * On Intel's processors AVX-512 kernels are good enough, on others AVX2 kernels: on Zen 4
 * the AVX-512 kernels were within 4 % of their speed. Zen 5, which has wider units, was
 * not measured.
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
 * The functions that pick the kernels and that forget the choice. No header of OpenBLAS
 * declares them. A build of OpenBLAS for one processor alone does not have them: they are
 * NULL then.
 */
extern void gotoblas_dynamic_init(void) G4R_BLAS_WEAK;
extern void gotoblas_dynamic_quit(void) G4R_BLAS_WEAK;

/* What gru4rec has done about OpenBLAS's kernels, and why. */
typedef enum verdict {
    NOT_ASKED, /* better kernels exist, but gru4rec_blas_core_pick() was not called */
    ONLY,      /* this OpenBLAS has kernels for one processor alone */
    PICKED,    /* the kernels that OpenBLAS picked are good enough */
    SET,       /* the environment variable was set, so its value decides */
    CHOSEN,    /* gru4rec made OpenBLAS choose again, and it now uses better kernels */
    LEFT       /* better kernels exist, but OpenBLAS may not or could not choose again */
} verdict;

/*
 * The result of the first gru4rec_blas_core_pick() in the process. The variable below is
 * exported, so that the linker gives the first copy's variable to all copies of this
 * library in a process: the later copies find OpenBLAS as the first copy left it. Whoever
 * changes this layout must change the name.
 */
struct gru4rec_blas_core_shared {
    /*
     * The openblas_get_corename() of the OpenBLAS that the result is about; NULL: there
     * is no result yet.
     */
    char *(*_Atomic of)(void);
    /* verdict and why are written once, before of is set; later they are only read. */
    verdict verdict;
    char why[128]; /* CHOSEN: core type picked before; LEFT: the reason; else "" */
};
extern struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1 G4R_BLAS_SHARED;
struct gru4rec_blas_core_shared gru4rec_blas_core_shared_1;
#define shared gru4rec_blas_core_shared_1

/*
 * Makes OpenBLAS forget its kernels and pick them again, by the environment of this
 * moment.
 */
static void pick_again(void)
{
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
}

/*
 * Makes OpenBLAS choose again, with one core type after the other from best on, until it
 * uses kernels of a level above picked. picked is the level of OpenBLAS's own choice.
 * Returns true if it now uses such kernels. If no core type gives them, or if another
 * thread changes the environment, lets OpenBLAS pick by itself again, and returns false.
 * Returns false, and changes nothing, if there is not enough memory, or if this was
 * called before.
 */
static bool choose_best(const core_type *best, level picked)
{
    bool is_ours = true, is_better = false;
    if (!g4r_blas_environment_open())
        return false;
    for (; is_ours && !is_better && best < core_types + N_CHOICES; best++) {
        is_ours = g4r_blas_environment_with(best->setting, pick_again);
        const core_type *now = find_picked();
        is_better = now != NULL && now->level > picked;
    }
    if (!is_better)
        pick_again();
    return is_better;
}

/*
 * Makes OpenBLAS choose its kernels again, from best on, if nobody else uses OpenBLAS.
 * Returns CHOSEN if it now uses better kernels, and writes the core type picked before
 * into why (size). If OpenBLAS may not or cannot choose again, returns LEFT, and writes
 * the reason into why.
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
    else if (!g4r_blas_openblas_prepare() || !choose_best(best, picked->level))
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
 * OpenBLAS choose again. Returns the first that is true: ONLY, OpenBLAS has no other
 * kernels; SET, the environment variable is set; PICKED, better is NULL; NOT_ASKED, in
 * all other cases. better is the result of find_better().
 */
static verdict assess(const core_type *better)
{
    return gotoblas_dynamic_init == NULL ? ONLY
           : getenv(VARIABLE) != NULL    ? SET
           : better == NULL              ? PICKED
                                         : NOT_ASKED;
}

/*
 * First makes OpenBLAS pick its kernels, and so read the environment variable, if it has
 * not done so yet: if OpenBLAS is linked into the same file as this code, this code may
 * run before OpenBLAS's own start. Then, if better kernels exist and the variable is not
 * set, makes OpenBLAS choose again (try_to_choose()). The first call in a process, of any
 * copy of this library, stores its verdict in shared; later calls leave shared as it is.
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
