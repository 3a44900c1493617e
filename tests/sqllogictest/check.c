/*
 * One statement or query: its variables are replaced, it runs on its connection, and its
 * outcome is judged. A difference from an expected block goes to update.c first, which
 * takes it under --update. Exactly one of passed and failed goes up by one per call,
 * unless the database cannot be opened, which also stops the file. Uses report.c,
 * update.c, compare.c, db.c, vars.c, text.c.
 */
#include "slt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The text with its variables replaced; NULL, with the record failed, for an unknown one.
 */
static char *expand(slt_run *run, const slt_record *rec, const char *text)
{
    char *error = NULL;
    char *expanded = slt_vars_expand(&run->vars, text, &error);
    if (expanded == NULL)
        slt_fail(run, rec, rec->sql, NULL, "%s", error);
    free(error);
    return expanded;
}

/* The expected lines, likewise. */
static char **expand_block(slt_run *run, const slt_record *rec)
{
    char **lines = slt_alloc(rec->n_expected * sizeof *lines);
    for (size_t i = 0; i < rec->n_expected; i++) {
        lines[i] = expand(run, rec, slt_expected(rec, i));
        if (lines[i] == NULL) {
            slt_strings_free(lines, i);
            return NULL;
        }
    }
    return lines;
}

static void pass(slt_run *run)
{
    run->counts.passed++;
}

static void pass_updated(slt_run *run)
{
    run->counts.passed++;
    run->counts.updated++;
}

/* ---- errors ---- */

static void fail_error(slt_run *run, const slt_record *rec, const char *sql,
                       const char *expected, const char *got, const char *problem)
{
    slt_buf details = {0};
    slt_buf_printf(&details, "    - expected, + got\n    - %s\n    + %s\n", expected,
                   got);
    slt_fail(run, rec, sql, details.text,
             "the error message differs from the expected one%s%s", problem ? ": " : "",
             problem ? problem : "");
    free(details.text);
}

/* An error message against the pattern of the first line. */
static void check_pattern(slt_run *run, const slt_record *rec, const char *sql,
                          const char *message)
{
    char *problem = NULL;
    char *pattern = expand(run, rec, rec->pattern);
    if (pattern == NULL)
        return;
    if (slt_regex_match(pattern, message, false, &problem))
        pass(run);
    else
        fail_error(run, rec, sql, pattern, message, problem);
    free(problem);
    free(pattern);
}

/*
 * An error message against the block under ----: the same but for white space at the
 * ends.
 */
static void check_error_block(slt_run *run, const slt_record *rec, const char *sql,
                              const char *message)
{
    static const char mark[] = "<REGEX>:";
    char *problem = NULL;
    char **lines = expand_block(run, rec);
    if (lines == NULL)
        return;
    slt_buf joined = {0};
    for (size_t i = 0; i < rec->n_expected; i++)
        slt_buf_printf(&joined, "%s%s", i ? "\n" : "", lines[i]);
    char *expected = slt_trimmed(joined.text ? joined.text : "");
    char *got = slt_trimmed(message);
    bool is_regex = strncmp(expected, mark, sizeof mark - 1) == 0;
    bool is_match = is_regex
                        ? slt_regex_match(expected + sizeof mark - 1, got, true, &problem)
                        : strcmp(expected, got) == 0;
    if (is_match)
        pass(run);
    else if (slt_update_error(run, rec, got, &problem))
        pass_updated(run);
    else
        fail_error(run, rec, sql, expected, got, problem);
    free(problem);
    free(got);
    free(expected);
    free(joined.text);
    slt_strings_free(lines, rec->n_expected);
}

static void check_error(slt_run *run, const slt_record *rec, const char *sql,
                        const slt_outcome *out)
{
    if (out->error == NULL)
        slt_fail(run, rec, sql, NULL, "an error was expected, but the command succeeded");
    else if (rec->pattern != NULL)
        check_pattern(run, rec, sql, out->error);
    else if (rec->rule_line)
        check_error_block(run, rec, sql, out->error);
    else
        pass(run);
}

/* ---- rows ---- */

/* A label stands for one result: the same wherever it is used. */
static bool check_label(slt_run *run, const slt_record *rec, const char *sql,
                        const slt_result *result)
{
    char hash[SLT_HASH_BYTES];
    char *name = expand(run, rec, rec->label);
    if (name == NULL)
        return false;
    slt_result_hash(result, hash);
    for (size_t i = 0; i < run->n_labels; i++) {
        const slt_label *label = &run->labels[i];
        if (strcmp(label->name, name) != 0)
            continue;
        bool is_same = strcmp(label->hash, hash) == 0;
        if (!is_same)
            slt_fail(run, rec, sql, NULL,
                     "the result differs from line %zu, which has the label '%s' too",
                     label->line, name);
        free(name);
        return is_same;
    }
    run->labels = slt_grow(run->labels, run->n_labels, sizeof *run->labels);
    slt_label *label = &run->labels[run->n_labels++];
    label->name = name;
    label->line = rec->line;
    memcpy(label->hash, hash, sizeof hash);
    return true;
}

static void check_rows(slt_run *run, const slt_record *rec, const char *sql,
                       slt_outcome *out)
{
    slt_sort sort = rec->sort == SLT_SORT_UNSET ? run->settings.sort : rec->sort;
    slt_match match;
    char *problem = NULL;
    char **expected = expand_block(run, rec);
    if (expected == NULL)
        return;
    slt_result_sort(&out->result, sort);
    slt_match_init(&match, &out->result, sort, expected, rec->n_expected, &run->settings);
    bool is_updated = !match.is_equal && slt_update_rows(run, rec, &match, &problem);
    if (match.is_equal || is_updated) {
        if (rec->label == NULL || check_label(run, rec, sql, &out->result))
            (is_updated ? pass_updated : pass)(run);
    } else {
        const char *why = problem ? problem : match.error;
        char *diff = slt_diff(&match);
        slt_fail(run, rec, sql, diff, "the result differs from the expected one%s%s",
                 why ? ": " : "", why ? why : "");
        free(diff);
    }
    free(problem);
    free(match.error);
    slt_strings_free(expected, rec->n_expected);
}

/* ---- records ---- */

static void check_count(slt_run *run, const slt_record *rec, const char *sql,
                        const slt_outcome *out)
{
    char *text = expand(run, rec, rec->words[2]);
    char *end;
    if (text == NULL)
        return;
    errno = 0;
    long long expected = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        slt_fail(run, rec, sql, NULL, "statement count takes a number, not '%s'", text);
    else if (out->changes != expected)
        slt_fail(run, rec, sql, NULL, "%lld changed rows expected, got %lld", expected,
                 out->changes);
    else
        pass(run);
    free(text);
}

static void judge(slt_run *run, const slt_record *rec, const char *sql, slt_outcome *out)
{
    if (out->misuse != NULL)
        slt_fail(run, rec, sql, NULL, "%s", out->misuse);
    else if (rec->expect == SLT_EXPECT_ERROR)
        check_error(run, rec, sql, out);
    else if (out->error != NULL)
        slt_fail(run, rec, sql, NULL, "the %s failed: %s",
                 rec->kind == SLT_QUERY ? "query" : "statement", out->error);
    else if (rec->expect == SLT_EXPECT_ROWS)
        check_rows(run, rec, sql, out);
    else if (rec->expect == SLT_EXPECT_COUNT)
        check_count(run, rec, sql, out);
    else
        pass(run);
}

void slt_check_record(slt_run *run, const slt_record *rec)
{
    char *error = NULL;
    char *sql = expand(run, rec, rec->sql);
    if (sql == NULL)
        return;
    char *name = expand(run, rec, rec->connection ? rec->connection : "default");
    if (name == NULL)
        goto out_sql;
    sqlite3 *db = slt_db_get(&run->db, name, &error);
    if (db == NULL) {
        slt_fail(run, rec, NULL, NULL, "%s", error);
        run->is_stopped = true;
        goto out_name;
    }
    slt_outcome out;
    slt_execute(&out, db, sql, rec->types, &run->settings);
    judge(run, rec, sql, &out);
    slt_outcome_free(&out);
out_name:
    free(error);
    free(name);
out_sql:
    free(sql);
}
