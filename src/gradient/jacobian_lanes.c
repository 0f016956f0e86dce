/* Whole products J_l^T of small networks, in the lanes of vectors: eight chains at a time, or fewer of which each has
 * its columns spread over several lanes. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanes.h"

#include <math.h>
#include <string.h>

/* Times d^3, of one norm: half a product for the Gram matrix, and some vectors of Lanczos. */
static const double NORM_FLOPS = 1.0 + 4.0 / 3.0;

/* ---- norms ---- */

/* From how many steps on singular values lie so far apart that Lanczos pays. */
static long first_lag_for_lanczos(long d)
{
    return 4 + d / 4;
}

/* Which norm a matrix in a lane gives. */
struct entry {
    long chain, lag_position; /* chain -1: none */
    double log_scale;
};
static const struct entry nobody = { .chain = -1 };

/* Products on their way to their norms. */
struct norm_queue {
    const struct jacobian_problem *problem;
    double *log_norms, *log_frobenius;
    enum jacobian_outcome *outcomes;
    long hidden_size;
    double *matrices; /* products that were copied, so many of them, in lanes; NULL where none are: */
    int copied;
    struct entry entries[LANES];
    double *gram;  /* room for that of a vector of lanes, where the next product will stand */
    double *aside; /* Gram matrices that are not for Lanczos, so many of them, in lanes: */
    int put_aside;
    struct entry entries_aside[LANES];
    double *work;
};

static void queue_destroy(struct norm_queue *queue)
{
    memory_free(queue->matrices);
    memory_free(queue->aside);
    memory_free(queue->work);
}
SCOPED_VALUE(norm_queue, queue_destroy)

static enum status queue_allocate(struct norm_queue *queue, bool are_copied)
{
    const long d = queue->hidden_size, padded = lanes_padded(d), size = padded * padded * LANES;
    if (are_copied)
        TRY(memory_allocate(&queue->matrices, size, "products in lanes"));
    TRY(memory_allocate(&queue->aside, size, "Gram matrices in lanes"));
    return memory_allocate(&queue->work, lanes_work_size(d), "workspace for norms");
}

static void store_norm(struct norm_queue *queue, const struct entry *entry, double log_norm, double frobenius)
{
    const long place = entry->chain * queue->problem->lag_count + entry->lag_position;
    queue->log_norms[place] = log_norm + entry->log_scale;
    if (queue->log_frobenius)
        queue->log_frobenius[place] = log(frobenius) / 2 + entry->log_scale;
}

static void reduce(struct norm_queue *queue)
{
    struct lanes_top top;
    if (queue->put_aside == 0)
        return;
    lanes_reduced_top(queue->hidden_size, queue->aside, queue->work, &top);
    for (int lane = 0; lane < queue->put_aside; lane++) {
        const struct entry *entry = &queue->entries_aside[lane];
        double log_norm = log(top.square[lane]) / 2;
        if (!isfinite(top.frobenius[lane])) {
            queue->outcomes[entry->chain] = JACOBIAN_NOT_FINITE;
            log_norm = NAN;
        } else if (top.frobenius[lane] == 0)
            log_norm = -INFINITY;
        store_norm(queue, entry, log_norm, top.frobenius[lane]);
    }
    queue->put_aside = 0;
}

static void put_aside(struct norm_queue *queue, int lane, const struct entry *entry)
{
    lanes_copy_gram(queue->hidden_size, queue->gram, lane, queue->aside, queue->put_aside);
    queue->entries_aside[queue->put_aside++] = *entry;
    if (queue->put_aside == LANES)
        reduce(queue);
}

static bool is_for_lanczos(const struct norm_queue *queue, const struct entry *entry)
{
    return queue->problem->lags[entry->lag_position] >= first_lag_for_lanczos(queue->hidden_size);
}

static bool is_full(const struct entry entries[LANES])
{
    return entries[LANES - 1].chain != nobody.chain;
}

/* The norms of matrices in lanes, all for the same method. */
static void find_norms(struct norm_queue *queue, const double *matrices, const struct entry entries[LANES])
{
    const long d = queue->hidden_size;
    const bool by_lanczos = is_for_lanczos(queue, entries);
    struct lanes_top top;
    if (!by_lanczos && queue->put_aside == 0 && is_full(entries)) { /* as they are, without a copy */
        lanes_gram(d, matrices, queue->aside);
        memcpy(queue->entries_aside, entries, sizeof queue->entries_aside);
        queue->put_aside = LANES;
        reduce(queue);
        return;
    }
    lanes_gram(d, matrices, queue->gram);
    if (by_lanczos)
        lanes_top(d, queue->gram, queue->work, &top);
    for (int lane = 0; lane < LANES; lane++)
        if (entries[lane].chain == nobody.chain)
            continue;
        else if (by_lanczos && lanes_top_is_proven(&top, lane))
            store_norm(queue, &entries[lane], log(top.square[lane]) / 2, top.frobenius[lane]);
        else
            put_aside(queue, lane, &entries[lane]);
}

/* Of those that were copied, beside what earlier ones left in the other lanes. */
static void find_copied(struct norm_queue *queue)
{
    for (int lane = queue->copied; lane < LANES; lane++)
        queue->entries[lane] = nobody;
    if (queue->copied > 0)
        find_norms(queue, queue->matrices, queue->entries);
    queue->copied = 0;
}

static void flush(struct norm_queue *queue)
{
    find_copied(queue);
    reduce(queue);
}

/* ---- products ---- */

/* Of which the last alone is looked at for its size, as long as no chain is scaled. */
enum { STEPS_AT_ONCE = 8 };

/* Some chains of the problem, first .. first + chains - 1. */
struct lane_products {
    const struct jacobian_problem *problem;
    long hidden_size, first, chains;
    long parts;   /* lanes of a chain: lane q has part q % parts of the columns of chain q / parts */
    long columns; /* of a part */
    double *product, *next;
    double *packed;      /* W^T */
    double *diagonals;   /* [lanes_padded(hidden_size)][LANES] */
    double sizes[LANES]; /* the largest |element| of each chain, when they were last looked at */
    double growth;       /* what a step multiplies it by at the most */
    bool are_scaled;     /* so that each step is looked at */
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
    TRY(memory_allocate_unset(&products->product, padded * padded * LANES, "products in lanes"));
    TRY(memory_allocate_unset(&products->next, padded * padded * LANES, "products in lanes"));
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
    products->are_scaled = false;
    products->parts = part_count(d, chains);
    products->columns = padded / products->parts;
    memset(products->product, 0, (size_t)(padded * padded * LANES) * sizeof *products->product);
    for (long chain = 0; chain < chains; chain++) {
        products->exponents[chain] = 0;
        products->log_shifts[chain] = 0.0;
        products->sizes[chain] = 1.0;
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

/* sizes[chains] := the largest of each chain's lanes. */
static void find_sizes(const struct lane_products *products, const double *largest, double *sizes)
{
    for (long chain = 0; chain < products->chains; chain++) {
        const double *of_parts = largest + chain * products->parts;
        sizes[chain] = of_parts[0];
        for (long part = 1; part < products->parts; part++)
            sizes[chain] = of_parts[part] > sizes[chain] ? of_parts[part] : sizes[chain];
    }
}

/* As block_balance, each chain by its own power of two: of products whose sizes were found. */
static void balance(struct lane_products *products)
{
    for (long chain = 0; chain < products->chains; chain++) {
        const int exponent =
            block_is_balanced(products->sizes[chain]) ? 0 : block_balance_exponent(products->sizes[chain]);
        if (exponent == 0)
            continue;
        scale_chain(products, chain, -exponent);
        products->exponents[chain] += exponent;
        products->sizes[chain] = ldexp(products->sizes[chain], -exponent);
    }
}

static enum status pack_weights(struct lane_products *products, long step_index)
{
    const struct jacobian_problem *problem = products->problem;
    const double most_derivative = 4; /* those with a shift are divided by sup|phi'|, 1/4 at the least */
    const long d = products->hidden_size;
    const double *values;
    TRY(weights_values(problem->weights, problem->steps - step_index, &values));
    lanes_pack_transposed(d, values, products->packed);
    products->growth = 2 * most_derivative * (double)d * block_largest_magnitude(values, d * d);
    return STATUS_OK;
}

/* J_l^T := D W^T J_{l-1}^T; `largest` as of lanes_step. */
static enum status take_step(struct lane_products *products, struct gradient_context *context, long step_index,
                             double *largest)
{
    const struct jacobian_problem *problem = products->problem;
    const long d = products->hidden_size;
    TRY(jacobian_check_stop(context));
    if (step_index == 0 || weights_ensemble(problem->weights)->kind->is_fresh_at_every_step)
        TRY(pack_weights(products, step_index));
    if (problem->trajectory)
        set_diagonals(products, step_index);
    lanes_step(d, products->columns, products->packed, products->product,
               problem->trajectory ? products->diagonals : NULL, products->next, largest);
    double *swap = products->product;
    products->product = products->next;
    products->next = swap;
    context->flops += 2.0 * (double)d * (double)d * (double)d * (double)products->chains;
    return STATUS_OK;
}

/* Steps first .. end - 1, with a look after each. */
static enum status take_balanced_steps(struct lane_products *products, struct gradient_context *context, long first,
                                       long end)
{
    _Alignas(64) double largest[LANES];
    for (long step_index = first; step_index < end; step_index++) {
        TRY(take_step(products, context, step_index, largest));
        find_sizes(products, largest, products->sizes);
        balance(products);
    }
    return STATUS_OK;
}

/* Whether no chain would be scaled after any of `steps` steps between sizes `before` and `after`: it can grow by no
 * more than `growth` a step, and has fallen no lower than it can have come back from. */
static bool stay_balanced(const struct lane_products *products, long steps, const double *before, const double *after)
{
    double growth = 1;
    bool stay = true;
    for (long step = 0; step < steps && products->growth > 1; step++)
        growth *= products->growth;
    for (long chain = 0; chain < products->chains; chain++)
        stay = stay && (before[chain] == 0 || (block_is_balanced(before[chain] * growth) && after[chain] > 0 &&
                                               block_is_balanced(after[chain] / growth)));
    return stay && isfinite(products->growth);
}

/* The same with one look at the end, which as a rule shows that none before it would have changed anything: else all
 * steps are taken anew. */
static enum status take_steps(struct lane_products *products, struct gradient_context *context, long first, long end)
{
    _Alignas(64) double largest[LANES];
    double sizes[LANES];
    /* A step's own weights are not known before it. */
    if (products->are_scaled || weights_ensemble(products->problem->weights)->kind->is_fresh_at_every_step)
        return take_balanced_steps(products, context, first, end);
    for (long step_index = first; step_index < end; step_index++)
        TRY(take_step(products, context, step_index, step_index == end - 1 ? largest : NULL));
    find_sizes(products, largest, sizes);
    if (stay_balanced(products, end - first, products->sizes, sizes)) {
        memcpy(products->sizes, sizes, sizeof sizes);
        return STATUS_OK;
    }
    begin(products, products->first, products->chains);
    products->are_scaled = true;
    return take_balanced_steps(products, context, 0, end);
}

/* The norms of the products as they stand, now or later. */
static void measure_products(const struct lane_products *products, long lag_position, struct norm_queue *queue)
{
    const long room = LANES / products->parts; /* of chains, at most */
    struct entry entries[LANES];
    queue->gram = products->next;
    for (long chain = 0; chain < room; chain++)
        entries[chain] = chain < products->chains
                             ? (struct entry){ .chain = products->first + chain,
                                               .lag_position = lag_position,
                                               .log_scale = (double)products->exponents[chain] * LOG_2 +
                                                            products->log_shifts[chain] }
                             : nobody;
    if (products->parts == 1) {
        find_copied(queue);
        find_norms(queue, products->product, entries);
        return;
    }
    if (queue->copied > 0 && is_for_lanczos(queue, queue->entries) != is_for_lanczos(queue, entries))
        find_copied(queue);
    memcpy(queue->entries + queue->copied, entries, (size_t)room * sizeof *entries);
    lanes_collect(products->hidden_size, products->parts, products->product, queue->copied, queue->matrices);
    queue->copied += (int)room;
    if (queue->copied == LANES)
        find_copied(queue);
}

static enum status measure_group(struct lane_products *products, struct gradient_context *context,
                                 struct norm_queue *queue)
{
    const struct jacobian_problem *problem = products->problem;
    SCOPED(phase_visit) visit = phases_visit(context->phases, PHASE_PRODUCTS);
    for (long first = 0, end, lag = 0; lag < problem->lag_count; first = end) {
        end = problem->lags[lag] < first + STEPS_AT_ONCE ? problem->lags[lag] : first + STEPS_AT_ONCE;
        TRY(take_steps(products, context, first, end));
        if (problem->lags[lag] == end) {
            SCOPED(phase_visit) norms = phases_visit(context->phases, PHASE_NORMS);
            measure_products(products, lag++, queue);
        }
    }
    return STATUS_OK;
}

/* Lanczos takes some two vectors, and more over short lags: measured at d = 8, 16 and 32, lags to 64. */
struct cost jacobian_lanes_cost(long hidden_size, long lag_count, const long *lags)
{
    struct cost sum = cost_products_in_lanes(hidden_size, (double)lags[lag_count - 1]);
    for (long i = 0; i < lag_count; i++) {
        const bool is_reduced = lags[i] < first_lag_for_lanczos(hidden_size);
        const double vectors = is_reduced ? 0.0 : 2.0 + 2.0 * (double)hidden_size / (double)lags[i];
        sum = cost_add(sum, cost_norm_in_lanes(hidden_size, vectors));
    }
    return sum;
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
    const long rest = problem->chains % LANES;
    TRY(queue_allocate(&queue, rest > 0 && part_count(d, rest) > 1));
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
