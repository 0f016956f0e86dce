#include "sweep/extension.h"

#include "base/memory.h"
#include "sweep/document.h"
#include "sweep/schema.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_TEXT = 256, SHOWN_AXIS = 200 };
/* The last format_version with other phases of sine inputs. */
enum { LAST_WITH_OTHER_SINES = 1 };

/* An axis of CELL: its key, and whether entry i of the small sweep is entry k of the large one. */
struct axis {
    const char *section, *name;
    long (*count)(const struct sweep *sweep);
    bool (*is_same)(const struct sweep *small, long i, const struct sweep *large, long k);
    void (*describe)(const struct sweep *sweep, long i, char text[VALUE_TEXT]);
};

static long count_activations(const struct sweep *sweep)
{
    return sweep->activation_count;
}

static bool is_same_activation(const struct sweep *small, long i, const struct sweep *large, long k)
{
    return small->activations[i] == large->activations[k];
}

static void describe_activation(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    snprintf(text, VALUE_TEXT, "%s", sweep->activations[i]->name);
}

static long count_ensembles(const struct sweep *sweep)
{
    return sweep->ensemble_count;
}

static bool is_same_ensemble(const struct sweep *small, long i, const struct sweep *large, long k)
{
    const struct ensemble *a = &small->ensembles[i], *b = &large->ensembles[k];
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

static void describe_ensemble(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    const struct ensemble *ensemble = &sweep->ensembles[i];
    int used = snprintf(text, VALUE_TEXT, "{kind: %s", ensemble->kind->name);
    for (size_t k = 0; k < ensemble->kind->parameter_count && used < VALUE_TEXT; k++)
        used += snprintf(text + used, (size_t)(VALUE_TEXT - used), ", %s: %.12g", ensemble->kind->parameters[k].name,
                         ensemble->parameters[k]);
    if (used < VALUE_TEXT)
        snprintf(text + used, (size_t)(VALUE_TEXT - used), ", label: %s%s}", ensemble->label,
                 ensemble->kind->is_file ? ", with what its file held" : "");
}

static long count_hidden_sizes(const struct sweep *sweep)
{
    return sweep->hidden_size_count;
}

static bool is_same_hidden_size(const struct sweep *small, long i, const struct sweep *large, long k)
{
    return small->hidden_sizes[i] == large->hidden_sizes[k];
}

static void describe_hidden_size(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    snprintf(text, VALUE_TEXT, "%ld", sweep->hidden_sizes[i]);
}

static long count_replicas(const struct sweep *sweep)
{
    return sweep->replicas;
}

static bool is_same_replica(const struct sweep *small, long i, const struct sweep *large, long k)
{
    (void)small, (void)large;
    return i == k;
}

static void describe_replicas(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    (void)i;
    snprintf(text, VALUE_TEXT, "%ld", sweep->replicas);
}

static long count_spectral_radii(const struct sweep *sweep)
{
    return sweep->spectral_radius_count;
}

static bool is_same_spectral_radius(const struct sweep *small, long i, const struct sweep *large, long k)
{
    if (small->native || large->native)
        return small->native && large->native;
    return small->spectral_radii[i] == large->spectral_radii[k];
}

static void describe_spectral_radius(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    if (sweep->native)
        snprintf(text, VALUE_TEXT, "native");
    else
        snprintf(text, VALUE_TEXT, "%.12g", sweep->spectral_radii[i]);
}

static long count_gammas(const struct sweep *sweep)
{
    return sweep->gamma_count;
}

static bool is_same_gamma(const struct sweep *small, long i, const struct sweep *large, long k)
{
    return small->gammas[i] == large->gammas[k];
}

static void describe_gamma(const struct sweep *sweep, long i, char text[VALUE_TEXT])
{
    snprintf(text, VALUE_TEXT, "%.12g", sweep->gammas[i]);
}

/* In the order of CELL (sweep/grid.h). */
static const struct axis axes[CELL_AXES] = {
    { "model", "activation", count_activations, is_same_activation, describe_activation },
    { "weights", "ensemble", count_ensembles, is_same_ensemble, describe_ensemble },
    { "grid", "hidden_size", count_hidden_sizes, is_same_hidden_size, describe_hidden_size },
    { "weights", "replicas", count_replicas, is_same_replica, describe_replicas },
    { "grid", "spectral_radius", count_spectral_radii, is_same_spectral_radius, describe_spectral_radius },
    { "grid", "gamma", count_gammas, is_same_gamma, describe_gamma },
};

static bool is_axis(const struct key_rule *rule)
{
    for (int axis = 0; axis < CELL_AXES; axis++)
        if (rule == schema_find(axes[axis].section, axes[axis].name))
            return true;
    return false;
}

static enum status refuse_missing(const struct axis *axis, const struct sweep *large, const struct sweep *small, long i)
{
    char value[VALUE_TEXT], *asked = NULL;
    axis->describe(small, i, value);
    TRY(effective_value(large, schema_find(axis->section, axis->name), &asked));
    enum status status =
        status_fail(STATUS_REFUSED, "%s.%s: the file has %s, the sweep asks for %.*s%s; an axis may only grow",
                    axis->section, axis->name, value, SHOWN_AXIS, asked, strlen(asked) > SHOWN_AXIS ? "..." : "");
    free(asked);
    return status;
}

static enum status place_axis(const struct axis *axis, const struct sweep *large, const struct sweep *small,
                              long *positions)
{
    const long small_count = axis->count(small), large_count = axis->count(large);
    for (long i = 0; i < small_count; i++) {
        long k = 0;
        while (k < large_count && !axis->is_same(small, i, large, k))
            k++;
        if (k == large_count)
            return refuse_missing(axis, large, small, i);
        positions[i] = k;
    }
    return STATUS_OK;
}

enum status extension_open(const struct sweep *large, const struct sweep *small, struct extension *extension)
{
    *extension = (struct extension){ .large = large, .small = small };
    TRY(effective_require_same(large, small, is_axis));
    enum status status = STATUS_OK;
    for (int axis = 0; axis < CELL_AXES; axis++) {
        TRY_OR(failed, memory_allocate(&extension->positions[axis], axes[axis].count(small), "places on an axis"));
        TRY_OR(failed, place_axis(&axes[axis], large, small, extension->positions[axis]));
    }
    return STATUS_OK;
failed:
    extension_close(extension);
    return status;
}

void extension_close(struct extension *extension)
{
    for (int axis = 0; axis < CELL_AXES; axis++)
        memory_free(extension->positions[axis]);
    *extension = (struct extension){ 0 };
}

static struct cell place(const struct extension *extension, struct cell cell)
{
    long *const *positions = extension->positions;
    return (struct cell){ .activation = positions[0][cell.activation],
                          .ensemble = positions[1][cell.ensemble],
                          .hidden_size = positions[2][cell.hidden_size],
                          .replica = positions[3][cell.replica],
                          .spectral_radius = positions[4][cell.spectral_radius],
                          .gamma = positions[5][cell.gamma] };
}

uint64_t extension_cell(const struct extension *extension, uint64_t number)
{
    const struct cell cell = place(extension, grid_cell_at(extension->small, number));
    return grid_cell_number(extension->large, &cell);
}

uint64_t extension_weight(const struct extension *extension, uint64_t number)
{
    const struct cell cell = place(extension, grid_weight_at(extension->small, number));
    return grid_weight_number(extension->large, &cell);
}

enum status extension_require_same_inputs(const struct sweep *sweep, int64_t format_version)
{
    const struct model *model = &sweep->model;
    if (format_version > LAST_WITH_OTHER_SINES || model->input != INPUT_SINE || model->input_size < 2)
        return STATUS_OK;
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (sweep->ensembles[i].source.fingerprints[NETWORK_INPUTS][0] == '\0')
            return status_fail(
                STATUS_REFUSED,
                "its sine inputs of %ld components stand j/%ld of a turn apart, as in all files of "
                "format_version %d, and now stand j/%ld: its cells belong to other inputs; run the sweep "
                "anew",
                model->input_size, model->input_size, LAST_WITH_OTHER_SINES, 2 * model->input_size);
    return STATUS_OK;
}
