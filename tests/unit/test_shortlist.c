/*
 * test_shortlist.c - shortlist.c: the k best of bounds and scores, against a full
 * sort, for bounds from exact to useless; ties, rows left out, lists that overflow.
 */
#include "../../src/serve/shortlist.h"
#include "../lib/serving.h"

enum { ROWS = 12000 /* more than a list has room for */, D = 3 };

static g4r_real table[ROWS * D], bias[ROWS], scores[ROWS];
static const g4r_real x[D] = {1, 0.5f, -0.25f};
static const g4r_output output = {table, bias, ROWS, D};
static const g4r_vec *vec;

static g4r_shortlist *new_list(void)
{
    g4r_shortlist *list = calloc(1, sizeof *list);
    g4r_arena arena = {0};
    if (list == NULL)
        exit(test_end());
    g4r_shortlist_layout(list, &arena, 100000);
    const size_t bytes = arena.used;
    if (!g4r_arena_allocate_scratch(&arena, &g4r_alloc_libc))
        exit(test_end());
    memset(arena.base, 0xa5, bytes);
    g4r_shortlist_layout(list, &arena, 100000);
    return list;
}

static void free_list(g4r_shortlist *list)
{
    g4r_alloc_free_aligned(&g4r_alloc_libc, list->rows); /* the first of the arena */
    free(list);
}

/* n_values different scores; 0: as many as there are rows. */
static void draw_table(size_t n, int n_values)
{
    for (size_t i = 0; i < n * D; i++)
        table[i] = (g4r_real)draw(-1, 1);
    for (size_t i = 0; i < n; i++)
        bias[i] = (g4r_real)draw(-1, 1);
    for (size_t i = 0; i < n && n_values > 0; i++) {
        memset(table + i * D, 0, D * sizeof *table);
        bias[i] = (g4r_real)g4r_rng_below(&serving_rng, (uint64_t)n_values);
    }
    vec->scan.score(scores, table, bias, NULL, x, n, D);
}

/*
 * Rows go in as ranking.c has them: those whose bound reaches the least. Bounds are up to
 * slack above and below the scores.
 */
static void fill_list(g4r_shortlist *list, size_t n, double slack)
{
    for (size_t row = 0; row < n; row++) {
        g4r_real upper = scores[row] + (g4r_real)draw(0, slack);
        g4r_real lower = scores[row] - (g4r_real)draw(0, slack);
        if (upper >= g4r_shortlist_least(list))
            g4r_shortlist_add(list, (int32_t)row, upper, lower);
    }
}

/* best must be the first k of a sort of the scores (n) that are not left out. */
static void check_best(const g4r_scored *best, size_t n_best, size_t n, size_t k,
                       const int32_t *excluded, size_t n_excluded)
{
    static ranked all[ROWS];
    size_t n_all = 0, at = 0, n_same = 0;
    for (size_t row = 0; row < n; row++) {
        while (at < n_excluded && excluded[at] < (int32_t)row)
            at++;
        if (at == n_excluded || excluded[at] != (int32_t)row)
            all[n_all++] = (ranked){scores[row], (int32_t)row};
    }
    qsort(all, n_all, sizeof *all, compare_ranked);
    if (!CHECK_INT(G4R_MIN(n_all, k), n_best))
        return;
    for (size_t i = 0; i < n_best; i++)
        n_same += best[i].row == all[i].row && best[i].score == all[i].score;
    if (!CHECK_INT(n_best, n_same))
        printf("  %zu rows, k %zu, %zu left out\n", n, k, n_excluded);
}

static const size_t ks[] = {1, 2, 3, 4, 20, 32, 33, 1000, 1023, G4R_SHORTLIST_MOST};
enum { N_KS = sizeof ks / sizeof *ks };

static void check_list(size_t n, int n_values, double slack, double p_excluded)
{
    static int32_t excluded[ROWS];
    static g4r_scored best[G4R_SHORTLIST_MOST];
    g4r_shortlist *list = new_list();
    draw_table(n, n_values);
    for (size_t i = 0; i < N_KS; i++) {
        size_t n_excluded = draw_rows(excluded, (int32_t)n, p_excluded);
        g4r_shortlist_start(list, ks[i], excluded, n_excluded);
        fill_list(list, n, slack);
        CHECK(!list->is_full);
        size_t n_best = g4r_shortlist_best(list, best, &output, x);
        check_best(best, n_best, n, ks[i], excluded, n_excluded);
    }
    free_list(list);
}

/* Bounds that are exact, near, and so far that nothing is ever dropped. */
static void best_are_those_of_a_sort(void)
{
    static const size_t ns[] = {0, 1, 2, 31, 1023, 1024, 1025, 4000};
    static const double slacks[] = {0, 0.01, 0.5, 100};
    static const int n_values[] = {0, 1, 3, 50};
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t v = 0; v < 4; v++) {
                check_list(ns[i], n_values[v], slacks[j], 0);
                check_list(ns[i], n_values[v], slacks[j], 0.3);
                check_list(ns[i], n_values[v], slacks[j], 1);
            }
}

/* The rows' order in the table does not matter. */
static void best_of_rising_and_falling_scores(void)
{
    static g4r_scored best[G4R_SHORTLIST_MOST];
    g4r_shortlist *list = new_list();
    for (int is_rising = 0; is_rising < 2; is_rising++)
        for (size_t i = 0; i < N_KS; i++) {
            memset(table, 0, sizeof table);
            for (size_t row = 0; row < ROWS; row++)
                bias[row] = (g4r_real)(is_rising ? row : ROWS - row);
            vec->scan.score(scores, table, bias, NULL, x, ROWS, D);
            g4r_shortlist_start(list, ks[i], NULL, 0);
            fill_list(list, ROWS, 5);
            CHECK(!list->is_full); /* what fell below was dropped in time */
            size_t n = g4r_shortlist_best(list, best, &output, x);
            check_best(best, n, ROWS, ks[i], NULL, 0);
        }
    free_list(list);
}

/* least is the k-th largest lower bound so far, and never the bound of a row left out. */
static void least_is_the_kth_lower_bound(void)
{
    static ranked sorted[3000];
    static int32_t excluded[3000];
    g4r_shortlist *list = new_list();
    for (size_t i = 0; i < N_KS; i++) {
        size_t n_excluded = draw_rows(excluded, 3000, 0.2), n = 0, at = 0, n_right = 0;
        g4r_shortlist_start(list, ks[i], excluded, n_excluded);
        CHECK_NEAR(-INFINITY, g4r_shortlist_least(list), 0);
        for (int32_t row = 0; row < 3000; row++) {
            g4r_real lower = (g4r_real)floor(draw(-400, 400));
            at += at < n_excluded && excluded[at] < row;
            bool is_out = at < n_excluded && excluded[at] == row;
            g4r_shortlist_add(list, row, 1000, is_out ? 900 : lower);
            if (!is_out)
                sorted[n++] = (ranked){lower, row};
            if (row % 100 != 7)
                continue;
            qsort(sorted, n, sizeof *sorted, compare_ranked);
            double expected =
                n < ks[i] ? -(double)INFINITY : (double)sorted[ks[i] - 1].score;
            n_right += CHECK_NEAR(expected, g4r_shortlist_least(list), 0);
        }
        CHECK_INT(30, n_right);
        CHECK_INT(n, list->n);
    }
    free_list(list);
}

/* More ties than there is room for: the list says so, and takes no more. */
static void overflow_is_told(void)
{
    g4r_shortlist *list = new_list();
    draw_table(ROWS, 1);
    for (size_t i = 0; i < N_KS; i++) {
        g4r_shortlist_start(list, ks[i], NULL, 0);
        for (int32_t row = 0; row < G4R_SHORTLIST_ROWS; row++)
            g4r_shortlist_add(list, row, 1, 1);
        CHECK(!list->is_full);
        g4r_shortlist_add(list, G4R_SHORTLIST_ROWS, 1, 1);
        CHECK(list->is_full);
        for (int32_t row = G4R_SHORTLIST_ROWS + 1; row < ROWS; row++)
            g4r_shortlist_add(list, row, 1, 1);
        CHECK(list->is_full);
        CHECK(list->n <= G4R_SHORTLIST_ROWS);
        /* Started again it is as new. */
        static g4r_scored best[G4R_SHORTLIST_MOST];
        g4r_shortlist_start(list, ks[i], NULL, 0);
        fill_list(list, 5000, 0);
        CHECK(!list->is_full);
        size_t n = g4r_shortlist_best(list, best, &output, x);
        check_best(best, n, 5000, ks[i], NULL, 0);
    }
    free_list(list);
}

/* A bound that is the least exactly stays: its row may have the lower number. */
static void bound_at_the_least_stays(void)
{
    g4r_shortlist *list = new_list();
    g4r_scored best[2];
    memset(table, 0, sizeof table);
    for (size_t row = 0; row < 4; row++)
        bias[row] = 1;
    g4r_shortlist_start(list, 2, NULL, 0);
    for (int32_t row = 0; row < 4; row++)
        g4r_shortlist_add(list, row, 1, row < 2 ? 0.5f : 1);
    CHECK_NEAR(1, g4r_shortlist_least(list), 0);
    CHECK_INT(2, g4r_shortlist_best(list, best, &output, x));
    CHECK_INT(0, best[0].row);
    CHECK_INT(1, best[1].row);
    free_list(list);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 45, 0, 0);
    vec = g4r_vec_pick();
    RUN(best_are_those_of_a_sort);
    RUN(best_of_rising_and_falling_scores);
    RUN(least_is_the_kth_lower_bound);
    RUN(overflow_is_told);
    RUN(bound_at_the_least_stays);
    return test_end();
}
