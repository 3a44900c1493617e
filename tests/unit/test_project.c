/*
 * test_project.c - the map of the items: its coordinates have the variance that the shares
 * say, along directions that no other direction beats; the sign; few items; failures.
 */
#include "../lib/fault_alloc.h"
#include "../lib/models.h"
#include "../lib/test.h"

enum { N = 60 };

static const int32_t *all_rows(void)
{
    static int32_t rows[N];
    for (int32_t i = 0; i < N; i++)
        rows[i] = i;
    return rows;
}

static double sum_of(const double *coordinates, size_t n, int axis)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += coordinates[2 * i + (size_t)axis];
    return sum;
}

static double product_of(const double *coordinates, size_t n, int a, int b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += coordinates[2 * i + (size_t)a] * coordinates[2 * i + (size_t)b];
    return sum;
}

/* The sum of squares of the centred weights of items 0 to n - 1. */
static double spread_of(const gru4rec_model *model, size_t n)
{
    size_t d;
    double sum = 0;
    gru4rec_model_item(model, 0, &d);
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)gru4rec_model_item(model, (int32_t)i, &d)[j] / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double x = (double)gru4rec_model_item(model, (int32_t)i, &d)[j] - mean;
            sum += x * x;
        }
    }
    return sum;
}

/* The sum of squares along a direction, of items 0 to n - 1. */
static double spread_along(const gru4rec_model *model, size_t n, const double *direction)
{
    size_t d;
    double sum = 0, square = 0, length = 0;
    gru4rec_model_item(model, 0, &d);
    for (size_t j = 0; j < d; j++)
        length += direction[j] * direction[j];
    for (size_t i = 0; i < n; i++) {
        const gru4rec_real *row = gru4rec_model_item(model, (int32_t)i, &d);
        double at = 0;
        for (size_t j = 0; j < d; j++)
            at += (double)row[j] * direction[j];
        sum += at;
        square += at * at;
    }
    return (square - sum * sum / (double)n) / length;
}

static void check_map(const gru4rec_model *model, size_t n)
{
    double at[2 * N], shares[2];
    size_t d;
    gru4rec_model_item(model, 0, &d);
    CHECK_INT(GRU4REC_OK,
              gru4rec_project(NULL, model, all_rows(), n, NULL, NULL, at, shares));
    const double all = spread_of(model, n);
    for (int k = 0; k < 2; k++) {
        CHECK_NEAR(0, sum_of(at, n, k), 1e-9);
        CHECK_NEAR(shares[k], product_of(at, n, k, k) / all, 1e-6);
    }
    CHECK_NEAR(0, product_of(at, n, 0, 1) / all, 1e-6);
    CHECK(shares[0] >= shares[1] && shares[0] + shares[1] <= 1 + 1e-9);
    /* No axis of the weights, and no sum or difference of two, has more. */
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            double direction[64] = {0};
            direction[i] += 1;
            direction[j] += i == j ? 1 : (i < j ? 1 : -1);
            CHECK(spread_along(model, n, direction) <= shares[0] * all * (1 + 1e-6));
        }
}

static void test_maps(void)
{
    gru4rec_model *narrow = MODEL_WITH(N, 3, "layers", "7");
    gru4rec_model *wide = MODEL_WITH(N, 4, "layers", "40");
    check_map(narrow, N);
    check_map(wide, N);
    check_map(wide, 20); /* fewer items than weights */
    check_map(wide, 3);
    gru4rec_model_free(wide);
    gru4rec_model_free(narrow);
}

/* A direction that is known: the items differ along one axis, and a little along another. */
static void test_known(void)
{
    gru4rec_model *model = MODEL_WITH(N, 5, "layers", "5");
    double at[2 * N], shares[2];
    size_t d;
    for (int32_t i = 0; i < N; i++) {
        gru4rec_real *row = (gru4rec_real *)(uintptr_t)gru4rec_model_item(model, i, &d);
        for (size_t j = 0; j < d; j++)
            row[j] = j == 3   ? (gru4rec_real)i
                     : j == 1 ? (gru4rec_real)(i % 2)
                              : (gru4rec_real)1;
    }
    gru4rec_project(NULL, model, all_rows(), N, NULL, NULL, at, shares);
    CHECK(shares[0] > 0.99 && shares[1] > 0.0001);
    CHECK_NEAR(1, shares[0] + shares[1], 1e-12);
    for (size_t i = 1; i < N; i++) /* its largest component is positive */
        CHECK(at[2 * i] > at[2 * (i - 1)] && (at[2 * i + 1] > 0) == (i % 2 == 1));
    gru4rec_model_free(model);
}

static void test_no_difference(void)
{
    gru4rec_model *model = MODEL_WITH(N, 6, "layers", "5");
    double at[2 * N], shares[2];
    CHECK_INT(GRU4REC_OK,
              gru4rec_project(NULL, model, all_rows(), 1, NULL, NULL, at, shares));
    CHECK(at[0] == 0 && at[1] == 0 && shares[0] == 0 && shares[1] == 0);
    CHECK_INT(GRU4REC_OK,
              gru4rec_project(NULL, model, all_rows(), 2, NULL, NULL, at, shares));
    CHECK_NEAR(1, shares[0], 1e-12);
    CHECK(shares[1] == 0 && at[1] == 0 && at[3] == 0);
    gru4rec_model_free(model);
}

static bool yes(void *n_left)
{
    return (*(int *)n_left)-- == 0;
}

static void test_failures(void)
{
    gru4rec_model *model = MODEL_WITH(N, 7, "layers", "6");
    double at[2 * N], shares[2];
    fault_alloc fault = {.fail_at = 1};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    CHECK_INT(GRU4REC_NOMEM,
              gru4rec_project(&allocator, model, all_rows(), N, NULL, NULL, at, shares));
    CHECK_INT(0, fault.n_live);
    for (int n = 0; n < 3; n++) {
        int n_left = n;
        CHECK_INT(GRU4REC_INTERRUPTED, gru4rec_project(&allocator, model, all_rows(), N,
                                                       yes, &n_left, at, shares));
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_model_free(model);
}

int main(void)
{
    RUN(test_maps);
    RUN(test_known);
    RUN(test_no_difference);
    RUN(test_failures);
    return test_end();
}
