/* What every reader of a part of the sweep file uses; private to sweep/.
 *
 * A reader notes mistakes and goes on, so that all are found in one go; the status it returns speaks of memory alone.
 * What it could not read it leaves as it was (zero). Not collective. */
#ifndef GRADSWEEP_SWEEP_READER_H
#define GRADSWEEP_SWEEP_READER_H

#include "sweep/number.h"
#include "sweep/sweep.h"
#include "sweep/yaml.h"

enum { AXIS_MAX_VALUES = 100000, ENSEMBLES_MAX = 1000 };

struct reader {
    struct arena *scratch; /* what reading needs */
    struct arena *owned;   /* what the sweep keeps */
    struct mistakes *mistakes;
    struct sweep *sweep;
    const char *folder; /* of the sweep file, where relative paths start; NULL for effective text: no file is opened */
    bool has_bad_patterns; /* which ensembles there are is not known (path_patterns.h) */
};

/* "path: expected this, found that" at the node. */
CHECKED enum status reader_expected(struct reader *reader, const struct yaml_node *node, const char *path,
                                    const char *expected);

/* "path: unknown <what> "word"" at the node, with the nearest of names[count], or all of them where none is near. */
CHECKED enum status reader_unknown(struct reader *reader, const struct yaml_node *node, const char *path,
                                   const char *what, size_t count, const char *const *names);

/* A number within the range; *is_good false, and *value as it was, after a mistake. */
CHECKED enum status reader_number(struct reader *reader, const struct yaml_node *node, const char *path,
                                  const struct number_range *range, double *value, bool *is_good);

/* The words true and false; likewise. */
CHECKED enum status reader_flag(struct reader *reader, const struct yaml_node *node, const char *path, bool *value,
                                bool *is_good);

/* The items of a list; a scalar or a mapping stands for a list of itself. */
long reader_item_count(const struct yaml_node *node);
const struct yaml_node *reader_item_at(const struct yaml_node *node, long number);

/* The values of a numeric axis (axis_reader.c): ascending, distinct, *values from `scratch`; *count = 0 after a
 * mistake. */
CHECKED enum status reader_axis(struct reader *reader, const struct yaml_node *node, const char *path,
                                const struct number_range *range, bool takes_powers, double **values, long *count);

#endif
