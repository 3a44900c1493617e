/* ext_progress.c - see ext_base.h. The only writer to standard error. */
#define _POSIX_C_SOURCE 199309L
#include "ext_base.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20 };

void ext_progress_start(ext_progress *line, int64_t verbose)
{
    line->is_shown =
        verbose == GRU4REC_ON || (verbose == GRU4REC_AUTO && isatty(STDERR_FILENO) == 1);
    line->start = ext_poll_seconds();
    line->last = 0;
}

void ext_progress_show(ext_progress *line, const gru4rec_progress *progress)
{
    double now = ext_poll_seconds();
    if (!line->is_shown || now - line->last < 0.2)
        return;
    line->last = now;
    double total = (double)progress->total_events;
    double done = (double)(progress->epoch - 1) * total + (double)progress->events;
    double share = done / (total * (double)progress->n_epochs);
    double seconds = now - line->start;
    int left = share > 0 ? (int)(seconds / share - seconds) : 0;
    int filled = (int)(share * BAR);
    char bar[BAR + 1];
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)(filled < BAR ? filled : BAR));
    bar[BAR] = '\0';
    fprintf(stderr,
            "\rgru4rec: epoch %lld/%lld [%s] %3.0f %%  loss %.4f  %.0f events/s  %d:%02d "
            "left ",
            (long long)progress->epoch, (long long)progress->n_epochs, bar, share * 100,
            progress->loss, done / (seconds > 0 ? seconds : 1), left / 60, left % 60);
    fflush(stderr);
}

void ext_progress_stop(ext_progress *line)
{
    if (line->is_shown && line->last > 0)
        fprintf(stderr, "\r%78s\r", "");
    line->is_shown = false;
}
