/* Networks for the tests of gradient/: drawn ones by name, and given matrices as ensembles of their own. */
#ifndef GRADSWEEP_TESTS_NETWORKS_H
#define GRADSWEEP_TESTS_NETWORKS_H

#include "gradient/batch_run.h"
#include "gradient/bound.h"
#include "gradient/measure.h"
#include "linalg/spectrum.h"
#include "measures.h"

#include "model/ensembles.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A status that must be STATUS_OK; its message otherwise. */
static inline void require(enum status status)
{
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
}

static inline struct ensemble ensemble_named(const char *name)
{
    return ensemble_of(name, NAN);
}

/* The matrix that the ensemble "given" draws; column-major, set by the test. */
static const double *given_values;

static enum status draw_given(const struct network_key *key, double *values, double *radius)
{
    (void)radius;
    memcpy(values, given_values, (size_t)(key->hidden_size * key->hidden_size) * sizeof *values);
    return STATUS_OK;
}

static inline struct ensemble ensemble_given(void)
{
    static const struct ensemble_kind kind = { .name = "given", .spectrum = SPECTRUM_COMPUTED, .draw = draw_given };
    return (struct ensemble){ .kind = &kind, .label = (char *)(uintptr_t) "given" };
}

enum { NO_DISTRIBUTION = 1000000, TEST_SEED = 2013 };

/* The couplings rho gamma of cells, gamma alone without radii; they stay as long as the test runs. */
static inline const double *couplings_of(long count, const double *radii, const double *gammas)
{
    enum { ROOM = 1 << 16 };
    static double room[ROOM];
    static long used;
    double *couplings = room + used;
    used += count;
    assert_true(used <= ROOM);
    for (long i = 0; i < count; i++)
        couplings[i] = radii ? radii[i] * gammas[i] : gammas[i];
    return couplings;
}

/* The norms of the chains of cells of one activation, of W as it is drawn where there are no radii. */
static inline struct batch batch_of_cells(const struct model *model, const struct activation *activation, long count,
                                          const double *radii, const double *gammas, const long *lags, long lag_count)
{
    return (struct batch){ .model = model,
                           .activation = activation,
                           .count = count,
                           .native = radii == NULL,
                           .couplings = couplings_of(count, radii, gammas),
                           .lags = lags,
                           .lag_count = lag_count,
                           .tolerance = 1e-10,
                           .measures = measure_set("") };
}

/* One chain of a batch as a batch of its own, and as a trajectory takes it. */
static inline struct batch batch_cell(struct batch batch, long cell)
{
    batch.count = 1;
    batch.couplings += cell;
    return batch;
}

static inline struct chain batch_chain(const struct batch *batch, long cell)
{
    return (struct chain){ batch->activation, batch->couplings[cell], 1.0, NULL };
}

/* The first outcome that is not JACOBIAN_FOUND; JACOBIAN_FOUND where all are. */
static inline enum jacobian_outcome first_failure(const struct chain_outcomes *outcomes)
{
    for (int number = 0; number < MEASURES; number++)
        if (outcomes->of[number] != JACOBIAN_FOUND)
            return outcomes->of[number];
    return JACOBIAN_FOUND;
}

/* Results of a batch, in arrays of their own. */
struct measured {
    void *values[16];
    double *log_norms, *log_bounds, *growth, *log_frobenius;
    uint8_t *verdicts, *guaranteed, *condition;
    struct chain_outcomes *outcomes;
    enum jacobian_method *methods;
};

static inline void *measured_array(struct measured *measured, unsigned measures, const char *name, long count,
                                   size_t size)
{
    for (size_t i = 0; i < measure_dataset_count(measures); i++)
        if (strcmp(measure_dataset_at(measures, i)->name, name) == 0)
            return measured->values[i] = calloc((size_t)count, size);
    return NULL;
}

static inline struct measured measured_create(const struct batch *batch)
{
    struct measured m;
    memset(&m, 0, sizeof m);
    long cells = batch->count, tensor = batch->count * batch->lag_count;
    m.log_norms = measured_array(&m, batch->measures, "log_jacobian_norm", tensor, sizeof(double));
    m.log_bounds = measured_array(&m, batch->measures, "log_norm_bound", tensor, sizeof(double));
    m.log_frobenius = measured_array(&m, batch->measures, "log_frobenius_norm", tensor, sizeof(double));
    m.growth = measured_array(&m, batch->measures, "growth_rate", cells, sizeof(double));
    m.verdicts = measured_array(&m, batch->measures, "bound_check", tensor, 1);
    m.guaranteed = measured_array(&m, batch->measures, "vanishing_guaranteed", cells, 1);
    m.condition = measured_array(&m, batch->measures, "spectral_condition", cells, 1);
    m.outcomes = calloc((size_t)cells, sizeof *m.outcomes);
    m.methods = calloc((size_t)cells, sizeof *m.methods);
    return m;
}

static inline void measured_destroy(struct measured *m)
{
    for (size_t i = 0; i < sizeof m->values / sizeof *m->values; i++)
        free(m->values[i]);
    free(m->outcomes);
    free(m->methods);
}

/* Measures the batch's cells on a network; weights and spectrum are filled in here. */
static inline struct measured measure_network(const struct ensemble *ensemble, long hidden_size, long replica,
                                              struct batch batch)
{
    struct gradient_context context = { 0 };
    bool is_untied = ensemble->kind->spectrum == SPECTRUM_NONE;
    const struct network_key key = { ensemble, TEST_SEED, hidden_size, replica };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &batch.spectrum));
    require(weights_open(&key, batch.native || is_untied ? 1.0 : batch.spectrum.radius, &batch.weights));
    struct measured m = measured_create(&batch);
    struct batch_results results = { m.values, m.outcomes, m.methods };
    require(batch_measure(&batch, &context, &results));
    weights_close(batch.weights);
    return m;
}

#endif
