/* test_schedule_whole.c - whole_sessions: all lanes take new sessions together. */
#include "../lib/schedule_data.h"

/* Lanes wait for each other: batches of whole sessions, and a round for one of one event. */
static void whole_sessions_begin_together(void)
{
    static const expected_step steps_of_1[] = {
        {3, {{'a', 'b', -1, 0}, {'e', 'f', -1, 1}, {'g', 'h', -1, 2}}},
        {2, {{'b', 'c', 0, 0}, {'h', 'i', 2, 2}}},
        {1, {{'c', 'd', 0, 0}}},
        {3, {{'j', 'k', -1, 3}, {'l', 'm', -1, 4}, {'o', 'p', -1, 5}}},
        {1, {{'m', 'n', 1, 4}}},
    };
    static const expected_step steps_of_2[] = {
        {2, {{'a', 'b', -1, 0}, {'c', 'd', -1, 1}}},
        {1, {{'d', 'e', 1, 1}}},
        {1, {{'g', 'h', -1, 3}}},
        {1, {{'j', 'k', -1, 5}}},
    };
    static const bool is_last[] = {false, false, true, false, true};
    data d;
    g4r_schedule schedule;
    make_data(&d, lengths_1, 6);
    start_planned(&schedule, &d, (g4r_schedule_plan){.n_lanes = 3, .is_whole = true});
    for (int i = 0; i < 5; i++) {
        CHECK(i > 0 && is_last[i - 1] ? g4r_schedule_begin(&schedule)
                                      : g4r_schedule_next(&schedule));
        CHECK_INT(steps_of_1[i].n_live, schedule.n_live);
    }
    CHECK(!g4r_schedule_next(&schedule));
    CHECK(!g4r_schedule_begin(&schedule));
    g4r_schedule_start(&schedule);
    check_steps(&schedule, steps_of_1, 5);
    g4r_schedule_free(&schedule);
    make_data(&d, lengths_2, 6);
    start_planned(&schedule, &d, (g4r_schedule_plan){.n_lanes = 2, .is_whole = true});
    check_steps(&schedule, steps_of_2, 4);
    g4r_schedule_free(&schedule);
}

int main(void)
{
    RUN(whole_sessions_begin_together);
    return test_end();
}
