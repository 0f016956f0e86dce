#include "store/shard.h"

#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/file.h"

#include <stdio.h>
#include <string.h>

void shard_describe(const struct shard *shard, char text[SHARD_TEXT])
{
    if (shard_is_whole(shard))
        snprintf(text, SHARD_TEXT, "a whole results file");
    else
        snprintf(text, SHARD_TEXT, "shard %ld/%ld", shard->number, shard->count);
}

enum status shard_write(hid_t file, const struct shard *shard)
{
    char text[SHARD_TEXT];
    if (shard_is_whole(shard))
        return STATUS_OK;
    snprintf(text, sizeof text, "%ld/%ld", shard->number, shard->count);
    TRY(h5_attribute_write_text(file, "shard", text));
    return h5_attribute_write(file, "shard_cells", ELEMENT_INT64, 1, &(int64_t){ (int64_t)shard->cells });
}

static bool read_text(const char *text, struct shard *shard)
{
    int length = 0;
    if (strlen(text) >= SHARD_TEXT || strspn(text, "0123456789/") != strlen(text))
        return false;
    return sscanf(text, "%9ld/%9ld%n", &shard->number, &shard->count, &length) == 2 && text[length] == '\0' &&
           shard->number >= 1 && shard->number <= shard->count;
}

enum status shard_read(hid_t file, uint64_t grid_cells, struct shard *shard)
{
    SCOPED_MEMORY char *text = NULL;
    int64_t cells = -1;
    *shard = (struct shard){ 0 };
    if (H5Aexists(file, "shard") <= 0)
        return STATUS_OK;
    TRY(h5_attribute_read_text(file, "shard", &text));
    if (!read_text(text, shard))
        return status_fail(STATUS_FOREIGN_FILE, "attribute shard: '%.32s' is no I/N", text);
    TRY(h5_attribute_read_integer(file, "shard_cells", &cells));
    if (cells < 0 || (uint64_t)cells > grid_cells)
        return status_fail(STATUS_FOREIGN_FILE, "attribute shard_cells: %lld of %llu cells", (long long)cells,
                           (unsigned long long)grid_cells);
    shard->cells = (uint64_t)cells;
    return STATUS_OK;
}

enum status shard_read_path(const char *path, uint64_t grid_cells, struct shard *shard)
{
    SCOPED_FILE file = H5I_INVALID_HID;
    TRY(h5_file_open(path, &file));
    TRY(status_prefix(shard_read(file, grid_cells, shard), "%s", path));
    return h5_file_close(scope_keep(&file), path);
}
