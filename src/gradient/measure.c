#include "gradient/measure_functions.h"

#include <stdlib.h>
#include <string.h>

static const struct dataset_rule jacobian_norm_datasets[] = {
    { "log_jacobian_norm",
      "natural logarithm of the spectral norm of the Jacobian product over the lag",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "log_norm_bound",
      "natural logarithm of the bound (gamma ||W||_2)^lag",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "bound_check",
      "whether the spectral norm of the Jacobian product is within the bound",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_UINT8,
      { "not_computed", "holds", "within_rounding", "violated" },
      .infinity = INFINITE_NEVER },
    { "vanishing_guaranteed",
      "gamma ||W||_2 < 1: gradients vanish whatever the states (255: pending, or untied)",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_UINT8,
      { "no", "yes" },
      .infinity = INFINITE_NEVER },
    { "spectral_condition",
      "gamma rho(W) < 1: weaker, does not imply vanishing_guaranteed (255: pending, or untied)",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_UINT8,
      { "no", "yes" },
      .infinity = INFINITE_NEVER },
    { "growth_rate",
      "least-squares slope of log_jacobian_norm against lag over the last half of the lags",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "weight_spectral_radius",
      "spectral radius of W as drawn or loaded, before rescaling",
      "1",
      OF_WEIGHT,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .absences = 1u << ABSENCE_UNTIED | 1u << ABSENCE_RADIUS_UNKNOWN },
    { "weight_norm",
      "spectral norm of W as drawn or loaded, before rescaling",
      "1",
      OF_WEIGHT,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .absences = 1u << ABSENCE_UNTIED },
};

static const struct dataset_rule frobenius_norm_datasets[] = {
    { "log_frobenius_norm",
      "natural logarithm of the Frobenius norm of the Jacobian product over the lag",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
};

static const struct dataset_rule step_bound_datasets[] = {
    { "log_step_bound",
      "sum over the steps of the lag of ln ||S_i||_2, S_i the step Jacobians",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "log_step_norm_max",
      "ln eta, the largest ln ||S_i||_2 over the steps of the lag",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
};

static const struct dataset_rule gradient_datasets[] = {
    { "log_initial_error_norm",
      "natural logarithm of the norm of e_0 = d eps_T/dx_T",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "log_error_norm",
      "natural logarithm of the norm of the error e_l carried back over the lag",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "log_contribution",
      "natural logarithm of the Frobenius norm of the temporal contribution C_(T-l)",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_BEFORE_START },
    { "log_gradient_norm",
      "natural logarithm of the Frobenius norm of d eps_T/dW",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW },
    { "log_total_gradient_norm",
      "natural logarithm of the Frobenius norm of sum_t d eps_t/dW",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_ERROR_GIVEN },
    { "cancellation",
      "||sum_k C_k||_F / sum_k ||C_k||_F",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .absences = 1u << ABSENCE_NO_CONTRIBUTION },
};

static const struct dataset_rule contribution_map_datasets[] = {
    { "log_step_gradient_norm",
      "natural logarithm of the Frobenius norm of d eps_t/dW",
      "1",
      OF_CELL,
      { ALONG_STEP },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_ERROR_GIVEN },
    { "log_contribution_map",
      "natural logarithm of the Frobenius norm of the contribution of step t - lag to d eps_t/dW",
      "1",
      OF_CELL,
      { ALONG_STEP, ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_ERROR_GIVEN | 1u << ABSENCE_BEFORE_START },
};

static const struct dataset_rule expansion_datasets[] = {
    { "log_expansion_norm",
      "natural logarithm of the norm of sum_i c_i (gamma lambda_i)^lag q_i^T, q_i left eigenvectors",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_OTHER_ACTIVATION | 1u << ABSENCE_DEFECTIVE },
    { "expansion_residual",
      "distance of the expansion to e_l, relative to ||e_l||",
      "1",
      OF_CELL,
      { ALONG_LAG },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_ABOVE,
      .absences = 1u << ABSENCE_OTHER_ACTIVATION | 1u << ABSENCE_DEFECTIVE | 1u << ABSENCE_NO_ERROR },
    { "log_expansion_coefficient",
      "natural logarithm of |c_i|, by descending |lambda_i|",
      "1",
      OF_CELL,
      { ALONG_INDEX },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_OTHER_ACTIVATION | 1u << ABSENCE_BEYOND_SIZE | 1u << ABSENCE_DEFECTIVE },
    { "eigenbasis_condition",
      "condition number of the basis of unit left eigenvectors",
      "1",
      OF_CELL,
      { ALONG_NOTHING },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_ABOVE,
      .absences = 1u << ABSENCE_OTHER_ACTIVATION },
    { "eigenvalue_re",
      "real part of the eigenvalues of W before rescaling, by descending modulus",
      "1",
      OF_WEIGHT,
      { ALONG_INDEX },
      TYPE_FLOAT64,
      { NULL },
      .absences = 1u << ABSENCE_BEYOND_SIZE | 1u << ABSENCE_EIGENVALUES_UNKNOWN },
    { "eigenvalue_im",
      "imaginary part of the eigenvalues of W before rescaling, by descending modulus",
      "1",
      OF_WEIGHT,
      { ALONG_INDEX },
      TYPE_FLOAT64,
      { NULL },
      .absences = 1u << ABSENCE_BEYOND_SIZE | 1u << ABSENCE_EIGENVALUES_UNKNOWN },
};

static const struct dataset_rule singular_values_datasets[] = {
    { "log_singular_value",
      "natural logarithms of all singular values of J_l, descending",
      "1",
      OF_CELL,
      { ALONG_LAG, ALONG_INDEX },
      TYPE_FLOAT64,
      { NULL },
      .infinity = INFINITE_BELOW,
      .absences = 1u << ABSENCE_BEYOND_SIZE },
};

#define FUNCTION(name)  .function = measure_##name, .cost = measure_##name##_cost
#define DATASETS(rules) .datasets = (rules), .dataset_count = sizeof(rules) / sizeof *(rules)

static const struct measure measures[MEASURE_COUNT] = {
    [MEASURE_JACOBIAN_NORM] = { .name = "jacobian_norm",
                                .help = "spectral norms of the Jacobian products, the bound and its verdicts",
                                DATASETS(jacobian_norm_datasets) },
    [MEASURE_FROBENIUS_NORM] = { .name = "frobenius_norm",
                                 .help = "Frobenius norms of the Jacobian products",
                                 .needs = MEASURE_NEEDS_PRODUCTS,
                                 DATASETS(frobenius_norm_datasets) },
    [MEASURE_STEP_BOUND] = { .name = "step_bound",
                             .help = "spectral norms of the step Jacobians: their product bounds that of J_l",
                             FUNCTION(step_bound),
                             DATASETS(step_bound_datasets) },
    [MEASURE_GRADIENT] = { .name = "gradient",
                           .help =
                               "errors carried back, temporal contributions, gradients of the last and the total loss",
                           .needs = MEASURE_NEEDS_STATES | MEASURE_NEEDS_TIED,
                           FUNCTION(gradient),
                           .bytes = measure_gradient_bytes,
                           DATASETS(gradient_datasets),
                           .essential = 3 }, /* log_gradient_norm */
    [MEASURE_CONTRIBUTION_MAP] = { .name = "contribution_map",
                                   .help =
                                       "gradients of the losses of the last steps, and the contribution of each lag",
                                   .needs = MEASURE_NEEDS_STATES | MEASURE_NEEDS_TIED,
                                   FUNCTION(contribution_map),
                                   .bytes = measure_contribution_map_bytes,
                                   DATASETS(contribution_map_datasets),
                                   .essential = 1 }, /* log_contribution_map */
    [MEASURE_EXPANSION] = { .name = "expansion",
                            .help = "the error in left eigenvectors of W, for identity",
                            .needs = MEASURE_NEEDS_TIED | MEASURE_NEEDS_ONE_RANK | MEASURE_NEEDS_IDENTITY |
                                     MEASURE_NEEDS_EIGENVALUES,
                            FUNCTION(expansion),
                            .bytes = measure_expansion_bytes,
                            DATASETS(expansion_datasets) },
    [MEASURE_SINGULAR_VALUES] = { .name = "singular_values",
                                  .help = "all singular values of the Jacobian products, to high relative accuracy",
                                  .needs = MEASURE_NEEDS_ONE_RANK,
                                  FUNCTION(singular_values),
                                  .bytes = measure_singular_values_bytes,
                                  DATASETS(singular_values_datasets) },
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

unsigned measure_needs(unsigned requested)
{
    unsigned needs = 0;
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (requested & 1u << id)
            needs |= measures[id].needs;
    return needs;
}

bool measure_has_functions(unsigned requested)
{
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (requested & 1u << id && measures[id].function)
            return true;
    return false;
}

size_t measure_dataset_count(unsigned requested)
{
    size_t count = 0;
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (requested & 1u << id)
            count += measures[id].dataset_count;
    return count;
}

enum measure_id measure_of_dataset(unsigned requested, size_t number)
{
    for (int id = 0; id < MEASURE_COUNT; id++) {
        if (!(requested & 1u << id))
            continue;
        if (number < measures[id].dataset_count)
            return (enum measure_id)id;
        number -= measures[id].dataset_count;
    }
    return MEASURE_COUNT;
}

const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number)
{
    size_t first = 0;
    enum measure_id owner = measure_of_dataset(requested, number);
    if (owner == MEASURE_COUNT)
        return NULL;
    for (int id = 0; id < (int)owner; id++)
        first += requested & 1u << id ? measures[id].dataset_count : 0;
    return &measures[owner].datasets[number - first];
}

bool measure_dataset_find(unsigned requested, const char *name, size_t *number)
{
    const struct dataset_rule *rule;
    for (*number = 0; (rule = measure_dataset_at(requested, *number)); ++*number)
        if (strcmp(rule->name, name) == 0)
            return true;
    return false;
}

static int compare_lags(const void *left, const void *right)
{
    const long a = *(const long *)left, b = *(const long *)right;
    return a < b ? -1 : a > b;
}

long measure_find_lag(const long *lags, long count, long lag)
{
    const long *found = bsearch(&lag, lags, (size_t)count, sizeof *lags, compare_lags);
    return found ? found - lags : -1;
}

bool dataset_is_along(const struct dataset_rule *rule, enum dataset_dimension dimension)
{
    for (int i = 0; i < DATASET_MAX_ALONG; i++)
        if (rule->along[i] == dimension)
            return true;
    return false;
}

uint64_t measure_value_count(const struct dataset_rule *rule, long lag_count, const struct measure_options *options)
{
    const long lengths[DATASET_DIMENSIONS] = { [ALONG_NOTHING] = 1,
                                               [ALONG_STEP] = options->contribution_map_steps,
                                               [ALONG_LAG] = lag_count,
                                               [ALONG_INDEX] = options->index_size };
    uint64_t count = 1;
    for (int i = 0; i < DATASET_MAX_ALONG; i++)
        count *= (uint64_t)lengths[rule->along[i]];
    return count;
}

uint64_t measure_values_per_cell(const struct dataset_rule *rule, long lag_count, const struct measure_options *options)
{
    return rule->owner == OF_CELL ? measure_value_count(rule, lag_count, options) : 0;
}

size_t measure_value_size(const struct dataset_rule *rule)
{
    return rule->type == TYPE_FLOAT64 ? sizeof(double) : sizeof(uint8_t);
}
