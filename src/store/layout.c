#include "store/layout.h"

#include "base/memory.h"
#include "gradient/chain_cost.h"
#include "store/cells.h"
#include "sweep/grid.h"

#include <assert.h>
#include <math.h>
#include <string.h>

_Static_assert(CELL_AXES + DATASET_MAX_ALONG <= H5_MAX_RANK, "datasets of cells have too many dimensions");

static const char *const status_meanings[] = { "pending", "done", "failed", NULL };
static const char *const method_meanings[] = { "explicit", "implicit", "closed_form", NULL };

static const enum dimension dimensions_along[DATASET_DIMENSIONS] = {
    [ALONG_STEP] = DIMENSION_STEP, [ALONG_LAG] = DIMENSION_LAG, [ALONG_INDEX] = DIMENSION_INDEX
};

static const struct layout_format formats[FORMAT_VERSION + 1] = {
    [1] = { .tail_count = TAIL_PROVENANCE + 1, .flags_have_fill = true },
    [2] = { .tail_count = TAIL_COUNT, .runs_group = "runs", .is_sealed = true, .has_coupling = true },
};

static const struct layout_dataset head[HEAD_COUNT] = {
    [HEAD_STATUS] = { .name = "status",
                      .long_name = "state of the cell",
                      .units = "1",
                      .element = ELEMENT_UINT8,
                      .fill = STORE_PENDING,
                      .flag_meanings = status_meanings },
    [HEAD_FAILURE_REASON] = { .name = "failure_reason",
                              .long_name = "why the cell failed; where one measure did, the others have their values",
                              .units = "1",
                              .element = ELEMENT_UINT8,
                              .fill = FAILURE_NONE },
    [HEAD_METHOD] = { .name = "method",
                      .long_name = "how the norms of the cell were computed",
                      .units = "1",
                      .element = ELEMENT_UINT8,
                      .fill = UINT8_MAX,
                      .flag_meanings = method_meanings,
                      .first_flag = METHOD_EXPLICIT },
    [HEAD_TEAM_SIZE] = { .name = "team_size",
                         .long_name = "number of ranks that computed the cell together",
                         .units = "1",
                         .element = ELEMENT_UINT16 },
    [HEAD_CHECKSUM] = { .name = "checksum",
                        .long_name = "CRC-32C over the sweep hash, the cell number and the results of the cell",
                        .units = "1",
                        .element = ELEMENT_UINT32 },
};

static const struct layout_dataset tail[TAIL_COUNT] = {
    [TAIL_CELL_SECONDS] = { .name = "cell_seconds",
                            .long_name = "time spent on the cell: its share of its unit's",
                            .units = "s",
                            .element = ELEMENT_FLOAT64,
                            .fill = NAN },
    [TAIL_PREDICTED_SECONDS] = { .name = "predicted_seconds",
                                 .long_name = "time that the cost model predicted for the cell",
                                 .units = "s",
                                 .element = ELEMENT_FLOAT64,
                                 .fill = NAN },
    [TAIL_PROVENANCE] = { .name = "runs/provenance",
                          .long_name = "one JSON text a run: when, where and with what it computed",
                          .units = "1",
                          .element = ELEMENT_CHARACTER,
                          .dimensions = { DIMENSION_RUN, DIMENSION_CHARACTER },
                          .shape.rank = 2 },
    [TAIL_RUNTIME_CHECKSUM] = { .name = "runtime_checksum",
                                .long_name = "CRC-32C over the sweep hash, the cell number, team_size, cell_seconds "
                                             "and predicted_seconds",
                                .units = "1",
                                .element = ELEMENT_UINT32 },
    [TAIL_WEIGHT_CHECKSUM] = { .name = "weight_checksum",
                               .long_name = "CRC-32C over the sweep hash, the number of the weights and what is known "
                                            "of them (0: nothing yet)",
                               .units = "1",
                               .element = ELEMENT_UINT32,
                               .owner = OF_WEIGHT },
    [TAIL_PROVENANCE_CHECKSUM] = { .name = "runs/provenance_checksum",
                                   .long_name = "CRC-32C over the sweep hash, the number of the run and its row (0: no "
                                                "row yet)",
                                   .units = "1",
                                   .element = ELEMENT_UINT32,
                                   .dimensions = { DIMENSION_RUN },
                                   .shape.rank = 1 },
};

/* The paths of the coordinates that are no axes, as they have been since the runs have a group of their own. */
static const char *const coordinates[DIMENSION_COUNT] = { [DIMENSION_INDEX] = "index",
                                                          [DIMENSION_STEP] = "step",
                                                          [DIMENSION_RUN] = "runs/run",
                                                          [DIMENSION_CHARACTER] = "runs/character" };

static const char *path_of(enum dimension dimension)
{
    return dimension < DIMENSION_AXES ? axes_rule((enum sweep_axis)dimension)->name : coordinates[dimension];
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

const char *layout_dimension_name(enum dimension dimension)
{
    return last_part(path_of(dimension));
}

const char *layout_coordinate(const struct layout *layout, enum dimension dimension)
{
    return layout->format->runs_group ? path_of(dimension) : layout_dimension_name(dimension);
}

size_t layout_measured_at(size_t number)
{
    return HEAD_COUNT + number;
}

size_t layout_tail_at(const struct layout *layout, size_t tail_number)
{
    return HEAD_COUNT + layout->measured + tail_number;
}

bool layout_has_tail(const struct layout *layout, size_t tail_number)
{
    return tail_number < layout->format->tail_count;
}

/* The size that each dimension has once a dataset uses it. */
static void find_sizes(const struct sweep *sweep, uint64_t sizes[DIMENSION_COUNT])
{
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        sizes[axis] = (uint64_t)axes_length(sweep, axis);
    sizes[DIMENSION_INDEX] = (uint64_t)sweep->hidden_sizes[sweep->hidden_size_count - 1];
    sizes[DIMENSION_STEP] = (uint64_t)sweep->options.lengths[ALONG_STEP];
    sizes[DIMENSION_RUN] = PROVENANCE_RUNS;
    sizes[DIMENSION_CHARACTER] = PROVENANCE_CHARACTERS;
}

/* Gives a dataset the dimensions of its owner, slowest first. */
static void add_dimensions(const struct sweep *sweep, struct layout_dataset *dataset)
{
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        if (axes_has(sweep, axis) && (dataset->owner == OF_CELL || axes_rule(axis)->is_of_weight))
            dataset->dimensions[dataset->shape.rank++] = (enum dimension)axis;
}

static struct layout_dataset measured_dataset(const struct sweep *sweep, const struct dataset_rule *rule)
{
    static const enum h5_element elements[] = {
        [TYPE_FLOAT64] = ELEMENT_FLOAT64, [TYPE_UINT8] = ELEMENT_UINT8, [TYPE_INT32] = ELEMENT_INT32
    };
    static const double fills[] = { [TYPE_FLOAT64] = NAN, [TYPE_UINT8] = UINT8_MAX, [TYPE_INT32] = -1 };
    bool has_flags = rule->type == TYPE_UINT8 && rule->flag_meanings[0];
    struct layout_dataset dataset = {
        .name = rule->name,
        .long_name = rule->long_name,
        .units = rule->units ? rule->units : "1",
        .element = elements[rule->type],
        .fill = fills[rule->type],
        .flag_meanings = has_flags ? rule->flag_meanings : NULL,
        .owner = rule->owner,
        .bytes_per_cell = store_bytes_per_cell(sweep, rule),
    };
    add_dimensions(sweep, &dataset);
    for (int i = 0; i < DATASET_MAX_ALONG && rule->along[i]; i++)
        dataset.dimensions[dataset.shape.rank++] = dimensions_along[rule->along[i]];
    return dataset;
}

enum status layout_create(const struct sweep *sweep, long version, struct layout *layout)
{
    assert(version >= FORMAT_OLDEST && version <= FORMAT_VERSION);
    *layout = (struct layout){ .sweep = sweep,
                               .version = version,
                               .format = &formats[version],
                               .has_coupling = formats[version].has_coupling,
                               .measured = measure_dataset_count(sweep->measures) };
    layout->count = HEAD_COUNT + layout->measured + layout->format->tail_count;
    TRY(memory_allocate(&layout->datasets, layout->count, "the layout of the results file"));
    TRY(memory_allocate(&layout->failures, 1, "the names of failures"));
    failure_fill_flags(layout->failures);
    uint64_t sizes[DIMENSION_COUNT];
    find_sizes(sweep, sizes);

    for (size_t i = 0; i < layout->count; i++) {
        struct layout_dataset *dataset = &layout->datasets[i];
        if (i < HEAD_COUNT) {
            *dataset = head[i];
        } else if (i < HEAD_COUNT + layout->measured) {
            *dataset = measured_dataset(sweep, measure_dataset_at(sweep->measures, i - HEAD_COUNT));
        } else {
            *dataset = tail[i - HEAD_COUNT - layout->measured];
        }
        if (!layout->format->runs_group)
            dataset->name = last_part(dataset->name);
        dataset->fill_means_missing = dataset->element == ELEMENT_FLOAT64 ||
                                      (dataset->element == ELEMENT_UINT8 && layout->format->flags_have_fill);
        if (dataset->shape.rank == 0)
            add_dimensions(sweep, dataset);
        for (int axis = 0; axis < dataset->shape.rank; axis++) {
            dataset->shape.sizes[axis] = sizes[dataset->dimensions[axis]];
            assert(dataset->shape.sizes[axis] > 0);
        }
    }
    layout->datasets[HEAD_FAILURE_REASON].flag_meanings = layout->failures->meanings;
    layout->datasets[HEAD_FAILURE_REASON].flag_values = layout->failures->values;

    for (size_t i = 0; i < layout->count; i++)
        for (int axis = 0; axis < layout->datasets[i].shape.rank; axis++) {
            enum dimension dimension = layout->datasets[i].dimensions[axis];
            layout->sizes[dimension] = sizes[dimension];
        }
    return STATUS_OK;
}

void layout_destroy(struct layout *layout)
{
    memory_free(layout->datasets);
    memory_free(layout->failures);
    *layout = (struct layout){ 0 };
}

void layout_fill_element(const struct layout_dataset *dataset, void *element)
{
    switch (dataset->element) {
    case ELEMENT_FLOAT64:
        memcpy(element, &dataset->fill, sizeof dataset->fill);
        break;
    case ELEMENT_UINT8:
        memcpy(element, &(uint8_t){ (uint8_t)dataset->fill }, sizeof(uint8_t));
        break;
    case ELEMENT_INT32:
        memcpy(element, &(int32_t){ (int32_t)dataset->fill }, sizeof(int32_t));
        break;
    default: /* whole numbers and characters are zero until written */
        memset(element, 0, h5_element_size(dataset->element));
    }
}

bool layout_is_of_cells(const struct layout_dataset *dataset)
{
    return dataset->owner == OF_CELL && dataset->dimensions[0] != DIMENSION_RUN;
}

bool layout_is_of_weights(const struct layout_dataset *dataset)
{
    return dataset->owner == OF_WEIGHT;
}

uint64_t layout_elements_per_weight(const struct layout *layout, const struct layout_dataset *dataset)
{
    return h5_shape_elements(&dataset->shape) / grid_weight_count(layout->sweep);
}

uint64_t layout_elements_per_cell(const struct layout *layout, const struct layout_dataset *dataset)
{
    return h5_shape_elements(&dataset->shape) / grid_cell_count(layout->sweep);
}

uint64_t layout_data_bytes(const struct layout *layout)
{
    return layout_data_bytes_of(layout, grid_cell_count(layout->sweep));
}

uint64_t layout_data_bytes_of(const struct layout *layout, uint64_t cells)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < layout->count; i++) {
        const struct layout_dataset *dataset = &layout->datasets[i];
        const uint64_t elements = layout_is_of_cells(dataset) ? cells * layout_elements_per_cell(layout, dataset)
                                                              : h5_shape_elements(&dataset->shape);
        bytes += elements * h5_element_size(dataset->element);
    }
    return bytes;
}

uint64_t layout_file_bytes(const struct layout *layout)
{
    /* Measured: what HDF5 needs for a dataset's header, its attributes and its alignment, and for the file. */
    enum { BYTES_A_DATASET = 3328, BYTES_A_FILE = 16384 };
    uint64_t bytes = layout->count * BYTES_A_DATASET + BYTES_A_FILE + 2 * strlen(layout->sweep->text);
    for (int i = 0; i < DIMENSION_COUNT; i++)
        bytes += layout->sizes[i] * sizeof(int64_t);
    if (layout->has_coupling)
        bytes += BYTES_A_DATASET + layout->sizes[AXIS_SPECTRAL_RADIUS] * layout->sizes[AXIS_GAMMA] * sizeof(double);
    return bytes;
}
