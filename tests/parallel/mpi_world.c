/* Opening and closing, agreement, and sending a text; on any number of ranks. */
#include "base/memory.h"
#include "parallel/binding.h"
#include "parallel/world.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody fails; one fails; all from `lowest` on fail: always the same answer everywhere. */
static void agrees_on_the_lowest_failure(const struct world *world)
{
    REQUIRE(world_agree(world, STATUS_OK) == STATUS_OK);
    for (int lowest = 0; lowest < world->size; lowest++) {
        for (int all_above = 0; all_above < 2; all_above++) {
            enum status local = STATUS_OK;
            if (world->rank == lowest)
                local = status_fail(STATUS_IO, "disk %d is full", world->rank);
            else if (all_above && world->rank > lowest)
                local = status_fail(STATUS_MEMORY, "no memory on %d", world->rank);
            REQUIRE(world_agree(world, local) == STATUS_IO);
            char expected[100];
            if (lowest == 0 && (all_above || world->size == 1)) /* all failed: none is named */
                snprintf(expected, sizeof expected, "disk 0 is full");
            else
                snprintf(expected, sizeof expected, "rank %d: disk %d is full", lowest, lowest);
            REQUIRE(strcmp(status_message(), expected) == 0);
        }
    }
}

/* The longest message that a status can hold arrives whole but for the prefix. */
static void agrees_on_a_long_message(const struct world *world)
{
    static char text[STATUS_MESSAGE_SIZE];
    memset(text, 'x', sizeof text - 1);
    enum status local = STATUS_OK;
    if (world->rank == world->size - 1)
        local = status_fail(STATUS_INPUT, "%s", text);
    REQUIRE(world_agree(world, local) == STATUS_INPUT);
    REQUIRE(strlen(status_message()) == sizeof text - 1);
}

static void sends_a_text(const struct world *world)
{
    enum { LENGTH = 100000 };
    char *text = NULL;
    if (world->rank == 0) {
        REQUIRE(memory_allocate(&text, LENGTH + 1, "a test's text") == STATUS_OK);
        for (int i = 0; i < LENGTH; i++)
            text[i] = (char)('a' + i % 26);
    }
    REQUIRE(world_broadcast_text(world, &text) == STATUS_OK);
    REQUIRE(strlen(text) == LENGTH);
    for (int i = 0; i < LENGTH; i++)
        REQUIRE(text[i] == 'a' + i % 26);
    memory_free(text);

    char *empty = NULL;
    if (world->rank == 0)
        REQUIRE(memory_allocate(&empty, 1, "a test's text") == STATUS_OK);
    REQUIRE(world_broadcast_text(world, &empty) == STATUS_OK);
    REQUIRE(strcmp(empty, "") == 0);
    memory_free(empty);
}

/* MPI's own mistakes come back as statuses: nothing aborts. */
static void returns_mpi_errors(const struct world *world)
{
    int value = 0;
    int class = MPI_SUCCESS;
    const int code = MPI_Send(&value, 1, MPI_INT, world->size, 0, world->communicator);
    REQUIRE(MPI_Error_class(code, &class) == MPI_SUCCESS && class == MPI_ERR_RANK);
    REQUIRE(world_check(code, "sending") == STATUS_PARALLEL);
    /* With the library's own text, which every one words in its way. */
    REQUIRE(strncmp(status_message(), "sending: ", 9) == 0 && strlen(status_message()) > 20);
    REQUIRE(world_check(MPI_SUCCESS, "nothing") == STATUS_OK);
}

/* Memory has run out for this, on this rank; NULL: for nothing. The linker has calls of allocation come here. */
static const char *no_memory_for;
enum status __wrap_memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what);
enum status __real_memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what);
enum status __wrap_memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what)
{
    *pointer = NULL;
    if (no_memory_for && strcmp(what, no_memory_for) == 0)
        return status_fail(STATUS_MEMORY, "%s: no memory in this test", what);
    return __real_memory_allocate_bytes(pointer, count, size, what);
}

/* One rank without memory fails; the others come back, wherever they have met it. */
static void waits_for_no_rank_without_memory(const struct world *world)
{
    struct binding binding;
    for (int poor = 0; poor < world->size; poor++) {
        no_memory_for = world->rank == poor ? "the cores of all ranks of a host" : NULL;
        const enum status status = binding_find(world, &binding);
        no_memory_for = NULL;
        REQUIRE(status == STATUS_MEMORY);
        REQUIRE(strstr(status_message(), "the cores of all ranks of a host: no memory in this test") != NULL);
        REQUIRE(binding_find(world, &binding) == STATUS_OK);
    }
}

/* What a command, its options or its version may be: the same everywhere, or refused everywhere. */
static void requires_equal_texts(const struct world *world)
{
    char own[64];
    REQUIRE(world_require_equal(world, "the output", "out.h5") == STATUS_OK);
    REQUIRE(world_require_equal(world, "the settings", "") == STATUS_OK);
    if (world->size == 1)
        return;
    snprintf(own, sizeof own, "%s", world->rank == world->size - 1 ? "other.h5" : "out.h5");
    REQUIRE(world_require_equal(world, "the output", own) == STATUS_REFUSED);
    snprintf(own, sizeof own, "rank %d: the output on host ", world->size - 1);
    REQUIRE(strncmp(status_message(), own, strlen(own)) == 0);
    REQUIRE(strstr(status_message(), " is 'other.h5', and that of rank 0 is 'out.h5'") != NULL);
    /* One is the beginning of the other. */
    REQUIRE(world_require_equal(world, "the output", world->rank == 0 ? "out.h5" : "out") == STATUS_REFUSED);
}

/* Ranks of one host that the launcher has bound alike share their cores, and divide them among their threads. */
static void finds_who_shares_its_cores(const struct world *world)
{
    enum { MOST_RANKS = 64 };
    struct binding binding;
    cpu_set_t own, all[MOST_RANKS];
    int sharers = 0;
    REQUIRE(world->size <= MOST_RANKS && sched_getaffinity(0, sizeof own, &own) == 0);
    REQUIRE(MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, world->communicator) == MPI_SUCCESS);
    for (int rank = 0; rank < world->size; rank++)
        sharers += CPU_EQUAL(&own, &all[rank]) != 0;
    setenv("OMP_NUM_THREADS", "1000", 1);
    REQUIRE(binding_find(world, &binding) == STATUS_OK);
    REQUIRE(binding.hosts == 1 && binding.ranks_on_host == world->size && binding.sharers == sharers);
    REQUIRE(binding.cores == binding_count_cores(&own, BINDING_TOPOLOGY));
    REQUIRE(binding.threads == (binding.cores > sharers ? binding.cores / sharers : 1));
    setenv("OMP_NUM_THREADS", "1", 1);
    REQUIRE(binding_find(world, &binding) == STATUS_OK && binding.threads == 1);
}

int main(int argc, char **argv)
{
    struct world world;
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    agrees_on_the_lowest_failure(&world);
    agrees_on_a_long_message(&world);
    sends_a_text(&world);
    returns_mpi_errors(&world);
    requires_equal_texts(&world);
    finds_who_shares_its_cores(&world);
    waits_for_no_rank_without_memory(&world);
    world_close(&world, 1, 10.0);
    return 0;
}
