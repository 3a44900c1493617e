/* worker.c - see worker.h. */
#define _GNU_SOURCE /* pipe2 */
#include "worker.h"

#include "processor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- one worker ---- */

/* In the child. A core type that the processor cannot run ends it: without a core file. */
_Noreturn static void become(const char *const *arguments, const char *core, int from,
                             int to)
{
    const struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGPIPE, SIG_DFL);
    dup2(from, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    if (core != NULL)
        setenv("OPENBLAS_CORETYPE", core, 1);
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
}

static void stop(bench_worker *worker)
{
    int status;
    fclose(worker->to);
    fclose(worker->from);
    waitpid(worker->process, &status, 0);
}

/* "Haswell, and whatever else it says" */
static bool read_greeting(bench_worker *worker)
{
    char line[128];
    if (fgets(line, sizeof line, worker->from) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    size_t n = strcspn(line, " ");
    snprintf(worker->core, sizeof worker->core, "%.*s", (int)n, line);
    snprintf(worker->about, sizeof worker->about, "%.79s",
             line + n + (line[n] == ' ' ? 1 : 0));
    return true;
}

/* core: NULL for what OpenBLAS chooses itself. False: it cannot be had. */
static bool start(bench_worker *worker, const char *const *arguments, const char *core)
{
    int to[2], from[2];
    signal(SIGPIPE, SIG_IGN); /* a worker may die: that is its answer */
    fflush(stdout);
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        return false;
    worker->process = fork();
    if (worker->process == 0)
        become(arguments, core, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    worker->to = fdopen(to[1], "w");
    worker->from = fdopen(from[0], "r");
    if (worker->process < 0 || worker->to == NULL || worker->from == NULL)
        return false;
    /* OpenBLAS takes its own choice for a name that it does not know */
    if (read_greeting(worker) && (core == NULL || strcmp(worker->core, core) == 0))
        return true;
    stop(worker);
    return false;
}

/* The seconds of n times; false: it died. */
static bool ask(bench_worker *worker, const char *work, double *seconds, size_t n)
{
    fprintf(worker->to, "%zu %s\n", n, work);
    fflush(worker->to);
    for (size_t i = 0; i < n; i++)
        if (fscanf(worker->from, "%lf", &seconds[i]) != 1)
            return false;
    return true;
}

/* ---- a team ---- */

static bool has_core(const bench_team *team, const char *core)
{
    for (size_t i = 0; i < team->n; i++)
        if (strcmp(team->workers[i].core, core) == 0)
            return true;
    return false;
}

static void add(bench_team *team, const char *const *arguments, const char *core)
{
    if (team->n < BENCH_MOST_CORES && start(&team->workers[team->n], arguments, core))
        team->n++;
}

void bench_team_start(bench_team *team, const char *const *arguments, const char *chosen)
{
    const char *core;
    team->n = 0;
    for (size_t i = 0; (core = bench_processor_core_type(i)) != NULL; i++)
        add(team, arguments, core);
    if (chosen != NULL && !has_core(team, chosen))
        add(team, arguments, chosen);
    if (team->n == 0 || (chosen != NULL && !has_core(team, chosen)))
        add(team, arguments, NULL); /* one that has no name, or no choice */
}

void bench_team_stop(bench_team *team)
{
    while (team->n > 0)
        stop(&team->workers[--team->n]);
}

/* ---- a race ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n > 0 ? values[n / 2] : 0;
}

/* The median of times, or of what they are to others' of the same moments (or NULL). */
static double find_median(const double *times, const double *others, size_t n)
{
    double *values = malloc(n * sizeof *values + 1), median = 0;
    for (size_t i = 0; values != NULL && i < n; i++)
        values[i] = others != NULL ? times[i] / others[i] : times[i];
    if (values != NULL)
        median = bench_median(values, n);
    free(values);
    return median;
}

/* The fastest who is in, but for one; the team's size if there is none. */
static size_t find_best(const bench_race *race, size_t but)
{
    size_t best = race->team->n;
    double least = 0;
    for (size_t i = 0; i < race->team->n; i++) {
        if (!race->is_in[i] || i == but || race->n_times[i] == 0)
            continue;
        const double median = find_median(race->times[i], NULL, race->n_times[i]);
        if (best == race->team->n || median < least) {
            best = i;
            least = median;
        }
    }
    return best;
}

static size_t find_core(const bench_race *race, const char *core)
{
    size_t i = 0;
    while (i < race->team->n &&
           !(race->is_in[i] && strcmp(race->team->workers[i].core, core) == 0))
        i++;
    return i;
}

void bench_race_open(bench_race *race, bench_team *team, const char *work,
                     const char *chosen)
{
    enum { ROUNDS = 3, TIMES = 3 };
    *race = (bench_race){.team = team};
    snprintf(race->work, sizeof race->work, "%s", work);
    for (size_t i = 0; i < team->n; i++) {
        race->times[i] = malloc(BENCH_MOST_TIMES * sizeof(double));
        race->is_in[i] = race->times[i] != NULL;
    }
    bench_race_turn(race, ROUNDS, TIMES);
    const size_t best = find_best(race, team->n), second = find_best(race, best);
    const size_t own = chosen != NULL ? find_core(race, chosen) : team->n;
    for (size_t i = 0; i < team->n; i++) {
        race->is_in[i] = race->is_in[i] && (i == best || i == second || i == own);
        race->n_times[i] = 0;
    }
}

void bench_race_turn(bench_race *race, size_t n_rounds, size_t n)
{
    for (size_t round = 0; round < n_rounds; round++)
        for (size_t i = 0; i < race->team->n; i++) {
            double *free_times = race->times[i] + race->n_times[i];
            if (!race->is_in[i] || race->n_times[i] + n > BENCH_MOST_TIMES)
                continue;
            if (ask(&race->team->workers[i], race->work, free_times, n))
                race->n_times[i] += n;
            else
                race->is_in[i] = false;
        }
}

bench_race_result bench_race_finish(bench_race *race, const char *chosen)
{
    const bench_team *team = race->team;
    const size_t best = find_best(race, team->n);
    bench_race_result r = {.core = "none"};
    if (best < team->n) {
        r.core = team->workers[best].core;
        r.best = find_median(race->times[best], NULL, race->n_times[best]);
    }
    const size_t own = chosen != NULL ? find_core(race, chosen) : team->n;
    if (own < team->n && best < team->n) {
        const size_t n_best = race->n_times[best], n_own = race->n_times[own];
        const size_t n = n_best < n_own ? n_best : n_own;
        r.chosen = find_median(race->times[own], NULL, n_own);
        r.of_best = find_median(race->times[best], race->times[own], n);
    }
    for (size_t i = 0; i < team->n; i++)
        free(race->times[i]);
    return r;
}

void bench_beside(char *path, size_t size, const char *name)
{
    char own[400];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL)
        slash[1] = '\0';
    snprintf(path, size, "%s%s", own, name);
}
