/* Where in a file an array of a given name lies, and in which order, by the conventions of the program that wrote it.
 * Not collective. */
#ifndef GRADSWEEP_H5_ORIGIN_H
#define GRADSWEEP_H5_ORIGIN_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>

enum { H5_ORIGIN_PATH = 64 };

struct h5_origin {
    char path[H5_ORIGIN_PATH]; /* of the dataset */
    bool is_reversed;          /* the program keeps arrays column by column: HDF5's axes are its own in reverse */
};

/* `name`: of the root group, and there. MATLAB v7.3 marks each variable, Octave makes a group of it, Julia's JLD and
 * JLD2 mark the file. Errors: STATUS_FOREIGN_FILE for what is no full matrix of real numbers of theirs: objects, sparse
 * and empty matrices, texts; the message begins with the name, and says what to save instead. */
CHECKED enum status h5_origin_find(hid_t file, const char *name, struct h5_origin *origin);

/* Whether `name` is no variable but a dimension of netCDF, which has a dataset without values for it. */
bool h5_origin_is_dimension(hid_t file, const char *name);

#endif
