/* Plans: the simulated schedule keeps ranks busy, also where costs are predicted wrongly, and obeys simple bounds. */
#include "run/plan.h"
#include "sweep/sweep_testing.h"

#include <math.h>

/* Sizes from those that fit a cache line's worth of work to those that 16 ranks share. */
#define MIXED                                                                                                       \
    "weights: {ensemble: [ginibre, orthogonal, symmetric, {kind: sparse, density: 0.1}], replicas: 8}\n"            \
    "model: {activation: [identity, tanh, relu]}\n"                                                                 \
    "grid: {hidden_size: [8, 32, 128, 512, 2048, 4096, 8192], spectral_radius: {start: 0.5, stop: 1.5, num: 11},\n" \
    "       gamma: {start: 0.2, stop: 1.2, num: 6}, lag: {log2: 256}}\n"

#define ONE_NETWORK                  \
    "weights: {ensemble: ginibre}\n" \
    "model: {activation: tanh}\n"    \
    "grid: {hidden_size: 64, spectral_radius: 1, gamma: 1, lag: 16}\n"

#define LARGE_W                              \
    "weights: {ensemble: ginibre}\n"         \
    "model: {activation: tanh, warmup: 0}\n" \
    "grid: {hidden_size: [64, 16384], spectral_radius: native, gamma: [0.5, 1], lag: [1, 2]}\n"

/* Leading exponents of a W that ranks share. */
#define LARGE_EXPONENTS                                                             \
    "weights: {ensemble: ginibre}\n"                                                \
    "model: {activation: tanh, warmup: 100}\n"                                      \
    "grid: {hidden_size: 4096, spectral_radius: 1.5, gamma: 1, lag: 1}\n"           \
    "measure: [jacobian_norm, {lyapunov: {count: 64, transient: 20, steps: 80}}]\n" \
    "numerics: {distribute_from: 1024}\n"

struct planned {
    struct sweep *sweep;
    struct unit_list *list;
};

static struct planned open_units(struct sweep *sweep)
{
    struct planned planned = { .sweep = sweep };
    assert_int_equal(unit_list_open(sweep, &planned.list), STATUS_OK);
    return planned;
}

static struct planned open_text_units(const char *text)
{
    struct sweep *sweep;
    assert_int_equal(sweep_parse(text, &sweep), STATUS_OK);
    return open_units(sweep);
}

static struct planned open_file_units(const char *name)
{
    char path[4096];
    struct sweep *sweep;
    snprintf(path, sizeof path, "%s/jobs/sweeps/%s", GRADSWEEP_SOURCE_DIR, name);
    assert_int_equal(sweep_open(path, 0, NULL, true, &sweep), STATUS_OK);
    return open_units(sweep);
}

static void close_units(struct planned planned)
{
    unit_list_close(planned.list);
    sweep_close(planned.sweep);
}

static struct plan plan_for(struct planned planned, int ranks, double relative_error)
{
    struct plan plan;
    assert_int_equal(plan_simulate(planned.list, planned.sweep, ranks, relative_error, &plan), STATUS_OK);
    return plan;
}

static void assert_close(double value, double expected)
{
    /* Sums of the same times in another order. */
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g instead of %.17g", value, expected);
}

static void assert_efficiency(struct planned planned, int ranks, double least)
{
    static const double errors[] = { 0.0, 0.15 };
    for (int i = 0; i < 2; i++) {
        struct plan plan = plan_for(planned, ranks, errors[i]);
        print_message("%d ranks, costs wrong by %.0f%%: %.1f s, efficiency %.1f%%\n", ranks, 100.0 * errors[i],
                      plan.makespan_seconds, 100.0 * plan.efficiency);
        assert_true(plan.efficiency >= least && plan.efficiency <= 1.0 + 1e-9);
    }
}

static void test_phase_diagram(void **state)
{
    (void)state;
    struct planned planned = open_file_units("phase-diagram.yaml");
    assert_efficiency(planned, 1024, 0.95);
    assert_efficiency(planned, 16384, 0.90);
    close_units(planned);
}

/* Teams of 16 and 4 beside single ranks, on a round number of ranks and on a prime one. */
static void test_mixed_sizes(void **state)
{
    (void)state;
    struct planned planned = open_text_units(MIXED);
    assert_efficiency(planned, 1000, 0.80);
    assert_efficiency(planned, 1021, 0.80);
    struct plan plan = plan_for(planned, 1021, 0.0);
    static const int sizes[] = { 16, 4, 1 }, teams[] = { 63, 255, 1021 };
    uint64_t units = 0;
    double share = 0.0;
    assert_int_equal(plan.level_count, 3);
    for (int level = 0; level < 3; level++) {
        assert_int_equal(plan.levels[level].team_size, sizes[level]);
        assert_int_equal(plan.levels[level].teams, teams[level]);
        units += plan.levels[level].units;
        share += plan.levels[level].share;
    }
    assert_int_equal(units, unit_list_count(planned.list));
    assert_close(share, 1.0);
    close_units(planned);
}

/* No schedule ends before its longest unit, or before all ranks together have done the work. */
static void test_bounds_of_the_makespan(void **state)
{
    (void)state;
    static const int ranks[] = { 1, 2, 3, 17, 64, 1021 };
    struct planned planned = open_text_units(MIXED);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        struct schedule *schedule;
        struct plan plan = plan_for(planned, ranks[i], 0.0);
        assert_int_equal(schedule_open(planned.list, ranks[i], &schedule), STATUS_OK);
        double work = schedule_core_seconds(schedule), longest = 0.0;
        for (int level = 0; level < plan.level_count; level++)
            longest = fmax(longest, schedule_seconds(schedule, level, 0));
        assert_true(plan.makespan_seconds >= longest);
        assert_true(plan.makespan_seconds >= work / ranks[i] * (1.0 - 1e-9));
        assert_close(plan.efficiency * plan.makespan_seconds * ranks[i], work);
        if (ranks[i] == 1)
            assert_close(plan.makespan_seconds, work);
        schedule_close(schedule);
    }
    close_units(planned);
}

/* One weight unit and one chain unit. On two ranks both begin at once, and the second finds rho and ||W|| itself. */
static void test_spectrum_that_is_not_known_yet(void **state)
{
    (void)state;
    struct planned planned = open_text_units(ONE_NETWORK);
    assert_int_equal(unit_list_count(planned.list), 2);
    double weight = unit_list_at(planned.list, 0).cost.seconds, chain = unit_list_at(planned.list, 1).cost.seconds;
    assert_int_equal(unit_list_at(planned.list, 0).kind, UNIT_WEIGHT);
    assert_true(weight > 0.0 && chain > 0.0);
    assert_close(plan_for(planned, 1, 0.0).makespan_seconds, weight + chain);
    for (int ranks = 2; ranks <= 5; ranks++) {
        struct plan plan = plan_for(planned, ranks, 0.0);
        assert_close(plan.makespan_seconds, weight + chain);
        assert_close(plan.efficiency, 1.0 / ranks);
    }
    close_units(planned);
}

/* Results take their time beside whatever else there is, and are much the same however they are cut. */
static void test_writing_takes_its_time(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "model: {activation: identity}\n"
        "grid: {hidden_size: 2, spectral_radius: 1, gamma: {start: 0.1, stop: 1, num: 10000}, lag: {log2: 256}}\n",
        "model: {activation: identity}\n"
        "grid: {hidden_size: 2, spectral_radius: 1, gamma: {start: 0.1, stop: 1, num: 20000}, lag: {log2: 256}}\n",
    };
    const double bytes = 1e4 * 9 * (8 + 8 + 1), rate = 1e9;
    double seconds[2];
    for (int i = 0; i < 2; i++) {
        struct planned planned = open_text_units(texts[i]);
        seconds[i] = unit_list_cost(planned.list).seconds;
        close_units(planned);
    }
    assert_true(seconds[1] - seconds[0] >= bytes / rate);
}

/* More ranks hold a smaller part of W each; the ranks that are said to do are the fewest. */
static void test_memory(void **state)
{
    (void)state;
    struct planned planned = open_text_units(LARGE_W);
    double before = INFINITY, whole = 8.0 * 16384.0 * 16384.0;
    for (int ranks = 1; ranks <= 64; ranks *= 2) {
        struct plan plan;
        assert_int_equal(plan_memory(planned.list, ranks, &plan), STATUS_OK);
        assert_int_equal(plan.largest, 1);
        assert_true(plan.rank_bytes < before && plan.rank_bytes > 2.0 * whole / ranks);
        before = plan.rank_bytes;
        int fitting;
        assert_int_equal(plan_fitting_ranks(planned.list, plan.rank_bytes, 16384, &fitting), STATUS_OK);
        assert_int_equal(fitting, ranks);
    }
    int fitting;
    assert_int_equal(plan_fitting_ranks(planned.list, 1e6, 16384, &fitting), STATUS_OK);
    assert_int_equal(fitting, 0);
    close_units(planned);
}

/* Two ranks took 20.2 s of CPU time each, on cores 1.89 times as fast as the reference machine's kernel, and 313 MB:
 * the plan for that machine stays within 30% of it, and no more memory is taken than planned. */
static void test_large_exponents(void **state)
{
    (void)state;
    const double measured = 20.2 * 1.89, bytes = 313e6;
    struct planned planned = open_text_units(LARGE_EXPONENTS);
    struct plan plan = plan_for(planned, 2, 0.0), memory;
    print_message("planned %.1f s, measured %.1f s\n", plan.makespan_seconds, measured);
    assert_true(fabs(plan.makespan_seconds - measured) <= 0.3 * measured);
    assert_int_equal(plan_memory(planned.list, 2, &memory), STATUS_OK);
    assert_true(memory.rank_bytes >= bytes && memory.rank_bytes <= 1.3 * bytes);
    close_units(planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phase_diagram),          cmocka_unit_test(test_mixed_sizes),
        cmocka_unit_test(test_bounds_of_the_makespan), cmocka_unit_test(test_spectrum_that_is_not_known_yet),
        cmocka_unit_test(test_writing_takes_its_time), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_large_exponents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
