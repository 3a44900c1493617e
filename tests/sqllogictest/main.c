/*
 * sqllogictest: runs SQL test files against the SQLite library that it is linked with.
 *
 * Options, one run per file, totals. The last line is "N passed, N failed, N skipped",
 * where N counts statements and queries, and a file that is bad, leaks or cannot be
 * closed counts as one failed more. Exit status: 0 nothing failed, 1 something failed, 2
 * wrong usage. The dialect is described in README.md, the other files in slt.h.
 */
#include "slt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sqllogictest [OPTION]... FILE...\n"
    "  --extension PATH     load this extension into every connection\n"
    "  --define NAME=VALUE  replace ${NAME}; meets 'require define NAME', 'onlyif NAME'\n"
    "  --dir DIR            put the databases under DIR instead of $TMPDIR or /tmp\n"
    "  --keep               keep the databases and say where they are\n"
    "  --update             write the results got over the expected ones that differ\n"
    "  --verbose            print every record before it runs\n";

/*
 * dlopen() looks a name without slash up elsewhere, so an existing file gets its full
 * path.
 */
static void add_extension(slt_options *options, const char *path)
{
    char *full = realpath(path, NULL);
    options->extensions =
        slt_grow(options->extensions, options->n_extensions, sizeof *options->extensions);
    options->extensions[options->n_extensions++] = full ? full : slt_strdup(path);
}

static bool add_define(slt_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || !slt_vars_name_ok(text, (size_t)(equals - text)))
        return false;
    char *name = slt_strndup(text, (size_t)(equals - text));
    slt_vars_push(&options->defines, name, equals + 1);
    free(name);
    return true;
}

/* Takes an option with its value; false if it is none. */
static bool take_valued(slt_options *options, const char *name, const char *value)
{
    if (strcmp(name, "--extension") == 0) {
        add_extension(options, value);
        return true;
    }
    if (strcmp(name, "--dir") == 0) {
        options->dir = value;
        return true;
    }
    return strcmp(name, "--define") == 0 && add_define(options, value);
}

static bool take_flag(slt_options *options, const char *name)
{
    bool *flag = strcmp(name, "--update") == 0    ? &options->is_update
                 : strcmp(name, "--verbose") == 0 ? &options->is_verbose
                 : strcmp(name, "--keep") == 0    ? &options->is_keep
                                                  : NULL;
    if (flag != NULL)
        *flag = true;
    return flag != NULL;
}

/* The index of the first file among the arguments; 0 if the options are wrong. */
static int take_options(slt_options *options, int argc, char **argv)
{
    int i = 1;
    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        if (strcmp(argv[i], "--") == 0)
            return i + 1;
        if (take_flag(options, argv[i])) {
            i++;
        } else if (i + 1 < argc && take_valued(options, argv[i], argv[i + 1])) {
            i += 2;
        } else {
            fprintf(stderr, "sqllogictest: bad option '%s'\n", argv[i]);
            return 0;
        }
    }
    return i;
}

int main(int argc, char **argv)
{
    const char *dir = getenv("TMPDIR");
    slt_options options = {.dir = dir != NULL && *dir ? dir : "/tmp"};
    slt_counts totals = {0};
    int status = 2;
    int first = take_options(&options, argc, argv);

    if (first == 0 || first >= argc) {
        fputs(usage, stderr);
    } else {
        slt_crash_install();
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1);
        for (int i = first; i < argc; i++)
            slt_run_file(argv[i], &options, &totals);
        printf("%lld passed, %lld failed, %lld skipped\n", totals.passed, totals.failed,
               totals.skipped);
        status = totals.failed ? 1 : 0;
    }
    slt_strings_free(options.extensions, options.n_extensions);
    slt_vars_free(&options.defines);
    return status;
}
