/* A short name for a file while MPI-IO opens it; private to h5/. Not collective.
 *
 * Open MPI keeps a pointer into each file that all ranks share (MPI_File_write_shared; nobody here wants it) in files
 * beside it, whose names it makes of the file's path: in buffers of 256 bytes, which a path of 241 characters
 * overflows; in the name of a shared segment, which a file name of 240 cannot be and one of a single character breaks;
 * or as OUT.h5.data.0, which a kill leaves behind, and which may be somebody's file. So it gets the path of a symbolic
 * link in a folder of this rank's own, and makes its files there; all of that is gone as soon as the file is open. */
#ifndef GRADSWEEP_H5_SHORT_NAME_H
#define GRADSWEEP_H5_SHORT_NAME_H

enum { SHORT_NAME_SIZE = 256 };

struct short_name {
    const char *path; /* to open; the file's own where no link can be made, or another MPI library is in use */
    char folder[SHORT_NAME_SIZE], link[SHORT_NAME_SIZE];
};

/* Makes the name of an existing file. Cannot fail: the file's own path is good for most files. `path` is borrowed until
 * short_name_remove, which is to be called as soon as the file is open. */
void short_name_make(const char *path, struct short_name *name);
void short_name_remove(struct short_name *name);

#endif
