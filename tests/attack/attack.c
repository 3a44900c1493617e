/*
 * attack.c - see attack.h.
 */
#define _GNU_SOURCE
#include "attack.h"

#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANGS_AFTER = 120 /* seconds */ };

static const char *extension;
static char dir[64];
static double seconds = 1e9, end;
static uint64_t random_state = 1;
static long most_shown = 20;

/* What the child tells, also when it dies. */
static struct report {
    char where[500];
    long n_points, n_all, n_passed, n_failed;
    bool is_open, is_bad; /* the current point */
} * report;

double attack_seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void die(const char *what, const char *why)
{
    printf("FAIL  %s: %s: %s\n", report->where, what, why);
    fflush(stdout);
    _exit(2);
}

/* ---- points ---- */

static void close_point(void)
{
    if (report->is_open && report->is_bad)
        report->n_failed++;
    else if (report->is_open)
        report->n_passed++;
    report->is_open = report->is_bad = false;
}

void attack_point(const char *format, ...)
{
    va_list arguments;
    close_point();
    va_start(arguments, format);
    vsnprintf(report->where, sizeof report->where, format, arguments);
    va_end(arguments);
    report->is_open = true;
    report->n_points++;
}

bool attack_check(bool is_right, const char *format, ...)
{
    va_list arguments;
    if (is_right)
        return true;
    if (report->n_failed < most_shown) {
        printf("FAIL  %s: ", report->where);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
        fflush(stdout);
    }
    report->is_bad = true;
    return false;
}

void attack_count(long n_points)
{
    report->n_all += n_points;
}

bool attack_is_over(void)
{
    return attack_seconds() >= end;
}

static long divisor(long a, long b)
{
    return b == 0 ? a : divisor(b, a % b);
}

/* Multiples of a number near the golden section of n lie evenly at any time. */
long attack_spread(long k, long n)
{
    long step = (long)((double)n * 0.6180339887);
    while (n > 1 && (step < 1 || divisor(step, n) != 1))
        step++;
    return (long)((uint64_t)k * (uint64_t)step % (uint64_t)n);
}

uint64_t attack_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* ---- databases ---- */

const char *attack_path(const char *name)
{
    static char paths[8][200];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof *paths, "%s/%s", dir, name);
    return path;
}

sqlite3 *attack_open_bare(const char *name, const char *vfs)
{
    sqlite3 *db;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const char *path = *name == ':' ? name : attack_path(name);
    if (sqlite3_open_v2(path, &db, flags, vfs) != SQLITE_OK)
        die("opening", sqlite3_errmsg(db));
    sqlite3_enable_load_extension(db, 1);
    return db;
}

void attack_load(sqlite3 *db)
{
    char *message = NULL;
    if (sqlite3_load_extension(db, extension, NULL, &message) != SQLITE_OK)
        die("loading", message);
}

sqlite3 *attack_open(const char *name, const char *vfs)
{
    sqlite3 *db = attack_open_bare(name, vfs);
    attack_load(db);
    return db;
}

void attack_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sql, sqlite3_errmsg(db));
}

static void append_value(sqlite3_str *text, sqlite3_stmt *stmt, int i)
{
    const unsigned char *bytes = sqlite3_column_blob(stmt, i);
    if (sqlite3_column_type(stmt, i) == SQLITE_BLOB)
        for (int at = 0; at < sqlite3_column_bytes(stmt, i); at++)
            sqlite3_str_appendf(text, "%02x", bytes[at]);
    else
        sqlite3_str_appendf(text, "%s", sqlite3_column_text(stmt, i));
}

char *attack_ask(sqlite3 *db, int *rc, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_str *text = sqlite3_str_new(NULL);
    int result = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (result == SQLITE_OK && stmt != NULL &&
           (result = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            if (sqlite3_str_length(text) > 0)
                sqlite3_str_appendchar(text, 1, '|');
            append_value(text, stmt, i);
        }
        result = SQLITE_OK;
    }
    if (result == SQLITE_DONE)
        result = SQLITE_OK;
    if (result != SQLITE_OK) {
        sqlite3_str_reset(text);
        sqlite3_str_appendall(text, sqlite3_errmsg(db));
    }
    sqlite3_finalize(stmt);
    if (rc != NULL)
        *rc = result;
    char *answer = sqlite3_str_finish(text);
    return answer != NULL ? answer : sqlite3_mprintf("");
}

bool attack_is(sqlite3 *db, const char *sql, const char *answer)
{
    char *text = attack_ask(db, NULL, sql);
    const bool is_same = strcmp(text, answer) == 0;
    if (!is_same)
        attack_check(false, "%s gives '%.200s', not '%s'", sql, text, answer);
    sqlite3_free(text);
    return is_same;
}

static char savepoints[8][40];
static int n_savepoints;

void attack_remember_savepoint(const char *name)
{
    for (int i = 0; i < n_savepoints; i++)
        if (strcmp(savepoints[i], name) == 0)
            return;
    if (strcmp(name, "mine") != 0 && n_savepoints < 8)
        snprintf(savepoints[n_savepoints++], sizeof *savepoints, "%s", name);
}

const char *attack_left_savepoint(sqlite3 *db)
{
    char sql[80];
    for (int i = 0; i < n_savepoints; i++) {
        sqlite3_snprintf(sizeof sql, sql, "RELEASE \"%w\"", savepoints[i]);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
            return savepoints[i];
    }
    return NULL;
}

static void delete_journals(const char *name)
{
    static const char *const suffixes[] = {"-journal", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char path[250];
        snprintf(path, sizeof path, "%s%s", attack_path(name), suffixes[i]);
        unlink(path);
    }
}

void attack_delete(const char *name)
{
    delete_journals(name);
    unlink(attack_path(name));
}

void attack_copy(const char *from, const char *to)
{
    static char bytes[1 << 16];
    size_t n;
    delete_journals(to);
    FILE *in = fopen(attack_path(from), "rb"), *out = fopen(attack_path(to), "wb");
    if (in == NULL || out == NULL)
        die("copying", to);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        if (fwrite(bytes, 1, n, out) != n)
            die("copying", to);
    fclose(in);
    if (fclose(out) != 0)
        die("copying", to);
}

void attack_make_clicks(sqlite3 *db, const char *table, int n_sessions, int n_items,
                        int stride)
{
    char *sql = sqlite3_mprintf(
        "CREATE TABLE \"%w\"(session_id INTEGER, item_id INTEGER, ts INTEGER);"
        "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d - "
        "1),"
        " n(k) AS (VALUES (0), (1), (2), (3))"
        "INSERT INTO \"%w\" SELECT i, 1 + (i * 7 + k * (1 + i %% %d)) %% %d, i * 10 + k "
        "FROM s, n",
        table, n_sessions, table, stride, n_items);
    attack_run(db, sql);
    sqlite3_free(sql);
}

/* ---- the program ---- */

static const char *parse(int argc, char **argv)
{
    const char *mode = "";
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            random_state += strtoull(argv[++i], NULL, 10) * 0x9e3779b97f4a7c15u;
        else if (strcmp(argv[i], "--show") == 0 && i + 1 < argc)
            most_shown = atol(argv[++i]);
        else
            mode = argv[i];
    return mode;
}

static int delete_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Waits for the child; false when it made no progress for long, and was killed. */
static bool wait_for(pid_t child, int *status)
{
    long n_points = -1;
    double since = attack_seconds();
    while (waitpid(child, status, WNOHANG) == 0) {
        if (report->n_points != n_points) {
            n_points = report->n_points;
            since = attack_seconds();
        }
        if (attack_seconds() - since > HANGS_AFTER) {
            kill(child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
        usleep(20000);
    }
    return true;
}

static void judge(pid_t child)
{
    int status = 0;
    const bool has_ended = wait_for(child, &status);
    if (has_ended && status == 0)
        return;
    report->is_open = false;
    report->n_failed++;
    if (!has_ended)
        printf("FAIL  %s: hangs\n", report->where);
    else if (WIFSIGNALED(status))
        printf("FAIL  %s: signal %d\n", report->where, WTERMSIG(status));
    else
        printf("FAIL  %s: exit status %d\n", report->where, WEXITSTATUS(status));
}

static void print_note(const char *program, const char *mode)
{
    const char *name = strrchr(program, '/');
    printf("note  %s %s: %ld points", name != NULL ? name + 1 : program, mode,
           report->n_points);
    if (report->n_all > 0)
        printf(" of %ld", report->n_all);
    printf("\n%ld passed, %ld failed\n", report->n_passed, report->n_failed);
}

int attack_main(int argc, char **argv, void (*work)(const char *mode))
{
    if (argc < 2) {
        fprintf(stderr,
                "usage: %s EXTENSION [--seconds S] [--seed N] [--show N] [MODE]\n",
                *argv);
        return 2;
    }
    const char *mode = parse(argc, argv);
    extension = argv[1];
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(dir, sizeof dir, "%s/gru4rec-attack-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (report == MAP_FAILED || mkdtemp(dir) == NULL) {
        perror("attack");
        return 2;
    }
    end = attack_seconds() + seconds;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        work(mode);
        close_point();
        fflush(stdout);
        _exit(0);
    }
    judge(child);
    print_note(*argv, mode);
    nftw(dir, delete_one, 8, FTW_DEPTH | FTW_PHYS);
    return report->n_failed > 0 || report->n_passed == 0;
}
