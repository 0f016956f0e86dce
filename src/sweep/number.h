/* Numbers as a sweep file spells them. Not collective. */
#ifndef GRADSWEEP_SWEEP_NUMBER_H
#define GRADSWEEP_SWEEP_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a number may be; `highest` infinite: no bound but finiteness. */
struct number_range {
    double lowest;
    double highest;
    bool lowest_excluded;
    bool is_integer;
    const char *reason; /* of a bound that is not obvious; or NULL */
};

enum { NUMBER_RANGE_TEXT = 128 };

enum { NUMBER_HINT_TEXT = 128 };

/* Reads the whole of `text` as a YAML 1.2 decimal number: 16, -1.5, .5, 1e3. False for anything else, and for nan, inf,
 * hexadecimal, numbers beyond the range of double precision, and integers that YAML 1.1 reads as octal, with another
 * value (010). */
bool number_parse(const char *text, double *value);

/* The same for integers from 0 to 2^64 - 1; 1e3 and 1.0 are integers too, as far as double precision is exact. */
bool number_parse_unsigned(const char *text, uint64_t *value);

/* Where readers of YAML 1.1 and 1.2 differ on what `text` is, and it may have been meant as a number (010, 0o10, 0x10,
 * 1_000, 1:30): what to write instead, into hint[NUMBER_HINT_TEXT]; for a number beyond double precision, just that;
 * else "". */
void number_explain(const char *text, char *hint);

bool number_is_within(const struct number_range *range, double value);

/* "a number > 0", "an integer from 1 to 46340", ... into text[NUMBER_RANGE_TEXT]. */
void number_describe_range(const struct number_range *range, char *text);

/* The nearest number of 12 significant digits, so that 0.5 + 7 * 0.1 is the double that 1.2 is. */
double number_round(double value);

/* The fewest digits, 12 at least where they are needed, that read back to the same bits, in a form that readers of both
 * YAML 1.1 and 1.2 take for a number (1.0e-10, not 1e-10). */
void number_write(double value, FILE *stream);

#endif
