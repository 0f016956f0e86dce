/* Norms of products of networks of which some units have zero derivatives at all steps: the smaller network that is
 * left has the same products to the bit, and takes fewer operations. */
#include "gradient/jacobian_support.h"
#include "networks.h"

#include "base/random.h"

enum { SIZE = 61, CHAINS = 3, LAGS = 4, LARGEST = 40, COLUMNS = 5 };

static const long lags[LAGS] = { 1, 2, 9, LARGEST };

struct network {
    struct ensemble ensemble;
    struct weights *weights;
    struct trajectory trajectory;
    struct jacobian_problem problem; /* of all chains */
};

/* Zero at all steps: of chain 0 every third unit, of chain 1 every second, of chain 2 none; and some now and then. */
static bool is_silent(long chain, long step, long unit)
{
    return (chain < 2 && unit % (3 - chain) == 0) || (unit + step) % 7 == 0;
}

static void network_open(struct network *network)
{
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .steps = LARGEST + 20 };
    const struct activation *activation = activation_find("tanh");
    const struct chain chains[CHAINS] = { { activation, 0.9, 1, NULL },
                                          { activation, 1.2, 1, NULL },
                                          { activation, 1.5, 1, NULL } };
    network->ensemble = ensemble_named("ginibre");
    const struct network_key key = { &network->ensemble, TEST_SEED, SIZE, 0 };
    require(weights_open(&key, 1.0, &network->weights));
    require(trajectory_run(&model, network->weights, CHAINS, chains, LARGEST, KEEP_DERIVATIVES, NULL,
                           &network->trajectory));
    for (long step = 0; step < LARGEST; step++)
        for (long chain = 0; chain < CHAINS; chain++)
            for (long unit = 0; unit < SIZE; unit++)
                if (is_silent(chain, step, unit))
                    ((double *)trajectory_derivative(&network->trajectory, step, chain))[unit] = 0;
    network->problem = (struct jacobian_problem){ .weights = network->weights,
                                                  .trajectory = &network->trajectory,
                                                  .steps = model.steps,
                                                  .chains = CHAINS,
                                                  .lags = lags,
                                                  .lag_count = LAGS,
                                                  .tolerance = 1e-10 };
}

static void network_close(struct network *network)
{
    trajectory_destroy(&network->trajectory);
    weights_close(network->weights);
}

static struct jacobian_problem chains_of(const struct network *network, long first, long count)
{
    struct jacobian_problem problem = network->problem;
    problem.first_chain = first;
    problem.chains = count;
    return problem;
}

/* Random columns that are nothing but what the units let through. */
static void fill(const struct jacobian_support *support, struct block *whole, struct block *part)
{
    const struct random_stream stream = random_stream_open(TEST_SEED, "columns");
    for (long j = 0; j < COLUMNS; j++) {
        double values[SIZE];
        random_normal(&stream, (uint64_t)j, 0, SIZE, values);
        for (long i = 0; i < support->count; i++)
            block_column(whole, j)[support->units[i]] = values[i];
        jacobian_support_gather(support, block_column(whole, j), block_column(part, j));
    }
}

/* Of the whole product, what it has of those units. */
static void check_products(const struct network *network, const struct jacobian_support *support, bool transposed)
{
    const struct matrix *matrix;
    struct block whole, part, of_whole, of_part;
    require(weights_at(network->weights, LARGEST + 20, &matrix));
    require(block_create(SIZE, COLUMNS, &whole));
    require(block_create(SIZE, COLUMNS, &of_whole));
    require(block_create(support->count, COLUMNS, &part));
    require(block_create(support->count, COLUMNS, &of_part));
    fill(support, &whole, &part);
    require((transposed ? matrix_apply_transposed : matrix_apply)(matrix, &whole, &of_whole));
    require((transposed ? matrix_apply_transposed : matrix_apply)(support->matrix, &part, &of_part));
    for (long j = 0; j < COLUMNS; j++) {
        jacobian_support_gather(support, block_column(&of_whole, j), block_column(&part, j));
        assert_memory_equal(block_column(&part, j), block_column(&of_part, j), (size_t)part.stride * sizeof(double));
        for (long i = 0; i < support->count; i++)
            block_column(&part, j)[i] = -1;
        memset(block_column(&whole, j), 0, SIZE * sizeof(double));
        jacobian_support_scatter(support, block_column(&part, j), block_column(&whole, j));
        for (long i = 0, k = 0; i < SIZE; i++) {
            const bool is_unit = k < support->count && support->units[k] == i;
            assert_true(block_column(&whole, j)[i] == (is_unit ? -1 : 0));
            k += is_unit;
        }
    }
    block_destroy(&whole);
    block_destroy(&of_whole);
    block_destroy(&part);
    block_destroy(&of_part);
}

static void silent_units_leave_a_smaller_network(void **state)
{
    (void)state;
    struct network network;
    network_open(&network);
    for (long chain = 0; chain < 2; chain++) {
        const struct jacobian_problem problem = chains_of(&network, chain, 1);
        struct jacobian_support support;
        long place = 0;
        require(jacobian_support_open(&problem, &support));
        for (long unit = 0; unit < SIZE; unit++)
            if (unit % (3 - chain) != 0)
                assert_int_equal(support.units[place++], unit);
        assert_int_equal(support.count, place);
        for (long step = 0; step < LARGEST; step++)
            for (long i = 0; i < support.count; i++)
                assert_true(jacobian_support_diagonal(&support, step, 0)[i] ==
                            trajectory_derivative(&network.trajectory, step, chain)[support.units[i]]);
        check_products(&network, &support, false);
        check_products(&network, &support, true);
        jacobian_support_close(&support);
    }
    network_close(&network);
}

/* All units are heard where all chains are asked, of the first two some are silent. */
static void it_is_not_there_where_nothing_is_gained(void **state)
{
    (void)state;
    struct network network;
    struct jacobian_support support;
    network_open(&network);
    require(jacobian_support_open(&network.problem, &support));
    assert_int_equal(support.count, 0);
    jacobian_support_close(&support);
    struct jacobian_problem problem = chains_of(&network, 0, 2);
    require(jacobian_support_open(&problem, &support));
    assert_int_equal(support.count, SIZE - (SIZE + 5) / 6);
    jacobian_support_close(&support);
    problem.lag_count = 2;
    require(jacobian_support_open(&problem, &support));
    assert_int_equal(support.count, 0);
    jacobian_support_close(&support);
    network_close(&network);
}

/* log_norms[CHAINS][LAGS] of some chains; returns the operations. */
static double find(const struct network *network, long first, long count, double *log_norms)
{
    const struct jacobian_problem problem = chains_of(network, first, count);
    struct gradient_context context = { 0 };
    enum jacobian_outcome outcomes[CHAINS];
    bool fell_back[CHAINS];
    require(jacobian_norms_implicit(&problem, &context, log_norms, outcomes, fell_back));
    for (long chain = 0; chain < count; chain++) {
        assert_int_equal(outcomes[chain], JACOBIAN_FOUND);
        assert_false(fell_back[chain]);
    }
    return context.flops;
}

static void norms_are_the_same_to_the_bit_for_fewer_operations(void **state)
{
    (void)state;
    struct network network;
    double all[CHAINS * LAGS], two[CHAINS * LAGS], one[LAGS];
    network_open(&network);
    const double flops = find(&network, 0, CHAINS, all), of_two = find(&network, 0, 2, two);
    assert_memory_equal(two, all, 2 * LAGS * sizeof(double));
    double sum = 0;
    for (long chain = 0; chain < CHAINS; chain++) {
        const double of_one = find(&network, chain, 1, one);
        assert_memory_equal(one, all + chain * LAGS, sizeof one);
        sum += of_one;
        if (chain == 2) /* whose steps are whole ones either way */
            assert_true(of_two < 0.85 * (flops - of_one));
    }
    /* Of the first two chains (2/3)^2 and (1/2)^2 of the operations, but for one step in 40. */
    assert_true(sum < 0.7 * flops);
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(silent_units_leave_a_smaller_network),
                                        cmocka_unit_test(it_is_not_there_where_nothing_is_gained),
                                        cmocka_unit_test(norms_are_the_same_to_the_bit_for_fewer_operations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
