/* The schedule: every unit is computed by exactly one team, whatever the number of ranks, and the units themselves do
 * not depend on it. */
#include "parallel/team.h"
#include "run/schedule.h"
#include "sweep/sweep_testing.h"

#include <math.h>

/* Four sizes of teams are wished for: 256, 64, 16 and 4. */
#define LARGE_W                                                                                                  \
    "weights: {ensemble: [ginibre, orthogonal], replicas: 3}\n"                                                  \
    "model: {activation: [identity, tanh]}\n"                                                                    \
    "grid: {hidden_size: [8, 64, 4096, 8192, 16384, 32768], spectral_radius: {start: 0.5, stop: 1.5, num: 5},\n" \
    "       gamma: [0.5, 1], lag: {log2: 16}}\n"                                                                 \
    "numerics: {distribute_from: 4096}\n"

#define SMALL_W                                                                              \
    "weights: {ensemble: [ginibre, orthogonal], replicas: 40}\n"                             \
    "model: {activation: [identity, tanh, relu]}\n"                                          \
    "grid: {hidden_size: [8, 64, 512], spectral_radius: {start: 0.5, stop: 1.5, num: 20},\n" \
    "       gamma: [0.5, 1], lag: {log2: 64}}\n"

/* Small numbers, round ones, primes, and the largest. */
static const int rank_counts[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,   16,   17,   18, 19,
                                   20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,   35,   36,   37, 38,
                                   39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,   54,   55,   56, 57,
                                   58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 96, 1000, 1021, 16384 };
enum { RANK_COUNTS = sizeof rank_counts / sizeof *rank_counts };

struct planned {
    struct sweep *sweep;
    struct unit_list *list;
};

static struct planned open_units(const char *text)
{
    struct planned planned;
    assert_int_equal(sweep_parse(text, &planned.sweep), STATUS_OK);
    assert_int_equal(unit_list_open(planned.sweep, &planned.list), STATUS_OK);
    return planned;
}

static void close_units(struct planned planned)
{
    unit_list_close(planned.list);
    sweep_close(planned.sweep);
}

static struct schedule *open_schedule(const struct unit_list *list, int ranks)
{
    struct schedule *schedule;
    assert_int_equal(schedule_open(list, ranks, &schedule), STATUS_OK);
    return schedule;
}

static void check_sizes(const struct schedule *schedule, int ranks)
{
    const int *sizes = schedule_team_sizes(schedule);
    int count = schedule_level_count(schedule);
    assert_in_range(count, 1, SCHEDULE_MAX_LEVELS);
    assert_in_range(sizes[0], 1, ranks);
    assert_int_equal(sizes[count - 1], 1);
    for (int level = 1; level < count; level++) {
        assert_true(sizes[level] < sizes[level - 1]);
        assert_int_equal(sizes[level - 1] % sizes[level], 0);
    }
}

/* Every unit stands in one queue, once, and that is the queue of the largest teams within its wish. */
static void check_queues(const struct schedule *schedule, const struct unit_list *list)
{
    uint64_t count = unit_list_count(list), total = 0;
    const int *sizes = schedule_team_sizes(schedule);
    uint8_t *seen = calloc(count, 1);
    assert_non_null(seen);
    for (int level = 0; level < schedule_level_count(schedule); level++) {
        uint64_t length = schedule_queue_length(schedule, level);
        total += length;
        for (uint64_t position = 0; position < length; position++) {
            uint64_t number = schedule_unit(schedule, level, position);
            assert_true(number < count);
            assert_int_equal(seen[number]++, 0);
            struct unit unit = unit_list_at(list, number);
            assert_true(unit.team_size >= sizes[level]);
            assert_true(level == 0 || unit.team_size < sizes[level - 1]);
        }
    }
    assert_int_equal(total, count);
    free(seen);
}

/* Weight units first; of each kind the dearest first. */
static void check_order(const struct schedule *schedule, const struct unit_list *list)
{
    for (int level = 0; level < schedule_level_count(schedule); level++) {
        for (uint64_t position = 1; position < schedule_queue_length(schedule, level); position++) {
            struct unit before = unit_list_at(list, schedule_unit(schedule, level, position - 1));
            struct unit after = unit_list_at(list, schedule_unit(schedule, level, position));
            assert_true(before.kind <= after.kind);
            if (before.kind == after.kind)
                assert_true(schedule_seconds(schedule, level, position - 1) >=
                            schedule_seconds(schedule, level, position));
        }
    }
}

/* Each rank begins at one level; the teams that begin at a level are given its first positions, one each, and the
 * counter goes on behind them. */
static void check_given(const struct schedule *schedule, int ranks)
{
    const int *sizes = schedule_team_sizes(schedule);
    int levels = schedule_level_count(schedule);
    int64_t given[SCHEDULE_MAX_LEVELS] = { 0 };
    for (int rank = 0; rank < ranks; rank++) {
        int first = schedule_first_level(schedule, rank);
        for (int level = 0; level < levels; level++) {
            int team = team_number_of(ranks, sizes[level], rank);
            if (team < 0) {
                assert_int_not_equal(level, first);
                continue;
            }
            int64_t position = schedule_given_position(schedule, level, team);
            bool begins_here = level == first;
            /* Ranks that begin with a larger team have no given unit here. */
            assert_true(begins_here ? position >= 0 : position < 0 || schedule_queue_length(schedule, level) == 0);
            if (begins_here && rank % sizes[level] == 0)
                assert_int_equal(position, given[level]++);
        }
    }
    for (int level = 0; level < levels; level++)
        if (schedule_queue_length(schedule, level) > 0)
            assert_int_equal(schedule_counter_start(schedule, level), given[level]);
}

/* Claims are at most a second of work or one unit, and leave three quarters of a fair share of the rest. Other teams
 * claim too, so that the units that are given may be the dearest ones further on. */
static void check_claims(const struct schedule *schedule, int ranks)
{
    for (int level = 0; level < schedule_level_count(schedule); level++) {
        uint64_t length = schedule_queue_length(schedule, level);
        double teams = team_count(ranks, schedule_team_sizes(schedule)[level]);
        for (uint64_t position = 0; position < length; position += 1 + position / 50) {
            int64_t amount = schedule_claim(schedule, level, position);
            assert_true(amount >= 1 && position + (uint64_t)amount <= length);
            double dearest = 0.0, rest = 0.0;
            for (uint64_t i = position; i < length; i++) {
                rest += schedule_seconds(schedule, level, i);
                dearest = fmax(dearest, schedule_seconds(schedule, level, i));
            }
            /* Sums in another order than the schedule's differ in their last digits. */
            if (amount > 1) {
                assert_true((double)amount * dearest <= 1.0 + 1e-9);
                assert_true((double)amount * dearest <= rest / (4.0 * teams) * (1.0 + 1e-9));
            }
        }
        if (length > 0)
            assert_int_equal(schedule_claim(schedule, level, length), 1);
    }
}

static void test_every_unit_once_on_any_number_of_ranks(void **state)
{
    (void)state;
    static const char *const texts[] = { LARGE_W, SMALL_W };
    for (int text = 0; text < 2; text++) {
        struct planned planned = open_units(texts[text]);
        for (int i = 0; i < RANK_COUNTS; i++) {
            struct schedule *schedule = open_schedule(planned.list, rank_counts[i]);
            check_sizes(schedule, rank_counts[i]);
            check_queues(schedule, planned.list);
            check_order(schedule, planned.list);
            check_given(schedule, rank_counts[i]);
            schedule_close(schedule);
        }
        close_units(planned);
    }
}

static void test_claims(void **state)
{
    (void)state;
    static const int ranks[] = { 1, 2, 7, 64, 1021 };
    static const char *const texts[] = { LARGE_W, SMALL_W };
    for (int text = 0; text < 2; text++) {
        struct planned planned = open_units(texts[text]);
        for (int i = 0; i < 5; i++) {
            struct schedule *schedule = open_schedule(planned.list, ranks[i]);
            check_claims(schedule, ranks[i]);
            schedule_close(schedule);
        }
        close_units(planned);
    }
}

/* What hidden sizes wish for, and what becomes of it. */
static void test_team_sizes(void **state)
{
    (void)state;
    static const struct {
        int ranks, count, sizes[5];
    } expected[] = {
        { 1, 1, { 1 } },
        { 2, 2, { 2, 1 } },
        { 3, 2, { 3, 1 } },
        { 4, 2, { 4, 1 } },
        { 5, 2, { 4, 1 } },
        { 7, 3, { 6, 3, 1 } },
        { 8, 3, { 8, 4, 1 } },
        { 13, 3, { 12, 4, 1 } },
        { 30, 4, { 24, 12, 4, 1 } },
        { 64, 4, { 64, 16, 4, 1 } },
        { 100, 5, { 96, 48, 16, 4, 1 } },
        { 1021, 5, { 256, 64, 16, 4, 1 } },
    };
    struct planned planned = open_units(LARGE_W);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct schedule *schedule = open_schedule(planned.list, expected[i].ranks);
        assert_int_equal(schedule_level_count(schedule), expected[i].count);
        for (int level = 0; level < expected[i].count; level++)
            assert_int_equal(schedule_team_sizes(schedule)[level], expected[i].sizes[level]);
        schedule_close(schedule);
    }
    for (uint64_t number = 0; number < unit_list_count(planned.list); number++) {
        static const int wishes[] = { 1, 1, 4, 16, 64, 256 };
        struct unit unit = unit_list_at(planned.list, number);
        assert_int_equal(unit.team_size, wishes[unit.place.at[AXIS_HIDDEN_SIZE]]);
    }
    close_units(planned);
}

/* Without large W: one queue in the order of the list, its first units given rank by rank. */
static void test_ranks_on_their_own(void **state)
{
    (void)state;
    struct planned planned = open_units(SMALL_W);
    struct schedule *schedule = open_schedule(planned.list, 24);
    assert_int_equal(schedule_level_count(schedule), 1);
    assert_int_equal(schedule_counter_start(schedule, 0), 24);
    for (int rank = 0; rank < 24; rank++)
        assert_int_equal(schedule_given_position(schedule, 0, rank), rank);
    for (uint64_t position = 0; position < unit_list_count(planned.list); position++)
        assert_int_equal(schedule_unit(schedule, 0, position), position);
    schedule_close(schedule);
    close_units(planned);
}

static bool is_same_unit(const struct unit *a, const struct unit *b)
{
    return a->kind == b->kind && a->weight == b->weight && a->first_chain == b->first_chain &&
           a->chain_count == b->chain_count && a->cell_count == b->cell_count && a->team_size == b->team_size;
}

/* A machine whose LAPACK is slow computes the same units under the same numbers, in another order. */
static void test_measured_speed_changes_the_order_alone(void **state)
{
    (void)state;
    static const struct cost_speed speed = { .kernel = 0.01, .lapack = 100.0 };
    struct planned plain = open_units(SMALL_W), scaled = open_units(SMALL_W);
    unit_list_set_speed(scaled.list, &speed);
    struct schedule *before = open_schedule(plain.list, 16), *after = open_schedule(scaled.list, 16);
    uint64_t moved = 0;
    assert_int_equal(unit_list_count(plain.list), unit_list_count(scaled.list));
    for (uint64_t number = 0; number < unit_list_count(plain.list); number++) {
        struct unit a = unit_list_at(plain.list, number), b = unit_list_at(scaled.list, number);
        assert_true(is_same_unit(&a, &b));
        moved += schedule_unit(before, 0, number) != schedule_unit(after, 0, number);
    }
    assert_true(moved > 0);
    check_queues(after, scaled.list);
    check_order(after, scaled.list);
    double before_seconds = schedule_core_seconds(before), after_seconds = schedule_core_seconds(after);
    assert_true(fabs(after_seconds - before_seconds) > 0.1 * before_seconds);
    schedule_close(before);
    schedule_close(after);
    close_units(plain);
    close_units(scaled);
}

/* Marks the cells of a unit, which all have one of its chains, and returns how many these chains are, of all its
 * networks. */
static uint64_t see_cells(const struct sweep *sweep, const struct unit *unit, uint8_t *seen)
{
    uint64_t cells = 0, chains = 0;
    uint8_t *has_cell = calloc(unit->chain_count * (uint64_t)unit->weight_count, 1);
    assert_non_null(has_cell);
    for (uint64_t row = 0; row < grid_plane_rows(sweep); row++) {
        uint64_t first, count = unit_cells_in_row(sweep, unit, row, &first);
        for (uint64_t i = first; i < first + count; i++, cells++) {
            assert_true(i < grid_cell_count(sweep));
            const struct cell cell = grid_cell_at(sweep, i);
            const uint64_t chain = grid_chain_of(sweep, &cell) - unit->first_chain;
            assert_int_equal(seen[i]++, 0);
            assert_true(chain < unit->chain_count);
            const uint64_t network = grid_weight_number(sweep, &cell) - unit->weight;
            assert_true(network < (uint64_t)unit->weight_count);
            assert_true(grid_coupling(sweep, &cell) == grid_chain_coupling(sweep, unit->first_chain + chain));
            chains += has_cell[network * unit->chain_count + chain] == 0;
            has_cell[network * unit->chain_count + chain] = 1;
        }
    }
    assert_int_equal(cells, unit->cell_count);
    free(has_cell);
    return chains;
}

/* Networks that take little time share units, wide ones do not; which units there are says the sweep alone. */
static void test_small_networks_share_units(void **state)
{
    (void)state;
    struct planned planned = open_units(SMALL_W);
    for (long i = 0; i < unit_list_class_count(planned.list); i++) {
        const struct unit_class *class = unit_list_class(planned.list, i);
        const long size = grid_hidden_size(planned.sweep, &class->place), share = class->replicas_per_unit;
        uint64_t weights = 0;
        assert_true(size > 8 || share > 1);
        assert_true(size < 512 || class->kind == UNIT_WEIGHT ||
                    share == 1); /* what is known by construction is cheap */
        for (uint64_t number = 0; number < class->unit_count; number += class->units_per_network) {
            const struct unit unit = unit_list_at(planned.list, class->first_unit + number);
            assert_int_equal(unit.place.at[AXIS_REPLICA], (long)weights);
            weights += (uint64_t)unit.weight_count;
        }
        assert_int_equal(weights, 40);
    }
    close_units(planned);
}

/* Units cover all cells of the grid, each once, and each chain belongs to one of them. */
static void test_units_cover_the_grid(void **state)
{
    (void)state;
    static const char *const texts[] = { LARGE_W, SMALL_W };
    for (int text = 0; text < 2; text++) {
        struct planned planned = open_units(texts[text]);
        uint64_t cells = grid_cell_count(planned.sweep);
        uint8_t *seen = calloc(cells, 1);
        assert_non_null(seen);
        for (uint64_t number = 0; number < unit_list_count(planned.list); number++) {
            struct unit unit = unit_list_at(planned.list, number);
            if (unit.kind == UNIT_CHAINS)
                assert_int_equal(see_cells(planned.sweep, &unit, seen), unit.chain_count * (uint64_t)unit.weight_count);
        }
        for (uint64_t cell = 0; cell < cells; cell++)
            assert_int_equal(seen[cell], 1);
        free(seen);
        close_units(planned);
    }
}

/* The last unit of a network is as large as the others but for what does not divide: none draws W for a chain or two.
 */
static void test_units_of_a_network_are_alike(void **state)
{
    (void)state;
    struct planned planned = open_units("model: {activation: tanh}\n"
                                        "weights: {ensemble: [ginibre, orthogonal]}\n"
                                        "grid: {hidden_size: [256, 512], spectral_radius: {start: 0.5, stop: 1.5, "
                                        "num: 33}, gamma: 1, lag: {log2: 256}}\nmeasure: [jacobian_norm]\n");
    bool is_cut = false;
    for (long i = 0; i < unit_list_class_count(planned.list); i++) {
        const struct unit_class *class = unit_list_class(planned.list, i);
        if (class->kind != UNIT_CHAINS)
            continue;
        const struct unit last = unit_list_at(planned.list, class->first_unit + class->units_per_network - 1);
        is_cut = is_cut || class->units_per_network > 1;
        assert_true(last.chain_count + class->units_per_network > class->chains_per_unit);
        assert_int_equal((class->units_per_network - 1) * class->chains_per_unit + last.chain_count, 33);
    }
    assert_true(is_cut);
    close_units(planned);
}

/* Into how many units the chains of a large network are cut, of nine that vanish and seven that do not. */
static uint64_t units_of_network(const char *activation, const char *model)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "model: {activation: %s, warmup: 200%s}\nweights: {ensemble: ginibre}\n"
        "grid: {hidden_size: 1024, spectral_radius: {start: 0.1, stop: 1.6, num: 16}, gamma: 1, lag: {log2: 64}}\n",
        activation, model);
    struct planned planned = open_units(text);
    uint64_t units = 0;
    for (long i = 0; i < unit_list_class_count(planned.list); i++)
        if (unit_list_class(planned.list, i)->kind == UNIT_CHAINS)
            units = unit_list_class(planned.list, i)->units_per_network;
    close_units(planned);
    return units;
}

/* Chains that have a product in common stay together, lest each unit of them find its norms again. */
static void test_chains_that_are_alike_are_not_cut(void **state)
{
    (void)state;
    const char *driven = ", input: {kind: gaussian, size: 3}", *alone = "";
    assert_true(units_of_network("tanh", driven) > 1);
    assert_true(units_of_network("relu", driven) > 1);
    assert_int_equal(units_of_network("tanh", alone), 1);
    assert_int_equal(units_of_network("relu", alone), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit_once_on_any_number_of_ranks),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_team_sizes),
        cmocka_unit_test(test_ranks_on_their_own),
        cmocka_unit_test(test_measured_speed_changes_the_order_alone),
        cmocka_unit_test(test_small_networks_share_units),
        cmocka_unit_test(test_units_cover_the_grid),
        cmocka_unit_test(test_units_of_a_network_are_alike),
        cmocka_unit_test(test_chains_that_are_alike_are_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
