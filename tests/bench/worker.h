/*
 * worker.h - programs that time something with one core type of OpenBLAS. OpenBLAS chooses
 * its kernels when it is loaded, so each core type needs a process of its own. All stay
 * alive and are asked one at a time, in turn with what they are compared with, so that all
 * are measured under the same conditions.
 *
 * A worker says which core type it uses in its first line. A request is a line: how many
 * times, and of what. The answer is a line of as many seconds.
 */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { BENCH_MOST_CORES = 12, BENCH_MOST_TIMES = 200000, BENCH_MOST_REQUEST = 2000 };

typedef struct bench_worker {
    char core[40];
    char about[80]; /* what follows the core type in its first line */
    pid_t process;
    FILE *to, *from;
} bench_worker;

typedef struct bench_team {
    bench_worker workers[BENCH_MOST_CORES]; /* (n) */
    size_t n;
} bench_team;

/*
 * A worker for each core type that this processor can run and this OpenBLAS has, and one
 * for chosen, if not NULL, whatever that is. arguments: the command, found as a shell finds
 * it, and NULL. Leaves out who does not start.
 */
void bench_team_start(bench_team *team, const char *const *arguments, const char *chosen);
void bench_team_stop(bench_team *team);

/* The same work with all core types. A first round finds those that may be the best. */
typedef struct bench_race {
    bench_team *team;
    char work[BENCH_MOST_REQUEST];
    bool is_in[BENCH_MOST_CORES];
    double *times[BENCH_MOST_CORES]; /* seconds of each who is in */
    size_t n_times[BENCH_MOST_CORES];
} bench_race;

/* Who is in: the two fastest, and chosen. team: may be empty. */
void bench_race_open(bench_race *race, bench_team *team, const char *work,
                     const char *chosen);
/* Rounds, in each of which all who are in work n times, one after another. */
void bench_race_turn(bench_race *race, size_t n_rounds, size_t n);

typedef struct bench_race_result {
    const char *core;    /* the fastest, or "none" */
    double best, chosen; /* median seconds; 0: nobody, not in */
    double of_best;      /* the best's time of the chosen's, median of pairs; or 0 */
} bench_race_result;

/* Frees the race. chosen: or NULL. */
bench_race_result bench_race_finish(bench_race *race, const char *chosen);

/* Sorts the values. */
double bench_median(double *values, size_t n);
/* The path of a program beside this one. */
void bench_beside(char *path, size_t size, const char *name);

#endif
