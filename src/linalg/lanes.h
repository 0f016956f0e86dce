/* Small matrices in the lanes of vectors: lane q of every vector belongs to matrix q, so that networks far smaller than
 * a tile of the kernel still fill the vectors. Beside d <= 32 a call of LAPACK costs more than the arithmetic.
 *
 * A block of columns [d, columns] in lanes is cut into strips of LANES_STRIP columns (fewer where there are fewer):
 * [strips][stride of d][strip's columns][LANES] doubles, 64-byte aligned; rows and columns from d on up to
 * lanes_padded(d) are zero. A lane's bits depend on that lane alone, and are the same for every instruction set. None
 * of these functions is collective. */
#ifndef GRADSWEEP_LINALG_LANES_H
#define GRADSWEEP_LINALG_LANES_H

#include <stdbool.h>

enum { LANES = 8, LANES_STRIP = 4, LANES_LARGEST_DIMENSION = 32 };

/* d rounded up to whole strips. */
static inline long lanes_padded(long d)
{
    return (d + LANES_STRIP - 1) / LANES_STRIP * LANES_STRIP;
}

/* Where element (row, column) of all lanes begins, in a block of so many columns a lane. */
static inline long lanes_place(long d, long columns, long row, long column)
{
    const long strip = columns < LANES_STRIP ? columns : LANES_STRIP;
    return ((column / strip * lanes_padded(d) + row) * strip + column % strip) * LANES;
}

/* packed[lanes_padded(d)^2], 64-byte aligned := A^T for lanes_step; A plain values[d * d], column-major. */
void lanes_pack_transposed(long d, const double *values, double *packed);

/* rows[lanes_padded(d)][LANES] := element i of each of columns[LANES], which are zero from d on up to a multiple of 4,
 * and 32-byte aligned. */
void lanes_set_rows(long d, const double *const *columns, double *rows);

/* to := D A^T from in every lane, all [d, columns], columns 1, 2 or a multiple of LANES_STRIP; D from
 * diagonals[lanes_padded(d)][LANES], NULL: I. largest[LANES] := the largest |element| of each lane's result (a NaN may
 * hide: lanes_top finds it); NULL: nobody asks. Each element is one chain of fused multiply-adds over ascending k,
 * begun at 0, and its product with the diagonal. */
void lanes_step(long d, long columns, const double *packed, const double *from, const double *diagonals, double *to,
                double *largest);

/* Matrices [d, lanes_padded(d)] in lanes `lane` .. of `to` := those of `from`, where each has its columns spread over
 * `parts` lanes, [d, lanes_padded(d) / parts] in each: all LANES / parts of them. */
void lanes_collect(long d, long parts, const double *from, int lane, double *to);

/* grams[lanes_padded(d)^2][LANES], 64-byte aligned: the lower triangles of A^T A, row by row, of the matrices A
 * [d, lanes_padded(d)] in each lane. */
void lanes_gram(long d, const double *matrices, double *grams);

/* One of them, into another lane of others. */
void lanes_copy_gram(long d, const double *from, int from_lane, double *to, int to_lane);

/* Of the matrix A in each lane: */
struct lanes_top {
    _Alignas(64) double square[LANES]; /* its largest singular value, squared */
    double frobenius[LANES];           /* its Frobenius norm, squared; not finite where an element is not */
    double proof[LANES];               /* positive where `square` is proven to within a relative 4e-14 */
};

/* Doubles of work space that each of the next two needs. */
long lanes_work_size(long d);

/* From the Gram matrices of all lanes, A's largest |element| within 2^-210 .. 2^210, or 0: by Lanczos with a proof by
 * the trace (linalg/lanes_krylov.h), which a lane may be left without. */
void lanes_top(long d, const double *grams, double *work, struct lanes_top *top);

/* The same of all, whatever they are; they are overwritten. By reflections to tridiagonal form, of which the largest
 * eigenvalue comes by Laguerre's iteration from above, and is proven by Sturm's counts on both sides. Where rounding
 * keeps eigenvalues together, there is no proof, and it is found by these counts alone (linalg/tridiagonal.h): as
 * exact. */
void lanes_reduced_top(long d, double *grams, double *work, struct lanes_top *top);

static inline bool lanes_top_is_proven(const struct lanes_top *top, int lane)
{
    return top->proof[lane] > 0;
}

#endif
