/* serve_measure.c - clock, medians and rows of the table; see serve.h. */
#define _POSIX_C_SOURCE 200809L
#include "serve.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUND = 20, FLOORS = 5 };

double serve_now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

void serve_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench-serve: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(stdout);
    _exit(1);
}

void *serve_allocate(size_t n, size_t bytes)
{
    void *block = calloc(n > 0 ? n : 1, bytes);
    if (block == NULL)
        serve_die("not enough memory for %zu bytes", n * bytes);
    return block;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double serve_quantile(double *values, size_t n, double q)
{
    size_t at = (size_t)(q * (double)n);
    qsort(values, n, sizeof *values, compare);
    return n > 0 ? values[at < n ? at : n - 1] : 0;
}

double serve_peak(void)
{
    char line[256];
    double kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = atof(line + 6);
    if (file != NULL)
        fclose(file);
    return kilobytes * 1024;
}

void serve_times_open(serve_times *times)
{
    *times = (serve_times){.queries = serve_allocate(SERVE_MOST, sizeof(double)),
                           .floors = serve_allocate(SERVE_MOST, sizeof(double))};
}

void serve_times_close(serve_times *times)
{
    free(times->queries);
    free(times->floors);
}

static void run(double *times, size_t *n, size_t rounds, serve_action *action,
                void *context)
{
    action(context); /* not counted: it finds the caches full of the other's data */
    for (size_t i = 0; i < rounds; i++) {
        double begin = serve_now();
        action(context);
        times[(*n)++] = serve_now() - begin;
    }
}

void serve_measure_turn(serve_times *times, serve_action *query, void *context,
                        serve_action *floor, void *floor_context)
{
    run(times->queries, &times->n_queries, ROUND, query, context);
    run(times->floors, &times->n_floors, FLOORS, floor, floor_context);
}

void serve_measure(serve_times *times, double seconds, size_t n_least,
                   serve_action *query, void *context, serve_action *floor,
                   void *floor_context)
{
    const double begin = serve_now();
    while ((serve_now() - begin < seconds || times->n_queries < n_least) &&
           times->n_queries + ROUND < SERVE_MOST)
        serve_measure_turn(times, query, context, floor, floor_context);
}

void serve_print_separator(const serve_settings *settings)
{
    static bool is_first = true;
    if (settings->is_json)
        fputs(is_first ? "\n    " : ",\n    ", stdout);
    is_first = false;
}

void serve_print_note(const serve_settings *settings, const char *name, const char *note)
{
    serve_print_separator(settings);
    printf(settings->is_json ? "{\"case\": \"%s\", \"note\": \"%s\"}" : "%-8s %s\n", name,
           note);
    fflush(stdout);
}

void serve_print(const serve_settings *settings, const char *name, const char *table,
                 const char *query, serve_times *times)
{
    const double median = serve_quantile(times->queries, times->n_queries, 0.5) * 1e3;
    const double p99 = serve_quantile(times->queries, times->n_queries, 0.99) * 1e3;
    const double floor = serve_quantile(times->floors, times->n_floors, 0.5) * 1e3;
    serve_print_separator(settings);
    printf(settings->is_json
               ? "{\"case\": \"%s\", \"table\": \"%s\", \"query\": \"%s\", \"n\": %zu, "
                 "\"median_ms\": %.4f, \"p99_ms\": %.4f, \"floor_ms\": %.4f, "
                 "\"floor_ratio\": %.3f, \"floor_way\": \"%s\"}"
               : "%-8s %-8s %-34s %7zu %10.3f %10.3f %9.4f %6.2f  %s\n",
           name, table, query, times->n_queries, median, p99, floor, floor / median,
           times->way != NULL ? times->way : "");
    fflush(stdout);
}

/* What was asked of a kind of table: the most that a query may take beside its floor. */
static const struct target {
    const char *table, *text;
    double floors, more; /* milliseconds */
} targets[] = {
    {"float32", "1.3 floors", 1.3, 0},
    {"int8", "1.5 floors + 0.05 ms", 1.5, 0.05},
    {"related", "without the blend + 0.3 ms", 1, 0.3},
    {"mixed", "without the blend + 0.3 ms", 1, 0.3},
};

static const struct target *target_of(const char *table)
{
    const struct target *target = targets;
    while (strcmp(target->table, table) != 0)
        target++;
    return target;
}

static bench_verdict start_verdict(const char *name, const char *table)
{
    bench_verdict v = {.unit = "ms"};
    snprintf(v.what, sizeof v.what, "%s %s, %s", name, table, target_of(table)->text);
    return v;
}

void serve_judge(const serve_settings *settings, const char *name, const char *table,
                 serve_times *times)
{
    const struct target *target = target_of(table);
    const double floor = serve_quantile(times->floors, times->n_floors, 0.5) * 1e3;
    bench_verdict v = start_verdict(name, table);
    v.got = serve_quantile(times->queries, times->n_queries, 0.5) * 1e3;
    v.wanted = target->floors * floor + target->more;
    snprintf(v.note, sizeof v.note, "%.2f floors of %.3f ms", v.got / floor, floor);
    bench_verdicts_add(settings->verdicts, &v);
}

void serve_judge_missing(const serve_settings *settings, const char *name,
                         const char *table)
{
    bench_verdict v = start_verdict(name, table);
    for (size_t i = 0; i < settings->verdicts->n; i++)
        if (strcmp(settings->verdicts->list[i].what, v.what) == 0)
            return;
    snprintf(v.note, sizeof v.note, "was not run, or failed");
    bench_verdicts_add(settings->verdicts, &v);
}

bool serve_in_child(int (*work)(void *context), void *context)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        serve_die("cannot fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        int result = work(context);
        fflush(stdout);
        _exit(result);
    }
    while (waitpid(child, &status, 0) < 0) /* a signal: stop */
        kill(child, SIGTERM);
    return status == 0;
}
