#include "sweep/schema.h"

#include <math.h>
#include <string.h>

/* Far beyond what anyone computes, and small enough that sums of two stay exact in every type used. */
#define COUNT_LIMIT 0x1p40

#define MODEL(field)   offsetof(struct sweep, model.field)
#define FIELD(field)   offsetof(struct sweep, field)
#define CHOICES(table) .choices = (table), .choice_count = sizeof(table) / sizeof *(table)
#define TYPE(type)     .read = read_##type, .write = write_##type
#define INTEGERS(low, high)                                    \
    {                                                          \
        .lowest = (low), .highest = (high), .is_integer = true \
    }
#define POSITIVE                                                  \
    {                                                             \
        .lowest = 0, .highest = INFINITY, .lowest_excluded = true \
    }
#define NOT_NEGATIVE                     \
    {                                    \
        .lowest = 0, .highest = INFINITY \
    }
#define SCALE(field, text, ...)                                                                                       \
    {                                                                                                                 \
        .name = "scale", .help = text, .default_value = 1, .range = NOT_NEGATIVE, .offset = MODEL(field), __VA_ARGS__ \
    }
#define INPUT_SIZE                                                                                            \
    {                                                                                                         \
        .name = "size", .help = "inputs m a step", .default_value = 1, .range = INTEGERS(1, HIDDEN_SIZE_MAX), \
        .offset = MODEL(input_size)                                                                           \
    }

static const struct choice inputs[] = {
    { .name = "none", .help = "no input", .value = INPUT_NONE },
    { .name = "gaussian",
      .help = "independent N(0, scale^2)",
      .value = INPUT_GAUSSIAN,
      .parameter_count = 2,
      .parameters = { INPUT_SIZE, SCALE(input_scale, "standard deviation", .axis = AXIS_INPUT_SCALE) } },
    { .name = "sine",
      .help = "input j is scale sin(2 pi (t/period + j/(2 size)))",
      .value = INPUT_SINE,
      .parameter_count = 3,
      .parameters = { INPUT_SIZE,
                      SCALE(input_scale, "amplitude", .axis = AXIS_INPUT_SCALE),
                      { .name = "period",
                        .help = "steps",
                        .default_value = 10,
                        .range = POSITIVE,
                        .offset = MODEL(input_period) } } },
    { .name = "file", .help = "from an HDF5 file", .value = INPUT_FILE, .source_offset = MODEL(input_source) },
};

static const struct choice biases[] = {
    { .name = "zero", .help = "none", .value = BIAS_ZERO },
    { .name = "gaussian",
      .help = "independent N(0, scale^2)",
      .value = BIAS_GAUSSIAN,
      .parameter_count = 1,
      .parameters = { SCALE(bias_scale, "standard deviation", .axis = AXIS_BIAS_SCALE) } },
};

static const struct choice initial_states[] = {
    { .name = "zero", .help = "x_0 = 0", .value = INITIAL_STATE_ZERO },
    { .name = "gaussian",
      .help = "independent N(0, scale^2)",
      .value = INITIAL_STATE_GAUSSIAN,
      .parameter_count = 1,
      .parameters = { SCALE(initial_state_scale, "standard deviation", ) } },
};

static const struct choice losses[] = {
    { .name = "squared", .help = "0.5 ||x_t||^2", .value = LOSS_SQUARED },
    { .name = "linear", .help = "c . x_t, c uniform on the unit sphere", .value = LOSS_LINEAR },
    { .name = "cross_entropy",
      .help = "of softmax(V x_t) with one target class a network",
      .value = LOSS_CROSS_ENTROPY,
      .parameter_count = 1,
      .parameters = { { .name = "classes",
                        .help = "rows of V",
                        .default_value = 10,
                        .range = INTEGERS(2, HIDDEN_SIZE_MAX),
                        .offset = MODEL(loss_classes) } } },
};

#define AXIS_FORM "or a list, or {start, stop, num, scale: linear | log}"

static const struct key_rule rules[] = {
    { .section = "",
      .name = "name",
      TYPE(text),
      .offset = FIELD(name),
      .default_text = "quickstart",
      .expected = "a text",
      .help = "title of the results file" },
    { .section = "",
      .name = "seed",
      TYPE(seed),
      .offset = FIELD(seed),
      .default_text = "2013",
      .expected = "an integer from 0 to 18446744073709551615",
      .help = "key of all random numbers" },

    { .section = "weights",
      .name = "ensemble",
      TYPE(ensembles),
      .explain = explain_ensembles,
      .default_text = "ginibre",
      .expected = "a name, {kind, parameters..., label}, or a list of these",
      .help = "laws of the weight matrices" },
    { .section = "weights",
      .name = "replicas",
      TYPE(integer),
      .offset = FIELD(replicas),
      .default_text = "1",
      .range = INTEGERS(1, AXIS_MAX_VALUES),
      .help = "independent (W, w_in, b, x_0, inputs)" },

    { .section = "model",
      .name = "activation",
      TYPE(activations),
      .explain = explain_activations,
      .default_text = "tanh",
      .expected = "a name or a list of names",
      .help = "scaled to the derivative bound gamma" },
    { .section = "model",
      .name = "input",
      TYPE(choice),
      .explain = explain_choice,
      .offset = MODEL(input),
      CHOICES(inputs),
      .default_text = "none",
      .expected = "a name or {kind, parameters...}",
      .help = "what drives the network" },
    { .section = "model",
      .name = "bias",
      TYPE(choice),
      .explain = explain_choice,
      .offset = MODEL(bias),
      CHOICES(biases),
      .default_text = "zero",
      .expected = "a name or {kind, parameters...}",
      .help = "b" },
    { .section = "model",
      .name = "initial_state",
      TYPE(choice),
      .explain = explain_choice,
      .offset = MODEL(initial_state),
      CHOICES(initial_states),
      .default_text = "{kind: gaussian, scale: 1.0}",
      .expected = "a name or {kind, parameters...}",
      .help = "x_0" },
    { .section = "model",
      .name = "loss",
      TYPE(choice),
      .explain = explain_choice,
      .offset = MODEL(loss),
      CHOICES(losses),
      .default_text = "squared",
      .expected = "a name or {kind, parameters...}",
      .help = "eps_t, whose gradients are measured" },
    { .section = "model",
      .name = "warmup",
      TYPE(integer),
      .offset = FIELD(warmup),
      .default_text = "100",
      .range = INTEGERS(0, COUNT_LIMIT),
      .help = "steps before the window" },
    { .section = "model",
      .name = "anchors",
      TYPE(anchors),
      .is_left_out = anchors_are_one,
      .default_text = "1",
      .expected = "a number, or {count, spacing}; spacing is steps between two, or auto: the largest lag",
      .help = "final times along one trajectory; several are an axis" },
    { .section = "model",
      .name = "steps",
      TYPE(integer_or_auto),
      .offset = MODEL(steps),
      .default_text = "auto",
      .range = INTEGERS(1, 2 * COUNT_LIMIT),
      .help = "T; auto: warmup, the largest lag or what lyapunov looks back over, what lies between anchors" },

    { .section = "grid",
      .name = "hidden_size",
      TYPE(integer_axis),
      .offset = FIELD(hidden_sizes),
      .count_offset = FIELD(hidden_size_count),
      .range = { .lowest = 1,
                 .highest = HIDDEN_SIZE_MAX,
                 .is_integer = true,
                 .reason = "d^2 must fit the 32-bit indices of LAPACK and ScaLAPACK" },
      .expected = AXIS_FORM ", or {start, stop, step}",
      .help = "d, the size of the state" },
    { .section = "grid",
      .name = "spectral_radius",
      TYPE(spectral_radius),
      .offset = FIELD(spectral_radii),
      .count_offset = FIELD(spectral_radius_count),
      .range = POSITIVE,
      .expected = AXIS_FORM ", or the word native",
      .help = "rho(W); native: W as drawn, not rescaled" },
    { .section = "grid",
      .name = "gamma",
      TYPE(real_axis),
      .offset = FIELD(gammas),
      .count_offset = FIELD(gamma_count),
      .range = POSITIVE,
      .expected = AXIS_FORM,
      .help = "bound of the activation's derivative" },
    { .section = "grid",
      .name = "lag",
      TYPE(integer_axis),
      .offset = FIELD(lags),
      .count_offset = FIELD(lag_count),
      .range = INTEGERS(1, COUNT_LIMIT),
      .takes_powers = true,
      .expected = AXIS_FORM ", or {start, stop, step}, or {log2: N} for 1, 2, 4, ..., N",
      .help = "steps l that an error is carried back over" },

    { .section = "",
      .name = "measure",
      TYPE(measures),
      .explain = explain_measures,
      .default_text = "jacobian_norm",
      .expected = "a name or a list of names",
      .help = "jacobian_norm is always measured" },

    { .section = "numerics",
      .name = "tolerance",
      TYPE(real),
      .offset = FIELD(tolerance),
      .default_text = "1.0e-10",
      .range = { .lowest = 0, .highest = 1, .lowest_excluded = true },
      .help = "of ln ||J_l||_2, absolute" },
    { .section = "numerics",
      .name = "certify",
      TYPE(certify),
      .offset = FIELD(options.certify),
      .default_text = "false",
      .expected = "true or false",
      .help = "true: a verdict 'holds' is proven, rounding error included" },
    { .section = "numerics",
      .name = "distribute_from",
      TYPE(integer_or_auto),
      .offset = FIELD(distribute_from),
      .default_text = "auto",
      .range = INTEGERS(1, COUNT_LIMIT),
      .help = "hidden size from which several ranks work on one network" },
};

static const char *const sections[] = { "weights", "model", "grid", "numerics" };

const struct key_rule *schema_rule(size_t number)
{
    return number < sizeof rules / sizeof *rules ? &rules[number] : NULL;
}

const struct key_rule *schema_find(const char *section, const char *name)
{
    for (size_t number = 0; number < sizeof rules / sizeof *rules; number++)
        if ((section == NULL || strcmp(rules[number].section, section) == 0) && strcmp(rules[number].name, name) == 0)
            return &rules[number];
    return NULL;
}

const struct key_rule *schema_of_axis(enum sweep_axis axis)
{
    const struct axis_rule *rule = axes_rule(axis);
    return schema_find(NULL, rule->key ? rule->key : rule->name);
}

const char *schema_section(size_t number)
{
    return number < sizeof sections / sizeof *sections ? sections[number] : NULL;
}

void schema_path(const struct key_rule *rule, char *path)
{
    snprintf(path, SCHEMA_PATH, "%s%s%s", rule->section, rule->section[0] == '\0' ? "" : ".", rule->name);
}
