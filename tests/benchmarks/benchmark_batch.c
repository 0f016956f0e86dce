/* What the cells of one network cost beside the file: CPU time of the couplings of a plane of 4 x 4 cells with lags 1,
 * 2, ..., 64, the least of many runs, by hidden size and activation, of the method that the sweep takes.
 *
 *     benchmark_batch [d...]            by default 8 16 32 64 256 */
#include "base/memory.h"
#include "gradient/batch_run.h"
#include "linalg/spectrum.h"
#include "measures.h"

#include "model/ensembles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS = 40, CHAINS = 13, LAGS = 7, MOST_DATASETS = 32 };

static const long lags[LAGS] = { 1, 2, 4, 8, 16, 32, 64 };

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum status measure(const struct batch *batch, double *seconds)
{
    static double room[MOST_DATASETS][CHAINS * LAGS];
    void *values[MOST_DATASETS];
    struct chain_outcomes outcomes[CHAINS];
    enum jacobian_method methods[CHAINS];
    struct gradient_context context = { 0 };
    struct batch_results results = { values, outcomes, methods };
    for (size_t i = 0; i < MOST_DATASETS; i++)
        values[i] = room[i];
    const double start = cpu_seconds();
    const enum status status = batch_measure(batch, &context, &results);
    *seconds = fmin(*seconds, cpu_seconds() - start);
    return status;
}

static enum status benchmark(long d, const char *activation, double input_scale)
{
    /* rho 0.6, 0.8, 1, 1.2 times gamma 0.25, 0.5, 0.75, 1 */
    static const double couplings[CHAINS] = { 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0, 1.2 };
    double seconds = INFINITY, spectrum_seconds = INFINITY;
    const struct ensemble ensemble = ensemble_of("ginibre", NAN);
    const struct model model = { .input = input_scale > 0 ? INPUT_GAUSSIAN : INPUT_NONE,
                                 .input_size = 4,
                                 .input_scale = input_scale,
                                 .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .loss = LOSS_SQUARED,
                                 .steps = 100 + lags[LAGS - 1] };
    const struct network_key key = { &ensemble, 1, d, 0 };
    struct weight_spectrum spectrum;
    SCOPED(weights) *weights = NULL;
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        const double start = cpu_seconds();
        TRY(weights_spectrum(&key, d + 1, &spectrum));
        spectrum_seconds = fmin(spectrum_seconds, cpu_seconds() - start);
    }
    TRY(weights_open(&key, spectrum.radius, &weights));
    const struct batch batch = { .weights = weights,
                                 .spectrum = spectrum,
                                 .model = &model,
                                 .activation = activation_find(activation),
                                 .count = CHAINS,
                                 .couplings = couplings,
                                 .lags = lags,
                                 .lag_count = LAGS,
                                 .tolerance = 1e-10,
                                 .measures = measure_set("jacobian_norm") };
    for (int repetition = 0; repetition < REPETITIONS; repetition++)
        TRY(measure(&batch, &seconds));
    printf("%6ld %10s %8s %12.4f %12.4f\n", d, activation, input_scale > 0 ? "driven" : "", 1e3 * seconds,
           1e3 * spectrum_seconds);
    fflush(stdout);
    return STATUS_OK;
}

static enum status benchmark_size(long d)
{
    TRY(benchmark(d, "tanh", 0));
    TRY(benchmark(d, "tanh", 0.5));
    TRY(benchmark(d, "relu", 0));
    return benchmark(d, "identity", 0);
}

int main(int argc, char **argv)
{
    const long usual[] = { 8, 16, 32, 64, 256 };
    const int count = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);
    memory_keep_freed();
    spectrum_set_blas_threads(1);
    printf("ms of one network: 13 couplings, lags 1, 2, ..., 64, T = 164, one thread, least of %d\n"
           "%6s %10s %8s %12s %12s\n",
           REPETITIONS, "d", "activation", "input", "cells", "spectrum");
    for (int n = 0; n < count; n++)
        if (benchmark_size(argc > 1 ? strtol(argv[n + 1], NULL, 10) : usual[n]) != STATUS_OK) {
            fprintf(stderr, "%s\n", status_message());
            return EXIT_FAILURE;
        }
    return EXIT_SUCCESS;
}
