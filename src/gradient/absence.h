/* Where NaN stands among the values of finished cells, and why: a dataset's row in the table of measures names its
 * reasons, and here is when each of them holds. Everywhere else there is a number. Not collective. */
#ifndef GRADSWEEP_GRADIENT_ABSENCE_H
#define GRADSWEEP_GRADIENT_ABSENCE_H

#include "gradient/measure.h"
#include "model/activation.h"
#include "model/ensemble.h"

/* Where a value stands; what the shape of its dataset has no dimension for is not read. */
struct absence_place {
    const struct ensemble *ensemble;
    const struct activation *activation;
    bool native;       /* W as drawn or loaded, not rescaled */
    bool has_identity; /* of a WEIGHT: a finished cell of identity is among its cells */
    long hidden_size;
    struct measure_options options;
    long time, lag, index; /* t (T where the dataset has no dimension `step`), l, and the place along `index` */
    const long *lags;      /* [lag_count], the axis */
    long lag_count;
    /* The cell's values of a dataset, NULL where it was not measured; with `context`. NULL as long as nothing is
     * measured: reasons that depend on values do not hold then. */
    const double *(*find_values)(const void *context, const char *dataset);
    const void *context;
};

enum presence { PRESENCE_NUMBER, PRESENCE_EITHER, PRESENCE_NAN };

/* Whether numbers or NaN stand in a dataset of a whole cell, whatever the time, lag and index; and, where that leaves
 * numbers, at one place of it. *reason is what speaks for NaN, untouched for PRESENCE_NUMBER. */
enum presence absence_of_cell(const struct dataset_rule *rule, const struct absence_place *place, enum absence *reason);
enum presence absence_of_value(const struct dataset_rule *rule, const struct absence_place *place,
                               enum absence *reason);

/* Called with a value, whether it must be NaN, and what speaks for that unless it must be a number. */
typedef void absence_visitor(void *context, double value, enum presence expected, enum absence reason);

/* Visits all values of a dataset of a cell, or of a WEIGHT, in C order. `place`: its cell, and T for the time. */
void absence_visit(const struct dataset_rule *rule, const struct absence_place *place, const double *values,
                   absence_visitor *visit, void *context);

/* Whether each of them is a number, or NaN, as it must be. */
bool absence_fits(const struct dataset_rule *rule, const struct absence_place *place, const double *values);

/* Whether one reason makes NaN certain at a place. */
bool absence_holds(enum absence reason, const struct absence_place *place);

/* Whether a value is one that a dataset can have: a finite number, or an infinity that is a result there. */
bool absence_is_number(const struct dataset_rule *rule, double value);

/* Whether a value is what must stand there. */
bool absence_is_right(const struct dataset_rule *rule, double value, enum presence expected);

/* Why, for people, behind "NaN: "; and what would change it, where that is known before anything is measured and the
 * value is one that somebody asked for, else NULL. */
const char *absence_text(enum absence reason);
const char *absence_advice(enum absence reason);

/* Whether networks of an ensemble are given e_0. */
bool absence_is_error_given(const struct ensemble *ensemble);

/* Beyond 1/u a basis of eigenvectors has no digit left: W is defective, or as good as that. */
bool absence_is_defective(double eigenbasis_condition);

#endif
