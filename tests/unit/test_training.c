/*
 * test_training.c - what is kept beside the weights, for every optimiser; a training that
 * stops after any epoch and goes on elsewhere from what was saved, to the same bits; items
 * without events stay as they are.
 */
#include "../../src/model/model.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 14, SEEN = 12, SESSIONS = 40, EPOCHS = 4, LENGTH = 5 };

static int32_t rows[SESSIONS * LENGTH], held_rows[5 * LENGTH];
static int64_t offsets[SESSIONS + 1], held_offsets[6], support[ITEMS];

static gru4rec_dataset make_data(gru4rec_dataset *held)
{
    for (int s = 0; s < SESSIONS; s++) {
        offsets[s + 1] = offsets[s] + LENGTH;
        for (int i = 0; i < LENGTH; i++)
            rows[s * LENGTH + i] = (s * 7 + i * i) % SEEN;
    }
    for (int i = 0; i < ITEMS; i++)
        support[i] = i < SEEN ? 5 + i : 0;
    for (int i = 0; i < 5 * LENGTH; i++)
        held_rows[i] = rows[i + LENGTH];
    memcpy(held_offsets, offsets, sizeof held_offsets);
    *held = (gru4rec_dataset){.n_sessions = 5,
                              .n_events = 5 * LENGTH,
                              .item_rows = held_rows,
                              .offsets = held_offsets};
    return (gru4rec_dataset){.n_sessions = SESSIONS,
                             .n_events = SESSIONS * LENGTH,
                             .item_rows = rows,
                             .offsets = offsets};
}

/* "name=value,..." */
static gru4rec_options make_options(const char *text)
{
    gru4rec_options options;
    gru4rec_error error = {""};
    char copy[200], *at = copy;
    snprintf(copy, sizeof copy, "layers=6,batch_size=4,n_sample=8,n_epochs=4,%s", text);
    gru4rec_options_init(&options);
    while (*at != '\0') {
        char *name = at, *value = strchr(at, '=');
        at += strcspn(at, ",");
        if (*at != '\0')
            *at++ = '\0';
        *value++ = '\0';
        if (!CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN,
                                                       name, value, &error)))
            printf("  %s\n", error.message);
    }
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error)))
        printf("  %s\n", error.message);
    return options;
}

static void check_states(const char *text, bool acc, bool acc2, bool velocity, bool best)
{
    const bool expected[GRU4REC_N_SLOTS] = {acc, acc2, velocity, best};
    gru4rec_options options = make_options(text);
    gru4rec_training training;
    gru4rec_error error;
    size_t n = 1;
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_training_new(NULL, &options, ITEMS, &training, &error)))
        return;
    for (int i = 0; i < GRU4REC_N_SLOTS; i++) {
        CHECK_INT(expected[i], training.slot[i] != NULL);
        n += expected[i];
    }
    CHECK(gru4rec_training_bytes(&options, ITEMS) >=
          n * gru4rec_model_bytes(training.model));
    gru4rec_training_free(&training);
    CHECK(training.model == NULL);
}

static void states_follow_the_options(void)
{
    check_states("adapt=sgd", false, false, false, false);
    check_states("adapt=adagrad", true, false, false, false);
    check_states("adapt=rmsprop,momentum=0.1", true, false, true, false);
    check_states("adapt=adadelta,validation=0.2", true, true, false, true);
    check_states("adapt=adam,momentum=0.2,validation=0.1", true, true, true, true);
    CHECK_TEXT("acc", gru4rec_training_slot_name(GRU4REC_SLOT_ACC));
    CHECK_TEXT("best", gru4rec_training_slot_name(GRU4REC_SLOT_BEST));
}

static void short_memory_is_told(void)
{
    gru4rec_options options = make_options("adapt=adam,momentum=0.2,validation=0.1");
    for (size_t fail_at = 1; fail_at <= 10; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_training training;
        gru4rec_error error;
        CHECK_INT(GRU4REC_NOMEM,
                  gru4rec_training_new(&allocator, &options, ITEMS, &training, &error));
        CHECK_INT(0, fault.n_live);
    }
}

/* ---- stopping and going on ---- */

typedef struct saved {
    gru4rec_epoch epochs[EPOCHS];
    int64_t n, stop_after;
    const gru4rec_dataset *held;
} saved;

static int keep_epoch(void *context, const gru4rec_epoch *epoch)
{
    saved *s = context;
    s->epochs[s->n++] = *epoch;
    return s->n == s->stop_after;
}

static void copy_model(gru4rec_model *to, const gru4rec_model *from)
{
    for (size_t i = 0; to != NULL && i < to->params.n; i++)
        memcpy(to->values[i], from->values[i],
               g4r_param_size(&to->params.list[i]) * sizeof(g4r_real));
}

static bool is_same_model(const gru4rec_model *a, const gru4rec_model *b)
{
    for (size_t i = 0; i < a->params.n; i++)
        if (memcmp(a->values[i], b->values[i],
                   g4r_param_size(&a->params.list[i]) * sizeof(g4r_real)) != 0)
            return false;
    return true;
}

static gru4rec_status measure(void *context, const gru4rec_model *model, double *recall,
                              double *mrr, gru4rec_error *error)
{
    const saved *s = context;
    return gru4rec_evaluate_heldout(NULL, model, support, s->held, NULL, recall, mrr,
                                    error);
}

static void check_resumed(const char *text)
{
    gru4rec_dataset held, data = make_data(&held);
    gru4rec_options options = make_options(text);
    gru4rec_training whole, first, second;
    gru4rec_error error;
    int64_t best, resumed_best;
    saved all = {.stop_after = -1, .held = &held};
    gru4rec_hooks hooks = {.epoch = keep_epoch, .validate = measure, .context = &all};
    if (options.validation > 0)
        data.validation = &held;
    gru4rec_training_new(NULL, &options, ITEMS, &whole, &error);
    gru4rec_model_init(whole.model, &options);
    CHECK_INT(GRU4REC_OK, gru4rec_train(&whole, &data, support, &options, NULL, 0, &hooks,
                                        &best, &error));
    for (int64_t stop = 1; stop < all.n; stop++) {
        saved part = {.stop_after = stop, .held = &held};
        hooks.context = &part;
        gru4rec_training_new(NULL, &options, ITEMS, &first, &error);
        gru4rec_training_new(NULL, &options, ITEMS, &second, &error);
        gru4rec_model_init(first.model, &options);
        CHECK_INT(GRU4REC_INTERRUPTED, gru4rec_train(&first, &data, support, &options,
                                                     NULL, 0, &hooks, NULL, &error));
        copy_model(second.model, first.model);
        for (int i = 0; i < GRU4REC_N_SLOTS; i++)
            copy_model(second.slot[i], first.slot[i]);
        gru4rec_training_continue(&second, part.epochs[stop - 1].updates);
        part.stop_after = -1;
        CHECK_INT(GRU4REC_OK,
                  gru4rec_train(&second, &data, support, &options, part.epochs,
                                (size_t)stop, &hooks, &resumed_best, &error));
        CHECK_INT(all.n, part.n);
        CHECK_INT(best, resumed_best);
        CHECK_INT(whole.updates, second.updates);
        CHECK(is_same_model(whole.model, second.model));
        gru4rec_training_free(&first);
        gru4rec_training_free(&second);
    }
    gru4rec_training_free(&whole);
}

static void resumed_is_the_same(void)
{
    check_resumed("momentum=0.3,train_random_order=true");
    check_resumed("adapt=adam,bptt=3,whole_sessions=true");
    check_resumed("adapt=adadelta,n_sample=all,threads=3");
    check_resumed("validation=0.1,learning_rate=0.5");
    check_resumed("validation=0.1,patience=1,learning_rate=3");
}

/* ---- items without events ---- */

static void check_unseen(const char *text)
{
    gru4rec_dataset held, data = make_data(&held);
    gru4rec_options options = make_options(text);
    gru4rec_training before, after;
    gru4rec_error error;
    gru4rec_training_new(NULL, &options, ITEMS, &before, &error);
    gru4rec_training_new(NULL, &options, ITEMS, &after, &error);
    gru4rec_model_init(before.model, &options);
    gru4rec_model_init(after.model, &options);
    CHECK_INT(GRU4REC_OK, gru4rec_train(&after, &data, support, &options, NULL, 0, NULL,
                                        NULL, &error));
    for (size_t i = 0; i < before.model->params.n; i++) {
        const g4r_param *param = &before.model->params.list[i];
        size_t row = (size_t)param->cols * sizeof(g4r_real);
        if (!param->is_per_item)
            continue;
        CHECK(memcmp(before.model->values[i] + SEEN * param->cols,
                     after.model->values[i] + SEEN * param->cols,
                     (ITEMS - SEEN) * row) == 0);
        CHECK(memcmp(before.model->values[i], after.model->values[i], SEEN * row) != 0);
    }
    gru4rec_training_free(&before);
    gru4rec_training_free(&after);
}

static void unseen_items_stay(void)
{
    check_unseen("sample_alpha=0");
    check_unseen("n_sample=all,adapt=adam");
    check_unseen("embedding=4,n_sample=all,lmbd=0.1,momentum=0.2");
    check_unseen("constrained_embedding=false,logq=1");
}

/* Without biases there are none, whatever else is trained. */
static void fixed_biases_stay_zero(void)
{
    static const char *const texts[] = {
        "biases=false", "biases=false,n_sample=all,adapt=adam",
        "biases=false,reset_after=false,lmbd=0.1,grad_cap=1"};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        gru4rec_dataset held, data = make_data(&held);
        gru4rec_options options = make_options(texts[t]);
        gru4rec_training training;
        gru4rec_error error;
        gru4rec_training_new(NULL, &options, ITEMS, &training, &error);
        gru4rec_model_init(training.model, &options);
        CHECK_INT(GRU4REC_OK, gru4rec_train(&training, &data, support, &options, NULL, 0,
                                            NULL, NULL, &error));
        for (size_t i = 0; i < training.model->params.n; i++) {
            const g4r_param *param = &training.model->params.list[i];
            bool is_zero = true;
            for (size_t k = 0; k < g4r_param_size(param); k++)
                is_zero = is_zero && training.model->values[i][k] == 0;
            CHECK_INT(param->is_fixed, is_zero);
        }
        gru4rec_training_free(&training);
    }
}

int main(void)
{
    RUN(states_follow_the_options);
    RUN(short_memory_is_told);
    RUN(resumed_is_the_same);
    RUN(unseen_items_stay);
    RUN(fixed_biases_stay_zero);
    return test_end();
}
