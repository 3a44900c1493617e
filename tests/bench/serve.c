/*
 * serve.c - how long recommendations take through SQL, and how near that is to the least
 * that they could take on this machine. See SPEED.md.
 *
 *   serve [--extension FILE.so] [--json] [--seconds S] [--large] [--events FILE.tsv]
 *         [--sessions N] [shop million huge everyone live blend]
 *
 * Needs no data: models are invented (serve_model.c), not trained, and imported into
 * temporary databases below TMPDIR, which go away at the end. Queries are prepared
 * statements, all their rows are read; histories are JSON texts of random items.
 *
 *   case     shop: 43,000 items, width 100; million: 1,000,000, 128; huge: 10,000,000, 64
 *            (with --large or by its name); everyone: all sessions of a log at once, which
 *            is invented (--sessions) or read (--events); live: two processes that keep
 *            the state of each session, 43,000 items; blend: the model of shop, with a
 *            blend and without, in turn (serve_blend.c)
 *   table    what is scanned: the table of float32, or its int8 copy (the option quantize);
 *            of blend, whose option is the default: which of its models
 *   query    what is asked; "history of 4" without "candidates" scans the whole table
 *   n        how many were timed
 *   median,  of one query: binding, all rows, reset
 *   p99 ms
 *   floor    the time to read as many bytes as the scan has to, by one thread in the
 *            fastest of several ways (serve_floor.c), once after another: items x width x
 *            4; int8: items x (width + 16), whatever is asked; candidates: theirs of the
 *            float32 table. Median; in turn with the queries, 5 after every 20, and the
 *            first of each turn is not counted. Of loading: SQLite's own reading of the
 *            same rows; of a blended query: the same query without the blend
 *   ratio    floor / median: 1 is the floor
 *   way      the fastest way to read: vectors of so many bits, and the hint of the prefetch
 *
 * Other lines say what they are; the last are verdicts. This program has no OpenBLAS: the
 * extension is the only one to use it, as in most hosts.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "serve.h"

#include "processor.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct serving {
    const char *name;
    void (*run)(const serve_settings *settings);
    bool is_large;
} cases[] = {
    {"shop", serve_shop, false}, {"million", serve_million, false},
    {"huge", serve_huge, true},  {"everyone", serve_everyone, false},
    {"live", serve_live, false}, {"blend", serve_blend, false},
};

enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- the process of the cases ---- */

typedef struct plan {
    serve_settings settings;
    char **names; /* (n_names) */
    int n_names;
    bool is_large;
} plan;

static bool is_wanted(const plan *p, const struct serving *which)
{
    for (int i = 0; i < p->n_names; i++)
        if (strcmp(p->names[i], which->name) == 0)
            return true;
    return p->n_names == 0 && (p->is_large || !which->is_large);
}

/* In a child, so that the folder is removed when it cannot be loaded. */
static int check_extension(void *context)
{
    serve_close(serve_open(context, "facts.db", false));
    return 0;
}

static void print_processor(bool is_json)
{
    bench_processor processor;
    bench_processor_get(&processor);
    (is_json ? bench_processor_print_json : bench_processor_print)(&processor);
}

/* Version, processor's instruction set and BLAS; what the extension can. */
static void print_header(serve_settings *settings)
{
    sqlite3 *db = serve_open(settings, "facts.db", false);
    sqlite3_stmt *stmt = serve_prepare(
        db, sqlite3_mprintf(
                "SELECT i ->> 'version', i ->> 'simd', i ->> 'blas', sqlite_version(), "
                "EXISTS (SELECT 1 FROM json_each(i, '$.options') WHERE value ->> 'name' "
                "= 'quantize') FROM (SELECT gru4rec_info() AS i)"));
    serve_step(stmt);
    settings->has_quantize = sqlite3_column_int(stmt, 4) != 0;
    printf(settings->is_json
               ? "{\"version\": \"%s\", \"simd\": \"%s\", \"blas\": \"%s\", "
                 "\"sqlite\": \"%s\", "
               : "gru4rec %s, %s; %s; SQLite %s\n",
           sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1),
           sqlite3_column_text(stmt, 2), sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
    serve_close(db);
    print_processor(settings->is_json);
    printf(settings->is_json
               ? ", \"cases\": {"
               : "case     table    query                                    "
                 "n  median ms     p99 ms  floor ms  ratio  way\n");
}

typedef struct running {
    const serve_settings *settings;
    const struct serving *which;
} running;

static int run_case(void *context)
{
    const running *r = context;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    r->which->run(r->settings);
    return 0;
}

static void empty_folder(const char *folder)
{
    char path[600];
    struct dirent *entry;
    DIR *files = opendir(folder);
    while (files != NULL && (entry = readdir(files)) != NULL) {
        snprintf(path, sizeof path, "%s/%.255s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            remove(path);
    }
    if (files != NULL)
        closedir(files);
}

static void print_verdicts(const serve_settings *settings)
{
    for (int i = 0; i < 4; i++)
        serve_judge_missing(settings, i < 2 ? "shop" : "million",
                            i % 2 == 0 ? "float32" : "int8");
    serve_judge_missing(settings, "blend", "related");
    serve_judge_missing(settings, "blend", "mixed");
    bench_verdicts_print(settings->verdicts, settings->is_json);
}

static volatile sig_atomic_t is_stopped;

static void on_stop(int number)
{
    (void)number;
    is_stopped = 1;
}

/* Each case in a process of its own; the number of those that failed. */
static int run_cases(plan *p)
{
    const char *separator = "";
    int n_failed = 0;
    for (int i = 0; i < N_CASES && !is_stopped; i++) {
        if (!is_wanted(p, &cases[i]))
            continue;
        if (p->settings.is_json)
            printf("%s\n  \"%s\": [", separator, cases[i].name);
        running r = {&p->settings, &cases[i]};
        n_failed += !serve_in_child(run_case, &r);
        empty_folder(p->settings.folder);
        if (p->settings.is_json)
            printf("]");
        separator = ",";
    }
    fputs(p->settings.is_json ? "\n}, \"verdicts\": [" : "\n", stdout);
    print_verdicts(&p->settings);
    if (p->settings.is_json)
        printf("\n]}\n");
    return n_failed + is_stopped;
}

/* ---- command line ---- */

static void set_value(serve_settings *settings, const char *option, const char *value)
{
    if (value == NULL)
        serve_die("%s needs a value", option);
    else if (strcmp(option, "--extension") == 0)
        settings->extension = value;
    else if (strcmp(option, "--events") == 0)
        settings->events = value;
    else if (strcmp(option, "--seconds") == 0)
        settings->seconds = atof(value);
    else if (strcmp(option, "--sessions") == 0)
        settings->n_sessions = atoll(value);
    else
        serve_die("unknown option %s; see the top of serve.c", option);
}

static void add_name(plan *p, char **argv, char *name)
{
    bool is_known = false;
    for (int i = 0; i < N_CASES; i++)
        is_known |= strcmp(name, cases[i].name) == 0;
    if (!is_known)
        serve_die("no case %s; see the top of serve.c", name);
    argv[p->n_names++] = name;
}

static void parse(plan *p, int argc, char **argv)
{
    p->names = argv;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            p->settings.is_json = true;
        } else if (strcmp(argv[i], "--large") == 0) {
            p->is_large = true;
        } else if (argv[i][0] != '-') {
            add_name(p, argv, argv[i]);
        } else {
            set_value(&p->settings, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
            i++;
        }
    }
}

/* serve --worker MODEL SEED FOLDER EXTENSION SECONDS: started by serve_live(). */
static int work(char **argv)
{
    serve_settings settings = {.folder = argv[4],
                               .extension = argv[5],
                               .seconds = atof(argv[6])};
    return serve_live_worker(&settings, argv[2], (uint64_t)atoll(argv[3]));
}

int main(int argc, char **argv)
{
    plan p = {.settings = {.extension = "./gru4rec.so", .seconds = 1}};
    p.settings.n_sessions = 200000;
    const char *base = getenv("TMPDIR");
    char folder[256];
    if (argc == 7 && strcmp(argv[1], "--worker") == 0)
        return work(argv);
    parse(&p, argc, argv);
    snprintf(folder, sizeof folder, "%s/gru4rec-serve-XXXXXX",
             base != NULL && *base != '\0' ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        serve_die("cannot make a folder in %s", folder);
    p.settings.folder = folder;
    p.settings.verdicts = mmap(NULL, sizeof(bench_verdicts), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p.settings.verdicts == MAP_FAILED)
        serve_die("not enough memory");
    struct sigaction stop = {.sa_handler = on_stop}; /* without SA_RESTART */
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    int n_failed = serve_in_child(check_extension, &p.settings) ? 0 : 1;
    if (n_failed == 0) {
        print_header(&p.settings);
        n_failed = run_cases(&p);
    }
    empty_folder(folder);
    rmdir(folder);
    return n_failed > 0;
}
