/* test_tune.c - the search of a tuning: its space, its proposals and its halving. */
#include "../../include/gru4rec.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

#define TRAIN GRU4REC_SCOPE_TRAIN
#define TUNE GRU4REC_SCOPE_TUNE

static void set(gru4rec_options *options, gru4rec_option_scope scope, const char *name,
                const char *value)
{
    gru4rec_error error = {0};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_set(options, scope, name, value, &error)))
        printf("%s\n", error.message);
}

static gru4rec_options base_with(const char *trials, const char *n_epochs)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    set(&options, TUNE, "trials", trials);
    set(&options, TRAIN, "n_epochs", n_epochs);
    return options;
}

/* A made-up objective: best at learning_rate .1 and momentum .3, with bpr-max. */
static double judge(const gru4rec_options *options, int64_t epochs)
{
    const double rate = log(options->learning_rate / 0.1);
    const double momentum = options->momentum - 0.3;
    return 1 - rate * rate - momentum * momentum - 1.0 / (double)epochs -
           (options->loss == GRU4REC_BPR_MAX ? 0 : 0.5);
}

static gru4rec_tune *start(const gru4rec_options *base, const gru4rec_space *space)
{
    gru4rec_error error = {0};
    gru4rec_tune *tune = NULL;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_tune_new(NULL, base, space, &tune, &error)))
        printf("%s\n", error.message);
    return tune;
}

/* What a search did, as text. */
typedef struct diary {
    char text[200000];
    size_t n;
} diary;

static void note(diary *to, const gru4rec_tune *tune, const gru4rec_trial *trial,
                 double objective)
{
    gru4rec_options options;
    char value[600];
    to->n +=
        (size_t)snprintf(to->text + to->n, sizeof to->text - to->n,
                         "%lld/%lld/%lld %.17g", (long long)trial->trial,
                         (long long)trial->rung, (long long)trial->epochs, objective);
    gru4rec_tune_prepare(tune, trial, &options);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_text(&options, i, value, sizeof value);
        if (gru4rec_option_is_set(&options, i))
            to->n +=
                (size_t)snprintf(to->text + to->n, sizeof to->text - to->n, " %s", value);
    }
    to->n += (size_t)snprintf(to->text + to->n, sizeof to->text - to->n, "\n");
}

/*
 * Runs a search. width: trials that are given before their results are told, which then
 * come in backward order.
 */
static void search(gru4rec_tune *tune, size_t width, diary *to)
{
    gru4rec_trial trials[16];
    gru4rec_options options;
    while (!gru4rec_tune_is_over(tune)) {
        size_t n = 0;
        while (n < width && gru4rec_tune_next(tune, &trials[n]))
            n++;
        if (!CHECK(n > 0))
            return;
        for (size_t i = 0; to != NULL && i < n; i++) {
            gru4rec_tune_prepare(tune, &trials[i], &options);
            note(to, tune, &trials[i], judge(&options, trials[i].epochs));
        }
        while (n-- > 0) {
            gru4rec_tune_prepare(tune, &trials[n], &options);
            gru4rec_tune_tell(tune, &trials[n], judge(&options, trials[n].epochs));
        }
    }
}

static void order_does_not_matter(void)
{
    static diary first, other;
    const gru4rec_options base = base_with("40", "10");
    gru4rec_space space;
    gru4rec_space_fill(&space, &base, &base);
    for (size_t width = 1; width <= 16; width++) {
        diary *to = width == 1 ? &first : &other;
        gru4rec_tune *tune = start(&base, &space);
        to->n = 0;
        search(tune, width, to);
        CHECK_INT(40, gru4rec_tune_trials(tune));
        CHECK(width == 1 || strcmp(first.text, other.text) == 0);
        gru4rec_tune_free(tune);
    }
    CHECK(strstr(first.text, "bpr-max") != NULL);
}

/* Each batch: 10 trials, the best 4 of them (and the first trial), the best 2 of these. */
static void halving_is_by_thirds(void)
{
    const gru4rec_options base = base_with("30", "10");
    gru4rec_space space;
    gru4rec_trial trial;
    int n[3] = {0}, n_first = 0;
    int64_t n_epochs = 0;
    gru4rec_space_fill(&space, &base, &base);
    gru4rec_tune *tune = start(&base, &space);
    const int64_t most = gru4rec_tune_epochs(tune);
    while (gru4rec_tune_next(tune, &trial)) {
        const int64_t epochs[] = {2, 4, 10};
        CHECK_INT(epochs[trial.rung], trial.epochs);
        n[trial.rung]++;
        n_epochs += trial.epochs;
        n_first += trial.trial == 1;
        /* The first trial is the worst one: it goes on nevertheless. */
        gru4rec_tune_tell(tune, &trial, trial.trial == 1 ? -1 : (double)trial.trial);
    }
    CHECK_INT(30, n[0]);
    CHECK_INT(4 * 3 + 1, n[1]);
    CHECK_INT(2 * 3 + 1, n[2]);
    CHECK_INT(3, n_first);
    CHECK_INT(most + 4 + 10, n_epochs);
    double objective;
    CHECK(gru4rec_tune_best(tune, &trial, &objective));
    CHECK_INT(30, trial.trial);
    CHECK_INT(2, trial.rung);
    CHECK(objective == 30);
    gru4rec_tune_free(tune);
}

/* Of equal objectives the trial with the smaller number goes on. */
static void ties_go_to_the_first(void)
{
    const gru4rec_options base = base_with("10", "9");
    gru4rec_space space;
    gru4rec_trial trial;
    int64_t sum = 0;
    double objective;
    gru4rec_space_fill(&space, &base, &base);
    gru4rec_tune *tune = start(&base, &space);
    while (gru4rec_tune_next(tune, &trial)) {
        sum += trial.rung == 1 ? trial.trial : 0;
        gru4rec_tune_tell(tune, &trial, 0.5);
    }
    CHECK_INT(1 + 2 + 3 + 4, sum);
    CHECK(gru4rec_tune_best(tune, &trial, &objective));
    CHECK_INT(1, trial.trial);
    gru4rec_tune_free(tune);
}

static void rungs_of_few_epochs_are_one(void)
{
    const int64_t rungs[][3] = {{1}, {1, 2}, {1, 3}, {1, 2, 4}, {1, 3, 9}, {2, 4, 10}};
    const char *const n_epochs[] = {"1", "2", "3", "4", "9", "10"};
    for (size_t i = 0; i < sizeof n_epochs / sizeof *n_epochs; i++) {
        const gru4rec_options base = base_with("3", n_epochs[i]);
        gru4rec_space space;
        gru4rec_trial trial;
        int64_t seen[3] = {0};
        gru4rec_space_fill(&space, &base, &base);
        gru4rec_tune *tune = start(&base, &space);
        while (gru4rec_tune_next(tune, &trial)) {
            seen[trial.rung] = trial.epochs;
            gru4rec_tune_tell(tune, &trial, 0);
        }
        for (int rung = 0; rung < 3; rung++)
            CHECK_INT(rungs[i][rung], seen[rung]);
        gru4rec_tune_free(tune);
    }
}

/* A trial without a result does not go on; without any result there is no best one. */
static void failed_trials_stay_behind(void)
{
    const gru4rec_options base = base_with("20", "9");
    gru4rec_space space;
    gru4rec_trial trial;
    double objective;
    gru4rec_space_fill(&space, &base, &base);
    gru4rec_tune *tune = start(&base, &space);
    while (gru4rec_tune_next(tune, &trial)) {
        CHECK(trial.rung == 0 || trial.trial == 12);
        gru4rec_tune_tell(tune, &trial, trial.trial == 12 ? 0.1 : (double)NAN);
    }
    CHECK(gru4rec_tune_best(tune, &trial, &objective));
    CHECK_INT(12, trial.trial);
    CHECK_INT(2, trial.rung);
    gru4rec_tune_free(tune);

    tune = start(&base, &space);
    while (gru4rec_tune_next(tune, &trial))
        gru4rec_tune_tell(tune, &trial, (double)NAN);
    CHECK(!gru4rec_tune_best(tune, &trial, &objective));
    CHECK(gru4rec_tune_is_over(tune));
    gru4rec_tune_free(tune);
}

/* Later batches are nearer to the best values than the first one. */
static void later_batches_are_better(void)
{
    const gru4rec_options base = base_with("200", "9");
    gru4rec_space space;
    gru4rec_trial trial;
    gru4rec_options options;
    double early = 0, late = 0;
    gru4rec_space_fill(&space, &base, &base);
    gru4rec_tune *tune = start(&base, &space);
    while (gru4rec_tune_next(tune, &trial)) {
        gru4rec_tune_prepare(tune, &trial, &options);
        const double objective = judge(&options, trial.epochs);
        early += trial.rung == 0 && trial.trial <= 100 ? objective : 0;
        late += trial.rung == 0 && trial.trial > 100 ? objective : 0;
        gru4rec_tune_tell(tune, &trial, objective);
    }
    CHECK(late > early);
    CHECK(gru4rec_tune_best(tune, &trial, &early));
    CHECK(early > 0.85); /* 1 - 1 / 9 is the best that judge() gives */
    gru4rec_tune_free(tune);
}

/* The first trial is trained as a training without tuning. */
static void first_trial_is_the_base(void)
{
    gru4rec_options base = base_with("10", "7"), own, tuned;
    gru4rec_space space;
    gru4rec_trial trial;
    char a[600], b[600];
    set(&base, TRAIN, "layers", "50/60");
    set(&base, TRAIN, "learning_rate", "0.0712345");
    gru4rec_space_fill(&space, &base, &(gru4rec_options){0});
    gru4rec_tune *tune = start(&base, &space);
    CHECK(gru4rec_tune_next(tune, &trial));
    CHECK_INT(1, trial.trial);
    trial.epochs = 7;
    gru4rec_tune_prepare(tune, &trial, &tuned);
    own = base;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&own, NULL));
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_text(&own, i, a, sizeof a);
        gru4rec_option_text(&tuned, i, b, sizeof b);
        CHECK_TEXT(a, b);
    }
    gru4rec_tune_free(tune);
}

/* An option that the base sets for its own loss does not hinder another loss. */
static void options_of_another_loss_are_dropped(void)
{
    gru4rec_options base = base_with("6", "3"), options;
    gru4rec_space space = {0};
    gru4rec_trial trial;
    set(&base, TRAIN, "logq", "0.5");
    set(&base, TRAIN, "smoothing", "0.1");
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "loss", "bpr-max", NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "loss", "top1", NULL));
    gru4rec_tune *tune = start(&base, &space);
    while (gru4rec_tune_next(tune, &trial)) {
        gru4rec_tune_prepare(tune, &trial, &options);
        CHECK((options.logq == 0.5) == (trial.trial == 1));
        CHECK((options.smoothing == 0.1) == (trial.trial == 1));
        gru4rec_tune_tell(tune, &trial, 0);
    }
    CHECK_INT(3, gru4rec_tune_trials(tune));
    gru4rec_tune_free(tune);
}

/* What was given is not searched, nor what means nothing beside it. */
static void given_options_are_not_searched(void)
{
    gru4rec_options base = base_with("10", "7");
    gru4rec_space space;
    gru4rec_space_fill(&space, &base, &base);
    CHECK(gru4rec_space_has(&space, "loss") && gru4rec_space_has(&space, "bpreg"));
    CHECK(gru4rec_space_has(&space, "LOGQ") && !gru4rec_space_has(&space, "n_sample"));
    set(&base, TRAIN, "loss", "cross-entropy");
    gru4rec_space_fill(&space, &base, &base);
    CHECK(!gru4rec_space_has(&space, "loss") && !gru4rec_space_has(&space, "bpreg"));
    CHECK(!gru4rec_space_has(&space, "elu_param") && gru4rec_space_has(&space, "logq"));
    set(&base, TRAIN, "n_sample", "all");
    gru4rec_space_fill(&space, &base, &base);
    CHECK(!gru4rec_space_has(&space, "logq"));
    CHECK(!gru4rec_space_has(&space, "sample_alpha"));
}

/* The default range of the learning rate suits the optimiser. */
static void learning_rate_suits_the_optimiser(void)
{
    static const struct {
        const char *adapt;
        double rate;
    } cases[] = {{"adagrad", 0.1}, {"adam", 0.002}, {"adadelta", 1}, {"rmsprop", 0.01}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gru4rec_options base = base_with("10", "7");
        gru4rec_space space;
        set(&base, TRAIN, "adapt", cases[i].adapt);
        gru4rec_space_fill(&space, &base, &base);
        for (size_t d = 0; d < space.n; d++) {
            if (strcmp(space.dimensions[d].option, "learning_rate") == 0) {
                CHECK_NEAR(0.01 / 0.1 * cases[i].rate, space.dimensions[d].low, 1e-9);
                CHECK_NEAR(0.3 / 0.1 * cases[i].rate, space.dimensions[d].high, 1e-9);
            }
        }
    }
}

/* A search ends when its space has no more. */
static void small_spaces_end(void)
{
    gru4rec_space space = {0};
    gru4rec_trial trial;
    gru4rec_options options;
    gru4rec_options base = base_with("40", "3");
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "layers", "64", NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "layers", "100/100", NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "loss", "top1", NULL));
    gru4rec_tune *tune = start(&base, &space);
    int n_deep = 0;
    while (gru4rec_tune_next(tune, &trial)) {
        gru4rec_tune_prepare(tune, &trial, &options);
        n_deep += trial.rung == 0 && options.layers.n == 2;
        CHECK(options.loss == (trial.trial == 1 ? GRU4REC_CROSS_ENTROPY : GRU4REC_TOP1));
        gru4rec_tune_tell(tune, &trial, 0);
    }
    CHECK_INT(3, gru4rec_tune_trials(tune)); /* the base's 100, 64 and 100/100 */
    CHECK_INT(1, n_deep);
    gru4rec_tune_free(tune);
}

static void check_refused(const char *message, gru4rec_status status,
                          const gru4rec_error *error)
{
    CHECK_INT(GRU4REC_INVALID, status);
    if (!CHECK(strstr(error->message, message) != NULL))
        printf("%s\n", error->message);
}

static void ranges_are_checked(void)
{
    static const struct {
        const char *option;
        gru4rec_scale scale;
        double low, high, step;
        const char *message;
    } cases[] = {
        {"learning_rat", GRU4REC_SCALE_LOG, 0.1, 1, 0, "did you mean 'learning_rate'"},
        {"min_support", GRU4REC_SCALE_LOG, 1, 5, 0, "cannot choose 'min_support'"},
        {"loss", GRU4REC_SCALE_LINEAR, 0, 1, 0, "are not numbers"},
        {"momentum", GRU4REC_SCALE_LINEAR, 0, 1, 0, "option 'momentum' cannot be"},
        {"momentum", GRU4REC_SCALE_LINEAR, 0.5, 0.5, 0, "smaller number to a larger"},
        {"momentum", GRU4REC_SCALE_LOG, 0, 0.5, 0, "begin above 0"},
        {"momentum", GRU4REC_SCALE_LINEAR, 0, 0.5, 0.6, "this step"},
        {"momentum", GRU4REC_SCALE_LINEAR, 0, 0.5, -1, "this step"},
        {"momentum", GRU4REC_SCALE_LOG, 0.1, 0.5, 0.1, "this step"},
        {"batch_size", GRU4REC_SCALE_LINEAR, 1.5, 8, 0, "option 'batch_size' cannot be"},
        {"grad_cap", GRU4REC_SCALE_LINEAR, 0, INFINITY, 0, "1e9 at most"},
        {"grad_cap", GRU4REC_SCALE_LINEAR, 0, (double)NAN, 0, "1e9 at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gru4rec_space space = {0};
        gru4rec_error error = {0};
        check_refused(cases[i].message,
                      gru4rec_space_range(&space, cases[i].option, cases[i].scale,
                                          cases[i].low, cases[i].high, cases[i].step,
                                          &error),
                      &error);
        CHECK_INT(0, space.n);
    }
}

static void choices_are_checked(void)
{
    gru4rec_space space = {0};
    gru4rec_error error = {0};
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "Loss", "top1", &error));
    check_refused("twice", gru4rec_space_choose(&space, "loss", "TOP1", &error), &error);
    check_refused("cannot be", gru4rec_space_choose(&space, "loss", "x", &error), &error);
    check_refused("cannot choose 'seed'",
                  gru4rec_space_choose(&space, "seed", "1", &error), &error);
    CHECK_INT(GRU4REC_OK,
              gru4rec_space_range(&space, "bptt", GRU4REC_SCALE_LINEAR, 1, 9, 0, &error));
    check_refused("twice", gru4rec_space_choose(&space, "bptt", "3", &error), &error);
    check_refused("twice",
                  gru4rec_space_range(&space, "bptt", GRU4REC_SCALE_LOG, 1, 9, 0, &error),
                  &error);
    for (int i = 0; i < GRU4REC_MAX_CHOICES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i + 1);
        CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "layers", text, &error));
    }
    check_refused("more than 32", gru4rec_space_choose(&space, "layers", "99", &error),
                  &error);
    CHECK_INT(3, space.n);
}

/* A space with nothing that goes together, or nothing but the base, is refused. */
static void useless_spaces_are_refused(void)
{
    gru4rec_space space = {0};
    gru4rec_tune *tune;
    gru4rec_error error = {0};
    gru4rec_options base = base_with("5", "3");
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "layers", "100", &error));
    check_refused("nothing to choose",
                  gru4rec_tune_new(NULL, &base, &space, &tune, &error), &error);
    CHECK(tune == NULL);
    space.n = 0;
    CHECK_INT(GRU4REC_OK, gru4rec_space_choose(&space, "final_act", "tanh", &error));
    check_refused("does not go with",
                  gru4rec_tune_new(NULL, &base, &space, &tune, &error), &error);
    set(&base, TRAIN, "final_act", "tanh");
    check_refused("does not go with",
                  gru4rec_tune_new(NULL, &base, &space, &tune, &error), &error);
    base.trials = 1; /* the base alone */
    gru4rec_options_init(&base);
    base.trials = 1;
    space.n = 0;
    tune = start(&base, &space);
    gru4rec_tune_free(tune);
}

/* ---- the halves ---- */

static void halves_have_each_session_once(void)
{
    enum { N = 1000 };
    static int64_t offsets[N + 1];
    static int32_t rows[4 * N];
    gru4rec_dataset all = {.n_sessions = N, .item_rows = rows, .offsets = offsets};
    gru4rec_dataset *halves[2];
    gru4rec_error error = {0};
    for (int s = 0; s < N; s++) {
        for (int i = 0; i < 1 + s % 4; i++)
            rows[all.n_events++] = s;
        offsets[s + 1] = all.n_events;
    }
    CHECK_INT(GRU4REC_OK, gru4rec_tune_halve(NULL, &all, halves, &error));
    CHECK_INT(N, halves[0]->n_sessions + halves[1]->n_sessions);
    CHECK_INT(all.n_events, halves[0]->n_events + halves[1]->n_events);
    CHECK(halves[0]->n_sessions > N / 2 - 80 && halves[0]->n_sessions < N / 2 + 80);
    int n_seen[N] = {0};
    for (int half = 0; half < 2; half++)
        for (int64_t s = 0; s < halves[half]->n_sessions; s++) {
            const int64_t first = halves[half]->offsets[s];
            const int32_t session = halves[half]->item_rows[first];
            CHECK_INT(1 + session % 4, halves[half]->offsets[s + 1] - first);
            n_seen[session]++;
        }
    for (int s = 0; s < N; s++)
        CHECK_INT(1, n_seen[s]);
    gru4rec_dataset_free(halves[0]);
    gru4rec_dataset_free(halves[1]);

    all.n_sessions = 1;
    check_refused("too few sessions", gru4rec_tune_halve(NULL, &all, halves, &error),
                  &error);
    CHECK(halves[0] == NULL && halves[1] == NULL);
}

/* ---- memory ---- */

static void allocations_may_fail(void)
{
    const gru4rec_options base = base_with("12", "9");
    int64_t offsets[21];
    int32_t rows[40] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const gru4rec_dataset all = {.n_sessions = 20,
                                 .n_events = 40,
                                 .item_rows = rows,
                                 .offsets = offsets};
    for (int s = 0; s <= 20; s++)
        offsets[s] = 2 * s;
    gru4rec_space space;
    gru4rec_space_fill(&space, &base, &base);
    for (size_t i = 1; i <= 8; i++) {
        fault_alloc fault = {.fail_at = i};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_tune *tune;
        gru4rec_dataset *halves[2];
        gru4rec_status status = gru4rec_tune_new(&allocator, &base, &space, &tune, NULL);
        CHECK_INT(i <= 2 ? GRU4REC_NOMEM : GRU4REC_OK, status);
        CHECK((tune != NULL) == (status == GRU4REC_OK));
        CHECK(status != GRU4REC_OK || fault.live_bytes == gru4rec_tune_bytes(&base));
        gru4rec_tune_free(tune);
        fault.n_requests = 0;
        status = gru4rec_tune_halve(&allocator, &all, halves, NULL);
        CHECK_INT(i <= 6 ? GRU4REC_NOMEM : GRU4REC_OK, status);
        gru4rec_dataset_free(halves[0]);
        gru4rec_dataset_free(halves[1]);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    RUN(order_does_not_matter);
    RUN(halving_is_by_thirds);
    RUN(ties_go_to_the_first);
    RUN(rungs_of_few_epochs_are_one);
    RUN(failed_trials_stay_behind);
    RUN(later_batches_are_better);
    RUN(first_trial_is_the_base);
    RUN(options_of_another_loss_are_dropped);
    RUN(given_options_are_not_searched);
    RUN(learning_rate_suits_the_optimiser);
    RUN(small_spaces_end);
    RUN(ranges_are_checked);
    RUN(choices_are_checked);
    RUN(useless_spaces_are_refused);
    RUN(halves_have_each_session_once);
    RUN(allocations_may_fail);
    return test_end();
}
