/*
 * bench.c - how long a training step takes, where the time goes, and how near that is to
 * the least that it could take on this machine. See SPEED.md.
 *
 *   bench [--json] [--seconds S] [--threads 1,2] [--events FILE.tsv] [--peer COMMAND]
 *         [W1 W2 ... evaluation bounds]
 *
 * Needs no data: it invents sessions whose items have a popularity curve like those of
 * shops. While a training runs its steps are timed one by one. Every few steps it is the
 * turn of what they are compared with: the rows' traffic (floor.h); the step's products with
 * each core type of OpenBLAS that may be the best (worker.h); the processor's peak
 * (processor.h); and COMMAND, which is peer.py, with each of its core types. Figures are
 * medians, phases means.
 */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"
#include "verdict.h"

#include "../../src/kernels/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const bench_workload workloads[] = {
    {"W1", "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1", 37000,
     true},
    {"W2",
     "layers=224,batch_size=80,n_sample=2048,loss=bpr-max,elu_param=0.5,bpreg=1.95,"
     "momentum=0.4,dropout_p_embed=0.5,dropout_p_hidden=0.05",
     37000, true},
    {"W3", "layers=512,batch_size=240,n_sample=2048,loss=cross-entropy", 200000, false},
    {"W4",
     "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1,"
     "constrained_embedding=false",
     37000, false},
    {"W5", "layers=100,batch_size=32,n_sample=2048,loss=cross-entropy,logq=1", 4000000,
     false},
    {"W6",
     "layers=256/256,embedding=layersize,batch_size=128,n_sample=2048,"
     "loss=cross-entropy",
     37000, false},
};

enum { N_WORKLOADS = sizeof workloads / sizeof *workloads, MOST_RESULTS = 64 };

static const char *const phase_names[G4R_N_PHASES] = {"rest",  "gather", "GRU",
                                                      "gates", "scores", "loss",
                                                      "whole", "rows"};

typedef struct results {
    bench_result list[MOST_RESULTS];
    size_t n;
    bench_bounding bounds; /* zero if not run */
} results;

typedef struct settings {
    bool is_json;
    const char *threads, *events; /* a list; a file or NULL */
    char *peer;                   /* a command or NULL; taken apart */
    char **names;                 /* (n_names) of what is wanted */
    int n_names;
} settings;

double bench_now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

void *bench_allocate(size_t n, size_t bytes)
{
    void *block = calloc(n, bytes);
    if (block == NULL) {
        fprintf(stderr, "bench: not enough memory for %zu bytes\n", n * bytes);
        exit(1);
    }
    return block;
}

/* ---- the table ---- */

static void print_names(const bench_team *team, bool is_json)
{
    for (size_t i = 0; i < team->n; i++)
        printf(is_json ? "%s\"%s\"" : "%s%s", i > 0 ? ", " : "", team->workers[i].core);
}

static void print_header(const bench_tools *tools, bool is_json)
{
    gru4rec_build build;
    bench_processor processor;
    const double peak = bench_processor_peak() / 1e9;
    gru4rec_build_facts(&build);
    bench_processor_get(&processor);
    if (is_json) {
        printf("{\"version\": \"%s\", ", GRU4REC_VERSION);
        bench_processor_print_json(&processor);
        printf(", \"simd\": \"%s\", \"blas\": \"%s\", \"blas_core\": \"%s\", "
               "\"blas_threading\": \"%s\", \"peak_gflops\": %.2f, \"peak_vectors\": "
               "\"%s\", \"core_types\": [",
               build.simd, build.blas, build.blas_core, build.blas_threading, peak,
               bench_processor_peak_name());
        print_names(&tools->products, true);
        printf("]");
        if (tools->peers.n > 0)
            printf(", \"peer\": \"%s\"", tools->peers.workers[0].about);
        printf(", \"rows\": [");
        return;
    }
    printf("gru4rec %s on ", GRU4REC_VERSION);
    bench_processor_print(&processor);
    printf("%s; %s (%s, %s)\ncore types: ", build.simd, build.blas, build.blas_core,
           build.blas_threading);
    print_names(&tools->products, false);
    printf("; peak of one core: %.1f GFLOP/s (%s)\n", peak, bench_processor_peak_name());
    printf("%-3s %3s %-8s %8s %7s %8s %5s %7s %5s", "", "thr", "in", "events/s",
           "step ms", "floor ms", "ratio", "of best", "peak");
    for (int i = 1; i <= G4R_N_PHASES; i++)
        printf(" %6s", phase_names[i % G4R_N_PHASES]);
    printf("  best\n");
}

static const char *precision_of(const bench_result *r)
{
    return r->is_bfloat16 ? "bfloat16" : "float32";
}

static void print_row_json(const bench_result *r)
{
    printf("{\"workload\": \"%s\", \"threads\": %d, \"precision\": \"%s\", "
           "\"events_per_second\": %.0f, "
           "\"step_ms\": %.4f, \"floor_ms\": %.4f, \"floor_ratio\": %.3f, "
           "\"rows_traffic_ms\": %.4f, \"best_core\": \"%s\", \"best_products_ms\": "
           "%.4f, \"chosen_products_ms\": %.4f, \"chosen_of_best\": %.3f, "
           "\"peak_gflops\": %.2f, \"peak_share\": %.4f",
           r->workload->name, r->n_threads, precision_of(r), r->rate, r->step * 1e3,
           r->floor * 1e3, r->floor / r->step, r->rows * 1e3, r->products.core,
           r->products.best * 1e3, r->products.chosen * 1e3, r->products.of_best,
           r->peak / 1e9, r->share);
    if (r->peer.best > 0)
        printf(", \"peer_core\": \"%s\", \"peer_ms\": %.4f, \"peer_ratio\": %.3f",
               r->peer.core, r->peer.best * 1e3, r->peer.best / r->step);
    for (int i = 0; i < G4R_N_PHASES; i++)
        printf(", \"%s_ms\": %.4f", phase_names[i], r->phases[i] * 1e3);
    printf("}");
}

static void print_row(const bench_result *r)
{
    printf("%-3s %3d %-8s %8.0f %7.3f %8.3f %5.2f %7.2f %5.2f", r->workload->name,
           r->n_threads, precision_of(r), r->rate, r->step * 1e3, r->floor * 1e3,
           r->floor / r->step, r->products.of_best, r->share);
    for (int i = 1; i <= G4R_N_PHASES; i++)
        printf(" %6.3f", r->phases[i % G4R_N_PHASES] * 1e3);
    printf("  %s\n", r->products.core);
}

static void print_evaluation(const bench_ranking *r, bool is_json)
{
    printf(is_json
               ? "{\"workload\": \"evaluation\", \"rankings_per_second\": %.0f, "
                 "\"seconds\": %.3f, \"floor_seconds\": %.3f, \"floor_ratio\": %.3f, "
                 "\"best_core\": \"%s\", \"chosen_of_best\": %.3f}"
               : "evaluation: %.0f rankings of 43,097 items x 100 a second; %.3f s for "
                 "what takes %.3f s as products alone: ratio %.2f (%s; of best %.2f)\n",
           (double)r->n / r->seconds, r->seconds, r->floor, r->floor / r->seconds,
           r->products.core, r->products.of_best);
}

static void print_bounds(const bench_bounding *r, bool is_json)
{
    printf(is_json
               ? "{\"workload\": \"bounds\", \"products_ms\": %.3f, "
                 "\"bytes_ms\": %.3f, \"two_sided_ms\": %.3f, "
                 "\"bytes_of_products\": %.3f, \"two_sided_of_products\": %.3f}"
               : "bounds of 43,097 items x 100 for 128 sessions: %.2f ms from "
                 "products; from bytes %.2f, on both sides %.2f: %.2f and %.2f of it\n",
           r->products * 1e3, r->bytes * 1e3, r->two_sided * 1e3, r->bytes / r->products,
           r->two_sided / r->products);
}

/* PyTorch's steps beside ours, with the settings of both. */
static void print_peers(const bench_tools *tools, const results *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const bench_result *r = &all->list[i];
        if (r->peer.best > 0)
            printf("%s, %d thread%s: %s (%s) %.2f ms, ours (%s) %.2f ms: %.1f times as "
                   "fast\n",
                   r->workload->name, r->n_threads, r->n_threads > 1 ? "s" : "",
                   tools->peers.workers[0].about, r->peer.core, r->peer.best * 1e3,
                   tools->chosen, r->step * 1e3, r->peer.best / r->step);
    }
}

/* ---- verdicts ---- */

/* The row in float32. */
static const bench_result *find(const results *all, const char *workload, int n_threads)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i].workload->name, workload) == 0 &&
            all->list[i].n_threads == n_threads && !all->list[i].is_bfloat16)
            return &all->list[i];
    return NULL;
}

/* The workload where the core type in use is farthest from the best. */
static void judge_choice(bench_verdicts *verdicts, const bench_tools *tools,
                         const results *all)
{
    bench_verdict v = {"training with the core type in use, of the best",
                       "",
                       0.95,
                       0,
                       true,
                       "no workload was run"};
    for (size_t i = 0; i < all->n; i++) {
        const bench_result *r = &all->list[i];
        const double got = r->is_bfloat16 ? 0 : r->products.of_best;
        if (got > 0 && (v.got == 0 || got < v.got)) {
            v.got = got;
            snprintf(v.note, sizeof v.note, "%s: %s in use, %s the best",
                     r->workload->name, tools->chosen, r->products.core);
        }
    }
    if (getenv("OPENBLAS_CORETYPE") != NULL) {
        v.got = 0;
        snprintf(v.note, sizeof v.note, "OPENBLAS_CORETYPE is set");
    }
    bench_verdicts_add(verdicts, &v);
}

static void judge_floor(bench_verdicts *verdicts, const bench_tools *tools,
                        const results *all, int n_threads, double wanted)
{
    const bench_result *r = find(all, "W2", n_threads);
    bench_verdict v = {.wanted = wanted, .is_least = true};
    snprintf(v.what, sizeof v.what, "W2, floor / step on %d core%s", n_threads,
             n_threads > 1 ? "s" : "");
    if (n_threads > tools->n_cores) {
        snprintf(v.note, sizeof v.note, "there are not so many cores");
    } else if (r == NULL) {
        snprintf(v.note, sizeof v.note, "not run with so many threads");
    } else {
        v.got = r->floor / r->step;
        snprintf(v.note, sizeof v.note, "%.3f ms of %.3f (%s)", r->floor * 1e3,
                 r->step * 1e3, r->products.core);
    }
    bench_verdicts_add(verdicts, &v);
}

static void judge_peer(bench_verdicts *verdicts, const bench_tools *tools,
                       const results *all)
{
    const bench_result *r = find(all, "W1", 1);
    bench_verdict v = {"W1, PyTorch's step / ours on 1 core", "", 4, 0, true, ""};
    if (r == NULL) {
        snprintf(v.note, sizeof v.note, "not run with one thread");
    } else if (r->peer.best <= 0) {
        snprintf(v.note, sizeof v.note, "no PyTorch, or no --peer");
    } else {
        v.got = r->peer.best / r->step;
        snprintf(v.note, sizeof v.note, "PyTorch %s, ours %s", r->peer.core,
                 tools->chosen);
    }
    bench_verdicts_add(verdicts, &v);
}

static void judge_bounds(bench_verdicts *verdicts, const bench_bounding *r)
{
    bench_verdict v = {
        "bounds from bytes, of those from products", "", 1.0 / 3, 0, false, "not run"};
    if (r->products > 0 && !r->is_used)
        snprintf(v.note, sizeof v.note, "this processor uses products");
    if (r->is_used) {
        v.got = r->two_sided / r->products;
        snprintf(v.note, sizeof v.note, "%.2f ms of %.2f", r->two_sided * 1e3,
                 r->products * 1e3);
    }
    bench_verdicts_add(verdicts, &v);
}

static void print_verdicts(const bench_tools *tools, const results *all, bool is_json)
{
    bench_verdicts verdicts = {.n = 0};
    judge_choice(&verdicts, tools, all);
    judge_floor(&verdicts, tools, all, 1, 0.8);
    judge_floor(&verdicts, tools, all, 2, 1.6 * 0.8);
    judge_peer(&verdicts, tools, all);
    judge_bounds(&verdicts, &all->bounds);
    bench_verdicts_print(&verdicts, is_json);
}

/* ---- a run ---- */

static bool is_wanted(const settings *s, const char *name)
{
    for (int i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    return s->n_names == 0;
}

static void separate(const settings *s)
{
    static bool is_first = true;
    if (s->is_json)
        fputs(is_first ? "\n  " : ",\n  ", stdout);
    is_first = false;
}

static void run_workload(bench_tools *tools, const settings *s, const bench_workload *w,
                         results *all)
{
    bench_events e = s->events != NULL ? bench_events_read(s->events)
                                       : bench_events_invent(w->n_items);
    for (const char *at = s->threads; *at; at += strcspn(at, ","), at += *at == ',')
        for (int i = 0; i < 2 && all->n < MOST_RESULTS; i++) {
            bench_result *r = &all->list[all->n++];
            *r = bench_steps(tools, w, &e, atoi(at), i == 1);
            separate(s);
            (s->is_json ? print_row_json : print_row)(r);
            fflush(stdout);
        }
    bench_events_free(&e);
}

static void run(bench_tools *tools, const settings *s)
{
    static results all;
    print_header(tools, s->is_json);
    for (int i = 0; i < N_WORKLOADS; i++)
        if (is_wanted(s, workloads[i].name))
            run_workload(tools, s, &workloads[i], &all);
    if (is_wanted(s, "evaluation")) {
        bench_ranking ranking = bench_evaluation(tools);
        separate(s);
        print_evaluation(&ranking, s->is_json);
    }
    if (is_wanted(s, "bounds")) {
        all.bounds = bench_bounds();
        separate(s);
        print_bounds(&all.bounds, s->is_json);
    }
    if (!s->is_json)
        print_peers(tools, &all);
    fputs(s->is_json ? "\n], \"verdicts\": [" : "\n", stdout);
    print_verdicts(tools, &all, s->is_json);
    if (s->is_json)
        printf("\n]}\n");
}

static void start_tools(bench_tools *tools, const settings *s)
{
    gru4rec_build build;
    bench_processor processor;
    char path[500], *at;
    gru4rec_build_facts(&build);
    bench_processor_get(&processor);
    tools->n_cores = processor.n_cores;
    tools->chosen = build.blas_core;
    bench_beside(path, sizeof path, "products");
    const char *products[] = {path, NULL};
    bench_team_start(&tools->products, products, tools->chosen);
    if (tools->products.n == 0) {
        fprintf(stderr, "bench: cannot run %s\n", path);
        exit(1);
    }
    if (s->peer != NULL) {
        const char *peer[8] = {0};
        size_t n = 0;
        for (char *word = strtok_r(s->peer, " ", &at); word != NULL && n < 7;
             word = strtok_r(NULL, " ", &at))
            peer[n++] = word;
        bench_team_start(&tools->peers, peer, NULL);
    }
}

int main(int argc, char **argv)
{
    settings s = {.threads = "1,2", .names = argv};
    static bench_tools tools = {.seconds = 3};
    gru4rec_blas_core_pick(); /* as gru4rec.so does when it is loaded */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            s.is_json = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            tools.seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            s.threads = argv[++i];
        else if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
            s.events = argv[++i];
        else if (strcmp(argv[i], "--peer") == 0 && i + 1 < argc)
            s.peer = argv[++i];
        else
            argv[s.n_names++] = argv[i];
    }
    g4r_blas_enter();
    start_tools(&tools, &s);
    run(&tools, &s);
    bench_team_stop(&tools.products);
    bench_team_stop(&tools.peers);
    g4r_blas_leave();
    return 0;
}
