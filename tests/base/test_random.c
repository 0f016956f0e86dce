/* Random numbers: known answers of Philox, and independence of how they are asked for. */
#include "base/random.h"

#include <math.h>
#include <Random123/philox.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Random123's published known answer for philox4x64-10, key and counter from the digits of pi. */
static void philox_gives_the_published_answer(void **state)
{
    (void)state;
    philox4x64_ctr_t counter = { { 0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL, 0xa4093822299f31d0ULL,
                                   0x082efa98ec4e6c89ULL } };
    philox4x64_key_t key = { { 0x452821e638d01377ULL, 0xbe5466cf34e90c6cULL } };
    philox4x64_ctr_t drawn = philox4x64(counter, key);
    assert_true(drawn.v[0] == 0xa528f45403e61d95ULL);
    assert_true(drawn.v[1] == 0x38c72dbd566e9788ULL);
    assert_true(drawn.v[2] == 0xa5a1610e72fd18b5ULL);
    assert_true(drawn.v[3] == 0x57bd43b5e52b7fe6ULL);
}

/* The stream as the project keys it: pinned, so that a results file of today can be made again in years. */
static void a_stream_is_pinned(void **state)
{
    (void)state;
    struct random_stream stream = random_stream_open(2013, "ginibre d=64 replica=3 role=weights");
    philox4x64_ctr_t counter = { { 1, 7, 0, 0 } };
    philox4x64_key_t key = { { 2013, stream.key[1] } };
    philox4x64_ctr_t drawn = philox4x64(counter, key);
    double value;
    random_uniform(&stream, 7, 6, 1, &value);
    assert_true(stream.key[0] == 2013);
    assert_true(value == ((double)(drawn.v[2] >> 12) + 0.5) * 0x1p-52);
}

static void an_element_does_not_depend_on_the_slice(void **state)
{
    (void)state;
    struct random_stream stream = random_stream_open(1, "slice");
    double whole[97], part[97];
    random_normal(&stream, 3, 0, 97, whole);
    for (unsigned first = 0; first < 97; first++)
        for (unsigned count = 1; count <= 97 - first; count += 5) {
            random_normal(&stream, 3, first, count, part);
            assert_memory_equal(part, whole + first, count * sizeof *part);
        }
}

/* Many steps at once are as many draws, whatever the count is a multiple of, and few pairs or many. */
static void steps_at_once_are_those_alone(void **state)
{
    (void)state;
    enum { STEPS = 150, MOST = 9 };
    struct random_stream stream = random_stream_open(1, "steps");
    double together[STEPS * MOST], alone[MOST];
    for (uint64_t count = 1; count <= MOST; count++)
        for (uint64_t steps = 1; steps <= STEPS; steps += 149) {
            random_normal_of_steps(&stream, 11, steps, count, together);
            for (uint64_t step = 0; step < steps; step++) {
                random_normal(&stream, 11 + step, 0, count, alone);
                assert_memory_equal(together + step * count, alone, count * sizeof *alone);
            }
        }
}

/* 200,000 draws: mean, variance and fourth moment within 5 standard errors (chance of a false alarm below 1e-6; the
 * seed is fixed, so it never changes). */
static void normals_have_their_moments(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    static double values[COUNT];
    struct random_stream stream = random_stream_open(5, "moments");
    random_normal(&stream, 0, 0, COUNT, values);
    double sum = 0, square = 0, fourth = 0;
    for (int i = 0; i < COUNT; i++) {
        double x2 = values[i] * values[i];
        sum += values[i];
        square += x2;
        fourth += x2 * x2;
    }
    double root = sqrt(COUNT);
    assert_true(fabs(sum / COUNT) < 5 / root);
    assert_true(fabs(square / COUNT - 1) < 5 * sqrt(2.0) / root);
    assert_true(fabs(fourth / COUNT - 3) < 5 * sqrt(96.0) / root);
}

static void streams_differ_by_each_part_of_their_key(void **state)
{
    (void)state;
    struct random_stream a = random_stream_open(1, "a"), other_seed = random_stream_open(2, "a"),
                         other_text = random_stream_open(1, "b");
    double x, y;
    random_uniform(&a, 0, 0, 1, &x);
    random_uniform(&other_seed, 0, 0, 1, &y);
    assert_true(x != y);
    random_uniform(&other_text, 0, 0, 1, &y);
    assert_true(x != y);
    random_uniform(&a, 1, 0, 1, &y);
    assert_true(x != y);
    random_uniform(&a, 0, 1, 1, &y);
    assert_true(x != y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_at_once_are_those_alone),
        cmocka_unit_test(philox_gives_the_published_answer),
        cmocka_unit_test(a_stream_is_pinned),
        cmocka_unit_test(an_element_does_not_depend_on_the_slice),
        cmocka_unit_test(normals_have_their_moments),
        cmocka_unit_test(streams_differ_by_each_part_of_their_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
