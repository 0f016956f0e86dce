/* Arrays of numbers in files that other programs wrote: any integer or float type, any layout and filter.
 * Read as doubles. Not collective. */
#ifndef GRADSWEEP_H5_NUMERIC_H
#define GRADSWEEP_H5_NUMERIC_H

#include "h5/dataset.h"

#include <stdbool.h>

/* Whether something is called `name` in the root group, be it a dataset or not. */
bool h5_numeric_exists(hid_t file, const char *name);

/* Opens the dataset `name` of `rank` dimensions (1 to H5_MAX_RANK); *dataset is closed by the caller with H5Dclose.
 * Elements are read with h5_dataset_read as ELEMENT_FLOAT64. Errors: STATUS_FOREIGN_FILE for what is no dataset, holds
 * no numbers (texts, complex numbers, named values), or has another number of dimensions; the message begins with the
 * name. */
CHECKED enum status h5_numeric_open(hid_t file, const char *name, int rank, struct h5_shape *shape, hid_t *dataset);

#endif
