#include "gradient/exponents_interval.h"

enum { LONGEST = 8, CALM = 8, LOOK_EVERY = 4, MOST_REFUSALS = 16 };

/* Room that is left before an interval is doubled: the spread of twice the factors is the square of this one but for
 * what differs from step to step. */
static const double EXPONENT_SPREAD = 1e3, ROOM = 4;

bool exponents_interval_ends(const struct exponent_interval *interval, long step)
{
    return interval->length == 1 || (step + 1) % interval->length == 0;
}

bool exponents_interval_keeps(struct exponent_interval *interval, const struct frame *frame, long lag_index)
{
    const long factors = frame_factors(frame);
    if (factors == 1 && lag_index % LOOK_EVERY != 0)
        return true;
    const double spread = frame_spread(frame);
    if (factors > 1 && !(spread <= EXPONENT_SPREAD)) {
        interval->length /= 2;
        interval->calm = 0;
        interval->refusals += interval->refusals < MOST_REFUSALS;
        return false;
    }
    if (factors == interval->length) { /* others were cut short, and say less */
        interval->calm = spread * spread * ROOM <= EXPONENT_SPREAD ? interval->calm + 1 : 0;
        if (interval->calm >= (long)CALM << interval->refusals && interval->length < LONGEST) {
            interval->length *= 2;
            interval->calm = 0;
        }
    }
    return true;
}
