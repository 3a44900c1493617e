/* test_ext_progress.c - the line of ext_progress.c, with a clock made up and a
 * pseudo-terminal. */
#define _XOPEN_SOURCE 700 /* posix_openpt, dup2, setenv */
#include "../lib/test.h"

#include <fcntl.h>
#include <math.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../../ext/base/ext_base.h"

#define ERASE "\033[K\033[J"

static double now = 100;
static char output[8192];

double ext_poll_seconds(void)
{
    return now;
}

/* ---- standard error, caught ---- */

static int terminal = -1, saved = -1; /* the pseudo-terminal's other end */

/* A terminal that hands everything on as it is. columns 0: its size is not known. */
static void begin_terminal(int columns)
{
    struct termios modes;
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    const int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    if (!CHECK(end >= 0 && tcgetattr(end, &modes) == 0))
        return;
    modes.c_oflag &= ~(tcflag_t)OPOST;
    tcsetattr(end, TCSANOW, &modes);
    saved = dup(STDERR_FILENO);
    dup2(end, STDERR_FILENO);
    close(end);
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    CHECK(ioctl(terminal, TIOCSWINSZ, &size) == 0);
}

static void resize(int columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    CHECK(ioctl(terminal, TIOCSWINSZ, &size) == 0);
}

/* What was written since the last call: up to a bell, as nobody says when all is there. */
static const char *read_terminal(void)
{
    size_t n = 0;
    CHECK(write(STDERR_FILENO, "\a", 1) == 1);
    while (n == 0 || output[n - 1] != '\a') {
        ssize_t got = read(terminal, output + n, sizeof output - 1 - n);
        if (!CHECK(got > 0))
            break;
        n += (size_t)got;
    }
    output[n > 0 ? n - 1 : 0] = '\0';
    return output;
}

static void end_terminal(void)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(terminal);
}

/* ---- a line ---- */

/* The line in between, which begins and ends in column 0. */
static const char *text_of(const char *written)
{
    static char text[1024];
    const size_t n = strlen(written), tail = strlen(ERASE "\r");
    if (!CHECK(n > tail && n < sizeof text && written[0] == '\r') ||
        !CHECK_TEXT(ERASE "\r", written + n - tail))
        return "";
    memcpy(text, written + 1, n - tail - 1);
    text[n - tail - 1] = '\0';
    CHECK(strpbrk(text, "\r\n\033") == NULL);
    return text;
}

/* What is shown in so many columns after so many seconds; it is wiped behind it. */
static const char *show(const gru4rec_progress *progress, double seconds, int columns)
{
    static char text[1024];
    ext_progress line;
    begin_terminal(columns);
    now = 100;
    ext_progress_start(&line, GRU4REC_AUTO, 0);
    now += seconds;
    ext_progress_show(&line, progress);
    strcpy(text, text_of(read_terminal()));
    ext_progress_show(&line, progress); /* too soon: it is not written again */
    CHECK_TEXT("", read_terminal());
    ext_progress_stop(&line, NULL, 0, true);
    CHECK_TEXT("\r" ERASE, read_terminal());
    end_terminal();
    return text;
}

static const gru4rec_progress quarter = {
    .epoch = 3, .n_epochs = 10, .events = 500, .total_events = 1000, .loss = 6.25};

static void figures_are_written(void)
{
    CHECK_TEXT("gru4rec: epoch 3/10 [###..........]  25 %  loss 6.2500  100 events/s  "
               "1:15 left",
               show(&quarter, 25, 80));
    gru4rec_progress progress = quarter;
    progress.epoch = 1;
    CHECK(strstr(show(&progress, 3600, 80), "  19:00:00 left") != NULL);
}

/* The more columns the more parts. */
static void parts_go_in_narrow_terminals(void)
{
    const struct {
        int columns;
        const char *text;
    } cases[] = {
        {1, ""},
        {6, ""},
        {7, "  25 %"},
        {10, "  25 %"},
        {11, "epoch 3/10"},
        {17, "epoch 3/10  25 %"},
        {27, "epoch 3/10  25 %"},
        {28, "epoch 3/10  25 %  1:15 left"},
        {36, "epoch 3/10  25 %  1:15 left"},
        {37, "gru4rec: epoch 3/10  25 %  1:15 left"},
        {40, "gru4rec: epoch 3/10  25 %  1:15 left"},
        {41, "epoch 3/10  25 %  loss 6.2500  1:15 left"},
        {50, "gru4rec: epoch 3/10  25 %  loss 6.2500  1:15 left"},
        {63, "gru4rec: epoch 3/10  25 %  loss 6.2500  1:15 left"},
        {64, "gru4rec: epoch 3/10  25 %  loss 6.2500  100 events/s  1:15 left"},
        {71, "gru4rec: epoch 3/10  25 %  loss 6.2500  100 events/s  1:15 left"},
        {72, "gru4rec: epoch 3/10 [#....]  25 %  loss 6.2500  100 events/s  1:15 left"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_TEXT(cases[i].text, show(&quarter, 25, cases[i].columns));
    for (int columns = 1; columns <= 90; columns++)
        CHECK((int)strlen(show(&quarter, 25, columns)) < columns);
    CHECK(strstr(show(&quarter, 25, 200), "[###########....") != NULL);
    CHECK_INT(63 + 50, strlen(show(&quarter, 25, 200)));
    CHECK_INT(63 + 3 + 250, strlen(show(&quarter, 25, 65535)));
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
        CHECK(strlen(show(&progress, seconds[i % 5], 80)) < 80);
        progress.epoch = 1;
        CHECK(strlen(show(&progress, seconds[i % 5], 40)) < 40);
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
    const char *text = show(&progress, 4000, 80);
    CHECK(strstr(text, " left") != NULL && strstr(text, "2485000 events/s") != NULL);
}

/* The size is asked for each time. */
static void a_resize_is_followed(void)
{
    ext_progress line;
    begin_terminal(100);
    ext_progress_start(&line, GRU4REC_ON, 0);
    for (int columns = 100; columns > 0; columns -= 3) {
        resize(columns);
        now += 1;
        ext_progress_show(&line, &quarter);
        CHECK((int)strlen(text_of(read_terminal())) < columns);
    }
    resize(200);
    now += 1;
    ext_progress_show(&line, &quarter);
    CHECK(strlen(text_of(read_terminal())) > 100);
    ext_progress_stop(&line, NULL, 0, false);
    end_terminal();
}

/* Where the terminal does not know its size, COLUMNS has it; else there are 80. */
static void the_environment_has_columns(void)
{
    const char *values[] = {"", "0", "-5", "x", "30", "120"};
    const size_t lengths[] = {79, 79, 79, 79, 27, 63 + 30};
    gru4rec_progress progress = quarter;
    progress.loss = 6.2499;
    for (size_t i = 0; i < 6; i++) {
        setenv("COLUMNS", values[i], 1);
        CHECK_INT(lengths[i], strlen(show(&progress, 25, 0)));
        CHECK_INT(36, strlen(show(&progress, 25, 40)));
    }
    unsetenv("COLUMNS");
    CHECK_INT(79, strlen(show(&progress, 25, 0)));
}

/* Blanks in place of escape sequences, over what was longer, and no more than fit. */
static void a_plain_terminal_gets_blanks(void)
{
    ext_progress line;
    setenv("TERM", "dumb", 1);
    begin_terminal(50);
    ext_progress_start(&line, GRU4REC_AUTO, 0);
    now += 1;
    ext_progress_show(&line, &quarter);
    CHECK_INT(2 + 49, strlen(read_terminal()));
    resize(60);
    now += 1;
    gru4rec_progress last = {.epoch = 1, .n_epochs = 1, .total_events = 9, .loss = 1};
    ext_progress_show(&line, &last);
    CHECK_TEXT("\rgru4rec: epoch 1/1   0 %  loss 1.0000  0:00 left \r", read_terminal());
    resize(20);
    ext_progress_stop(&line, NULL, 0, true);
    CHECK_TEXT("\r                   \r", read_terminal());
    end_terminal();
    setenv("TERM", "xterm", 1);
}

/* A run that is continued: what another call did counts as done, not as fast. */
static void a_continued_run(void)
{
    ext_progress line;
    begin_terminal(80);
    ext_progress_start(&line, GRU4REC_AUTO, 2);
    now += 10;
    ext_progress_show(&line, &quarter);
    CHECK_TEXT("gru4rec: epoch 3/10 [###...........]  25 %  loss 6.2500  50 events/s  "
               "2:30 left",
               text_of(read_terminal()));
    ext_progress_stop(&line, NULL, 0, true);
    end_terminal();
}

/* ---- no terminal ---- */

/* What a file gets of a training of 25 seconds, and n epochs. */
static const char *log_of(int64_t verbose, const gru4rec_progress *progress,
                          const gru4rec_epoch *epochs, size_t n, bool is_done)
{
    ext_progress line;
    FILE *file = tmpfile();
    saved = dup(STDERR_FILENO);
    if (!CHECK(file != NULL && saved >= 0))
        return "";
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    now = 100;
    ext_progress_start(&line, verbose, 0);
    for (int i = 0; i < 25; i++, now++)
        if (progress != NULL)
            ext_progress_show(&line, progress);
    ext_progress_stop(&line, epochs, n, is_done);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
    return output;
}

static void a_file_gets_one_line(void)
{
    const gru4rec_epoch epochs[] = {{.epoch = 1, .events = 1000, .loss = 8},
                                    {.epoch = 2, .events = 1000, .loss = 7}};
    const gru4rec_progress second = {
        .epoch = 2, .n_epochs = 10, .events = 1000, .total_events = 1000, .loss = 7};
    CHECK_TEXT("gru4rec: 2 epochs, loss 7.0000, 80 events/s, 25.0 s\n",
               log_of(GRU4REC_ON, &second, epochs, 2, true));
    CHECK_TEXT("gru4rec: 1 epoch, loss 8.0000, 40 events/s, 25.0 s\n",
               log_of(GRU4REC_ON, &second, epochs, 1, true));
    CHECK_TEXT("gru4rec: 0 epochs, 25.0 s\n", log_of(GRU4REC_ON, NULL, epochs, 0, true));
    CHECK_TEXT("gru4rec: stopped in epoch 3/10, loss 6.2500, 100 events/s, 25.0 s\n",
               log_of(GRU4REC_ON, &quarter, epochs, 2, false));
    CHECK_TEXT("gru4rec: stopped in epoch 2/10, loss 7.0000, 80 events/s, 25.0 s\n",
               log_of(GRU4REC_ON, &second, epochs, 2, false)); /* while it was measured */
    const gru4rec_progress third = {
        .epoch = 3, .n_epochs = 10, .events = 0, .total_events = 1000, .loss = NAN};
    CHECK_TEXT("gru4rec: stopped in epoch 3/10, loss 7.0000, 80 events/s, 25.0 s\n",
               log_of(GRU4REC_ON, &third, epochs, 2, false)); /* before its first step */
    CHECK_TEXT("gru4rec: stopped before the first step, 25.0 s\n",
               log_of(GRU4REC_ON, NULL, epochs, 0, false));
    CHECK_TEXT("", log_of(GRU4REC_AUTO, &second, epochs, 2, true));
    CHECK_TEXT("", log_of(GRU4REC_AUTO, &second, epochs, 2, false));
    CHECK_TEXT("", log_of(GRU4REC_OFF, &second, epochs, 2, true));
}

/* Nor does a terminal, where that is not wanted, or before the first step. */
static void nothing_is_written(void)
{
    const gru4rec_progress early = {.n_epochs = 10, .total_events = 1000};
    ext_progress line;
    begin_terminal(80);
    ext_progress_start(&line, GRU4REC_OFF, 0);
    now += 1;
    ext_progress_show(&line, &quarter);
    ext_progress_stop(&line, NULL, 0, true);
    ext_progress_start(&line, GRU4REC_ON, 0);
    now += 1;
    ext_progress_show(&line, &early);
    ext_progress_stop(&line, NULL, 0, false);
    CHECK_TEXT("", read_terminal());
    end_terminal();
}

int main(void)
{
    setenv("TERM", "xterm", 1);
    unsetenv("COLUMNS");
    RUN(figures_are_written);
    RUN(parts_go_in_narrow_terminals);
    RUN(any_figures_fit);
    RUN(usual_figures_are_whole);
    RUN(a_resize_is_followed);
    RUN(the_environment_has_columns);
    RUN(a_plain_terminal_gets_blanks);
    RUN(a_continued_run);
    RUN(a_file_gets_one_line);
    RUN(nothing_is_written);
    return test_end();
}
