/* Whole products J_l^T of small networks, in the lanes of vectors: eight chains at a time, or fewer of which each has
 * its columns spread over several lanes. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanes.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

enum { FULL_ENOUGH = 6 }; /* lanes of which the norms are found where they are, rather than with those of other lags */

/* Times d^3, of one norm: half a product for the Gram matrix, and its reduction. */
static const double NORM_FLOPS = 1.0 + 4.0 / 3.0;

/* ---- norms ---- */

/* Matrices whose norms are found together. */
struct norm_queue {
    const struct jacobian_problem *problem;
    double *log_norms, *log_frobenius;
    enum jacobian_outcome *outcomes;
    long hidden_size;
    double *matrices, *work;
    double *dense; /* one matrix without lanes */
    int count;
    struct entry {
        long chain, lag_position;
        double log_scale;
    } entries[LANES];
};

static void queue_destroy(struct norm_queue *queue)
{
    memory_free(queue->matrices);
    memory_free(queue->work);
    memory_free(queue->dense);
}
SCOPED_VALUE(norm_queue, queue_destroy)

static enum status queue_allocate(struct norm_queue *queue)
{
    const long d = queue->hidden_size, padded = lanes_padded(d);
    TRY(memory_allocate(&queue->matrices, padded * padded * LANES, "products in lanes"));
    TRY(memory_allocate(&queue->dense, d * d, "a Jacobian product for its SVD"));
    return memory_allocate(&queue->work, lanes_work_size(d), "workspace for norms");
}

/* Where Laguerre's iteration has no proof: eigenvalues that rounding keeps together. */
static enum status norm_by_svd(const struct norm_queue *queue, const double *matrices, int lane, double *log_norm)
{
    const long d = queue->hidden_size, padded = lanes_padded(d);
    double norm = NAN;
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            queue->dense[i + j * d] = matrices[lanes_place(d, padded, i, j) + lane];
    enum status status = spectrum_norm(d, queue->dense, &norm);
    *log_norm = log(norm);
    return status;
}

/* The norms of the first `count` lanes, which are those of queue->entries. */
static void find_norms(struct norm_queue *queue, const double *matrices, int count)
{
    struct lanes_top top;
    lanes_top(queue->hidden_size, matrices, queue->work, &top);
    for (int lane = 0; lane < count; lane++) {
        const struct entry *entry = &queue->entries[lane];
        const long place = entry->chain * queue->problem->lag_count + entry->lag_position;
        double log_norm = log(top.square[lane]) / 2;
        if (!isfinite(top.frobenius[lane])) {
            queue->outcomes[entry->chain] = JACOBIAN_NOT_FINITE;
            log_norm = NAN;
        } else if (top.frobenius[lane] == 0)
            log_norm = -INFINITY;
        else if (!lanes_top_is_proven(&top, lane) && norm_by_svd(queue, matrices, lane, &log_norm) != STATUS_OK)
            queue->outcomes[entry->chain] = JACOBIAN_NOT_CONVERGED;
        queue->log_norms[place] = log_norm + entry->log_scale;
        if (queue->log_frobenius)
            queue->log_frobenius[place] = log(top.frobenius[lane]) / 2 + entry->log_scale;
    }
}

static void flush(struct norm_queue *queue)
{
    if (queue->count > 0)
        find_norms(queue, queue->matrices, queue->count);
    queue->count = 0;
}

/* ---- products ---- */

/* Some chains of the problem, first .. first + chains - 1. */
struct lane_products {
    const struct jacobian_problem *problem;
    long hidden_size, first, chains;
    long parts;   /* lanes of a chain: lane q has part q % parts of the columns of chain q / parts */
    long columns; /* of a part */
    double *product, *next;
    double *packed;                                             /* W^T */
    double *diagonals;                                          /* [lanes_padded(hidden_size)][LANES] */
    const double *first_diagonals[LANES], *first_shifts[LANES]; /* of step 0: of each lane, and of each chain */
    int64_t exponents[LANES]; /* of each chain: product = 2^-exponent exp(-log_shift) J_l^T */
    double log_shifts[LANES];
};

static void products_destroy(struct lane_products *products)
{
    memory_free(products->product);
    memory_free(products->next);
    memory_free(products->packed);
    memory_free(products->diagonals);
}
SCOPED_VALUE(lane_products, products_destroy)

static enum status products_allocate(struct lane_products *products)
{
    const long padded = lanes_padded(products->hidden_size);
    TRY(memory_allocate(&products->product, padded * padded * LANES, "products in lanes"));
    TRY(memory_allocate(&products->next, padded * padded * LANES, "products in lanes"));
    TRY(memory_allocate(&products->packed, padded * padded, "packed weights"));
    return memory_allocate(&products->diagonals, padded * LANES, "diagonals in lanes");
}

/* As many lanes a chain as there are, where its columns can be cut into as many parts. */
static long part_count(long hidden_size, long chains)
{
    const long padded = lanes_padded(hidden_size);
    for (long parts = LANES / chains; parts > 1; parts--) {
        const long columns = padded / parts;
        if (padded % parts == 0 && (columns <= 2 || columns % LANES_STRIP == 0))
            return parts;
    }
    return 1;
}

/* Where element (row, column) of one chain's product is. */
static long element_place(const struct lane_products *products, long chain, long row, long column)
{
    return lanes_place(products->hidden_size, products->columns, row, column % products->columns) +
           chain * products->parts + column / products->columns;
}

static void find_first_diagonals(struct lane_products *products)
{
    const struct jacobian_problem *problem = products->problem;
    for (long lane = 0; lane < LANES; lane++) {
        const long chain = lane / products->parts < products->chains ? lane / products->parts : 0;
        products->first_diagonals[lane] = jacobian_diagonal(problem, 0, products->first + chain);
    }
    for (long chain = 0; chain < products->chains; chain++)
        products->first_shifts[chain] =
            problem->trajectory->log_shifts + jacobian_member(problem, products->first + chain);
}

/* Chains first .. first + chains - 1, at l = 0. */
static void begin(struct lane_products *products, long first, long chains)
{
    const long d = products->hidden_size, padded = lanes_padded(d);
    products->first = first;
    products->chains = chains;
    products->parts = part_count(d, chains);
    products->columns = padded / products->parts;
    memset(products->product, 0, (size_t)(padded * padded * LANES) * sizeof *products->product);
    for (long chain = 0; chain < chains; chain++) {
        products->exponents[chain] = 0;
        products->log_shifts[chain] = 0.0;
        for (long i = 0; i < d; i++)
            products->product[element_place(products, chain, i, i)] = 1.0;
    }
    if (products->problem->trajectory)
        find_first_diagonals(products);
}

/* The trajectory has all chains' diagonals of a step, and their shifts, beside each other. */
static void set_diagonals(struct lane_products *products, long step_index)
{
    const double *columns[LANES];
    const long number = step_index * products->problem->trajectory->chains;
    for (long lane = 0; lane < LANES; lane++)
        columns[lane] = products->first_diagonals[lane] + number * block_stride(products->hidden_size);
    lanes_set_rows(products->hidden_size, columns, products->diagonals);
    for (long chain = 0; chain < products->chains; chain++)
        products->log_shifts[chain] += products->first_shifts[chain][number];
}

static void scale_chain(struct lane_products *products, long chain, int exponent)
{
    const long d = products->hidden_size;
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++) {
            double *element = &products->product[element_place(products, chain, i, j)];
            *element = ldexp(*element, exponent);
        }
}

/* As block_balance, each chain by its own power of two. */
static void balance(struct lane_products *products, const double *largest)
{
    int others = 0;
    for (int lane = 0; lane < LANES; lane++)
        others |= !block_is_balanced(largest[lane]);
    for (long chain = 0; others && chain < products->chains; chain++) {
        double most = 0.0;
        for (long part = 0; part < products->parts; part++)
            most = fmax(most, largest[chain * products->parts + part]);
        const int exponent = block_balance_exponent(most);
        if (exponent == 0)
            continue;
        scale_chain(products, chain, -exponent);
        products->exponents[chain] += exponent;
    }
}

/* J_l^T := D W^T J_{l-1}^T. */
static enum status take_step(struct lane_products *products, struct gradient_context *context, long step_index)
{
    const struct jacobian_problem *problem = products->problem;
    const long d = products->hidden_size;
    _Alignas(64) double largest[LANES];
    const bool is_fresh = weights_ensemble(problem->weights)->kind->is_fresh_at_every_step;
    if (step_index == 0 || is_fresh) {
        const double *values;
        TRY(weights_values(problem->weights, problem->steps - step_index, &values));
        lanes_pack_transposed(d, values, products->packed);
    }
    if (problem->trajectory)
        set_diagonals(products, step_index);
    lanes_step(d, products->columns, products->packed, products->product,
               problem->trajectory ? products->diagonals : NULL, products->next, largest);
    double *swap = products->product;
    products->product = products->next;
    products->next = swap;
    balance(products, largest);
    context->flops += 2.0 * (double)d * (double)d * (double)d * (double)products->chains;
    return STATUS_OK;
}

/* A copy of one chain's product for the queue. */
static void enqueue(const struct lane_products *products, long chain, struct norm_queue *queue)
{
    const long d = products->hidden_size, padded = lanes_padded(d);
    for (long j = 0; j < d; j++) {
        const double *from = products->product + element_place(products, chain, 0, j);
        double *to = queue->matrices + lanes_place(d, padded, 0, j) + queue->count;
        const long stride = (products->columns < LANES_STRIP ? products->columns : LANES_STRIP) * LANES;
        for (long i = 0; i < d; i++)
            to[i * LANES_STRIP * LANES] = from[i * stride];
    }
    queue->count++;
}

/* The norms of the products as they stand, now or later. */
static void measure_products(const struct lane_products *products, long lag_position, struct norm_queue *queue)
{
    const bool in_place = products->parts == 1 && products->chains >= FULL_ENOUGH;
    if (in_place)
        flush(queue);
    for (long chain = 0; chain < products->chains; chain++) {
        queue->entries[in_place ? chain : queue->count] =
            (struct entry){ .chain = products->first + chain,
                            .lag_position = lag_position,
                            .log_scale = (double)products->exponents[chain] * LOG_2 + products->log_shifts[chain] };
        if (in_place)
            continue;
        enqueue(products, chain, queue);
        if (queue->count == LANES)
            flush(queue);
    }
    if (in_place)
        find_norms(queue, products->product, (int)products->chains);
}

static enum status measure_group(struct lane_products *products, struct gradient_context *context,
                                 struct norm_queue *queue)
{
    const struct jacobian_problem *problem = products->problem;
    SCOPED(phase_visit) visit = phases_visit(context->phases, PHASE_PRODUCTS);
    for (long step_index = 0, lag = 0; lag < problem->lag_count; step_index++) {
        TRY(jacobian_check_stop(context));
        TRY(take_step(products, context, step_index));
        if (problem->lags[lag] == step_index + 1) {
            SCOPED(phase_visit) norms = phases_visit(context->phases, PHASE_NORMS);
            measure_products(products, lag++, queue);
        }
    }
    return STATUS_OK;
}

enum status jacobian_norms_in_lanes(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes)
{
    const long d = weights_hidden_size(problem->weights);
    SCOPED(norm_queue)
    queue = { .problem = problem,
              .log_norms = log_norms,
              .log_frobenius = log_frobenius,
              .outcomes = outcomes,
              .hidden_size = d };
    SCOPED(lane_products) products = { .problem = problem, .hidden_size = d };
    TRY(queue_allocate(&queue));
    TRY(products_allocate(&products));
    for (long chain = 0; chain < problem->chains; chain++)
        outcomes[chain] = JACOBIAN_FOUND;
    for (long first = 0; first < problem->chains; first += LANES) {
        begin(&products, first, problem->chains - first < LANES ? problem->chains - first : LANES);
        TRY(measure_group(&products, context, &queue));
    }
    flush(&queue);
    context->flops += NORM_FLOPS * (double)(d * d * d) * (double)(problem->lag_count * problem->chains);
    return STATUS_OK;
}
