/* Every measure on process grids of all shapes against one rank: what moves vectors alone bit for bit, whole products
 * and sums of contributions within 1e-9. */
#include "networks.h"

#include "all_results.h"
#include "linalg/process_grid.h"

enum { CELLS = 3, LAGS = 4, STEPS = 24, MAP_STEPS = 3, FROM_HERE_ON = 1 };
static const long lags[LAGS] = { 1, 2, 5, 12 };
static const double radii[CELLS] = { 0.7, 1.0, 1.3 }, gammas[CELLS] = { 1.0, 0.5, 1.0 };
static const struct model quiet = {
    .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .loss = LOSS_SQUARED, .steps = STEPS
};

/* The promise for normal and mildly non-normal W. PDGEMM sums in another order, which moves ln ||J_l|| by some l d u <
 * 2e-12 here, more where products cancel. */
static const double TOLERANCE = 1e-9;

/* One network to measure. */
struct trial {
    const char *ensemble, *activation;
    long hidden_size;
    const char *measures; /* beside the norms */
};

#define PRODUCTS  "frobenius_norm"
#define VECTORS   "step_bound"
#define GRADIENTS "gradient contribution_map"
#define EXPONENTS "lyapunov"

/* Datasets whose numbers come out of whole d x d matrices. */
static bool comes_from_squares(const char *dataset, enum jacobian_method method)
{
    static const char *const always[] = { "log_frobenius_norm", "log_gradient_norm", "log_total_gradient_norm",
                                          "cancellation", "log_step_gradient_norm" };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (strcmp(dataset, always[i]) == 0)
            return true;
    bool is_norm = strcmp(dataset, "log_jacobian_norm") == 0 || strcmp(dataset, "growth_rate") == 0;
    return is_norm && method == METHOD_EXPLICIT;
}

/* 0 where they are the same, infinities and NaN included. */
static double distance(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) ? 0.0 : fabs(a - b);
}

static struct batch batch_of(const struct trial *trial)
{
    struct batch batch = { .model = &quiet,
                           .activation = activation_find(trial->activation),
                           .count = CELLS,
                           .couplings = couplings_of(CELLS, radii, gammas),
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10,
                           .measures = measure_set(trial->measures),
                           .options = { .lengths = { [ALONG_STEP] = MAP_STEPS, [ALONG_INDEX] = trial->hidden_size } } };
    /* The leading 5, after 6 steps over 12, from both ends. */
    memcpy(batch.options.parameters[measure_number("lyapunov")], (double[]){ 5, 6, 12, 1 }, 4 * sizeof(double));
    return batch;
}

static void compare(const struct trial *trial, const struct process_grid *grid, const struct all_results *alone,
                    const struct all_results *together)
{
    for (size_t i = 0; i < measure_dataset_count(alone->measures); i++) {
        const struct dataset_rule *rule = measure_dataset_at(alone->measures, i);
        size_t bytes = alone->bytes_per_cell[i];
        bool may_differ = comes_from_squares(rule->name, alone->methods[0]) && rule->type == TYPE_FLOAT64;
        const double *a = alone->values[i], *b = together->values[i];
        if (bytes == 0 || memcmp(a, b, CELLS * bytes) == 0)
            continue;
        double largest = rule->type == TYPE_FLOAT64 ? 0.0 : INFINITY;
        for (size_t k = 0; rule->type == TYPE_FLOAT64 && k < CELLS * bytes / sizeof *a; k++)
            largest = isnan(distance(a[k], b[k])) ? INFINITY : fmax(largest, distance(a[k], b[k]));
        if (!may_differ || !(largest <= TOLERANCE))
            fail_msg("%s, %s, d = %ld on a %d x %d grid with blocks of %ld: %s differs from one rank's by %g",
                     trial->ensemble, trial->activation, trial->hidden_size, grid->rows, grid->columns,
                     grid->block_size, rule->name, largest);
    }
    for (int cell = 0; cell < CELLS; cell++)
        if (memcmp(&alone->outcomes[cell], &together->outcomes[cell], sizeof *alone->outcomes) != 0 ||
            alone->methods[cell] != together->methods[cell])
            fail_msg("%s, %s, d = %ld: another outcome or method than one rank's", trial->ensemble, trial->activation,
                     trial->hidden_size);
}

/* The results of one rank alone: rank `from` of the team computes them, and all have them. */
static struct all_results measure_alone(const struct team *team, const struct trial *trial, int from)
{
    const struct batch batch = batch_of(trial);
    if (team->rank != from)
        return all_results_create(&batch);
    struct ensemble ensemble = ensemble_named(trial->ensemble);
    return all_results_measure_on_grid(NULL, &ensemble, trial->hidden_size, 0, FROM_HERE_ON, batch);
}

static void share(const struct team *team, struct all_results *results, int from)
{
    int failed = 0;
    for (size_t i = 0; i < measure_dataset_count(results->measures); i++)
        if (results->bytes_per_cell[i] > 0)
            failed |= MPI_Bcast(results->values[i], (int)(CELLS * results->bytes_per_cell[i]), MPI_BYTE, from,
                                team->communicator);
    failed |= MPI_Bcast(results->outcomes, CELLS * sizeof *results->outcomes, MPI_BYTE, from, team->communicator);
    failed |= MPI_Bcast(results->methods, CELLS * sizeof *results->methods, MPI_BYTE, from, team->communicator);
    assert_int_equal(failed, 0);
}

/* On grids of all shapes. */
static void try_trial(const struct team *team, const struct trial *trial, const struct all_results *alone)
{
    static const long block_sizes[] = { 7, 64, 100 };
    struct ensemble ensemble = ensemble_named(trial->ensemble);
    int turn = 0;
    for (int rows = 1; rows <= team->size; rows++) {
        struct process_grid grid;
        if (team->size % rows != 0)
            continue;
        long block_size = block_sizes[turn++ % 3];
        require(process_grid_create_shaped(team, rows, team->size / rows, block_size, &grid));
        struct all_results together =
            all_results_measure_on_grid(&grid, &ensemble, trial->hidden_size, 0, FROM_HERE_ON, batch_of(trial));
        compare(trial, &grid, alone, &together);
        all_results_destroy(&together);
        process_grid_destroy(&grid);
    }
}

int main(int argc, char **argv)
{
    struct world world;
    require(world_open(&argc, &argv, &world));
    /* Blocks of 100 wrap around the rows of the grid: around four at the most. */
    const long wrapping = world.size < 4 ? 100 * world.size + 50 : 450;
    const struct trial trials[] = {
        { "ginibre", "tanh", 1, PRODUCTS " " VECTORS " " GRADIENTS },
        { "ginibre", "tanh", 63, PRODUCTS " " VECTORS " " GRADIENTS },
        { "sparse", "relu", 64, PRODUCTS " " GRADIENTS },
        { "elliptic", "sin", 65, PRODUCTS " " VECTORS " " GRADIENTS },
        { "symmetric", "identity", 64, PRODUCTS " " VECTORS },
        { "untied", "tanh", 65, VECTORS },
        { "ginibre", "identity", 257, "" },
        { "ginibre", "tanh", 40, EXPONENTS },
        { "sparse", "relu", 130, EXPONENTS },
        { "uniform", "tanh", 257, VECTORS " " GRADIENTS },
        { "antisymmetric", "softsign", 257, PRODUCTS },
        { "ginibre", "tanh", wrapping, "" },
        { "ginibre", "tanh", wrapping, PRODUCTS },
    };
    enum { TRIALS = sizeof trials / sizeof *trials };
    struct all_results alone[TRIALS];
    struct teams *teams;
    spectrum_set_blas_threads(1);
    const int sizes[] = { world.size, 1 };
    require(teams_create(&world, world.size == 1 ? 1 : 2, sizes, &teams));
    const struct team *team = teams_at(teams, 0);
    for (int i = 0; i < TRIALS; i++)
        alone[i] = measure_alone(team, &trials[i], i % team->size);
    for (int i = 0; i < TRIALS; i++) {
        share(team, &alone[i], i % team->size);
        try_trial(team, &trials[i], &alone[i]);
        all_results_destroy(&alone[i]);
    }
    teams_destroy(teams);
    world_close(&world, 0, 30.0);
    return 0;
}
