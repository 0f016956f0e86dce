#include "store/provenance_rows.h"

#include "base/crc32c.h"

#include <string.h>

static uint32_t checksum_of(const struct results_file *file, uint64_t row, const char text[PROVENANCE_CHARACTERS])
{
    const uint32_t checksum = crc32c(crc32c(file->checksum_start, &row, sizeof row), text, PROVENANCE_CHARACTERS);
    return checksum == 0 ? 1 : checksum;
}

static bool is_empty(const char text[PROVENANCE_CHARACTERS])
{
    for (int i = 0; i < PROVENANCE_CHARACTERS; i++)
        if (text[i] != '\0')
            return false;
    return true;
}

enum status provenance_rows_read(const struct results_file *file, uint64_t row, char text[PROVENANCE_CHARACTERS + 1],
                                 enum row_state *state)
{
    const struct layout *layout = &file->layout;
    const bool has_checksum = layout_has_tail(layout, TAIL_PROVENANCE_CHECKSUM);
    uint32_t checksum = 0;
    TRY(results_file_read(file, layout_tail_at(layout, TAIL_PROVENANCE), row * PROVENANCE_CHARACTERS,
                          PROVENANCE_CHARACTERS, text));
    if (has_checksum)
        TRY(results_file_read(file, layout_tail_at(layout, TAIL_PROVENANCE_CHECKSUM), row, 1, &checksum));
    if (checksum == 0 && is_empty(text))
        *state = ROW_FREE;
    else
        *state = !has_checksum || checksum == checksum_of(file, row, text) ? ROW_INTACT : ROW_DAMAGED;
    text[PROVENANCE_CHARACTERS] = '\0';
    return STATUS_OK;
}

enum status provenance_rows_write(const struct results_file *file, uint64_t row, const char *text)
{
    const struct layout *layout = &file->layout;
    char padded[PROVENANCE_CHARACTERS] = { 0 };
    const size_t length = strlen(text);
    if (length > sizeof padded)
        return status_fail(STATUS_INTERNAL, "%s: a provenance of %zu characters where %zu fit", file->path, length,
                           sizeof padded);
    memcpy(padded, text, length);
    TRY(results_file_write(file, layout_tail_at(layout, TAIL_PROVENANCE), row * PROVENANCE_CHARACTERS, sizeof padded,
                           padded));
    return results_file_write(file, layout_tail_at(layout, TAIL_PROVENANCE_CHECKSUM), row, 1,
                              &(uint32_t){ checksum_of(file, row, padded) });
}

enum status provenance_rows_find(const struct results_file *file, uint64_t *next, int64_t *last)
{
    char text[PROVENANCE_CHARACTERS + 1];
    enum row_state state = ROW_INTACT;
    *last = -1;
    for (*next = 0; *next < PROVENANCE_RUNS; (*next)++) {
        TRY(provenance_rows_read(file, *next, text, &state));
        if (state != ROW_INTACT)
            break;
        *last = (int64_t)*next;
    }
    return STATUS_OK;
}

static enum status empty(const struct results_file *file, uint64_t row)
{
    const struct layout *layout = &file->layout;
    const char nothing[PROVENANCE_CHARACTERS] = { 0 };
    TRY(results_file_write(file, layout_tail_at(layout, TAIL_PROVENANCE), row * PROVENANCE_CHARACTERS, sizeof nothing,
                           nothing));
    return results_file_write(file, layout_tail_at(layout, TAIL_PROVENANCE_CHECKSUM), row, 1, &(uint32_t){ 0 });
}

enum status provenance_rows_empty_damaged(const struct results_file *file, uint64_t next)
{
    char text[PROVENANCE_CHARACTERS + 1];
    for (uint64_t row = next + 1; row < PROVENANCE_RUNS; row++) {
        enum row_state state = ROW_FREE;
        TRY(provenance_rows_read(file, row, text, &state));
        if (state == ROW_DAMAGED)
            TRY(empty(file, row));
    }
    return STATUS_OK;
}
