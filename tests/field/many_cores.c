/* A library to be loaded before a command: the machine has FIELD_CORES cores (128), whatever it has, and takes
 * FIELD_LOADING seconds (0) to load the command's libraries. */
#include <dlfcn.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static int cores(void)
{
    const char *text = getenv("FIELD_CORES");
    return text ? atoi(text) : 128;
}

__attribute__((constructor)) static void load_slowly(void)
{
    const char *text = getenv("FIELD_LOADING");
    if (text)
        sleep((unsigned)atoi(text));
}

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process;
    memset(set, 0, size);
    for (int core = 0; core < cores() && core < (int)size * 8; core++)
        CPU_SET_S(core, size, set);
    return 0;
}

long sysconf(int name)
{
    static long (*original)(int);
    if (original == NULL)
        *(void **)&original = dlsym(RTLD_NEXT, "sysconf");
    return name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN ? cores() : original(name);
}

int get_nprocs(void)
{
    return cores();
}

int get_nprocs_conf(void)
{
    return cores();
}
