#include "gradient/absence.h"

#include <math.h>

bool absence_is_error_given(const struct ensemble *ensemble)
{
    return ensemble->source.fingerprints[NETWORK_ERROR][0] != '\0';
}

const double *absence_values(const struct absence_place *place, const char *dataset)
{
    return place->find_values ? place->find_values(place->context, dataset) : NULL;
}

static enum presence judge_untied(const struct absence_place *place)
{
    return absence_nan_if(place->cell->ensemble->kind->is_fresh_at_every_step);
}

const struct absence absence_untied = { .text = "there is no one W where weights change at every step",
                                        .is_of_cell = true,
                                        .judge = judge_untied };

static enum presence judge_error_given(const struct absence_place *place)
{
    return absence_nan_if(absence_is_error_given(place->cell->ensemble));
}

const struct absence absence_error_given = {
    .text = "its network file gives the error of the last step, and there is no loss at others",
    .advice = "leave the measure out, or `error` out of the file",
    .is_of_cell = true,
    .foreseen = FORESEEN_BY_ENSEMBLE,
    .judge = judge_error_given,
};

static enum presence judge_activation(const struct absence_place *place)
{
    return absence_nan_if(!place->cell->activation->is_identity);
}

const struct absence absence_other_activation = {
    .text = "it is measured for identity alone",
    .advice = "add identity to model.activation, or leave the measure out",
    .is_of_cell = true,
    .foreseen = FORESEEN_BY_ACTIVATION,
    .judge = judge_activation,
};

static enum presence judge_start(const struct absence_place *place)
{
    return absence_nan_if(place->time - place->lag < 1);
}

const struct absence absence_before_start = {
    .text = "step t - lag lies before the first one",
    .advice = "raise model.warmup or model.steps, or take smaller lags",
    .foreseen = FORESEEN_BY_LAG,
    .judge = judge_start,
};

static enum presence judge_size(const struct absence_place *place)
{
    return absence_nan_if(place->index >= place->cell->hidden_size);
}

const struct absence absence_beyond_size = { .text = "index runs to the largest hidden size", .judge = judge_size };

static enum presence judge(const struct dataset_rule *rule, const struct absence_place *place, bool is_of_cell,
                           int *reason)
{
    enum presence presence = PRESENCE_NUMBER;
    for (int i = 0; i < DATASET_MAX_ABSENCES && rule->absences[i] && presence != PRESENCE_NAN; i++) {
        if (rule->absences[i]->is_of_cell != is_of_cell)
            continue;
        const enum presence found = rule->absences[i]->judge(place);
        if (found > presence) {
            presence = found;
            *reason = i;
        }
    }
    return presence;
}

enum presence absence_of_cell(const struct dataset_rule *rule, const struct absence_place *place, int *reason)
{
    return judge(rule, place, true, reason);
}

enum presence absence_of_value(const struct dataset_rule *rule, const struct absence_place *place, int *reason)
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

static bool has_absences_of_values(const struct dataset_rule *rule)
{
    for (int i = 0; i < DATASET_MAX_ABSENCES && rule->absences[i]; i++)
        if (!rule->absences[i]->is_of_cell)
            return true;
    return false;
}

void absence_visit(const struct dataset_rule *rule, const struct absence_place *whole_cell, const double *values,
                   absence_visitor *visit, void *context)
{
    const struct measured_cell *cell = whole_cell->cell;
    const long times = dataset_is_along(rule, ALONG_STEP) ? cell->options->lengths[ALONG_STEP] : 1;
    const long lags = dataset_is_along(rule, ALONG_LAG) ? cell->lag_count : 1;
    const long indices = dataset_is_along(rule, ALONG_INDEX) ? cell->options->lengths[ALONG_INDEX] : 1;
    int of_cell = 0;
    const enum presence whole = absence_of_cell(rule, whole_cell, &of_cell);
    const bool are_alike = whole == PRESENCE_NAN || !has_absences_of_values(rule);
    struct absence_place place = *whole_cell;
    for (long time = 0; time < times; time++)
        for (long lag = 0; lag < lags; lag++)
            for (place.index = 0; place.index < indices; place.index++) {
                int of_value = 0;
                place.time = whole_cell->time - times + 1 + time;
                place.lag = cell->lags[lag];
                const enum presence own = are_alike ? PRESENCE_NUMBER : absence_of_value(rule, &place, &of_value);
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

static void test_fit(void *context, double value, enum presence expected, int reason)
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
