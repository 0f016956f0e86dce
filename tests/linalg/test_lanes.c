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

enum { WAYS = 2 }; /* to the norms: by Lanczos, and by reduction */

static void find_tops(long d, const double *matrices, struct lanes_top tops[WAYS])
{
    double *work = NULL, *grams = NULL;
    assert_int_equal(memory_allocate(&work, lanes_work_size(d), "work"), STATUS_OK);
    assert_int_equal(memory_allocate(&grams, SIZE, "Gram matrices"), STATUS_OK);
    lanes_gram(d, matrices, grams);
    lanes_top(d, grams, work, &tops[0]);
    lanes_reduced_top(d, grams, work, &tops[1]);
    memory_free(work);
    memory_free(grams);
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
            struct lanes_top tops[WAYS];
            for (int lane = 0; lane < LANES; lane++) {
                double *values = new_kind(kind, d, (uint64_t)lane);
                put(d, values, lane, matrices);
                assert_int_equal(spectrum_norm(d, values, &norms[lane]), STATUS_OK);
                frobenius[lane] = 0;
                for (long i = 0; i < d * d; i++)
                    frobenius[lane] += values[i] * values[i];
                memory_free(values);
            }
            find_tops(d, matrices, tops);
            for (int way = 0; way < WAYS; way++)
                for (int lane = 0; lane < LANES; lane++) {
                    assert_true(way == 0 || lanes_top_is_proven(&tops[way], lane));
                    assert_within(log(tops[way].frobenius[lane]), log(frobenius[lane]), AGREEMENT);
                    if (lanes_top_is_proven(&tops[way], lane))
                        assert_within(log(tops[way].square[lane]) / 2, log(norms[lane]), AGREEMENT);
                }
            memory_free(matrices);
        }
}

/* Powers of A, as far as l = 1, 4, 16 and 64, in the lanes: the longer, the further apart singular values are. */
static void long_products_are_proven_by_lanczos(void **state)
{
    (void)state;
    static const long most_lags[LANES] = { 1, 1, 4, 4, 16, 16, 64, 64 };
    for (long d = 8; d <= MOST; d += 8) {
        double *matrices = new_room(), *next = new_room(), *powers = new_room(), *packed = new_room();
        double *a = new_ginibre(d, 9), largest[LANES] __attribute__((aligned(64)));
        struct lanes_top tops[WAYS];
        lanes_pack_transposed(d, a, packed);
        put(d, a, 0, next);
        for (int lane = 0; lane < LANES; lane++)
            for (long i = 0; i < d; i++)
                powers[lanes_place(d, lanes_padded(d), i, i) + lane] = 1;
        for (long lag = 1; lag <= 64; lag++) {
            lanes_step(d, lanes_padded(d), packed, powers, NULL, next, largest);
            memcpy(powers, next, SIZE * sizeof *powers);
            for (int lane = 0; lane < LANES; lane++)
                for (long i = 0; lag <= most_lags[lane] && i < lanes_padded(d) * lanes_padded(d); i++)
                    matrices[i * LANES + lane] = powers[i * LANES + lane];
        }
        find_tops(d, matrices, tops);
        for (int lane = 0; lane < LANES; lane++) {
            assert_true(lanes_top_is_proven(&tops[0], lane) || most_lags[lane] < 16);
            if (lanes_top_is_proven(&tops[0], lane))
                assert_within(log(tops[0].square[lane]), log(tops[1].square[lane]), AGREEMENT);
        }
        memory_free(matrices);
        memory_free(next);
        memory_free(powers);
        memory_free(packed);
        memory_free(a);
    }
}

/* A single 1, which has the largest column and is where Lanczos begins, beside a block of 4 x 4 equal elements, which
 * it never sees: only the trace tells whether that has a larger singular value. */
static void what_lanczos_does_not_reach_is_not_proven(void **state)
{
    (void)state;
    static const double others[] = { 0.5, 0.9, 1 - 1e-9, 1 + 1e-9, 1.1, 2, 3.9 };
    const long d = 16;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        double *values = new_matrix(d), *matrices = new_room();
        struct lanes_top tops[WAYS];
        memset(values, 0, (size_t)(d * d) * sizeof *values);
        values[0] = 1;
        for (long column = 1; column <= 4; column++)
            for (long row = 1; row <= 4; row++)
                values[row + column * d] = sqrt(others[i] / 16);
        for (int lane = 0; lane < LANES; lane++)
            put(d, values, lane, matrices);
        find_tops(d, matrices, tops);
        assert_true(lanes_top_is_proven(&tops[0], 0) == (others[i] < 1));
        if (lanes_top_is_proven(&tops[0], 0))
            assert_within(tops[0].square[0], 1, AGREEMENT);
        assert_within(tops[1].square[0], fmax(1, others[i]), 4 * AGREEMENT);
        memory_free(values);
        memory_free(matrices);
    }
}

/* Singular values of a diagonal that lie 2^-k apart, turned by an orthogonal matrix: from nearly far to nearly one. */
static void close_values_are_told_apart_or_left(void **state)
{
    (void)state;
    for (long d = 2; d <= MOST; d += d < 9 ? 1 : 5)
        for (int together = 2; together <= (d < 4 ? d : 4); together++)
            for (int k = 4; k <= 52; k++) {
                double *turn = new_orthogonal(d, (uint64_t)(k + 100 * together)), *matrices = new_room();
                struct lanes_top tops[WAYS];
                for (long i = 0; i < d; i++) /* row i of the matrix: sigma_i times row i of the turn */
                    for (long j = 0; j < d; j++)
                        turn[i + j * d] *= i < together ? 1 - (double)i * ldexp(1, -k) : 1e-3;
                for (int lane = 0; lane < LANES; lane++)
                    put(d, turn, lane, matrices);
                find_tops(d, matrices, tops);
                for (int way = 0; way < WAYS; way++)
                    if (way > 0 || lanes_top_is_proven(&tops[way], 0))
                        assert_within(log(tops[way].square[0]) / 2, 0, AGREEMENT);
                memory_free(turn);
                memory_free(matrices);
            }
}

/* Elements at both ends of what is allowed. */
static void scale_does_not_matter(void **state)
{
    (void)state;
    double *values = new_ginibre(MOST, 3), *matrices = new_room(), *scaled = new_matrix(MOST);
    struct lanes_top tops[WAYS];
    for (long column = 1; column < MOST; column++) /* apart, so that Lanczos is enough */
        for (long i = 0; i < MOST; i++)
            values[i + column * MOST] *= exp2(-(double)column);
    for (int lane = 0; lane < LANES; lane++) {
        for (long i = 0; i < MOST * MOST; i++)
            scaled[i] = ldexp(values[i], 60 * lane - 210);
        put(MOST, scaled, lane, matrices);
    }
    find_tops(MOST, matrices, tops);
    for (int way = 0; way < WAYS; way++)
        for (int lane = 0; lane < LANES; lane++) {
            assert_true(lanes_top_is_proven(&tops[way], lane));
            assert_true(tops[way].square[lane] == ldexp(tops[way].square[0], 120 * lane));
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
            struct lanes_top tops[WAYS], alone[WAYS];
            put(d, values, 2, matrices);
            find_tops(d, matrices, alone);
            values[element] = NAN;
            put(d, values, 0, matrices);
            values[element] = INFINITY;
            put(d, values, 7, matrices);
            find_tops(d, matrices, tops);
            for (int way = 0; way < WAYS; way++) {
                assert_true(!isfinite(tops[way].frobenius[0]) && !isfinite(tops[way].frobenius[7]));
                assert_true(tops[way].frobenius[1] == 0 && tops[way].frobenius[2] > 0);
                assert_memory_equal(&tops[way].square[2], &alone[way].square[2], sizeof(double));
            }
            assert_true(tops[0].square[1] == 0 && lanes_top_is_proven(&tops[0], 1));
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

/* Matrices whose columns are spread over several lanes, beside others that stay: element by element. */
static void columns_are_collected_from_several_lanes(void **state)
{
    (void)state;
    for (long d = 1; d <= MOST; d++)
        for (long parts = 2; parts <= LANES; parts++) {
            const long padded = lanes_padded(d), columns = padded / parts, matrices = LANES / parts;
            if (padded % parts != 0 || (columns > 2 && columns % LANES_STRIP != 0))
                continue;
            double *from = new_room(), *to = new_room();
            for (long matrix = 0; matrix < matrices; matrix++)
                for (long j = 0; j < d; j++)
                    for (long i = 0; i < d; i++)
                        from[lanes_place(d, columns, i, j % columns) + matrix * parts + j / columns] =
                            (double)(1 + i + 100 * j + 10000 * matrix);
            for (long i = 0; i < padded * padded * LANES; i++)
                to[i] = -1;
            const long lane = LANES - matrices;
            lanes_collect(d, parts, from, (int)lane, to);
            for (long j = 0; j < padded; j++)
                for (long i = 0; i < padded; i++)
                    for (long q = 0; q < LANES; q++) {
                        const double value = to[lanes_place(d, padded, i, j) + q];
                        const double expected = i < d && j < d ? (double)(1 + i + 100 * j + 10000 * (q - lane)) : 0;
                        assert_true(value == (q < lane ? -1 : expected));
                    }
            memory_free(from);
            memory_free(to);
        }
}

/* ---- the same bits ---- */

static void no_instruction_set_or_neighbour_moves_a_bit(void **state)
{
    (void)state;
    for (long d = 1; d <= MOST; d++) {
        struct lanes_top first[WAYS] = { 0 };
        for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
            for (int turn = 0; turn < LANES && instruction_set_select((enum instruction_set)set); turn += 3) {
                double *matrices = new_room();
                struct lanes_top tops[WAYS];
                for (int lane = 0; lane < LANES; lane++) {
                    double *values = new_kind(lane % KINDS, d, 11);
                    put(d, values, (lane + turn) % LANES, matrices);
                    memory_free(values);
                }
                find_tops(d, matrices, tops);
                for (int way = 0; way < WAYS; way++)
                    for (int lane = 0; lane < LANES; lane++) {
                        const int place = (lane + turn) % LANES;
                        if (first[way].frobenius[lane] == 0) {
                            first[way].square[lane] = tops[way].square[place];
                            first[way].frobenius[lane] = tops[way].frobenius[place];
                            first[way].proof[lane] = tops[way].proof[place];
                        }
                        assert_true((tops[way].proof[place] > 0) == (first[way].proof[lane] > 0));
                        assert_memory_equal(&tops[way].square[place], &first[way].square[lane], sizeof(double));
                        assert_memory_equal(&tops[way].frobenius[place], &first[way].frobenius[lane], sizeof(double));
                    }
                memory_free(matrices);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_lapack),
        cmocka_unit_test(long_products_are_proven_by_lanczos),
        cmocka_unit_test(what_lanczos_does_not_reach_is_not_proven),
        cmocka_unit_test(close_values_are_told_apart_or_left),
        cmocka_unit_test(scale_does_not_matter),
        cmocka_unit_test(zeros_and_nan_are_seen),
        cmocka_unit_test(steps_are_chains_of_fused_multiply_adds),
        cmocka_unit_test(columns_are_collected_from_several_lanes),
        cmocka_unit_test(no_instruction_set_or_neighbour_moves_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
