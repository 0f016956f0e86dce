#include "sweep/help.h"

#include "base/json.h"
#include "gradient/measure.h"
#include "gradient/weight_result.h"
#include "sweep/schema.h"
#include "sweep/suggest.h"

#include <string.h>

enum { MAX_KEYS = 64 };

/* ---- for people ---- */

static bool has_range(const struct key_rule *rule)
{
    return rule->range.lowest != rule->range.highest;
}

static void print_rule(const struct key_rule *rule, FILE *out)
{
    char range[NUMBER_RANGE_TEXT] = "", path[SCHEMA_PATH];
    if (has_range(rule))
        number_describe_range(&rule->range, range);
    schema_path(rule, path);
    fprintf(out, "%s: %s\n", path, rule->help);
    fprintf(out, "    %s%s%s%s\n", range, rule->read == read_integer_or_auto ? ", or auto" : "",
            has_range(rule) && rule->expected != NULL ? ", " : "", rule->expected != NULL ? rule->expected : "");
    if (rule->explain != NULL)
        rule->explain(rule, out);
    if (rule->default_text != NULL)
        fprintf(out, "    default: %s\n", rule->default_text);
    else
        fprintf(out, "    required\n");
}

/* ---- as JSON (RFC 8259) ---- */

static void add_range(struct json *object, const struct number_range *range)
{
    json_add_number(object, "lowest", range->lowest);
    json_add_number(object, "highest", range->highest);
    json_add_flag(object, "lowest_excluded", range->lowest_excluded);
    json_add_flag(object, "is_integer", range->is_integer);
}

/* An element of the list of parameters, open at its end. */
static struct json start_parameter(struct json *list, const char *name, const char *help)
{
    json_next(list, NULL);
    struct json object = json_start(list->out, '{');
    json_add_text(&object, "name", name);
    json_add_text(&object, "help", help);
    return object;
}

/* An element of the list of choices, open at its end. */
static struct json start_choice(struct json *list, const char *name, const char *help)
{
    fputs(list->has_entries ? ",\n     " : "\n     ", list->out);
    list->has_entries = true;
    struct json object = json_start(list->out, '{');
    json_add_text(&object, "name", name);
    json_add_text(&object, "help", help);
    return object;
}

static void add_parameters(struct json *choice, size_t count, const struct parameter_rule *rules)
{
    json_next(choice, "parameters");
    struct json parameters = json_start(choice->out, '[');
    for (size_t i = 0; i < count; i++) {
        struct json told = start_parameter(&parameters, rules[i].name, rules[i].help);
        add_range(&told, &rules[i].range);
        json_add_number(&told, "default", rules[i].default_value);
        json_add_text(&told, "axis", rules[i].axis != 0 ? axes_rule(rules[i].axis)->name : NULL);
        fputc('}', choice->out);
    }
    fputc(']', choice->out);
}

static void tell_choices(const struct key_rule *rule, struct json *list)
{
    for (size_t i = 0; i < rule->choice_count; i++) {
        const struct choice *choice = &rule->choices[i];
        struct json object = start_choice(list, choice->name, choice->help);
        add_parameters(&object, choice->parameter_count, choice->parameters);
        fputc('}', list->out);
    }
}

static void tell_ensembles(struct json *list)
{
    for (size_t i = 0; i < ensemble_kind_count(); i++) {
        const struct ensemble_kind *kind = ensemble_kind_at(i);
        struct parameter_rule rules[ENSEMBLE_MAX_PARAMETERS];
        struct json object = start_choice(list, kind->name, kind->help);
        json_add_flag(&object, "is_file", kind->is_file);
        json_add_flag(&object, "is_fresh_at_every_step", kind->is_fresh_at_every_step);
        schema_ensemble_parameters(kind, rules);
        add_parameters(&object, kind->parameter_count, rules);
        fputc('}', list->out);
    }
}

static void tell_activations(struct json *list)
{
    for (size_t i = 0; i < activation_count(); i++) {
        struct json object = start_choice(list, activation_at(i)->name, NULL);
        json_add_number(&object, "derivative_supremum", activation_at(i)->derivative_supremum);
        fputc('}', list->out);
    }
}

static void add_datasets(struct json *list, const struct dataset_rule *datasets, size_t count)
{
    static const char *const dimensions[DATASET_DIMENSIONS] = {
        [ALONG_STEP] = "step", [ALONG_LAG] = "lag", [ALONG_INDEX] = "index"
    };
    static const char *const types[] = { [TYPE_FLOAT64] = "float64", [TYPE_UINT8] = "uint8", [TYPE_INT32] = "int32" };
    for (size_t i = 0; i < count; i++) {
        const struct dataset_rule *rule = &datasets[i];
        json_next(list, NULL);
        struct json object = json_start(list->out, '{');
        json_add_text(&object, "name", rule->name);
        json_add_text(&object, "long_name", rule->long_name);
        json_add_text(&object, "units", rule->units ? rule->units : "1");
        json_add_text(&object, "type", types[rule->type]);
        json_add_text(&object, "of", rule->owner == OF_CELL ? "cell" : "weight");
        json_next(&object, "along");
        struct json along = json_start(list->out, '[');
        for (int k = 0; k < DATASET_MAX_ALONG && rule->along[k]; k++)
            json_add_text(&along, NULL, dimensions[rule->along[k]]);
        fputs("]}", list->out);
    }
}

static void tell_measures(struct json *list)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        struct json object = start_choice(list, measure->name, measure->help);
        json_add_flag(&object, "is_always_measured", measure->is_always_measured);
        json_next(&object, "parameters");
        struct json parameters = json_start(list->out, '[');
        for (size_t i = 0; i < measure->parameter_count; i++) {
            const struct measure_parameter *parameter = &measure->parameters[i];
            struct json told = start_parameter(&parameters, parameter->name, parameter->help);
            const struct number_range range = schema_measure_range(parameter);
            if (parameter->is_flag)
                json_add_text(&told, "form", "true or false");
            else
                add_range(&told, &range);
            json_add_text(&told, "default", parameter->default_text);
            fputc('}', list->out);
        }
        fputc(']', list->out);
        json_next(&object, "datasets");
        struct json datasets = json_start(list->out, '[');
        add_datasets(&datasets, measure->datasets, measure->dataset_count);
        if (measure->weights)
            add_datasets(&datasets, measure->weights->datasets, measure->weights->dataset_count);
        fputs("]}", list->out);
    }
}

static const char *ensemble_name(size_t number)
{
    return ensemble_kind_at(number)->name;
}

static const char *activation_name(size_t number)
{
    return activation_at(number)->name;
}

static const char *measure_name(size_t number)
{
    return measure_at((int)number)->name;
}

static size_t measure_count(void)
{
    return MEASURES;
}

/* Keys whose kinds are rows of a table elsewhere. */
static const struct kinds {
    enum status (*read)(struct reader *, const struct key_rule *, const struct yaml_node *, const char *path);
    size_t (*count)(void);
    const char *(*name)(size_t);
    void (*tell)(struct json *list);
} tables_of_kinds[] = { { read_ensembles, ensemble_kind_count, ensemble_name, tell_ensembles },
                        { read_activations, activation_count, activation_name, tell_activations },
                        { read_measures, measure_count, measure_name, tell_measures } };

/* NULL where the rule has choices of its own, or none. */
static const struct kinds *kinds_of(const struct key_rule *rule)
{
    for (size_t i = 0; i < sizeof tables_of_kinds / sizeof *tables_of_kinds; i++)
        if (tables_of_kinds[i].read == rule->read)
            return &tables_of_kinds[i];
    return NULL;
}

static bool is_axis(const struct key_rule *rule)
{
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        if (schema_of_axis(axis) == rule && axes_rule(axis)->parameter == NULL)
            return true;
    return false;
}

static void add_rule(struct json *object, const struct key_rule *rule)
{
    char path[SCHEMA_PATH];
    schema_path(rule, path);
    json_add_text(object, "path", path);
    json_add_text(object, "help", rule->help);
    json_add_text(object, "form", rule->expected);
    if (has_range(rule))
        add_range(object, &rule->range);
    json_add_flag(object, "is_required", rule->default_text == NULL);
    json_add_text(object, "default", rule->default_text);
    json_add_flag(object, "is_axis", is_axis(rule));
    if (rule->explain == NULL)
        return;
    json_next(object, "choices");
    struct json list = json_start(object->out, '[');
    const struct kinds *kinds = kinds_of(rule);
    if (kinds != NULL)
        kinds->tell(&list);
    else
        tell_choices(rule, &list);
    fputc(']', object->out);
}

/* ---- */

/* Whether a kind that may stand at the key has this name: an ensemble, an activation, a measure, another choice. */
static bool offers(const struct key_rule *rule, const char *name)
{
    bool found = false;
    const struct kinds *kinds = kinds_of(rule);
    for (size_t i = 0; kinds != NULL && i < kinds->count(); i++)
        found |= strcmp(kinds->name(i), name) == 0;
    for (size_t i = 0; i < rule->choice_count; i++)
        found |= strcmp(rule->choices[i].name, name) == 0;
    return found;
}

/* Whether `name` is a parameter of a kind that may stand at the key, as scale is of model.input. */
static bool has_parameter(const struct key_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->choice_count; i++)
        for (size_t k = 0; k < rule->choices[i].parameter_count; k++)
            if (strcmp(rule->choices[i].parameters[k].name, name) == 0)
                return true;
    return false;
}

static bool is_asked(const struct key_rule *rule, const char *key)
{
    char path[SCHEMA_PATH];
    schema_path(rule, path);
    if (key == NULL || strcmp(path, key) == 0 || strcmp(rule->name, key) == 0 || offers(rule, key) ||
        (rule->section[0] != '\0' && strcmp(rule->section, key) == 0))
        return true;
    const size_t length = strlen(path);
    return strncmp(path, key, length) == 0 && key[length] == '.' &&
           (offers(rule, key + length + 1) || has_parameter(rule, key + length + 1));
}

static enum status refuse_unknown(const char *key)
{
    static char paths[MAX_KEYS][SCHEMA_PATH];
    const char *names[MAX_KEYS];
    const struct key_rule *rule;
    size_t count = 0;
    for (; count < MAX_KEYS && (rule = schema_rule(count)); count++) {
        schema_path(rule, paths[count]);
        names[count] = paths[count];
    }
    const char *nearest = suggest_nearest(key, count, names);
    return status_fail(STATUS_INPUT, "a sweep file has no key \"%s\"%s%s%s (gradsweep help sweep lists all)", key,
                       nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

enum status sweep_help(const char *key, bool json, FILE *out)
{
    const struct key_rule *rule;
    size_t asked = 0;
    for (size_t number = 0; (rule = schema_rule(number)); number++)
        asked += is_asked(rule, key);
    if (asked == 0)
        return refuse_unknown(key);
    struct json list = { .out = out };
    if (json)
        fputs("{\"keys\": [", out);
    for (size_t number = 0; (rule = schema_rule(number)); number++) {
        if (!is_asked(rule, key))
            continue;
        if (!json) {
            print_rule(rule, out);
            continue;
        }
        fputs(list.has_entries ? ",\n  " : "\n  ", out);
        list.has_entries = true;
        struct json object = json_start(out, '{');
        add_rule(&object, rule);
        fputc('}', out);
    }
    if (json)
        fputs("\n]}\n", out);
    return STATUS_OK;
}
