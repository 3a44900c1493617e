/*
 * test_ranks.c - ranks.c: where a target stands, and the list, are those of a sort of
 * the scores that serving has, to the bit; whatever the table, whoever is beside it, with
 * items left out, among some items, with and without a blender, and however many ties
 * there are.
 */
#include "../lib/blending.h"

#include "../../src/evaluate/ranks.h"
#include "../../src/kernels/blas.h"

enum { MOST_LANES = 9 };

/* What is ranked for one lane, and what must come of it. */
typedef struct visitor {
    gru4rec_session *session;
    g4r_real *x;
    int32_t *seen, history[BLENDING_HISTORY];
    g4r_rank_query query;
    ranked *sorted; /* (n_sorted) all that is ranked */
    size_t n_sorted;
} visitor;

typedef struct fixture {
    gru4rec_model *model;
    gru4rec_blender *blender; /* or NULL */
    gru4rec_blend blend;
    int32_t *rows; /* (n) or NULL: all */
    size_t n, n_lanes;
    visitor visitors[MOST_LANES];
    g4r_arena arena;
    g4r_bounds bounds;
    g4r_ranks ranks;
} fixture;

static bool is_never_asked(void *context)
{
    (void)context;
    return false;
}

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n + 1, size);
    if (memory == NULL)
        exit(test_end());
    return memory;
}

/* Sorts all that is ranked by the scores of serving. */
static void sort_visitor(const fixture *f, visitor *v)
{
    const int32_t n_items = f->model->params.n_items;
    g4r_real *scores = allocate((size_t)n_items, sizeof *scores);
    v->query.history = v->history;
    v->query.n_history = blending_history(v->history, n_items);
    gru4rec_session_scores(v->session, NULL, n_items, scores);
    if (f->blender != NULL)
        blending_plain(scores, NULL, &f->blend, f->model, v->history, v->query.n_history);
    v->n_sorted = blending_sort(v->sorted, scores, n_items, f->rows, f->n, v->seen,
                                v->query.n_seen);
    free(scores);
}

static void make_visitor(fixture *f, visitor *v, serving_kind kind, double size,
                         double share, size_t i)
{
    const int32_t n_items = f->model->params.n_items;
    v->x = allocate(f->model->params.width, sizeof *v->x);
    v->seen = allocate((size_t)n_items, sizeof *v->seen);
    v->sorted = allocate((size_t)n_items, sizeof *v->sorted);
    draw_x(v->x, kind, f->model->params.width, size);
    v->session = session_of(f->model, v->x);
    v->query.seen = v->seen;
    v->query.n_seen = draw_rows(v->seen, n_items, i % 3 == 0 ? 0 : share);
    if (i == 7 && share > 0)
        v->query.n_seen = draw_rows(v->seen, n_items, 1);
    sort_visitor(f, v);
    /* Some targets stand high, others anywhere; the last lane has none. */
    const size_t from = G4R_MIN(v->n_sorted, i % 2 == 0 ? 30 : v->n_sorted);
    v->query.target = from == 0 || i + 1 == f->n_lanes
                          ? -1
                          : v->sorted[g4r_rng_below(&serving_rng, from)].row;
}

static void free_visitors(fixture *f)
{
    for (size_t i = 0; i < f->n_lanes; i++) {
        gru4rec_session_free(f->visitors[i].session);
        free(f->visitors[i].x);
        free(f->visitors[i].seen);
        free(f->visitors[i].sorted);
    }
}

static bool check_standing(const visitor *v, const g4r_standing *standing, size_t k)
{
    size_t n_greater = 0, n_equal = 0, n_wrong = 0;
    g4r_real t = 0;
    for (size_t i = 0; i < v->n_sorted; i++)
        if (v->sorted[i].row == v->query.target)
            t = v->sorted[i].score;
    for (size_t i = 0; i < v->n_sorted && v->query.target >= 0; i++) {
        n_greater += v->sorted[i].score > t;
        n_equal += v->sorted[i].score == t;
    }
    bool is_right = CHECK_INT(n_greater, standing->n_greater) &
                    CHECK_INT(n_equal, standing->n_equal) &
                    CHECK_INT(G4R_MIN(k, v->n_sorted), standing->n);
    for (size_t i = 0; i < standing->n && is_right; i++)
        n_wrong +=
            v->sorted[i].row != standing->list[i].row ||
            memcmp(&v->sorted[i].score, &standing->list[i].score, sizeof(g4r_real)) != 0;
    return CHECK_INT(0, n_wrong) && is_right;
}

static void layout(fixture *f)
{
    g4r_bounds_layout(&f->bounds, &f->arena, f->n_lanes);
    g4r_ranks_layout(&f->ranks, &f->arena);
}

static void start_ranks(fixture *f, size_t longest, g4r_bounds_way way)
{
    const g4r_output output = g4r_model_output(f->model);
    f->arena = (g4r_arena){0};
    g4r_bounds_init(&f->bounds, &output, f->rows, f->n, NULL);
    f->bounds.is_two_sided = true;
    f->bounds.way = g4r_ranks_can_bound(longest) ? way : G4R_BOUNDS_NONE;
    g4r_ranks_init(&f->ranks, &f->bounds, f->rows, f->n, longest);
    f->ranks.blender = f->blender;
    layout(f);
    if (!g4r_arena_allocate_scratch(&f->arena, &g4r_alloc_libc))
        exit(test_end());
    layout(f);
    g4r_bounds_measure(&f->bounds);
    g4r_bounds_start(&f->bounds);
    g4r_ranks_start(&f->ranks);
}

static void add_visitor(fixture *f, size_t i)
{
    g4r_bounds_add(&f->bounds, f->visitors[i].x);
    g4r_ranks_add(&f->ranks, &f->visitors[i].query);
}

/* Lists of k, twice with the same ranks: what was there before does not matter. */
static bool check_lists(fixture *f, size_t k, g4r_bounds_way way)
{
    const g4r_stop stop = {is_never_asked, NULL};
    bool is_right = true;
    start_ranks(f, k, way);
    for (int round = 0; round < 2 && is_right; round++) {
        const size_t n = round == 0 ? f->n_lanes : f->n_lanes / 2;
        g4r_bounds_start(&f->bounds);
        g4r_ranks_start(&f->ranks);
        for (size_t i = 0; i < n; i++)
            add_visitor(f, i);
        CHECK(g4r_ranks_bound(&f->ranks, 1, &stop));
        for (size_t i = 0; i < n && is_right; i++) {
            g4r_standing standing;
            is_right = CHECK(g4r_ranks_get(&f->ranks, i, &standing)) &&
                       check_standing(&f->visitors[i], &standing, k);
            if (!is_right)
                printf("  lane %zu, k %zu, %zu items, way %d\n", i, k, f->n, (int)way);
        }
    }
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
    return is_right;
}

/* Each lane by itself, among some items with their exact scores. */
static bool check_exact(fixture *f)
{
    bool is_right = true;
    start_ranks(f, 20, G4R_BOUNDS_NONE);
    for (size_t i = 0; i < f->n_lanes && is_right; i++) {
        g4r_standing standing;
        const visitor *v = &f->visitors[i];
        is_right = CHECK(g4r_ranks_exact(&f->ranks, v->x, f->rows, f->n, &v->query,
                                         &standing)) &&
                   check_standing(v, &standing, 20);
    }
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
    return is_right;
}

/* Of each two rounds the second ranks some items only. Of each four the last two leave out
 * seen items. The last four blend. */
static void check_kind(serving_kind kind, int32_t n_items, size_t d, double size)
{
    static const size_t ks[] = {1, 20, 1024, 1025, 5000};
    bool is_right = true;
    gru4rec_baseline *neighbours = blending_fit(n_items, 400);
    for (int round = 0; round < 8 && is_right; round++) {
        fixture f = {.model = serving_model(NULL, n_items, d),
                     .n = (size_t)n_items,
                     .n_lanes = n_items > 3000 ? 3 : MOST_LANES};
        fill_table(f.model, kind);
        f.blend = (gru4rec_blend){neighbours, size < 1e-10 ? 1e-6 : 1, 32};
        f.blender = round >= 4 ? blending_new(&f.blend) : NULL;
        if (round % 2 == 1) {
            f.rows = allocate((size_t)n_items, sizeof *f.rows);
            f.n = draw_rows(f.rows, n_items, 0.6);
            f.rows[0] = f.n > 0 ? f.rows[0] : 0;
            f.n = G4R_MAX(f.n, 1);
        }
        for (size_t i = 0; i < f.n_lanes; i++)
            make_visitor(&f, &f.visitors[i], kind, size, round % 4 < 2 ? 0 : 0.3, i);
        for (size_t i = 0; i < 5 && is_right; i++)
            is_right = check_lists(&f, ks[i], G4R_BOUNDS_PRODUCTS) &&
                       (ks[i] == 1025 || check_lists(&f, ks[i], G4R_BOUNDS_BYTES));
        is_right = is_right && check_exact(&f);
        if (!is_right)
            printf("  kind %d, width %zu, vectors of %g, round %d\n", (int)kind, d, size,
                   round);
        free_visitors(&f);
        free(f.rows);
        gru4rec_blender_free(f.blender);
        gru4rec_model_free(f.model);
    }
    gru4rec_baseline_free(neighbours);
}

static void ranks_are_those_of_a_sort(void)
{
    static const struct {
        int32_t n_items;
        size_t d;
    } shapes[] = {{1, 1},    {2, 7},    {31, 16},   {1025, 20},
                  {2048, 5}, {2049, 7}, {2100, 100}};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            check_kind((serving_kind)kind, shapes[s].n_items, shapes[s].d, 1);
}

/* More near and exact ties than a shortlist has room for. */
static void ranks_of_many_ties(void)
{
    static const serving_kind kinds[] = {ALL_EQUAL, LAST_BIT, BIAS_SWALLOWS, FEW_VALUES};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i += KIND_STEP)
        check_kind(kinds[i], 9000, i % 2 == 0 ? 3 : 9, 1);
}

static void ranks_of_vectors_of_all_sizes(void)
{
    static const double sizes[] = {0, 1e-15, 1e-42, 1e15};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
            check_kind((serving_kind)kind, 1500, 6, sizes[i]);
}

static void ranks_of_wide_models(void)
{
    check_kind(NORMAL, 300, 300, 1);
    check_kind(LAST_BIT, 200, 4200, 1);
    check_kind(BIAS_SWALLOWS, 60, 20000, 1);
}

/* Scores that are not finite are told, whether or not bounds could be. */
static void bad_scores_are_told(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY, (g4r_real)3e38};
    gru4rec_baseline *neighbours = blending_fit(3000, 100);
    for (size_t i = 0; i < 8; i++) {
        fixture f = {.model = serving_model(NULL, 3000, 9), .n = 3000, .n_lanes = 2};
        f.blend = (gru4rec_blend){neighbours, 1, 32};
        f.blender = i >= 4 ? blending_new(&f.blend) : NULL;
        g4r_standing standing;
        const g4r_stop never = {NULL, NULL};
        fill_table(f.model, NORMAL);
        for (size_t j = 0; j < 2; j++)
            make_visitor(&f, &f.visitors[j], NORMAL, i % 4 < 3 ? 1 : 100, 0, j);
        for (size_t k = 0; k < 9; k++)
            serving_table(f.model)[9 * 2500 + k] = bad[i % 4];
        start_ranks(&f, 20, i % 2 == 0 ? G4R_BOUNDS_PRODUCTS : G4R_BOUNDS_BYTES);
        for (size_t j = 0; j < 2; j++)
            add_visitor(&f, j);
        CHECK(g4r_ranks_bound(&f.ranks, 1, &never));
        CHECK(!g4r_ranks_get(&f.ranks, 0, &standing));
        CHECK(!g4r_ranks_get(&f.ranks, 1, &standing));
        g4r_arena_free(&f.arena, &g4r_alloc_libc);
        free_visitors(&f);
        gru4rec_blender_free(f.blender);
        gru4rec_model_free(f.model);
    }
    gru4rec_baseline_free(neighbours);
}

static bool is_asked_twice(void *context)
{
    int *n = context;
    return ++*n == 2;
}

static void bounds_can_be_stopped(void)
{
    int n_asked = 0;
    const g4r_stop stop = {is_asked_twice, &n_asked};
    fixture f = {.model = serving_model(NULL, 9000, 3), .n = 9000, .n_lanes = 1};
    fill_table(f.model, NORMAL);
    make_visitor(&f, &f.visitors[0], NORMAL, 1, 0, 0);
    start_ranks(&f, 20, G4R_BOUNDS_PRODUCTS);
    add_visitor(&f, 0);
    CHECK(!g4r_ranks_bound(&f.ranks, 1, &stop));
    CHECK_INT(2, n_asked);
    g4r_arena_free(&f.arena, &g4r_alloc_libc);
    free_visitors(&f);
    gru4rec_model_free(f.model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 53, 0, 0);
    if (!CHECK(g4r_blas_enter()))
        return test_end();
    RUN(ranks_are_those_of_a_sort);
    RUN(ranks_of_many_ties);
    RUN(ranks_of_vectors_of_all_sizes);
    RUN(ranks_of_wide_models);
    RUN(bad_scores_are_told);
    RUN(bounds_can_be_stopped);
    g4r_blas_leave();
    return test_end();
}
