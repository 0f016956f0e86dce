/* Which BLAS this process computes with. Not collective. */
#ifndef GRADSWEEP_LINALG_BLAS_H
#define GRADSWEEP_LINALG_BLAS_H

#include "base/status.h"

#include <stddef.h>

/* Its name, version and the kernels that it has chosen for this CPU, which its last bits depend on, for people, into
 * text[size]: "OpenBLAS 0.3.21 ..., kernels SkylakeX"; "" where it does not tell. */
void blas_describe(char *text, size_t size);

/* Lets the BLAS take the buffer that it multiplies with and keeps for this thread. OpenBLAS asks for it again and
 * again, for ever, where memory has run out meanwhile, and the other ranks of a team would wait for this one. Errors:
 * STATUS_MEMORY where there is no room for it now. */
CHECKED enum status blas_reserve(void);

#endif
