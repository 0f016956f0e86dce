/* Checks for programs that run on several ranks: a failed one says where, and ends all ranks. */
#ifndef GRADSWEEP_TESTS_CHECK_H
#define GRADSWEEP_TESTS_CHECK_H

#include "base/status.h"

#include <mpi.h>
#include <stdio.h>

#define REQUIRE(condition)                                                                                       \
    do {                                                                                                         \
        if (!(condition)) {                                                                                      \
            fprintf(stderr, "%s:%d: failed: %s (last status message: \"%s\")\n", __FILE__, __LINE__, #condition, \
                    status_message());                                                                           \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                        \
        }                                                                                                        \
    } while (0)

#endif
