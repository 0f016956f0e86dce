#include "store/disk_reason.h"

#include "store/disk.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { REASON_SIZE = 512 };

static bool find_room(const char *path, struct statvfs *disk)
{
    char directory[PATH_MAX];
    if (statvfs(path, disk) == 0)
        return true;
    return disk_directory(path, directory, sizeof directory) == STATUS_OK && statvfs(directory, disk) == 0;
}

static void describe_full_disk(const char *path, char *text, size_t size)
{
    struct statvfs disk;
    if (!find_room(path, &disk))
        return;
    const double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if (disk.f_files > 0 && disk.f_favail == 0)
        snprintf(text, size, " (no more files: its %llu inodes are all in use, though %.1f MB are free; remove files)",
                 (unsigned long long)disk.f_files, free_bytes / 1e6);
    else
        snprintf(text, size, " (%.1f MB left on its file system)", free_bytes / 1e6);
}

const char *disk_reason(int reason, const char *path)
{
    static _Thread_local char text[REASON_SIZE];
    char more[REASON_SIZE / 2] = "";
    struct rlimit limit;
    if (reason == ENOSPC)
        describe_full_disk(path, more, sizeof more);
    else if (reason == EDQUOT)
        snprintf(more, sizeof more, " (your share of the file system is used up, not the file system; quota -s tells)");
    else if (reason == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(more, sizeof more, " (more than %llu bytes a file, the limit set here (ulimit -f))",
                 (unsigned long long)limit.rlim_cur);
    snprintf(text, sizeof text, "%.200s%s", strerror(reason), more);
    return text;
}
