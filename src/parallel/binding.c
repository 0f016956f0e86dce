#include "parallel/binding.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether a thread of `own` comes before this one in its core: "0,64" or "0-3,64-67" tells the threads of a core. */
static bool has_earlier_sibling(const cpu_set_t *own, int thread, const char *topology)
{
    char path[256];
    snprintf(path, sizeof path, "%s/cpu%d/topology/thread_siblings_list", topology, thread);
    FILE *list = fopen(path, "r");
    bool found = false;
    int first, last;
    while (list != NULL && !found && fscanf(list, "%d", &first) == 1) {
        if (fscanf(list, "-%d", &last) != 1)
            last = first;
        for (int sibling = first; sibling <= last && sibling < thread && !found; sibling++)
            found = CPU_ISSET(sibling, own);
        if (fgetc(list) != ',')
            break;
    }
    if (list != NULL)
        fclose(list);
    return found;
}

int binding_count_cores(const cpu_set_t *threads, const char *topology)
{
    int cores = 0;
    for (int thread = 0; thread < CPU_SETSIZE; thread++)
        cores += CPU_ISSET(thread, threads) && !has_earlier_sibling(threads, thread, topology);
    return cores;
}

/* What OMP_NUM_THREADS allows, "4" or "4,2" for nested regions; the most there can be where it does not say a number,
 * as OpenMP itself does not mind either. */
static int allowed_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    long count = text == NULL ? 0 : strtol(text, NULL, 10);
    return count < 1 || count > CPU_SETSIZE ? CPU_SETSIZE : (int)count;
}

/* How many ranks of the host have the same set of cores as this one. Collective within the host. */
static enum status count_sharers(MPI_Comm host, int ranks, const cpu_set_t *own, int *sharers)
{
    SCOPED_MEMORY cpu_set_t *sets = NULL;
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
    return status != STATUS_OK ? status : told;
}

static enum status find_on_host(MPI_Comm host, struct binding *binding)
{
    cpu_set_t own;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) == 0)
        CPU_SET(0, &own); /* a machine of more cores than the set holds: one core is a safe answer */
    binding->cores = binding_count_cores(&own, BINDING_TOPOLOGY);
    TRY(world_check(MPI_Comm_size(host, &binding->ranks_on_host), "counting the ranks of a host"));
    TRY(count_sharers(host, binding->ranks_on_host, &own, &binding->sharers));
    binding->sharers = binding->sharers > 0 ? binding->sharers : 1;
    const int share = binding->cores / binding->sharers, allowed = allowed_threads();
    binding->threads = share < 1 ? 1 : share < allowed ? share : allowed;
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
