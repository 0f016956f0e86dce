/* The median of repeated timings: what a busy moment of the machine does not move. */
#ifndef GRADSWEEP_TESTS_BENCHMARKS_MEDIAN_H
#define GRADSWEEP_TESTS_BENCHMARKS_MEDIAN_H

#include <stdlib.h>

static inline int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts the values. */
static inline double median(long count, double *values)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

#endif
