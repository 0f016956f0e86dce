#include "sweep/arena.h"

#include <stdlib.h>
#include <string.h>

/* One allocation each: sweep files are small, and so the sanitizers see every overrun. */
struct arena_piece {
    struct arena_piece *previous;
    max_align_t bytes[];
};

enum status arena_allocate_bytes(struct arena *arena, size_t count, size_t size, void **pointer)
{
    *pointer = NULL;
    size_t bytes = 0, total = 0;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct arena_piece), &total))
        return status_fail(STATUS_MEMORY, "the sweep: %zu elements of %zu bytes exceed the address space", count, size);
    struct arena_piece *piece = calloc(1, total);
    if (piece == NULL)
        return status_fail(STATUS_MEMORY, "the sweep: cannot allocate %zu bytes", total);
    piece->previous = arena->last;
    arena->last = piece;
    *pointer = piece->bytes;
    return STATUS_OK;
}

enum status arena_copy_text(struct arena *arena, const char *text, size_t length, char **copy)
{
    TRY(arena_allocate(arena, copy, length + 1));
    memcpy(*copy, text, length);
    return STATUS_OK;
}

void arena_release(struct arena *arena)
{
    while (arena->last != NULL) {
        struct arena_piece *piece = arena->last;
        arena->last = piece->previous;
        free(piece);
    }
}
