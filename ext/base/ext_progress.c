/* ext_progress.c - see ext_base.h. The only writer to standard error. */
#define _POSIX_C_SOURCE 199309L
#include "ext_base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What every terminal has, but for the last one, behind which some begin a new line. */
enum { COLUMNS = 79, BAR = 20, ROOM = 3 * COLUMNS };

void ext_progress_start(ext_progress *line, int64_t verbose)
{
    line->is_shown =
        verbose == GRU4REC_ON || (verbose == GRU4REC_AUTO && isatty(STDERR_FILENO) == 1);
    line->start = ext_poll_seconds();
    line->last = 0;
}

/* "1:05", or "2:01:05" where there are hours. */
static void write_left(char *text, size_t n, double seconds)
{
    const int64_t left = (int64_t)fmin(fmax(seconds, 0), 9e15), minutes = left / 60;
    const int second = (int)(left % 60);
    if (minutes < 60)
        snprintf(text, n, "%d:%02d", (int)minutes, second);
    else
        snprintf(text, n, "%lld:%02d:%02d", (long long)(minutes / 60),
                 (int)(minutes % 60), second);
}

/* The bar takes the columns that the figures leave. */
static void write_line(char line[ROOM], const gru4rec_progress *progress, double seconds)
{
    const double total = (double)progress->total_events;
    const double done = (double)(progress->epoch - 1) * total + (double)progress->events;
    const double share = done > 0 ? done / (total * (double)progress->n_epochs) : 0;
    char head[COLUMNS + 1], tail[COLUMNS + 1], left[COLUMNS + 1], bar[BAR + 1];
    write_left(left, sizeof left, share > 0 ? seconds / share - seconds : 0);
    const int n_head =
        snprintf(head, sizeof head, "gru4rec: epoch %lld/%lld",
                 (long long)progress->epoch, (long long)progress->n_epochs);
    const int n_tail =
        snprintf(tail, sizeof tail, " %3.0f %%  loss %#.5g  %.0f events/s  %s left",
                 share * 100, progress->loss, done / (seconds > 0 ? seconds : 1), left);
    const int room = COLUMNS - n_head - n_tail - 3; /* without " [" and "]" */
    const int n_bar = room < 0 ? 0 : room < BAR ? room : BAR;
    memset(bar, '.', sizeof bar);
    memset(bar, '#', (size_t)(fmin(share, 1) * n_bar));
    snprintf(line, ROOM, "%s [%.*s]%s", head, n_bar, bar, tail);
}

void ext_progress_show(ext_progress *line, const gru4rec_progress *progress)
{
    const double now = ext_poll_seconds();
    char text[ROOM];
    if (!line->is_shown || now - line->last < 0.2)
        return;
    line->last = now;
    write_line(text, progress, now - line->start);
    fprintf(stderr, "\r%-*.*s", COLUMNS, COLUMNS, text);
    fflush(stderr);
}

void ext_progress_stop(ext_progress *line)
{
    if (line->is_shown && line->last > 0)
        fprintf(stderr, "\r%*s\r", COLUMNS, "");
    line->is_shown = false;
}
