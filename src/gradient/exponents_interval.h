/* How many factors go into one decomposition of a frame.
 *
 * A product of m factors is decomposed as well as m of them one by one as long as its columns stay far from dependent.
 * Otherwise what is small in it has been rounded away before rows were sorted. The rule: at most EXPONENT_SPREAD times
 * the rounding of one product (frame_spread), else the decomposition does not count and the factors are taken in one by
 * one. Intervals are powers of two, and double where the square of the spread, which is about that of twice the
 * factors, has been well within the rule for some time. A chain's intervals follow from its own factors, and so do its
 * bits. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_EXPONENTS_INTERVAL_H
#define GRADSWEEP_GRADIENT_EXPONENTS_INTERVAL_H

#include "linalg/frame.h"

#include <stdbool.h>

struct exponent_interval {
    long length;   /* factors to a decomposition; 1 at first */
    long calm;     /* consecutive intervals of that length after which twice the length would do */
    long refusals; /* decompositions that did not count, each of which asks for twice the calm from then on */
};

/* Whether an interval ends with this step, counted from the beginning: intervals of chains side by side end together.
 */
bool exponents_interval_ends(const struct exponent_interval *interval, long step);

/* After each decomposition: whether it counts, and what follows for the next interval. `lag_index`: of its last factor;
 * of single ones every fourth is looked at. */
bool exponents_interval_keeps(struct exponent_interval *interval, const struct frame *frame, long lag_index);

#endif
