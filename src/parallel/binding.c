#include "parallel/binding.h"

#include "base/memory.h"

#include <sched.h>
#include <stdbool.h>

/* How many ranks of the host have the same set of cores as this one. Collective within the host. */
static enum status count_sharers(MPI_Comm host, int ranks, const cpu_set_t *own, int *sharers)
{
    cpu_set_t *sets = NULL;
    /* A rank without this memory still takes part: the gathering is collective. */
    enum status status = memory_allocate(&sets, ranks, "the cores of all ranks of a host");
    int all_have_memory = status == STATUS_OK;
    enum status told = world_check(MPI_Allreduce(MPI_IN_PLACE, &all_have_memory, 1, MPI_INT, MPI_MIN, host),
                                   "comparing the cores of ranks");
    if (told == STATUS_OK && all_have_memory)
        told = world_check(MPI_Allgather(own, sizeof *own, MPI_BYTE, sets, sizeof *own, MPI_BYTE, host),
                           "comparing the cores of ranks");
    *sharers = 0;
    for (int i = 0; told == STATUS_OK && all_have_memory && i < ranks; i++)
        *sharers += CPU_EQUAL(own, &sets[i]) != 0;
    memory_free(sets);
    return status != STATUS_OK ? status : told;
}

static enum status find_on_host(MPI_Comm host, struct binding *binding)
{
    cpu_set_t own;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) == 0)
        CPU_SET(0, &own); /* a machine of more cores than the set holds: one core is a safe answer */
    binding->cores = CPU_COUNT(&own);
    TRY(world_check(MPI_Comm_size(host, &binding->ranks_on_host), "counting the ranks of a host"));
    TRY(count_sharers(host, binding->ranks_on_host, &own, &binding->sharers));
    binding->sharers = binding->sharers > 0 ? binding->sharers : 1;
    binding->threads = binding->cores / binding->sharers > 1 ? binding->cores / binding->sharers : 1;
    return STATUS_OK;
}

enum status binding_find(const struct world *world, struct binding *binding)
{
    MPI_Comm host;
    int rank = 0;
    *binding = (struct binding){ .hosts = 1, .ranks_on_host = 1, .cores = 1, .sharers = 1, .threads = 1 };
    TRY(world_agree(world, world_check(MPI_Comm_split_type(world->communicator, MPI_COMM_TYPE_SHARED, world->rank,
                                                           MPI_INFO_NULL, &host),
                                       "finding the ranks of a host")));
    enum status status = find_on_host(host, binding);
    if (status == STATUS_OK)
        status = world_check(MPI_Comm_rank(host, &rank), "counting hosts");
    MPI_Comm_free(&host);
    TRY(world_agree(world, status));
    int is_first = rank == 0;
    return world_check(MPI_Allreduce(&is_first, &binding->hosts, 1, MPI_INT, MPI_SUM, world->communicator),
                       "counting hosts");
}
