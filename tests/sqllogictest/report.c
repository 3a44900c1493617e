/*
 * What the reader sees of a failure: where, what, the SQL, and the difference.
 *
 *   file:line: what (loop variables)
 *       SQL:  the command
 *       - expected, + got
 *         lines that are the same
 *       - line expected
 *       + line got
 *
 * A fatal signal first prints the position of the running record, by write() only, then
 * takes its former course (a core dump, a sanitizer's report). Uses text.c, vars.c,
 * compare.c.
 */
#include "slt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXT_LINES = 3, MAX_LINES = 40 };

/* ---- failures ---- */

static void print_loop_vars(const slt_run *run)
{
    for (size_t i = run->n_globals; i < run->vars.n; i++)
        printf("%s%s=%s%s", i == run->n_globals ? " (" : ", ", run->vars.items[i].name,
               run->vars.items[i].value, i + 1 == run->vars.n ? ")" : "");
}

static void print_sql(const char *sql)
{
    const char *label = "SQL:  ";
    while (*sql) {
        size_t length = strcspn(sql, "\n");
        printf("    %s%.*s\n", label, (int)length, sql);
        sql += length + (sql[length] == '\n');
        label = "      ";
    }
}

void slt_fail(slt_run *run, const slt_record *record, const char *sql,
              const char *details, const char *format, ...)
{
    slt_buf text = {0};
    va_list args;
    va_start(args, format);
    slt_buf_vprintf(&text, format, args);
    va_end(args);
    if (record != NULL)
        printf("%s:%zu: ", record->source->path, record->line);
    else
        printf("%s: ", run->path);
    fputs(text.text, stdout);
    free(text.text);
    print_loop_vars(run);
    putchar('\n');
    if (sql != NULL)
        print_sql(sql);
    if (details != NULL)
        fputs(details, stdout);
    fflush(stdout);
    run->counts.failed++;
}

/* ---- differences ---- */

static void add_line(slt_buf *text, char mark, const char *line)
{
    slt_buf_printf(text, "    %c %s\n", mark, line);
}

static void add_unit(slt_buf *text, const slt_match *match, char mark, size_t unit)
{
    char *line = slt_match_unit(match, unit, " ");
    add_line(text, mark, line);
    free(line);
}

static void add_omitted(slt_buf *text, size_t n, const char *what)
{
    if (n)
        slt_buf_printf(text, "      ... %zu more %s\n", n, what);
}

/* n expected and n units, one against the other. */
static void add_pairs(slt_buf *text, slt_match *match, size_t n)
{
    for (size_t i = match->prefix; i < match->prefix + n; i++) {
        bool is_same = slt_match_line(match, i, i);
        add_line(text, is_same ? ' ' : '-', match->expected[i]);
        if (!is_same)
            add_unit(text, match, '+', i);
    }
}

static void add_middle(slt_buf *text, slt_match *match)
{
    size_t ends = match->prefix + match->suffix;
    size_t n_expected = match->n_expected - ends;
    size_t n_units = match->n_units - ends;
    size_t shown_expected = n_expected < MAX_LINES ? n_expected : MAX_LINES;
    size_t shown_units = n_units < MAX_LINES ? n_units : MAX_LINES;
    if (n_expected == n_units) {
        add_pairs(text, match, shown_units);
        add_omitted(text, n_units - shown_units, "lines");
        return;
    }
    for (size_t i = 0; i < shown_expected; i++)
        add_line(text, '-', match->expected[match->prefix + i]);
    add_omitted(text, n_expected - shown_expected, "expected");
    for (size_t i = 0; i < shown_units; i++)
        add_unit(text, match, '+', match->prefix + i);
    add_omitted(text, n_units - shown_units, "got");
}

char *slt_diff(slt_match *match)
{
    slt_buf text = {0};
    if (match->is_hash) {
        char *got = slt_hash_line(match->result);
        slt_buf_printf(&text, "    - expected, + got\n");
        add_line(&text, '-', match->expected[0]);
        add_line(&text, '+', got);
        free(got);
        return slt_buf_take(&text);
    }
    slt_buf_printf(&text, "    - expected (lines: %zu), + got (%s: %zu)\n",
                   match->n_expected, match->is_by_value ? "values" : "rows",
                   match->n_units);
    size_t before = match->prefix < CONTEXT_LINES ? match->prefix : CONTEXT_LINES;
    size_t after = match->suffix < CONTEXT_LINES ? match->suffix : CONTEXT_LINES;
    add_omitted(&text, match->prefix - before, "that match");
    for (size_t i = match->prefix - before; i < match->prefix; i++)
        add_line(&text, ' ', match->expected[i]);
    add_middle(&text, match);
    for (size_t i = match->n_expected - match->suffix; after > 0; i++, after--)
        add_line(&text, ' ', match->expected[i]);
    if (match->suffix > CONTEXT_LINES)
        add_omitted(&text, match->suffix - CONTEXT_LINES, "that match");
    return slt_buf_take(&text);
}

/* ---- crashes ---- */

static const int fatal_signals[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                    SIGABRT, SIGTERM, SIGINT};
enum { N_FATAL = sizeof fatal_signals / sizeof *fatal_signals };
static struct sigaction former_actions[N_FATAL];
static char crash_place[1024];

static void write_text(const char *text)
{
    size_t length = strlen(text);
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written; /* there is nobody left to tell */
}

static void on_fatal_signal(int number)
{
    write_text("\nsqllogictest: killed or crashed at ");
    write_text(crash_place[0] ? crash_place : "no record\n");
    for (size_t i = 0; i < N_FATAL; i++)
        sigaction(fatal_signals[i], &former_actions[i], NULL);
    /* A fault comes again by itself when we return, with its address for a sanitizer. */
    if (number == SIGTERM || number == SIGINT || number == SIGABRT)
        raise(number);
}

void slt_crash_install(void)
{
    struct sigaction action = {.sa_handler = on_fatal_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_FATAL; i++)
        sigaction(fatal_signals[i], &action, &former_actions[i]);
}

void slt_crash_note(const slt_record *record)
{
    if (record == NULL)
        crash_place[0] = '\0';
    else
        snprintf(crash_place, sizeof crash_place, "%s:%zu\n", record->source->path,
                 record->line);
}
