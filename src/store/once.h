/* Work done once, where a launcher has started a command of one process several times (mpirun -n 4 gradsweep merge
 * ...).
 *
 * Whichever process comes first does the work; the others wait, and end with its exit code. What they meet in is a
 * small file beside the output, OUT.launch-KEY, of a key that the launcher gave to all its processes: locked while the
 * work is done, so that the lock of a process that dies lets the next one work; then it holds the exit code, until all
 * have read it. Without MPI, which starts once in a process of a launcher, and scripts call several commands. Not
 * collective. */
#ifndef GRADSWEEP_STORE_ONCE_H
#define GRADSWEEP_STORE_ONCE_H

/* Does `work`, which makes `output`, or waits for the process that does; the exit code of whichever did it. Where
 * nothing says that there are several processes, it is work(context). Where they cannot meet (no locks on the file
 * system), the launcher's first process does it, and the others end with 0: the launcher's exit code is then that of
 * the first. */
int once_do(const char *output, int (*work)(void *context), void *context);

#endif
