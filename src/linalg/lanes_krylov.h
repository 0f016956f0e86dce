/* The largest eigenvalue of G = A^T A by Lanczos, with a proof that it is the largest: a part of lanes_top.h, with
 * that file's vectors and of its kind.
 *
 * Over a lag the singular values of a Jacobian product part, and the column of G with the largest diagonal points
 * almost along the first one's vector: a few vectors are enough, of d^2 operations each where a whole reduction takes
 * d^3. The proof is by the trace. T is the tridiagonal of n Lanczos vectors, B the compression of G to what is
 * orthogonal to these; T and B are coupled by beta_n alone, so that ||G||_F^2 = ||T||_F^2 + 2 beta_n^2 + ||B||_F^2, and
 * without the first Ritz vector no eigenvalue is above
 *   bound = max(second, rest) + beta_n,   second^2 = ||T||_F^2 - theta^2,   rest = ||B||_F,
 * of which `second` is not below T's other eigenvalues. The second eigenvalue of G is not above it either (Cauchy), and
 * where theta is, the first lies within r^2 / (theta - bound) of it, r the residual (Parlett, The Symmetric Eigenvalue
 * Problem, 11.7). */

/* Of theta, relative: as exact as Laguerre's iteration on the whole tridiagonal. */
static const double RITZ_ERROR = 1e-15;

/* Times ||G||_F^2: what rounding does to ||B||_F^2. The squares of G's elements add up to within d^2 u / 2; the vectors
 * are orthogonal to some d u, and each alpha and beta is right to d u of ||G||: 12 d u and a margin, d = 32. */
static const double REST_ERROR = 2e-13;

/* A look at the residual takes as long as a vector. So the first is taken where the product of beta_i^2 / ||T||_F^2 has
 * fallen to some thousand times what is allowed of r^2, and another where what was found then has, times the next ones,
 * to some thirty times. */
static const double FIRST_LOOK = 1e3, LATER_LOOK = 30;

/* Where half of the vectors have not brought it that far, the others hardly bring it to an end. */
static const double FAR_AT_HALF = 1e-6;

/* More do not pay: the reduction is as fast. */
static long most_vectors(long d)
{
    const long most = 4 + d / 4;
    return d < most ? d : most;
}

struct krylov {
    long d, stride;
    const double *gram;                         /* the lower triangle [d][stride] */
    double *vectors;                            /* [most + 1][stride] */
    double *next;                               /* [stride]: G q, then what is left of it */
    double *alphas, *squares, *inverses, *dots; /* [LANES_MOST_VECTORS] each; squares of beta */
    double *scaled;                             /* [2 LANES_MOST_VECTORS] */
    vector beta;                                /* the last */
    vector norm_of_gram, norm_of_tridiagonal;   /* their Frobenius norms, squared */
    vector expected;                            /* of r^2 / (theta - bound) / theta */
};

static vector dot(long n, const double *a, const double *b)
{
    vector sums[4];
    long i = 0;
#pragma GCC unroll 4
    for (int part = 0; part < 4; part++)
        sums[part] = vector_broadcast(0.0);
    for (; i + 4 <= n; i += 4)
#pragma GCC unroll 4
        for (int part = 0; part < 4; part++)
            sums[part] = vector_fma(AT(a, i + part), AT(b, i + part), sums[part]);
    for (; i < n; i++)
        sums[0] = vector_fma(AT(a, i), AT(b, i), sums[0]);
    return vector_add(vector_add(sums[0], sums[1]), vector_add(sums[2], sums[3]));
}

/* q := next / ||next||, or zeros; returns ||next||^2. */
static vector normalise(struct krylov *krylov, double *q)
{
    const vector zero = vector_broadcast(0.0), square = dot(krylov->d, krylov->next, krylov->next);
    krylov->beta = vector_root(square);
    const vector inverse = vector_where_positive(square, vector_divide(vector_broadcast(1.0), krylov->beta), zero);
    for (long i = 0; i < krylov->d; i++)
        PUT(q, i, vector_multiply(AT(krylov->next, i), inverse));
    return square;
}

/* G e, e the unit vector of the largest diagonal, of the first of equals. Returns the trace. */
static vector begin_at_largest_column(struct krylov *krylov)
{
    const long d = krylov->d;
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0);
    vector largest = zero, trace = zero, is_free = one;
    double *unit = krylov->vectors;
    for (long i = 0; i < d; i++) {
        const vector element = AT(krylov->gram, i * krylov->stride + i);
        trace = vector_add(trace, element);
        largest = vector_larger(element, largest);
    }
    for (long i = 0; i < d; i++) {
        const vector below = vector_subtract(largest, AT(krylov->gram, i * krylov->stride + i));
        const vector is_it = vector_where_positive(below, zero, is_free);
        is_free = vector_where_positive(is_it, zero, is_free);
        PUT(unit, i, is_it);
    }
    multiply_symmetric(d, krylov->stride, krylov->gram, unit, krylov->next);
    normalise(krylov, krylov->vectors);
    return trace;
}

static vector square_of_norm(long d, long stride, const double *gram)
{
    vector off_diagonal = vector_broadcast(0.0), diagonal = off_diagonal;
    for (long i = 0; i < d; i++, gram += stride * LANES) {
        off_diagonal = vector_add(off_diagonal, dot(i, gram, gram));
        diagonal = vector_fma(AT(gram, i), AT(gram, i), diagonal);
    }
    return vector_add(diagonal, vector_add(off_diagonal, off_diagonal));
}

/* Row n of T, 0 for the first, and the next vector: orthogonal to all before it by the recurrence, and once more to
 * what rounding has left of them. */
static void extend(struct krylov *krylov, long n)
{
    const long d = krylov->d, size = krylov->stride * LANES;
    double *q = krylov->vectors + n * size, *next = krylov->next;
    const double *before = n > 0 ? q - size : q;
    const vector beta = n > 0 ? krylov->beta : vector_broadcast(0.0);
    multiply_symmetric(d, krylov->stride, krylov->gram, q, next);
    const vector alpha = dot(d, q, next);
    for (long i = 0; i < d; i++)
        PUT(next, i, vector_fma_minus(beta, AT(before, i), vector_fma_minus(alpha, AT(q, i), AT(next, i))));
    for (long k = 0; k <= n; k++)
        PUT(krylov->dots, k, dot(d, krylov->vectors + k * size, next));
    for (long k = 0; k <= n; k++) {
        const vector factor = AT(krylov->dots, k);
        for (long i = 0; i < d; i++)
            PUT(next, i, vector_fma_minus(factor, AT(krylov->vectors + k * size, i), AT(next, i)));
    }
    PUT(krylov->alphas, n, alpha);
    PUT(krylov->squares, n, normalise(krylov, q + size));
}

/* Pivots nearer to 0 than that, relative to theta, do not tell an eigenvector. */
static const double LEAST_PIVOT = 1e-10;

/* Where eigenvalues of T lie together, the square root in Laguerre's step takes half of the digits. So a little above
 * `theta` the pivots D of theta - T are found, from below: f = D_1 is concave there and grows at a rate of
 * f' = sum of s_i^2 / s_1^2, s_{i+1} / s_i = beta_i / D_{i+1}. All are positive where theta is above all of T, and T's
 * largest eigenvalue is then less than f / f' below it: positive where both are so, with *theta := the eigenvalue and
 * *weight := s_n^2 of its unit vector. */
static vector settle_top(const struct krylov *krylov, long n, vector *theta, vector *weight)
{
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0);
    const vector above = vector_fma(*theta, vector_broadcast(1e-14), *theta);
    vector inverse = zero, sum = one, lowest = above;
    for (long i = n - 1; i >= 1; i--) {
        const vector square = i < n - 1 ? AT(krylov->squares, i) : zero;
        const vector pivot = vector_fma_minus(square, inverse, vector_subtract(above, AT(krylov->alphas, i)));
        lowest = vector_smaller(pivot, lowest);
        inverse = vector_divide(one, pivot);
        PUT(krylov->inverses, i, inverse);
    }
    const vector square = n > 1 ? AT(krylov->squares, 0) : zero;
    const vector first = vector_fma_minus(square, inverse, vector_subtract(above, AT(krylov->alphas, 0)));
    *weight = one;
    for (long i = 1; i < n; i++) {
        inverse = AT(krylov->inverses, i);
        *weight =
            vector_multiply(vector_multiply(*weight, AT(krylov->squares, i - 1)), vector_multiply(inverse, inverse));
        sum = vector_add(sum, *weight);
    }
    const vector distance = vector_divide(first, sum);
    *theta = vector_subtract(above, distance);
    *weight = vector_divide(*weight, sum);
    lowest = vector_fma_minus(above, vector_broadcast(LEAST_PIVOT), lowest);
    const vector is_near = vector_where_positive(
        first, vector_subtract(vector_multiply(above, vector_broadcast(LANES_PROVEN)), distance), zero);
    return vector_where_positive(lowest, is_near, zero);
}

/* *theta := the largest eigenvalue of T of order n; positive where it is that of G as well. */
static vector prove(struct krylov *krylov, long n, vector active, vector *theta)
{
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0);
    const vector alpha = AT(krylov->alphas, n - 1), beta_square = AT(krylov->squares, n - 1);
    krylov->norm_of_tridiagonal = vector_fma(alpha, alpha, krylov->norm_of_tridiagonal);
    const vector norm_square = krylov->norm_of_tridiagonal, norm = vector_root(norm_square);
    const vector inverse = vector_divide(one, norm);
    krylov->norm_of_tridiagonal = vector_fma(beta_square, vector_broadcast(2.0), norm_square);
    krylov->expected =
        vector_multiply(krylov->expected, vector_multiply(beta_square, vector_multiply(inverse, inverse)));
    const vector near = vector_subtract(vector_broadcast(LATER_LOOK * RITZ_ERROR), krylov->expected);
    const vector looked_at = vector_where_positive(active, near, zero);
    if (!vector_is_any_positive(looked_at))
        return zero;
    vector weight;
    *theta = laguerre_top(n, krylov->alphas, krylov->squares, krylov->scaled, norm);
    const vector is_top = settle_top(krylov, n, theta, &weight);
    const vector of_rest = vector_fma(krylov->norm_of_gram, vector_broadcast(REST_ERROR),
                                      vector_subtract(krylov->norm_of_gram, krylov->norm_of_tridiagonal));
    const vector of_others = vector_fma_minus(*theta, *theta, norm_square);
    const vector others = vector_root(vector_larger(vector_larger(of_rest, of_others), zero));
    const vector gap = vector_subtract(*theta, vector_add(others, krylov->beta));
    const vector known = vector_where_positive(looked_at, vector_where_positive(is_top, gap, zero), zero);
    const vector error = vector_divide(vector_multiply(beta_square, weight), vector_multiply(gap, *theta));
    krylov->expected = vector_where_positive(known, error, krylov->expected);
    return vector_where_positive(known, vector_subtract(vector_broadcast(RITZ_ERROR), error), zero);
}

/* The largest eigenvalue of G, 0 for zeros and NaN for what is not finite; *proof: positive where it is known. */
static vector lanczos_top(long d, const double *gram, double *work, vector *trace, vector *proof)
{
    const vector zero = vector_broadcast(0.0), one = vector_broadcast(1.0);
    const long stride = lanes_padded(d), most = most_vectors(d);
    double *numbers = work + (LANES_MOST_VECTORS + 2) * stride * LANES;
    struct krylov krylov = { .d = d,
                             .stride = stride,
                             .gram = gram,
                             .next = work,
                             .vectors = work + stride * LANES,
                             .alphas = numbers,
                             .squares = numbers + LANES_MOST_VECTORS * LANES,
                             .inverses = numbers + 2 * LANES_MOST_VECTORS * LANES,
                             .dots = numbers + 3 * LANES_MOST_VECTORS * LANES,
                             .scaled = numbers + 4 * LANES_MOST_VECTORS * LANES,
                             .norm_of_gram = square_of_norm(d, stride, gram),
                             .norm_of_tridiagonal = zero,
                             .expected = vector_broadcast(LATER_LOOK / FIRST_LOOK) };
    *trace = begin_at_largest_column(&krylov);
    const vector not_finite = vector_subtract(*trace, *trace); /* 0, or NaN */
    vector active = vector_where_positive(vector_add(*trace, not_finite), one, zero), found = not_finite;
    *proof = vector_where_positive(active, zero, one);
    for (long n = 1; n <= most && vector_is_any_positive(active); n++) {
        vector theta = zero;
        extend(&krylov, n - 1);
        const vector is_proven = prove(&krylov, n, active, &theta);
        found = vector_where_positive(is_proven, theta, found);
        *proof = vector_where_positive(is_proven, one, *proof);
        active = vector_where_positive(is_proven, zero, active);
        if (n == most / 2 && most < d)
            active =
                vector_where_positive(vector_subtract(krylov.expected, vector_broadcast(FAR_AT_HALF)), zero, active);
    }
    return found;
}
