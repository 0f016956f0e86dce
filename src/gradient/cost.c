#include "gradient/cost.h"

#include "gradient/backward.h"
#include "linalg/process_grid.h"

#include <math.h>
#include <stddef.h>

/* Measured on one core of the reference machine (2.6 GHz, AVX-512), GF/s: the fixed-order kernel on blocks of some 128
 * columns (whole products) and of some 16 (vectors of chains side by side), dgemv on a matrix of its own or the kernel
 * on a single column, and LAPACK: eigenvalues, singular values, QR, rotations. */
static const struct rate {
    double hidden_size, wide, narrow, vector, lapack;
} rates[] = {
    { 1, 0.1, 0.1, 0.05, 0.05 }, { 16, 25, 16, 1.5, 1.0 },  { 64, 45, 30, 5, 2.5 },     { 256, 52, 42, 6, 6.5 },
    { 1024, 52, 45, 4, 9.0 },    { 4096, 52, 40, 2, 11.0 }, { 16384, 50, 40, 2, 11.0 },
};
enum { RATE_ROWS = sizeof rates / sizeof *rates };

static const double LARGEST_KEPT = 33554432.0;  /* glibc: 32 MiB */
static const double WINDOW_BYTES = 512e6;       /* of chains side by side */
static const double PRODUCT_COLUMNS = 128.0;    /* of whole products side by side */
static const double GATHERED_COLUMNS = 128.0;   /* of a block that a team gathers at a time */
static const double LANCZOS_ITERATIONS = 16.0;  /* per lag; measured 5 to 40 */
static const double LANCZOS_OVERHEAD = 1e-6;    /* seconds an iteration beside the products */
static const double ACTIVATION_SECONDS = 25e-9; /* value and derivative of one element */
static const double NORMAL_SECONDS = 25e-9;     /* one random number */
static const double SQUARING_COLUMNS = 128.0;   /* gathered at a time */
static const double NORM_ITERATIONS = 12.5;     /* of Lanczos for ||W||_2 right to rounding, times cbrt(d) */
static const double ELEMENT_SECONDS = 3e-9;     /* scaling, balancing and copying one element of a product */

/* Of teams: PDGEMM beside dgemm on as many cores, ScaLAPACK's QR beside LAPACK's; bytes that a rank receives a second
 * while all others do, and the time that a collective call takes for each other rank. */
static const double PDGEMM_EFFICIENCY = 0.85;
static const double SCALAPACK_EFFICIENCY = 0.5;
static const double TEAM_BANDWIDTH = 1e9;
static const double MESSAGE_SECONDS = 2e-6;

/* Straight lines in ln d between the rows, constant outside. */
static double rate_at(long hidden_size, size_t column_offset)
{
    double x = log((double)hidden_size);
    const char *row = (const char *)&rates[0];
    double left = *(const double *)(row + column_offset), left_x = log(rates[0].hidden_size);
    for (size_t i = 1; i < RATE_ROWS; i++) {
        double right = *(const double *)((const char *)&rates[i] + column_offset), right_x = log(rates[i].hidden_size);
        if (x <= right_x) {
            double weight = x <= left_x ? 0.0 : (x - left_x) / (right_x - left_x);
            return 1e9 * (left + weight * (right - left));
        }
        left = right;
        left_x = right_x;
    }
    return 1e9 * left;
}
#define RATE_AT(hidden_size, column) rate_at(hidden_size, offsetof(struct rate, column))

struct cost cost_add(struct cost a, struct cost b)
{
    return (struct cost){ .flops = a.flops + b.flops,
                          .seconds = a.seconds + b.seconds,
                          .lapack = a.lapack + b.lapack,
                          .squares = a.squares + b.squares,
                          .replicated = a.replicated + b.replicated,
                          .gathered_bytes = a.gathered_bytes + b.gathered_bytes,
                          .panel_bytes = a.panel_bytes + b.panel_bytes,
                          .messages = a.messages + b.messages };
}

struct cost cost_times(struct cost cost, double times)
{
    return (struct cost){ .flops = times * cost.flops,
                          .seconds = times * cost.seconds,
                          .lapack = times * cost.lapack,
                          .squares = times * cost.squares,
                          .replicated = times * cost.replicated,
                          .gathered_bytes = times * cost.gathered_bytes,
                          .panel_bytes = times * cost.panel_bytes,
                          .messages = times * cost.messages };
}

struct cost cost_on(struct cost cost, const struct cost_speed *speed)
{
    cost.seconds = (cost.seconds - cost.lapack) * speed->kernel + cost.lapack * speed->lapack;
    cost.lapack *= speed->lapack;
    cost.squares *= speed->kernel;
    cost.replicated *= speed->kernel;
    return cost;
}

/* Of both factors of a product, what a rank receives: it multiplies the left one's rows of its row of the grid with the
 * right one's columns of its column, and lacks what other ranks hold of them. */
static double received_share(int team_size)
{
    double rows = process_grid_rows(team_size), columns = team_size / rows;
    return ((1.0 - 1.0 / columns) / rows + (1.0 - 1.0 / rows) / columns) / 2.0;
}

double cost_seconds(const struct cost *cost, int team_size)
{
    double size = team_size;
    if (team_size <= 1)
        return cost->seconds;
    double shared = cost->seconds - cost->lapack - cost->squares - cost->replicated;
    double bytes = cost->gathered_bytes * (1.0 - 1.0 / size) + cost->panel_bytes * received_share(team_size);
    return cost->replicated +
           (shared + cost->squares / PDGEMM_EFFICIENCY + cost->lapack / SCALAPACK_EFFICIENCY) / size +
           bytes / TEAM_BANDWIDTH + cost->messages * (size - 1.0) * MESSAGE_SECONDS;
}

/* LAPACK work on one core. */
static struct cost lapack_cost(long hidden_size, double flops)
{
    double seconds = flops / RATE_AT(hidden_size, lapack);
    return (struct cost){ .flops = flops, .seconds = seconds, .lapack = seconds };
}

/* Applying W or W^T to `columns` vectors, `side_by_side` of them at a time, with what is done to each element of the
 * result. Fewer columns than a tile leave most of the kernel idle: it waits for W to come from memory. */
static struct cost narrow_cost(long hidden_size, double columns, double side_by_side)
{
    double d = (double)hidden_size;
    double rate = fmin(RATE_AT(hidden_size, narrow), side_by_side * RATE_AT(hidden_size, vector));
    struct cost cost = { .flops = 2.0 * d * d * columns };
    cost.replicated = d * columns * ELEMENT_SECONDS;
    cost.seconds = cost.flops / rate;
    cost.replicated = fmin(cost.replicated, cost.seconds);
    cost.gathered_bytes = 8.0 * d * columns;
    cost.messages = columns / side_by_side;
    return cost;
}

static double side_by_side(const struct cost_question *question)
{
    return question->side_by_side ? (double)question->side_by_side : COST_SIDE_BY_SIDE;
}

/* Whole products, and their largest singular values. The rates of this and of implicit_cost choose the method. */
static struct cost explicit_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->lags[question->lag_count - 1];
    double iterations = (double)question->lag_count * fmin(LANCZOS_ITERATIONS, d);
    struct cost products = { .flops = 2.0 * d * d * d * steps };
    struct cost norms = { .flops = iterations * 4.0 * d * d };
    products.seconds = products.squares = products.flops / RATE_AT(question->hidden_size, wide);
    products.panel_bytes = steps * 16.0 * d * d;
    products.messages = steps;
    norms.seconds = norms.flops / RATE_AT(question->hidden_size, vector) + iterations * LANCZOS_OVERHEAD;
    norms.gathered_bytes = iterations * 2.0 * 8.0 * d;
    norms.messages = iterations * 2.0;
    struct cost sum = cost_add(products, norms);
    if (question->ensemble->kind->is_fresh_at_every_step) {
        struct cost draws = cost_of_weights(question->ensemble, question->hidden_size);
        draws.seconds += 40.0 * 4.0 * d * d / RATE_AT(question->hidden_size, vector);
        sum.seconds += steps * draws.seconds;
    }
    return sum;
}

long cost_lags_side_by_side(long chains, long lag_count)
{
    long fitting = COST_SIDE_BY_SIDE / chains;
    return fitting < 1 ? 1 : fitting < lag_count ? fitting : lag_count;
}

/* Lanczos through the factors; for identity there is but one chain. Of the lags that stand side by side the longest
 * alone goes through all of its steps. */
static struct cost implicit_cost(const struct cost_question *question, double iterations, double chains)
{
    double sum_of_lags = 0.0, passes = 0.0, d = (double)question->hidden_size;
    long together = cost_lags_side_by_side((long)chains, question->lag_count);
    for (long i = 0; i < question->lag_count; i++) {
        sum_of_lags += (double)question->lags[i];
        if ((i + 1) % together == 0 || i + 1 == question->lag_count)
            passes += (double)question->lags[i];
    }
    iterations = fmin(iterations, d);
    struct cost cost =
        narrow_cost(question->hidden_size, iterations * 2.0 * sum_of_lags, chains * sum_of_lags / passes);
    cost.seconds += iterations * (double)question->lag_count * LANCZOS_OVERHEAD;
    return cost;
}

static struct cost trajectory_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->model->steps;
    struct cost cost = narrow_cost(question->hidden_size, steps, side_by_side(question));
    cost.seconds += steps * d * ACTIVATION_SECONDS;
    cost.replicated += steps * d * ACTIVATION_SECONDS;
    if (question->ensemble->kind->is_fresh_at_every_step)
        cost.seconds += steps * cost_of_weights(question->ensemble, question->hidden_size).seconds;
    return cost;
}

enum jacobian_method cost_method(const struct cost_question *question)
{
    bool wants_products = question->measures & 1u << MEASURE_FROBENIUS_NORM;
    bool is_known = ensemble_is_normal(question->ensemble) || question->ensemble->kind->spectrum == SPECTRUM_NILPOTENT;
    if (question->activation->is_identity && is_known && !wants_products)
        return METHOD_CLOSED_FORM;
    if (wants_products || question->ensemble->kind->is_fresh_at_every_step)
        return METHOD_EXPLICIT;
    double by_vectors = implicit_cost(question, LANCZOS_ITERATIONS, COST_SIDE_BY_SIDE).seconds;
    return explicit_cost(question).seconds <= by_vectors ? METHOD_EXPLICIT : METHOD_IMPLICIT;
}

/* What proofs typically take: one product and one Cholesky decomposition. */
static struct cost certify_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    if (!question->options.certify)
        return (struct cost){ 0 };
    return lapack_cost(question->hidden_size, (2.0 + 4.0 / 3.0) * d * d * d);
}

struct cost cost_of_chain(const struct cost_question *question)
{
    /* The norms of identity need no states. */
    struct cost trajectory = question->activation->is_identity ? (struct cost){ 0 } : trajectory_cost(question);
    struct cost common = cost_add(trajectory, certify_cost(question));
    switch (cost_method(question)) {
    case METHOD_EXPLICIT:
        return cost_add(common, explicit_cost(question));
    case METHOD_IMPLICIT:
        return cost_add(common, implicit_cost(question, LANCZOS_ITERATIONS,
                                              question->activation->is_identity ? 1.0 : side_by_side(question)));
    case METHOD_CLOSED_FORM:
        break;
    }
    return (struct cost){ .flops = 0.0, .seconds = 1e-6 };
}

struct cost cost_of_measures(const struct cost_question *question)
{
    struct cost cost = { 0 };
    for (int id = 0; id < MEASURE_COUNT; id++) {
        const struct measure *measure = measure_at((enum measure_id)id);
        if (!(question->measures & 1u << id) || !measure->flops)
            continue;
        double flops = measure->flops(question), d = (double)question->hidden_size;
        struct cost own = measure->is_in_lapack
                              ? lapack_cost(question->hidden_size, flops)
                              : narrow_cost(question->hidden_size, flops / (2.0 * d * d), side_by_side(question));
        if (id == MEASURE_STEP_BOUND) /* Lanczos, an iteration of which applies W and W^T */
            own.seconds += flops / (4.0 * d * d) * LANCZOS_OVERHEAD;
        cost = cost_add(cost, own);
    }
    if (question->activation->is_identity && measure_has_functions(question->measures))
        cost = cost_add(cost, trajectory_cost(question));
    return cost;
}

struct cost cost_of_weights(const struct ensemble *ensemble, long hidden_size)
{
    double d = (double)hidden_size;
    struct cost cost = { .flops = 0.0, .seconds = d * d * NORMAL_SECONDS };
    if (ensemble->kind->spectrum == SPECTRUM_ALL_ONE || ensemble->kind->spectrum == SPECTRUM_RADIUS_DRAWN) {
        cost = cost_add(cost, lapack_cost(hidden_size, 8.0 / 3.0 * d * d * d)); /* QR and its orthogonal factor */
    }
    return cost;
}

/* The largest singular values lie d^(-2/3) apart, and Lanczos takes some d^(1/3) ln(1/u) / 3 iterations to rounding. */
static double norm_iterations(double d)
{
    return fmin(NORM_ITERATIONS * cbrt(d), d);
}

/* ||W||_2 by Lanczos through products with one vector; every rank orthogonalises the iterates for itself. */
static struct cost norm_by_products(long hidden_size)
{
    double d = (double)hidden_size, iterations = norm_iterations(d), products = 2.0 * iterations;
    struct cost cost = narrow_cost(hidden_size, products, 1.0);
    double orthogonalising = 4.0 * d * iterations * iterations / RATE_AT(hidden_size, vector);
    cost.seconds += orthogonalising;
    cost.replicated += orthogonalising;
    return cost;
}

/* rho(W) by squaring: W by rows, columns gathered, the fixed-order kernel. A power of a random matrix has some hundred
 * directions left after log2(d) - 1 squarings (measured from d = 512 to 4096), which a product with some columns
 * tells each time. */
static struct cost radius_by_squaring(long hidden_size)
{
    double d = (double)hidden_size, squarings = fmax(log2(d) - 1.0, 8.0);
    double columns = squarings * (d + fmin(SQUARING_COLUMNS, d / 4.0));
    struct cost cost = { .flops = 2.0 * d * d * columns, .gathered_bytes = 8.0 * d * columns };
    cost.seconds = cost.flops / RATE_AT(hidden_size, wide);
    cost.messages = squarings * (ceil(d / SQUARING_COLUMNS) + 1.0);
    return cost;
}

struct cost cost_of_spectrum(const struct ensemble *ensemble, long hidden_size, long distribute_from)
{
    double d = (double)hidden_size, cube = d * d * d;
    struct cost cost;
    switch (ensemble->kind->spectrum) {
    case SPECTRUM_ALL_ONE:
    case SPECTRUM_NILPOTENT:
    case SPECTRUM_NONE:
        return (struct cost){ 0 };
    case SPECTRUM_SYMMETRIC:
        cost = lapack_cost(hidden_size, 4.0 / 3.0 * cube); /* values of a symmetric matrix */
        break;
    case SPECTRUM_ANTISYMMETRIC:
    case SPECTRUM_RADIUS_DRAWN:
        cost = lapack_cost(hidden_size, 8.0 / 3.0 * cube); /* singular values */
        break;
    case SPECTRUM_COMPUTED:
        cost = lapack_cost(hidden_size, (10.0 + 8.0 / 3.0) * cube); /* eigenvalues and singular values */
        break;
    }
    if (hidden_size >= distribute_from)
        cost = norm_by_products(hidden_size);
    if (hidden_size >= distribute_from && ensemble->kind->spectrum == SPECTRUM_COMPUTED)
        cost = cost_add(cost, radius_by_squaring(hidden_size));
    return cost_add(cost, cost_of_weights(ensemble, hidden_size));
}

struct cost cost_of_eigenvalues(long hidden_size)
{
    double d = (double)hidden_size;
    return lapack_cost(hidden_size, 25.0 * d * d * d);
}

/* Doubles that a chain's trajectory keeps. */
static double window_elements(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    if (measure_needs(question->measures) & MEASURE_NEEDS_STATES)
        return 3.0 * d * (double)question->model->steps; /* derivatives, states and what they activate */
    if (question->activation->is_identity && !measure_has_functions(question->measures))
        return 0.0;
    return d * (double)question->lags[question->lag_count - 1];
}

/* Doubles of the whole products that stand beside each other, J_l^T and the next one. */
static double product_elements(const struct cost_question *question, double chains)
{
    double d = (double)question->hidden_size;
    if (cost_method(question) != METHOD_EXPLICIT)
        return 0.0;
    return fmin(chains, fmax(1.0, floor(PRODUCT_COLUMNS / d))) * 2.0 * d * d / fmax(question->team_size, 1.0);
}

/* Doubles that Lanczos keeps of one column. */
static double lanczos_elements(const struct cost_question *question)
{
    return cost_method(question) == METHOD_IMPLICIT ? (double)question->hidden_size * 2.0 * LANCZOS_ITERATIONS : 0.0;
}

double cost_chain_bytes(const struct cost_question *question)
{
    return 8.0 * (window_elements(question) + lanczos_elements(question) + product_elements(question, 1.0));
}

long cost_side_by_side(const struct cost_question *question)
{
    double fitting = WINDOW_BYTES / (cost_chain_bytes(question) + 1.0);
    return fitting < 1.0 ? 1 : fitting > COST_SIDE_BY_SIDE ? COST_SIDE_BY_SIDE : (long)fitting;
}

/* What sums of contributions take: as many columns at once as there are, or as fit. */
static double backward_columns_bytes(const struct cost_question *question)
{
    double losses = question->measures & 1u << MEASURE_CONTRIBUTION_MAP
                        ? fmax(2.0, (double)question->options.contribution_map_steps)
                        : 2.0; /* the last loss, and their sum */
    double columns = losses * side_by_side(question), width = (double)backward_width(question->hidden_size);
    return backward_bytes(question->hidden_size) * fmin(1.0, columns / width);
}

/* Bytes that the measures and proofs need for themselves, however many chains stand side by side. */
static double measure_bytes(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    double bytes = question->options.certify ? 8.0 * 4.0 * d * d : 0.0; /* two products, W, and a Gram matrix */
    if (question->measures & (1u << MEASURE_GRADIENT | 1u << MEASURE_CONTRIBUTION_MAP))
        bytes = fmax(bytes, backward_columns_bytes(question) / fmax(question->team_size, 1.0));
    if (question->measures & 1u << MEASURE_EXPANSION)
        bytes = fmax(bytes, 8.0 * 10.0 * d * d); /* complex eigenvectors, their factors and what LAPACK works on */
    if (question->measures & 1u << MEASURE_SINGULAR_VALUES)
        bytes = fmax(bytes, 8.0 * 6.0 * d * fmax(d, 128.0)); /* two blocks, and four squares a chain of a group */
    return bytes;
}

double cost_chains_bytes(const struct cost_question *question, double chains)
{
    double d = (double)question->hidden_size;
    double vectors = cost_chain_bytes(question) - 8.0 * product_elements(question, 1.0);
    double cyclic = cost_method(question) == METHOD_EXPLICIT && question->team_size > 1
                        ? 8.0 * d * d / question->team_size /* W^T once more, block-cyclic */
                        : 0.0;
    bool identity_alone = question->activation->is_identity && !measure_has_functions(question->measures);
    double different = identity_alone ? 1.0 : chains;
    double further_lags = (double)cost_lags_side_by_side((long)different, question->lag_count) - 1.0;
    return different * (vectors + further_lags * 8.0 * lanczos_elements(question)) +
           8.0 * product_elements(question, chains) + cyclic + measure_bytes(question);
}

/* Blocks of columns that a team's ranks send each other. */
static double gather_bytes(double hidden_size, int team_size)
{
    return team_size > 1 ? 8.0 * hidden_size * GATHERED_COLUMNS * 2.0 : 0.0;
}

/* The C library keeps a freed matrix, where it is below the largest size that it maps apart. */
static double kept_bytes(double bytes)
{
    return bytes < LARGEST_KEPT ? bytes : 0.0;
}

/* Whether W comes from a QR decomposition, so that no part of it can be drawn alone. */
static bool is_from_qr(const struct ensemble *ensemble)
{
    return ensemble->kind->spectrum == SPECTRUM_ALL_ONE || ensemble->kind->spectrum == SPECTRUM_RADIUS_DRAWN;
}

/* The vectors that Lanczos finds ||W|| with; the room for them grows by doubling, and stays with the process. */
static double norm_basis_bytes(double d)
{
    return 8.0 * d * norm_iterations(d) * 2.0;
}

double cost_weights_bytes(const struct ensemble *ensemble, long hidden_size, int team_size)
{
    double d = (double)hidden_size, part = 8.0 * d * d / team_size;
    if (team_size > 1) /* W and W^T packed, and while they are drawn what a QR decomposition works on and gives */
        return (is_from_qr(ensemble) ? 5.0 : 2.0) * part + norm_basis_bytes(d) + gather_bytes(d, team_size);
    /* The same and W as drawn, with what the real Schur form takes meanwhile. */
    return (ensemble->kind->spectrum == SPECTRUM_RADIUS_DRAWN ? 6.0 : 3.0) * part + kept_bytes(part);
}

double cost_spectrum_bytes(const struct ensemble *ensemble, long hidden_size, int team_size, long distribute_from)
{
    double d = (double)hidden_size, part = 8.0 * d * d / team_size;
    if (hidden_size < distribute_from)
        return 3.0 * part; /* W, and what LAPACK works on */
    double matrices = is_from_qr(ensemble) ? 4.0 : 2.0, block = 8.0 * d * GATHERED_COLUMNS;
    double squaring = 4.0 * part + block; /* W, a power, its square, the power packed; the power's range */
    double finding = ensemble->kind->spectrum == SPECTRUM_COMPUTED ? squaring : matrices * part;
    return fmax(finding, 2.0 * part + norm_basis_bytes(d)) + block + gather_bytes(d, team_size) + kept_bytes(part);
}
