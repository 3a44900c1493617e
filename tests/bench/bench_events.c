/* bench_events.c - events to train on: invented, or read; see bench.h. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include "../../src/data/sampler.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_EVENTS = 1000000 };

bench_events bench_events_invent(int32_t n_items)
{
    bench_events e = {bench_allocate(1, sizeof *e.dataset),
                      bench_allocate((size_t)n_items, sizeof *e.support), n_items};
    gru4rec_dataset *d = e.dataset;
    g4r_rng rng;
    d->item_rows = bench_allocate(N_EVENTS, sizeof *d->item_rows);
    d->offsets = bench_allocate(N_EVENTS + 1, sizeof *d->offsets);
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

bench_events bench_events_read(const char *path)
{
    bench_events e = {0};
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
        gru4rec_time at = {.type = GRU4REC_TIME_REAL, .real = time};
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
    e.support = bench_allocate((size_t)e.n_items, sizeof *e.support);
    memcpy(e.support, gru4rec_items_support(items), (size_t)e.n_items * sizeof(int64_t));
    gru4rec_items_free(items);
    gru4rec_events_free(builder);
    return e;
}

void bench_events_free(bench_events *e)
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
