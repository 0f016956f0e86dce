#include "run/crew.h"

#include "base/log.h"
#include "base/memory.h"
#include "linalg/instruction_set.h"

#include <stdio.h>
#include <string.h>

struct crew {
    const struct world *world;
    const struct schedule *schedule;
    struct teams *teams;
    struct process_grid grids[SCHEDULE_MAX_LEVELS];
    bool has_grid[SCHEDULE_MAX_LEVELS];
};

static bool has_teams(const struct crew *crew)
{
    return schedule_level_count(crew->schedule) > 1;
}

/* Rank 0's kernel against every other one's. Collective. */
static enum status require_one_kind_of_cpu(const struct crew *crew)
{
    char first[64] = "";
    if (!has_teams(crew))
        return STATUS_OK;
    snprintf(first, sizeof first, "%s", instruction_set_name());
    TRY(world_check(MPI_Bcast(first, sizeof first, MPI_CHAR, 0, crew->world->communicator), "comparing CPUs"));
    enum status status = STATUS_OK;
    if (strcmp(first, instruction_set_name()) != 0)
        status = status_fail(STATUS_REFUSED,
                             "its CPU has %s instructions and rank 0's has %s: hidden sizes from distribute_from on "
                             "need teams of one kind of CPU; ask Slurm for one (--constraint)",
                             instruction_set_name(), first);
    return world_agree(crew->world, status);
}

static enum status open_grids(struct crew *crew)
{
    for (int level = 0; level < schedule_level_count(crew->schedule); level++) {
        const struct team *team = teams_at(crew->teams, level);
        enum status status = STATUS_OK;
        if (team && team->size > 1) {
            status = process_grid_create(team, &crew->grids[level]);
            crew->has_grid[level] = status == STATUS_OK;
        }
        TRY(world_agree(crew->world, status));
    }
    return STATUS_OK;
}

enum status crew_open(const struct world *world, const struct schedule *schedule, struct crew **opened)
{
    SCOPED(crew) *crew = NULL;
    *opened = NULL;
    TRY(world_agree(world, memory_allocate(&crew, 1, "the teams of a run")));
    *crew = (struct crew){ .world = world, .schedule = schedule };
    TRY(require_one_kind_of_cpu(crew));
    TRY(teams_create(world, schedule_level_count(schedule), schedule_team_sizes(schedule), &crew->teams));
    TRY(open_grids(crew));
    *opened = scope_keep(&crew);
    return STATUS_OK;
}

void crew_close(struct crew *crew)
{
    if (crew == NULL)
        return;
    for (int level = 0; level < SCHEDULE_MAX_LEVELS; level++)
        if (crew->has_grid[level])
            process_grid_destroy(&crew->grids[level]);
    teams_destroy(crew->teams);
    memory_free(crew);
}

const struct team *crew_team(const struct crew *crew, int level)
{
    return teams_at(crew->teams, level);
}

const struct process_grid *crew_grid(const struct crew *crew, int level)
{
    return crew->has_grid[level] ? &crew->grids[level] : NULL;
}

int crew_threads(const struct crew *crew)
{
    return has_teams(crew) ? teams_binding(crew->teams)->threads : 1;
}

/* "2 teams of 4 ranks (2 x 2), 9 of 1" for the levels that have units. */
static void describe_teams(const struct crew *crew, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int level = 0; level < schedule_level_count(crew->schedule); level++) {
        int ranks = schedule_team_sizes(crew->schedule)[level];
        if (schedule_queue_length(crew->schedule, level) == 0 || used >= size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%d of %d rank%s", used ? ", " : "",
                                 team_count(crew->world->size, ranks), ranks, ranks == 1 ? "" : "s");
        if (crew->has_grid[level] && used < size)
            used += (size_t)snprintf(text + used, size - used, " (%d x %d, blocks of %ld)", crew->grids[level].rows,
                                     crew->grids[level].columns, crew->grids[level].block_size);
    }
}

/* "1" or "1 to 4". */
static void describe_range(int fewest, int most, char *text, size_t size)
{
    if (fewest == most)
        snprintf(text, size, "%d", fewest);
    else
        snprintf(text, size, "%d to %d", fewest, most);
}

enum status crew_describe(const struct crew *crew)
{
    char teams[256], cores[32], threads[32];
    const struct binding *binding = teams_binding(crew->teams);
    /* The largest, and minus the smallest, of each. */
    int extremes[] = { binding->cores, -binding->cores, binding->threads, -binding->threads, binding->sharers };
    TRY(world_check(MPI_Allreduce(MPI_IN_PLACE, extremes, sizeof extremes / sizeof *extremes, MPI_INT, MPI_MAX,
                                  crew->world->communicator),
                    "comparing the cores of ranks"));
    if (crew->world->rank != 0)
        return STATUS_OK;
    describe_range(-extremes[1], extremes[0], cores, sizeof cores);
    describe_range(-extremes[3], extremes[2], threads, sizeof threads);
    log_info("binding: %d rank%s on %d host%s, each on %s core%s%s", crew->world->size,
             crew->world->size == 1 ? "" : "s", binding->hosts, binding->hosts == 1 ? "" : "s", cores,
             extremes[0] == 1 ? "" : "s", extremes[4] > 1 ? " that it shares with others" : "");
    if (!has_teams(crew))
        return STATUS_OK;
    describe_teams(crew, teams, sizeof teams);
    log_info("teams: %s; %s BLAS thread%s a rank on process grids", teams, threads, extremes[2] == 1 ? "" : "s");
    return STATUS_OK;
}
