/*
 * test_golden.c - training, ranking and evaluation against the golden runs: given weights
 * and negatives, computed in float64 by an independent reference
 * (cases/README.md).
 *
 * Each folder of tests/golden/cases is replayed step by step through schedule and
 * step, and, where it has no negatives, once more through gru4rec_train(). Tolerances are
 * those that the golden runs promise for float32; the worst that was observed is printed.
 */
#define _POSIX_C_SOURCE 200809L /* scandir */
#include "golden_case.h"

#include "../../src/kernels/blas.h"
#include "../../src/data/schedule.h"
#include "../../src/train/step.h"
#include "../lib/test.h"

#include <dirent.h>

/* Observed with AVX-512: cost 5e-7 relative, weights 4e-6, scores 4e-6. */
static const double cost_tolerance = 1e-5;   /* relative */
static const double tensor_tolerance = 2e-5; /* absolute */
static const double score_tolerance = 5e-5;  /* absolute */
static const double clear_gap = 1e-4;        /* of scores whose order must be the same */

static double worst_cost, worst_tensor, worst_score;
static int n_run;

/* NaN is the worst there is. */
static void note(double *worst, double difference)
{
    if (isnan(difference) || difference > *worst)
        *worst = difference;
}

static void check_relative(double expected, double actual)
{
    CHECK_NEAR(expected, actual, cost_tolerance * fabs(expected));
    note(&worst_cost, fabs(actual / expected - 1));
}

/* ---- weights ---- */

static double *read_tensor(const golden_case *c, const char *which, const char *name,
                           size_t *n)
{
    char path[80];
    snprintf(path, sizeof path, "$.%s.\"%s\".data", which, name);
    return read_numbers(c, each, path, n);
}

static bool start(const golden_case *c, gru4rec_training *training)
{
    gru4rec_error error;
    size_t n_tensors, n;
    gru4rec_tensor tensor;
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_training_new(NULL, &c->options, (int32_t)c->n_items, training,
                                        &error)))
        return false;
    gru4rec_model *model = training->model;
    free(read_numbers(c, each, "$.initial", &n_tensors));
    CHECK_INT(n_tensors, gru4rec_model_tensor_count(model));
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_model_tensor(model, i, &tensor);
        double *values = read_tensor(c, "initial", tensor.name, &n);
        if (CHECK_INT(tensor.n_values, n))
            for (size_t k = 0; k < n; k++)
                tensor.values[k] = (gru4rec_real)values[k];
        free(values);
    }
    return true;
}

static void check_final(const golden_case *c, const gru4rec_model *model)
{
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        size_t n;
        double difference = 0;
        gru4rec_model_tensor(model, i, &tensor);
        double *values = read_tensor(c, "final", tensor.name, &n);
        if (CHECK_INT(tensor.n_values, n))
            for (size_t k = 0; k < n; k++)
                note(&difference, fabs((double)tensor.values[k] - values[k]));
        if (!CHECK_NEAR(0, difference, tensor_tolerance))
            printf("  in the final %s\n", tensor.name);
        note(&worst_tensor, difference);
        free(values);
    }
}

/* ---- training, step by step ---- */

/* What the golden run says of one epoch. */
typedef struct golden_epoch {
    double *costs, *lanes; /* (n_steps) */
    int32_t *samples;      /* (n_steps, K); NULL without */
    size_t n_steps;
    double loss, cost;
} golden_epoch;

static void read_epoch(golden_epoch *e, const golden_case *c, int64_t epoch)
{
    char path[80];
    size_t n;
    snprintf(path, sizeof path, "$.steps[%d]", (int)epoch);
    e->costs = read_numbers(c, "SELECT e.value ->> 0 FROM run, json_each(text, ?1) e",
                            path, &e->n_steps);
    e->lanes =
        read_numbers(c, "SELECT e.value ->> 1 FROM run, json_each(text, ?1) e", path, &n);
    snprintf(path, sizeof path, "$.epochs[%d].loss_per_event", (int)epoch);
    e->loss = read_number(c, path);
    snprintf(path, sizeof path, "$.epochs[%d].loss_official", (int)epoch);
    e->cost = read_number(c, path);
    snprintf(path, sizeof path, "$.negatives[%d]", (int)epoch);
    double *rows = read_numbers(c, each_of_each, path, &n);
    CHECK_INT(e->n_steps * (size_t)c->options.n_sample, n);
    e->samples = g4r_alloc(&g4r_alloc_libc, n, sizeof *e->samples);
    for (size_t i = 0; i < n; i++)
        e->samples[i] = (int32_t)rows[i];
    free(rows);
}

static void free_epoch(golden_epoch *e)
{
    free(e->costs);
    free(e->lanes);
    free(e->samples);
}

static void update(g4r_step *step)
{
    g4r_step_backward(step);
    g4r_step_update(step);
}

static void replay_epoch(const golden_case *c, g4r_step *step, g4r_schedule *schedule,
                         int64_t epoch)
{
    golden_epoch expected;
    double batch_size = (double)c->options.batch_size;
    double loss_sum = 0, cost_sum = 0, events = 0;
    size_t i = 0;
    read_epoch(&expected, c, epoch);
    g4r_schedule_start(schedule);
    for (; g4r_schedule_next(schedule) && i < expected.n_steps; i++) {
        double lanes = (double)schedule->n_live;
        const gru4rec_lanes frame = {.n = schedule->n_live,
                                     .input = schedule->input,
                                     .target = schedule->target,
                                     .from = schedule->from};
        double loss =
            g4r_step_forward(step, &frame,
                             expected.samples + i * (size_t)c->options.n_sample);
        if (g4r_step_is_full(step))
            update(step);
        CHECK_INT(expected.lanes[i], lanes);
        check_relative(expected.costs[i], loss / batch_size);
        loss_sum += loss;
        cost_sum += loss / batch_size * lanes;
        events += lanes;
    }
    if (step->common.n_frames > 0)
        update(step);
    CHECK_INT(expected.n_steps, i);
    CHECK_INT(0, schedule->n_live);
    check_relative(expected.loss, loss_sum / events);
    check_relative(expected.cost, cost_sum / events);
    free_epoch(&expected);
}

static void replay(const golden_case *c, gru4rec_training *training)
{
    const gru4rec_options *options = &c->options;
    static g4r_step step;
    g4r_schedule schedule;
    gru4rec_error error;
    const g4r_schedule_plan plan = g4r_schedule_planned(options);
    size_t n_lanes = g4r_schedule_lanes(&plan, c->train->n_sessions);
    if (!CHECK(g4r_schedule_init(&schedule, c->train, &plan, &g4r_alloc_libc)))
        return;
    g4r_blas_enter();
    if (CHECK_INT(GRU4REC_OK, g4r_step_init(&step, training, c->support, options,
                                            &(g4r_step_plan){1, 0, 1, n_lanes, n_lanes},
                                            (g4r_stop){0}, &error))) {
        for (int64_t epoch = 0; epoch < options->n_epochs; epoch++)
            replay_epoch(c, &step, &schedule, epoch);
        g4r_step_free(&step);
    }
    g4r_blas_leave();
    g4r_schedule_free(&schedule);
}

/* ---- training, through the public interface ---- */

static int check_epoch(void *context, const gru4rec_epoch *epoch)
{
    golden_epoch expected;
    double events = 0;
    read_epoch(&expected, context, epoch->epoch - 1);
    for (size_t i = 0; i < expected.n_steps; i++)
        events += expected.lanes[i];
    CHECK_INT(expected.n_steps, epoch->steps);
    CHECK_INT(events, epoch->events);
    check_relative(expected.loss, epoch->loss);
    check_relative(expected.cost, epoch->cost);
    free_epoch(&expected);
    return 0;
}

static void train(golden_case *c)
{
    gru4rec_hooks hooks = {.epoch = check_epoch, .context = c};
    gru4rec_error error;
    gru4rec_training training;
    if (!start(c, &training))
        return;
    if (CHECK_INT(GRU4REC_OK, gru4rec_train(&training, c->train, c->support, &c->options,
                                            NULL, 0, &hooks, NULL, &error)))
        check_final(c, training.model);
    gru4rec_training_free(&training);
}

/* ---- recommendations ---- */

/* ids and scores (I): the full ranking that is expected. */
static void check_ranking(const golden_case *c, gru4rec_session *session,
                          const double *ids, const double *scores)
{
    gru4rec_ranking *ranking;
    size_t n = c->n_items;
    int32_t row;
    gru4rec_real score;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(NULL, (int32_t)n, &ranking)))
        return;
    gru4rec_ranking_start(ranking, &(gru4rec_query){.session = session});
    for (size_t i = 0; i < n; i++) {
        row = row_of(c, ids[i]);
        gru4rec_session_scores(session, &row, 1, &score);
        CHECK_NEAR(scores[i], score, score_tolerance);
        note(&worst_score, fabs((double)score - scores[i]));
    }
    for (size_t i = 0; i < n && CHECK(gru4rec_ranking_next(ranking, &row, &score)); i++)
        if ((i == 0 || scores[i - 1] - scores[i] > clear_gap) &&
            (i + 1 == n || scores[i] - scores[i + 1] > clear_gap))
            CHECK_INT(row_of(c, ids[i]), row);
    CHECK(!gru4rec_ranking_next(ranking, &row, &score));
    gru4rec_ranking_free(ranking);
}

static void check_recommendation(const golden_case *c, gru4rec_session *session, size_t i)
{
    char path[80];
    size_t n_history, n_ids, n_scores;
    snprintf(path, sizeof path, "$.recommend[%zu].history", i);
    double *history = read_numbers(c, each, path, &n_history);
    snprintf(path, sizeof path, "$.recommend[%zu].ranking", i);
    double *ids = read_numbers(c, each, path, &n_ids);
    snprintf(path, sizeof path, "$.recommend[%zu].scores", i);
    double *scores = read_numbers(c, each, path, &n_scores);
    gru4rec_session_reset(session);
    for (size_t k = 0; k < n_history; k++)
        gru4rec_session_step(session, row_of(c, history[k]), NULL);
    if (CHECK(n_history > 0 && n_ids == c->n_items && n_scores == n_ids))
        check_ranking(c, session, ids, scores);
    free(history);
    free(ids);
    free(scores);
}

static void check_recommendations(const golden_case *c, const gru4rec_model *model)
{
    gru4rec_session *session;
    size_t n;
    free(read_numbers(c, each, "$.recommend", &n));
    CHECK(n > 0);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, model, &session)))
        return;
    for (size_t i = 0; i < n; i++)
        check_recommendation(c, session, i);
    gru4rec_session_free(session);
}

/* ---- evaluation ---- */

/* Ranks are small integers, so these agree to rounding unless scores nearly tie. */
static void check_metric(const golden_case *c, const char *mode, int64_t k,
                         const char *name, double actual)
{
    char path[80];
    snprintf(path, sizeof path, "$.evaluate.metrics.%s.\"%d\".%s", mode, (int)k, name);
    if (!CHECK_NEAR(read_number(c, path), actual, 1e-9))
        printf("  at %s\n", path);
}

static void check_mode(const golden_case *c, const gru4rec_model *model, const char *mode)
{
    gru4rec_options options = c->options;
    const gru4rec_evaluation what = {.model = model,
                                     .support = c->support,
                                     .test = c->test};
    gru4rec_metrics metrics[4];
    gru4rec_error error;
    gru4rec_options_set(&options, GRU4REC_SCOPE_EVALUATE, "cutoffs", "1/3/5/10", &error);
    gru4rec_options_set(&options, GRU4REC_SCOPE_EVALUATE, "mode", mode, &error);
    CHECK_INT(4, gru4rec_evaluate_count(&what, &options));
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_evaluate(NULL, &what, &options, NULL, metrics, &error)))
        return;
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(read_number(c, "$.evaluate.events"), metrics[i].events);
        check_metric(c, mode, metrics[i].k, "recall", metrics[i].recall);
        check_metric(c, mode, metrics[i].k, "mrr", metrics[i].mrr);
        check_metric(c, mode, metrics[i].k, "ndcg", metrics[i].ndcg);
    }
}

/* ---- all folders ---- */

static void run_case(const char *file)
{
    golden_case c;
    gru4rec_error error;
    bool is_ok = golden_open(&c, file, &error);
    if (!CHECK(is_ok))
        printf("  %s\n", error.message);
    gru4rec_training training;
    if (is_ok && start(&c, &training)) {
        const gru4rec_model *model = training.model;
        n_run++;
        replay(&c, &training);
        check_final(&c, model);
        check_recommendations(&c, model);
        check_mode(&c, model, "standard");
        check_mode(&c, model, "conservative");
        check_mode(&c, model, "median");
        if (c.options.n_sample == 0)
            train(&c);
        gru4rec_training_free(&training);
    }
    golden_close(&c);
}

static char current_file[2048];

static void test_case(void)
{
    run_case(current_file);
}

static int is_case(const struct dirent *entry)
{
    return strchr(entry->d_name, '.') == NULL;
}

int main(void)
{
    static const char folder[] = "tests/golden/cases";
    struct dirent **cases;
    int n = scandir(folder, &cases, is_case, alphasort);
    if (n <= 0) {
        printf("no golden runs in %s; run this from the project's root\n"
               "0 passed, 1 failed\n",
               folder);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < n; i++) {
        snprintf(current_file, sizeof current_file, "%s/%s/case.json", folder,
                 cases[i]->d_name);
        test_run(cases[i]->d_name, test_case);
        free(cases[i]);
    }
    free(cases);
    printf("golden runs: %d; worst cost %.1e (relative), weight %.1e, "
           "score %.1e\n",
           n_run, worst_cost, worst_tensor, worst_score);
    return test_end();
}
