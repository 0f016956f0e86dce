#include "run/plan.h"

#include "base/memory.h"
#include "base/random.h"
#include "parallel/team.h"

#include <math.h>

/* Resident after start-up: MPI, HDF5 and the BLAS (measured: 32 to 35 MB). */
static const double PROCESS_BYTES = 35e6;

/* A team that takes units. */
struct runner {
    double free_at;
    int level;
    int64_t given; /* position of its first unit; -1: it asks the counter */
};

struct simulation {
    const struct unit_list *list;
    const struct sweep *sweep;
    struct schedule *schedule;
    int ranks;
    double relative_error;
    struct random_stream stream;
    int64_t counters[SCHEDULE_MAX_LEVELS];
    struct runner *heap; /* [ranks], the earliest on top */
    int heap_count;
    /* By WEIGHT number, when rho and ||W|| are in the file, and the units that find them. */
    double *known_from;
    const struct unit_class **weight_classes;
    double latest;
    double busy[SCHEDULE_MAX_LEVELS];
};

/* ---- the heap ---- */

static void push(struct simulation *simulation, struct runner runner)
{
    struct runner *heap = simulation->heap;
    int place = simulation->heap_count++;
    for (; place > 0 && heap[(place - 1) / 2].free_at > runner.free_at; place = (place - 1) / 2)
        heap[place] = heap[(place - 1) / 2];
    heap[place] = runner;
}

static struct runner pop(struct simulation *simulation)
{
    struct runner *heap = simulation->heap, top = heap[0], last = heap[--simulation->heap_count];
    int place = 0, count = simulation->heap_count;
    for (int child = 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && heap[child + 1].free_at < heap[child].free_at)
            child++;
        if (heap[child].free_at >= last.free_at)
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
    return top;
}

/* ---- units ---- */

static double disturbance(const struct simulation *simulation, uint64_t number)
{
    double normal;
    if (!(simulation->relative_error > 0.0))
        return 1.0;
    random_normal(&simulation->stream, 0, number, 1, &normal);
    return exp(simulation->relative_error * normal);
}

/* Seconds for rho and ||W|| of the networks that a chain unit, which begins at `start`, does not find in the file. */
static double spectrum_seconds(struct simulation *simulation, const struct unit *unit, int team_size, double start)
{
    double seconds = 0.0;
    for (uint64_t weight = unit->weight; weight < unit->weight + (uint64_t)unit->weight_count; weight++) {
        double *known_from = &simulation->known_from[weight];
        if (*known_from <= start)
            continue;
        const struct unit_class *class = simulation->weight_classes[weight];
        seconds += cost_seconds(&class->unit_cost, team_size) / (double)class->replicas_per_unit;
        *known_from = fmin(*known_from, start + seconds);
    }
    return seconds;
}

/* The file knows what a weight unit has found from `end` on. */
static void keep_spectra(struct simulation *simulation, const struct unit *unit, double end)
{
    for (uint64_t weight = unit->weight; weight < unit->weight + (uint64_t)unit->weight_count; weight++)
        simulation->known_from[weight] = fmin(simulation->known_from[weight], end);
}

static void do_unit(struct simulation *simulation, struct runner *runner, uint64_t position)
{
    int level = runner->level, size = schedule_team_sizes(simulation->schedule)[level];
    uint64_t number = schedule_unit(simulation->schedule, level, position);
    struct unit unit = unit_list_at(simulation->list, number);
    double seconds = schedule_seconds(simulation->schedule, level, position) * disturbance(simulation, number);
    simulation->busy[level] += seconds * size;
    if (unit.kind == UNIT_WEIGHT)
        keep_spectra(simulation, &unit, runner->free_at + seconds);
    else
        seconds += spectrum_seconds(simulation, &unit, size, runner->free_at);
    runner->free_at += seconds;
}

/* The next units of a team; false where its queue has none left. */
static bool take_units(struct simulation *simulation, struct runner *runner)
{
    int64_t length = (int64_t)schedule_queue_length(simulation->schedule, runner->level);
    int64_t *counter = &simulation->counters[runner->level];
    int64_t first = runner->given, amount = 1;
    if (first < 0) {
        first = *counter;
        amount = schedule_claim(simulation->schedule, runner->level, (uint64_t)first);
        *counter += amount;
    }
    runner->given = -1;
    for (int64_t position = first; position < first + amount && position < length; position++)
        do_unit(simulation, runner, (uint64_t)position);
    return first < length;
}

/* A team whose queue is empty goes on in its teams of the next size. */
static void split(struct simulation *simulation, struct runner runner)
{
    const int *sizes = schedule_team_sizes(simulation->schedule);
    if (runner.level + 1 == schedule_level_count(simulation->schedule)) {
        simulation->latest = fmax(simulation->latest, runner.free_at);
        return;
    }
    int parts = sizes[runner.level] / sizes[runner.level + 1];
    runner.level++;
    for (int i = 0; i < parts; i++)
        push(simulation, runner);
}

/* ---- the whole ---- */

static void start_teams(struct simulation *simulation)
{
    const int *sizes = schedule_team_sizes(simulation->schedule);
    for (int level = 0; level < schedule_level_count(simulation->schedule); level++) {
        simulation->counters[level] = schedule_counter_start(simulation->schedule, level);
        for (int team = 0; team < team_count(simulation->ranks, sizes[level]); team++) {
            if (schedule_first_level(simulation->schedule, team * sizes[level]) != level)
                continue;
            int64_t given = schedule_given_position(simulation->schedule, level, team);
            push(simulation, (struct runner){ .level = level, .given = given });
        }
    }
}

/* Nothing is known yet where there are weight units to find it; all is known where there are none. */
static void start_weights(struct simulation *simulation)
{
    for (long i = 0; i < unit_list_class_count(simulation->list); i++) {
        const struct unit_class *class = unit_list_class(simulation->list, i);
        if (class->kind != UNIT_WEIGHT)
            continue;
        for (uint64_t number = 0; number < class->unit_count; number++) {
            const struct unit unit = unit_list_at(simulation->list, class->first_unit + number);
            for (uint64_t weight = unit.weight; weight < unit.weight + (uint64_t)unit.weight_count; weight++) {
                simulation->weight_classes[weight] = class;
                simulation->known_from[weight] = INFINITY;
            }
        }
    }
}

static void simulation_close(struct simulation *simulation)
{
    schedule_close(simulation->schedule);
    memory_free(simulation->heap);
    memory_free(simulation->known_from);
    memory_free(simulation->weight_classes);
}
SCOPED_VALUE(simulation, simulation_close)

static enum status simulate(struct simulation *simulation)
{
    const struct sweep *sweep = simulation->sweep;
    TRY(memory_allocate(&simulation->heap, simulation->ranks, "the simulated teams"));
    TRY(memory_allocate(&simulation->known_from, grid_weight_count(sweep), "the simulated weights"));
    TRY(memory_allocate(&simulation->weight_classes, grid_weight_count(sweep), "the simulated weights"));
    start_weights(simulation);
    start_teams(simulation);
    while (simulation->heap_count > 0) {
        struct runner runner = pop(simulation);
        if (take_units(simulation, &runner))
            push(simulation, runner);
        else
            split(simulation, runner);
    }
    return STATUS_OK;
}

/* ---- memory ---- */

static void find_memory(const struct unit_list *list, const struct schedule *schedule, int ranks, struct plan *plan)
{
    *plan = (struct plan){ .level_count = schedule_level_count(schedule) };
    for (int level = 0; level < plan->level_count; level++) {
        int size = schedule_team_sizes(schedule)[level];
        plan->levels[level] = (struct plan_level){ .team_size = size,
                                                   .teams = team_count(ranks, size),
                                                   .units = schedule_queue_length(schedule, level) };
    }
    for (long i = 0; i < unit_list_class_count(list); i++) {
        const struct unit_class *class = unit_list_class(list, i);
        int size = schedule_team_sizes(schedule)[schedule_level_of(schedule, class->team_size)];
        double bytes = PROCESS_BYTES + unit_list_class_bytes(list, class, size);
        if (bytes > plan->rank_bytes) {
            plan->rank_bytes = bytes;
            plan->largest = class->place.at[AXIS_HIDDEN_SIZE];
        }
    }
}

enum status plan_memory(const struct unit_list *list, int ranks, struct plan *plan)
{
    SCOPED(schedule) *schedule = NULL;
    TRY(schedule_open(list, ranks, &schedule));
    find_memory(list, schedule, ranks, plan);
    return STATUS_OK;
}

enum status plan_fitting_ranks(const struct unit_list *list, double bytes, int most, int *ranks)
{
    struct plan plan;
    for (*ranks = 1; *ranks <= most; *ranks = *ranks % 3 == 0 ? *ranks / 3 * 4 : *ranks + (*ranks + 1) / 2) {
        TRY(plan_memory(list, *ranks, &plan)); /* 1, 2, 3, 4, 6, 8, 12, ... */
        if (plan.rank_bytes <= bytes)
            return STATUS_OK;
    }
    *ranks = 0;
    return STATUS_OK;
}

enum status plan_simulate(const struct unit_list *list, const struct sweep *sweep, int ranks, double relative_error,
                          struct plan *plan)
{
    SCOPED(simulation) simulation = { .list = list,
                                      .sweep = sweep,
                                      .ranks = ranks,
                                      .relative_error = relative_error,
                                      .stream = random_stream_open(0, "errors of predicted costs") };
    TRY(schedule_open(list, ranks, &simulation.schedule));
    find_memory(list, simulation.schedule, ranks, plan);
    TRY(simulate(&simulation));
    double busy = 0.0;
    for (int level = 0; level < plan->level_count; level++)
        busy += simulation.busy[level];
    for (int level = 0; level < plan->level_count; level++)
        plan->levels[level].share = busy > 0.0 ? simulation.busy[level] / busy : 0.0;
    plan->makespan_seconds = simulation.latest;
    plan->efficiency = simulation.latest > 0.0 ? busy / (simulation.latest * ranks) : 1.0;
    return STATUS_OK;
}
