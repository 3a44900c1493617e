/*
 * test_moves.c - what copies of a model add up in a merge, and where they meet: rows of
 * items by the sum of their moves, other weights by the mean, accumulators as the weights.
 */
#include "../../src/train/moves.h"
#include "../lib/test.h"

enum { COPIES = 3, ITEMS = 12, MOST = 6 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_training trainings[COPIES];
    g4r_moves moves[COPIES];
    g4r_merge merges[COPIES];
    g4r_arena arena;
    g4r_real *sums, *next;
} fixture;

static void layout(fixture *f)
{
    const g4r_params *params = &f->trainings[0].model->params;
    for (int i = 0; i < COPIES; i++) {
        g4r_moves_layout(&f->moves[i], &f->arena, params, MOST);
        g4r_merge_layout(&f->merges[i], &f->arena, MOST, 7);
    }
    const size_t n = 2 * (f->moves[0].n_whole + ITEMS * f->moves[0].width);
    f->sums = g4r_arena_reals(&f->arena, n, 1);
    f->next = g4r_arena_reals(&f->arena, n, 1);
}

static g4r_real *row_of(const fixture *f, int copy, bool is_acc, int32_t row)
{
    const gru4rec_training *t = &f->trainings[copy];
    const gru4rec_model *model = is_acc ? t->slot[GRU4REC_SLOT_ACC] : t->model;
    return model->values[model->params.output] + row * (int64_t)model->params.width;
}

static g4r_real *bias_of(const fixture *f, int copy, bool is_acc)
{
    const gru4rec_training *t = &f->trainings[copy];
    const gru4rec_model *model = is_acc ? t->slot[GRU4REC_SLOT_ACC] : t->model;
    return model->values[model->params.output_bias];
}

static g4r_real *whole_of(const fixture *f, int copy, bool is_acc)
{
    const gru4rec_training *t = &f->trainings[copy];
    return (is_acc ? t->slot[GRU4REC_SLOT_ACC] : t->model)
        ->values[t->model->params.layers[0].hidden];
}

/* All copies are equal, with values and accumulators that can be told apart. */
static void start(fixture *f)
{
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "layers", "5", NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, NULL));
    for (int i = 0; i < COPIES; i++) {
        gru4rec_training *t = &f->trainings[i];
        CHECK_INT(GRU4REC_OK, gru4rec_training_new(NULL, &f->options, ITEMS, t, NULL));
        gru4rec_model_init(t->model, &f->options);
        for (size_t k = 0; k < t->model->params.n; k++)
            for (size_t v = 0; v < g4r_param_size(&t->model->params.list[k]); v++)
                t->slot[GRU4REC_SLOT_ACC]->values[k][v] =
                    (g4r_real)(v % 8) * (g4r_real)0.25;
    }
    layout(f);
    CHECK(g4r_arena_allocate(&f->arena, &g4r_alloc_libc));
    layout(f);
    for (int i = 0; i < COPIES; i++) {
        f->moves[i].training = &f->trainings[i];
        g4r_moves_start(&f->moves[i]);
    }
}

static void finish(fixture *f)
{
    for (int i = 0; i < COPIES; i++)
        gru4rec_training_free(&f->trainings[i]);
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
}

/* Copy number copy moves an item: its first weight and its bias, and their accumulators. */
static void move(fixture *f, int copy, int32_t row, g4r_real by)
{
    g4r_merge_clear(&f->merges[copy]);
    g4r_merge_add(&f->merges[copy], &row, 1);
    g4r_moves_keep(&f->moves[copy], &f->merges[copy]);
    row_of(f, copy, false, row)[0] += by;
    row_of(f, copy, true, row)[0] += by * by;
    bias_of(f, copy, false)[row] -= by;
    bias_of(f, copy, true)[row] += by * by;
}

/* most: items that are merged at a time. n_copies: that have made an update. */
static void merge(fixture *f, size_t most, size_t n_copies)
{
    int32_t rows[ITEMS], next = 0;
    size_t n = most;
    const size_t n_whole = 2 * f->moves[0].n_whole;
    for (int i = 0; i < COPIES; i++)
        for (int k = 0; k < COPIES; k++)
            g4r_moves_note(&f->moves[i], f->moves[k].rows, f->moves[k].n);
    for (int i = 0; i < COPIES; i++) {
        g4r_moves_of_whole(&f->moves[i], i == 0 ? f->sums : f->next);
        for (size_t v = 0; i > 0 && v < n_whole; v++)
            f->sums[v] += f->next[v];
    }
    for (int i = 0; i < COPIES; i++)
        g4r_moves_set_whole(&f->moves[i], f->sums, n_copies);
    while (n == most) {
        n = g4r_moves_find(&f->moves[0], &next, rows, most);
        for (int i = 0; i < COPIES; i++) {
            g4r_moves_of_rows(&f->moves[i], rows, n, i == 0 ? f->sums : f->next);
            for (size_t v = 0; i > 0 && v < n * 2 * f->moves[0].width; v++)
                f->sums[v] += f->next[v];
        }
        for (int i = 0; i < COPIES; i++)
            g4r_moves_set_rows(&f->moves[i], rows, n, f->sums);
    }
}

static void check_equal_copies(const fixture *f)
{
    const g4r_params *params = &f->trainings[0].model->params;
    for (int i = 1; i < COPIES; i++)
        for (size_t k = 0; k < params->n; k++) {
            const size_t bytes = g4r_param_size(&params->list[k]) * sizeof(g4r_real);
            CHECK(memcmp(f->trainings[0].model->values[k],
                         f->trainings[i].model->values[k], bytes) == 0);
            CHECK(memcmp(f->trainings[0].slot[GRU4REC_SLOT_ACC]->values[k],
                         f->trainings[i].slot[GRU4REC_SLOT_ACC]->values[k], bytes) == 0);
        }
}

/* Rows that all copies have moved, one only, and none. Tolerance: some roundings. */
static void check_rows(size_t most)
{
    static fixture f, before;
    start(&f);
    start(&before);
    for (int i = 0; i < COPIES; i++)
        move(&f, i, 4, (g4r_real)(i + 1) / 8);
    move(&f, 1, 4, (g4r_real)0.5); /* a second time: the first old value stays */
    move(&f, 2, 9, (g4r_real)0.25);
    move(&f, 0, 0, (g4r_real)-0.5);
    move(&f, 1, 11, (g4r_real)2);
    merge(&f, most, COPIES);
    check_equal_copies(&f);
    static const double by[][3] = {/* row, sum of moves, sum of squares */
                                   {4, 1.25, 0.46875},
                                   {9, 0.25, 0.0625},
                                   {0, -0.5, 0.25},
                                   {11, 2, 4},
                                   {5, 0, 0}};
    for (size_t k = 0; k < sizeof by / sizeof *by; k++) {
        const int32_t row = (int32_t)by[k][0];
        const double old = (double)row_of(&before, 0, false, row)[0];
        const double acc = (double)row_of(&before, 0, true, row)[0];
        CHECK_NEAR(old + by[k][1], row_of(&f, 0, false, row)[0], 1e-6);
        CHECK_NEAR(acc + by[k][2], row_of(&f, 0, true, row)[0], 1e-6);
        CHECK_NEAR((double)bias_of(&before, 0, false)[row] - by[k][1],
                   bias_of(&f, 0, false)[row], 1e-6);
        CHECK_NEAR((double)bias_of(&before, 0, true)[row] + by[k][2],
                   bias_of(&f, 0, true)[row], 1e-6);
        CHECK_NEAR((double)row_of(&before, 0, false, row)[1],
                   row_of(&f, 0, false, row)[1], 0);
    }
    finish(&f);
    finish(&before);
}

static void rows_move_by_the_sum(void)
{
    check_rows(ITEMS);
    check_rows(4); /* as many as have moved: a last part without items */
    check_rows(1);
}

/* Two of three copies have made an update. */
static void other_weights_move_by_the_mean(void)
{
    static fixture f, before;
    start(&f);
    start(&before);
    for (int i = 0; i < 2; i++) {
        whole_of(&f, i, false)[3] += (g4r_real)(i + 1);
        whole_of(&f, i, true)[3] += (g4r_real)(4 * i + 1);
    }
    merge(&f, ITEMS, 2);
    check_equal_copies(&f);
    CHECK_NEAR((double)whole_of(&before, 0, false)[3] + 1.5, whole_of(&f, 0, false)[3],
               1e-6);
    CHECK_NEAR((double)whole_of(&before, 0, true)[3] + 3, whole_of(&f, 0, true)[3], 1e-6);
    CHECK_NEAR((double)whole_of(&before, 0, false)[2], whole_of(&f, 0, false)[2], 0);
    finish(&f);
    finish(&before);
}

/* The next merge begins with what this one has left. */
static void merges_follow_each_other(void)
{
    static fixture f;
    start(&f);
    const double old = (double)row_of(&f, 0, false, 4)[0];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COPIES; i++)
            g4r_moves_start(&f.moves[i]);
        move(&f, round, 4, 1);
        move(&f, (round + 1) % COPIES, 4, 1);
        merge(&f, ITEMS, 2);
        check_equal_copies(&f);
        CHECK_NEAR(old + 2 * (round + 1), row_of(&f, 0, false, 4)[0], 1e-5);
        CHECK_INT(1, f.moves[round].n);
    }
    finish(&f);
}

int main(void)
{
    RUN(rows_move_by_the_sum);
    RUN(other_weights_move_by_the_mean);
    RUN(merges_follow_each_other);
    return test_end();
}
