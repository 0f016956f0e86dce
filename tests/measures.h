/* Sets of measures by name, for tests of some of them. */
#ifndef GRADSWEEP_TESTS_MEASURES_H
#define GRADSWEEP_TESTS_MEASURES_H

#include "gradient/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those that are always measured and those of names[], space-separated; a name that is none ends the test program. */
static inline unsigned measure_set(const char *names)
{
    unsigned set = measure_always();
    char copy[128], *rest = copy, *name;
    snprintf(copy, sizeof copy, "%s", names);
    while ((name = strtok_r(rest, " ", &rest))) {
        int number;
        if (measure_find(name, &number) == NULL) {
            fprintf(stderr, "no measure is called %s\n", name);
            abort();
        }
        set |= 1u << number;
    }
    return set;
}

/* The number of one. */
static inline int measure_number(const char *name)
{
    int number = MEASURES;
    if (measure_find(name, &number) == NULL)
        abort();
    return number;
}

#endif
