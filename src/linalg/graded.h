/* Long products of square matrices F_l ... F_2 F_1, held so that all their singular values stay known to high relative
 * accuracy, from the largest to those a thousand orders of magnitude below it.
 *
 * A product is Q diag(2^exponents) T with Q orthogonal and T upper triangular, its rows near 1 in size. A factor is
 * taken in by one QR decomposition of F Q whose rows are sorted by descending size: Householder's transformations are
 * then as accurate in each row as that row is small (Cox and Higham, BIT 38, 1998), so that rows scaled down by a
 * diagonal keep their digits. One-sided Jacobi rotations of the rows (Demmel and Veselic, SIAM J. Matrix Anal. Appl.
 * 13, 1992) end in the singular values with |error of ln s| <= c l cond u, where cond is that of the factors without
 * their diagonal scales. c is about d where the factors lie in general position; where a leading minor of F Q nearly
 * vanishes the values themselves turn on the last bits of the factors (measured on 228 networks: the error is 3 times,
 * at most 38 times, what one change of W in its last bits does). The whole product as one array of doubles knows only
 * those above 1e-16 of the largest.
 *
 * A product that lacks rank has rows of zeros, told apart from rounding by its rank, which whoever calls knows exactly
 * (linalg/exact_rank.h): the first factor's columns are interchanged, so that its last rows are the ones; where a later
 * factor loses rank, columns of F Q that depend on those before them get no row (linalg/graded_echelon.c).
 *
 * LAPACK is called on [d, d] only, so that the bits depend on nothing but the factors. Not collective. */
#ifndef GRADSWEEP_LINALG_GRADED_H
#define GRADSWEEP_LINALG_GRADED_H

#include "linalg/block.h"

#include <stdbool.h>
#include <stdint.h>

struct graded_product {
    long dimension;
    long factors;       /* taken in so far */
    struct block rows;  /* column i: row i of T */
    int64_t *exponents; /* [d]; GRADED_ZERO_ROW for a row that is exactly zero */
    long rank;          /* rows that are not */
    /* What rounding may have done to a row, relative to it, so far: the sum over the factors of sqrt(d) u over the
     * least pivot beside its row of F Q. Of products that do not lack rank it is large where a leading minor nearly
     * vanishes, and says little (below); where they do, directions that a factor nearly empties are the rule. */
    double error;
    struct graded_workspace *workspace;
};

#define GRADED_ZERO_ROW INT64_MIN

/* An empty product, the identity. Release with graded_destroy. Errors: STATUS_MEMORY, STATUS_NUMERICAL (a dimension
 * that LAPACK cannot take). */
CHECKED enum status graded_create(long dimension, struct graded_product *product);
void graded_destroy(struct graded_product *product);
SCOPED_VALUE(graded_product, graded_destroy)

/* Takes in a factor F. On entry factor[d, d] is F Q, with the Q of the last call (the identity before the first); on
 * return it is the new Q. `rank` is that of the product with this factor. *is_finite false, and nothing else changed,
 * where an element of it is not finite. Errors: STATUS_INTERNAL, STATUS_MEMORY; STATUS_NUMERICAL where as many rows
 * cannot be told apart from rounding. */
CHECKED enum status graded_absorb(struct graded_product *product, struct block *factor, long rank, bool *is_finite);

/* The same where row i of F Q is 2^row_exponents[i] times that of `factor`. *is_in_range false, and nothing changed but
 * `factor`, where doubles do not hold these rows beside each other, unless F Q is a permutation times a diagonal. */
CHECKED enum status graded_absorb_wide(struct graded_product *product, struct block *factor,
                                       const int64_t *row_exponents, long rank, bool *is_finite, bool *is_in_range);

/* log_values[d] := natural logarithms of the singular values, descending; -inf for those beyond the rank. The product
 * itself is not changed. *sweeps: the passes over all pairs of rows that it took. Errors: STATUS_NUMERICAL where the
 * rotations do not end, or leave less of a row than its rounding. */
CHECKED enum status graded_singular_values(const struct graded_product *product, double *log_values, int *sweeps);

#endif
