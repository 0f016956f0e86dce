/* The coordinates of a results file: the values along each dimension, as the sweep says, and the couplings, which are
 * values along two. Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_COORDINATES_H
#define GRADSWEEP_STORE_COORDINATES_H

#include "store/layout.h"

/* Creates the coordinate of a dimension with its values, and makes it the dimension's scale. Closed with its file.
 * Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status coordinates_create(hid_t file, const struct layout *layout, enum dimension dimension, hid_t *scale);

/* Opens the coordinate of a dimension, closed with its file, and compares its values with the sweep's, to the bit:
 * *differs is the first place where they are not the same, -1 where all are. *checksum goes on over name and values.
 * Errors: STATUS_FOREIGN_FILE for what is missing, of another type or shape, or cannot be read; STATUS_MEMORY. */
CHECKED enum status coordinates_compare(hid_t file, const struct layout *layout, enum dimension dimension, hid_t *scale,
                                        int64_t *differs, uint32_t *checksum);

/* The same for the dataset `coupling`, kappa = rho gamma [spectral_radius, gamma] as chains are computed with it
 * (native: gamma), which files have that layout->has_coupling says so of. scales[DIMENSION_COUNT] are those of the
 * dimensions. */
enum { COUPLING_RANK = 2 };
extern const char coordinates_coupling[];
extern const enum dimension coordinates_coupling_dimensions[COUPLING_RANK];
CHECKED enum status coordinates_create_coupling(hid_t file, const struct layout *layout, const hid_t *scales);
CHECKED enum status coordinates_compare_coupling(hid_t file, const struct layout *layout, hid_t *dataset,
                                                 int64_t *differs, uint32_t *checksum);

#endif
