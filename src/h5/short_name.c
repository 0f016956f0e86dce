#include "h5/short_name.h"

#include <dirent.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is made of the folder's path must still be short. */
enum { LONGEST_PLACE = 128 };

#ifdef OPEN_MPI
/* Which way the shared pointers are kept: in files beside the file itself, whatever the number of ranks and hosts.
 * False where the user wants another way. */
static bool choose_shared_pointers(void)
{
    static const char variable[] = "OMPI_MCA_sharedfp", ours[] = "individual";
    return setenv(variable, ours, 0) == 0 && strcmp(getenv(variable), ours) == 0;
}

static bool make_folder(struct short_name *name)
{
    const char *const places[] = { getenv("TMPDIR"), "/tmp", "/dev/shm", "/var/tmp" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] == NULL || places[i][0] != '/' || strlen(places[i]) > LONGEST_PLACE)
            continue;
        snprintf(name->folder, sizeof name->folder, "%s/gradsweep-XXXXXX", places[i]);
        if (mkdtemp(name->folder) != NULL)
            return true;
    }
    name->folder[0] = '\0';
    return false;
}
#endif

void short_name_make(const char *path, struct short_name *name)
{
    *name = (struct short_name){ .path = path };
#ifdef OPEN_MPI
    char *resolved = choose_shared_pointers() ? realpath(path, NULL) : NULL;
    if (resolved != NULL && make_folder(name)) {
        snprintf(name->link, sizeof name->link, "%.200s/results", name->folder);
        if (symlink(resolved, name->link) == 0)
            name->path = name->link;
    }
    free(resolved);
#endif
}

void short_name_remove(struct short_name *name)
{
    if (name->folder[0] == '\0')
        return;
    DIR *folder = opendir(name->folder);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
    rmdir(name->folder);
    *name = (struct short_name){ .path = NULL };
}
