#include "parallel/cores.h"

#include "base/memory.h"

#include <sched.h>
#include <string.h>

static enum status count_sharers(MPI_Comm node, const cpu_set_t *own, cpu_set_t *sets, int size, int *sharers)
{
    TRY(world_check(MPI_Allgather(own, sizeof *own, MPI_BYTE, sets, sizeof *own, MPI_BYTE, node),
                    "comparing the cores of ranks"));
    for (int rank = 0; rank < size; rank++)
        *sharers += memcmp(&sets[rank], own, sizeof *own) == 0;
    return STATUS_OK;
}

enum status cores_of_rank(const struct world *world, int *cores)
{
    MPI_Comm node;
    cpu_set_t own, *sets = NULL;
    int size = 1, sharers = 0;
    memset(&own, 0, sizeof own);
    /* More processors than a set holds: an empty set, and one core. */
    if (sched_getaffinity(0, sizeof own, &own) != 0)
        memset(&own, 0, sizeof own);
    TRY(world_check(MPI_Comm_split_type(world->communicator, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &node),
                    "finding the ranks of a node"));
    enum status status = world_check(MPI_Comm_size(node, &size), "finding the ranks of a node");
    if (status == STATUS_OK)
        status = memory_allocate(&sets, size, "the cores of ranks");
    status = world_agree(world, status);
    if (status == STATUS_OK)
        status = count_sharers(node, &own, sets, size, &sharers);
    if (status == STATUS_OK)
        *cores = CPU_COUNT(&own) / sharers > 1 ? CPU_COUNT(&own) / sharers : 1;
    memory_free(sets);
    MPI_Comm_free(&node);
    return status;
}
