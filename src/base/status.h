/* What went wrong, said once, where it is known.
 *
 * Every fallible function returns an enum status. The message is made where the error is found, with status_fail, and
 * is kept for the calling thread until the next failure; callers only pass the status up with TRY, or add what they
 * know with status_prefix. An assert is for our own bugs; whatever a file, a user or a library can cause is a status.
 *
 * Not collective. Making ranks agree on a status is world_agree (parallel/world.h). */
#ifndef GRADSWEEP_BASE_STATUS_H
#define GRADSWEEP_BASE_STATUS_H

#include <stddef.h>

/* code, exit code of the command, meaning */
#define STATUS_TABLE(row)                                                                                             \
    row(STATUS_OK, 0, "no error") row(STATUS_FAILED_CELLS, 1, "some cells failed")                                    \
        row(STATUS_IO, 1, "input or output failed") row(STATUS_MEMORY, 1, "out of memory")                            \
            row(STATUS_NUMERICAL, 1, "a computation failed") row(STATUS_PARALLEL, 1, "a parallel operation failed")   \
                row(STATUS_FOREIGN_FILE, 1, "not a readable results file")                                            \
                    row(STATUS_INTERNAL, 1, "a defect in gradsweep") row(STATUS_USAGE, 2, "wrong use of the command") \
                        row(STATUS_INPUT, 2, "a mistake in the sweep file or its files")                              \
                            row(STATUS_REFUSED, 2, "refused before any work started")                                 \
                                row(STATUS_CHECK_FOUND, 3, "the check found something wrong")                         \
                                    row(STATUS_STOPPED, 75, "stopped before the end, resumable")

enum status {
#define STATUS_AS_ENUM(code, exit_code, text) code,
    STATUS_TABLE(STATUS_AS_ENUM)
#undef STATUS_AS_ENUM
        STATUS_COUNT
};

#define CHECKED __attribute__((warn_unused_result))

enum { STATUS_MESSAGE_SIZE = 8192 };

/* Records a printf-formatted message for this thread and returns `code`, so that `return status_fail(...)` reads well.
 */
CHECKED enum status status_fail(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before this thread's message and returns `code` unchanged; STATUS_OK goes through. */
CHECKED enum status status_prefix(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of this thread's last failure; "" if there was none. Owned by the module, valid until the next failure.
 */
const char *status_message(void);

/* The exit code of a status (table above). */
int status_exit_code(enum status code);

/* Passes a failure up to the caller. What is to be released on the way belongs to owners (base/scope.h). */
#define TRY(expression)                         \
    do {                                        \
        enum status try_status_ = (expression); \
        if (try_status_ != STATUS_OK)           \
            return try_status_;                 \
    } while (0)

#endif
