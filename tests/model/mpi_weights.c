/* Weights on process grids: products, spectra and trajectories with the bits of one rank, and laws by QR decomposition
 * right to rounding; on any number of ranks. */
#include "base/random.h"
#include "linalg/spectrum.h"
#include "model/drawing.h"
#include "model/nilpotent.h"
#include "model/trajectory.h"
#include "parallel/stop.h"

#include "model/teams.h"

#include <string.h>

enum { SEED = 11, REPLICA = 2, WIDTH = 5, ALWAYS = 1 };

static const double UNIT_ROUNDOFF = 0x1p-53;
static const long dimensions[] = { 1, 2, 5, 63, 64, 65, 257 };

/* Whose entries are drawn one by one. */
static bool is_entry_wise(const struct ensemble_kind *kind)
{
    return kind->draw_part != NULL && !kind->is_fresh_at_every_step && !kind->is_file;
}

static bool is_by_decomposition(const struct ensemble_kind *kind)
{
    return kind->draw_on_grid != NULL;
}

/* ---- helpers ---- */

static struct block new_block(long rows, long columns)
{
    struct block block;
    REQUIRE(block_create(rows, columns, &block) == STATUS_OK);
    return block;
}

static struct block numbers(long rows, long columns)
{
    struct block block = new_block(rows, columns);
    struct random_stream stream = random_stream_open(SEED, "a test's vectors");
    for (long j = 0; j < columns; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)rows, block_column(&block, j));
    return block;
}

static bool same_bits(const struct block *a, const struct block *b)
{
    return memcmp(a->values, b->values, (size_t)(a->stride * a->columns) * sizeof *a->values) == 0;
}

static struct weights *opened(const struct process_grid *grid, const struct ensemble *ensemble, long d, double divisor)
{
    struct weights *weights;
    REQUIRE(weights_open_on_grid(grid, &(struct network_key){ ensemble, SEED, d, REPLICA }, divisor, NULL, &weights) ==
            STATUS_OK);
    REQUIRE(weights_grid(weights) == grid);
    return weights;
}

static const struct matrix *matrix_of(struct weights *weights, long step)
{
    const struct matrix *matrix;
    REQUIRE(weights_at(weights, step, &matrix) == STATUS_OK);
    return matrix;
}

/* W_unit x and W_unit^T x on the grid, and by this rank alone. */
static void check_products(const struct process_grid *grid, const struct ensemble *ensemble, long d, long step)
{
    const double divisor = 1.75;
    struct weights *together = opened(grid, ensemble, d, divisor), *alone = opened(NULL, ensemble, d, divisor);
    struct block x = numbers(d, WIDTH), y = new_block(d, WIDTH), expected = new_block(d, WIDTH);
    REQUIRE(matrix_apply(matrix_of(together, step), &x, &y) == STATUS_OK);
    REQUIRE(matrix_apply(matrix_of(alone, step), &x, &expected) == STATUS_OK);
    REQUIRE(same_bits(&y, &expected));
    REQUIRE(matrix_apply_transposed(matrix_of(together, step), &x, &y) == STATUS_OK);
    REQUIRE(matrix_apply_transposed(matrix_of(alone, step), &x, &expected) == STATUS_OK);
    REQUIRE(same_bits(&y, &expected));
    block_destroy(&x);
    block_destroy(&y);
    block_destroy(&expected);
    weights_close(together);
    weights_close(alone);
}

/* ---- products ---- */

static void products_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++)
        for (size_t k = 0; k < ensemble_kind_count(); k++) {
            if (!is_entry_wise(ensemble_kind_at(k)))
                continue;
            const struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN);
            check_products(grid, &ensemble, dimensions[n], 1);
        }
    const struct ensemble ginibre = ensemble_of("ginibre", NAN);
    check_products(grid, &ginibre, 700, 1);
}

static void untied_weights_are_fresh_at_every_step(const struct process_grid *grid)
{
    const struct ensemble untied = ensemble_of("untied", NAN);
    for (long step = 1; step <= 3; step++)
        check_products(grid, &untied, 65, step);
    struct weights *weights = opened(grid, &untied, 65, 1);
    const struct matrix *first = matrix_of(weights, 4);
    REQUIRE(matrix_of(weights, 4) == first); /* asking again draws nothing */
    const double *values;
    REQUIRE(weights_values(weights, 4, &values) == STATUS_INTERNAL);
    weights_close(weights);
}

/* ---- laws by QR decomposition ---- */

/* W_unit as values[d * d], and what its transposed form says: products with 0 and 1 are exact. */
static void read_whole(struct weights *weights, long d, struct block *whole, struct block *transposed)
{
    struct block identity = new_block(d, d);
    for (long j = 0; j < d; j++)
        block_column(&identity, j)[j] = 1;
    REQUIRE(matrix_apply(matrix_of(weights, 1), &identity, whole) == STATUS_OK);
    REQUIRE(matrix_apply_transposed(matrix_of(weights, 1), &identity, transposed) == STATUS_OK);
    block_destroy(&identity);
}

/* max |Q^T Q - I| */
static double departure_from_orthogonality(const struct block *q)
{
    double largest = 0;
    for (long i = 0; i < q->columns; i++)
        for (long j = 0; j <= i; j++) {
            double sum = i == j ? -1 : 0;
            for (long k = 0; k < q->rows; k++)
                sum += block_column(q, i)[k] * block_column(q, j)[k];
            largest = fmax(largest, fabs(sum));
        }
    return largest;
}

/* Some rows of this rank's rows, and some columns of its columns, of W as it is drawn. */
static void check_parts(const struct process_grid *grid, const struct ensemble *ensemble, const struct block *w)
{
    const long d = w->rows;
    struct drawing *drawing;
    long first, count;
    double part[16];
    process_grid_row_range(grid, d, grid->team->rank, &first, &count);
    REQUIRE(drawing_open(grid, &(struct network_key){ ensemble, SEED, d, REPLICA }, 0, &drawing) == STATUS_OK);
    for (long i = 0; i + 2 <= count; i += 3)
        for (long j = 0; j + 5 <= d; j += 7) {
            REQUIRE(drawing_fill(drawing, first + i, 2, j, 5, part) == STATUS_OK);
            for (long k = 0; k < 10; k++)
                REQUIRE(part[k] == block_column(w, j + k / 2)[first + i + k % 2]);
            REQUIRE(drawing_fill(drawing, j, 5, first + i, 2, part) == STATUS_OK);
            for (long k = 0; k < 10; k++)
                REQUIRE(part[k] == block_column(w, first + i + k / 5)[j + k % 5]);
        }
    drawing_close(drawing);
}

static void check_decomposed(const struct process_grid *grid, const char *name, long d)
{
    const struct ensemble ensemble = ensemble_of(name, NAN);
    struct weights *together = opened(grid, &ensemble, d, 1), *alone = opened(NULL, &ensemble, d, 1);
    struct block w = new_block(d, d), transposed = new_block(d, d), expected = new_block(d, d);
    read_whole(alone, d, &expected, &transposed);
    read_whole(together, d, &w, &transposed);
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++) {
            REQUIRE(block_column(&w, j)[i] == block_column(&transposed, i)[j]);
            /* The same G has one Q with that sign of R: two programs find it with errors of c d u cond(G), and cond(G)
             * is below 1e4 here. */
            REQUIRE(fabs(block_column(&w, j)[i] - block_column(&expected, j)[i]) < 1e4 * (double)d * UNIT_ROUNDOFF);
        }
    check_parts(grid, &ensemble, &w);
    if (strcmp(name, "orthogonal") == 0) /* Householder reflections: a small multiple of d u */
        REQUIRE(departure_from_orthogonality(&w) <= 10 * (double)d * UNIT_ROUNDOFF);
    block_destroy(&w);
    block_destroy(&transposed);
    block_destroy(&expected);
    weights_close(together);
    weights_close(alone);
}

static void decomposed_laws_are_those_of_one_rank_to_rounding(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++)
        for (size_t k = 0; k < ensemble_kind_count(); k++)
            if (is_by_decomposition(ensemble_kind_at(k)))
                check_decomposed(grid, ensemble_kind_at(k)->name, dimensions[n]);
}

/* ---- spectra ---- */

static struct weight_spectrum spectrum_by(const struct process_grid *grid, const struct ensemble *ensemble, long d,
                                          long replica, long distribute_from)
{
    struct weight_spectrum spectrum;
    bool (*stop)(void) = grid == NULL ? NULL : team_stop_requested;
    REQUIRE(weights_spectrum_on_grid(grid, &(struct network_key){ ensemble, SEED, d, replica }, distribute_from, stop,
                                     NULL, NULL, &spectrum) == STATUS_OK);
    return spectrum;
}

/* What rank 0 finds alone, on all. */
static struct weight_spectrum spectrum_alone(const struct process_grid *grid, const struct ensemble *ensemble, long d,
                                             long replica, long distribute_from)
{
    struct weight_spectrum spectrum = { 0 };
    if (grid->team->rank == 0)
        spectrum = spectrum_by(NULL, ensemble, d, replica, distribute_from);
    REQUIRE(team_broadcast(grid->team, &spectrum, sizeof spectrum) == STATUS_OK);
    return spectrum;
}

static bool same_spectrum(const struct weight_spectrum *a, const struct weight_spectrum *b)
{
    return memcmp(&a->radius, &b->radius, sizeof a->radius) == 0 && memcmp(&a->norm, &b->norm, sizeof a->norm) == 0 &&
           memcmp(&a->log_norm_error, &b->log_norm_error, sizeof a->log_norm_error) == 0;
}

static bool is_near(double found, double expected, double tolerance)
{
    return fabs(found - expected) <= tolerance * fabs(expected);
}

static void spectra_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++) {
        bool has_spectrum[SPECTRUM_NONE + 1] = { false };
        for (size_t k = 0; k < ensemble_kind_count(); k++) {
            const struct ensemble_kind *kind = ensemble_kind_at(k);
            const struct ensemble ensemble = ensemble_of(kind->name, NAN);
            const long d = dimensions[n];
            /* Squaring takes its time: of large ones one of each kind of spectrum, and those with a parameter. */
            if (!is_entry_wise(kind) || (d > 100 && has_spectrum[kind->spectrum] && kind->parameter_count == 0))
                continue;
            has_spectrum[kind->spectrum] = true;
            const struct weight_spectrum found = spectrum_by(grid, &ensemble, d, REPLICA, ALWAYS),
                                         expected = spectrum_alone(grid, &ensemble, d, REPLICA, ALWAYS),
                                         full = spectrum_alone(grid, &ensemble, d, REPLICA, d + 1);
            REQUIRE(same_spectrum(&found, &expected));
            REQUIRE(is_near(found.norm, full.norm, found.log_norm_error + full.log_norm_error));
            /* Squaring ends with an error of 1e-14 for ginibre; LAPACK's own is cond(eigenvalue) u. */
            REQUIRE(is_near(found.radius, full.radius, 1e-11));
        }
    }
}

static void spectra_of_decomposed_laws_are_right(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++)
        for (size_t k = 0; k < ensemble_kind_count(); k++) {
            if (!is_by_decomposition(ensemble_kind_at(k)))
                continue;
            const struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN);
            const long d = dimensions[n];
            const struct weight_spectrum found = spectrum_by(grid, &ensemble, d, REPLICA, ALWAYS),
                                         full = spectrum_alone(grid, &ensemble, d, REPLICA, d + 1);
            REQUIRE(memcmp(&found.radius, &full.radius, sizeof found.radius) == 0); /* drawn */
            /* W = Q S Q^T of another Q, off by 10 d u: the norm is that of S. */
            REQUIRE(is_near(found.norm, full.norm, found.log_norm_error + 100 * (double)d * UNIT_ROUNDOFF));
        }
}

/* Of 20 such matrices some have no cycle: then the radius is exactly 0; the norm need not be. */
static void sparse_matrices_without_cycles_have_radius_zero(const struct process_grid *grid)
{
    const struct ensemble sparse = ensemble_of("sparse", 0.04);
    int zeros = 0;
    for (long replica = 0; replica < 20; replica++) {
        const struct weight_spectrum found = spectrum_by(grid, &sparse, 30, replica, ALWAYS),
                                     expected = spectrum_alone(grid, &sparse, 30, replica, ALWAYS);
        REQUIRE(same_spectrum(&found, &expected));
        zeros += found.radius == 0;
        REQUIRE(found.radius > 0 || found.radius == 0 || isnan(found.radius));
    }
    REQUIRE(zeros > 0 && zeros < 20);
}

/* ---- patterns ---- */

/* By walking from each node: one that is reached again is on a cycle. */
static bool has_cycle(long d, const double *values)
{
    for (long start = 0; start < d; start++) {
        bool seen[128] = { false };
        long stack[128], depth = 0;
        stack[depth++] = start;
        while (depth > 0) {
            const long j = stack[--depth];
            for (long i = 0; i < d; i++) {
                if (values[j * d + i] == 0)
                    continue;
                if (i == start)
                    return true;
                if (!seen[i])
                    stack[depth++] = i;
                seen[i] = true;
            }
        }
    }
    return false;
}

static bool is_nilpotent_on(const struct process_grid *grid, long d, const double *values)
{
    double rows[128 * 128];
    long first, count;
    bool nilpotent = false;
    process_grid_row_range(grid, d, grid->team->rank, &first, &count);
    for (long j = 0; j < d; j++)
        for (long i = 0; i < count; i++)
            rows[j * count + i] = values[j * d + first + i];
    REQUIRE(nilpotent_by_pattern(grid, d, rows, &nilpotent) == STATUS_OK);
    return nilpotent;
}

/* About one entry a row: with and without cycles, and with one cycle through all nodes or none. */
static void patterns_are_told_apart(const struct process_grid *grid)
{
    double values[128 * 128], chance[128 * 128], cyclic = 0, acyclic = 0;
    struct random_stream stream = random_stream_open(SEED, "patterns");
    for (long d = 1; d <= 128; d += d < 20 ? 1 : 27)
        for (uint64_t draw = 0; draw < 12; draw++) {
            random_uniform(&stream, draw, 0, (uint64_t)(d * d), chance);
            for (long i = 0; i < d * d; i++)
                values[i] = chance[i] * (double)d < 0.3 + 0.1 * (double)draw ? 1 : 0;
            const bool expected = !has_cycle(d, values);
            REQUIRE(is_nilpotent_on(grid, d, values) == expected);
            *(expected ? &acyclic : &cyclic) += 1;
        }
    REQUIRE(cyclic > 10 && acyclic > 10);
    for (long d = 2; d <= 128; d += 42) { /* a chain in a shuffled order; closed, it is a cycle */
        memset(values, 0, sizeof values);
        for (long k = 1; k < d; k++)
            values[(k - 1) * 5 % d * d + k * 5 % d] = 1;
        REQUIRE(is_nilpotent_on(grid, d, values));
        values[(d - 1) * 5 % d * d] = 1;
        REQUIRE(!is_nilpotent_on(grid, d, values));
    }
}

/* ---- trajectories ---- */

static void check_trajectory(const struct process_grid *grid, const char *name)
{
    const struct ensemble ensemble = ensemble_of(name, NAN);
    const struct model model = { .input = INPUT_GAUSSIAN,
                                 .input_size = 3,
                                 .input_scale = 0.5,
                                 .bias = BIAS_GAUSSIAN,
                                 .bias_scale = 0.1,
                                 .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .steps = 30 };
    const struct chain chains[] = { { activation_find("tanh"), 2.5, 1, NULL },
                                    { activation_find("relu"), 1.2, 1, NULL },
                                    { activation_find("identity"), 0.7, 0.5, NULL } };
    enum { CHAINS = COUNT_OF(chains), WINDOW = 7, SIZE = 65 };
    struct weights *together = opened(grid, &ensemble, SIZE, 1.25), *alone = opened(NULL, &ensemble, SIZE, 1.25);
    struct trajectory found, expected;
    REQUIRE(trajectory_run(&model, together, CHAINS, chains, WINDOW, KEEP_STATES, team_stop_requested, &found) ==
            STATUS_OK);
    REQUIRE(trajectory_run(&model, alone, CHAINS, chains, WINDOW, KEEP_STATES, NULL, &expected) == STATUS_OK);
    const size_t kept = (size_t)(WINDOW * CHAINS * block_stride(SIZE)) * sizeof(double);
    REQUIRE(same_bits(&found.final_state, &expected.final_state));
    REQUIRE(memcmp(found.derivatives, expected.derivatives, kept) == 0);
    REQUIRE(memcmp(found.states, expected.states, kept) == 0);
    REQUIRE(memcmp(found.activated, expected.activated, kept) == 0);
    trajectory_destroy(&found);
    trajectory_destroy(&expected);
    weights_close(together);
    weights_close(alone);
}

static void trajectories_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    check_trajectory(grid, "ginibre");
    check_trajectory(grid, "sparse");
    check_trajectory(grid, "elliptic");
    check_trajectory(grid, "untied");
}

/* ---- a stop that rank 0 alone has heard of; the last test, for it stays ---- */

static void a_stop_of_rank_0_ends_all(const struct process_grid *grid)
{
    const struct ensemble ginibre = ensemble_of("ginibre", NAN);
    const struct model model = { .steps = 10 };
    const struct chain chain = { activation_find("tanh"), 1, 1, NULL };
    struct weights *weights = opened(grid, &ginibre, 65, 1);
    struct weight_spectrum spectrum;
    struct trajectory trajectory;
    if (grid->team->rank == 0)
        stop_request();
    REQUIRE(weights_spectrum_on_grid(grid, &(struct network_key){ &ginibre, SEED, 65, REPLICA }, ALWAYS,
                                     team_stop_requested, NULL, NULL, &spectrum) == STATUS_STOPPED);
    REQUIRE(isnan(spectrum.radius) && isnan(spectrum.norm));
    REQUIRE(trajectory_run(&model, weights, 1, &chain, 2, KEEP_DERIVATIVES, team_stop_requested, &trajectory) ==
            STATUS_STOPPED);
    weights_close(weights);
}

int main(int argc, char **argv)
{
    grid_test *const tests[] = { products_have_the_bits_of_one_rank,
                                 untied_weights_are_fresh_at_every_step,
                                 decomposed_laws_are_those_of_one_rank_to_rounding,
                                 spectra_have_the_bits_of_one_rank,
                                 spectra_of_decomposed_laws_are_right,
                                 sparse_matrices_without_cycles_have_radius_zero,
                                 patterns_are_told_apart,
                                 trajectories_have_the_bits_of_one_rank,
                                 a_stop_of_rank_0_ends_all };
    return run_on_all_ranks(argc, argv, COUNT_OF(tests), tests);
}
