/*
 * ext_mpi_job.c - opens and closes a job of all ranks; see ext_mpi.h.
 *
 * To compare what must be equal, each rank gives lines "name=value". The ranks compare
 * all of them with those of rank 0, so all ranks find the same difference.
 */
#include "ext_mpi.h"

#include <string.h>

/*
 * Options that a rank may have for itself: no weight depends on them. (JSON array)
 */
static const char free_options[] =
    "[\"threads\",\"memory_limit\",\"verbose\",\"commit_wait\",\"keep_versions\","
    "\"keep_candidates\",\"keep_history\"]";

/* ---- what must be equal ---- */

/*
 * Sets *kernels to the name of the kernels in bfloat16, if the options (JSON or NULL) say
 * that a training multiplies in it, else to NULL.
 */
static int find_kernels(const char **kernels, sqlite3 *db, const char *options,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    *kernels = NULL;
    int rc = ext_sql_prepare(db, &stmt, error,
                             "SELECT json_extract(coalesce(%Q, '{}'), '$.precision') = "
                             "'bfloat16'",
                             options);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && sqlite3_column_int(stmt, 0))
        *kernels = gru4rec_bfloat16_kernels();
    return ext_sql_finish(stmt, rc, "reading the options", error);
}

/*
 * Returns the lines of this rank, which the caller frees by sqlite3_free(). NULL: the
 * error is set.
 */
static char *write_lines(sqlite3 *db, const char *options, ext_error *error)
{
    sqlite3_stmt *stmt;
    gru4rec_build build;
    const char *kernels;
    char *lines = NULL;
    gru4rec_build_facts(&build);
    if (find_kernels(&kernels, db, options, error) != SQLITE_OK)
        return NULL;
    int rc = ext_sql_prepare(
        db, &stmt, error,
        "SELECT 'version of gru4rec=%q' || char(10) || 'instruction set=%q' || char(10) "
        "|| 'kernels of BLAS=%q' || char(10) || 'BLAS=%q' || char(10) || "
        "'size of numbers=%d bits' || char(10) || "
        "coalesce('kernels in bfloat16=' || %Q || char(10), '') || coalesce((SELECT group_concat('option ' || "
        "key || '=' || value, char(10)) FROM json_each(coalesce(%Q, '{}')) WHERE key NOT "
        "IN (SELECT value FROM json_each(%Q))), '')",
        GRU4REC_VERSION, build.simd, build.blas_core, build.blas,
        8 * (int)sizeof(gru4rec_real), kernels, options, free_options);
    if (rc != SQLITE_OK)
        return NULL;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (lines = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_sql_fail_null(stmt, error);
    if (ext_sql_finish(stmt, rc, "writing the options", error) == SQLITE_OK)
        return lines;
    sqlite3_free(lines);
    return NULL;
}

/* A part of a text, without an end of its own. */
typedef struct span {
    const char *text;
    int n;
} span;

/* Cuts the first line off *rest, and returns it, without its newline. */
static span cut_line(span *rest)
{
    const char *end = rest->n > 0 ? memchr(rest->text, '\n', (size_t)rest->n) : NULL;
    const span line = {rest->text, end != NULL ? (int)(end - rest->text) : rest->n};
    const int n = end != NULL ? line.n + 1 : line.n;
    *rest = (span){rest->text + n, rest->n - n};
    return line;
}

static bool is_same(span a, span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.text, b.text, (size_t)a.n) == 0);
}

/* Line number i of a rank, from 0; empty behind the last. */
static span line_of(const ext_mpi_job *job, int rank, int i)
{
    span rest = {job->all + job->offsets[rank], job->sizes[rank]};
    span line = cut_line(&rest);
    while (i-- > 0)
        line = cut_line(&rest);
    return line;
}

/* Appends ", 'value' on ranks 1, 3", of all ranks whose line i is that of a rank. */
static void append_value(sqlite3_str *text, const ext_mpi_job *job, int of, int i)
{
    const span line = line_of(job, of, i);
    const char *at = line.n > 0 ? memchr(line.text, '=', (size_t)line.n) : NULL;
    const int n_name = at != NULL ? (int)(at - line.text) + 1 : 0;
    int n = 0;
    for (int rank = of; rank < job->comm->n_ranks; rank++)
        n += is_same(line, line_of(job, rank, i));
    sqlite3_str_appendf(text, "%s'%.*s' on rank%s", of > 0 ? ", " : "", line.n - n_name,
                        line.text + n_name, n > 1 ? "s" : "");
    int n_shown = 0;
    for (int rank = of; rank < job->comm->n_ranks && n_shown < 8; rank++)
        if (is_same(line, line_of(job, rank, i)))
            sqlite3_str_appendf(text, "%s%d", n_shown++ > 0 ? ", " : " ", rank);
    if (n > n_shown)
        sqlite3_str_appendf(text, " and %d more", n - n_shown);
}

/* Makes the error of line i, in which some rank differs from rank 0. */
static int fail_different(const ext_mpi_job *job, int i, ext_error *error)
{
    enum { MOST_VALUES = 4 };
    const span line = line_of(job, 0, i);
    const int n_name = (int)strcspn(line.text, "=");
    int shown[MOST_VALUES], n_shown = 0;
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (int rank = 0; rank < job->comm->n_ranks && n_shown < MOST_VALUES; rank++) {
        bool is_shown = false;
        for (int k = 0; k < n_shown; k++)
            is_shown |= is_same(line_of(job, shown[k], i), line_of(job, rank, i));
        if (is_shown)
            continue;
        append_value(text, job, rank, i);
        shown[n_shown++] = rank;
    }
    char *values = sqlite3_str_finish(text);
    if (values == NULL)
        return ext_error_nomem(error);
    ext_error_set(error, SQLITE_ERROR,
                  "the ranks differ in %.*s: %s; use the same build, the same kind of "
                  "processor and the same options on all ranks",
                  n_name, line.text, values);
    sqlite3_free(values);
    return error->rc;
}

/* Compares the lines of all ranks, which the job has. */
static int compare_lines(const ext_mpi_job *job, ext_error *error)
{
    for (int i = 0;; i++) {
        const span line = line_of(job, 0, i);
        int n_rest = line.n;
        for (int rank = 1; rank < job->comm->n_ranks; rank++) {
            const span other = line_of(job, rank, i);
            if (!is_same(line, other))
                return fail_different(job, i, error);
            n_rest += other.n;
        }
        if (n_rest == 0)
            return SQLITE_OK;
    }
}

int ext_mpi_job_compare(ext_mpi_job *job, sqlite3 *db, const char *options,
                        ext_error *error)
{
    bool stop = false;
    gru4rec_error message = {0};
    char *lines = write_lines(db, options, error);
    if (lines == NULL)
        return error->rc; /* ext_mpi_job_close() tells the others */
    const gru4rec_status status =
        ext_mpi_exchange_bytes(job, EXT_MPI_AGREE, lines, strlen(lines), &stop, &message);
    sqlite3_free(lines);
    if (ext_error_library(error, status, &message) != SQLITE_OK)
        return error->rc;
    if (stop)
        return ext_error_set(error, job->is_interrupt ? SQLITE_INTERRUPT : SQLITE_ERROR,
                             "%s", job->reason);
    if (compare_lines(job, error) != SQLITE_OK)
        job->is_over = true; /* on all ranks */
    return error->rc;
}

/* ---- a job ---- */

int ext_mpi_job_open(ext_mpi_job *job, const ext_mpi_request *request, ext_error *error)
{
    gru4rec_error message = {0};
    *job = (ext_mpi_job){
        .is_stopped = request->is_stopped,
        .context = request->context,
        .allocator = request->allocator != NULL ? *request->allocator : ext_memory,
    };
    gru4rec_status status = ext_mpi_comm_start(job, &message);
    if (status != GRU4REC_OK) {
        *job = (ext_mpi_job){0};
        return ext_error_library(error, status, &message);
    }
    status = ext_mpi_head_meet(job, request->call, &message);
    job->is_over |= status != GRU4REC_OK;
    if (status == GRU4REC_OK)
        status = ext_mpi_exchange_init(job, &message);
    return ext_error_library(error, status, &message) == SQLITE_OK
               ? SQLITE_OK
               : ext_mpi_job_close(job, error);
}

gru4rec_ranks ext_mpi_job_hooks(ext_mpi_job *job)
{
    return (gru4rec_ranks){
        .n_ranks = job->comm->n_ranks,
        .rank = job->comm->rank,
        .gather = ext_mpi_exchange_gather,
        .memory = ext_mpi_sum_memory,
        .sum = ext_mpi_sum,
        .share_rows = ext_mpi_exchange_rows,
        .agree = ext_mpi_exchange_agree,
        .context = job,
    };
}

bool ext_mpi_job_is_stopped(void *context)
{
    ext_mpi_job *job = context;
    if (job->is_over)
        return true;
    const bool is_interrupted = ext_mpi_watch_is_interrupted(job);
    if (job->watch.is_on) /* ext_mpi_job_close() tells the others */
        return is_interrupted || job->watch.is_told;
    if (is_interrupted)
        ext_mpi_wait_notify(job->comm, job->number);
    return is_interrupted || ext_mpi_wait_is_notified(job->comm, job->number);
}

void ext_mpi_job_explain(const ext_mpi_job *job, ext_error *error)
{
    const bool is_own = job->is_interrupt && ext_error_is(error, SQLITE_INTERRUPT);
    if (!job->is_over || (!job->is_foreign && !is_own))
        return;
    ext_error_clear(error);
    ext_error_set(error, job->is_interrupt ? SQLITE_INTERRUPT : SQLITE_ERROR, "%s",
                  job->reason);
}

/* Whether this rank fails only because it has been told that another one stops. */
static bool is_follower(const ext_mpi_job *job, const ext_error *error)
{
    return ext_error_is(error, SQLITE_INTERRUPT) && !ext_mpi_watch_is_interrupted(job) &&
           ext_mpi_wait_is_notified(job->comm, job->number);
}

int ext_mpi_job_close(ext_mpi_job *job, ext_error *error)
{
    gru4rec_error message = {0};
    ext_mpi_comm *comm = job->comm;
    if (comm == NULL)
        return error->rc;
    ext_mpi_watch_end(job);
    if (!job->is_over && error->rc != SQLITE_OK) {
        const bool follows = is_follower(job, error);
        ext_mpi_head_stop(job, follows ? "" : ext_error_message(error));
        if (follows)
            ext_mpi_job_explain(job, error);
    } else if (!job->is_over) {
        const gru4rec_status status =
            ext_mpi_head_exchange(job, EXT_MPI_END, 0, NULL, 0, &message);
        ext_error_library(error, status, &message);
        if (job->is_over)
            ext_error_set(error, job->is_interrupt ? SQLITE_INTERRUPT : SQLITE_ERROR,
                          "%s", job->reason);
        else
            ext_mpi_sum_unshare(comm); /* all ranks are here */
    }
    ext_mpi_exchange_free(job);
    ext_mpi_comm_release(job);
    *job = (ext_mpi_job){0};
    return error->rc;
}
