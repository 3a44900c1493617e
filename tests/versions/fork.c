/*
 * fork.c EXTENSION MODE: the child of a process that has multiplied can train. MODE says
 * who did: the host with two threads before the extension came, or the extension, or both.
 * OpenBLAS is the one that the extension loads. Exit status 0: the child trained.
 */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 400, ROW_MAJOR = 101, NO_TRANS = 111, SECONDS = 20 };

/* A product large enough that OpenBLAS starts its threads. */
static int multiply(void)
{
    static float a[SIZE * SIZE], b[SIZE * SIZE], c[SIZE * SIZE];
    void *blas = dlopen("libopenblas.so.0", RTLD_NOW);
    if (blas == NULL)
        return 1;
    void (*set_threads)(int);
    void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *,
                  int, float, float *, int);
    *(void **)&set_threads = dlsym(blas, "openblas_set_num_threads");
    *(void **)&sgemm = dlsym(blas, "cblas_sgemm");
    if (set_threads == NULL || sgemm == NULL)
        return 1;
    set_threads(2);
    for (int i = 0; i < SIZE * SIZE; i++)
        a[i] = b[i] = 1;
    sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c,
          SIZE);
    return c[0] == SIZE ? 0 : 1;
}

static int train(const char *extension)
{
    static const char sql[] =
        "CREATE TABLE clicks(session, item, ts);"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
        " INSERT INTO clicks SELECT i / 5, i * i % 71, i FROM n;"
        "CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=100, n_epochs=1);"
        "SELECT gru4rec_train('rec')";
    sqlite3 *db = NULL;
    char *message = NULL;
    int rc = sqlite3_open(":memory:", &db);
    sqlite3_enable_load_extension(db, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_load_extension(db, extension, NULL, &message);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    if (rc != SQLITE_OK)
        fprintf(stderr, "%s\n", message ? message : "cannot open");
    sqlite3_free(message);
    return sqlite3_close(db) == SQLITE_OK && rc == SQLITE_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    if (strcmp(argv[2], "host") != 0 && train(argv[1]) != 0)
        return 1;
    if (strcmp(argv[2], "extension") != 0 && multiply() != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS); /* a child that hangs is ended by this */
        exit(train(argv[1]));
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return 1;
    if (WIFSIGNALED(status))
        fprintf(stderr, "the child ended by signal %d\n", WTERMSIG(status));
    return status == 0 ? train(argv[1]) : 1;
}
