/* The list of measures: names, or {name: {parameter: value}}, and what each of them needs of the rest of the sweep. */
#include "sweep/schema.h"

#include "gradient/measure.h"
#include "sweep/keys.h"

#include <math.h>

enum { PATH_OF_MEASURE = 128, MOST_LISTED = 1000 };

const struct yaml_node *measures_name(const struct yaml_node *item)
{
    return item->kind == YAML_MAPPING && item->count == 1 ? item->keys[0] : item;
}

/* The parameters in an item, NULL where it has none. */
static const struct yaml_node *parameters_of(const struct yaml_node *item)
{
    return item->kind == YAML_MAPPING && item->count == 1 ? item->items[0] : NULL;
}

struct number_range schema_measure_range(const struct measure_parameter *parameter)
{
    return (struct number_range){ .lowest = parameter->lowest, .highest = parameter->highest, .is_integer = true };
}

/* "{steps: N, ...}" into text[PATH_OF_MEASURE]. */
static void describe_form(const struct measure *measure, char *text)
{
    size_t length = (size_t)snprintf(text, PATH_OF_MEASURE, "a mapping of parameters, ");
    for (size_t i = 0; i < measure->parameter_count && length < PATH_OF_MEASURE; i++)
        length += (size_t)snprintf(text + length, PATH_OF_MEASURE - length, "%s%s: %s", i == 0 ? "{" : ", ",
                                   measure->parameters[i].name, measure->parameters[i].is_flag ? "true" : "N");
    if (length < PATH_OF_MEASURE)
        snprintf(text + length, PATH_OF_MEASURE - length, "}");
}

static enum status read_parameter(struct reader *reader, const struct measure_parameter *parameter,
                                  const struct yaml_node *node, const char *path, double *value)
{
    const struct number_range range = schema_measure_range(parameter);
    bool is_good = false, flag = false;
    double number;
    if (parameter->is_flag)
        TRY(reader_flag(reader, node, path, &flag, &is_good));
    else
        TRY(reader_number(reader, node, path, &range, &number, &is_good));
    if (is_good)
        *value = parameter->is_flag ? flag : number;
    return STATUS_OK;
}

/* Those that the file gives; the others stay NaN until the rest of the sweep is known. */
static enum status read_parameters(struct reader *reader, const struct yaml_node *node, int number, const char *path)
{
    const struct measure *measure = measure_at(number);
    const char *names[PARAMETERS_OF_A_MEASURE];
    char form[PATH_OF_MEASURE], parameter_path[2 * PATH_OF_MEASURE];
    if (node == NULL || yaml_is_null(node))
        return STATUS_OK;
    for (size_t i = 0; i < measure->parameter_count; i++)
        names[i] = measure->parameters[i].name;
    describe_form(measure, form);
    if (node->kind != YAML_MAPPING)
        return reader_expected(reader, node, path, form);
    TRY(keys_check(reader, node, path, measure->parameter_count, names));
    for (size_t i = 0; i < measure->parameter_count; i++) {
        long entry = yaml_find(node, names[i]);
        if (entry < 0)
            continue;
        snprintf(parameter_path, sizeof parameter_path, "%s.%s", path, names[i]);
        TRY(read_parameter(reader, &measure->parameters[i], node->items[entry], parameter_path,
                           &reader->sweep->options.parameters[number][i]));
    }
    return STATUS_OK;
}

static enum status read_measure_parameters(struct reader *reader, const struct yaml_node *item, int number,
                                           const char *path)
{
    const struct yaml_node *name = measures_name(item), *parameters = parameters_of(item);
    char measure_path[PATH_OF_MEASURE];
    snprintf(measure_path, sizeof measure_path, "%s.%s", path, name->text);
    if (measure_at(number)->parameter_count > 0)
        return read_parameters(reader, parameters, number, measure_path);
    if (parameters != NULL)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s has no parameters", path, name->text);
    return STATUS_OK;
}

static enum status add_measure(struct reader *reader, const struct key_rule *rule, const struct yaml_node *item,
                               const char *path, unsigned *seen)
{
    const struct yaml_node *name = measures_name(item);
    int number;
    if (name->kind != YAML_SCALAR || yaml_is_null(name))
        return reader_expected(reader, name, path, rule->expected);
    if (measure_find(name->text, &number) == NULL) {
        const char *names[MEASURES];
        for (int other = 0; other < MEASURES; other++)
            names[other] = measure_at(other)->name;
        return reader_unknown(reader, name, path, "measure", MEASURES, names);
    }
    if (*seen & 1u << number)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s is repeated", path, name->text);
    *seen |= 1u << number;
    return read_measure_parameters(reader, item, number, path);
}

enum status read_measures(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                          const char *path)
{
    unsigned seen = 0;
    if (reader_item_count(node) > MOST_LISTED)
        return mistakes_add(reader->mistakes, &node->place, "%s: the list has %ld entries, but there are %d measures",
                            path, reader_item_count(node), (int)MEASURES);
    for (int number = 0; number < MEASURES; number++)
        for (int i = 0; i < PARAMETERS_OF_A_MEASURE; i++)
            reader->sweep->options.parameters[number][i] = NAN;
    for (long i = 0; i < reader_item_count(node); i++)
        TRY(add_measure(reader, rule, reader_item_at(node, i), path, &seen));
    reader->sweep->measures = seen | measure_always();
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

static long largest_hidden_size(const struct sweep *sweep)
{
    return sweep->hidden_size_count > 0 ? sweep->hidden_sizes[sweep->hidden_size_count - 1] : 0;
}

static enum status refuse_teams(struct reader *reader, const struct yaml_node *name)
{
    const struct sweep *sweep = reader->sweep;
    const long largest = largest_hidden_size(sweep);
    if (largest < sweep->distribute_from)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure: %s is measured on one rank alone, but hidden_size %ld reaches "
                        "numerics.distribute_from, %ld; raise that to %ld or more, or leave one of the two out",
                        name->text, largest, sweep->distribute_from, largest + 1);
}

/* What identity is measured by is found on one rank. */
static enum status refuse_identity_of_teams(struct reader *reader, const struct yaml_node *name)
{
    const struct sweep *sweep = reader->sweep;
    const long largest = largest_hidden_size(sweep);
    bool has_identity = false;
    for (long i = 0; i < sweep->activation_count; i++)
        has_identity = has_identity || sweep->activations[i]->is_identity;
    if (!has_identity || largest < sweep->distribute_from)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure: %s of identity comes from the eigenvalues of W, which one rank finds alone, but "
                        "hidden_size %ld reaches numerics.distribute_from, %ld; raise that to %ld or more, or leave "
                        "identity out",
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

static enum status refuse_proofs(struct reader *reader, const struct yaml_node *name)
{
    if (!reader->sweep->options.certify)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &name->place,
                        "measure: %s cannot be had with numerics.certify, whose proofs its values are not part of; "
                        "leave one of the two out",
                        name->text);
}

static struct parameter_surroundings surroundings_of(const struct sweep *sweep)
{
    const long first_anchor = sweep->anchors != NULL ? sweep->anchors[0] : 0;
    return (struct parameter_surroundings){ .model = &sweep->model,
                                            .first_end = sweep->has_anchors ? first_anchor : sweep->model.steps,
                                            .smallest_hidden_size =
                                                sweep->hidden_size_count > 0 ? sweep->hidden_sizes[0] : 0,
                                            .largest_hidden_size = largest_hidden_size(sweep) };
}

/* What parameters of a measure are where the file does not say. */
static void fill_parameters(struct sweep *sweep, int number)
{
    const struct measure *measure = measure_at(number);
    const struct parameter_surroundings surroundings = surroundings_of(sweep);
    for (size_t i = 0; i < measure->parameter_count; i++)
        if (isnan(sweep->options.parameters[number][i]))
            sweep->options.parameters[number][i] = measure->parameters[i].default_value(&surroundings);
}

long measures_window(struct sweep *sweep)
{
    for (int number = 0; number < MEASURES; number++)
        if (sweep->measures & 1u << number && measure_at(number)->window)
            fill_parameters(sweep, number);
    return measure_window(sweep->measures, &sweep->options);
}

/* Fills in defaults, which may depend on the rest, and holds what was given against it. */
static enum status settle_parameters(struct reader *reader, const struct yaml_node *name, int number)
{
    struct sweep *sweep = reader->sweep;
    const struct measure *measure = measure_at(number);
    const struct parameter_surroundings surroundings = surroundings_of(sweep);
    char why[2 * PATH_OF_MEASURE];
    fill_parameters(sweep, number);
    for (size_t i = 0; i < measure->parameter_count; i++) {
        const struct measure_parameter *parameter = &measure->parameters[i];
        const double value = sweep->options.parameters[number][i];
        if (parameter->length_of != ALONG_NOTHING)
            sweep->options.lengths[parameter->length_of] = (long)value;
        if (parameter->is_possible && !parameter->is_possible(value, &surroundings, why, sizeof why))
            TRY(mistakes_add(reader->mistakes, &name->place, "measure.%s.%s: %s", measure->name, parameter->name, why));
    }
    const double *parameters = sweep->options.parameters[number];
    if (measure->fits && !measure->fits(parameters, &surroundings, why, sizeof why))
        return mistakes_add(reader->mistakes, &name->place, "measure.%s: %s", measure->name, why);
    return STATUS_OK;
}

enum status measures_settle(struct reader *reader, const struct yaml_node *node)
{
    struct measure_options *options = &reader->sweep->options;
    options->lengths[ALONG_NOTHING] = 1;
    options->lengths[ALONG_LAG] = reader->sweep->lag_count;
    options->lengths[ALONG_INDEX] = largest_hidden_size(reader->sweep);
    for (long i = 0; node != NULL && i < reader_item_count(node); i++) {
        const struct yaml_node *name = measures_name(reader_item_at(node, i));
        int number;
        bool is_known = name->kind == YAML_SCALAR && measure_find(name->text, &number) != NULL;
        if (!is_known || !(reader->sweep->measures & 1u << number))
            continue;
        unsigned needs = measure_at(number)->needs;
        if (needs & NEEDS_TIED)
            TRY(refuse_untied(reader, name));
        if (needs & NEEDS_ONE_RANK)
            TRY(refuse_teams(reader, name));
        if (needs & NEEDS_IDENTITY)
            TRY(refuse_without_identity(reader, name));
        if (needs & NEEDS_IDENTITY_ON_ONE_RANK)
            TRY(refuse_identity_of_teams(reader, name));
        if (needs & NEEDS_NO_PROOF)
            TRY(refuse_proofs(reader, name));
        TRY(settle_parameters(reader, name, number));
    }
    return STATUS_OK;
}

/* "name", or "{name: {parameter: value}}". */
static void write_measure(const struct sweep *sweep, int number, FILE *stream)
{
    const struct measure *measure = measure_at(number);
    if (measure->parameter_count == 0) {
        fputs(measure->name, stream);
        return;
    }
    fprintf(stream, "{%s: {", measure->name);
    const char *separator = "";
    for (size_t i = 0; i < measure->parameter_count; i++) {
        const struct measure_parameter *parameter = &measure->parameters[i];
        const double value = sweep->options.parameters[number][i];
        if (isinf(value)) /* all there are */
            continue;
        fprintf(stream, "%s%s: ", separator, parameter->name);
        if (parameter->is_flag)
            fputs(value != 0 ? "true" : "false", stream);
        else
            fprintf(stream, "%.0f", value);
        separator = ", ";
    }
    fputs("}}", stream);
}

void write_measures(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    const char *separator = "[";
    for (int number = 0; number < MEASURES; number++) {
        if (!(sweep->measures & 1u << number))
            continue;
        fputs(separator, stream);
        write_measure(sweep, number, stream);
        separator = ", ";
    }
    fputc(']', stream);
}

void explain_measures(const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        fprintf(stream, "    %s: %s\n", measure->name, measure->help);
        for (size_t i = 0; i < measure->parameter_count; i++) {
            const struct number_range range = schema_measure_range(&measure->parameters[i]);
            char text[NUMBER_RANGE_TEXT] = "true or false";
            if (!measure->parameters[i].is_flag)
                number_describe_range(&range, text);
            fprintf(stream, "        %s: %s, %s (default %s)\n", measure->parameters[i].name,
                    measure->parameters[i].help, text, measure->parameters[i].default_text);
        }
    }
}
