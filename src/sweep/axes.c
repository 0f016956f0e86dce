#include "sweep/axes.h"

#include <math.h>
#include <string.h>

static const char *activation_name(const struct sweep *sweep, long i)
{
    return sweep->activations[i]->name;
}

static const char *ensemble_label(const struct sweep *sweep, long i)
{
    return sweep->ensembles[i].label;
}

static bool is_same_ensemble(const struct sweep *sweep, long i, const struct sweep *other, long k)
{
    const struct ensemble *a = &sweep->ensembles[i], *b = &other->ensembles[k];
    if (a->kind != b->kind || strcmp(a->label, b->label) != 0)
        return false;
    for (size_t parameter = 0; parameter < a->kind->parameter_count; parameter++)
        if (a->parameters[parameter] != b->parameters[parameter])
            return false;
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        if (strcmp(a->source.fingerprints[array], b->source.fingerprints[array]) != 0)
            return false;
    return true;
}

static void describe_ensemble(const struct sweep *sweep, long i, char text[AXIS_ENTRY_TEXT])
{
    const struct ensemble *ensemble = &sweep->ensembles[i];
    int used = snprintf(text, AXIS_ENTRY_TEXT, "{kind: %s", ensemble->kind->name);
    for (size_t k = 0; k < ensemble->kind->parameter_count && used < AXIS_ENTRY_TEXT; k++)
        used += snprintf(text + used, (size_t)(AXIS_ENTRY_TEXT - used), ", %s: %.12g",
                         ensemble->kind->parameters[k].name, ensemble->parameters[k]);
    if (used < AXIS_ENTRY_TEXT)
        snprintf(text + used, (size_t)(AXIS_ENTRY_TEXT - used), ", label: %s%s}", ensemble->label,
                 ensemble->kind->is_file ? ", with what its file held" : "");
}

#define PLACE(field)           offsetof(struct sweep, field)
#define INTEGERS(array, count) .type = AXIS_OF_INTEGERS, .length = PLACE(count), .values = PLACE(array)
#define REALS(array, count)    .type = AXIS_OF_REALS, .length = PLACE(count), .values = PLACE(array)
#define OPTIONAL(has, value)   .is_there = PLACE(has), .single = PLACE(value)
#define NAMES(name, count)     .type = AXIS_OF_NAMES, .length = PLACE(count), .name_of = (name)

static const struct axis_rule rules[SWEEP_AXES] = {
    [AXIS_ACTIVATION] = { .name = "activation",
                          .long_name = "activation function, scaled so that its derivative bound is gamma",
                          NAMES(activation_name, activation_count) },
    [AXIS_ENSEMBLE] = { .name = "ensemble",
                        .long_name = "ensemble of weight matrices",
                        NAMES(ensemble_label, ensemble_count),
                        .is_of_weight = true,
                        .is_same = is_same_ensemble,
                        .describe = describe_ensemble },
    [AXIS_HIDDEN_SIZE] = { .name = "hidden_size",
                           .long_name = "number of hidden units d",
                           INTEGERS(hidden_sizes, hidden_size_count),
                           .is_of_weight = true },
    [AXIS_REPLICA] = { .name = "replica",
                       .long_name = "independent draw of the network, from 0",
                       .key = "replicas",
                       .type = AXIS_OF_INTEGERS,
                       .length = PLACE(replicas),
                       .is_of_weight = true },
    [AXIS_INPUT_SCALE] = { .name = "input_scale",
                           .long_name = "scale of the inputs: standard deviation, or amplitude of a sine",
                           .key = "input",
                           .parameter = "scale",
                           OPTIONAL(has_input_scales, model.input_scale),
                           REALS(input_scales, input_scale_count) },
    [AXIS_BIAS_SCALE] = { .name = "bias_scale",
                          .long_name = "standard deviation of the bias",
                          .key = "bias",
                          .parameter = "scale",
                          OPTIONAL(has_bias_scales, model.bias_scale),
                          REALS(bias_scales, bias_scale_count) },
    [AXIS_ANCHOR] = { .name = "anchor",
                      .long_name = "final time T of the products, one of several along a trajectory",
                      .key = "anchors",
                      .single_key = "steps",
                      OPTIONAL(has_anchors, model.steps),
                      INTEGERS(anchors, anchor_count) },
    [AXIS_SPECTRAL_RADIUS] = { .name = "spectral_radius",
                               .long_name = "spectral radius that W is rescaled to (NaN: native scale)",
                               REALS(spectral_radii, spectral_radius_count) },
    [AXIS_GAMMA] = { .name = "gamma", .long_name = "bound of the activation's derivative", REALS(gammas, gamma_count) },
    [AXIS_LAG] = { .name = "lag",
                   .long_name = "number of steps l from the final time back",
                   INTEGERS(lags, lag_count),
                   .is_fixed = true },
};

const struct axis_rule *axes_rule(enum sweep_axis axis)
{
    return &rules[axis];
}

static const void *field(const struct sweep *sweep, size_t place)
{
    return (const char *)sweep + place;
}

bool axes_has(const struct sweep *sweep, enum sweep_axis axis)
{
    const size_t place = rules[axis].is_there;
    return place == 0 || *(const bool *)field(sweep, place);
}

long axes_length(const struct sweep *sweep, enum sweep_axis axis)
{
    return axes_has(sweep, axis) ? *(const long *)field(sweep, rules[axis].length) : 1;
}

union axis_value axes_value(const struct sweep *sweep, enum sweep_axis axis, long i)
{
    const struct axis_rule *rule = &rules[axis];
    if (!axes_has(sweep, axis))
        return rule->type == AXIS_OF_REALS ? (union axis_value){ .real = *(const double *)field(sweep, rule->single) }
                                           : (union axis_value){ .integer = *(const long *)field(sweep, rule->single) };
    if (rule->name_of)
        return (union axis_value){ .name = rule->name_of(sweep, i) };
    if (rule->values == 0)
        return (union axis_value){ .integer = i };
    const void *values = *(const void *const *)field(sweep, rule->values);
    return rule->type == AXIS_OF_REALS ? (union axis_value){ .real = ((const double *)values)[i] }
                                       : (union axis_value){ .integer = ((const long *)values)[i] };
}

void axes_leave_out(struct sweep *sweep, enum sweep_axis axis)
{
    const struct axis_rule *rule = &rules[axis];
    if (rule->is_there == 0)
        return;
    *(bool *)((char *)sweep + rule->is_there) = false;
    if (rule->type == AXIS_OF_REALS)
        *(double *)((char *)sweep + rule->single) = 0;
    else
        *(long *)((char *)sweep + rule->single) = 0;
}

void axes_set_reals(struct sweep *sweep, enum sweep_axis axis, long count, double *values)
{
    *(long *)((char *)sweep + rules[axis].length) = count;
    *(double **)((char *)sweep + rules[axis].values) = values;
}

const char *axes_text(const struct sweep *sweep, enum sweep_axis axis, long i, char number[AXIS_NUMBER_TEXT])
{
    const union axis_value value = axes_value(sweep, axis, i);
    if (rules[axis].type == AXIS_OF_NAMES)
        return value.name;
    if (rules[axis].type == AXIS_OF_INTEGERS)
        snprintf(number, AXIS_NUMBER_TEXT, "%lld", (long long)value.integer);
    else
        snprintf(number, AXIS_NUMBER_TEXT, isnan(value.real) ? "native" : "%.12g", value.real);
    return number;
}

static bool is_same(const struct sweep *sweep, enum sweep_axis axis, long i, const struct sweep *other, long k)
{
    if (rules[axis].is_same)
        return rules[axis].is_same(sweep, i, other, k);
    const union axis_value a = axes_value(sweep, axis, i), b = axes_value(other, axis, k);
    switch (rules[axis].type) {
    case AXIS_OF_NAMES:
        return strcmp(a.name, b.name) == 0;
    case AXIS_OF_INTEGERS:
        return a.integer == b.integer;
    case AXIS_OF_REALS:
        return a.real == b.real || (isnan(a.real) && isnan(b.real));
    }
    return false;
}

long axes_find(const struct sweep *sweep, enum sweep_axis axis, long i, const struct sweep *other)
{
    for (long k = 0; k < axes_length(other, axis); k++)
        if (is_same(sweep, axis, i, other, k))
            return k;
    return -1;
}

void axes_describe(const struct sweep *sweep, enum sweep_axis axis, long i, char text[AXIS_ENTRY_TEXT])
{
    char number[AXIS_NUMBER_TEXT];
    const struct axis_rule *rule = &rules[axis];
    if (rule->describe)
        rule->describe(sweep, i, text);
    else if (rule->values == 0 && rule->type == AXIS_OF_INTEGERS)
        snprintf(text, AXIS_ENTRY_TEXT, "%ld", axes_length(sweep, axis));
    else
        snprintf(text, AXIS_ENTRY_TEXT, "%s", axes_text(sweep, axis, i, number));
}
