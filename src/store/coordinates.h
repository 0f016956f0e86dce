/* The coordinates of a results file: the values along each dimension, as the sweep says. Private to store/. Not
 * collective. */
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

#endif
