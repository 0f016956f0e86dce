/* Matrices that are kept: drawn once where there is room, and always those that the key draws. */
#include "model/kept_draws.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static long draws;

/* Whatever of the key counts. */
static double entry(const struct network_key *key, long number)
{
    return (double)key->seed + 10.0 * (double)key->replica + 1e6 * (double)number;
}

static enum status draw_counted(const struct network_key *key, double *values, double *radius)
{
    draws++;
    for (long i = 0; i < key->hidden_size * key->hidden_size; i++)
        values[i] = entry(key, i);
    *radius = (double)key->replica;
    return STATUS_OK;
}

static const struct ensemble_kind counted = { .name = "counted",
                                              .spectrum = SPECTRUM_RADIUS_DRAWN,
                                              .draw = draw_counted };
static const struct ensemble ensembles[2] = { { .kind = &counted, .label = NULL },
                                              { .kind = &counted, .label = NULL } };

static void check(const struct network_key *key, const double *values, double radius)
{
    for (long i = 0; i < key->hidden_size * key->hidden_size; i++)
        assert_true(values[i] == entry(key, i));
    assert_true(radius == (double)key->replica);
}

/* How many draws it takes to draw a W or to take it. */
static long draws_of(struct kept_draws *kept, const struct network_key *key, bool is_taken)
{
    double *values = malloc((size_t)(key->hidden_size * key->hidden_size) * sizeof *values), radius = NAN;
    draws = 0;
    assert_int_equal(is_taken ? kept_draws_take(kept, key, values, &radius)
                              : kept_draws_draw(kept, key, values, &radius),
                     STATUS_OK);
    check(key, values, radius);
    free(values);
    return draws;
}

static long draw(struct kept_draws *kept, const struct network_key *key)
{
    return draws_of(kept, key, false);
}

static long take(struct kept_draws *kept, const struct network_key *key)
{
    return draws_of(kept, key, true);
}

static struct kept_draws *opened(void)
{
    struct kept_draws *kept;
    assert_int_equal(kept_draws_open(&kept), STATUS_OK);
    return kept;
}

static void what_is_kept_is_not_drawn_again(void **state)
{
    (void)state;
    struct kept_draws *kept = opened();
    for (long replica = 0; replica < 3000; replica++)
        assert_int_equal(draw(kept, &(struct network_key){ &ensembles[replica % 2], 5, 1 + replica % 7, replica }), 1);
    long again = 0;
    for (int turn = 0; turn < 2; turn++)
        for (long replica = 0; replica < 3000; replica++)
            again += take(kept, &(struct network_key){ &ensembles[replica % 2], 5, 1 + replica % 7, replica });
    assert_true(again < 1500); /* a few of them share a place */
    kept_draws_close(kept);
}

/* Each of them differs from one that is kept in one thing; the last stands in its place. */
static void each_part_of_the_key_counts(void **state)
{
    (void)state;
    struct kept_draws *kept = opened();
    const struct network_key key = { &ensembles[0], 5, 4, 2 };
    const struct network_key others[] = {
        { &ensembles[1], 5, 4, 2 },
        { &ensembles[0], 6, 4, 2 },
        { &ensembles[0], 5, 3, 2 },
        { &ensembles[0], 5, 4, 3 },
        { &ensembles[0], 5, 4, 2 + (1 << 13) },
    };
    assert_int_equal(draw(kept, &key), 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(take(kept, &others[i]), 1);
    assert_int_equal(draw(kept, &others[4]), 1);
    assert_int_equal(take(kept, &others[4]), 1);
    assert_int_equal(take(kept, &key), 0);
    kept_draws_close(kept);
}

static void what_there_is_no_room_for_is_drawn_again(void **state)
{
    (void)state;
    enum { SIZE = 512, MATRICES = KEPT_DRAWS_BYTES / (SIZE * SIZE * 8) };
    struct kept_draws *kept = opened();
    for (long replica = 0; replica < MATRICES + 2; replica++)
        assert_int_equal(draw(kept, &(struct network_key){ &ensembles[0], 5, SIZE, replica }), 1);
    for (long replica = 0; replica < MATRICES + 2; replica++)
        assert_int_equal(take(kept, &(struct network_key){ &ensembles[0], 5, SIZE, replica }), replica >= MATRICES);
    const struct network_key small = { &ensembles[0], 5, 1, 0 };
    assert_int_equal(draw(NULL, &small) + take(NULL, &small), 2);
    kept_draws_close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_not_drawn_again),
        cmocka_unit_test(each_part_of_the_key_counts),
        cmocka_unit_test(what_there_is_no_room_for_is_drawn_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
