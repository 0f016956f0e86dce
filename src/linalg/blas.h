/* Which BLAS this process computes with. Not collective. */
#ifndef GRADSWEEP_LINALG_BLAS_H
#define GRADSWEEP_LINALG_BLAS_H

#include <stddef.h>

/* Its name, version and the kernels that it has chosen for this CPU, which its last bits depend on, for people, into
 * text[size]: "OpenBLAS 0.3.21 ..., kernels SkylakeX"; "" where it does not tell. */
void blas_describe(char *text, size_t size);

#endif
