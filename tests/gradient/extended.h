/* Singular values of Jacobian products in extended precision, by ways that share nothing with the program: another
 * order of the factors, another decomposition, another precision. Matrices are column-major. */
#ifndef GRADSWEEP_TESTS_EXTENDED_H
#define GRADSWEEP_TESTS_EXTENDED_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef long double extended;

enum { EXTENDED_MAX = 64 };

struct extended_matrix {
    extended at[EXTENDED_MAX][EXTENDED_MAX]; /* [row][column] */
};

/* A = Q R by Householder's reflections; A becomes R, q becomes Q. */
static inline void extended_qr(long d, struct extended_matrix *a, struct extended_matrix *q)
{
    static extended v[EXTENDED_MAX][EXTENDED_MAX], beta[EXTENDED_MAX];
    for (long k = 0; k < d; k++) {
        extended square = 0;
        for (long i = k; i < d; i++)
            square += a->at[i][k] * a->at[i][k];
        extended norm = sqrtl(square), first = a->at[k][k] + (a->at[k][k] < 0 ? -norm : norm);
        beta[k] = norm == 0 ? 0 : first / (a->at[k][k] < 0 ? -norm : norm);
        for (long i = k; i < d; i++)
            v[k][i] = i == k || norm == 0 ? 1 : a->at[i][k] / first;
        for (long j = k; j < d && norm != 0; j++) {
            extended dot = 0;
            for (long i = k; i < d; i++)
                dot += v[k][i] * a->at[i][j];
            for (long i = k; i < d; i++)
                a->at[i][j] -= beta[k] * v[k][i] * dot;
        }
        for (long i = k + 1; i < d; i++)
            a->at[i][k] = 0;
    }
    memset(q, 0, sizeof *q);
    for (long i = 0; i < d; i++)
        q->at[i][i] = 1;
    for (long k = d - 1; k >= 0; k--)
        for (long j = 0; j < d && beta[k] != 0; j++) {
            extended dot = 0;
            for (long i = k; i < d; i++)
                dot += v[k][i] * q->at[i][j];
            for (long i = k; i < d; i++)
                q->at[i][j] -= beta[k] * v[k][i] * dot;
        }
}

/* y := W x */
static inline void extended_multiply(long d, const double *w, const struct extended_matrix *x,
                                     struct extended_matrix *y)
{
    memset(y, 0, sizeof *y);
    for (long i = 0; i < d; i++)
        for (long k = 0; k < d; k++)
            for (long j = 0; j < d; j++)
                y->at[i][j] += (extended)w[i + k * d] * x->at[k][j];
}

/* triangle := R triangle; a long double reaches from 1e-4932 to 1e4932, so that no scale is needed. */
static inline void extended_multiply_triangle(long d, const struct extended_matrix *r, struct extended_matrix *triangle)
{
    for (long i = 0; i < d; i++)
        for (long j = d - 1; j >= i; j--) {
            extended sum = 0;
            for (long k = i; k <= j; k++)
                sum += r->at[i][k] * triangle->at[k][j];
            triangle->at[i][j] = sum;
        }
}

static inline int extended_descending(const void *left, const void *right)
{
    const extended a = *(const extended *)left, b = *(const extended *)right;
    return a < b ? 1 : a > b ? -1 : 0;
}

/* One-sided Jacobi on the rows of a; ln of their norms, descending, into log_values[d]. */
static inline void extended_singular_values(long d, struct extended_matrix *a, extended *log_values)
{
    bool turned = true;
    for (int sweep = 0; turned && sweep < 100; sweep++) {
        turned = false;
        for (long i = 0; i < d; i++)
            for (long j = i + 1; j < d; j++) {
                extended ii = 0, jj = 0, ij = 0;
                for (long k = 0; k < d; k++) {
                    ii += a->at[i][k] * a->at[i][k];
                    jj += a->at[j][k] * a->at[j][k];
                    ij += a->at[i][k] * a->at[j][k];
                }
                if (ii == 0 || jj == 0 || fabsl(ij) <= 1e-18L * sqrtl(ii) * sqrtl(jj))
                    continue;
                extended zeta = (jj - ii) / (2 * ij);
                extended t = (zeta < 0 ? -1 : 1) / (fabsl(zeta) + sqrtl(1 + zeta * zeta)), c = 1 / sqrtl(1 + t * t);
                for (long k = 0; k < d; k++) {
                    extended x = a->at[i][k], y = a->at[j][k];
                    a->at[i][k] = c * (x - t * y);
                    a->at[j][k] = c * (y + t * x);
                }
                turned = true;
            }
    }
    for (long i = 0; i < d; i++) {
        extended square = 0;
        for (long k = 0; k < d; k++)
            square += a->at[i][k] * a->at[i][k];
        log_values[i] = 0.5L * logl(square);
    }
    qsort(log_values, (size_t)d, sizeof *log_values, extended_descending);
}

static inline long extended_largest_row(long d, const struct extended_matrix *a, long from)
{
    long best = from;
    extended largest = -1;
    for (long i = from; i < d; i++)
        for (long j = 0; j < d; j++)
            if (fabsl(a->at[i][j]) > largest) {
                largest = fabsl(a->at[i][j]);
                best = i;
            }
    return best;
}

/* QR of a with its rows brought into descending order; a becomes R and q the orthogonal factor in the old order. */
static inline void extended_sorted_qr(long d, struct extended_matrix *a, struct extended_matrix *q)
{
    static struct extended_matrix sorted;
    long order[EXTENDED_MAX];
    for (long i = 0; i < d; i++)
        order[i] = i;
    for (long i = 0; i < d; i++) {
        long largest = extended_largest_row(d, a, i), swap = order[i];
        order[i] = order[largest];
        order[largest] = swap;
        for (long j = 0; j < d; j++) {
            extended element = a->at[i][j];
            a->at[i][j] = a->at[largest][j];
            a->at[largest][j] = element;
        }
    }
    extended_qr(d, a, &sorted);
    for (long i = 0; i < d; i++)
        memcpy(q->at[order[i]], sorted.at[i], sizeof sorted.at[i]);
}

/* ln of the singular values of W D_0 W D_1 ... W D_{lag-1} into log_values[d], descending; diagonals[lag] of d doubles
 * each. Begun at the oldest factor, D_{lag-1}, where the program begins at the newest, W^T. */
static inline void extended_product_values(long d, long lag, const double *w, const double *const *diagonals,
                                           extended *log_values)
{
    static struct extended_matrix factor, q, triangle;
    memset(&q, 0, sizeof q);
    memset(&triangle, 0, sizeof triangle);
    for (long i = 0; i < d; i++)
        q.at[i][i] = triangle.at[i][i] = 1;
    for (long k = lag - 1; k >= -1; k--) { /* D_k W ... ; at last W alone */
        if (k == lag - 1)
            memcpy(&factor, &q, sizeof factor);
        else
            extended_multiply(d, w, &q, &factor);
        for (long i = 0; i < d && k >= 0; i++)
            for (long j = 0; j < d; j++)
                factor.at[i][j] *= (extended)diagonals[k][i];
        extended_sorted_qr(d, &factor, &q);
        extended_multiply_triangle(d, &factor, &triangle);
    }
    extended_singular_values(d, &triangle, log_values);
}

#endif
