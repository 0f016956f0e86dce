#include "linalg/blas.h"

#include <dlfcn.h>
#include <stdio.h>

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
