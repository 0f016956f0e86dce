#include "store/shard.h"

#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/file.h"

#include <stdio.h>
#include <string.h>

struct shard_mark shard_mark_of(const struct store_shard *shard)
{
    if (shard == NULL)
        return (struct shard_mark){ 0 };
    return (struct shard_mark){ .number = shard->number, .count = shard->count, .cells = shard->cells };
}

void shard_mark_describe(const struct shard_mark *mark, char text[SHARD_TEXT])
{
    if (shard_mark_is_shard(mark))
        snprintf(text, SHARD_TEXT, "shard %ld/%ld", mark->number, mark->count);
    else
        snprintf(text, SHARD_TEXT, "a whole results file");
}

enum status shard_mark_write(hid_t file, const struct shard_mark *mark)
{
    char text[SHARD_TEXT];
    if (!shard_mark_is_shard(mark))
        return STATUS_OK;
    snprintf(text, sizeof text, "%ld/%ld", mark->number, mark->count);
    TRY(h5_attribute_write_text(file, "shard", text));
    return h5_attribute_write(file, "shard_cells", ELEMENT_INT64, 1, &(int64_t){ (int64_t)mark->cells });
}

static bool read_text(const char *text, struct shard_mark *mark)
{
    int length = 0;
    if (strlen(text) >= SHARD_TEXT || strspn(text, "0123456789/") != strlen(text))
        return false;
    return sscanf(text, "%9ld/%9ld%n", &mark->number, &mark->count, &length) == 2 && text[length] == '\0' &&
           mark->number >= 1 && mark->number <= mark->count;
}

enum status shard_mark_read(hid_t file, uint64_t grid_cells, struct shard_mark *mark)
{
    SCOPED_MEMORY char *text = NULL;
    int64_t cells = -1;
    *mark = (struct shard_mark){ 0 };
    if (H5Aexists(file, "shard") <= 0)
        return STATUS_OK;
    TRY(h5_attribute_read_text(file, "shard", &text));
    if (!read_text(text, mark))
        return status_fail(STATUS_FOREIGN_FILE, "attribute shard: '%.32s' is no I/N", text);
    TRY(h5_attribute_read_integer(file, "shard_cells", &cells));
    if (cells < 0 || (uint64_t)cells > grid_cells)
        return status_fail(STATUS_FOREIGN_FILE, "attribute shard_cells: %lld of %llu cells", (long long)cells,
                           (unsigned long long)grid_cells);
    mark->cells = (uint64_t)cells;
    return STATUS_OK;
}

enum status shard_mark_read_path(const char *path, uint64_t grid_cells, struct shard_mark *mark)
{
    SCOPED_FILE file = H5I_INVALID_HID;
    TRY(h5_file_open(path, &file));
    TRY(status_prefix(shard_mark_read(file, grid_cells, mark), "%s", path));
    return h5_file_close(scope_keep(&file), path);
}
