/* What rank 0 shows while a run goes on, on stderr. Not collective. */
#ifndef GRADSWEEP_RUN_PROGRESS_H
#define GRADSWEEP_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* auto: bar on a terminal, else a line now and then. json: one object a line. */
enum progress_style { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LINES, PROGRESS_JSON, PROGRESS_NONE };

struct progress {
    enum progress_style style;
    double start; /* clock_seconds() */
    double last_shown;
    uint64_t cells;          /* of the grid */
    uint64_t earlier_done;   /* finished before this run */
    uint64_t earlier_failed; /* failed before this run, which leaves them so */
};

struct progress progress_start(enum progress_style style, uint64_t cells, uint64_t earlier_done,
                               uint64_t earlier_failed);

/* Shows the state if it is time to (a bar twice a second, lines every 10 s, json every 2 s), or if `is_last`. done and
 * failed are those of this run, of all ranks, to which the earlier ones are added. The time that remains is judged by
 * the share of predicted work done. */
void progress_show(struct progress *progress, uint64_t done, uint64_t failed, double flops, double work_share,
                   bool is_last);

#endif
