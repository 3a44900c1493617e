/*
 * processor.h - which processor this is, what it can do, and how fast at most: the figures
 * of a table say nothing without. From /proc/cpuinfo and sysfs, which show what the system
 * lets programs use.
 */
#ifndef BENCH_PROCESSOR_H
#define BENCH_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_processor {
    char name[160]; /* as its maker or its host calls it; often less than the type */
    int family, model, stepping;
    char vectors[240]; /* the sets of vector instructions, a space between two */
    char caches[64];   /* the second and the third */
    int n_cores;       /* that this process may use */
} bench_processor;

void bench_processor_get(bench_processor *processor);
/* Does it have all of these flags of /proc/cpuinfo? "avx2 fma" */
bool bench_processor_has(const char *flags);
/*
 * Core types of OpenBLAS that it can run, of those that could be the best anywhere: the
 * i-th, or NULL. An OpenBLAS may not know all of them.
 */
const char *bench_processor_core_type(size_t i);

/*
 * Floating point operations per second of one core: multiply-adds of the widest vectors,
 * fused where there are such, two operations each. Takes less than a millisecond.
 */
double bench_processor_peak(void);
/* What the vectors of that are called. */
const char *bench_processor_peak_name(void);
/* The same facts as members of a JSON object. */
void bench_processor_print_json(const bench_processor *processor);
void bench_processor_print(const bench_processor *processor);

#endif
