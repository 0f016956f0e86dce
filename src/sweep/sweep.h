/* A sweep: what one sweep file asks for, read, validated and with its defaults filled in. */
#ifndef GRADSWEEP_SWEEP_SWEEP_H
#define GRADSWEEP_SWEEP_SWEEP_H

#include "base/scope.h"
#include "base/status.h"
#include "gradient/measure.h"
#include "model/activation.h"
#include "model/ensemble.h"
#include "model/model.h"
#include "sweep/couplings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SWEEP_HASH_TEXT = 33 };

struct sweep {
    char *path; /* of the sweep file, as it was given; NULL for one that was parsed */
    char *name;
    uint64_t seed;

    struct ensemble *ensembles;
    long ensemble_count;
    long replicas;
    const struct activation **activations;
    long activation_count;
    struct model model; /* steps is the effective T */
    long warmup;

    /* Where model.input.scale and model.bias.scale are lists or ranges, in place of the scales in `model`. */
    bool has_input_scales, has_bias_scales;
    double *input_scales, *bias_scales;
    long input_scale_count, bias_scale_count;

    /* Where model.anchors asks for several final times on one trajectory; the last is model.steps. */
    bool has_anchors;
    long *anchors;
    long anchor_count, anchor_spacing;

    long *hidden_sizes; /* ascending, distinct, as all numbers */
    long hidden_size_count;
    bool native; /* spectral_radius: native; then there is one radius, NaN */
    double *spectral_radii;
    long spectral_radius_count;
    double *gammas;
    long gamma_count;
    struct couplings couplings; /* of these two */
    long *lags;
    long lag_count;

    unsigned measures; /* one bit a measure (gradient/measure.h), with those that are always measured */
    struct measure_options options;
    double tolerance;     /* of ln ||J_l||_2, absolute */
    long distribute_from; /* the effective number */

    char *text;                 /* the sweep with all effective values, as YAML 1.2 that reads back to the same sweep */
    char hash[SWEEP_HASH_TEXT]; /* 128 bits in hexadecimal over effective values except `name` and paths, and over
                                 * what is used of network files, through its fingerprints */
};

/* Reads and validates a sweep file; `overrides` are the texts of --set ("grid.gamma=[0.5,1]"). Network files that they
 * name are read and checked, and their contents enter the hash; relative paths are relative to the sweep file. On
 * success *sweep is owned by the caller, released with sweep_close. On STATUS_INPUT every mistake (file, line, column,
 * caret, what was expected) has been printed to stderr, where `diagnostics` is true, and status_message() counts them.
 * Not collective: rank 0 reads, and the others get the text (sweep_parse). */
CHECKED enum status sweep_open(const char *path, size_t override_count, const char *const *overrides, bool diagnostics,
                               struct sweep **sweep);

/* The same from effective text, e.g. of a results file or from rank 0. Opens no network files: the text has their
 * absolute paths, and the fingerprints of what was in them. */
CHECKED enum status sweep_parse(const char *text, struct sweep **sweep);

/* Reads the inputs of `input: file`, which every process that computes needs in memory (W and what comes with it is
 * read with the weights); does nothing for other inputs, or when they are there. Not collective. Errors: STATUS_IO for
 * a file that cannot be read, or was changed since the sweep was opened; STATUS_MEMORY. */
CHECKED enum status sweep_load(struct sweep *sweep);

/* Writes the effective text, as it is in `text`, of a sweep that may have been changed since that was made. */
void sweep_write(const struct sweep *sweep, FILE *stream);

void sweep_close(struct sweep *sweep);
SCOPED_HANDLE(sweep, sweep_close)

/* STATUS_REFUSED, naming the first key whose effective value differs and both values, unless the two have one hash. */
CHECKED enum status sweep_require_same(const struct sweep *asked, const struct sweep *in_file);

/* Calls `tell` with a line for people on each group of results that are asked for and will be NaN, in part of the grid
 * alone, with where and why. Not collective. Errors: STATUS_MEMORY. */
CHECKED enum status sweep_foresee_absences(const struct sweep *sweep, void (*tell)(const char *text));

#endif
