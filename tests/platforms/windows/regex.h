/* regex.h - POSIX's extended regular expressions, on Windows: by those of C++ (regex.cc). */
#ifndef REGEX_H
#define REGEX_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { REG_EXTENDED = 1, REG_NOSUB = 2 };

typedef struct regex_t {
    void *regex;
    char why[200]; /* what is wrong with it */
} regex_t;

int regcomp(regex_t *regex, const char *pattern, int flags);
int regexec(const regex_t *regex, const char *text, size_t n, void *matches, int flags);
size_t regerror(int rc, const regex_t *regex, char *text, size_t size);
void regfree(regex_t *regex);

#ifdef __cplusplus
}
#endif

#endif
