/* The table of measures: for each its datasets, their shapes, units and meaning, its cost and its function.
 * store/ reads the table to lay out the results file, run/ calls the functions; adding a measure touches its row and
 * one file. Not collective. */
#ifndef GRADSWEEP_GRADIENT_MEASURE_H
#define GRADSWEEP_GRADIENT_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CELL = (activation, ensemble, hidden_size, replica, spectral_radius, gamma); WEIGHT = (ensemble, hidden_size,
 * replica). */
enum dataset_shape {
    SHAPE_CELL,
    SHAPE_CELL_LAG,
    SHAPE_CELL_STEP,
    SHAPE_CELL_STEP_LAG,
    SHAPE_CELL_INDEX,
    SHAPE_CELL_LAG_INDEX,
    SHAPE_WEIGHT,
    SHAPE_WEIGHT_INDEX
};

enum dataset_type { TYPE_FLOAT64, TYPE_UINT8 };

enum { DATASET_MAX_FLAGS = 8 };

struct dataset_rule {
    const char *name;
    const char *long_name;
    const char *units; /* "1" for pure numbers and logarithms of ratios */
    enum dataset_shape shape;
    enum dataset_type type;
    /* uint8 flags: value i means flag_meanings[i]; NULL ends. No meanings: a plain yes/no with 255 for pending. */
    const char *flag_meanings[DATASET_MAX_FLAGS];
};

enum measure_id {
    MEASURE_JACOBIAN_NORM, /* always measured */
    MEASURE_FROBENIUS_NORM,
    MEASURE_COUNT
};

struct measure {
    const char *name;
    const char *help;
    const struct dataset_rule *datasets;
    size_t dataset_count;
};

/* The row of one measure; NULL for a name that is none. */
const struct measure *measure_at(enum measure_id id);
const struct measure *measure_find(const char *name, enum measure_id *id);

/* The datasets of all requested measures, in table order: `requested` has one bit a measure (1u << id). The number of
 * them, and the rule of each; NULL beyond the end. Results of a unit are kept in this order. */
size_t measure_dataset_count(unsigned requested);
const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number);

#endif
