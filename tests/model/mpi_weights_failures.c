/* Weights on process grids, from files, and what goes wrong: whatever one rank alone can see, all of them answer with;
 * on any number of ranks. */
#include "base/memory.h"
#include "base/random.h"
#include "h5/dataset.h"
#include "h5/file.h"
#include "model/trajectory.h"

#include "model/teams.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SIZE = 65, ALWAYS = 1 };

static char path[64];

/* ---- helpers ---- */

/* Rank 0 makes the file anew, with W [d, d] row-major and b; the others come back when it is there. */
static void write_file(const struct process_grid *grid, long d, const double *w, const double *b)
{
    int pid = (int)getpid();
    REQUIRE(team_broadcast(grid->team, &pid, sizeof pid) == STATUS_OK);
    snprintf(path, sizeof path, "mpi_weights_%d.h5", pid);
    if (grid->team->rank == 0) {
        const struct h5_shape square = { .rank = 2, .sizes = { (uint64_t)d, (uint64_t)d } },
                              vector = { .rank = 1, .sizes = { (uint64_t)d } };
        hid_t file, dataset;
        unlink(path);
        REQUIRE(h5_file_create(path, &file) == STATUS_OK);
        REQUIRE(h5_dataset_create(file, "W", ELEMENT_FLOAT64, &square, NULL, &dataset) == STATUS_OK);
        REQUIRE(h5_dataset_write(dataset, ELEMENT_FLOAT64, 0, (uint64_t)(d * d), w) == STATUS_OK);
        REQUIRE(h5_dataset_create(file, "b", ELEMENT_FLOAT64, &vector, NULL, &dataset) == STATUS_OK);
        REQUIRE(h5_dataset_write(dataset, ELEMENT_FLOAT64, 0, (uint64_t)d, b) == STATUS_OK);
        REQUIRE(h5_file_close(file, path) == STATUS_OK);
    }
    REQUIRE(team_broadcast(grid->team, &pid, sizeof pid) == STATUS_OK);
}

static void remove_file(const struct process_grid *grid)
{
    double nothing = 0;
    REQUIRE(team_sum(grid->team, 1, &nothing) == STATUS_OK); /* nobody reads it any more */
    if (grid->team->rank == 0)
        REQUIRE(unlink(path) == 0);
    REQUIRE(team_sum(grid->team, 1, &nothing) == STATUS_OK);
}

/* The file as it is now. */
static struct ensemble ensemble_of_file(void)
{
    struct ensemble ensemble = ensemble_of("file", NAN);
    struct network_file *file;
    ensemble.source.path = path;
    REQUIRE(network_file_open(path, &file) == STATUS_OK);
    REQUIRE(network_file_read(file, NETWORK_WEIGHTS, NULL, ensemble.source.fingerprints[NETWORK_WEIGHTS]) == STATUS_OK);
    REQUIRE(network_file_read(file, NETWORK_BIAS, NULL, ensemble.source.fingerprints[NETWORK_BIAS]) == STATUS_OK);
    network_file_close(file);
    return ensemble;
}

static double *new_numbers(long count)
{
    double *values = NULL;
    REQUIRE(memory_allocate(&values, count, "a test's numbers") == STATUS_OK);
    const struct random_stream stream = random_stream_open(5, "a file");
    random_normal(&stream, 0, 0, (uint64_t)count, values);
    return values;
}

static enum status open_on(const struct process_grid *grid, const struct ensemble *ensemble, long d, double divisor)
{
    struct weights *weights;
    const enum status status =
        weights_open_on_grid(grid, &(struct network_key){ ensemble, 1, d, 0 }, divisor, NULL, &weights);
    REQUIRE((status == STATUS_OK) == (weights != NULL));
    weights_close(weights);
    return status;
}

static enum status spectrum_on(const struct process_grid *grid, const struct ensemble *ensemble, long d,
                               struct weight_spectrum *spectrum)
{
    return weights_spectrum_on_grid(grid, &(struct network_key){ ensemble, 1, d, 0 }, ALWAYS, NULL, NULL, NULL,
                                    spectrum);
}

static bool same_bits(const struct block *a, const struct block *b)
{
    return memcmp(a->values, b->values, (size_t)(a->stride * a->columns) * sizeof *a->values) == 0;
}

static bool says(const char *text)
{
    return strstr(status_message(), text) != NULL;
}

/* Whether the message names the last rank as the one that failed; alone, it need not. */
static bool blames_last_rank(const struct process_grid *grid)
{
    char name[32];
    snprintf(name, sizeof name, "rank %d:", grid->team->size - 1);
    return grid->team->size == 1 || says(name);
}

/* ---- files ---- */

/* Products, the final state (whose bias is the file's) and the spectrum. */
static void files_give_the_bits_of_one_rank(const struct process_grid *grid)
{
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = 9 };
    const struct chain chain = { activation_find("tanh"), 3, 1, NULL };
    for (long d = 1; d <= 129; d += 64) {
        double *w = new_numbers(d * d);
        write_file(grid, d, w, w);
        const struct ensemble ensemble = ensemble_of_file();
        struct weights *together, *alone;
        struct trajectory found, expected;
        struct weight_spectrum shared, own;
        const struct network_key key = { &ensemble, 1, d, 0 };
        REQUIRE(weights_open_on_grid(grid, &key, 8, NULL, &together) == STATUS_OK);
        REQUIRE(weights_open(&key, 8, &alone) == STATUS_OK);
        REQUIRE(trajectory_run(&model, together, 1, &chain, 2, KEEP_DERIVATIVES, NULL, &found) == STATUS_OK);
        REQUIRE(trajectory_run(&model, alone, 1, &chain, 2, KEEP_DERIVATIVES, NULL, &expected) == STATUS_OK);
        REQUIRE(same_bits(&found.final_state, &expected.final_state));
        REQUIRE(spectrum_on(grid, &ensemble, d, &shared) == STATUS_OK);
        REQUIRE(spectrum_on(NULL, &ensemble, d, &own) == STATUS_OK);
        REQUIRE(shared.radius == own.radius && shared.norm == own.norm && own.radius > 0);
        trajectory_destroy(&found);
        trajectory_destroy(&expected);
        weights_close(together);
        weights_close(alone);
        memory_free(w);
        remove_file(grid);
    }
}

static void a_changed_file_is_refused_by_all(const struct process_grid *grid)
{
    double *w = new_numbers(SIZE * SIZE);
    struct weight_spectrum spectrum;
    write_file(grid, SIZE, w, w);
    const struct ensemble ensemble = ensemble_of_file();
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_OK);

    w[SIZE * SIZE - 1] += 0x1p-40; /* in the rows of the last rank */
    write_file(grid, SIZE, w, w);
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_IO && says("no longer what it was"));
    REQUIRE(spectrum_on(grid, &ensemble, SIZE, &spectrum) == STATUS_IO && says("no longer what it was"));

    w[SIZE * SIZE - 1] = NAN;
    write_file(grid, SIZE, w, w + 1);
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_IO); /* b comes first */
    REQUIRE(spectrum_on(grid, &ensemble, SIZE, &spectrum) == STATUS_IO && says("W[64, 64] is") && isnan(spectrum.norm));

    write_file(grid, SIZE - 1, w, w); /* another shape */
    REQUIRE(spectrum_on(grid, &ensemble, SIZE, &spectrum) == STATUS_IO && says("no longer what it was"));
    remove_file(grid);
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_IO && says(path));
    memory_free(w);
}

/* The last rank looks for a file that is not there: while reading its share (the others' is fine), and before, where
 * it must read a bias too. */
static void a_file_that_one_rank_cannot_read_is_refused_by_all(const struct process_grid *grid)
{
    double *w = new_numbers(SIZE * SIZE);
    struct weight_spectrum spectrum;
    write_file(grid, SIZE, w, w);
    struct ensemble ensemble = ensemble_of_file();
    long first, count;
    process_grid_row_range(grid, SIZE, grid->team->size - 1, &first, &count);
    if (grid->team->rank == grid->team->size - 1)
        ensemble.source.path = (char *)"missing_on_one_rank.h5";
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_IO);
    REQUIRE(says("missing_on_one_rank.h5") && blames_last_rank(grid));
    const enum status status = spectrum_on(grid, &ensemble, SIZE, &spectrum);
    REQUIRE(status == (count > 0 ? STATUS_IO : STATUS_OK)); /* who has no rows reads none */
    REQUIRE(count == 0 || (says("missing_on_one_rank.h5") && blames_last_rank(grid)));
    remove_file(grid);
    memory_free(w);
}

/* ---- radii that are not there ---- */

static void radii_of_zero_and_none_are_told_apart(const struct process_grid *grid)
{
    const double zeros[SIZE] = { 0 };
    struct weight_spectrum spectrum;
    double *w = new_numbers(SIZE * SIZE);
    for (long i = 0; i < SIZE; i++) /* strictly upper triangular, its rows and columns shuffled alike (7 i mod 65) */
        for (long j = 0; j <= i; j++)
            w[i * 7 % SIZE * SIZE + j * 7 % SIZE] = 0;
    write_file(grid, SIZE, w, zeros);
    struct ensemble ensemble = ensemble_of_file();
    REQUIRE(spectrum_on(grid, &ensemble, SIZE, &spectrum) == STATUS_OK && spectrum.radius == 0 && spectrum.norm > 1);
    REQUIRE(open_on(grid, &ensemble, SIZE, spectrum.radius) == STATUS_NUMERICAL && says("use spectral_radius: native"));
    REQUIRE(open_on(grid, &ensemble, SIZE, 1) == STATUS_OK);

    const double noise[] = { 1, 1, -1, -1 }; /* its square is 0, not its pattern */
    write_file(grid, 2, noise, zeros);
    ensemble = ensemble_of_file();
    REQUIRE(spectrum_on(grid, &ensemble, 2, &spectrum) == STATUS_OK && isnan(spectrum.radius));
    REQUIRE(fabs(spectrum.norm - 2) <= 2 * spectrum.log_norm_error && says("nilpotent"));
    REQUIRE(open_on(grid, &ensemble, 2, spectrum.radius) == STATUS_NUMERICAL);

    memory_free(w);
    remove_file(grid);
}

/* ---- memory ---- */

#ifndef __SANITIZE_ADDRESS__
static struct rlimit usual;

/* The last rank gets no more than `more` bytes of address space beyond what it has. */
static void limit_last_rank(const struct process_grid *grid, long more)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    REQUIRE(statm != NULL && fscanf(statm, "%ld", &pages) == 1 && fclose(statm) == 0);
    REQUIRE(getrlimit(RLIMIT_AS, &usual) == 0);
    const struct rlimit limit = { (rlim_t)(pages * sysconf(_SC_PAGESIZE) + more), usual.rlim_max };
    if (grid->team->rank == grid->team->size - 1)
        REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void lift_limit(void)
{
    REQUIRE(setrlimit(RLIMIT_AS, &usual) == 0);
}

static void memory_that_one_rank_lacks_is_agreed_on(const struct process_grid *grid)
{
    static const char *const names[] = { "ginibre", "orthogonal", "nonnormal" };
    const long d = 4000; /* 2 d^2/6 doubles are 43 MB, and more than the limit leaves */
    const struct ensemble small = ensemble_of("ginibre", NAN);
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        const struct ensemble ensemble = ensemble_of(names[k], NAN);
        struct weight_spectrum spectrum;
        limit_last_rank(grid, 16L << 20);
        REQUIRE(open_on(grid, &ensemble, d, 1) == STATUS_MEMORY && blames_last_rank(grid));
        const enum status status = spectrum_on(grid, &ensemble, d, &spectrum);
        REQUIRE(strcmp(names[k], "orthogonal") == 0 ? status == STATUS_OK /* known by construction */
                                                    : status == STATUS_MEMORY && blames_last_rank(grid));
        lift_limit();
        REQUIRE(open_on(grid, &small, SIZE, 1) == STATUS_OK);
    }
}

/* 64 MB of a window: of states that are whole on every rank. */
static void memory_for_a_trajectory_is_agreed_on(const struct process_grid *grid)
{
    const struct ensemble ginibre = ensemble_of("ginibre", NAN);
    const struct model model = { .steps = 8000 };
    struct chain chains[16];
    struct weights *weights;
    struct trajectory trajectory;
    for (size_t c = 0; c < COUNT_OF(chains); c++)
        chains[c] = (struct chain){ activation_find("tanh"), 1, 1, NULL };
    REQUIRE(weights_open_on_grid(grid, &(struct network_key){ &ginibre, 1, 64, 0 }, 1, NULL, &weights) == STATUS_OK);
    limit_last_rank(grid, 16L << 20);
    REQUIRE(trajectory_run(&model, weights, COUNT_OF(chains), chains, model.steps, KEEP_DERIVATIVES, NULL,
                           &trajectory) == STATUS_MEMORY);
    REQUIRE(blames_last_rank(grid) && trajectory.derivatives == NULL);
    lift_limit();
    weights_close(weights);
}
#endif

static void what_no_grid_can_hold_is_refused(const struct process_grid *grid)
{
    const struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct weight_spectrum spectrum;
    REQUIRE(open_on(grid, &ginibre, 10000000, 1) == STATUS_MEMORY);
    REQUIRE(spectrum_on(grid, &ginibre, 10000000, &spectrum) == STATUS_MEMORY);
}

int main(int argc, char **argv)
{
    grid_test *const tests[] = { files_give_the_bits_of_one_rank,
                                 a_changed_file_is_refused_by_all,
                                 a_file_that_one_rank_cannot_read_is_refused_by_all,
                                 radii_of_zero_and_none_are_told_apart,
#ifndef __SANITIZE_ADDRESS__ /* its allocator needs an address space without limits */
                                 memory_that_one_rank_lacks_is_agreed_on,
                                 memory_for_a_trajectory_is_agreed_on,
#endif
                                 what_no_grid_can_hold_is_refused };
    return run_on_all_ranks(argc, argv, COUNT_OF(tests), tests);
}
