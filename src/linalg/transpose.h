/* Four columns of doubles beside each other, by shuffles. Not collective. */
#ifndef GRADSWEEP_LINALG_TRANSPOSE_H
#define GRADSWEEP_LINALG_TRANSPOSE_H

typedef double quad __attribute__((vector_size(32), aligned(32)));

/* Elements i, j, k, l of the eight that two quads have together. */
#ifdef __clang__
#define QUAD_PICK(left, right, i, j, k, l) __builtin_shufflevector(left, right, i, j, k, l)
#else
typedef long long quad_order __attribute__((vector_size(32)));
#define QUAD_PICK(left, right, i, j, k, l) __builtin_shuffle(left, right, (quad_order){ i, j, k, l })
#endif

/* Rows `row` .. row + 3 of four columns, transposed: four elements from to[0], to[1], ... on. All is 32-byte aligned.
 */
static inline __attribute__((always_inline)) void transpose_apart(const double *const *columns, long row,
                                                                  double *const *to)
{
    const quad a = *(const quad *)(columns[0] + row), b = *(const quad *)(columns[1] + row);
    const quad c = *(const quad *)(columns[2] + row), d = *(const quad *)(columns[3] + row);
    const quad ab_even = QUAD_PICK(a, b, 0, 4, 2, 6);
    const quad ab_odd = QUAD_PICK(a, b, 1, 5, 3, 7);
    const quad cd_even = QUAD_PICK(c, d, 0, 4, 2, 6);
    const quad cd_odd = QUAD_PICK(c, d, 1, 5, 3, 7);
    *(quad *)to[0] = QUAD_PICK(ab_even, cd_even, 0, 1, 4, 5);
    *(quad *)to[1] = QUAD_PICK(ab_odd, cd_odd, 0, 1, 4, 5);
    *(quad *)to[2] = QUAD_PICK(ab_even, cd_even, 2, 3, 6, 7);
    *(quad *)to[3] = QUAD_PICK(ab_odd, cd_odd, 2, 3, 6, 7);
}

/* The same to four rows `to_stride` doubles apart. */
static inline __attribute__((always_inline)) void transpose_square(const double *const *columns, long row, double *to,
                                                                   long to_stride)
{
    double *const rows[] = { to, to + to_stride, to + 2 * to_stride, to + 3 * to_stride };
    transpose_apart(columns, row, rows);
}

#endif
