#include "run/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "linalg/blas.h"
#include "parallel/counter.h"
#include "parallel/stop.h"
#include "run/crew.h"
#include "run/executor.h"
#include "run/provenance.h"
#include "run/speed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* After a stop request a unit has so long to notice it or to finish; then the rank is ended. */
static const double GRACE_SECONDS = 10.0;
/* A power loss costs at most so much. */
static const double FLUSH_INTERVAL = 60.0;
static const double MEETING_INTERVAL = 0.25;
/* Runs of so many seconds or more begin with a measurement of the machine's speed, of 50 ms. */
static const double MEASURED_FROM_SECONDS = 2.0;

enum { PROVENANCE_TEXT = 4096, ACCOUNT_TEXT = 256 };

struct run {
    const struct world *world;
    const struct sweep *sweep;
    const struct run_options *options;
    struct store *store;
    struct unit_list *units;
    uint64_t cells; /* to be computed into this file: of the grid, or of the shard */
    struct schedule *schedule;
    struct crew *crew;
    struct executor *executor;
    struct counter *counter;
    struct progress progress;
    struct provenance provenance;
    uint64_t earlier_failures;
    double work_seconds;       /* predicted, of all ranks for all units */
    struct store_tally tally;  /* of the whole file, in the end */
    bool is_stopped;           /* by a request on any rank; known in the end */
    uint64_t networks_lacking; /* memory for their spectra: on this rank, in the end on all */
    struct phases phases;      /* of this rank */
    struct account account;    /* of this rank, in the end of all */
    double last_flush;
};

static void run_close(struct run *run)
{
    executor_close(run->executor);
    crew_close(run->crew);
    schedule_close(run->schedule);
    unit_list_close(run->units);
}
SCOPED_VALUE(run, run_close)

static bool is_first(const struct run *run)
{
    return run->world->rank == 0;
}

/* Rank 0 shows how far all have come, and stops the run where too many cells have failed. */
static void oversee(struct run *run, bool is_last)
{
    if (!is_first(run))
        return;
    struct counter_progress total = counter_progress(run->counter);
    double share = run->work_seconds > 0.0 ? fmin(1.0, total.work_seconds / run->work_seconds) : 1.0;
    progress_show(&run->progress, total.cells_done, total.cells_failed, total.flops, share, is_last);
    uint64_t limit = run->options->max_failures;
    if (limit > 0 && run->earlier_failures + total.cells_failed >= limit)
        stop_request_failure("too many cells failed, the limit of --max-failures");
}

static enum status do_unit(struct run *run, int level, const struct team *team, uint64_t position)
{
    struct executor_tally tally = { 0 };
    struct unit unit = unit_list_at(run->units, schedule_unit(run->schedule, level, position));
    double start = clock_seconds();
    enum status status = executor_do(run->executor, &unit, &tally);
    run->networks_lacking += tally.networks_lacking;
    double now = clock_seconds();
    run->account.busy_seconds += now - start;
    run->account.operations += tally.flops;
    struct counter_progress increment = { tally.cells_done, tally.cells_failed, tally.flops, 0.0 };
    if (status == STATUS_OK && team->rank == 0)
        increment.work_seconds = schedule_seconds(run->schedule, level, position) * team->size;
    counter_report(run->counter, &increment);
    if (status == STATUS_OK && team->rank == 0 && now - run->last_flush > FLUSH_INTERVAL) {
        run->last_flush = now;
        SCOPED(phase_visit) visit = phases_visit(&run->phases, PHASE_STORE);
        status = store_flush(run->store);
    }
    oversee(run, false);
    return team_agree(team, status);
}

/* Positions first .. first+amount-1 of a queue. */
static enum status do_range(struct run *run, int level, const struct team *team, int64_t first, int64_t amount)
{
    int64_t length = (int64_t)schedule_queue_length(run->schedule, level);
    for (int64_t position = first; position < first + amount && position < length; position++) {
        if (team_stop_requested())
            return STATUS_OK;
        if (shard_holds(&run->options->shard, schedule_unit(run->schedule, level, (uint64_t)position)))
            TRY(do_unit(run, level, team, (uint64_t)position));
    }
    return STATUS_OK;
}

/* A team's next positions: its rank 0 asks the counter and tells the others. */
static enum status claim(struct run *run, int level, const struct team *team, int64_t amount, int64_t *first)
{
    enum status status = STATUS_OK;
    SCOPED(phase_visit) visit = phases_visit(&run->phases, PHASE_WAITING);
    if (team->rank == 0)
        status = counter_claim(run->counter, level, amount, first);
    TRY(team_agree(team, status));
    return team_broadcast(team, first, sizeof *first);
}

/* The queue of one team size, until it is empty or a stop is requested. */
static enum status empty_queue(struct run *run, int level, const struct team *team)
{
    int64_t length = (int64_t)schedule_queue_length(run->schedule, level), amount = 1;
    int64_t first = schedule_given_position(run->schedule, level, team->number);
    if (length == 0)
        return STATUS_OK;
    executor_join(run->executor, crew_grid(run->crew, level));
    if (first < 0)
        TRY(claim(run, level, team, amount, &first));
    while (first < length && !team_stop_requested()) {
        TRY(do_range(run, level, team, first, amount));
        amount = schedule_claim(run->schedule, level, (uint64_t)first);
        TRY(claim(run, level, team, amount, &first));
    }
    return STATUS_OK;
}

/* From the largest team this rank begins in down to itself alone. */
static enum status work(struct run *run)
{
    int level = schedule_first_level(run->schedule, run->world->rank);
    for (; level < schedule_level_count(run->schedule); level++) {
        const struct team *team = crew_team(run->crew, level);
        if (team)
            TRY(empty_queue(run, level, team));
    }
    return STATUS_OK;
}

/* Everybody's units, until none is left or a stop is requested. A rank with an error stops the others: nothing may be
 * computed that cannot be kept. Collective. */
static enum status work_together(struct run *run)
{
    int64_t starts[SCHEDULE_MAX_LEVELS];
    int levels = schedule_level_count(run->schedule);
    for (int level = 0; level < levels; level++)
        starts[level] = schedule_counter_start(run->schedule, level);
    run->phases = phases_start();
    const double began = run->phases.since;
    TRY(counter_create(run->world, levels, starts, GRACE_SECONDS, &run->counter));
    run->last_flush = clock_seconds();
    enum status status = work(run);
    team_enter(NULL);
    if (status != STATUS_OK && status != STATUS_STOPPED)
        stop_request_failure(status_message());
    phases_enter(&run->phases, PHASE_WAITING);
    while (!counter_meet(run->counter, MEETING_INTERVAL) && !stop_requested())
        oversee(run, false);
    phases_enter(&run->phases, PHASE_OTHER);
    run->account.wall_seconds = run->phases.since - began;
    oversee(run, true);
    counter_destroy(run->counter);
    return status == STATUS_STOPPED ? STATUS_OK : status;
}

/* Where the time went, and how fast this machine is when all ranks compute. Collective. */
static enum status draw_up_account(struct run *run)
{
    struct account *account = &run->account;
    memcpy(account->seconds, run->phases.seconds, sizeof account->seconds);
    memcpy(account->measure_seconds, executor_measure_seconds(run->executor), sizeof account->measure_seconds);
    TRY(world_agree(run->world, speed_dgemm(&account->dgemm_rate)));
    TRY(account_gather(run->world, account));
    run->provenance.account = account;
    return STATUS_OK;
}

/* What is in the file, counted by rank 0 and told to all. Collective. */
static enum status count_cells(const struct run *run, struct store_tally *tally)
{
    enum status status = is_first(run) ? store_count(run->store, tally) : STATUS_OK;
    TRY(world_agree(run->world, status));
    uint64_t counts[3] = { tally->done, tally->failed, tally->pending };
    TRY(world_check(MPI_Bcast(counts, 3, MPI_UINT64_T, 0, run->world->communicator), "telling the cell counts"));
    *tally = (struct store_tally){ counts[0], counts[1], counts[2] };
    return STATUS_OK;
}

static enum status write_provenance(struct run *run)
{
    char text[PROVENANCE_TEXT];
    if (!is_first(run))
        return STATUS_OK;
    provenance_write(&run->provenance, text, sizeof text);
    return store_write_provenance(run->store, text);
}

/* The same bits are promised for one build and CPU type. */
static enum status compare_provenance(const struct run *run)
{
    char earlier[PROVENANCE_TEXT], now[PROVENANCE_TEXT], differences[PROVENANCE_TEXT];
    if (!is_first(run))
        return STATUS_OK;
    TRY(store_read_provenance(run->store, earlier, sizeof earlier));
    provenance_write(&run->provenance, now, sizeof now);
    provenance_compare(earlier, now, differences, sizeof differences);
    if (earlier[0] != '\0' && differences[0] != '\0')
        log_warning(
            "%s: an earlier run had another CPU or build (%s); what is computed now may differ in its last bits "
            "from what it would have computed",
            run->options->output, differences);
    return STATUS_OK;
}

static enum status judge(const struct run *run, const struct store_tally *tally)
{
    unsigned long long pending = tally->pending, failed = tally->failed;
    const char *path = run->options->output, *reason = stop_reason();
    uint64_t limit = run->options->max_failures;
    if (limit > 0 && tally->failed >= limit && tally->pending > 0)
        return status_fail(STATUS_FAILED_CELLS,
                           "%s: %llu cells failed, the limit of --max-failures; see gradsweep info %s", path, failed,
                           path);
    if (tally->pending > 0 && !run->is_stopped)
        return status_fail(STATUS_IO,
                           "%s: %llu cells were computed and are not in the file; is the disk in order? --resume "
                           "computes them again",
                           path, pending);
    if (tally->pending > 0)
        return status_fail(STATUS_STOPPED, "%s: stopped%s%s with %llu cells pending; go on with --resume", path,
                           reason[0] ? " by " : "", reason, pending);
    if (tally->failed > 0)
        return status_fail(STATUS_FAILED_CELLS, "%s: %llu cells failed; gradsweep info %s lists the reasons", path,
                           failed, path);
    if (run->networks_lacking > 0)
        return status_fail(STATUS_MEMORY,
                           "%s: cannot allocate memory for the spectra of %llu networks; use fewer ranks per node, and "
                           "--resume to compute them",
                           path, (unsigned long long)run->networks_lacking);
    return STATUS_OK;
}

/* Predicts times as they are to be expected of this machine, where the run is long enough for it to matter. Collective,
 * and agreed. */
static enum status measure_speed(struct run *run)
{
    struct cost_speed speed;
    if (unit_list_cost(run->units).seconds < MEASURED_FROM_SECONDS * run->world->size)
        return STATUS_OK;
    TRY(speed_agree(run->world, &speed));
    unit_list_set_speed(run->units, &speed);
    return STATUS_OK;
}

static enum status prepare(struct run *run, bool is_fresh)
{
    struct store_tally tally = { .pending = run->cells };
    const struct shard *shard = &run->options->shard;
    TRY(measure_speed(run));
    enum status status = schedule_open(run->units, run->world->size, &run->schedule);
    if (status == STATUS_OK)
        status = executor_open(run->sweep, run->store, is_fresh, !shard_is_whole(shard), run->options->retry_failed,
                               &run->phases, &run->executor);
    TRY(world_agree(run->world, status));
    const double share = shard_is_whole(shard) ? 1.0 : 1.0 / (double)shard->count;
    schedule_set_share(run->schedule, share);
    TRY(crew_open(run->world, run->schedule, &run->crew));
    run->work_seconds = schedule_core_seconds(run->schedule) * share;
    if (!is_fresh) {
        TRY(world_agree(run->world, compare_provenance(run)));
        TRY(count_cells(run, &tally));
    }
    run->earlier_failures = run->options->retry_failed ? 0 : tally.failed;
    run->provenance.cells_before = tally.done + run->earlier_failures;
    run->progress = progress_start(run->options->progress, run->cells, tally.done, run->earlier_failures);
    if (is_first(run))
        log_info("%s: %llu cells in %llu units on %d rank%s%s", run->options->output, (unsigned long long)run->cells,
                 (unsigned long long)shard_unit_count(shard, run->units), run->world->size,
                 run->world->size == 1 ? "" : "s", is_fresh ? "" : ", resumed");
    TRY(crew_describe(run->crew));
    run->provenance.team_count = schedule_level_count(run->schedule);
    run->provenance.team_sizes = schedule_team_sizes(run->schedule);
    run->provenance.threads = crew_threads(run->crew);
    return world_agree(run->world, write_provenance(run));
}

/* What any rank knows of a stop, and of networks without spectra. Collective. */
static enum status share_what_happened(struct run *run)
{
    uint64_t happened[2] = { stop_requested(), run->networks_lacking };
    TRY(world_check(MPI_Allreduce(MPI_IN_PLACE, happened, 2, MPI_UINT64_T, MPI_SUM, run->world->communicator),
                    "asking whether the run was stopped"));
    run->is_stopped = happened[0] > 0;
    run->networks_lacking = happened[1];
    return STATUS_OK;
}

static void tell_account(const struct run *run)
{
    char text[ACCOUNT_TEXT];
    account_describe(&run->account, text, sizeof text);
    log_info("%.2f s from the published file to the last unit, ranks %.1f%% busy: %s", run->account.wall_seconds,
             100.0 * account_busy_fraction(&run->account, run->world->size), text);
}

static enum status finish(struct run *run)
{
    TRY(draw_up_account(run));
    TRY(share_what_happened(run));
    TRY(count_cells(run, &run->tally));
    enum status verdict = judge(run, &run->tally);
    clock_utc_text(run->provenance.end, sizeof run->provenance.end);
    run->provenance.exit_code = status_exit_code(verdict);
    TRY(world_agree(run->world, write_provenance(run)));
    if (is_first(run))
        tell_account(run);
    return verdict;
}

/* Which cells are a shard's follows from the units, so these come before the file. Collective. */
static enum status open_file(struct run *run, bool *is_fresh)
{
    const struct run_options *options = run->options;
    enum status status = blas_reserve();
    if (status == STATUS_OK)
        status = unit_list_open(run->sweep, &run->units);
    TRY(world_agree(run->world, status));
    const struct shard_units units = { options->shard, run->units };
    const bool is_whole = shard_is_whole(&options->shard);
    const struct shard_cells shard = is_whole ? (struct shard_cells){ 0 } : shard_units_cells(&units);
    run->cells = is_whole ? grid_cell_count(run->sweep) : shard.mark.cells;
    return store_open(run->world, run->sweep, is_whole ? NULL : &shard, options->output, options->mode,
                      options->break_lock, &run->store, is_fresh);
}

/* Whatever the verdict promises, the closed file must keep: where it does not, that is what is told. A run that was
 * stopped leaves the reading back of all cells to the one that goes on, which does so anyway. Collective. */
static enum status close_file(struct run *run, enum status verdict)
{
    char message[STATUS_MESSAGE_SIZE];
    const bool is_promise = verdict == STATUS_OK || verdict == STATUS_STOPPED || verdict == STATUS_FAILED_CELLS;
    const bool is_read_back = is_promise && verdict != STATUS_STOPPED;
    snprintf(message, sizeof message, "%s", status_message());
    enum status closed = store_close_verified(run->store, is_read_back ? &run->tally : NULL);
    if (closed != STATUS_OK && is_promise)
        return closed;
    return verdict == STATUS_OK ? STATUS_OK : status_fail(verdict, "%s", message);
}

/* A compressed copy that is complete needs no run, so that a job's line may be repeated on it. Collective. */
static enum status find_finished_copy(struct run *run, bool *is_finished)
{
    const struct run_options *options = run->options;
    const struct shard *shard = &options->shard;
    const struct shard_cells asked = { .mark = *shard };
    *is_finished = false;
    if (options->mode != STORE_RESUME)
        return STATUS_OK;
    TRY(store_find_finished_copy(run->world, run->sweep, shard_is_whole(shard) ? NULL : &asked, options->output,
                                 is_finished, &run->tally));
    if (options->retry_failed && run->tally.failed > 0)
        *is_finished = false;
    if (*is_finished && is_first(run))
        log_info("%s: a compressed copy of finished results, all as they were written: nothing to compute",
                 options->output);
    return STATUS_OK;
}

enum status run_sweep(const struct world *world, const struct sweep *sweep, const struct run_options *options)
{
    SCOPED(run) run = { .world = world, .sweep = sweep, .options = options };
    bool is_fresh, is_finished;
    run.provenance = (struct provenance){ .ranks = world->size, .shard = options->shard };
    clock_utc_text(run.provenance.start, sizeof run.provenance.start);
    if (options->max_seconds > 0.0)
        stop_at(clock_seconds() + options->max_seconds, "--max-time");
    TRY(find_finished_copy(&run, &is_finished));
    if (is_finished)
        return judge(&run, &run.tally);
    TRY(open_file(&run, &is_fresh));
    enum status status = prepare(&run, is_fresh);
    if (status == STATUS_OK)
        status = world_agree(world, work_together(&run));
    if (status == STATUS_OK)
        status = finish(&run);
    return close_file(&run, status);
}
