#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum status memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what)
{
    *pointer = NULL;
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - MEMORY_ALIGNMENT)
        return status_fail(STATUS_MEMORY, "%s: %zu elements of %zu bytes exceed the address space", what, count, size);
    size_t padded = (bytes + MEMORY_ALIGNMENT) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    void *memory = aligned_alloc(MEMORY_ALIGNMENT, padded);
    if (memory == NULL)
        return status_fail(STATUS_MEMORY, "%s: cannot allocate %zu bytes; use more nodes or fewer ranks per node", what,
                           bytes);
    memset(memory, 0, padded);
    *pointer = memory;
    return STATUS_OK;
}

void memory_free(void *pointer)
{
    free(pointer);
}

void memory_keep_freed(void)
{
#ifdef M_TRIM_THRESHOLD /* glibc's; the first as it would set it by itself in time */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

void memory_leave_scope(void *owner)
{
    void *pointer;
    memcpy(&pointer, owner, sizeof pointer);
    memory_free(pointer);
}
