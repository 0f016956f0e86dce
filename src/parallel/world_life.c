/* The beginning and the end of a world, with the watch over its ranks: what the watch itself needs of a world is in
 * world.c, below it. */
#include "base/clock.h"
#include "base/log.h"
#include "parallel/launch.h"
#include "parallel/watch.h"
#include "parallel/world.h"

#include <unistd.h>

static const double POLL_SECONDS = 1e-3;

/* A launcher ends all processes as soon as one ends with an error: the first must have said what is wrong by then. */
static enum status let_first_speak(const struct launch *launch, enum status status)
{
    if (status != STATUS_OK && !launch->is_first)
        clock_sleep(1.0);
    return status;
}

static enum status start_mpi(int *argc, char ***argv, const struct launch *launch, int *level)
{
    TRY(launch_guard(launch));
    const int code = MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, level);
    launch_guard_end();
    TRY(world_check(code, "starting MPI"));
    return world_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "setting MPI's error handler");
}

enum status world_open(int *argc, char ***argv, struct world *world)
{
    struct launch launch;
    int level = MPI_THREAD_SINGLE;
    *world = (struct world){ .communicator = MPI_COMM_NULL, .size = 1 };
    enum status status = launch_prepare(&launch);
    world->is_first = launch.is_first;
    TRY(let_first_speak(&launch, status));
    TRY(start_mpi(argc, argv, &launch, &level));
    /* A duplicate's error handler is its parent's. */
    TRY(world_check(MPI_Comm_dup(MPI_COMM_WORLD, &world->communicator), "duplicating MPI_COMM_WORLD"));
    TRY(world_check(MPI_Comm_rank(world->communicator, &world->rank), "asking for the rank"));
    TRY(world_check(MPI_Comm_size(world->communicator, &world->size), "asking for the number of ranks"));
    if (level < MPI_THREAD_MULTIPLE)
        return status_fail(STATUS_PARALLEL,
                           "this MPI library offers thread level %d, and MPI_THREAD_MULTIPLE (%d) is "
                           "needed; use an MPI built with thread support",
                           level, MPI_THREAD_MULTIPLE);
    TRY(let_first_speak(&launch, launch_require(&launch, world->size)));
    world->is_first = world->rank == 0;
    return watch_start(world, &world->watch);
}

/* Whether all ranks arrived within `timeout` seconds, and whether one of them is spoilt. */
static bool all_ranks_arrived(const struct world *world, double timeout, int *is_spoilt)
{
    MPI_Request meeting;
    int arrived = 0;
    *is_spoilt = world->is_spoilt;
    if (MPI_Iallreduce(MPI_IN_PLACE, is_spoilt, 1, MPI_INT, MPI_MAX, world->communicator, &meeting) != MPI_SUCCESS)
        return false;
    double deadline = clock_seconds() + timeout;
    while (MPI_Test(&meeting, &arrived, MPI_STATUS_IGNORE) == MPI_SUCCESS && !arrived && clock_seconds() < deadline)
        clock_sleep(POLL_SECONDS);
    return arrived;
}

void world_close(struct world *world, int exit_code, double timeout)
{
    int is_spoilt = 0;
    if (!all_ranks_arrived(world, timeout, &is_spoilt)) {
        log_error("rank %d waited %.0f s for the others to end; ending the job", world->rank, timeout);
        world_abort(exit_code);
    }
    world_exit_after((unsigned)timeout + 1, exit_code);
    watch_end(world->watch);
    if (is_spoilt)
        _exit(exit_code);
    MPI_Comm_free(&world->communicator);
    MPI_Finalize();
    alarm(0);
}
