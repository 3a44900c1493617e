/*
 * test_vec_update.c - vec_update.h: the optimisers' kernel, of every table that this
 * machine runs, one step of each against its equations in double. Several steps and rows:
 * test_optim.c.
 *
 * Tolerances count roundings: EPS / 2 is the relative error of one operation in float.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;

/* One value and what the optimiser keeps of it. */
typedef struct plain {
    double p, acc, acc2, v;
} plain;

static double plain_gradient(plain *x, const g4r_update *u, double g)
{
    const double eps = 1e-6, rho = (double)u->rho, rho2 = (double)u->rho2;
    double kappa;
    switch (u->kind) {
    case GRU4REC_ADAGRAD:
        x->acc += g * g;
        return g / sqrt(x->acc + eps);
    case GRU4REC_RMSPROP:
        x->acc = rho * x->acc + (1 - rho) * g * g;
        return g / sqrt(x->acc + eps);
    case GRU4REC_ADADELTA:
        x->acc = rho * x->acc + (1 - rho) * g * g;
        kappa = (x->acc2 + eps) / (x->acc + eps);
        x->acc2 = rho * x->acc2 + (1 - rho) * kappa * g * g;
        return g * sqrt(kappa);
    case GRU4REC_ADAM:
        x->acc2 = rho * x->acc2 + (1 - rho) * g;
        x->acc = rho2 * x->acc + (1 - rho2) * g * g;
        return x->acc2 * (double)u->correct / (sqrt(x->acc * (double)u->correct2) + 1e-8);
    default:
        return g;
    }
}

static void plain_update(plain *x, const g4r_update *u, double g)
{
    double d = plain_gradient(x, u, (double)u->clip * g);
    x->v = (double)u->momentum * x->v -
           (double)u->learning_rate * (d + (double)u->lmbd * x->p);
    x->p += x->v;
}

static const gru4rec_adapt kinds[] = {GRU4REC_ADAGRAD, GRU4REC_RMSPROP, GRU4REC_ADADELTA,
                                      GRU4REC_ADAM, GRU4REC_SGD};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static bool has_acc(gru4rec_adapt kind)
{
    return kind != GRU4REC_SGD;
}

static bool has_acc2(gru4rec_adapt kind)
{
    return kind == GRU4REC_ADADELTA || kind == GRU4REC_ADAM;
}

/* NULL for what the optimiser does not have, as the library passes it. */
static void check_update(const g4r_update *u, size_t n)
{
    const g4r_real *p = random_array(n, -1, 1), *acc = random_array(n, 0.01, 2);
    const g4r_real *acc2 = random_array(n, 0.01, 1), *v = random_array(n, -0.1, 0.1);
    const g4r_real *g = random_array(n, -1, 1);
    g4r_real *new_p = copy_of(p, n), *new_v = copy_of(v, n);
    g4r_real *new_acc = copy_of(acc, n), *new_acc2 = copy_of(acc2, n);
    const bool has_v = u->momentum > 0;
    vec->update(new_p, has_acc(u->kind) ? new_acc : NULL,
                has_acc2(u->kind) ? new_acc2 : NULL, has_v ? new_v : NULL, g, u, n);
    for (size_t i = 0; i < n; i++) {
        plain x = {(double)p[i], (double)acc[i], (double)acc2[i], (double)v[i]};
        plain old = x;
        plain_update(&x, u, (double)g[i]);
        bool is_kept = !has_acc(u->kind), is_kept2 = !has_acc2(u->kind);
        /* acc: clip, square, two factors, sum; acc2 beside that the quotient of two. */
        CHECK_NEAR(is_kept ? old.acc : x.acc, new_acc[i],
                   is_kept ? 0 : fabs(x.acc) * 4 * EPS);
        CHECK_NEAR(is_kept2 ? old.acc2 : x.acc2, new_acc2[i],
                   is_kept2 ? 0 : (fabs(old.acc2) + fabs(x.acc2)) * 6 * EPS);
        /* d behind them: at most 12 roundings; decay and velocity 3. */
        double size = fabs(x.v) + 2 * fabs((double)u->momentum * old.v) +
                      2 * fabs((double)u->learning_rate * (double)u->lmbd * old.p);
        CHECK_NEAR(has_v ? x.v : old.v, new_v[i], has_v ? size * 6 * EPS + 1e-9 : 0);
        CHECK_NEAR(x.p, new_p[i], size * 6 * EPS + 1e-9 + fabs(x.p) * EPS);
    }
    drop_arrays();
}

/* n beyond 256, the length of a block. */
static void check_kind(gru4rec_adapt kind)
{
    static const size_t more[] = {255, 256, 257, 512, 600};
    static const g4r_real momenta[] = {0, 0.3f}, decays[] = {0, 0.02f},
                          clips[] = {1, 0.4f};
    for (int k = 0; k < 8; k++) {
        g4r_update u = {.kind = kind,
                        .learning_rate = 0.05f,
                        .momentum = k % 2 == 0 ? momenta[0] : momenta[1],
                        .lmbd = decays[k / 2 % 2],
                        .rho = 0.8f,
                        .rho2 = 0.95f,
                        .correct = 5,
                        .correct2 = 20,
                        .clip = clips[k / 4]};
        for (int s = 0; s < N_SIZES; s++)
            check_update(&u, sizes[s]);
        for (int s = 0; s < 5; s++)
            check_update(&u, more[s]);
    }
}

static void adagrad(void)
{
    check_kind(GRU4REC_ADAGRAD);
}

static void rmsprop(void)
{
    check_kind(GRU4REC_RMSPROP);
}

static void adadelta(void)
{
    check_kind(GRU4REC_ADADELTA);
}

static void adam(void)
{
    check_kind(GRU4REC_ADAM);
}

static void sgd(void)
{
    check_kind(GRU4REC_SGD);
}

/*
 * From zero a first gradient moves by lr g / sqrt(g^2 + 1e-6), none by nothing: epsilon
 * stands inside the root.
 */
static void adagrad_has_its_epsilon_inside_the_root(void)
{
    const g4r_update u = {.kind = GRU4REC_ADAGRAD, .learning_rate = 0.1f, .clip = 1};
    g4r_real p[2] = {1, 1}, acc[2] = {0}, g[2] = {0, 0.001f};
    vec->update(p, acc, NULL, NULL, g, &u, 2);
    CHECK_NEAR(1, p[0], 0);
    CHECK_NEAR(1 - 0.1 * sqrt(0.5), p[1], 2 * EPS);
}

/* Adam's first step is lr in the gradient's direction, however small that is. */
static void adam_has_its_epsilon_outside_the_root(void)
{
    const g4r_update u = {.kind = GRU4REC_ADAM,
                          .learning_rate = 0.1f,
                          .rho = 0.9f,
                          .rho2 = 0.999f,
                          .correct = 10,
                          .correct2 = 1000,
                          .clip = 1};
    g4r_real p[3] = {0}, acc[3] = {0}, acc2[3] = {0}, g[3] = {0, -2, 0.0001f};
    vec->update(p, acc, acc2, NULL, g, &u, 3);
    CHECK_NEAR(0, p[0], 0);
    CHECK_NEAR(0.1, p[1], 1e-6);
    CHECK_NEAR(-0.1, p[2], 2e-5); /* 1e-8 beside 1e-4; 1 - .999f is off by 2e-5 of it */
}

/* Without a gradient only the decay moves. */
static void no_gradient_no_move(void)
{
    for (int k = 0; k < N_KINDS; k++) {
        g4r_update u = {.kind = kinds[k],
                        .learning_rate = 0.1f,
                        .rho = 0.9f,
                        .rho2 = 0.99f,
                        .correct = 10,
                        .correct2 = 100,
                        .clip = 1};
        g4r_real p = 2, acc = 0, acc2 = 0, v = 0, g = 0;
        vec->update(&p, &acc, &acc2, &v, &g, &u, 1);
        CHECK_NEAR(2, p, 0);
        u.lmbd = 0.5f;
        vec->update(&p, &acc, &acc2, &v, &g, &u, 1);
        CHECK_NEAR(2 - 0.1 * 0.5 * 2, p, 2 * EPS);
        CHECK_NEAR(-0.1, v, EPS);
    }
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(adagrad);
        RUN(rmsprop);
        RUN(adadelta);
        RUN(adam);
        RUN(sgd);
        RUN(adagrad_has_its_epsilon_inside_the_root);
        RUN(adam_has_its_epsilon_outside_the_root);
        RUN(no_gradient_no_move);
    }
    return test_end();
}
