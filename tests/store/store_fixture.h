/* A small sweep, and results that are a formula of the cell's number alone, so that whoever reads them knows them. */
#ifndef GRADSWEEP_TESTS_STORE_FIXTURE_H
#define GRADSWEEP_TESTS_STORE_FIXTURE_H

#include "gradient/chain_cost.h"
#include "store/store.h"
#include "sweep/sweep.h"

#include <math.h>
#include <stdio.h>

/* 2 activations x 2 ensembles x 2 sizes x 2 replicas x 3 radii x (gammas) cells, with every dataset of this version. */
static inline enum status fixture_sweep(const char *gammas, struct sweep **sweep)
{
    char text[1024];
    snprintf(text, sizeof text,
             "name: fixture\nseed: 7\nweights:\n  ensemble: [ginibre, orthogonal]\n  replicas: 2\nmodel:\n"
             "  activation: [identity, tanh]\ngrid:\n  hidden_size: [4, 6]\n  spectral_radius: [0.5, 1.0, 1.5]\n"
             "  gamma: %s\n  lag: [1, 2, 4]\nmeasure: [jacobian_norm, frobenius_norm]\n",
             gammas);
    return sweep_parse(text, sweep);
}

static inline double fixture_value(uint64_t cell, size_t dataset, uint64_t i)
{
    return (double)cell * 1000 + (double)dataset * 100 + (double)i + 0.25;
}

static inline uint8_t fixture_flag(uint64_t cell, size_t dataset, uint64_t i)
{
    return (uint8_t)((cell + dataset + i) % 3);
}

static inline enum store_status fixture_status(uint64_t cell)
{
    return cell % 11 == 3 ? STORE_FAILED : STORE_DONE;
}

/* Results of cells first .. first+count-1; released with store_free_results. */
static inline enum status fixture_results(const struct sweep *sweep, uint64_t first, uint64_t count,
                                          struct cell_results *results)
{
    TRY(store_allocate_results(sweep, first, count, results));
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t cell = first + i;
        const struct dataset_rule *rule;
        for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)); number++) {
            const uint64_t values = store_values_per_cell(sweep, rule);
            for (uint64_t k = 0; k < values; k++)
                if (rule->type == TYPE_FLOAT64)
                    ((double *)results->values[number])[i * values + k] = fixture_value(cell, number, k);
                else if (rule->type == TYPE_INT32)
                    ((int32_t *)results->values[number])[i * values + k] = fixture_flag(cell, number, k);
                else
                    ((uint8_t *)results->values[number])[i * values + k] = fixture_flag(cell, number, k);
        }
        results->status[i] = (uint8_t)fixture_status(cell);
        results->failure_reason[i] = results->status[i] == STORE_FAILED ? FAILURE_NO_CONVERGENCE : FAILURE_NONE;
        results->method[i] = METHOD_IMPLICIT;
        results->team_size[i] = 1;
        results->cell_seconds[i] = (double)cell / 8;
        results->predicted_seconds[i] = (double)cell / 4;
    }
    return STATUS_OK;
}

#endif
