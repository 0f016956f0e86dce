/* Where the time of a run went, over all its ranks: from the published file to the last unit. */
#ifndef GRADSWEEP_RUN_ACCOUNT_H
#define GRADSWEEP_RUN_ACCOUNT_H

#include "base/phases.h"
#include "gradient/measure.h"
#include "parallel/world.h"

/* Of one rank, and of all of them once account_gather has added them up. */
struct account {
    double wall_seconds;                /* of all: the longest */
    double busy_seconds;                /* inside units */
    double seconds[PHASES];             /* they add up to the wall time */
    double least[PHASES], most[PHASES]; /* of one rank */
    double measure_seconds[MEASURES];   /* of the functions of each */
    double operations;                  /* on floating-point numbers */
    double dgemm_rate;                  /* operations a second that the BLAS reaches, all ranks at a time */
};

/* The sums, extremes and longest of all ranks, on every one of them. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status account_gather(const struct world *world, struct account *account);

/* The share of the time of all ranks that they were inside units; the operations a second of all; and the share of the
 * BLAS's rate that this is. Not collective. */
double account_busy_fraction(const struct account *account, int ranks);
double account_rate(const struct account *account);
double account_dgemm_share(const struct account *account);

/* The phases that took a percent or more, dearest first, and the rate: one line, for people, into text[size]. Not
 * collective. */
void account_describe(const struct account *account, char *text, size_t size);

#endif
