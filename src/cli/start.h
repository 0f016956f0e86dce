/* What a process must do before main, and before the constructors of the libraries it is linked with.
 *
 * OpenBLAS starts a thread for each core in its constructor, and asks the environment alone whether it should: on a
 * login node of 64 cores that is 63 threads for `gradsweep info`, and under a limit of memory or processes the library
 * ends the process. So the program starts itself once more with OPENBLAS_NUM_THREADS=1, unless the user has set a
 * number, there is one core only, or another BLAS is in use. The process stays the same (pid, descriptors, signals that
 * are ignored or waiting), and so do its arguments. What cannot be done (no /proc, exec forbidden) is left undone.
 * Threads that a rank of several cores wants are started later, by spectrum_set_blas_threads.
 *
 * And `gradsweep run` lets the signals wait that stop a run (parallel/stop.h), until it can listen to them. */
#ifndef GRADSWEEP_CLI_START_H
#define GRADSWEEP_CLI_START_H

/* Takes what the second start has added out of the environment again: children are to find what the user has set. */
void start_tidy_environment(void);

#endif
