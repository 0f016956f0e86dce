#include "store/seal.h"

#include "h5/attribute.h"
#include "h5/scope.h"
#include "h5/survey.h"
#include "store/coordinates.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char coordinates_name[] = "coordinates_checksum", attributes_name[] = "attributes_checksum";

/* What a walk through a file finds. */
struct walk {
    hid_t file;
    const struct layout *layout;
    uint32_t coordinates, attributes; /* checksums */
    struct seal_faults *faults;       /* NULL: the file is being made */
    const char *object;               /* whose attributes are being read */
    hid_t scales[DIMENSION_COUNT];
};

static void note(struct walk *walk, uint64_t *count, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void note(struct walk *walk, uint64_t *count, const char *format, ...)
{
    struct seal_faults *faults = walk->faults;
    va_list arguments;
    (*count)++;
    if (faults->shown == SEAL_EXAMPLES)
        return;
    va_start(arguments, format);
    vsnprintf(faults->examples[faults->shown++], SEAL_TEXT, format, arguments);
    va_end(arguments);
}

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static enum h5_role role_of(const char *attribute)
{
    static const char *const ours[] = { "title",       "Conventions",   "format_version", "sweep",
                                        "sweep_hash",  "git_revision",  "methods",        "shard",
                                        "shard_cells", "long_name",     "units",          "_FillValue",
                                        "flag_values", "flag_meanings", coordinates_name, NULL };
    static const char *const of_others[] = { "CLASS",
                                             "NAME",
                                             "DIMENSION_LIST",
                                             "REFERENCE_LIST",
                                             "DIMENSION_LABELS",
                                             "_NCProperties",
                                             "_Netcdf4Dimid",
                                             "_Netcdf4Coordinates",
                                             "_nc3_strict",
                                             "_NCCOPY",
                                             "history",
                                             "NCO",
                                             attributes_name,
                                             NULL };
    return is_among(attribute, ours) ? ROLE_COUNTS : is_among(attribute, of_others) ? ROLE_TOLERATED : ROLE_UNKNOWN;
}

static void tell_attribute(const char *attribute, void *context)
{
    struct walk *walk = context;
    if (walk->faults == NULL)
        return;
    walk->faults->additions++;
    note(walk, &walk->faults->structure, "%s has an attribute that is not the program's: %.64s", walk->object,
         attribute);
}

/* Those of an object that is open. */
static enum status survey(struct walk *walk, hid_t object, const char *name)
{
    struct h5_survey survey = { role_of, tell_attribute, walk, walk->attributes };
    walk->object = name;
    enum status status = h5_survey_attributes(object, &survey);
    walk->attributes = survey.checksum;
    return status_prefix(status, "%s", name);
}

static enum status visit_coordinate(struct walk *walk, enum dimension dimension)
{
    int64_t differs = -1;
    TRY(coordinates_compare(walk->file, walk->layout, dimension, &walk->scales[dimension], &differs,
                            &walk->coordinates));
    if (differs >= 0 && walk->faults)
        note(walk, &walk->faults->coordinates, "coordinate %s is not that of the sweep: its value number %" PRId64,
             layout_coordinate(walk->layout, dimension), differs);
    return survey(walk, walk->scales[dimension], layout_coordinate(walk->layout, dimension));
}

static void require_scales(struct walk *walk, hid_t dataset, const char *name, int rank,
                           const enum dimension *dimensions)
{
    for (int axis = 0; axis < rank && walk->faults; axis++)
        if (!h5_survey_has_scale(dataset, axis, walk->scales[dimensions[axis]]))
            note(walk, &walk->faults->structure, "%s: its dimension %d has not the scale %s", name, axis,
                 layout_dimension_name(dimensions[axis]));
}

static enum status visit_coupling(struct walk *walk)
{
    SCOPED_ID dataset = H5I_INVALID_HID;
    int64_t differs = -1;
    TRY(coordinates_compare_coupling(walk->file, walk->layout, &dataset, &differs, &walk->coordinates));
    if (differs >= 0 && walk->faults)
        note(walk, &walk->faults->coordinates, "%s is not that of the sweep: its value number %" PRId64,
             coordinates_coupling, differs);
    require_scales(walk, dataset, coordinates_coupling, COUPLING_RANK, coordinates_coupling_dimensions);
    return survey(walk, dataset, coordinates_coupling);
}

static enum status visit_dataset(struct walk *walk, const struct layout_dataset *rule)
{
    SCOPED_ID dataset = H5I_INVALID_HID;
    TRY(h5_dataset_open(walk->file, rule->name, rule->element, &rule->shape, &dataset));
    enum status status = survey(walk, dataset, rule->name);
    require_scales(walk, dataset, rule->name, rule->shape.rank, rule->dimensions);
    return status;
}

static bool is_in_layout(const struct layout *layout, const char *path)
{
    if (layout->format->runs_group && strcmp(path, layout->format->runs_group) == 0)
        return true;
    for (int i = 0; i < DIMENSION_COUNT; i++)
        if (layout->sizes[i] > 0 && strcmp(path, layout_coordinate(layout, (enum dimension)i)) == 0)
            return true;
    for (size_t i = 0; i < layout->count; i++)
        if (strcmp(path, layout->datasets[i].name) == 0)
            return true;
    return layout->has_coupling && strcmp(path, coordinates_coupling) == 0;
}

static void tell_link(const char *name, void *context)
{
    struct walk *walk = context;
    char path[SEAL_TEXT];
    snprintf(path, sizeof path, "%s%s%.128s", walk->object, walk->object[0] ? "/" : "", name);
    if (is_in_layout(walk->layout, path))
        return;
    walk->faults->additions++;
    note(walk, &walk->faults->structure, "%.160s is no dataset of the program's", path);
}

static enum status visit_links(struct walk *walk)
{
    walk->object = "";
    TRY(h5_survey_links(walk->file, "/", tell_link, walk));
    walk->object = walk->layout->format->runs_group;
    return walk->object ? h5_survey_links(walk->file, walk->object, tell_link, walk) : STATUS_OK;
}

static enum status visit_runs_group(struct walk *walk)
{
    const char *name = walk->layout->format->runs_group;
    if (name == NULL)
        return STATUS_OK;
    SCOPED_ID group = H5Gopen2(walk->file, name, H5P_DEFAULT);
    if (group < 0)
        return status_fail(STATUS_FOREIGN_FILE, "the group %s cannot be opened", name);
    return survey(walk, group, name);
}

/* Coordinates before attributes: their checksum is one of these. */
static enum status visit_coordinates(struct walk *walk)
{
    for (int i = 0; i < DIMENSION_COUNT; i++)
        if (walk->layout->sizes[i] > 0)
            TRY(visit_coordinate(walk, (enum dimension)i));
    return walk->layout->has_coupling ? visit_coupling(walk) : STATUS_OK;
}

static enum status visit_others(struct walk *walk)
{
    SCOPED_ID root = H5Gopen2(walk->file, "/", H5P_DEFAULT);
    if (root < 0)
        return status_fail(STATUS_FOREIGN_FILE, "the root group cannot be opened");
    TRY(survey(walk, root, "the root group"));
    TRY(visit_runs_group(walk));
    for (size_t i = 0; i < walk->layout->count; i++)
        TRY(visit_dataset(walk, &walk->layout->datasets[i]));
    return walk->faults ? visit_links(walk) : STATUS_OK;
}

enum status seal_write(hid_t file, const struct layout *layout)
{
    struct walk walk = { .file = file, .layout = layout };
    if (!layout->format->is_sealed)
        return STATUS_OK;
    TRY(visit_coordinates(&walk));
    TRY(h5_attribute_write(file, coordinates_name, ELEMENT_UINT32, 1, &walk.coordinates));
    TRY(visit_others(&walk));
    return h5_attribute_write(file, attributes_name, ELEMENT_UINT32, 1, &walk.attributes);
}

static enum status compare(struct walk *walk, const char *name, uint32_t checksum, uint64_t *count, const char *what)
{
    int64_t stored = 0;
    TRY(h5_attribute_read_integer(walk->file, name, &stored));
    if (stored != (int64_t)checksum)
        note(walk, count, "%s are not as they were written (%s)", what, name);
    return STATUS_OK;
}

static enum status verify(struct walk *walk)
{
    struct seal_faults *faults = walk->faults;
    TRY(visit_coordinates(walk));
    TRY(visit_others(walk));
    if (!walk->layout->format->is_sealed)
        return STATUS_OK;
    TRY(compare(walk, coordinates_name, walk->coordinates, &faults->coordinates, "the coordinates"));
    return compare(walk, attributes_name, walk->attributes, &faults->structure, "the attributes");
}

enum status seal_verify(const struct results_file *file, struct seal_faults *faults)
{
    struct walk walk = { .file = file->file, .layout = &file->layout, .faults = faults };
    *faults = (struct seal_faults){ 0 };
    return status_prefix(verify(&walk), "%s", file->path);
}

enum status seal_judge(const char *path, const struct seal_faults *faults, enum status code)
{
    const unsigned long long others = faults->coordinates + faults->structure - 1;
    char more[48] = "";
    if (faults->coordinates + faults->structure == 0)
        return STATUS_OK;
    if (others > 0)
        snprintf(more, sizeof more, ", and %llu more", others);
    return status_fail(code, "%s: damaged, or changed by another program: %s%s", path, faults->examples[0], more);
}

enum status seal_require(const struct results_file *file, enum status code)
{
    struct seal_faults faults;
    TRY(seal_verify(file, &faults));
    if (faults.coordinates + faults.structure <= faults.additions)
        return STATUS_OK;
    return seal_judge(file->path, &faults, code);
}
