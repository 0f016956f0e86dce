#include "gradient/exponents.h"

#include "base/memory.h"
#include "gradient/exact_chain.h"
#include "gradient/exponents_internal.h"
#include "gradient/exponents_interval.h"
#include "gradient/jacobian_internal.h"
#include "linalg/determinant.h"
#include "linalg/frame.h"

#include <math.h>
#include <string.h>

static const double GROUP_BYTES = 256e6; /* of frames side by side */

static void run_close(struct exponent_run *run)
{
    memory_free(run->row_exponents);
    memory_free(run->column_exponents);
    memory_free(run->offsets);
    memory_free(run->transposed);
    memory_free(run->column_up);
    memory_free(run->column_down);
    memory_free(run->row_up);
    memory_free(run->row_down);
    memory_free(run->scale);
    memory_free(run->size);
    memory_free(run->logs);
    memory_free(run->room);
    block_destroy(&run->vectors);
}
SCOPED_VALUE(exponent_run, run_close)

/* ---- the weights ---- */

/* The powers of two that rows and columns of W are scaled by; ones where W has no one balance, where no rank has all of
 * it, and for the leading exponents alone, which are to have the same bits on a grid. */
static enum status balance(struct exponent_run *run)
{
    const double *values;
    if (run->is_untied || run->is_on_grid || run->problem->count < run->hidden_size)
        return STATUS_OK;
    TRY(weights_values(run->problem->weights, run->problem->last_step, &values));
    determinant_balance(run->hidden_size, values, run->row_exponents, run->column_exponents);
    for (long i = 0; i < run->hidden_size; i++)
        run->is_balanced = run->is_balanced || run->row_exponents[i] != 0 || run->column_exponents[i] != 0;
    return STATUS_OK;
}

static void fill_powers(struct exponent_run *run)
{
    for (long i = 0; i < run->hidden_size; i++) {
        run->offsets[i] = run->row_exponents[i] + run->column_exponents[i];
        run->column_up[i] = ldexp(1, run->column_exponents[i]);
        run->column_down[i] = ldexp(1, -run->column_exponents[i]);
        run->row_up[i] = ldexp(1, run->row_exponents[i]);
        run->row_down[i] = ldexp(1, -run->row_exponents[i]);
    }
}

/* `run` is its owner's to close, also where this fails. */
static enum status run_open(const struct exponent_problem *problem, struct gradient_context *context,
                            double *log_determinant, struct exponent_run *run)
{
    const long d = weights_hidden_size(problem->weights), aligned = block_stride(d);
    *run = (struct exponent_run){ .problem = problem,
                                  .context = context,
                                  .log_determinant = log_determinant,
                                  .hidden_size = d,
                                  .is_untied = weights_ensemble(problem->weights)->kind->is_fresh_at_every_step,
                                  .is_on_grid = weights_grid(problem->weights) != NULL };
    TRY(memory_allocate(&run->row_exponents, d, "scales of W"));
    TRY(memory_allocate(&run->column_exponents, d, "scales of W"));
    TRY(memory_allocate(&run->offsets, d, "scales of W"));
    TRY(memory_allocate(&run->column_up, aligned, "scales of W"));
    TRY(memory_allocate(&run->column_down, aligned, "scales of W"));
    TRY(memory_allocate(&run->row_up, aligned, "scales of W"));
    TRY(memory_allocate(&run->row_down, aligned, "scales of W"));
    TRY(memory_allocate(&run->scale, FRAME_MOST * aligned, "scales of a factor"));
    TRY(memory_allocate(&run->size, FRAME_MOST * aligned, "scales of a factor"));
    TRY(memory_allocate(&run->logs, FRAME_MOST * problem->count, "exponents"));
    TRY(memory_allocate(&run->room, frame_room(d, problem->count), "frames side by side"));
    TRY(block_create(d, problem->count, &run->vectors));
    TRY(balance(run));
    fill_powers(run);
    return STATUS_OK;
}

/* All of W on every rank of a grid, for its determinant: W applied to the identity. */
static enum status gather_values(const struct exponent_run *run, double **gathered)
{
    const long d = run->hidden_size;
    const struct matrix *matrix;
    SCOPED(block) identity = { 0 };
    SCOPED(block) product = { 0 };
    SCOPED_MEMORY double *values = NULL;
    const struct team *team = weights_team(run->problem->weights);
    enum status status = block_create(d, d, &identity);
    if (status == STATUS_OK)
        status = block_create(d, d, &product);
    if (status == STATUS_OK)
        status = memory_allocate(&values, d * d, "a weight matrix");
    TRY(team_agree(team, status));
    for (long i = 0; i < d; i++)
        block_column(&identity, i)[i] = 1;
    TRY(weights_at(run->problem->weights, run->problem->last_step, &matrix));
    TRY(matrix_apply(matrix, &identity, &product));
    for (long j = 0; j < d; j++)
        memcpy(values + j * d, block_column(&product, j), (size_t)d * sizeof *values);
    *gathered = scope_keep(&values);
    return STATUS_OK;
}

/* Adds that of one W, `share` of the whole. */
static enum status add_determinant(const struct exponent_run *run, const double *values, double share)
{
    double log_determinant;
    TRY(determinant_find(run->hidden_size, values, run->row_exponents, run->column_exponents, &log_determinant, NULL));
    *run->log_determinant += share * log_determinant;
    return STATUS_OK;
}

/* Of one W once; of untied weights at each step of the window. */
static enum status find_determinant(const struct exponent_run *run)
{
    SCOPED_MEMORY double *gathered = NULL;
    const double *values;
    const bool is_wanted = run->problem->count == run->hidden_size;
    *run->log_determinant = is_wanted ? 0 : NAN;
    if (!is_wanted || run->is_untied)
        return STATUS_OK;
    if (run->is_on_grid)
        TRY(gather_values(run, &gathered));
    else
        TRY(weights_values(run->problem->weights, run->problem->last_step, &values));
    return add_determinant(run, run->is_on_grid ? gathered : values, 1);
}

/* ---- chains ---- */

/* The exact rank of the window's product, which says how many exponents are finite. */
static enum status find_finite(struct exponent_run *run, long chain, struct exponent_result *result)
{
    const struct exponent_problem *problem = run->problem;
    const struct jacobian_problem factors = { .weights = problem->weights,
                                              .trajectory = problem->trajectory,
                                              .steps = problem->last_step,
                                              .chains = problem->chains,
                                              .lags = &problem->steps,
                                              .lag_count = 1 };
    TRY(exact_chain_rank(&factors, run->context, chain, &result->finite));
    result->finite = result->finite < problem->count ? result->finite : problem->count;
    return STATUS_OK;
}

/* From the frame that the window has ended with back to its beginning, where it was `start`. */
static enum status come_back(struct exponent_run *run, struct frame *frame, long chain, const struct block *start,
                             struct exponent_result *result)
{
    const long steps = run->problem->steps, count = run->problem->count;
    SCOPED_MEMORY double *sums = NULL; /* and behind them their rests */
    SCOPED_MEMORY double *minors = NULL;
    TRY(memory_allocate(&sums, 2 * count, "exponents"));
    TRY(memory_allocate(&minors, count, "minors of a frame"));
    memset(result->span_errors, 0, (size_t)count * sizeof *result->span_errors);
    for (long lag_index = -1; lag_index < steps; lag_index++) {
        TRY(jacobian_check_stop(run->context));
        const long parts = lag_index + 1 < steps ? exponents_parts_at(run, lag_index + 1, chain) : 1;
        for (long part = 0; part < parts; part++) {
            TRY(part > 0        ? exponents_take_part(run, frame, lag_index + 1, chain, part, 0)
                : lag_index < 0 ? exponents_first_backward(run, frame, chain)
                                : exponents_backward(run, frame, lag_index, chain));
            exponents_add_rounding(run->problem, frame, result);
            for (long i = 0; i < count; i++)
                exponents_add(run->logs[i], &sums[i], &sums[count + i]);
        }
    }
    frame_vectors(frame, &run->vectors);
    TRY(determinant_minors(&run->vectors, start, minors));
    double apart = 0; /* each of forth and back, a difference of like numbers, before they add up */
    for (long i = 0; i < count; i++) {
        apart += (result->sums[i] - sums[i]) + (result->rests[i] - sums[count + i]);
        result->two_sided[i] = i < result->finite ? fabs(apart - minors[i]) / (double)steps : NAN;
    }
    return STATUS_OK;
}

/* ---- groups of chains ---- */

struct group {
    long first, chains;
    struct exponent_interval *intervals;
    struct frame **frames;
    struct block *starts; /* of the window */
};

static void group_close(struct group *group)
{
    for (long c = 0; c < group->chains; c++) {
        if (group->frames)
            frame_destroy(group->frames[c]);
        if (group->starts)
            block_destroy(&group->starts[c]);
    }
    memory_free(group->intervals);
    memory_free(group->frames);
    memory_free(group->starts);
}
SCOPED_VALUE(group, group_close)

/* `group` is its owner's to close, also where this fails. All frames begin with one random matrix of the network's:
 * no direction of W is special to it. */
static enum status group_open(struct exponent_run *run, long first, long chains, struct group *group)
{
    const long d = run->hidden_size, count = run->problem->count;
    const struct random_stream stream = ensemble_stream(weights_key(run->problem->weights), "exponents");
    *group = (struct group){ .first = first, .chains = chains };
    TRY(memory_allocate(&group->frames, chains, "frames"));
    TRY(memory_allocate(&group->starts, chains, "frames"));
    TRY(memory_allocate(&group->intervals, chains, "frames"));
    for (long j = 0; j < count; j++)
        random_normal(&stream, 0, (uint64_t)(j * d), (uint64_t)d, block_column(&run->vectors, j));
    for (long c = 0; c < chains; c++) {
        group->intervals[c].length = 1;
        TRY(frame_create(d, count, run->is_on_grid, &group->frames[c]));
        frame_start(group->frames[c], &run->vectors);
        if (run->problem->two_sided)
            TRY(block_create(d, count, &group->starts[c]));
    }
    return STATUS_OK;
}

/* Some chains of a group side by side. */
struct company {
    int count;
    long chains[FRAME_MOST];
    struct frame *frames[FRAME_MOST];
    struct frame_factor factors[FRAME_MOST];
    double *logs[FRAME_MOST];
};

static void add_step(const struct exponent_run *run, const struct frame *frame, const double *logs, long lag_index,
                     struct exponent_result *result)
{
    if (lag_index >= run->problem->steps)
        return;
    exponents_add_logarithms(run->problem, logs, lag_index, result);
    exponents_add_rounding(run->problem, frame, result);
}

/* The factors of a decomposition that does not count, one by one. */
static enum status take_one_by_one(struct exponent_run *run, struct frame *frame, long lag_index, long chain,
                                   struct exponent_result *result)
{
    struct frame_factor factor;
    const long factors = frame_factors(frame);
    frame_take_back(frame);
    for (long i = factors - 1; i >= 0; i--) {
        TRY(exponents_set_forward(run, frame, lag_index + i, chain, 0, &factor));
        TRY(exponents_take(run, frame, &factor));
        add_step(run, frame, run->logs, lag_index + i, result);
    }
    return STATUS_OK;
}

/* A step whose derivatives may have several parts. */
static enum status take_in_parts(struct exponent_run *run, struct frame *frame, long lag_index, long chain, int place,
                                 struct exponent_result *result)
{
    struct frame_factor factor;
    const long parts = exponents_parts_at(run, lag_index, chain);
    TRY(exponents_set_forward(run, frame, lag_index, chain, place, &factor));
    TRY(exponents_take(run, frame, &factor));
    add_step(run, frame, run->logs, lag_index, result);
    for (long part = 1; part < parts; part++) {
        TRY(exponents_take_part(run, frame, lag_index, chain, part, place));
        add_step(run, frame, run->logs, lag_index, result);
    }
    return STATUS_OK;
}

/* Empties the company. Intervals stay at one factor where weights are drawn at each step, which costs more than
 * decompositions, and where frames cannot carry any. */
static enum status advance(struct exponent_run *run, const struct group *group, struct company *company, long lag_index,
                           struct exponent_result *results)
{
    const int count = company->count;
    bool is_kept[FRAME_MOST] = { false };
    TRY(frame_advance_together(count, company->frames, company->factors, company->logs, run->room));
    run->context->flops += count * frame_flops(run->hidden_size, run->problem->count);
    for (int i = 0; i < count; i++) {
        const struct frame *frame = company->frames[i];
        is_kept[i] = run->is_untied || !frame_can_carry(frame) ||
                     exponents_interval_keeps(&group->intervals[company->chains[i] - group->first], frame, lag_index);
        if (is_kept[i])
            add_step(run, frame, company->logs[i], lag_index, &results[company->chains[i]]);
    }
    for (int i = 0; i < count; i++) /* now that nothing is left in the room for logarithms and scales */
        if (!is_kept[i])
            TRY(take_one_by_one(run, company->frames[i], lag_index, company->chains[i], &results[company->chains[i]]));
    company->count = 0;
    return STATUS_OK;
}

/* Whether the frame of a chain is decomposed with this factor: at the ends of its intervals, and wherever something
 * begins or ends. */
static bool is_due(const struct exponent_run *run, const struct group *group, long c, long lag_index)
{
    const long step = run->problem->transient + run->problem->steps - 1 - lag_index;
    return exponents_interval_ends(&group->intervals[c], step) || lag_index == run->problem->steps ||
           exponents_ends_batch(run->problem, lag_index);
}

static enum status take_step(struct exponent_run *run, const struct group *group, long lag_index,
                             struct exponent_result *results)
{
    const long steps = run->problem->steps, d = run->hidden_size;
    struct company company = { 0 };
    TRY(jacobian_check_stop(run->context));
    if (run->is_untied && !isnan(*run->log_determinant) && lag_index < steps && group->first == 0) {
        const double *values;
        TRY(weights_values(run->problem->weights, exponents_weight_step(run, lag_index), &values));
        TRY(add_determinant(run, values, 1 / (double)steps));
    }
    for (long c = 0; c < group->chains; c++) {
        const long chain = group->first + c;
        if (results[chain].outcome != JACOBIAN_FOUND)
            continue;
        if (lag_index == steps - 1 && run->problem->two_sided)
            frame_vectors(group->frames[c], &group->starts[c]);
        const int place = company.count;
        if (results[chain].is_cut) {
            TRY(take_in_parts(run, group->frames[c], lag_index, chain, place, &results[chain]));
            continue;
        }
        company.chains[place] = chain;
        company.frames[place] = group->frames[c];
        company.logs[place] = run->logs + place * run->problem->count;
        TRY(exponents_set_forward(run, group->frames[c], lag_index, chain, place, &company.factors[place]));
        if (!is_due(run, group, c, lag_index)) {
            TRY(frame_carry(group->frames[c], &company.factors[place]));
            run->context->flops += 2.0 * (double)d * (double)d * (double)run->problem->count;
        } else if (++company.count == FRAME_MOST)
            TRY(advance(run, group, &company, lag_index, results));
    }
    return company.count > 0 ? advance(run, group, &company, lag_index, results) : STATUS_OK;
}

static enum status finish(struct exponent_run *run, const struct group *group, struct exponent_result *results)
{
    for (long c = 0; c < group->chains; c++) {
        const long chain = group->first + c;
        struct exponent_result *result = &results[chain];
        if (result->outcome != JACOBIAN_FOUND)
            continue;
        TRY(find_finite(run, chain, result));
        if (run->problem->two_sided)
            TRY(come_back(run, group->frames[c], chain, &group->starts[c], result));
        exponents_cut_off(run->problem, result);
    }
    return STATUS_OK;
}

static enum status run_group(struct exponent_run *run, long first, long chains, struct exponent_result *results)
{
    SCOPED(group) group = { 0 };
    const struct team *team = weights_team(run->problem->weights);
    TRY(team_agree(team, group_open(run, first, chains, &group)));
    exponents_look_at_slopes(run->problem, first, chains, results);
    for (long lag_index = run->problem->transient + run->problem->steps - 1; lag_index >= 0; lag_index--)
        TRY(take_step(run, &group, lag_index, results));
    return finish(run, &group, results);
}

/* Of one W a chain at a time, whose frame stays near, or as many as decompose side by side; where W is drawn at every
 * step, as many as there is room for. */
static long group_width(const struct exponent_run *run)
{
    const double bytes = frame_bytes(run->hidden_size, run->problem->count, run->is_on_grid) +
                         8.0 * (double)run->hidden_size * (double)run->problem->count;
    const long least = frame_room(run->hidden_size, run->problem->count) > 0 ? FRAME_MOST : 1;
    return run->is_untied && bytes < GROUP_BYTES / FRAME_MOST ? (long)(GROUP_BYTES / bytes) : least;
}

enum status exponents_run(const struct exponent_problem *problem, struct gradient_context *context,
                          double *log_determinant, struct exponent_result *results)
{
    SCOPED(exponent_run) run = { 0 };
    TRY(team_agree(weights_team(problem->weights), run_open(problem, context, log_determinant, &run)));
    TRY(find_determinant(&run));
    const long width = group_width(&run);
    for (long c = 0; c < problem->chains; c++)
        for (long i = 0; i < problem->count; i++)
            results[c].two_sided[i] = NAN;
    for (long first = 0; first < problem->chains; first += width)
        TRY(run_group(&run, first, problem->chains - first < width ? problem->chains - first : width, results));
    return STATUS_OK;
}
