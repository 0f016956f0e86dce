/* The structure of the results file: one flat root group and one of the runs, a dimension scale for every dimension,
 * CF attributes. */
#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/file.h"
#include "h5/scope.h"
#include "store/coordinates.h"
#include "store/create.h"
#include "store/seal.h"

#include <string.h>

static const char methods_text[] =
    "x_t = W sigma(x_{t-1}) + w_in i_t + b; S_t = W diag(sigma'(x_{t-1})); J_l = S_T S_{T-1} ... S_{T-l+1}. "
    "The activations are scaled so that sup|sigma'| = gamma. Cells of one network with the same coupling rho gamma, to "
    "12 "
    "digits, are copies of one chain, computed with that coupling. All norms are natural logarithms; the spectral norm "
    "||J_l||_2 comes from the product itself (method explicit), from Lanczos iterations on v -> J_l^T J_l v, accepted "
    "on "
    "their residual (implicit), or from the known norm of a power of W (closed form). The bound is (gamma ||W||_2)^l; "
    "its "
    "verdict allows for the tolerance and for rounding. States are computed by a kernel of fixed order, so that equal "
    "sweeps give equal bits on any number of ranks.";

static enum status describe(hid_t dataset, const char *long_name, const char *units)
{
    TRY(h5_attribute_write_text(dataset, "long_name", long_name));
    return h5_attribute_write_text(dataset, "units", units);
}

/* flag_values and flag_meanings as in the CF conventions, 3.5. */
static enum status write_flags(hid_t dataset, const struct layout_dataset *rule)
{
    uint8_t values[UINT8_MAX + 1];
    size_t count = 0, length = 1;
    SCOPED_MEMORY char *meanings = NULL;
    for (; rule->flag_meanings[count]; count++) {
        values[count] = rule->flag_values ? rule->flag_values[count] : (uint8_t)(rule->first_flag + (int)count);
        length += strlen(rule->flag_meanings[count]) + 1;
    }
    TRY(memory_allocate(&meanings, length, "the meanings of flags"));
    char *end = meanings;
    for (size_t i = 0; i < count; i++) {
        end = i > 0 ? stpcpy(end, " ") : end;
        end = stpcpy(end, rule->flag_meanings[i]);
    }
    TRY(h5_attribute_write(dataset, "flag_values", ELEMENT_UINT8, count, values));
    return h5_attribute_write_text(dataset, "flag_meanings", meanings);
}

static enum status write_missing_value(hid_t dataset, const struct layout_dataset *rule)
{
    /* CF's missing value, of exactly the variable's type, is 255 also where untouched cells hold a meaningful 0. */
    if (rule->element == ELEMENT_UINT8)
        return h5_attribute_write(dataset, "_FillValue", ELEMENT_UINT8, 1, &(uint8_t){ UINT8_MAX });
    return h5_attribute_write(dataset, "_FillValue", rule->element, 1, &rule->fill);
}

static enum status finish_dataset(hid_t dataset, const struct layout_dataset *rule, const hid_t *scales)
{
    for (int axis = 0; axis < rule->shape.rank; axis++)
        TRY(h5_scale_attach(dataset, axis, scales[rule->dimensions[axis]]));
    TRY(describe(dataset, rule->long_name, rule->units));
    if (rule->fill_means_missing)
        TRY(write_missing_value(dataset, rule));
    return rule->flag_meanings ? write_flags(dataset, rule) : STATUS_OK;
}

static enum status create_dataset(hid_t file, const struct layout_dataset *rule, const hid_t scales[DIMENSION_COUNT])
{
    SCOPED_ID dataset = H5I_INVALID_HID;
    char fill[sizeof(double)];
    layout_fill_element(rule, fill);
    TRY(h5_dataset_create(file, rule->name, rule->element, &rule->shape, fill, &dataset));
    return status_prefix(finish_dataset(dataset, rule, scales), "dataset %s", rule->name);
}

static enum status write_root_attributes(hid_t file, const struct layout *layout)
{
    const struct sweep *sweep = layout->sweep;
    TRY(h5_attribute_write_text(file, "title", sweep->name ? sweep->name : ""));
    TRY(h5_attribute_write_text(file, "Conventions", "CF-1.10"));
    TRY(h5_attribute_write(file, "format_version", ELEMENT_INT64, 1, &(int64_t){ layout->version }));
    TRY(h5_attribute_write_text(file, "sweep", sweep->text));
    TRY(h5_attribute_write_text(file, "sweep_hash", sweep->hash));
    TRY(h5_attribute_write_text(file, "git_revision", GRADSWEEP_GIT_REVISION));
    return h5_attribute_write_text(file, "methods", methods_text);
}

static enum status write_contents(hid_t file, const struct layout *layout, const struct shard *mark)
{
    hid_t scales[DIMENSION_COUNT];
    TRY(write_root_attributes(file, layout));
    TRY(shard_write(file, mark));
    if (layout->format->runs_group)
        TRY(h5_group_create(file, layout->format->runs_group));
    for (int i = 0; i < DIMENSION_COUNT; i++)
        if (layout->sizes[i] > 0)
            TRY(coordinates_create(file, layout, (enum dimension)i, &scales[i]));
    if (layout->has_coupling)
        TRY(coordinates_create_coupling(file, layout, scales));
    for (size_t i = 0; i < layout->count; i++)
        TRY(create_dataset(file, &layout->datasets[i], scales));
    return seal_write(file, layout);
}

enum status create_structure(const struct layout *layout, const struct shard *mark, const char *path)
{
    SCOPED_FILE file = H5I_INVALID_HID;
    TRY(h5_file_create(path, &file));
    TRY(status_prefix(write_contents(file, layout, mark), "%s", path));
    return h5_file_close(scope_keep(&file), path);
}
