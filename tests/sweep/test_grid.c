/* The grid: numbers of cells and weights, and their coordinates. */
#include "sweep/grid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A grid whose axes have lengths 2, 3, 4, ..., so that two exchanged ones cannot go unseen. */
static struct sweep odd_grid;

static void set_length(struct sweep *sweep, enum sweep_axis axis, long length)
{
    *(long *)((char *)sweep + axes_rule(axis)->length) = length;
}

static int make_odd_grid(void **state)
{
    (void)state;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++) {
        set_length(&odd_grid, axis, 2 + (long)axis);
        if (axes_rule(axis)->is_there != 0)
            *(bool *)((char *)&odd_grid + axes_rule(axis)->is_there) = true;
    }
    return 0;
}

/* What numbers of cells and weights, and units of work, rely on. */
static void axes_of_weights_stand_side_by_side(void **state)
{
    (void)state;
    int runs = 0;
    for (enum sweep_axis axis = 1; axis < CELL_AXES; axis++)
        runs += axes_rule(axis)->is_of_weight && !axes_rule(axis - 1)->is_of_weight;
    assert_int_equal(runs + axes_rule(0)->is_of_weight, 1);
    assert_false(axes_rule(CELL_AXES - 1)->is_of_weight);
    assert_int_equal(axes_length(&odd_grid, AXIS_REPLICA), odd_grid.replicas);
    assert_int_equal(axes_length(&odd_grid, AXIS_GAMMA), odd_grid.gamma_count);
}

static void counts_are_products_of_the_axes(void **state)
{
    (void)state;
    uint64_t cells = 1, weights = 1, plane = 1;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++) {
        cells *= 2 + axis;
        weights *= axes_rule(axis)->is_of_weight ? 2 + axis : 1;
        plane *= axis > AXIS_REPLICA ? 2 + axis : 1;
    }
    assert_int_equal(grid_cell_count(&odd_grid), cells);
    assert_int_equal(grid_weight_count(&odd_grid), weights);
    assert_int_equal(grid_plane_size(&odd_grid), plane);
}

/* The next cell in C order, the last axis fastest; false after the last. */
static bool advance(struct cell *cell)
{
    for (int axis = CELL_AXES - 1; axis >= 0; axis--) {
        if (++cell->at[axis] < 2 + axis)
            return true;
        cell->at[axis] = 0;
    }
    return false;
}

static void numbers_run_in_c_order(void **state)
{
    (void)state;
    uint64_t number = 0;
    struct cell cell = { 0 };
    do {
        assert_int_equal(grid_cell_number(&odd_grid, &cell), number);
        struct cell again = grid_cell_at(&odd_grid, number);
        assert_memory_equal(&again, &cell, sizeof cell);
        number++;
    } while (advance(&cell));
    assert_int_equal(number, grid_cell_count(&odd_grid));
}

static void weight_numbers_run_in_c_order_and_ignore_the_other_axes(void **state)
{
    (void)state;
    struct cell cell = { 0 };
    do {
        const long *at = cell.at;
        uint64_t expected =
            (uint64_t)((at[AXIS_ENSEMBLE] * odd_grid.hidden_size_count + at[AXIS_HIDDEN_SIZE]) * odd_grid.replicas +
                       at[AXIS_REPLICA]);
        assert_int_equal(grid_weight_number(&odd_grid, &cell), expected);
        struct cell first = cell, found = grid_weight_at(&odd_grid, expected);
        for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
            if (!axes_rule(axis)->is_of_weight)
                first.at[axis] = 0;
        assert_memory_equal(&found, &first, sizeof first);
    } while (advance(&cell));
}

/* 2^40 cells: numbers do not pass through 32 bits. */
static void large_grids_keep_their_numbers(void **state)
{
    (void)state;
    struct sweep large = { 0 };
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        set_length(&large, axis, 1);
    large.activation_count = 1L << 10;
    large.replicas = 1L << 20;
    large.gamma_count = 1L << 10;
    uint64_t last = (1ULL << 40) - 1;
    struct cell cell = grid_cell_at(&large, last);
    assert_int_equal(cell.at[AXIS_ACTIVATION], (1L << 10) - 1);
    assert_int_equal(cell.at[AXIS_REPLICA], (1L << 20) - 1);
    assert_int_equal(cell.at[AXIS_GAMMA], (1L << 10) - 1);
    assert_true(grid_cell_number(&large, &cell) == last);
    assert_true(grid_cell_count(&large) == last + 1);
}

static void cells_are_described_by_their_values(void **state)
{
    (void)state;
    const struct activation *activations[] = { activation_find("relu") };
    struct ensemble ensembles[] = { { .label = "first" }, { .label = "second" } };
    long sizes[] = { 8 };
    double radii[] = { NAN, 1.0 / 3.0 }, gammas[] = { 0.5, 1 };
    struct sweep sweep = { 0 };
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        set_length(&sweep, axis, 1);
    sweep.ensemble_count = sweep.replicas = sweep.spectral_radius_count = sweep.gamma_count = 2;
    sweep.activations = activations, sweep.ensembles = ensembles, sweep.hidden_sizes = sizes;
    sweep.spectral_radii = radii, sweep.gammas = gammas;
    struct cell cell = { .at = { [AXIS_ENSEMBLE] = 1, [AXIS_REPLICA] = 1, [AXIS_GAMMA] = 1 } };
    char text[GRID_TEXT];
    assert_string_equal(grid_describe_cell(&sweep, grid_cell_number(&sweep, &cell), text),
                        "cell 13 (activation=relu, ensemble=second, hidden_size=8, replica=1, "
                        "spectral_radius=native, gamma=1)");
    cell.at[AXIS_SPECTRAL_RADIUS] = 1;
    assert_non_null(
        strstr(grid_describe_cell(&sweep, grid_cell_number(&sweep, &cell), text), "spectral_radius=0.333333333333, "));
    assert_string_equal(grid_describe_weight(&sweep, 2, text),
                        "the weights (ensemble=second, hidden_size=8, replica=0)");
    assert_string_equal(grid_describe_network(&sweep, &cell, text),
                        "network (activation=relu, ensemble=second, hidden_size=8, replica=1)");
    char long_label[2 * GRID_TEXT] = "";
    memset(long_label, 'x', sizeof long_label - 1);
    ensembles[1].label = long_label;
    assert_int_equal(strlen(grid_describe_network(&sweep, &cell, text)), GRID_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_of_weights_stand_side_by_side),
        cmocka_unit_test(counts_are_products_of_the_axes),
        cmocka_unit_test(numbers_run_in_c_order),
        cmocka_unit_test(weight_numbers_run_in_c_order_and_ignore_the_other_axes),
        cmocka_unit_test(large_grids_keep_their_numbers),
        cmocka_unit_test(cells_are_described_by_their_values),
    };
    return cmocka_run_group_tests(tests, make_odd_grid, NULL);
}
