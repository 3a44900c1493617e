/*
 * bench.c - how long a training step takes, where the time goes, and how near that is to
 * the least that it could take on this machine. See SPEED.md.
 *
 *   bench [--json] [--seconds S] [--threads 1,2] [--events FILE.tsv] [W1 W2 ... evaluation]
 *
 * Needs no data: it invents sessions whose items have a popularity curve like those of
 * shops. While a training runs its steps are timed one by one, and every few steps the
 * floor (floor.h) is timed in turn with them; figures are medians, phases means.
 */
#define _POSIX_C_SOURCE 200809L
#include "floor.h"

#include "../../src/kernels/blas.h"
#include "../../src/data/schedule.h"
#include "../../src/base/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct workload {
    const char *name, *options;
    int32_t n_items;
} workloads[] = {
    {"W1", "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1", 37000},
    {"W2",
     "layers=224,batch_size=80,n_sample=2048,loss=bpr-max,elu_param=0.5,bpreg=1.95,"
     "momentum=0.4,dropout_p_embed=0.5,dropout_p_hidden=0.05",
     37000},
    {"W3", "layers=512,batch_size=240,n_sample=2048,loss=cross-entropy", 200000},
    {"W4",
     "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1,"
     "constrained_embedding=false",
     37000},
    {"W5", "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1", 4000000},
    {"W6",
     "layers=256/256,embedding=layersize,batch_size=128,n_sample=2048,"
     "loss=cross-entropy",
     37000},
};

enum { N_WORKLOADS = sizeof workloads / sizeof *workloads };
enum { WARM_UP = 60, ROUND = 20, MOST_STEPS = 200000, N_EVENTS = 1000000 };

static const char *const phase_names[G4R_N_PHASES] = {"rest",  "gather", "GRU",
                                                      "gates", "scores", "loss",
                                                      "whole", "rows"};

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n > 0 ? values[n / 2] : 0;
}

static void *allocate(size_t n, size_t bytes)
{
    void *block = calloc(n, bytes);
    if (block == NULL) {
        fprintf(stderr, "bench: not enough memory for %zu bytes\n", n * bytes);
        exit(1);
    }
    return block;
}

/* ---- events ---- */

typedef struct events {
    gru4rec_dataset *dataset;
    int64_t *support; /* (n_items) */
    int32_t n_items;
} events;

/* Item of popularity rank r is drawn in proportion to 1 / (r + 20). */
static events invent(int32_t n_items)
{
    events e = {allocate(1, sizeof *e.dataset),
                allocate((size_t)n_items, sizeof *e.support), n_items};
    gru4rec_dataset *d = e.dataset;
    g4r_rng rng;
    d->item_rows = allocate(N_EVENTS, sizeof *d->item_rows);
    d->offsets = allocate(N_EVENTS + 1, sizeof *d->offsets);
    g4r_rng_seed(&rng, 1, 1, 0);
    const double span = log((n_items + 20.0) / 20);
    while (d->n_events < N_EVENTS) {
        int length = 2; /* 2 and more, 4.6 in the mean */
        while (g4r_rng_uniform(&rng) < 0.72 && length < 60)
            length++;
        for (; length > 0 && d->n_events < N_EVENTS; length--) {
            double rank = 20 * exp(span * g4r_rng_uniform(&rng)) - 20;
            /* popular items are anywhere in the table */
            uint64_t row = (uint64_t)rank * 0x9e3779b1u % (uint64_t)n_items;
            d->item_rows[d->n_events++] = (int32_t)row;
            e.support[row]++;
        }
        d->offsets[++d->n_sessions] = d->n_events;
    }
    for (int32_t i = 0; i < n_items; i++)
        e.support[i]++;
    return e;
}

/* Session, item and time, tab-separated, below a header. */
static events read_events(const char *path)
{
    events e = {0};
    gru4rec_events *builder;
    gru4rec_items *items;
    gru4rec_error error;
    char line[256];
    FILE *file = fopen(path, "r");
    bool is_ok = file != NULL && fgets(line, sizeof line, file) != NULL &&
                 gru4rec_events_new(NULL, NULL, &builder) == GRU4REC_OK;
    for (int64_t n = 0; is_ok && fgets(line, sizeof line, file) != NULL; n++) {
        long long session, item;
        double time;
        gru4rec_id ids[2] = {{.type = GRU4REC_ID_INTEGER}, {.type = GRU4REC_ID_INTEGER}};
        is_ok = sscanf(line, "%lld %lld %lf", &session, &item, &time) == 3;
        ids[0].integer = session;
        ids[1].integer = item;
        gru4rec_time at = {.is_real = true, .real = time};
        is_ok = is_ok && gru4rec_events_add(builder, &ids[0], &ids[1], &at, n, &error) ==
                             GRU4REC_OK;
    }
    if (!is_ok || gru4rec_dataset_new(builder, true, NULL, NULL, &e.dataset, &items) !=
                      GRU4REC_OK) {
        fprintf(stderr, "bench: cannot read events from %s\n", path);
        exit(1);
    }
    fclose(file);
    e.n_items = gru4rec_items_count(items);
    e.support = allocate((size_t)e.n_items, sizeof *e.support);
    memcpy(e.support, gru4rec_items_support(items), (size_t)e.n_items * sizeof(int64_t));
    gru4rec_items_free(items);
    gru4rec_events_free(builder);
    return e;
}

static void free_events(events *e)
{
    if (e->dataset->allocator.resize != NULL) {
        gru4rec_dataset_free(e->dataset);
    } else {
        free(e->dataset->item_rows);
        free(e->dataset->offsets);
        free(e->dataset);
    }
    free(e->support);
}

/* ---- a measurement ---- */

typedef struct measurement {
    double *steps, *floors; /* seconds of each */
    size_t n_steps, n_floors;
    double last, end; /* clock */
    bool is_warm;
    double phases[G4R_N_PHASES];
    bench_floor floor;
} measurement;

/* After each step; every few steps it is the floor's turn. */
static int on_step(void *context, const gru4rec_progress *progress)
{
    measurement *m = context;
    double at = now();
    (void)progress;
    m->steps[m->n_steps++] = at - m->last;
    if (!m->is_warm && m->n_steps == WARM_UP) {
        m->is_warm = true;
        m->n_steps = m->n_floors = 0;
        g4r_timing_enter(G4R_IN_REST);
        memset(g4r_timing, 0, sizeof g4r_timing);
        m->end += now();
    }
    if (m->n_steps % ROUND == 0 && m->n_steps < MOST_STEPS - ROUND)
        for (int i = 0; i < ROUND / 4; i++) {
            double begin = now();
            bench_floor_step(&m->floor);
            m->floors[m->n_floors++] = now() - begin;
        }
    m->last = now();
    return (m->is_warm && m->n_steps > ROUND && m->last > m->end) ||
           m->n_steps >= MOST_STEPS;
}

static void measure(const struct workload *w, const events *e, int n_threads,
                    double seconds, bool is_json)
{
    gru4rec_options options;
    gru4rec_error error = {""};
    gru4rec_training training;
    char text[400], *at;
    static bool is_first = true;
    gru4rec_options_init(&options);
    snprintf(text, sizeof text, "%s,n_epochs=100000,threads=%d", w->options, n_threads);
    for (char *name = strtok_r(text, ",", &at); name != NULL;
         name = strtok_r(NULL, ",", &at)) {
        char *value = strchr(name, '=');
        *value++ = '\0';
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, name, value, &error);
    }
    if (gru4rec_options_resolve(&options, &error) != GRU4REC_OK ||
        gru4rec_training_new(NULL, &options, e->n_items, &training, &error) !=
            GRU4REC_OK) {
        fprintf(stderr, "bench: %s: %s\n", w->name, error.message);
        exit(1);
    }
    gru4rec_model_init(training.model, &options);
    measurement m = {.steps = allocate(MOST_STEPS, sizeof(double)),
                     .floors = allocate(MOST_STEPS, sizeof(double)),
                     .end = seconds};
    bench_floor_open(&m.floor, &training, &options, e->support);
    gru4rec_hooks hooks = {.poll = on_step, .context = &m};
    m.last = now();
    gru4rec_train(&training, e->dataset, e->support, &options, NULL, 0, &hooks, NULL,
                  &error);
    double total = 0, known = 0;
    for (size_t i = 0; i < m.n_steps; i++)
        total += m.steps[i];
    double mean = total / (double)m.n_steps;
    for (int i = 1; i < G4R_N_PHASES; i++)
        known += m.phases[i] = g4r_timing[i] / (double)m.n_steps;
    m.phases[G4R_IN_REST] = mean - known;
    double step = median(m.steps, m.n_steps);
    double floor = median(m.floors, m.n_floors);
    double rate = (double)options.batch_size / step;
    if (is_json) {
        printf(
            "%s\n  {\"workload\": \"%s\", \"threads\": %d, \"events_per_second\": %.0f, "
            "\"step_ms\": %.4f, \"floor_ms\": %.4f, \"floor_ratio\": %.3f",
            is_first ? "" : ",", w->name, n_threads, rate, step * 1e3, floor * 1e3,
            floor / step);
        for (int i = 0; i < G4R_N_PHASES; i++)
            printf(", \"%s_ms\": %.4f", phase_names[i], m.phases[i] * 1e3);
        printf("}");
    } else {
        printf("%-3s %3d %9.0f %8.3f %8.3f %6.2f ", w->name, n_threads, rate, step * 1e3,
               floor * 1e3, floor / step);
        for (int i = 1; i <= G4R_N_PHASES; i++)
            printf(" %7.3f", m.phases[i % G4R_N_PHASES] * 1e3);
        printf("\n");
    }
    fflush(stdout);
    is_first = false;
    bench_floor_close(&m.floor);
    gru4rec_training_free(&training);
    free(m.steps);
    free(m.floors);
}

/* ---- evaluation ---- */

static int count_rankings(void *context, const gru4rec_progress *progress)
{
    int64_t *n = context;
    *n = progress->events;
    return 0;
}

/* Full rankings of 43,097 items; the floor is the product of states and table alone. */
static void measure_evaluation(bool is_json)
{
    enum { ITEMS = 43097, WIDTH = 100, SESSIONS = 3000, LANES = 256 };
    gru4rec_options options;
    gru4rec_error error = {""};
    gru4rec_model *model;
    gru4rec_metrics metrics[GRU4REC_MAX_LIST];
    events e = invent(ITEMS);
    int64_t n_rankings = 0;
    gru4rec_hooks hooks = {.poll = count_rankings, .context = &n_rankings};
    e.dataset->n_sessions = SESSIONS;
    e.dataset->n_events = e.dataset->offsets[SESSIONS];
    gru4rec_options_init(&options);
    if (gru4rec_options_resolve(&options, &error) != GRU4REC_OK ||
        gru4rec_model_new(NULL, &options, ITEMS, &model, &error) != GRU4REC_OK) {
        fprintf(stderr, "bench: %s\n", error.message);
        exit(1);
    }
    gru4rec_model_init(model, &options);
    const gru4rec_evaluation what = {.model = model,
                                     .support = e.support,
                                     .test = e.dataset};
    const g4r_real *table = model->values[model->params.output];
    g4r_real *scores = allocate((size_t)LANES * ITEMS, sizeof *scores);
    double times[2][5];
    for (int round = 0; round < 5; round++) {
        double begin = now();
        gru4rec_evaluate(NULL, &what, &options, &hooks, metrics, &error);
        times[0][round] = now() - begin;
        begin = now();
        for (int64_t done = 0; done < n_rankings; done += LANES)
            g4r_blas_multiply(g4r_product_of(G4R_NT, scores, ITEMS, table + 7 * WIDTH,
                                             WIDTH, table, WIDTH,
                                             (size_t)G4R_MIN(LANES, n_rankings - done),
                                             ITEMS, WIDTH, 0));
        times[1][round] = now() - begin;
    }
    double seconds = median(times[0], 5), floor = median(times[1], 5);
    printf(is_json
               ? ",\n  {\"workload\": \"evaluation\", \"rankings_per_second\": %.0f, "
                 "\"seconds\": %.3f, \"floor_seconds\": %.3f, \"floor_ratio\": %.3f}"
               : "evaluation: %.0f rankings of 43,097 items x 100 a second; %.3f s for "
                 "what takes %.3f s as products alone: ratio %.2f\n",
           (double)n_rankings / seconds, seconds, floor, floor / seconds);
    free(scores);
    gru4rec_model_free(model);
    free_events(&e);
}

/* ---- the table ---- */

static void print_processor(char *text, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(text, size, "unknown processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            snprintf(text, size, "%s", strchr(line, ':') + 2);
            text[strcspn(text, "\n")] = '\0';
            break;
        }
    if (file != NULL)
        fclose(file);
}

static void print_header(bool is_json)
{
    gru4rec_build build;
    char processor[200];
    gru4rec_build_facts(&build);
    print_processor(processor, sizeof processor);
    if (is_json) {
        printf("{\"version\": \"%s\", \"processor\": \"%s\", \"simd\": \"%s\", \"blas\": "
               "\"%s\", \"blas_core\": \"%s\", \"blas_threading\": \"%s\", \"rows\": [",
               GRU4REC_VERSION, processor, build.simd, build.blas, build.blas_core,
               build.blas_threading);
        return;
    }
    printf("gru4rec %s on %s, %s; %s (%s, %s)\n", GRU4REC_VERSION, processor, build.simd,
           build.blas, build.blas_core, build.blas_threading);
    printf("%-3s %3s %9s %8s %8s %6s ", "", "thr", "events/s", "step ms", "floor ms",
           "ratio");
    for (int i = 1; i <= G4R_N_PHASES; i++)
        printf(" %7s", phase_names[i % G4R_N_PHASES]);
    printf("\n");
}

static bool is_wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    bool is_json = false;
    double seconds = 3;
    const char *threads = "1,2", *path = NULL;
    int n_names = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            is_json = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = argv[++i];
        else if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
            path = argv[++i];
        else
            argv[n_names++] = argv[i];
    }
    g4r_blas_enter();
    print_header(is_json);
    for (int i = 0; i < N_WORKLOADS; i++) {
        if (!is_wanted(workloads[i].name, argv, n_names))
            continue;
        events e = path != NULL ? read_events(path) : invent(workloads[i].n_items);
        for (const char *at = threads; *at; at += strcspn(at, ","), at += *at == ',')
            measure(&workloads[i], &e, atoi(at), seconds, is_json);
        free_events(&e);
    }
    if (is_wanted("evaluation", argv, n_names))
        measure_evaluation(is_json);
    if (is_json)
        printf("\n]}\n");
    g4r_blas_leave();
    return 0;
}
