/* Phases: one at a time, a visit goes back to where it came from, and the parts add up to the time that has passed. */
#include "base/clock.h"
#include "base/phases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_visit_ends_with_its_scope(void **state)
{
    (void)state;
    struct phases phases = phases_start();
    const double began = phases.since;
    {
        SCOPED(phase_visit) products = phases_visit(&phases, PHASE_PRODUCTS);
        assert_int_equal(phases.current, PHASE_PRODUCTS);
        {
            SCOPED(phase_visit) norms = phases_visit(&phases, PHASE_NORMS);
            assert_int_equal(phases.current, PHASE_NORMS);
            clock_sleep(0.001);
        }
        assert_int_equal(phases.current, PHASE_PRODUCTS);
    }
    assert_int_equal(phases.current, PHASE_OTHER);
    double sum = 0.0;
    for (enum phase phase = 0; phase < PHASES; phase++)
        sum += phases.seconds[phase];
    /* Four differences of times whose rounding is that of the clock's last reading. */
    assert_true(fabs(sum - (phases.since - began)) <= 8 * (nextafter(phases.since, INFINITY) - phases.since));
    assert_true(phases.seconds[PHASE_NORMS] > 0.0);
}

static void nobody_keeps_account(void **state)
{
    (void)state;
    SCOPED(phase_visit) visit = phases_visit(NULL, PHASE_STORE);
    assert_int_equal(phases_enter(NULL, PHASE_NORMS), PHASE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_visit_ends_with_its_scope),
                                        cmocka_unit_test(nobody_keeps_account) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
