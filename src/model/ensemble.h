/* Ensembles of weight matrices: the laws W is drawn from. A law's row and functions stand in one file, by families; the
 * list in ensemble.c names it.
 *
 * A draw is keyed by (seed, kind and parameters, d, replica, role), never by an axis index, a rank or an order, so that
 * growing an axis keeps every number. Not collective, but for what says so. */
#ifndef GRADSWEEP_MODEL_ENSEMBLE_H
#define GRADSWEEP_MODEL_ENSEMBLE_H

#include "base/random.h"
#include "base/status.h"
#include "linalg/process_grid.h"
#include "model/network_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENSEMBLE_MAX_PARAMETERS = 2 };

/* What a mapping {kind, parameters...} may say; the sweep-file reader checks values against it. */
struct ensemble_parameter {
    const char *name;
    const char *help;
    double default_value; /* NaN: required */
    double lowest, highest;
    bool lowest_excluded;
};

struct ensemble; /* below */

/* Which network of a sweep: all that is drawn for it is keyed by this. */
struct network_key {
    const struct ensemble *ensemble;
    uint64_t seed;
    long hidden_size;
    long replica;
};

/* How rho(W) and ||W||_2 are known. */
enum ensemble_spectrum {
    SPECTRUM_COMPUTED,      /* eigenvalues and singular values by LAPACK */
    SPECTRUM_ALL_ONE,       /* orthogonal, cycle: rho = ||W|| = 1 by construction */
    SPECTRUM_SYMMETRIC,     /* normal: ||W|| = rho, real eigenvalues */
    SPECTRUM_ANTISYMMETRIC, /* normal: ||W|| = rho, the largest singular value; d = 1: certainly 0 */
    SPECTRUM_RADIUS_DRAWN,  /* nonnormal: rho is that of the eigenvalues drawn */
    SPECTRUM_NILPOTENT,     /* chain: rho = 0 for certain; refused where a radius is asked for */
    SPECTRUM_NONE           /* untied: no single W; NaN */
};

struct ensemble_kind {
    const char *name;
    const char *help;
    size_t parameter_count;
    struct ensemble_parameter parameters[ENSEMBLE_MAX_PARAMETERS];
    enum ensemble_spectrum spectrum;
    bool is_file;                /* {kind: file, path}: read, not drawn */
    bool is_from_qr;             /* W comes from a QR decomposition: no part of it can be drawn alone */
    bool is_far_from_normal;     /* powers and eigenvalues of W may lose many digits */
    bool is_fresh_at_every_step; /* untied */
    /* Fills values[part->rows * part->columns], column-major, with a part of W as drawn (before rescaling): any part,
     * at any time, with the same bits. NULL for laws that only give the whole W. */
    enum status (*draw_part)(const struct network_key *key, long step, const struct matrix_part *part, double *values);
    /* For laws that only give the whole W, values[d * d] as above. `radius` receives rho where the law draws it
     * (SPECTRUM_RADIUS_DRAWN), else it is left alone. */
    enum status (*draw)(const struct network_key *key, double *values, double *radius);
    /* The same by a team, of laws that need the whole of it: fills rows[count * d] and columns[d * count],
     * column-major, with the rows and the columns of W that this rank holds (process_grid_row_range). Another W of the
     * same law than `draw` gives, with the same radius. Collective within the team, and agreed. */
    enum status (*draw_on_grid)(const struct process_grid *grid, const struct network_key *key, double *rows,
                                double *columns, double *radius);
};

/* One entry of the ensemble axis. Strings are owned by whoever made it. */
struct ensemble {
    const struct ensemble_kind *kind;
    char *label;
    struct network_source source; /* of file ensembles; what it holds overrides the model */
    double parameters[ENSEMBLE_MAX_PARAMETERS];
};

size_t ensemble_kind_count(void);
const struct ensemble_kind *ensemble_kind_at(size_t number);
const struct ensemble_kind *ensemble_kind_find(const char *name);

/* True for laws whose W is normal by construction, so that ||W^l|| = rho^l. */
bool ensemble_is_normal(const struct ensemble *ensemble);

/* True where rho(W) = 0 is certain at this hidden size (chain; antisymmetric d = 1). */
bool ensemble_radius_is_zero(const struct ensemble *ensemble, long hidden_size);

/* Fills values[d * d], column-major, with all of W at a step (0 but for untied), by whichever way its law has; `radius`
 * as in struct ensemble_kind. Errors: STATUS_MEMORY, STATUS_NUMERICAL, STATUS_IO. */
CHECKED enum status ensemble_draw(const struct network_key *key, long step, double *values, double *radius);

/* Where W comes from a file: that it still is what it was when the sweep was read, W itself and its shape. All is well
 * with other laws. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status ensemble_verify(const struct network_key *key);

/* The canonical text "kind{parameters} d=.. replica=.. role=.." (of a file: the fingerprint of its W) that keys every
 * draw of a network (role "weights", "input_weights", "inputs", "bias", "initial_state", ...), into text[size]. */
void ensemble_describe_draw(const struct network_key *key, const char *role, char *text, size_t size);

/* The stream of random numbers that a network's array `role` is drawn from. */
struct random_stream ensemble_stream(const struct network_key *key, const char *role);

#endif
