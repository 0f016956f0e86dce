#include "store/coordinates.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/scope.h"

#include <math.h>
#include <string.h>

/* Of several anchors each has times of its own, which have the distance from it in common. */
static const char step_from_anchor[] = "time step t - T, counted from the anchor's T";

static const char *long_name_of(const struct layout *layout, enum dimension dimension)
{
    static const char *const long_names[DIMENSION_COUNT] = {
        [DIMENSION_INDEX] = "place in descending order, from 0",
        [DIMENSION_STEP] = "time step t",
        [DIMENSION_RUN] = "run that wrote to this file, from 0",
        [DIMENSION_CHARACTER] = "place in the text, from 0",
    };
    if (dimension < DIMENSION_AXES)
        return axes_rule((enum sweep_axis)dimension)->long_name;
    return dimension == DIMENSION_STEP && layout->sweep->has_anchors ? step_from_anchor : long_names[dimension];
}

static enum h5_element element_of(enum dimension dimension)
{
    static const enum h5_element elements[] = {
        [AXIS_OF_NAMES] = ELEMENT_TEXT, [AXIS_OF_INTEGERS] = ELEMENT_INT64, [AXIS_OF_REALS] = ELEMENT_FLOAT64
    };
    return dimension < DIMENSION_AXES ? elements[axes_rule((enum sweep_axis)dimension)->type] : ELEMENT_INT64;
}

static struct h5_shape shape_of(const struct layout *layout, enum dimension dimension)
{
    return (struct h5_shape){ .rank = 1, .sizes = { layout->sizes[dimension] } };
}

/* The values along a dimension, texts borrowed. Released with memory_free. */
static enum status make_values(const struct layout *layout, enum dimension dimension, union axis_value **values)
{
    const uint64_t size = layout->sizes[dimension];
    /* The last times t = T - size + 1 .. T, or, with anchors, t - T; else from 0. */
    const int64_t last = layout->sweep->has_anchors ? 0 : layout->sweep->model.steps;
    const int64_t first = dimension == DIMENSION_STEP ? last - (int64_t)size + 1 : 0;
    TRY(memory_allocate(values, size, "a coordinate"));
    for (uint64_t i = 0; i < size; i++)
        if (dimension < DIMENSION_AXES)
            (*values)[i] = axes_value(layout->sweep, (enum sweep_axis)dimension, (long)i);
        else
            (*values)[i].integer = first + (int64_t)i;
    return STATUS_OK;
}

static enum status create_scale(hid_t file, const struct layout *layout, enum dimension dimension,
                                const union axis_value *values, hid_t *scale)
{
    const struct h5_shape shape = shape_of(layout, dimension);
    const enum h5_element element = element_of(dimension);
    TRY(h5_dataset_create(file, layout_coordinate(layout, dimension), element, &shape, NULL, scale));
    TRY(h5_scale_make(*scale, layout_dimension_name(dimension)));
    TRY(h5_attribute_write_text(*scale, "long_name", long_name_of(layout, dimension)));
    TRY(h5_attribute_write_text(*scale, "units", "1"));
    return h5_dataset_write(*scale, element, 0, shape.sizes[0], values);
}

enum status coordinates_create(hid_t file, const struct layout *layout, enum dimension dimension, hid_t *scale)
{
    SCOPED_MEMORY union axis_value *values = NULL;
    TRY(make_values(layout, dimension, &values));
    return status_prefix(create_scale(file, layout, dimension, values, scale), "coordinate %s",
                         layout_dimension_name(dimension));
}

static bool is_same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Also adds the values that were found to the checksum. */
static int64_t compare_values(enum h5_element element, uint64_t count, const void *found, const void *expected,
                              uint32_t *checksum)
{
    int64_t differs = -1;
    const size_t size = h5_element_size(element);
    for (uint64_t i = 0; i < count; i++) {
        const char *const *texts = (const char *const *)found + i;
        const char *value = (const char *)found + i * size;
        const bool is_same = element == ELEMENT_TEXT ? is_same_text(*texts, ((const char *const *)expected)[i])
                                                     : memcmp(value, (const char *)expected + i * size, size) == 0;
        if (element == ELEMENT_TEXT && *texts)
            *checksum = crc32c(*checksum, *texts, strlen(*texts) + 1);
        else if (element != ELEMENT_TEXT)
            *checksum = crc32c(*checksum, value, size);
        if (!is_same && differs < 0)
            differs = (int64_t)i;
    }
    return differs;
}

static void free_texts(enum h5_element element, uint64_t count, void *values)
{
    if (element == ELEMENT_TEXT)
        for (uint64_t i = 0; i < count; i++)
            H5free_memory(((void **)values)[i]);
}

static enum status compare_with(hid_t file, const struct layout *layout, enum dimension dimension,
                                const union axis_value *expected, hid_t *scale, int64_t *differs, uint32_t *checksum)
{
    const char *name = layout_coordinate(layout, dimension);
    const struct h5_shape shape = shape_of(layout, dimension);
    const uint64_t count = shape.sizes[0];
    const enum h5_element element = element_of(dimension);
    SCOPED_MEMORY void *found = NULL;
    TRY(memory_allocate_bytes(&found, count, sizeof(int64_t), "a coordinate"));
    TRY(h5_dataset_open(file, name, element, &shape, scale));
    TRY(h5_dataset_read(*scale, element, 0, count, found));
    *checksum = crc32c(*checksum, name, strlen(name) + 1);
    *differs = compare_values(element, count, found, expected, checksum);
    free_texts(element, count, found);
    return STATUS_OK;
}

enum status coordinates_compare(hid_t file, const struct layout *layout, enum dimension dimension, hid_t *scale,
                                int64_t *differs, uint32_t *checksum)
{
    SCOPED_MEMORY union axis_value *expected = NULL;
    TRY(make_values(layout, dimension, &expected));
    return status_prefix(compare_with(file, layout, dimension, expected, scale, differs, checksum), "coordinate %s",
                         layout_coordinate(layout, dimension));
}

/* ---- couplings ---- */

const char coordinates_coupling[] = "coupling";
const enum dimension coordinates_coupling_dimensions[COUPLING_RANK] = { (enum dimension)AXIS_SPECTRAL_RADIUS,
                                                                        (enum dimension)AXIS_GAMMA };

static struct h5_shape coupling_shape(const struct layout *layout)
{
    struct h5_shape shape = { .rank = COUPLING_RANK };
    for (int axis = 0; axis < COUPLING_RANK; axis++)
        shape.sizes[axis] = layout->sizes[coordinates_coupling_dimensions[axis]];
    return shape;
}

static enum status create_coupling(hid_t file, const struct layout *layout, const hid_t *scales)
{
    SCOPED_ID dataset = H5I_INVALID_HID;
    const struct h5_shape shape = coupling_shape(layout);
    const double missing = NAN; /* there is none: but floats that are no coordinates have it */
    TRY(h5_dataset_create(file, coordinates_coupling, ELEMENT_FLOAT64, &shape, &missing, &dataset));
    for (int axis = 0; axis < COUPLING_RANK; axis++)
        TRY(h5_scale_attach(dataset, axis, scales[coordinates_coupling_dimensions[axis]]));
    TRY(h5_attribute_write_text(dataset, "long_name",
                                "spectral radius times gamma as computed with (native scale: gamma); cells that agree "
                                "in it are copies of one chain"));
    TRY(h5_attribute_write_text(dataset, "units", "1"));
    TRY(h5_attribute_write(dataset, "_FillValue", ELEMENT_FLOAT64, 1, &missing));
    return h5_dataset_write(dataset, ELEMENT_FLOAT64, 0, h5_shape_elements(&shape), layout->sweep->couplings.values);
}

enum status coordinates_create_coupling(hid_t file, const struct layout *layout, const hid_t *scales)
{
    return status_prefix(create_coupling(file, layout, scales), "dataset %s", coordinates_coupling);
}

enum status coordinates_compare_coupling(hid_t file, const struct layout *layout, hid_t *dataset, int64_t *differs,
                                         uint32_t *checksum)
{
    const struct h5_shape shape = coupling_shape(layout);
    const uint64_t count = h5_shape_elements(&shape);
    SCOPED_MEMORY double *found = NULL;
    TRY(memory_allocate(&found, count, "couplings"));
    TRY(h5_dataset_open(file, coordinates_coupling, ELEMENT_FLOAT64, &shape, dataset));
    TRY(status_prefix(h5_dataset_read(*dataset, ELEMENT_FLOAT64, 0, count, found), "dataset %s", coordinates_coupling));
    *checksum = crc32c(*checksum, coordinates_coupling, sizeof coordinates_coupling);
    *differs = compare_values(ELEMENT_FLOAT64, count, found, layout->sweep->couplings.values, checksum);
    return STATUS_OK;
}
