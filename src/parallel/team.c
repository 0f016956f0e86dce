#include "parallel/team.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "parallel/stop.h"

enum { PIECE = 1 << 30 }; /* MPI counts are ints */

/* No step between two meetings of a healthy team takes a rank so much longer than the others. */
static const double PATIENCE = 30.0;
static const double POLL_SECONDS = 1e-3;

struct teams {
    struct binding binding;
    int count;
    struct team *at; /* [count]; communicator MPI_COMM_NULL where this rank is left over */
};

/* ---- arithmetic ---- */

int team_count(int world_size, int size)
{
    return world_size / size;
}

int team_number_of(int world_size, int size, int rank)
{
    const int number = rank / size;
    return number < team_count(world_size, size) ? number : -1;
}

/* ---- making and releasing ---- */

static enum status check_sizes(int world_size, int count, const int *sizes)
{
    if (count < 1 || sizes[0] > world_size || sizes[count - 1] != 1)
        return status_fail(STATUS_INTERNAL, "team sizes must begin with at most the number of ranks and end with 1");
    for (int level = 1; level < count; level++)
        if (sizes[level] < 1 || sizes[level] >= sizes[level - 1] || sizes[level - 1] % sizes[level] != 0)
            return status_fail(STATUS_INTERNAL, "a team size of %d cannot follow one of %d: it must divide it",
                               sizes[level], sizes[level - 1]);
    return STATUS_OK;
}

static enum status make_team(const struct world *world, int size, int cores, struct team *team)
{
    const int number = team_number_of(world->size, size, world->rank);
    *team = (struct team){ .communicator = MPI_COMM_NULL, .agreement = MPI_COMM_NULL };
    TRY(world_check(
        MPI_Comm_split(world->communicator, number < 0 ? MPI_UNDEFINED : number, world->rank, &team->communicator),
        "making teams of ranks"));
    if (number < 0)
        return STATUS_OK;
    team->number = number;
    team->size = size;
    team->cores = cores;
    team->first_rank = number * size;
    team->rank = world->rank - team->first_rank;
    TRY(world_check(MPI_Comm_set_errhandler(team->communicator, MPI_ERRORS_RETURN), "setting a team's error handler"));
    return world_check(MPI_Comm_dup(team->communicator, &team->agreement), "making teams of ranks");
}

/* `made` is its owner's to release, also where this fails. */
static enum status allocate(int count, struct teams **made)
{
    TRY(memory_allocate(made, 1, "teams"));
    return memory_allocate(&(*made)->at, count, "teams");
}

enum status teams_create(const struct world *world, int count, const int *sizes, struct teams **teams)
{
    SCOPED(teams) *made = NULL;
    *teams = NULL;
    TRY(check_sizes(world->size, count, sizes));
    TRY(world_agree(world, allocate(count, &made)));
    TRY(binding_find(world, &made->binding));
    for (int level = 0; level < count; level++) {
        TRY(world_agree(world, make_team(world, sizes[level], made->binding.threads, &made->at[level])));
        made->count++;
    }
    *teams = scope_keep(&made);
    return STATUS_OK;
}

static void release(struct team *team)
{
    if (team->agreement != MPI_COMM_NULL)
        MPI_Comm_free(&team->agreement);
    if (team->communicator != MPI_COMM_NULL)
        MPI_Comm_free(&team->communicator);
}

void teams_destroy(struct teams *teams)
{
    if (teams == NULL)
        return;
    for (int level = 0; level < teams->count; level++)
        release(&teams->at[level]);
    memory_free(teams->at);
    memory_free(teams);
}

const struct binding *teams_binding(const struct teams *teams)
{
    return &teams->binding;
}

const struct team *teams_at(const struct teams *teams, int level)
{
    return teams->at[level].communicator == MPI_COMM_NULL ? NULL : &teams->at[level];
}

/* ---- talking within a team ---- */

/* A rank that failed does not wait for ever for others who wait for it elsewhere. */
static enum status meet(const struct team *team, const struct world *members, bool has_failed)
{
    MPI_Request meeting;
    int all_came = 0;
    TRY(world_check(MPI_Ibarrier(members->communicator, &meeting), "agreeing within a team"));
    if (!has_failed)
        return world_check(MPI_Wait(&meeting, MPI_STATUS_IGNORE), "agreeing within a team");
    const double deadline = clock_seconds() + PATIENCE;
    while (!all_came && clock_seconds() < deadline) {
        TRY(world_check(MPI_Test(&meeting, &all_came, MPI_STATUS_IGNORE), "agreeing within a team"));
        if (!all_came)
            clock_sleep(POLL_SECONDS);
    }
    if (all_came)
        return STATUS_OK;
    log_error("rank %d of a team of ranks %d to %d: %s; the others cannot hear of it where they are, so the job ends",
              team->first_rank + team->rank, team->first_rank, team->first_rank + team->size - 1, status_message());
    world_abort(status_exit_code(STATUS_PARALLEL));
}

enum status team_agree(const struct team *team, enum status local)
{
    if (team == NULL || team->size == 1)
        return local;
    const struct world members = { .communicator = team->agreement, .rank = team->rank, .size = team->size };
    TRY(meet(team, &members, local != STATUS_OK));
    return world_agree_among(&members, team->first_rank, local);
}

enum status team_broadcast_from(const struct team *team, int from, void *bytes, size_t count)
{
    if (team == NULL || team->size == 1)
        return STATUS_OK;
    return world_broadcast(team->communicator, from, bytes, count, "sending to the ranks of a team");
}

enum status team_broadcast(const struct team *team, void *bytes, size_t count)
{
    return team_broadcast_from(team, 0, bytes, count);
}

/* An MPI_Allreduce may add in another order on each rank: one rank adds, the others take what it found. */
static enum status reduce(const struct team *team, long count, double *values, MPI_Op operation)
{
    if (team == NULL)
        return STATUS_OK;
    for (long done = 0; done < count; done += PIECE) {
        const int piece = count - done < PIECE ? (int)(count - done) : PIECE;
        const void *from = team->rank == 0 ? MPI_IN_PLACE : values + done;
        TRY(world_check(MPI_Reduce(from, values + done, piece, MPI_DOUBLE, operation, 0, team->communicator),
                        "adding up over the ranks of a team"));
    }
    return team_broadcast(team, values, (size_t)count * sizeof *values);
}

enum status team_sum(const struct team *team, long count, double *values)
{
    return reduce(team, count, values, MPI_SUM);
}

/* The larger of each pair, and NaN where one is: MPI_MAX may lose it. */
static void keep_largest(void *from, void *into, int *count, MPI_Datatype *type)
{
    const double *values = from;
    double *largest = into;
    (void)type;
    for (int i = 0; i < *count; i++)
        if (!(values[i] <= largest[i]) && largest[i] == largest[i])
            largest[i] = values[i];
}

enum status team_largest(const struct team *team, long count, double *values)
{
    MPI_Op operation;
    if (team == NULL)
        return STATUS_OK; /* MPI need not have been started */
    TRY(world_check(MPI_Op_create(keep_largest, 1, &operation), "defining a largest value"));
    const enum status status = reduce(team, count, values, operation);
    MPI_Op_free(&operation);
    return status;
}

/* ---- stopping together ---- */

static const struct team *entered;

void team_enter(const struct team *team)
{
    entered = team;
}

bool team_stop_requested(void)
{
    if (entered == NULL || entered->size == 1)
        return stop_requested();
    int requested = stop_requested();
    if (world_check(MPI_Bcast(&requested, 1, MPI_INT, 0, entered->communicator), "asking for a stop request") ==
        STATUS_OK)
        return requested;
    /* Without MPI nothing goes on: leave, and the others will be told or ended. */
    stop_request();
    return true;
}
