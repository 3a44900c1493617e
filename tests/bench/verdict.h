/* verdict.h - what was asked of the figures, what came, and whether that is enough. */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_MOST_VERDICTS = 16 };

typedef struct bench_verdict {
    char what[80], unit[8];
    double wanted, got; /* 0 where it is not known; without got there is no verdict */
    bool is_least;      /* wanted is the least that got may be; or the most */
    char note[100];     /* about got, or why it could not be judged */
} bench_verdict;

typedef struct bench_verdicts {
    bench_verdict list[BENCH_MOST_VERDICTS];
    size_t n;
} bench_verdicts;

void bench_verdicts_add(bench_verdicts *verdicts, const bench_verdict *verdict);
/* A small table, or a JSON array. */
void bench_verdicts_print(const bench_verdicts *verdicts, bool is_json);

#endif
