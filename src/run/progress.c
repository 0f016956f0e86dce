#include "run/progress.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct progress progress_start(enum progress_style style, uint64_t cells, uint64_t earlier_done,
                               uint64_t earlier_failed)
{
    if (style == PROGRESS_AUTO)
        style = isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_LINES;
    double now = clock_seconds();
    return (struct progress){ .style = style,
                              .start = now,
                              .last_shown = now,
                              .cells = cells,
                              .earlier_done = earlier_done,
                              .earlier_failed = earlier_failed };
}

static double interval_of(enum progress_style style)
{
    return style == PROGRESS_BAR ? 0.5 : style == PROGRESS_JSON ? 2.0 : 10.0;
}

/* "1:02:03", "2:03" or "-" */
static void duration_text(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0.0) || seconds > 1e9) {
        snprintf(text, size, "-");
        return;
    }
    long whole = lround(seconds);
    if (whole >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
}

static uint64_t fewer(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void progress_show(struct progress *progress, uint64_t done, uint64_t failed, double flops, double work_share,
                   bool is_last)
{
    double now = clock_seconds(), elapsed = now - progress->start;
    if (progress->style == PROGRESS_NONE || (!is_last && now - progress->last_shown < interval_of(progress->style)))
        return;
    progress->last_shown = now;
    /* Damaged cells, which are computed again, had been counted as finished. */
    failed = fewer(progress->earlier_failed + failed, progress->cells);
    uint64_t finished = fewer(progress->earlier_done + done, progress->cells - failed);
    double rate = elapsed > 0.0 ? flops / elapsed * 1e-9 : 0.0;
    double remaining = work_share > 0.0 ? elapsed / work_share * (1.0 - work_share) : NAN;
    const bool is_complete = finished + failed >= progress->cells;
    if (is_complete)
        remaining = 0.0;
    double percent = progress->cells ? 100.0 * (double)(finished + failed) / (double)progress->cells : 100.0;
    if (progress->style == PROGRESS_JSON) {
        fprintf(stderr,
                "{\"cells\": %llu, \"done\": %llu, \"failed\": %llu, \"gflops\": %.3f, \"elapsed_seconds\": %.3f, "
                "\"remaining_seconds\": %.3f}\n",
                (unsigned long long)progress->cells, (unsigned long long)finished, (unsigned long long)failed, rate,
                elapsed, remaining >= 0.0 ? remaining : 0.0);
        return;
    }
    char remaining_text[32], elapsed_text[32];
    duration_text(remaining, remaining_text, sizeof remaining_text);
    duration_text(elapsed, elapsed_text, sizeof elapsed_text);
    bool is_bar = progress->style == PROGRESS_BAR;
    fprintf(stderr, "%sgradsweep: %llu of %llu cells (%.1f%%), %llu failed, %.1f GF/s, %s elapsed, %s%s to go%s",
            is_bar ? "\r\033[K" : "", (unsigned long long)finished, (unsigned long long)progress->cells, percent,
            (unsigned long long)failed, rate, elapsed_text, is_last && !is_complete ? "stopped with about " : "",
            remaining_text, is_bar && !is_last ? "" : "\n");
    fflush(stderr);
}
