/* Shapes of datasets, and ranges of a flat array as boxes of its shape. Not collective. */
#ifndef GRADSWEEP_H5_RANGE_H
#define GRADSWEEP_H5_RANGE_H

#include <hdf5.h>
#include <stdint.h>

enum { H5_MAX_RANK = 16 };

struct h5_shape {
    int rank;
    uint64_t sizes[H5_MAX_RANK];
};

/* Product of the sizes. */
uint64_t h5_shape_elements(const struct h5_shape *shape);

/* A box: start and size along each dimension; `elements` of them, contiguous in C order. */
struct h5_box {
    hsize_t start[H5_MAX_RANK];
    hsize_t size[H5_MAX_RANK];
    uint64_t elements;
};

/* The longest box of at most `limit` (> 0) elements that begins at element `first` and ends before `end`. A range comes
 * apart into 2 rank - 1 boxes at most, where no limit applies. */
struct h5_box h5_range_next_box(const struct h5_shape *shape, uint64_t first, uint64_t end, uint64_t limit);

#endif
