/* What frames take: memory, operations, time. */
#include "linalg/frame.h"

#include "linalg/frame_shape.h"
#include "linalg/reflections.h"

double frame_bytes(long dimension, long columns, bool on_grid)
{
    const double d = (double)dimension, k = (double)columns;
    const bool implicit = frame_is_implicit(dimension, columns, on_grid), small = frame_is_small(dimension, columns);
    const double blocks = (implicit ? 2.0 : small ? 5.0 : 3.0) + (frame_is_leading(dimension, columns) ? 1.0 : 0.0);
    return 8.0 * d * (blocks * k + 10.0) + (small ? 0.0 : reflections_bytes(dimension, columns, !implicit));
}

double frame_flops(long dimension, long columns)
{
    const double d = (double)dimension, k = (double)columns;
    const double decomposition = 2.0 * d * k * k - 2.0 / 3.0 * k * k * k;
    return 2.0 * d * d * k + decomposition * (frame_is_implicit(dimension, columns, false) ? 1.0 : 2.0);
}

/* Fitted to benchmark_lyapunov from d = 16 to 512, and scaled to the machine of linalg/cost.c: a reflection, an element
 * that is sorted, scaled and transposed, and operations a second by rows and in blocks. */
static const double REFLECTION_SECONDS = 0.09e-6, ELEMENT_SECONDS = 5.5e-9, RATE_BY_ROWS = 43e9, RATE_IN_BLOCKS = 32e9;
static const double ROW_REFLECTION_SECONDS = 0.07e-6, ROW_ELEMENT_SECONDS = 3e-9; /* the same of small whole frames */
static const double LEADING_SHARE = 0.55; /* of steps of leading directions: decompositions, and what comes with them */
static const double RATE_THIN = 7.3e9;    /* in blocks of few columns, most of whose time goes into panels and Q */

struct cost frame_cost(long dimension, long columns)
{
    const double d = (double)dimension, k = (double)columns, product = 2.0 * d * d * k;
    const bool implicit = frame_is_implicit(dimension, columns, false);
    const double flops = frame_flops(dimension, columns) - (implicit ? 0 : product);
    const double rate = frame_is_small(dimension, columns) ? RATE_BY_ROWS : implicit ? RATE_IN_BLOCKS : RATE_THIN;
    struct cost cost = { .flops = flops };
    cost.seconds = frame_is_by_rows(dimension, columns, false)
                       ? k * ROW_REFLECTION_SECONDS + d * k * ROW_ELEMENT_SECONDS
                       : k * REFLECTION_SECONDS + d * k * ELEMENT_SECONDS;
    cost.seconds += flops / rate;
    if (frame_is_leading(dimension, columns))
        cost.seconds *= LEADING_SHARE;
    /* On a team all ranks decompose alike. */
    cost.replicated = cost.seconds;
    return implicit ? cost : cost_add(cost, cost_narrow(dimension, k, k));
}
