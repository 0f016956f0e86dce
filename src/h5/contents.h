/* What a file holds instead of what was looked for. Not collective. */
#ifndef GRADSWEEP_H5_CONTENTS_H
#define GRADSWEEP_H5_CONTENTS_H

#include <hdf5.h>
#include <stddef.h>

/* Writes "it holds a, b, ..." into `text`: the first names of the root group, and where in a group something is called
 * `name`; "it is empty" for a file without anything. */
void h5_contents_describe(hid_t file, const char *name, char *text, size_t size);

#endif
