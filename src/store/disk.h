/* The file system under the results file. Not collective. */
#ifndef GRADSWEEP_STORE_DISK_H
#define GRADSWEEP_STORE_DISK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The directory part of a path ("." if it has none) into directory[size]. STATUS_REFUSED where it does not fit. */
CHECKED enum status disk_directory(const char *path, char *directory, size_t size);

/* Makes sure that files can be made in the directory of `path`. Errors: STATUS_REFUSED with the reason. */
CHECKED enum status disk_require_directory(const char *path);

/* Makes sure that `path` can be made and is not there. Errors: STATUS_REFUSED. */
CHECKED enum status disk_require_new(const char *path);

/* Bytes that may still be written to the file system of `path`; UINT64_MAX where it does not say. */
uint64_t disk_available(const char *path);

/* Makes sure that a file of so many bytes can be written as `path`, which must not exist: what statvfs says, and where
 * the file system can reserve space at once, that it does (quotas and limits on file sizes show there). Leaves no file.
 * Errors: STATUS_IO with the bytes needed and left. */
CHECKED enum status disk_require_space(const char *path, uint64_t bytes);

/* True on NFS, where writers of neighbouring bytes can undo each other's pages. */
bool disk_is_nfs(const char *path);

/* Makes what this host wrote to a file, or a directory's entries, survive a power loss. Errors: STATUS_IO. */
CHECKED enum status disk_sync(const char *path);

/* The same of an open file; `path` is for the message. */
CHECKED enum status disk_sync_opened(int descriptor, const char *path);

/* Opens a file for disk_read, and disk_write where it is `for_writing`; closed with close(2). Errors: STATUS_IO. */
CHECKED enum status disk_open(const char *path, bool for_writing, int *descriptor);

/* Reads `count` bytes from `place` on. Errors: STATUS_IO with the cause alone, also where the file ends before. */
CHECKED enum status disk_read(int descriptor, uint64_t place, uint64_t count, void *bytes);

/* Writes `count` bytes from `place` on; `path` is for the reason. Errors: STATUS_IO with the cause alone. */
CHECKED enum status disk_write(int descriptor, const char *path, uint64_t place, uint64_t count, const void *bytes);

/* Prefixes this thread's message with the path and what its file system has left (MPI-IO gives no reason for a write
 * that failed), and returns `code`. */
CHECKED enum status disk_explain(enum status code, const char *path);

/* What strerror says of an errno, and what it does not say where the file system of `path` (a file or folder; it need
 * not exist, its folder must) has no room: whether bytes are lacking or files (inodes), somebody's quota, or a limit
 * that this process was given. Valid until the thread's next call. */
const char *disk_reason(int reason, const char *path);

#endif
