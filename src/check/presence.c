#include "check/presence.h"

#include <math.h>

/* For values_by_name. */
struct subject {
    const struct check_applier *applier;
    const struct cell_results *results;
    uint64_t i;
    unsigned measured;
    const struct sweep *sweep;
};

static const double *values_by_name(const void *context, const char *dataset)
{
    const struct subject *subject = context;
    size_t number;
    if (!measure_dataset_find(subject->sweep->measures, dataset, &number) ||
        !(subject->measured & 1u << measure_of_dataset(subject->sweep->measures, number)))
        return NULL;
    return check_applier_values(subject->applier, subject->results, subject->i, number);
}

static struct absence_place place_of(const struct measured_cell *cell)
{
    return (struct absence_place){ .cell = cell, .time = cell->model->steps };
}

struct counter {
    const struct dataset_rule *rule;
    struct check_presence *presence;
    struct rule_tally *tally;
};

static void count_value(void *context, double value, enum presence expected, int reason)
{
    const struct counter *counter = context;
    struct check_presence *presence = counter->presence;
    const bool is_right = absence_is_right(counter->rule, value, expected);
    rule_count(counter->tally, is_right);
    presence->missing += !is_right && expected != PRESENCE_NAN;
    presence->unexpected += !is_right && expected == PRESENCE_NAN;
    presence->numbers += is_right && !isnan(value);
    if (is_right && isnan(value))
        presence->absent[reason]++;
}

static void count_dataset(const struct dataset_rule *rule, const struct absence_place *place, const double *values,
                          struct check_presence *presence, struct rule_tally *tally)
{
    struct counter counter = { rule, presence, tally };
    absence_visit(rule, place, values, count_value, &counter);
}

void check_finish(struct check_finished *finished, const struct measured_cell *cell, unsigned measured)
{
    finished->measures |= measured;
    finished->of_identity |= cell->activation->is_identity ? measured : 0;
}

bool check_presence_of_cell(const struct check_applier *applier, const struct measured_cell *cell,
                            const struct cell_results *results, uint64_t i, unsigned measured,
                            struct check_presence *presence, struct rule_tally *tally)
{
    const struct sweep *sweep = check_applier_sweep(applier);
    const struct subject subject = { applier, results, i, measured, sweep };
    struct absence_place place = place_of(cell);
    const struct dataset_rule *rule;
    const uint64_t wrong = tally->wrong;
    place.find_values = values_by_name;
    place.context = &subject;
    for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)); number++) {
        const bool is_measured = measured & 1u << measure_of_dataset(sweep->measures, number);
        if (!is_measured || rule->type != TYPE_FLOAT64 || store_values_per_cell(sweep, rule) == 0)
            continue;
        const double *values = check_applier_values(applier, results, i, number);
        count_dataset(rule, &place, values, &presence[number], tally);
    }
    tally->cells++;
    tally->wrong_cells += tally->wrong > wrong;
    return tally->wrong == wrong;
}

static bool is_nan_throughout(const double *values, long count)
{
    for (long i = 0; i < count; i++)
        if (!isnan(values[i]))
            return false;
    return true;
}

void check_presence_of_weight(const struct check_applier *applier, const struct sweep *sweep, uint64_t weight,
                              const struct check_finished *finished, struct check_presence *presence,
                              struct rule_tally *tally)
{
    const struct measured_cell cell = check_applier_cell(applier, grid_weight_at(sweep, weight));
    const uint64_t tested = tally->tested, wrong = tally->wrong;
    struct absence_place place = place_of(&cell);
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)); number++) {
        if (rule->type != TYPE_FLOAT64 || rule->owner != OF_WEIGHT)
            continue;
        const double *values = check_applier_values(applier, NULL, 0, number);
        place.has_identity = finished->of_identity & measure_all_of_dataset(sweep->measures, number);
        const long count = (long)measure_value_count(rule, cell.lag_count, cell.options);
        if (finished->measures || !is_nan_throughout(values, count))
            count_dataset(rule, &place, values, &presence[number], tally);
    }
    tally->cells += tally->tested > tested;
    tally->wrong_cells += tally->wrong > wrong;
}
