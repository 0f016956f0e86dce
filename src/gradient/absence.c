#include "gradient/absence.h"

#include <float.h>
#include <math.h>

bool absence_is_error_given(const struct ensemble *ensemble)
{
    return ensemble->source.fingerprints[NETWORK_ERROR][0] != '\0';
}

bool absence_is_defective(double eigenbasis_condition)
{
    return !(eigenbasis_condition * (DBL_EPSILON / 2) <= 1);
}

static enum presence nan_if(bool holds)
{
    return holds ? PRESENCE_NAN : PRESENCE_NUMBER;
}

static enum presence either_if(bool holds)
{
    return holds ? PRESENCE_EITHER : PRESENCE_NUMBER;
}

static const double *values_of(const struct absence_place *place, const char *dataset)
{
    return place->find_values ? place->find_values(place->context, dataset) : NULL;
}

static enum presence judge_untied(const struct absence_place *place)
{
    return nan_if(place->ensemble->kind->is_fresh_at_every_step);
}

static enum presence judge_error_given(const struct absence_place *place)
{
    return nan_if(absence_is_error_given(place->ensemble));
}

static enum presence judge_activation(const struct absence_place *place)
{
    return nan_if(!place->activation->is_identity);
}

static enum presence judge_start(const struct absence_place *place)
{
    return nan_if(place->time - place->lag < 1);
}

static enum presence judge_size(const struct absence_place *place)
{
    return nan_if(place->index >= place->hidden_size);
}

static enum presence judge_defective(const struct absence_place *place)
{
    const double *condition = values_of(place, "eigenbasis_condition");
    return nan_if(condition && absence_is_defective(*condition));
}

/* Whether e_l is 0 the rules of the expansion can tell, from its norm and what rounding leaves of it. */
static enum presence judge_error(const struct absence_place *place)
{
    return either_if(place->find_values != NULL);
}

/* The contributions of the lags between those on the axis are not known: they may be there, and cancel. */
static enum presence judge_contributions(const struct absence_place *place)
{
    const double *gradient = values_of(place, "log_gradient_norm");
    const double *contributions = values_of(place, "log_contribution");
    if (gradient == NULL || contributions == NULL || *gradient != -INFINITY)
        return PRESENCE_NUMBER;
    for (long i = 0; i < place->lag_count; i++)
        if (contributions[i] > -INFINITY)
            return PRESENCE_NUMBER;
    return PRESENCE_EITHER;
}

static enum presence judge_radius(const struct absence_place *place)
{
    return either_if(place->native);
}

static enum presence judge_eigenvalues(const struct absence_place *place)
{
    return either_if(!place->has_identity);
}

static const struct reason {
    const char *text;
    const char *advice;
    bool is_of_cell; /* it holds for all of a cell's values, or for none */
    enum presence (*judge)(const struct absence_place *place);
} reasons[ABSENCE_COUNT] = {
    [ABSENCE_UNTIED] = { "there is no one W where weights change at every step", NULL, true, judge_untied },
    [ABSENCE_ERROR_GIVEN] = { "its network file gives the error of the last step, and there is no loss at others",
                              "leave the measure out, or `error` out of the file", true, judge_error_given },
    [ABSENCE_OTHER_ACTIVATION] = { "it is measured for identity alone",
                                   "add identity to model.activation, or leave the measure out", true,
                                   judge_activation },
    [ABSENCE_BEFORE_START] = { "step t - lag lies before the first one",
                               "raise model.warmup or model.steps, or take smaller lags", false, judge_start },
    [ABSENCE_BEYOND_SIZE] = { "index runs to the largest hidden size", NULL, false, judge_size },
    [ABSENCE_DEFECTIVE] = { "W has no basis of eigenvectors in double precision", NULL, true, judge_defective },
    [ABSENCE_NO_ERROR] = { "the error carried back is 0", NULL, false, judge_error },
    [ABSENCE_NO_CONTRIBUTION] = { "all contributions are 0", NULL, true, judge_contributions },
    [ABSENCE_RADIUS_UNKNOWN] = { "it was not found, which native scale does without", NULL, true, judge_radius },
    [ABSENCE_EIGENVALUES_UNKNOWN] = { "they were not found, and no finished cell needs them", NULL, true,
                                      judge_eigenvalues },
};

const char *absence_text(enum absence reason)
{
    return reasons[reason].text;
}

const char *absence_advice(enum absence reason)
{
    return reasons[reason].advice;
}

bool absence_holds(enum absence reason, const struct absence_place *place)
{
    return reasons[reason].judge(place) == PRESENCE_NAN;
}

static enum presence judge(const struct dataset_rule *rule, const struct absence_place *place, bool is_of_cell,
                           enum absence *reason)
{
    enum presence presence = PRESENCE_NUMBER;
    for (int i = 0; i < ABSENCE_COUNT && presence != PRESENCE_NAN; i++) {
        if (!(rule->absences & 1u << i) || reasons[i].is_of_cell != is_of_cell)
            continue;
        const enum presence found = reasons[i].judge(place);
        if (found > presence) {
            presence = found;
            *reason = (enum absence)i;
        }
    }
    return presence;
}

enum presence absence_of_cell(const struct dataset_rule *rule, const struct absence_place *place, enum absence *reason)
{
    return judge(rule, place, true, reason);
}

enum presence absence_of_value(const struct dataset_rule *rule, const struct absence_place *place, enum absence *reason)
{
    return judge(rule, place, false, reason);
}

bool absence_is_number(const struct dataset_rule *rule, double value)
{
    if (isinf(value))
        return value < 0 ? rule->infinity == INFINITE_BELOW : rule->infinity == INFINITE_ABOVE;
    return !isnan(value);
}

bool absence_is_right(const struct dataset_rule *rule, double value, enum presence expected)
{
    return isnan(value) ? expected != PRESENCE_NUMBER : expected != PRESENCE_NAN && absence_is_number(rule, value);
}

/* ---- all values of a dataset ---- */

void absence_visit(const struct dataset_rule *rule, const struct absence_place *cell, const double *values,
                   absence_visitor *visit, void *context)
{
    const long times = dataset_is_along(rule, ALONG_STEP) ? cell->options.contribution_map_steps : 1;
    const long lags = dataset_is_along(rule, ALONG_LAG) ? cell->lag_count : 1;
    const long indices = dataset_is_along(rule, ALONG_INDEX) ? cell->options.index_size : 1;
    enum absence of_cell = ABSENCE_COUNT;
    const enum presence whole = absence_of_cell(rule, cell, &of_cell);
    struct absence_place place = *cell;
    for (long time = 0; time < times; time++)
        for (long lag = 0; lag < lags; lag++)
            for (place.index = 0; place.index < indices; place.index++) {
                enum absence of_value = ABSENCE_COUNT;
                place.time = cell->time - times + 1 + time;
                place.lag = cell->lags[lag];
                const enum presence own =
                    whole == PRESENCE_NAN ? PRESENCE_NUMBER : absence_of_value(rule, &place, &of_value);
                if (own > whole)
                    visit(context, *values++, own, of_value);
                else
                    visit(context, *values++, whole, of_cell);
            }
}

struct fit {
    const struct dataset_rule *rule;
    bool is_right;
};

static void test_fit(void *context, double value, enum presence expected, enum absence reason)
{
    struct fit *fit = context;
    (void)reason;
    fit->is_right = fit->is_right && absence_is_right(fit->rule, value, expected);
}

bool absence_fits(const struct dataset_rule *rule, const struct absence_place *place, const double *values)
{
    struct fit fit = { rule, true };
    absence_visit(rule, place, values, test_fit, &fit);
    return fit.is_right;
}
