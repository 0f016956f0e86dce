/* Why a cell failed: the codes of the dataset failure_reason. One of the whole cell, or of one measure of it: then the
 * values of the other measures are in the file. The codes of measures come from the tables of measures and of
 * outcomes (gradient/measure.h), so that a new row in either brings its own. Codes are in files: both tables, and the
 * one below, may only grow at their end. Not collective. */
#ifndef GRADSWEEP_STORE_FAILURE_H
#define GRADSWEEP_STORE_FAILURE_H

#include "gradient/measure.h"

/* Of a whole cell; 0 is none. */
#define FAILURE_TABLE(row)                                                                                         \
    row(FAILURE_NONE, "none") row(FAILURE_NOT_FINITE, "not_finite") /* a NaN or infinity came out of the states */ \
        row(FAILURE_NO_CONVERGENCE, "no_convergence")               /* no method found the values */               \
        row(FAILURE_ZERO_RADIUS, "zero_spectral_radius")                                                           \
            row(FAILURE_SPECTRUM, "no_spectrum")                         /* radius or norm of W cannot be found */ \
        row(FAILURE_MEMORY, "out_of_memory") row(FAILURE_RANGE, "range") /* beyond what can be held beside others */

enum failure_reason {
#define FAILURE_AS_ENUM(code, text) code,
    FAILURE_TABLE(FAILURE_AS_ENUM)
#undef FAILURE_AS_ENUM
        FAILURE_WHOLE_CELL_COUNT
};

enum { FAILURE_CODES = 256, FAILURE_TEXT = 64 };

/* The code of a cell of whose requested measures some failed: that of the first of them in the table, or that of the
 * whole cell where all failed alike. outcomes[MEASURES]; FAILURE_NONE where none failed. */
uint8_t failure_of_measures(unsigned requested, const enum jacobian_outcome *outcomes);

/* True for the code of one measure, whose number is *measure. */
bool failure_is_of_measure(uint8_t code, int *measure);

/* The name of a code, as in flag_meanings ("singular_values_no_convergence"), into text[FAILURE_TEXT]; false for a
 * number that is no code. */
bool failure_text(uint8_t code, char *text);

/* All codes with their names, as flag_values and flag_meanings want them; NULL ends the names. */
struct failure_flags {
    uint8_t values[FAILURE_CODES];
    const char *meanings[FAILURE_CODES + 1];
    char texts[FAILURE_CODES][FAILURE_TEXT];
};
void failure_fill_flags(struct failure_flags *flags);

#endif
