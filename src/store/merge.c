#include "store/merge.h"

#include "base/log.h"
#include "base/memory.h"
#include "store/first_look.h"
#include "store/making.h"
#include "store/resume.h"
#include "store/transfer.h"
#include "store/weight_record.h"
#include "sweep/grid.h"

#include <inttypes.h>
#include <stdio.h>

enum { ABSENT_SHOWN = 8, ABSENT_TEXT = 256 };

struct merge {
    const char *path;
    size_t count;
    const char *const *shards;
    struct sweep *sweep; /* that all belong to */
    long shard_count;    /* N of I/N */
    uint8_t *is_present; /* [shard_count] */
};

static void merge_close(struct merge *merge)
{
    sweep_close(merge->sweep);
    memory_free(merge->is_present);
}
SCOPED_VALUE(merge, merge_close)

/* ---- what is merged ---- */

static enum status require_shard(struct merge *merge, const char *path, const struct sweep *sweep)
{
    struct shard mark;
    if (sweep_require_same(merge->sweep, sweep) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "%s belongs to another sweep than %s", path, merge->shards[0]);
    TRY(shard_read_path(path, grid_cell_count(sweep), &mark));
    if (shard_is_whole(&mark))
        return status_fail(STATUS_REFUSED, "%s: it is a whole results file, not a shard (run --shard I/N)", path);
    if (merge->shard_count == 0) {
        merge->shard_count = mark.count;
        TRY(memory_allocate(&merge->is_present, mark.count, "which shards there are"));
    }
    if (merge->shard_count != mark.count)
        return status_fail(STATUS_REFUSED, "%s is shard %ld/%ld, and %s one of %ld: they do not belong together", path,
                           mark.number, mark.count, merge->shards[0], merge->shard_count);
    merge->is_present[mark.number - 1] = 1;
    return STATUS_OK;
}

static enum status look_at_shard(struct merge *merge, const char *path)
{
    SCOPED(sweep) *sweep = NULL;
    if (first_look(path) != STATUS_OK || results_file_read_sweep(path, &sweep) != STATUS_OK)
        return STATUS_REFUSED;
    if (merge->sweep == NULL)
        merge->sweep = scope_keep(&sweep);
    enum status status = require_shard(merge, path, sweep ? sweep : merge->sweep);
    return status == STATUS_OK || status == STATUS_MEMORY ? status : STATUS_REFUSED;
}

/* ---- conflicts ---- */

/* Whether the merged file may have this place from `earlier`. */
static enum status is_origin(const struct merge *merge, const struct results_file *target, const char *earlier,
                             const struct transfer_conflict *conflict, bool *is_from_there)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    *is_from_there = false;
    TRY(results_file_open(earlier, merge->sweep, NULL, &file));
    TRY(transfer_is_origin(&file, target, conflict, is_from_there));
    return results_file_close(&file);
}

static enum status refuse_conflict(const struct merge *merge, const struct results_file *target, size_t number,
                                   const struct transfer_conflict *conflict)
{
    char place[GRID_TEXT];
    bool is_from_there = false;
    size_t earlier = 0;
    for (; earlier < number; earlier++) {
        TRY(is_origin(merge, target, merge->shards[earlier], conflict, &is_from_there));
        if (is_from_there)
            break;
    }
    (conflict->is_weight ? grid_describe_weight : grid_describe_cell)(merge->sweep, conflict->number, place);
    return status_fail(STATUS_IO,
                       "%s and %s contradict each other in %s: were they computed by different builds or on different "
                       "CPUs? Leave one of them out; nothing was made",
                       is_from_there ? merge->shards[earlier] : "a shard before it", merge->shards[number], place);
}

/* ---- the merging ---- */

static void tell_incomplete(const struct results_file *shard, const struct transfer_tally *tally)
{
    const uint64_t intact = tally->taken + tally->known;
    const uint64_t missing = shard->own_cells > intact ? shard->own_cells - intact : 0;
    if (missing > 0 || tally->damaged > 0)
        log_info("%s: shard %ld/%ld lacks %" PRIu64 " of its %" PRIu64 " cells, %" PRIu64 " of them damaged",
                 shard->path, shard->shard.number, shard->shard.count, missing, shard->own_cells, tally->damaged);
    if (tally->damaged_weights > 0)
        log_warning("%s: what it knows of %" PRIu64 " weights is damaged and left out", shard->path,
                    tally->damaged_weights);
}

static enum status add_opened(const struct merge *merge, const struct results_file *source,
                              const struct results_file *target, size_t number)
{
    const struct transfer transfer = { .source = source, .target = target };
    struct transfer_tally tally = { 0 };
    struct transfer_conflict conflict = { 0 };
    TRY(transfer_look_at(source));
    TRY(transfer_cells(&transfer, &tally, &conflict));
    if (!conflict.is_found)
        TRY(transfer_weights(&transfer, &tally, &conflict));
    if (conflict.is_found)
        return refuse_conflict(merge, target, number, &conflict);
    tell_incomplete(source, &tally);
    return transfer_provenance(&transfer);
}

static enum status add_shard(const struct merge *merge, const struct results_file *target, size_t number)
{
    SCOPED(results_file) source = RESULTS_FILE_NONE;
    TRY(results_file_open(merge->shards[number], merge->sweep, NULL, &source));
    TRY(add_opened(merge, &source, target, number));
    if (results_file_close(&source) != STATUS_OK)
        log_warning("%s", status_message());
    return STATUS_OK;
}

static enum status add_all(const struct merge *merge, const struct results_file *target, struct store_tally *tally,
                           uint64_t *weights_lacking)
{
    for (size_t i = 0; i < merge->count; i++)
        TRY(add_shard(merge, target, i));
    TRY(weight_record_count_lacking(target, weights_lacking));
    return resume_count(target, tally);
}

/* "; no file of shards 2/4, 3/4" or "". */
static void describe_absent(const struct merge *merge, char text[ABSENT_TEXT])
{
    long absent = 0;
    int used = 0;
    text[0] = '\0';
    for (long i = 0; i < merge->shard_count; i++) {
        if (merge->is_present[i])
            continue;
        if (absent < ABSENT_SHOWN)
            used += snprintf(text + used, (size_t)(ABSENT_TEXT - used), "%s%ld/%ld",
                             absent == 0 ? "; no file of shard " : ", ", i + 1, merge->shard_count);
        absent++;
    }
    if (absent > ABSENT_SHOWN)
        snprintf(text + used, (size_t)(ABSENT_TEXT - used), " and %ld more", absent - ABSENT_SHOWN);
}

static enum status judge(const struct merge *merge, const struct store_tally *tally, uint64_t weights_lacking)
{
    char absent[ABSENT_TEXT];
    describe_absent(merge, absent);
    if (tally->pending > 0)
        return status_fail(STATUS_STOPPED,
                           "%s: merged, with %" PRIu64 " of %" PRIu64
                           " cells pending%s; go on with gradsweep run --resume",
                           merge->path, tally->pending, grid_cell_count(merge->sweep), absent);
    if (weights_lacking > 0)
        return status_fail(STATUS_STOPPED,
                           "%s: merged, without what is known of %" PRIu64
                           " weights, which was damaged; go on with gradsweep run --resume",
                           merge->path, weights_lacking);
    if (tally->failed > 0)
        return status_fail(STATUS_FAILED_CELLS,
                           "%s: merged; %" PRIu64 " cells failed; gradsweep info %s lists the reasons", merge->path,
                           tally->failed, merge->path);
    return STATUS_OK;
}

static enum status merge_all(struct merge *merge)
{
    SCOPED(making) making = MAKING_NONE;
    struct store_tally tally;
    uint64_t weights_lacking = 0;
    for (size_t i = 0; i < merge->count; i++)
        TRY(look_at_shard(merge, merge->shards[i]));
    TRY(making_open(merge->path, merge->sweep, &making));
    TRY(add_all(merge, &making.file, &tally, &weights_lacking));
    TRY(making_publish(&making));
    return judge(merge, &tally, weights_lacking);
}

enum status merge_shards(const char *path, size_t count, const char *const *shards)
{
    SCOPED(merge) merge = { .path = path, .count = count, .shards = shards };
    TRY(making_require_new(path));
    return merge_all(&merge);
}
