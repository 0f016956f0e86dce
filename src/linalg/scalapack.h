/* The BLACS and ScaLAPACK routines we call. BLACS by its C names, ScaLAPACK by its Fortran names (lapack.h). What they
 * refuse they abort the job for, so that callers must not ask for it. All are collective within their context. */
#ifndef GRADSWEEP_LINALG_SCALAPACK_H
#define GRADSWEEP_LINALG_SCALAPACK_H

#include <mpi.h>
#include <stddef.h>

/* Of a distributed matrix: 1, context, rows, columns, their block sizes, the grid row and column of the first element,
 * and the local leading dimension (at least 1). */
enum { SCALAPACK_DESCRIPTOR = 9 };

/* A system handle stands for a communicator until it is freed; grids made from it live on. *context holds the handle
 * before and the grid's context after. */
int Csys2blacs_handle(MPI_Comm communicator);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
void Cblacs_gridexit(int context);

/* C := alpha op(A) op(B) + beta C on sub-matrices that begin at the given row and column, counted from 1. */
void pdgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *row_a, const int *column_a, const int *descriptor_a,
             const double *b, const int *row_b, const int *column_b, const int *descriptor_b, const double *beta,
             double *c, const int *row_c, const int *column_c, const int *descriptor_c, size_t, size_t);

/* Copies a sub-matrix [m, n] from one distribution to another; `context` holds all processes of both. */
void pdgemr2d_(const int *m, const int *n, const double *a, const int *row_a, const int *column_a,
               const int *descriptor_a, double *b, const int *row_b, const int *column_b, const int *descriptor_b,
               const int *context);

/* QR decomposition of a matrix [m, n], which is overwritten: R above the diagonal, Householder vectors below it, their
 * factors in tau[local columns]. Then the first n columns of Q in its place. work_length -1 asks for the room: work[0].
 */
void pdgeqrf_(const int *m, const int *n, double *a, const int *row_a, const int *column_a, const int *descriptor_a,
              double *tau, double *work, const int *work_length, int *info);
void pdorgqr_(const int *m, const int *n, const int *reflections, double *a, const int *row_a, const int *column_a,
              const int *descriptor_a, const double *tau, double *work, const int *work_length, int *info);

/* The block size by which the PBLAS cuts its panels. Ours takes the place of the library's own (matrix_stack_grid.c).
 */
int pilaenv_(const int *context, const char *precision, size_t);

#endif
