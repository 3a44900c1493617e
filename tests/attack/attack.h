/*
 * attack.h - what the programs of tests/attack share.
 *
 * A program does its work in a child process, so that a crash or a hang of the child is a
 * failure that says where it happened. The work is a set of points, each tried once.
 * Where the time does not suffice for all of them, those that are tried lie evenly among
 * all. A point passes when all of its checks hold.
 *
 * The command line is EXTENSION [--seconds S] [--seed N] [--show N] [MODE]; --show says
 * how many failures are printed. The output ends with a note that counts the points, and with
 * "N passed, N failed".
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* The whole program: parses the command line and runs work(mode) in a child. The mode is
 * "" where none is given. Returns the exit status. */
int attack_main(int argc, char **argv, void (*work)(const char *mode));

/* ---- points ---- */

/* Begins a point: printf-like text that says which one it is. Ends the one before. */
void attack_point(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A check of the current point. format says what is wrong; only the first failures of a
 * program are printed. Returns is_right. */
bool attack_check(bool is_right, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many points there are in all, for the note at the end. */
void attack_count(long n_points);

bool attack_is_over(void);   /* the time */
double attack_seconds(void); /* on a clock that only goes forward */

/* The k-th of the numbers 0 to n-1, each of which comes once for k = 0 to n-1. The first
 * ones lie evenly among all. */
long attack_spread(long k, long n);

uint64_t attack_random(void); /* from the seed */

/* ---- databases ---- */

/* Opens a file of the work directory with the extension loaded; vfs may be NULL. A
 * failure ends the program. */
sqlite3 *attack_open(const char *name, const char *vfs);

/* The same without the extension. */
sqlite3 *attack_open_bare(const char *name, const char *vfs);
void attack_load(sqlite3 *db);

void attack_run(sqlite3 *db,
                const char *sql); /* SQL that must succeed, or the program ends */

/* All values of all rows as text, BLOBs in hex; on an error its message. rc may be NULL.
 * The caller frees the text with sqlite3_free(). */
char *attack_ask(sqlite3 *db, int *rc, const char *sql);

/* Is the answer this text? */
bool attack_is(sqlite3 *db, const char *sql, const char *answer);

/* What an authorizer of a test tells: the name of a savepoint that a call has made. */
void attack_remember_savepoint(const char *name);

/* The name of one of those that is open, which is released, or NULL. */
const char *attack_left_savepoint(sqlite3 *db);

/* A new file with the bytes of another, without a journal. Both lie in the work
 * directory. */
void attack_copy(const char *from, const char *to);
void attack_delete(const char *name); /* with its journals */

/* The path of a file in the work directory; valid for the next few calls. */
const char *attack_path(const char *name);

/* A table clicks(session_id, item_id, ts) of sessions that walk along a path of items. */
void attack_make_clicks(sqlite3 *db, const char *table, int n_sessions, int n_items,
                        int stride);

#endif
