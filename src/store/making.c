#include "store/making.h"

#include "base/log.h"
#include "store/create.h"
#include "store/disk.h"
#include "store/resume.h"
#include "sweep/grid.h"

#include <limits.h>

static enum status create(const char *path, const struct sweep *sweep)
{
    struct layout layout;
    enum status status = layout_create(sweep, &layout);
    if (status == STATUS_OK)
        status = create_unpublished(NULL, &layout, NULL, path);
    layout_destroy(&layout);
    return status;
}

/* Under the lock: whatever was refused before may have changed. */
static enum status create_and_open(const char *path, const struct sweep *sweep, struct making *making)
{
    char temporary[PATH_MAX];
    TRY(disk_require_new(path));
    TRY(create_temporary_path(path, temporary, sizeof temporary));
    TRY(create(path, sweep));
    enum status status = results_file_open_alone(temporary, sweep, &making->file);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (results_file_close(&making->file) != STATUS_OK)
        log_warning("%s", status_message());
    create_discard(path);
    return status;
}

enum status making_open(const char *path, const struct sweep *sweep, struct making *making)
{
    *making = (struct making){ .path = path, .lock = { .descriptor = -1 } };
    TRY(disk_require_new(path));
    TRY(lock_acquire(path, false, &making->lock));
    enum status status = create_and_open(path, sweep, making);
    if (status != STATUS_OK)
        lock_release(&making->lock);
    return status;
}

/* File systems may lose writes without an error. */
static enum status verify(const struct making *making)
{
    uint64_t damaged = 0;
    TRY(resume_count_damaged(&making->file, 0, grid_cell_count(making->file.layout.sweep), &damaged));
    if (damaged == 0)
        return STATUS_OK;
    return status_fail(STATUS_IO, "%s: %llu cells hold something else than was written to them; is the disk in order?",
                       making->path, (unsigned long long)damaged);
}

enum status making_publish(struct making *making)
{
    enum status status = verify(making);
    enum status closed = results_file_close(&making->file);
    if (status == STATUS_OK)
        status = closed;
    if (status == STATUS_OK)
        status = create_publish(making->path);
    if (status != STATUS_OK)
        create_discard(making->path);
    lock_release(&making->lock);
    return status;
}

void making_discard(struct making *making)
{
    if (results_file_close(&making->file) != STATUS_OK)
        log_warning("%s", status_message());
    create_discard(making->path);
    lock_release(&making->lock);
}
