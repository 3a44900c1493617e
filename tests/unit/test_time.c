/*
 * test_time.c - times of all types on one scale: against whole numbers of 128 bits, and the
 * pairs that statements sort by against that.
 */
#include "../lib/test.h"

#include "../../src/base/rng.h"

#include <math.h>

typedef __int128 wide;

static gru4rec_time make(gru4rec_time_type type, int64_t integer, double real)
{
    return (gru4rec_time){.type = type, .integer = integer, .real = real};
}

/* In units of 2^-40 ns: the reals here have no finer bits. */
static wide value_of(const gru4rec_time *time)
{
    const wide second = (wide)1000000000 << 40;
    if (time->type == GRU4REC_TIME_INTEGER)
        return (wide)time->integer * second;
    if (time->type == GRU4REC_TIME_DATE)
        return (wide)time->integer * ((wide)1 << 40);
    const double whole = floor(time->real);
    return (wide)whole * second + (wide)(ldexp(time->real - whole, 40)) * 1000000000;
}

static int sign(wide x)
{
    return (x > 0) - (x < 0);
}

/* As statements sort: integers as they are, dates as reals, then the rest. */
static int compare_pairs(const gru4rec_time *a, const gru4rec_time *b)
{
    gru4rec_time x = *a, y = *b;
    if (x.type == GRU4REC_TIME_DATE)
        x = make(GRU4REC_TIME_REAL, 0, gru4rec_time_real(a));
    if (y.type == GRU4REC_TIME_DATE)
        y = make(GRU4REC_TIME_REAL, 0, gru4rec_time_real(b));
    const int order = gru4rec_time_compare(&x, &y);
    const double rest_a = gru4rec_time_rest(a), rest_b = gru4rec_time_rest(b);
    return order != 0 ? order : (rest_a > rest_b) - (rest_a < rest_b);
}

static void check_all(const gru4rec_time *times, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            const int expected = sign(value_of(&times[i]) - value_of(&times[k]));
            CHECK_INT(expected, gru4rec_time_compare(&times[i], &times[k]));
            CHECK_INT(expected, compare_pairs(&times[i], &times[k]));
        }
}

static void near_ones_are_told_apart(void)
{
    const int64_t now = 1700000000;
    gru4rec_time times[64];
    size_t n = 0;
    for (int64_t at = -1; at <= 1; at++) {
        times[n++] = make(GRU4REC_TIME_INTEGER, now + at, 0);
        times[n++] = make(GRU4REC_TIME_INTEGER, at, 0);
        times[n++] = make(GRU4REC_TIME_REAL, 0, (double)at / 2);
        times[n++] = make(GRU4REC_TIME_REAL, 0, (double)now + (double)at / 4);
        times[n++] =
            make(GRU4REC_TIME_REAL, 0, nextafter((double)now, at < 0 ? 0 : 1e300));
        for (int64_t nano = -2; nano <= 2; nano++) {
            times[n++] = make(GRU4REC_TIME_DATE, (now + at) * 1000000000 + nano, 0);
            times[n++] = make(GRU4REC_TIME_DATE, at * 500000000 + nano, 0);
        }
    }
    check_all(times, n);
}

static void random_ones_are_exact(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 3, 1, 0);
    for (int round = 0; round < 300; round++) {
        gru4rec_time times[16];
        const int64_t base = (int64_t)g4r_rng_below(&rng, 4000000000) - 2000000000;
        for (int i = 0; i < 16; i++) {
            const int64_t nano = (int64_t)g4r_rng_below(&rng, 2000);
            const double real = (double)base + (double)nano * 1e-9;
            const int kind = (int)g4r_rng_below(&rng, 3);
            times[i] = kind == 0 ? make(GRU4REC_TIME_INTEGER, base + nano % 2, 0)
                       : kind == 1
                           ? make(GRU4REC_TIME_REAL, 0, ldexp(rint(ldexp(real, 30)), -30))
                           : make(GRU4REC_TIME_DATE, base * 1000000000 + nano, 0);
        }
        check_all(times, 16);
    }
}

static void ends_of_the_scale_have_their_place(void)
{
    const gru4rec_time ascending[] = {make(GRU4REC_TIME_REAL, 0, -INFINITY),
                                      make(GRU4REC_TIME_INTEGER, INT64_MIN, 0),
                                      make(GRU4REC_TIME_DATE, INT64_MIN, 0),
                                      make(GRU4REC_TIME_REAL, 0, -1e9),
                                      make(GRU4REC_TIME_DATE, INT64_MAX, 0),
                                      make(GRU4REC_TIME_INTEGER, INT64_MAX - 1, 0),
                                      make(GRU4REC_TIME_INTEGER, INT64_MAX, 0),
                                      make(GRU4REC_TIME_REAL, 0, 0x1p63),
                                      make(GRU4REC_TIME_REAL, 0, INFINITY)};
    const int n = sizeof ascending / sizeof *ascending;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            CHECK_INT((i > k) - (i < k),
                      gru4rec_time_compare(&ascending[i], &ascending[k]));
}

int main(void)
{
    RUN(near_ones_are_told_apart);
    RUN(random_ones_are_exact);
    RUN(ends_of_the_scale_have_their_place);
    return test_end();
}
