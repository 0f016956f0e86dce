/* Linked and started by the configuration: MPI alone, and with what must have been built for the same MPI.
 * Defined by packaging/cmake/probe.cmake: PROBE_HDF5, PROBE_SCALAPACK. */
#include <mpi.h>
#include <stdio.h>

#ifdef PROBE_HDF5
#include <hdf5.h>
#include <hdf5_hl.h>
#ifndef H5_HAVE_PARALLEL
#error "this HDF5 is serial"
#endif

static const char *try_hdf5(void)
{
    MPI_Comm communicator = MPI_COMM_NULL;
    MPI_Info info = MPI_INFO_NULL;
    int same = MPI_UNEQUAL;
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0 || H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL) < 0 ||
        H5Pget_fapl_mpio(access, &communicator, &info) < 0 ||
        MPI_Comm_compare(communicator, MPI_COMM_WORLD, &same) != MPI_SUCCESS || same == MPI_UNEQUAL)
        return "HDF5 does not understand a communicator of this MPI";
    MPI_Comm_free(&communicator);
    htri_t is_scale = 0;
    H5E_BEGIN_TRY
    {
        is_scale = H5DSis_scale(access);
    }
    H5E_END_TRY
    H5Pclose(access);
    return is_scale > 0 ? "the high-level library of HDF5 takes a property list for a scale" : NULL;
}
#endif

#ifdef PROBE_SCALAPACK
int Csys2blacs_handle(MPI_Comm communicator);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
void Cblacs_gridexit(int context);
void pdgemm_(const char *, const char *, const int *, const int *, const int *, const double *, const double *,
             const int *, const int *, const int *, const double *, const int *, const int *, const int *,
             const double *, double *, const int *, const int *, const int *, size_t, size_t);

static const char *try_scalapack(void)
{
    int context = Csys2blacs_handle(MPI_COMM_WORLD), rows = 0, columns = 0, row = -1, column = -1;
    const int handle = context;
    Cblacs_gridinit(&context, "Row-major", 1, 1);
    Cblacs_gridinfo(context, &rows, &columns, &row, &column);
    if (rows != 1 || columns != 1 || row != 0 || column != 0)
        return "BLACS does not make a grid of this MPI's ranks";
    /* With integers of 64 bits these would be read in pairs. */
    const int one = 1, descriptor[9] = { 1, context, 1, 1, 1, 1, 0, 0, 1 };
    const double unit = 1, zero = 0, two = 2, three = 3;
    double product = 0;
    pdgemm_("N", "N", &one, &one, &one, &unit, &two, &one, &one, descriptor, &three, &one, &one, descriptor, &zero,
            &product, &one, &one, descriptor, 1, 1);
    Cblacs_gridexit(context);
    Cfree_blacs_system_handle(handle);
    return product == 6 ? NULL : "ScaLAPACK says that 2 x 3 is not 6";
}
#endif

int main(int argc, char **argv)
{
    const char *wrong = NULL;
    int ranks = 0;
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS || MPI_Comm_size(MPI_COMM_WORLD, &ranks) != MPI_SUCCESS || ranks != 1)
        wrong = "MPI does not start one rank without a launcher";
#ifdef PROBE_HDF5
    if (wrong == NULL)
        wrong = try_hdf5();
#endif
#ifdef PROBE_SCALAPACK
    if (wrong == NULL)
        wrong = try_scalapack();
#endif
    if (wrong != NULL) {
        printf("%s\n", wrong);
        return 1;
    }
    MPI_Finalize();
    printf("well\n");
    return 0;
}
