/* Arrays of numbers in files that other programs wrote: any integer or float type, any layout and filter.
 * Read as doubles. Not collective.
 *
 * Where a file says that its program keeps arrays column by column, the axes are turned round, so that element [i, j]
 * here is element (i, j) there: MATLAB (attribute MATLAB_class), Octave's save -hdf5 (groups with OCTAVE_NEW_FORMAT)
 * and Julia's JLD and JLD2 (first line of the file). Packed netCDF variables are unpacked (see packing.h). */
#ifndef GRADSWEEP_H5_NUMERIC_H
#define GRADSWEEP_H5_NUMERIC_H

#include "base/scope.h"
#include "h5/packing.h"
#include "h5/range.h"

#include <stdbool.h>

struct h5_numeric {
    hid_t dataset;
    const char *name;
    struct h5_shape shape; /* as asked for */
    struct h5_shape view;  /* as its program sees it: with the dimensions of size 1 that `shape` may be without */
    bool is_reversed;      /* the file has the axes of `view` in reverse */
    struct h5_packing packing;
};

/* Whether something is called `name` in the root group, be it a dataset or not; a mere dimension of netCDF is not. */
bool h5_numeric_exists(hid_t file, const char *name);

/* Opens the array `name` of `rank` dimensions (1 to H5_MAX_RANK). A vector (rank 1) may lie there as a row or a column:
 * with further dimensions of size 1. `name` must outlive it. Closed with h5_numeric_close. Errors: STATUS_FOREIGN_FILE
 * for what is no dataset, holds no numbers (texts, complex numbers, named values, objects and sparse or empty matrices
 * of MATLAB and Octave), or has another number of dimensions; the message begins with the name. */
CHECKED enum status h5_numeric_open(hid_t file, const char *name, int rank, struct h5_numeric *numeric);
/* The same for one array, or several of one shape: with a dimension more, before the others. */
CHECKED enum status h5_numeric_open_stack(hid_t file, const char *name, int rank, struct h5_numeric *numeric);
void h5_numeric_close(struct h5_numeric *numeric);
SCOPED_VALUE(h5_numeric, h5_numeric_close)

/* The place of element `number`, in row-major order of `shape`, such as "[3, 1]". */
enum { H5_PLACE_TEXT = 128 };
void h5_numeric_place(const struct h5_numeric *numeric, uint64_t number, char text[H5_PLACE_TEXT]);

/* Elements first .. first+count-1, numbered in row-major order of `shape`. Errors: STATUS_IO; STATUS_FOREIGN_FILE where
 * HDF5 lacks a filter, which is named; STATUS_NUMERICAL for a missing value of netCDF, with its place. The message
 * begins with the name. */
CHECKED enum status h5_numeric_read(const struct h5_numeric *numeric, uint64_t first, uint64_t count, double *values);

/* Rows first_row .. first_row + rows - 1 and columns likewise of an array of rank 2, into values[rows * columns],
 * row-major. Errors likewise. */
CHECKED enum status h5_numeric_read_part(const struct h5_numeric *numeric, uint64_t first_row, uint64_t rows,
                                         uint64_t first_column, uint64_t columns, double *values);

#endif
