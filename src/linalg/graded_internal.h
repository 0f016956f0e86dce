/* The workspace of a graded product, and the decomposition of factors that lose rank. Private to graded*.c. Not
 * collective. */
#ifndef GRADSWEEP_LINALG_GRADED_INTERNAL_H
#define GRADSWEEP_LINALG_GRADED_INTERNAL_H

#include "linalg/graded.h"

/* A row of a factor and how large it is. */
struct sized_row {
    double size;
    long row;
};

struct graded_workspace {
    double *factor;       /* [d, d]: F Q with its rows sorted, then R and the reflections, then Q */
    double *coefficients; /* [d, d]: R with the scale of each row taken out */
    struct sized_row *order;
    int *columns; /* [d] of the first factor, as LAPACK interchanged them; of a monomial one, the row of each */
    double *reflections;
    double *work;
    double *echelon; /* [d, d]: made for the first factor that needs it */
    int work_length;
};

/* workspace->factor := the echelon form R of F Q, its rows in workspace->order, with exactly `rank` rows that are not
 * zero, and workspace->echelon := the orthogonal Q of it. The rows of T are interchanged like the columns of R. Errors:
 * STATUS_MEMORY; STATUS_NUMERICAL where no threshold above rounding leaves as many rows. */
CHECKED enum status graded_decompose_echelon(struct graded_product *product, const struct block *factor, long rank);

/* The least |diagonal element| of the first `rank` rows of R that is not zero, beside the largest element of its row of
 * F Q. */
double graded_least_pivot(const struct graded_product *product, long rank);

#endif
