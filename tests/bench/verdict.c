/* verdict.c - see verdict.h. */
#include "verdict.h"

#include <stdio.h>

void bench_verdicts_add(bench_verdicts *verdicts, const bench_verdict *verdict)
{
    if (verdicts->n < BENCH_MOST_VERDICTS)
        verdicts->list[verdicts->n++] = *verdict;
}

static const char *name_of(const bench_verdict *v)
{
    if (v->got <= 0)
        return "not judged";
    return (v->is_least ? v->got >= v->wanted : v->got <= v->wanted) ? "met" : "missed";
}

/* A figure, or null. */
static void print_member(const char *name, double value)
{
    if (value > 0)
        printf("\"%s\": %.4f, ", name, value);
    else
        printf("\"%s\": null, ", name);
}

static void print_json(const bench_verdict *v)
{
    printf("{\"what\": \"%s\", ", v->what);
    print_member("wanted", v->wanted);
    print_member("got", v->got);
    printf("\"wanted_is\": \"%s\", \"unit\": \"%s\", \"verdict\": \"%s\", \"note\": "
           "\"%s\"}",
           v->is_least ? "least" : "most", v->unit, name_of(v), v->note);
}

static void print_line(const bench_verdict *v)
{
    const int n_digits = v->is_least ? 2 : 3;
    char wanted[40] = "-", got[40] = "-";
    if (v->wanted > 0)
        snprintf(wanted, sizeof wanted, "%s %.*f%s%s",
                 v->is_least ? "at least" : "at most", n_digits, v->wanted,
                 *v->unit ? " " : "", v->unit);
    if (v->got > 0)
        snprintf(got, sizeof got, "%.*f", n_digits, v->got);
    printf("%-48s %-18s %8s  %-10s  %s\n", v->what, wanted, got, name_of(v), v->note);
}

void bench_verdicts_print(const bench_verdicts *verdicts, bool is_json)
{
    if (!is_json)
        printf("%-48s %-18s %8s\n", "asked", "wanted", "got");
    for (size_t i = 0; i < verdicts->n; i++) {
        if (is_json)
            printf(i > 0 ? ",\n  " : "\n  ");
        (is_json ? print_json : print_line)(&verdicts->list[i]);
    }
}
