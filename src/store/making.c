#include "store/making.h"

#include "store/disk.h"
#include "store/output.h"
#include "store/publish.h"
#include "store/resume.h"
#include "store/seal.h"
#include "store/weight_record.h"
#include "sweep/grid.h"

#include <string.h>

static enum status create(struct making *making, const struct sweep *sweep)
{
    SCOPED(layout) layout = { 0 };
    TRY(layout_create(sweep, FORMAT_VERSION, &layout));
    return create_unpublished(NULL, &layout, NULL, making->path, &making->lock.owner, &making->unpublished);
}

/* Under the lock: whatever was refused before may have changed. */
static enum status create_and_open(struct making *making, const struct sweep *sweep)
{
    TRY(disk_require_new(making->path));
    output_clear(making->path, &making->lock.owner, &making->lock.before);
    TRY(create(making, sweep));
    return results_file_open_alone(making->unpublished.temporary, sweep, &making->file);
}

enum status making_require_new(const char *path)
{
    char resolved[PATH_MAX];
    TRY(output_resolve(path, resolved, sizeof resolved));
    return disk_require_new(resolved);
}

enum status making_open(const char *path, const struct sweep *sweep, struct making *making)
{
    *making = MAKING_NONE;
    making->asked = path;
    TRY(output_resolve(path, making->path, sizeof making->path));
    TRY(disk_require_new(making->path));
    TRY(lock_acquire(making->path, false, &making->lock));
    return create_and_open(making, sweep);
}

static enum status require_intact(const struct results_file *file, const char *path)
{
    const struct sweep *sweep = file->layout.sweep;
    uint64_t damaged = 0, weights = 0;
    TRY(resume_count_damaged(file, 0, grid_cell_count(sweep), &damaged));
    TRY(weight_record_count_damaged(file, 0, grid_weight_count(sweep), &weights));
    if (damaged + weights == 0)
        return STATUS_OK;
    return status_fail(STATUS_IO,
                       "%s: %llu cells or weights hold something else than was written to them; is the disk in order?",
                       path, (unsigned long long)(damaged + weights));
}

/* File systems may lose writes without an error, and closing is writing too: the closed file has the word. */
static enum status verify(const struct making *making, const struct sweep *sweep, const struct store_tally *written)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    struct store_tally found = { 0 };
    TRY(results_file_open(making->unpublished.temporary, sweep, NULL, &file));
    TRY(seal_require(&file, STATUS_IO));
    TRY(resume_count(&file, &found));
    if (found.done != written->done || found.failed != written->failed)
        return status_fail(STATUS_IO, "%s: what was written has not arrived; is the disk in order?", making->path);
    TRY(require_intact(&file, making->path));
    return results_file_close(&file);
}

static enum status close_and_verify(struct making *making)
{
    const struct sweep *sweep = making->file.layout.sweep;
    struct store_tally written = { 0 };
    TRY(resume_count(&making->file, &written));
    TRY(results_file_close(&making->file));
    return verify(making, sweep, &written);
}

/* What was made is whole: it is not thrown away because of its name. */
static enum status keep_beside(const struct making *making)
{
    char kept[PATH_MAX];
    TRY(publish_beside(making->unpublished.temporary, making->path, kept, sizeof kept));
    return status_fail(STATUS_IO,
                       "%s: another file has taken this name meanwhile, and is left alone; what was made is "
                       "whole and kept as %s",
                       making->path, kept);
}

enum status making_publish(struct making *making)
{
    const struct identity nothing = { 0 };
    bool is_taken = false;
    TRY(close_and_verify(making));
    enum status status = create_publish(&making->unpublished, &nothing, &is_taken);
    if (status != STATUS_OK && !is_taken)
        return status;
    status = is_taken ? keep_beside(making) : hold_require_place(&making->unpublished.hold, making->asked);
    making->unpublished.temporary[0] = '\0'; /* it has another name now */
    return status;
}

void making_close(struct making *making)
{
    results_file_discard(&making->file);
    create_discard(&making->unpublished);
    hold_release(&making->unpublished.hold);
    lock_release(&making->lock);
}
