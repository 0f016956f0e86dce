/* Activations on one core, on each instruction set that this CPU has: nanoseconds of CPU time an element, of values,
 * derivatives and logarithms of derivatives; medians.
 *
 *     benchmark_activation [count]         elements a call, by default 256 */
#include "linalg/instruction_set.h"
#include "model/activation.h"

#include "benchmarks/median.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS = 25, MOST_ELEMENTS = 1 << 16, ELEMENTS_A_SAMPLE = 1 << 17 };

static double x[MOST_ELEMENTS], results[MOST_ELEMENTS], slopes[MOST_ELEMENTS];

static double cpu_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void evaluate(const struct activation *activation, int what, long count)
{
    if (what == 0)
        activation_values(activation, count, x, 0.7, results);
    else if (what == 1)
        activation_derivatives(activation, count, x, results);
    else if (what == 2)
        activation_values_and_derivatives(activation, count, x, 0.7, results, slopes);
    else
        activation_log_derivatives(activation, count, x, results);
}

static double nanoseconds_an_element(const struct activation *activation, int what, long count)
{
    double samples[REPETITIONS];
    const long calls = 1 + ELEMENTS_A_SAMPLE / count;
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        const double start = cpu_nanoseconds();
        for (long call = 0; call < calls; call++)
            evaluate(activation, what, count);
        samples[repetition] = (cpu_nanoseconds() - start) / (double)(calls * count);
    }
    return median(REPETITIONS, samples);
}

int main(int argc, char **argv)
{
    const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 256;
    if (count < 1 || count > MOST_ELEMENTS) {
        fprintf(stderr, "benchmark_activation: the count is 1 to %d\n", MOST_ELEMENTS);
        return EXIT_FAILURE;
    }
    for (long i = 0; i < count; i++) /* states of a network at its edge: some small, some of order 1 */
        x[i] = 2 * sin((double)(i * i)) * (i % 2 == 0 ? 0.2 : 1);
    printf("ns an element of %ld, medians of %d\n%-8s %-12s %8s %10s %10s %10s\n", count, REPETITIONS, "", "", "phi",
           "phi'", "both", "ln|phi'|");
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (size_t n = 0; n < activation_count() && instruction_set_select((enum instruction_set)set); n++) {
            printf("%-8s %-12s", instruction_set_name(), activation_at(n)->name);
            for (int what = 0; what < 4; what++)
                printf(" %*.2f", what == 0 ? 8 : 10, nanoseconds_an_element(activation_at(n), what, count));
            printf("\n");
        }
    return EXIT_SUCCESS;
}
