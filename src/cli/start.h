/* What a process does before main, and before the constructors of the libraries it is linked with.
 *
 * OpenBLAS starts a thread for each core in its constructor, and asks the environment alone whether it should: on a
 * login node of 64 cores that is 63 threads for `gradsweep info`, and under a limit of memory or processes the library
 * ends the process. So until main begins, getenv answers OPENBLAS_NUM_THREADS=1 where the user has not set it: the
 * program's own getenv takes precedence over the C library's. (Starting the program once more with that variable does
 * the same, and doubles the time it takes to start.) Threads that a rank of several cores wants are started later, by
 * spectrum_set_blas_threads.
 *
 * And `gradsweep run` lets the signals wait that stop a run (parallel/stop.h), until it can listen to them. */
#ifndef GRADSWEEP_CLI_START_H
#define GRADSWEEP_CLI_START_H

/* To be called first in main: the environment is what the user has set from now on. And a file that grows beyond the
 * limit set for this process (ulimit -f) is an error of writing, which says so, and not the end without a word. */
void start_main(void);

#endif
