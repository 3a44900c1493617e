/*
 * time.c - compares times of different types exactly, and converts times to doubles; see
 * gru4rec.h.
 *
 * Integers and dates are never converted to doubles to be compared, because doubles are
 * too coarse: neighbouring doubles near today's date in seconds are 240 ns apart, and
 * those near today's date in nanoseconds are 256 ns apart.
 */
#include "events.h"

enum { NANO = 1000000000 };

int64_t g4r_time_split(int64_t date, int64_t *nano)
{
    const bool is_below = date % NANO < 0;
    *nano = date % NANO + (is_below ? NANO : 0);
    return date / NANO - is_below;
}

/*
 * Compares the time whole + nano / 10^9 (seconds) with a real. Returns a negative number
 * if the time is before the real, 0 if they are equal, else a positive number.
 */
static int compare_with_real(int64_t whole, int64_t nano, double real)
{
    if (real >= 0x1p63)
        return -1;
    if (real < -0x1p63)
        return 1;
    const double below = floor(real);
    if (whole != (int64_t)below)
        return whole < (int64_t)below ? -1 : 1;
    /*
     * How many nanoseconds the real is later. fma() rounds only once, so its sign is
     * exact.
     */
    const double more = fma(real - below, NANO, -(double)nano);
    return G4R_COMPARE(0, more);
}

int gru4rec_time_compare(const gru4rec_time *a, const gru4rec_time *b)
{
    int64_t nano_a = 0, nano_b = 0, whole_a = a->integer, whole_b = b->integer;
    if (a->type == GRU4REC_TIME_REAL && b->type == GRU4REC_TIME_REAL)
        return G4R_COMPARE(a->real, b->real);
    if (a->type == b->type)
        return G4R_COMPARE(a->integer, b->integer);
    if (a->type == GRU4REC_TIME_DATE)
        whole_a = g4r_time_split(a->integer, &nano_a);
    if (b->type == GRU4REC_TIME_DATE)
        whole_b = g4r_time_split(b->integer, &nano_b);
    if (b->type == GRU4REC_TIME_REAL)
        return compare_with_real(whole_a, nano_a, b->real);
    if (a->type == GRU4REC_TIME_REAL)
        return -compare_with_real(whole_b, nano_b, a->real);
    return whole_a != whole_b ? G4R_COMPARE(whole_a, whole_b)
                              : G4R_COMPARE(nano_a, nano_b);
}

double gru4rec_time_real(const gru4rec_time *time)
{
    int64_t nano;
    if (time->type == GRU4REC_TIME_REAL)
        return time->real;
    if (time->type == GRU4REC_TIME_INTEGER)
        return (double)time->integer;
    const int64_t whole = g4r_time_split(time->integer, &nano);
    return (double)whole + (double)nano / NANO;
}

double gru4rec_time_rest(const gru4rec_time *time)
{
    int64_t nano;
    if (time->type != GRU4REC_TIME_DATE)
        return 0;
    const int64_t whole = g4r_time_split(time->integer, &nano);
    const double real = gru4rec_time_real(time), below = floor(real);
    return fma(below - real, NANO, (double)((whole - (int64_t)below) * NANO + nano));
}
