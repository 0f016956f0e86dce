/* The watch: a thread on every rank, from the first moment of a run to the last, that lets nobody wait for ever.
 *
 * Each rank tells the next one, several times a second, that it lives, and listens to the one before it (the last one's
 * next is rank 0). A rank that is suspended, gone or cut off falls silent; its listener says which one it was and on
 * which host, and ends the job; the word goes on from rank to rank, also where no launcher can be reached. Silence is
 * counted in the listener's own turns, not by the clock: where the whole machine sleeps, or all ranks are suspended
 * together, nobody listens meanwhile and nothing is held against anyone. The watch has its own communicator and thread,
 * so that a rank answers whatever its other threads do: compute, sit in a library call, or wait for others inside MPI.
 *
 * It also ends a job that is not over WATCH_STOP_SECONDS after a stop request that this rank has heard: while work is
 * going on, the counter's helper comes first; this is for what comes before and after it (a results file of terabytes
 * being filled, or flushed to disk). */
#ifndef GRADSWEEP_PARALLEL_WATCH_H
#define GRADSWEEP_PARALLEL_WATCH_H

#include "parallel/world.h"

struct watch;

/* The silence that means death, in seconds: the default, and the environment variable that sets another one (rank 0's
 * counts). */
#define WATCH_DEFAULT_SECONDS 60.0
#define WATCH_VARIABLE        "GRADSWEEP_RANK_TIMEOUT"
#define WATCH_STOP_SECONDS    13.0

/* The default or what the variable sets, in seconds. Not collective. Errors: STATUS_USAGE as below. */
CHECKED enum status watch_patience(double *seconds);

/* Starts the watch. Collective; agreed on all ranks. Release with watch_end. Errors: STATUS_PARALLEL, STATUS_MEMORY;
 * STATUS_USAGE where the variable is not a number of seconds of at least 0.5. */
CHECKED enum status watch_start(const struct world *world, struct watch **watch);

/* Ends the watch. Collective: waits for the rank before this one, so let all meet first. NULL is no error. */
void watch_end(struct watch *watch);

#endif
