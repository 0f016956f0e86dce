/* The axes of a sweep: one table with a row for each, in the order of the results file. The grid (sweep/grid.h), the
 * dimensions and coordinates of the file, `extend`, and whatever names a cell to people follow it, so that a new axis
 * is a row here, beside its key in the schema and its values in struct sweep. Not collective. */
#ifndef GRADSWEEP_SWEEP_AXES_H
#define GRADSWEEP_SWEEP_AXES_H

#include "sweep/sweep.h"

/* Those of CELL first; those of WEIGHT among them stand side by side, and replica is the last of these. */
enum sweep_axis {
    AXIS_ACTIVATION,
    AXIS_ENSEMBLE,
    AXIS_HIDDEN_SIZE,
    AXIS_REPLICA,
    AXIS_INPUT_SCALE,
    AXIS_BIAS_SCALE,
    AXIS_ANCHOR,
    AXIS_SPECTRAL_RADIUS,
    AXIS_GAMMA,
    CELL_AXES,
    AXIS_LAG = CELL_AXES,
    SWEEP_AXES
};

/* What the values of an axis are. */
enum axis_type {
    AXIS_OF_NAMES,
    AXIS_OF_INTEGERS,
    AXIS_OF_REALS /* NaN, of the radius alone: native */
};

union axis_value {
    const char *name; /* borrowed */
    int64_t integer;
    double real;
};

enum { AXIS_NUMBER_TEXT = 32, AXIS_ENTRY_TEXT = 256 };

struct axis_rule {
    const char *name; /* of the dimension and its coordinate */
    const char *long_name;
    const char *key; /* of the sweep file, which gives its values; NULL: the name */
    /* The parameter of the key's kinds, rather than the key itself, that does: the sweep has the axis where the
     * parameter is a list or a range. NULL: the key itself. */
    const char *parameter;
    enum axis_type type;
    bool is_of_weight; /* one of WEIGHT */
    bool is_fixed;     /* and does not grow in `extend` */
    /* Places in struct sweep; 0: none. */
    size_t is_there; /* a bool, whether the sweep has the axis: else it is no dimension, and has one value; 0: always */
    size_t length;   /* a long */
    size_t values;   /* an array of long or double; 0: integers from 0, or names */
    size_t single;   /* where it is optional: a double, or a long, the value in sweeps that have no such axis */
    const char *single_key; /* the key of the sweep file that gives this; NULL: that of the axis */
    const char *(*name_of)(const struct sweep *sweep, long i);
    /* What of entry i is the same in another sweep, and how the sweep file would say it; NULL: its value. */
    bool (*is_same)(const struct sweep *sweep, long i, const struct sweep *other, long k);
    void (*describe)(const struct sweep *sweep, long i, char text[AXIS_ENTRY_TEXT]);
};

const struct axis_rule *axes_rule(enum sweep_axis axis);

/* Whether a sweep has the axis, how many values (one where it has not), and value i. What a sweep without the axis has
 * is the single number of its place, so that a sweep with the axis can hold it. */
bool axes_has(const struct sweep *sweep, enum sweep_axis axis);
long axes_length(const struct sweep *sweep, enum sweep_axis axis);
union axis_value axes_value(const struct sweep *sweep, enum sweep_axis axis, long i);

/* Of an optional axis that a sweep has: the sweep, a copy that owns nothing, is made one without it. Of any optional
 * axis, the value of a sweep without it becomes 0. */
void axes_leave_out(struct sweep *sweep, enum sweep_axis axis);

/* Of a sweep that has an axis of reals, a copy that owns nothing: other values[count], borrowed. */
void axes_set_reals(struct sweep *sweep, enum sweep_axis axis, long count, double *values);

/* Value i for people: its name, or its number, which is written into `number`. */
const char *axes_text(const struct sweep *sweep, enum sweep_axis axis, long i, char number[AXIS_NUMBER_TEXT]);

/* The place in `other` of entry i: numbers are the same exactly, ensembles by kind, parameters, label and, of files,
 * their contents. -1 where it is not there. */
long axes_find(const struct sweep *sweep, enum sweep_axis axis, long i, const struct sweep *other);

/* Entry i as the sweep file would say it; of what is counted, how many there are. */
void axes_describe(const struct sweep *sweep, enum sweep_axis axis, long i, char text[AXIS_ENTRY_TEXT]);

#endif
