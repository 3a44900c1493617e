/*
 * test_loss.c - losses of one lane: golden vectors, a plain
 * re-computation in double on random rows, and the edges (one column, huge scores, NaN).
 * Every kernel table that this processor runs is tested.
 */
#include "../../src/train/loss.h"
#include "../../src/base/rng.h"
#include "../lib/test.h"

enum { MOST = 2053 };

#define LINEAR                   \
    {                            \
        GRU4REC_ACT_LINEAR, 0, 0 \
    }
#define ELU(alpha)                            \
    {                                         \
        GRU4REC_ACT_ELU, (g4r_real)(alpha), 0 \
    }

/* kind, final_act, bpreg, smoothing */
static const g4r_loss xe = {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0};
static const g4r_loss xe_logit = {GRU4REC_XE_LOGIT, LINEAR, 0, 0};
static const g4r_loss smooth = {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0.1};
static const g4r_loss bpr_max = {GRU4REC_BPR_MAX, LINEAR, 0, 0};
static const g4r_loss bpr_max_1 = {GRU4REC_BPR_MAX, LINEAR, 1, 0};
static const g4r_loss bpr_max_elu = {GRU4REC_BPR_MAX, ELU(1), 1, 0};
static const g4r_loss bpr = {GRU4REC_BPR, LINEAR, 0, 0};
static const g4r_loss top1 = {GRU4REC_TOP1, LINEAR, 0, 0};
static const g4r_loss top1_max = {GRU4REC_TOP1_MAX, LINEAR, 0, 0};

static double loss_of(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                      const g4r_vec *vec)
{
    static g4r_real scratch[3 * MOST];
    return g4r_loss_row(scores, loss, own, n, 1, scratch, vec);
}

/* ---- the golden vectors ---- */

typedef struct golden {
    const char *name;
    g4r_loss loss;
    double value; /* sum of both lanes */
    double gradients[2][5];
} golden;

static const double golden_scores[2][5] = {{1, -0.5, 0.25, 2, -1},
                                           {0, 0.5, -0.75, 1.5, 0.25}};
/* logq 1, counts (4,1,9,16,2), alpha .5 for the last three. */
static const double golden_logq[5] = {1.386294, 0, 1.098612, 1.386294, 0.346574};

static const golden goldens[] = {
    {"cross-entropy",
     {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0},
     3.199500,
     {{-.780177, .049049, .103837, .597541, .029750},
      {.112526, -.814475, .053154, .504308, .144487}}},
    {"cross-entropy logq",
     {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0},
     2.634148,
     {{-.822172, .158715, .112000, .483387, .068070},
      {.061206, -.596351, .038549, .274308, .222288}}},
    {"cross-entropy smoothing .1",
     {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0.1},
     3.305750,
     {{-.680177, .024049, .078837, .572541, .004750},
      {.087526, -.714475, .028154, .479308, .119487}}},
    {"bpr-max",
     {GRU4REC_BPR_MAX, LINEAR, 1, 0},
     6.439612,
     {{-.505990, -.290991, -.369050, 4.353826, -.196764},
      {-.193758, -.519053, -.187808, 2.866538, -.117566}}},
    {"bpr-max bpreg 0",
     {GRU4REC_BPR_MAX, LINEAR, 0, 0},
     1.872870,
     {{-.505990, -.047323, -.027891, .620643, -.039439},
      {.005322, -.519053, -.032587, .508047, .038271}}},
    {"bpr-max elu-0.5",
     {GRU4REC_BPR_MAX, ELU(0.5), 1, 0},
     6.084145,
     {{-.492135, -.091301, -.314835, 4.270739, -.052532},
      {-.173341, -.520148, -.047075, 2.805726, -.096871}}},
    {"bpr",
     {GRU4REC_BPR, LINEAR, 0, 0},
     6.029976,
     {{-1.353508, .182426, .320821, .731059, .119203},
      {.377541, -1.769123, .222700, .731059, .437823}}},
    {"top1",
     {GRU4REC_TOP1, LINEAR, 0, 0},
     1.894160,
     {{-.133729, -.019398, .068555, .053453, -.057646},
      {.047001, -.170171, -.034746, .091077, .074202}}},
    {"top1-max",
     {GRU4REC_TOP1_MAX, LINEAR, 0, 0},
     2.861898,
     {{-.192967, -.053753, -.043042, .365892, -.035866},
      {-.034090, -.209167, -.043940, .453122, -.006179}}},
};

/* The vectors have 6 decimals: 5e-7, and a float of 4 or 6 is good to 2.4e-7. */
static void check_golden(const golden *g, bool has_logq, const g4r_vec *vec)
{
    double value = 0;
    for (size_t lane = 0; lane < 2; lane++) {
        g4r_real scores[5];
        for (size_t j = 0; j < 5; j++)
            scores[j] =
                (g4r_real)(golden_scores[lane][j] - (has_logq ? golden_logq[j] : 0));
        value += loss_of(scores, &g->loss, lane, 5, vec);
        for (size_t j = 0; j < 5; j++)
            if (!CHECK_NEAR(g->gradients[lane][j], scores[j], 1.2e-6))
                printf("  %s, lane %zu, column %zu\n", g->name, lane, j);
    }
    if (!CHECK_NEAR(g->value, value, 1.2e-6))
        printf("  %s\n", g->name);
}

static void test_golden_vectors(void)
{
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++)
            check_golden(&goldens[k], k == 1, vec);
}

/* Where no eps and no rounding comes in, both cross-entropies are one. */
static void test_xe_logit_has_cross_entropys_vectors(void)
{
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < 3; k++) {
            golden g = goldens[k];
            g.loss.kind = GRU4REC_XE_LOGIT;
            check_golden(&g, k == 1, vec);
        }
}

/* ---- against plain twins, in double ---- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* As in vec_basic.h. */
static double plain_act(const g4r_activation *act, double x)
{
    double a = (double)act->a, b = (double)act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        return x > 0 ? x : 0;
    case GRU4REC_ACT_TANH:
        return tanh(x);
    case GRU4REC_ACT_LEAKY:
        return x > 0 ? x : a * x;
    case GRU4REC_ACT_ELU:
        return x > 0 ? x : a * (exp(x) - 1);
    case GRU4REC_ACT_SELU:
        return a * (x > 0 ? x : b * (exp(x) - 1));
    default:
        return x;
    }
}

/* -log p of column j. */
static double plain_nll(const g4r_loss *loss, double r, double sum)
{
    double p = exp(r) / sum;
    return loss->kind == GRU4REC_XE_LOGIT ? log(sum) - r : -log(p + 1e-24);
}

/* Both cross-entropies, smoothed as in vec_loss.h. */
static double plain_softmax_loss(const double *r, const g4r_loss *loss, size_t own,
                                 size_t n)
{
    double sum = 0, all = 0, tau = loss->smoothing, over = (double)n - 1;
    for (size_t j = 0; j < n; j++)
        sum += exp(r[j]);
    if (!(tau > 0))
        return plain_nll(loss, r[own], sum);
    for (size_t j = 0; j < n; j++)
        all += plain_nll(loss, r[j], sum);
    return (1 - tau * (double)n / over) * plain_nll(loss, r[own], sum) + tau / over * all;
}

/* On activated scores, as in vec_loss.h. */
static double plain_pairwise(const double *r, const g4r_loss *loss, size_t own, size_t n)
{
    double t = r[own], e_sum = 0, a = 0, reg = 0, bpr_sum = 0, top1_sum = 0, q_sum = 0;
    for (size_t j = 0; j < n; j++)
        e_sum += j == own ? 0 : exp(r[j]);
    for (size_t j = 0; j < n; j++) {
        double s = j == own ? 0 : exp(r[j]) / e_sum;
        double q = sigmoid(r[j] - t) + sigmoid(r[j] * r[j]);
        a += s * sigmoid(t - r[j]);
        reg += s * r[j] * r[j];
        bpr_sum -= log(sigmoid(t - r[j]));
        top1_sum += q;
        q_sum += s * q;
    }
    switch (loss->kind) {
    case GRU4REC_BPR:
        return bpr_sum;
    case GRU4REC_TOP1:
        return (top1_sum - sigmoid(t * t)) / (double)n;
    case GRU4REC_TOP1_MAX:
        return q_sum;
    default:
        return -log(a + 1e-24) + (double)loss->bpreg * reg;
    }
}

static double plain_loss(const double *scores, const g4r_loss *loss, size_t own, size_t n)
{
    static double r[MOST];
    if (loss->kind == GRU4REC_CROSS_ENTROPY || loss->kind == GRU4REC_XE_LOGIT)
        return plain_softmax_loss(scores, loss, own, n);
    for (size_t j = 0; j < n; j++)
        r[j] = plain_act(&loss->final_act, scores[j]);
    return plain_pairwise(r, loss, own, n);
}

/* Central differences of the twin: 1e-15 n / h of rounding, h^2 of the third derivative. */
static double plain_slope(double *scores, const g4r_loss *loss, size_t own, size_t n,
                          size_t j)
{
    const double h = 1e-5, kept = scores[j];
    scores[j] = kept + h;
    double above = plain_loss(scores, loss, own, n);
    scores[j] = kept - h;
    double below = plain_loss(scores, loss, own, n);
    scores[j] = kept;
    return (above - below) / (2 * h);
}

/* Within +-4, but not so near 0 that a difference would go over an activation's corner. */
static g4r_real random_score(g4r_rng *rng)
{
    double x = 8 * g4r_rng_uniform(rng) - 4;
    return (g4r_real)(x + (x < 0 ? -1e-3 : 1e-3));
}

/*
 * Differences are taken for the target and some 16 columns: the twin takes n steps for
 * each. Float sums of n terms, and slopes that come from values (selu). Observed: 1.1e-5
 * of the largest gradient.
 */
static void check_random(const g4r_loss *loss, size_t own, size_t n, const g4r_vec *vec)
{
    static g4r_real scores[MOST], scratch[3 * MOST];
    static double r[MOST];
    const g4r_real scale = (g4r_real)0.25;
    double largest = 1e-3, error = 0;
    g4r_rng rng;
    g4r_rng_seed(&rng, (int64_t)(n * 10000 + own), 0, 0);
    for (size_t j = 0; j < n; j++) {
        scores[j] = random_score(&rng);
        r[j] = (double)scores[j];
    }
    double expected = plain_loss(r, loss, own, n);
    double value = g4r_loss_row(scores, loss, own, n, scale, scratch, vec);
    for (size_t j = 0; j < n; j++) {
        if (j != own && j % (n / 16 + 1) != 0)
            continue;
        double gradient = plain_slope(r, loss, own, n, j);
        largest = fmax(largest, fabs(gradient) / 4);
        double off = fabs(gradient / 4 - (double)scores[j]);
        if (isnan(off) || off > error) /* and stays NaN */
            error = off;
    }
    CHECK_NEAR(expected, value, 1e-5 * fmax(1, expected));
    if (!CHECK_NEAR(0, error / largest, 3e-5))
        printf("  loss %d, final_act %d, own %zu of %zu\n", (int)loss->kind,
               (int)loss->final_act.kind, own, n);
}

static void check_rows(const g4r_loss *loss)
{
    static const size_t sizes[] = {2, 3, 5, 16, 17, 33, 100, MOST};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            check_random(loss, 0, sizes[s], vec);
            check_random(loss, sizes[s] / 2, sizes[s], vec);
            check_random(loss, sizes[s] - 1, sizes[s], vec);
        }
}

static void test_random_rows(void)
{
    static const g4r_loss losses[] = {{GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0},
                                      {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0.1},
                                      {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0.7},
                                      {GRU4REC_XE_LOGIT, LINEAR, 0, 0},
                                      {GRU4REC_XE_LOGIT, LINEAR, 0, 0.1},
                                      {GRU4REC_XE_LOGIT, LINEAR, 0, 0.7},
                                      {GRU4REC_BPR_MAX, LINEAR, 0, 0},
                                      {GRU4REC_BPR_MAX, LINEAR, 2, 0},
                                      {GRU4REC_BPR, LINEAR, 0, 0},
                                      {GRU4REC_TOP1, LINEAR, 0, 0},
                                      {GRU4REC_TOP1_MAX, LINEAR, 0, 0}};
    for (size_t k = 0; k < sizeof losses / sizeof *losses; k++)
        check_rows(&losses[k]);
}

/* The chain through every final activation. */
static void test_final_activations(void)
{
    static const gru4rec_loss kinds[] = {GRU4REC_BPR, GRU4REC_BPR_MAX, GRU4REC_TOP1,
                                         GRU4REC_TOP1_MAX};
    static const g4r_activation acts[] = {{GRU4REC_ACT_RELU, 0, 0},
                                          {GRU4REC_ACT_TANH, 0, 0},
                                          {GRU4REC_ACT_LEAKY, (g4r_real)0.3, 0},
                                          {GRU4REC_ACT_ELU, (g4r_real)0.5, 0},
                                          {GRU4REC_ACT_ELU, 1, 0},
                                          {GRU4REC_ACT_SELU, (g4r_real)1.05,
                                           (g4r_real)1.67}};
    for (size_t k = 0; k < 4; k++)
        for (size_t act = 0; act < sizeof acts / sizeof *acts; act++) {
            g4r_loss loss = {kinds[k], acts[act], (g4r_real)0.7, 0};
            check_rows(&loss);
        }
}

/* What the options say, and softmax as part of the loss. */
static void test_init(void)
{
    static const char *const settings[][4] = {
        {"cross-entropy", "smoothing", "0.2", "auto"},
        {"xe_logit", "smoothing", "0.2", "softmax_logit"},
        {"bpr-max", "bpreg", "0.3", "selu-1.05-1.67"},
        {"bpr-max", "elu_param", "0.3", "auto"},
        {"top1", "n_sample", "3", "auto"},
    };
    static const g4r_loss expected[] = {
        {GRU4REC_CROSS_ENTROPY, LINEAR, 0, 0.2},
        {GRU4REC_XE_LOGIT, LINEAR, 0, 0.2},
        {GRU4REC_BPR_MAX, {GRU4REC_ACT_SELU, 1.05f, 1.67f}, 0.3f, 0},
        {GRU4REC_BPR_MAX, ELU(0.3f), 1, 0},
        {GRU4REC_TOP1, LINEAR, 0, 0},
    };
    for (size_t k = 0; k < 5; k++) {
        gru4rec_options options;
        g4r_loss loss;
        gru4rec_options_init(&options);
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, "loss", settings[k][0], NULL);
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, settings[k][1], settings[k][2],
                            NULL);
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, "final_act", settings[k][3],
                            NULL);
        CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, NULL));
        g4r_loss_init(&loss, &options);
        CHECK_INT(expected[k].kind, loss.kind);
        CHECK_INT(expected[k].final_act.kind, loss.final_act.kind);
        CHECK_NEAR(expected[k].final_act.a, loss.final_act.a, 0);
        CHECK_NEAR(expected[k].final_act.b, loss.final_act.b, 0);
        CHECK_NEAR(expected[k].bpreg, loss.bpreg, 0);
        CHECK_NEAR(expected[k].smoothing, loss.smoothing, 0);
    }
}

/* ---- properties ---- */

/*
 * The softmax is over negatives only: the regulariser, sum s r^2, ignores the target. Not
 * even a maximum may count the target: beside 1000 all others would underflow.
 */
static void test_bpr_max_softmax_is_without_target(void)
{
    static const double targets[] = {-1000, -6, 0, 3, 9, 1000};
    /* exp(1), exp(-2), exp(.5), exp(2) */
    const double expected =
        (2.7182818 + 4 * 0.1353353 + 0.25 * 1.6487213 + 4 * 7.3890561) /
        (2.7182818 + 0.1353353 + 1.6487213 + 7.3890561);
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
            g4r_real a[] = {1, -2, (g4r_real)targets[k], (g4r_real)0.5, 2};
            g4r_real b[] = {1, -2, (g4r_real)targets[k], (g4r_real)0.5, 2};
            double reg =
                loss_of(a, &bpr_max_1, 2, 5, vec) - loss_of(b, &bpr_max, 2, 5, vec);
            CHECK_NEAR(expected, reg, 1e-6);
            CHECK_NEAR(a[2], b[2], 1e-7); /* and does not pull the target */
        }
}

/* Every column's part of a softmax: the gradients add up to nothing. */
static void test_cross_entropy_gradients_cancel(void)
{
    g4r_real scores[] = {3, -1, (g4r_real)0.5, 2, 2, 2};
    double sum = 0;
    loss_of(scores, &xe, 3, 6, g4r_vec_pick());
    for (size_t j = 0; j < 6; j++)
        sum += (double)scores[j];
    CHECK_NEAR(0, sum, 3e-7);
    CHECK(scores[3] < 0 && scores[4] > 0 && scores[4] == scores[5]);
}

/* TOP1 leaves 1/2, its constant; BPR ln 2. Nothing is to be moved. */
static void test_one_column(void)
{
    static const g4r_loss *const losses[] = {&xe,        &smooth,      &xe_logit,
                                             &bpr_max_1, &bpr_max_elu, &top1_max,
                                             &bpr,       &top1};
    const double values[] = {0, 0, 0, 0, 0, 0, log(2), 0.5};
    for (size_t k = 0; k < 8; k++) {
        g4r_real score = 5;
        CHECK_NEAR(values[k], loss_of(&score, losses[k], 0, 1, g4r_vec_pick()), 1e-12);
        CHECK_NEAR(0, score, 1e-12);
    }
}

/*
 * Hopeless targets: cross-entropy ends at 55.262 without a gradient,
 * xe_logit, in log space, goes on growing and pulling.
 */
static void test_xe_logit_has_no_floor(void)
{
    g4r_real scores[] = {0, 200, 100, 0}, same[] = {0, 200, 100, 0};
    CHECK_NEAR(55.262042, loss_of(same, &xe, 0, 4, g4r_vec_pick()), 1e-4);
    CHECK_NEAR(0, same[0], 1e-12);
    CHECK_NEAR(200, loss_of(scores, &xe_logit, 0, 4, g4r_vec_pick()), 1e-4);
    CHECK_NEAR(-1, scores[0], 1e-6);
    CHECK_NEAR(1, scores[1], 1e-6);
}

/* tau moves weight from the target to the others, in both cross-entropies alike. */
static void test_smoothing_spreads_the_label(void)
{
    const g4r_loss logit = {GRU4REC_XE_LOGIT, LINEAR, 0, 0.1};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        g4r_real plain[] = {3, -1, (g4r_real)0.5, 2}, a[4], b[4];
        memcpy(a, plain, sizeof a);
        memcpy(b, plain, sizeof b);
        double value = loss_of(a, &smooth, 1, 4, vec);
        CHECK_NEAR(value, loss_of(b, &logit, 1, 4, vec), 1e-6);
        loss_of(plain, &xe, 1, 4, vec);
        for (size_t j = 0; j < 4; j++) {
            CHECK_NEAR(plain[j] + (j == 1 ? 0.1 : -0.1 / 3), a[j], 3e-7);
            CHECK_NEAR(a[j], b[j], 3e-7);
        }
    }
}

/* The mean over columns of TOP1, and the sum of BPR. */
static void test_bpr_is_a_sum_and_top1_a_mean(void)
{
    g4r_real few[2] = {1, 0}, many[101];
    g4r_real few_2[2] = {1, 0}, many_2[101] = {1};
    for (size_t j = 0; j < 101; j++)
        many[j] = many_2[j] = j == 0 ? 1 : 0;
    double s = sigmoid(-1);
    CHECK_NEAR(log(2) - log(1 - s), loss_of(few, &bpr, 0, 2, g4r_vec_pick()), 1e-6);
    CHECK_NEAR(log(2) - 100 * log(1 - s), loss_of(many, &bpr, 0, 101, g4r_vec_pick()),
               1e-4);
    CHECK_NEAR((0.5 + s + 0.5) / 2, loss_of(few_2, &top1, 0, 2, g4r_vec_pick()), 1e-6);
    CHECK_NEAR((0.5 + 100 * (s + 0.5)) / 101,
               loss_of(many_2, &top1, 0, 101, g4r_vec_pick()), 1e-6);
}

/* ---- extremes ---- */

static void fill(g4r_real *scores, g4r_real t, g4r_real others)
{
    for (size_t j = 0; j < 20; j++)
        scores[j] = j == 7 ? t : others;
}

static void check_finite(const g4r_loss *loss, double expected, g4r_real t,
                         g4r_real others)
{
    g4r_real scores[20];
    bool is_finite = true;
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        fill(scores, t, others);
        CHECK_NEAR(expected, loss_of(scores, loss, 7, 20, vec), 1e-4);
        for (size_t j = 0; j < 20; j++)
            is_finite = is_finite && isfinite(scores[j]);
        CHECK(is_finite);
    }
}

/* -log(1e-24) = 55.262: what the eps in the logarithm leaves of a hopeless target. */
static void test_huge_scores(void)
{
    check_finite(&xe, 0, 1000, -1000);
    check_finite(&xe, 55.262042, -1000, 1000);
    check_finite(&xe, log(20), -1000, -1000);
    check_finite(&xe, log(20), 1000, 1000);
    check_finite(&xe_logit, 0, 1000, -1000);
    check_finite(&xe_logit, 2000 + log(19), -1000, 1000);
    check_finite(&xe_logit, log(20), 1000, 1000);
    check_finite(&smooth, log(20), -1000, -1000);
    check_finite(&smooth, 0.1 * 55.262042, 1000, -1000);
    check_finite(&smooth, 0.9 * 55.262042 + 0.1 * log(19), -1000, 1000);
    check_finite(&bpr_max, 0, 1000, -1000);
    check_finite(&bpr_max, log(2), -1000, -1000);
    check_finite(&bpr_max, log(2), 1000, 1000);
    check_finite(&bpr_max, 55.262042, -1000, 1000);
    /* ELU: both at -1, and 1 x (-1)^2 of regularisation. */
    check_finite(&bpr_max_elu, log(2) + 1, -1000, -1000);
}

/* Of 19 negatives; sigmoid(r^2) is 1. */
static void test_huge_scores_pairwise(void)
{
    check_finite(&bpr, log(2), 1000, -1000);
    check_finite(&bpr, 20 * log(2), 1000, 1000);
    check_finite(&bpr, 19 * 2000 + log(2), -1000, 1000);
    check_finite(&top1, 19.5 / 20, 1000, -1000);
    check_finite(&top1, (0.5 + 19 * 1.5) / 20, -1000, -1000);
    check_finite(&top1, (0.5 + 19 * 2) / 20, -1000, 1000);
    check_finite(&top1_max, 1, 1000, -1000);
    check_finite(&top1_max, 1.5, 1000, 1000);
    check_finite(&top1_max, 2, -1000, 1000);
}

/* A target without hope gets no gradient through cross-entropy. */
static void test_underflow_has_no_gradient(void)
{
    g4r_real scores[20];
    fill(scores, -1000, 1000);
    loss_of(scores, &xe, 7, 20, g4r_vec_pick());
    for (size_t j = 0; j < 20; j++)
        CHECK_NEAR(0, scores[j], 1e-12);
}

static void check_nan(const g4r_loss *loss, bool sees_infinity, const g4r_vec *vec)
{
    g4r_real scores[20];
    for (size_t j = 0; j < 20; j++) {
        fill(scores, 1, 0);
        scores[j] = (g4r_real)NAN;
        if (!CHECK(isnan(loss_of(scores, loss, 7, 20, vec))))
            printf("  loss %d, final_act %d, column %zu\n", (int)loss->kind,
                   (int)loss->final_act.kind, j);
        fill(scores, 1, 0);
        scores[j] = (g4r_real)INFINITY;
        if (j != 7 && sees_infinity) /* an infinite target is a loss of 0 to BPR-max */
            CHECK(!isfinite(loss_of(scores, loss, 7, 20, vec)));
    }
}

/* TOP1 is bounded: 1 and 1 is what an infinite score adds. */
static void test_nan_is_seen(void)
{
    const g4r_loss logit = {GRU4REC_XE_LOGIT, LINEAR, 0, 0.1};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        check_nan(&xe, true, vec);
        check_nan(&smooth, true, vec);
        check_nan(&xe_logit, true, vec);
        check_nan(&logit, true, vec);
        check_nan(&bpr_max_1, true, vec);
        check_nan(&bpr_max_elu, true, vec);
        check_nan(&bpr, true, vec);
        check_nan(&top1, false, vec);
        check_nan(&top1_max, true, vec);
    }
}

/* And through each final activation. */
static void test_nan_is_seen_through_activations(void)
{
    static const gru4rec_activation_kind acts[] = {GRU4REC_ACT_RELU, GRU4REC_ACT_TANH,
                                                   GRU4REC_ACT_LEAKY, GRU4REC_ACT_SELU};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t act = 0; act < 4; act++) {
            g4r_loss loss = {GRU4REC_BPR_MAX, {acts[act], 1, 1}, 1, 0};
            check_nan(&loss, false, vec);
        }
}

int main(void)
{
    RUN(test_golden_vectors);
    RUN(test_xe_logit_has_cross_entropys_vectors);
    RUN(test_random_rows);
    RUN(test_final_activations);
    RUN(test_init);
    RUN(test_bpr_max_softmax_is_without_target);
    RUN(test_cross_entropy_gradients_cancel);
    RUN(test_one_column);
    RUN(test_xe_logit_has_no_floor);
    RUN(test_smoothing_spreads_the_label);
    RUN(test_bpr_is_a_sum_and_top1_a_mean);
    RUN(test_huge_scores);
    RUN(test_huge_scores_pairwise);
    RUN(test_underflow_has_no_gradient);
    RUN(test_nan_is_seen);
    RUN(test_nan_is_seen_through_activations);
    return test_end();
}
