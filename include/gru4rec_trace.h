/*
 * gru4rec_trace.h - what the code says while it runs, for people who work on it.
 *
 * Both halves of the project include this header; it is not installed. Builds with NDEBUG
 * (release builds) contain no trace: neither code nor text. In the others the environment
 * variable GRU4REC_TRACE chooses how much is written to the standard error:
 *
 *   level  what is written
 *   0      nothing; so without the variable
 *   1      each error, where it is made, also one that a caller handles
 *   2      what happens once in a call: a training, its epochs, its end; a version that is
 *          written; a model that is loaded or freed; an evaluation
 *   3      decisions: BLAS kernels, statements on a model's tables, plans for SQLite, how
 *          many items were scored for an answer
 *   4      each update of a training, each job of the threads
 *
 * A level includes the levels below it. A line is "gru4rec LEVEL FILE:LINE: text".
 */
#ifndef GRU4REC_TRACE_H
#define GRU4REC_TRACE_H

#include <stdio.h>

#ifdef NDEBUG
#define GRU4REC_TRACE_LEVEL() 0
#else
#include <stdlib.h>

/* The level that the environment names. Any other text counts as 0, 5 and above as 4. */
static inline int gru4rec_trace_level(void)
{
    const char *text = getenv("GRU4REC_TRACE");
    return text != NULL ? atoi(text) : 0;
}
#define GRU4REC_TRACE_LEVEL() gru4rec_trace_level()
#endif

/* Writes one line if level is on. Arguments are evaluated only then. */
#define GRU4REC_TRACE(level, format, ...)                                        \
    do {                                                                         \
        if ((level) <= GRU4REC_TRACE_LEVEL())                                    \
            fprintf(stderr, "gru4rec %d %s:%d: " format "\n", (level), __FILE__, \
                    __LINE__, __VA_ARGS__);                                      \
    } while (0)

#endif
