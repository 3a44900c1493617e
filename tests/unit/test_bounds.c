/*
 * test_bounds.c - bounds.c: no score is outside of its bounds, by products and by bytes,
 * with the kernels of every table that this machine runs; what is counted as above or
 * below a score is, and no best row gets lost; when there are no bounds, and when bytes
 * are given up.
 *
 * Bounds are to hold as they are: there are no tolerances.
 */
#include "../lib/serving.h"

#include "../../src/kernels/blas.h"
#include "../../src/serve/bounds.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { ITEMS = 1100, LANES = 11, TOP = 20 };

static const char *const way_names[] = {"none", "products", "bytes"};

/* Bounds, and where their memory is. */
typedef struct fixture {
    g4r_bounds bounds;
    g4r_arena arena;
    int32_t rows[ITEMS];
    g4r_real exact[LANES][ITEMS]; /* of the ranked rows */
    double real[LANES][ITEMS];    /* the same in double */
    g4r_shortlist lists[LANES];
} fixture;

static void layout(fixture *f)
{
    g4r_bounds_layout(&f->bounds, &f->arena, LANES);
    for (size_t lane = 0; lane < LANES; lane++)
        g4r_shortlist_layout(&f->lists[lane], &f->arena, f->bounds.output.n);
}

/* Memory that nobody has cleared. */
static void open_bounds(fixture *f, const gru4rec_model *model, const g4r_vec *vec,
                        g4r_bounds_way way, const int32_t *rows, size_t n,
                        const gru4rec_bytes *given)
{
    const g4r_output output = g4r_model_output(model);
    f->arena = (g4r_arena){0};
    g4r_bounds_init(&f->bounds, &output, rows, n, given);
    f->bounds.vec = vec;
    f->bounds.way = way;
    f->bounds.is_two_sided = true;
    layout(f);
    const size_t n_bytes = g4r_arena_bytes(&f->arena);
    if (!g4r_arena_allocate_scratch(&f->arena, &g4r_alloc_libc))
        exit(test_end());
    memset(f->arena.base, 0xa5, n_bytes - G4R_ALIGNMENT);
    layout(f);
    g4r_bounds_measure(&f->bounds);
}

static void close_bounds(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
}

static size_t row_of(const g4r_bounds *bounds, size_t i)
{
    return bounds->rows != NULL ? (size_t)bounds->rows[i] : i;
}

static void score_all(fixture *f, size_t lane)
{
    const g4r_bounds *b = &f->bounds;
    const g4r_real *x = g4r_bounds_vector(b, lane);
    b->vec->scan.score(f->exact[lane], b->output.table, b->output.bias, b->rows, x, b->n,
                       b->output.d);
    for (size_t i = 0; i < b->n; i++) {
        const size_t row = row_of(b, i), d = b->output.d;
        f->real[lane][i] = (double)b->output.bias[row];
        for (size_t k = 0; k < d; k++)
            f->real[lane][i] += (double)b->output.table[row * d + k] * (double)x[k];
    }
}

/* Rows of the part whose score is outside of its bounds. */
static size_t count_outside(const fixture *f, size_t lane)
{
    const g4r_bounds *b = &f->bounds;
    const size_t at = (lane - b->lane) * b->n_part;
    size_t n = 0;
    for (size_t i = 0; i < b->n_part; i++) {
        const g4r_real score = f->exact[lane][b->first + i], upper = b->upper[at + i];
        n += !(upper >= score) || (double)upper < f->real[lane][b->first + i];
        if (b->way == G4R_BOUNDS_BYTES)
            n += !(b->lower[at + i] <= score) ||
                 (double)b->lower[at + i] > f->real[lane][b->first + i];
    }
    return n;
}

/* Rows of the part that g4r_bounds_split() puts on the wrong side of score. */
static size_t count_misplaced(const fixture *f, size_t lane, g4r_real score)
{
    const g4r_bounds *b = &f->bounds;
    int32_t within[2048];
    size_t n_above, n_wrong = 0, at = 0, n_greater = 0;
    const size_t n = g4r_bounds_split(b, lane, score, within, &n_above);
    for (size_t i = 0; i < b->n_part; i++) {
        const g4r_real exact = f->exact[lane][b->first + i];
        if (at < n && within[at] == (int32_t)i)
            at++;
        else {
            n_greater += exact > score;
            n_wrong += exact == score;
        }
    }
    return n_wrong + (n_greater != n_above) + (at != n);
}

/* Rows that rank among the TOP and are not in the shortlist. */
static size_t count_lost(const fixture *f, size_t lane)
{
    const g4r_bounds *b = &f->bounds;
    const g4r_shortlist *list = &f->lists[lane];
    size_t n_lost = 0;
    for (size_t i = 0; i < b->n && !list->is_full; i++) {
        const int32_t row = (int32_t)row_of(b, i);
        size_t n_before = 0, at = 0;
        for (size_t j = 0; j < b->n; j++)
            n_before += f->exact[lane][j] > f->exact[lane][i] ||
                        (f->exact[lane][j] == f->exact[lane][i] && j < i);
        while (at < list->n && list->rows[at].row != row)
            at++;
        n_lost += n_before < TOP && at == list->n;
    }
    return n_lost;
}

/* Adds the vectors x (n,D), and makes all parts of the bounds. */
static void check_lanes(fixture *f, const g4r_real *x, size_t n, const char *what)
{
    g4r_bounds *b = &f->bounds;
    size_t n_outside = 0, n_misplaced = 0, n_lost = 0;
    g4r_bounds_start(b);
    for (size_t lane = 0; lane < n; lane++) {
        g4r_bounds_add(b, x + lane * b->output.d);
        score_all(f, lane);
        g4r_shortlist_start(&f->lists[lane], G4R_MIN(TOP, b->n), NULL, 0);
    }
    for (size_t first = 0; first < b->n; first += b->n_part)
        for (size_t lane = 0, m; lane < n; lane += m) {
            m = g4r_bounds_make(b, first, lane);
            for (size_t i = lane; i < lane + m; i++) {
                if (!b->is_bounded[i])
                    continue;
                n_outside += count_outside(f, i);
                for (size_t j = 0; j < b->n; j += b->n / 7 + 1)
                    n_misplaced += count_misplaced(f, i, f->exact[i][j]);
                g4r_bounds_list(b, i, &f->lists[i]);
            }
        }
    for (size_t lane = 0; lane < n; lane++)
        n_lost += b->is_bounded[lane] ? count_lost(f, lane) : 0;
    if (!CHECK_INT(0, n_outside) || !CHECK_INT(0, n_misplaced) || !CHECK_INT(0, n_lost))
        printf("  %s, width %zu, %s, table %s, %s\n", what, b->output.d,
               way_names[b->way], b->vec->name, b->rows != NULL ? "some rows" : "all");
}

/* By each table and each way, of all rows and of some, in any number of lanes. */
static void check_model(const gru4rec_model *model, const g4r_real *x, const char *what)
{
    static fixture f;
    const g4r_vec *vec;
    gru4rec_bytes *given = bytes_of(model);
    const size_t n_items = (size_t)model->params.n_items;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (int round = 0; round < 5; round++) {
            const bool is_some = round == 1 || round == 3;
            size_t n = is_some ? draw_rows(f.rows, (int32_t)n_items, 0.6) : n_items;
            n = G4R_MAX(n, 1);
            f.rows[0] = n == 1 ? 0 : f.rows[0];
            open_bounds(&f, model, vec,
                        round < 2 ? G4R_BOUNDS_PRODUCTS : G4R_BOUNDS_BYTES,
                        is_some ? f.rows : NULL, n, round == 4 ? given : NULL);
            check_lanes(&f, x, LANES, what);
            check_lanes(&f, x, round == 2 ? 8 : 3, what);
            close_bounds(&f);
        }
    gru4rec_bytes_free(given);
}

static void check_kind(serving_kind kind, int32_t n_items, size_t d, double size)
{
    char what[60];
    gru4rec_model *model = serving_model(NULL, n_items, d);
    g4r_real *x = malloc(LANES * d * sizeof *x);
    fill_table(model, kind);
    for (size_t lane = 0; lane < LANES; lane++)
        draw_x(x + lane * d, kind, d, size);
    /* A row itself: the largest score that a norm allows. */
    memcpy(x, serving_table(model), d * sizeof *x);
    snprintf(what, sizeof what, "kind %d, vectors of %g", (int)kind, size);
    check_model(model, x, what);
    free(x);
    gru4rec_model_free(model);
}

static void bounds_hold(void)
{
    static const size_t widths[] = {1, 7, 100};
    static const double sizes[] = {0, 1e-20, 1, 1e10};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 4; j++)
                check_kind((serving_kind)kind, 300, widths[i], sizes[j]);
}

/* More rows than a part of either way; one row alone; more values than a row has. */
static void bounds_of_all_shapes(void)
{
    check_kind(NORMAL, ITEMS, 12, 1);
    check_kind(FEW_VALUES, ITEMS, 3, 1);
    check_kind(NORMAL, 1, 5, 1);
    check_kind(MIXED_NORMS, 33, 1000, 1);
}

/*
 * Rows that lose as much as can be, all in the direction of a vector: values in the middle
 * between two bytes, on the side that the sign of the vector says. There the inequality of
 * Cauchy and Schwarz is an equality. Denormals, zeros of both signs and huge values stand
 * beside them.
 */
static void check_adversary(size_t d, double size)
{
    enum { ROWS = 90 };
    const double odd[] = {0.0, -0.0, 1e-45, -1e-38, 1e-30, 3e-13};
    gru4rec_model *model = serving_model(NULL, ROWS, d);
    g4r_real *x = malloc(LANES * d * sizeof *x), *w = serving_table(model);
    char what[60];
    for (size_t k = 0; k < LANES * d; k++)
        x[k] = (g4r_real)(size * (draw(-1, 1) < 0 ? -1 : 1) *
                          (k / d % 2 == 0 ? 1 : 63.5 + draw(0, 0.001)));
    for (size_t row = 0; row < ROWS; row++)
        for (size_t k = 0; k < d; k++) {
            const double sign = x[row % LANES * d + k] < 0 ? -1 : 1;
            const double whole = floor(draw(-100, 100));
            const double value = row < ROWS / 2 ? whole + 0.4999 * sign
                                 : row % 2      ? odd[g4r_rng_below(&serving_rng, 6)]
                                                : 1e17 * draw(-1, 1);
            w[row * d + k] = (g4r_real)(k == 0 && row < ROWS / 2 ? 127 : value);
        }
    for (size_t row = 0; row < ROWS; row++)
        serving_bias(model)[row] = (g4r_real)odd[row % 6];
    snprintf(what, sizeof what, "an adversary's rows, vectors of %g", size);
    check_model(model, x, what);
    free(x);
    gru4rec_model_free(model);
}

static void bounds_hold_where_rounding_is_worst(void)
{
    static const double sizes[] = {1, 1e-15, 1e10};
    for (size_t d = 1; d <= 700; d = d * 3 + 1)
        for (size_t i = 0; i < 3; i++)
            check_adversary(d, sizes[i]);
}

/*
 * Also for a host that has set the processor to read denormals as zeros and to write them
 * as zeros, for scores and bounds alike.
 */
static void bounds_hold_without_denormals(void)
{
#if defined(__x86_64__)
    static const serving_kind kinds[] = {DENORMAL, TINY, MIXED_NORMS, ZERO_ROWS};
    static const double sizes[] = {1e-42, 1e-15, 1, 1e15};
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            check_kind(kinds[i], 200, 9, sizes[j]);
    check_adversary(30, 1e-15);
    _mm_setcsr(before);
#endif
}

/* Neither from a table nor from a vector that is too large, or no number. */
static void there_may_be_none(void)
{
    static fixture f;
    const g4r_real bad[] = {NAN, INFINITY, (g4r_real)1e30};
    gru4rec_model *model = serving_model(NULL, 50, 4);
    g4r_real x[4] = {1e10f, 1, 1, 1};
    fill_table(model, NORMAL);
    for (int way = G4R_BOUNDS_PRODUCTS; way <= G4R_BOUNDS_BYTES; way++)
        for (size_t i = 0; i < 3; i++)
            for (int place = 0; place < 3; place++) {
                g4r_real *at = place == 0   ? &serving_table(model)[17]
                               : place == 1 ? &serving_bias(model)[17]
                                            : &x[2];
                const g4r_real kept = *at;
                *at = place == 0 || i < 2 ? bad[i] : (g4r_real)1e38;
                open_bounds(&f, model, g4r_vec_pick(), (g4r_bounds_way)way, NULL, 50,
                            NULL);
                g4r_bounds_start(&f.bounds);
                g4r_bounds_add(&f.bounds, x);
                CHECK(!f.bounds.is_bounded[0]);
                close_bounds(&f);
                *at = kept;
            }
    open_bounds(&f, model, g4r_vec_pick(), G4R_BOUNDS_NONE, NULL, 50, NULL);
    g4r_bounds_add(&f.bounds, x);
    CHECK(!f.bounds.is_bounded[0]);
    close_bounds(&f);
    gru4rec_model_free(model);
}

/* Bytes are given up for good if they do not decide, and products never are. */
static void bytes_are_given_up(void)
{
    static fixture f;
    gru4rec_model *model = serving_model(NULL, 800, 4);
    const g4r_real x[4] = {1, 2, 3, 4};
    fill_table(model, NORMAL);
    for (size_t share = 0; share < 3; share++) {
        open_bounds(&f, model, g4r_vec_pick(), G4R_BOUNDS_BYTES, NULL, 800, NULL);
        for (int round = 0; round < 3; round++) {
            g4r_bounds_start(&f.bounds);
            CHECK_INT(round > 0 && share == 2 ? G4R_BOUNDS_PRODUCTS : G4R_BOUNDS_BYTES,
                      f.bounds.way);
            g4r_bounds_add(&f.bounds, x);
            CHECK(f.bounds.is_bounded[0]);
            for (size_t first = 0; first < 800; first += f.bounds.n_part)
                CHECK_INT(1, g4r_bounds_make(&f.bounds, first, 0));
            g4r_bounds_note(&f.bounds, round == 0 ? 50 * share + share / 2 : 0);
        }
        close_bounds(&f);
    }
    gru4rec_model_free(model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 59, 0, 0);
    if (!CHECK(g4r_blas_enter()))
        return test_end();
    RUN(bounds_hold);
    RUN(bounds_of_all_shapes);
    RUN(bounds_hold_where_rounding_is_worst);
    RUN(bounds_hold_without_denormals);
    RUN(there_may_be_none);
    RUN(bytes_are_given_up);
    g4r_blas_leave();
    return test_end();
}
