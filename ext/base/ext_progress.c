/*
 * ext_progress.c - shows the progress of a training or a tuning on standard error; see
 * ext_base.h.
 *
 * Nothing else in the extension writes to standard error, except the traces of a build
 * that has them (gru4rec_trace.h).
 *
 * A line on a terminal begins in column 0 and leaves the last column free, because some
 * terminals begin a new line after that column. Then the cursor goes back to column 0. If
 * the user makes the terminal narrower, the terminal may fold the line into several; the
 * cursor is still at the first column of the line, so erasing from the cursor on erases
 * all of it. The width of the terminal is asked for at each update. So no handler of
 * SIGWINCH is needed, which belongs to the host.
 */
#define _POSIX_C_SOURCE 200809L
#include "ext_base.h"

#include "../../include/gru4rec_platform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 1, EPOCH = 2, SHARE = 4, LOSS = 8, SPEED = 16, LEFT = 32, N_PARTS = 6 };
enum { PART = 64, MIN_BAR = 5, MAX_BAR = 250, ROOM = N_PARTS * PART + MAX_BAR + 4 };

/*
 * The layouts of the line on the terminal, from the longest to 0, which shows nothing. A
 * layout is the set of the parts that it shows, one bit each. The first layout that fits
 * into the terminal's width is shown. If the longest one fits and leaves room, a bar is
 * shown too.
 */
static const int layouts[] = {
    NAME | EPOCH | SHARE | LOSS | SPEED | LEFT,
    NAME | EPOCH | SHARE | LOSS | LEFT,
    EPOCH | SHARE | LOSS | LEFT,
    NAME | EPOCH | SHARE | LEFT,
    EPOCH | SHARE | LEFT,
    EPOCH | SHARE,
    EPOCH,
    SHARE,
    0,
};

/*
 * What a terminal with escape sequences gets to erase from the cursor to the end of its
 * line, and then the lines below. The order matters: tmux copies the lines below into its
 * history, unless the cursor's line is empty.
 */
static const char erase[] = "\033[K\033[J";

/* ---- the terminal ---- */

/*
 * Returns the width in columns that the environment variable COLUMNS gives, or 80 if
 * COLUMNS is not set or no positive number. It is for a terminal that does not know its
 * width.
 */
static int find_columns(void)
{
    const char *text = getenv("COLUMNS");
    const int columns = text != NULL ? atoi(text) : 0;
    return columns > 0 ? columns : 80;
}

/*
 * Returns the width of the terminal in columns, as the terminal gives it at this moment.
 * If the terminal does not know its width, returns line->columns.
 */
static int ask_columns(const ext_progress *line)
{
    struct winsize size = {0};
    const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : line->columns;
}

/*
 * Tells whether the terminal knows no escape sequences: the environment variable TERM is
 * not set, empty or "dumb".
 */
static bool is_terminal_plain(void)
{
    const char *name = getenv("TERM");
    return name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0;
}

void ext_progress_start(ext_progress *line, int64_t verbose, size_t n_before)
{
    const bool is_terminal = isatty(STDERR_FILENO) == 1;
    *line = (ext_progress){.unit = "epoch",
                           .figure = "loss",
                           .n_before = n_before,
                           .start = ext_poll_seconds()};
    line->is_line = is_terminal && verbose != GRU4REC_OFF;
    line->is_log = !is_terminal && verbose == GRU4REC_ON;
    if (!line->is_line)
        return;
    line->columns = find_columns();
    line->is_plain = is_terminal_plain();
}

/* ---- the updating line ---- */

/*
 * Writes the time that the training still needs into text (n bytes), behind two spaces:
 * as "1:05 left", or as "2:01:05 left" from one hour on. Less than 0 seconds count as 0.
 */
static void write_left(char *text, size_t n, double seconds)
{
    const int64_t left = (int64_t)fmin(fmax(seconds, 0), 9e15), minutes = left / 60;
    const int second = (int)(left % 60);
    if (minutes < 60)
        snprintf(text, n, "  %d:%02d left", (int)minutes, second);
    else
        snprintf(text, n, "  %lld:%02d:%02d left", (long long)(minutes / 60),
                 (int)(minutes % 60), second);
}

/*
 * Writes the texts of all parts of the progress line into part, in the order of the bits,
 * each with the space before it. line->seen says how far the training is. seconds: since
 * this call of the training began. Speed and time left come from the epochs of this call
 * alone. If the loss is NAN, its part is not written. Returns the share of the whole
 * training that is done, from 0 to 1.
 */
static double write_parts(char part[N_PARTS][PART], const ext_progress *line,
                          double seconds)
{
    const gru4rec_progress *progress = &line->seen;
    const double total = (double)progress->total_events;
    const double all = total * (double)progress->n_epochs;
    const double done = (double)(progress->epoch - 1) * total + (double)progress->events;
    const double here = done - (double)line->n_before * total; /* events of this call */
    const double share = done > 0 ? done / all : 0;
    snprintf(part[0], PART, "gru4rec: ");
    snprintf(part[1], PART, "%s %lld/%lld", line->unit, (long long)progress->epoch,
             (long long)progress->n_epochs);
    snprintf(part[2], PART, " %3.0f %%", share * 100);
    if (!isnan(progress->loss))
        snprintf(part[3], PART, "  %s %#.5g", line->figure, progress->loss);
    snprintf(part[4], PART, "  %.0f events/s", here / (seconds > 0 ? seconds : 1));
    write_left(part[5], PART, here > 0 ? seconds * (all - done) / here : 0);
    return share;
}

/*
 * Sets is_kept[i] to whether the layout shows part i, for each part, and returns how many
 * columns the shown parts need together.
 */
static int choose_parts(char part[N_PARTS][PART], int layout, bool is_kept[N_PARTS])
{
    int n = 0;
    for (int i = 0; i < N_PARTS; i++) {
        is_kept[i] = (layout >> i & 1) != 0;
        n += is_kept[i] ? (int)strlen(part[i]) : 0;
    }
    return n;
}

/*
 * Writes the bar of the share that is done, " [###..]", into text, so that it takes n
 * columns, but never more than MAX_BAR + 3. If n is too small for a bar, it writes
 * nothing and text stays. A share above 1 counts as 1.
 */
static void write_bar(char *text, double share, int n)
{
    const int n_bar = n - 3 < MAX_BAR ? n - 3 : MAX_BAR;
    char bar[MAX_BAR];
    if (n_bar < MIN_BAR)
        return;
    memset(bar, '.', sizeof bar);
    memset(bar, '#', (size_t)(fmin(share, 1) * n_bar));
    snprintf(text, MAX_BAR + 4, " [%.*s]", n_bar, bar);
}

/*
 * Writes the line for a terminal of that width into text: the parts of the first layout
 * that fits into columns - 1, and behind the epoch, if the longest layout fits, a bar of
 * at most a quarter of the width. The line is empty if no layout fits.
 */
static void write_line(char text[ROOM], const ext_progress *line, double seconds,
                       int columns)
{
    char part[N_PARTS][PART] = {""}, bar[MAX_BAR + 4] = "";
    bool is_kept[N_PARTS];
    const int width = columns - 1;
    const double share = write_parts(part, line, seconds);
    const int *layout = layouts;
    int n = choose_parts(part, *layout, is_kept);
    if (n <= width)
        write_bar(bar, share, width - n < columns / 4 ? width - n : columns / 4);
    while (n > width && *layout != 0)
        n = choose_parts(part, *++layout, is_kept);
    text[0] = '\0';
    for (int i = 0; i < N_PARTS; i++) {
        strcat(text, is_kept[i] ? part[i] : "");
        strcat(text, i == 1 ? bar : "");
    }
}

/*
 * Returns how many columns of the last update of the line are still on a plain terminal
 * (one without escape sequences), so that spaces must overwrite them. The result is below
 * columns. Returns 0 for other terminals, because there an escape sequence erases the
 * line.
 */
static int count_old(const ext_progress *line, int columns)
{
    const int n = line->is_plain ? line->n_written : 0;
    return n < columns ? n : columns - 1;
}

void ext_progress_show(ext_progress *line, const gru4rec_progress *progress)
{
    const double now = ext_poll_seconds();
    char text[ROOM];
    line->seen = *progress;
    if (!line->is_line || progress->epoch == 0 || now - line->last < 0.2)
        return;
    line->last = now;
    const int columns = ask_columns(line);
    write_line(text, line, now - line->start, columns);
    const int n_blank = count_old(line, columns) - (int)strlen(text);
    line->n_written = (int)strlen(text);
    fprintf(stderr, "\r%s%s%*s\r", text, line->is_plain ? "" : erase,
            n_blank > 0 ? n_blank : 0, "");
    fflush(stderr);
}

/*
 * Erases the line on the terminal: on a plain terminal with spaces, else with escape
 * sequences. The cursor is then in column 0.
 */
static void wipe(const ext_progress *line)
{
    if (line->is_plain)
        fprintf(stderr, "\r%*s\r", count_old(line, ask_columns(line)), "");
    else
        fprintf(stderr, "\r%s", erase);
}

/* ---- the line at the end ---- */

/*
 * Writes the line at the end to standard error: how many units (epochs, trials) were
 * done, or, if the work was stopped, in which one; its last figure (loss, best) and
 * speed, unless there are no events or the figure is NAN; and the seconds since the
 * start.
 */
static void write_log(const ext_progress *line, const ext_progress_end *end)
{
    const gru4rec_progress *seen = &line->seen;
    const double seconds = ext_poll_seconds() - line->start;
    char what[PART], figures[2 * PART] = "";
    if (end->is_done)
        snprintf(what, sizeof what, "%zu %s%s", end->n, line->unit,
                 end->n == 1 ? "" : "s");
    else if (seen->epoch > 0)
        snprintf(what, sizeof what, "stopped in %s %lld/%lld", line->unit,
                 (long long)seen->epoch, (long long)seen->n_epochs);
    else
        snprintf(what, sizeof what, "stopped before the first step");
    if (end->events > 0 && !isnan(end->loss))
        snprintf(figures, sizeof figures, ", %s %#.5g, %.0f events/s", line->figure,
                 end->loss, end->events / (seconds > 0 ? seconds : 1));
    fprintf(stderr, "gru4rec: %s%s, %.1f s\n", what, figures, seconds);
}

void ext_progress_end_with(ext_progress *line, const ext_progress_end *end)
{
    if (line->is_line && line->last > 0)
        wipe(line);
    if (line->is_log)
        write_log(line, end);
}

void ext_progress_stop(ext_progress *line, const gru4rec_epoch *epochs, size_t n_epochs,
                       bool is_done)
{
    const gru4rec_progress *seen = &line->seen;
    const gru4rec_epoch *last = n_epochs > 0 ? &epochs[n_epochs - 1] : NULL;
    const bool is_between = last != NULL && last->epoch == seen->epoch;
    const bool is_of_last = last != NULL && (is_done || seen->events == 0);
    ext_progress_end end = {.n = n_epochs,
                            .events = is_done || is_between ? 0 : (double)seen->events,
                            .loss = is_of_last ? last->loss : seen->loss,
                            .is_done = is_done};
    for (size_t i = 0; i < n_epochs; i++)
        end.events += (double)epochs[i].events;
    ext_progress_end_with(line, &end);
}
