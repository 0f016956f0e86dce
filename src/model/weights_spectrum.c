/* Spectral radius and norm of weights as drawn: by construction where the law gives them, else computed. */
#include "model/weights.h"

#include "base/memory.h"
#include "linalg/eigenbasis.h"
#include "linalg/spectrum.h"
#include "model/drawing.h"
#include "model/nilpotent.h"

#include <float.h>
#include <math.h>

/* A radius that LAPACK or the squaring cannot find is NaN, the reason in status_message(). */
static enum status accept_no_radius(enum status status, double *radius)
{
    if (status != STATUS_NUMERICAL)
        return status;
    *radius = NAN;
    return STATUS_OK;
}

/* Eigenvalues are those of a W that rounding has moved by some u ||W||: a radius below that is all noise, as for
 * [[1, 1], [-1, -1]], whose square is 0. Nothing may be divided by it. */
static void drop_rounding(long hidden_size, struct weight_spectrum *spectrum)
{
    if (spectrum->radius < (double)hidden_size * DBL_EPSILON * spectrum->norm)
        spectrum->radius = 0;
}

double weights_log_norm_error(const struct ensemble *ensemble, long hidden_size)
{
    return ensemble->kind->spectrum == SPECTRUM_NILPOTENT ? 0 : spectrum_norm_error(hidden_size);
}

/* ---- below distribute_from: from all of W; by LAPACK where nothing faster will do ---- */

static enum status radius_of_values(long hidden_size, const double *values, double *radius)
{
    bool nilpotent = false;
    TRY(nilpotent_by_pattern(NULL, hidden_size, values, &nilpotent));
    *radius = 0;
    return nilpotent ? STATUS_OK : accept_no_radius(spectrum_radius(hidden_size, values, radius), radius);
}

static enum status norm_of_values(const struct network_key *key, const double *values, double *norm)
{
    SCOPED(matrix) *matrix = NULL;
    TRY(spectrum_check_matrix(key->hidden_size, values, "spectral norm"));
    TRY(matrix_create(key->hidden_size, values, true, &matrix));
    const enum status status = spectrum_norm_by_products(matrix, key->seed, NULL, norm);
    return status == STATUS_NUMERICAL ? spectrum_norm(key->hidden_size, values, norm) : status;
}

/* `drawn` is the radius that the draw reported, NaN if it did not. */
static enum status find_by_values(const struct network_key *key, const double *values, double drawn,
                                  struct weight_spectrum *spectrum)
{
    const enum ensemble_spectrum kind = key->ensemble->kind->spectrum;
    TRY(norm_of_values(key, values, &spectrum->norm));
    if (kind == SPECTRUM_SYMMETRIC || kind == SPECTRUM_ANTISYMMETRIC)
        spectrum->radius = spectrum->norm;
    else if (kind == SPECTRUM_RADIUS_DRAWN)
        spectrum->radius = drawn;
    else {
        TRY(radius_of_values(key->hidden_size, values, &spectrum->radius));
        drop_rounding(key->hidden_size, spectrum);
    }
    return STATUS_OK;
}

static enum status spectrum_by_values(const struct network_key *key, struct phases *phases, struct kept_draws *kept,
                                      struct weight_spectrum *spectrum)
{
    SCOPED_MEMORY double *values = NULL;
    double drawn = NAN;
    TRY(memory_allocate(&values, key->hidden_size * key->hidden_size, "a weight matrix"));
    {
        SCOPED(phase_visit) visit = phases_visit(phases, PHASE_DRAWING);
        TRY(kept_draws_draw(kept, key, values, &drawn));
    }
    return find_by_values(key, values, drawn, spectrum);
}

/* ---- from distribute_from on: by products, from each rank's share of W ---- */

/* W as a team holds it: its rows for the radius, then both its rows and columns, packed, for the norm. */
struct shares {
    const struct process_grid *grid;
    const struct network_key *key;
    struct drawing *drawing;
    bool (*stop_requested)(void);
    struct phases *phases; /* may be NULL */
};

static enum status find_radius_of_rows(const struct shares *shares, const double *rows, double *radius)
{
    bool nilpotent = false;
    const long d = shares->key->hidden_size;
    TRY(nilpotent_by_pattern(shares->grid, d, rows, &nilpotent));
    *radius = 0;
    if (nilpotent)
        return STATUS_OK;
    return accept_no_radius(spectrum_radius_by_squaring_on_grid(shares->grid, d, rows, shares->stop_requested, radius),
                            radius);
}

static enum status radius_by_products(const struct shares *shares, double *radius)
{
    const struct process_grid *grid = shares->grid;
    const struct team *team = grid == NULL ? NULL : grid->team;
    const long d = shares->key->hidden_size;
    SCOPED_MEMORY double *rows = NULL;
    long first, count;
    process_grid_row_range(grid, d, team == NULL ? 0 : team->rank, &first, &count);
    {
        SCOPED(phase_visit) visit = phases_visit(shares->phases, PHASE_DRAWING);
        enum status status = memory_allocate(&rows, count * d, "rows of a weight matrix");
        if (status == STATUS_OK && count > 0)
            status = drawing_fill(shares->drawing, first, count, 0, d, rows);
        TRY(team_agree(team, status));
    }
    return find_radius_of_rows(shares, rows, radius);
}

static enum status norm_by_products(const struct shares *shares, double *norm)
{
    SCOPED(matrix) *matrix = NULL;
    {
        SCOPED(phase_visit) visit = phases_visit(shares->phases, PHASE_DRAWING);
        TRY(matrix_create_on_grid(shares->grid, shares->key->hidden_size, drawing_fill, shares->drawing, true,
                                  &matrix));
    }
    return spectrum_norm_by_products(matrix, shares->key->seed, shares->stop_requested, norm);
}

static enum status find_by_products(const struct shares *shares, struct weight_spectrum *spectrum)
{
    switch (shares->key->ensemble->kind->spectrum) {
    case SPECTRUM_SYMMETRIC:
    case SPECTRUM_ANTISYMMETRIC:
        TRY(norm_by_products(shares, &spectrum->norm));
        spectrum->radius = spectrum->norm;
        return STATUS_OK;
    case SPECTRUM_RADIUS_DRAWN:
        spectrum->radius = drawing_radius(shares->drawing);
        return norm_by_products(shares, &spectrum->norm);
    default:
        TRY(radius_by_products(shares, &spectrum->radius));
        TRY(norm_by_products(shares, &spectrum->norm));
        drop_rounding(shares->key->hidden_size, spectrum);
        return STATUS_OK;
    }
}

static enum status spectrum_by_products(const struct process_grid *grid, const struct network_key *key,
                                        bool (*stop_requested)(void), struct phases *phases,
                                        struct weight_spectrum *spectrum)
{
    SCOPED(drawing) *drawing = NULL;
    TRY(process_grid_check(grid, key->hidden_size));
    {
        SCOPED(phase_visit) visit = phases_visit(phases, PHASE_DRAWING);
        TRY(drawing_open(grid, key, 0, &drawing));
    }
    const struct shares shares = { grid, key, drawing, stop_requested, phases };
    return find_by_products(&shares, spectrum);
}

/* ---- by whichever way ---- */

/* What needs no W; false where W must be drawn. */
static bool is_known_by_construction(const struct ensemble *ensemble, long hidden_size,
                                     struct weight_spectrum *spectrum)
{
    switch (ensemble->kind->spectrum) {
    case SPECTRUM_NONE:
        return true;
    case SPECTRUM_ALL_ONE: /* up to the rounding of Q, which is of the size of spectrum_norm_error */
        spectrum->radius = spectrum->norm = 1;
        break;
    case SPECTRUM_NILPOTENT:
        spectrum->radius = 0;
        spectrum->norm = hidden_size > 1 ? fabs(ensemble->parameters[0]) : 0;
        break;
    default:
        return false;
    }
    spectrum->log_norm_error = weights_log_norm_error(ensemble, hidden_size);
    return true;
}

enum status weights_spectrum_on_grid(const struct process_grid *grid, const struct network_key *key,
                                     long distribute_from, bool (*stop_requested)(void), struct phases *phases,
                                     struct kept_draws *kept, struct weight_spectrum *spectrum)
{
    const struct ensemble *ensemble = key->ensemble;
    const struct weight_spectrum unknown = { .radius = NAN, .norm = NAN, .log_norm_error = NAN };
    *spectrum = unknown;
    if (is_known_by_construction(ensemble, key->hidden_size, spectrum))
        return STATUS_OK;
    enum status status = grid == NULL && key->hidden_size < distribute_from
                             ? spectrum_by_values(key, phases, kept, spectrum)
                             : spectrum_by_products(grid, key, stop_requested, phases, spectrum);
    spectrum->log_norm_error = weights_log_norm_error(ensemble, key->hidden_size);
    if (status != STATUS_OK)
        *spectrum = unknown;
    return status_prefix(status, "spectrum of %s weights, hidden size %ld, replica %ld", ensemble->label,
                         key->hidden_size, key->replica);
}

enum status weights_spectrum(const struct network_key *key, long distribute_from, struct weight_spectrum *spectrum)
{
    return weights_spectrum_on_grid(NULL, key, distribute_from, NULL, NULL, NULL, spectrum);
}

enum status weights_eigenvalues(const struct network_key *key, double divisor, double *re, double *im)
{
    SCOPED(weights) *weights = NULL;
    const double *unit;
    TRY(weights_open(key, divisor, &weights));
    enum status status = weights_values(weights, 1, &unit);
    if (status == STATUS_OK)
        status = eigenbasis_values(key->hidden_size, unit, re, im);
    for (long i = 0; status == STATUS_OK && i < key->hidden_size; i++) {
        re[i] *= divisor;
        im[i] *= divisor;
    }
    return status_prefix(status, "eigenvalues of %s weights, hidden size %ld, replica %ld", key->ensemble->label,
                         key->hidden_size, key->replica);
}
