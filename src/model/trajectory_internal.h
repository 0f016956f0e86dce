/* What trajectory*.c share: the window of a trajectory as those fill it who run it. Not collective. */
#ifndef GRADSWEEP_MODEL_TRAJECTORY_INTERNAL_H
#define GRADSWEEP_MODEL_TRAJECTORY_INTERNAL_H

#include "model/trajectory.h"

/* Makes room for chains of so many units and steps; `trajectory` is its owner's to destroy, also where this fails.
 * Errors: STATUS_MEMORY. */
CHECKED enum status trajectory_create(long hidden_size, long chains, long window, enum trajectory_keep keep,
                                      struct trajectory *trajectory);

/* Makes room for so many steps at the window's end, which is its beginning: lag_index 0. */
void trajectory_shift_window(struct trajectory *trajectory, long steps);

static inline size_t trajectory_column_number(const struct trajectory *trajectory, long lag_index, long chain)
{
    return (size_t)lag_index * (size_t)trajectory->chains + (size_t)chain;
}

/* A column of derivatives, states or activated. */
static inline double *trajectory_kept_column(const struct trajectory *trajectory, double *kept, long lag_index,
                                             long chain)
{
    return kept +
           trajectory_column_number(trajectory, lag_index, chain) * (size_t)block_stride(trajectory->hidden_size);
}

/* Copies all columns of a block to where a step keeps them. */
void trajectory_keep_columns(const struct trajectory *trajectory, const struct block *block, const int64_t *exponents,
                             long lag_index, double *kept, int64_t *kept_exponents);

#endif
