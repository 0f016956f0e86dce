/* All datasets of a batch, by name. Include after networks.h. */
#ifndef GRADSWEEP_TESTS_ALL_RESULTS_H
#define GRADSWEEP_TESTS_ALL_RESULTS_H

enum { ALL_RESULTS_MOST = 64 };

struct all_results {
    unsigned measures;
    void *values[ALL_RESULTS_MOST];
    size_t bytes_per_cell[ALL_RESULTS_MOST];
    struct chain_outcomes *outcomes;
    enum jacobian_method *methods;
};

/* Room for a batch's results, with NaN and 255 in it. */
static inline struct all_results all_results_create(const struct batch *batch)
{
    struct all_results all = { .measures = batch->measures };
    for (size_t i = 0; i < measure_dataset_count(batch->measures); i++) {
        const struct dataset_rule *rule = measure_dataset_at(batch->measures, i);
        size_t bytes = all.bytes_per_cell[i] =
            measure_values_per_cell(rule, batch->lag_count, &batch->options) * measure_value_size(rule);
        if (bytes == 0)
            continue;
        all.values[i] = malloc(bytes * (size_t)batch->count);
        memset(all.values[i], 0xff, bytes * (size_t)batch->count);
    }
    all.outcomes = calloc((size_t)batch->count, sizeof *all.outcomes);
    all.methods = calloc((size_t)batch->count, sizeof *all.methods);
    return all;
}

/* Measures the batch's cells on a network that a team holds; weights and spectrum are filled in here. */
static inline struct all_results all_results_measure_on_grid(const struct process_grid *grid,
                                                             const struct ensemble *ensemble, long d, long replica,
                                                             long distribute_from, struct batch batch)
{
    struct all_results all = all_results_create(&batch);
    struct gradient_context context = { 0 };
    bool is_unscaled = batch.native || ensemble->kind->spectrum == SPECTRUM_NONE;
    const struct network_key key = { ensemble, TEST_SEED, d, replica };
    require(weights_spectrum_on_grid(grid, &key, distribute_from, NULL, NULL, NULL, &batch.spectrum));
    require(weights_open_on_grid(grid, &key, is_unscaled ? 1.0 : batch.spectrum.radius, NULL, &batch.weights));
    struct batch_results results = { all.values, all.outcomes, all.methods };
    require(batch_measure(&batch, &context, &results));
    weights_close(batch.weights);
    return all;
}

/* The same by one rank alone, below the size from which teams would work. */
static inline struct all_results all_results_measure(const struct ensemble *ensemble, long d, long replica,
                                                     struct batch batch)
{
    return all_results_measure_on_grid(NULL, ensemble, d, replica, NO_DISTRIBUTION, batch);
}

static inline void all_results_destroy(struct all_results *all)
{
    for (size_t i = 0; i < ALL_RESULTS_MOST; i++)
        free(all->values[i]);
    free(all->outcomes);
    free(all->methods);
}

/* A dataset of doubles, all cells. */
static inline double *all_results_of(const struct all_results *all, const char *name)
{
    for (size_t i = 0; i < measure_dataset_count(all->measures); i++)
        if (strcmp(measure_dataset_at(all->measures, i)->name, name) == 0)
            return all->values[i];
    fail_msg("no dataset %s", name);
    return NULL;
}

/* Every bit of a cell of one batch equals that of a cell of another. */
static inline void all_results_assert_equal(const struct all_results *a, long cell_a, const struct all_results *b,
                                            long cell_b)
{
    for (size_t i = 0; i < measure_dataset_count(a->measures); i++) {
        size_t bytes = a->bytes_per_cell[i];
        if (bytes > 0 && memcmp((char *)a->values[i] + (size_t)cell_a * bytes,
                                (char *)b->values[i] + (size_t)cell_b * bytes, bytes) != 0)
            fail_msg("%s of cells %ld and %ld differ", measure_dataset_at(a->measures, i)->name, cell_a, cell_b);
    }
    assert_memory_equal(&a->outcomes[cell_a], &b->outcomes[cell_b], sizeof *a->outcomes);
}

#endif
