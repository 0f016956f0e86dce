#include "base/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- freed blocks ---- */

/* What a network needs beside its arithmetic is the same from one to the next: blocks that one has given back serve the
 * other, without the search and the merging that malloc has for aligned ones. Sizes are rounded up to a quarter of a
 * power of two; what a thread frees is that thread's. Few are enough: a rank's memory is not to grow. */
enum {
    QUARTERS = 4,
    LARGEST_KEPT = 1 << 18,   /* bytes of a block: of the derivatives of a small network */
    MOST_KEPT = 1 << 19,      /* bytes of all of them */
    BLOCKS_OF_A_SIZE = 12,    /* how many of one size */
    SIZES = QUARTERS * 11 + 1 /* LARGEST_KEPT is the last */
};

static bool keeps_freed;

static _Thread_local struct {
    size_t bytes;
    int counts[SIZES];
    void *blocks[SIZES][BLOCKS_OF_A_SIZE];
} freed;

/* The number of the smallest size that holds so many alignments, and how many it has. */
static int size_above(size_t count, size_t *rounded)
{
    int shift = 0;
    while (count >> shift >= 2 * QUARTERS)
        shift++;
    const size_t quarters = (count + ((size_t)1 << shift) - 1) >> shift;
    *rounded = quarters << shift;
    return QUARTERS * shift + (int)quarters;
}

#ifdef M_TRIM_THRESHOLD /* glibc's, which tells how large a block is */
static size_t bytes_of(void *pointer)
{
    return malloc_usable_size(pointer);
}
#else
static size_t bytes_of(void *pointer)
{
    (void)pointer;
    return 0;
}
#endif

/* A freed block of *bytes, which are rounded up where blocks are kept; NULL: there is none. */
static void *take_freed(size_t *bytes)
{
    size_t rounded;
    if (!keeps_freed || *bytes > LARGEST_KEPT)
        return NULL;
    const int size = size_above(*bytes / MEMORY_ALIGNMENT, &rounded);
    *bytes = rounded * MEMORY_ALIGNMENT;
    if (freed.counts[size] == 0)
        return NULL;
    freed.bytes -= *bytes;
    return freed.blocks[size][--freed.counts[size]];
}

/* Whether it is kept: blocks that memory_allocate has made, and that there is room for. */
static bool keep_freed(void *pointer)
{
    const size_t count = keeps_freed && pointer ? bytes_of(pointer) / MEMORY_ALIGNMENT : 0;
    size_t rounded;
    if (count == 0 || count > LARGEST_KEPT / MEMORY_ALIGNMENT || (uintptr_t)pointer % MEMORY_ALIGNMENT != 0)
        return false;
    const int size = size_above(count, &rounded);
    if (rounded != count || freed.counts[size] == BLOCKS_OF_A_SIZE ||
        freed.bytes + rounded * MEMORY_ALIGNMENT > MOST_KEPT)
        return false;
    freed.bytes += rounded * MEMORY_ALIGNMENT;
    freed.blocks[size][freed.counts[size]++] = pointer;
    return true;
}

/* ---- memory ---- */

/* *padded := the bytes of it that are its owner's. */
static enum status allocate(void **pointer, size_t count, size_t size, const char *what, size_t *padded)
{
    *pointer = NULL;
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - MEMORY_ALIGNMENT)
        return status_fail(STATUS_MEMORY, "%s: %zu elements of %zu bytes exceed the address space", what, count, size);
    *padded = (bytes + MEMORY_ALIGNMENT) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    size_t whole = *padded;
    void *memory = take_freed(&whole);
    if (memory == NULL)
        memory = aligned_alloc(MEMORY_ALIGNMENT, whole);
    if (memory == NULL)
        return status_fail(STATUS_MEMORY, "%s: cannot allocate %zu bytes; use more nodes or fewer ranks per node", what,
                           bytes);
    *pointer = memory;
    return STATUS_OK;
}

enum status memory_allocate_unset_bytes(void **pointer, size_t count, size_t size, const char *what)
{
    size_t padded = 0;
    return allocate(pointer, count, size, what, &padded);
}

enum status memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what)
{
    size_t padded = 0;
    TRY(allocate(pointer, count, size, what, &padded));
    memset(*pointer, 0, padded);
    return STATUS_OK;
}

void memory_free(void *pointer)
{
    if (!keep_freed(pointer))
        free(pointer);
}

bool memory_keep_freed(void)
{
#ifdef M_TRIM_THRESHOLD /* glibc's; the first as it would set it by itself in time */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
#if defined(M_TRIM_THRESHOLD) && !defined(__SANITIZE_ADDRESS__)
    keeps_freed = true;
#endif
    return keeps_freed;
}

void memory_leave_scope(void *owner)
{
    void *pointer;
    memcpy(&pointer, owner, sizeof pointer);
    memory_free(pointer);
}
