/*
 * exchanges.c - what ranks bring to an exchange arrives at all ranks, and sums have the
 * bits of a plain sum in the order of the ranks. Run by mpirun with any number of ranks.
 */
#include "ranks.h"

enum { MOST_LANES = 700 };

/* ---- gather ---- */

/* How many lanes a rank brings to a round: none, a few, or more than fit into a head. */
static int32_t lanes_of(int round, int of)
{
    g4r_rng rng = stream_of(round, of);
    return round == 0                    ? 0
           : g4r_rng_below(&rng, 3) == 0 ? 0
           : g4r_rng_below(&rng, 2) == 0 ? (int32_t)g4r_rng_below(&rng, 64)
                                         : (int32_t)g4r_rng_below(&rng, MOST_LANES);
}

static int32_t target_of(int round, int of, int32_t lane)
{
    return round * 1000003 + of * 1009 + lane;
}

static void test_gather(void)
{
    ext_mpi_job job;
    caller own = {0};
    static int32_t targets[MOST_LANES], inputs[MOST_LANES];
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    CHECK_INT(n_ranks, ranks.n_ranks);
    CHECK_INT(rank, ranks.rank);
    for (int round = 0; round < 200; round++) {
        const int32_t m = lanes_of(round, rank);
        const int32_t *counts, *all_targets, *all_inputs;
        bool stop = false;
        for (int32_t lane = 0; lane < m; lane++) {
            targets[lane] = target_of(round, rank, lane);
            inputs[lane] = -targets[lane];
        }
        if (!CHECK_INT(GRU4REC_OK,
                       ranks.gather(ranks.context, m > 0 ? targets : NULL,
                                    m > 0 ? inputs : NULL, m, &counts, &all_targets,
                                    &all_inputs, &stop, NULL)) ||
            !CHECK(!stop))
            break;
        int32_t at = 0, n_wrong = 0;
        for (int of = 0; of < n_ranks; of++) {
            n_wrong += counts[of] != lanes_of(round, of);
            for (int32_t lane = 0; lane < lanes_of(round, of); lane++, at++)
                n_wrong += all_targets[at] != target_of(round, of, lane) ||
                           all_inputs[at] != -target_of(round, of, lane);
        }
        CHECK_INT(0, n_wrong);
    }
    CHECK(job.exchanges > 200);
    CHECK(n_ranks == 1 || job.bytes > 0);
    CHECK(job.seconds > 0);
    close_job(&job);
}

/* ---- sum ---- */

static float *allocate(size_t n)
{
    float *values = malloc((n > 0 ? n : 1) * sizeof *values);
    if (values == NULL)
        exit(EXIT_FAILURE);
    return values;
}

/* Rounds of which all values are bfloat16. */
static bool is_short(int round)
{
    return round % 3 == 2;
}

/* The values of a rank in a round. */
static void draw_part(float *values, size_t n, int round, int of)
{
    g4r_rng rng = stream_of(round, of);
    draw_values(values, n, &rng);
    if (is_short(round))
        gru4rec_round_bfloat16(values, n);
}

/* The sum over ranks, in their order, of n values that they draw. */
static void sum_plainly(float *sum, size_t n, int round)
{
    float *part = allocate(n);
    for (int of = 0; of < n_ranks; of++) {
        draw_part(of == 0 ? sum : part, n, round, of);
        for (size_t i = 0; of > 0 && i < n; i++)
            sum[i] += part[i];
    }
    if (is_short(round) && n_ranks > 1)
        gru4rec_round_bfloat16(sum, n);
    free(part);
}

enum { MOST_LOSSES = 300 };

/* How many losses a round has: also more than fit into a head. */
static size_t n_losses_of(int round)
{
    return round % 10 == 9 ? MOST_LOSSES : (size_t)(round % 4);
}

/* Losses whose sums depend on the order. */
static void draw_losses(double *losses, int round, int of)
{
    g4r_rng rng = stream_of(round + 100000, of);
    for (size_t i = 0; i < MOST_LOSSES; i++)
        losses[i] = g4r_rng_uniform(&rng) * (of % 2 == 0 ? 1e16 : 1);
}

/*
 * One sum of blocks of these sizes, which stand in the memory, one behind the other, or,
 * if that is NULL, apart.
 */
static bool check_sum(const gru4rec_ranks *ranks, const size_t *sizes, size_t n_blocks,
                      int round, float *lent)
{
    gru4rec_block blocks[8];
    size_t n = 0, at = 0;
    bool stop = false;
    const size_t n_losses = n_losses_of(round);
    double losses[MOST_LOSSES], plain_losses[MOST_LOSSES], part[MOST_LOSSES];
    draw_losses(losses, round, rank);
    draw_losses(plain_losses, round, 0);
    for (size_t i = 0; i < n_blocks; i++)
        n += sizes[i];
    float *own = allocate(n), *plain = allocate(n);
    draw_part(own, n, round, rank);
    for (size_t i = 0; i < n_blocks; at += sizes[i++]) {
        float *values = lent != NULL ? lent + at : allocate(sizes[i]);
        blocks[i] = (gru4rec_block){values, sizes[i], is_short(round)};
        memcpy(blocks[i].values, own + at, sizes[i] * sizeof *own);
    }
    sum_plainly(plain, n, round);
    for (int of = 1; of < n_ranks; of++) {
        draw_losses(part, round, of);
        for (size_t i = 0; i < n_losses; i++)
            plain_losses[i] += part[i];
    }
    bool is_ok = CHECK_INT(GRU4REC_OK, ranks->sum(ranks->context, blocks, n_blocks,
                                                  losses, n_losses, &stop, NULL));
    is_ok = CHECK(!stop) && is_ok;
    CHECK(memcmp(losses, plain_losses, n_losses * sizeof *losses) == 0);
    at = 0;
    for (size_t i = 0; i < n_blocks; at += sizes[i++]) {
        CHECK(memcmp(blocks[i].values, plain + at, sizes[i] * sizeof *own) == 0);
        if (lent == NULL)
            free(blocks[i].values);
    }
    free(own);
    free(plain);
    return is_ok;
}

static void test_sum(void)
{
    static const size_t sizes[][6] = {
        {1},
        {0, 0},
        {3, 5, 7},
        {1023, 0, 1, 1},
        {17, 100003},
        {4096, 4096, 1},
        {2080, 102400, 4099, 10000, 31, 1},
    };
    static const size_t n_blocks[] = {1, 2, 3, 4, 2, 3, 6};
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    bool is_ok = true;
    for (int round = 0; is_ok && round < 70; round++)
        is_ok = check_sum(&ranks, sizes[round % 7], n_blocks[round % 7], round, NULL);
    is_ok = is_ok && check_sum(&ranks, NULL, 0, 70, NULL);
    for (int round = 100; is_ok && round < 200; round++) {
        const size_t n[] = {(size_t)(round % 13), (size_t)(round * round)};
        is_ok = check_sum(&ranks, n, 2, round, NULL);
    }
    close_job(&job);
}

/* ---- rows and facts ---- */

/* Shares rows, which stand in the memory, or, if that is NULL, elsewhere. */
static bool check_rows(const gru4rec_ranks *ranks, int round, float *lent)
{
    const size_t width = (size_t)(1 + round % 100);
    int32_t counts[64];
    size_t n = 0, at = 0;
    bool stop = false;
    for (int of = 0; of < n_ranks; of++) {
        counts[of] = lanes_of(round, of);
        n += (size_t)counts[of] * width;
    }
    float *rows = lent != NULL ? lent : allocate(n), *expected = allocate(n);
    memset(rows, 0, n * sizeof *rows);
    /* In the memory, the others write their rows: not before these are zeros. */
    bool is_ok = lent == NULL || check_sum(ranks, NULL, 0, round, NULL);
    for (int of = 0; of < n_ranks; at += (size_t)counts[of++] * width) {
        g4r_rng rng = stream_of(round, of);
        draw_values(expected + at, (size_t)counts[of] * width, &rng);
        if (of == rank)
            memcpy(rows + at, expected + at, (size_t)counts[of] * width * sizeof *rows);
    }
    is_ok = CHECK_INT(GRU4REC_OK, ranks->share_rows(ranks->context, rows, counts, width,
                                                    &stop, NULL)) &&
            is_ok;
    is_ok = CHECK(!stop) && is_ok;
    CHECK(memcmp(rows, expected, n * sizeof *rows) == 0);
    if (lent == NULL)
        free(rows);
    free(expected);
    return is_ok;
}

static void test_rows(void)
{
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    bool is_ok = true;
    for (int round = 0; is_ok && round < 60; round++)
        is_ok = check_rows(&ranks, round, NULL);
    close_job(&job);
}

/* Sums and rows in memory that is lent, others meanwhile, and memory that is lent anew. */
static void test_memory(void)
{
    static const size_t sizes[] = {100003, 17, 0, 65537};
    const char *shared = getenv("GRU4REC_MPI_SHARED");
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    bool is_ok = true;
    for (size_t n = 165557; is_ok && n < 400000; n += 100000) {
        float *lent = ranks.memory(ranks.context, n);
        if (job.comm->n_host_ranks == n_ranks && shared == NULL)
            CHECK_INT(n_ranks > 1, lent != NULL);
        CHECK_INT(0, (uintptr_t)lent % 64);
        for (int round = 0; is_ok && round < 40; round++)
            is_ok = check_sum(&ranks, sizes, 4, round, lent) &&
                    check_sum(&ranks, sizes, 4, round + 1, NULL) &&
                    check_rows(&ranks, round, lent) && check_rows(&ranks, round, NULL);
    }
    close_job(&job);
}

static void test_agree(void)
{
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    for (size_t n = 0; n <= 4096; n = 2 * n + 1) {
        char *mine = malloc(n + 1), *all = malloc(n * (size_t)n_ranks + 1);
        size_t n_wrong = 0;
        memset(mine, 'a' + rank, n);
        CHECK_INT(GRU4REC_OK, ranks.agree(ranks.context, mine, n, all, NULL));
        for (size_t i = 0; i < n * (size_t)n_ranks; i++)
            n_wrong += all[i] != (char)('a' + (int)(i / n));
        CHECK_INT(0, n_wrong);
        free(mine);
        free(all);
    }
    close_job(&job);
}

/* The share of a rank of this machine. */
static void test_share(void)
{
    ext_budget budget, given;
    ext_mpi_job job;
    caller own = {0};
    ext_budget_start(&budget, 0);
    const ext_budget_limit limit = budget.limit;
    if (!open_job(&job, &own))
        return;
    const int n_here = job.comm->n_host_ranks; /* not all, if there are two machines */
    CHECK(n_here >= 1 && n_here <= n_ranks);
    CHECK_INT(n_here, ext_container_share_of().n);
    CHECK(ext_container_share_of().processors > 0);
    ext_budget_start(&budget, 0);
    ext_budget_start(&given, 12345);
    CHECK_INT(12345, given.most);
    CHECK_INT(limit == EXT_BUDGET_DEFAULT && n_here > 1 ? EXT_BUDGET_SHARE : limit,
              budget.limit);
    close_job(&job);
}

/* ---- how long a sum takes ---- */

static void measure(void)
{
    static const size_t sizes[] = {1000, 207000, 475000, 1000000};
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        return;
    gru4rec_ranks ranks = ext_mpi_job_hooks(&job);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n_rounds = 300;
        float *lent = ranks.memory(ranks.context, sizes[i]);
        gru4rec_block block = {.values = lent != NULL ? lent : allocate(sizes[i]),
                               .n = sizes[i]};
        double loss = 0, best = 1e9, start = 0, sum = 0;
        bool stop = false;
        memset(block.values, 0, sizes[i] * sizeof *block.values);
        for (int round = 0; round < n_rounds; round++) {
            start = ext_poll_seconds();
            ranks.sum(ranks.context, &block, 1, &loss, 1, &stop, NULL);
            const double took = ext_poll_seconds() - start;
            best = took < best ? took : best;
            sum += took;
        }
        if (rank == 0)
            printf("sum of %7zu values: best %8.1f us, mean %8.1f us\n", sizes[i],
                   1e6 * best, 1e6 * sum / n_rounds);
        if (lent == NULL)
            free(block.values);
    }
    CHECK_INT(n_ranks, ranks.n_ranks);
    close_job(&job);
}

/* The first job tells which rank this is. */
static void test_start(void)
{
    ext_mpi_job job;
    caller own = {0};
    if (!open_job(&job, &own))
        exit(EXIT_FAILURE);
    rank = job.comm->rank;
    n_ranks = job.comm->n_ranks;
    close_job(&job);
}

int main(int argc, char **argv)
{
    db = api_open();
    if (db == NULL)
        return EXIT_FAILURE;
    RUN(test_start);
    if (argc > 1 && strcmp(argv[1], "--measure") == 0) {
        RUN(measure);
        return end_ranks();
    }
    RUN(test_gather);
    RUN(test_sum);
    RUN(test_rows);
    RUN(test_memory);
    RUN(test_agree);
    RUN(test_share);
    return end_ranks();
}
