/* What `gradient` adds to an explicit run: CPU seconds of one batch with and without it, timed alternately, medians.
 *
 *     benchmark_gradient [d...]         by default 64 128 256, two minutes */
#include "base/memory.h"
#include "linalg/spectrum.h"
#include "measures.h"

#include "benchmarks/batch_time.h"
#include "benchmarks/median.h"
#include "model/ensembles.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 15, CELLS = 8, LAGS = 9 };

static const long lags[LAGS] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };
static const double couplings[CELLS] = { 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5 };

static enum status compare(struct weights *weights, const struct weight_spectrum *spectrum, enum loss_kind loss,
                           long cells)
{
    static const char *const names[] = { "squared", "linear", "cross_entropy" };
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .loss = loss,
                                 .loss_classes = 10,
                                 .steps = 100 + lags[LAGS - 1] };
    struct batch batch = { .weights = weights,
                           .spectrum = *spectrum,
                           .model = &model,
                           .activation = activation_find("tanh"),
                           .count = cells,
                           .couplings = couplings,
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10 };
    double plain[REPETITIONS], with_gradient[REPETITIONS], added[REPETITIONS];
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        batch.measures = measure_set("frobenius_norm"); /* explicit */
        TRY(time_batch(&batch, &plain[repetition]));
        batch.measures |= measure_set("gradient");
        TRY(time_batch(&batch, &with_gradient[repetition]));
        added[repetition] = 100 * (with_gradient[repetition] / plain[repetition] - 1);
    }
    printf("%6ld %6ld %14s %12.4f %12.4f %9.1f%%\n", weights_hidden_size(weights), cells, names[loss],
           median(REPETITIONS, plain), median(REPETITIONS, with_gradient), median(REPETITIONS, added));
    fflush(stdout);
    return STATUS_OK;
}

static enum status benchmark(long hidden_size)
{
    const struct ensemble ensemble = ensemble_of("ginibre", NAN);
    struct weight_spectrum spectrum;
    struct weights *weights;
    enum status status = STATUS_OK;
    const struct network_key key = { &ensemble, 1, hidden_size, 0 };
    TRY(weights_spectrum(&key, hidden_size + 1, &spectrum));
    TRY(weights_open(&key, spectrum.radius, &weights));
    for (long cells = 1; cells <= CELLS && status == STATUS_OK; cells *= CELLS)
        status = compare(weights, &spectrum, LOSS_SQUARED, cells);
    if (status == STATUS_OK)
        status = compare(weights, &spectrum, LOSS_CROSS_ENTROPY, CELLS);
    weights_close(weights);
    return status;
}

int main(int argc, char **argv)
{
    const long usual[] = { 64, 128, 256 };
    const int count = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);
    spectrum_set_blas_threads(1);
    printf("explicit products at lags 1, 2, 4, ..., 256 of a trajectory of 356 steps, one thread, medians of %d\n"
           "%6s %6s %14s %12s %12s %10s\n",
           REPETITIONS, "d", "cells", "loss", "norms, s", "and gradient", "added");
    for (int n = 0; n < count; n++)
        if (benchmark(argc > 1 ? strtol(argv[n + 1], NULL, 10) : usual[n]) != STATUS_OK) {
            fprintf(stderr, "%s\n", status_message());
            return EXIT_FAILURE;
        }
    return EXIT_SUCCESS;
}
