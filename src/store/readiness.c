#include "store/readiness.h"

#include "store/disk.h"
#include "store/resume.h"
#include "store/seal.h"
#include "store/weight_record.h"
#include "sweep/grid.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status require_version(const struct results_file *file)
{
    if (file->layout.version == FORMAT_VERSION)
        return STATUS_OK;
    const char *path = file->path;
    if (!shard_is_whole(&file->shard))
        return status_fail(
            STATUS_REFUSED,
            "%s: a shard of format version %ld, which is not gone on with in place; gradsweep merge NEW.h5 "
            "%s ... takes all that is finished in the shards into a new file, to be resumed",
            path, file->layout.version, path);
    return status_fail(STATUS_REFUSED,
                       "%s: format version %ld, which is not gone on with in place; take all that is finished into a "
                       "new file with: gradsweep extend %s %s -o NEW.h5",
                       path, file->layout.version, file->layout.sweep->path ? file->layout.sweep->path : "SWEEP.yaml",
                       path);
}

static enum status require_contiguous(const struct results_file *file)
{
    if (results_file_is_contiguous(file))
        return STATUS_OK;
    return status_fail(
        STATUS_REFUSED,
        "%s: a compressed copy, which cannot be written in place, and cells are left to compute; unpack it "
        "with: h5repack -f NONE -l CONTI %s NEW.h5, and resume that",
        file->path, file->path);
}

static enum status require_ready(const struct results_file *file)
{
    TRY(require_version(file));
    enum status status = seal_require(file, STATUS_REFUSED);
    if (status == STATUS_REFUSED)
        status = status_prefix(status, "left untouched; gradsweep extend (of shards: merge) saves what is finished");
    TRY(status);
    return require_contiguous(file);
}

static enum status require_ready_in(const char *path, const struct sweep *sweep)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    TRY(results_file_open(path, sweep, NULL, &file));
    TRY(require_ready(&file));
    return results_file_close(&file);
}

static enum status require_same_shard(const struct output *output, const char *path)
{
    const struct shard asked = output->shard ? output->shard->mark : (struct shard){ 0 };
    struct shard in_file;
    char asked_text[SHARD_TEXT], file_text[SHARD_TEXT];
    TRY(shard_read_path(path, grid_cell_count(output->sweep), &in_file));
    if (asked.number == in_file.number && asked.count == in_file.count)
        return STATUS_OK;
    shard_describe(&asked, asked_text);
    shard_describe(&in_file, file_text);
    return status_fail(STATUS_REFUSED, "the file is %s, and %s is asked for%s", file_text, asked_text,
                       shard_is_whole(&in_file) ? "" : "; gradsweep merge makes one whole file of all shards");
}

/* One of the same sweep and shard. */
static enum status require_same(const struct output *output, const struct sweep *in_file, const char *path)
{
    TRY(sweep_require_same(output->sweep, in_file));
    return require_same_shard(output, path);
}

/* Only a file of ours may be resumed or overwritten. */
static enum status require_ours(const struct output *output, const char *path)
{
    SCOPED(sweep) *in_file = NULL;
    if (results_file_read_sweep(path, &in_file) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "left untouched");
    if (output->mode != STORE_RESUME)
        return STATUS_OK;
    TRY(status_prefix(require_same(output, in_file, path), "%s", path));
    return require_ready_in(path, output->sweep);
}

/* Whether the file is to be made, as far as `mode` allows it. */
enum status readiness_decide(const struct output *output, const char *path, bool *creates)
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

static enum status find_finished(const struct results_file *file, bool *is_finished, struct store_tally *tally)
{
    const struct sweep *sweep = file->layout.sweep;
    struct seal_faults faults;
    uint64_t damaged = 0, weights = 0;
    TRY(resume_count(file, tally));
    if (tally->pending > 0)
        return STATUS_OK;
    TRY(resume_count_damaged(file, 0, grid_cell_count(sweep), &damaged));
    TRY(weight_record_count_damaged(file, 0, grid_weight_count(sweep), &weights));
    TRY(seal_verify(file, &faults));
    *is_finished = damaged + weights + faults.coordinates + faults.structure == 0;
    return STATUS_OK;
}

static enum status look_for_finished(const char *path, const struct sweep *sweep, bool *is_finished,
                                     struct store_tally *tally)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    TRY(results_file_open(path, sweep, NULL, &file));
    if (file.layout.version == FORMAT_VERSION && !results_file_is_contiguous(&file))
        TRY(find_finished(&file, is_finished, tally));
    return results_file_close(&file);
}

enum status readiness_find_finished_copy(const struct output *output, const char *path, bool *is_finished,
                                         struct store_tally *tally)
{
    SCOPED(sweep) *in_file = NULL;
    struct stat state;
    *is_finished = false;
    if (stat(path, &state) != 0 || !S_ISREG(state.st_mode) || results_file_read_sweep(path, &in_file) != STATUS_OK)
        return STATUS_OK; /* whatever is amiss is told when it is opened to be gone on with */
    return require_same(output, in_file, path) == STATUS_OK ? look_for_finished(path, output->sweep, is_finished, tally)
                                                            : STATUS_OK;
}
