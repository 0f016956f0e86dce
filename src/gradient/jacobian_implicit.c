/* Lanczos through the factors of J_l. */
#include "base/memory.h"
#include "gradient/chain_cost.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_gaps.h"
#include "gradient/jacobian_internal.h"
#include "gradient/jacobian_powers.h"
#include "gradient/jacobian_support.h"
#include "linalg/lanczos.h"

#include <math.h>
#include <string.h>

/* One operator of a block: J_lag of one chain. */
struct product {
    long chain;
    long lag_position;
    struct jacobian_run run; /* of its last steps */
};

struct implicit_operator {
    const struct jacobian_problem *problem;
    struct gradient_context *context;
    const struct matrix *matrix;
    long active;              /* chains that Lanczos still serves */
    long *members;            /* [active]: their numbers in the problem */
    struct product *products; /* [columns], longest first */
    struct jacobian_powers *powers;
    struct jacobian_support support;
    struct block room[2];     /* [d, columns] */
    long *selected;           /* [columns]: of a block that are multiplied together; */
    int64_t *exponents;       /* [columns]: theirs */
    const double **diagonals; /* [columns]: theirs */
    int64_t *sums;            /* [columns]: exponents of a whole block */
    struct jacobian_run *runs;
    double *norms;                /* [columns]: what Lanczos finds */
    struct block vectors, images; /* [d, columns]: with them, and what products make of them */
    long *numbers;                /* [columns] */
    double *log_scales;           /* [columns] */
    enum lanczos_outcome *found;
};

static long lag_of(const struct implicit_operator *map, long number)
{
    return map->problem->lags[map->products[number].lag_position];
}

/* Columns that take the same steps together: those whose product has S_{T-first}, ..., S_{T-last+1} among its factors
 * that are not in its run. */
struct stretch {
    long first, last;
    long columns;  /* map->selected holds their numbers in the block */
    bool is_inner; /* of these steps all but the units of map->support are nothing */
};

static bool takes_step(const struct implicit_operator *map, long number, long step_index)
{
    return map->products[number].run.steps <= step_index && step_index < lag_of(map, number);
}

/* The columns that take step `step_index`, and up to where forward or backward from there they, and no others, do. */
static struct stretch stretch_at(const struct implicit_operator *map, const long *numbers, long count, long step_index)
{
    const long outermost = map->support.count > 0 ? 1 : 0;
    struct stretch stretch = { .first = 0,
                               .last = map->problem->lags[map->problem->lag_count - 1],
                               .is_inner = outermost > 0 && step_index >= outermost };
    for (long j = 0; j < count; j++) {
        const long ends[] = { outermost, map->products[numbers[j]].run.steps, lag_of(map, numbers[j]) };
        for (int i = 0; i < 3; i++)
            if (ends[i] <= step_index)
                stretch.first = ends[i] > stretch.first ? ends[i] : stretch.first;
            else
                stretch.last = ends[i] < stretch.last ? ends[i] : stretch.last;
        if (takes_step(map, numbers[j], step_index))
            map->selected[stretch.columns++] = j;
    }
    return stretch;
}

/* Room for the columns of a stretch. */
static struct block room_for(const struct implicit_operator *map, const struct stretch *stretch, int number)
{
    struct block part = block_view(&map->room[number], 0, stretch->columns);
    if (stretch->is_inner) {
        part.rows = map->support.count;
        part.stride = map->support.stride;
    }
    return part;
}

/* part := those columns of a block, or back. */
static void gather(const struct implicit_operator *map, const struct stretch *stretch, const struct block *whole,
                   struct block *part)
{
    for (long i = 0; i < part->columns; i++) {
        const double *column = block_column(whole, map->selected[i]);
        if (stretch->is_inner)
            jacobian_support_gather(&map->support, column, block_column(part, i));
        else
            memcpy(block_column(part, i), column, (size_t)part->stride * sizeof(double));
    }
}

static void scatter(const struct implicit_operator *map, const struct stretch *stretch, const struct block *part,
                    struct block *whole)
{
    for (long i = 0; i < part->columns; i++) {
        double *column = block_column(whole, map->selected[i]);
        if (stretch->is_inner)
            jacobian_support_scatter(&map->support, block_column(part, i), column);
        else
            memcpy(column, block_column(part, i), (size_t)part->stride * sizeof(double));
    }
}

/* to := D from for each column of a stretch, balanced; `to` may be `from`. */
static void scale_by_derivatives(const struct implicit_operator *map, const struct stretch *stretch,
                                 const long *numbers, long step_index, const struct block *from, struct block *to)
{
    if (map->problem->trajectory) {
        for (long j = 0; j < from->columns; j++) {
            const long chain = map->products[numbers[map->selected[j]]].chain;
            map->diagonals[j] = stretch->is_inner ? jacobian_support_diagonal(&map->support, step_index, chain)
                                                  : jacobian_diagonal(map->problem, step_index, chain);
        }
        block_scale_rows_balanced(from, map->diagonals, to, map->exponents);
        return;
    }
    if (to->values != from->values)
        block_copy(from, to);
    block_balance_columns(to, map->exponents);
}

/* The steps of a stretch, backward or forward in time, for its columns of y. */
static enum status take_stretch(const struct implicit_operator *map, const long *numbers, const struct stretch *stretch,
                                bool backward, struct block *y)
{
    const struct matrix *matrix = stretch->is_inner ? map->support.matrix : map->matrix;
    struct block from = room_for(map, stretch, 0), to = room_for(map, stretch, 1);
    const double d = (double)from.rows;
    const long steps = stretch->last - stretch->first;
    memset(map->exponents, 0, (size_t)stretch->columns * sizeof *map->exponents);
    gather(map, stretch, y, &from);
    for (long i = 0; i < steps; i++) {
        const long step_index = backward ? stretch->first + i : stretch->last - 1 - i;
        if (backward) {
            TRY(matrix_apply_transposed(matrix, &from, &to));
            scale_by_derivatives(map, stretch, numbers, step_index, &to, &to);
            const struct block swap = from;
            from = to;
            to = swap;
        } else {
            scale_by_derivatives(map, stretch, numbers, step_index, &from, &to);
            TRY(matrix_apply(matrix, &to, &from));
        }
    }
    scatter(map, stretch, &from, y);
    for (long i = 0; i < stretch->columns; i++)
        map->sums[map->selected[i]] += map->exponents[i];
    map->context->flops += 2.0 * d * d * (double)(steps * stretch->columns);
    return STATUS_OK;
}

/* The runs of all columns of y. */
static enum status take_runs(const struct implicit_operator *map, const long *numbers, bool backward, struct block *y)
{
    for (long j = 0; j < y->columns; j++)
        map->runs[j] = map->products[numbers[j]].run;
    return jacobian_powers_apply(map->powers, map->context, backward, map->runs, y, map->sums, map->room);
}

static void begin_apply(const struct implicit_operator *map, const struct block *x, struct block *y)
{
    memset(map->sums, 0, (size_t)x->columns * sizeof *map->sums);
    block_copy(x, y);
}

static void finish_apply(const struct implicit_operator *map, long count, double *log_scales)
{
    for (long j = 0; j < count; j++)
        log_scales[j] = (double)map->sums[j] * LOG_2;
}

/* y := J_l^T x: for each step back from T, apply W^T, then scale the rows. */
static enum status apply_backward(void *context, const long *numbers, const struct block *x, struct block *y,
                                  double *log_scales)
{
    const struct implicit_operator *map = context;
    const long largest = lag_of(map, numbers[0]);
    begin_apply(map, x, y);
    TRY(take_runs(map, numbers, true, y));
    for (long step_index = 0; step_index < largest;) {
        const struct stretch stretch = stretch_at(map, numbers, x->columns, step_index);
        if (stretch.columns > 0)
            TRY(take_stretch(map, numbers, &stretch, true, y));
        step_index = stretch.last;
    }
    finish_apply(map, x->columns, log_scales);
    return STATUS_OK;
}

/* y := J_l x: the same steps forward in time, scaling first; the shorter products join in when their steps come. */
static enum status apply_forward(void *context, const long *numbers, const struct block *x, struct block *y,
                                 double *log_scales)
{
    const struct implicit_operator *map = context;
    begin_apply(map, x, y);
    for (long last = lag_of(map, numbers[0]); last > 0;) {
        const struct stretch stretch = stretch_at(map, numbers, x->columns, last - 1);
        if (stretch.columns > 0)
            TRY(take_stretch(map, numbers, &stretch, false, y));
        last = stretch.first;
    }
    TRY(take_runs(map, numbers, false, y));
    block_balance_columns(y, map->sums);
    finish_apply(map, x->columns, log_scales);
    return STATUS_OK;
}

static void operator_destroy(struct implicit_operator *map)
{
    memory_free(map->members);
    memory_free(map->products);
    jacobian_powers_close(map->powers);
    jacobian_support_close(&map->support);
    block_destroy(&map->room[0]);
    block_destroy(&map->room[1]);
    memory_free(map->selected);
    memory_free(map->exponents);
    memory_free(map->diagonals);
    memory_free(map->sums);
    memory_free(map->runs);
    memory_free(map->norms);
    block_destroy(&map->vectors);
    block_destroy(&map->images);
    memory_free(map->numbers);
    memory_free(map->log_scales);
    memory_free(map->found);
}
SCOPED_VALUE(implicit_operator, operator_destroy)

static enum status operator_allocate(struct implicit_operator *map)
{
    const long chains = map->problem->chains, d = weights_hidden_size(map->problem->weights),
               columns = chains * chain_cost_lags_side_by_side(chains, map->problem->lag_count);
    TRY(memory_allocate(&map->members, chains, "chains of a block"));
    TRY(memory_allocate(&map->products, columns, "products of a block"));
    TRY(block_create(d, columns, &map->room[0]));
    TRY(block_create(d, columns, &map->room[1]));
    TRY(memory_allocate(&map->selected, columns, "columns of a step"));
    TRY(memory_allocate(&map->exponents, columns, "exponents of vectors"));
    TRY(memory_allocate(&map->diagonals, columns, "diagonals of a step"));
    TRY(memory_allocate(&map->sums, columns, "exponents of vectors"));
    TRY(memory_allocate(&map->runs, columns, "runs of products"));
    TRY(memory_allocate(&map->norms, columns, "norms of products"));
    TRY(block_create(d, columns, &map->vectors));
    TRY(block_create(d, columns, &map->images));
    TRY(memory_allocate(&map->numbers, columns, "norms of products"));
    TRY(memory_allocate(&map->log_scales, columns, "norms of products"));
    return memory_allocate(&map->found, columns, "outcomes of products");
}

/* `map` is its owner's to destroy, also where this fails. */
static enum status operator_create(const struct jacobian_problem *problem, struct gradient_context *context,
                                   struct implicit_operator *map)
{
    *map = (struct implicit_operator){ .problem = problem, .context = context, .active = problem->chains };
    TRY(weights_at(problem->weights, problem->steps, &map->matrix));
    TRY(team_agree(weights_team(problem->weights), operator_allocate(map)));
    TRY(jacobian_powers_open(problem, context, map->room[0].columns, &map->powers));
    TRY(jacobian_support_open(problem, &map->support));
    for (long chain = 0; chain < problem->chains; chain++)
        map->members[chain] = chain;
    return STATUS_OK;
}

/* Of one product: whoever has not converged after twice as many as a product at hand is given has used as much time as
 * its steps and an SVD take, d / 2 iterations. More than MOST_ITERATIONS would take too much memory. */
enum { ITERATIONS_OF_FACTORS = 2, MOST_ITERATIONS = 512 };

/* Whether an earlier chain has the same product over a lag. */
static bool has_twin(const struct jacobian_problem *problem, long chain, long position)
{
    return problem->twins && problem->lags[position] <= problem->twins[chain].steps;
}

/* Lays out the products at `count` lags of the chains that are still served, each once; returns how many. */
static long set_products(struct implicit_operator *map, long first_lag, long count)
{
    long columns = 0;
    for (long position = first_lag + count - 1; position >= first_lag; position--)
        for (long j = 0; j < map->active; j++)
            if (!has_twin(map->problem, map->members[j], position))
                map->products[columns++] = (struct product){ .chain = map->members[j],
                                                             .lag_position = position,
                                                             .run = jacobian_powers_run(map->powers, map->members[j],
                                                                                        map->problem->lags[position]) };
    return columns;
}

/* What was found of earlier chains for those that have the same products. A chain that Lanczos has left has none of
 * them later: what made it leave is theirs as well. What is not finite in them is so in a chain's longer products too.
 */
static void copy_from_twins(const struct implicit_operator *map, long first_lag, long count, double *log_norms,
                            const struct jacobian_gaps *gaps)
{
    const struct jacobian_problem *problem = map->problem;
    for (long j = 0; j < map->active; j++)
        for (long position = first_lag; position < first_lag + count; position++) {
            const long chain = map->members[j];
            if (!has_twin(problem, chain, position))
                continue;
            const long twin = problem->twins[chain].chain;
            log_norms[chain * problem->lag_count + position] = log_norms[twin * problem->lag_count + position];
            jacobian_gaps_of(gaps, chain)[position] = jacobian_gaps_of(gaps, twin)[position];
        }
}

/* Of what a norm by powers may differ from the same by steps, in parts of the tolerance. */
static const double CONFIRMED = 0.1;

/* ||J_l^T v|| by steps, v the singular vector that Lanczos has found through powers, is the norm that it has found but
 * for what the difference of the two products is worth, to first order. Where that is too much, as where products
 * amplify what powers lack, the product is to be had by steps: such products come first now, *kept of `count`. */
static enum status keep_unconfirmed(struct implicit_operator *map, long count, long *kept)
{
    const double allowed = CONFIRMED * map->problem->tolerance;
    long runs = 0;
    for (long j = 0; j < count; j++) {
        if (map->products[j].run.steps == 0 || map->found[j] == LANCZOS_UNRESOLVED)
            continue;
        map->products[runs] = map->products[j];
        map->products[runs].run = (struct jacobian_run){ 0 };
        map->norms[runs] = map->norms[j];
        map->numbers[runs] = runs;
        const struct block from = block_view(&map->vectors, j, 1);
        struct block to = block_view(&map->vectors, runs++, 1);
        if (from.values != to.values)
            block_copy(&from, &to);
    }
    *kept = 0;
    if (runs == 0)
        return STATUS_OK;
    const struct block x = block_view(&map->vectors, 0, runs);
    struct block y = block_view(&map->images, 0, runs);
    TRY(apply_backward(map, map->numbers, &x, &y, map->log_scales));
    for (long j = 0; j < runs; j++) {
        const struct block column = block_view(&y, j, 1);
        double length;
        block_column_norms(&column, &length);
        if (!(fabs(log(length) + map->log_scales[j] - map->norms[j]) <= allowed))
            map->products[(*kept)++] = map->products[j];
    }
    return STATUS_OK;
}

/* What Lanczos has found of the first `count` products. What is not finite by powers may be so by steps. */
static void store_norms(const struct implicit_operator *map, long count, double *log_norms,
                        enum jacobian_outcome *outcomes, const struct jacobian_gaps *gaps)
{
    const struct jacobian_problem *problem = map->problem;
    for (long j = 0; j < count; j++) {
        const long chain = map->products[j].chain, position = map->products[j].lag_position;
        log_norms[chain * problem->lag_count + position] =
            map->norms[j] + jacobian_log_shifts(problem, chain, problem->lags[position]);
        if (map->found[j] == LANCZOS_NOT_FINITE && map->products[j].run.steps == 0)
            outcomes[chain] = JACOBIAN_NOT_FINITE;
        jacobian_gaps_of(gaps, chain)[position] = map->found[j] == LANCZOS_UNRESOLVED;
    }
}

/* The norms at `count` lags of the chains that are still served. Chains that Lanczos gives up on at a long one of them
 * leave. Chains that are not finite stay: they cost little and keep their outcome. */
static enum status measure_lags(struct implicit_operator *map, long first_lag, long count, double *log_norms,
                                enum jacobian_outcome *outcomes, const struct jacobian_gaps *gaps)
{
    const struct jacobian_problem *problem = map->problem;
    struct lanczos_operator lanczos = { weights_hidden_size(problem->weights), map, apply_backward, apply_forward };
    struct lanczos_options options = jacobian_lanczos_options(problem, map->context);
    options.max_iterations *= ITERATIONS_OF_FACTORS;
    options.max_iterations = options.max_iterations < MOST_ITERATIONS ? options.max_iterations : MOST_ITERATIONS;
    for (long columns = set_products(map, first_lag, count); columns > 0;) {
        struct block vectors = block_view(&map->vectors, 0, columns);
        memset(vectors.values, 0, (size_t)(vectors.stride * columns) * sizeof *vectors.values);
        TRY(lanczos_norms(&lanczos, columns, &options, &vectors, map->norms, map->found));
        store_norms(map, columns, log_norms, outcomes, gaps);
        TRY(keep_unconfirmed(map, columns, &columns));
    }
    copy_from_twins(map, first_lag, count, log_norms, gaps);
    long kept = 0;
    for (long j = 0; j < map->active; j++)
        if (jacobian_gaps_leaving(problem, jacobian_gaps_of(gaps, map->members[j])) == problem->lag_count)
            map->members[kept++] = map->members[j];
    map->active = kept;
    return STATUS_OK;
}

/* How many lags from one on stand side by side. Identity's that are one power each share no factor: one after the other
 * they leave the cache to it. */
static long lags_together(const struct implicit_operator *map, long first)
{
    const struct jacobian_problem *problem = map->problem;
    const long together = chain_cost_lags_side_by_side(problem->chains, problem->lag_count),
               left = problem->lag_count - first, lag = problem->lags[first];
    const struct jacobian_run run = jacobian_powers_run(map->powers, 0, lag);
    if (problem->trajectory == NULL && run.steps == lag && lag == 1L << run.squarings)
        return 1;
    return left < together ? left : together;
}

enum status jacobian_norms_implicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, enum jacobian_outcome *outcomes, bool *fell_back)
{
    SCOPED(implicit_operator) map = { 0 };
    SCOPED_MEMORY bool *unresolved = NULL;
    if (weights_ensemble(problem->weights)->kind->is_fresh_at_every_step)
        return status_fail(STATUS_INTERNAL, "untied weights were given to the implicit method");
    TRY(operator_create(problem, context, &map));
    TRY(memory_allocate(&unresolved, problem->chains * problem->lag_count, "lags of chains"));
    const struct jacobian_gaps gaps = { problem->lag_count, unresolved };
    for (long chain = 0; chain < problem->chains; chain++)
        outcomes[chain] = JACOBIAN_FOUND;
    for (long first = 0, count; first < problem->lag_count && map.active > 0; first += count) {
        count = lags_together(&map, first);
        TRY(jacobian_check_stop(context));
        TRY(measure_lags(&map, first, count, log_norms, outcomes, &gaps));
    }
    for (long chain = 0; chain < problem->chains; chain++) {
        fell_back[chain] = memchr(jacobian_gaps_of(&gaps, chain), true, (size_t)problem->lag_count) != NULL;
        if (fell_back[chain])
            TRY(jacobian_gaps_fill(problem, context, chain, jacobian_gaps_of(&gaps, chain), log_norms,
                                   &outcomes[chain]));
    }
    return STATUS_OK;
}
