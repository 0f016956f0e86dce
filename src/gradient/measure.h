/* The table of measures. A measure is one file with one row, which says all that there is to it: its datasets,
 * parameters and needs, what it costs, how it is measured, and what must be true of its values. The floors above read
 * the rows and never ask for a measure by its name. Not collective. */
#ifndef GRADSWEEP_GRADIENT_MEASURE_H
#define GRADSWEEP_GRADIENT_MEASURE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One word a measure, whose row `measure_<word>` stands in a file of its own. Their numbers are in results files
 * (store/failure.h): the list grows at its end alone. */
/* clang-format off */
#define MEASURE_LIST(row) \
    row(jacobian_norm) \
    row(frobenius_norm) \
    row(step_bound) \
    row(gradient) \
    row(contribution_map) \
    row(expansion) \
    row(singular_values) \
    row(summary) \
    row(lyapunov)
/* clang-format on */

enum {
#define MEASURE_AS_ONE(name) +1
    MEASURES = MEASURE_LIST(MEASURE_AS_ONE), /* how many there are */
#undef MEASURE_AS_ONE
    DATASET_MAX_ALONG = 2,
    DATASET_MAX_FLAGS = 8,
    DATASET_MAX_ABSENCES = 4,
    PARAMETERS_OF_A_MEASURE = 4
};

struct cost;           /* linalg/cost.h */
struct model;          /* model/model.h */
struct ensemble;       /* model/ensemble.h */
struct activation;     /* model/activation.h */
struct measure_task;   /* gradient/task.h */
struct measure_rule;   /* gradient/rule.h */
struct chain_question; /* gradient/chain_cost.h */
struct absence;        /* gradient/absence.h */
struct weight_facts;   /* gradient/weight_result.h */

/* ---- datasets ---- */

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

/* Pending values are NaN, 255 and -1. */
enum dataset_type { TYPE_FLOAT64, TYPE_UINT8, TYPE_INT32 };

/* Infinities that are results: the logarithm of exactly 0, or a condition number. */
enum dataset_infinity { INFINITE_NEVER, INFINITE_BELOW, INFINITE_ABOVE };

struct dataset_rule {
    const char *name;
    const char *long_name;
    const char *units; /* NULL: "1", pure numbers and logarithms of ratios */
    enum dataset_owner owner;
    enum dataset_dimension along[DATASET_MAX_ALONG]; /* slowest first; ALONG_NOTHING ends */
    enum dataset_type type;
    /* uint8 flags: value i means flag_meanings[i]; NULL ends. No meanings: a plain yes/no with 255 for pending. */
    const char *flag_meanings[DATASET_MAX_FLAGS];
    enum dataset_infinity infinity;
    bool gamma_factor; /* the logarithm of something with the factor gamma beside what the coupling says: ln gamma is
                        * added to what was measured with gamma 1 (gradient/batch.h) */
    const struct absence *absences[DATASET_MAX_ABSENCES]; /* the reasons that there are for NaN; NULL ends */
};

/* ---- parameters ---- */

/* What measures may be told; from the sweep. */
struct measure_options {
    double parameters[MEASURES][PARAMETERS_OF_A_MEASURE]; /* by the measure's number, in the order of its row */
    long lengths[DATASET_DIMENSIONS];                     /* of the dimensions, but for the lags; 1 for ALONG_NOTHING */
    bool certify;
};

/* The rest of a sweep, as far as parameters depend on it. */
struct parameter_surroundings {
    const struct model *model;                      /* its steps are 0 where they are not known */
    long first_end;                                 /* T, of several anchors the first; 0: not known */
    long smallest_hidden_size, largest_hidden_size; /* 0: not known */
};

/* An integer, or true or false (1 or 0), that a sweep file may give, {measure: {name: value}}. */
struct measure_parameter {
    const char *name;
    const char *help;
    bool is_flag;
    double lowest, highest;           /* of an integer */
    const char *default_text;         /* for people */
    enum dataset_dimension length_of; /* the dimension that is so long; or ALONG_NOTHING */
    /* The value where none is given, once the rest of the sweep is known; infinite for "all there are", which the
     * effective text leaves out. */
    double (*default_value)(const struct parameter_surroundings *surroundings);
    /* Whether the rest of the sweep allows a value; if not, why, and what to do, into text[size]. */
    bool (*is_possible)(double value, const struct parameter_surroundings *surroundings, char *text, size_t size);
};

/* ---- measures ---- */

/* A cell as its measures know it, without its numbers; of a WEIGHT, what its cells have in common. */
struct measured_cell {
    const struct ensemble *ensemble;
    const struct activation *activation;
    const struct model *model;
    const struct measure_options *options;
    long hidden_size;
    const long *lags; /* [lag_count], ascending */
    long lag_count;
    double tolerance;     /* of ln ||J_l||_2, absolute */
    bool native;          /* W as drawn or loaded, not rescaled */
    double coupling;      /* kappa = rho gamma; native: gamma */
    double weight_radius; /* of W as drawn; NaN: none, or not found */
    double weight_norm;
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
    NEEDS_TRAJECTORY = 1, /* of identity too, whose norms do without */
    NEEDS_STATES = 2,     /* the trajectory's states and activations over all T steps, not derivatives alone */
    NEEDS_PRODUCTS = 4,   /* whole products J_l, and so their Frobenius norms: the explicit method */
    NEEDS_TIED = 8,       /* refused with untied weights */
    NEEDS_ONE_RANK = 16,  /* refused where a hidden size reaches distribute_from */
    NEEDS_IDENTITY = 32,  /* NaN for other activations, refused where identity is not on the axis */
    NEEDS_NO_PROOF = 64,  /* refused where verdicts are to be proven: its values are none */
    NEEDS_IDENTITY_ON_ONE_RANK =
        128 /* refused where identity is on the axis and a hidden size reaches distribute_from */
};

/* What a results file keeps of each WEIGHT (gradient/weight_result.h). */
struct weight_result {
    const struct dataset_rule *datasets;
    size_t dataset_count;
    bool has_eigenvalues;
    const struct measure_rule *rules;
    /* From facts to the values of dataset i, and back; what facts have no room for is left out. */
    void (*put)(const struct weight_facts *facts, size_t dataset, double *values);
    void (*get)(const double *values, size_t dataset, struct weight_facts *facts);
};

struct measure {
    const char *name;
    const char *help;
    bool is_always_measured;
    unsigned needs;
    const struct dataset_rule *datasets; /* of cells */
    size_t dataset_count;
    size_t essential; /* which of them the measure is about: where that is NaN throughout, it is refused */
    const struct weight_result *weights;        /* what it needs kept with each WEIGHT; NULL: nothing */
    const struct measure_parameter *parameters; /* [parameter_count] */
    size_t parameter_count;
    /* How many of the last steps it needs the derivatives of, by its parameters, which do not depend on the number of
     * steps then; NULL: the largest lag. */
    long (*window)(const double *parameters);
    /* Whether the measure as a whole fits the rest of the sweep, once all parameters are there; as is_possible. */
    bool (*fits)(const double *parameters, const struct parameter_surroundings *surroundings, char *text, size_t size);
    const struct measure_rule *rules; /* what must be true of its values, beside those of others; a rule without text
                                       * ends them */
    /* Fills this measure's datasets for the cells of a task. A cell that cannot be measured is task_fail's matter;
     * errors end the unit: STATUS_MEMORY, STATUS_STOPPED, STATUS_NUMERICAL. NULL for one that is derived. */
    enum status (*function)(const struct measure_task *task);
    /* The rest of them, from what stands in the cell of a chain once all functions have returned and nothing failed
     * there; NULL: nothing. */
    void (*derive)(const struct measure_task *task, long chain);
    /* For one cell, beside the norms and the trajectory; NULL: nothing. */
    struct cost (*cost)(const struct chain_question *question);
    /* Bytes that a rank needs for it beside results and trajectories, however many chains stand side by side; NULL:
     * none to speak of. */
    double (*bytes)(const struct chain_question *question);
};

/* The row of one measure, number 0 .. MEASURES - 1; of a name, with its number, or NULL for a name that is none. */
const struct measure *measure_at(int number);
const struct measure *measure_find(const char *name, int *number);

/* Requested measures are a set of bits, one a measure: 1u << number. Those that are always measured; and all needs of a
 * set together, ORed. */
unsigned measure_always(void);
unsigned measure_needs(unsigned requested);

/* The last steps that a set of measures needs the derivatives of, beside the largest lag; 0 for none. */
long measure_window(unsigned requested, const struct measure_options *options);

/* Whether a set has measures with any of the needs. */
bool measure_any_needs(unsigned requested, unsigned needs);

/* The datasets of all requested measures in table order, each measure's of cells, then those of its WEIGHTs unless an
 * earlier one has these already. The number of them, and the rule of each; NULL beyond the end. Results of a unit are
 * kept in this order. */
size_t measure_dataset_count(unsigned requested);
const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number);

/* The number of a dataset in that order; false where no requested measure has one of that name. */
bool measure_dataset_find(unsigned requested, const char *name, size_t *number);

/* What a measure brings for WEIGHTs; NULL where it is not requested, brings none, or an earlier one of those requested
 * does. */
const struct weight_result *measure_weights(unsigned requested, int measure);

/* The number of the first dataset of a measure. */
size_t measure_first_dataset(unsigned requested, int measure);

/* The measure that brings a dataset, and all that have it, one bit each; MEASURES and 0 beyond the end. */
int measure_of_dataset(unsigned requested, size_t number);
unsigned measure_all_of_dataset(unsigned requested, size_t number);

/* The place of a lag on the ascending axis lags[count]; -1 where it is not there. */
long measure_find_lag(const long *lags, long count, long lag);

bool dataset_is_along(const struct dataset_rule *rule, enum dataset_dimension dimension);

/* How many values a cell, or a WEIGHT, has in a dataset: the product of its lengths; and a cell, 0 in a dataset of
 * WEIGHT. Each takes so many bytes. */
uint64_t measure_value_count(const struct dataset_rule *rule, long lag_count, const struct measure_options *options);
uint64_t measure_values_per_cell(const struct dataset_rule *rule, long lag_count,
                                 const struct measure_options *options);
size_t measure_value_size(const struct dataset_rule *rule);

/* values[first .. first+count-1] := what stands for pending; and whether a value is anything else. */
void measure_fill_pending(const struct dataset_rule *rule, void *values, size_t first, size_t count);
bool measure_is_pending(const struct dataset_rule *rule, const void *values, size_t place);

#endif
