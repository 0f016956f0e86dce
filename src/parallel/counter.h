/* The shared work counters: which unit is next, one counter a team size, on rank 0.
 *
 * A computing rank does not answer messages, so every rank has a small helper thread that enters MPI every millisecond
 * (MPI_THREAD_MULTIPLE), watches for a stop request and spreads it; on rank 0 it also serves the counters. Works in
 * shared memory and over networks alike (one-sided fetches wait for a busy target there). */
#ifndef GRADSWEEP_PARALLEL_COUNTER_H
#define GRADSWEEP_PARALLEL_COUNTER_H

#include "parallel/world.h"

#include <stdbool.h>
#include <stdint.h>

struct counter;

/* Makes `count` counters that start at starts[i], and starts the helper threads. After a stop request a rank that does
 * not call counter_destroy within `grace_seconds` is ended by its helper thread with stop_exit_code(), and the job with
 * it.
 * Collective. Release with counter_destroy. Errors: STATUS_PARALLEL, STATUS_MEMORY. */
CHECKED enum status counter_create(const struct world *world, int count, const int64_t *starts, double grace_seconds,
                                   struct counter **counter);

/* Fetches and adds: the caller owns numbers *first .. *first+amount-1 of counter `number`. Not collective: it waits for
 * rank 0's helper thread alone, some 2 ms at most, never for its computation. Errors: STATUS_PARALLEL. */
CHECKED enum status counter_claim(struct counter *counter, int number, int64_t amount, int64_t *first);

struct counter_progress {
    uint64_t cells_done;
    uint64_t cells_failed;
    double flops;
    double work_seconds; /* predicted ones of finished units: tells how far the run has come */
};

/* Adds this rank's finished work to the totals that rank 0's progress line shows. Not collective, does not wait. */
void counter_report(struct counter *counter, const struct counter_progress *increment);

/* The totals so far: on rank 0 those of all ranks (some milliseconds late; whole once counter_meet returned true), this
 * rank's own elsewhere. Not collective. */
struct counter_progress counter_progress(const struct counter *counter);

/* Says that this rank has no more work and waits for the others at most `seconds`: true once every rank has come. Lets
 * rank 0 show progress while others still compute; may be called again, and need not be called before counter_destroy.
 * No claims and reports after it. Not collective. */
bool counter_meet(struct counter *counter, double seconds);

/* Collective: the last meeting. Waits for every rank to arrive (they may compute for long) unless a stop was requested;
 * then for grace_seconds after the request at most, when the job is aborted (as above). Then ends the helper threads.
 */
void counter_destroy(struct counter *counter);

#endif
