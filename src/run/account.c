#include "run/account.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static const double WORTH_A_WORD = 0.01; /* of the time of all ranks */

static enum status reduce(const struct world *world, const double *own, int count, MPI_Op operation, double *of_all)
{
    return world_check(MPI_Allreduce(own, of_all, count, MPI_DOUBLE, operation, world->communicator),
                       "adding up where the time went");
}

enum status account_gather(const struct world *world, struct account *account)
{
    struct account own = *account;
    TRY(reduce(world, &own.wall_seconds, 1, MPI_MAX, &account->wall_seconds));
    TRY(reduce(world, &own.busy_seconds, 1, MPI_SUM, &account->busy_seconds));
    TRY(reduce(world, own.seconds, PHASES, MPI_SUM, account->seconds));
    TRY(reduce(world, own.seconds, PHASES, MPI_MIN, account->least));
    TRY(reduce(world, own.seconds, PHASES, MPI_MAX, account->most));
    TRY(reduce(world, own.measure_seconds, MEASURES, MPI_SUM, account->measure_seconds));
    TRY(reduce(world, &own.operations, 1, MPI_SUM, &account->operations));
    return reduce(world, &own.dgemm_rate, 1, MPI_SUM, &account->dgemm_rate);
}

static double share(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

double account_busy_fraction(const struct account *account, int ranks)
{
    return account->wall_seconds > 0.0 ? share(account->busy_seconds, account->wall_seconds * ranks) : 1.0;
}

double account_rate(const struct account *account)
{
    return share(account->operations, account->wall_seconds);
}

double account_dgemm_share(const struct account *account)
{
    return share(account_rate(account), account->dgemm_rate);
}

/* The phase that took longest of those not yet told; PHASES where none is left that is worth it. */
static enum phase next_phase(const struct account *account, const bool told[PHASES], double least)
{
    enum phase longest = PHASES;
    for (enum phase phase = 0; phase < PHASES; phase++)
        if (!told[phase] && account->seconds[phase] >= least &&
            (longest == PHASES || account->seconds[phase] > account->seconds[longest]))
            longest = phase;
    return longest;
}

void account_describe(const struct account *account, char *text, size_t size)
{
    bool told[PHASES] = { false };
    double all = 0.0;
    size_t used = 0;
    for (enum phase phase = 0; phase < PHASES; phase++)
        all += account->seconds[phase];
    for (enum phase phase; (phase = next_phase(account, told, WORTH_A_WORD * all)) != PHASES && used < size;) {
        told[phase] = true;
        used += (size_t)snprintf(text + used, size - used, "%s %.0f%%, ", phase_name(phase),
                                 100.0 * share(account->seconds[phase], all));
    }
    if (used < size)
        snprintf(text + used, size - used, "%.3g GF/s, %.0f%% of dgemm", 1e-9 * account_rate(account),
                 100.0 * account_dgemm_share(account));
}
