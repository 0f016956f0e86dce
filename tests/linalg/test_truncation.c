/* What a truncation keeps and drops, against the columns it began with. */
#include "linalg/matrices.h"
#include "linalg/truncation.h"

#include <stdlib.h>

static double frobenius(const struct block *block)
{
    double sum = 0;
    for (long j = 0; j < block->columns; j++)
        for (long i = 0; i < block->rows; i++)
            sum += block_column(block, j)[i] * block_column(block, j)[i];
    return sqrt(sum);
}

/* Columns whose singular values fall by e^-fall from one to the next, about: a product of a mixing matrix with them. */
static struct block new_graded(long rows, long columns, double fall)
{
    struct block graded;
    const struct random_stream stream = random_stream_open(11, "truncation");
    SCOPED(block) mixing = { 0 };
    assert_int_equal(block_create(rows, columns, &graded), STATUS_OK);
    assert_int_equal(block_create(rows, columns, &mixing), STATUS_OK);
    for (long j = 0; j < columns; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)rows, block_column(&mixing, j));
    SCOPED_MEMORY double *right = NULL;
    assert_int_equal(memory_allocate(&right, columns * columns, "a test matrix"), STATUS_OK);
    random_normal(&stream, 1000, 0, (uint64_t)(columns * columns), right);
    for (long j = 0; j < columns; j++)
        for (long k = 0; k < columns; k++)
            for (long i = 0; i < rows; i++)
                block_column(&graded, j)[i] +=
                    block_column(&mixing, k)[i] * exp(-fall * (double)k) * right[k + j * columns];
    return graded;
}

static double overlap(const struct block *block, long i, long k)
{
    double sum = 0;
    for (long j = 0; j < block->columns; j++)
        sum += block_column(block, j)[i] * block_column(block, j)[k];
    return sum;
}

/* Y Y^T = Z Z^T + B B^T, which is what makes ||M Y||^2 <= ||M Z||^2 + ||M B||^2 for all M. */
static void split_is_orthogonal_from_the_right(void **state)
{
    (void)state;
    static const long shapes[][2] = { { 64, 64 }, { 70, 33 }, { 131, 90 } };
    const double least = 1e-9;
    for (size_t s = 0; s < 3; s++) {
        const long rows = shapes[s][0], columns = shapes[s][1];
        SCOPED(block) all = new_graded(rows, columns, 1.0);
        SCOPED(block) rest = { 0 };
        SCOPED(block) kept = { 0 };
        SCOPED_MEMORY double *room = NULL;
        double left, worst = 0;
        assert_int_equal(block_create(rows, columns, &rest), STATUS_OK);
        assert_int_equal(block_create(rows, columns, &kept), STATUS_OK);
        assert_int_equal(memory_allocate(&room, rest.stride + columns, "room"), STATUS_OK);
        block_copy(&all, &rest);
        const long rank = truncation_split(&rest, least, columns - 1, &kept, room, &left);
        /* Singular values fall by e: some 21 of them are above 1e-9. */
        assert_in_range(rank, 15, 27);
        assert_true(left <= least && left > 0);
        const struct block z = block_view(&kept, 0, rank);
        const double size = frobenius(&all);
        assert_true(frobenius(&rest) <= least * frobenius(&z));
        for (long i = 0; i < rows; i++)
            for (long k = 0; k < rows; k++)
                worst = fmax(worst, fabs(overlap(&all, i, k) - overlap(&z, i, k) - overlap(&rest, i, k)));
        assert_true(worst <= 1e-14 * size * size);
    }
}

static void without_success_all_columns_stay(void **state)
{
    (void)state;
    const long d = 40;
    SCOPED(block) rest = { 0 };
    SCOPED(block) kept = { 0 };
    SCOPED_MEMORY double *room = NULL, *orthogonal = new_orthogonal(d, 3);
    double left;
    assert_int_equal(block_create(d, d, &rest), STATUS_OK);
    assert_int_equal(block_create(d, d, &kept), STATUS_OK);
    assert_int_equal(memory_allocate(&room, rest.stride + d, "room"), STATUS_OK);
    assert_int_equal(truncation_split(&rest, 1e-9, 36, &kept, room, &left), d); /* zero */
    for (long j = 0; j < d; j++)
        memcpy(block_column(&rest, j), orthogonal + j * d, (size_t)d * sizeof(double));
    assert_int_equal(truncation_split(&rest, 1e-9, 36, &kept, room, &left), d);
    assert_true(fabs(left - 2) < 1e-12); /* four directions of length 1 */
    block_column(&rest, 1)[2] = NAN;
    assert_int_equal(truncation_split(&rest, 1e-9, 36, &kept, room, &left), d);
}

/* B G, exactly what a plain sum gives but for rounding, onto what was there. */
static void probes_are_what_was_dropped_times_gaussians(void **state)
{
    (void)state;
    const long rows = 21, columns = 13;
    SCOPED(block) rest = new_graded(rows, columns, 0.3);
    SCOPED(block) probes = { 0 };
    double gaussians[13 * TRUNCATION_PROBES];
    const struct random_stream stream = random_stream_open(5, "gaussians");
    random_normal(&stream, 0, 0, (uint64_t)(columns * TRUNCATION_PROBES), gaussians);
    assert_int_equal(block_create(rows, TRUNCATION_PROBES, &probes), STATUS_OK);
    block_column(&probes, 2)[4] = 7;
    truncation_add_probes(&rest, gaussians, &probes);
    for (long p = 0; p < TRUNCATION_PROBES; p++)
        for (long i = 0; i < rows; i++) {
            double sum = p == 2 && i == 4 ? 7 : 0;
            for (long j = 0; j < columns; j++)
                sum += block_column(&rest, j)[i] * gaussians[j + p * columns];
            assert_true(fabs(block_column(&probes, p)[i] - sum) < 1e-12);
        }
}

/* In each row a random part of its length. */
static void rounding_is_in_proportion_to_rows(void **state)
{
    (void)state;
    const long rows = 21, columns = 13;
    const double error = 0x1p-20;
    SCOPED(block) all = new_graded(rows, columns, 0.3);
    SCOPED(block) probes = { 0 };
    SCOPED(block) gaussians = { 0 };
    SCOPED_MEMORY double *room = NULL;
    const struct random_stream stream = random_stream_open(5, "gaussians");
    assert_int_equal(block_create(rows, TRUNCATION_PROBES, &probes), STATUS_OK);
    assert_int_equal(block_create(rows, TRUNCATION_PROBES, &gaussians), STATUS_OK);
    assert_int_equal(memory_allocate(&room, all.stride, "room"), STATUS_OK);
    for (long p = 0; p < TRUNCATION_PROBES; p++)
        random_normal(&stream, (uint64_t)p, 0, (uint64_t)rows, block_column(&gaussians, p));
    block_column(&probes, 2)[4] = 1;
    truncation_add_rounding(&all, error, &gaussians, room, &probes);
    for (long p = 0; p < TRUNCATION_PROBES; p++)
        for (long i = 0; i < rows; i++) {
            const double before = p == 2 && i == 4 ? 1 : 0;
            const double added = error * sqrt(overlap(&all, i, i)) * block_column(&gaussians, p)[i];
            assert_true(fabs(block_column(&probes, p)[i] - before - added) <= 0x1p-52);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_is_orthogonal_from_the_right),
        cmocka_unit_test(without_success_all_columns_stay),
        cmocka_unit_test(probes_are_what_was_dropped_times_gaussians),
        cmocka_unit_test(rounding_is_in_proportion_to_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
