/* Spectral radius and spectral norm of one matrix, right to rounding. values[d * d] column-major throughout, not
 * changed. BLAS and LAPACK run with one thread on shapes fixed by d, so that the bits are the same everywhere.
 * Not collective, but for what says so. */
#ifndef GRADSWEEP_LINALG_SPECTRUM_H
#define GRADSWEEP_LINALG_SPECTRUM_H

#include "base/status.h"
#include "linalg/matrix.h"

#include <stdbool.h>
#include <stdint.h>

/* rho(A) right to rounding: from the range of a power where that will do, else by LAPACK's eigenvalues (dgeev). Errors:
 * STATUS_MEMORY; STATUS_NUMERICAL for elements that are not finite (tested first: LAPACK's iterations hang on them) or
 * where LAPACK does not converge. */
CHECKED enum status spectrum_radius(long dimension, const double *values, double *radius);

/* The first way alone: a high power of A maps to a space of few dimensions, and the leading eigenvalue of A seen from
 * there is accepted where its residual is of the size of rounding, 16 u ||A||_F: as good as LAPACK's. *found tells
 * whether; not where d < 16, where many eigenvalues are as large, nor where W is strongly non-normal. Bits as those of
 * the fixed-order kernel, but for LAPACK on the small matrix seen. Errors as spectrum_radius. */
CHECKED enum status spectrum_radius_by_range(long dimension, const double *values, bool *found, double *radius);

/* rho(A) by Gelfand's ratio under repeated squaring with the fixed-order kernel:
 * (ln||A^2l||_F - ln||A^l||_F) / l with l = 2^49 after 50 squarings, the form that converges fast; sooner where a power
 * A^(2^k) has so low a numerical rank that it can be seen from its range (d >= 64). Errors: STATUS_MEMORY;
 * STATUS_NUMERICAL where the powers underflow (||A^2||/||A||^2 < 1e-8: nilpotent or strongly non-normal);
 * STATUS_STOPPED. `stop_requested` (may be NULL) is asked between blocks of 128 columns. */
CHECKED enum status spectrum_radius_by_squaring(long dimension, const double *values, bool (*stop_requested)(void),
                                                double *radius);

/* The same for a matrix of which each rank of a team holds some rows (process_grid_row_range), rows[count * d],
 * column-major: bit for bit what one rank finds, on any grid (NULL: a rank alone, with all rows). Collective within the
 * team, and agreed; stop_requested is collective likewise (team_stop_requested). Errors: STATUS_PARALLEL too. */
CHECKED enum status spectrum_radius_by_squaring_on_grid(const struct process_grid *grid, long dimension,
                                                        const double *rows, bool (*stop_requested)(void),
                                                        double *radius);

/* ||A||_2 by Lanczos through products alone, right to rounding: relative error at most spectrum_norm_error(dimension).
 * For matrices of any size on any grid, with the same bits. `seed` keys the start vector. Collective within the team of
 * the matrix, which was created with `transposed`; stop_requested (may be NULL) likewise, asked once an iteration.
 * Errors: STATUS_MEMORY (agreed), STATUS_PARALLEL, STATUS_STOPPED; STATUS_NUMERICAL for elements that are not finite,
 * and where the largest singular values lie too close together for it. */
CHECKED enum status spectrum_norm_by_products(const struct matrix *matrix, uint64_t seed, bool (*stop_requested)(void),
                                              double *norm);

/* ||A||_2 as the largest singular value of a full LAPACK SVD (values only); relative error at most
 * spectrum_norm_error(dimension). Errors as spectrum_radius. */
CHECKED enum status spectrum_norm(long dimension, const double *values, double *norm);
double spectrum_norm_error(long dimension);

/* All singular values by LAPACK, descending, singular_values[d]: each with an absolute error of the order of
 * spectrum_norm_error times the largest. Errors as spectrum_radius. */
CHECKED enum status spectrum_singular_values(long dimension, const double *values, double *singular_values);

/* Replaces values by the orthogonal factor Q of its QR decomposition, with the diagonal of R made positive: Haar
 * distributed for a Gaussian matrix (Mezzadri, Notices AMS 54 (2007) 592). Errors: STATUS_MEMORY, STATUS_NUMERICAL. */
CHECKED enum status spectrum_orthogonalise(long dimension, double *values);

/* Fails with STATUS_NUMERICAL, naming the element, where one is NaN or infinite, or where the dimension is not one
 * LAPACK can take; `purpose` begins the message. */
CHECKED enum status spectrum_check_matrix(long dimension, const double *values, const char *purpose);

/* The same for `rows` rows of the matrix, from first_row on: values[rows * dimension], column-major. */
CHECKED enum status spectrum_check_rows(long dimension, long first_row, long rows, const double *values,
                                        const char *purpose);

/* Makes the BLAS use so many threads in this process, whichever BLAS it is: one at the start; more only within
 * functions that compute on a process grid. */
void spectrum_set_blas_threads(int threads);

#endif
