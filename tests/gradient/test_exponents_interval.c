/* How many factors go into a decomposition: rises slowly, falls at once, and is the same for chains side by side. The
 * factors are diagonals, whose spreads are powers of two known by hand (tests/linalg/test_frame.c). */
#include "gradient/exponents_interval.h"

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { D = 4, LONGEST = 8, LOOK_EVERY = 4, CALM = 8 };

static struct frame *new_frame(void)
{
    struct frame *frame;
    SCOPED(block) vectors = { 0 };
    assert_int_equal(block_create(D, 2, &vectors), STATUS_OK);
    assert_int_equal(frame_create(D, 2, false, &frame), STATUS_OK);
    block_column(&vectors, 0)[0] = block_column(&vectors, 1)[1] = 1;
    frame_start(frame, &vectors);
    return frame;
}

/* Takes in `steps` factors diag(1, small, ...); returns how many decompositions did not count. */
static long follow(struct frame *frame, double small, long first, long steps, struct exponent_interval *interval)
{
    const double scales[D] = { 1, small, small, small };
    const struct frame_factor factor = { .row_scale = scales, .row_size = scales };
    double logs[2];
    long refused = 0;
    for (long step = first; step < first + steps; step++) {
        if (!exponents_interval_ends(interval, step)) {
            assert_int_equal(frame_carry(frame, &factor), STATUS_OK);
            continue;
        }
        assert_int_equal(frame_advance(frame, &factor, logs), STATUS_OK);
        if (!exponents_interval_keeps(interval, frame, first + steps - 1 - step)) {
            refused++;
            frame_take_back(frame);
        }
    }
    return refused;
}

static void calm_factors_are_taken_together(void **state)
{
    (void)state;
    struct exponent_interval interval = { .length = 1 };
    SCOPED(frame) *frame = new_frame();
    /* Spread 2, 8, 16, 32 at 1, 2, 4, 8 factors of equal sizes, whose squares with room of 4 are within 1e3 up to 8. */
    long step = 0;
    assert_int_equal(follow(frame, 1, step, LOOK_EVERY * (CALM - 1), &interval), 0);
    assert_int_equal(interval.length, 1);
    step = LOOK_EVERY * (CALM - 1);
    assert_int_equal(follow(frame, 1, step, LOOK_EVERY, &interval), 0);
    assert_int_equal(interval.length, 2);
    step += LOOK_EVERY;
    assert_int_equal(follow(frame, 1, step, 2 * CALM, &interval), 0);
    assert_int_equal(interval.length, 4);
    step += 2 * CALM;
    assert_int_equal(follow(frame, 1, step, 100 * LONGEST, &interval), 0);
    assert_int_equal(interval.length, 4); /* 4 * 16^2 is more than 1e3 */
}

static void steep_factors_are_refused(void **state)
{
    (void)state;
    /* Of two factors that shrink by 2^-10 the second column has lost 13 bits: at once half as many. What single ones
     * look like invites to try again, after 16 looks, then 32, then 64. */
    struct exponent_interval interval = { .length = 2 };
    SCOPED(frame) *frame = new_frame();
    assert_int_equal(follow(frame, 0x1p-10, 0, 2, &interval), 1);
    assert_int_equal(interval.length, 1);
    assert_int_equal(follow(frame, 0x1p-10, 2, LOOK_EVERY * (2 + 4) * CALM + 8, &interval), 2);
    assert_int_equal(follow(frame, 0x1p-10, 202, LOOK_EVERY * 7 * CALM, &interval), 0);
    assert_int_equal(interval.length, 1);
}

static void one_bad_interval_begins_the_calm_anew(void **state)
{
    (void)state;
    struct exponent_interval interval = { .length = 2, .calm = CALM - 1 };
    SCOPED(frame) *frame = new_frame();
    assert_int_equal(follow(frame, 0x1p-4, 0, 2, &interval), 0); /* spread 2^7: counts, and its square would not */
    assert_int_equal(interval.length, 2);
    assert_int_equal(interval.calm, 0);
    /* One that was cut short says nothing. */
    interval = (struct exponent_interval){ .length = 4, .calm = 3 };
    const double scales[D] = { 1, 1, 1, 1 };
    const struct frame_factor factor = { .row_scale = scales, .row_size = scales };
    double logs[2];
    assert_int_equal(frame_advance(frame, &factor, logs), STATUS_OK);
    assert_true(exponents_interval_keeps(&interval, frame, 0));
    assert_int_equal(interval.calm, 3);
}

static void intervals_end_together(void **state)
{
    (void)state;
    for (long step = 0; step < 3 * LONGEST; step++)
        for (long length = 1; length <= LONGEST; length *= 2) {
            const struct exponent_interval interval = { .length = length };
            assert_int_equal(exponents_interval_ends(&interval, step), step % length == length - 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm_factors_are_taken_together),
        cmocka_unit_test(steep_factors_are_refused),
        cmocka_unit_test(one_bad_interval_begins_the_calm_anew),
        cmocka_unit_test(intervals_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
