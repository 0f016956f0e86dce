#include "store/store.h"

#include "base/log.h"
#include "base/memory.h"
#include "store/create.h"
#include "store/disk.h"
#include "store/lock.h"
#include "store/place.h"
#include "store/results_file.h"
#include "store/resume.h"
#include "store/shard.h"
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
    struct results_file results_file;
    struct lock lock;   /* rank 0 */
    int provenance_row; /* of this run, rank 0; -1: not yet known */
    bool is_on_nfs;
};

/* What is to be made or gone on with. */
struct output {
    const struct sweep *sweep;
    const struct store_shard *shard; /* NULL: the whole sweep */
    enum store_mode mode;
};

static enum status require_same_shard(const struct output *output, const char *path)
{
    const struct shard_mark asked = shard_mark_of(output->shard);
    struct shard_mark in_file;
    char asked_text[SHARD_TEXT], file_text[SHARD_TEXT];
    TRY(shard_mark_read_path(path, grid_cell_count(output->sweep), &in_file));
    if (asked.number == in_file.number && asked.count == in_file.count)
        return STATUS_OK;
    shard_mark_describe(&asked, asked_text);
    shard_mark_describe(&in_file, file_text);
    return status_fail(STATUS_REFUSED, "the file is %s, and %s is asked for%s", file_text, asked_text,
                       shard_mark_is_shard(&in_file) ? "; gradsweep merge makes one whole file of all shards" : "");
}

/* Only a file of ours may be resumed or overwritten. */
static enum status require_ours(const struct output *output, const char *path)
{
    struct sweep *in_file = NULL;
    if (results_file_read_sweep(path, &in_file) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "left untouched");
    enum status status = STATUS_OK;
    if (output->mode == STORE_RESUME) {
        status = sweep_require_same(output->sweep, in_file);
        if (status == STATUS_OK)
            status = require_same_shard(output, path);
    }
    sweep_close(in_file);
    return status == STATUS_OK ? STATUS_OK : status_prefix(status, "%s", path);
}

/* Whether the file is to be made, as far as `mode` allows it. */
static enum status decide(const struct output *output, const char *path, bool *creates)
{
    struct stat state;
    TRY(disk_require_directory(path));
    *creates = true;
    if (stat(path, &state) != 0) {
        if (errno == ENOENT)
            return STATUS_OK;
        return status_fail(STATUS_REFUSED, "%s: cannot be looked at: %s", path, strerror(errno));
    }
    if (!S_ISREG(state.st_mode))
        return status_fail(STATUS_REFUSED, "%s: %s; name a file to be made", path,
                           S_ISDIR(state.st_mode) ? "a directory" : "exists and is not a regular file");
    if (output->mode == STORE_NEW)
        return status_fail(STATUS_REFUSED,
                           "%s: the file exists; pass --resume to continue it or --overwrite to start afresh", path);
    TRY(require_ours(output, path));
    *creates = output->mode == STORE_OVERWRITE;
    if (!*creates && access(path, R_OK | W_OK) != 0)
        return status_fail(STATUS_REFUSED, "%s: the file cannot be written to: %s", path, strerror(errno));
    return STATUS_OK;
}

/* What rank 0 does before anything is touched. Looked at again under the lock: another run may just have ended. */
static enum status prepare(const struct output *output, const char *path, bool break_lock, struct lock *lock,
                           bool *creates)
{
    TRY(decide(output, path, creates));
    TRY(lock_acquire(path, break_lock, lock));
    enum status status = decide(output, path, creates);
    if (status != STATUS_OK)
        lock_release(lock);
    return status;
}

/* Open MPI locks whole files or nothing by itself; locked ranges keep NFS clients from writing back pages in which a
 * neighbour's bytes are old. Read when MPI-IO is first used. */
static void prepare_for_nfs(const struct world *world, const char *path)
{
    if (world->rank == 0)
        log_info("%s is on NFS: writes lock their range, and all checksums are verified at the end", path);
    setenv("OMPI_MCA_fs_ufs_lock_algorithm", "3", 0);
}

static enum status open_for_run(struct store *store, const struct output *output, const char *path, bool creates)
{
    const struct world *world = store->world;
    char directory[PATH_MAX];
    TRY(disk_directory(path, directory, sizeof directory)); /* the same on all ranks */
    store->is_on_nfs = disk_is_nfs(directory);
    if (store->is_on_nfs)
        prepare_for_nfs(world, path);
    if (creates) {
        struct layout layout;
        enum status status = layout_create(output->sweep, &layout);
        status = world_agree(world, status);
        if (status == STATUS_OK)
            status = create_results_file(world, &layout, output->shard, path);
        layout_destroy(&layout);
        TRY(status);
    }
    enum status status = world_agree(world, results_file_open(path, output->sweep, world, &store->results_file));
    if (status != STATUS_OK && results_file_close(&store->results_file) != STATUS_OK)
        log_warning("%s", status_message());
    return status;
}

static void discard(struct store *store)
{
    lock_release(&store->lock);
    memory_free(store);
}

enum status store_open(const struct world *world, const struct sweep *sweep, const struct store_shard *shard,
                       const char *path, enum store_mode mode, bool break_lock, struct store **store, bool *is_fresh)
{
    const struct output output = { sweep, shard, mode };
    struct store *opened = NULL;
    int creates = 0;
    *store = NULL;
    enum status status = memory_allocate(&opened, 1, "the results file's handle");
    TRY(world_agree(world, status)); /* out of memory is the end of the run: nothing to release */
    *opened = (struct store){ .world = world, .lock = { .descriptor = -1 }, .provenance_row = -1 };
    if (world->rank == 0) {
        bool is_new = false;
        status = prepare(&output, path, break_lock, &opened->lock, &is_new);
        creates = is_new;
    }
    TRY_OR(failed, world_agree(world, status));
    TRY_OR(failed, place_require_same(world, path));
    TRY_OR(failed, world_check(MPI_Bcast(&creates, 1, MPI_INT, 0, world->communicator), "opening the results file"));
    TRY_OR(failed, open_for_run(opened, &output, path, creates));
    *store = opened;
    *is_fresh = creates;
    return STATUS_OK;
failed:
    discard(opened);
    return status;
}

/* All ranks have closed the file: what rank 0 reads now is what is on the server. */
static enum status verify_on_nfs(const struct sweep *sweep, const char *path)
{
    struct results_file file;
    uint64_t damaged = 0;
    enum status status = results_file_open(path, sweep, NULL, &file);
    if (status == STATUS_OK)
        status = resume_count_damaged(&file, 0, grid_cell_count(sweep), &damaged);
    enum status closed = results_file_close(&file);
    TRY(status);
    TRY(closed);
    if (damaged > 0)
        return status_fail(STATUS_IO,
                           "%s: %llu finished cells were damaged by NFS clients writing neighbouring bytes; run again "
                           "with --resume to compute them anew",
                           path, (unsigned long long)damaged);
    log_info("%s: all checksums are right", path);
    return STATUS_OK;
}

enum status store_close(struct store *store)
{
    const struct world *world = store->world;
    const struct sweep *sweep = store->results_file.layout.sweep;
    char path[PATH_MAX];
    strncpy(path, store->results_file.path, sizeof path - 1);
    path[sizeof path - 1] = '\0';
    enum status status = results_file_close(&store->results_file);
    if (status == STATUS_OK)
        status = disk_sync(path);
    status = world_agree(world, status);
    if (status == STATUS_OK && store->is_on_nfs)
        status = world_agree(world, world->rank == 0 ? verify_on_nfs(sweep, path) : STATUS_OK);
    discard(store);
    return status;
}

enum status store_flush(struct store *store)
{
    return disk_sync(store->results_file.path);
}

/* Writes some numbers and makes sure that they have arrived. */
static enum status write_surely(const struct results_file *file, const char *dataset, uint64_t first, uint64_t count,
                                const double *values)
{
    const size_t number = results_file_find(file, dataset);
    double *stored = NULL;
    TRY(memory_allocate(&stored, count, "numbers to be read back"));
    enum status status = results_file_write(file, number, first, count, values);
    if (status == STATUS_OK)
        status = results_file_read(file, number, first, count, stored);
    if (status == STATUS_OK && memcmp(stored, values, count * sizeof *values) != 0)
        status = status_fail(STATUS_IO, "%s: dataset %s: what was written has not arrived; is the disk in order?",
                             file->path, dataset);
    memory_free(stored);
    return status;
}

enum status store_write_weight(struct store *store, uint64_t weight, double radius, double norm)
{
    TRY(write_surely(&store->results_file, "weight_spectral_radius", weight, 1, &radius));
    return write_surely(&store->results_file, "weight_norm", weight, 1, &norm);
}

enum status store_read_weight(struct store *store, uint64_t weight, double *radius, double *norm)
{
    const struct results_file *file = &store->results_file;
    TRY(results_file_read(file, results_file_find(file, "weight_spectral_radius"), weight, 1, radius));
    return results_file_read(file, results_file_find(file, "weight_norm"), weight, 1, norm);
}

bool store_has_eigenvalues(const struct store *store)
{
    const struct results_file *file = &store->results_file;
    return results_file_find(file, "eigenvalue_re") + 1 < file->layout.count;
}

/* The first place of a WEIGHT's eigenvalues. */
static enum status find_eigenvalues(const struct store *store, uint64_t weight, uint64_t *first)
{
    const struct results_file *file = &store->results_file;
    if (!store_has_eigenvalues(store))
        return status_fail(STATUS_INTERNAL, "%s: no measure of this sweep has eigenvalues", file->path);
    *first = weight * file->layout.sizes[DIMENSION_INDEX];
    return STATUS_OK;
}

enum status store_write_eigenvalues(struct store *store, uint64_t weight, long count, const double *re,
                                    const double *im)
{
    uint64_t first = 0;
    TRY(find_eigenvalues(store, weight, &first));
    TRY(write_surely(&store->results_file, "eigenvalue_re", first, (uint64_t)count, re));
    return write_surely(&store->results_file, "eigenvalue_im", first, (uint64_t)count, im);
}

enum status store_read_eigenvalues(struct store *store, uint64_t weight, long count, double *re, double *im)
{
    const struct results_file *file = &store->results_file;
    uint64_t first = 0;
    TRY(find_eigenvalues(store, weight, &first));
    TRY(results_file_read(file, results_file_find(file, "eigenvalue_re"), first, (uint64_t)count, re));
    return results_file_read(file, results_file_find(file, "eigenvalue_im"), first, (uint64_t)count, im);
}

enum status store_write_cells(struct store *store, const struct cell_results *results)
{
    uint32_t *checksums = NULL;
    TRY(memory_allocate(&checksums, results->count, "checksums"));
    for (uint64_t i = 0; i < results->count; i++)
        checksums[i] = results_file_checksum(&store->results_file, results, i);
    enum status status = STATUS_OK;
    for (uint64_t from = 0, end; status == STATUS_OK && from < results->count; from = end) {
        bool is_pending = results->status[from] == STORE_PENDING;
        for (end = from + 1; end < results->count && (results->status[end] == STORE_PENDING) == is_pending;)
            end++;
        if (!is_pending)
            status = results_file_write_cells(&store->results_file, results, from, end - from, checksums);
    }
    memory_free(checksums);
    return status;
}

enum status store_cells_needed(struct store *store, uint64_t first, uint64_t count, bool retry_failed, uint8_t *needed)
{
    return resume_cells_needed(&store->results_file, first, count, retry_failed, needed);
}

enum status store_count_damaged(struct store *store, int rank, int ranks, uint64_t *damaged)
{
    uint64_t first, share;
    *damaged = 0;
    if (store->is_on_nfs)
        return STATUS_OK;
    world_share(grid_cell_count(store->results_file.layout.sweep), rank, ranks, &first, &share);
    return resume_count_damaged(&store->results_file, first, share, damaged);
}

enum status store_count(struct store *store, struct store_tally *tally)
{
    return resume_count(&store->results_file, tally);
}

/* The first row that nobody wrote, or the last. */
static enum status find_provenance_row(const struct results_file *file, int *row)
{
    uint64_t free_row = 0;
    TRY(results_file_free_provenance_row(file, &free_row));
    *row = free_row < PROVENANCE_RUNS ? (int)free_row : PROVENANCE_RUNS - 1;
    return STATUS_OK;
}

enum status store_read_provenance(struct store *store, char *text, size_t size)
{
    const struct results_file *file = &store->results_file;
    const size_t number = layout_tail_at(&file->layout, TAIL_PROVENANCE);
    char row[PROVENANCE_CHARACTERS + 1] = { 0 };
    int last = 0;
    TRY(find_provenance_row(file, &last));
    /* The one found is free, unless all are taken. */
    for (int i = last; i >= 0 && i >= last - 1 && row[0] == '\0'; i--)
        TRY(results_file_read(file, number, (uint64_t)i * PROVENANCE_CHARACTERS, PROVENANCE_CHARACTERS, row));
    snprintf(text, size, "%s", row);
    return STATUS_OK;
}

enum status store_write_provenance(struct store *store, const char *json)
{
    const struct results_file *file = &store->results_file;
    char row[PROVENANCE_CHARACTERS] = { 0 };
    const size_t length = strlen(json);
    if (length > sizeof row)
        return status_fail(STATUS_INTERNAL, "%s: a provenance of %zu characters where %zu fit", file->path, length,
                           sizeof row);
    memcpy(row, json, length);
    if (store->provenance_row < 0)
        TRY(find_provenance_row(file, &store->provenance_row));
    return results_file_write(file, layout_tail_at(&file->layout, TAIL_PROVENANCE),
                              (uint64_t)store->provenance_row * PROVENANCE_CHARACTERS, sizeof row, row);
}

uint64_t store_predicted_bytes(const struct sweep *sweep)
{
    struct layout layout;
    if (layout_create(sweep, &layout) != STATUS_OK)
        return 0;
    uint64_t bytes = layout_file_bytes(&layout) + layout_data_bytes(&layout);
    layout_destroy(&layout);
    return bytes;
}
