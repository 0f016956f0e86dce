#include "gradient/measure.h"

#include <string.h>

static const struct dataset_rule jacobian_norm_datasets[] = {
    { "log_jacobian_norm",
      "natural logarithm of the spectral norm of the Jacobian product over the lag",
      "1",
      SHAPE_CELL_LAG,
      TYPE_FLOAT64,
      { NULL } },
    { "log_norm_bound",
      "natural logarithm of the bound (gamma ||W||_2)^lag",
      "1",
      SHAPE_CELL_LAG,
      TYPE_FLOAT64,
      { NULL } },
    { "bound_check",
      "whether the spectral norm of the Jacobian product is within the bound",
      "1",
      SHAPE_CELL_LAG,
      TYPE_UINT8,
      { "not_computed", "holds", "within_rounding", "violated" } },
    { "vanishing_guaranteed",
      "gamma ||W||_2 < 1: gradients vanish whatever the states (255: pending, or untied)",
      "1",
      SHAPE_CELL,
      TYPE_UINT8,
      { "no", "yes" } },
    { "spectral_condition",
      "gamma rho(W) < 1: weaker, does not imply vanishing_guaranteed (255: pending, or untied)",
      "1",
      SHAPE_CELL,
      TYPE_UINT8,
      { "no", "yes" } },
    { "growth_rate",
      "least-squares slope of log_jacobian_norm against lag over the last half of the lags",
      "1",
      SHAPE_CELL,
      TYPE_FLOAT64,
      { NULL } },
    { "weight_spectral_radius",
      "spectral radius of W as drawn or loaded, before rescaling",
      "1",
      SHAPE_WEIGHT,
      TYPE_FLOAT64,
      { NULL } },
    { "weight_norm",
      "spectral norm of W as drawn or loaded, before rescaling",
      "1",
      SHAPE_WEIGHT,
      TYPE_FLOAT64,
      { NULL } },
};

static const struct dataset_rule frobenius_norm_datasets[] = {
    { "log_frobenius_norm",
      "natural logarithm of the Frobenius norm of the Jacobian product over the lag",
      "1",
      SHAPE_CELL_LAG,
      TYPE_FLOAT64,
      { NULL } },
};

#define DATASETS(rules) .datasets = (rules), .dataset_count = sizeof(rules) / sizeof *(rules)

static const struct measure measures[MEASURE_COUNT] = {
    [MEASURE_JACOBIAN_NORM] = { .name = "jacobian_norm",
                                .help = "spectral norms of the Jacobian products, the bound and its verdicts",
                                DATASETS(jacobian_norm_datasets) },
    [MEASURE_FROBENIUS_NORM] = { .name = "frobenius_norm",
                                 .help = "Frobenius norms of the Jacobian products",
                                 DATASETS(frobenius_norm_datasets) },
};

const struct measure *measure_at(enum measure_id id)
{
    return &measures[id];
}

const struct measure *measure_find(const char *name, enum measure_id *id)
{
    for (int number = 0; number < MEASURE_COUNT; number++)
        if (strcmp(measures[number].name, name) == 0) {
            *id = (enum measure_id)number;
            return &measures[number];
        }
    return NULL;
}

size_t measure_dataset_count(unsigned requested)
{
    size_t count = 0;
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (requested & 1u << id)
            count += measures[id].dataset_count;
    return count;
}

const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number)
{
    for (int id = 0; id < MEASURE_COUNT; id++) {
        if (!(requested & 1u << id))
            continue;
        if (number < measures[id].dataset_count)
            return &measures[id].datasets[number];
        number -= measures[id].dataset_count;
    }
    return NULL;
}
