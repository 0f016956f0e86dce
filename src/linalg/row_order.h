/* The order of a matrix's rows by their sizes, for decompositions that are as accurate in each row as it is small. Not
 * collective. */
#ifndef GRADSWEEP_LINALG_ROW_ORDER_H
#define GRADSWEEP_LINALG_ROW_ORDER_H

#include <stdint.h>

/* order[count] := the rows by descending |size|, and exponents[count]: sizes[order[i]] is up to 2^exponents[i]; 0 where
 * it is zero. Sizes that differ by less than 1/32 may stay as they are: what the order is for does not know them
 * better. sizes NULL: all are 1. room[2 * count]. */
void row_order_find(long count, const double *sizes, long *order, int *exponents, uint64_t *room);

#endif
