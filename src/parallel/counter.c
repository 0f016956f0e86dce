#include "parallel/counter.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "parallel/stop.h"
#include "parallel/thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Everything travels in small messages: letters to rank 0, whose helper thread answers claims, and notices from rank 0
 * to all. The life of a rank: claims and reports, ARRIVED (in counter_destroy), then, once rank 0 has seen all arrive
 * and has sent NOTICE_ALL_ARRIVED, LEFT: the last letter, so that none is left unreceived. */
enum letter_kind { LETTER_CLAIM, LETTER_REPORT, LETTER_STOP, LETTER_ARRIVED, LETTER_LEFT };
enum notice_kind { NOTICE_STOP, NOTICE_FAILURE, NOTICE_ALL_ARRIVED, NOTICE_KINDS };
enum tag { TAG_LETTER = 1, TAG_CLAIM_REPLY, TAG_NOTICE };

struct letter {
    int64_t kind;
    int64_t number; /* LETTER_CLAIM: of the counter */
    int64_t amount;
    struct counter_progress progress; /* LETTER_REPORT */
    int cause;                        /* LETTER_STOP: see stop_cause */
};

static const double poll_seconds = 1e-3;
static const double claim_poll_seconds = 5e-5;

/* Two threads add to and take from it; the numbers need not fit each other at every moment. */
struct tally {
    _Atomic uint64_t cells_done;
    _Atomic uint64_t cells_failed;
    _Atomic double flops;
    _Atomic double work_seconds;
};

/* MPICH's stand-in for statuses that nobody wants is an address of no object, which GCC takes for an overflow. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
static int test_all(int count, MPI_Request *requests, int *done)
{
    return MPI_Testall(count, requests, done, MPI_STATUSES_IGNORE);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

struct counter {
    struct world world; /* the communicator is the counter's own */
    double grace_seconds;
    pthread_t helper;

    /* Shared between the computing thread and the helper. */
    atomic_bool arrived;     /* the computing thread has come to the last meeting */
    atomic_bool all_arrived; /* every rank has */
    atomic_bool abandoned;   /* creation failed elsewhere: the helper just ends */
    struct tally totals;
    struct tally unsent; /* ranks other than 0: not yet reported */

    /* The helper's alone. */
    bool stop_spread;
    bool arrival_told;
    bool leaving_told;
    double stop_seen; /* see stop_is_overdue */
    struct letter outgoing;
    MPI_Request outgoing_request;

    /* Rank 0's. A rank has one claim at a time, so one reply each suffices. */
    int count;
    _Atomic int64_t *next; /* [count] */
    int64_t *replies;      /* [size] */
    int arrivals;
    int departures;
    MPI_Request *requests; /* [1 + NOTICE_KINDS][size]: replies, then notices */
};

static const int notices[NOTICE_KINDS] = { NOTICE_STOP, NOTICE_FAILURE, NOTICE_ALL_ARRIVED };

/* `+=` on an atomic double would need libatomic for the exception flags. */
static void add_number(_Atomic double *sum, double increment)
{
    double seen = *sum;
    while (!atomic_compare_exchange_weak(sum, &seen, seen + increment))
        continue;
}

static void tally_add(struct tally *tally, const struct counter_progress *increment)
{
    tally->cells_done += increment->cells_done;
    tally->cells_failed += increment->cells_failed;
    add_number(&tally->flops, increment->flops);
    add_number(&tally->work_seconds, increment->work_seconds);
}

static struct counter_progress tally_take(struct tally *tally)
{
    return (struct counter_progress){ .cells_done = atomic_exchange(&tally->cells_done, 0),
                                      .cells_failed = atomic_exchange(&tally->cells_failed, 0),
                                      .flops = atomic_exchange(&tally->flops, 0.0),
                                      .work_seconds = atomic_exchange(&tally->work_seconds, 0.0) };
}

/* Rank 0: requests of kind 0 are replies, 1 + notice_kind notices; sends never wait, since a rank may be suspended. */
static MPI_Request *request_to(struct counter *counter, int kind, int rank)
{
    return &counter->requests[kind * counter->world.size + rank];
}

static enum status send_notice(struct counter *counter, enum notice_kind kind)
{
    for (int rank = 1; rank < counter->world.size; rank++)
        TRY(world_check(MPI_Isend(&notices[kind], 1, MPI_INT, rank, TAG_NOTICE, counter->world.communicator,
                                  request_to(counter, 1 + (int)kind, rank)),
                        "sending a notice to all ranks"));
    return STATUS_OK;
}

static enum status answer_claim(struct counter *counter, int rank, const struct letter *letter)
{
    /* The rank has read its previous reply, or it would not ask: this does not wait. */
    TRY(world_check(MPI_Wait(request_to(counter, 0, rank), MPI_STATUS_IGNORE), "finishing a reply"));
    counter->replies[rank] = atomic_fetch_add(&counter->next[letter->number], letter->amount);
    return world_check(MPI_Isend(&counter->replies[rank], 1, MPI_INT64_T, rank, TAG_CLAIM_REPLY,
                                 counter->world.communicator, request_to(counter, 0, rank)),
                       "answering a claim");
}

static enum status read_letter(struct counter *counter, int sender)
{
    struct letter letter;
    TRY(world_check(
        MPI_Recv(&letter, sizeof letter, MPI_BYTE, sender, TAG_LETTER, counter->world.communicator, MPI_STATUS_IGNORE),
        "receiving a letter"));
    switch ((enum letter_kind)letter.kind) {
    case LETTER_CLAIM:
        return answer_claim(counter, sender, &letter);
    case LETTER_REPORT:
        tally_add(&counter->totals, &letter.progress);
        break;
    case LETTER_STOP:
        stop_request_heard(letter.cause);
        break;
    case LETTER_ARRIVED:
        counter->arrivals++;
        break;
    case LETTER_LEFT:
        counter->departures++;
        break;
    }
    return STATUS_OK;
}

/* One turn of rank 0's helper. */
static enum status serve(struct counter *counter, bool *ended)
{
    int others = counter->world.size - 1;
    for (int waiting = 1; waiting;) {
        MPI_Status envelope;
        TRY(world_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG_LETTER, counter->world.communicator, &waiting, &envelope),
                        "looking for letters"));
        if (waiting)
            TRY(read_letter(counter, envelope.MPI_SOURCE));
    }
    if (stop_requested() && !counter->stop_spread && !counter->all_arrived) {
        counter->stop_spread = true;
        TRY(send_notice(counter, stop_cause() == STOP_CAUSE_FAILURE ? NOTICE_FAILURE : NOTICE_STOP));
    }
    if (counter->arrived && counter->arrivals == others && !counter->all_arrived) {
        TRY(send_notice(counter, NOTICE_ALL_ARRIVED));
        counter->all_arrived = true;
    }
    int sent = 0;
    TRY(world_check(test_all((1 + NOTICE_KINDS) * counter->world.size, counter->requests, &sent),
                    "finishing messages"));
    *ended = counter->all_arrived && counter->departures == others && sent;
    return STATUS_OK;
}

static enum status read_notices(struct counter *counter)
{
    for (int waiting = 1; waiting;) {
        TRY(world_check(MPI_Iprobe(0, TAG_NOTICE, counter->world.communicator, &waiting, MPI_STATUS_IGNORE),
                        "looking for notices"));
        if (!waiting)
            break;
        int notice = 0;
        TRY(world_check(MPI_Recv(&notice, 1, MPI_INT, 0, TAG_NOTICE, counter->world.communicator, MPI_STATUS_IGNORE),
                        "receiving a notice"));
        if (notice == NOTICE_ALL_ARRIVED) {
            counter->all_arrived = true;
        } else {
            counter->stop_spread = true;
            stop_request_heard(notice == NOTICE_FAILURE ? STOP_CAUSE_FAILURE : STOP_CAUSE_UNKNOWN);
        }
    }
    return STATUS_OK;
}

/* Whether there is something to tell rank 0. Reports go before the arrival, so that at the meeting the totals are
 * whole. */
static bool compose_letter(struct counter *counter, struct letter *letter)
{
    bool arrived = counter->arrived;
    *letter = (struct letter){ .kind = LETTER_REPORT, .progress = tally_take(&counter->unsent) };
    if (letter->progress.cells_done != 0 || letter->progress.cells_failed != 0 || letter->progress.flops != 0.0 ||
        letter->progress.work_seconds != 0.0)
        return true;
    if (stop_requested() && !counter->stop_spread && !counter->all_arrived) {
        letter->kind = LETTER_STOP;
        letter->cause = stop_cause();
        return counter->stop_spread = true;
    }
    if (arrived && !counter->arrival_told) {
        letter->kind = LETTER_ARRIVED;
        return counter->arrival_told = true;
    }
    if (counter->all_arrived && !counter->leaving_told) {
        letter->kind = LETTER_LEFT;
        return counter->leaving_told = true;
    }
    return false;
}

/* One turn of another rank's helper. */
static enum status attend(struct counter *counter, bool *ended)
{
    TRY(read_notices(counter));
    int sent = 0;
    TRY(world_check(MPI_Test(&counter->outgoing_request, &sent, MPI_STATUS_IGNORE), "finishing a letter"));
    *ended = sent && counter->leaving_told;
    if (!sent || *ended || !compose_letter(counter, &counter->outgoing))
        return STATUS_OK;
    return world_check(MPI_Isend(&counter->outgoing, sizeof counter->outgoing, MPI_BYTE, 0, TAG_LETTER,
                                 counter->world.communicator, &counter->outgoing_request),
                       "writing to rank 0");
}

/* Ends the job where a stop was requested `grace_seconds` ago and the meeting is not over: this rank computes on, sits
 * in a long library call, or waits for one that does, is suspended or gone. */
static void end_if_overdue(struct counter *counter)
{
    if (!stop_is_overdue(&counter->stop_seen, counter->grace_seconds))
        return;
    /* The others may never hear of it otherwise. */
    if (stop_failure()[0] != '\0')
        log_error("rank %d: %s", counter->world.rank, stop_failure());
    if (!counter->arrived)
        log_warning(
            "rank %d did not come to an end within %g s of the stop request; ending the job, cells in work are lost",
            counter->world.rank, counter->grace_seconds);
    else if (counter->world.rank == 0)
        log_warning("%d ranks did not come to an end within %g s of the stop request; ending the job",
                    counter->world.size - 1 - counter->arrivals, counter->grace_seconds);
    world_abort(stop_exit_code());
}

static void *help(void *argument)
{
    struct counter *counter = argument;
    bool ended = false;
    while (!ended && !counter->abandoned) {
        enum status status = counter->world.rank == 0 ? serve(counter, &ended) : attend(counter, &ended);
        if (status != STATUS_OK) {
            log_error("rank %d: %s", counter->world.rank, status_message());
            world_abort(status_exit_code(status));
        }
        if (!ended) {
            end_if_overdue(counter);
            clock_sleep(poll_seconds);
        }
    }
    return NULL;
}

static void release(struct counter *counter)
{
    if (counter == NULL)
        return;
    if (counter->world.communicator != MPI_COMM_NULL)
        MPI_Comm_free(&counter->world.communicator);
    memory_free(counter->requests);
    memory_free(counter->replies);
    memory_free(counter->next);
    memory_free(counter);
}
SCOPED_HANDLE(counter, release)

/* `created` is its owner's to release, also where this fails. */
static enum status allocate(const struct world *world, int count, const int64_t *starts, struct counter **created)
{
    TRY(memory_allocate(created, 1, "the work counters"));
    struct counter *counter = *created;
    counter->world = (struct world){ .communicator = MPI_COMM_NULL, .rank = world->rank, .size = world->size };
    counter->outgoing_request = MPI_REQUEST_NULL;
    if (world->rank != 0)
        return STATUS_OK;
    counter->count = count;
    TRY(memory_allocate(&counter->next, count, "the work counters"));
    for (int i = 0; i < count; i++)
        counter->next[i] = starts[i];
    TRY(memory_allocate(&counter->replies, world->size, "the work counters"));
    size_t requests = (size_t)(1 + NOTICE_KINDS) * (size_t)world->size;
    TRY(memory_allocate(&counter->requests, requests, "the work counters"));
    for (size_t i = 0; i < requests; i++)
        counter->requests[i] = MPI_REQUEST_NULL;
    return STATUS_OK;
}

enum status counter_create(const struct world *world, int count, const int64_t *starts, double grace_seconds,
                           struct counter **created)
{
    SCOPED(counter) *counter = NULL;
    *created = NULL;
    TRY(world_agree(world, allocate(world, count, starts, &counter)));
    counter->grace_seconds = grace_seconds;
    TRY(world_check(MPI_Comm_dup(world->communicator, &counter->world.communicator),
                    "making the counters' communicator"));
    enum status started = thread_start(&counter->helper, help, counter);
    enum status status = world_agree(world, started);
    if (status != STATUS_OK) {
        counter->abandoned = true;
        if (started == STATUS_OK)
            pthread_join(counter->helper, NULL);
        return status;
    }
    *created = scope_keep(&counter);
    return STATUS_OK;
}

/* Asks rank 0, sleeping between looks: a blocking receive would take a core from those who compute. */
static enum status claim_from_root(struct counter *counter, int number, int64_t amount, int64_t *first)
{
    struct letter letter = { .kind = LETTER_CLAIM, .number = number, .amount = amount };
    MPI_Comm communicator = counter->world.communicator;
    MPI_Request requests[2] = { MPI_REQUEST_NULL, MPI_REQUEST_NULL };
    TRY(world_check(MPI_Irecv(first, 1, MPI_INT64_T, 0, TAG_CLAIM_REPLY, communicator, &requests[0]),
                    "awaiting a claim"));
    TRY(world_check(MPI_Isend(&letter, sizeof letter, MPI_BYTE, 0, TAG_LETTER, communicator, &requests[1]),
                    "claiming work"));
    for (int done = 0;;) {
        TRY(world_check(test_all(2, requests, &done), "claiming work"));
        if (done)
            return STATUS_OK;
        clock_sleep(claim_poll_seconds);
    }
}

enum status counter_claim(struct counter *counter, int number, int64_t amount, int64_t *first)
{
    if (counter->world.rank != 0)
        return claim_from_root(counter, number, amount, first);
    assert(number >= 0 && number < counter->count);
    *first = atomic_fetch_add(&counter->next[number], amount);
    return STATUS_OK;
}

void counter_report(struct counter *counter, const struct counter_progress *increment)
{
    tally_add(&counter->totals, increment);
    if (counter->world.rank != 0)
        tally_add(&counter->unsent, increment);
}

struct counter_progress counter_progress(const struct counter *counter)
{
    return (struct counter_progress){ .cells_done = counter->totals.cells_done,
                                      .cells_failed = counter->totals.cells_failed,
                                      .flops = counter->totals.flops,
                                      .work_seconds = counter->totals.work_seconds };
}

bool counter_meet(struct counter *counter, double seconds)
{
    counter->arrived = true;
    double deadline = clock_seconds() + seconds;
    while (!counter->all_arrived && clock_seconds() < deadline)
        clock_sleep(poll_seconds);
    return counter->all_arrived;
}

void counter_destroy(struct counter *counter)
{
    if (counter == NULL)
        return;
    counter->arrived = true;
    pthread_join(counter->helper, NULL);
    release(counter);
}
