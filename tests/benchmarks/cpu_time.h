/* CPU time of the process, all threads, in seconds. */
#ifndef GRADSWEEP_BENCHMARKS_CPU_TIME_H
#define GRADSWEEP_BENCHMARKS_CPU_TIME_H

#include <time.h>

static inline double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
