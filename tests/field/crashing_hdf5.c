/* A library to be loaded before the command: HDF5 as it is on a file on which it crashes, or never ends, when a group
 * is opened. CRASH: segv, abort, or loop. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As in hdf5.h, whose own declaration wants MPI as well. */
int64_t H5Gopen2(int64_t location, const char *name, int64_t access);

int64_t H5Gopen2(int64_t location, const char *name, int64_t access)
{
    const char *how = getenv("CRASH");
    (void)location, (void)name, (void)access;
    if (how && strcmp(how, "loop") == 0)
        for (;;)
            pause(); /* rather than keep a core busy until it is ended */
    if (how && strcmp(how, "abort") == 0)
        abort();
    raise(SIGSEGV);
    return -1;
}
