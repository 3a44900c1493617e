/*
 * Test files -> records. A whole file is read before any of it runs, so that a bad file
 * fails as such and not half way.
 *
 * parse_lines() takes one directive line after another: skipif, onlyif and connection are
 * remembered for the next record, include descends into the other file, and the rest
 * become records; those of statement and query go on to the next blank line. Records of
 * included files stand among the others. A loop and its endloop must be in the same file.
 * Nothing is read behind a halt without conditions. Uses text.c and vars.c.
 */
#include "slt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_INCLUDE_DEPTH = 16 };

typedef struct parser {
    slt_script *script;
    const slt_options *options;
    const slt_source *source; /* being read */
    size_t at;                /* its next line, from 0 */
    size_t depth;             /* of includes */
    size_t *loops;            /* (n_loops) records of the loops that are open */
    size_t n_loops;
    size_t n_outer_loops; /* of these, opened in an including file */
    size_t prefix_line;   /* of a skipif, onlyif, connection that waits; or 0 */
    bool is_skipped;
    char *connection;
    bool is_halted;
    char *error;
} parser;

SLT_PRINTF(3, 4)
static bool fail(parser *p, size_t line, const char *format, ...)
{
    slt_buf text = {0};
    va_list args;
    va_start(args, format);
    if (line)
        slt_buf_printf(&text, "%s:%zu: ", p->source->path, line);
    slt_buf_vprintf(&text, format, args);
    va_end(args);
    p->error = slt_buf_take(&text);
    return false;
}

/* ---- sources ---- */

/* The content, NUL-terminated; NULL with errno set on failure. */
static char *read_content(const char *path, size_t *length)
{
    slt_buf content = {0};
    char chunk[1024];
    size_t n;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        slt_buf_add(&content, chunk, n);
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    if (failed) {
        free(content.text);
        errno = failed;
        return NULL;
    }
    *length = content.length;
    return slt_buf_take(&content);
}

static void split_lines(slt_source *source, const char *content)
{
    while (*content) {
        size_t length = strcspn(content, "\n");
        const char *next = content + length + (content[length] == '\n');
        const char *eol = next > content + length ? "\n" : "";
        if (*eol && length && content[length - 1] == '\r') {
            eol = "\r\n";
            length--;
        }
        source->lines = slt_grow(source->lines, source->n_lines, sizeof *source->lines);
        source->lines[source->n_lines].text = slt_strndup(content, length);
        source->lines[source->n_lines].eol = eol;
        source->n_lines++;
        content = next;
    }
}

static slt_source *add_source(parser *p, const char *path, size_t line)
{
    size_t length = 0;
    char *content = read_content(path, &length);
    if (content == NULL) {
        fail(p, line, "cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    if (strlen(content) != length) {
        fail(p, line, "'%s' contains a NUL byte", path);
        free(content);
        return NULL;
    }
    slt_script *script = p->script;
    slt_source *source = slt_alloc(sizeof *source);
    source->path = slt_strdup(path);
    split_lines(source, content);
    free(content);
    script->sources =
        slt_grow(script->sources, script->n_sources, sizeof *script->sources);
    script->sources[script->n_sources++] = source;
    return source;
}

/* ---- lines ---- */

static const char *line_text(const parser *p, size_t line)
{
    return p->source->lines[line - 1].text;
}

/* The rest of a line behind its first n words; the caller frees it. */
static char *behind_words(const char *text, size_t n)
{
    size_t length;
    while (n-- > 0)
        slt_word(&text, &length);
    return slt_trimmed(text);
}

static bool is_rule(const char *text)
{
    size_t length;
    const char *word = slt_word(&text, &length);
    return word != NULL && length == 4 && memcmp(word, "----", 4) == 0 &&
           slt_is_blank(text);
}

/* ---- statement and query ---- */

/*
 * Reads SQL and expected lines up to a blank line; sets sql, sql_line, rule_line,
 * expected.
 */
static bool parse_body(parser *p, slt_record *rec)
{
    slt_buf sql = {0};
    rec->sql_line = rec->line;
    for (; p->at < p->source->n_lines; p->at++) {
        size_t line = p->at + 1;
        const char *text = line_text(p, line);
        if (slt_is_blank(text))
            break;
        if (text[0] == '#')
            continue;
        if (rec->rule_line) {
            rec->expected =
                slt_grow(rec->expected, rec->n_expected, sizeof *rec->expected);
            rec->expected[rec->n_expected++] = line;
        } else if (is_rule(text)) {
            rec->rule_line = line;
        } else {
            slt_buf_printf(&sql, "%s%s", sql.length ? "\n" : "", text);
            rec->sql_line = line;
        }
    }
    rec->sql = slt_buf_take(&sql);
    if (slt_is_blank(rec->sql))
        return fail(p, rec->line, "no SQL below '%s'", rec->words[0]);
    return true;
}

static bool check_error_form(parser *p, slt_record *rec)
{
    if (rec->pattern != NULL && rec->rule_line)
        return fail(p, rec->line,
                    "an error message on the first line and under ---- too");
    return true;
}

static void take_pattern(const parser *p, slt_record *rec)
{
    rec->expect = SLT_EXPECT_ERROR;
    rec->pattern = behind_words(line_text(p, rec->line), 2);
    if (rec->pattern[0] == '\0') {
        free(rec->pattern);
        rec->pattern = NULL;
    }
}

static bool parse_statement(parser *p, slt_record *rec)
{
    const char *outcome = rec->words[1];
    if (strcmp(outcome, "error") == 0) {
        take_pattern(p, rec);
        return parse_body(p, rec) && check_error_form(p, rec);
    }
    bool is_count = strcmp(outcome, "count") == 0;
    if (!is_count && strcmp(outcome, "ok") != 0)
        return fail(p, rec->line, "statement must be ok, error or count, not '%s'",
                    outcome);
    if (rec->n_words != (is_count ? 3U : 2U))
        return fail(p, rec->line, "statement %s takes %s", outcome,
                    is_count ? "one number" : "no more words");
    rec->expect = is_count ? SLT_EXPECT_COUNT : SLT_EXPECT_OK;
    if (!parse_body(p, rec))
        return false;
    if (rec->rule_line)
        return fail(p, rec->rule_line, "statement %s takes no ---- block", outcome);
    return true;
}

static bool parse_sort(const char *word, slt_sort *sort)
{
    static const char *const names[] = {"nosort", "rowsort", "valuesort"};
    static const slt_sort sorts[] = {SLT_SORT_NONE, SLT_SORT_ROWS, SLT_SORT_VALUES};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i]) == 0) {
            *sort = sorts[i];
            return true;
        }
    }
    return false;
}

static bool parse_query(parser *p, slt_record *rec)
{
    const char *types = rec->words[1];
    if (strcmp(types, "error") == 0) {
        take_pattern(p, rec);
        return parse_body(p, rec) && check_error_form(p, rec);
    }
    if (types[strspn(types, "TIR")] != '\0')
        return fail(p, rec->line, "query types must be made of T, I and R, not '%s'",
                    types);
    if (rec->n_words > 2 && !parse_sort(rec->words[2], &rec->sort))
        return fail(p, rec->line, "sort must be nosort, rowsort or valuesort, not '%s'",
                    rec->words[2]);
    if (rec->n_words > 4)
        return fail(p, rec->line, "unexpected word '%s' behind query", rec->words[4]);
    rec->expect = SLT_EXPECT_ROWS;
    rec->types = slt_strdup(types);
    if (rec->n_words > 3)
        rec->label = slt_strdup(rec->words[3]);
    return parse_body(p, rec);
}

/* ---- other records ---- */

static bool parse_halt(parser *p, slt_record *rec)
{
    p->is_halted = !rec->is_skipped && p->prefix_line == 0 && p->n_loops == 0;
    return true;
}

/* A whole number at the start of text, not negative; moves *text behind it. */
static bool parse_number(const char **text, long long *number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *number = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0;
}

static bool parse_hash_threshold(parser *p, slt_record *rec)
{
    const char *text = rec->words[1];
    if (!parse_number(&text, &rec->number) || *text)
        return fail(p, rec->line, "hash-threshold must be a number, not '%s'",
                    rec->words[1]);
    return true;
}

static bool parse_sleep(parser *p, slt_record *rec)
{
    const char *text = rec->words[1];
    if (!parse_number(&text, &rec->number) || rec->number > 3600000 ||
        (strcmp(text, "ms") != 0 && strcmp(text, "s") != 0))
        return fail(p, rec->line, "sleep must be like 10ms or 1s, not '%s'",
                    rec->words[1]);
    if (text[0] == 's')
        rec->number *= 1000;
    return true;
}

bool slt_control(slt_settings *settings, const char *name, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    bool is_number = end > value && *end == '\0';
    if (strcmp(name, "sortmode") == 0)
        return parse_sort(value, &settings->sort);
    if (strcmp(name, "resultmode") == 0) {
        settings->is_valuewise = strcmp(value, "valuewise") == 0;
        return settings->is_valuewise || strcmp(value, "rowwise") == 0;
    }
    if (strcmp(name, "float-digits") == 0) {
        if (!is_number || !(number >= 0 && number <= 17) || number != (int)number)
            return false;
        settings->float_digits = (int)number;
        return true;
    }
    if (strcmp(name, "float-tolerance") == 0) {
        if (!is_number || !(number >= 0 && number < 1))
            return false;
        settings->tolerance = number;
        return true;
    }
    return false;
}

static bool parse_control(parser *p, slt_record *rec)
{
    slt_settings unused = {0};
    if (!slt_control(&unused, rec->words[1], rec->words[2]))
        return fail(p, rec->line, "unknown control '%s %s'", rec->words[1],
                    rec->words[2]);
    return true;
}

static bool parse_loop(parser *p, slt_record *rec)
{
    if (!slt_vars_name_ok(rec->words[1], strlen(rec->words[1])))
        return fail(p, rec->line, "'%s' cannot be the name of a variable", rec->words[1]);
    p->loops = slt_grow(p->loops, p->n_loops, sizeof *p->loops);
    p->loops[p->n_loops++] = p->script->n_records;
    return true;
}

static bool parse_endloop(parser *p, slt_record *rec)
{
    if (p->n_loops == p->n_outer_loops)
        return fail(p, rec->line, "endloop without loop or foreach");
    p->script->records[p->loops[--p->n_loops]].end = p->script->n_records;
    return true;
}

static bool parse_nothing(parser *p, slt_record *rec)
{
    (void)p;
    (void)rec;
    return true;
}

typedef struct directive {
    const char *name;
    slt_kind kind;
    size_t min_words; /* with the name itself */
    size_t max_words; /* 0: any number */
    bool (*parse)(parser *p, slt_record *rec);
} directive;

static const directive directives[] = {
    {"statement", SLT_STATEMENT, 2, 0, parse_statement},
    {"query", SLT_QUERY, 2, 0, parse_query},
    {"halt", SLT_HALT, 1, 1, parse_halt},
    {"hash-threshold", SLT_HASH_THRESHOLD, 2, 2, parse_hash_threshold},
    {"control", SLT_CONTROL, 3, 3, parse_control},
    {"require", SLT_REQUIRE, 2, 4, parse_nothing},
    {"restart", SLT_RESTART, 1, 1, parse_nothing},
    {"reconnect", SLT_RESTART, 1, 1, parse_nothing},
    {"sleep", SLT_SLEEP, 2, 2, parse_sleep},
    {"loop", SLT_LOOP, 4, 4, parse_loop},
    {"foreach", SLT_FOREACH, 3, 0, parse_loop},
    {"endloop", SLT_ENDLOOP, 1, 1, parse_endloop},
};

static const directive *find_directive(const char *name)
{
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        if (strcmp(directives[i].name, name) == 0)
            return &directives[i];
    return NULL;
}

/* ---- conditions, connections, includes ---- */

/* Takes a skipif, onlyif or connection line, which belongs to the next record. */
static bool parse_prefix(parser *p, const slt_record *rec)
{
    const char *name = rec->words[1];
    p->prefix_line = rec->line;
    if (strcmp(rec->words[0], "connection") == 0) {
        free(p->connection);
        p->connection = slt_strdup(name);
        return true;
    }
    bool is_ours = strcasecmp(name, "sqlite") == 0 ||
                   slt_vars_find(&p->options->defines, name, strlen(name)) != NULL;
    if (is_ours == (strcmp(rec->words[0], "skipif") == 0))
        p->is_skipped = true;
    return true;
}

static bool is_prefix(const char *word)
{
    return strcmp(word, "skipif") == 0 || strcmp(word, "onlyif") == 0 ||
           strcmp(word, "connection") == 0;
}

/* Gives the record what the lines above it said. */
static bool apply_prefix(parser *p, slt_record *rec)
{
    bool is_sql = rec->kind == SLT_STATEMENT || rec->kind == SLT_QUERY;
    if (p->prefix_line && (rec->kind >= SLT_LOOP || (p->connection != NULL && !is_sql)))
        return fail(p, p->prefix_line, "this line cannot apply to '%s'", rec->words[0]);
    rec->is_skipped = p->is_skipped;
    rec->connection = p->connection;
    p->is_skipped = false;
    p->connection = NULL;
    return true;
}

static bool parse_lines(parser *p, const slt_source *source);

/* The path of an included file, relative to the including one. */
static char *include_path(const char *from, const char *path)
{
    slt_buf text = {0};
    const char *slash = strrchr(from, '/');
    if (path[0] != '/' && slash != NULL)
        slt_buf_add(&text, from, (size_t)(slash + 1 - from));
    slt_buf_add(&text, path, strlen(path));
    return slt_buf_take(&text);
}

static bool parse_include(parser *p, const slt_record *rec)
{
    if (p->prefix_line)
        return fail(p, p->prefix_line, "this line cannot apply to 'include'");
    if (p->depth == MAX_INCLUDE_DEPTH)
        return fail(p, rec->line, "more than %d includes inside each other",
                    MAX_INCLUDE_DEPTH);
    char *path = include_path(p->source->path, rec->words[1]);
    const slt_source *included = add_source(p, path, rec->line);
    free(path);
    if (included == NULL)
        return false;

    parser outer = *p;
    p->n_outer_loops = p->n_loops;
    p->depth++;
    bool is_ok = parse_lines(p, included);
    p->source = outer.source;
    p->at = outer.at;
    p->n_outer_loops = outer.n_outer_loops;
    p->depth = outer.depth;
    return is_ok;
}

/* ---- files ---- */

static void free_record(slt_record *rec)
{
    slt_strings_free(rec->words, rec->n_words);
    free(rec->connection);
    free(rec->types);
    free(rec->label);
    free(rec->pattern);
    free(rec->sql);
    free(rec->expected);
}

/*
 * Words of the directive's own line are in rec. Takes over *rec if it becomes a record.
 */
static bool parse_directive(parser *p, slt_record *rec, bool *is_record)
{
    const char *name = rec->words[0];
    if (is_prefix(name) || strcmp(name, "include") == 0) {
        if (rec->n_words != 2)
            return fail(p, rec->line, "'%s' takes one word", name);
        return is_prefix(name) ? parse_prefix(p, rec) : parse_include(p, rec);
    }
    const directive *found = find_directive(name);
    if (found == NULL)
        return fail(p, rec->line, "unknown directive '%s'", name);
    if (rec->n_words < found->min_words ||
        (found->max_words && rec->n_words > found->max_words))
        return fail(p, rec->line, "too %s words behind '%s'",
                    rec->n_words < found->min_words ? "few" : "many", name);
    rec->kind = found->kind;
    if (!apply_prefix(p, rec) || !found->parse(p, rec))
        return false;
    p->prefix_line = 0;
    slt_script *script = p->script;
    script->records =
        slt_grow(script->records, script->n_records, sizeof *script->records);
    script->records[script->n_records++] = *rec;
    *is_record = true;
    return true;
}

static bool parse_lines(parser *p, const slt_source *source)
{
    p->source = source;
    p->at = 0;
    while (p->at < source->n_lines && !p->is_halted) {
        const char *text = source->lines[p->at++].text;
        if (slt_is_blank(text) || text[0] == '#')
            continue;
        slt_record rec = {.source = source, .line = p->at};
        bool is_record = false;
        rec.words = slt_split(text, &rec.n_words);
        bool is_ok = parse_directive(p, &rec, &is_record);
        if (!is_record)
            free_record(&rec);
        if (!is_ok)
            return false;
    }
    if (p->prefix_line && !p->is_halted)
        return fail(p, p->prefix_line, "no record follows this line");
    if (p->n_loops > p->n_outer_loops)
        return fail(p, p->script->records[p->loops[p->n_loops - 1]].line,
                    "this loop has no endloop");
    return true;
}

bool slt_parse(slt_script *script, const char *path, const slt_options *options,
               char **error)
{
    *script = (slt_script){0};
    parser p = {.script = script, .options = options};
    const slt_source *source = add_source(&p, path, 0);
    bool is_ok = source != NULL && parse_lines(&p, source);
    free(p.loops);
    free(p.connection);
    *error = p.error;
    return is_ok;
}

const char *slt_expected(const slt_record *record, size_t i)
{
    return record->source->lines[record->expected[i] - 1].text;
}

void slt_script_free(slt_script *script)
{
    for (size_t i = 0; i < script->n_records; i++)
        free_record(&script->records[i]);
    free(script->records);
    for (size_t i = 0; i < script->n_sources; i++) {
        slt_source *source = script->sources[i];
        for (size_t line = 0; line < source->n_lines; line++)
            free(source->lines[line].text);
        free(source->lines);
        free(source->path);
        free(source);
    }
    free(script->sources);
    *script = (slt_script){0};
}
