/* Lyapunov exponents over the last steps of a trajectory, all or the leading ones, with what certifies them. For
 * identity with one W they are the logarithms of the moduli of the eigenvalues of W. */
#include "gradient/absence.h"
#include "gradient/exponents.h"
#include "gradient/lyapunov_internal.h"
#include "gradient/lyapunov_summary.h"
#include "gradient/rule.h"
#include "gradient/weight_result.h"
#include "linalg/frame.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static const double UNIT_ROUNDOFF = DBL_EPSILON / 2;

/* ---- parameters ---- */

static double default_count(const struct parameter_surroundings *surroundings)
{
    (void)surroundings;
    return INFINITY;
}

static bool is_count_possible(double count, const struct parameter_surroundings *surroundings, char *text, size_t size)
{
    const long smallest = surroundings->smallest_hidden_size;
    if (isinf(count) || smallest == 0 || count <= (double)smallest)
        return true;
    snprintf(text, size,
             "%.0f exponents are more than the %ld of hidden_size %ld; ask for at most so many, or leave count out for "
             "all",
             count, smallest, smallest);
    return false;
}

static double default_transient(const struct parameter_surroundings *surroundings)
{
    const long half = surroundings->largest_hidden_size / 2;
    return half > 100 ? (double)half : 100;
}

static double default_steps(const struct parameter_surroundings *surroundings)
{
    (void)surroundings;
    return 1000;
}

static double default_two_sided(const struct parameter_surroundings *surroundings)
{
    (void)surroundings;
    return 0;
}

static const struct measure_parameter parameters[PARAMETERS] = {
    [COUNT] = { .name = "count",
                .help = "the leading exponents, at most the smallest hidden size",
                .lowest = 1,
                .highest = 0x1p40,
                .default_text = "all",
                .default_value = default_count,
                .is_possible = is_count_possible },
    [TRANSIENT] = { .name = "transient",
                    .help = "steps before the window, in which the directions settle",
                    .lowest = 0,
                    .highest = 0x1p40,
                    .default_text = "100, or half the largest hidden size where that is more",
                    .default_value = default_transient },
    [STEPS] = { .name = "steps",
                .help = "the window: the last so many steps",
                .lowest = 2,
                .highest = 0x1p40,
                .default_text = "1000",
                .default_value = default_steps },
    [TWO_SIDED] = { .name = "two_sided",
                    .help = "certify each partial sum from the other end of the window",
                    .is_flag = true,
                    .default_text = "false",
                    .default_value = default_two_sided },
};

static long window(const double *values)
{
    return (long)(values[TRANSIENT] + values[STEPS]);
}

static bool fits(const double *values, const struct parameter_surroundings *surroundings, char *text, size_t size)
{
    const long steps = surroundings->model->steps;
    if (steps == 0 || window(values) <= steps)
        return true;
    snprintf(text, size,
             "transient %.0f and steps %.0f are more than the %ld steps of the trajectory; ask for fewer, or raise "
             "model.steps",
             values[TRANSIENT], values[STEPS], steps);
    return false;
}

/* Those of this measure. */
static const double *parameters_of(const struct measure_options *options)
{
    int number;
    return measure_find(measure_lyapunov.name, &number) ? options->parameters[number] : NULL;
}

long lyapunov_count(const struct measure_options *options, long hidden_size)
{
    const double count = parameters_of(options)[COUNT];
    return count < (double)hidden_size ? (long)count : hidden_size;
}

/* ---- datasets ---- */

bool lyapunov_is_in_closed_form(const struct activation *activation, const struct ensemble *ensemble)
{
    return activation->is_identity && !ensemble->kind->is_fresh_at_every_step;
}

static enum presence judge_count(const struct absence_place *place)
{
    return absence_nan_if((double)place->index >= parameters_of(place->cell->options)[COUNT]);
}

static const struct absence beyond_count = { .text = "only the leading `count` were asked for", .judge = judge_count };

static enum presence judge_zero(const struct absence_place *place)
{
    const double *exponents = absence_values(place, "lyapunov_exponent");
    return absence_nan_if(exponents && exponents[place->index] == -INFINITY);
}

static const struct absence zero_direction = { .text = "the exponent is -inf: a direction that is exactly zero",
                                               .judge = judge_zero };

static enum presence judge_one_sided(const struct absence_place *place)
{
    const struct measured_cell *cell = place->cell;
    return absence_nan_if(parameters_of(cell->options)[TWO_SIDED] == 0 ||
                          lyapunov_is_in_closed_form(cell->activation, cell->ensemble));
}

static const struct absence one_sided = { .text = "two_sided was not asked for, or the exponents are those of the "
                                                  "eigenvalues",
                                          .is_of_cell = true,
                                          .judge = judge_one_sided };

static struct spectrum_of_exponents spectrum_of(const struct measured_cell *cell, const double *values)
{
    return (struct spectrum_of_exponents){ .values = values,
                                           .count = lyapunov_count(cell->options, cell->hidden_size),
                                           .hidden_size = cell->hidden_size };
}

/* The exponents of the place's cell, as many as were asked for; NULL before they are there. */
static const double *exponents_at(const struct absence_place *place, struct spectrum_of_exponents *spectrum)
{
    *spectrum = spectrum_of(place->cell, absence_values(place, "lyapunov_exponent"));
    return spectrum->values;
}

static enum presence judge_determinant(const struct absence_place *place)
{
    struct spectrum_of_exponents spectrum;
    if (!exponents_at(place, &spectrum))
        return absence_nan_if(spectrum.count < spectrum.hidden_size);
    return absence_nan_if(spectrum.count < spectrum.hidden_size || spectrum.values[spectrum.count - 1] == -INFINITY);
}

static const struct absence not_all = { .text = "not all exponents were asked for, or some are -inf",
                                        .is_of_cell = true,
                                        .judge = judge_determinant };

static enum presence judge_dimension(const struct absence_place *place)
{
    struct spectrum_of_exponents spectrum;
    return exponents_at(place, &spectrum) ? absence_nan_if(isnan(lyapunov_dimension(&spectrum))) : PRESENCE_NUMBER;
}

static enum presence judge_entropy(const struct absence_place *place)
{
    struct spectrum_of_exponents spectrum;
    return exponents_at(place, &spectrum) ? absence_nan_if(isnan(lyapunov_entropy(&spectrum))) : PRESENCE_NUMBER;
}

static const struct absence no_dimension = { .text = "`count` cuts the exponents off before their sum is negative",
                                             .is_of_cell = true,
                                             .judge = judge_dimension };
static const struct absence no_entropy = { .text = "`count` cuts the exponents off before they are negative",
                                           .is_of_cell = true,
                                           .judge = judge_entropy };

static const struct dataset_rule datasets[DATASETS] = {
    [EXPONENT] = { .name = "lyapunov_exponent",
                   .long_name = "Lyapunov exponents over the last steps, per step, descending",
                   .along = { ALONG_INDEX },
                   .infinity = INFINITE_BELOW,
                   .absences = { &absence_beyond_size, &beyond_count } },
    [EXPONENT_ERROR] = { .name = "lyapunov_exponent_error",
                         .long_name = "standard error of the exponents by means of 20 batches, given the attractor",
                         .along = { ALONG_INDEX },
                         .absences = { &absence_beyond_size, &beyond_count, &zero_direction } },
    [FINITE] = { .name = "finite_exponents",
                 .long_name = "how many of the exponents are finite in this window",
                 .type = TYPE_INT32 },
    [DETERMINANT_RESIDUAL] = { .name = "determinant_residual",
                               .long_name = "|sum of exponents - ln|det W| - mean sum ln|sigma'|| over (|ln|det W|| + "
                                            "mean sum |ln|sigma'||), that at least 1",
                               .absences = { &not_all } },
    [TWO_SIDED_RESIDUAL] = { .name = "two_sided_residual",
                             .long_name = "residual, a step, of the sum of the exponents up to this one against that "
                                          "found from the other end of the window",
                             .along = { ALONG_INDEX },
                             .absences = { &absence_beyond_size, &beyond_count, &one_sided, &zero_direction } },
    [DIMENSION] = { .name = "kaplan_yorke_dimension",
                    .long_name = "Kaplan-Yorke dimension of the attractor",
                    .absences = { &no_dimension } },
    [ENTROPY] = { .name = "entropy_rate",
                  .long_name = "sum of the positive exponents, the entropy rate per step",
                  .absences = { &no_entropy } },
    [ROUNDING] = { .name = "exponent_rounding",
                   .long_name = "what rounding may change of the sum of the exponents up to this one, a step",
                   .along = { ALONG_INDEX },
                   .infinity = INFINITE_ABOVE,
                   .absences = { &absence_beyond_size, &beyond_count, &zero_direction } },
    [BATCHES_CORRELATED] = { .name = "exponent_batches_are_short",
                             .long_name = "whether the means of consecutive batches are correlated, so that the errors "
                                          "are too small",
                             .type = TYPE_UINT8 },
};

/* ---- cost ---- */

static struct cost cost(const struct chain_question *question)
{
    const double *given = parameters_of(question->options);
    const long d = question->hidden_size, count = lyapunov_count(question->options, d);
    const double steps = given[TRANSIENT] + given[STEPS] * (given[TWO_SIDED] != 0 ? 2 : 1);
    if (lyapunov_is_in_closed_form(question->activation, question->ensemble))
        return cost_lapack(d, 20.0 * (double)d * (double)d * (double)d / chain_cost_width(question));
    const double shared = question->activation->is_identity ? chain_cost_width(question) : 1;
    const double cutting = question->cutting > 0.0 ? question->cutting : 1.0;
    return cost_add(cost_times(frame_cost(d, count), cutting * steps / shared), chain_cost_steps(question, steps));
}

static double bytes(const struct chain_question *question)
{
    const long d = question->hidden_size;
    return exponents_bytes(d, lyapunov_count(question->options, d), parameters_of(question->options)[TWO_SIDED] != 0,
                           question->team_size > 1);
}

/* ---- rules ---- */

static void exponents_descend(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *values = data[0];
    for (long i = 0; i + 1 < lyapunov_count(cell->options, cell->hidden_size); i++)
        rule_count_margin(tally, rule_order_margin(values[i + 1], values[i], 0));
}

static void finite_are_counted(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const struct spectrum_of_exponents spectrum = spectrum_of(cell, data[0]);
    long finite = 0;
    for (long i = 0; i < spectrum.count; i++)
        finite += isfinite(spectrum.values[i]);
    rule_count(tally, finite == *(const int32_t *)data[1]);
}

static void summary_follows(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const struct spectrum_of_exponents spectrum = spectrum_of(cell, data[0]);
    const double *dimension = data[1], *entropy = data[2];
    if (!isnan(*dimension))
        rule_count_margin(tally, rule_equality_margin(*dimension, lyapunov_dimension(&spectrum), 1e-9));
    if (!isnan(*entropy))
        rule_count_margin(tally, rule_equality_margin(*entropy, lyapunov_entropy(&spectrum), 1e-9));
}

static void errors_are_possible(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *errors = data[0];
    for (long i = 0; i < lyapunov_count(cell->options, cell->hidden_size); i++)
        if (!isnan(errors[i]))
            rule_count(tally, errors[i] >= 0);
}

/* No product grows faster than the norms of its factors allow. */
static void first_is_below_norm(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double bound = rule_log_norm_condition(cell), *values = data[0];
    if (!isnan(bound))
        rule_count_margin(tally,
                          rule_order_margin(values[0], bound, rule_recomputation(bound) + rule_step_rounding(cell, 1)));
}

/* The residual is relative to a number that is at least |sum of exponents|, and 1. */
static void determinant_holds(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *values = data[0], residual = *(const double *)data[1], *rounding = data[2];
    const double steps = parameters_of(cell->options)[STEPS];
    double sum = 0;
    if (isnan(residual))
        return;
    for (long i = 0; i < cell->hidden_size; i++)
        sum += values[i];
    rule_count_margin(tally, rounding[cell->hidden_size - 1] / fmax(fabs(sum), 1) + steps * UNIT_ROUNDOFF - residual);
}

/* The limit of residuals from both ends; what estimate of rounding leaves no doubt of it; and how far the estimate, of
 * first order and for neighbours alone, was ever short: 10 times, in 20,000 sums with gamma up to 60. */
static const double TWO_SIDED_LIMIT = 1e-10, NO_DOUBT = 1e-11, ESTIMATE_MARGIN = 64;

static void two_sided_holds(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *residuals = data[0], *rounding = data[1];
    for (long i = 0; i < lyapunov_count(cell->options, cell->hidden_size); i++)
        if (!isnan(residuals[i]) && rounding[i] <= NO_DOUBT)
            rule_count_margin(tally, TWO_SIDED_LIMIT - residuals[i]);
}

static void two_sided_holds_within_rounding(const struct measured_cell *cell, const void *const data[],
                                            struct rule_tally *tally)
{
    const double *residuals = data[0], *rounding = data[1];
    for (long i = 0; i < lyapunov_count(cell->options, cell->hidden_size); i++)
        if (!isnan(residuals[i]) && !(rounding[i] <= NO_DOUBT))
            rule_count_margin(tally, fmax(TWO_SIDED_LIMIT, ESTIMATE_MARGIN * rounding[i]) - residuals[i]);
}

static const struct measure_rule rules[] = {
    { .text = "exponents descend", .datasets = { "lyapunov_exponent" }, .test = exponents_descend },
    { .text = "finite_exponents are as many as there are",
      .datasets = { "lyapunov_exponent", "finite_exponents" },
      .test = finite_are_counted },
    { .text = "errors of exponents are not negative",
      .datasets = { "lyapunov_exponent_error" },
      .test = errors_are_possible },
    { .text = "dimension and entropy follow from the exponents",
      .datasets = { "lyapunov_exponent", "kaplan_yorke_dimension", "entropy_rate" },
      .test = summary_follows },
    { .text = "largest exponent <= ln(gamma ||W||_2)",
      .datasets = { "lyapunov_exponent" },
      .test = first_is_below_norm },
    { .text = "sum of exponents = ln|det W| + mean sum ln sigma'",
      .datasets = { "lyapunov_exponent", "determinant_residual", "exponent_rounding" },
      .test = determinant_holds },
    { .text = "partial sums of exponents from both ends: 1e-10 a step",
      .datasets = { "two_sided_residual", "exponent_rounding" },
      .test = two_sided_holds },
    { .text = "the same, where rounding may not allow that: 64 exponent_rounding, if that is more",
      .datasets = { "two_sided_residual", "exponent_rounding" },
      .test = two_sided_holds_within_rounding },
    { .text = NULL },
};

const struct measure measure_lyapunov = { .name = "lyapunov",
                                          .help = "Lyapunov exponents, all or the leading ones, with the dimension and "
                                                  "entropy rate that follow",
                                          .needs = NEEDS_NO_PROOF | NEEDS_IDENTITY_ON_ONE_RANK,
                                          .datasets = datasets,
                                          .dataset_count = DATASETS,
                                          .weights = &weight_result_eigenvalues,
                                          .parameters = parameters,
                                          .parameter_count = PARAMETERS,
                                          .window = window,
                                          .fits = fits,
                                          .rules = rules,
                                          .function = lyapunov_measure,
                                          .cost = cost,
                                          .bytes = bytes };
