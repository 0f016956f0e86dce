#include "store/check_presence.h"

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

static struct absence_place place_of(const struct checked_cell *cell)
{
    const struct sweep *sweep = cell->sweep;
    return (struct absence_place){ .ensemble = &sweep->ensembles[cell->position.ensemble],
                                   .activation = sweep->activations[cell->position.activation],
                                   .native = sweep->native,
                                   .hidden_size = check_hidden_size(cell),
                                   .time = sweep->model.steps,
                                   .lags = sweep->lags,
                                   .lag_count = sweep->lag_count };
}

/* The lengths of a dataset's dimensions beside those of CELL or WEIGHT; 1 for one that it lacks. */
struct extent {
    long times, lags, indices;
};

static struct extent extent_of(const struct sweep *sweep, const struct dataset_rule *rule)
{
    const long lags = sweep->lag_count, times = sweep->contribution_map_steps;
    const long indices = sweep->hidden_sizes[sweep->hidden_size_count - 1];
    switch (rule->shape) {
    case SHAPE_CELL:
    case SHAPE_WEIGHT:
        break;
    case SHAPE_CELL_LAG:
        return (struct extent){ 1, lags, 1 };
    case SHAPE_CELL_STEP:
        return (struct extent){ times, 1, 1 };
    case SHAPE_CELL_STEP_LAG:
        return (struct extent){ times, lags, 1 };
    case SHAPE_CELL_INDEX:
    case SHAPE_WEIGHT_INDEX:
        return (struct extent){ 1, 1, indices };
    case SHAPE_CELL_LAG_INDEX:
        return (struct extent){ 1, lags, indices };
    }
    return (struct extent){ 1, 1, 1 };
}

static bool count_value(const struct dataset_rule *rule, double value, enum presence expected, enum absence reason,
                        struct check_presence *presence)
{
    if (isnan(value) && expected != PRESENCE_NUMBER) {
        presence->absent[reason]++;
        return true;
    }
    if (expected != PRESENCE_NAN && absence_is_number(rule, value)) {
        presence->numbers++;
        return true;
    }
    presence->missing += expected != PRESENCE_NAN;
    presence->unexpected += expected == PRESENCE_NAN;
    return false;
}

/* One value, which the reasons for the whole cell leave open. */
static bool count_at(const struct dataset_rule *rule, const struct absence_place *place, double value,
                     enum presence whole, enum absence reason, struct check_presence *presence)
{
    enum absence own = ABSENCE_COUNT;
    const enum presence expected = whole == PRESENCE_NAN ? whole : absence_of_value(rule, place, &own);
    return expected > whole ? count_value(rule, value, expected, own, presence)
                            : count_value(rule, value, whole, reason, presence);
}

static bool count_dataset(const struct sweep *sweep, const struct dataset_rule *rule, struct absence_place *place,
                          const double *values, struct check_presence *presence, struct check_tally *tally)
{
    const struct extent extent = extent_of(sweep, rule);
    enum absence reason = ABSENCE_COUNT;
    const enum presence whole = absence_of_cell(rule, place, &reason);
    const uint64_t wrong = tally->wrong;
    for (long time = 0; time < extent.times; time++)
        for (long lag = 0; lag < extent.lags; lag++)
            for (place->index = 0; place->index < extent.indices; place->index++) {
                place->time = sweep->model.steps - extent.times + 1 + time;
                place->lag = sweep->lags[lag];
                check_count(tally, count_at(rule, place, *values++, whole, reason, presence));
            }
    return tally->wrong == wrong;
}

void check_finish(struct check_finished *finished, const struct checked_cell *cell, unsigned measured)
{
    finished->measures |= measured;
    finished->of_identity |= check_is_identity(cell) ? measured : 0;
}

bool check_presence_of_cell(const struct check_applier *applier, const struct checked_cell *cell,
                            const struct cell_results *results, uint64_t i, unsigned measured,
                            struct check_presence *presence, struct check_tally *tally)
{
    const struct subject subject = { applier, results, i, measured, cell->sweep };
    struct absence_place place = place_of(cell);
    const struct dataset_rule *rule;
    bool is_right = true;
    place.find_values = values_by_name;
    place.context = &subject;
    for (size_t number = 0; (rule = measure_dataset_at(cell->sweep->measures, number)); number++) {
        const bool is_measured = measured & 1u << measure_of_dataset(cell->sweep->measures, number);
        if (!is_measured || rule->type != TYPE_FLOAT64 || store_values_per_cell(cell->sweep, rule) == 0)
            continue;
        const double *values = check_applier_values(applier, results, i, number);
        if (!count_dataset(cell->sweep, rule, &place, values, &presence[number], tally))
            is_right = false;
    }
    tally->cells++;
    tally->wrong_cells += !is_right;
    return is_right;
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
                              struct check_tally *tally)
{
    const struct checked_cell cell = check_applier_cell(applier, grid_weight_at(sweep, weight));
    const uint64_t tested = tally->tested, wrong = tally->wrong;
    struct absence_place place = place_of(&cell);
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(cell.sweep->measures, number)); number++) {
        if (rule->type != TYPE_FLOAT64 || store_values_per_cell(cell.sweep, rule) > 0)
            continue;
        const double *values = check_applier_values(applier, NULL, 0, number);
        place.has_identity = finished->of_identity & 1u << measure_of_dataset(cell.sweep->measures, number);
        if (finished->measures || !is_nan_throughout(values, extent_of(cell.sweep, rule).indices))
            count_dataset(cell.sweep, rule, &place, values, &presence[number], tally);
    }
    tally->cells += tally->tested > tested;
    tally->wrong_cells += tally->wrong > wrong;
}
