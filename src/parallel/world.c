#include "parallel/world.h"

#include "base/memory.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 30 }; /* MPI counts are ints */

/* MPI_Abort has so long to end this process, before it ends itself. */
enum { ABORT_SECONDS = 5 };

enum status world_check(int mpi_code, const char *what)
{
    if (mpi_code == MPI_SUCCESS)
        return STATUS_OK;
    char reason[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    MPI_Error_string(mpi_code, reason, &length);
    return status_fail(STATUS_PARALLEL, "%s: %s", what, reason);
}

/* ---- the last resort: leaving a process in which MPI hangs ---- */

static volatile sig_atomic_t last_exit_code;

static void exit_at_once(int number)
{
    static const char text[] = "gradsweep: error: MPI does not come to an end; leaving without it\n";
    (void)number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(last_exit_code);
    _exit(last_exit_code);
}

/* An alarm, since it reaches a process whatever its threads wait for. */
void world_exit_after(unsigned seconds, int exit_code)
{
    struct sigaction action = { .sa_handler = exit_at_once };
    sigset_t set;
    last_exit_code = exit_code;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(seconds);
}

_Noreturn void world_abort(int exit_code)
{
    world_exit_after(ABORT_SECONDS, exit_code);
    /* Of a duplicate of it MPICH ends the ranks one by one, as if each had died, and its launcher answers with the 9 of
     * those that it has to kill; of this one it tells the launcher the exit code. */
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    _exit(exit_code);
}

/* ---- agreeing and telling ---- */

enum status world_agree_among(const struct world *members, int first_rank, enum status local)
{
    struct {
        int code;
        char message[STATUS_MESSAGE_SIZE];
    } failure = { .code = local };
    int found[] = { local == STATUS_OK ? members->size : members->rank, local != STATUS_OK };
    TRY(world_check(MPI_Allreduce(MPI_IN_PLACE, found, 2, MPI_INT, MPI_MIN, members->communicator),
                    "agreeing on a status"));
    const int first_failed = found[0], all_failed = found[1];
    if (first_failed == members->size)
        return STATUS_OK;
    if (members->rank == first_failed)
        strncpy(failure.message, status_message(), sizeof failure.message - 1);
    TRY(world_check(MPI_Bcast(&failure, sizeof failure, MPI_BYTE, first_failed, members->communicator),
                    "telling the others of a failure"));
    if (all_failed) /* no rank is special; or all have agreed before, and the message says whose it is */
        return status_fail(failure.code, "%s", failure.message);
    return status_fail(failure.code, "rank %d: %s", first_rank + first_failed, failure.message);
}

enum status world_agree(const struct world *world, enum status local)
{
    return world_agree_among(world, 0, local);
}

/* Where two texts begin to differ, or a little before it: what follows is short enough for a message. */
static size_t find_difference(const char *one, const char *other)
{
    enum { CONTEXT = 40 };
    size_t same = 0;
    while (one[same] != '\0' && one[same] == other[same])
        same++;
    return same > CONTEXT ? same - CONTEXT : 0;
}

static enum status compare_with_first(const char *what, const char *text, const char *first)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "an unknown host";
    int length = 0;
    if (strcmp(text, first) == 0)
        return STATUS_OK;
    TRY(world_check(MPI_Get_processor_name(host, &length), "asking for the host's name"));
    const size_t from = find_difference(text, first);
    return status_fail(STATUS_REFUSED,
                       "%s on host %s is '%s%.300s', and that of rank 0 is '%s%.300s'; all ranks must be one and the "
                       "same command",
                       what, host, from > 0 ? "..." : "", text + from, from > 0 ? "..." : "", first + from);
}

enum status world_require_equal(const struct world *world, const char *what, const char *text)
{
    SCOPED_MEMORY char *received = NULL;
    char *first = (char *)text;
    if (world->size == 1)
        return STATUS_OK;
    TRY(world_broadcast_text(world, world->rank == 0 ? &first : &received));
    return world_agree(world, compare_with_first(what, text, world->rank == 0 ? first : received));
}

void world_share(uint64_t count, int rank, int ranks, uint64_t *first, uint64_t *share)
{
    const uint64_t number = (uint64_t)rank, fewest = count / (uint64_t)ranks, rest = count % (uint64_t)ranks;
    *first = number * fewest + (number < rest ? number : rest);
    *share = fewest + (number < rest);
}

enum status world_broadcast(MPI_Comm communicator, int from, void *bytes, size_t count, const char *what)
{
    for (size_t sent = 0; sent < count; sent += PIECE) {
        const int piece = count - sent < PIECE ? (int)(count - sent) : PIECE;
        TRY(world_check(MPI_Bcast((char *)bytes + sent, piece, MPI_BYTE, from, communicator), what));
    }
    return STATUS_OK;
}

enum status world_broadcast_text(const struct world *world, char **text)
{
    SCOPED_MEMORY char *received = NULL;
    uint64_t size = 0;
    if (world->rank == 0) {
        assert(*text != NULL);
        size = strlen(*text) + 1;
    }
    TRY(world_check(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, world->communicator), "sending a text's length"));
    enum status status = STATUS_OK;
    if (world->rank != 0)
        status = memory_allocate(&received, size, "a text from rank 0");
    TRY(world_agree(world, status));
    TRY(world_broadcast(world->communicator, 0, world->rank == 0 ? *text : received, size, "sending a text"));
    if (world->rank != 0)
        *text = scope_keep(&received);
    return STATUS_OK;
}
