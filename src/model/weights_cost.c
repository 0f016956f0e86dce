#include "model/weights_cost.h"

#include <math.h>

static const double LARGEST_KEPT = 33554432.0; /* glibc: 32 MiB */
static const double NORMAL_SECONDS = 28e-9;    /* one random number, packed twice */
static const double STEP_SECONDS = 2.5e-6;     /* of the W of a step, beside its numbers */
static const double RANK_SECONDS = 0.3e-9;     /* one element of a column that is reduced by another, */
static const double RANK_FROM_MEMORY = 0.9e-9; /* and so much more where it is not in a cache */
static const double CACHE_BYTES = 16e6;        /* 0.3, 0.8 and 1.2 to 1.6 ns at 1024, 2048 and 4096 units */
static const double QR_SHARE = 0.55;           /* of the time that other decompositions of as many operations take */
static const double GATHERED_COLUMNS = 128.0;  /* of a power of W at a time */

struct cost weights_cost_draw(const struct ensemble *ensemble, long hidden_size)
{
    double d = (double)hidden_size;
    struct cost cost = { .flops = 0.0, .seconds = d * d * NORMAL_SECONDS };
    if (ensemble->kind->is_from_qr) /* the decomposition and its orthogonal factor */
        cost = cost_add(cost, cost_times(cost_lapack(hidden_size, 8.0 / 3.0 * d * d * d), QR_SHARE));
    return cost;
}

struct cost weights_cost_step(const struct ensemble *ensemble, long hidden_size)
{
    return cost_add(weights_cost_draw(ensemble, hidden_size), (struct cost){ .seconds = STEP_SECONDS });
}

struct cost weights_cost_rank(const struct ensemble *ensemble, long hidden_size)
{
    const double d = (double)hidden_size;
    if (ensemble->kind->is_fresh_at_every_step || ensemble->kind->spectrum == SPECTRUM_ALL_ONE)
        return (struct cost){ 0 }; /* taken to be regular */
    const double from_memory = fmax(0.0, 1.0 - CACHE_BYTES / (8.0 * d * d));
    return (struct cost){ .seconds = d * d * d / 3.0 * (RANK_SECONDS + from_memory * RANK_FROM_MEMORY) };
}

struct cost weights_cost_spectrum(const struct ensemble *ensemble, long hidden_size, long distribute_from)
{
    const enum ensemble_spectrum spectrum = ensemble->kind->spectrum;
    if (spectrum == SPECTRUM_ALL_ONE || spectrum == SPECTRUM_NILPOTENT || spectrum == SPECTRUM_NONE)
        return (struct cost){ 0 }; /* known by construction */
    struct cost cost = cost_norm_by_products(hidden_size);
    if (spectrum == SPECTRUM_COMPUTED)
        cost = cost_add(cost, hidden_size < distribute_from ? cost_radius_by_range(hidden_size)
                                                            : cost_radius_by_squaring(hidden_size));
    return cost_add(cost, weights_cost_draw(ensemble, hidden_size));
}

struct cost weights_cost_eigenvalues(long hidden_size)
{
    double d = (double)hidden_size;
    return cost_lapack(hidden_size, 15.0 * d * d * d); /* where eigenvalues converge as fast as those of random W */
}

/* The C library keeps a freed matrix, where it is below the largest size that it maps apart. */
static double kept_bytes(double bytes)
{
    return bytes < LARGEST_KEPT ? bytes : 0.0;
}

double weights_cost_draw_bytes(const struct ensemble *ensemble, long hidden_size, int team_size)
{
    double d = (double)hidden_size, part = 8.0 * d * d / team_size;
    if (team_size > 1) /* W and W^T packed, and while they are drawn what a QR decomposition works on and gives */
        return (ensemble->kind->is_from_qr ? 5.0 : 2.0) * part + cost_norm_by_products_bytes(hidden_size) +
               cost_gather_bytes(hidden_size, team_size);
    /* The same and W as drawn, with what the real Schur form takes meanwhile. */
    return (ensemble->kind->spectrum == SPECTRUM_RADIUS_DRAWN ? 6.0 : 3.0) * part + kept_bytes(part);
}

double weights_cost_spectrum_bytes(const struct ensemble *ensemble, long hidden_size, int team_size,
                                   long distribute_from)
{
    double d = (double)hidden_size, part = 8.0 * d * d / team_size;
    if (hidden_size < distribute_from)
        return 4.0 * part; /* W, a power, its square, the power packed */
    double matrices = ensemble->kind->is_from_qr ? 4.0 : 2.0, block = 8.0 * d * GATHERED_COLUMNS;
    double squaring = 4.0 * part + block; /* W, a power, its square, the power packed; the power's range */
    double finding = ensemble->kind->spectrum == SPECTRUM_COMPUTED ? squaring : matrices * part;
    return fmax(finding, 2.0 * part + cost_norm_by_products_bytes(hidden_size)) + block +
           cost_gather_bytes(hidden_size, team_size) + kept_bytes(part);
}
