/* bench_evaluation.c - rankings of whole catalogues, see bench.h. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 43097, WIDTH = 100, SESSIONS = 3000, LANES = 256, ROUNDS = 5 };

static int count_rankings(void *context, const gru4rec_progress *progress)
{
    int64_t *n = context;
    *n = progress->events;
    return 0;
}

/* A race in blocks of that many states. */
static void open_race(bench_race *race, bench_tools *tools)
{
    char work[100];
    snprintf(work, sizeof work, "0 t %d %d %d", LANES, ITEMS, WIDTH);
    bench_race_open(race, &tools->products, work, tools->chosen);
}

bench_ranking bench_evaluation(bench_tools *tools)
{
    enum { BLOCKS = 9 };
    gru4rec_options options;
    gru4rec_error error = {""};
    gru4rec_model *model;
    gru4rec_metrics metrics[GRU4REC_MAX_LIST];
    bench_ranking r = {0};
    bench_race race;
    bench_events e = bench_events_invent(ITEMS);
    gru4rec_hooks hooks = {.poll = count_rankings, .context = &r.n};
    e.dataset->n_sessions = SESSIONS;
    e.dataset->n_events = e.dataset->offsets[SESSIONS];
    gru4rec_options_init(&options);
    if (gru4rec_options_resolve(&options, &error) != GRU4REC_OK ||
        gru4rec_model_new(NULL, &options, ITEMS, &model, &error) != GRU4REC_OK) {
        fprintf(stderr, "bench: %s\n", error.message);
        exit(1);
    }
    gru4rec_model_init(model, &options);
    open_race(&race, tools);
    const gru4rec_evaluation what = {.model = model,
                                     .support = e.support,
                                     .test = e.dataset};
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double begin = bench_now();
        gru4rec_evaluate(NULL, &what, &options, &hooks, metrics, &error);
        times[round] = bench_now() - begin;
        bench_race_turn(&race, BLOCKS, 1);
    }
    r.seconds = bench_median(times, ROUNDS);
    r.products = bench_race_finish(&race, tools->chosen);
    r.floor = r.products.best * (double)r.n / LANES;
    gru4rec_model_free(model);
    bench_events_free(&e);
    return r;
}
