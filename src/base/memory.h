/* Memory for numbers. Not collective. */
#ifndef GRADSWEEP_BASE_MEMORY_H
#define GRADSWEEP_BASE_MEMORY_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { MEMORY_ALIGNMENT = 64 };

/* Allocates count * size bytes, zeroed and 64-byte aligned, into *pointer (any object pointer's address). count 0 gives
 * a valid pointer. Owned by the caller, released with memory_free. STATUS_MEMORY names `what` and the bytes asked for.
 */
CHECKED enum status memory_allocate_bytes(void **pointer, size_t count, size_t size, const char *what);

#define memory_allocate(pointer, count, what) \
    memory_allocate_bytes((void **)(pointer), (size_t)(count), sizeof **(pointer), (what))

/* The same but for what stands in it, which is anything: for large arrays that are written before they are read. */
CHECKED enum status memory_allocate_unset_bytes(void **pointer, size_t count, size_t size, const char *what);

#define memory_allocate_unset(pointer, count, what) \
    memory_allocate_unset_bytes((void **)(pointer), (size_t)(count), sizeof **(pointer), (what))

/* free() that accepts NULL; the counterpart of memory_allocate. */
void memory_free(void *pointer);

/* From now on this process keeps what it frees, but for arrays of 32 MiB and more and what is beyond 64 MiB: to take a
 * page from the system takes longer than to compute on it, in virtual machines much longer. For programs that do
 * nothing else but this. Blocks of up to 256 KiB, 512 KiB a thread, serve again at once. Returns whether they do: not
 * under a sanitizer, nor where the C library does not tell their sizes. */
bool memory_keep_freed(void);

/* Begins the declaration of owners of such memory, pointers of any type (base/scope.h). */
#define SCOPED_MEMORY __attribute__((cleanup(memory_leave_scope)))
void memory_leave_scope(void *owner);

#endif
