#include "store/extend.h"

#include "base/log.h"
#include "store/first_look.h"
#include "store/making.h"
#include "store/transfer.h"

#include <inttypes.h>

static enum status transfer_all(const struct results_file *source, const struct results_file *target,
                                const struct extension *extension, struct transfer_tally *tally)
{
    const struct transfer transfer = { source, target, extension };
    struct transfer_conflict conflict = { 0 };
    TRY(transfer_cells(&transfer, tally, &conflict));
    TRY(transfer_weights(&transfer, tally, &conflict));
    if (conflict.is_found) /* the target was empty, and no two cells have one place */
        return status_fail(STATUS_INTERNAL, "%s: two cells for one place of the longer axes", source->path);
    return transfer_provenance(&transfer);
}

static enum status extend_from(const struct results_file *source, const struct extension *extension, const char *path,
                               struct transfer_tally *tally)
{
    SCOPED(making) making = MAKING_NONE;
    TRY(making_open(path, extension->large, &making));
    TRY(transfer_all(source, &making.file, extension, tally));
    return making_publish(&making);
}

static void tell(const struct sweep *sweep, const char *old, const char *path, const struct transfer_tally *tally)
{
    const uint64_t cells = grid_cell_count(sweep);
    if (tally->damaged > 0)
        log_warning("%s: %" PRIu64 " damaged cells are left out", old, tally->damaged);
    if (tally->damaged_weights > 0)
        log_warning("%s: what it knows of %" PRIu64 " weights is damaged and left out", old, tally->damaged_weights);
    log_info("%s: %" PRIu64 " of %" PRIu64 " cells taken from %s, %" PRIu64 " pending%s", path, tally->taken, cells,
             old, cells - tally->taken, cells > tally->taken ? "; go on with gradsweep run --resume" : "");
}

static enum status extend_opened(const struct sweep *sweep, const struct sweep *old_sweep, const char *old,
                                 const char *path)
{
    SCOPED(extension) extension = { 0 };
    SCOPED(results_file) source = RESULTS_FILE_NONE;
    struct transfer_tally tally = { 0 };
    TRY(status_prefix(extension_open(sweep, old_sweep, &extension), "%s", old));
    if (results_file_open(old, old_sweep, NULL, &source) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "nothing made");
    if (!shard_is_whole(&source.shard))
        return status_fail(STATUS_REFUSED, "%s: it is shard %ld/%ld; merge the shards first", old, source.shard.number,
                           source.shard.count);
    TRY(transfer_look_at(&source));
    TRY(extend_from(&source, &extension, path, &tally));
    if (results_file_close(&source) != STATUS_OK)
        log_warning("%s", status_message());
    tell(sweep, old, path, &tally);
    return STATUS_OK;
}

enum status extend_results(const struct sweep *sweep, const char *old, const char *path)
{
    SCOPED(sweep) *old_sweep = NULL;
    TRY(making_require_new(path));
    if (first_look(old) != STATUS_OK || results_file_read_sweep(old, &old_sweep) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "nothing made");
    return extend_opened(sweep, old_sweep, old, path);
}
