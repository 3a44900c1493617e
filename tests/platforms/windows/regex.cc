/* regex.cc - see regex.h. */
#include "regex.h"

#include <cstdio>
#include <regex>

int regcomp(regex_t *regex, const char *pattern, int)
{
    try {
        regex->regex = new std::regex(pattern, std::regex::extended);
        return 0;
    } catch (const std::regex_error &error) {
        std::snprintf(regex->why, sizeof regex->why, "%s", error.what());
        return 1;
    }
}

int regexec(const regex_t *regex, const char *text, size_t, void *, int)
{
    return std::regex_search(text, *static_cast<std::regex *>(regex->regex)) ? 0 : 1;
}

size_t regerror(int, const regex_t *regex, char *text, size_t size)
{
    return static_cast<size_t>(std::snprintf(text, size, "%s", regex->why));
}

void regfree(regex_t *regex)
{
    delete static_cast<std::regex *>(regex->regex);
}
