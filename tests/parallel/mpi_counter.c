/* The work counters on several ranks; the first argument names the scenario (the list is at the end). */
#include "base/clock.h"
#include "parallel/counter.h"
#include "parallel/stop.h"
#include "parallel/world.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double long_grace = 60.0;

/* Computes without entering MPI. */
static void spin(double seconds)
{
    double end = clock_seconds() + seconds;
    while (clock_seconds() < end)
        continue;
}

enum { NUMBERS = 400 };

/* Claims from one counter until NUMBERS are given away; owners[i] counts who got number i. */
static void claim_all(struct counter *counter, int number, const struct world *world, int *owners)
{
    for (int64_t first = 0, round = 0;; round++) {
        int64_t amount = 1 + (world->rank + round) % 3;
        REQUIRE(counter_claim(counter, number, amount, &first) == STATUS_OK);
        if (first >= NUMBERS)
            return;
        if (world->rank == 0)
            spin(1e-3); /* its claims cost nothing: it would take all before the others get one */
        for (int64_t i = first; i < first + amount && i < NUMBERS; i++) {
            owners[i]++;
            counter_report(counter, &(struct counter_progress){ .cells_done = 1, .cells_failed = 2, .flops = 0.5 });
        }
    }
}

/* Every number of both counters goes to exactly one rank, and rank 0 learns of all work done. */
static void hands_out_each_number_once(const struct world *world)
{
    struct counter *counter;
    const int64_t starts[2] = { 0, 7 };
    static int owners[2][NUMBERS];
    REQUIRE(counter_create(world, 2, starts, long_grace, &counter) == STATUS_OK);
    /* The ranks begin with different counters, so that the two are in use at once. */
    claim_all(counter, world->rank % 2, world, owners[world->rank % 2]);
    claim_all(counter, 1 - world->rank % 2, world, owners[1 - world->rank % 2]);

    /* The last report of all, a moment before the meeting, counts as well. */
    counter_report(counter, &(struct counter_progress){ .cells_failed = 1000 });
    REQUIRE(counter_meet(counter, 60.0));
    struct counter_progress progress = counter_progress(counter);
    if (world->rank == 0) {
        REQUIRE(progress.cells_done == 2 * NUMBERS - 7);
        REQUIRE(progress.cells_failed == 2 * progress.cells_done + 1000 * (uint64_t)world->size);
        REQUIRE(progress.flops == 0.5 * (double)progress.cells_done);
    }
    counter_destroy(counter);

    static int total[2][NUMBERS];
    REQUIRE(MPI_Allreduce(owners, total, 2 * NUMBERS, MPI_INT, MPI_SUM, world->communicator) == MPI_SUCCESS);
    int by_root = 0;
    for (int i = 0; i < NUMBERS; i++) {
        REQUIRE(total[0][i] == 1);
        REQUIRE(total[1][i] == (i >= 7));
        by_root += owners[0][i] + owners[1][i];
    }
    REQUIRE(world->rank != 0 || world->size == 1 || by_root < 2 * NUMBERS - 7);
}

/* Rank 0 computes, without entering MPI, until every other rank has got 100 claims, which they tell it by a file:
 * served by rank 0's computing thread, they would never come. */
static void does_not_wait_for_a_computing_root(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    char told[] = "/tmp/gradsweep-test-XXXXXX";
    int file = world->rank == 0 ? mkstemp(told) : -1;
    REQUIRE(MPI_Bcast(told, sizeof told, MPI_CHAR, 0, world->communicator) == MPI_SUCCESS);
    if (world->rank != 0)
        file = open(told, O_WRONLY | O_APPEND);
    REQUIRE(file >= 0);
    REQUIRE(counter_create(world, 1, &start, long_grace, &counter) == STATUS_OK);
    REQUIRE(MPI_Barrier(world->communicator) == MPI_SUCCESS);
    if (world->rank == 0) {
        struct stat state = { .st_size = 0 };
        const double deadline = clock_seconds() + 60.0;
        REQUIRE(unlink(told) == 0);
        while (state.st_size < world->size - 1 && clock_seconds() < deadline)
            REQUIRE(fstat(file, &state) == 0);
        REQUIRE(state.st_size == world->size - 1);
    } else {
        for (int i = 0; i < 100; i++) {
            int64_t first;
            REQUIRE(counter_claim(counter, 0, 1, &first) == STATUS_OK);
        }
        REQUIRE(write(file, "", 1) == 1);
    }
    counter_destroy(counter);
    REQUIRE(close(file) == 0);
}

/* SIGUSR1 to the last rank stops all, those that compute included, and rank 0 is not special. */
static void spreads_a_stop(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    REQUIRE(stop_install_handlers() == STATUS_OK);
    REQUIRE(counter_create(world, 1, &start, long_grace, &counter) == STATUS_OK);
    REQUIRE(!stop_requested());
    REQUIRE(MPI_Barrier(world->communicator) == MPI_SUCCESS);
    bool is_signalled = world->rank == world->size - 1;
    if (is_signalled)
        raise(SIGUSR1);
    double deadline = clock_seconds() + 10.0;
    while (!stop_requested() && clock_seconds() < deadline)
        spin(1e-3);
    REQUIRE(stop_requested());
    /* Rank 0, which speaks for all, hears the reason as well. */
    REQUIRE(strcmp(stop_reason(), is_signalled || world->rank == 0 ? "SIGUSR1" : "") == 0);
    counter_destroy(counter);
}

/* A stop that comes while some already wait at the meeting does no harm, nor does one that all ranks request at once.
 */
static void meets_under_late_stops(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    REQUIRE(counter_create(world, 1, &start, long_grace, &counter) == STATUS_OK);
    if (world->rank == world->size - 1)
        spin(0.05);
    REQUIRE(world->size == 1 || world->rank == world->size - 1 || !counter_meet(counter, 0.01));
    stop_request_because("--max-time");
    counter_destroy(counter);
    REQUIRE(stop_requested());
}

/* One counter after the other: nothing of the first is left over. */
static void can_be_made_again(const struct world *world)
{
    for (int64_t i = 0; i < 30; i++) {
        struct counter *counter;
        int64_t first;
        REQUIRE(counter_create(world, 1, &i, long_grace, &counter) == STATUS_OK);
        REQUIRE(counter_claim(counter, 0, 1, &first) == STATUS_OK);
        REQUIRE(first >= i && first < i + world->size);
        counter_destroy(counter);
    }
}

/* The helper thread leaves the cores to those who compute: a rank that sleeps for half a second and claims now and then
 * uses less than a third of that (measured: 2 to 5 % in shared memory, up to 14 % over TCP; a helper or a claim that
 * does not sleep between its polls: all of it). */
static void hardly_uses_the_processor(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    REQUIRE(counter_create(world, 1, &start, long_grace, &counter) == STATUS_OK);
    struct timespec before, after;
    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before) == 0);
    for (int i = 0; i < 50; i++) {
        int64_t first;
        REQUIRE(counter_claim(counter, 0, 1, &first) == STATUS_OK);
        clock_sleep(0.01);
    }
    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after) == 0);
    double used = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    printf("rank %d used %.4f s\n", world->rank, used);
    REQUIRE(used < 0.15);
    counter_destroy(counter);
}

/* The scenarios below never end by themselves: ends_resumable.py looks at how they are ended. */
static const double short_grace = 0.5;

/* The last rank requests a stop and then never comes back from its computation. */
static void ends_a_rank_that_never_returns(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    REQUIRE(counter_create(world, 1, &start, short_grace, &counter) == STATUS_OK);
    if (world->rank == world->size - 1) {
        stop_request();
        for (;;)
            spin(1.0);
    }
    counter_destroy(counter);
}

/* The last rank is suspended, its helper too; the others meet, and rank 0 requests the stop. */
static void ends_without_a_suspended_rank(const struct world *world)
{
    struct counter *counter;
    const int64_t start = 0;
    REQUIRE(counter_create(world, 1, &start, short_grace, &counter) == STATUS_OK);
    REQUIRE(MPI_Barrier(world->communicator) == MPI_SUCCESS);
    if (world->rank == world->size - 1)
        kill(getpid(), SIGSTOP);
    if (world->rank == 0) {
        clock_sleep(0.2);
        stop_request();
    }
    counter_destroy(counter);
}

/* The last rank never comes to the end of the world. */
static void closes_without_a_lost_rank(const struct world *world)
{
    struct world closing = *world;
    if (world->rank == world->size - 1)
        for (;;)
            pause();
    world_close(&closing, 75, 0.5);
}

static const struct {
    const char *name;
    void (*run)(const struct world *world);
} scenarios[] = {
    { "once", hands_out_each_number_once },
    { "busy_root", does_not_wait_for_a_computing_root },
    { "stop", spreads_a_stop },
    { "late_stop", meets_under_late_stops },
    { "again", can_be_made_again },
    { "idle", hardly_uses_the_processor },
    { "never_returns", ends_a_rank_that_never_returns },
    { "suspended", ends_without_a_suspended_rank },
    { "lost", closes_without_a_lost_rank },
};

int main(int argc, char **argv)
{
    struct world world;
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    printf("pid %d\n", (int)getpid());
    fflush(stdout);
    bool found = false;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (argc == 2 && strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run(&world);
            found = true;
        }
    }
    REQUIRE(found);
    world_close(&world, 1, 30.0);
    return 0;
}
