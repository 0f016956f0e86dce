/* What a file looks like by its first bytes, for messages about files of the wrong kind. Not collective. */
#ifndef GRADSWEEP_BASE_FILE_KIND_H
#define GRADSWEEP_BASE_FILE_KIND_H

#include <stddef.h>

/* Writes what the regular file at `path` is instead of HDF5 and what helps, such as "it is a NumPy array (.npy); ...",
 * or "" where its beginning says nothing (or is that of an HDF5 file). */
void file_kind_describe(const char *path, char *text, size_t size);

/* The same for a folder, of which some programs make one file's worth. */
void file_kind_describe_folder(const char *path, char *text, size_t size);

#endif
