/*
 * test_bytes.c - bytes.c: what the copy in bytes says of the exact scores, by the kernels
 * of every table that this machine runs, for tables and session vectors of every kind;
 * models that get no copy; memory.
 *
 * Bounds are to hold as they are: there are no tolerances.
 */
#include "../lib/fault_alloc.h"
#include "../lib/serving.h"

static const struct shape {
    int32_t n_items;
    size_t d;
} shapes[] = {{1, 1},    {2, 7},     {31, 16},   {31, 300},  {1023, 100},
              {1024, 7}, {1025, 16}, {1025, 33}, {5000, 15}, {20000, 1}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

/* Rows whose exact score is above the bound, or more than the gap below. */
static size_t count_broken(const gru4rec_bytes *bytes, const g4r_real *x,
                           const g4r_vec *vec, double *mean_gap)
{
    *mean_gap = 0;
    if (bytes == NULL) /* weights beyond the format have none */
        return 0;
    const g4r_output output = g4r_model_output(bytes->model);
    const size_t n = output.n, width = bytes->table.d;
    g4r_real *upper = malloc(n * sizeof *upper), *exact = malloc(n * sizeof *exact);
    g4r_real *lower = malloc(n * sizeof *lower);
    int8_t *p = malloc(width);
    g4r_bytes_query query;
    size_t n_broken = 0;
    if (upper == NULL || lower == NULL || exact == NULL || p == NULL)
        exit(test_end());
    memset(p, 0xa5, width);
    const bool has_bounds = g4r_bytes_prepare(bytes, &query, p, 1, x, vec);
    vec->bytes.bound(upper, lower, &bytes->table, bytes->bias, &query, 1, 0, n);
    vec->scan.score(exact, output.table, output.bias, NULL, x, n, output.d);
    for (size_t row = 0; has_bounds && row < n; row++) {
        g4r_real gap = g4r_bytes_gap(bytes, &query, row);
        bool is_broken = !(upper[row] >= exact[row] && upper[row] - gap <= exact[row] &&
                           lower[row] <= exact[row]);
        if (is_broken && n_broken++ == 0)
            printf("row %zu: score %.9g, bound %.9g, gap %.9g\n", row, (double)exact[row],
                   (double)upper[row], (double)gap);
        *mean_gap += ((double)upper[row] - (double)exact[row]) / (double)n;
    }
    free(upper);
    free(lower);
    free(exact);
    free(p);
    return n_broken;
}

static void check_bounds(const gru4rec_bytes *bytes, const g4r_real *x, const char *what)
{
    const g4r_vec *vec;
    double mean_gap;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        if (!CHECK_INT(0, count_broken(bytes, x, vec, &mean_gap)))
            printf("  %s, table %s, %d items, width %zu\n", what, vec->name,
                   (int)bytes->model->params.n_items, bytes->model->params.width);
}

static gru4rec_bytes *make(int32_t n_items, size_t d, serving_kind kind,
                           gru4rec_model **model)
{
    *model = serving_model(NULL, n_items, d);
    fill_table(*model, kind);
    gru4rec_bytes *bytes = bytes_of(*model);
    if (kind == NORMAL && !CHECK(bytes != NULL))
        exit(test_end());
    return bytes;
}

/* For vectors of every size between these; 0 is the zero vector. */
static void check_kind(serving_kind kind, int32_t n_items, size_t d, const char *what)
{
    static const double sizes[] = {1, 0, 1e-30, 1e-6, 1e6};
    gru4rec_model *model;
    gru4rec_bytes *bytes = make(n_items, d, kind, &model);
    g4r_real *x = malloc(d * sizeof *x);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        draw_x(x, kind, d, sizes[i]);
        check_bounds(bytes, x, what);
        /* And the row itself, which has the largest score that a norm allows. */
        memcpy(x, serving_table(model) + (size_t)n_items / 2 * d, d * sizeof *x);
        check_bounds(bytes, x, what);
    }
    /* One value alone, the first and the last. */
    for (size_t k = 0; k<d; k += d> 1 ? d - 1 : 1) {
        memset(x, 0, d * sizeof *x);
        x[k] = (g4r_real)-0.37;
        check_bounds(bytes, x, what);
    }
    free(x);
    gru4rec_bytes_free(bytes);
    gru4rec_model_free(model);
}

static void bounds_hold(void)
{
    for (int kind = 0; kind < N_KINDS; kind++)
        for (size_t s = 0; s < N_SHAPES; s++) {
            char what[40];
            snprintf(what, sizeof what, "kind %d", kind);
            check_kind((serving_kind)kind, shapes[s].n_items, shapes[s].d, what);
        }
}

/* Widths that no power of two divides, and the widest: 65,536 products in 32 bits. */
static void bounds_hold_where_sums_are_long(void)
{
    static const size_t widths[] = {515, 516, 528, 1024, 4200, 65536};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        check_kind(NORMAL, 40, widths[i], "normal, wide");
        check_kind(ALL_EQUAL, 5, widths[i], "equal, wide");
        check_kind(ONE_DOMINATES, 5, widths[i], "one dominates, wide");
        /* Every byte and every integer as large as can be. */
        gru4rec_model *model = serving_model(NULL, 6, widths[i]);
        g4r_real *x = malloc(widths[i] * sizeof *x), *w = serving_table(model);
        for (size_t k = 0; k < 6 * widths[i]; k++)
            w[k] = (g4r_real)(k / widths[i] % 2 ? -1 : 1);
        for (size_t k = 0; k < widths[i]; k++)
            x[k] = 1;
        gru4rec_bytes *bytes = bytes_of(model);
        check_bounds(bytes, x, "all ones");
        free(x);
        gru4rec_bytes_free(bytes);
        gru4rec_model_free(model);
    }
}

/* Values in the middle between two bytes, the worst case of rounding, in row and query. */
static void bounds_hold_where_rounding_is_worst(void)
{
    for (size_t d = 2; d <= 600; d = d * 3 + 1) {
        gru4rec_model *model = serving_model(NULL, 8, d);
        g4r_real *x = malloc(d * sizeof *x), *w = serving_table(model);
        for (size_t row = 0; row < 8; row++)
            for (size_t k = 0; k < d; k++)
                w[row * d + k] = (g4r_real)(k == 0    ? 127
                                            : row % 2 ? -63.5 - 0.001
                                                      : 63.5 - 0.001);
        for (size_t k = 0; k < d; k++)
            x[k] = (g4r_real)(k == 0 ? 32767 : 16383.5);
        gru4rec_bytes *bytes = bytes_of(model);
        check_bounds(bytes, x, "halves");
        for (size_t k = 1; k < d; k++)
            x[k] = 0.5; /* of which nothing is left */
        check_bounds(bytes, x, "halves, small");
        free(x);
        gru4rec_bytes_free(bytes);
        gru4rec_model_free(model);
    }
}

/* Rows and vectors of which a score is an ordinary number and one of the two is not. */
static void bounds_hold_for_huge_times_tiny(void)
{
    static const double sizes[][2] = {{1e30, 1e-30}, {1e-30, 1e30}, {1e18, 1e18},
                                      {1e-38, 1e38}, {1e38, 1e-38}, {1e30, 1e-42},
                                      {1e-42, 1e30}, {1e37, 0},     {0, 1e37}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t d = 1; d <= 20; d += 19) {
            gru4rec_model *model = serving_model(NULL, 200, d);
            g4r_real *x = malloc(d * sizeof *x);
            char what[60];
            for (size_t k = 0; k < 200 * d; k++)
                serving_table(model)[k] = (g4r_real)draw(-sizes[i][0], sizes[i][0]);
            for (size_t k = 0; k < d; k++)
                x[k] = (g4r_real)draw(-sizes[i][1], sizes[i][1]);
            snprintf(what, sizeof what, "rows of %g, vector of %g", sizes[i][0],
                     sizes[i][1]);
            gru4rec_bytes *bytes = bytes_of(model);
            check_bounds(bytes, x, what);
            free(x);
            gru4rec_bytes_free(bytes);
            gru4rec_model_free(model);
        }
}

/*
 * With normal weights a bound is as near as its parts say: the row's rest, a value of
 * which is uniform in +-scale / 2, has the norm scale sqrt(d / 12). The largest of a
 * hundred of these weights, whose sums of four uniform numbers end at 3.5, is about 2.5:
 * 2.5 / 127 sqrt(100 / 12) = 0.057, in units of |x|, which is the deviation of scores. The
 * vector's rest is the same with integers up to 127, and twice as much with 64. Twice the
 * sum is allowed, and less than half would be no bound.
 */
static void bounds_are_near(void)
{
    gru4rec_model *model;
    gru4rec_bytes *bytes = make(5000, 100, NORMAL, &model);
    const g4r_vec *vec;
    double mean_gap, norm = 0;
    g4r_real x[100];
    draw_x(x, NORMAL, 100, 1);
    for (size_t k = 0; k < 100; k++)
        norm += (double)x[k] * (double)x[k];
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        const double sum = 0.057 * (1 + 127.0 / vec->bytes.largest_query);
        CHECK_INT(0, count_broken(bytes, x, vec, &mean_gap));
        mean_gap /= sqrt(norm);
        CHECK(mean_gap > sum / 2 && mean_gap < 2 * sum);
        printf("%s: bounds are %.3f of a score's deviation above it\n", vec->name,
               mean_gap);
    }
    gru4rec_bytes_free(bytes);
    gru4rec_model_free(model);
}

/* A vector with a NaN or an infinity has no bounds, and harmless integers. */
static void bad_vectors_are_refused(void)
{
    const g4r_real bad[] = {NAN, -NAN, INFINITY, -INFINITY, (g4r_real)1e20};
    gru4rec_model *model;
    gru4rec_bytes *bytes = make(40, 7, NORMAL, &model);
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
            g4r_real x[7] = {1, 2, 3, 4, 5, 6, 7};
            int8_t p[8];
            g4r_bytes_query query;
            CHECK(g4r_bytes_prepare(bytes, &query, p, 1, x, vec));
            x[j] = bad[j];
            CHECK(!g4r_bytes_prepare(bytes, &query, p, 1, x, vec));
            for (size_t k = 0; k < 8; k++)
                CHECK(abs(p[k]) <= vec->bytes.largest_query);
        }
    gru4rec_bytes_free(bytes);
    gru4rec_model_free(model);
}

/* What lies behind the rows and behind their width is zero, for kernels that go on. */
static void what_is_behind_is_zero(void)
{
    for (size_t d = 1; d <= 33; d += 8) {
        gru4rec_model *model;
        gru4rec_bytes *bytes = make(5, d, NORMAL, &model);
        const g4r_bytes *table = &bytes->table;
        CHECK_INT((d + 3) / 4 * 4, table->d);
        for (size_t row = 0; row < G4R_BYTES_ROWS; row++)
            for (size_t k = row < 5 ? d : 0; k < table->d; k++)
                CHECK_INT(0, table->values[g4r_bytes_place(table, row, k)]);
        gru4rec_bytes_free(bytes);
        gru4rec_model_free(model);
    }
}

/* finish says so, whether the rows came before or not; the model is as it was. */
static void copy_of_bad_values_is_refused(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++)
        for (size_t place = 0; place < 4; place++) {
            gru4rec_model *model = serving_model(NULL, 40, 7);
            gru4rec_bytes *bytes;
            fill_table(model, NORMAL);
            const size_t own = gru4rec_model_bytes(model);
            g4r_real *values = place < 2 ? serving_table(model) : serving_bias(model);
            const size_t last = (place < 2 ? 40 * 7 : 40) - 1;
            values[place % 2 == 0 ? 0 : last] = bad[i];
            CHECK_INT(GRU4REC_OK, gru4rec_bytes_new(NULL, model, &bytes));
            if (i > 0)
                gru4rec_bytes_rows(bytes, i == 1 ? 20 : 40);
            if (!CHECK(!gru4rec_bytes_finish(bytes)))
                printf("  %g in the %s %s\n", (double)bad[i],
                       place % 2 == 0 ? "first" : "last", place < 2 ? "weight" : "bias");
            CHECK_INT(own, gru4rec_model_bytes(model));
            gru4rec_bytes_free(bytes);
            gru4rec_model_free(model);
        }
}

static void size_is_what_is_allocated(void)
{
    for (size_t s = 0; s < N_SHAPES; s++) {
        fault_alloc fault = {0};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_model *model = serving_model(NULL, shapes[s].n_items, shapes[s].d);
        const size_t size = gru4rec_bytes_size(model);
        gru4rec_bytes *bytes;
        CHECK_INT(GRU4REC_OK, gru4rec_bytes_new(&allocator, model, &bytes));
        CHECK(fault.live_bytes >= size);
        /* The object itself, and what aligns the block. */
        CHECK(fault.live_bytes <= size + sizeof *bytes + 128);
        const size_t n_requests = fault.n_requests;
        CHECK(gru4rec_bytes_finish(bytes));
        CHECK_INT(n_requests, fault.n_requests);
        gru4rec_bytes_free(bytes);
        CHECK_INT(0, fault.n_live);
        gru4rec_model_free(model);
    }
}

/* Some rows at a time: the same copy, byte by byte. */
static void rows_may_come_in_parts(void)
{
    enum { N = 1025, D = 33 };
    gru4rec_model *model, *filling = serving_model(NULL, N, D);
    gru4rec_bytes *whole = make(N, D, MIXED_NORMS, &model), *parts;
    CHECK_INT(GRU4REC_OK, gru4rec_bytes_new(NULL, filling, &parts));
    for (int32_t n = 0; n < N; n += 100) {
        memcpy(serving_table(filling), serving_table(model),
               (size_t)n * D * sizeof(gru4rec_real));
        gru4rec_bytes_rows(parts, n);
    }
    memcpy(serving_table(filling), serving_table(model), N * D * sizeof(gru4rec_real));
    memcpy(serving_bias(filling), serving_bias(model), N * sizeof(gru4rec_real));
    CHECK(gru4rec_bytes_finish(parts));
    if (CHECK(whole != NULL)) {
        const g4r_bytes *a = &whole->table, *b = &parts->table;
        CHECK(memcmp(a->values, b->values, N * a->d) == 0);
        CHECK(memcmp(a->rest, b->rest, N * sizeof *a->rest) == 0);
        CHECK_NEAR((double)whole->largest_rest, (double)parts->largest_rest, 0);
        CHECK_NEAR((double)whole->largest_bias, (double)parts->largest_bias, 0);
    }
    gru4rec_bytes_free(whole);
    gru4rec_bytes_free(parts);
    gru4rec_model_free(model);
    gru4rec_model_free(filling);
}

static void short_memory(void)
{
    gru4rec_model *model = serving_model(NULL, 40, 7);
    for (size_t i = 1; i <= 3; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_bytes *bytes;
        CHECK_INT(i > 2 ? GRU4REC_OK : GRU4REC_NOMEM,
                  gru4rec_bytes_new(&allocator, model, &bytes));
        CHECK_INT(i > 2, bytes != NULL);
        gru4rec_bytes_free(bytes);
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_bytes_free(NULL);
    gru4rec_model_free(model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 44, 0, 0);
    RUN(bounds_hold);
    RUN(bounds_hold_where_sums_are_long);
    RUN(bounds_hold_where_rounding_is_worst);
    RUN(bounds_hold_for_huge_times_tiny);
    RUN(bounds_are_near);
    RUN(bad_vectors_are_refused);
    RUN(what_is_behind_is_zero);
    RUN(copy_of_bad_values_is_refused);
    RUN(size_is_what_is_allocated);
    RUN(rows_may_come_in_parts);
    RUN(short_memory);
    return test_end();
}
