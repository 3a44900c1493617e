/*
 * test.h - a tiny test harness. A test program is one main() that RUNs its test functions
 * and ends with "return test_end();": the last line counts the functions, the exit status
 * is the verdict. A function fails when one of its CHECKs does, or when it made none.
 * Every CHECK returns whether it held. Failed checks after the first 50 of a program are
 * counted but not printed.
 */
#ifndef TEST_H
#define TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long test_n_held, test_n_broken;   /* checks */
static long test_n_passed, test_n_failed; /* functions */
static const char *test_running = "";

/* Counts a check; true when its failure is to be printed, which has then begun. */
static inline bool test_count(bool is_ok, const char *file, int line)
{
    if (is_ok) {
        test_n_held++;
        return false;
    }
    if (++test_n_broken > 50)
        return false;
    printf("%s:%d: %s: ", file, line, test_running);
    return true;
}

static inline bool test_check(bool is_ok, const char *what, const char *file, int line)
{
    if (test_count(is_ok, file, line))
        printf("not true: %s\n", what);
    return is_ok;
}

static inline bool test_check_int(long long expected, long long actual, const char *what,
                                  const char *file, int line)
{
    if (test_count(expected == actual, file, line))
        printf("%s is %lld, not %lld\n", what, actual, expected);
    return expected == actual;
}

/* NaN is near nothing, infinity near itself. */
static inline bool test_check_near(double expected, double actual, double tolerance,
                                   const char *what, const char *file, int line)
{
    double difference = fabs(actual - expected);
    bool is_same = !(actual < expected) && !(actual > expected) && !isnan(difference);
    bool is_ok = is_same || difference <= tolerance ||
                 (isinf(actual) && isinf(expected) && (actual > 0) == (expected > 0));
    if (test_count(is_ok, file, line))
        printf("%s is %.17g, not %.17g (off by %.3g, allowed %.3g)\n", what, actual,
               expected, difference, tolerance);
    return is_ok;
}

static inline bool test_check_text(const char *expected, const char *actual,
                                   const char *what, const char *file, int line)
{
    bool is_ok = expected == NULL || actual == NULL ? expected == actual
                                                    : strcmp(expected, actual) == 0;
    if (test_count(is_ok, file, line))
        printf("%s is '%s', not '%s'\n", what, actual == NULL ? "(null)" : actual,
               expected == NULL ? "(null)" : expected);
    return is_ok;
}

static inline void test_run(const char *name, void (*function)(void))
{
    long n_held = test_n_held, n_broken = test_n_broken;
    test_running = name;
    function();
    if (test_n_broken > n_broken)
        test_n_failed++;
    else if (test_n_held > n_held)
        test_n_passed++;
}

static inline int test_end(void)
{
    printf("%ld passed, %ld failed\n", test_n_passed, test_n_failed);
    return test_n_broken == 0 && test_n_passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define CHECK(condition) test_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_INT(expected, actual)                                               \
    test_check_int((long long)(expected), (long long)(actual), #actual, __FILE__, \
                   __LINE__)
#define CHECK_NEAR(expected, actual, tolerance)                                         \
    test_check_near((double)(expected), (double)(actual), (double)(tolerance), #actual, \
                    __FILE__, __LINE__)
#define CHECK_TEXT(expected, actual) \
    test_check_text((expected), (actual), #actual, __FILE__, __LINE__)
#define RUN(function) test_run(#function, function)

#endif
