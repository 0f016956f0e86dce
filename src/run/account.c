#include "run/account.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const double WORTH_A_WORD = 0.01; /* of the time of all ranks */

/* What is added up over the ranks, and of what the largest is taken: one message each. */
struct sums {
    double busy_seconds, operations, dgemm_rate, seconds[PHASES], measure_seconds[MEASURES];
};
struct extremes {
    double wall_seconds, most[PHASES], least[PHASES]; /* the least with its sign changed */
};

static enum status reduce(const struct world *world, void *of_all, size_t size, MPI_Op operation)
{
    return world_check(
        MPI_Allreduce(MPI_IN_PLACE, of_all, (int)(size / sizeof(double)), MPI_DOUBLE, operation, world->communicator),
        "adding up where the time went");
}

enum status account_gather(const struct world *world, struct account *account)
{
    struct sums sums = { .busy_seconds = account->busy_seconds,
                         .operations = account->operations,
                         .dgemm_rate = account->dgemm_rate };
    struct extremes extremes = { .wall_seconds = account->wall_seconds };
    memcpy(sums.seconds, account->seconds, sizeof sums.seconds);
    memcpy(sums.measure_seconds, account->measure_seconds, sizeof sums.measure_seconds);
    for (enum phase phase = 0; phase < PHASES; phase++) {
        extremes.most[phase] = account->seconds[phase];
        extremes.least[phase] = -account->seconds[phase];
    }
    TRY(reduce(world, &sums, sizeof sums, MPI_SUM));
    TRY(reduce(world, &extremes, sizeof extremes, MPI_MAX));
    *account = (struct account){ .wall_seconds = extremes.wall_seconds,
                                 .busy_seconds = sums.busy_seconds,
                                 .operations = sums.operations,
                                 .dgemm_rate = sums.dgemm_rate };
    memcpy(account->seconds, sums.seconds, sizeof sums.seconds);
    memcpy(account->measure_seconds, sums.measure_seconds, sizeof sums.measure_seconds);
    for (enum phase phase = 0; phase < PHASES; phase++) {
        account->most[phase] = extremes.most[phase];
        account->least[phase] = -extremes.least[phase];
    }
    return STATUS_OK;
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
