/* Giving a file that is whole its name, so that no other file is ever replaced by it. Not collective. */
#ifndef GRADSWEEP_STORE_PUBLISH_H
#define GRADSWEEP_STORE_PUBLISH_H

#include "base/status.h"
#include "store/hold.h"

/* Renames `temporary` to `path`, which must not exist, or be the file that `replaces` names, and flushes both to disk.
 * *is_taken: another file has the name, and is left alone (STATUS_REFUSED). Errors: STATUS_IO. */
CHECKED enum status publish_file(const char *temporary, const char *path, const struct identity *replaces,
                                 bool *is_taken);

/* Gives `temporary` the first free name of PATH.1, PATH.2, ..., which is left in kept[size]. Errors: STATUS_IO. */
CHECKED enum status publish_beside(const char *temporary, const char *path, char *kept, size_t size);

/* Copies an open file, which may have no name left, to the first free one of PATH.1, PATH.2, ...; else as above. */
CHECKED enum status publish_copy(int descriptor, const char *path, char *kept, size_t size);

#endif
