#include "parallel/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "parallel/stop.h"
#include "parallel/thread.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_BEAT = 1 };
enum beat { BEAT_ALIVE, BEAT_LEAVING, BEAT_JOB_ENDS };

/* So many silent turns mean death: a thread that got the processor so often would have heard something. */
enum { SILENT_TURNS = 20 };
static const double LONGEST_TURN = 0.25;
static const double LEAVING_TURN = 1e-3;
static const double SHORTEST_TIMEOUT = 0.5;

struct watch {
    struct world world; /* the communicator is the watch's own */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t leave;
    bool is_leaving; /* under the mutex */
    bool is_abandoned;

    /* The thread's alone from here on. */
    char before_host[MPI_MAX_PROCESSOR_NAME]; /* of the rank that this one listens to */
    int before, after;
    double timeout;
    double turn_seconds;
    long silent_turns;
    double next_turn;
    double stop_seen; /* see stop_is_overdue */
    bool has_told_leaving;
    bool before_has_left;
    int outgoing;
    MPI_Request outgoing_request;
};

/* ---- listening ---- */

/* The next rank is told, and tells the one after it: those of a host that is cut off are beyond MPI_Abort's reach, and
 * would else fall silent one by one, each after as much patience with the one before. */
static _Noreturn void end_job(const struct watch *watch)
{
    static const int beat = BEAT_JOB_ENDS;
    MPI_Request request;
    int sent;
    if (MPI_Isend(&beat, 1, MPI_INT, watch->after, TAG_BEAT, watch->world.communicator, &request) == MPI_SUCCESS)
        MPI_Test(&request, &sent, MPI_STATUS_IGNORE);
    world_abort(status_exit_code(STATUS_PARALLEL));
}

static enum status listen(struct watch *watch)
{
    for (int waiting = 1; waiting;) {
        TRY(world_check(MPI_Iprobe(watch->before, TAG_BEAT, watch->world.communicator, &waiting, MPI_STATUS_IGNORE),
                        "listening to another rank"));
        if (!waiting)
            break;
        int beat = BEAT_ALIVE;
        TRY(world_check(
            MPI_Recv(&beat, 1, MPI_INT, watch->before, TAG_BEAT, watch->world.communicator, MPI_STATUS_IGNORE),
            "listening to another rank"));
        watch->silent_turns = 0;
        watch->before_has_left = beat == BEAT_LEAVING;
        if (beat == BEAT_JOB_ENDS)
            end_job(watch);
    }
    return STATUS_OK;
}

/* One message at a time: where the next rank does not listen, nothing piles up. */
static enum status tell(struct watch *watch, enum beat beat)
{
    int sent = 0;
    TRY(world_check(MPI_Test(&watch->outgoing_request, &sent, MPI_STATUS_IGNORE), "telling another rank"));
    if (!sent)
        return STATUS_OK;
    watch->outgoing = (int)beat;
    watch->has_told_leaving = beat == BEAT_LEAVING;
    return world_check(MPI_Isend(&watch->outgoing, 1, MPI_INT, watch->after, TAG_BEAT, watch->world.communicator,
                                 &watch->outgoing_request),
                       "telling another rank");
}

static void judge(struct watch *watch)
{
    if (watch->before_has_left || (double)watch->silent_turns * watch->turn_seconds < watch->timeout)
        return;
    log_error("rank %d on host %s has not answered for %g s: it is suspended, gone or cut off (%s sets the limit); "
              "ending the job, go on with --resume",
              watch->before, watch->before_host, watch->timeout, WATCH_VARIABLE);
    end_job(watch);
}

static void end_if_overdue(struct watch *watch)
{
    if (!stop_is_overdue(&watch->stop_seen, WATCH_STOP_SECONDS))
        return;
    log_warning("rank %d did not come to an end within %g s of the stop request; ending the job", watch->world.rank,
                WATCH_STOP_SECONDS);
    world_abort(stop_exit_code());
}

/* ---- the thread ---- */

/* Sleeps until the next turn, or until this rank wants to leave; says whether it does. */
static bool sleep_unless_leaving(struct watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    if (!watch->is_leaving) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(watch->turn_seconds * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&watch->leave, &watch->mutex, &until);
    }
    const bool is_leaving = watch->is_leaving;
    pthread_mutex_unlock(&watch->mutex);
    if (is_leaving)
        clock_sleep(LEAVING_TURN);
    return is_leaving;
}

/* One look at the others. *ended: both neighbours know that this rank leaves, and it knows that the one before does. */
static enum status look(struct watch *watch, bool is_leaving, bool *ended)
{
    *ended = is_leaving;
    if (watch->world.size == 1)
        return STATUS_OK;
    TRY(listen(watch));
    if (is_leaving && !watch->has_told_leaving)
        TRY(tell(watch, BEAT_LEAVING));
    if (clock_seconds() >= watch->next_turn) {
        watch->next_turn = clock_seconds() + 0.5 * watch->turn_seconds;
        watch->silent_turns++;
        judge(watch);
        if (!watch->has_told_leaving)
            TRY(tell(watch, BEAT_ALIVE));
    }
    int sent = 0;
    if (watch->has_told_leaving)
        TRY(world_check(MPI_Test(&watch->outgoing_request, &sent, MPI_STATUS_IGNORE), "telling another rank"));
    *ended = sent && watch->before_has_left;
    return STATUS_OK;
}

static void *keep_watch(void *argument)
{
    struct watch *watch = argument;
    for (bool ended = false; !ended;) {
        const bool is_leaving = sleep_unless_leaving(watch);
        if (watch->is_abandoned)
            break;
        if (look(watch, is_leaving, &ended) != STATUS_OK) {
            log_error("rank %d: %s", watch->world.rank, status_message());
            world_abort(status_exit_code(STATUS_PARALLEL));
        }
        end_if_overdue(watch);
    }
    return NULL;
}

/* ---- beginning and end ---- */

enum status watch_patience(double *timeout)
{
    const char *text = getenv(WATCH_VARIABLE);
    *timeout = WATCH_DEFAULT_SECONDS;
    if (text == NULL || text[0] == '\0')
        return STATUS_OK;
    char *end;
    *timeout = strtod(text, &end);
    if (*end == '\0' && isfinite(*timeout) && *timeout >= SHORTEST_TIMEOUT)
        return STATUS_OK;
    return status_fail(STATUS_USAGE, "the environment variable %s is '%s': expected seconds, at least %g",
                       WATCH_VARIABLE, text, SHORTEST_TIMEOUT);
}

static enum status agree_on_timeout(const struct world *world, double *timeout)
{
    TRY(world_agree(world, world->rank == 0 ? watch_patience(timeout) : STATUS_OK));
    return world_check(MPI_Bcast(timeout, 1, MPI_DOUBLE, 0, world->communicator), "sending " WATCH_VARIABLE);
}

static enum status greet_neighbours(struct watch *watch)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    TRY(world_check(MPI_Get_processor_name(host, &length), "asking for the host's name"));
    return world_check(MPI_Sendrecv(host, sizeof host, MPI_CHAR, watch->after, TAG_BEAT, watch->before_host,
                                    sizeof watch->before_host, MPI_CHAR, watch->before, TAG_BEAT,
                                    watch->world.communicator, MPI_STATUS_IGNORE),
                       "greeting the neighbouring ranks");
}

/* What one rank alone can see of a failure. */
static enum status prepare(const struct world *world, double timeout, struct watch **made)
{
    TRY(memory_allocate(made, 1, "the watch over the ranks"));
    struct watch *watch = *made;
    watch->world = (struct world){ .communicator = MPI_COMM_NULL, .rank = world->rank, .size = world->size };
    watch->before = (world->rank + world->size - 1) % world->size;
    watch->after = (world->rank + 1) % world->size;
    watch->timeout = timeout;
    watch->turn_seconds = fmin(LONGEST_TURN, timeout / SILENT_TURNS);
    watch->outgoing_request = MPI_REQUEST_NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->leave, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watch->mutex, NULL);
    return STATUS_OK;
}

static void release(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->world.communicator != MPI_COMM_NULL)
        MPI_Comm_free(&watch->world.communicator);
    pthread_cond_destroy(&watch->leave);
    pthread_mutex_destroy(&watch->mutex);
    memory_free(watch);
}
SCOPED_HANDLE(watch, release)

static void leave(struct watch *watch, bool is_abandoned)
{
    pthread_mutex_lock(&watch->mutex);
    watch->is_leaving = true;
    watch->is_abandoned = is_abandoned;
    pthread_cond_signal(&watch->leave);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
}

enum status watch_start(const struct world *world, struct watch **started)
{
    SCOPED(watch) *watch = NULL;
    double timeout = 0.0;
    *started = NULL;
    TRY(agree_on_timeout(world, &timeout));
    TRY(world_agree(world, prepare(world, timeout, &watch)));
    enum status running =
        world_check(MPI_Comm_dup(world->communicator, &watch->world.communicator), "making the watch's communicator");
    if (running == STATUS_OK)
        running = greet_neighbours(watch);
    if (running == STATUS_OK)
        running = thread_start(&watch->thread, keep_watch, watch);
    enum status status = world_agree(world, running);
    if (status == STATUS_OK)
        *started = scope_keep(&watch);
    else if (running == STATUS_OK)
        leave(watch, true);
    return status;
}

void watch_end(struct watch *watch)
{
    if (watch == NULL)
        return;
    leave(watch, false);
    release(watch);
}
