/* The public interface over the floors below. */
#include "gradsweep/gradsweep.h"

#include "base/log.h"
#include "base/memory.h"
#include "check/check.h"
#include "h5/file.h"
#include "linalg/spectrum.h"
#include "parallel/launch.h"
#include "parallel/stop.h"
#include "run/command.h"
#include "run/plan_report.h"
#include "run/refine.h"
#include "run/run.h"
#include "store/extend.h"
#include "store/first_look.h"
#include "store/inspect.h"
#include "store/merge.h"
#include "sweep/help.h"

#include <stdio.h>

/* How long the last meeting of all ranks may take at the end. */
static const double CLOSING_SECONDS = 30.0;

const char *gradsweep_message(void)
{
    return status_message();
}

const char *gradsweep_version(void)
{
    return GRADSWEEP_VERSION;
}

int gradsweep_help_sweep(const char *key, bool json, FILE *out)
{
    return status_exit_code(sweep_help(key, json, out));
}

int gradsweep_info(const char *path, bool json, FILE *out)
{
    return status_exit_code(json ? store_info_json(path, out) : store_info(path, out));
}

int gradsweep_check(const char *path, FILE *out)
{
    return status_exit_code(check_file(path, out));
}

int gradsweep_merge(const char *output, size_t count, const char *const *shards)
{
    return status_exit_code(merge_shards(output, count, shards));
}

static void warn(const char *text)
{
    log_warning("%s", text);
}

static enum status open_asked(const struct gradsweep_sweep *asked, struct sweep **sweep)
{
    return sweep_open(asked->path, asked->override_count, asked->overrides, true, sweep);
}

int gradsweep_extend(const struct gradsweep_sweep *asked, const char *old, const char *output)
{
    struct sweep *sweep;
    enum status status = open_asked(asked, &sweep);
    if (status != STATUS_OK)
        return status_exit_code(status);
    status = extend_results(sweep, old, output);
    sweep_close(sweep);
    return status_exit_code(status);
}

int gradsweep_refine(const char *path, const struct gradsweep_refine_options *options, const char *finer, FILE *out)
{
    const struct refine_options asked = { options->axis, options->quantity, options->width };
    return status_exit_code(refine_axis(path, &asked, finer, out));
}

/* Rank 0 reads the sweep file and looks into the network files it names, once, and tells the others the effective text;
 * then every rank reads the inputs that all its networks need. Collective. */
static enum status open_sweep(const struct world *world, const struct gradsweep_sweep *asked, struct sweep **sweep)
{
    char *text = NULL;
    enum status status = STATUS_OK;
    *sweep = NULL;
    if (world->rank == 0)
        status = open_asked(asked, sweep);
    TRY(world_agree(world, status));
    if (world->rank == 0)
        text = (*sweep)->text;
    TRY(world_broadcast_text(world, &text));
    if (world->rank != 0) {
        status = sweep_parse(text, sweep);
        memory_free(text);
    }
    if (status == STATUS_OK)
        status = sweep_load(*sweep);
    return world_agree(world, status);
}

static struct run_options options_of(const struct gradsweep_run_options *asked)
{
    static const enum store_mode modes[] = { [GRADSWEEP_REFUSE_EXISTING] = STORE_NEW,
                                             [GRADSWEEP_RESUME] = STORE_RESUME,
                                             [GRADSWEEP_OVERWRITE] = STORE_OVERWRITE };
    static const enum progress_style styles[] = { [GRADSWEEP_PROGRESS_AUTO] = PROGRESS_AUTO,
                                                  [GRADSWEEP_PROGRESS_BAR] = PROGRESS_BAR,
                                                  [GRADSWEEP_PROGRESS_JSON] = PROGRESS_JSON,
                                                  [GRADSWEEP_PROGRESS_NONE] = PROGRESS_NONE };
    return (struct run_options){ .output = asked->output,
                                 .mode = modes[asked->existing],
                                 .break_lock = asked->break_lock,
                                 .retry_failed = asked->retry_failed,
                                 .max_seconds = asked->max_seconds,
                                 .max_failures = asked->max_failures,
                                 .progress = styles[asked->progress],
                                 .shard = { .number = asked->shard_number, .count = asked->shard_count } };
}

/* Before MPI starts, of which no child process may be made: the file that is to be gone on with, or replaced, by the
 * process that will open it. The message is kept for when all ranks can be told. */
static enum status look_at_output(const struct run_options *options, char message[STATUS_MESSAGE_SIZE])
{
    message[0] = '\0';
    if (options->mode == STORE_NEW || !launch_is_first())
        return STATUS_OK;
    if (first_look(options->output) == STATUS_OK)
        return STATUS_OK;
    snprintf(message, STATUS_MESSAGE_SIZE, "left untouched: %s", status_message());
    return STATUS_REFUSED;
}

int gradsweep_run(int *argc, char ***argv, const struct gradsweep_sweep *asked,
                  const struct gradsweep_run_options *run_options)
{
    struct world world;
    struct sweep *sweep = NULL;
    struct run_options options = options_of(run_options);
    char message[STATUS_MESSAGE_SIZE];
    /* Before MPI starts: a signal that comes while it does is a stop like any other. */
    enum status installed = stop_install_handlers();
    enum status looked = look_at_output(&options, message);
    enum status status = world_open(argc, argv, &world);
    if (status != STATUS_OK) {
        if (world.is_first)
            log_error("%s", status_message());
        if (world.communicator != MPI_COMM_NULL)
            world_close(&world, status_exit_code(status), CLOSING_SECONDS);
        return status_exit_code(status);
    }
    /* Again: MPICH has taken SIGUSR1, by which its launcher tells of a rank that died. A rank alone would answer it by
     * looking for that launcher, and wait for it for ever. */
    if (installed == STATUS_OK)
        installed = stop_install_handlers();
    log_configure(world.rank == 0);
    spectrum_set_blas_threads(1); /* one rank a core; the BLAS would start a thread a core in each */
    status = world_agree(&world, installed);
    if (status == STATUS_OK)
        status = world_agree(&world, looked == STATUS_OK ? STATUS_OK : status_fail(looked, "%s", message));
    if (status == STATUS_OK)
        status = command_require_same(&world, asked, run_options);
    if (status == STATUS_OK)
        status = open_sweep(&world, asked, &sweep);
    if (status == STATUS_OK)
        status = world_agree(&world, world.rank == 0 ? sweep_foresee_absences(sweep, warn) : STATUS_OK);
    if (status == STATUS_OK)
        status = run_sweep(&world, sweep, &options);
    if (world.rank == 0 && status != STATUS_OK)
        log_message(status == STATUS_STOPPED ? LOG_INFO : LOG_ERROR, "%s", status_message());
    sweep_close(sweep);
    world.is_spoilt = h5_file_is_spoilt();
    world_close(&world, status_exit_code(status), CLOSING_SECONDS);
    return status_exit_code(status);
}

int gradsweep_plan(const struct gradsweep_sweep *asked, const struct gradsweep_plan_options *options, FILE *out)
{
    struct sweep *sweep;
    struct plan_request request = { options->count, options->ranks, options->cores_per_node, options->memory_per_rank };
    enum status status = open_asked(asked, &sweep);
    if (status != STATUS_OK)
        return status_exit_code(status);
    spectrum_set_blas_threads(1);
    status = sweep_foresee_absences(sweep, warn);
    if (status == STATUS_OK)
        status = plan_report(sweep, &request, out);
    sweep_close(sweep);
    return status_exit_code(status);
}
