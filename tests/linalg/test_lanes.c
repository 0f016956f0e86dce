/* Small matrices in lanes: products against a scalar chain of fused multiply-adds, norms against LAPACK's, and the same
 * bits for every instruction set, neighbour and place. */
#include "linalg/lanes.h"

#include "linalg/instruction_set.h"
#include "linalg/matrices.h"

enum { MOST = LANES_LARGEST_DIMENSION, SIZE = MOST * MOST * LANES, KINDS = 6 };

/* The value is proven to 4e-14 of the square, which is 2e-14 of the logarithm; the Gram matrix and its reduction add d
 * u and LAPACK's own value as much: 3e-14 in all at d = 32. */
static const double AGREEMENT = 5e-14;

/* Ginibre, symmetric, orthogonal, far from normal, of rank one, and with columns 1e90 apart. */
static double *new_kind(int kind, long d, uint64_t seed)
{
    double *values = kind == 1 ? new_symmetric(d, seed) : kind == 2 ? new_orthogonal(d, seed) : new_ginibre(d, seed);
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            if (kind == 3)
                values[i + j * d] *= i > j ? 0 : 100;
            else if (kind == 4)
                values[i + j * d] = values[i] * values[(j + 1) % d];
            else if (kind == 5)
                values[i + j * d] *= pow(1e-90, (double)j / (double)d);
    return values;
}

static void put(long d, const double *values, int lane, double *matrices)
{
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            matrices[lanes_place(d, lanes_padded(d), i, j) + lane] = values[i + j * d];
}

static void find_top(long d, const double *matrices, struct lanes_top *top)
{
    double *work = NULL;
    assert_int_equal(memory_allocate(&work, lanes_work_size(d), "work"), STATUS_OK);
    lanes_top(d, matrices, work, top);
    memory_free(work);
}

static double *new_room(void)
{
    double *room = NULL;
    assert_int_equal(memory_allocate(&room, SIZE, "lanes"), STATUS_OK);
    return room;
}

/* ---- norms ---- */

static void norms_are_those_of_lapack(void **state)
{
    (void)state;
    for (long d = 1; d <= MOST; d++)
        for (int kind = 0; kind < KINDS; kind++) {
            double *matrices = new_room(), norms[LANES], frobenius[LANES];
            struct lanes_top top;
            for (int lane = 0; lane < LANES; lane++) {
                double *values = new_kind(kind, d, (uint64_t)lane);
                put(d, values, lane, matrices);
                assert_int_equal(spectrum_norm(d, values, &norms[lane]), STATUS_OK);
                frobenius[lane] = 0;
                for (long i = 0; i < d * d; i++)
                    frobenius[lane] += values[i] * values[i];
                memory_free(values);
            }
            find_top(d, matrices, &top);
            for (int lane = 0; lane < LANES; lane++) {
                assert_true(lanes_top_is_proven(&top, lane));
                assert_within(log(top.square[lane]) / 2, log(norms[lane]), AGREEMENT);
                assert_within(log(top.frobenius[lane]), log(frobenius[lane]), AGREEMENT);
            }
            memory_free(matrices);
        }
}

/* Elements at both ends of what is allowed. */
static void scale_does_not_matter(void **state)
{
    (void)state;
    double *values = new_ginibre(MOST, 3), *matrices = new_room(), *scaled = new_matrix(MOST);
    struct lanes_top top;
    for (int lane = 0; lane < LANES; lane++) {
        for (long i = 0; i < MOST * MOST; i++)
            scaled[i] = ldexp(values[i], 60 * lane - 210);
        put(MOST, scaled, lane, matrices);
    }
    find_top(MOST, matrices, &top);
    for (int lane = 0; lane < LANES; lane++) {
        assert_true(lanes_top_is_proven(&top, lane));
        assert_true(top.square[lane] == ldexp(top.square[0], 120 * lane));
    }
    memory_free(values);
    memory_free(matrices);
    memory_free(scaled);
}

/* A zero is told by its Frobenius norm, and so is whatever is no number, in whichever element. */
static void zeros_and_nan_are_seen(void **state)
{
    (void)state;
    for (long d = 1; d <= 9; d++)
        for (long element = 0; element < d * d; element++) {
            double *values = new_ginibre(d, 1), *matrices = new_room();
            struct lanes_top top, alone;
            put(d, values, 2, matrices);
            find_top(d, matrices, &alone);
            values[element] = NAN;
            put(d, values, 0, matrices);
            values[element] = INFINITY;
            put(d, values, 7, matrices);
            find_top(d, matrices, &top);
            assert_true(!isfinite(top.frobenius[0]) && !isfinite(top.frobenius[7]));
            assert_true(top.frobenius[1] == 0 && top.frobenius[2] > 0);
            assert_memory_equal(&top.square[2], &alone.square[2], sizeof(double));
            memory_free(values);
            memory_free(matrices);
        }
}

/* ---- products ---- */

/* One element of D A^T X as its definition says. */
static double element_of(long d, const double *a, const double *x, long row, long column, double diagonal)
{
    double sum = 0;
    for (long k = 0; k < d; k++)
        sum = fma(a[k + row * d], x[k + column * d], sum);
    return sum * diagonal;
}

/* `columns` of each lane's X are another part of one d x d matrix. */
static void check_step(long d, long columns)
{
    const long padded = lanes_padded(d);
    double *a = new_ginibre(d, 5), *x = new_ginibre(d, 6), *diagonal = new_ginibre(MOST, 7);
    double *packed = new_room(), *from = new_room(), *to = new_room(), *diagonals = new_room();
    const double *same[LANES];
    _Alignas(64) double largest[LANES];
    for (int lane = 0; lane < LANES; lane++)
        same[lane] = diagonal + lane * MOST;
    for (int lane = 0; lane < LANES; lane++)
        for (long j = 0; j < columns; j++)
            for (long i = 0; i < d; i++)
                from[lanes_place(d, columns, i, j) + lane] = x[i + (lane + j) % d * d];
    for (int lane = 0; lane < LANES; lane++)
        for (long i = d; i < padded; i++)
            diagonal[lane * MOST + i] = 0;
    lanes_pack_transposed(d, a, packed);
    lanes_set_rows(d, same, diagonals);
    lanes_step(d, columns, packed, from, diagonals, to, largest);
    for (int lane = 0; lane < LANES; lane++) {
        double most = 0;
        for (long j = 0; j < columns; j++)
            for (long i = 0; i < d; i++) {
                const double expected = element_of(d, a, x, i, (lane + j) % d, same[lane][i]);
                assert_memory_equal(&to[lanes_place(d, columns, i, j) + lane], &expected, sizeof expected);
                most = fmax(most, fabs(expected));
            }
        assert_true(largest[lane] == most);
    }
    memory_free(a);
    memory_free(x);
    memory_free(diagonal);
    memory_free(packed);
    memory_free(from);
    memory_free(to);
    memory_free(diagonals);
}

static void steps_are_chains_of_fused_multiply_adds(void **state)
{
    (void)state;
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (long d = 1; instruction_set_select((enum instruction_set)set) && d <= MOST; d++) {
            check_step(d, 1);
            check_step(d, 2);
            for (long columns = LANES_STRIP; columns <= lanes_padded(d); columns += LANES_STRIP)
                check_step(d, columns);
        }
}

/* ---- the same bits ---- */

static void no_instruction_set_or_neighbour_moves_a_bit(void **state)
{
    (void)state;
    for (long d = 1; d <= MOST; d++) {
        struct lanes_top first = { 0 };
        for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
            for (int turn = 0; turn < LANES && instruction_set_select((enum instruction_set)set); turn += 3) {
                double *matrices = new_room();
                struct lanes_top top;
                for (int lane = 0; lane < LANES; lane++) {
                    double *values = new_kind(lane % KINDS, d, 11);
                    put(d, values, (lane + turn) % LANES, matrices);
                    memory_free(values);
                }
                find_top(d, matrices, &top);
                for (int lane = 0; lane < LANES; lane++) {
                    const int place = (lane + turn) % LANES;
                    if (first.frobenius[lane] == 0) {
                        first.square[lane] = top.square[place];
                        first.frobenius[lane] = top.frobenius[place];
                    }
                    assert_memory_equal(&top.square[place], &first.square[lane], sizeof(double));
                    assert_memory_equal(&top.frobenius[place], &first.frobenius[lane], sizeof(double));
                }
                memory_free(matrices);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_lapack),
        cmocka_unit_test(scale_does_not_matter),
        cmocka_unit_test(zeros_and_nan_are_seen),
        cmocka_unit_test(steps_are_chains_of_fused_multiply_adds),
        cmocka_unit_test(no_instruction_set_or_neighbour_moves_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
