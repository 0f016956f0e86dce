/* The table of measures: for each its datasets, their shapes, units and meaning, what it needs and its function.
 * store/ reads the table to lay out the results file, run/ calls the functions; adding a measure touches its row and
 * one file. Not collective. */
#ifndef GRADSWEEP_GRADIENT_MEASURE_H
#define GRADSWEEP_GRADIENT_MEASURE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a dataset has a value (or several) for each cell, or for each WEIGHT = (ensemble, hidden_size, replica). */
enum dataset_owner { OF_CELL, OF_WEIGHT };

/* The dimensions that a dataset may have beside those of its owner. */
enum dataset_dimension {
    ALONG_NOTHING,
    ALONG_STEP,  /* the last times t */
    ALONG_LAG,   /* the axis of lags */
    ALONG_INDEX, /* 0 .. the largest hidden size - 1 */
    DATASET_DIMENSIONS
};

enum { DATASET_MAX_ALONG = 2 };

enum dataset_type { TYPE_FLOAT64, TYPE_UINT8 };

/* Why a value of a finished cell, or of its W, is NaN (gradient/absence.h says when); the order in which they are
 * asked. */
enum absence {
    ABSENCE_UNTIED,              /* weights that change at every step have no one W */
    ABSENCE_ERROR_GIVEN,         /* a network file gives e_0: there is no loss at other steps */
    ABSENCE_OTHER_ACTIVATION,    /* measured for identity alone */
    ABSENCE_BEFORE_START,        /* t - lag < 1: no step contributes */
    ABSENCE_BEYOND_SIZE,         /* the index runs to the largest hidden size */
    ABSENCE_DEFECTIVE,           /* no basis of eigenvectors in double precision */
    ABSENCE_NO_ERROR,            /* e_l = 0 has no relative distance to anything */
    ABSENCE_NO_CONTRIBUTION,     /* 0/0 */
    ABSENCE_RADIUS_UNKNOWN,      /* not found, which native scale does without */
    ABSENCE_EIGENVALUES_UNKNOWN, /* not found, and no finished cell needs them */
    ABSENCE_COUNT
};

/* Infinities that are results: the logarithm of exactly 0, or a condition number. */
enum dataset_infinity { INFINITE_NEVER, INFINITE_BELOW, INFINITE_ABOVE };

enum { DATASET_MAX_FLAGS = 8 };

struct dataset_rule {
    const char *name;
    const char *long_name;
    const char *units; /* "1" for pure numbers and logarithms of ratios */
    enum dataset_owner owner;
    enum dataset_dimension along[DATASET_MAX_ALONG]; /* slowest first; ALONG_NOTHING ends */
    enum dataset_type type;
    /* uint8 flags: value i means flag_meanings[i]; NULL ends. No meanings: a plain yes/no with 255 for pending. */
    const char *flag_meanings[DATASET_MAX_FLAGS];
    enum dataset_infinity infinity;
    unsigned absences; /* the reasons that there are for NaN, one bit each (1u << ABSENCE_...) */
};

enum measure_id {
    MEASURE_JACOBIAN_NORM, /* always measured */
    MEASURE_FROBENIUS_NORM,
    MEASURE_STEP_BOUND,
    MEASURE_GRADIENT,
    MEASURE_CONTRIBUTION_MAP,
    MEASURE_EXPANSION,
    MEASURE_SINGULAR_VALUES,
    MEASURE_COUNT
};

/* How a measure ended, and its name in failure_reason, for every measure of this floor. Grows at its end alone: the
 * numbers are in results files (store/failure.h). */
#define JACOBIAN_OUTCOME_TABLE(row)                                                                              \
    row(JACOBIAN_FOUND, "found")                      /* -inf included: what is measured is exactly zero */      \
        row(JACOBIAN_NOT_FINITE, "not_finite")        /* a NaN or infinity came out of the states or products */ \
        row(JACOBIAN_NOT_CONVERGED, "no_convergence") /* no method found the values */                           \
        row(JACOBIAN_OUT_OF_RANGE, "range")           /* numbers too far apart to be held beside each other */   \
        row(JACOBIAN_OUT_OF_MEMORY, "out_of_memory")  /* of this measure alone */

enum jacobian_outcome {
#define JACOBIAN_AS_ENUM(outcome, text) outcome,
    JACOBIAN_OUTCOME_TABLE(JACOBIAN_AS_ENUM)
#undef JACOBIAN_AS_ENUM
        JACOBIAN_OUTCOMES
};

/* What a measure needs; ORed. */
enum measure_need {
    MEASURE_NEEDS_STATES = 1,      /* the trajectory's states and activations over all T steps */
    MEASURE_NEEDS_TIED = 2,        /* refused with untied weights */
    MEASURE_NEEDS_ONE_RANK = 4,    /* refused where a hidden size reaches distribute_from */
    MEASURE_NEEDS_IDENTITY = 8,    /* NaN for other activations, refused where identity is not on the axis */
    MEASURE_NEEDS_PRODUCTS = 16,   /* whole products J_l: the explicit method */
    MEASURE_NEEDS_EIGENVALUES = 32 /* all eigenvalues of W as drawn, with each WEIGHT */
};

/* What measures may be told; from the sweep. */
struct measure_options {
    long contribution_map_steps; /* the last so many times t */
    long index_size;             /* length of the index dimension: the largest hidden size */
    bool certify;
};

struct cost;           /* linalg/cost.h */
struct measure_task;   /* gradient/task.h */
struct chain_question; /* gradient/chain_cost.h */

struct measure {
    const char *name;
    const char *help;
    const struct dataset_rule *datasets;
    size_t dataset_count;
    size_t essential; /* which of them the measure is about: where that is NaN throughout, it is refused */
    unsigned needs;
    /* Fills this measure's datasets for the cells of a task. NULL for those that come with the Jacobian norms. A cell
     * that cannot be measured is task_fail's matter; errors end the unit: STATUS_MEMORY, STATUS_STOPPED,
     * STATUS_NUMERICAL. */
    enum status (*function)(const struct measure_task *task);
    /* For one cell, beside the norms and the trajectory; NULL: nothing. */
    struct cost (*cost)(const struct chain_question *question);
    /* Bytes that a rank needs for it beside results and trajectories, however many chains stand side by side; NULL:
     * none to speak of. */
    double (*bytes)(const struct chain_question *question);
};

/* The row of one measure; NULL for a name that is none. */
const struct measure *measure_at(enum measure_id id);
const struct measure *measure_find(const char *name, enum measure_id *id);

/* All needs of the requested measures together, ORed. */
unsigned measure_needs(unsigned requested);

/* Whether any requested measure has a function of its own, beside the Jacobian norms. */
bool measure_has_functions(unsigned requested);

/* The datasets of all requested measures, in table order: `requested` has one bit a measure (1u << id). The number of
 * them, and the rule of each; NULL beyond the end. Results of a unit are kept in this order. */
size_t measure_dataset_count(unsigned requested);
const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number);

/* The number of a dataset in that order; false where no requested measure has one of that name. */
bool measure_dataset_find(unsigned requested, const char *name, size_t *number);

/* The place of a lag on the ascending axis lags[count]; -1 where it is not there. */
long measure_find_lag(const long *lags, long count, long lag);

/* The measure that dataset belongs to; MEASURE_COUNT beyond the end. */
enum measure_id measure_of_dataset(unsigned requested, size_t number);

bool dataset_is_along(const struct dataset_rule *rule, enum dataset_dimension dimension);

/* How many values a cell, or a WEIGHT, has in a dataset: the product of its lengths. Each takes so many bytes. */
uint64_t measure_value_count(const struct dataset_rule *rule, long lag_count, const struct measure_options *options);
uint64_t measure_values_per_cell(const struct dataset_rule *rule, long lag_count,
                                 const struct measure_options *options); /* 0 for a dataset of WEIGHT */
size_t measure_value_size(const struct dataset_rule *rule);

#endif
