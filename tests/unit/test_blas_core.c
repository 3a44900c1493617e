/*
 * test_blas_core.c - blas_core.c: every core type that the processor can run multiplies
 * right; OpenBLAS that picks badly chooses again where nobody else uses it, and is left
 * alone where somebody does.
 *
 * OpenBLAS picks once in a process, so each case is a process: this program again, with
 * the case as its argument. It has a getenv() of its own, which tells OpenBLAS at its load
 * what TEST_CORETYPE says, as if it did not know the processor.
 */
#define _GNU_SOURCE /* environ */
#include "../lib/test.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/blas.h"
#include "../../src/kernels/blas_core.h"

#include <dlfcn.h>
#include <float.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE "OPENBLAS_CORETYPE"

static atomic_int n_asked;

static char *find_variable(const char *name)
{
    size_t n = strlen(name);
    char **entry = __atomic_load_n(&environ, __ATOMIC_ACQUIRE);
    for (; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=')
            return *entry + n + 1;
    return NULL;
}

char *getenv(const char *name)
{
    char *test = strcmp(name, VARIABLE) == 0 && atomic_fetch_add(&n_asked, 1) == 0
                     ? find_variable("TEST_CORETYPE")
                     : NULL;
    return test != NULL ? test : find_variable(name);
}

/* ---- what this processor can run ---- */

typedef struct kind {
    const char *name;
    int level; /* SSE, AVX, AVX2, AVX-512, the same with BF16 */
} kind;

static const kind kinds[] = {
    {"Prescott", 0}, {"Core2", 0},       {"Penryn", 0},  {"Dunnington", 0},
    {"Nehalem", 0},  {"Sandybridge", 1}, {"Haswell", 2}, {"Zen", 2},
    {"SkylakeX", 3}, {"Cooperlake", 4},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static int level(void)
{
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq");
    return avx512 && __builtin_cpu_supports("avx512bf16") ? 4
           : avx512                                       ? 3
           : avx2                                         ? 2
                  : __builtin_cpu_supports("avx") != 0;
#else
    return -1;
#endif
}

/* What is as good as can be asked for, on this processor. */
static int enough(void)
{
#if defined(__x86_64__)
    return G4R_MIN(level(), __builtin_cpu_is("intel") ? 3 : 2);
#else
    return -1;
#endif
}

static const char *best(void)
{
    static const char *const names[] = {"Prescott", "Sandybridge", "Haswell", "SkylakeX",
                                        "Cooperlake"};
    return level() >= 0 ? names[level()] : "";
}

/* ---- products ---- */

enum { M = 150, N = 233, K = 170 };
static g4r_real a[M * K], b[N * K], c[M * N];

static bool is_right(g4r_product_form form, size_t m, size_t n, size_t k)
{
    const size_t lda = form == G4R_TN ? m : k, ldb = form == G4R_NT ? k : n;
    const double tolerance = (double)((k + 2) * (k + 2)) * FLT_EPSILON / 2;
    bool is_ok = true;
    g4r_blas_multiply(g4r_product_of(form, c, n, a, lda, b, ldb, m, n, k, 0));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += (double)a[form == G4R_TN ? l * lda + i : i * lda + l] *
                       (double)b[form == G4R_NT ? j * ldb + l : l * ldb + j];
            is_ok = is_ok && fabs(sum - (double)c[i * n + j]) <= tolerance;
        }
    return is_ok;
}

/* Products of many shapes; hashes their bits. */
static bool are_products_right(uint64_t *bits)
{
    static const size_t shapes[][3] = {{1, 1, 1},      {2, 3, 4},     {5, 17, 1},
                                       {16, 16, 16},   {33, 31, 65},  {64, 1, 9},
                                       {7, 130, 33},   {100, 48, 2},  {150, 233, 170},
                                       {32, 230, 100}, {149, 7, 169}, {1, 230, 100}};
    g4r_rng rng;
    bool is_ok = true;
    g4r_rng_seed(&rng, 42, 1, 0);
    for (size_t i = 0; i < M * K; i++)
        a[i] = (g4r_real)(2 * g4r_rng_uniform(&rng) - 1);
    for (size_t i = 0; i < N * K; i++)
        b[i] = (g4r_real)(2 * g4r_rng_uniform(&rng) - 1);
    for (int form = G4R_NT; form <= G4R_TN; form++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const size_t *s = shapes[i];
            is_ok = is_right((g4r_product_form)form, s[0], s[1], s[2]) && is_ok;
            for (size_t j = 0; j < s[0] * s[1] * sizeof *c; j++)
                *bits = (*bits ^ ((unsigned char *)c)[j]) * 0x100000001b3;
        }
    return is_ok;
}

/* ---- the cases; each prints core, what would be better, bits, and why ---- */

#ifdef __SANITIZE_THREAD__
enum { CAN_SEE_THREADS = 0 }; /* how OpenBLAS's wait for each other was not compiled so */
#else
enum { CAN_SEE_THREADS = 1 };
#endif

static void say(void)
{
    gru4rec_build build;
    uint64_t bits = 7, of_threads = 7;
    gru4rec_build_facts(&build);
    /* With as many threads as OpenBLAS likes. */
    if (CAN_SEE_THREADS && !are_products_right(&of_threads))
        printf("wrong-products ");
    g4r_blas_enter();
    if (!are_products_right(&bits))
        printf("wrong-products-alone ");
    g4r_blas_leave();
    printf("%s %s %llx %s\n", build.blas_core,
           build.blas_core_better != NULL ? build.blas_core_better : "-",
           (unsigned long long)bits, build.blas_core_reason);
}

static void just_say(void)
{
    say();
}

static void pick(void)
{
    char **before = environ;
    const char *set = find_variable(VARIABLE);
    gru4rec_blas_core_pick();
    if (environ != before || getenv(VARIABLE) != set)
        printf("other-environment ");
    say();
}

static void pick_twice(void)
{
    gru4rec_blas_core_pick();
    pick();
}

#ifdef GRU4REC_BLAS_STATIC
enum { IS_SHARED = 0 }; /* this program has an OpenBLAS of its own */
#else
enum { IS_SHARED = 1 };
#endif

/* Loads a file that needs OpenBLAS, or that is another BLAS. */
static void pick_beside_another(void)
{
    void *other = dlopen("libblas.so.3", RTLD_NOW);
    const bool is_same =
        IS_SHARED && other != NULL && dlsym(other, "openblas_get_config") != NULL;
    printf("%s ", is_same ? "same" : "another");
    pick();
}

static atomic_bool is_reading;
static atomic_int n_missed, n_readers;

static void *read_often(void *unused)
{
    (void)unused;
    atomic_fetch_add(&n_readers, 1);
    while (atomic_load(&is_reading))
        for (int i = 0; i < 100; i++)
            if (getenv("TEST_FIRST") == NULL || getenv("TEST_LAST") == NULL)
                atomic_fetch_add(&n_missed, 1);
    return NULL;
}

/* All that was in the environment is found at any moment. */
static void pick_beside_readers(void)
{
    enum { N_READERS = 4 };
    pthread_t threads[N_READERS];
    atomic_store(&is_reading, true);
    for (int i = 0; i < N_READERS; i++)
        if (pthread_create(&threads[i], NULL, read_often, NULL) != 0)
            exit(3);
    while (atomic_load(&n_readers) < N_READERS)
        usleep(100);
    gru4rec_blas_core_pick();
    usleep(1000);
    atomic_store(&is_reading, false);
    for (int i = 0; i < N_READERS; i++)
        pthread_join(threads[i], NULL);
    if (atomic_load(&n_missed) > 0)
        printf("missed-variables ");
    say();
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"say", just_say},
             {"pick", pick},
             {"twice", pick_twice},
             {"another", pick_beside_another},
             {"readers", pick_beside_readers}};

/* ---- the processes ---- */

static const char *self;

typedef struct answer {
    char line[400], core[32], better[32], bits[32], why[400];
} answer;

/* What a case said, in a process where the variables are set so; a NULL is none. */
static answer ask(const char *name, const char *picked, const char *set)
{
    answer said = {.line = ""};
    char command[600];
    snprintf(command, sizeof command, "TEST_FIRST=1 %s%s %s%s TEST_LAST=1 '%s' %s",
             picked != NULL ? "TEST_CORETYPE=" : "", picked != NULL ? picked : "",
             set != NULL ? VARIABLE "=" : "", set != NULL ? set : "", self, name);
    FILE *pipe = popen(command, "r");
    int n = 0;
    if (CHECK(pipe != NULL) && CHECK(fgets(said.line, sizeof said.line, pipe) != NULL) &&
        CHECK(sscanf(said.line, "%31s %31s %31s %n", said.core, said.better, said.bits,
                     &n) == 3))
        strcpy(said.why, said.line + n);
    if (pipe != NULL && !CHECK_INT(0, pclose(pipe)))
        printf("%s: %s\n", command, said.line);
    return said;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void every_core_type_multiplies_right(void)
{
    for (int i = 0; i < N_KINDS; i++) {
        if (kinds[i].level > level())
            continue;
        answer said = ask("pick", NULL, kinds[i].name);
        CHECK_TEXT(kinds[i].name, said.core);
        CHECK_TEXT("-", said.better);
        CHECK_TEXT(VARIABLE " was set\n", said.why);
    }
    CHECK(strlen(ask("pick", NULL, NULL).core) > 0);
}

static void bad_kernels_are_told(void)
{
    for (int i = 0; i < N_KINDS; i++) {
        if (kinds[i].level > level())
            continue;
        answer said = ask("say", kinds[i].name, NULL);
        const bool is_bad = kinds[i].level < enough();
        CHECK_TEXT(kinds[i].name, said.core);
        CHECK_TEXT(is_bad ? best() : "-", said.better);
        CHECK(begins(said.why,
                     is_bad ? "OpenBLAS does not know this processor, and "
                              "gru4rec_blas_core_pick() was not called; set " VARIABLE
                            : "picked by OpenBLAS"));
    }
    CHECK(true);
}

/* The same bits as where the user has set the core type. */
static void bad_kernels_are_replaced(void)
{
    static const char *const names[] = {"pick", "twice"};
    const answer set = enough() >= 1 ? ask("pick", NULL, best()) : (answer){.line = ""};
    for (int i = 0; i < N_KINDS; i++)
        for (int j = 0; j < 2 && kinds[i].level <= level(); j++) {
            answer said = ask(names[j], kinds[i].name, NULL);
            const bool is_bad = kinds[i].level < enough();
            char why[100];
            snprintf(why, sizeof why,
                     "chosen by gru4rec: OpenBLAS does not know this "
                     "processor, and picked %s\n",
                     kinds[i].name);
            CHECK_TEXT(is_bad ? best() : kinds[i].name, said.core);
            CHECK_TEXT("-", said.better);
            CHECK_TEXT(is_bad ? why : "picked by OpenBLAS\n", said.why);
            CHECK(!is_bad || strcmp(said.bits, set.bits) == 0);
        }
    CHECK(true);
}

/* OpenBLAS takes names in any case, and picks by itself where it does not know one. */
static void what_the_user_sets_stays(void)
{
    static const char *const values[] = {"prescott", "nonsense", "''"};
    for (size_t i = 0; i < 3 && level() >= 0; i++) {
        answer said = ask("pick", NULL, values[i]);
        CHECK_TEXT("-", said.better);
        CHECK_TEXT(VARIABLE " was set\n", said.why);
    }
    CHECK(true);
}

static void another_user_is_left_alone(void)
{
    answer said = ask("another", "Prescott", NULL);
    const bool is_same = strcmp(said.core, "same") == 0;
    CHECK(is_same || strcmp(said.core, "another") == 0);
    if (enough() < 1)
        return;
    CHECK_TEXT(is_same ? "Prescott" : best(), said.better);
    CHECK(strstr(said.line, is_same ? "because libblas.so.3 uses OpenBLAS too; set "
                                    : "chosen by gru4rec") != NULL);
    CHECK(!is_same || strstr(said.line, best()) != NULL);
}

/* The moment is short: again and again. */
static void readers_find_everything(void)
{
    for (int i = 0; i < 10; i++) {
        answer said = ask("readers", "Prescott", NULL);
        CHECK(strcmp(said.core, enough() > 0 ? best() : said.core) == 0);
        CHECK(!begins(said.line, "missed"));
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
        if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    self = argv[0];
    unsetenv("TEST_CORETYPE");
    unsetenv(VARIABLE);
    RUN(every_core_type_multiplies_right);
    RUN(bad_kernels_are_told);
    RUN(bad_kernels_are_replaced);
    RUN(what_the_user_sets_stays);
    RUN(another_user_is_left_alone);
    RUN(readers_find_everything);
    return test_end();
}
