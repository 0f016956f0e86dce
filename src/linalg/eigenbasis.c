#include "linalg/eigenbasis.h"

#include "base/memory.h"
#include "linalg/lapack.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What dgeev returns: eigenvalues, and vectors u with u^H A = lambda u^H, a pair's as Re u and Im u. */
struct decomposition {
    double *copy, *re, *im, *vectors, *work;
};

static void decomposition_destroy(struct decomposition *found)
{
    memory_free(found->copy);
    memory_free(found->re);
    memory_free(found->im);
    memory_free(found->vectors);
    memory_free(found->work);
}
SCOPED_VALUE(decomposition, decomposition_destroy)

/* With the vectors always: without them dgeev's eigenvalues have other bits. `found` is its owner's to release, also
 * where this fails. */
static enum status decompose(long dimension, const double *values, struct decomposition *found)
{
    const int n = (int)dimension, one = 1, query = -1;
    double optimum = 0;
    int info = 0;
    TRY(spectrum_check_matrix(dimension, values, "eigenvalues"));
    TRY(memory_allocate(&found->copy, dimension * dimension, "a copy of a weight matrix"));
    TRY(memory_allocate(&found->vectors, dimension * dimension, "left eigenvectors"));
    TRY(memory_allocate(&found->re, dimension, "eigenvalues"));
    TRY(memory_allocate(&found->im, dimension, "eigenvalues"));
    memcpy(found->copy, values, (size_t)(dimension * dimension) * sizeof *values);
    dgeev_("V", "N", &n, found->copy, &n, found->re, found->im, found->vectors, &n, NULL, &one, &optimum, &query, &info,
           1, 1);
    TRY(lapack_check(info, "dgeev", dimension));
    const int length = (int)optimum;
    TRY(memory_allocate(&found->work, length, "eigenvalue workspace"));
    dgeev_("V", "N", &n, found->copy, &n, found->re, found->im, found->vectors, &n, NULL, &one, found->work, &length,
           &info, 1, 1);
    return lapack_check(info, "dgeev", dimension);
}

struct ranked {
    double modulus;
    long column;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->modulus != b->modulus)
        return a->modulus > b->modulus ? -1 : 1;
    return a->column < b->column ? -1 : 1;
}

/* Columns by descending modulus. dgeev puts the members of a pair beside each other, the positive imaginary part first,
 * with moduli that are equal to the bit; ties keep its order. */
static enum status rank_columns(long dimension, const struct decomposition *found, struct ranked **ranked)
{
    TRY(memory_allocate(ranked, dimension, "the order of eigenvalues"));
    for (long i = 0; i < dimension; i++)
        (*ranked)[i] = (struct ranked){ hypot(found->re[i], found->im[i]), i };
    qsort(*ranked, (size_t)dimension, sizeof **ranked, compare_ranked);
    return STATUS_OK;
}

enum status eigenbasis_values(long dimension, const double *values, double *re, double *im)
{
    SCOPED(decomposition) found = { 0 };
    SCOPED_MEMORY struct ranked *ranked = NULL;
    TRY(decompose(dimension, values, &found));
    TRY(rank_columns(dimension, &found, &ranked));
    for (long i = 0; i < dimension; i++) {
        re[i] = found.re[ranked[i].column];
        im[i] = found.im[ranked[i].column];
    }
    return STATUS_OK;
}

/* q = conj(u), so that q A = lambda q: the second column of a pair is -Im u. */
static void take_vectors(const struct decomposition *found, const struct ranked *ranked, struct eigenbasis *eigenbasis)
{
    const long d = eigenbasis->dimension;
    for (long i = 0; i < d; i++) {
        const long column = ranked[i].column;
        const double im = found->im[column], scale = im > 0 ? M_SQRT2 : im < 0 ? -M_SQRT2 : 1;
        eigenbasis->eigenvalue_re[i] = found->re[column];
        eigenbasis->eigenvalue_im[i] = im;
        for (long row = 0; row < d; row++)
            eigenbasis->basis[row + i * d] = scale * found->vectors[row + column * d];
    }
}

static enum status find_condition(struct eigenbasis *eigenbasis)
{
    SCOPED_MEMORY double *singular_values = NULL;
    const long d = eigenbasis->dimension;
    TRY(memory_allocate(&singular_values, d, "singular values"));
    TRY(spectrum_singular_values(d, eigenbasis->basis, singular_values));
    eigenbasis->condition = singular_values[0] / singular_values[d - 1]; /* 1/0 is infinite */
    return STATUS_OK;
}

static enum status factorise(struct eigenbasis *eigenbasis)
{
    const int n = (int)eigenbasis->dimension;
    int info = 0;
    memcpy(eigenbasis->factors, eigenbasis->basis, (size_t)n * (size_t)n * sizeof *eigenbasis->basis);
    dgetrf_(&n, &n, eigenbasis->factors, &n, eigenbasis->pivots, &info);
    if (info > 0) /* a zero pivot: exactly singular, whatever the singular values say */
        eigenbasis->condition = INFINITY;
    return info < 0 ? lapack_check(info, "dgetrf", n) : STATUS_OK;
}

enum status eigenbasis_create(long dimension, const double *values, struct eigenbasis *eigenbasis)
{
    SCOPED(eigenbasis) made = { .dimension = dimension };
    SCOPED(decomposition) found = { 0 };
    SCOPED_MEMORY struct ranked *ranked = NULL;
    TRY(memory_allocate(&made.eigenvalue_re, dimension, "eigenvalues"));
    TRY(memory_allocate(&made.eigenvalue_im, dimension, "eigenvalues"));
    TRY(memory_allocate(&made.basis, dimension * dimension, "an eigenbasis"));
    TRY(memory_allocate(&made.factors, dimension * dimension, "an eigenbasis"));
    TRY(memory_allocate(&made.pivots, dimension, "an eigenbasis"));
    TRY(decompose(dimension, values, &found));
    TRY(rank_columns(dimension, &found, &ranked));
    take_vectors(&found, ranked, &made);
    TRY(find_condition(&made));
    TRY(factorise(&made));
    *eigenbasis = scope_keep(&made);
    return STATUS_OK;
}

void eigenbasis_destroy(struct eigenbasis *eigenbasis)
{
    memory_free(eigenbasis->eigenvalue_re);
    memory_free(eigenbasis->eigenvalue_im);
    memory_free(eigenbasis->basis);
    memory_free(eigenbasis->factors);
    memory_free(eigenbasis->pivots);
    *eigenbasis = (struct eigenbasis){ 0 };
}

/* c q + conj(c q) = 2 Re c Re q - 2 Im c Im q = sqrt(2) Re c (sqrt(2) Re q) - sqrt(2) Im c (sqrt(2) Im q) */
void eigenbasis_expand(const struct eigenbasis *eigenbasis, const double *vector, double *re, double *im)
{
    const int n = (int)eigenbasis->dimension, one = 1;
    int info = 0;
    memcpy(re, vector, (size_t)n * sizeof *re);
    dgetrs_("N", &n, &one, eigenbasis->factors, &n, eigenbasis->pivots, re, &n, &info, 1);
    for (long i = 0; i < n; i++) {
        im[i] = 0;
        if (eigenbasis->eigenvalue_im[i] == 0)
            continue;
        double first = re[i] / M_SQRT2, second = re[i + 1] / M_SQRT2;
        re[i] = re[i + 1] = first;
        im[i] = -second;
        im[++i] = second;
    }
}

void eigenbasis_combine(const struct eigenbasis *eigenbasis, const double *re, const double *im, double *vector)
{
    const long d = eigenbasis->dimension;
    memset(vector, 0, (size_t)d * sizeof *vector);
    for (long i = 0; i < d; i++) {
        const bool is_first = eigenbasis->eigenvalue_im[i] > 0, is_second = eigenbasis->eigenvalue_im[i] < 0;
        const double factor = is_first ? M_SQRT2 * re[i] : is_second ? -M_SQRT2 * im[i - 1] : re[i];
        for (long row = 0; row < d; row++)
            vector[row] += factor * eigenbasis->basis[row + i * d];
    }
}
