#include "gradient/batch.h"

#include "base/log.h"
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/bound.h"
#include "gradient/certify.h"
#include "gradient/exact_chain.h"
#include "gradient/flushed.h"
#include "gradient/measure.h"
#include "gradient/task.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Logarithms of gain and gamma are right to rounding; a condition at 1 must not turn on their last bits. */
static const double LOGARITHM_ERROR = 8.0 * DBL_EPSILON;

static struct chain_question question_of(const struct batch *batch)
{
    return (struct chain_question){ .ensemble = weights_ensemble(batch->weights),
                                    .activation = batch->activation,
                                    .model = batch->model,
                                    .hidden_size = weights_hidden_size(batch->weights),
                                    .lags = batch->lags,
                                    .lag_count = batch->lag_count,
                                    .measures = batch->measures,
                                    .options = batch->options };
}

static bool is_untied(const struct batch *batch)
{
    return weights_ensemble(batch->weights)->kind->is_fresh_at_every_step;
}

static double gain_of(const struct batch *batch, long cell)
{
    return batch->native ? 1.0 : batch->spectral_radii[cell];
}

double batch_log_unit_norm(const struct batch *batch)
{
    return log(batch->native ? batch->spectrum.norm : batch->spectrum.norm / batch->spectrum.radius);
}

double batch_log_weight_norm(const struct batch *batch, long cell)
{
    return log(gain_of(batch, cell)) + batch_log_unit_norm(batch);
}

static double log_spectral_radius(const struct batch *batch, long cell)
{
    return batch->native ? log(batch->spectrum.radius) : log(batch->spectral_radii[cell]);
}

/* ||W^l||_2 = ||W||^l for a normal W; for a single superdiagonal as well while l < d, then exactly 0. The very
 * expression of the bound, so that the equality is one. */
static void measure_closed_form(const struct batch *batch, const struct batch_results *results)
{
    double *log_norms = batch_values(batch, results, 0, "log_jacobian_norm");
    bool is_nilpotent = weights_ensemble(batch->weights)->kind->spectrum == SPECTRUM_NILPOTENT;
    long hidden_size = weights_hidden_size(batch->weights);
    for (long cell = 0; cell < batch->count; cell++) {
        double log_step = log(batch->gammas[cell]) + batch_log_weight_norm(batch, cell);
        for (long i = 0; i < batch->lag_count; i++) {
            bool is_zero = is_nilpotent && batch->lags[i] >= hidden_size;
            log_norms[cell * batch->lag_count + i] = is_zero ? -INFINITY : (double)batch->lags[i] * log_step;
        }
        results->methods[cell] = METHOD_CLOSED_FORM;
    }
}

/* Norms of chains first .. first+chains-1 of the trajectory, or of the one identity chain. */
struct chain_norms {
    double *log_norms;
    double *log_frobenius; /* NULL unless asked for */
    uint8_t *verdicts;     /* proven ones; NULL unless asked for */
    enum jacobian_outcome *outcomes;
    bool *fell_back;
};

static void norms_destroy(struct chain_norms *norms)
{
    memory_free(norms->log_norms);
    memory_free(norms->log_frobenius);
    memory_free(norms->verdicts);
    memory_free(norms->outcomes);
    memory_free(norms->fell_back);
}

static enum status norms_create(const struct batch *batch, long chains, struct chain_norms *norms)
{
    enum status status = STATUS_OK;
    *norms = (struct chain_norms){ 0 };
    TRY_OR(failed, memory_allocate(&norms->log_norms, chains * batch->lag_count, "norms of chains"));
    if (measure_needs(batch->measures) & MEASURE_NEEDS_PRODUCTS)
        TRY_OR(failed, memory_allocate(&norms->log_frobenius, chains * batch->lag_count, "Frobenius norms of chains"));
    if (batch->options.certify)
        TRY_OR(failed, memory_allocate(&norms->verdicts, chains * batch->lag_count, "verdicts of chains"));
    TRY_OR(failed, memory_allocate(&norms->outcomes, chains, "outcomes of chains"));
    TRY_OR(failed, memory_allocate(&norms->fell_back, chains, "methods of chains"));
    return STATUS_OK;
failed:
    norms_destroy(norms);
    return status;
}

static struct jacobian_problem problem_of(const struct batch *batch, const struct trajectory *trajectory, long chains)
{
    return (struct jacobian_problem){ .weights = batch->weights,
                                      .trajectory = trajectory,
                                      .steps = batch->model->steps,
                                      .chains = chains,
                                      .lags = batch->lags,
                                      .lag_count = batch->lag_count,
                                      .tolerance = batch->tolerance };
}

static enum status find_norms(const struct batch *batch, struct gradient_context *context, enum jacobian_method method,
                              const struct trajectory *trajectory, long chains, const struct chain_norms *norms)
{
    struct jacobian_problem problem = problem_of(batch, trajectory, chains);
    if (method == METHOD_IMPLICIT)
        return jacobian_norms_implicit(&problem, context, norms->log_norms, norms->outcomes, norms->fell_back);
    return jacobian_norms_explicit(&problem, context, norms->log_norms, norms->log_frobenius, norms->outcomes);
}

/* What one measure cannot have is its own failure, in all of outcomes[count]; other errors are the batch's. On a team
 * agreed. */
static enum status accept_failure(const struct batch *batch, enum status status, enum jacobian_outcome *outcomes,
                                  long count)
{
    status = team_agree(weights_team(batch->weights), status);
    if (status != STATUS_NUMERICAL && status != STATUS_MEMORY)
        return status;
    for (long i = 0; i < count; i++)
        outcomes[i] = status == STATUS_MEMORY ? JACOBIAN_OUT_OF_MEMORY : JACOBIAN_NOT_CONVERGED;
    const struct team *team = weights_team(batch->weights);
    if (team == NULL || team->rank == 0)
        log_warning("%s", status_message());
    return STATUS_OK;
}

static bool has_lost_zero(const struct jacobian_problem *problem, const double *log_norms, long first_zero)
{
    for (long i = 0; i < problem->lag_count && problem->lags[i] < first_zero; i++)
        if (log_norms[i] == -INFINITY)
            return true;
    return false;
}

/* A chain of which something was flushed to zero that may count is measured anew, with room for it. */
static enum status measure_wide(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                long first_zero, const struct chain_norms *norms)
{
    const long place = chain * problem->lag_count;
    double *log_norms = norms->log_norms + place;
    const bool is_wide = problem->trajectory && trajectory_is_wide(problem->trajectory, chain);
    /* On a grid nothing more is known of a zero than that the products gave it. */
    if (weights_grid(problem->weights) || (!is_wide && !has_lost_zero(problem, log_norms, first_zero)))
        return STATUS_OK;
    norms->fell_back[chain] = true;
    TRY(jacobian_norms_wide(problem, context, chain, log_norms,
                            norms->log_frobenius ? norms->log_frobenius + place : NULL, &norms->outcomes[chain]));
    if (norms->outcomes[chain] == JACOBIAN_FOUND && has_lost_zero(problem, log_norms, first_zero))
        norms->outcomes[chain] = JACOBIAN_OUT_OF_RANGE;
    return STATUS_OK;
}

/* -inf where products are exactly zero, which rounding may have left something of; and nowhere else. */
static enum status set_exact_zeros(const struct jacobian_problem *problem, struct gradient_context *context,
                                   const struct chain_norms *norms)
{
    for (long chain = 0; chain < problem->chains; chain++) {
        long first_zero;
        if (norms->outcomes[chain] != JACOBIAN_FOUND)
            continue;
        TRY(exact_chain_first_zero(problem, context, chain, &first_zero));
        TRY(measure_wide(problem, context, chain, first_zero, norms));
        for (long i = 0; i < problem->lag_count; i++) {
            if (problem->lags[i] < first_zero)
                continue;
            norms->log_norms[chain * problem->lag_count + i] = -INFINITY;
            if (norms->log_frobenius)
                norms->log_frobenius[chain * problem->lag_count + i] = -INFINITY;
        }
    }
    return STATUS_OK;
}

static enum status measure_chains(const struct batch *batch, struct gradient_context *context,
                                  enum jacobian_method method, const struct trajectory *trajectory, long chains,
                                  const struct chain_norms *norms)
{
    enum status status = find_norms(batch, context, method, trajectory, chains, norms);
    if (status == STATUS_OK) {
        struct jacobian_problem problem = problem_of(batch, trajectory, chains);
        status = set_exact_zeros(&problem, context, norms);
    }
    return accept_failure(batch, status, norms->outcomes, chains);
}

/* Proven verdicts for chains whose norms are known, where they are asked for: part of the measure of norms, which fails
 * with them. `log_unit_bounds`[lag_count]: the bounds, normalised like the norms. */
static enum status certify_chains(const struct batch *batch, struct gradient_context *context,
                                  const struct trajectory *trajectory, long chains, const double *log_unit_bounds,
                                  const struct chain_norms *norms)
{
    if (!batch->options.certify)
        return STATUS_OK;
    struct jacobian_problem problem = problem_of(batch, trajectory, chains);
    enum status status =
        certify_bounds(&problem, context, norms->log_norms, log_unit_bounds, norms->outcomes, norms->verdicts);
    return accept_failure(batch, status, norms->outcomes, chains);
}

/* From the normalised norms of a chain to those of a cell: l (ln gain + ln gamma) is added. */
static void store_cell(const struct batch *batch, const struct batch_results *results, long cell,
                       const struct chain_norms *norms, long chain, enum jacobian_method method)
{
    double *log_norms = batch_values(batch, results, 0, "log_jacobian_norm");
    double *log_frobenius = batch_values(batch, results, 0, "log_frobenius_norm");
    uint8_t *verdicts = batch_values(batch, results, 0, "bound_check");
    double log_step = log(gain_of(batch, cell)) + log(batch->gammas[cell]);
    for (long i = 0; i < batch->lag_count; i++) {
        long from = chain * batch->lag_count + i, to = cell * batch->lag_count + i;
        double log_scale = (double)batch->lags[i] * log_step;
        log_norms[to] = norms->log_norms[from] + log_scale;
        if (log_frobenius)
            log_frobenius[to] = norms->log_frobenius[from] + log_scale;
        if (norms->verdicts)
            verdicts[to] = norms->verdicts[from];
    }
    /* Both come from the same products; of a chain that Lanczos cannot resolve, Frobenius norms are known. */
    results->outcomes[cell].of[MEASURE_JACOBIAN_NORM] = norms->outcomes[chain];
    if (log_frobenius && norms->outcomes[chain] != JACOBIAN_NOT_CONVERGED)
        results->outcomes[cell].of[MEASURE_FROBENIUS_NORM] = norms->outcomes[chain];
    results->methods[cell] = norms->fell_back[chain] ? METHOD_EXPLICIT : method;
}

/* For identity J_l = (gain gamma)^l W_unit^l: one chain serves the whole plane. J_1 is W itself, and its bound an
 * equality: the norm that is known better stands on both sides. */
static enum status measure_identity(const struct batch *batch, struct gradient_context *context,
                                    enum jacobian_method method, const double *log_unit_bounds,
                                    const struct batch_results *results)
{
    struct chain_norms norms;
    TRY(norms_create(batch, 1, &norms));
    enum status status = measure_chains(batch, context, method, NULL, 1, &norms);
    if (status == STATUS_OK && batch->lags[0] == 1 && !is_untied(batch) && norms.outcomes[0] == JACOBIAN_FOUND)
        norms.log_norms[0] = batch_log_unit_norm(batch);
    if (status == STATUS_OK)
        status = certify_chains(batch, context, NULL, 1, log_unit_bounds, &norms);
    if (status == STATUS_OK)
        for (long cell = 0; cell < batch->count; cell++)
            store_cell(batch, results, cell, &norms, 0, method);
    norms_destroy(&norms);
    return status;
}

/* The measures of a task that have functions of their own. */
static enum status call_measures(struct measure_task *task)
{
    for (int id = 0; id < MEASURE_COUNT; id++) {
        const struct measure *measure = measure_at((enum measure_id)id);
        enum jacobian_outcome outcome = JACOBIAN_FOUND;
        if (!(task->batch->measures & 1u << id) || !measure->function)
            continue;
        task->measure = (enum measure_id)id;
        TRY(accept_failure(task->batch, measure->function(task), &outcome, 1));
        for (long chain = 0; outcome != JACOBIAN_FOUND && chain < task->count; chain++)
            task_fail(task, chain, outcome);
    }
    return STATUS_OK;
}

/* Chains first .. first+count-1 side by side: their trajectory, their norms (identity's are known already), and all
 * other measures. */
static enum status measure_side_by_side(const struct batch *batch, struct gradient_context *context,
                                        enum jacobian_method method, const double *log_unit_bounds, long first,
                                        long count, const struct batch_results *results)
{
    struct chain chains[CHAINS_SIDE_BY_SIDE];
    struct trajectory trajectory = { 0 };
    struct chain_norms norms;
    enum status status = STATUS_OK;
    bool needs_states = measure_needs(batch->measures) & MEASURE_NEEDS_STATES;
    long window = needs_states ? batch->model->steps : batch->lags[batch->lag_count - 1];
    long d = weights_hidden_size(batch->weights);
    for (long chain = 0; chain < count; chain++)
        chains[chain] =
            (struct chain){ batch->activation, gain_of(batch, first + chain), batch->gammas[first + chain] };
    TRY(norms_create(batch, count, &norms));
    TRY_OR(done, trajectory_run(batch->model, batch->weights, count, chains, window,
                                needs_states ? KEEP_STATES : KEEP_DERIVATIVES, context->stop_requested, &trajectory));
    context->flops += 2.0 * (double)d * (double)d * (double)count * (double)batch->model->steps;
    if (!batch->activation->is_identity) {
        TRY_OR(done, measure_chains(batch, context, method, &trajectory, count, &norms));
        TRY_OR(done, certify_chains(batch, context, &trajectory, count, log_unit_bounds, &norms));
        for (long chain = 0; chain < count; chain++)
            store_cell(batch, results, first + chain, &norms, chain, method);
    }
    struct measure_task task = { .batch = batch,
                                 .context = context,
                                 .results = results,
                                 .first_cell = first,
                                 .count = count,
                                 .chains = chains,
                                 .trajectory = &trajectory };
    TRY_OR(done, call_measures(&task));
    flushed_fail(&task, log_unit_bounds);
done:
    trajectory_destroy(&trajectory);
    norms_destroy(&norms);
    return status;
}

/* log_unit_bounds[lag_count] := the sums of ln ||W_unit,t|| over each lag. */
static enum status find_unit_bounds(const struct batch *batch, struct gradient_context *context,
                                    double *log_unit_bounds)
{
    for (long i = 0; i < batch->lag_count; i++)
        log_unit_bounds[i] = NAN; /* in case none are found */
    struct jacobian_problem problem = problem_of(batch, NULL, 1);
    if (is_untied(batch))
        return jacobian_step_weight_norms(&problem, context, log_unit_bounds);
    for (long i = 0; i < batch->lag_count; i++)
        log_unit_bounds[i] = (double)batch->lags[i] * batch_log_unit_norm(batch);
    return STATUS_OK;
}

/* A proven verdict stays, except that `holds` never stands beside logarithms that do not say so too, to their last
 * digit. Where norms are known in closed form, so is their place below or on the bound. */
static enum bound_verdict verdict_of(const struct batch *batch, enum jacobian_method method, uint8_t proven,
                                     double log_norm, double log_bound, double uncertainty)
{
    if (!batch->options.certify || method == METHOD_CLOSED_FORM)
        return bound_check(log_norm, log_bound, uncertainty);
    return proven == BOUND_HOLDS && !(log_norm < log_bound) ? BOUND_WITHIN_ROUNDING : (enum bound_verdict)proven;
}

static void judge_cell(const struct batch *batch, const struct batch_results *results, long cell,
                       const double *log_unit_bounds)
{
    const double *log_norms = batch_values(batch, results, cell, "log_jacobian_norm");
    double *log_bounds = batch_values(batch, results, cell, "log_norm_bound");
    uint8_t *verdicts = batch_values(batch, results, cell, "bound_check");
    double log_gamma = log(batch->gammas[cell]);
    double log_norm_error = is_untied(batch) ? 0.0 : batch->spectrum.log_norm_error;
    for (long i = 0; i < batch->lag_count; i++) {
        double lag = (double)batch->lags[i];
        log_bounds[i] = is_untied(batch) ? log_unit_bounds[i] + lag * (log_gamma + log(gain_of(batch, cell)))
                                         : lag * (log_gamma + batch_log_weight_norm(batch, cell));
        double uncertainty =
            bound_uncertainty(batch->tolerance, lag, log_norm_error, weights_hidden_size(batch->weights));
        /* The untied bound has an error of its own: the sum of norms, found to the same tolerance. */
        uncertainty += is_untied(batch) ? batch->tolerance : 0.0;
        verdicts[i] =
            (uint8_t)verdict_of(batch, results->methods[cell], verdicts[i], log_norms[i], log_bounds[i], uncertainty);
    }
    double margin = log_norm_error + LOGARITHM_ERROR;
    double unknown = is_untied(batch) ? NAN : 0.0;
    *(uint8_t *)batch_values(batch, results, cell, "vanishing_guaranteed") =
        bound_condition_below_one(log_gamma + batch_log_weight_norm(batch, cell) + unknown, margin);
    *(uint8_t *)batch_values(batch, results, cell, "spectral_condition") =
        bound_condition_below_one(log_gamma + log_spectral_radius(batch, cell) + unknown, margin);
    *(double *)batch_values(batch, results, cell, "growth_rate") =
        bound_growth_rate(batch->lags, log_norms, batch->lag_count);
}

static enum status measure_all(const struct batch *batch, struct gradient_context *context,
                               const double *log_unit_bounds, const struct batch_results *results)
{
    struct chain_question question = question_of(batch);
    enum jacobian_method method = chain_method(&question);
    long width = chain_cost_side_by_side(&question);
    if (method == METHOD_CLOSED_FORM)
        measure_closed_form(batch, results);
    else if (batch->activation->is_identity)
        TRY(measure_identity(batch, context, method, log_unit_bounds, results));
    if (!batch->activation->is_identity || measure_has_functions(batch->measures))
        for (long first = 0; first < batch->count; first += width) {
            long count = batch->count - first < width ? batch->count - first : width;
            TRY(measure_side_by_side(batch, context, method, log_unit_bounds, first, count, results));
        }
    return STATUS_OK;
}

/* For find_values of a cell. */
struct measured_cell {
    const struct batch *batch;
    const struct batch_results *results;
    long cell;
};

static const double *find_values(const void *context, const char *dataset)
{
    const struct measured_cell *measured = context;
    return batch_values(measured->batch, measured->results, measured->cell, dataset);
}

/* Whether all values of a measure are numbers, but for those that cannot be. */
static bool has_numbers(const struct batch *batch, const struct batch_results *results, long cell,
                        const struct measure *measure)
{
    const struct measured_cell measured = { batch, results, cell };
    const struct absence_place place = { .ensemble = weights_ensemble(batch->weights),
                                         .activation = batch->activation,
                                         .native = batch->native,
                                         .hidden_size = weights_hidden_size(batch->weights),
                                         .options = batch->options,
                                         .time = batch->model->steps,
                                         .lags = batch->lags,
                                         .lag_count = batch->lag_count,
                                         .find_values = find_values,
                                         .context = &measured };
    for (size_t i = 0; i < measure->dataset_count; i++) {
        const struct dataset_rule *rule = &measure->datasets[i];
        const void *values = batch_values(batch, results, cell, rule->name);
        if (rule->type == TYPE_FLOAT64 && values && !absence_fits(rule, &place, values))
            return false;
    }
    return true;
}

/* Numbers are held against the table of measures before they count as found: whatever made a NaN, it is a failure of
 * its measure, and never a result. */
static void fail_without_numbers(const struct batch *batch, const struct batch_results *results, long cell)
{
    struct cell_outcomes *outcomes = &results->outcomes[cell];
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (batch->measures & 1u << id && outcomes->of[id] == JACOBIAN_FOUND &&
            !has_numbers(batch, results, cell, measure_at((enum measure_id)id))) {
            outcomes->of[id] = JACOBIAN_NOT_FINITE;
            batch_erase_measure(batch, results, cell, (enum measure_id)id);
        }
}

/* Failed measures lose what they have left; `bounds`: how the search for the bounds ended. */
static void finish_cells(const struct batch *batch, enum jacobian_outcome bounds, const double *log_unit_bounds,
                         const struct batch_results *results)
{
    for (long cell = 0; cell < batch->count; cell++) {
        struct cell_outcomes *outcomes = &results->outcomes[cell];
        if (outcomes->of[MEASURE_JACOBIAN_NORM] == JACOBIAN_FOUND)
            outcomes->of[MEASURE_JACOBIAN_NORM] = bounds;
        for (int id = 0; id < MEASURE_COUNT; id++)
            if (outcomes->of[id] != JACOBIAN_FOUND)
                batch_erase_measure(batch, results, cell, (enum measure_id)id);
        if (outcomes->of[MEASURE_JACOBIAN_NORM] == JACOBIAN_FOUND)
            judge_cell(batch, results, cell, log_unit_bounds);
        fail_without_numbers(batch, results, cell);
    }
}

enum status batch_measure(const struct batch *batch, struct gradient_context *context,
                          const struct batch_results *results)
{
    enum status status = STATUS_OK;
    enum jacobian_outcome bounds = JACOBIAN_FOUND;
    double *log_unit_bounds;
    TRY(memory_allocate(&log_unit_bounds, batch->lag_count, "bounds of a network"));
    TRY_OR(done, accept_failure(batch, find_unit_bounds(batch, context, log_unit_bounds), &bounds, 1));
    TRY_OR(done, measure_all(batch, context, log_unit_bounds, results));
    finish_cells(batch, bounds, log_unit_bounds, results);
done:
    memory_free(log_unit_bounds);
    return status;
}
