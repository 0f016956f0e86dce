/* The functions behind the rows of the measure table, one file each. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_MEASURE_FUNCTIONS_H
#define GRADSWEEP_GRADIENT_MEASURE_FUNCTIONS_H

#include "gradient/cost.h"
#include "gradient/task.h"

/* As struct measure describes them. */
#define MEASURE_DECLARE(name)                                            \
    CHECKED enum status measure_##name(const struct measure_task *task); \
    double measure_##name##_flops(const struct cost_question *question)

MEASURE_DECLARE(step_bound);
MEASURE_DECLARE(gradient);
MEASURE_DECLARE(contribution_map);
MEASURE_DECLARE(expansion);
MEASURE_DECLARE(singular_values);

#undef MEASURE_DECLARE

#endif
