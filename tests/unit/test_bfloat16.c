/*
 * test_bfloat16.c - bfloat16.h: each body that this processor can run packs what its twin
 * packs, and multiplies to the bits of the twin that adds up in its order.
 */
#include "../lib/bfloat16_twin.h"

static const g4r_bfloat16 *body;

/* ---- packing ---- */

/* Row i of a matrix that is to be packed stands in row 2 i + 1 of memory. */
static int32_t listed[200];

static float at(const g4r_bfloat16_source *source, size_t i, size_t j)
{
    return source->values[(size_t)(source->rows != NULL ? source->rows[i] : (int32_t)i) *
                              source->ld +
                          j];
}

/* Where a value must be: it, or with what it is filled up. */
static float wanted(const g4r_bfloat16_source *source, size_t n_rows, size_t n_cols,
                    size_t i, size_t j)
{
    return i < n_rows && j < n_cols ? twin_round(at(source, i, j)) : 0;
}

static size_t count_wrong(uint16_t got, float value)
{
    const float x = twin_float((uint32_t)got << 16);
    return !twin_is_same(x, value);
}

static void check_left(const g4r_bfloat16_source *a, size_t m, size_t k, bool is_turned)
{
    const size_t width = g4r_bfloat16_width(k), n = g4r_bfloat16_left(m, k);
    uint16_t *left = malloc((n + 1) * sizeof *left);
    size_t n_wrong = 0;
    memset(left, 0x7b, (n + 1) * sizeof *left);
    (is_turned ? body->pack_left_turned : body->pack_left)(left, a, m, k);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < width; j++)
            n_wrong +=
                count_wrong(left[i * width + j],
                            is_turned ? wanted(a, k, m, j, i) : wanted(a, m, k, i, j));
    for (size_t i = m * width; i <= n; i++)
        n_wrong += left[i] != 0x7b7b; /* nothing behind the rows was written */
    CHECK_INT(0, n_wrong);
    free(left);
}

static void check_right(const g4r_bfloat16_source *b, size_t k, size_t n, bool is_turned)
{
    enum { PANEL = G4R_BFLOAT16_PANEL };
    const size_t width = g4r_bfloat16_width(k), stride = width / 2 + 16;
    const size_t n_panels = (n + PANEL - 1) / PANEL, size = n_panels * stride * 2 * PANEL;
    uint16_t *right = malloc(size * sizeof *right);
    size_t n_wrong = 0;
    memset(right, 0x7b, size * sizeof *right);
    (is_turned ? body->pack_right_turned : body->pack_right)(right, stride, b, k, n);
    for (size_t j = 0; j < n_panels * PANEL; j++)
        for (size_t i = 0; i < 2 * stride; i++) {
            const uint16_t got =
                right[((j / PANEL * stride + i / 2) * PANEL + j % PANEL) * 2 + i % 2];
            if (i >= width)
                n_wrong += got != 0x7b7b; /* between the panels */
            else
                n_wrong += count_wrong(got, is_turned ? wanted(b, n, k, j, i)
                                                      : wanted(b, k, n, i, j));
        }
    CHECK_INT(0, n_wrong);
    free(right);
}

static void check_packing(g4r_rng *rng, size_t rows, size_t cols, twin_kind kind)
{
    const size_t ld = cols + 5;
    float *values = twin_matrix(rng, 2 * rows + 1, ld, kind);
    const g4r_bfloat16_source plain = {values, ld, NULL}, some = {values, ld, listed};
    check_left(&plain, rows, cols, false);
    check_left(&plain, cols, rows, true);
    check_right(&plain, rows, cols, false);
    check_right(&plain, cols, rows, true);
    check_right(&some, rows, cols, false);
    check_right(&some, cols, rows, true);
    free(values);
}

static void test_packing(void)
{
    static const size_t sizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 64, 65, 99};
    enum { N = sizeof sizes / sizeof *sizes };
    g4r_rng rng;
    g4r_rng_seed(&rng, 7, 1, 0);
    for (int32_t i = 0; i < 200; i++)
        listed[i] = i < 100 ? 2 * i + 1 : 0;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            check_packing(&rng, sizes[i], sizes[j], (twin_kind)((i + j) % TWIN_N_KINDS));
}

/* One value by one, as round.c does it, but for denormals. */
static void test_rounding(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 11, 1, 0);
    for (int i = 0; i < 20000; i++) {
        const uint64_t random = g4r_rng_next(&rng);
        /* Every second one has a tie in its lower half, or is next to it. */
        uint32_t bits = (uint32_t)random;
        if (i % 2 == 0)
            bits = (bits & 0xffff0000u) + 0x7fff + (uint32_t)(random >> 32) % 3;
        const float x = twin_float(bits);
        gru4rec_real rounded = x;
        uint16_t left[32 * G4R_BFLOAT16_ROWS];
        body->pack_left(left, &(g4r_bfloat16_source){&x, 1, NULL}, 1, 1);
        gru4rec_round_bfloat16(&rounded, 1);
        if (fabsf(x) < FLT_MIN)
            rounded = copysignf(0, x);
        if (!CHECK_INT(0, count_wrong(left[0], rounded)))
            printf("  %a\n", (double)x);
        CHECK_INT(0, count_wrong(left[0], twin_round(x)));
    }
}

/* ---- products ---- */

static void test_products(void)
{
    twin_check_sizes(body, twin_order_of(body->name));
}

/* Sums that only one order of additions gives. */
static void test_order(void)
{
    enum { K = 64 };
    g4r_rng rng;
    g4r_rng_seed(&rng, 3, 1, 0);
    for (int i = 0; i < 200; i++)
        twin_check(body, twin_order_of(body->name), &rng, 9, 50, K, i % 2 ? K : 32,
                   i % 3 == 0, TWIN_SMALL);
}

int main(void)
{
    for (size_t i = 0; (body = g4r_bfloat16_at(i)) != NULL; i++) {
        printf("%s\n", body->name);
        RUN(test_packing);
        RUN(test_rounding);
        RUN(test_products);
        RUN(test_order);
    }
    CHECK_TEXT(g4r_bfloat16_at(0)->name, gru4rec_bfloat16_kernels());
    return test_end();
}
