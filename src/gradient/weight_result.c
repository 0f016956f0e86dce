#include "gradient/weight_result.h"

#include "gradient/absence.h"
#include "gradient/rule.h"

#include <math.h>
#include <string.h>

/* ---- radius and norm ---- */

enum { RADIUS, NORM, NORM_DATASETS };

static enum presence judge_radius(const struct absence_place *place)
{
    return place->cell->native ? PRESENCE_EITHER : PRESENCE_NUMBER;
}

static const struct absence radius_unknown = { .text = "it was not found, which native scale does without",
                                               .is_of_cell = true,
                                               .judge = judge_radius };

static const struct dataset_rule norm_datasets[NORM_DATASETS] = {
    [RADIUS] = { .name = "weight_spectral_radius",
                 .long_name = "spectral radius of W as drawn or loaded, before rescaling",
                 .owner = OF_WEIGHT,
                 .absences = { &absence_untied, &radius_unknown } },
    [NORM] = { .name = "weight_norm",
               .long_name = "spectral norm of W as drawn or loaded, before rescaling",
               .owner = OF_WEIGHT,
               .absences = { &absence_untied } },
};

/* Radius and norm of W are found by different algorithms; relative. */
static const double RADIUS_ERROR = 1e-9;

static void radius_is_below_norm(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *radius = data[0], *norm = data[1];
    (void)cell;
    if (!isnan(*radius) && !isnan(*norm))
        rule_count_margin(tally, *norm * (1 + RADIUS_ERROR) - *radius);
}

static const struct measure_rule norm_rules[] = {
    { .text = "rho(W) <= ||W||_2",
      .datasets = { "weight_spectral_radius", "weight_norm" },
      .is_for_weights = true,
      .test = radius_is_below_norm },
    { .text = NULL },
};

static void put_norms(const struct weight_facts *facts, size_t dataset, double *values)
{
    *values = dataset == RADIUS ? facts->radius : facts->norm;
}

static void get_norms(const double *values, size_t dataset, struct weight_facts *facts)
{
    *(dataset == RADIUS ? &facts->radius : &facts->norm) = *values;
}

const struct weight_result weight_result_norms = {
    .datasets = norm_datasets, .dataset_count = NORM_DATASETS, .rules = norm_rules, .put = put_norms, .get = get_norms
};

/* ---- eigenvalues ---- */

enum { REAL_PARTS, IMAGINARY_PARTS, EIGENVALUE_DATASETS };

static enum presence judge_eigenvalues(const struct absence_place *place)
{
    return place->has_identity ? PRESENCE_NUMBER : PRESENCE_EITHER;
}

static const struct absence eigenvalues_unknown = { .text = "they were not found, and no finished cell needs them",
                                                    .is_of_cell = true,
                                                    .judge = judge_eigenvalues };

static const struct dataset_rule eigenvalue_datasets[EIGENVALUE_DATASETS] = {
    [REAL_PARTS] = { .name = "eigenvalue_re",
                     .long_name = "real part of the eigenvalues of W before rescaling, by descending modulus",
                     .owner = OF_WEIGHT,
                     .along = { ALONG_INDEX },
                     .absences = { &absence_beyond_size, &absence_untied, &eigenvalues_unknown } },
    [IMAGINARY_PARTS] = { .name = "eigenvalue_im",
                          .long_name = "imaginary part of the eigenvalues of W before rescaling, by descending modulus",
                          .owner = OF_WEIGHT,
                          .along = { ALONG_INDEX },
                          .absences = { &absence_beyond_size, &absence_untied, &eigenvalues_unknown } },
};

/* Relative to ||W||: two runs of dgeev, with vectors and without; and where eigenvalues are ill conditioned. */
static const double EIGENVALUE_ERROR = 1e-9, ILL_CONDITIONED_ERROR = 1e-2;

/* Weights that are pending, or whose eigenvalues could not be found, have none; their cells tell. */
static bool are_there(const double *re)
{
    return !isnan(re[0]);
}

static void moduli_descend(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re))
        return;
    for (long i = 0; i + 1 < cell->hidden_size; i++) {
        const double modulus = hypot(re[i], im[i]);
        rule_count_margin(tally, rule_order_margin(hypot(re[i + 1], im[i + 1]), modulus, 1e-15 * modulus));
    }
}

/* W is real: each complex eigenvalue stands beside its conjugate, that with the positive imaginary part first. */
static void pairs_are_conjugate(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re))
        return;
    for (long i = 0; i < cell->hidden_size; i++) {
        if (im[i] == 0)
            continue;
        rule_count(tally, i + 1 < cell->hidden_size && im[i] > 0 && re[i + 1] == re[i] && im[i + 1] == -im[i]);
        i++;
    }
}

static void first_is_radius(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re) || !(cell->weight_radius > 0)) /* 0 is known from the zeros of W alone */
        return;
    const double error = rule_is_far_from_normal(cell) ? ILL_CONDITIONED_ERROR : EIGENVALUE_ERROR;
    rule_count_margin(tally, rule_equality_margin(hypot(re[0], im[0]), cell->weight_radius, error * cell->weight_norm));
}

static const struct measure_rule eigenvalue_rules[] = {
    { .text = "|lambda_i| descend",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = moduli_descend },
    { .text = "complex eigenvalues come in conjugate pairs",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = pairs_are_conjugate },
    { .text = "|lambda_1| = rho(W)",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = first_is_radius },
    { .text = NULL },
};

static void put_eigenvalues(const struct weight_facts *facts, size_t dataset, double *values)
{
    const double *parts = dataset == REAL_PARTS ? facts->eigenvalue_re : facts->eigenvalue_im;
    if (parts)
        memcpy(values, parts, (size_t)facts->hidden_size * sizeof *values);
}

static void get_eigenvalues(const double *values, size_t dataset, struct weight_facts *facts)
{
    double *parts = dataset == REAL_PARTS ? facts->eigenvalue_re : facts->eigenvalue_im;
    if (parts)
        memcpy(parts, values, (size_t)facts->hidden_size * sizeof *values);
}

const struct weight_result weight_result_eigenvalues = { .datasets = eigenvalue_datasets,
                                                         .dataset_count = EIGENVALUE_DATASETS,
                                                         .has_eigenvalues = true,
                                                         .rules = eigenvalue_rules,
                                                         .put = put_eigenvalues,
                                                         .get = get_eigenvalues };

/* ---- records ---- */

bool weight_result_needs_eigenvalues(unsigned requested)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct weight_result *result = measure_weights(requested, number);
        if (result && result->has_eigenvalues)
            return true;
    }
    return false;
}

void weight_result_put(unsigned requested, const struct measure_options *options, const struct weight_facts *facts,
                       double *record)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct weight_result *result = measure_weights(requested, number);
        for (size_t i = 0; result && i < result->dataset_count; i++) {
            const uint64_t length = measure_value_count(&result->datasets[i], 0, options);
            for (uint64_t k = 0; k < length; k++)
                record[k] = NAN;
            result->put(facts, i, record);
            record += length;
        }
    }
}

void weight_result_get(unsigned requested, const struct measure_options *options, const double *record,
                       struct weight_facts *facts)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct weight_result *result = measure_weights(requested, number);
        for (size_t i = 0; result && i < result->dataset_count; i++) {
            result->get(record, i, facts);
            record += measure_value_count(&result->datasets[i], 0, options);
        }
    }
}
