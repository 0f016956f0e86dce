/* Couplings kappa = rho gamma: which cells of a plane are one chain, and where a range of chains has its cells. */
#include "sweep/grid.h"
#include "sweep/number.h"
#include "sweep_testing.h"

#include <math.h>

/* The plane of jobs/sweeps/phase-diagram.yaml. */
#define PHASE_DIAGRAM                                                                                                \
    "grid: {hidden_size: 4, spectral_radius: {start: 0.1, stop: 2.1, num: 41}, gamma: {start: 0.1, stop: 1.6, num: " \
    "16}, lag: 1}\n"
/* 0.1 * 3 is 0.30000000000000004; 0.2 * 0.3 is 0.06, as 0.06 * 1 is; rounding makes one of 2 and 2 (1 + 1e-14). */
#define ROUNDED                                                                                                     \
    "grid: {hidden_size: 4, spectral_radius: [0.06, 0.1, 0.2, 0.3, 2, 2.00000000000002], gamma: [0.3, 1, 3], lag: " \
    "1}\n"
#define NATIVE "grid: {hidden_size: 4, spectral_radius: native, gamma: [0.3, 0.30000000000000004, 3], lag: 1}\n"

/* Chains of drives that differ, each with several anchors. */
#define DRIVEN                                                                                            \
    "model: {input: {kind: gaussian, scale: [0.1, 0.5]}, bias: {kind: gaussian, scale: [0, 0.2, 0.3]},\n" \
    "        anchors: {count: 2, spacing: 3}}\n"                                                          \
    "grid: {hidden_size: 4, spectral_radius: [0.5, 1, 2], gamma: [1, 2], lag: 1}\n"

static struct sweep *open_sweep(const char *text)
{
    struct sweep *sweep;
    assert_int_equal(sweep_parse(text, &sweep), STATUS_OK);
    return sweep;
}

/* Each pair of cells of a plane: equal couplings exactly where chains are equal, and in the same order. */
static void require_numbers(const struct sweep *sweep)
{
    const uint64_t plane = grid_plane_size(sweep);
    for (uint64_t i = 0; i < plane; i++) {
        const struct cell a = grid_cell_at(sweep, i);
        const double product =
            sweep->native ? grid_gamma(sweep, &a) : grid_spectral_radius(sweep, &a) * grid_gamma(sweep, &a);
        assert_true(grid_coupling(sweep, &a) == (sweep->native ? product : number_round(product)));
        assert_true(fabs(grid_coupling(sweep, &a) - product) <= 5.001e-13 * product); /* half of the twelfth digit */
        assert_true(grid_chain_coupling(sweep, grid_chain_of(sweep, &a)) == grid_coupling(sweep, &a));
        for (uint64_t k = 0; k < plane; k++) {
            const struct cell b = grid_cell_at(sweep, k);
            const uint64_t chain_a = grid_chain_of(sweep, &a), chain_b = grid_chain_of(sweep, &b);
            assert_int_equal(chain_a < chain_b, grid_coupling(sweep, &a) < grid_coupling(sweep, &b));
            assert_int_equal(chain_a == chain_b, grid_coupling(sweep, &a) == grid_coupling(sweep, &b));
        }
    }
}

/* The rows of a range of chains against a look at every cell. */
static void require_rows(const struct sweep *sweep, uint64_t first_chain, uint64_t count)
{
    const uint64_t plane = grid_plane_size(sweep);
    uint64_t cells = 0, next = 0;
    for (uint64_t row = 0; row < grid_plane_rows(sweep); row++) {
        uint64_t first, in_row = grid_row_of_chains(sweep, row, first_chain, count, &first);
        if (in_row == 0)
            continue;
        for (; next < first; next++) {
            const struct cell cell = grid_cell_at(sweep, next);
            assert_false(grid_chain_of(sweep, &cell) - first_chain < count);
        }
        for (; next < first + in_row; next++, cells++) {
            const struct cell cell = grid_cell_at(sweep, next);
            assert_true(grid_chain_of(sweep, &cell) - first_chain < count);
        }
    }
    for (; next < plane; next++) {
        const struct cell cell = grid_cell_at(sweep, next);
        assert_false(grid_chain_of(sweep, &cell) - first_chain < count);
    }
    assert_int_equal(cells, grid_cells_of_chains(sweep, first_chain, count));
}

static void require_all_rows(const struct sweep *sweep)
{
    const uint64_t chains = grid_chain_count(sweep);
    assert_int_equal(grid_cells_of_chains(sweep, 0, chains), grid_plane_size(sweep));
    for (uint64_t length = 1; length <= chains; length = length * 3 + 1)
        for (uint64_t first = 0; first + length <= chains; first += length)
            require_rows(sweep, first, length);
    require_rows(sweep, 0, chains);
}

static void plane_of_the_phase_diagram_has_305_chains(void **state)
{
    (void)state;
    struct sweep *sweep = open_sweep(PHASE_DIAGRAM);
    assert_int_equal(grid_plane_size(sweep), 656);
    assert_int_equal(grid_chain_count(sweep), 305);
    require_numbers(sweep);
    require_all_rows(sweep);
    sweep_close(sweep);
}

static void products_are_rounded(void **state)
{
    (void)state;
    struct sweep *sweep = open_sweep(ROUNDED);
    /* 0.018, 0.06, 0.18; 0.03, 0.1, 0.3; (0.06), 0.2, 0.6; 0.09, (0.3), 0.9; (0.6), 2, 6, all three twice */
    assert_int_equal(grid_chain_count(sweep), 12);
    require_numbers(sweep);
    require_all_rows(sweep);
    sweep_close(sweep);
}

static void native_couplings_are_the_gammas(void **state)
{
    (void)state;
    struct sweep *sweep = open_sweep(NATIVE);
    assert_int_equal(grid_chain_count(sweep), 3);
    require_numbers(sweep);
    require_all_rows(sweep);
    sweep_close(sweep);
}

static void chains_have_the_drive_of_their_cells(void **state)
{
    (void)state;
    struct sweep *sweep = open_sweep(DRIVEN);
    assert_int_equal(grid_plane_size(sweep), 2 * 3 * 2 * 3 * 2);
    assert_int_equal(grid_chain_count(sweep), 2 * 3 * 4); /* couplings 0.5, 1, 2, 4 */
    for (uint64_t i = 0; i < grid_plane_size(sweep); i++) {
        const struct cell cell = grid_cell_at(sweep, i);
        const uint64_t chain = grid_chain_of(sweep, &cell);
        const struct drive_scales drive = grid_chain_drive(sweep, chain);
        assert_true(drive.input == sweep->input_scales[cell.at[AXIS_INPUT_SCALE]]);
        assert_true(drive.bias == sweep->bias_scales[cell.at[AXIS_BIAS_SCALE]]);
        assert_true(grid_chain_coupling(sweep, chain) == grid_coupling(sweep, &cell));
        const struct plane_cell in_plane = grid_plane_cell(sweep, i);
        assert_int_equal(in_plane.chain, chain);
        assert_int_equal(in_plane.anchor, cell.at[AXIS_ANCHOR]);
        assert_true(in_plane.gamma == grid_gamma(sweep, &cell));
    }
    require_all_rows(sweep);
    sweep_close(sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plane_of_the_phase_diagram_has_305_chains),
        cmocka_unit_test(products_are_rounded),
        cmocka_unit_test(native_couplings_are_the_gammas),
        cmocka_unit_test(chains_have_the_drive_of_their_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
