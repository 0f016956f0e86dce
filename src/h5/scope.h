/* Identifiers of HDF5 that are closed where their scope ends (base/scope.h): `SCOPED_ID space =
 * H5Dget_space(dataset);`. Not collective, but for what is of a file opened with MPI-IO. */
#ifndef GRADSWEEP_H5_SCOPE_H
#define GRADSWEEP_H5_SCOPE_H

#include "base/scope.h"

#include <hdf5.h>

/* Of types, spaces, properties, attributes, groups and datasets; what could not be had, a negative one, is none, and so
 * is 0. Files have an owner of their own (h5/file.h). */
#define SCOPED_ID __attribute__((cleanup(h5_leave_scope))) hid_t
void h5_leave_scope(hid_t *id);

#endif
