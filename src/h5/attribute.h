/* Attributes of files and datasets. Written when a file is created, by one process. Not collective. */
#ifndef GRADSWEEP_H5_ATTRIBUTE_H
#define GRADSWEEP_H5_ATTRIBUTE_H

#include "h5/dataset.h"

/* Writes a UTF-8 text of any length; `values`: a scalar for count 1, else a one-dimensional array. Errors: STATUS_IO.
 */
CHECKED enum status h5_attribute_write_text(hid_t object, const char *name, const char *text);
CHECKED enum status h5_attribute_write(hid_t object, const char *name, enum h5_element element, uint64_t count,
                                       const void *values);

/* Reads a text, of fixed or variable length; released by the caller with memory_free. Errors: STATUS_FOREIGN_FILE where
 * there is none. */
CHECKED enum status h5_attribute_read_text(hid_t object, const char *name, char **text);

/* Reads a scalar integer of any width. Errors: STATUS_FOREIGN_FILE. */
CHECKED enum status h5_attribute_read_integer(hid_t object, const char *name, int64_t *value);

#endif
