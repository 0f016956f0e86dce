/* An orthonormal basis of what a matrix of low numerical rank maps to, from its products with random columns: the
 * randomized range finder of Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011)
 * 217, sections 4.1 and 4.3. Whole columns and sums in one order: the bits depend on the numbers alone. Not collective.
 */
#ifndef GRADSWEEP_LINALG_RANGE_FINDER_H
#define GRADSWEEP_LINALG_RANGE_FINDER_H

#include "linalg/block.h"

#include <stdbool.h>

enum {
    RANGE_PROBES = 8,        /* columns that must lie in the range of those before them; fail by chance: 1e-8 */
    RANGE_MOST_COLUMNS = 128 /* of one block */
};

/* Fills the block with standard normal numbers, the same ones always. */
void range_finder_fill_random(struct block *columns);

/* products [d, at most RANGE_MOST_COLUMNS]: A times a block that range_finder_fill_random has filled. Where A has a
 * numerical rank r <= columns - RANGE_PROBES, true, *rank := r, and the first r columns become an orthonormal Q with
 * ||A - Q Q^T A||_2 <= 8 d u ||A||_F, which is what rounding leaves of A's square as well; else false. The other
 * columns are lost. */
bool range_finder_orthonormalise(struct block *products, long *rank);

#endif
