/* A program of one's own that runs a sweep with the library, on all ranks it is started on:
 *
 *     mpirun -n 4 external SWEEP.yaml OUT.h5
 *
 * gradsweep_run starts MPI and ends it: a program that computes with MPI besides does so in processes of its own. */
#include <gradsweep/gradsweep.h>

#include <mpi.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: external SWEEP.yaml OUT.h5\n");
        return 2;
    }
    const struct gradsweep_sweep sweep = { .path = argv[1] };
    const struct gradsweep_run_options options = { .output = argv[2],
                                                   .existing = GRADSWEEP_RESUME,
                                                   .progress = GRADSWEEP_PROGRESS_NONE };
    const int exit_code = gradsweep_run(&argc, &argv, &sweep, &options);
    if (exit_code != 0) {
        fprintf(stderr, "external: %s\n", gradsweep_message());
        return exit_code;
    }

    /* One MPI: the library ended the very one that this program is linked with. */
    int is_ended = 0;
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Finalized(&is_ended) != MPI_SUCCESS || !is_ended ||
        MPI_Get_library_version(version, &length) != MPI_SUCCESS) {
        fprintf(stderr, "external: gradsweep was built with another MPI than this program\n");
        return 1;
    }
    printf("complete: gradsweep %s, %.*s\n", gradsweep_version(), (int)strcspn(version, "\n,"), version);
    return 0;
}
