/* Memory that lives and dies together: what a sweep owns, and what reading one needs for a while. Not collective. */
#ifndef GRADSWEEP_SWEEP_ARENA_H
#define GRADSWEEP_SWEEP_ARENA_H

#include "base/status.h"

#include <stddef.h>

/* Zeroed: an empty arena. */
struct arena {
    struct arena_piece *last;
};

/* Allocates count * size zeroed bytes, aligned for any type, into *pointer; owned by the arena. Errors: STATUS_MEMORY.
 */
CHECKED enum status arena_allocate_bytes(struct arena *arena, size_t count, size_t size, void **pointer);

#define arena_allocate(arena, pointer, count) \
    arena_allocate_bytes((arena), (size_t)(count), sizeof **(pointer), (void **)(pointer))

/* A NUL-terminated copy of text[length]. Errors: STATUS_MEMORY. */
CHECKED enum status arena_copy_text(struct arena *arena, const char *text, size_t length, char **copy);

/* Frees everything allocated from it; the arena is empty again. */
void arena_release(struct arena *arena);

#endif
