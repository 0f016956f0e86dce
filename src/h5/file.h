/* HDF5 files: made and read by one process, or opened by all ranks with MPI-IO.
 *
 * The properties are those with which a file survives a kill (see file.c). All handles are closed with the file. */
#ifndef GRADSWEEP_H5_FILE_H
#define GRADSWEEP_H5_FILE_H

#include "base/scope.h"
#include "base/status.h"

#include <hdf5.h>
#include <mpi.h>
#include <stdbool.h>

/* Creates a file that must not exist. Not collective. Errors: STATUS_IO. */
CHECKED enum status h5_file_create(const char *path, hid_t *file);

/* Opens for reading, without MPI, while others may be writing. Only a regular file that holds something is opened: of a
 * pipe HDF5 would wait for ever. Not collective. Errors: STATUS_IO, with what the path is instead. */
CHECKED enum status h5_file_open(const char *path, hid_t *file);

/* Opens for reading and writing, by one process and without MPI. Not collective. Errors: STATUS_IO. */
CHECKED enum status h5_file_open_alone(const char *path, hid_t *file);

/* Opens for reading and writing with MPI-IO. Collective over the communicator. Errors: STATUS_IO. */
CHECKED enum status h5_file_open_parallel(const char *path, MPI_Comm communicator, hid_t *file);

/* Whether the file of an object was opened with MPI-IO. HDF5 asks all ranks together for some things about such a file
 * (links, the properties of its access): what one rank alone may come to must not ask. Not collective. */
bool h5_file_is_parallel(hid_t object);

/* Closes; `path` is for the message. Collective where the opening was. A negative handle, or 0, is no error. */
CHECKED enum status h5_file_close(hid_t file, const char *path);

/* Begins the declaration of owners (base/scope.h) of files whose closing has nothing to say any more: that were only
 * read, or where something else has failed already. A file that was written is closed by h5_file_close. */
#define SCOPED_FILE __attribute__((cleanup(h5_file_leave_scope))) hid_t
void h5_file_leave_scope(hid_t *file);

/* Whether a file could not be closed. HDF5 then keeps its number and, when the library ends inside MPI_Finalize, closes
 * again what is no longer there: such a process must be left by _exit. */
bool h5_file_is_spoilt(void);

#endif
