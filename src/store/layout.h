/* What the results file of a sweep holds: its dimensions and its datasets, as one table that creation, filling,
 * writing, reading and prediction share. Arithmetic only. Not collective. */
#ifndef GRADSWEEP_STORE_LAYOUT_H
#define GRADSWEEP_STORE_LAYOUT_H

#include "gradient/measure.h"
#include "h5/dataset.h"
#include "store/cells.h"
#include "sweep/axes.h"

/* The axes of the sweep come first, by their own numbers. */
enum dimension {
    DIMENSION_LAG = AXIS_LAG,
    DIMENSION_AXES = SWEEP_AXES,
    DIMENSION_INDEX = DIMENSION_AXES,
    DIMENSION_STEP,
    DIMENSION_RUN,
    DIMENSION_CHARACTER,
    DIMENSION_COUNT
};

enum { PROVENANCE_RUNS = 64, PROVENANCE_CHARACTERS = 4096 };

/* The version that is written; older ones are read. */
enum { FORMAT_OLDEST = 1, FORMAT_VERSION = 2 };

/* Datasets that every file has, before those of the measures (HEAD) and after them (TAIL); a file of an older version
 * has the first of TAIL only. */
enum { HEAD_STATUS, HEAD_FAILURE_REASON, HEAD_METHOD, HEAD_TEAM_SIZE, HEAD_CHECKSUM, HEAD_COUNT };
enum {
    TAIL_CELL_SECONDS,
    TAIL_PREDICTED_SECONDS,
    TAIL_PROVENANCE,
    TAIL_RUNTIME_CHECKSUM,
    TAIL_WEIGHT_CHECKSUM,
    TAIL_PROVENANCE_CHECKSUM,
    TAIL_COUNT
};

/* What sets the versions of the format apart. */
struct layout_format {
    size_t tail_count;
    const char *runs_group; /* where provenance and its dimensions are; NULL: in the root group */
    bool flags_have_fill;   /* uint8 datasets announce 255 as _FillValue */
    bool is_sealed;         /* checksums cover coordinates and attributes (store/seal.h) */
    bool has_coupling;      /* files have it, but for early ones */
};

/* One dataset of the file. */
struct layout_dataset {
    const char *name; /* its path from the root group */
    const char *long_name;
    const char *units;
    enum h5_element element;
    double fill;                      /* what an untouched element holds */
    bool fill_means_missing;          /* it is announced to readers as _FillValue */
    const char *const *flag_meanings; /* NULL-terminated; NULL where it has none */
    int first_flag;                   /* the value of the first meaning */
    const uint8_t *flag_values;       /* of each meaning; NULL: they follow each other from the first on */
    enum dataset_owner owner;         /* but of those of runs */
    size_t bytes_per_cell;            /* of a measured one, as store_bytes_per_cell says; else 0 */
    enum dimension dimensions[H5_MAX_RANK];
    struct h5_shape shape;
};

struct layout {
    const struct sweep *sweep;
    long version;
    const struct layout_format *format;
    uint64_t sizes[DIMENSION_COUNT]; /* 0 for a dimension that no dataset has */
    size_t measured;                 /* datasets of the measures */
    size_t count;                    /* HEAD_COUNT + measured + format->tail_count */
    struct layout_dataset *datasets;
    struct failure_flags *failures; /* of failure_reason */
    bool has_coupling; /* as files of this version have that are made; of one that is there its reader says */
};

/* Lays out the file of a sweep, which is borrowed, in a version from FORMAT_OLDEST to FORMAT_VERSION. Its owner's
 * to destroy, also where this fails. Errors: STATUS_MEMORY. */
CHECKED enum status layout_create(const struct sweep *sweep, long version, struct layout *layout);
void layout_destroy(struct layout *layout);
SCOPED_VALUE(layout, layout_destroy)

/* The name of a dimension, and the path of its coordinate, which has the same name. */
const char *layout_dimension_name(enum dimension dimension);
const char *layout_coordinate(const struct layout *layout, enum dimension dimension);

/* Places in layout->datasets. */
size_t layout_measured_at(size_t number);
size_t layout_tail_at(const struct layout *layout, size_t tail);

/* Whether the file has that dataset of TAIL. */
bool layout_has_tail(const struct layout *layout, size_t tail);

/* Writes one untouched element of the dataset into element[8]. */
void layout_fill_element(const struct layout_dataset *dataset, void *element);

/* Whether a dataset has a place for each cell, and how many elements each has there; the same for each WEIGHT. */
bool layout_is_of_cells(const struct layout_dataset *dataset);
bool layout_is_of_weights(const struct layout_dataset *dataset);
uint64_t layout_elements_per_weight(const struct layout *layout, const struct layout_dataset *dataset);
uint64_t layout_elements_per_cell(const struct layout *layout, const struct layout_dataset *dataset);

/* Bytes of all datasets, without the file's own structures; and of a file in which only so many cells take space. */
uint64_t layout_data_bytes(const struct layout *layout);
uint64_t layout_data_bytes_of(const struct layout *layout, uint64_t cells);

/* Bytes of the file's own structures, to some percent. */
uint64_t layout_file_bytes(const struct layout *layout);

#endif
