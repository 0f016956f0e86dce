/* Spectral radius and norm of weights as drawn: by construction where the law gives them, else computed. */
#include "model/weights.h"

#include "base/memory.h"
#include "linalg/eigenbasis.h"
#include "linalg/spectrum.h"

#include <float.h>
#include <math.h>

/* True where powers of W vanish because of its zeros alone: the graph of its entries has no cycle. Then rho(W) is
 * exactly 0, which only the pattern can tell: repeated squaring underflows, and eigenvalues of a Jordan block come out
 * as u^(1/d) of rounding noise where LAPACK's permutations do not uncover it. Conversely, a random matrix with a cycle
 * has a positive radius with certainty, though it may be small. Kahn's algorithm: take away nodes that nothing leads to
 * until none, or only cycles, are left. */
static enum status has_no_cycle(long hidden_size, const double *values, bool *acyclic)
{
    long *incoming = NULL, *ready = NULL, ready_count = 0, taken = 0;
    enum status status = STATUS_OK;
    TRY_OR(clean_up, memory_allocate(&incoming, hidden_size, "the graph of a weight matrix"));
    TRY_OR(clean_up, memory_allocate(&ready, hidden_size, "the graph of a weight matrix"));
    for (long j = 0; j < hidden_size; j++)
        for (long i = 0; i < hidden_size; i++)
            incoming[i] += values[j * hidden_size + i] != 0;
    for (long i = 0; i < hidden_size; i++)
        if (incoming[i] == 0)
            ready[ready_count++] = i;
    for (; taken < ready_count; taken++) {
        const double *leaving = values + ready[taken] * hidden_size;
        for (long i = 0; i < hidden_size; i++)
            if (leaving[i] != 0 && --incoming[i] == 0)
                ready[ready_count++] = i;
    }
    *acyclic = taken == hidden_size;

clean_up:
    memory_free(ready);
    memory_free(incoming);
    return status;
}

/* rho(W) where it must be found from the entries. What LAPACK or the squaring cannot find is NaN, the reason in
 * status_message(). */
static enum status compute_radius(long hidden_size, const double *values, long distribute_from, double *radius)
{
    bool nilpotent = false;
    TRY(has_no_cycle(hidden_size, values, &nilpotent));
    if (nilpotent) {
        *radius = 0;
        return STATUS_OK;
    }
    enum status status = hidden_size >= distribute_from ? spectrum_radius_by_squaring(hidden_size, values, NULL, radius)
                                                        : spectrum_radius(hidden_size, values, false, radius);
    if (status == STATUS_NUMERICAL) {
        *radius = NAN;
        return STATUS_OK;
    }
    return status;
}

/* Eigenvalues are those of a W that rounding has moved by some u ||W||: a radius below that is all noise, as for
 * [[1, 1], [-1, -1]], whose square is 0. Nothing may be divided by it. */
static void drop_rounding(long hidden_size, struct weight_spectrum *spectrum)
{
    if (spectrum->radius < (double)hidden_size * DBL_EPSILON * spectrum->norm)
        spectrum->radius = 0;
}

double weights_log_norm_error(const struct ensemble *ensemble, long hidden_size)
{
    return ensemble->kind->spectrum == SPECTRUM_NILPOTENT ? 0 : spectrum_norm_error(hidden_size);
}

/* Fills in what the law leaves open. `drawn` is the radius the draw reported, NaN if it did not. */
static enum status find_spectrum(const struct ensemble *ensemble, long hidden_size, const double *values, double drawn,
                                 long distribute_from, struct weight_spectrum *spectrum)
{
    spectrum->log_norm_error = weights_log_norm_error(ensemble, hidden_size);
    switch (ensemble->kind->spectrum) {
    case SPECTRUM_ALL_ONE: /* up to the rounding of Q, which is of the size of spectrum_norm_error */
        spectrum->radius = spectrum->norm = 1;
        return STATUS_OK;
    case SPECTRUM_SYMMETRIC:
        TRY(spectrum_radius(hidden_size, values, true, &spectrum->radius));
        spectrum->norm = spectrum->radius;
        return STATUS_OK;
    case SPECTRUM_ANTISYMMETRIC:
        TRY(spectrum_norm(hidden_size, values, &spectrum->norm));
        spectrum->radius = spectrum->norm;
        return STATUS_OK;
    case SPECTRUM_NILPOTENT:
        spectrum->radius = 0;
        spectrum->norm = hidden_size > 1 ? fabs(ensemble->parameters[0]) : 0;
        return STATUS_OK;
    case SPECTRUM_RADIUS_DRAWN:
        spectrum->radius = drawn;
        return spectrum_norm(hidden_size, values, &spectrum->norm);
    case SPECTRUM_COMPUTED:
        TRY(compute_radius(hidden_size, values, distribute_from, &spectrum->radius));
        TRY(spectrum_norm(hidden_size, values, &spectrum->norm));
        drop_rounding(hidden_size, spectrum);
        return STATUS_OK;
    case SPECTRUM_NONE:
        break;
    }
    *spectrum = (struct weight_spectrum){ .radius = NAN, .norm = NAN, .log_norm_error = NAN };
    return STATUS_OK;
}

enum status weights_spectrum(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                             long distribute_from, struct weight_spectrum *spectrum)
{
    *spectrum = (struct weight_spectrum){ .radius = NAN, .norm = NAN, .log_norm_error = NAN };
    if (ensemble->kind->spectrum == SPECTRUM_NONE)
        return STATUS_OK;
    enum status status = STATUS_OK;
    double *values = NULL, drawn = NAN;
    TRY_OR(clean_up, memory_allocate(&values, hidden_size * hidden_size, "a weight matrix"));
    TRY_OR(clean_up, ensemble_draw(ensemble, seed, hidden_size, replica, 0, values, &drawn));
    TRY_OR(clean_up, find_spectrum(ensemble, hidden_size, values, drawn, distribute_from, spectrum));

clean_up:
    memory_free(values);
    if (status != STATUS_OK)
        return status_prefix(status, "spectrum of %s weights, hidden size %ld, replica %ld", ensemble->label,
                             hidden_size, replica);
    return status;
}

enum status weights_eigenvalues(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                double divisor, double *re, double *im)
{
    struct weights *weights;
    const double *unit;
    TRY(weights_open(ensemble, seed, hidden_size, replica, divisor, &weights));
    enum status status = weights_values(weights, 1, &unit);
    if (status == STATUS_OK)
        status = eigenbasis_values(hidden_size, unit, re, im);
    for (long i = 0; status == STATUS_OK && i < hidden_size; i++) {
        re[i] *= divisor;
        im[i] *= divisor;
    }
    weights_close(weights);
    if (status != STATUS_OK)
        return status_prefix(status, "eigenvalues of %s weights, hidden size %ld, replica %ld", ensemble->label,
                             hidden_size, replica);
    return STATUS_OK;
}
