#include "parallel/launch.h"

#include "base/clock.h"
#include "base/log.h"
#include "parallel/stop.h"
#include "parallel/thread.h"
#include "parallel/watch.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- what the launchers say ---- */

/* Slurm gives numbers from here on to steps that nobody started with srun: the script of a job, salloc's shell. */
static const long FIRST_SPECIAL_STEP = 0xfffffff0;

/* What tells a process which one of how many it is; NULL: does not tell. The first row that is there decides. */
static const struct launcher {
    const char *rank, *size;
} launchers[] = {
    { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
    { "PMI_RANK", "PMI_SIZE" },
    { "PMIX_RANK", NULL },
    { "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE" },
    { "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE" },
    { "MPI_LOCALRANKID", "MPI_LOCALNRANKS" },
    { "SLURM_PROCID", "SLURM_STEP_NUM_TASKS" },
};
enum { LAUNCHERS = sizeof launchers / sizeof *launchers };
#define MPIRUN (&launchers[0])
/* Slurm's counts in a step alone. */
#define SLURM_STEP (&launchers[LAUNCHERS - 1])

/* -1 where there is no such variable, or no number in it. */
static long find_number(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -1;
    const long number = strtol(text, &end, 10);
    return *end == '\0' ? number : -1;
}

static bool is_in_slurm_step(void)
{
    const long step = find_number("SLURM_STEP_ID");
    return step >= 0 && step < FIRST_SPECIAL_STEP;
}

static bool is_first_process(void)
{
    for (int i = 0; i < LAUNCHERS; i++) {
        const long rank = find_number(launchers[i].rank);
        if (rank >= 0)
            return rank == 0;
    }
    return true;
}

struct launch launch_find(void)
{
    struct launch launch = { .ranks = 1, .is_first = true };
    for (int i = 0; launch.variable == NULL && i < LAUNCHERS; i++)
        if (launchers[i].size && find_number(launchers[i].size) > 0 &&
            (&launchers[i] != SLURM_STEP || is_in_slurm_step()))
            launch.variable = launchers[i].size;
    if (launch.variable == NULL)
        return launch;
    launch.ranks = find_number(launch.variable);
    launch.is_first = launch.ranks == 1 || is_first_process();
    return launch;
}

bool launch_is_first(void)
{
    return launch_find().is_first;
}

/* ---- what the MPI library must find ---- */

/* Whether ranks may read each other's memory. Containers often forbid the call altogether; Open MPI would try it for
 * every message, with a warning each, and then copy through shared memory after all, as it does where it knows. */
static bool may_read_other_processes(void)
{
    char from = 1, to = 0;
    struct iovec source = { &from, 1 }, target = { &to, 1 };
    return prctl(PR_GET_DUMPABLE) == 1 && process_vm_readv(getpid(), &target, 1, &source, 1, 0) == 1;
}

/* Whether the user says how Open MPI is to move messages: in the environment, or in a file of parameters. */
static bool has_chosen_transport(void)
{
    static const char *const variables[] = { "OMPI_MCA_pml", "OMPI_MCA_btl", "OMPI_MCA_mtl", "OMPI_MCA_osc",
                                             "OMPI_MCA_mca_base_param_files" };
    const char *home = getenv("HOME");
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i]) != NULL)
            return true;
    const int length = snprintf(path, sizeof path, "%s/.openmpi/mca-params.conf", home ? home : "");
    return home != NULL && (length >= (int)sizeof path || access(path, F_OK) == 0);
}

/* Ranks of one host send through its memory. What knows the fabrics of clusters would be opened for nothing, and one
 * such library looks for its devices for a fifth of a second. */
static void choose_transport_of_host(void)
{
    static const int keep = 0;
    setenv("OMPI_MCA_pml", "ob1", keep);
    setenv("OMPI_MCA_osc", "^ucx", keep);
}

/* A rank alone sends to itself at most: opening other transports would take as long as all else of the start. */
static void choose_least_transport(void)
{
    static const int keep = 0;
    choose_transport_of_host();
    setenv("OMPI_MCA_btl", "self", keep);
}

/* It does not mind where GPUs, displays and buses are, for which hwloc would load their libraries and call on an X
 * server. */
static void choose_least_topology(void)
{
    static const int keep = 0;
    setenv("HWLOC_PLUGINS_BLACKLIST",
           "hwloc_gl.so,hwloc_opencl.so,hwloc_cuda.so,hwloc_nvml.so,hwloc_rsmi.so,hwloc_levelzero.so,hwloc_pci.so",
           keep);
    setenv("HWLOC_COMPONENTS", "-pci,-gl,-opencl,-cuda,-nvml,-rsmi,-levelzero", keep);
}

/* Whether mpirun has started all ranks here. */
static bool is_on_one_host(const struct launch *launch)
{
    return launch->variable == MPIRUN->size && find_number("OMPI_COMM_WORLD_LOCAL_SIZE") == launch->ranks;
}

/* Variables of Open MPI; another library does not mind them. */
static void set_environment(const struct launch *launch)
{
    static const int keep = 0;
    const bool may_choose = !has_chosen_transport();
    if (may_choose && is_on_one_host(launch))
        choose_transport_of_host();
    /* A single rank needs no daemon, which would need ssh and a network. */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", keep);
    /* Nor a directory under /tmp: all such ranks of a user on a host would have the same one, and one that ends takes
     * it away while another makes it (1 start of 240 failed, six at a time). */
    if (launch->variable == NULL || (launch->variable == SLURM_STEP->size && launch->ranks == 1)) {
        setenv("OMPI_MCA_orte_create_session_dirs", "0", keep);
        if (may_choose)
            choose_least_transport();
        choose_least_topology();
    }
    if (!may_read_other_processes()) {
        setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", keep); /* Open MPI 4 */
        setenv("OMPI_MCA_smsc", "^cma", keep);                            /* Open MPI 5 */
    }
}

enum status launch_prepare(struct launch *launch)
{
    *launch = launch_find();
    set_environment(launch);
    if (launch->variable != SLURM_STEP->size)
        return STATUS_OK;
    if (launch->ranks == 1) {
        unsetenv("SLURM_STEP_ID"); /* by which Open MPI knows of the step, and would go to its PMIx */
        return STATUS_OK;
    }
    if (getenv("PMIX_RANK") == NULL && getenv("PMI_FD") == NULL)
        return status_fail(STATUS_REFUSED,
                           "srun has started %ld tasks (%s) that MPI cannot make ranks of one run of: each would be a "
                           "run of its own. Start it with srun --mpi=pmix (srun --mpi=list names what there is), with "
                           "mpirun, or with srun --ntasks=1 for one rank",
                           launch->ranks, SLURM_STEP->size);
    return STATUS_OK;
}

enum status launch_require(const struct launch *launch, int ranks)
{
    if (launch->ranks <= 1 || ranks > 1)
        return STATUS_OK;
    return status_fail(STATUS_REFUSED,
                       "%s says that %ld ranks were started, and MPI knows of one: the launcher belongs to another MPI "
                       "library, and each rank would be a run of its own. Start it with the mpirun of the library that "
                       "gradsweep was built with (gradsweep info OUT.h5 names it), or with srun --mpi=pmix",
                       launch->variable, launch->ranks);
}

/* ---- around MPI_Init ---- */

/* What a busy node needs to start some ranks. */
static const double SHORTEST_PATIENCE = 20.0, SECONDS_PER_RANK = 0.1;
static const double LOOK_SECONDS = 0.05;

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t is_over_now;
    bool is_over;
    double began, limit;
    double stop_seen;
} guard = { .mutex = PTHREAD_MUTEX_INITIALIZER, .is_over_now = PTHREAD_COND_INITIALIZER };

static void look(void)
{
    if (stop_is_overdue(&guard.stop_seen, WATCH_STOP_SECONDS))
        _exit(stop_exit_code());
    if (clock_seconds() - guard.began < guard.limit)
        return;
    log_error(
        "MPI has not started within %.0f s: it waits for ranks that do not come. Is every rank of the job the same "
        "command, on hosts that reach each other?",
        guard.limit);
    _exit(status_exit_code(STATUS_REFUSED));
}

static void *keep_guard(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&guard.mutex);
    while (!guard.is_over) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(LOOK_SECONDS * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&guard.is_over_now, &guard.mutex, &until) == ETIMEDOUT)
            look();
    }
    pthread_mutex_unlock(&guard.mutex);
    return NULL;
}

enum status launch_guard(const struct launch *launch)
{
    double patience;
    if (watch_patience(&patience) != STATUS_OK) /* told by the watch, once there is one */
        patience = WATCH_DEFAULT_SECONDS;
    guard.is_over = false;
    guard.began = clock_seconds();
    guard.limit = fmax(patience, SHORTEST_PATIENCE) + SECONDS_PER_RANK * (double)launch->ranks;
    return thread_start(&guard.thread, keep_guard, NULL);
}

void launch_guard_end(void)
{
    pthread_mutex_lock(&guard.mutex);
    guard.is_over = true;
    pthread_cond_signal(&guard.is_over_now);
    pthread_mutex_unlock(&guard.mutex);
    pthread_join(guard.thread, NULL);
}
