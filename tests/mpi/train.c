/*
 * train.c - trainings of the library over ranks that MPI starts, against the option groups
 * in one process: the same bits. Run by mpirun with any number of ranks.
 */
#include "ranks.h"

#include "../lib/settings.h"

#include "../../src/model/model.h"

enum { ITEMS = 61, SESSIONS = 300, MOST_EVENTS = 9 * SESSIONS };

/* Sessions to train on: those of one rank, or of all. */
typedef struct part {
    int32_t rows[MOST_EVENTS], groups[SESSIONS];
    int64_t offsets[SESSIONS + 1];
    gru4rec_dataset data;
} part;

static int64_t support[ITEMS];

/*
 * Fills a part with the sessions of a rank, or of all (-1). division: the rank of each
 * session, a digit, over and over.
 */
static void fill(part *p, int only, const char *division)
{
    memset(p, 0, sizeof *p);
    gru4rec_dataset *data = &p->data;
    data->item_rows = p->rows;
    data->offsets = p->offsets;
    for (int s = 0; s < SESSIONS; s++) {
        const int group = (division[(size_t)s % strlen(division)] - '0') % n_ranks;
        const int length = 1 + (s * 7 + s / 3) % 9;
        if (only >= 0 && group != only)
            continue;
        for (int i = 0; i < length; i++)
            p->rows[data->n_events + i] = (int32_t)((s * 5 + i * i) % ITEMS);
        p->groups[data->n_sessions++] = group;
        data->n_events += length;
        data->n_single += length == 1;
        p->offsets[data->n_sessions] = data->n_events;
    }
    if (only < 0) {
        data->groups = p->groups;
        data->n_groups = n_ranks;
    }
}

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    double *losses = context;
    losses[epoch->epoch - 1] = epoch->loss;
    return 0;
}

/* Trains in a new model; hooks NULL: in this process alone. */
static gru4rec_status train(gru4rec_training *training, const part *p,
                            const char *settings, const gru4rec_ranks *ranks,
                            double *losses)
{
    gru4rec_options options;
    gru4rec_error error = {""};
    int64_t best;
    const gru4rec_hooks hooks = {.epoch = on_epoch, .context = losses, .ranks = ranks};
    gru4rec_options_init(&options);
    set_all(&options, GRU4REC_SCOPE_TRAIN,
            "layers=16 batch_size=8 n_sample=32 n_epochs=2 threads=1");
    set_all(&options, GRU4REC_SCOPE_TRAIN, settings);
    options.groups = ranks == NULL ? n_ranks : 1;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_training_new(NULL, &options, ITEMS, training, &error)))
        printf("%s: %s\n", settings, error.message);
    gru4rec_model_init(training->model, &options);
    const gru4rec_status status = gru4rec_train(training, &p->data, support, &options,
                                                NULL, 0, &hooks, &best, &error);
    if (status != GRU4REC_OK)
        printf("rank %d, %s: %s\n", rank, settings, error.message);
    return status;
}

static void check_training(const char *settings, const char *division)
{
    static part own, whole;
    gru4rec_training here = {0}, alone = {0};
    double losses[2][2] = {{-1, -1}, {-2, -2}};
    ext_mpi_job job;
    caller user = {0};
    fill(&own, rank, division);
    fill(&whole, -1, division);
    if (!open_job(&job, &user))
        return;
    const gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    CHECK_INT(GRU4REC_OK, train(&here, &own, settings, &ranks, losses[0]));
    close_job(&job);
    CHECK_INT(GRU4REC_OK, train(&alone, &whole, settings, NULL, losses[1]));
    for (size_t i = 0; i < here.model->params.n; i++)
        if (!CHECK(memcmp(here.model->values[i], alone.model->values[i],
                          g4r_param_size(&here.model->params.list[i]) *
                              sizeof(gru4rec_real)) == 0))
            printf("rank %d, %s, %s\n", rank, settings, division);
    CHECK(memcmp(losses[0], losses[1], sizeof losses[0]) == 0);
    gru4rec_training_free(&here);
    gru4rec_training_free(&alone);
}

static void test_train(void)
{
    static const char *const settings[] = {
        "",
        "bptt=4 loss=cross-entropy",
        "n_sample=0 loss=bpr-max",
        "n_sample=all loss=cross-entropy",
        "dropout_p_hidden=.3 dropout_p_embed=.2 momentum=.3",
        "constrained_embedding=false embedding=12",
        "layers=12/20 adapt=adam",
        "layers=600 batch_size=200",
        "whole_sessions=true train_random_order=true",
        "bptt=150",
        "exchange_precision=bfloat16 layers=100",
        "sync_steps=2 dropout_p_embed=.2",
        "precision=bfloat16 layers=100 n_sample=500 bptt=2",
        "precision=bfloat16 sync_steps=2 n_sample=50",
        "sync_steps=5 n_sample=2000 train_random_order=true exchange_precision=bfloat16",
    };
    static const char *const divisions[] = {"0123", "0010230000001", "1231322", "0"};
    for (size_t i = 0; i < ITEMS; i++)
        support[i] = 1 + (int64_t)i % 5;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (size_t k = 0; k < 4; k++)
            check_training(settings[i], divisions[k]);
}

int main(void)
{
    ext_mpi_job job;
    caller own = {0};
    db = api_open();
    if (db == NULL || !open_job(&job, &own))
        return EXIT_FAILURE;
    rank = job.comm->rank;
    n_ranks = job.comm->n_ranks;
    close_job(&job);
    RUN(test_train);
    return end_ranks();
}
