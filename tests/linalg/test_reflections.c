/* QR decompositions in blocks and by rows, against Householder's method in extended precision; rows by their sizes. */
#include "linalg/frame_lanes.h"
#include "linalg/householder.h"
#include "linalg/instruction_set.h"
#include "linalg/matrices.h"
#include "linalg/reflections.h"
#include "linalg/row_order.h"

enum { SHAPES = 7 };

/* One block and several, whole and thin, both widths of blocks, and rows and columns that are no multiple of 8. */
static const struct shape {
    long rows, columns;
} shapes[SHAPES] = { { 1, 1 }, { 5, 3 }, { 64, 24 }, { 70, 70 }, { 131, 41 }, { 128, 128 }, { 400, 400 } };

/* Rows down to e^-200 of the first, each as accurate as it is small: what Householder's method does to |R_ii| is some
 * d u of it, times how near a row's part is to those before it (at d = 400 some 1e2). */
static const double AGREEMENT = 1e-11, ORTHOGONALITY = 1e-13, DEPTH = 200;

static struct block new_graded(const struct shape *shape, int *exponents)
{
    struct block matrix;
    const struct random_stream stream = random_stream_open(7, "reflections");
    assert_int_equal(block_create(shape->rows, shape->columns, &matrix), STATUS_OK);
    for (long j = 0; j < shape->columns; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)shape->rows, block_column(&matrix, j));
    for (long i = 0; i < shape->rows; i++) {
        const double scale = exp(-DEPTH * (double)i / (double)shape->rows);
        frexp(scale, &exponents[i]);
        for (long j = 0; j < shape->columns; j++)
            block_column(&matrix, j)[i] *= scale;
    }
    return matrix;
}

/* |R_ii| of a copy, with 64 bits of mantissa. */
static void decompose_slowly(const struct block *matrix, double *sizes)
{
    const long m = matrix->rows, n = matrix->columns;
    long double *a = NULL;
    assert_int_equal(memory_allocate(&a, m * n, "extended numbers"), STATUS_OK);
    for (long j = 0; j < n; j++)
        for (long i = 0; i < m; i++)
            a[j * m + i] = block_column(matrix, j)[i];
    for (long k = 0; k < n; k++) {
        long double *v = a + k * m, squares = 0;
        for (long i = k; i < m; i++)
            squares += v[i] * v[i];
        const long double norm = -copysignl(sqrtl(squares), v[k]), head = v[k] - norm;
        sizes[k] = (double)fabsl(norm);
        if (k + 1 == m || head == 0)
            continue;
        for (long j = k + 1; j < n; j++) {
            long double *column = a + j * m, dot = column[k];
            for (long i = k + 1; i < m; i++)
                dot += v[i] / head * column[i];
            dot *= -head / norm;
            column[k] -= dot;
            for (long i = k + 1; i < m; i++)
                column[i] -= v[i] / head * dot;
        }
    }
    memory_free(a);
}

static void expect_orthonormal(const struct block *vectors)
{
    for (long i = 0; i < vectors->columns; i++)
        for (long j = 0; j <= i; j++) {
            double dot = 0;
            for (long k = 0; k < vectors->rows; k++)
                dot += block_column(vectors, i)[k] * block_column(vectors, j)[k];
            assert_true(fabs(dot - (i == j)) < ORTHOGONALITY);
        }
}

static void expect_sizes(long count, const double *diagonal, const double *expected)
{
    for (long i = 0; i < count; i++)
        assert_true(fabs(fabs(diagonal[i]) / expected[i] - 1) < AGREEMENT);
}

/* In blocks: R, Q, and Q^T, which takes Q to the identity. */
static void blocks_decompose(void **state)
{
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        const struct shape *shape = &shapes[s];
        SCOPED(reflections) *reflections = NULL;
        int exponents[512];
        double diagonal[512], expected[512];
        SCOPED(block) matrix = new_graded(shape, exponents);
        SCOPED(block) vectors = { 0 };
        decompose_slowly(&matrix, expected);
        assert_int_equal(reflections_create(shape->rows, shape->columns, true, &reflections), STATUS_OK);
        assert_int_equal(block_create(shape->rows, shape->columns, &vectors), STATUS_OK);
        reflections_factor(reflections, &matrix, exponents, diagonal);
        expect_sizes(shape->columns, diagonal, expected);
        reflections_vectors(reflections, &vectors);
        expect_orthonormal(&vectors);
        reflections_apply_transposed(reflections, &vectors);
        for (long j = 0; j < shape->columns; j++)
            for (long i = 0; i < shape->rows; i++)
                assert_true(fabs(block_column(&vectors, j)[i] - (i == j)) < ORTHOGONALITY);
    }
}

/* By rows, and with the same Q as in blocks. */
static void rows_decompose(void **state)
{
    (void)state;
    const struct shape thin[] = { { 1, 1 }, { 16, 16 }, { 61, 61 }, { 300, 17 } };
    for (int s = 0; s < 4; s++) {
        const long m = thin[s].rows, n = thin[s].columns, stride = block_stride(n);
        int exponents[512];
        double diagonal[512], expected[512], *rows = NULL;
        struct reflectors reflectors = { .rows = m, .columns = n, .stride = householder_stride(m) };
        SCOPED(reflections) *reflections = NULL;
        SCOPED(block) matrix = new_graded(&thin[s], exponents);
        assert_int_equal(memory_allocate(&rows, m * stride, "rows"), STATUS_OK);
        assert_int_equal(memory_allocate(&reflectors.values, n * reflectors.stride, "room"), STATUS_OK);
        decompose_slowly(&matrix, expected);
        for (long i = 0; i < m; i++)
            for (long j = 0; j < n; j++)
                rows[i * stride + j] = block_column(&matrix, j)[i];
        householder_factor(&reflectors, stride, rows, exponents, diagonal);
        householder_vectors(&reflectors, stride, rows);
        expect_sizes(n, diagonal, expected);
        assert_int_equal(reflections_create(m, n, true, &reflections), STATUS_OK);
        reflections_factor(reflections, &matrix, exponents, diagonal);
        reflections_vectors(reflections, &matrix);
        for (long i = 0; i < m; i++)
            for (long j = 0; j < n; j++)
                assert_true(fabs(rows[i * stride + j] - block_column(&matrix, j)[i]) < 1e-11);
        memory_free(rows);
        memory_free(reflectors.values);
    }
}

/* Each lane has the bits of its matrix alone; one has a column that is zero below the ones before it. */
static void lanes_are_those_of_rows(void **state)
{
    (void)state;
    const struct shape small[] = { { 1, 1 }, { 16, 16 }, { 19, 7 }, { 32, 32 } };
    for (int s = 0; s < 4; s++) {
        const long m = small[s].rows, n = small[s].columns, stride = block_stride(n);
        double *lanes = NULL, *room = NULL, *diagonals = NULL, *rows[FRAME_LANES], diagonal[64];
        struct reflectors reflectors = { .rows = m, .columns = n, .stride = householder_stride(m) };
        int exponents[FRAME_LANES][64];
        const int *sizes[FRAME_LANES];
        assert_int_equal(memory_allocate(&lanes, m * frame_lanes_stride(n) * FRAME_LANES, "lanes"), STATUS_OK);
        assert_int_equal(memory_allocate(&room, (m + 8) * (n + 8) * FRAME_LANES, "room"), STATUS_OK);
        assert_int_equal(memory_allocate(&reflectors.values, n * reflectors.stride, "room"), STATUS_OK);
        assert_int_equal(memory_allocate(&diagonals, n * FRAME_LANES, "lanes"), STATUS_OK);
        for (int lane = 0; lane < FRAME_LANES; lane++) {
            SCOPED(block) matrix = new_graded(&small[s], exponents[lane]);
            sizes[lane] = exponents[lane];
            assert_int_equal(memory_allocate(&rows[lane], m * stride, "rows"), STATUS_OK);
            for (long i = 0; i < m; i++)
                for (long j = 0; j < n; j++)
                    lanes[(i * frame_lanes_stride(n) + j) * FRAME_LANES + lane] = rows[lane][i * stride + j] =
                        lane == 5 && j <= n / 2 && i >= j ? 0 : block_column(&matrix, j)[i] * cos(i + lane * j);
        }
        frame_lanes_factor(m, n, lanes, sizes, room, diagonals);
        for (int lane = 0; lane < FRAME_LANES; lane++) {
            householder_factor(&reflectors, stride, rows[lane], exponents[lane], diagonal);
            householder_vectors(&reflectors, stride, rows[lane]);
            for (long j = 0; j < n; j++) {
                assert_true(diagonals[j * FRAME_LANES + lane] == diagonal[j]);
                for (long i = 0; i < m; i++)
                    assert_true(lanes[(i * frame_lanes_stride(n) + j) * FRAME_LANES + lane] ==
                                rows[lane][i * stride + j]);
            }
            memory_free(rows[lane]);
        }
        memory_free(lanes);
        memory_free(room);
        memory_free(reflectors.values);
        memory_free(diagonals);
    }
}

/* Rows so much smaller than the pivot that the squares of their elements are no doubles: they are taken away all the
 * same from columns that have nothing else, and |R_11 R_22 R_33| is the determinant. Likewise a first column so much
 * smaller than its rows. By rows and in lanes, beside
 * others, to the same bits. */
static void rows_beyond_squares_count(void **state)
{
    (void)state;
    enum { N = 3, STRIDE = 8, CASES = 6 };
    const int alike[N] = { 3, 3, 3 }, sizes[CASES][N] = { { 1, -599, -599 }, { 1, -299, -899 }, { 1, 1, -699 },
                                                          { 1, -849, -899 }, { 1, 1, 1 },       { 1, -9, -99 } };
    const int first_column[CASES] = { 0, 0, 0, 0, -701, -699 };
    const double elements[N][N] = { { 3, 1, 2 }, { 1, -4, 1 }, { 5, 9, -2 } }, determinant = 62;
    double *lanes = NULL, *room = NULL;
    struct reflectors reflectors = { .rows = N, .columns = N, .stride = householder_stride(N) };
    assert_int_equal(memory_allocate(&reflectors.values, N * reflectors.stride, "room"), STATUS_OK);
    assert_int_equal(memory_allocate(&lanes, N * frame_lanes_stride(N) * FRAME_LANES, "lanes"), STATUS_OK);
    assert_int_equal(memory_allocate(&room, N * N * FRAME_LANES, "room"), STATUS_OK);
    for (int s = 0; s < CASES; s++) {
        double rows[N * STRIDE] __attribute__((aligned(64))) = { 0 }, diagonal[N], found = 1;
        double diagonals[N * FRAME_LANES] __attribute__((aligned(64)));
        const int *all[FRAME_LANES];
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double *at = lanes + (i * frame_lanes_stride(N) + j) * FRAME_LANES;
                rows[i * STRIDE + j] = ldexp(elements[i][j], sizes[s][i] + (j == 0 ? first_column[s] : 0));
                for (int lane = 0; lane < FRAME_LANES; lane++)
                    at[lane] = lane % 3 == 2 ? elements[i][j] : rows[i * STRIDE + j];
            }
        for (int lane = 0; lane < FRAME_LANES; lane++)
            all[lane] = lane % 3 == 2 ? alike : sizes[s];
        householder_factor(&reflectors, STRIDE, rows, sizes[s], diagonal);
        frame_lanes_factor(N, N, lanes, all, room, diagonals);
        for (int i = 0; i < N; i++) {
            found *= fabs(ldexp(diagonal[i], -sizes[s][i] - (i == 0 ? first_column[s] : 0)));
            for (int lane = 0; lane < FRAME_LANES; lane++)
                assert_true(lane % 3 == 2 || diagonals[i * FRAME_LANES + lane] == diagonal[i]);
        }
        assert_true(fabs(found - determinant) < 1e-13 * determinant);
    }
    memory_free(reflectors.values);
    memory_free(lanes);
    memory_free(room);
}

static void bits_are_those_of_any_instruction_set(void **state)
{
    (void)state;
    const enum instruction_set best = instruction_set(), sets[] = { INSTRUCTIONS_AVX512, INSTRUCTIONS_AVX2,
                                                                    INSTRUCTIONS_NEON, INSTRUCTIONS_PLAIN };
    double found[4][512];
    int count = 0, exponents[512];
    for (int i = 0; i < 4; i++) {
        if (!instruction_set_select(sets[i]))
            continue;
        SCOPED(reflections) *reflections = NULL;
        SCOPED(block) matrix = new_graded(&shapes[4], exponents);
        assert_int_equal(reflections_create(shapes[4].rows, shapes[4].columns, false, &reflections), STATUS_OK);
        reflections_factor(reflections, &matrix, exponents, found[count]);
        assert_memory_equal(found[count], found[0], (size_t)shapes[4].columns * sizeof found[0][0]);
        count++;
    }
    assert_true(count > 0 && instruction_set_select(best));
}

/* What is exactly zero stays so, and what is not finite is seen. */
static void zeros_and_what_is_not_finite(void **state)
{
    (void)state;
    int exponents[512];
    double diagonal[512];
    const double spoilt[] = { 0, NAN, INFINITY };
    for (int s = 0; s < 3; s++) {
        SCOPED(reflections) *reflections = NULL;
        SCOPED(block) matrix = new_graded(&shapes[3], exponents);
        for (long i = 0; i < 70; i++)
            block_column(&matrix, 30)[i] = i < 30 && s == 0 ? block_column(&matrix, 30)[i] : spoilt[s];
        for (long j = 0; j < 30 && s == 0; j++)
            for (long i = 30; i < 70; i++)
                block_column(&matrix, j)[i] = 0;
        assert_int_equal(reflections_create(70, 70, false, &reflections), STATUS_OK);
        reflections_factor(reflections, &matrix, exponents, diagonal);
        assert_true(isfinite(diagonal[29]) && diagonal[29] != 0);
        assert_true(s == 0 ? diagonal[30] == 0 && isfinite(diagonal[69]) && diagonal[69] != 0
                           : !isfinite(diagonal[30]) && !isfinite(diagonal[69]));
    }
}

static void rows_are_in_order(void **state)
{
    (void)state;
    const long counts[] = { 1, 16, 32, 33, 300 };
    const struct random_stream stream = random_stream_open(3, "sizes");
    for (int c = 0; c < 5; c++) {
        const long count = counts[c];
        double sizes[300];
        long order[300];
        int exponents[300];
        uint64_t room[600];
        bool seen[300] = { false };
        random_normal(&stream, (uint64_t)c, 0, (uint64_t)count, sizes);
        for (long i = 0; i < count; i++)
            sizes[i] = i % 7 == 3 ? 0 : i % 7 == 5 ? sizes[i] * 0x1p-1070 : sizes[i] * exp(-(double)(i * 37 % 500));
        row_order_find(count, sizes, order, exponents, room);
        for (long r = 0; r < count; r++) {
            const double size = fabs(sizes[order[r]]);
            assert_true(!seen[order[r]] && size <= ldexp(1, exponents[r]));
            assert_true(size == 0 ? exponents[r] == 0 : size >= ldexp(0.5, exponents[r]) || size < 0x1p-1022);
            seen[order[r]] = true;
            if (r > 0 && size > 0x1p-1022)
                assert_true(fabs(sizes[order[r - 1]]) >= size / (1 + 1.0 / 32));
        }
        row_order_find(count, NULL, order, exponents, room);
        for (long r = 0; r < count; r++)
            assert_true(order[r] == r && exponents[r] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_decompose),
        cmocka_unit_test(rows_decompose),
        cmocka_unit_test(lanes_are_those_of_rows),
        cmocka_unit_test(rows_beyond_squares_count),
        cmocka_unit_test(bits_are_those_of_any_instruction_set),
        cmocka_unit_test(zeros_and_what_is_not_finite),
        cmocka_unit_test(rows_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
