#include "linalg/exact_rank.h"

#include "linalg/vectorised.h"

#include <math.h>
#include <string.h>

/* The largest below 2^20. */
static const double primes[EXACT_PRIMES] = { 1048573, 1048571, 1048559 };
static const double two_to_27[EXACT_PRIMES] = { 384, 640, 2176 }; /* modulo them */

/* ---- numbers ---- */

static uint64_t power_modulo(uint64_t base, uint64_t exponent, uint64_t prime)
{
    uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % prime;
        base = base * base % prime;
    }
    return result;
}

/* 2^exponent; 2^(p-1) = 1, and (p+1)/2 is 1/2: the exponents of doubles have few bits, of either sign. */
static double power_of_two_modulo(int64_t exponent, uint64_t prime)
{
    const int64_t rest = exponent % ((int64_t)prime - 1);
    return (double)(rest < 0 ? power_modulo((prime + 1) / 2, (uint64_t)-rest, prime)
                             : power_modulo(2, (uint64_t)rest, prime));
}

static double reduced(double x, double prime, double inverse)
{
    return x - prime * rint(x * inverse);
}

/* Powers of two that were met: the doubles of a matrix have a few exponents, again and again, and the next matrix has
 * the same. A thread's own. */
struct power_cache {
    int64_t exponents[64];
    double powers[64]; /* 0: nothing yet */
};
static _Thread_local struct power_cache caches[EXACT_PRIMES];

static double cached_power(struct power_cache *cache, int64_t exponent, double prime)
{
    size_t place = (size_t)((uint64_t)exponent % 64);
    if (cache->powers[place] == 0 || cache->exponents[place] != exponent) {
        cache->exponents[place] = exponent;
        cache->powers[place] = power_of_two_modulo(exponent, (uint64_t)prime);
    }
    return cache->powers[place];
}

/* Of a whole number below 2^53, in two halves: its multiple of the prime need not be a double. */
static double reduced_whole(double x, double high_unit, double prime, double inverse)
{
    double high = rint(x * 0x1p-27);
    return reduced(high * high_unit + (x - high * 0x1p27), prime, inverse);
}

/* Its own residue, as the slopes of relu are. */
static bool is_small_whole(double value)
{
    return fabs(value) <= 1024 && value == rint(value);
}

/* A double as a whole number of 53 bits times 2^(*exponent - 53). */
static double whole_mantissa(double value, int *exponent)
{
    const uint64_t fraction = UINT64_MAX >> 12;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int biased = (int)(bits >> 52 & 0x7ff);
    if (biased == 0 || biased == 0x7ff)
        return ldexp(frexp(value, exponent), 53); /* zero, or below the normal range */
    *exponent = biased - 1022;
    return copysign((double)(int64_t)((bits & fraction) | (fraction + 1)), value);
}

/* What residues modulo one prime have in common, for as many doubles as there are. */
struct residue_maker {
    double prime, inverse, high_unit;
    struct power_cache *cache;
};

static void maker_open(int prime, struct residue_maker *maker)
{
    const double p = primes[prime];
    maker->prime = p;
    maker->inverse = 1 / p;
    maker->high_unit = two_to_27[prime];
    maker->cache = &caches[prime];
}

VECTORISED static void make_residues(struct residue_maker *maker, long count, const double *values,
                                     const int64_t *exponents, double *residues)
{
    const double p = maker->prime, inverse = maker->inverse, high_unit = maker->high_unit;
    for (long i = 0; i < count; i++) {
        if (exponents == NULL && is_small_whole(values[i])) {
            residues[i] = values[i] + 0.0; /* not -0 */
            continue;
        }
        int exponent = 0;
        double mantissa = whole_mantissa(values[i], &exponent);
        int64_t power = (int64_t)exponent - 53 + (exponents ? exponents[i] : 0);
        double residue = reduced_whole(mantissa, high_unit, p, inverse);
        residues[i] = residue == 0 ? 0 : reduced(residue * cached_power(maker->cache, power, p), p, inverse);
    }
}

void exact_residues(int prime, long count, const double *values, const int64_t *exponents, double *residues)
{
    struct residue_maker maker;
    maker_open(prime, &maker);
    make_residues(&maker, count, values, exponents, residues);
}

/* ---- columns ---- */

VECTORISED void exact_normalise(int prime, struct block *block)
{
    const double p = primes[prime], inverse = 1 / p;
    const long count = block->stride * block->columns;
    double *values = block->values;
    for (long i = 0; i < count; i++)
        values[i] = values[i] - p * rint(values[i] * inverse);
}

VECTORISED void exact_scale_rows(int prime, struct block *block, const double *restrict diagonal)
{
    const double p = primes[prime], inverse = 1 / p;
    for (long j = 0; j < block->columns; j++) {
        double *restrict column = block_column(block, j);
        for (long i = 0; i < block->rows; i++) {
            double product = column[i] * diagonal[i];
            column[i] = product - p * rint(product * inverse);
        }
    }
}

/* y := own y + factor x; as large as two products of residues at the most. */
VECTORISED static void add_scaled(double p, long count, double own, double *restrict y, double factor,
                                  const double *restrict x)
{
    const double inverse = 1 / p;
    for (long i = 0; i < count; i++) {
        double sum = own * y[i] + factor * x[i];
        y[i] = sum - p * rint(sum * inverse);
    }
}

void exact_add(int prime, long count, double factor, double *y, const double *x)
{
    const double p = primes[prime], inverse = 1 / p;
    for (long i = 0; i < count; i++)
        y[i] = reduced(factor * y[i] + x[i], p, inverse);
}

static void swap_columns(struct block *block, long a, long b)
{
    double *x = block_column(block, a), *y = block_column(block, b);
    for (long i = 0; a != b && i < block->stride; i++) {
        double value = x[i];
        x[i] = y[i];
        y[i] = value;
    }
}

/* Without an inverse of any pivot, which takes longer than a column: a multiple of a column spans what it does. */
long exact_reduce(int prime, struct block *block)
{
    const double p = primes[prime];
    long rank = 0;
    for (long row = 0; row < block->rows && rank < block->columns; row++) {
        const long padded = row / 8 * 8; /* above it all columns from the rank on are 0 */
        long pivot = rank;
        while (pivot < block->columns && block_column(block, pivot)[row] == 0)
            pivot++;
        if (pivot == block->columns)
            continue;
        swap_columns(block, pivot, rank);
        const double *from = block_column(block, rank);
        for (long j = rank + 1; j < block->columns; j++) {
            double *to = block_column(block, j);
            if (to[row] != 0)
                add_scaled(p, block->stride - padded, from[row], to + padded, -to[row], from + padded);
        }
        rank++;
    }
    return rank;
}

bool exact_is_zero(const double *residues, long count)
{
    for (long i = 0; i < count; i++)
        if (residues[i] != 0)
            return false;
    return true;
}

enum status exact_rank(long rows, long columns, const double *values, long *rank)
{
    SCOPED(block) block = { 0 };
    const long full = rows < columns ? rows : columns;
    *rank = 0;
    TRY(block_create(rows, columns, &block));
    for (int prime = 0; prime < EXACT_PRIMES && *rank < full; prime++) {
        struct residue_maker maker;
        maker_open(prime, &maker);
        memset(block.values, 0, (size_t)(block.stride * columns) * sizeof *block.values);
        for (long j = 0; j < columns; j++)
            make_residues(&maker, rows, values + j * rows, NULL, block_column(&block, j));
        long found = exact_reduce(prime, &block);
        *rank = found > *rank ? found : *rank;
    }
    return STATUS_OK;
}
