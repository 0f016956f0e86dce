/* Whole products J_l^T over long lags, of which only the directions that count are carried on (linalg/truncation.h):
 * their number falls like 1 / l. What has been dropped adds at most (||B|| / ||A||)^2 / 2 to ln ||J_l||, with the bound
 * on ||B|| that probes carried along give; half of the tolerance is for that, the other half for Lanczos. A chain of
 * which it is more at any lag is measured anew with all its directions.
 *
 * Rounding weighs more with few directions. Where a later step M nearly annihilates the leading direction z of a
 * product, errors of u |z| that it does not annihilate are amplified by ||M|| |z| / |M z|. A whole product z a^T has an
 * error of its own in each column, u |z_i a_j| at random, of which E a / |a|^2 moves z: they average to a part of
 * 1 / sqrt(d) of it; a single column has none to average with. So errors in the size of those of the steps,
 * magnified, are carried along in the probes too, and where the amplified ones come to a tenth of the tolerance, the
 * bound that the probes give is too large for the chain. (A term that does not depend on the probes of what was dropped
 * makes it no likelier that those are too short: Anderson's inequality.) */
#include "base/memory.h"
#include "base/random.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"
#include "linalg/lapack.h"
#include "linalg/spectrum.h"
#include "linalg/truncation.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_CHAINS = 8,      /* side by side: later they are narrow */
    COLUMNS = 256,        /* of all of them in the beginning: few enough to stay in the cache */
    ROUNDING_INTERVAL = 8 /* steps of which the errors are added at once: beside the leading direction they fade over
                           * some d steps */
};
static const double UNIT_ROUNDOFF = 0x1p-53;
static const double ROUNDING_SHARE = 0.1; /* of the tolerance, at most */
static const double WORTH_DROPPING = 0.9; /* of the directions must be enough, or all stay */

/* Of the largest truncation that would be within the tolerance. What is dropped turns towards the leading direction
 * and is then amplified as that is: ||B|| / ||A|| grows by up to e^3.5 before it stands still (512 chains of ten
 * ensembles, 48 to 256 units, lags to 1024: at most half of what is allowed). */
static const double THRESHOLD_MARGIN = 0.01;

struct truncated_chain {
    long first, rank, probes; /* columns: of the product, and behind them those of the probes, none or all */
    int64_t exponent, probe_exponent;
    double log_shift;
    long next_look; /* a lag */
    bool is_certified;
};

/* Chains first .. first + chains - 1 of a problem. */
struct truncated_products {
    const struct jacobian_problem *problem;
    long hidden_size, first, chains, columns;
    struct truncated_chain *chain;
    struct block part, next; /* of all chains, one behind the other */
    struct block rest;       /* of a chain that is being looked at */
    double *room, *gaussians;
    struct block rounding; /* [d, TRUNCATION_ROUNDING_COLUMNS], standard normal */
};

static void products_destroy(struct truncated_products *products)
{
    memory_free(products->chain);
    block_destroy(&products->part);
    block_destroy(&products->next);
    block_destroy(&products->rest);
    memory_free(products->room);
    memory_free(products->gaussians);
    block_destroy(&products->rounding);
}
SCOPED_VALUE(truncated_products, products_destroy)

/* Standard normal numbers, keyed by the network's size and seed. */
static void draw(const struct truncated_products *products, const char *what, long number, long count, double *values)
{
    char description[64];
    snprintf(description, sizeof description, "truncation %s rows=%ld", what, products->hidden_size);
    const struct random_stream stream = random_stream_open(weights_seed(products->problem->weights), description);
    random_normal(&stream, (uint64_t)number, 0, (uint64_t)count, values);
}

/* All with J_0 = I; `products` are their owner's to destroy, also where this fails. */
static enum status products_create(struct truncated_products *products)
{
    const long d = products->hidden_size, chains = products->chains, columns = chains * (d + TRUNCATION_PROBES);
    TRY(memory_allocate(&products->chain, chains, "chains side by side"));
    TRY(block_create(d, columns, &products->part));
    TRY(block_create(d, columns, &products->next));
    TRY(block_create(d, d, &products->rest));
    TRY(memory_allocate(&products->room, products->part.stride + d, "lengths of rows"));
    TRY(memory_allocate(&products->gaussians, d * TRUNCATION_PROBES, "probes of a truncation"));
    TRY(block_create(d, TRUNCATION_ROUNDING_COLUMNS, &products->rounding));
    for (long j = 0; j < products->rounding.columns; j++)
        draw(products, "rounding", j, d, block_column(&products->rounding, j));
    products->columns = chains * d;
    for (long c = 0; c < chains; c++) {
        products->chain[c] = (struct truncated_chain){
            .first = c * d, .rank = d, .next_look = TRUNCATION_FIRST_LOOK, .is_certified = true
        };
        for (long i = 0; i < d; i++)
            block_column(&products->part, c * d + i)[i] = 1.0;
    }
    return STATUS_OK;
}

static struct block product_of(const struct block *part, const struct truncated_chain *chain)
{
    return block_view(part, chain->first, chain->rank);
}

static struct block probes_of(const struct block *part, const struct truncated_chain *chain)
{
    return block_view(part, chain->first + chain->rank, chain->probes);
}

/* Balanced apart from each other: probes vanish beside the product. */
static void scale(struct block block, const double *diagonal, int64_t *exponent)
{
    if (diagonal)
        block_balance_for(&block, block_scale_rows_alike(&block, diagonal), exponent);
    else
        block_balance(&block, exponent);
}

static void swap_parts(struct truncated_products *products)
{
    const struct block swap = products->part;
    products->part = products->next;
    products->next = swap;
}

/* J_l^T := D W^T J_{l-1}^T, and likewise what the probes have become. */
static enum status take_step(struct truncated_products *products, struct gradient_context *context, long step_index)
{
    const struct jacobian_problem *problem = products->problem;
    const struct matrix *matrix;
    const double d = (double)products->hidden_size;
    const struct block from = block_view(&products->part, 0, products->columns);
    struct block to = block_view(&products->next, 0, products->columns);
    TRY(weights_at(problem->weights, problem->steps - step_index, &matrix));
    TRY(matrix_apply_transposed(matrix, &from, &to));
    for (long c = 0; c < products->chains; c++) {
        struct truncated_chain *chain = &products->chain[c];
        const double *diagonal =
            problem->trajectory ? jacobian_diagonal(problem, step_index, products->first + c) : NULL;
        scale(product_of(&to, chain), diagonal, &chain->exponent);
        scale(probes_of(&to, chain), diagonal, &chain->probe_exponent);
        chain->log_shift += jacobian_log_shift(problem, step_index, products->first + c);
    }
    swap_parts(products);
    context->flops += 2.0 * d * d * (double)products->columns;
    return STATUS_OK;
}

/* ---- truncation ---- */

/* The lag to look at next, after one at which so many directions too many were left, `left` in relation to the first:
 * their share falls exponentially with the lag. */
static long lag_of_success(long lag, double left, double least)
{
    const double factor = fmax(log(least) / log(left), TRUNCATION_LOOK_RATIO);
    return left < 1.0 && (double)lag * factor < 1e9 ? (long)((double)lag * factor) + 2 : LONG_MAX;
}

/* Adds what is dropped to the chain's probes, which stand in `probes` with the exponent of the product. */
static void add_to_probes(const struct truncated_products *products, const struct block *rest, long lag,
                          struct block *probes)
{
    draw(products, "probes", lag, rest->columns * TRUNCATION_PROBES, products->gaussians);
    truncation_add_probes(rest, products->gaussians, probes);
}

/* Adds to a chain's probes the errors of so many steps that end at this lag, magnified so that ROUNDING_SHARE of the
 * tolerance is as much as the bound allows. A sum of d products of which the result is y errs by some u sqrt(d) |y|; a
 * look errs as a step does, for each row in proportion to its length. */
static void add_rounding(const struct truncated_products *products, const struct block *part,
                         const struct truncated_chain *chain, long lag, double steps)
{
    const double tolerance = products->problem->tolerance;
    const double magnified = sqrt(tolerance) / TRUNCATION_PROBE_FACTOR / (ROUNDING_SHARE * tolerance);
    const double error = UNIT_ROUNDOFF * sqrt((double)products->hidden_size * steps);
    const struct block product = product_of(part, chain);
    const struct block pattern =
        block_view(&products->rounding, lag / ROUNDING_INTERVAL % TRUNCATION_ROUNDING_PATTERNS * TRUNCATION_PROBES,
                   TRUNCATION_PROBES);
    struct block probes = probes_of(part, chain);
    if (chain->probes > 0)
        truncation_add_rounding(&product, ldexp(magnified * error, (int)(chain->exponent - chain->probe_exponent)),
                                &pattern, products->room, &probes);
}

static bool is_worth_a_look(const struct truncated_products *products, long lag, const struct truncated_chain *chain)
{
    const struct jacobian_problem *problem = products->problem;
    const long left = problem->lags[problem->lag_count - 1] - lag;
    return chain->next_look == lag && left * products->hidden_size >= TRUNCATION_LOOK_AS_STEPS * chain->rank;
}

/* Moves a chain to products->next, from column `first` on, with the directions that count alone where it is time. */
static void look(struct truncated_products *products, long lag, double least, long first, struct truncated_chain *chain)
{
    const struct block product = product_of(&products->part, chain), probes = probes_of(&products->part, chain);
    struct block rest = block_view(&products->rest, 0, chain->rank);
    struct truncated_chain moved = *chain;
    moved.first = first;
    struct block kept = product_of(&products->next, &moved);
    if (is_worth_a_look(products, lag, chain)) {
        double left;
        block_copy(&product, &rest);
        moved.rank =
            truncation_split(&rest, least, (long)(WORTH_DROPPING * (double)chain->rank), &kept, products->room, &left);
        moved.next_look = moved.rank < chain->rank ? (long)(TRUNCATION_LOOK_RATIO * (double)lag) + 2
                                                   : lag_of_success(lag, left, least);
    }
    const bool is_less = moved.rank < chain->rank;
    if (!is_less)
        block_copy(&product, &kept);
    moved.probes = is_less ? TRUNCATION_PROBES : chain->probes;
    struct block moved_probes = probes_of(&products->next, &moved);
    if (chain->probes > 0)
        block_copy(&probes, &moved_probes);
    else if (is_less)
        memset(moved_probes.values, 0, (size_t)(moved_probes.stride * TRUNCATION_PROBES) * sizeof(double));
    if (is_less) {
        block_scale_by_power_of_two(&moved_probes, (int)(chain->probe_exponent - chain->exponent));
        moved.probe_exponent = chain->exponent;
        add_to_probes(products, &rest, lag, &moved_probes);
        add_rounding(products, &products->next, &moved, lag, 1.0);
    }
    *chain = moved;
}

static void truncate_products(struct truncated_products *products, long lag)
{
    const double least = THRESHOLD_MARGIN * sqrt(products->problem->tolerance) / TRUNCATION_PROBE_FACTOR;
    bool is_time = false;
    for (long c = 0; c < products->chains; c++)
        is_time |= is_worth_a_look(products, lag, &products->chain[c]);
    if (!is_time)
        return;
    products->columns = 0;
    for (long c = 0; c < products->chains; c++) {
        look(products, lag, least, products->columns, &products->chain[c]);
        products->columns += products->chain[c].rank + products->chain[c].probes;
    }
    swap_parts(products);
}

/* ---- norms ---- */

struct truncated_operator {
    const struct truncated_products *products;
    struct gradient_context *context;
};

/* As if the product had columns of zeros in the place of those that have been dropped. */
static enum status multiply_columns(const struct truncated_operator *norm_map, bool transposed, const long *chains,
                                    const struct block *x, struct block *y, double *log_scales)
{
    const double one = 1.0, zero = 0.0;
    const int increment = 1;
    for (long j = 0; j < x->columns; j++) {
        const struct block product = product_of(&norm_map->products->part, &norm_map->products->chain[chains[j]]);
        const int rows = (int)product.rows, columns = (int)product.columns, stride = (int)product.stride;
        double *result = block_column(y, j);
        dgemv_(transposed ? "T" : "N", &rows, &columns, &one, product.values, &stride, block_column(x, j), &increment,
               &zero, result, &increment);
        if (transposed)
            memset(result + columns, 0, (size_t)(rows - columns) * sizeof *result);
        log_scales[j] = 0.0;
        norm_map->context->flops += 2.0 * (double)rows * (double)columns;
    }
    return STATUS_OK;
}

static enum status apply_product(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    return multiply_columns(context, false, chains, x, y, log_scales);
}

static enum status apply_product_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                            double *log_scales)
{
    return multiply_columns(context, true, chains, x, y, log_scales);
}

/* A full SVD, for a chain whose largest singular values lie too close for Lanczos. */
static enum status norm_by_svd(const struct truncated_products *products, long c, double *log_norm)
{
    const struct block product = product_of(&products->part, &products->chain[c]);
    const long d = products->hidden_size;
    SCOPED_MEMORY double *dense = NULL;
    double norm = NAN;
    TRY(memory_allocate(&dense, d * d, "a Jacobian product for its SVD"));
    for (long column = 0; column < product.columns; column++)
        memcpy(dense + column * d, block_column(&product, column), (size_t)d * sizeof *dense);
    const enum status status = spectrum_norm(d, dense, &norm);
    *log_norm = log(norm);
    return status;
}

/* Whether what was dropped is within half of the tolerance. */
static bool certify_truncation(const struct truncated_products *products, const struct truncated_chain *chain,
                               double log_norm)
{
    const struct block probes = probes_of(&products->part, chain);
    double lengths[TRUNCATION_PROBES], longest = 0.0;
    block_column_norms(&probes, lengths);
    for (long p = 0; p < chain->probes; p++)
        longest = lengths[p] <= longest ? longest : lengths[p]; /* a NaN stays */
    const double log_bound =
        log(TRUNCATION_PROBE_FACTOR * longest) + (double)(chain->probe_exponent - chain->exponent) * LOG_2;
    const bool is_zero = log_bound == -INFINITY; /* and so is what was dropped, but for a chance of 0 */
    return chain->probes == 0 || is_zero || log_bound - log_norm <= 0.5 * log(products->problem->tolerance);
}

/* The norms of the products as they stand; results are written at lag position `lag`. */
static enum status measure_products(struct truncated_products *products, struct gradient_context *context, long lag,
                                    double *log_norms, enum jacobian_outcome *outcomes)
{
    const struct jacobian_problem *problem = products->problem;
    struct truncated_operator state = { products, context };
    const struct lanczos_operator norm_map = { products->hidden_size, &state, apply_product, apply_product_transposed };
    struct lanczos_options options = jacobian_lanczos_options(problem, context);
    double norms[MOST_CHAINS];
    enum lanczos_outcome found[MOST_CHAINS];
    options.tolerance /= 2.0;
    TRY(lanczos_norms(&norm_map, products->chains, &options, NULL, norms, found));
    for (long c = 0; c < products->chains; c++) {
        struct truncated_chain *chain = &products->chain[c];
        const long number = products->first + c;
        if (found[c] == LANCZOS_UNRESOLVED && norm_by_svd(products, c, &norms[c]) != STATUS_OK)
            outcomes[number] = JACOBIAN_NOT_CONVERGED;
        if (found[c] == LANCZOS_NOT_FINITE || isnan(norms[c]))
            outcomes[number] = JACOBIAN_NOT_FINITE;
        else
            chain->is_certified &= certify_truncation(products, chain, norms[c]);
        log_norms[number * problem->lag_count + lag] = norms[c] + (double)chain->exponent * LOG_2 + chain->log_shift;
    }
    return STATUS_OK;
}

/* ---- all lags ---- */

/* A chain with all its directions, as if there were no truncation. */
static enum status measure_whole(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                 double *log_norms, enum jacobian_outcome *outcomes)
{
    struct jacobian_problem one = jacobian_problem_of_one(problem, chain);
    one.may_truncate = false;
    return jacobian_norms_explicit(&one, context, log_norms + chain * problem->lag_count, NULL, &outcomes[chain]);
}

static enum status measure_group(const struct jacobian_problem *problem, struct gradient_context *context, long first,
                                 long chains, double *log_norms, enum jacobian_outcome *outcomes, bool *is_certified)
{
    SCOPED(truncated_products)
    products = {
        .problem = problem, .hidden_size = weights_hidden_size(problem->weights), .first = first, .chains = chains
    };
    SCOPED(phase_visit) visit = phases_visit(context->phases, PHASE_PRODUCTS);
    TRY(products_create(&products));
    for (long c = 0; c < chains; c++)
        outcomes[first + c] = JACOBIAN_FOUND;
    for (long step_index = 0, lag = 0; lag < problem->lag_count; step_index++) {
        TRY(jacobian_check_stop(context));
        TRY(take_step(&products, context, step_index));
        for (long c = 0; c < chains && (step_index + 1) % ROUNDING_INTERVAL == 0; c++)
            add_rounding(&products, &products.part, &products.chain[c], step_index + 1, ROUNDING_INTERVAL);
        if (problem->lags[lag] == step_index + 1) {
            SCOPED(phase_visit) norms = phases_visit(context->phases, PHASE_NORMS);
            TRY(measure_products(&products, context, lag++, log_norms, outcomes));
        }
        truncate_products(&products, step_index + 1);
    }
    for (long c = 0; c < chains; c++)
        is_certified[c] = products.chain[c].is_certified;
    return STATUS_OK;
}

long jacobian_truncated_group(long hidden_size)
{
    const long fitting = COLUMNS / hidden_size;
    return fitting < 1 ? 1 : fitting < MOST_CHAINS ? fitting : MOST_CHAINS;
}

enum status jacobian_norms_truncated(const struct jacobian_problem *problem, struct gradient_context *context,
                                     double *log_norms, enum jacobian_outcome *outcomes)
{
    const long group = jacobian_truncated_group(weights_hidden_size(problem->weights));
    for (long first = 0; first < problem->chains; first += group) {
        const long chains = problem->chains - first < group ? problem->chains - first : group;
        bool is_certified[MOST_CHAINS];
        TRY(measure_group(problem, context, first, chains, log_norms, outcomes, is_certified));
        for (long c = 0; c < chains; c++)
            if (!is_certified[c])
                TRY(measure_whole(problem, context, first + c, log_norms, outcomes));
    }
    return STATUS_OK;
}
