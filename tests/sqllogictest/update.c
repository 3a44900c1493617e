/*
 * --update: new expected blocks, and the file written back with nothing else changed.
 *
 * A block that holds is left as it is. Of one that does not, the lines that match at its
 * start and end stay, and the others are rewritten one by one; in a rewritten row the R
 * values and <REGEX>: parts that match stay. Comments between the lines stay too. The
 * layout stays (rows, TABs, values, hash), except that hash-threshold may turn lines into
 * a hash. Blocks in loops and included files stand for several results or tests: left
 * unchanged.
 *
 * The edits are kept per line of the file and applied at the end of the run, to a
 * temporary file that then takes the old one's name. Uses compare.c, parse.c's lines,
 * text.c.
 */
#include "slt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_updatable(const slt_run *run, const slt_record *rec)
{
    return run->options->is_update && rec->source == run->script.sources[0] &&
           run->vars.n == run->n_globals;
}

/* ---- edits ---- */

static slt_edit *edit_of(slt_run *run, size_t line)
{
    if (run->edits == NULL)
        run->edits = slt_alloc(run->script.sources[0]->n_lines * sizeof *run->edits);
    return &run->edits[line - 1];
}

static void add_behind(slt_run *run, size_t line, const char *text)
{
    const slt_source *source = run->script.sources[0];
    const char *eol = source->lines[line - 1].eol;
    if (*eol == '\0')
        eol = line > 1 ? source->lines[line - 2].eol : "\n";
    slt_buf_printf(&edit_of(run, line)->after, "%s%s", eol, text);
}

/*
 * Puts n lines in the place of the record's expected lines [first, end). A NULL line
 * stays as it is. Takes over lines.
 */
static void replace_lines(slt_run *run, const slt_record *rec, size_t first, size_t end,
                          char **lines, size_t n)
{
    size_t n_old = end - first;
    for (size_t i = 0; i < n_old; i++) {
        slt_edit *edit = edit_of(run, rec->expected[first + i]);
        edit->is_dropped = i >= n;
        if (i < n && lines[i] != NULL)
            edit->text = slt_strdup(lines[i]);
    }
    size_t behind = end ? rec->expected[end - 1] : rec->rule_line;
    if (behind == 0) {
        behind = rec->sql_line;
        add_behind(run, behind, "----");
    }
    for (size_t i = n_old; i < n; i++)
        add_behind(run, behind, lines[i]);
    slt_strings_free(lines, n);
}

/* Whether the lines would be read again as they were meant. */
static bool is_writable(char **lines, size_t n, char **error)
{
    for (size_t i = 0; i < n; i++) {
        const char *line = lines[i];
        if (line == NULL ||
            (!slt_is_blank(line) && line[0] != '#' && !strstr(line, "${")))
            continue;
        slt_buf text = {0};
        slt_buf_printf(&text, "not updated, as '%s' cannot be an expected line", line);
        *error = slt_buf_take(&text);
        return false;
    }
    return true;
}

/* ---- blocks ---- */

static char **hash_block(const slt_match *match)
{
    char **lines = slt_alloc(sizeof *lines);
    lines[0] = slt_hash_line(match->result);
    return lines;
}

/* What joins the values of a new line: as in the old one there, or else in the last. */
static const char *separator_at(const slt_match *match, size_t line)
{
    if (match->n_expected == 0)
        return " ";
    if (line >= match->n_expected)
        line = match->n_expected - 1;
    return strchr(match->expected[line], '\t') ? "\t" : " ";
}

/* The lines for the units that differ, NULL for one that matches after all. */
static char **unit_block(slt_match *match, size_t n)
{
    size_t n_old = match->n_expected - match->prefix - match->suffix;
    char **lines = slt_alloc(n * sizeof *lines);
    for (size_t i = 0; i < n; i++) {
        size_t unit = match->prefix + i;
        const char *separator = separator_at(match, unit);
        if (i >= n_old)
            lines[i] = slt_match_unit(match, unit, separator);
        else if (!slt_match_line(match, unit, unit))
            lines[i] = slt_match_merge(match, unit, unit, separator);
    }
    return lines;
}

bool slt_update_rows(slt_run *run, const slt_record *rec, slt_match *match, char **error)
{
    if (!is_updatable(run, rec) || match->error != NULL)
        return false;
    long long n_values = (long long)(match->result->n_rows * match->result->n_cols);
    long long threshold = run->settings.hash_threshold;
    if (match->is_hash || (threshold && n_values > threshold)) {
        replace_lines(run, rec, 0, rec->n_expected, hash_block(match), 1);
        return true;
    }
    size_t n = match->n_units - match->prefix - match->suffix;
    char **lines = unit_block(match, n);
    if (!is_writable(lines, n, error)) {
        slt_strings_free(lines, n);
        return false;
    }
    replace_lines(run, rec, match->prefix, rec->n_expected - match->suffix, lines, n);
    return true;
}

bool slt_update_error(slt_run *run, const slt_record *rec, const char *message,
                      char **error)
{
    if (!is_updatable(run, rec) || *error != NULL)
        return false;
    char **lines = NULL;
    size_t n = 0;
    for (const char *rest = message; *rest;) {
        size_t length = strcspn(rest, "\n");
        lines = slt_grow(lines, n, sizeof *lines);
        lines[n++] = slt_strndup(rest, length);
        rest += length + (rest[length] == '\n');
    }
    if (!is_writable(lines, n, error)) {
        slt_strings_free(lines, n);
        return false;
    }
    replace_lines(run, rec, 0, rec->n_expected, lines, n);
    return true;
}

/* ---- the file ---- */

static bool write_edited(const slt_run *run, FILE *file)
{
    const slt_source *source = run->script.sources[0];
    for (size_t i = 0; i < source->n_lines; i++) {
        const slt_edit *edit = &run->edits[i];
        if (edit->is_dropped)
            continue;
        fputs(edit->text ? edit->text : source->lines[i].text, file);
        if (edit->after.text != NULL)
            fputs(edit->after.text, file);
        fputs(source->lines[i].eol, file);
    }
    return !ferror(file);
}

/* Replaces the content of the file at path, keeping its permissions. */
static bool replace_file(const slt_run *run, const char *path, const char *temporary)
{
    struct stat status;
    FILE *file = fopen(temporary, "wb");
    if (file == NULL)
        return false;
    bool is_ok = write_edited(run, file) && stat(path, &status) == 0 &&
                 fchmod(fileno(file), status.st_mode & 07777) == 0;
    is_ok = fclose(file) == 0 && is_ok;
    is_ok = is_ok && rename(temporary, path) == 0;
    if (!is_ok) {
        int reason = errno;
        remove(temporary);
        errno = reason;
    }
    return is_ok;
}

bool slt_update_write(slt_run *run, char **error)
{
    slt_buf temporary = {0};
    if (run->edits == NULL)
        return true;
    /* Behind symbolic links, for the link itself to stay. */
    char *path = realpath(run->path, NULL);
    slt_buf_printf(&temporary, "%s.update", path ? path : run->path);
    bool is_ok = path != NULL && replace_file(run, path, temporary.text);
    if (!is_ok) {
        slt_buf text = {0};
        slt_buf_printf(&text, "cannot update the file: %s", strerror(errno));
        *error = slt_buf_take(&text);
    }
    free(temporary.text);
    free(path);
    return is_ok;
}

void slt_update_free(slt_run *run)
{
    for (size_t i = 0; run->edits != NULL && i < run->script.sources[0]->n_lines; i++) {
        free(run->edits[i].text);
        free(run->edits[i].after.text);
    }
    free(run->edits);
    run->edits = NULL;
}
