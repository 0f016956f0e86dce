/* How frames of a shape are decomposed. Private to frame*.c. Not collective. */
#ifndef GRADSWEEP_LINALG_FRAME_SHAPE_H
#define GRADSWEEP_LINALG_FRAME_SHAPE_H

#include <stdbool.h>

enum { FRAME_SMALL = 64, FRAME_THIN = 32 };

/* By rows, whose length fits the vectors of a processor. */
static inline bool frame_is_small(long dimension, long columns)
{
    return dimension <= FRAME_SMALL || columns <= FRAME_THIN;
}

/* Never formed: Q = P^T H_1 H_2 ..., P the order of the rows. */
static inline bool frame_is_implicit(long dimension, long columns, bool on_grid)
{
    return !frame_is_small(dimension, columns) && columns == dimension && !on_grid;
}

/* Formed row by row (frame_rows.c). */
static inline bool frame_is_by_rows(long dimension, long columns, bool on_grid)
{
    return dimension <= FRAME_SMALL && columns == dimension && !on_grid;
}

/* May take several factors before they are decomposed: frames of leading directions. Of a whole frame the last
 * directions are so much smaller than the first that two factors lose digits but near the onset of chaos, and small
 * ones, decomposed side by side, cost as much with a lane less. */
static inline bool frame_is_leading(long dimension, long columns)
{
    return 2 * columns <= dimension;
}

#endif
