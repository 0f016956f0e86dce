#include "gradient/batch_run.h"

#include "base/clock.h"
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/flushed.h"
#include "gradient/task.h"

#include <math.h>

/* A batch that ends at one anchor, and all that its steps share. Stays where it is: `batch` points to `model`. */
struct run {
    struct model model; /* whose steps end at the anchor */
    struct batch batch;
    struct gradient_context *context;
    struct batch_results results; /* of that anchor */
    struct unit_bounds bounds;
    enum jacobian_method method;
    struct chain_norms norms; /* of identity, else empty */
};

static struct chain_question question_of(const struct batch *batch)
{
    return (struct chain_question){ .ensemble = weights_ensemble(batch->weights),
                                    .activation = batch->activation,
                                    .model = batch->model,
                                    .hidden_size = weights_hidden_size(batch->weights),
                                    .lags = batch->lags,
                                    .lag_count = batch->lag_count,
                                    .measures = batch->measures,
                                    .options = &batch->options };
}

/* ---- measuring ---- */

/* The row of measure `number` where it is asked for, and needs a trajectory or does without, as is said; else NULL. */
static const struct measure *measure_in_turn(const struct batch *batch, int number, bool with_trajectory)
{
    const struct measure *measure = measure_at(number);
    const bool is_asked = batch->measures & 1u << number, needs_one = measure->needs & NEEDS_TRAJECTORY;
    return is_asked && needs_one == with_trajectory ? measure : NULL;
}

static enum status call_measure(struct measure_task *task, const struct measure *measure)
{
    SCOPED(phase_visit) visit = phases_visit(task->context->phases, PHASE_MEASURES);
    const double start = clock_seconds();
    const enum status status = measure->function(task);
    task->context->measure_seconds[task->measure] += clock_seconds() - start;
    return status;
}

static enum status call_measures(struct measure_task *task, bool with_trajectory)
{
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_in_turn(task->batch, number, with_trajectory);
        enum jacobian_outcome outcome = JACOBIAN_FOUND;
        if (!measure || !measure->function)
            continue;
        task->measure = number;
        TRY(chain_norms_accept_failure(task->batch, call_measure(task, measure), &outcome, 1));
        for (long chain = 0; outcome != JACOBIAN_FOUND && chain < task->count; chain++)
            task_fail(task, chain, outcome);
    }
    return STATUS_OK;
}

static void derive_measures(struct measure_task *task, bool with_trajectory)
{
    for (task->measure = 0; task->measure < MEASURES; task->measure++) {
        const struct measure *measure = measure_in_turn(task->batch, task->measure, with_trajectory);
        for (long chain = 0; measure && measure->derive && chain < task->count; chain++)
            if (task->results->outcomes[task->first_chain + chain].of[task->measure] == JACOBIAN_FOUND)
                measure->derive(task, chain);
    }
}

static void note_methods(const struct run *run, const struct chain_norms *norms, long first, long count)
{
    for (long i = 0; i < count; i++) {
        const bool fell_back = norms->fell_back && norms->fell_back[chain_norms_of(norms, i)];
        run->results.methods[first + i] = fell_back ? METHOD_EXPLICIT : norms->method;
    }
}

static struct measure_task task_of(const struct run *run, const struct chain_norms *norms, long first, long count)
{
    return (struct measure_task){ .batch = &run->batch,
                                  .context = run->context,
                                  .results = &run->results,
                                  .first_chain = first,
                                  .count = count,
                                  .norms = norms,
                                  .bounds = &run->bounds };
}

/* A batch at its anchors. */
struct anchored {
    struct run *runs;   /* [count] */
    void **values;      /* [count][datasets]: of their results */
    double *log_bounds; /* [count][lag_count]: of their bounds */
    long count;
};

static void anchored_close(struct anchored *anchored)
{
    for (long a = 0; anchored->runs && a < anchored->count; a++)
        chain_norms_destroy(&anchored->runs[a].norms);
    memory_free(anchored->runs);
    memory_free(anchored->values);
    memory_free(anchored->log_bounds);
}
SCOPED_VALUE(anchored, anchored_close)

/* Of an anchor. */
static const struct chain_norms *norms_of_identity(const struct anchored *anchored, long a)
{
    return &anchored->runs[batch_is_untied(&anchored->runs[0].batch) ? a : 0].norms;
}

/* All that needs the trajectory, which stands at the run's anchor, of chains first .. first+count-1 side by side;
 * `shared`: the norms of identity, which are known already. */
static enum status measure_at_anchor(const struct run *run, const struct chain_norms *shared, long first, long count,
                                     const struct chain *chains, const struct trajectory *trajectory)
{
    const struct batch *batch = &run->batch;
    SCOPED(chain_norms) norms = { 0 };
    struct measure_task task = task_of(run, shared ? shared : &norms, first, count);
    task.chains = chains;
    task.trajectory = trajectory;
    if (!shared) {
        TRY(chain_norms_find(batch, run->context, run->method, trajectory, count, run->bounds.log_bounds, &norms));
        note_methods(run, &norms, first, count);
        TRY(call_measures(&task, false));
    }
    TRY(call_measures(&task, true));
    flushed_fail(&task);
    if (!shared)
        derive_measures(&task, false);
    derive_measures(&task, true);
    return STATUS_OK;
}

/* The course of a batch's trajectory to the anchor of a run. */
static enum status go_on(const struct run *run, struct course *course)
{
    SCOPED(phase_visit) visit = phases_visit(run->context->phases, PHASE_TRAJECTORY);
    return course_go_on(course, run->model.steps, run->context->stop_requested);
}

/* Trajectories of identity are run for their states, of others for their derivatives. */
static enum trajectory_keep kept_of(const struct batch *batch)
{
    if (measure_any_needs(batch->measures, NEEDS_STATES))
        return KEEP_STATES;
    return batch->activation->is_identity ? KEEP_DERIVATIVES : KEEP_DERIVATIVES_ALONE;
}

/* The trajectory of chains first .. first+count-1 side by side, with what is measured at each anchor on its way. */
static enum status measure_on_trajectory(const struct anchored *anchored, bool is_shared, long first, long count)
{
    const struct run *last = &anchored->runs[anchored->count - 1];
    const struct batch *batch = &last->batch;
    struct chain chains[CHAINS_SIDE_BY_SIDE];
    SCOPED(trajectory) trajectory = { 0 };
    SCOPED(course) *course = NULL;
    const struct chain_question question = question_of(batch);
    const long window = chain_window(&question);
    const double d = (double)weights_hidden_size(batch->weights);
    for (long i = 0; i < count; i++)
        chains[i] = (struct chain){ batch->activation, batch->couplings[first + i], 1.0,
                                    batch->drives ? &batch->drives[first + i] : NULL };
    {
        SCOPED(phase_visit) visit = phases_visit(last->context->phases, PHASE_TRAJECTORY);
        TRY(course_open(batch->model, batch->weights, count, chains, window, kept_of(batch), &trajectory, &course));
    }
    for (long a = 0; a < anchored->count; a++) {
        const struct run *run = &anchored->runs[a];
        TRY(go_on(run, course));
        TRY(measure_at_anchor(run, is_shared ? norms_of_identity(anchored, a) : NULL, first, count, chains,
                              &trajectory));
    }
    last->context->flops += 2.0 * d * d * (double)count * (double)batch->model->steps;
    return STATUS_OK;
}

static enum status measure_trajectories(const struct anchored *anchored, bool is_shared)
{
    const struct batch *batch = &anchored->runs[0].batch;
    const struct chain_question question = question_of(batch);
    const long width = chain_cost_side_by_side(&question), all = batch->count;
    for (long first = 0; first < all; first += width)
        TRY(measure_on_trajectory(anchored, is_shared, first, all - first < width ? all - first : width));
    return STATUS_OK;
}

/* For identity J_l = kappa^l W_unit^l: one product, or what is known of W, serves all chains; and all anchors, but for
 * weights that change at every step. */
static enum status find_norms_of_identity(struct run *run)
{
    run->norms = (struct chain_norms){ .method = run->method };
    if (run->method == METHOD_CLOSED_FORM)
        return STATUS_OK;
    return chain_norms_find(&run->batch, run->context, run->method, NULL, 1, run->bounds.log_bounds, &run->norms);
}

static enum status measure_identity(const struct anchored *anchored)
{
    const struct batch *batch = &anchored->runs[0].batch;
    const bool is_one = !batch_is_untied(batch);
    for (long a = 0; a < anchored->count; a++) {
        struct run *run = &anchored->runs[a];
        if (a == 0 || !is_one)
            TRY(find_norms_of_identity(run));
        struct measure_task task = task_of(run, norms_of_identity(anchored, a), 0, batch->count);
        note_methods(run, task.norms, 0, batch->count);
        TRY(call_measures(&task, false));
    }
    if (measure_any_needs(batch->measures, NEEDS_TRAJECTORY))
        TRY(measure_trajectories(anchored, true));
    for (long a = 0; a < anchored->count; a++) {
        struct measure_task task = task_of(&anchored->runs[a], norms_of_identity(anchored, a), 0, batch->count);
        derive_measures(&task, false); /* now that all else is there */
    }
    return STATUS_OK;
}

/* log_bounds[lag_count] := the sums of ln ||W_unit,t|| over each lag. */
static enum status find_unit_bounds(const struct run *run)
{
    const struct batch *batch = &run->batch;
    double *log_bounds = run->bounds.log_bounds;
    for (long i = 0; i < batch->lag_count; i++)
        log_bounds[i] = NAN; /* in case none are found */
    struct jacobian_problem problem = chain_norms_problem(batch, NULL, 1);
    if (batch_is_untied(batch)) {
        SCOPED(phase_visit) visit = phases_visit(run->context->phases, PHASE_NORMS);
        return jacobian_step_weight_norms(&problem, run->context, log_bounds);
    }
    for (long i = 0; i < batch->lag_count; i++)
        log_bounds[i] = (double)batch->lags[i] * batch_log_unit_norm(batch);
    return STATUS_OK;
}

/* ---- the end ---- */

/* For find_values of a chain. */
struct subject {
    const struct batch *batch;
    const struct batch_results *results;
    long chain;
};

static const double *find_values(const void *context, const char *dataset)
{
    const struct subject *subject = context;
    size_t number;
    if (!measure_dataset_find(subject->batch->measures, dataset, &number))
        return NULL;
    return batch_values_at(subject->batch, subject->results, subject->chain, number);
}

/* Whether all values of a measure are numbers, but for those that cannot be. */
static bool has_numbers(const struct batch *batch, const struct batch_results *results, long chain, int measure)
{
    const struct subject subject = { batch, results, chain };
    const struct measured_cell measured = { .ensemble = weights_ensemble(batch->weights),
                                            .activation = batch->activation,
                                            .model = batch->model,
                                            .options = &batch->options,
                                            .hidden_size = weights_hidden_size(batch->weights),
                                            .lags = batch->lags,
                                            .lag_count = batch->lag_count,
                                            .native = batch->native };
    const struct absence_place place = {
        .cell = &measured, .time = batch->model->steps, .find_values = find_values, .context = &subject
    };
    const size_t first = measure_first_dataset(batch->measures, measure);
    for (size_t i = 0; i < measure_at(measure)->dataset_count; i++) {
        const struct dataset_rule *rule = &measure_at(measure)->datasets[i];
        const void *values = batch_values_at(batch, results, chain, first + i);
        if (rule->type == TYPE_FLOAT64 && !absence_fits(rule, &place, values))
            return false;
    }
    return true;
}

/* Failed measures lose what they have left. Numbers are held against the table of measures before they count as found:
 * whatever made a NaN, it is a failure of its measure, and never a result. */
static void finish_chain(const struct batch *batch, const struct batch_results *results, long chain)
{
    enum jacobian_outcome *outcomes = results->outcomes[chain].of;
    for (int number = 0; number < MEASURES; number++)
        if (outcomes[number] != JACOBIAN_FOUND)
            batch_erase_measure(batch, results, chain, number);
    for (int number = 0; number < MEASURES; number++)
        if (batch->measures & 1u << number && outcomes[number] == JACOBIAN_FOUND &&
            !has_numbers(batch, results, chain, number)) {
            outcomes[number] = JACOBIAN_NOT_FINITE;
            batch_erase_measure(batch, results, chain, number);
        }
}

/* `anchored` is its owner's to close, also where this fails. */
static enum status anchored_allocate(const struct batch *batch, struct anchored *anchored)
{
    const long count = anchored->count, datasets = (long)measure_dataset_count(batch->measures);
    TRY(memory_allocate(&anchored->runs, count, "anchors of a network"));
    TRY(memory_allocate(&anchored->values, count * datasets, "anchors of a network"));
    return memory_allocate(&anchored->log_bounds, count * batch->lag_count, "bounds of a network");
}

/* The results of one anchor, values[datasets] among them. */
static struct batch_results results_at(const struct batch *batch, const struct batch_results *results, long anchor,
                                       void **values)
{
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(batch->measures, number)); number++)
        values[number] =
            results->values[number] ? batch_values_at(batch, results, anchor * batch->count, number) : NULL;
    return (struct batch_results){ .values = values,
                                   .outcomes = results->outcomes + anchor * batch->count,
                                   .methods = results->methods + anchor * batch->count };
}

static void fill_anchor(const struct batch *batch, struct gradient_context *context,
                        const struct batch_results *results, long a, struct anchored *anchored)
{
    void **values = anchored->values + a * (long)measure_dataset_count(batch->measures);
    const struct chain_question question = question_of(batch);
    struct run *run = &anchored->runs[a];
    *run = (struct run){ .model = *batch->model,
                         .batch = *batch,
                         .context = context,
                         .results = results_at(batch, results, a, values),
                         .bounds.log_bounds = anchored->log_bounds + a * batch->lag_count,
                         .method = chain_method(&question) };
    if (batch->anchor_count > 0)
        run->model.steps = batch->anchors[a];
    run->batch.model = &run->model;
}

enum status batch_measure(const struct batch *batch, struct gradient_context *context,
                          const struct batch_results *results)
{
    SCOPED(anchored) anchored = { .count = batch->anchor_count > 0 ? batch->anchor_count : 1 };
    TRY(anchored_allocate(batch, &anchored));
    for (long a = 0; a < anchored.count; a++) {
        struct run *run = &anchored.runs[a];
        fill_anchor(batch, context, results, a, &anchored);
        TRY(chain_norms_accept_failure(&run->batch, find_unit_bounds(run), &run->bounds.outcome, 1));
    }
    TRY(batch->activation->is_identity ? measure_identity(&anchored) : measure_trajectories(&anchored, false));
    for (long a = 0; a < anchored.count; a++)
        for (long chain = 0; chain < batch->count; chain++)
            finish_chain(&anchored.runs[a].batch, &anchored.runs[a].results, chain);
    return STATUS_OK;
}
