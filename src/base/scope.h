/* Owners: variables that release what they hold where their scope ends, at whichever exit from it.
 *
 *     SCOPED_MEMORY double *values = NULL;
 *     SCOPED(block) column = { 0 };
 *     SCOPED(matrix) *made = NULL;
 *     TRY(memory_allocate(&values, count, "values"));
 *     TRY(block_create(rows, 1, &column));
 *     TRY(matrix_create(dimension, values, false, &made));
 *     *matrix = scope_keep(&made);
 *     return STATUS_OK;
 *
 * An owner has a value from its declaration on, if only NULL or zeroes, and no goto passes that. Owners release in
 * reverse order, after the value to be returned was found; their functions take what holds nothing, and have no say in
 * the status: where that of a close counts, of a file that was written, it is closed by name, and an owner is there for
 * the ways out before. A release that is collective is so here: all ranks leave such a scope together, or agree before.
 *
 * `__attribute__((cleanup))` of GCC and Clang. */
#ifndef GRADSWEEP_BASE_SCOPE_H
#define GRADSWEEP_BASE_SCOPE_H

/* Begins the declaration of owners of a `struct type`, or of pointers to it, whichever its header says below. */
#define SCOPED(type) __attribute__((cleanup(type##_leave_scope))) struct type

/* In the header of a struct: `release(struct type *)` is called with the address of the owner, or with its value. */
#define SCOPED_VALUE(type, release)                           \
    static inline void type##_leave_scope(struct type *owner) \
    {                                                         \
        release(owner);                                       \
    }
#define SCOPED_HANDLE(type, release)                           \
    static inline void type##_leave_scope(struct type **owner) \
    {                                                          \
        release(*owner);                                       \
    }

/* Hands out what an owner holds: its value, and the owner holds nothing from now on. */
#define scope_keep(owner)                            \
    __extension__({                                  \
        __typeof__(*(owner)) scope_kept_ = *(owner); \
        *(owner) = (__typeof__(scope_kept_)){ 0 };   \
        scope_kept_;                                 \
    })

#endif
