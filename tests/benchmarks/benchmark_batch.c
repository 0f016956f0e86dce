/* What the cells of one network cost beside the file: CPU time of the couplings of a plane of 4 x 4 cells with lags 1,
 * 2, ..., 64, the least of many runs, by hidden size and activation, of the method that the sweep takes.
 *
 *     benchmark_batch [d...]            by default 8 16 32 64 256 */
#include "base/memory.h"
#include "linalg/spectrum.h"
#include "measures.h"

#include "benchmarks/batch_time.h"
#include "model/ensembles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 40, CHAINS = 13, LAGS = 7 };

static const long lags[LAGS] = { 1, 2, 4, 8, 16, 32, 64 };

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
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        double now;
        TRY(time_batch(&batch, &now));
        seconds = fmin(seconds, now);
    }
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
