#include "linalg/truncation.h"

#include "linalg/vectorised.h"

#include <math.h>
#include <string.h>

enum { ROWS = 8 }; /* of a pass over all columns, of which the sums stay in registers; a stride has whole ones */

/* kept := rest v and rest -= kept v^T, for some rows; squares := what their squared lengths are then. */
VECTORISED static void eliminate(const struct block *rest, const double *v, double *restrict kept,
                                 double *restrict squares)
{
    const long stride = rest->stride;
    for (long row = 0; row < stride; row += ROWS) {
        double overlaps[ROWS] = { 0 }, sums[ROWS] = { 0 };
        double *rows = rest->values + row;
        for (long j = 0; j < rest->columns; j++)
            for (int i = 0; i < ROWS; i++)
                overlaps[i] += rows[j * stride + i] * v[j];
        for (long j = 0; j < rest->columns; j++)
            for (int i = 0; i < ROWS; i++) {
                const double value = rows[j * stride + i] - overlaps[i] * v[j];
                rows[j * stride + i] = value;
                sums[i] += value * value;
            }
        for (int i = 0; i < ROWS; i++) {
            kept[row + i] = overlaps[i];
            squares[row + i] = sums[i];
        }
    }
}

/* The squared lengths of all rows. */
VECTORISED static void measure_rows(const struct block *rest, double *restrict squares)
{
    for (long i = 0; i < rest->stride; i++)
        squares[i] = 0.0;
    for (long j = 0; j < rest->columns; j++) {
        const double *column = block_column(rest, j);
        for (long i = 0; i < rest->stride; i++)
            squares[i] += column[i] * column[i];
    }
}

/* The longest row, and the sum over all. */
static long find_longest(const struct block *rest, const double *squares, double *sum)
{
    long longest = 0;
    *sum = 0.0;
    for (long i = 0; i < rest->rows; i++) {
        *sum += squares[i];
        longest = squares[i] > squares[longest] ? i : longest;
    }
    return longest;
}

static double squared_length(const struct block *block, long column)
{
    const struct block one = block_view(block, column, 1);
    double square;
    block_column_dots(&one, &one, &square);
    return square;
}

long truncation_split(struct block *rest, double least, long most, struct block *kept, double *room, double *left)
{
    double *squares = room, *v = room + rest->stride, sum, largest = 0.0;
    measure_rows(rest, squares);
    long row = find_longest(rest, squares, &sum);
    *left = 1.0;
    if (!(sum > 0.0 && isfinite(sum)))
        return rest->columns;
    for (long rank = 0; rank < most;) {
        const double inverse = 1.0 / sqrt(squares[row]);
        for (long j = 0; j < rest->columns; j++)
            v[j] = rest->values[row + j * rest->stride] * inverse;
        eliminate(rest, v, block_column(kept, rank), squares);
        largest = fmax(largest, squared_length(kept, rank++));
        row = find_longest(rest, squares, &sum);
        *left = sqrt(sum / largest);
        if (*left <= least)
            return rank;
    }
    return rest->columns;
}

VECTORISED static void add_multiple(const double *restrict from, double factor, long count, double *restrict to)
{
    for (long i = 0; i < count; i++)
        to[i] += from[i] * factor;
}

void truncation_add_probes(const struct block *rest, const double *gaussians, struct block *probes)
{
    for (long p = 0; p < probes->columns; p++)
        for (long j = 0; j < rest->columns; j++)
            add_multiple(block_column(rest, j), gaussians[j + p * rest->columns], rest->stride,
                         block_column(probes, p));
}

void truncation_add_rounding(const struct block *columns, double error, const struct block *gaussians, double *room,
                             struct block *probes)
{
    measure_rows(columns, room);
    for (long i = 0; i < columns->rows; i++)
        room[i] = error * sqrt(room[i]);
    for (long p = 0; p < probes->columns; p++) {
        const double *gaussian = block_column(gaussians, p);
        double *probe = block_column(probes, p);
        for (long i = 0; i < columns->rows; i++)
            probe[i] += room[i] * gaussian[i];
    }
}
