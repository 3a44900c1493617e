/*
 * stops.c - ranks that stop, fail, differ or do not come: all ranks end together, and the
 * next job works. Run by mpirun with any number of ranks.
 */
#include "ranks.h"

enum { N = 5000 };
static float values[N];

/* What an exchange of this kind gives; *stop as for the hooks. */
static gru4rec_status exchange(const gru4rec_ranks *ranks, int kind, bool *stop)
{
    static int32_t lanes[64];
    static float rows[1 << 12];
    int32_t counts[64] = {0};
    const int32_t *all_counts, *all_targets, *all_inputs;
    const gru4rec_block block = {.values = values, .n = N};
    double loss = 1;
    for (int of = 0; of < n_ranks; of++)
        counts[of] = of + 1;
    switch (kind) {
    case 0:
        return ranks->gather(ranks->context, rank > 0 ? lanes : NULL,
                             rank > 0 ? lanes : NULL, rank, &all_counts, &all_targets,
                             &all_inputs, stop, NULL);
    case 1:
        return ranks->share_rows(ranks->context, rows, counts, 3, stop, NULL);
    default:
        return ranks->sum(ranks->context, &block, 1, &loss, 1, stop, NULL);
    }
}

/* Opens a job and closes it, which must work. */
static bool check_usable(void)
{
    ext_mpi_job job;
    caller own = {0};
    bool stop = false;
    if (!open_job(&job, &own))
        return false;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    CHECK_INT(GRU4REC_OK, exchange(&ranks, 2, &stop));
    CHECK(!stop);
    close_job(&job);
    return true;
}

/*
 * A random rank stops at a random exchange: by its own poll, by the library's word, or
 * because it fails. All see it at the same exchange.
 */
static void stop_once(int round)
{
    g4r_rng rng = stream_of(round, 0);
    const int who = (int)g4r_rng_below(&rng, (uint64_t)n_ranks);
    const int when = (int)g4r_rng_below(&rng, 40);
    const int how = round % 3;
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    bool stop = false;
    int at = 0;
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    for (; at < 60 && !stop; at++) {
        const bool is_mine = rank == who && at == when;
        if (is_mine && how == 0)
            own.stop_at = 1e-9;
        if (is_mine && how == 1)
            stop = true;
        if (is_mine && how == 2)
            break;
        CHECK_INT(GRU4REC_OK, exchange(&ranks, (int)g4r_rng_below(&rng, 3), &stop));
    }
    /* After a notice, ranks that had begun an exchange stop one later; all at the same. */
    CHECK(how == 2 && rank == who ? !stop : stop);
    CHECK(job.is_over == stop);
    int stopped_at = at, first = 0, last = 0;
    if (how == 2 && rank == who)
        ext_error_set(&error, SQLITE_ERROR, "the disk is on fire");
    else if (how == 2)
        CHECK(strstr(job.reason, "the disk is on fire") != NULL);
    else if (how == 1)
        CHECK(strstr(job.reason, "has failed: its own message says why") != NULL);
    else if (how == 0)
        CHECK_TEXT(rank == who ? "interrupted" : job.reason, job.reason);
    ext_mpi_job_explain(&job, &error);
    CHECK((how == 2 || rank != who) == (error.rc != SQLITE_OK));
    ext_mpi_job_close(&job, &error);
    ext_error_clear(&error);
    if (how == 2 && rank == who)
        stopped_at = when + 1;
    MPI_Allreduce(&stopped_at, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&stopped_at, &last, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    CHECK_INT(first, last);
    CHECK_INT(when + 1, first);
}

static void test_stop_anywhere(void)
{
    for (int round = 0; round < 60; round++) {
        stop_once(round);
        if (round % 5 == 4 && !check_usable())
            return;
    }
}

/* Some ranks, perhaps several, are interrupted at moments that no exchange knows. */
static void test_stop_at_any_time(void)
{
    for (int round = 0; round < 60; round++) {
        g4r_rng shared = stream_of(1000 + round, 0),
                own_rng = stream_of(2000 + round, rank);
        ext_mpi_job job;
        caller own = {0};
        ext_error error = {0};
        int at = 0, first = 0, last = 0;
        bool stop = false;
        if (!open_job(&job, &own))
            return;
        gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
        if (rank == round % n_ranks || g4r_rng_below(&own_rng, 3) == 0)
            own.stop_at = ext_poll_seconds() + 0.02 * g4r_rng_uniform(&own_rng);
        for (; !stop && at < 1000000; at++) {
            const int kind = (int)g4r_rng_below(&shared, 3);
            if (g4r_rng_below(&own_rng, 50) == 0)
                sleep_for(0.003); /* this rank is slow */
            CHECK_INT(GRU4REC_OK, exchange(&ranks, kind, &stop));
        }
        ext_mpi_job_explain(&job, &error);
        CHECK(error.rc == SQLITE_OK || error.rc == SQLITE_INTERRUPT);
        CHECK(strstr(job.reason, "interrupted") != NULL);
        ext_mpi_job_close(&job, &error);
        ext_error_clear(&error);
        MPI_Allreduce(&at, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        MPI_Allreduce(&at, &last, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        CHECK_INT(first, last);
        if (round % 10 == 9 && !check_usable())
            return;
    }
}

/* A rank that waits is interrupted, while another one works alone and only polls. */
static void test_stop_while_others_work(void)
{
    for (int worker = 0; worker < n_ranks && n_ranks > 1; worker++) {
        ext_mpi_job job;
        caller own = {0};
        ext_error error = {0};
        bool stop = false;
        if (!open_job(&job, &own))
            return;
        gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
        const double start = ext_poll_seconds();
        if (rank == (worker + 1) % n_ranks)
            own.stop_at = start + 0.1;
        while (rank == worker && !ext_mpi_job_is_stopped(&job) &&
               ext_poll_seconds() - start < 10)
            sleep_for(0.005);
        CHECK_INT(GRU4REC_OK, exchange(&ranks, 2, &stop));
        CHECK(stop);
        CHECK(ext_poll_seconds() - start < 1.1);
        ext_mpi_job_explain(&job, &error);
        ext_mpi_job_close(&job, &error);
        CHECK_INT(rank == (worker + 1) % n_ranks ? SQLITE_OK : SQLITE_INTERRUPT,
                  error.rc);
        ext_error_clear(&error);
    }
    CHECK(check_usable());
}

/*
 * Ranks wait for one that has not come, and stop to wait: they leave. When it comes, the
 * job is over for it, too, and the next one works.
 */
static void test_leave(void)
{
    for (int late = 0; late < n_ranks && n_ranks > 1; late++) {
        ext_mpi_job job;
        ext_error error = {0};
        const double start = ext_poll_seconds();
        caller own = {.stop_at = start + 0.05};
        if (rank == late) {
            sleep_for(0.3);
            own.stop_at = start + 5;
        }
        CHECK_INT(SQLITE_INTERRUPT, open_with(&job, &own, "test()", NULL, &error));
        CHECK(job.comm == NULL);
        CHECK(ext_poll_seconds() - start < 1.5);
        ext_error_clear(&error);
        if (!check_usable())
            return;
    }
    CHECK(check_usable());
}

/*
 * The message of a job that all ranks refuse: the call, and the options, of this rank.
 * *error is what all ranks should have.
 */
static void check_refused(const char *call, const char *options, const char *expected)
{
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    CHECK_INT(n_ranks > 1 ? SQLITE_ERROR : SQLITE_OK,
              open_with(&job, &own, call, options, &error));
    if (n_ranks > 1 && !CHECK(strstr(ext_error_message(&error), expected) != NULL))
        printf("%s\n", ext_error_message(&error));
    ext_error_clear(&error);
    ext_mpi_job_close(&job, &error);
    ext_error_clear(&error);
    check_usable();
}

static void test_differences(void)
{
    const bool is_last = rank == n_ranks - 1, is_first = rank == 0;
    char expected[200] = "option batch_size: '32' on rank";
    for (int of = 0; of < n_ranks - 1; of++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%d",
                 of > 0         ? ", "
                 : n_ranks == 2 ? " "
                                : "s ",
                 of);
    snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
             ", '64' on rank %d", n_ranks - 1);
    check_refused("test()",
                  is_last ? "{\"layers\":[100],\"batch_size\":64}"
                          : "{\"layers\":[100],\"batch_size\":32}",
                  expected);
    /* An option more or less. */
    check_refused("test()", is_first ? "{\"seed\":1}" : "{\"seed\":1,\"adapt\":\"sgd\"}",
                  "the ranks differ in");
    check_refused("test()", is_last ? "{}" : "{\"seed\":1}", "the ranks differ in");
    check_refused("test()",
                  is_last ? "{\"precision\":\"bfloat16\"}"
                          : "{\"precision\":\"float32\"}",
                  "the ranks differ in");
    check_refused(is_first ? "gru4rec_train()" : "gru4rec_evaluate()", NULL,
                  "rank 0 gru4rec_train(), rank 1 gru4rec_evaluate()");
}

/* What a rank may have for itself. */
static void test_free_options(void)
{
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    CHECK_INT(SQLITE_OK, open_with(&job, &own, "test()",
                                   rank == 0 ? "{\"threads\":1,\"seed\":3}"
                                             : "{\"threads\":2,\"seed\":3}",
                                   &error));
    CHECK_INT(SQLITE_OK, ext_mpi_job_close(&job, &error));
    ext_error_clear(&error);
}

/* A rank fails before the end that the others have reached. */
static void test_fail_at_the_end(void)
{
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    const int who = n_ranks - 1;
    if (!open_job(&job, &own))
        return;
    if (rank == who)
        ext_error_set(&error, SQLITE_FULL, "no room");
    ext_mpi_job_close(&job, &error);
    CHECK_INT(rank == who ? SQLITE_FULL : SQLITE_ERROR, error.rc);
    CHECK(strstr(ext_error_message(&error), "no room") != NULL);
    ext_error_clear(&error);
    check_usable();
}

/* Whether a message is valid UTF-8, on one line. */
static bool is_plain(const char *message)
{
    char shown[4 * EXT_MPI_TEXT];
    return strcmp(gru4rec_show(shown, sizeof shown, message, strlen(message)), message) ==
           0;
}

/* A message that is too long for a head, and for gru4rec_error, is cut between characters. */
static void test_long_reasons(void)
{
    const int who = n_ranks - 1;
    for (int n_before = 0; n_before < 3; n_before++) {
        ext_mpi_job job;
        caller own = {0};
        ext_error error = {0};
        gru4rec_error message = {0};
        char all[64], text[2 * EXT_MPI_TEXT] = "";
        for (int i = 0; i < n_before; i++)
            strcat(text, "x");
        while (strlen(text) < sizeof text - 4)
            strcat(text, "\u20ac"); /* three bytes */
        if (!open_job(&job, &own))
            return;
        gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
        if (rank == who) {
            ext_error_set(&error, SQLITE_ERROR, "%s", text);
        } else {
            CHECK_INT(GRU4REC_INTERRUPTED,
                      ranks.agree(ranks.context, "1", 1, all, &message));
            CHECK(strlen(message.message) > 470 && is_plain(message.message));
            ext_mpi_job_explain(&job, &error);
            CHECK(strlen(ext_error_message(&error)) > 980);
        }
        ext_mpi_job_close(&job, &error);
        CHECK(is_plain(ext_error_message(&error)));
        ext_error_clear(&error);
    }
    check_usable();
}

/* ---- sums that cannot be ---- */

/*
 * A sum of so many values, whatever they are: the same status and message on all ranks.
 * more: the last rank has one more.
 */
static void check_no_sum(size_t n, bool more, const char *expected)
{
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    gru4rec_error message = {0};
    const gru4rec_block block = {.values = values,
                                 .n = n + (more && rank == n_ranks - 1)};
    bool stop = false;
    if (n_ranks == 1 || !open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    CHECK_INT(GRU4REC_INVALID,
              ranks.sum(ranks.context, &block, 1, NULL, 0, &stop, &message));
    if (!CHECK(stop && strstr(message.message, expected) != NULL))
        printf("%s\n", message.message);
    ext_mpi_job_close(&job, &error);
    ext_error_clear(&error);
    check_usable();
}

static void test_no_sum(void)
{
    check_no_sum(7, true, "different numbers of values; this is a fault");
    check_no_sum((size_t)1 << 31, false, "sum up 2147483648 values in a step");
}

/* Another job in the same process, while one is open. */
static void test_two_jobs(void)
{
    ext_mpi_job job, second;
    caller own = {0};
    ext_error error = {0};
    if (!open_job(&job, &own))
        return;
    CHECK_INT(SQLITE_ERROR, open_with(&second, &own, "test()", NULL, &error));
    CHECK(strstr(ext_error_message(&error), "another call of this process") != NULL);
    ext_error_clear(&error);
    close_job(&job);
}

/*
 * The process of the last rank ends, while the others wait for it: they learn that. Returns
 * the exit status.
 */
static int check_ended(void)
{
    ext_mpi_job job;
    caller own = {0};
    ext_error error = {0};
    if (rank == n_ranks - 1)
        return EXIT_SUCCESS;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(SQLITE_ERROR, open_with(&job, &own, "test()", NULL, &error));
        CHECK(strstr(ext_error_message(&error), "has ended; end the processes of all") !=
              NULL);
        ext_error_clear(&error);
    }
    return test_n_broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    db = api_open();
    if (db == NULL)
        return EXIT_FAILURE;
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return EXIT_FAILURE;
    rank = job.comm->rank;
    n_ranks = job.comm->n_ranks;
    close_job(&job);
    if (argc > 1 && strcmp(argv[1], "--ended") == 0)
        return check_ended();
    RUN(test_stop_anywhere);
    RUN(test_stop_at_any_time);
    RUN(test_stop_while_others_work);
    RUN(test_leave);
    RUN(test_differences);
    RUN(test_free_options);
    RUN(test_fail_at_the_end);
    RUN(test_long_reasons);
    RUN(test_no_sum);
    RUN(test_two_jobs);
    return end_ranks();
}
