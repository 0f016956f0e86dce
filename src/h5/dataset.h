/* Datasets as flat arrays: contiguous, early allocated, unfiltered, so that a file survives a kill and is written in
 * place.
 *
 * Elements are numbered in C order over all dimensions; ranges of them are read and written. Handles are closed with
 * their file. Nothing here is collective, except that datasets of a file opened with MPI-IO are never created. */
#ifndef GRADSWEEP_H5_DATASET_H
#define GRADSWEEP_H5_DATASET_H

#include "base/status.h"
#include "h5/range.h"

#include <stdbool.h>

/* Element types; in memory double, int64_t, uint8_t, uint16_t, uint32_t, char, and char * (UTF-8, of any length). */
enum h5_element {
    ELEMENT_FLOAT64,
    ELEMENT_INT32,
    ELEMENT_INT64,
    ELEMENT_UINT8,
    ELEMENT_UINT16,
    ELEMENT_UINT32,
    ELEMENT_CHARACTER,
    ELEMENT_TEXT
};

/* Bytes of an element in memory. */
size_t h5_element_size(enum h5_element element);

/* The type in the file (little-endian), and in memory; closed by the caller with H5Tclose. Negative on failure. */
hid_t h5_element_file_type(enum h5_element element);
hid_t h5_element_memory_type(enum h5_element element);

/* Creates a group, with the properties that netCDF wants of one. Errors: STATUS_IO. */
CHECKED enum status h5_group_create(hid_t file, const char *name);

/* Creates `name` in `file` and leaves its contents undefined. `fill` is one element for readers that ask what an
 * unwritten element is (NULL: none). Errors: STATUS_IO. */
CHECKED enum status h5_dataset_create(hid_t file, const char *name, enum h5_element element,
                                      const struct h5_shape *shape, const void *fill, hid_t *dataset);

/* Opens the dataset `name`, whose values must all lie in this file. Links into other files, external and virtual
 * datasets are refused: what they name may be a pipe, which HDF5 would wait for, or missing, which it would read as
 * zeros; and so are datasets not wholly written, which may claim any size. Closed by the caller with H5Dclose. Errors:
 * STATUS_FOREIGN_FILE; the message begins with the name. */
CHECKED enum status h5_dataset_open_own(hid_t file, const char *name, hid_t *dataset);

/* The same for a dataset of this element type and shape (of texts and characters, whatever their padding); closed with
 * its file, or with H5Dclose. Errors:
 * STATUS_FOREIGN_FILE; STATUS_IO where the system gave a reason. */
CHECKED enum status h5_dataset_open(hid_t file, const char *name, enum h5_element element, const struct h5_shape *shape,
                                    hid_t *dataset);

/* Elements first .. first+count-1, in transfers of at most 64 MiB. Errors: STATUS_IO. */
CHECKED enum status h5_dataset_read(hid_t dataset, enum h5_element element, uint64_t first, uint64_t count,
                                    void *values);
CHECKED enum status h5_dataset_write(hid_t dataset, enum h5_element element, uint64_t first, uint64_t count,
                                     const void *values);

/* Whether a dataset lies in its file in one piece, unfiltered. */
bool h5_dataset_is_contiguous(hid_t dataset);

/* Where in its file the elements of a contiguous dataset begin. Errors: STATUS_FOREIGN_FILE. */
CHECKED enum status h5_dataset_find(hid_t dataset, uint64_t *place);

/* Makes a one-dimensional dataset the scale of the dimension `name`; and gives dimension `axis` of a dataset that
 * scale. Errors: STATUS_IO. */
CHECKED enum status h5_scale_make(hid_t dataset, const char *name);
CHECKED enum status h5_scale_attach(hid_t dataset, int axis, hid_t scale);

#endif
