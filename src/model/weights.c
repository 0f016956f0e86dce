#include "model/weights.h"

#include "base/memory.h"
#include "linalg/exact_rank.h"
#include "model/drawing.h"

#include <math.h>
#include <string.h>

struct weights {
    const struct process_grid *grid; /* NULL: a rank alone */
    struct network_key key;
    const struct kept_draws *kept; /* may be NULL */
    double divisor;
    long step;      /* whose W_unit is drawn; 0 for tied weights, and until the first step of untied ones */
    double *values; /* of a rank alone: W_unit [d, d], column-major */
    double *drawn;  /* likewise: W as drawn or loaded, where it is small enough to be kept; else NULL */
    struct matrix *matrix;
    struct network_arrays given; /* of a file ensemble */
    long rank;                   /* of W as drawn; negative: not found yet */
    struct matrix *residues[EXACT_PRIMES];
};

/* Up to this hidden size W as drawn is kept beside W_unit, rather than drawn again for its rank and its residues. */
enum { LARGEST_KEPT = 256 };

static enum status draw_alone(struct weights *weights, long step)
{
    const long d = weights->key.hidden_size;
    double radius_drawn = NAN; /* known to whoever gave the divisor */
    TRY(weights->key.ensemble->kind->is_fresh_at_every_step
            ? ensemble_draw(&weights->key, step, weights->values, &radius_drawn)
            : kept_draws_take(weights->kept, &weights->key, weights->values, &radius_drawn));
    if (weights->drawn)
        memcpy(weights->drawn, weights->values, (size_t)(d * d) * sizeof *weights->drawn);
    for (long i = 0; i < d * d; i++)
        weights->values[i] /= weights->divisor;
    return matrix_create(d, weights->values, true, &weights->matrix);
}

/* W_unit, a part at a time. */
struct unit_source {
    struct drawing *drawing;
    double divisor;
};

static enum status fill_unit(void *context, long first_row, long rows, long first_column, long columns, double *values)
{
    const struct unit_source *source = context;
    TRY(drawing_fill(source->drawing, first_row, rows, first_column, columns, values));
    for (long i = 0; i < rows * columns; i++)
        values[i] /= source->divisor;
    return STATUS_OK;
}

static enum status draw_on_grid(struct weights *weights, long step)
{
    SCOPED(drawing) *drawing = NULL;
    TRY(drawing_open(weights->grid, &weights->key, step, &drawing));
    struct unit_source source = { drawing, weights->divisor };
    return matrix_create_on_grid(weights->grid, weights->key.hidden_size, fill_unit, &source, true, &weights->matrix);
}

static enum status draw_unit(struct weights *weights, long step)
{
    matrix_destroy(weights->matrix);
    weights->matrix = NULL;
    TRY(weights->grid == NULL ? draw_alone(weights, step) : draw_on_grid(weights, step));
    weights->step = step;
    return STATUS_OK;
}

static enum status check_divisor(const struct network_key *key, double divisor)
{
    if (divisor > 0 && !isinf(divisor))
        return STATUS_OK;
    return status_fail(STATUS_NUMERICAL,
                       "the spectral radius of %s weights, hidden size %ld, replica %ld, is %g: they cannot be "
                       "rescaled to another one; use spectral_radius: native",
                       key->ensemble->label, key->hidden_size, key->replica, divisor);
}

/* What one rank alone can see of a failure; `made` is its owner's to close, also then. */
static enum status prepare(const struct process_grid *grid, const struct network_key *key, double divisor,
                           const struct kept_draws *kept, struct weights **made)
{
    TRY(memory_allocate(made, 1, "weights"));
    struct weights *weights = *made;
    *weights = (struct weights){ .grid = grid, .key = *key, .kept = kept, .divisor = divisor, .rank = -1 };
    if (key->ensemble->kind->is_file)
        TRY(network_arrays_read(&key->ensemble->source, key->replica, &weights->given));
    if (grid != NULL)
        return STATUS_OK;
    const long elements = key->hidden_size * key->hidden_size;
    if (key->hidden_size <= LARGEST_KEPT && !key->ensemble->kind->is_fresh_at_every_step)
        TRY(memory_allocate(&weights->drawn, elements, "a weight matrix"));
    return memory_allocate(&weights->values, elements, "a weight matrix");
}

enum status weights_open_on_grid(const struct process_grid *grid, const struct network_key *key, double divisor,
                                 const struct kept_draws *kept, struct weights **weights)
{
    SCOPED(weights) *made = NULL;
    *weights = NULL;
    TRY(check_divisor(key, divisor));
    TRY(process_grid_check(grid, key->hidden_size));
    TRY(team_agree(grid == NULL ? NULL : grid->team, prepare(grid, key, divisor, kept, &made)));
    if (!key->ensemble->kind->is_fresh_at_every_step)
        TRY(draw_unit(made, 0));
    *weights = scope_keep(&made);
    return STATUS_OK;
}

enum status weights_open(const struct network_key *key, double divisor, struct weights **weights)
{
    return weights_open_on_grid(NULL, key, divisor, NULL, weights);
}

bool weights_are_shared(const struct weights *weights, const struct network_key *key)
{
    const struct network_key *own = &weights->key;
    return own->ensemble == key->ensemble && own->ensemble->kind->is_file && own->seed == key->seed &&
           own->hidden_size == key->hidden_size;
}

enum status weights_turn(struct weights *weights, long replica)
{
    const struct network_source *source = &weights->key.ensemble->source;
    TRY(team_agree(weights_team(weights), network_arrays_turn(source, replica, &weights->given)));
    weights->key.replica = replica;
    return STATUS_OK;
}

void weights_close(struct weights *weights)
{
    if (weights == NULL)
        return;
    matrix_destroy(weights->matrix);
    for (int prime = 0; prime < EXACT_PRIMES; prime++)
        matrix_destroy(weights->residues[prime]);
    network_arrays_free(&weights->given);
    memory_free(weights->values);
    memory_free(weights->drawn);
    memory_free(weights);
}

/* Draws the step's matrix where there is one a step, unless it is the one at hand. */
static enum status go_to_step(struct weights *weights, long step)
{
    if (!weights->key.ensemble->kind->is_fresh_at_every_step || (weights->matrix != NULL && weights->step == step))
        return STATUS_OK;
    return draw_unit(weights, step);
}

enum status weights_at(struct weights *weights, long step, const struct matrix **matrix)
{
    TRY(go_to_step(weights, step));
    *matrix = weights->matrix;
    return STATUS_OK;
}

const struct team *weights_team(const struct weights *weights)
{
    return weights->grid ? weights->grid->team : NULL;
}

const struct process_grid *weights_grid(const struct weights *weights)
{
    return weights->grid;
}

enum status weights_values(struct weights *weights, long step, const double **values)
{
    if (weights->grid != NULL)
        return status_fail(STATUS_INTERNAL, "no rank of a team holds all of a weight matrix");
    TRY(go_to_step(weights, step));
    *values = weights->values;
    return STATUS_OK;
}

/* Tied, and all of it here. */
static bool is_whole(const struct weights *weights)
{
    return weights->grid == NULL && !weights->key.ensemble->kind->is_fresh_at_every_step &&
           weights->key.hidden_size <= EXACT_LARGEST_DIMENSION;
}

/* *drawn := W as drawn or loaded, perhaps in *room, which is its owner's to release, also where this fails. */
static enum status find_drawn(const struct weights *weights, double **room, const double **drawn)
{
    const long d = weights->key.hidden_size;
    double radius = NAN;
    *drawn = weights->drawn;
    if (*drawn)
        return STATUS_OK;
    TRY(memory_allocate(room, d * d, "a weight matrix"));
    *drawn = *room;
    return kept_draws_take(weights->kept, &weights->key, *room, &radius);
}

enum status weights_rank(struct weights *weights, long *rank)
{
    SCOPED_MEMORY double *room = NULL;
    const double *drawn;
    const long d = weights->key.hidden_size;
    *rank = d;
    /* Orthogonal to rounding: all singular values are near 1. */
    if (!is_whole(weights) || weights->key.ensemble->kind->spectrum == SPECTRUM_ALL_ONE)
        return STATUS_OK;
    if (weights->rank < 0) {
        TRY(find_drawn(weights, &room, &drawn));
        TRY(exact_rank(d, d, drawn, &weights->rank));
    }
    *rank = weights->rank;
    return STATUS_OK;
}

enum status weights_have_trace(const struct weights *weights, bool *have)
{
    const long d = weights->key.hidden_size;
    const int prime = 0;
    SCOPED_MEMORY double *room = NULL, *diagonal = NULL;
    SCOPED(block) sum = { 0 };
    const double *drawn;
    *have = is_whole(weights) && weights->key.ensemble->kind->spectrum == SPECTRUM_ALL_ONE;
    if (!is_whole(weights) || *have)
        return STATUS_OK;
    TRY(find_drawn(weights, &room, &drawn));
    TRY(memory_allocate(&diagonal, d, "the diagonal of a weight matrix"));
    TRY(block_create(1, 1, &sum));
    for (long i = 0; i < d; i++)
        diagonal[i] = drawn[i + i * d];
    exact_residues(prime, d, diagonal, NULL, diagonal);
    for (long i = 0; i < d; i++)
        sum.values[0] += diagonal[i];
    exact_normalise(prime, &sum);
    *have = !exact_is_zero(sum.values, 1);
    return STATUS_OK;
}

enum status weights_residues(struct weights *weights, int prime, const struct matrix **residues)
{
    const long d = weights->key.hidden_size;
    SCOPED_MEMORY double *room = NULL, *values = NULL;
    const double *drawn;
    if (!is_whole(weights))
        return status_fail(STATUS_INTERNAL, "there are no residues of untied weights, or of weights on a grid");
    if (weights->residues[prime] == NULL) {
        TRY(find_drawn(weights, &room, &drawn));
        TRY(memory_allocate(&values, d * d, "the residues of a weight matrix"));
        exact_residues(prime, d * d, drawn, NULL, values);
        TRY(matrix_create(d, values, true, &weights->residues[prime]));
    }
    *residues = weights->residues[prime];
    return STATUS_OK;
}

const struct network_arrays *weights_given(const struct weights *weights)
{
    return &weights->given;
}

const struct network_key *weights_key(const struct weights *weights)
{
    return &weights->key;
}

const struct ensemble *weights_ensemble(const struct weights *weights)
{
    return weights->key.ensemble;
}

long weights_hidden_size(const struct weights *weights)
{
    return weights->key.hidden_size;
}

uint64_t weights_seed(const struct weights *weights)
{
    return weights->key.seed;
}
