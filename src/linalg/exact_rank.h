/* Ranks of matrices, and of products of matrices, of stored doubles: exact, without any rounding.
 *
 * A double is an integer times a power of two, so that it has a residue modulo every odd prime, and sums and products
 * of residues are exact. A rank modulo a prime is never above the true one, and is below it only where the prime
 * divides certain determinants: about one in 2^20 for each rank asked for. So the largest over several primes is the
 * true one.
 *
 * Residues are whole numbers within -p/2 .. p/2, kept as doubles: with p < 2^20 a sum of up to 2^15 products of two
 * stays below 2^53, so that the kernel of matrix.h, which adds them in doubles, is exact. The one primitive, "apply
 * W^T, then scale the rows", thus works over these fields as it does over numbers. Not collective. */
#ifndef GRADSWEEP_LINALG_EXACT_RANK_H
#define GRADSWEEP_LINALG_EXACT_RANK_H

#include "linalg/block.h"

#include <stdbool.h>

enum { EXACT_PRIMES = 3, EXACT_LARGEST_DIMENSION = 1 << 15 };

/* residues[count] := values[count], each times 2^exponents[i] (NULL: 1), modulo prime number `prime` (0 ..
 * EXACT_PRIMES-1); may be in place. Values must be finite. */
void exact_residues(int prime, long count, const double *values, const int64_t *exponents, double *residues);

/* Brings sums of at most EXACT_LARGEST_DIMENSION products back to residues, all columns with their padding. */
void exact_normalise(int prime, struct block *block);

/* block := diag(diagonal) block of residues. */
void exact_scale_rows(int prime, struct block *block, const double *diagonal);

/* y[count] := factor y + x, all residues. */
void exact_add(int prime, long count, double factor, double *y, const double *x);

/* Takes out of the columns of residues all that depend on others: the first ones, as many as are returned, span what
 * all did; the others are spent. The rank modulo that prime. rows * columns * rank operations. */
long exact_reduce(int prime, struct block *block);

bool exact_is_zero(const double *residues, long count);

/* The rank of values[rows * columns], column-major, over all primes: the first is enough where it is full. Errors:
 * STATUS_MEMORY. */
CHECKED enum status exact_rank(long rows, long columns, const double *values, long *rank);

#endif
