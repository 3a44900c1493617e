/*
 * bench.c - how fast a training over ranks is; run by bench.sh, under mpirun.
 *
 *     mpi_bench W1|W2|OPTIONS ITEMS SECONDS [OPTIONS]
 *
 * Each rank invents the sessions of its part, whose items have a popularity curve like
 * those of shops, trains on them with one thread for so many seconds, and leaves. Rank 0
 * prints, tab-separated: ranks, events of all ranks per second, bytes that it has given to
 * others per event, and the share of its time that it was in exchanges.
 */
#include "ranks.h"

#include "../../src/model/model.h"

enum { N_EVENTS = 400000, WARM_UP = 3 }; /* of a rank; seconds that do not count */

typedef struct bench {
    gru4rec_dataset data; /* of this rank */
    int64_t *support;     /* (items) of the catalogue, the same on all ranks */
    int32_t n_items;
    ext_mpi_job *job;
    double seconds; /* to be measured */
    double start, waited;
    int64_t events, bytes; /* at the start; afterwards since the start */
    double took;
    bool is_warm;
} bench;

static const char *const workloads[][2] = {
    {"W1", "layers=100 batch_size=32 n_sample=2048 loss=cross-entropy logq=1"},
    {"W2", "layers=224 batch_size=80 n_sample=2048 loss=bpr-max elu_param=0.5 bpreg=1.95 "
           "momentum=0.4 dropout_p_embed=0.5 dropout_p_hidden=0.05"}};

static void *allocate(size_t n, size_t bytes)
{
    void *block = calloc(n > 0 ? n : 1, bytes);
    if (block == NULL)
        exit(EXIT_FAILURE);
    return block;
}

/* Item of popularity rank r is drawn in proportion to 1 / (r + 20). */
static void invent(bench *b)
{
    gru4rec_dataset *data = &b->data;
    const double span = log((b->n_items + 20.0) / 20);
    g4r_rng rng = stream_of(1, rank);
    data->item_rows = allocate(N_EVENTS, sizeof *data->item_rows);
    data->offsets = allocate(N_EVENTS + 1, sizeof *data->offsets);
    b->support = allocate((size_t)b->n_items, sizeof *b->support);
    while (data->n_events < N_EVENTS) {
        int length = 2; /* 2 and more, 4.6 in the mean */
        while (g4r_rng_uniform(&rng) < 0.72 && length < 60)
            length++;
        for (; length > 0 && data->n_events < N_EVENTS; length--) {
            const double place = 20 * exp(span * g4r_rng_uniform(&rng)) - 20;
            data->item_rows[data->n_events++] =
                (int32_t)((uint64_t)place * 0x9e3779b1u % (uint64_t)b->n_items);
        }
        data->offsets[++data->n_sessions] = data->n_events;
    }
    for (int32_t i = 0; i < b->n_items; i++) {
        const double place = (double)i;
        const size_t row = (size_t)((uint64_t)i * 0x9e3779b1u % (uint64_t)b->n_items);
        b->support[row] += 1 + (int64_t)(N_EVENTS / span / (place + 20));
    }
    for (int32_t i = 0; i < b->n_items; i++)
        b->support[i] += b->support[i] == 0;
}

/* Options as "name=value name=value ...". */
static void set_all(gru4rec_options *options, const char *settings)
{
    char name[40], value[40];
    gru4rec_error error;
    int n = 0;
    for (; sscanf(settings, " %39[^= ]=%39[^ ] %n", name, value, &n) == 2; settings += n)
        if (gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN, name, value, &error) !=
            GRU4REC_OK) {
            fprintf(stderr, "%s\n", error.message);
            exit(EXIT_FAILURE);
        }
}

/* Stops the training once its time is over. */
static int on_poll(void *context, const gru4rec_progress *progress)
{
    bench *b = context;
    const double now = ext_poll_seconds();
    const int64_t events =
        progress->events + (progress->epoch - 1) * progress->total_events;
    if (b->start <= 0)
        b->start = now;
    if (!b->is_warm && now - b->start >= WARM_UP) {
        b->is_warm = true;
        b->start = now;
        b->events = events;
        b->bytes = b->job->bytes;
        b->waited = b->job->seconds;
    }
    if (!b->is_warm || now - b->start < b->seconds)
        return 0;
    if (b->took <= 0) {
        b->took = now - b->start;
        b->events = events - b->events;
        b->bytes = b->job->bytes - b->bytes;
        b->waited = b->job->seconds - b->waited;
    }
    return rank == 0; /* the others stop with it */
}

static bool train(bench *b, const gru4rec_options *options)
{
    gru4rec_training training;
    gru4rec_error error = {""};
    const gru4rec_ranks ranks = ext_mpi_job_hooks(b->job);
    const gru4rec_hooks hooks = {.poll = on_poll, .context = b, .ranks = &ranks};
    if (gru4rec_training_new(NULL, options, b->n_items, &training, &error) != GRU4REC_OK)
        return false;
    gru4rec_model_init(training.model, options);
    const gru4rec_status status = gru4rec_train(&training, &b->data, b->support, options,
                                                NULL, 0, &hooks, NULL, &error);
    gru4rec_training_free(&training);
    if (status != GRU4REC_INTERRUPTED)
        fprintf(stderr, "rank %d: %s\n", rank, error.message);
    return status == GRU4REC_INTERRUPTED;
}

int main(int argc, char **argv)
{
    ext_mpi_job job;
    caller own = {0};
    bench b = {.job = &job};
    gru4rec_options options;
    gru4rec_error error = {""};
    if (argc < 4) {
        fprintf(stderr, "usage: mpi_bench W1|W2|OPTIONS ITEMS SECONDS [OPTIONS]\n");
        return EXIT_FAILURE;
    }
    db = api_open();
    if (db == NULL || !open_job(&job, &own))
        return EXIT_FAILURE;
    rank = job.comm->rank;
    n_ranks = job.comm->n_ranks;
    b.n_items = (int32_t)strtol(argv[2], NULL, 10);
    b.seconds = strtod(argv[3], NULL);
    gru4rec_options_init(&options);
    set_all(&options, "preset=official n_epochs=100000 threads=1");
    const char *settings = argv[1];
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i][0], argv[1]) == 0)
            settings = workloads[i][1];
    set_all(&options, settings);
    set_all(&options, argc > 4 ? argv[4] : "");
    if (gru4rec_options_resolve(&options, &error) != GRU4REC_OK) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    invent(&b);
    const bool is_ok = train(&b, &options);
    if (is_ok && rank == 0)
        printf("%d\t%.0f\t%.0f\t%.3f\n", n_ranks, (double)b.events / b.took,
               b.events > 0 ? (double)b.bytes / (double)b.events : 0, b.waited / b.took);
    ext_error end = {0};
    ext_mpi_job_close(&job, &end);
    ext_error_clear(&end);
    return is_ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
