/* What the Lyapunov exponents of tanh networks cost, in bare products W x (d x count) of the fixed-order kernel: CPU
 * time of windows of at most 1000 steps (the default) over that of as many products, timed alternately; medians. Of
 * eight chains of one W side by side and of one alone; from d = 256 on, where they are the same, of one. Left out is
 * what a network has once, for all of its measures: trajectories and the rank of W. A table in Markdown.
 *
 *     benchmark_lyapunov [d | d:count | d:count:chains ...]     by default 16, 16:16:1, 32, 32:32:1, 64, 64:64:1,
 *                                                    128, 256, 512 and 512:16; 8 chains, or one from d = 256 on */
#include "base/memory.h"
#include "gradient/exponents.h"
#include "linalg/frame.h"
#include "linalg/matrix.h"
#include "linalg/spectrum.h"
#include "measures.h"
#include "model/trajectory.h"

#include "benchmarks/cpu_time.h"
#include "benchmarks/median.h"
#include "model/ensembles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 9, TRANSIENT = 20, FEWEST_STEPS = 80, MOST_STEPS = 1000, CHAINS = 8, ONE_FROM = 256 };

static const double GAIN = 2, SECONDS_A_SAMPLE = 0.1, USUAL_RATE = 1e10;

/* Seconds of a step and of a product, and their ratio. */
struct sample {
    double step[REPETITIONS], product[REPETITIONS], ratio[REPETITIONS];
};

static enum status time_products(struct weights *weights, long step, long calls, const struct block *x, struct block *y,
                                 double *seconds)
{
    const struct matrix *matrix;
    TRY(weights_at(weights, step, &matrix));
    const double start = cpu_seconds();
    for (long call = 0; call < calls; call++)
        TRY(matrix_apply(matrix, x, y));
    *seconds = (cpu_seconds() - start) / (double)calls;
    return STATUS_OK;
}

/* Of one window; added. */
static enum status time_window(const struct exponent_problem *problem, double *seconds)
{
    struct gradient_context context = { 0 };
    struct exponent_result results[CHAINS] = { 0 };
    double log_determinant;
    enum status status = STATUS_OK;
    for (long c = 0; c < problem->chains && status == STATUS_OK; c++)
        status = exponents_allocate(problem, &results[c]);
    const double start = cpu_seconds();
    if (status == STATUS_OK)
        status = exponents_run(problem, &context, &log_determinant, results);
    *seconds += cpu_seconds() - start;
    for (long c = 0; c < problem->chains; c++)
        exponents_free(&results[c]);
    return status;
}

static enum status time_exponents(const struct exponent_problem *problem, long windows, double *seconds)
{
    *seconds = 0;
    for (long window = 0; window < windows; window++)
        TRY(time_window(problem, seconds));
    *seconds /= (double)(windows * problem->chains * (problem->transient + problem->steps));
    return STATUS_OK;
}

static enum status sample(const struct exponent_problem *problem, long windows, struct sample *sample)
{
    const long d = weights_hidden_size(problem->weights), count = problem->count;
    SCOPED(block) x = { 0 };
    SCOPED(block) y = { 0 };
    TRY(block_create(d, count, &x));
    TRY(block_create(d, count, &y));
    const struct random_stream stream = random_stream_open(1, "benchmark");
    for (long j = 0; j < count; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)d, block_column(&x, j));
    for (int i = 0; i < REPETITIONS; i++) {
        TRY(time_products(problem->weights, problem->last_step, windows * problem->steps, &x, &y, &sample->product[i]));
        TRY(time_exponents(problem, windows, &sample->step[i]));
        sample->ratio[i] = sample->step[i] / sample->product[i];
    }
    return STATUS_OK;
}

static enum status benchmark(long d, long count, long count_of_chains)
{
    const double flops = frame_flops(d, count);
    const long all = FEWEST_STEPS + (long)(SECONDS_A_SAMPLE * USUAL_RATE / flops);
    const long steps = all < MOST_STEPS ? all : MOST_STEPS, windows = all / steps;
    const struct ensemble ensemble = ensemble_of("ginibre", NAN);
    const struct network_key key = { &ensemble, 1, d, 0 };
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .steps = 100 + TRANSIENT + steps };
    struct chain chains[CHAINS];
    for (int c = 0; c < CHAINS; c++)
        chains[c] = (struct chain){ .activation = activation_find("tanh"), .gain = GAIN + 0.1 * c, .gamma = 1 };
    SCOPED(weights) *weights = NULL;
    SCOPED(trajectory) trajectory = { 0 };
    struct sample sampled;
    long rank;
    TRY(weights_open(&key, 1, &weights));
    TRY(weights_rank(weights, &rank));
    TRY(trajectory_run(&model, weights, count_of_chains, chains, TRANSIENT + steps, KEEP_DERIVATIVES, NULL,
                       &trajectory));
    const struct exponent_problem problem = { .weights = weights,
                                              .trajectory = &trajectory,
                                              .last_step = model.steps,
                                              .chains = count_of_chains,
                                              .count = count,
                                              .transient = TRANSIENT,
                                              .steps = steps };
    TRY(sample(&problem, windows, &sampled));
    const double product = median(REPETITIONS, sampled.product);
    printf("| %ld | %ld | %ld | %.2f | %.1f | %.2f |\n", d, count, count_of_chains, 1e6 * product,
           2e-9 * (double)d * (double)d * (double)count / product, median(REPETITIONS, sampled.ratio));
    fflush(stdout);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    static char *usual[] = { "16", "16:16:1", "32", "32:32:1", "64", "64:64:1", "128", "256", "512", "512:16" };
    char **asked = argc > 1 ? argv + 1 : usual;
    const int questions = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);
    memory_keep_freed();
    spectrum_set_blas_threads(1);
    printf("| d | exponents | chains | product, us | GF/s | products a step |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < questions; i++) {
        char *end;
        const long d = strtol(asked[i], &end, 10), count = *end == ':' ? strtol(end + 1, &end, 10) : d;
        const long chains = *end == ':' ? strtol(end + 1, NULL, 10) : d < ONE_FROM ? CHAINS : 1;
        if (d < 1 || count < 1 || count > d || chains < 1 || chains > CHAINS ||
            benchmark(d, count, chains) != STATUS_OK) {
            fprintf(stderr, "%s: %s\n", asked[i], status_message());
            return 1;
        }
    }
    return 0;
}
