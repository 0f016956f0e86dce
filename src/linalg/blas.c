#include "linalg/blas.h"

#include "base/memory.h"
#include "linalg/lapack.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* By name in whatever is loaded: the program links one BLAS and may run with another. */
static const char *ask(const char *function)
{
    const char *(*answer)(void) = NULL;
    *(void **)&answer = dlsym(RTLD_DEFAULT, function);
    return answer != NULL ? answer() : NULL;
}

void blas_describe(char *text, size_t size)
{
    void (*mkl_version)(char *, int) = NULL;
    const char *configuration = ask("openblas_get_config"), *kernels = ask("openblas_get_corename");
    void (*flexiblas_version)(int *, int *, int *) = NULL;
    text[0] = '\0';
    if ((*(void **)&flexiblas_version = dlsym(RTLD_DEFAULT, "flexiblas_get_version")) != NULL) {
        int major = 0, minor = 0, patch = 0;
        int (*backend)(char *, size_t) = NULL;
        char behind[64] = "unknown";
        flexiblas_version(&major, &minor, &patch);
        if ((*(void **)&backend = dlsym(RTLD_DEFAULT, "flexiblas_current_backend")) != NULL)
            backend(behind, sizeof behind);
        snprintf(text, size, "FlexiBLAS %d.%d.%d over %.63s", major, minor, patch, behind);
    } else if (configuration != NULL)
        snprintf(text, size, "%.120s, kernels %.40s", configuration, kernels != NULL ? kernels : "unknown");
    else if ((configuration = ask("bli_info_get_version_str")) != NULL)
        snprintf(text, size, "BLIS %.120s", configuration);
    else if ((*(void **)&mkl_version = dlsym(RTLD_DEFAULT, "MKL_Get_Version_String")) != NULL)
        mkl_version(text, (int)size);
}

/* OpenBLAS takes 128 MiB and a page a thread, of which what is not used costs nothing. */
static const size_t BUFFER_BYTES = (size_t)136 << 20;
/* Beyond what OpenBLAS multiplies without a buffer (10^6 products of entries). */
enum { RESERVING_DIMENSION = 128 };

enum status blas_reserve(void)
{
    const int d = RESERVING_DIMENSION;
    const double one = 1.0, zero = 0.0;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, 3 * d * d, "a first product"));
    void *room = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return status_fail(STATUS_MEMORY,
                           "a buffer of the BLAS: cannot allocate %zu bytes (%s); raise the limit of the address space "
                           "(ulimit -v), or use fewer ranks per node",
                           BUFFER_BYTES, strerror(errno));
    munmap(room, BUFFER_BYTES);
    dgemm_("N", "N", &d, &d, &d, &one, values, &d, values + d * d, &d, &zero, values + 2 * d * d, &d, 1, 1);
    return STATUS_OK;
}
