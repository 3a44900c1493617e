/* test_ext_progress.c - the line of ext_progress.c, with a clock and a terminal made up. */
#define _XOPEN_SOURCE 700 /* dup2, fileno */
#include "../lib/test.h"

#include <math.h>
#include <unistd.h>

#include "../../ext/base/ext_base.h"

static double now = 100;
static char output[4096];

double ext_poll_seconds(void)
{
    return now;
}

/* Shows the progress after so many seconds, and keeps what was written. */
static void show(const gru4rec_progress *progress, double seconds, int64_t verbose)
{
    ext_progress line;
    FILE *file = tmpfile();
    const int saved = dup(STDERR_FILENO);
    if (!CHECK(file != NULL && saved >= 0))
        return;
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    now = 100;
    ext_progress_start(&line, verbose);
    now += seconds;
    ext_progress_show(&line, progress);
    ext_progress_show(&line, progress); /* too soon: it is not written again */
    ext_progress_stop(&line);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
}

/* Of 79 columns, wiped with as many blanks, and nothing else. */
static void check_width(void)
{
    CHECK_INT(3 + 2 * 79, strlen(output));
    CHECK(output[0] == '\r' && output[80] == '\r' && output[160] == '\r');
    CHECK_INT(79, strspn(output + 81, " "));
    CHECK(strpbrk(output + 1, "\n") == NULL);
    CHECK(strcspn(output + 1, "\r") == 79);
}

static void figures_are_written(void)
{
    gru4rec_progress progress = {
        .epoch = 3, .n_epochs = 10, .events = 500, .total_events = 1000, .loss = 6.25};
    show(&progress, 25, GRU4REC_ON);
    check_width();
    CHECK(strncmp(output,
                  "\rgru4rec: epoch 3/10 [###..........]  25 %  loss 6.2500  100 "
                  "events/s  1:15 left",
                  80) == 0);
    progress.epoch = 1;
    show(&progress, 3600, GRU4REC_ON);
    check_width();
    CHECK(strstr(output, "  19:00:00 left") != NULL);
    show(&progress, 0.1, GRU4REC_OFF);
    CHECK_TEXT("", output);
}

/* Whatever the figures are. */
static void any_figures_fit(void)
{
    const double seconds[] = {0.2, 61, 1e5, 1e12, 1e300};
    const double losses[] = {0, 6.25, 123456.5, -1e-7, 1e300, NAN, -INFINITY};
    const int64_t epochs[] = {1, 7, 12, 1000000, INT64_MAX};
    const int64_t events[] = {0, 1, 5000000, 1000000000000};
    for (int i = 0; i < 5 * 7 * 5 * 4; i++) {
        const int64_t n = epochs[i / 35 % 5], done = events[i / 175];
        gru4rec_progress progress = {.epoch = n,
                                     .n_epochs = n,
                                     .events = done,
                                     .total_events = done,
                                     .loss = losses[i / 5 % 7]};
        show(&progress, seconds[i % 5], GRU4REC_ON);
        check_width();
        progress.epoch = 1;
        show(&progress, seconds[i % 5], GRU4REC_ON);
        check_width();
    }
}

/* What real trainings come to is written whole, to its last word. */
static void usual_figures_are_whole(void)
{
    gru4rec_progress progress = {.epoch = 100,
                                 .n_epochs = 100,
                                 .events = 40000000,
                                 .total_events = 100000000,
                                 .loss = 12.3456};
    show(&progress, 4000, GRU4REC_ON);
    check_width();
    CHECK(strstr(output, " left") != NULL && strstr(output, "2485000 events/s") != NULL);
}

int main(void)
{
    RUN(figures_are_written);
    RUN(any_figures_fit);
    RUN(usual_figures_are_whole);
    return test_end();
}
