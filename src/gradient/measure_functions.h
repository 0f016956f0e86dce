/* The functions behind the rows of the measure table, one file each. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_MEASURE_FUNCTIONS_H
#define GRADSWEEP_GRADIENT_MEASURE_FUNCTIONS_H

#include "gradient/chain_cost.h"
#include "gradient/task.h"

/* As struct measure describes them. */
#define MEASURE_DECLARE(name)                                            \
    CHECKED enum status measure_##name(const struct measure_task *task); \
    struct cost measure_##name##_cost(const struct chain_question *question)

MEASURE_DECLARE(step_bound);
MEASURE_DECLARE(gradient);
MEASURE_DECLARE(contribution_map);
MEASURE_DECLARE(expansion);
MEASURE_DECLARE(singular_values);

#undef MEASURE_DECLARE

double measure_gradient_bytes(const struct chain_question *question);
double measure_contribution_map_bytes(const struct chain_question *question);
double measure_expansion_bytes(const struct chain_question *question);
double measure_singular_values_bytes(const struct chain_question *question);

#endif
