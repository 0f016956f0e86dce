/* Where NaN stands among the values of finished cells, and why: a dataset's row names its reasons, and each of these
 * says when it holds. Everywhere else there is a number. Not collective. */
#ifndef GRADSWEEP_GRADIENT_ABSENCE_H
#define GRADSWEEP_GRADIENT_ABSENCE_H

#include "gradient/measure.h"
#include "model/activation.h"
#include "model/ensemble.h"
#include "model/model.h"

/* Where a value stands; what its dataset has no dimension for is not read. */
struct absence_place {
    const struct measured_cell *cell;
    bool has_identity;     /* of a WEIGHT: a finished cell of identity is among its cells */
    long time, lag, index; /* t (T where the dataset has no dimension `step`), l, and the place along `index` */
    /* The cell's values of a dataset, NULL where it was not measured; with `context`. NULL as long as nothing is
     * measured: reasons that depend on values do not hold then. */
    const double *(*find_values)(const void *context, const char *dataset);
    const void *context;
};

enum presence { PRESENCE_NUMBER, PRESENCE_EITHER, PRESENCE_NAN };

/* What a reason that is known before anything is measured depends on. */
enum absence_foreseen { FORESEEN_BY_NOTHING, FORESEEN_BY_ENSEMBLE, FORESEEN_BY_ACTIVATION, FORESEEN_BY_LAG };

/* A reason for NaN; of one measure alone it stands in its file. */
struct absence {
    const char *text;   /* why, for people, behind "NaN: " */
    const char *advice; /* what would change it; NULL unless it is foreseen */
    bool is_of_cell;    /* it holds for all of a cell's values, or for none */
    enum absence_foreseen foreseen;
    enum presence (*judge)(const struct absence_place *place);
};

extern const struct absence absence_untied;           /* weights that change at every step have no one W */
extern const struct absence absence_error_given;      /* a network file gives e_0: there is no loss at other steps */
extern const struct absence absence_other_activation; /* measured for identity alone */
extern const struct absence absence_before_start;     /* t - lag < 1: no step contributes */
extern const struct absence absence_beyond_size;      /* the index runs to the largest hidden size */

/* Values of a dataset of the place's cell; NULL where there are none, or not yet. */
const double *absence_values(const struct absence_place *place, const char *dataset);

/* What a judge of one condition says. */
static inline enum presence absence_nan_if(bool holds)
{
    return holds ? PRESENCE_NAN : PRESENCE_NUMBER;
}

/* Whether numbers or NaN stand in a dataset of a whole cell, whatever the time, lag and index; and, where that leaves
 * numbers, at one place of it. *reason is the number, in the dataset's row, of what speaks for NaN, untouched for
 * PRESENCE_NUMBER. */
enum presence absence_of_cell(const struct dataset_rule *rule, const struct absence_place *place, int *reason);
enum presence absence_of_value(const struct dataset_rule *rule, const struct absence_place *place, int *reason);

/* Called with a value, whether it must be NaN, and what speaks for that unless it must be a number. */
typedef void absence_visitor(void *context, double value, enum presence expected, int reason);

/* Visits all values of a dataset of a cell, or of a WEIGHT, in C order. `place`: its cell, and T for the time. */
void absence_visit(const struct dataset_rule *rule, const struct absence_place *place, const double *values,
                   absence_visitor *visit, void *context);

/* Whether each of them is a number, or NaN, as it must be. */
bool absence_fits(const struct dataset_rule *rule, const struct absence_place *place, const double *values);

/* Whether a value is one that a dataset can have: a finite number, or an infinity that is a result there. */
bool absence_is_number(const struct dataset_rule *rule, double value);

/* Whether a value is what must stand there. */
bool absence_is_right(const struct dataset_rule *rule, double value, enum presence expected);

/* Whether networks of an ensemble are given e_0. */
bool absence_is_error_given(const struct ensemble *ensemble);

#endif
