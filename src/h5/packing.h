/* Packed variables of netCDF: the numbers that lie in the file stand for scale_factor times them plus add_offset, and
 * some of them (_FillValue, missing_value, what valid_min, valid_max and valid_range leave out) for no number at all.
 * netCDF Users' Guide, "Attribute Conventions"; CF conventions 2.5.1 and 8.1. Not collective. */
#ifndef GRADSWEEP_H5_PACKING_H
#define GRADSWEEP_H5_PACKING_H

#include "h5/dataset.h"

#include <stdbool.h>

enum { H5_MISSING_VALUES = 16 };

struct h5_packing {
    bool is_packed;
    double scale, offset;
    double wrap;    /* added to negative numbers: 2^bits where _Unsigned says so, else 0 */
    bool is_single; /* numbers are compared as the file has them, in single precision */
    int missing_count;
    double missing[H5_MISSING_VALUES];         /* as packed */
    const char *attributes[H5_MISSING_VALUES]; /* which attribute says so; literals */
    double lowest, highest;                    /* as packed; infinite where the file does not say */
};

/* What the attributes of a dataset of numbers say. Errors: STATUS_FOREIGN_FILE for such an attribute that is no number;
 * the message begins with the name of the attribute. */
CHECKED enum status h5_packing_read(hid_t dataset, struct h5_packing *packing);

/* Unpacks values[count] in place, in double precision: a product and a sum, each rounded. Where one is missing, returns
 * its place and says why in `reason` (of `size` bytes); else `count`. */
uint64_t h5_packing_apply(const struct h5_packing *packing, uint64_t count, double *values, char *reason, size_t size);

#endif
