#include "store/store.h"

#include "base/log.h"
#include "base/memory.h"
#include "store/create.h"
#include "store/disk.h"
#include "store/hold.h"
#include "store/lock.h"
#include "store/output.h"
#include "store/place.h"
#include "store/provenance_rows.h"
#include "store/publish.h"
#include "store/readiness.h"
#include "store/results_file.h"
#include "store/resume.h"
#include "store/seal.h"
#include "store/shard.h"
#include "store/weight_record.h"
#include "sweep/grid.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store {
    const struct world *world;
    char asked[PATH_MAX], path[PATH_MAX]; /* as the user says, and without symbolic links: the same on all ranks */
    struct results_file results_file;
    struct lock lock;   /* rank 0 */
    struct hold hold;   /* of the file itself, rank 0 */
    int provenance_row; /* of this run, rank 0; -1: not yet known */
    bool is_on_nfs;
};

/* What rank 0 has found and decided. */
struct decision {
    bool creates;
    struct identity existing; /* what is gone on with, or replaced */
};

/* Under the lock. A file that is there is held from now on, also one that is to be replaced. */
static enum status decide_and_hold(const struct output *output, struct store *store, struct decision *decision)
{
    output_clear(store->path, &store->lock.owner, &store->lock.before);
    TRY(hold_identify(store->path, &decision->existing));
    if (decision->existing.exists) {
        TRY(hold_take(store->path, &store->hold));
        if (!hold_is_same(&decision->existing, &store->hold.identity))
            return status_fail(STATUS_REFUSED, "%s: the file was replaced by another just now; run again", store->path);
    }
    return readiness_decide(output, store->path, &decision->creates);
}

/* What rank 0 does before anything is touched. Looked at again under the lock: another run may just have ended. */
static enum status prepare(const struct output *output, bool break_lock, struct store *store, struct decision *decision)
{
    TRY(output_resolve(store->asked, store->path, sizeof store->path));
    TRY(readiness_decide(output, store->path, &decision->creates));
    TRY(lock_acquire(store->path, break_lock, &store->lock));
    return decide_and_hold(output, store, decision);
}

/* Where Open MPI does not know better it locks whole files, on cluster file systems that need no locks and may have
 * none; and ours would be waited for. On NFS locked ranges keep clients from writing back pages in which a neighbour's
 * bytes are old. Read when MPI-IO is first used. */
static void choose_locks_of_mpi_io(const struct store *store, bool has_locks)
{
    const bool locks_ranges = store->is_on_nfs && has_locks;
    if (store->is_on_nfs && store->world->rank == 0)
        log_info("%s is on NFS%s: %s all checksums are verified at the end", store->path,
                 has_locks ? "" : " without locks", has_locks ? "writes lock their range, and" : "");
    setenv("OMPI_MCA_fs_ufs_lock_algorithm", locks_ranges ? "3" : "1", 1);
}

/* Whether the file system takes locks as the file's own lock was taken: rank 0 alone knows. */
static enum status agree_on_locks(struct store *store)
{
    int has_locks = strcmp(store->lock.owner.kind, "fcntl") == 0;
    TRY(world_check(MPI_Bcast(&has_locks, 1, MPI_INT, 0, store->world->communicator), "telling of locks"));
    choose_locks_of_mpi_io(store, has_locks);
    return STATUS_OK;
}

static enum status create(struct store *store, const struct output *output, const struct decision *decision)
{
    SCOPED(layout) layout = { 0 };
    struct hold hold = HOLD_NONE;
    TRY(world_agree(store->world, layout_create(output->sweep, FORMAT_VERSION, &layout)));
    TRY(create_results_file(store->world, &layout, output->shard, store->path, &store->lock.owner, &decision->existing,
                            &hold));
    hold_release(&store->hold); /* of what was replaced */
    store->hold = hold;
    return STATUS_OK;
}

static enum status open_for_run(struct store *store, const struct output *output, const struct decision *decision)
{
    const struct world *world = store->world;
    char directory[PATH_MAX];
    TRY(disk_directory(store->path, directory, sizeof directory)); /* the same on all ranks */
    store->is_on_nfs = disk_is_nfs(directory);
    TRY(agree_on_locks(store));
    if (decision->creates)
        TRY(create(store, output, decision));
    return world_agree(world, results_file_open(store->path, output->sweep, world, &store->results_file));
}

static void discard(struct store *store)
{
    if (store == NULL)
        return;
    results_file_discard(&store->results_file);
    hold_release(&store->hold);
    lock_release(&store->lock);
    memory_free(store);
}
SCOPED_HANDLE(store, discard)

static enum status make_handle(const struct world *world, const char *path, struct store **store)
{
    TRY(memory_allocate(store, 1, "the results file's handle"));
    **store = (struct store){ .world = world,
                              .results_file = RESULTS_FILE_NONE,
                              .lock = { .descriptor = -1 },
                              .hold = HOLD_NONE,
                              .provenance_row = -1 };
    snprintf((*store)->asked, sizeof(*store)->asked, "%s", path);
    return STATUS_OK;
}

/* What rank 0 has decided, and the path that it has found. */
static enum status tell_decision(struct store *store, struct decision *decision)
{
    int creates = decision->creates;
    TRY(world_check(MPI_Bcast(&creates, 1, MPI_INT, 0, store->world->communicator), "opening the results file"));
    decision->creates = creates;
    return world_broadcast(store->world->communicator, 0, store->path, sizeof store->path, "telling the output's path");
}

enum status store_open(const struct world *world, const struct sweep *sweep, const struct shard_cells *shard,
                       const char *path, enum store_mode mode, bool break_lock, struct store **store, bool *is_fresh)
{
    const struct output output = { sweep, shard, mode };
    struct decision decision = { 0 };
    SCOPED(store) *opened = NULL;
    enum status status = STATUS_OK;
    *store = NULL;
    TRY(world_agree(world, make_handle(world, path, &opened)));
    if (world->rank == 0)
        status = strlen(path) < sizeof opened->asked ? prepare(&output, break_lock, opened, &decision)
                                                     : status_fail(STATUS_REFUSED, "%s: the path is too long", path);
    TRY(world_agree(world, status));
    TRY(place_require_same(world, path));
    TRY(tell_decision(opened, &decision));
    TRY(open_for_run(opened, &output, &decision));
    *store = scope_keep(&opened);
    *is_fresh = decision.creates;
    return STATUS_OK;
}

enum status store_find_finished_copy(const struct world *world, const struct sweep *sweep,
                                     const struct shard_cells *shard, const char *path, bool *is_finished,
                                     struct store_tally *tally)
{
    const struct output output = { sweep, shard, STORE_RESUME };
    enum status status = STATUS_OK;
    *tally = (struct store_tally){ 0 };
    *is_finished = false;
    if (world->rank == 0)
        status = readiness_find_finished_copy(&output, path, is_finished, tally);
    TRY(world_agree(world, status));
    uint64_t found[4] = { *is_finished, tally->done, tally->failed, tally->pending };
    TRY(world_check(MPI_Bcast(found, 4, MPI_UINT64_T, 0, world->communicator), "telling of a finished copy"));
    *is_finished = found[0];
    *tally = (struct store_tally){ found[1], found[2], found[3] };
    return STATUS_OK;
}

/* ---- the end ---- */

static enum status fail_damaged(const struct store *store, uint64_t damaged)
{
    return status_fail(
        STATUS_IO,
        "%s: %llu cells or weights hold something else than was written to them%s; is the disk in order? --resume "
        "computes them again",
        store->path, (unsigned long long)damaged,
        store->is_on_nfs ? " (NFS clients may write neighbouring bytes back)" : "");
}

/* The share of this rank; on NFS all of it on rank 0, for what others read may never have left their host. */
static void choose_share(const struct store *store, uint64_t cells, uint64_t *first, uint64_t *count)
{
    const struct world *world = store->world;
    *first = 0;
    *count = world->rank == 0 ? cells : 0;
    if (!store->is_on_nfs)
        world_share(cells, world->rank, world->size, first, count);
}

static enum status require_tally(const struct store *store, const struct results_file *file,
                                 const struct store_tally *expected)
{
    struct store_tally found = { 0 };
    TRY(resume_count(file, &found));
    if (found.done == expected->done && found.failed == expected->failed)
        return STATUS_OK;
    return status_fail(
        STATUS_IO,
        "%s: of %llu finished cells the closed file has %llu; was it changed by another program? --resume "
        "computes the rest again",
        store->path, (unsigned long long)(expected->done + expected->failed),
        (unsigned long long)(found.done + found.failed));
}

/* What is in the closed file, as any reader finds it. */
static enum status read_back(const struct store *store, const struct sweep *sweep, const struct store_tally *expected,
                             uint64_t *damaged)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    uint64_t first, count, first_weight, weights, damaged_weights = 0;
    choose_share(store, grid_cell_count(sweep), &first, &count);
    choose_share(store, grid_weight_count(sweep), &first_weight, &weights);
    enum status status = results_file_open(store->path, sweep, NULL, &file);
    if (status == STATUS_OK && store->world->rank == 0)
        status = seal_require(&file, STATUS_IO);
    if (status != STATUS_OK)
        return status_prefix(STATUS_IO, "the closed file cannot be read; was it changed by another program?");
    if (expected && store->world->rank == 0)
        TRY(require_tally(store, &file, expected));
    if (expected) {
        TRY(resume_count_damaged(&file, first, count, damaged));
        TRY(weight_record_count_damaged(&file, first_weight, weights, &damaged_weights));
    }
    *damaged += damaged_weights;
    return results_file_close(&file);
}

static enum status require_own_sweep(const struct store *store, const struct sweep *sweep)
{
    SCOPED(sweep) *in_file = NULL;
    if (results_file_read_sweep(store->path, &in_file) != STATUS_OK)
        return status_prefix(STATUS_IO, "the closed file cannot be read; was it changed by another program?");
    return sweep_require_same(sweep, in_file) == STATUS_OK
               ? STATUS_OK
               : status_prefix(STATUS_IO, "%s: another program has changed the sweep in it", store->path);
}

/* Whether the path still leads to the file. One whose last name was taken from it would be gone with this run: it gets
 * another. */
static enum status require_place(const struct store *store)
{
    char kept[PATH_MAX];
    TRY(hold_flush(&store->hold, store->path));
    enum status status = hold_require_place(&store->hold, store->asked);
    if (status == STATUS_OK || hold_has_name(&store->hold))
        return status;
    if (publish_copy(store->hold.exclusive, store->path, kept, sizeof kept) != STATUS_OK)
        return status_prefix(
            STATUS_IO, "%s: the file was replaced or removed while it was written; its results are lost", store->path);
    return status_fail(STATUS_IO,
                       "%s: the file was replaced or removed while it was written; its results are saved as %s",
                       store->path, kept);
}

/* Once no rank has the file open any more. */
static enum status verify_closed(const struct store *store, const struct sweep *sweep,
                                 const struct store_tally *expected)
{
    const struct world *world = store->world;
    uint64_t damaged = 0;
    TRY(world_agree(world, world->rank == 0 ? require_place(store) : STATUS_OK));
    TRY(world_agree(world, disk_sync(store->path)));
    TRY(world_agree(world, world->rank == 0 ? require_own_sweep(store, sweep) : STATUS_OK));
    enum status status = world->rank == 0 || expected ? read_back(store, sweep, expected, &damaged) : STATUS_OK;
    TRY(world_agree(world, status));
    TRY(world_check(MPI_Allreduce(MPI_IN_PLACE, &damaged, 1, MPI_UINT64_T, MPI_SUM, world->communicator),
                    "counting damaged cells"));
    return damaged > 0 ? fail_damaged(store, damaged) : STATUS_OK;
}

enum status store_close_verified(struct store *store, const struct store_tally *expected)
{
    SCOPED(store) *closing = store;
    const struct sweep *sweep = store->results_file.layout.sweep;
    TRY(world_agree(closing->world, results_file_close(&closing->results_file)));
    return verify_closed(closing, sweep, expected);
}

enum status store_close(struct store *store)
{
    return store_close_verified(store, NULL);
}

enum status store_flush(struct store *store)
{
    /* Not by its name, which may be another's by now: that is for the end. */
    return disk_sync_opened(store->results_file.descriptor, store->path);
}

enum status store_read_weights(struct store *store, uint64_t first, uint64_t count, struct weight_facts *facts,
                               bool *are_damaged)
{
    const struct layout *layout = &store->results_file.layout;
    const uint64_t length = weight_record_length(layout);
    SCOPED_MEMORY double *records = NULL;
    SCOPED_MEMORY enum weight_state *states = NULL;
    TRY(memory_allocate(&records, count * length, "values of weights"));
    TRY(memory_allocate(&states, count, "states of weights"));
    TRY(weight_record_read(&store->results_file, first, count, records, states));
    for (uint64_t i = 0; i < count; i++) {
        if (states[i] != WEIGHT_INTACT)
            weight_record_clear(layout, records + i * length);
        weight_result_get(layout->sweep->measures, &layout->sweep->options, records + i * length, &facts[i]);
        if (are_damaged)
            are_damaged[i] = states[i] == WEIGHT_DAMAGED;
    }
    return STATUS_OK;
}

enum status store_write_weights(struct store *store, uint64_t first, uint64_t count, const struct weight_facts *facts)
{
    const struct layout *layout = &store->results_file.layout;
    const uint64_t length = weight_record_length(layout);
    SCOPED_MEMORY double *records = NULL;
    TRY(memory_allocate(&records, count * length, "values of weights"));
    for (uint64_t i = 0; i < count; i++)
        weight_result_put(layout->sweep->measures, &layout->sweep->options, &facts[i], records + i * length);
    return weight_record_write(&store->results_file, first, count, records);
}

enum status store_write_cells(struct store *store, const struct cell_results *results)
{
    SCOPED(cell_checksums) checksums = { 0 };
    TRY(cell_checksums_allocate(results->count, &checksums));
    for (uint64_t i = 0; i < results->count; i++)
        results_file_seal_cell(&store->results_file, results, i, &checksums);
    for (uint64_t from = 0, end; from < results->count; from = end) {
        bool is_pending = results->status[from] == STORE_PENDING;
        for (end = from + 1; end < results->count && (results->status[end] == STORE_PENDING) == is_pending;)
            end++;
        if (!is_pending)
            TRY(results_file_write_cells(&store->results_file, results, from, end - from, &checksums));
    }
    return STATUS_OK;
}

enum status store_cells_needed(struct store *store, uint64_t first, uint64_t count, bool retry_failed, uint8_t *needed)
{
    return resume_cells_needed(&store->results_file, first, count, retry_failed, needed);
}

enum status store_count(struct store *store, struct store_tally *tally)
{
    return resume_count(&store->results_file, tally);
}

enum status store_read_provenance(struct store *store, char *text, size_t size)
{
    char row[PROVENANCE_CHARACTERS + 1] = "";
    uint64_t next = 0;
    int64_t last = -1;
    enum row_state state;
    TRY(provenance_rows_find(&store->results_file, &next, &last));
    if (last >= 0)
        TRY(provenance_rows_read(&store->results_file, (uint64_t)last, row, &state));
    snprintf(text, size, "%s", row);
    return STATUS_OK;
}

enum status store_write_provenance(struct store *store, const char *json)
{
    uint64_t next = 0;
    int64_t last = -1;
    if (store->provenance_row < 0) {
        TRY(provenance_rows_find(&store->results_file, &next, &last));
        store->provenance_row = next < PROVENANCE_RUNS ? (int)next : PROVENANCE_RUNS - 1;
        TRY(provenance_rows_empty_damaged(&store->results_file, next));
    }
    return provenance_rows_write(&store->results_file, (uint64_t)store->provenance_row, json);
}

uint64_t store_predicted_bytes(const struct sweep *sweep)
{
    SCOPED(layout) layout = { 0 };
    if (layout_create(sweep, FORMAT_VERSION, &layout) != STATUS_OK)
        return 0;
    return layout_file_bytes(&layout) + layout_data_bytes(&layout);
}
