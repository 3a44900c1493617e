/*
 * test_schedule.c - schedule.c: two worked examples, a plain twin of the rounds, and
 * the invariants.
 */
#include "../lib/fault_alloc.h"
#include "../lib/schedule_data.h"

#include "../../src/base/rng.h"

static const expected_step steps_1[] = {
    {3, {{'a', 'b', -1, 0}, {'e', 'f', -1, 1}, {'g', 'h', -1, 2}}},
    {3, {{'b', 'c', 0, 0}, {'j', 'k', -1, 3}, {'h', 'i', 2, 2}}},
    {3, {{'c', 'd', 0, 0}, {'l', 'm', -1, 4}, {'o', 'p', -1, 5}}},
    {1, {{'m', 'n', 1, 4}}},
};

static void example_1_with_samples(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_1, 6);
    start(&schedule, &d, 3, false);
    check_steps(&schedule, steps_1, 4);
    g4r_schedule_free(&schedule);
}

static void example_1_without_samples_stops_at_one_lane(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_1, 6);
    start(&schedule, &d, 3, true);
    check_steps(&schedule, steps_1, 3);
    g4r_schedule_free(&schedule);
}

static const expected_step steps_2[] = {
    {2, {{'a', 'b', -1, 0}, {'c', 'd', -1, 1}}},
    {2, {{'g', 'h', -1, 3}, {'d', 'e', 1, 1}}},
    {1, {{'j', 'k', -1, 5}}},
};

static void example_2_with_samples(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_2, 6);
    start(&schedule, &d, 2, false);
    check_steps(&schedule, steps_2, 3);
    g4r_schedule_free(&schedule);
}

static void example_2_without_samples_stops_at_one_lane(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_2, 6);
    start(&schedule, &d, 2, true);
    check_steps(&schedule, steps_2, 2);
    g4r_schedule_free(&schedule);
}

/* ---- the twin: rounds in plain words ---- */

typedef struct twin_lane {
    int64_t session, cursor, length;
    int from;
} twin_lane;

typedef struct twin {
    const data *d;
    twin_lane lanes[MOST];
    int n_live;
    int64_t next;
    g4r_schedule *schedule; /* what is compared with */
} twin;

static twin_lane twin_take(const twin *t, int64_t session)
{
    return (twin_lane){session, 0, t->d->offsets[session + 1] - t->d->offsets[session],
                       -1};
}

static void twin_step(twin *t)
{
    const g4r_schedule *schedule = t->schedule;
    if (!CHECK(g4r_schedule_next(t->schedule)) || !CHECK_INT(t->n_live, schedule->n_live))
        return;
    for (int l = 0; l < t->n_live; l++) {
        twin_lane *lane = &t->lanes[l];
        int64_t place = t->d->offsets[lane->session] + lane->cursor++;
        CHECK_INT(place, schedule->input[l]);
        CHECK_INT(place + 1, schedule->target[l]);
        CHECK_INT(lane->session, schedule->session[l]);
        CHECK_INT(lane->from, schedule->from[l]);
        lane->from = l;
    }
}

/* Steps 3, 4 and 6 of 2.2: refill in lane order, retire, compact. */
static void twin_refill(twin *t)
{
    int n = 0;
    for (int l = 0; l < t->n_live; l++) {
        twin_lane lane = t->lanes[l];
        if (lane.length - lane.cursor <= 1) {
            int64_t ordinal = t->next++;
            if (ordinal >= t->d->dataset.n_sessions)
                continue;
            lane = twin_take(t, ordinal);
        }
        t->lanes[n++] = lane;
    }
    t->n_live = n;
}

static void twin_epoch(const data *d, g4r_schedule *schedule, int n_lanes, bool is_k0)
{
    twin t = {.d = d, .schedule = schedule};
    int64_t n_sessions = d->dataset.n_sessions;
    t.n_live = n_lanes < n_sessions ? n_lanes : (int)n_sessions;
    t.next = t.n_live;
    for (int l = 0; l < t.n_live; l++)
        t.lanes[l] = twin_take(&t, l);
    while (t.n_live > (is_k0 ? 1 : 0)) {
        int64_t shortest = INT64_MAX;
        for (int l = 0; l < t.n_live; l++)
            shortest = G4R_MIN(shortest, t.lanes[l].length - t.lanes[l].cursor);
        for (int64_t i = 1; i < shortest; i++)
            twin_step(&t);
        twin_refill(&t);
    }
    CHECK(!g4r_schedule_next(schedule));
}

/* Half of the rounds with many sessions of one event. */
static int random_lengths(int lengths[MOST], g4r_rng *rng)
{
    int n_sessions = 1 + (int)(g4r_rng_uniform(rng) * (MOST - 1));
    int longest = 1 + (int)(g4r_rng_uniform(rng) * 15);
    bool has_many_singles = g4r_rng_uniform(rng) < 0.5;
    for (int s = 0; s < n_sessions; s++) {
        lengths[s] = 1 + (int)(g4r_rng_uniform(rng) * longest);
        if (has_many_singles && g4r_rng_uniform(rng) < 0.6)
            lengths[s] = 1;
    }
    return n_sessions;
}

static void random_epochs_equal_the_twin(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 5, 1, 0);
    for (int round = 0; round < 1000; round++) {
        data d;
        int lengths[MOST];
        g4r_schedule schedule;
        int n_sessions = random_lengths(lengths, &rng);
        int n_lanes = 1 + (int)(g4r_rng_uniform(&rng) * 20);
        bool is_k0 = g4r_rng_uniform(&rng) < 0.5;
        make_data(&d, lengths, n_sessions);
        start(&schedule, &d, n_lanes, is_k0);
        twin_epoch(&d, &schedule, n_lanes, is_k0);
        /* A second epoch is as the first. */
        g4r_schedule_start(&schedule);
        twin_epoch(&d, &schedule, n_lanes, is_k0);
        g4r_schedule_free(&schedule);
    }
}

/* ---- invariants ---- */

/* What was seen of an epoch. */
typedef struct watch {
    int64_t n_pairs;
    int64_t reached[MOST]; /* transitions seen of each session */
    int lane_of[MOST];     /* where it was at the last step; -1: not there */
    int64_t last_started;  /* highest session of the steps before */
    int32_t last_live;
} watch;

/* Each transition once, in order, in one lane, which moves only by compaction. */
static void watch_lane(watch *w, const data *d, const g4r_schedule *schedule, int lane)
{
    int64_t s = schedule->session[lane];
    int64_t k = w->reached[s]++;
    CHECK_INT(d->offsets[s] + k, schedule->input[lane]);
    CHECK_INT(d->offsets[s] + k + 1, schedule->target[lane]);
    CHECK(schedule->target[lane] < d->offsets[s + 1]);
    /* Zero state at a session's first event, and there only. */
    CHECK_INT(k == 0 ? -1 : w->lane_of[s], schedule->from[lane]);
    CHECK(k == 0 || schedule->from[lane] >= lane);
    CHECK(k > 0 || s > w->last_started);
    w->lane_of[s] = lane;
    w->n_pairs++;
}

static bool has_unstarted_session(const watch *w, const int *lengths, int n_sessions)
{
    for (int s = 0; s < n_sessions; s++)
        if (lengths[s] > 1 && w->reached[s] == 0)
            return true;
    return false;
}

/* Every transition once, and M = B while sessions remain. */
static void check_invariants(const int *lengths, int n_sessions, int n_lanes)
{
    data d;
    g4r_schedule schedule;
    watch w = {.last_started = -1, .last_live = INT32_MAX};
    int64_t n_transitions = 0;
    int32_t most = (int32_t)(n_lanes < n_sessions ? n_lanes : n_sessions);
    make_data(&d, lengths, n_sessions);
    start(&schedule, &d, n_lanes, false);
    CHECK_INT(most, schedule.plan.n_lanes);
    while (g4r_schedule_next(&schedule)) {
        int64_t started = w.last_started;
        CHECK(schedule.n_live > 0 && schedule.n_live <= most);
        CHECK(schedule.n_live <= w.last_live);
        for (int lane = 0; lane < schedule.n_live; lane++) {
            watch_lane(&w, &d, &schedule, lane);
            started = G4R_MAX(started, schedule.session[lane]);
        }
        CHECK(schedule.n_live == most || !has_unstarted_session(&w, lengths, n_sessions));
        w.last_started = started;
        w.last_live = schedule.n_live;
    }
    for (int s = 0; s < n_sessions; s++) {
        CHECK_INT(lengths[s] - 1, w.reached[s]);
        n_transitions += lengths[s] - 1;
    }
    CHECK_INT(n_transitions, w.n_pairs);
    g4r_schedule_free(&schedule);
}

static void invariants_hold_for_random_lengths(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 6, 1, 0);
    for (int round = 0; round < 1000; round++) {
        int lengths[MOST];
        int n_sessions = random_lengths(lengths, &rng);
        check_invariants(lengths, n_sessions, 1 + (int)(g4r_rng_uniform(&rng) * 80));
    }
}

static void invariants_hold_at_the_edges(void)
{
    static const int one[] = {1}, five[] = {5}, singles[] = {1, 1, 1, 1, 1};
    static const int last_long[] = {1, 1, 1, 9}, first_long[] = {9, 1, 1, 1};
    static const int mixed[] = {4, 6, 6, 2, 1, 1, 3};
    for (int n_lanes = 1; n_lanes <= 8; n_lanes++) {
        check_invariants(one, 1, n_lanes);
        check_invariants(five, 1, n_lanes);
        check_invariants(singles, 5, n_lanes);
        check_invariants(last_long, 4, n_lanes);
        check_invariants(first_long, 4, n_lanes);
        check_invariants(mixed, 7, n_lanes);
    }
}

/* A lane of 4 events next to lanes of 6 keeps its state between its steps. */
static void short_session_keeps_its_state_beside_long_ones(void)
{
    static const int lengths[] = {6, 4, 6, 3};
    /* from of lane 1: session 1 for three steps, then session 3 for two. */
    static const int from_1[] = {-1, 1, 1, -1, 1};
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths, 4);
    start(&schedule, &d, 3, false);
    for (int step = 0; step < 5; step++) {
        CHECK(g4r_schedule_next(&schedule));
        CHECK_INT(3, schedule.n_live);
        CHECK_INT(step == 0 ? -1 : 0, schedule.from[0]);
        CHECK_INT(from_1[step], schedule.from[1]);
        CHECK_INT(step == 0 ? -1 : 2, schedule.from[2]);
    }
    CHECK(!g4r_schedule_next(&schedule));
    g4r_schedule_free(&schedule);
}

/* With enough sessions every step but the tail is full. */
static void lanes_stay_full_until_sessions_run_out(void)
{
    int lengths[MOST];
    data d;
    g4r_schedule schedule;
    for (int s = 0; s < MOST; s++)
        lengths[s] = 2 + s * 7 % 11;
    make_data(&d, lengths, MOST);
    start(&schedule, &d, 8, false);
    int n_full = 0, n_others = 0;
    while (g4r_schedule_next(&schedule))
        *(schedule.n_live == 8 ? &n_full : &n_others) += 1;
    /* Tail: at most as long as the longest session, 12 events. */
    CHECK(n_others <= 11);
    CHECK(n_full >= (int)(d.dataset.n_events - MOST - 11 * 7) / 8);
    g4r_schedule_free(&schedule);
}

/* ---- random order ---- */

enum { N_SHUFFLED = 20 };

/* Sessions in the order in which they are visited in an epoch of one lane. */
static void visited(g4r_schedule *schedule, int64_t order[N_SHUFFLED])
{
    int n = 0;
    g4r_schedule_start(schedule);
    while (g4r_schedule_next(schedule))
        if (schedule->from[0] < 0 && CHECK(n < N_SHUFFLED))
            order[n++] = schedule->session[0];
    CHECK_INT(N_SHUFFLED, n);
}

static bool is_permutation(const int64_t order[N_SHUFFLED])
{
    bool is_seen[N_SHUFFLED] = {false};
    bool is_ok = true;
    for (int i = 0; i < N_SHUFFLED; i++) {
        is_ok = is_ok && order[i] >= 0 && order[i] < N_SHUFFLED && !is_seen[order[i]];
        if (is_ok)
            is_seen[order[i]] = true;
    }
    return is_ok;
}

static void make_shuffled(data *d, g4r_schedule *schedule, int64_t n_lanes)
{
    int lengths[N_SHUFFLED];
    for (int s = 0; s < N_SHUFFLED; s++)
        lengths[s] = 2 + s % 5;
    make_data(d, lengths, N_SHUFFLED);
    start_planned(schedule, d,
                  (g4r_schedule_plan){.n_lanes = n_lanes, .is_shuffled = true});
}

/* Every epoch another permutation; the same ones for the same seed. */
static void shuffled_epochs_are_permutations(void)
{
    enum { EPOCHS = 6 };
    static int64_t orders[3][EPOCHS][N_SHUFFLED];
    static const int64_t seeds[3] = {7, 7, 8};
    const size_t bytes = sizeof orders[0][0];
    for (int run = 0; run < 3; run++) {
        data d;
        g4r_schedule schedule;
        make_shuffled(&d, &schedule, 1);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            g4r_schedule_shuffle(&schedule, seeds[run], epoch);
            visited(&schedule, orders[run][epoch]);
            CHECK(is_permutation(orders[run][epoch]));
            for (int before = 0; before < epoch; before++)
                CHECK(memcmp(orders[run][epoch], orders[run][before], bytes) != 0);
        }
        g4r_schedule_free(&schedule);
    }
    CHECK(memcmp(orders[0], orders[1], sizeof orders[0]) == 0);
    CHECK(memcmp(orders[0][0], orders[2][0], bytes) != 0);
}

/*
 * The first order of a schedule: each session is as often in each place, its own
 * included. 20 x 20 cells of 200, chi^2 with 361 degrees.
 */
static void shuffle_is_uniform(void)
{
    enum { ROUNDS = 4000 };
    static int places[N_SHUFFLED][N_SHUFFLED];
    double chi = 0, mean = (double)ROUNDS / N_SHUFFLED;
    for (int round = 0; round < ROUNDS; round++) {
        data d;
        g4r_schedule schedule;
        int64_t order[N_SHUFFLED];
        make_shuffled(&d, &schedule, 1);
        g4r_schedule_shuffle(&schedule, 3, round);
        visited(&schedule, order);
        g4r_schedule_free(&schedule);
        for (int i = 0; i < N_SHUFFLED; i++)
            places[i][order[i]]++;
    }
    for (int i = 0; i < N_SHUFFLED; i++)
        for (int s = 0; s < N_SHUFFLED; s++)
            chi += (places[i][s] - mean) * (places[i][s] - mean) / mean;
    CHECK_NEAR(361, chi, 5 * sqrt(2 * 361.0));
}

/* Whatever the order, each transition once, in order, its state from its own session. */
static void shuffled_lanes_keep_the_invariants(void)
{
    for (int n_lanes = 1; n_lanes <= N_SHUFFLED + 1; n_lanes += 4) {
        data d;
        g4r_schedule schedule;
        watch w = {.last_started = -1};
        make_shuffled(&d, &schedule, n_lanes);
        g4r_schedule_shuffle(&schedule, n_lanes, 1);
        g4r_schedule_start(&schedule);
        while (g4r_schedule_next(&schedule))
            for (int lane = 0; lane < schedule.n_live; lane++) {
                w.last_started = -1; /* not ascending */
                watch_lane(&w, &d, &schedule, lane);
            }
        for (int s = 0; s < N_SHUFFLED; s++)
            CHECK_INT(d.offsets[s + 1] - d.offsets[s] - 1, w.reached[s]);
        g4r_schedule_free(&schedule);
    }
}

static void no_sessions_no_steps(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, NULL, 0);
    for (int is_k0 = 0; is_k0 <= 1; is_k0++) {
        start(&schedule, &d, 4, is_k0 != 0);
        CHECK(!g4r_schedule_next(&schedule));
        CHECK_INT(0, schedule.plan.n_lanes);
        g4r_schedule_free(&schedule);
    }
}

/* Without samples a lane that is alone from the start has no negatives either. */
static void one_lane_without_samples_has_no_steps(void)
{
    static const int five[] = {5}, one_long[] = {1, 5, 1};
    static const struct {
        const int *lengths;
        int n_sessions, n_lanes;
    } cases[] = {{lengths_1, 6, 1}, {five, 1, 1}, {five, 1, 4}, {one_long, 3, 2}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        data d;
        g4r_schedule schedule;
        make_data(&d, cases[k].lengths, cases[k].n_sessions);
        start(&schedule, &d, cases[k].n_lanes, true);
        check_steps(&schedule, NULL, 0);
        g4r_schedule_free(&schedule);
        start(&schedule, &d, cases[k].n_lanes, false);
        CHECK(g4r_schedule_next(&schedule));
        g4r_schedule_free(&schedule);
    }
}

static void epoch_may_be_left_in_the_middle(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_1, 6);
    start(&schedule, &d, 3, false);
    CHECK(g4r_schedule_next(&schedule));
    CHECK(g4r_schedule_next(&schedule));
    g4r_schedule_start(&schedule);
    check_steps(&schedule, steps_1, 4);
    g4r_schedule_free(&schedule);
}

static void short_memory_is_told_without_a_leak(void)
{
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_1, 6);
    for (int is_shuffled = 0; is_shuffled <= 1; is_shuffled++) {
        const g4r_schedule_plan plan = {.n_lanes = 3, .is_shuffled = is_shuffled};
        fault_alloc fault = {.fail_at = 1};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        CHECK(!g4r_schedule_init(&schedule, &d.dataset, &plan, &allocator));
        CHECK_INT(0, fault.n_live);
        CHECK(g4r_schedule_init(&schedule, &d.dataset, &plan, &allocator));
        CHECK_INT(fault.live_bytes, g4r_schedule_bytes(&plan, 6));
        /* Not shuffled yet; and the steps allocate nothing. */
        check_steps(&schedule, steps_1, 4);
        CHECK_INT(2, fault.n_requests);
        g4r_schedule_free(&schedule);
        g4r_schedule_free(&schedule);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    RUN(example_1_with_samples);
    RUN(example_1_without_samples_stops_at_one_lane);
    RUN(example_2_with_samples);
    RUN(example_2_without_samples_stops_at_one_lane);
    RUN(random_epochs_equal_the_twin);
    RUN(invariants_hold_for_random_lengths);
    RUN(invariants_hold_at_the_edges);
    RUN(short_session_keeps_its_state_beside_long_ones);
    RUN(lanes_stay_full_until_sessions_run_out);
    RUN(shuffled_epochs_are_permutations);
    RUN(shuffle_is_uniform);
    RUN(shuffled_lanes_keep_the_invariants);
    RUN(no_sessions_no_steps);
    RUN(one_lane_without_samples_has_no_steps);
    RUN(epoch_may_be_left_in_the_middle);
    RUN(short_memory_is_told_without_a_leak);
    return test_end();
}
