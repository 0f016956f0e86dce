/* Helper threads beside the one that computes. Not collective. */
#ifndef GRADSWEEP_PARALLEL_THREAD_H
#define GRADSWEEP_PARALLEL_THREAD_H

#include "base/status.h"

#include <pthread.h>

/* Starts a thread that no signal is delivered to: signals are for the computing thread, and the helper's sleeps are not
 * cut short by them. Errors: STATUS_PARALLEL. */
CHECKED enum status thread_start(pthread_t *thread, void *(*function)(void *), void *argument);

#endif
