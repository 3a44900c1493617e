/*
 * sqllogictest runner: what its files share. The dialect is described in README.md.
 *
 *   main.c      options, totals, exit status
 *   run.c       one test file: a fresh database, its records, loops, final checks
 *   check.c     one statement or query: run it, then pass, update or fail it
 *   report.c    failures for the reader, and where a crash happened
 *   parse.c     test files -> records
 *   update.c    --update: new expected blocks, the file written back
 *   compare.c   sorting, hashing and matching of results
 *   db.c        connections; SQL -> rendered values
 *   vars.c      ${name}
 *   text.c      memory, growing strings, words, regular expressions
 *
 * Each file uses only those below it. Memory comes from the C library, never from
 * sqlite3_malloc(): at the end of a file all that SQLite still counts is a leak of the
 * code under test. Running out of memory ends the program with status 2, so no function
 * here reports it.
 */
#ifndef SLT_H
#define SLT_H

#define _XOPEN_SOURCE 700

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#if defined(__GNUC__)
#define SLT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SLT_PRINTF(text, first)
#endif

/* ---- text.c ---- */

void *slt_alloc(size_t bytes); /* zeroed */
char *slt_strdup(const char *text);
char *slt_strndup(const char *text, size_t length);
/* Returns array with room for one more than its n items. */
void *slt_grow(void *array, size_t n, size_t item_bytes);

/* A growing string; all zero is an empty one. */
typedef struct slt_buf {
    char *text; /* NUL-terminated, or NULL while nothing was added */
    size_t length;
    size_t capacity;
} slt_buf;

void slt_buf_add(slt_buf *buf, const char *text, size_t length);
void slt_buf_printf(slt_buf *buf, const char *format, ...) SLT_PRINTF(2, 3);
void slt_buf_vprintf(slt_buf *buf, const char *format, va_list args) SLT_PRINTF(2, 0);
char *slt_buf_take(slt_buf *buf); /* the caller frees it; never NULL; empties buf */

bool slt_is_space(char c);
bool slt_is_blank(const char *text);
/* The next word of *text, which is moved behind it; NULL when there is none. */
const char *slt_word(const char **text, size_t *length);
char **slt_split(const char *text, size_t *n); /* into words; slt_strings_free */
char *slt_trimmed(const char *text); /* a copy without white space at its ends */
bool slt_same_words(const char *a, const char *b);
void slt_strings_free(char **strings, size_t n);

/*
 * POSIX extended regular expression. whole: all of text must match, not a part of it.
 * A bad pattern matches nothing and sets *error (the caller frees it) if that is NULL.
 */
bool slt_regex_match(const char *pattern, const char *text, bool whole, char **error);

/* ---- vars.c ---- */

/* A stack of names: the later of two equal names hides the earlier. */
typedef struct slt_vars {
    struct slt_var {
        char *name;
        char *value;
    } * items;
    size_t n;
} slt_vars;

bool slt_vars_name_ok(const char *name, size_t length);
void slt_vars_push(slt_vars *vars, const char *name, const char *value);
void slt_vars_pop(slt_vars *vars);
const char *slt_vars_find(const slt_vars *vars, const char *name, size_t length);
/*
 * Replaces every ${name}. NULL and *error set (the caller frees it) for an unknown name.
 */
char *slt_vars_expand(const slt_vars *vars, const char *text, char **error);
void slt_vars_free(slt_vars *vars);

/* ---- settings of the program and of one file ---- */

typedef struct slt_options {
    char **extensions; /* paths */
    size_t n_extensions;
    slt_vars defines;
    const char *dir; /* where the databases go */
    bool is_update;
    bool is_verbose;
    bool is_keep;
} slt_options;

typedef enum { SLT_SORT_UNSET, SLT_SORT_NONE, SLT_SORT_ROWS, SLT_SORT_VALUES } slt_sort;

typedef struct slt_settings {
    slt_sort sort;
    bool is_valuewise;
    int float_digits;
    double tolerance;         /* 0: compare R columns as text */
    long long hash_threshold; /* 0: never write a hash */
} slt_settings;

/* ---- db.c ---- */

typedef struct slt_value {
    char *text;   /* as rendered */
    double real;  /* where is_real */
    bool is_real; /* a value of an R column, not NULL */
} slt_value;

typedef struct slt_result {
    slt_value *values; /* (n_rows, n_cols) row-major */
    size_t n_rows;
    size_t n_cols;
} slt_result;

typedef struct slt_outcome {
    char *misuse;      /* not one command, wrong columns: never expected; or NULL */
    char *error;       /* SQLite's message when it failed, or NULL */
    long long changes; /* rows changed by the command */
    slt_result result; /* empty when types was NULL */
} slt_outcome;

/* The connections of one test file, each opened at its first use. */
typedef struct slt_db {
    const slt_options *options;
    char *path;
    struct slt_connection {
        char *name;
        sqlite3 *db;
    } * items;
    size_t n;
} slt_db;

/* NULL and *error set (the caller frees it) on failure. */
sqlite3 *slt_db_get(slt_db *db, const char *name, char **error);
/* Closes all. True if each sqlite3_close() was clean; *error as above. */
bool slt_db_close(slt_db *db, char **error);
/*
 * Runs one SQL command to its end. types: T, I or R per column, to collect the rows; NULL
 * to drop them. settings: how to render R.
 */
void slt_execute(slt_outcome *out, sqlite3 *db, const char *sql, const char *types,
                 const slt_settings *settings);
void slt_outcome_free(slt_outcome *out);

/* ---- compare.c ---- */

#define SLT_HASH_BYTES 33 /* MD5 in hex, and NUL */

void slt_result_sort(slt_result *result, slt_sort sort);
void slt_result_hash(const slt_result *result, char hash[SLT_HASH_BYTES]);

/*
 * A result against its expected block. A unit is what one expected line stands for: a
 * row, or a value. prefix and suffix count the units that match at either end; the middle
 * differs.
 */
typedef struct slt_match {
    const slt_result *result;
    char **expected; /* (n_expected) lines, variables replaced; borrowed */
    size_t n_expected;
    bool is_exact; /* white space counts */
    bool is_by_value;
    bool is_hash; /* the block is one line with a hash; no units then */
    bool is_equal;
    double tolerance;
    size_t n_units;
    size_t prefix;
    size_t suffix;
    char *error; /* bad <REGEX>:, or NULL; the caller frees it */
} slt_match;

void slt_match_init(slt_match *match, const slt_result *result, slt_sort sort,
                    char **expected, size_t n_expected, const slt_settings *settings);
bool slt_match_line(slt_match *match, size_t line, size_t unit);
/* The unit as an expected line, its values joined by separator; the caller frees it. */
char *slt_match_unit(const slt_match *match, size_t unit, const char *separator);
/*
 * The same, but with the parts of the expected line that hold as they are written there.
 */
char *slt_match_merge(slt_match *match, size_t line, size_t unit, const char *separator);
/* The expected form of a hash; the caller frees it. */
char *slt_hash_line(const slt_result *result);

/* ---- parse.c ---- */

typedef struct slt_line {
    char *text;      /* without its end */
    const char *eol; /* "\n", "\r\n", or "" at the end of a file */
} slt_line;

typedef struct slt_source {
    char *path;
    slt_line *lines;
    size_t n_lines;
} slt_source;

typedef enum {
    SLT_STATEMENT,
    SLT_QUERY,
    SLT_HALT,
    SLT_HASH_THRESHOLD,
    SLT_CONTROL,
    SLT_REQUIRE,
    SLT_RESTART,
    SLT_SLEEP,
    SLT_LOOP,
    SLT_FOREACH,
    SLT_ENDLOOP
} slt_kind;

typedef enum {
    SLT_EXPECT_OK,
    SLT_EXPECT_COUNT,
    SLT_EXPECT_ERROR,
    SLT_EXPECT_ROWS
} slt_expect;

typedef struct slt_record {
    slt_kind kind;
    const slt_source *source;
    size_t line;     /* of its first word, from 1 */
    bool is_skipped; /* by skipif or onlyif */
    char **words;    /* of the first line */
    size_t n_words;
    long long number; /* hash-threshold, sleep (milliseconds), statement count */
    size_t end;       /* loops: index of the endloop record */
    /* statement and query */
    slt_expect expect;
    slt_sort sort;
    char *connection; /* or NULL */
    char *types;      /* or NULL */
    char *label;      /* or NULL */
    char *pattern;    /* error message asked for on the first line, or NULL */
    char *sql;
    size_t sql_line;  /* last line of the SQL, from 1 */
    size_t rule_line; /* of ----, or 0 */
    size_t *expected; /* line numbers below ----, comments left out */
    size_t n_expected;
} slt_record;

typedef struct slt_script {
    slt_source **sources; /* the test file, then what it includes */
    size_t n_sources;
    slt_record *records;
    size_t n_records;
} slt_script;

/* False and *error = "file:line: what" (the caller frees it) for a bad file. */
bool slt_parse(slt_script *script, const char *path, const slt_options *options,
               char **error);
void slt_script_free(slt_script *script);
/* Expected line i of the record, as written. */
const char *slt_expected(const slt_record *record, size_t i);
/* Applies an argument of `control`; false when it is none. */
bool slt_control(slt_settings *settings, const char *name, const char *value);

/* ---- one test file while it runs: run.c, check.c, report.c, update.c ---- */

/* What becomes of one line of the file when it is written back. */
typedef struct slt_edit {
    bool is_dropped;
    char *text;    /* instead of the line, or NULL */
    slt_buf after; /* "<eol>line" for each line added behind it */
} slt_edit;

typedef struct slt_label {
    char *name;
    char hash[SLT_HASH_BYTES];
    size_t line;
} slt_label;

typedef struct slt_counts {
    long long passed; /* statements and queries; an updated one has passed */
    long long failed;
    long long skipped;
    long long updated;
} slt_counts;

typedef struct slt_run {
    const slt_options *options;
    const char *path;
    slt_script script;
    slt_settings settings;
    slt_vars vars;    /* specials and defines, then those of loops */
    size_t n_globals; /* how many of vars are not of loops */
    slt_db db;
    char *dir; /* of the database */
    slt_label *labels;
    size_t n_labels;
    slt_edit *edits; /* one per line of the file, or NULL while there are none */
    slt_counts counts;
    char *skip_reason; /* of the whole file, or NULL */
    bool is_stopped;
} slt_run;

void slt_run_file(const char *path, const slt_options *options, slt_counts *totals);

/* check.c */
void slt_check_record(slt_run *run, const slt_record *record);

/* report.c; record, sql and details may be NULL; details are printed as they are. */
void slt_fail(slt_run *run, const slt_record *record, const char *sql,
              const char *details, const char *format, ...) SLT_PRINTF(5, 6);
char *slt_diff(slt_match *match); /* the caller frees it */
void slt_crash_install(void);
/* Remembers where the run is, for the message of a crash. */
void slt_crash_note(const slt_record *record);

/*
 * update.c: record new expected lines for a block; the file changes in
 * slt_update_write(). False when they cannot be written, with the reason in *error (the
 * caller frees it), or when this record is not to be updated (*error stays NULL).
 */
bool slt_update_rows(slt_run *run, const slt_record *record, slt_match *match,
                     char **error);
bool slt_update_error(slt_run *run, const slt_record *record, const char *message,
                      char **error);
bool slt_update_write(slt_run *run, char **error);
void slt_update_free(slt_run *run);

#endif
