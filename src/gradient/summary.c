/* What questions about a cell are answered with, derived from its other results: the half-life of its gradients, their
 * largest norm (transient growth), over how many lags the gradient of the weights is spread, and how unequally
 * directions are treated. */
#include "gradient/absence.h"
#include "gradient/rule.h"
#include "gradient/task.h"

#include <math.h>

enum { HALF_LIFE, PEAK_LAG, LOG_PEAK_NORM, PARTICIPATION_RATIO, LOG_CONDITION, DATASETS };

/* ---- from a cell's values ---- */

/* The lag from which all norms are below 1/2; NaN where the last one is not. Between neighbouring lags of the axis ln
 * ||J_l|| is taken as linear in ln l, in which sparse lags are evenly spaced; before the first one as linear in l, from
 * J_0 = 1. */
static double half_life(const long *lags, const double *log_norms, long count)
{
    const double log_half = -M_LN2;
    long above = count - 1;
    while (above >= 0 && !(log_norms[above] >= log_half))
        above--;
    if (above == count - 1)
        return NAN;
    const double low = log_norms[above + 1], next = (double)lags[above + 1];
    if (low == -INFINITY)
        return next;
    if (above < 0)
        return next * log_half / low;
    const double high = log_norms[above], lag = (double)lags[above];
    return lag * pow(next / lag, (high - log_half) / (high - low));
}

/* The first lag with the largest norm. */
static long peak(const double *log_norms, long count)
{
    long largest = 0;
    for (long i = 1; i < count; i++)
        if (log_norms[i] > log_norms[largest])
            largest = i;
    return largest;
}

/* (sum p)^2 / sum p^2 of those p = exp(log_values[i]) that are there; NaN where all are zero, or none is there. */
static double participation_ratio(const double *log_values, long count)
{
    double largest = -INFINITY, sum = 0, squares = 0;
    for (long i = 0; i < count; i++)
        largest = fmax(largest, log_values[i]); /* a NaN is left out */
    if (largest == -INFINITY)
        return NAN;
    for (long i = 0; i < count; i++)
        if (!isnan(log_values[i])) {
            const double share = exp(log_values[i] - largest);
            sum += share;
            squares += share * share;
        }
    return sum * sum / squares;
}

/* ln of the largest over the smallest that is not 0, of values that descend; NaN where all are 0. */
static double log_condition(const double *log_values, long count)
{
    while (count > 0 && log_values[count - 1] == -INFINITY)
        count--;
    return count > 0 ? log_values[0] - log_values[count - 1] : NAN;
}

static const double *singular_values_at(const struct measured_cell *cell, const double *log_values, long lag_index)
{
    return log_values + lag_index * cell->options->lengths[ALONG_INDEX];
}

/* ---- datasets ---- */

static enum presence judge_half_life(const struct absence_place *place)
{
    const double *log_norms = absence_values(place, "log_jacobian_norm");
    const struct measured_cell *cell = place->cell;
    return absence_nan_if(log_norms && isnan(half_life(cell->lags, log_norms, cell->lag_count)));
}

/* Whether values are missing that others are derived from: they were not asked for, or their measure failed. */
static bool is_missing(const struct absence_place *place, const double *values)
{
    return place->find_values != NULL && values == NULL;
}

static enum presence judge_contributions(const struct absence_place *place)
{
    const double *contributions = absence_values(place, "log_contribution");
    const struct measured_cell *cell = place->cell;
    if (is_missing(place, contributions))
        return PRESENCE_EITHER;
    for (long i = 0; contributions && i < cell->lag_count; i++)
        if (isnan(contributions[i]) && cell->model->steps - cell->lags[i] >= 1)
            return PRESENCE_EITHER;
    return absence_nan_if(contributions && isnan(participation_ratio(contributions, cell->lag_count)));
}

static enum presence judge_singular_values(const struct absence_place *place)
{
    const double *values = absence_values(place, "log_singular_value");
    const struct measured_cell *cell = place->cell;
    if (is_missing(place, values))
        return PRESENCE_EITHER;
    if (values == NULL)
        return PRESENCE_NUMBER;
    values = singular_values_at(cell, values, measure_find_lag(cell->lags, cell->lag_count, place->lag));
    return isnan(values[0]) ? PRESENCE_EITHER : absence_nan_if(values[0] == -INFINITY);
}

static const struct absence not_reached = { .text = "the norm is not below 1/2 at the longest lag",
                                            .is_of_cell = true,
                                            .judge = judge_half_life };
static const struct absence no_contribution = { .text = "there are no contributions: all are 0, or without `gradient`",
                                                .is_of_cell = true,
                                                .judge = judge_contributions };
static const struct absence no_singular_value = {
    .text = "there are no singular values: all are 0, or without `singular_values`", .judge = judge_singular_values
};

static const struct dataset_rule datasets[DATASETS] = {
    [HALF_LIFE] = { .name = "half_life",
                    .long_name = "lag from which ||J_l||_2 stays below 1/2: ln ||J_l||_2 is linear in ln l between the "
                                 "lags of the axis, and in l before the first (NaN: not reached)",
                    .units = "step",
                    .absences = { &not_reached } },
    [PEAK_LAG] = { .name = "peak_lag",
                   .long_name = "lag of the axis with the largest ||J_l||_2, the first of several",
                   .units = "step" },
    [LOG_PEAK_NORM] = { .name = "log_peak_norm",
                        .long_name = "natural logarithm of the largest ||J_l||_2 over the lags of the axis: transient "
                                     "growth where it is above 0",
                        .infinity = INFINITE_BELOW },
    [PARTICIPATION_RATIO] = { .name = "participation_ratio",
                              .long_name =
                                  "(sum p)^2 / sum p^2 of the contributions p = ||C_(T-l)||_F at the lags of the "
                                  "axis: over how many of them the gradient of the last loss is spread (NaN: "
                                  "all are 0, or `gradient` was not measured)",
                              .absences = { &no_contribution } },
    [LOG_CONDITION] = { .name = "log_condition",
                        .long_name = "natural logarithm of the largest over the smallest singular value of J_l that is "
                                     "not 0 (NaN: all are 0, or `singular_values` was not measured)",
                        .along = { ALONG_LAG },
                        .absences = { &no_singular_value } },
};

/* ---- measuring ---- */

/* What a chain's cell has in a dataset of whatever measure; NULL where that was not asked for, or failed: *outcome. */
static const double *values_of(const struct measure_task *task, long chain, const char *dataset,
                               enum jacobian_outcome *outcome)
{
    const struct batch *batch = task->batch;
    const long cell = task->first_chain + chain;
    size_t number;
    *outcome = JACOBIAN_FOUND;
    if (!measure_dataset_find(batch->measures, dataset, &number))
        return NULL;
    *outcome = task->results->outcomes[cell].of[measure_of_dataset(batch->measures, number)];
    return *outcome == JACOBIAN_FOUND ? batch_values_at(batch, task->results, cell, number) : NULL;
}

static double *place_of(const struct measure_task *task, long chain, int dataset, long values)
{
    return (double *)task_values(task, (size_t)dataset) + chain * values;
}

static void derive(const struct measure_task *task, long chain)
{
    const struct batch *batch = task->batch;
    const long *lags = batch->lags, count = batch->lag_count, d = weights_hidden_size(batch->weights);
    enum jacobian_outcome of_norms, other;
    const double *log_norms = values_of(task, chain, "log_jacobian_norm", &of_norms);
    const double *contributions = values_of(task, chain, "log_contribution", &other);
    const double *singular_values = values_of(task, chain, "log_singular_value", &other);
    if (log_norms == NULL) {
        task_fail(task, chain, of_norms);
        return;
    }
    const long largest = peak(log_norms, count);
    *place_of(task, chain, HALF_LIFE, 1) = half_life(lags, log_norms, count);
    *place_of(task, chain, PEAK_LAG, 1) = (double)lags[largest];
    *place_of(task, chain, LOG_PEAK_NORM, 1) = log_norms[largest];
    *place_of(task, chain, PARTICIPATION_RATIO, 1) = contributions ? participation_ratio(contributions, count) : NAN;
    for (long i = 0; i < count; i++)
        place_of(task, chain, LOG_CONDITION, count)[i] =
            singular_values ? log_condition(singular_values + i * batch->options.lengths[ALONG_INDEX], d) : NAN;
}

/* ---- rules ---- */

static void count_equality(struct rule_tally *tally, double found, double expected)
{
    if (isnan(found) && isnan(expected))
        rule_count(tally, true);
    else
        rule_count_margin(tally, rule_equality_margin(found, expected, rule_recomputation(expected)));
}

static void norms_say_so(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *life = data[0], *lag = data[1], *height = data[2], *log_norms = data[3];
    const long largest = peak(log_norms, cell->lag_count);
    count_equality(tally, *life, half_life(cell->lags, log_norms, cell->lag_count));
    count_equality(tally, *lag, (double)cell->lags[largest]);
    count_equality(tally, *height, log_norms[largest]);
}

static void contributions_say_so(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *ratio = data[0], *contributions = data[1];
    count_equality(tally, *ratio, participation_ratio(contributions, cell->lag_count));
}

static void singular_values_say_so(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *condition = data[0], *values = data[1];
    for (long i = 0; i < cell->lag_count; i++)
        count_equality(tally, condition[i], log_condition(singular_values_at(cell, values, i), cell->hidden_size));
}

static const struct measure_rule rules[] = {
    { .text = "half_life, peak_lag and log_peak_norm are those of the norms",
      .datasets = { "half_life", "peak_lag", "log_peak_norm", "log_jacobian_norm" },
      .test = norms_say_so },
    { .text = "participation_ratio is that of the contributions",
      .datasets = { "participation_ratio", "log_contribution" },
      .test = contributions_say_so },
    { .text = "log_condition is that of the singular values",
      .datasets = { "log_condition", "log_singular_value" },
      .test = singular_values_say_so },
    { .text = NULL },
};

const struct measure measure_summary = { .name = "summary",
                                         .help = "half-life, peak of the norms, spread of the contributions (with "
                                                 "gradient), condition (with singular_values)",
                                         .datasets = datasets,
                                         .dataset_count = DATASETS,
                                         .essential = LOG_PEAK_NORM,
                                         .rules = rules,
                                         .derive = derive };
