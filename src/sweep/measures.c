/* The list of measures: names, or {name: {parameter: value}}, and what each of them needs of the rest of the sweep. */
#include "sweep/schema.h"

#include "gradient/measure.h"

#include <math.h>

enum { CONTRIBUTION_MAP_STEPS = 32, MEASURE_PATH = 128, MOST_LISTED = 1000 };

static const struct number_range steps_range = { .lowest = 1, .highest = 0x1p40, .is_integer = true };

const struct yaml_node *measures_name(const struct yaml_node *item)
{
    return item->kind == YAML_MAPPING && item->count == 1 ? item->keys[0] : item;
}

/* The parameters in an item, NULL where it has none. */
static const struct yaml_node *parameters_of(const struct yaml_node *item)
{
    return item->kind == YAML_MAPPING && item->count == 1 ? item->items[0] : NULL;
}

static enum status read_contribution_map(struct reader *reader, const struct yaml_node *parameters, const char *path)
{
    static const char *const names[] = { "steps" };
    char steps_path[MEASURE_PATH];
    bool is_good = false;
    double steps = 0;
    if (parameters == NULL || yaml_is_null(parameters))
        return STATUS_OK;
    if (parameters->kind != YAML_MAPPING)
        return reader_expected(reader, parameters, path, "a mapping of parameters, {steps: N}");
    TRY(reader_check_keys(reader, parameters, path, 1, names));
    long entry = yaml_find(parameters, names[0]);
    if (entry < 0)
        return STATUS_OK;
    snprintf(steps_path, sizeof steps_path, "%s.%s", path, names[0]);
    TRY(reader_number(reader, parameters->items[entry], steps_path, &steps_range, &steps, &is_good));
    if (is_good)
        reader->sweep->contribution_map_steps = (long)steps;
    return STATUS_OK;
}

static enum status read_measure_parameters(struct reader *reader, const struct yaml_node *item, enum measure_id id,
                                           const char *path)
{
    const struct yaml_node *name = measures_name(item), *parameters = parameters_of(item);
    char measure_path[MEASURE_PATH];
    snprintf(measure_path, sizeof measure_path, "%s.%s", path, name->text);
    if (id == MEASURE_CONTRIBUTION_MAP)
        return read_contribution_map(reader, parameters, measure_path);
    if (parameters != NULL)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s has no parameters", path, name->text);
    return STATUS_OK;
}

static enum status add_measure(struct reader *reader, const struct key_rule *rule, const struct yaml_node *item,
                               const char *path, unsigned *seen)
{
    const struct yaml_node *name = measures_name(item);
    bool is_refused = false;
    enum measure_id id = MEASURE_COUNT;
    if (name->kind != YAML_SCALAR || yaml_is_null(name))
        return reader_expected(reader, name, path, rule->expected);
    TRY(reader_refuse_unavailable(reader, name, path, name->text, &is_refused));
    if (is_refused)
        return STATUS_OK;
    if (measure_find(name->text, &id) == NULL) {
        const char *names[MEASURE_COUNT];
        for (int number = 0; number < MEASURE_COUNT; number++)
            names[number] = measure_at((enum measure_id)number)->name;
        return reader_unknown(reader, name, path, "measure", MEASURE_COUNT, names);
    }
    if (*seen & 1u << id)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s is repeated", path, name->text);
    *seen |= 1u << id;
    return read_measure_parameters(reader, item, id, path);
}

enum status read_measures(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                          const char *path)
{
    unsigned seen = 0;
    if (reader_item_count(node) > MOST_LISTED)
        return mistakes_add(reader->mistakes, &node->place, "%s: the list has %ld entries, but there are %d measures",
                            path, reader_item_count(node), (int)MEASURE_COUNT);
    for (long i = 0; i < reader_item_count(node); i++)
        TRY(add_measure(reader, rule, reader_item_at(node, i), path, &seen));
    reader->sweep->measures = seen | 1u << MEASURE_JACOBIAN_NORM;
    return STATUS_OK;
}

/* ---- what measures need of the rest ---- */

static enum status refuse_untied(struct reader *reader, const struct yaml_node *name)
{
    const struct sweep *sweep = reader->sweep;
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (sweep->ensembles[i].kind->is_fresh_at_every_step)
            return mistakes_add(reader->mistakes, &name->place,
                                "measure: %s needs one W for all steps, but the ensemble \"%s\" draws a fresh one at "
                                "every step; leave one of the two out",
                                name->text, sweep->ensembles[i].label);
    return STATUS_OK;
}

static enum status refuse_teams(struct reader *reader, const struct yaml_node *name)
{
    const struct sweep *sweep = reader->sweep;
    long largest = sweep->hidden_size_count > 0 ? sweep->hidden_sizes[sweep->hidden_size_count - 1] : 0;
    if (largest < sweep->distribute_from)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure: %s is measured on one rank alone, but hidden_size %ld reaches "
                        "numerics.distribute_from, %ld; raise that to %ld or more, or leave one of the two out",
                        name->text, largest, sweep->distribute_from, largest + 1);
}

static enum status refuse_without_identity(struct reader *reader, const struct yaml_node *name)
{
    const struct sweep *sweep = reader->sweep;
    bool has_identity = sweep->activation_count == 0; /* nothing is checked against what is not known */
    for (long i = 0; i < sweep->activation_count; i++)
        has_identity = has_identity || sweep->activations[i]->is_identity;
    if (has_identity)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure: %s is measured for identity alone, which is not among model.activation; add it, or "
                        "leave the measure out",
                        name->text);
}

/* Without a number of its own the map takes what there is, up to the default. */
static enum status settle_contribution_map(struct reader *reader, const struct yaml_node *name)
{
    struct sweep *sweep = reader->sweep;
    long steps = sweep->model.steps;
    if (sweep->contribution_map_steps == 0)
        sweep->contribution_map_steps = steps < CONTRIBUTION_MAP_STEPS ? steps : CONTRIBUTION_MAP_STEPS;
    if (sweep->contribution_map_steps <= steps || steps == 0)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure.contribution_map.steps: %ld times are more than the %ld steps of the trajectory; ask "
                        "for fewer, or raise model.steps",
                        sweep->contribution_map_steps, steps);
}

enum status measures_settle(struct reader *reader, const struct yaml_node *node)
{
    for (long i = 0; node != NULL && i < reader_item_count(node); i++) {
        const struct yaml_node *name = measures_name(reader_item_at(node, i));
        enum measure_id id = MEASURE_COUNT;
        bool is_known = name->kind == YAML_SCALAR && measure_find(name->text, &id) != NULL;
        if (!is_known || !(reader->sweep->measures & 1u << id))
            continue;
        unsigned needs = measure_at(id)->needs;
        if (needs & MEASURE_NEEDS_TIED)
            TRY(refuse_untied(reader, name));
        if (needs & MEASURE_NEEDS_ONE_RANK)
            TRY(refuse_teams(reader, name));
        if (needs & MEASURE_NEEDS_IDENTITY)
            TRY(refuse_without_identity(reader, name));
        if (id == MEASURE_CONTRIBUTION_MAP)
            TRY(settle_contribution_map(reader, name));
    }
    return STATUS_OK;
}

void write_measures(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    const char *separator = "[";
    for (int id = 0; id < MEASURE_COUNT; id++) {
        if (!(sweep->measures & 1u << id))
            continue;
        if (id == MEASURE_CONTRIBUTION_MAP)
            fprintf(stream, "%s{contribution_map: {steps: %ld}}", separator, sweep->contribution_map_steps);
        else
            fprintf(stream, "%s%s", separator, measure_at((enum measure_id)id)->name);
        separator = ", ";
    }
    fputc(']', stream);
}

void explain_measures(const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (int id = 0; id < MEASURE_COUNT; id++)
        fprintf(stream, "    %s: %s\n", measure_at((enum measure_id)id)->name, measure_at((enum measure_id)id)->help);
    fprintf(stream, "    {contribution_map: {steps: N}} for the last N times t, at most model.steps; default %d\n",
            CONTRIBUTION_MAP_STEPS);
}
