/* The largest eigenvalues of Gram matrices in lanes: a part of lanes_loops.h, with that file's vectors and of its kind.
 */

/* ---- to tridiagonal form (Golub and Van Loan, Matrix Computations, 8.3.1), from the last row on ---- */

/* The reflection I - tau v v^T that takes the elements before a row's diagonal to (0, ..., 0, beta). Returns tau, 0
 * where they are so already. *square := beta^2. */
static vector find_reflection(long n, const double *row, double *v, vector *square)
{
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0), alpha = AT(row, n - 1);
    vector even = zero, odd = zero;
    for (long j = 0; j < n - 1; j += 2) {
        even = vector_fma(AT(row, j), AT(row, j), even);
        if (j + 1 < n - 1)
            odd = vector_fma(AT(row, j + 1), AT(row, j + 1), odd);
    }
    const vector rest = vector_add(even, odd);
    *square = vector_fma(alpha, alpha, rest);
    const vector norm = vector_root(*square), beta = vector_where_positive(alpha, vector_subtract(zero, norm), norm);
    const vector scale = vector_where_positive(rest, vector_divide(one, vector_subtract(alpha, beta)), zero);
    for (long j = 0; j < n - 1; j++)
        PUT(v, j, vector_multiply(AT(row, j), scale));
    PUT(v, n - 1, one);
    return vector_where_positive(rest, vector_divide(vector_subtract(beta, alpha), beta), zero);
}

enum { ROWS_AT_ONCE = 4 };

/* function(rows, first, ...) for the first n rows, some at a time and what is left over together; compiled for each
 * number of rows. */
#define BY_ROWS(function, n, ...)                                                  \
    do {                                                                           \
        const long count = (n), rest = count % ROWS_AT_ONCE, whole = count - rest; \
        for (long first = 0; first < whole; first += ROWS_AT_ONCE)                 \
            function(ROWS_AT_ONCE, first, __VA_ARGS__);                            \
        if (rest == 1)                                                             \
            function(1, whole, __VA_ARGS__);                                       \
        else if (rest == 2)                                                        \
            function(2, whole, __VA_ARGS__);                                       \
        else if (rest == 3)                                                        \
            function(3, whole, __VA_ARGS__);                                       \
    } while (0)

/* Rows first .. first + rows - 1 of A v, and what they add to the rows before; A symmetric, of which the lower triangle
 * is read. Each product is one chain over ascending columns, however rows are taken together. */
INLINED void multiply_rows(const int rows, long first, long stride, const double *a, const double *v, double *products)
{
    const double *elements[ROWS_AT_ONCE];
    vector sums[ROWS_AT_ONCE], factors[ROWS_AT_ONCE];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        elements[i] = a + (first + i) * stride * LANES;
        sums[i] = vector_broadcast(0.0);
        factors[i] = AT(v, first + i);
    }
    for (long j = 0; j < first; j++) {
        const vector other = AT(v, j);
        vector sum = AT(products, j);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            const vector element = AT(elements[i], j);
            sums[i] = vector_fma(element, other, sums[i]);
            sum = vector_fma(element, factors[i], sum);
        }
        PUT(products, j, sum);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < rows; j++)
            sums[i] = vector_fma(i >= j ? AT(elements[i], first + j) : AT(elements[j], first + i), factors[j], sums[i]);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        PUT(products, first + i, sums[i]);
}

/* products := A v, of the lower triangle of the first n rows of A. */
static void multiply_symmetric(long n, long stride, const double *a, const double *v, double *products)
{
    BY_ROWS(multiply_rows, n, stride, a, v, products);
}

/* Columns 0 .. first + rows - 1 of some rows of A -= v w^T + w v^T. */
INLINED void subtract_rows(const int rows, long first, long stride, double *a, const double *v, const double *w)
{
    double *elements[ROWS_AT_ONCE];
    vector of_v[ROWS_AT_ONCE], of_w[ROWS_AT_ONCE];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        elements[i] = a + (first + i) * stride * LANES;
        of_v[i] = AT(v, first + i);
        of_w[i] = AT(w, first + i);
    }
    for (long j = 0; j < first + rows; j++) {
        const vector vj = AT(v, j), wj = AT(w, j);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            PUT(elements[i], j, vector_fma_minus(of_v[i], wj, vector_fma_minus(of_w[i], vj, AT(elements[i], j))));
    }
}

/* The lower triangle of the first n rows of A -= v w^T + w v^T. */
static void subtract_outer(long n, long stride, double *a, const double *v, const double *w)
{
    BY_ROWS(subtract_rows, n, stride, a, v, w);
}

/* diagonal[d] and squares[d - 1] of the off-diagonal; A, of which the lower triangle is read, is overwritten. v and w:
 * room for d elements each. */
static void tridiagonalise(long d, double *a, double *v, double *w, double *diagonal, double *squares)
{
    const long stride = lanes_padded(d);
    for (long n = d - 1; n >= 2; n--) { /* of the rows and columns before n */
        vector square;
        const double *row = a + n * stride * LANES;
        const vector tau = find_reflection(n, row, v, &square);
        PUT(diagonal, n, AT(row, n));
        PUT(squares, n - 1, square);
        multiply_symmetric(n, stride, a, v, w);
        vector even = vector_broadcast(0.0), odd = even;
        for (long j = 0; j < n; j += 2) {
            even = vector_fma(AT(w, j), AT(v, j), even);
            if (j + 1 < n)
                odd = vector_fma(AT(w, j + 1), AT(v, j + 1), odd);
        }
        const vector half =
            vector_multiply(vector_multiply(tau, tau), vector_multiply(vector_add(even, odd), vector_broadcast(0.5)));
        for (long j = 0; j < n; j++)
            PUT(w, j, vector_fma_minus(half, AT(v, j), vector_multiply(tau, AT(w, j))));
        subtract_outer(n, stride, a, v, w);
    }
    if (d > 1) {
        PUT(diagonal, 1, AT(a, stride + 1));
        PUT(squares, 0, vector_multiply(AT(a, stride), AT(a, stride)));
    }
    PUT(diagonal, 0, AT(a, 0));
}

/* ---- the largest eigenvalue of a tridiagonal matrix ---- */

static vector largest_possible(long d, const double *diagonal, const double *squares)
{
    vector largest = vector_broadcast(0.0), before = largest;
    for (long i = 0; i < d; i++) {
        const vector after = i < d - 1 ? vector_root(AT(squares, i)) : vector_broadcast(0.0);
        largest = vector_larger(vector_add(AT(diagonal, i), vector_add(before, after)), largest);
        before = after;
    }
    return largest;
}

/* Laguerre's iteration for the largest eigenvalue of T of order n, from `start`, which is not below it: cubic, some
 * five steps; a lane that has converged waits for the others. With T / start characteristic polynomials of at most 32
 * factors stay within the doubles, so that a step has one quotient and no chain of them. scaled: room for 2 n elements.
 * Where two eigenvalues lie together the square root leaves half of the digits of a step: what comes out wants a proof.
 */
static vector laguerre_top(long n, const double *diagonal, const double *squares, double *scaled, vector start)
{
    enum { MOST_STEPS = 40 };
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0), resolution = vector_broadcast(1e-15);
    const vector order = vector_broadcast((double)n), less = vector_broadcast((double)(n - 1));
    const vector inverse = vector_where_positive(start, vector_divide(one, start), zero);
    const vector inverse_square = vector_multiply(inverse, inverse);
    double *scaled_squares = scaled + n * LANES;
    vector x = one, active = one;
    for (long i = 0; i < n; i++) {
        PUT(scaled, i, vector_multiply(AT(diagonal, i), inverse));
        if (i < n - 1)
            PUT(scaled_squares, i, vector_multiply(AT(squares, i), inverse_square));
    }
    for (int step = 0; step < MOST_STEPS && vector_is_any_positive(active); step++) {
        vector value = vector_subtract(x, AT(scaled, 0)), value_before = one;
        vector first = one, first_before = zero, second = zero, second_before = zero; /* derivatives */
        for (long i = 1; i < n; i++) {
            const vector factor = vector_subtract(x, AT(scaled, i)), square = AT(scaled_squares, i - 1);
            const vector of_second = vector_fma(factor, second, vector_add(first, first));
            const vector of_first = vector_fma(factor, first, value), of_value = vector_multiply(factor, value);
            const vector next_second = vector_fma_minus(square, second_before, of_second);
            const vector next_first = vector_fma_minus(square, first_before, of_first);
            const vector next_value = vector_fma_minus(square, value_before, of_value);
            second_before = second, first_before = first, value_before = value;
            second = next_second, first = next_first, value = next_value;
        }
        const vector times = vector_multiply(order, value);
        const vector spread = vector_fma_minus(times, second, vector_multiply(vector_multiply(less, first), first));
        const vector root = vector_root(vector_multiply(less, vector_larger(spread, zero)));
        const vector length = vector_divide(times, vector_add(first, root));
        const vector left = vector_where_positive(active, value, zero);
        active = vector_where_positive(left, vector_fma_minus(x, resolution, length), zero);
        x = vector_where_positive(left, vector_subtract(x, length), x);
    }
    return vector_multiply(x, start);
}

/* Positive where all of T's eigenvalues are below x (1 + margin), and one is not below x (1 - margin): Sturm's counts.
 */
static vector prove_by_counts(long d, const double *diagonal, const double *squares, vector x, double margin)
{
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0);
    const vector above = vector_fma(x, vector_broadcast(margin), x),
                 below = vector_fma(x, vector_broadcast(-margin), x);
    vector p = vector_subtract(above, AT(diagonal, 0)), q = vector_subtract(below, AT(diagonal, 0));
    vector lowest_above = p, lowest_below = q;
    for (long i = 1; i < d; i++) {
        const vector square = AT(squares, i - 1);
        p = vector_subtract(vector_subtract(above, AT(diagonal, i)), vector_divide(square, p));
        q = vector_subtract(vector_subtract(below, AT(diagonal, i)), vector_divide(square, q));
        lowest_above = vector_smaller(p, lowest_above); /* stays where p is no number any more, after a pivot of 0 */
        lowest_below = vector_smaller(q, lowest_below);
    }
    return vector_where_positive(lowest_above, vector_where_positive(lowest_below, zero, one), zero);
}

#include "linalg/lanes_krylov.h"

static void top(long d, const double *grams, double *work, struct lanes_top *results)
{
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        vector trace, proof;
        const vector square = lanczos_top(d, grams + lane, work, &trace, &proof);
        vector_store(results->square + lane, square);
        vector_store(results->frobenius + lane, trace);
        vector_store(results->proof + lane, proof);
    }
}

static void reduced_top(long d, double *grams, double *work, struct lanes_top *results)
{
    const long stride = lanes_padded(d), size = stride * LANES;
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        double *gram = grams + lane, *diagonal = work + lane, *squares = diagonal + size;
        vector trace = vector_broadcast(0.0);
        for (long i = 0; i < d; i++)
            trace = vector_add(trace, AT(gram, i * stride + i));
        tridiagonalise(d, gram, squares + size, squares + 2 * size, diagonal, squares);
        const vector start = vector_multiply(largest_possible(d, diagonal, squares), vector_broadcast(1 + 1e-15));
        const vector x = laguerre_top(d, diagonal, squares, squares + size, start);
        vector_store(results->square + lane, x);
        vector_store(results->frobenius + lane, trace);
        vector_store(results->proof + lane, prove_by_counts(d, diagonal, squares, x, LANES_PROVEN));
    }
}
