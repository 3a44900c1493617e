/*
 * bench.h - the parts of bench, see bench.c. Whatever fails ends the process.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "floor.h"
#include "processor.h"
#include "worker.h"

#include "../../src/base/timing.h"

typedef struct bench_workload {
    const char *name, *options;
    int32_t n_items;
    bool has_peer; /* peer.py knows it */
} bench_workload;

/* What the figures of one run are made with. */
typedef struct bench_tools {
    double seconds;     /* of each row, at least */
    const char *chosen; /* the core type that this process uses */
    bench_team products, peers;
    int n_cores;
} bench_tools;

typedef struct bench_result {
    const bench_workload *workload;
    int n_threads;
    bool is_bfloat16;
    double rate;                /* events per second */
    double step, floor, rows;   /* seconds */
    bench_race_result products; /* of a step; in bfloat16 our own kernels alone */
    double peak,
        share; /* operations per second of one core; what the steps reach of it */
    bench_race_result peer; /* a step of PyTorch's */
    double phases[G4R_N_PHASES];
} bench_result;

double bench_now(void);
void *bench_allocate(size_t n, size_t bytes);

/* ---- bench_events.c ---- */

typedef struct bench_events {
    gru4rec_dataset *dataset;
    int64_t *support; /* (n_items) */
    int32_t n_items;
} bench_events;

/* Item of popularity rank r is drawn in proportion to 1 / (r + 20). */
bench_events bench_events_invent(int32_t n_items);
/* Session, item and time, tab-separated, below a header. */
bench_events bench_events_read(const char *path);
void bench_events_free(bench_events *e);

/* ---- bench_steps.c ---- */

/* Steps, and in turn with them all that they are compared with. */
bench_result bench_steps(bench_tools *tools, const bench_workload *w,
                         const bench_events *e, int n_threads, bool is_bfloat16);

/* ---- bench_evaluation.c ---- */

typedef struct bench_ranking {
    int64_t n;                  /* rankings */
    double seconds, floor;      /* of all of them */
    bench_race_result products; /* of a block */
} bench_ranking;

/* Full rankings of 43,097 items x 100, and the products of states and table alone. */
bench_ranking bench_evaluation(bench_tools *tools);

/* ---- bench_bounds.c ---- */

/* Median seconds of the bounds of 43,097 x 100 for 128 sessions. */
typedef struct bench_bounding {
    double products, bytes, two_sided;
    bool is_used; /* bytes are what this processor uses */
} bench_bounding;

/* Products with the core type in use, and bytes, in turn. */
bench_bounding bench_bounds(void);

#endif
