/* The grid: numbers of cells and weights, and their coordinates. */
#include "sweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Six different sizes, so that two exchanged axes cannot go unseen. */
static const struct sweep odd_grid = {
    .activation_count = 2,
    .ensemble_count = 3,
    .hidden_size_count = 4,
    .replicas = 5,
    .spectral_radius_count = 6,
    .gamma_count = 7,
};

static void counts_are_products_of_the_axes(void **state)
{
    (void)state;
    assert_int_equal(grid_cell_count(&odd_grid), 2 * 3 * 4 * 5 * 6 * 7);
    assert_int_equal(grid_weight_count(&odd_grid), 3 * 4 * 5);
}

/* Six nested loops in the order of CELL meet the numbers 0, 1, 2, ...: what C order means. */
static void numbers_run_in_c_order(void **state)
{
    (void)state;
    uint64_t number = 0;
    struct cell cell;
    long *at = cell.at;
    for (at[AXIS_ACTIVATION] = 0; at[AXIS_ACTIVATION] < 2; at[AXIS_ACTIVATION]++)
        for (at[AXIS_ENSEMBLE] = 0; at[AXIS_ENSEMBLE] < 3; at[AXIS_ENSEMBLE]++)
            for (at[AXIS_HIDDEN_SIZE] = 0; at[AXIS_HIDDEN_SIZE] < 4; at[AXIS_HIDDEN_SIZE]++)
                for (at[AXIS_REPLICA] = 0; at[AXIS_REPLICA] < 5; at[AXIS_REPLICA]++)
                    for (at[AXIS_SPECTRAL_RADIUS] = 0; at[AXIS_SPECTRAL_RADIUS] < 6; at[AXIS_SPECTRAL_RADIUS]++)
                        for (at[AXIS_GAMMA] = 0; at[AXIS_GAMMA] < 7; at[AXIS_GAMMA]++) {
                            assert_int_equal(grid_cell_number(&odd_grid, &cell), number);
                            struct cell again = grid_cell_at(&odd_grid, number);
                            assert_memory_equal(&again, &cell, sizeof cell);
                            number++;
                        }
    assert_int_equal(number, grid_cell_count(&odd_grid));
}

static void weight_numbers_run_in_c_order_and_ignore_the_other_axes(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < grid_cell_count(&odd_grid); number++) {
        struct cell cell = grid_cell_at(&odd_grid, number);
        const long *at = cell.at;
        uint64_t expected = (uint64_t)((at[AXIS_ENSEMBLE] * 4 + at[AXIS_HIDDEN_SIZE]) * 5 + at[AXIS_REPLICA]);
        assert_int_equal(grid_weight_number(&odd_grid, &cell), expected);
        cell.at[AXIS_ACTIVATION] = cell.at[AXIS_SPECTRAL_RADIUS] = cell.at[AXIS_GAMMA] = 0;
        struct cell first = grid_weight_at(&odd_grid, expected);
        assert_memory_equal(&first, &cell, sizeof cell);
    }
}

/* 2^40 cells: numbers do not pass through 32 bits. */
static void large_grids_keep_their_numbers(void **state)
{
    (void)state;
    struct sweep large = odd_grid;
    large.activation_count = 1L << 10;
    large.ensemble_count = large.hidden_size_count = 1;
    large.replicas = 1L << 20;
    large.spectral_radius_count = 1;
    large.gamma_count = 1L << 10;
    uint64_t last = (1ULL << 40) - 1;
    struct cell cell = grid_cell_at(&large, last);
    assert_int_equal(cell.at[AXIS_ACTIVATION], (1L << 10) - 1);
    assert_int_equal(cell.at[AXIS_REPLICA], (1L << 20) - 1);
    assert_int_equal(cell.at[AXIS_GAMMA], (1L << 10) - 1);
    assert_true(grid_cell_number(&large, &cell) == last);
    assert_true(grid_cell_count(&large) == last + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_products_of_the_axes),
        cmocka_unit_test(numbers_run_in_c_order),
        cmocka_unit_test(weight_numbers_run_in_c_order_and_ignore_the_other_axes),
        cmocka_unit_test(large_grids_keep_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
