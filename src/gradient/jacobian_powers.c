#include "gradient/jacobian_powers.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "base/random.h"
#include "gradient/jacobian_internal.h"
#include "linalg/powers.h"

#include <math.h>
#include <string.h>

enum { PROBES = JACOBIAN_POWERS_PROBES };
static const double SHARE_OF_TOLERANCE = 0.1;
static const double CHANCE = 1e-8; /* of a chain's powers, that one is off by more than its bound */

/* A squaring and the look at it take as long as some d / 3 products with a vector: it pays where it halves the way of
 * Lanczos at several lags of identity, or at a long one alone. */
enum { SHORTEST_RUN = 64, POWER = 16, POWERS_OF_RUN = 16 };

int jacobian_powers_squarings(long hidden_size, long run, bool is_identity)
{
    const long shortest = is_identity ? 2 : hidden_size / 2 < SHORTEST_RUN ? SHORTEST_RUN : hidden_size / 2;
    int squarings = 0;
    if (run < shortest || hidden_size > JACOBIAN_POWERS_LARGEST_DIMENSION)
        return 0;
    for (long power = 2; squarings + 1 < POWERS_MOST && power <= run; power *= 2, squarings++)
        if (power > POWER && power * POWERS_OF_RUN > run)
            break;
    return squarings;
}

/* Chains with one S. */
struct kind {
    long chain;         /* one of the problem's that has it */
    struct matrix *own; /* S; NULL where that is W */
    struct powers powers;
    double errors[POWERS_MOST]; /* bounds on eps_a of S^(2^k) */
};

struct jacobian_powers {
    const struct jacobian_problem *problem;
    long chains;
    struct kind *kinds;
    int count;
    long *runs;     /* [chains]: equal steps; 0 where none are taken at once */
    int *squarings; /* [chains]: of the largest power that any lag asks for */
    int *kind_of;   /* [chains] */
    /* [columns], of those of a block that are being multiplied: */
    long *selected;
    int64_t *exponents;
};

static void kind_close(struct kind *kind)
{
    powers_close(&kind->powers);
    matrix_destroy(kind->own);
}

void jacobian_powers_close(struct jacobian_powers *powers)
{
    if (powers == NULL)
        return;
    for (int i = 0; i < powers->count; i++)
        kind_close(&powers->kinds[i]);
    memory_free(powers->kinds);
    memory_free(powers->runs);
    memory_free(powers->squarings);
    memory_free(powers->kind_of);
    memory_free(powers->selected);
    memory_free(powers->exponents);
    memory_free(powers);
}

/* ---- runs ---- */

static bool is_equal_step(const struct jacobian_problem *problem, long step, long chain, long other_step, long other)
{
    return trajectory_are_steps_equal(problem->trajectory, step, jacobian_member(problem, chain), other_step,
                                      jacobian_member(problem, other));
}

static bool is_all_ones(const double *values, long count)
{
    for (long i = 0; i < count; i++)
        if (values[i] != 1.0)
            return false;
    return true;
}

/* A chain that has steps with powers of two of their own is measured otherwise (gradient/chain_norms.c). */
static long count_equal_steps(const struct jacobian_problem *problem, long chain)
{
    const long largest = problem->lags[problem->lag_count - 1], d = weights_hidden_size(problem->weights);
    long steps = 1;
    if (problem->trajectory == NULL)
        return largest;
    if (trajectory_is_wide(problem->trajectory, jacobian_member(problem, chain)) ||
        (d > JACOBIAN_POWERS_LARGEST_OF_A_CHAIN && !is_all_ones(jacobian_diagonal(problem, 0, chain), d)))
        return 0;
    const long rest = trajectory_steps_at_rest(problem->trajectory, jacobian_member(problem, chain));
    steps = rest > steps ? rest : steps;
    while (steps < largest && is_equal_step(problem, steps, chain, 0, chain))
        steps++;
    return steps < largest ? steps : largest;
}

static int squarings_of(const struct jacobian_problem *problem, long run)
{
    return jacobian_powers_squarings(weights_hidden_size(problem->weights), run, problem->trajectory == NULL);
}

/* The largest power that a lag of a chain is made of. */
static int most_squarings(const struct jacobian_problem *problem, long run)
{
    int most = 0;
    for (long i = 0; i < problem->lag_count; i++) {
        const int squarings = squarings_of(problem, problem->lags[i] < run ? problem->lags[i] : run);
        most = squarings > most ? squarings : most;
    }
    return most;
}

/* ---- powers ---- */

/* *packed := S = W D, which `kind` owns where it is not W. */
static enum status set_step(const struct jacobian_problem *problem, struct kind *kind, const struct matrix **packed)
{
    const long d = weights_hidden_size(problem->weights);
    const double *diagonal = problem->trajectory ? jacobian_diagonal(problem, 0, kind->chain) : NULL;
    TRY(weights_at(problem->weights, problem->steps, packed));
    if (diagonal == NULL || is_all_ones(diagonal, d))
        return STATUS_OK;
    TRY(matrix_create_scaled(*packed, diagonal, &kind->own));
    *packed = kind->own;
    return STATUS_OK;
}

/* ||columns||_F^2 */
static double sum_of_squares(const struct block *columns)
{
    double squares[PROBES], sum = 0.0;
    block_column_dots(columns, columns, squares);
    for (long j = 0; j < columns->columns; j++)
        sum += squares[j];
    return sum;
}

/* A lower bound of ||P||_2 from z = P g: the largest ||P^T z|| / ||z||. */
static enum status bound_norm(const struct matrix *power, const struct block *z, struct block *room, double *least)
{
    double of_z[PROBES], of_product[PROBES];
    TRY(matrix_apply_transposed(power, z, room));
    block_column_norms(z, of_z);
    block_column_norms(room, of_product);
    *least = 0.0;
    for (long j = 0; j < z->columns; j++)
        *least = fmax(*least, of_product[j] / of_z[j]);
    return STATUS_OK;
}

/* Blocks of probes: g itself, what steps and a power make of it, and room. */
struct probes {
    struct block g, by_steps, by_power, room;
    int64_t exponents[PROBES]; /* of by_steps */
};

static void probes_destroy(struct probes *probes)
{
    block_destroy(&probes->g);
    block_destroy(&probes->by_steps);
    block_destroy(&probes->by_power);
    block_destroy(&probes->room);
}
SCOPED_VALUE(probes, probes_destroy)

/* `probes` are their owner's to destroy, also where this fails. */
static enum status probes_create(const struct weights *weights, struct probes *probes)
{
    const struct random_stream stream = random_stream_open(weights_seed(weights), "probes of powers");
    const long d = weights_hidden_size(weights);
    TRY(block_create(d, PROBES, &probes->g));
    TRY(block_create(d, PROBES, &probes->by_steps));
    TRY(block_create(d, PROBES, &probes->by_power));
    TRY(block_create(d, PROBES, &probes->room));
    for (long j = 0; j < PROBES; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)d, block_column(&probes->g, j));
    block_copy(&probes->g, &probes->by_steps);
    return STATUS_OK;
}

/* by_steps := S by_steps, so many times. */
static enum status take_steps(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                              long steps, struct probes *probes)
{
    const struct matrix *matrix;
    const double d = (double)weights_hidden_size(problem->weights);
    TRY(weights_at(problem->weights, problem->steps, &matrix));
    for (long step = 0; step < steps; step++) {
        TRY(jacobian_check_stop(context));
        if (problem->trajectory)
            block_scale_rows_alike(&probes->by_steps, jacobian_diagonal(problem, 0, chain));
        TRY(matrix_apply(matrix, &probes->by_steps, &probes->room));
        block_copy(&probes->room, &probes->by_steps);
        block_balance_columns(&probes->by_steps, probes->exponents);
    }
    context->flops += 2.0 * d * d * (double)(steps * PROBES);
    return STATUS_OK;
}

/* *error := the bound on eps_a of one power, of which `by_steps` is what steps make of the probes. A NaN where there is
 * no number to be had. */
static enum status bound_error(const struct matrix *power, int64_t exponent, struct probes *probes, double *error)
{
    const double x = PROBES / M_E * pow(CHANCE / POWERS_MOST, 2.0 / PROBES);
    double least;
    TRY(matrix_apply(power, &probes->g, &probes->by_power));
    TRY(bound_norm(power, &probes->by_power, &probes->room, &least));
    for (long j = 0; j < PROBES; j++) {
        const double *by_steps = block_column(&probes->by_steps, j);
        const double scale = power_of_two(probes->exponents[j] - exponent);
        double *difference = block_column(&probes->by_power, j);
        for (long i = 0; i < probes->g.rows; i++)
            difference[i] -= by_steps[i] * scale;
    }
    *error = sqrt(sum_of_squares(&probes->by_power) / x) / least;
    return STATUS_OK;
}

static enum status find_powers(const struct jacobian_problem *problem, struct gradient_context *context, int squarings,
                               struct kind *kind)
{
    const double d = (double)weights_hidden_size(problem->weights);
    const struct matrix *packed;
    SCOPED(probes) probes = { 0 };
    TRY(set_step(problem, kind, &packed));
    TRY(powers_create(packed, squarings + 1, &kind->powers));
    context->flops += 2.0 * d * d * d * (double)squarings;
    TRY(team_agree(weights_team(problem->weights), probes_create(problem->weights, &probes)));
    for (int k = 0; k <= squarings; k++) {
        TRY(take_steps(problem, context, kind->chain, k == 0 ? 1 : 1L << (k - 1), &probes));
        TRY(bound_error(powers_at(&kind->powers, k), kind->powers.exponents[k], &probes, &kind->errors[k]));
        context->flops += 4.0 * d * d * PROBES;
    }
    return STATUS_OK;
}

/* The kind of a chain, with as many powers as it and those after it may ask for. */
static enum status place_chain(struct jacobian_powers *powers, struct gradient_context *context, long chain)
{
    const struct jacobian_problem *problem = powers->problem;
    int most = 0;
    for (int i = 0; i < powers->count; i++)
        if (problem->trajectory == NULL || is_equal_step(problem, 0, chain, 0, powers->kinds[i].chain)) {
            powers->kind_of[chain] = i;
            return STATUS_OK;
        }
    for (long other = chain; other < powers->chains; other++)
        if (powers->squarings[other] > most && (other == chain || is_equal_step(problem, 0, chain, 0, other)))
            most = powers->squarings[other];
    struct kind *kind = &powers->kinds[powers->count];
    *kind = (struct kind){ .chain = chain };
    powers->kind_of[chain] = powers->count++;
    return find_powers(problem, context, most, kind);
}

/* `powers` are their owner's to close, also where this fails. */
static enum status powers_allocate(struct jacobian_powers *powers, long columns)
{
    TRY(memory_allocate(&powers->kinds, powers->chains, "powers of steps"));
    TRY(memory_allocate(&powers->runs, powers->chains, "runs of equal steps"));
    TRY(memory_allocate(&powers->squarings, powers->chains, "runs of equal steps"));
    TRY(memory_allocate(&powers->kind_of, powers->chains, "runs of equal steps"));
    TRY(memory_allocate(&powers->selected, columns, "runs of equal steps"));
    return memory_allocate(&powers->exponents, columns, "runs of equal steps");
}

static enum status make(const struct jacobian_problem *problem, long columns, struct jacobian_powers **powers)
{
    TRY(memory_allocate(powers, 1, "powers of steps"));
    **powers = (struct jacobian_powers){ .problem = problem, .chains = problem->chains };
    return powers_allocate(*powers, columns);
}

enum status jacobian_powers_open(const struct jacobian_problem *problem, struct gradient_context *context, long columns,
                                 struct jacobian_powers **powers)
{
    SCOPED(jacobian_powers) *made = NULL;
    TRY(team_agree(weights_team(problem->weights), make(problem, columns, &made)));
    for (long chain = 0; problem->may_take_powers && chain < made->chains; chain++) {
        made->runs[chain] = count_equal_steps(problem, chain);
        made->squarings[chain] = most_squarings(problem, made->runs[chain]);
    }
    for (long chain = 0; chain < made->chains; chain++)
        if (made->squarings[chain] > 0)
            TRY(place_chain(made, context, chain));
        else
            made->runs[chain] = 0;
    *powers = scope_keep(&made);
    return STATUS_OK;
}

/* ---- products ---- */

/* What a run is off by as powers up to S^(2^squarings). */
static double error_of_run(const struct kind *kind, long run, int squarings)
{
    double error = (double)(run >> squarings) * kind->errors[squarings];
    for (int k = 0; k < squarings; k++)
        error += (double)(run >> k & 1) * kind->errors[k];
    return error;
}

struct jacobian_run jacobian_powers_run(const struct jacobian_powers *powers, long chain, long lag)
{
    const struct jacobian_problem *problem = powers->problem;
    const long run = lag < powers->runs[chain] ? lag : powers->runs[chain];
    int squarings = squarings_of(problem, run);
    const double allowed = SHARE_OF_TOLERANCE * problem->tolerance;
    if (squarings == 0)
        return (struct jacobian_run){ 0 };
    const int number = powers->kind_of[chain];
    while (squarings > 0 && !(error_of_run(&powers->kinds[number], run, squarings) <= allowed))
        squarings--;
    return (struct jacobian_run){ .steps = squarings > 0 ? run : 0, .kind = number, .squarings = squarings };
}

/* How many times column j is still to be multiplied by S^(2^k), where those of higher powers are done. */
static long times_of(const struct jacobian_run *run, int k)
{
    return k > run->squarings ? 0 : k == run->squarings ? run->steps >> k : run->steps >> k & 1;
}

/* The columns that one kind's S^(2^k) is still to be applied to more than `done` times: their number; *next is how
 * often all of them are at least. */
static long select_columns(const struct jacobian_powers *powers, int number, int k, const struct jacobian_run *runs,
                           long count, long done, long *next)
{
    long selected = 0;
    for (long j = 0; j < count; j++) {
        const long times = runs[j].steps > 0 && runs[j].kind == number ? times_of(&runs[j], k) : 0;
        if (times <= done)
            continue;
        *next = selected == 0 || times < *next ? times : *next;
        powers->selected[selected++] = j;
    }
    return selected;
}

static void move_columns(const long *selected, const struct block *whole, const struct block *part, bool is_back)
{
    const size_t bytes = (size_t)whole->stride * sizeof(double);
    for (long i = 0; i < part->columns; i++) {
        double *a = block_column(whole, selected[i]), *b = block_column(part, i);
        memcpy(is_back ? a : b, is_back ? b : a, bytes);
    }
}

/* Columns of one kind := S^(2^k) times them, each as often as its run asks for. */
static enum status apply_power(const struct jacobian_powers *powers, struct gradient_context *context, bool transposed,
                               int number, int k, const struct jacobian_run *runs, struct block *y, int64_t *exponents,
                               const struct block *room)
{
    const struct powers *of_kind = &powers->kinds[number].powers;
    const double d = (double)y->rows;
    for (long done = 0, next = 0;; done = next) {
        const long columns = select_columns(powers, number, k, runs, y->columns, done, &next);
        if (columns == 0)
            return STATUS_OK;
        struct block from = block_view(&room[0], 0, columns), to = block_view(&room[1], 0, columns);
        memset(powers->exponents, 0, (size_t)columns * sizeof *powers->exponents);
        move_columns(powers->selected, y, &from, false);
        for (long time = done; time < next; time++) {
            TRY((transposed ? matrix_apply_transposed : matrix_apply)(powers_at(of_kind, k), &from, &to));
            block_balance_columns(&to, powers->exponents);
            const struct block swap = from;
            from = to;
            to = swap;
        }
        move_columns(powers->selected, y, &from, true);
        for (long i = 0; i < columns; i++)
            exponents[powers->selected[i]] += powers->exponents[i] + (next - done) * of_kind->exponents[k];
        context->flops += 2.0 * d * d * (double)(columns * (next - done));
    }
}

enum status jacobian_powers_apply(const struct jacobian_powers *powers, struct gradient_context *context,
                                  bool transposed, const struct jacobian_run *runs, struct block *y, int64_t *exponents,
                                  const struct block *room)
{
    for (int number = 0; number < powers->count; number++)
        for (int k = powers->kinds[number].powers.count - 1; k >= 0; k--)
            TRY(apply_power(powers, context, transposed, number, k, runs, y, exponents, room));
    return STATUS_OK;
}
