/* Long products of random matrices have few directions that count: columns Y = Z V^T + B, V orthonormal, keep Z for Y.
 * Every product M Y then has ||M Z||^2 <= ||M Y||^2 <= ||M Z||^2 + ||M B||^2, for V is orthogonal to the rows of B.
 *
 * ||M B|| is bounded by what random columns B G become on the way (Halko, Martinsson and Tropp, SIAM Review 53 (2011)
 * 217, lemma 4.1): it exceeds TRUNCATION_PROBE_FACTOR times the longest of TRUNCATION_PROBES of them with a chance of
 * 1e-8. Not collective. */
#ifndef GRADSWEEP_LINALG_TRUNCATION_H
#define GRADSWEEP_LINALG_TRUNCATION_H

#include "linalg/block.h"

enum { TRUNCATION_PROBES = 4 };
#define TRUNCATION_PROBE_FACTOR 79.788456080286536 /* 100 sqrt(2 / pi), and 100^-4 = 1e-8 */

/* Splits rest[rows, columns]: kept[rows, columns] receives Z in its first columns, of which the number is returned, and
 * `rest` becomes B, with ||B||_F <= least ||Z||_2. At most `most` columns are tried, and none where `rest` is zero or
 * not finite: without success `columns` is returned, and what is left in both is of no use. *left := ||B||_F over the
 * longest column of Z, where it ended. Rows are eliminated in the order of their length, longest first, by modified
 * Gram-Schmidt: V is orthonormal to u times the ratio of the longest row to the one at hand, but Z is that of an
 * exactly orthonormal V for columns that differ from those given by some u ||Z||, as after a step of the product
 * (Bjorck, BIT 7 (1967) 1). Work: room[rest's stride + columns]. 6 rows columns flops for each column kept; the bits
 * are the same for every instruction set. */
long truncation_split(struct block *rest, double least, long most, struct block *kept, double *room, double *left);

/* probes[rows, TRUNCATION_PROBES] += B G, with standard normal gaussians[columns, TRUNCATION_PROBES]. */
void truncation_add_probes(const struct block *rest, const double *gaussians, struct block *probes);

/* probes[rows, TRUNCATION_PROBES] += diag(error times the lengths of the rows of columns[rows, any]) gaussians, of the
 * probes' shape: an error in each row in proportion to it. Work: room[columns' stride]. */
void truncation_add_rounding(const struct block *columns, double error, const struct block *gaussians, double *room,
                             struct block *probes);

#endif
