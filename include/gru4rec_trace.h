/*
 * gru4rec_trace.h - what the code says while it runs, for people who work on it.
 *
 * Both halves of the project include this header; it is not installed. Builds with NDEBUG
 * (release builds) contain no trace: neither code nor text. In the others the environment
 * variable GRU4REC_TRACE chooses how much is written to the standard error:
 *
 *   level  what is written
 *   0      nothing; so without the variable
 *   1      each error message, where it is made, also of an error that a caller handles
 *   2      what happens once in a call: a training, its epochs, its end; a version that
 *   is
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

/*
 * Reads the environment variable GRU4REC_TRACE, and returns the number with which it
 * begins, the level of the trace; 0 if it is not set or does not begin with a number. A
 * negative number works as 0, and one above 4 as 4.
 */
static inline int gru4rec_trace_level(void)
{
    const char *text = getenv("GRU4REC_TRACE");
    return text != NULL ? atoi(text) : 0;
}
#define GRU4REC_TRACE_LEVEL() gru4rec_trace_level()
#endif

/*
 * If level (from 1 to 4) is at most that of the environment, writes one line to the
 * standard error: the level, file and line number, then the text, as printf() makes it of
 * format, a string literal, and of at least one argument. Otherwise, and in any build
 * with NDEBUG, does nothing, and does not evaluate the arguments.
 */
#define GRU4REC_TRACE(level, format, ...)                                        \
    do {                                                                         \
        if ((level) <= GRU4REC_TRACE_LEVEL())                                    \
            fprintf(stderr, "gru4rec %d %s:%d: " format "\n", (level), __FILE__, \
                    __LINE__, __VA_ARGS__);                                      \
    } while (0)

#endif
