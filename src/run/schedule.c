#include "run/schedule.h"

#include "base/memory.h"
#include "parallel/team.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const double CLAIM_SECONDS = 1.0;

/* All units of a class, as neighbours in a queue. */
struct stretch {
    const struct unit_class *class;
    double unit_seconds; /* wall time on a team of the level */
    uint64_t first_position;
    double seconds_before; /* of all units of the queue before these */
};

struct queue {
    struct stretch *stretches;
    long stretch_count;
    uint64_t length;
    double seconds;
};

struct schedule {
    const struct unit_list *list;
    int ranks;
    double share; /* of the units that this run does */
    int level_count;
    int sizes[SCHEDULE_MAX_LEVELS];
    struct queue queues[SCHEDULE_MAX_LEVELS];
    struct stretch *stretches; /* of all queues */
};

/* ---- team sizes ---- */

/* The largest 2^a or 3 2^a that is at most `limit`: shapes of process grids that are nearly square. */
static int largest_round_number(int limit)
{
    int power = 1;
    while (power <= limit / 2)
        power *= 2;
    return power >= 2 && power / 2 * 3 <= limit ? power / 2 * 3 : power;
}

static int largest_divisor(int number, int limit)
{
    int divisor = limit < number ? limit : number;
    while (number % divisor != 0)
        divisor--;
    return divisor;
}

/* The largest wish below `limit`; 1 where there is none. */
static int next_wish(const struct unit_list *list, int limit)
{
    int wish = 1;
    for (long i = 0; i < unit_list_class_count(list); i++) {
        int size = unit_list_class(list, i)->team_size;
        if (size < limit && size > wish)
            wish = size;
    }
    return wish;
}

/* Each wish, from the largest down, becomes a size that fits the run and divides the one before. */
static enum status choose_sizes(struct schedule *schedule)
{
    int wish = next_wish(schedule->list, INT_MAX);
    int size = largest_round_number(wish < schedule->ranks ? wish : schedule->ranks);
    for (;;) {
        if (schedule->level_count == SCHEDULE_MAX_LEVELS)
            return status_fail(STATUS_INTERNAL, "units wish for more than %d team sizes", SCHEDULE_MAX_LEVELS);
        schedule->sizes[schedule->level_count++] = size;
        if (size == 1)
            return STATUS_OK;
        int smaller = size;
        while (smaller == size) {
            wish = next_wish(schedule->list, wish);
            smaller = largest_divisor(size, wish);
        }
        size = smaller;
    }
}

int schedule_level_of(const struct schedule *schedule, int wish)
{
    int level = 0;
    while (schedule->sizes[level] > wish)
        level++;
    return level;
}

/* ---- queues ---- */

/* Weight units before chain units, dearest first, ties in the order of the list: one order everywhere. */
static int compare_stretches(const void *left, const void *right)
{
    const struct stretch *a = left, *b = right;
    if (a->class->kind != b->class->kind)
        return a->class->kind < b->class->kind ? -1 : 1;
    if (a->unit_seconds != b->unit_seconds)
        return a->unit_seconds > b->unit_seconds ? -1 : 1;
    return a->class->first_unit < b->class->first_unit ? -1 : a->class->first_unit > b->class->first_unit;
}

static void fill_queue(const struct schedule *schedule, int level, struct queue *queue)
{
    for (long i = 0; i < unit_list_class_count(schedule->list); i++) {
        const struct unit_class *class = unit_list_class(schedule->list, i);
        if (schedule_level_of(schedule, class->team_size) == level)
            queue->stretches[queue->stretch_count++] =
                (struct stretch){ .class = class,
                                  .unit_seconds = cost_seconds(&class->unit_cost, schedule->sizes[level]) };
    }
    qsort(queue->stretches, (size_t)queue->stretch_count, sizeof *queue->stretches, compare_stretches);
    for (long i = 0; i < queue->stretch_count; i++) {
        struct stretch *stretch = &queue->stretches[i];
        stretch->first_position = queue->length;
        stretch->seconds_before = queue->seconds;
        queue->length += stretch->class->unit_count;
        queue->seconds += stretch->unit_seconds * (double)stretch->class->unit_count;
    }
}

enum status schedule_open(const struct unit_list *list, int ranks, struct schedule **opened)
{
    SCOPED(schedule) *schedule = NULL;
    *opened = NULL;
    TRY(memory_allocate(&schedule, 1, "the schedule"));
    schedule->list = list;
    schedule->ranks = ranks;
    schedule->share = 1.0;
    TRY(memory_allocate(&schedule->stretches, unit_list_class_count(list), "queues of units"));
    TRY(choose_sizes(schedule));
    struct stretch *free_place = schedule->stretches;
    for (int level = 0; level < schedule->level_count; level++) {
        schedule->queues[level].stretches = free_place;
        fill_queue(schedule, level, &schedule->queues[level]);
        free_place += schedule->queues[level].stretch_count;
    }
    *opened = scope_keep(&schedule);
    return STATUS_OK;
}

void schedule_close(struct schedule *schedule)
{
    if (schedule == NULL)
        return;
    memory_free(schedule->stretches);
    memory_free(schedule);
}

void schedule_set_share(struct schedule *schedule, double share)
{
    schedule->share = share;
}

int schedule_level_count(const struct schedule *schedule)
{
    return schedule->level_count;
}

const int *schedule_team_sizes(const struct schedule *schedule)
{
    return schedule->sizes;
}

uint64_t schedule_queue_length(const struct schedule *schedule, int level)
{
    return schedule->queues[level].length;
}

/* For bsearch: a position beside those of a stretch. */
static int compare_with_stretch(const void *wanted, const void *candidate)
{
    const uint64_t position = *(const uint64_t *)wanted;
    const struct stretch *stretch = candidate;
    return position < stretch->first_position ? -1 : position - stretch->first_position >= stretch->class->unit_count;
}

/* The stretch that holds a position of the queue. */
static const struct stretch *stretch_at(const struct queue *queue, uint64_t position)
{
    return bsearch(&position, queue->stretches, (size_t)queue->stretch_count, sizeof *queue->stretches,
                   compare_with_stretch);
}

uint64_t schedule_unit(const struct schedule *schedule, int level, uint64_t position)
{
    const struct stretch *stretch = stretch_at(&schedule->queues[level], position);
    return stretch->class->first_unit + (position - stretch->first_position);
}

double schedule_seconds(const struct schedule *schedule, int level, uint64_t position)
{
    return stretch_at(&schedule->queues[level], position)->unit_seconds;
}

double schedule_core_seconds(const struct schedule *schedule)
{
    double sum = 0.0;
    for (int level = 0; level < schedule->level_count; level++)
        sum += schedule->queues[level].seconds * schedule->sizes[level];
    return sum;
}

/* ---- who takes what ---- */

int schedule_first_level(const struct schedule *schedule, int rank)
{
    for (int level = 0; level < schedule->level_count; level++)
        if (schedule->queues[level].length > 0 && team_number_of(schedule->ranks, schedule->sizes[level], rank) >= 0)
            return level;
    return schedule->level_count - 1;
}

/* Teams of a level are counted from the world's first rank on, and those of larger sizes come first: the number of the
 * first team of this level that is not part of a team that begins at a larger size. */
static int first_beginning_team(const struct schedule *schedule, int level)
{
    int taken = 0; /* ranks, a multiple of the level's size */
    for (int larger = 0; larger < level; larger++) {
        int size = schedule->sizes[larger], covered = team_count(schedule->ranks, size) * size;
        if (schedule->queues[larger].length > 0 && covered > taken)
            taken = covered;
    }
    return taken / schedule->sizes[level];
}

int64_t schedule_given_position(const struct schedule *schedule, int level, int team_number)
{
    int first = first_beginning_team(schedule, level);
    return team_number >= first ? team_number - first : -1;
}

int64_t schedule_counter_start(const struct schedule *schedule, int level)
{
    return team_count(schedule->ranks, schedule->sizes[level]) - first_beginning_team(schedule, level);
}

int64_t schedule_claim(const struct schedule *schedule, int level, uint64_t position)
{
    const struct queue *queue = &schedule->queues[level];
    if (position >= queue->length)
        return 1;
    const struct stretch *stretch = stretch_at(queue, position), *end = queue->stretches + queue->stretch_count;
    double passed = (double)(position - stretch->first_position), dearest = 0.0;
    double teams = team_count(schedule->ranks, schedule->sizes[level]);
    double remaining = queue->seconds - stretch->seconds_before - stretch->unit_seconds * passed;
    double seconds = fmin(CLAIM_SECONDS / schedule->share, remaining / (4.0 * teams));
    /* Others claim too: the units that are given will lie further on, behind cheap weight units among dear chains. */
    for (; stretch < end; stretch++)
        dearest = fmax(dearest, stretch->unit_seconds);
    return (int64_t)fmax(1.0, floor(seconds / (dearest + 1e-9)));
}
