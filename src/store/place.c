#include "store/place.h"

#include "base/clock.h"
#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* An NFS client may remember for a while that a file was not there, though it is asked to look at the folder anew. */
static const double PATIENCE_SECONDS = 5.0, PAUSE_SECONDS = 0.05;

struct word {
    char folder[PATH_MAX], path[PATH_MAX];
    unsigned char bytes[16]; /* rank 0's */
};

/* The results file may be a symbolic link, even to a place that is not the same on all hosts. */
static enum status find_place(const char *path, struct word *word)
{
    char *resolved = realpath(path, NULL);
    const char *file = resolved != NULL ? resolved : path, *slash = strrchr(file, '/');
    enum status status = disk_directory(file, word->folder, sizeof word->folder);
    const char *name = slash != NULL ? slash + 1 : file;
    if (status == STATUS_OK && snprintf(word->path, sizeof word->path, "%s/%.*s" PLACE_ENDING, word->folder,
                                        NAME_MAX - (int)sizeof PLACE_ENDING + 1, name) >= (int)sizeof word->path)
        status = status_fail(STATUS_REFUSED, "%s: the path is too long", path);
    free(resolved);
    return status;
}

static enum status leave_word(struct word *word)
{
    if (getrandom(word->bytes, sizeof word->bytes, 0) != sizeof word->bytes)
        return status_fail(STATUS_REFUSED, "no random numbers: %s", strerror(errno));
    unlink(word->path);
    const int descriptor = open(word->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return status_fail(STATUS_REFUSED, "%s: cannot make the file: %s", word->path, disk_reason(errno, word->path));
    const bool is_written = write(descriptor, word->bytes, sizeof word->bytes) == sizeof word->bytes;
    const bool is_closed = close(descriptor) == 0;
    if (is_written && is_closed)
        return STATUS_OK;
    unlink(word->path);
    return status_fail(STATUS_REFUSED, "%s: cannot write the file: %s", word->path, disk_reason(errno, word->path));
}

static bool finds_word(const struct word *word)
{
    unsigned char found[sizeof word->bytes];
    DIR *folder = opendir(word->folder); /* which makes NFS ask the server about it */
    if (folder != NULL)
        closedir(folder);
    const int descriptor = open(word->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_same =
        read(descriptor, found, sizeof found) == sizeof found && memcmp(found, word->bytes, sizeof found) == 0;
    close(descriptor);
    return is_same;
}

static enum status look_for_word(const struct word *word, const char *path)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "an unknown host";
    int length = 0;
    const double deadline = clock_seconds() + PATIENCE_SECONDS;
    while (!finds_word(word)) {
        if (clock_seconds() > deadline) {
            TRY(world_check(MPI_Get_processor_name(host, &length), "asking for the host's name"));
            return status_fail(STATUS_REFUSED,
                               "%s: its folder on host %s is not that of rank 0 (%s there); the results file must lie "
                               "where all ranks see it, on a shared file system, and ranks must begin in one directory",
                               path, host, word->folder);
        }
        clock_sleep(PAUSE_SECONDS);
    }
    return STATUS_OK;
}

enum status place_require_same(const struct world *world, const char *path)
{
    struct word word = { 0 };
    if (world->size == 1)
        return STATUS_OK;
    enum status status = find_place(path, &word);
    if (status == STATUS_OK && world->rank == 0)
        status = leave_word(&word);
    status = world_agree(world, status);
    if (status == STATUS_OK)
        status = world_broadcast(world->communicator, 0, word.bytes, sizeof word.bytes, "comparing folders");
    if (status == STATUS_OK)
        status = world_agree(world, world->rank == 0 ? STATUS_OK : look_for_word(&word, path));
    if (world->rank == 0 && word.path[0] != '\0')
        unlink(word.path);
    return status;
}
