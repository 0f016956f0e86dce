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
    text[0] = '\0';
    if (configuration != NULL)
        snprintf(text, size, "%.120s, kernels %.40s", configuration, kernels != NULL ? kernels : "unknown");
    else if ((configuration = ask("bli_info_get_version_str")) != NULL)
        snprintf(text, size, "BLIS %.120s", configuration);
    else if ((*(void **)&mkl_version = dlsym(RTLD_DEFAULT, "MKL_Get_Version_String")) != NULL)
        mkl_version(text, (int)size);
}
