#include "linalg/range_finder.h"

#include "base/random.h"
#include "linalg/basis.h"

#include <math.h>
#include <string.h>

/* The first rows of the first columns, drawn once a thread: beside a small matrix they take as long as all else. */
enum { KEPT_ROWS = 64, KEPT_COLUMNS = 16 };

static void draw_column(const struct random_stream *stream, long number, long rows, double *column)
{
    random_normal(stream, (uint64_t)number, 0, (uint64_t)rows, column);
}

static const double *kept_column(const struct random_stream *stream, long number)
{
    static _Thread_local double kept[KEPT_COLUMNS][KEPT_ROWS];
    static _Thread_local bool are_drawn;
    for (long j = 0; !are_drawn && j < KEPT_COLUMNS; j++)
        draw_column(stream, j, KEPT_ROWS, kept[j]);
    are_drawn = true;
    return kept[number];
}

void range_finder_fill_random(struct block *columns)
{
    const struct random_stream stream = random_stream_open(0, "random columns of a range finder");
    for (long j = 0; j < columns->columns; j++)
        if (columns->rows <= KEPT_ROWS && j < KEPT_COLUMNS)
            memcpy(block_column(columns, j), kept_column(&stream, j), (size_t)columns->rows * sizeof(double));
        else
            draw_column(&stream, j, columns->rows, block_column(columns, j));
}

bool range_finder_orthonormalise(struct block *products, long *rank)
{
    const long stride = products->stride;
    double scratch[RANGE_MOST_COLUMNS], largest = 0;
    int probes = 0;
    *rank = 0;
    for (long j = 0; j < products->columns && probes < RANGE_PROBES; j++) {
        double *column = block_column(products, j);
        largest = fmax(largest, basis_norm(column, stride)); /* ||A omega|| is about ||A||_F */
        /* Twice is enough to be orthogonal to rounding (Giraud et al., Numer. Math. 101 (2005) 87). */
        for (int pass = 0; pass < 2 && *rank > 0; pass++)
            basis_orthogonalise(products->values, stride, *rank, column, scratch);
        const double rest = basis_norm(column, stride);
        if (rest <= (double)products->rows * 0x1p-53 * largest) {
            probes++;
            continue;
        }
        probes = 0;
        basis_scale(column, stride, 1 / rest);
        memmove(block_column(products, (*rank)++), column, (size_t)stride * sizeof *column);
    }
    return probes == RANGE_PROBES;
}
