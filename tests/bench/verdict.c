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

static void print_json(const bench_verdict *v)
{
    printf("{\"what\": \"%s\", \"wanted\": %.4f, \"wanted_is\": \"%s\", ", v->what,
           v->wanted, v->is_least ? "least" : "most");
    if (v->got > 0)
        printf("\"got\": %.4f, ", v->got);
    else
        printf("\"got\": null, ");
    printf("\"unit\": \"%s\", \"verdict\": \"%s\", \"note\": \"%s\"}", v->unit,
           name_of(v), v->note);
}

static void print_line(const bench_verdict *v)
{
    char wanted[40], got[40] = "-";
    snprintf(wanted, sizeof wanted, "%s %.*f%s%s", v->is_least ? "at least" : "at most",
             v->is_least ? 2 : 3, v->wanted, *v->unit ? " " : "", v->unit);
    if (v->got > 0)
        snprintf(got, sizeof got, "%.*f", v->is_least ? 2 : 3, v->got);
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
