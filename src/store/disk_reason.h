/* Why a file cannot be made or written, for people. Not collective. */
#ifndef GRADSWEEP_STORE_DISK_REASON_H
#define GRADSWEEP_STORE_DISK_REASON_H

/* What strerror says of an errno, and what it does not say where the file system of `path` (a file or folder; it need
 * not exist, its folder must) has no room: whether bytes are lacking or files (inodes), somebody's quota, or a limit
 * that this process was given. Valid until the thread's next call. */
const char *disk_reason(int reason, const char *path);

#endif
