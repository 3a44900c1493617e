/* bench_steps.c - the steps of one training, see bench.h. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { WARM_UP = 60, ROUND = 20, MOST_STEPS = BENCH_MOST_TIMES };

typedef struct measurement {
    double *steps, *rows, *peaks; /* seconds of each; operations per second */
    double *packed;               /* seconds of a step's products in bfloat16 */
    size_t n_steps, n_rows, n_peaks, n_packed;
    bool is_bfloat16;
    double last, end; /* clock */
    bool is_warm;
    bench_floor floor;
    bench_race products, peers;
} measurement;

/* What the steps are compared with has its turn. */
static void take_turn(measurement *m)
{
    enum { TIMES = 5 };
    for (int i = 0; i < TIMES; i++)
        m->rows[m->n_rows++] = bench_floor_rows(&m->floor);
    m->peaks[m->n_peaks++] = bench_processor_peak();
    for (int i = 0; m->is_bfloat16 && i < TIMES; i++)
        m->packed[m->n_packed++] = bench_floor_bfloat16(&m->floor);
    bench_race_turn(&m->products, TIMES, 1);
    bench_race_turn(&m->peers, 1, TIMES);
}

static void finish_warm_up(measurement *m)
{
    m->is_warm = true;
    m->n_steps = 0;
    g4r_timing_enter(G4R_IN_REST);
    memset(g4r_timing, 0, sizeof g4r_timing);
    m->end += bench_now();
}

/* After each step. */
static int on_step(void *context, const gru4rec_progress *progress)
{
    measurement *m = context;
    (void)progress;
    m->steps[m->n_steps++] = bench_now() - m->last;
    if (!m->is_warm && m->n_steps == WARM_UP)
        finish_warm_up(m);
    else if (m->is_warm && m->n_steps % ROUND == 0)
        take_turn(m);
    m->last = bench_now();
    return (m->is_warm && m->n_steps > ROUND && m->last > m->end) ||
           m->n_steps >= MOST_STEPS;
}

static void start_training(gru4rec_training *training, gru4rec_options *options,
                           const bench_workload *w, int32_t n_items, int n_threads,
                           bool is_bfloat16)
{
    gru4rec_error error = {""};
    char text[400], *at;
    gru4rec_options_init(options);
    snprintf(text, sizeof text, "%s,n_epochs=100000,threads=%d,precision=%s", w->options,
             n_threads, is_bfloat16 ? "bfloat16" : "float32");
    for (char *name = strtok_r(text, ",", &at); name != NULL;
         name = strtok_r(NULL, ",", &at)) {
        char *value = strchr(name, '=');
        *value++ = '\0';
        gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN, name, value, &error);
    }
    if (gru4rec_options_resolve(options, &error) != GRU4REC_OK ||
        gru4rec_training_new(NULL, options, n_items, training, &error) != GRU4REC_OK) {
        fprintf(stderr, "bench: %s: %s\n", w->name, error.message);
        exit(1);
    }
    gru4rec_model_init(training->model, options);
}

static void open_races(measurement *m, bench_tools *tools, const bench_workload *w,
                       int n_threads)
{
    static bench_team nobody;
    char work[BENCH_MOST_REQUEST];
    bench_floor_work(&m->floor, work, sizeof work);
    bench_race_open(&m->products, m->is_bfloat16 ? &nobody : &tools->products, work,
                    tools->chosen);
    snprintf(work, sizeof work, "%s %d", w->name, n_threads);
    bench_race_open(&m->peers, w->has_peer && !m->is_bfloat16 ? &tools->peers : &nobody,
                    work, NULL);
}

static void sum_phases(double phases[G4R_N_PHASES], const measurement *m)
{
    double total = 0, known = 0;
    for (size_t i = 0; i < m->n_steps; i++)
        total += m->steps[i];
    for (int i = 1; i < G4R_N_PHASES; i++)
        known += phases[i] = g4r_timing[i] / (double)m->n_steps;
    phases[G4R_IN_REST] = total / (double)m->n_steps - known;
}

static bench_result sum_up(measurement *m, const bench_tools *tools, int batch_size,
                           int n_threads)
{
    bench_result r = {.n_threads = n_threads, .is_bfloat16 = m->is_bfloat16};
    sum_phases(r.phases, m);
    r.step = bench_median(m->steps, m->n_steps);
    r.rate = (double)batch_size / r.step;
    r.rows = bench_median(m->rows, m->n_rows);
    r.products = bench_race_finish(&m->products, tools->chosen);
    if (m->is_bfloat16) {
        r.products.core = gru4rec_bfloat16_kernels();
        r.products.best = r.products.chosen = bench_median(m->packed, m->n_packed);
        r.products.of_best = 1;
    }
    r.floor = r.rows + r.products.best;
    r.peak = bench_median(m->peaks, m->n_peaks);
    r.share = bench_floor_operations(&m->floor) / r.step / r.peak / n_threads;
    r.peer = bench_race_finish(&m->peers, NULL);
    return r;
}

bench_result bench_steps(bench_tools *tools, const bench_workload *w,
                         const bench_events *e, int n_threads, bool is_bfloat16)
{
    gru4rec_options options;
    gru4rec_training training;
    gru4rec_error error = {""};
    measurement m = {.steps = bench_allocate(MOST_STEPS, sizeof(double)),
                     .rows = bench_allocate(MOST_STEPS, sizeof(double)),
                     .peaks = bench_allocate(MOST_STEPS, sizeof(double)),
                     .packed = bench_allocate(MOST_STEPS, sizeof(double)),
                     .is_bfloat16 = is_bfloat16,
                     .end = tools->seconds};
    start_training(&training, &options, w, e->n_items, n_threads, is_bfloat16);
    bench_floor_open(&m.floor, &training, &options, e->support);
    open_races(&m, tools, w, n_threads);
    gru4rec_hooks hooks = {.poll = on_step, .context = &m};
    m.last = bench_now();
    gru4rec_train(&training, e->dataset, e->support, &options, NULL, 0, &hooks, NULL,
                  &error);
    bench_result result = sum_up(&m, tools, (int)options.batch_size, n_threads);
    result.workload = w;
    bench_floor_close(&m.floor);
    gru4rec_training_free(&training);
    free(m.steps);
    free(m.rows);
    free(m.peaks);
    free(m.packed);
    return result;
}
