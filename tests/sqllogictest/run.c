/*
 * One test file, from a fresh database to the last checks.
 *
 *   slt_run_file    parse; directory and variables; records; close; leak check; --update
 *     run_records   one after another; a loop runs its range of records again and again
 *       slt_check_record for statement and query, a function here for all the others
 *
 * A failed record does not stop the file; halt, a missing requirement and a database that
 * cannot be opened do. Uses parse.c, check.c, update.c, report.c, db.c, vars.c, text.c.
 */
#include "slt.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- the end of connections ---- */

/*
 * Set for good once a connection could not be closed: what SQLite holds then belongs to
 * it, and sqlite3_shutdown() is no longer allowed.
 */
static bool is_any_left_open;

static void close_all(slt_run *run, const slt_record *rec)
{
    char *error = NULL;
    if (slt_db_close(&run->db, &error))
        return;
    is_any_left_open = true;
    slt_fail(run, rec, NULL, NULL, "%s", error);
    free(error);
}

/* Whatever SQLite holds with all connections closed was leaked by this file's records. */
static void check_memory(slt_run *run, sqlite3_int64 before)
{
    if (is_any_left_open || sqlite3_memory_used() <= before)
        return;
    sqlite3_shutdown();
    sqlite3_int64 left = sqlite3_memory_used() - before;
    if (left > 0)
        slt_fail(run, NULL, NULL, NULL,
                 "%lld bytes of SQLite's memory left after the last connection closed",
                 (long long)left);
}

/* ---- require ---- */

/* "3.45" or "3.45.1" as sqlite3_libversion_number() counts; false if it is neither. */
static bool parse_version(const char *text, int *version)
{
    int major, minor, patch = 0, end = 0;
    if (sscanf(text, "%d.%d%n", &major, &minor, &end) != 2)
        return false;
    text += end;
    if (*text == '.') {
        if (sscanf(text, ".%d%n", &patch, &end) != 1)
            return false;
        text += end;
    }
    *version = major * 1000000 + minor * 1000 + patch;
    return *text == '\0';
}

static bool has_compile_option(const char *name)
{
    slt_buf enable = {0};
    slt_buf_printf(&enable, "ENABLE_%s", name);
    bool is_used =
        sqlite3_compileoption_used(name) || sqlite3_compileoption_used(enable.text);
    free(enable.text);
    return is_used;
}

/* what: the words behind require, joined. False if they make no sense. */
static bool evaluate_require(const slt_run *run, const slt_record *rec, const char *what,
                             bool *is_met)
{
    int version;
    if (rec->n_words == 3 && strcmp(rec->words[1], "define") == 0) {
        const char *name = rec->words[2];
        *is_met = slt_vars_find(&run->options->defines, name, strlen(name)) != NULL;
        return true;
    }
    if (strncasecmp(what, "sqlite>=", 8) == 0) {
        bool is_ok = parse_version(what + 8, &version);
        *is_met = is_ok && sqlite3_libversion_number() >= version;
        return is_ok;
    }
    if (strncasecmp(what, "sqlite<", 7) == 0) {
        bool is_ok = parse_version(what + 7, &version);
        *is_met = is_ok && sqlite3_libversion_number() < version;
        return is_ok;
    }
    if (rec->n_words != 2 || !slt_vars_name_ok(what, strlen(what)))
        return false;
    *is_met = has_compile_option(what);
    return true;
}

static void require(slt_run *run, const slt_record *rec)
{
    bool is_met = false;
    slt_buf what = {0};
    for (size_t i = 1; i < rec->n_words; i++)
        slt_buf_printf(&what, "%s", rec->words[i]);
    if (!evaluate_require(run, rec, what.text, &is_met)) {
        slt_fail(run, rec, NULL, NULL,
                 "require takes sqlite>=X.Y, sqlite<X.Y, OPTION, define NAME; not '%s'",
                 what.text);
        run->is_stopped = true;
    } else if (!is_met) {
        slt_buf reason = {0};
        slt_buf_printf(&reason, "line %zu requires", rec->line);
        for (size_t i = 1; i < rec->n_words; i++)
            slt_buf_printf(&reason, " %s", rec->words[i]);
        run->skip_reason = slt_buf_take(&reason);
        run->is_stopped = true;
    }
    free(what.text);
}

/* ---- loops ---- */

static void run_records(slt_run *run, size_t first, size_t end);

static void run_body(slt_run *run, size_t loop, const char *value)
{
    const slt_record *rec = &run->script.records[loop];
    slt_vars_push(&run->vars, rec->words[1], value);
    run_records(run, loop + 1, rec->end);
    slt_vars_pop(&run->vars);
}

/* A word of the loop's line with its variables replaced; NULL with the loop failed. */
static char *loop_word(slt_run *run, const slt_record *rec, size_t i)
{
    char *error = NULL;
    char *word = slt_vars_expand(&run->vars, rec->words[i], &error);
    if (word == NULL)
        slt_fail(run, rec, NULL, NULL, "%s", error);
    free(error);
    return word;
}

static bool loop_bound(slt_run *run, const slt_record *rec, size_t i, long long *bound)
{
    char *end;
    char *word = loop_word(run, rec, i);
    if (word == NULL)
        return false;
    errno = 0;
    *bound = strtoll(word, &end, 10);
    bool is_ok = end > word && *end == '\0' && errno == 0;
    if (!is_ok)
        slt_fail(run, rec, NULL, NULL, "the bounds of loop must be numbers, not '%s'",
                 word);
    free(word);
    return is_ok;
}

static void run_loop(slt_run *run, size_t loop)
{
    const slt_record *rec = &run->script.records[loop];
    long long from, to;
    if (!loop_bound(run, rec, 2, &from) || !loop_bound(run, rec, 3, &to))
        return;
    for (long long i = from; i < to && !run->is_stopped; i++) {
        slt_buf value = {0};
        slt_buf_printf(&value, "%lld", i);
        run_body(run, loop, value.text);
        free(value.text);
    }
}

static void run_foreach(slt_run *run, size_t loop)
{
    const slt_record *rec = &run->script.records[loop];
    for (size_t i = 2; i < rec->n_words && !run->is_stopped; i++) {
        char *value = loop_word(run, rec, i);
        if (value == NULL)
            return;
        run_body(run, loop, value);
        free(value);
    }
}

/* ---- records ---- */

static void pause_for(long long milliseconds)
{
    struct timespec left = {.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static bool is_sql(const slt_record *rec)
{
    return rec->kind == SLT_STATEMENT || rec->kind == SLT_QUERY;
}

static void print_record(const slt_record *rec)
{
    printf("%s:%zu:", rec->source->path, rec->line);
    for (size_t i = 0; i < rec->n_words; i++)
        printf(" %s", rec->words[i]);
    if (rec->is_skipped)
        printf(" (skipped)");
    if (rec->sql != NULL)
        printf("%s%.*s", " | ", (int)strcspn(rec->sql, "\n"), rec->sql);
    putchar('\n');
    fflush(stdout);
}

static void run_record(slt_run *run, size_t i)
{
    const slt_record *rec = &run->script.records[i];
    switch (rec->kind) {
    case SLT_STATEMENT:
    case SLT_QUERY:
        slt_check_record(run, rec);
        break;
    case SLT_HALT:
        run->is_stopped = true;
        break;
    case SLT_HASH_THRESHOLD:
        run->settings.hash_threshold = rec->number;
        break;
    case SLT_CONTROL:
        slt_control(&run->settings, rec->words[1], rec->words[2]);
        break;
    case SLT_REQUIRE:
        require(run, rec);
        break;
    case SLT_RESTART:
        close_all(run, rec);
        break;
    case SLT_SLEEP:
        pause_for(rec->number);
        break;
    case SLT_LOOP:
        run_loop(run, i);
        break;
    case SLT_FOREACH:
        run_foreach(run, i);
        break;
    case SLT_ENDLOOP:
        break;
    }
}

/* A file that is skipped from a record on counts those that it did not come to. */
static void count_unreached(slt_run *run, size_t from)
{
    for (size_t i = from; i < run->script.n_records; i++)
        run->counts.skipped += is_sql(&run->script.records[i]);
}

static void run_records(slt_run *run, size_t first, size_t end)
{
    for (size_t i = first; i < end && !run->is_stopped; i++) {
        const slt_record *rec = &run->script.records[i];
        slt_crash_note(rec);
        if (run->options->is_verbose)
            print_record(rec);
        if (!rec->is_skipped)
            run_record(run, i);
        else if (is_sql(rec))
            run->counts.skipped++;
        if (rec->kind == SLT_REQUIRE && run->skip_reason != NULL)
            count_unreached(run, i);
        if (rec->kind == SLT_LOOP || rec->kind == SLT_FOREACH)
            i = rec->end;
    }
}

/* ---- the database's directory ---- */

static bool make_dir(slt_run *run)
{
    slt_buf template = {0};
    slt_buf_printf(&template, "%s/sqllogictest-XXXXXX", run->options->dir);
    char *made = mkdtemp(template.text);
    run->dir = made ? realpath(made, NULL) : NULL;
    if (run->dir == NULL)
        slt_fail(run, NULL, NULL, NULL, "cannot make a directory in '%s': %s",
                 run->options->dir, strerror(errno));
    free(template.text);
    return run->dir != NULL;
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_dir(slt_run *run)
{
    if (run->options->is_keep)
        printf("kept  %s\n", run->dir);
    else if (nftw(run->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        slt_fail(run, NULL, NULL, NULL, "cannot remove '%s': %s", run->dir,
                 strerror(errno));
}

/* ---- the file ---- */

static void set_up(slt_run *run)
{
    slt_buf path = {0};
    slt_buf_printf(&path, "%s/test.db", run->dir);
    run->db.path = slt_buf_take(&path);
    run->db.options = run->options;
    run->settings.float_digits = 3;
    slt_vars_push(&run->vars, "__TEST_DIR__", run->dir);
    slt_vars_push(&run->vars, "__DATABASE__", run->db.path);
    for (size_t i = 0; i < run->options->defines.n; i++)
        slt_vars_push(&run->vars, run->options->defines.items[i].name,
                      run->options->defines.items[i].value);
    run->n_globals = run->vars.n;
}

static void run_script(slt_run *run)
{
    char *error = NULL;
    sqlite3_int64 memory_before = sqlite3_memory_used();
    set_up(run);
    run_records(run, 0, run->script.n_records);
    close_all(run, NULL);
    check_memory(run, memory_before);
    if (!slt_update_write(run, &error))
        slt_fail(run, NULL, NULL, NULL, "%s", error);
    free(error);
    slt_crash_note(NULL);
}

static void print_verdict(const slt_run *run)
{
    const slt_counts *counts = &run->counts;
    if (run->skip_reason != NULL && !counts->failed) {
        printf("skip  %s (%s)\n", run->path, run->skip_reason);
        return;
    }
    printf("%s  %s (%lld passed", counts->failed ? "FAIL" : "ok  ", run->path,
           counts->passed);
    if (counts->failed)
        printf(", %lld failed", counts->failed);
    if (counts->skipped)
        printf(", %lld skipped", counts->skipped);
    if (counts->updated)
        printf(", %lld updated", counts->updated);
    printf(")\n");
}

static void free_run(slt_run *run)
{
    slt_update_free(run);
    slt_vars_free(&run->vars);
    for (size_t i = 0; i < run->n_labels; i++)
        free(run->labels[i].name);
    free(run->labels);
    free(run->db.path);
    free(run->dir);
    free(run->skip_reason);
    slt_script_free(&run->script);
}

void slt_run_file(const char *path, const slt_options *options, slt_counts *totals)
{
    slt_run run = {.options = options, .path = path};
    char *error = NULL;
    if (!slt_parse(&run.script, path, options, &error)) {
        printf("%s\n", error);
        run.counts.failed++;
    } else if (make_dir(&run)) {
        run_script(&run);
        remove_dir(&run);
    }
    print_verdict(&run);
    fflush(stdout);
    totals->passed += run.counts.passed;
    totals->failed += run.counts.failed;
    totals->skipped += run.counts.skipped;
    totals->updated += run.counts.updated;
    free(error);
    free_run(&run);
}
