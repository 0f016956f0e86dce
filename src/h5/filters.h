/* Filters (compression and the like) that a dataset went through and this HDF5 library does not have. Not collective.
 */
#ifndef GRADSWEEP_H5_FILTERS_H
#define GRADSWEEP_H5_FILTERS_H

#include "base/status.h"

#include <hdf5.h>

/* To be asked when reading failed: HDF5 itself then speaks of files that it did not find. Errors: STATUS_FOREIGN_FILE
 * with the filters' names and what to do; STATUS_OK where none is missing. */
CHECKED enum status h5_filters_require(hid_t dataset);

#endif
