#include "check/apply.h"

#include "base/memory.h"

#include <math.h>

/* A rule with the places of its datasets in the table of measures. */
struct bound_rule {
    const struct measure_rule *rule;
    size_t number;
    size_t columns[RULE_MAX_DATASETS];
    int column_count;
    unsigned measures; /* that these belong to */
};

struct check_applier {
    const struct results_file *file;
    size_t dataset_count;
    struct bound_rule *rules; /* those that apply */
    size_t rule_count;
    uint64_t weight;        /* read last */
    double **weight_values; /* [dataset_count], NULL for those of CELL shape */
    size_t radius, norm;    /* places of two that every file has */
    struct model *models;   /* [anchors]: ending there */
};

/* False where a dataset of the rule was not measured. */
static bool bind_rule(const struct sweep *sweep, size_t number, struct bound_rule *bound)
{
    *bound = (struct bound_rule){ .rule = check_rule_at(number), .number = number };
    const char *const *names = bound->rule->datasets;
    while (bound->column_count < RULE_MAX_DATASETS && names[bound->column_count]) {
        if (!measure_dataset_find(sweep->measures, names[bound->column_count], &bound->columns[bound->column_count]))
            return false;
        bound->measures |= 1u << measure_of_dataset(sweep->measures, bound->columns[bound->column_count]);
        bound->column_count++;
    }
    return true;
}

bool check_applies(const struct sweep *sweep, size_t number)
{
    struct bound_rule bound;
    return bind_rule(sweep, number, &bound);
}

static uint64_t values_per_weight(const struct sweep *sweep, const struct dataset_rule *rule)
{
    return rule->owner == OF_WEIGHT ? measure_value_count(rule, sweep->lag_count, &sweep->options) : 0;
}

static enum status allocate(const struct sweep *sweep, struct check_applier *applier)
{
    const struct dataset_rule *rule;
    TRY(memory_allocate(&applier->rules, check_rule_count(), "rules of the check"));
    TRY(memory_allocate(&applier->weight_values, applier->dataset_count, "values of weights"));
    const long anchors = axes_length(sweep, AXIS_ANCHOR);
    TRY(memory_allocate(&applier->models, anchors, "anchors"));
    for (long i = 0; i < anchors; i++) {
        applier->models[i] = sweep->model;
        applier->models[i].steps = (long)axes_value(sweep, AXIS_ANCHOR, i).integer;
    }
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++) {
        const uint64_t values = values_per_weight(sweep, rule);
        if (values > 0)
            TRY(memory_allocate(&applier->weight_values[i], values, rule->name));
    }
    return STATUS_OK;
}

enum status check_applier_open(const struct results_file *file, struct check_applier **opened)
{
    const struct sweep *sweep = file->layout.sweep;
    SCOPED(check_applier) *applier = NULL;
    *opened = NULL;
    TRY(memory_allocate(&applier, 1, "the rules of the check"));
    *applier = (struct check_applier){ .file = file,
                                       .dataset_count = measure_dataset_count(sweep->measures),
                                       .weight = UINT64_MAX };
    TRY(allocate(sweep, applier));
    if (!measure_dataset_find(sweep->measures, "weight_spectral_radius", &applier->radius) ||
        !measure_dataset_find(sweep->measures, "weight_norm", &applier->norm))
        return status_fail(STATUS_INTERNAL, "the table of measures has no radius and norm of weights");
    for (size_t number = 0; number < check_rule_count(); number++) {
        struct bound_rule bound;
        if (bind_rule(sweep, number, &bound) && bound.rule->test)
            applier->rules[applier->rule_count++] = bound;
    }
    *opened = scope_keep(&applier);
    return STATUS_OK;
}

void check_applier_close(struct check_applier *applier)
{
    if (applier == NULL)
        return;
    if (applier->weight_values)
        for (size_t i = 0; i < applier->dataset_count; i++)
            memory_free(applier->weight_values[i]);
    memory_free(applier->weight_values);
    memory_free(applier->rules);
    memory_free(applier->models);
    memory_free(applier);
}

enum status check_applier_read_weight(struct check_applier *applier, uint64_t weight)
{
    const struct sweep *sweep = applier->file->layout.sweep;
    const struct dataset_rule *rule;
    if (weight == applier->weight)
        return STATUS_OK;
    applier->weight = UINT64_MAX;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++) {
        const uint64_t values = values_per_weight(sweep, rule);
        if (values > 0)
            TRY(results_file_read(applier->file, layout_measured_at(i), weight * values, values,
                                  applier->weight_values[i]));
    }
    applier->weight = weight;
    return STATUS_OK;
}

struct measured_cell check_applier_cell(const struct check_applier *applier, struct cell position)
{
    const struct sweep *sweep = applier->file->layout.sweep;
    return (struct measured_cell){ .ensemble = grid_ensemble(sweep, &position),
                                   .activation = grid_activation(sweep, &position),
                                   .model = &applier->models[position.at[AXIS_ANCHOR]],
                                   .options = &sweep->options,
                                   .hidden_size = grid_hidden_size(sweep, &position),
                                   .lags = sweep->lags,
                                   .lag_count = sweep->lag_count,
                                   .tolerance = sweep->tolerance,
                                   .native = sweep->native,
                                   .coupling = grid_coupling(sweep, &position),
                                   .weight_radius = *applier->weight_values[applier->radius],
                                   .weight_norm = *applier->weight_values[applier->norm] };
}

/* Tests one rule on one cell (or one WEIGHT) and counts it; true if nothing was wrong. */
static bool apply(const struct bound_rule *bound, const struct measured_cell *cell, const void *const data[],
                  struct rule_tally *tallies)
{
    struct rule_tally *tally = &tallies[bound->number];
    const uint64_t tested = tally->tested, wrong = tally->wrong;
    bound->rule->test(cell, data, tally);
    tally->cells += tally->tested > tested;
    tally->wrong_cells += tally->wrong > wrong;
    return tally->wrong == wrong;
}

const void *check_applier_values(const struct check_applier *applier, const struct cell_results *results, uint64_t i,
                                 size_t dataset)
{
    const struct sweep *sweep = applier->file->layout.sweep;
    if (applier->weight_values[dataset])
        return applier->weight_values[dataset];
    return (const char *)results->values[dataset] +
           i * store_bytes_per_cell(sweep, measure_dataset_at(sweep->measures, dataset));
}

const struct sweep *check_applier_sweep(const struct check_applier *applier)
{
    return applier->file->layout.sweep;
}

static void find_data(const struct check_applier *applier, const struct bound_rule *bound,
                      const struct cell_results *results, uint64_t i, const void *data[RULE_MAX_DATASETS])
{
    for (int k = 0; k < bound->column_count; k++)
        data[k] = check_applier_values(applier, results, i, bound->columns[k]);
}

/* The gates, or all other rules of cells. */
static bool apply_rules(const struct check_applier *applier, const struct measured_cell *cell,
                        const struct cell_results *results, uint64_t i, unsigned measured, bool gates,
                        struct rule_tally *tallies, size_t *broken)
{
    const void *data[RULE_MAX_DATASETS];
    bool right = true;
    for (size_t k = 0; k < applier->rule_count; k++) {
        const struct bound_rule *bound = &applier->rules[k];
        if (bound->rule->is_gate != gates || bound->rule->is_for_weights || bound->measures & ~measured)
            continue;
        find_data(applier, bound, results, i, data);
        if (!apply(bound, cell, data, tallies) && right) {
            right = false;
            *broken = bound->number;
        }
    }
    return right;
}

bool check_applier_cell_is_right(const struct check_applier *applier, const struct measured_cell *cell,
                                 const struct cell_results *results, uint64_t i, unsigned measured,
                                 struct rule_tally *tallies, size_t *broken)
{
    return apply_rules(applier, cell, results, i, measured, true, tallies, broken) &&
           apply_rules(applier, cell, results, i, measured, false, tallies, broken);
}

/* Whether a dataset has anything of a cell that an untouched file has not: NaN and 255. */
static bool has_values(const struct sweep *sweep, const struct dataset_rule *rule, const void *values, uint64_t i)
{
    const size_t count = store_bytes_per_cell(sweep, rule) / measure_value_size(rule);
    for (size_t k = i * count; k < (i + 1) * count; k++)
        if (!measure_is_pending(rule, values, k))
            return true;
    return false;
}

unsigned check_applier_measured(const struct check_applier *applier, const struct cell_results *results, uint64_t i)
{
    const struct sweep *sweep = applier->file->layout.sweep;
    const struct dataset_rule *rule;
    int failed;
    unsigned measured = 0;
    if (!failure_is_of_measure(results->failure_reason[i], &failed))
        return 0;
    for (size_t k = 0; (rule = measure_dataset_at(sweep->measures, k)); k++)
        if (results->values[k] && has_values(sweep, rule, results->values[k], i))
            measured |= 1u << measure_of_dataset(sweep->measures, k);
    return measured;
}

void check_applier_test_weight(const struct check_applier *applier, struct rule_tally *tallies)
{
    const struct sweep *sweep = applier->file->layout.sweep;
    const void *data[RULE_MAX_DATASETS];
    const struct measured_cell cell = check_applier_cell(applier, grid_weight_at(sweep, applier->weight));
    for (size_t k = 0; k < applier->rule_count; k++) {
        if (!applier->rules[k].rule->is_for_weights)
            continue;
        find_data(applier, &applier->rules[k], NULL, 0, data);
        apply(&applier->rules[k], &cell, data, tallies);
    }
}
