/* Teams of contiguous ranks: who is where, what they agree on, add up and hear; on any number of ranks. */
#include "parallel/stop.h"
#include "parallel/team.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 4, MANY = 100 };

/* Sizes that divide each other, the first at most `ranks`; returns their number. */
static int choose_sizes(int ranks, int first, int second, int *sizes)
{
    int count = 0;
    const int wished[] = { first, second, 1 };
    for (int i = 0; i < 3; i++)
        if (wished[i] <= ranks && (count == 0 || wished[i] < sizes[count - 1]))
            sizes[count++] = wished[i];
    return count;
}

static void ranks_stand_where_arithmetic_says(const struct world *world, const struct teams *teams, int level, int size)
{
    const struct team *team = teams_at(teams, level);
    const int whole = world->size / size * size;
    REQUIRE(team_count(world->size, size) == world->size / size);
    REQUIRE(team_number_of(world->size, size, world->rank) == (world->rank < whole ? world->rank / size : -1));
    REQUIRE((team == NULL) == (world->rank >= whole));
    if (team == NULL)
        return;
    int rank = -1, members = 0;
    REQUIRE(MPI_Comm_rank(team->communicator, &rank) == MPI_SUCCESS);
    REQUIRE(MPI_Comm_size(team->communicator, &members) == MPI_SUCCESS);
    REQUIRE(team->rank == rank && rank == world->rank % size);
    REQUIRE(team->size == members && members == size);
    REQUIRE(team->number == world->rank / size && team->first_rank == world->rank / size * size);
}

/* The rank that fails in each team is the team's last; a team where nobody fails hears of nothing. */
static void teams_agree_apart(const struct team *team)
{
    if (team == NULL)
        return;
    const bool odd = team->number % 2 == 1;
    enum status local = STATUS_OK;
    if (odd && team->rank == team->size - 1)
        local = status_fail(STATUS_MEMORY, "full");
    REQUIRE(team_agree(team, local) == (odd ? STATUS_MEMORY : STATUS_OK));
    char expected[100];
    snprintf(expected, sizeof expected, "rank %d: full", team->first_rank + team->size - 1);
    REQUIRE(!odd || strcmp(status_message(), team->size > 1 ? expected : "full") == 0);
}

/* Numbers whose sum depends on the order of addition: were each rank to add for itself, some could differ. */
static double term(int rank, long i)
{
    return pow(-1, rank) * pow(10, (rank * 5 + i * 3) % 17) / 3;
}

static void all_have_the_same_sums(const struct team *team)
{
    enum { COUNT = 1000 };
    double values[COUNT], first[COUNT];
    if (team == NULL)
        return;
    for (long i = 0; i < COUNT; i++)
        values[i] = term(team->rank, i);
    REQUIRE(team_sum(team, COUNT, values) == STATUS_OK);
    for (long i = 0; i < COUNT; i++) {
        double sum = 0, size = 0;
        for (int rank = 0; rank < team->size; rank++) {
            sum += term(rank, i);
            size += fabs(term(rank, i));
        }
        REQUIRE(fabs(values[i] - sum) <= team->size * 0x1p-52 * size); /* each addition rounds by u of what it adds */
    }
    memcpy(first, values, sizeof first);
    REQUIRE(team_broadcast(team, first, sizeof first) == STATUS_OK);
    REQUIRE(memcmp(first, values, sizeof first) == 0);
}

/* A NaN is the largest wherever it comes from, so that it cannot hide. */
static void the_largest_is_found(const struct team *team)
{
    if (team == NULL)
        return;
    for (int place = 0; place < team->size; place++) {
        const bool here = team->rank == place;
        double values[4] = { here ? 7 : -team->rank, here ? NAN : 3, here ? INFINITY : 1, here ? -1e300 : -INFINITY };
        REQUIRE(team_largest(team, 4, values) == STATUS_OK);
        REQUIRE(values[0] == 7 && isnan(values[1]) && values[2] == INFINITY && values[3] == -1e300);
    }
}

static void rank_0_sends_to_all(const struct team *team)
{
    char text[50] = "";
    if (team == NULL)
        return;
    if (team->rank == 0)
        snprintf(text, sizeof text, "team %d", team->number);
    char expected[50];
    snprintf(expected, sizeof expected, "team %d", team->number);
    REQUIRE(team_broadcast(team, text, sizeof text) == STATUS_OK);
    REQUIRE(strcmp(text, expected) == 0);
    REQUIRE(team_broadcast(team, text, 0) == STATUS_OK);
}

static void a_rank_alone_keeps_what_it_has(void)
{
    double values[2] = { 1, 2 };
    REQUIRE(team_sum(NULL, 2, values) == STATUS_OK && team_largest(NULL, 2, values) == STATUS_OK);
    REQUIRE(team_broadcast(NULL, values, sizeof values) == STATUS_OK && values[0] == 1 && values[1] == 2);
    REQUIRE(team_agree(NULL, STATUS_OK) == STATUS_OK);
    REQUIRE(team_agree(NULL, status_fail(STATUS_IO, "alone")) == STATUS_IO);
    REQUIRE(strcmp(status_message(), "alone") == 0);
}

static void other_sizes_are_refused(const struct world *world)
{
    struct teams *teams = NULL;
    const int not_dividing[] = { 3, 2, 1 }, not_ending[] = { 1, 1 }, too_large[] = { world->size + 1, 1 };
    REQUIRE(teams_create(world, 1, too_large, &teams) == STATUS_INTERNAL && teams == NULL);
    REQUIRE(teams_create(world, 0, too_large, &teams) == STATUS_INTERNAL && teams == NULL);
    REQUIRE(teams_create(world, 2, not_ending, &teams) == STATUS_INTERNAL && teams == NULL);
    REQUIRE(teams_create(world, 3, not_dividing, &teams) == STATUS_INTERNAL && teams == NULL);
}

/* Counts the communicators that live, by MPI's profiling interface. */
static int communicators;

int MPI_Comm_split(MPI_Comm parent, int color, int key, MPI_Comm *made)
{
    const int code = PMPI_Comm_split(parent, color, key, made);
    communicators += *made != MPI_COMM_NULL;
    return code;
}

int MPI_Comm_dup(MPI_Comm parent, MPI_Comm *made)
{
    communicators++;
    return PMPI_Comm_dup(parent, made);
}

int MPI_Comm_split_type(MPI_Comm parent, int type, int key, MPI_Info info, MPI_Comm *made)
{
    const int code = PMPI_Comm_split_type(parent, type, key, info, made);
    communicators += *made != MPI_COMM_NULL;
    return code;
}

int MPI_Comm_free(MPI_Comm *communicator)
{
    communicators--;
    return PMPI_Comm_free(communicator);
}

/* MPI has only so many communicators, tens of thousands a process. */
static void are_made_again_and_again(const struct world *world, int count, const int *sizes)
{
    communicators = 0;
    for (int i = 0; i < MANY; i++) {
        struct teams *teams = NULL;
        REQUIRE(teams_create(world, count, sizes, &teams) == STATUS_OK);
        REQUIRE(communicators > 0); /* at least the team of one */
        teams_destroy(teams);
        REQUIRE(communicators == 0);
    }
    teams_destroy(NULL);
}

/* The team's rank 0 decides: a request that another has heard earlier must not part them. Last, for it is not undone.
 */
static void stop_together(const struct world *world, const struct team *team)
{
    team_enter(team);
    REQUIRE(!team_stop_requested());
    if (team == NULL || world->size == 1)
        return;
    REQUIRE(MPI_Barrier(team->communicator) == MPI_SUCCESS);
    if (team->rank == team->size - 1)
        stop_request();
    REQUIRE(team_stop_requested() == (team->size == 1));
    if (team->rank == 0)
        stop_request();
    REQUIRE(team_stop_requested());
    team_enter(NULL);
    REQUIRE(team_stop_requested() == stop_requested());
}

int main(int argc, char **argv)
{
    static const int shapes[][2] = { { 6, 3 }, { 4, 2 }, { 6, 2 }, { 5, 1 }, { 3, 1 }, { 2, 1 }, { 1, 1 } };
    struct world world;
    int sizes[LEVELS];
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        struct teams *teams = NULL;
        const int count = choose_sizes(world.size, shapes[shape][0], shapes[shape][1], sizes);
        REQUIRE(teams_create(&world, count, sizes, &teams) == STATUS_OK);
        for (int level = 0; level < count; level++) {
            const struct team *team = teams_at(teams, level);
            ranks_stand_where_arithmetic_says(&world, teams, level, sizes[level]);
            teams_agree_apart(team);
            all_have_the_same_sums(team);
            the_largest_is_found(team);
            rank_0_sends_to_all(team);
        }
        teams_destroy(teams);
    }
    a_rank_alone_keeps_what_it_has();
    other_sizes_are_refused(&world);
    const int count = choose_sizes(world.size, 4, 2, sizes);
    are_made_again_and_again(&world, count, sizes);
    struct teams *teams = NULL;
    REQUIRE(teams_create(&world, count, sizes, &teams) == STATUS_OK);
    stop_together(&world, teams_at(teams, 0));
    teams_destroy(teams);
    world_close(&world, 1, 10.0);
    return 0;
}
