/* Whether the cost model tells the truth: units of sweeps as a run would do them, beside what is predicted of them.
 *
 *     benchmark_cost [--units N] [--verbose] [--measures] SWEEP.yaml...
 *
 * For each sweep a sample of at most N of its classes of units (60), of each the units of one network, or eight of them
 * spread over its couplings, which cost differently and are predicted as their mean: seconds of this process, and
 * seconds predicted for this machine as `plan` does. Times without the results file, which
 * a unit hands over in some 0.1 ms. Measure on an idle machine. */
#include "base/memory.h"
#include "benchmarks/cpu_time.h"
#include "benchmarks/median.h"
#include "linalg/spectrum.h"
#include "run/speed.h"
#include "run/unit.h"
#include "run/work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS = 60, OF_A_NETWORK = 8, REPETITIONS = 3 };
static const double LONG_ENOUGH = 0.5; /* is measured once */

/* The sum of a group of classes. */
struct sum {
    double measured, predicted;
    double least, most; /* of predicted / measured of one class */
    long classes;
};

static void add(struct sum *sum, double measured, double predicted)
{
    const double ratio = predicted / measured;
    sum->least = sum->classes ? fmin(sum->least, ratio) : ratio;
    sum->most = sum->classes ? fmax(sum->most, ratio) : ratio;
    sum->measured += measured;
    sum->predicted += predicted;
    sum->classes++;
}

static void add_sum(struct sum *sum, const struct sum *more)
{
    sum->least = sum->classes == 0 ? more->least : more->classes == 0 ? sum->least : fmin(sum->least, more->least);
    sum->most = fmax(sum->most, more->most);
    sum->measured += more->measured;
    sum->predicted += more->predicted;
    sum->classes += more->classes;
}

static void print_sum(const char *what, const struct sum *sum)
{
    if (sum->classes > 0)
        printf("%-44s %4ld classes %9.3f s measured %9.3f s predicted  ratio %5.2f (%.2f to %.2f)\n", what,
               sum->classes, sum->measured, sum->predicted, sum->predicted / sum->measured, sum->least, sum->most);
}

static enum status do_weight(const struct network_key *key, long distribute_from, bool wants_eigenvalues,
                             double *seconds)
{
    struct weight_spectrum spectrum;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, 2 * key->hidden_size, "eigenvalues"));
    const double start = cpu_seconds();
    TRY(weights_spectrum(key, distribute_from, &spectrum));
    if (wants_eigenvalues)
        TRY(weights_eigenvalues(key, spectrum.radius > 0 ? spectrum.radius : 1.0, values, values + key->hidden_size));
    *seconds = cpu_seconds() - start;
    return STATUS_OK;
}

static enum status do_chains(const struct sweep *sweep, const struct unit *unit, const struct network_key *key,
                             double *seconds)
{
    SCOPED(work) work = { 0 };
    SCOPED(weights) *weights = NULL;
    SCOPED_MEMORY uint8_t *needed = NULL;
    struct weight_spectrum spectrum;
    struct gradient_context context = { 0 };
    const bool is_unscaled = sweep->native || key->ensemble->kind->spectrum == SPECTRUM_NONE;
    TRY(weights_spectrum(key, sweep->distribute_from, &spectrum));
    spectrum.log_norm_error = weights_log_norm_error(key->ensemble, key->hidden_size);
    TRY(memory_allocate(&needed, unit->cell_count, "cells"));
    memset(needed, 1, unit->cell_count);
    const double start = cpu_seconds();
    TRY(weights_open(key, is_unscaled ? 1.0 : spectrum.radius, &weights));
    TRY(work_create(sweep, unit, needed, &work));
    TRY(work_compute(&work, work.parts, sweep, weights, spectrum, grid_activation(sweep, &unit->place), &context));
    *seconds = cpu_seconds() - start;
    return STATUS_OK;
}

static enum status measure(const struct sweep *sweep, const struct unit *unit, double *seconds)
{
    const struct network_key key = grid_network_key(sweep, &unit->place);
    double times[REPETITIONS];
    long count = 0;
    do {
        if (unit->kind == UNIT_WEIGHT)
            TRY(do_weight(&key, sweep->distribute_from, weight_result_needs_eigenvalues(sweep->measures),
                          &times[count]));
        else
            TRY(do_chains(sweep, unit, &key, &times[count]));
    } while (times[count++] < LONG_ENOUGH && count < REPETITIONS);
    *seconds = median(count, times);
    return STATUS_OK;
}

/* What is predicted of one network of a unit: the last one of a network may have fewer chains than its class. */
static double predicted_seconds(const struct sweep *sweep, const struct unit_class *class, const struct unit *unit,
                                const struct cost_speed *speed)
{
    const bool is_shared = unit->kind == UNIT_WEIGHT && grid_ensemble(sweep, &unit->place)->kind->is_file;
    const struct cost cost = cost_on(class->unit_cost, speed);
    const double share = unit->kind == UNIT_CHAINS ? (double)unit->chain_count / (double)class->chains_per_unit : 1.0;
    return share * cost.seconds / (is_shared ? 1.0 : (double)class->replicas_per_unit);
}

static void print_unit(const struct sweep *sweep, const struct unit *unit, double measured, double predicted)
{
    char text[GRID_TEXT];
    if (unit->kind == UNIT_WEIGHT)
        grid_describe_weight(sweep, unit->weight, text);
    else
        grid_describe_network(sweep, &unit->place, text);
    printf("  %-92s %4" PRIu64 " chains %9.2f ms measured %9.2f ms predicted  ratio %5.2f\n", text, unit->chain_count,
           1e3 * measured, 1e3 * predicted, predicted / measured);
}

static enum status measure_class(const struct sweep *sweep, const struct unit_list *list,
                                 const struct unit_class *class, const struct cost_speed *speed, bool is_verbose,
                                 struct sum *sum)
{
    const uint64_t networks = class->unit_count / class->units_per_network;
    const uint64_t first = class->first_unit + networks / 2 * class->units_per_network;
    const uint64_t stride = (class->units_per_network + OF_A_NETWORK - 1) / OF_A_NETWORK;
    double measured = 0.0, predicted = 0.0;
    for (uint64_t number = stride / 2; number < class->units_per_network; number += stride) {
        const struct unit taken = unit_list_at(list, first + number), unit = unit_of_network(&taken, 0);
        double seconds = 0.0;
        TRY(measure(sweep, &unit, &seconds));
        const double of_unit = predicted_seconds(sweep, class, &unit, speed);
        if (is_verbose)
            print_unit(sweep, &unit, seconds, of_unit);
        measured += seconds;
        predicted += of_unit;
    }
    add(sum, measured, predicted);
    return STATUS_OK;
}

static enum status measure_sweep(struct sweep *sweep, const char *name, long units, bool is_verbose)
{
    SCOPED(unit_list) *list = NULL;
    struct cost_speed speed;
    struct sum all = { 0 }, weights = { 0 }, chains = { 0 };
    TRY(sweep_load(sweep));
    TRY(unit_list_open(sweep, &list));
    TRY(speed_measure(&speed));
    const long classes = unit_list_class_count(list), step = classes > units ? classes / units : 1;
    for (long i = step / 2; i < classes; i += step)
        TRY(measure_class(sweep, list, unit_list_class(list, i), &speed, is_verbose,
                          unit_list_class(list, i)->kind == UNIT_WEIGHT ? &weights : &chains));
    all = weights;
    add_sum(&all, &chains);
    printf("%s (speed: kernel %.2f, LAPACK %.2f)\n", name, speed.kernel, speed.lapack);
    print_sum("  weight units", &weights);
    print_sum("  chain units", &chains);
    print_sum("  together", &all);
    fflush(stdout);
    return STATUS_OK;
}

static enum status measure_file(const char *path, long units, bool is_verbose)
{
    SCOPED(sweep) *sweep = NULL;
    TRY(sweep_open(path, 0, NULL, true, &sweep));
    return measure_sweep(sweep, path, units, is_verbose);
}

/* Each measure beside the norms, which the first one is. */
static enum status measure_measures(bool is_verbose)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        char text[1024];
        SCOPED(sweep) *sweep = NULL;
        snprintf(text, sizeof text,
                 "model: {activation: %s, input: {kind: gaussian, size: 1, scale: 0.5}}\n"
                 "grid: {hidden_size: [16, 64, 256], spectral_radius: {start: 0.6, stop: 1.4, num: 8}, gamma: 1, "
                 "lag: {log2: 64}}\nmeasure: [%s]\n",
                 measure->needs & NEEDS_IDENTITY ? "identity" : "tanh", measure->name);
        TRY(sweep_parse(text, &sweep));
        TRY(measure_sweep(sweep, measure->name, UNITS, is_verbose));
    }
    return STATUS_OK;
}

int main(int argument_count, char **arguments)
{
    long units = UNITS;
    bool is_verbose = false;
    spectrum_set_blas_threads(1);
    memory_keep_freed();
    for (int i = 1; i < argument_count; i++) {
        enum status status = STATUS_OK;
        if (strcmp(arguments[i], "--units") == 0 && i + 1 < argument_count)
            units = strtol(arguments[++i], NULL, 10);
        else if (strcmp(arguments[i], "--verbose") == 0)
            is_verbose = true;
        else if (strcmp(arguments[i], "--measures") == 0)
            status = measure_measures(is_verbose);
        else
            status = measure_file(arguments[i], units, is_verbose);
        if (status != STATUS_OK) {
            fprintf(stderr, "%s: %s\n", arguments[i], status_message());
            return 1;
        }
    }
    return 0;
}
