#include "store/making.h"

#include "base/log.h"
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
    struct layout layout;
    enum status status = layout_create(sweep, FORMAT_VERSION, &layout);
    if (status == STATUS_OK)
        status = create_unpublished(NULL, &layout, NULL, making->path, &making->lock.owner, &making->unpublished);
    layout_destroy(&layout);
    return status;
}

static void discard_file(struct making *making)
{
    if (results_file_close(&making->file) != STATUS_OK)
        log_warning("%s", status_message());
    create_discard(&making->unpublished);
    hold_release(&making->unpublished.hold);
}

/* Under the lock: whatever was refused before may have changed. */
static enum status create_and_open(struct making *making, const struct sweep *sweep)
{
    TRY(disk_require_new(making->path));
    output_clear(making->path, &making->lock.owner, &making->lock.before);
    TRY(create(making, sweep));
    enum status status = results_file_open_alone(making->unpublished.temporary, sweep, &making->file);
    if (status != STATUS_OK)
        discard_file(making);
    return status;
}

enum status making_require_new(const char *path)
{
    char resolved[PATH_MAX];
    TRY(output_resolve(path, resolved, sizeof resolved));
    return disk_require_new(resolved);
}

enum status making_open(const char *path, const struct sweep *sweep, struct making *making)
{
    *making = (struct making){ .asked = path, .lock = { .descriptor = -1 }, .unpublished = { .hold = HOLD_NONE } };
    TRY(output_resolve(path, making->path, sizeof making->path));
    TRY(disk_require_new(making->path));
    TRY(lock_acquire(making->path, false, &making->lock));
    enum status status = create_and_open(making, sweep);
    if (status != STATUS_OK)
        lock_release(&making->lock);
    return status;
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
    struct results_file file;
    struct store_tally found = { 0 };
    enum status status = results_file_open(making->unpublished.temporary, sweep, NULL, &file);
    if (status == STATUS_OK)
        status = seal_require(&file, STATUS_IO);
    if (status == STATUS_OK)
        status = resume_count(&file, &found);
    if (status == STATUS_OK && (found.done != written->done || found.failed != written->failed))
        status = status_fail(STATUS_IO, "%s: what was written has not arrived; is the disk in order?", making->path);
    if (status == STATUS_OK)
        status = require_intact(&file, making->path);
    enum status closed = results_file_close(&file);
    return status == STATUS_OK ? closed : status;
}

static enum status close_and_verify(struct making *making)
{
    const struct sweep *sweep = making->file.layout.sweep;
    struct store_tally written = { 0 };
    enum status status = resume_count(&making->file, &written);
    enum status closed = results_file_close(&making->file);
    TRY(status);
    TRY(closed);
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
    enum status status = close_and_verify(making);
    if (status == STATUS_OK)
        status = create_publish(&making->unpublished, &nothing, &is_taken);
    if (status == STATUS_OK)
        status = hold_require_place(&making->unpublished.hold, making->asked);
    else if (is_taken)
        status = keep_beside(making);
    else
        create_discard(&making->unpublished);
    hold_release(&making->unpublished.hold);
    lock_release(&making->lock);
    return status;
}

void making_discard(struct making *making)
{
    discard_file(making);
    lock_release(&making->lock);
}
