#include "linalg/lapack.h"

enum status lapack_check(int info, const char *routine, long dimension)
{
    if (info == 0)
        return STATUS_OK;
    if (info < 0)
        return status_fail(STATUS_INTERNAL, "LAPACK's %s refuses its argument %d", routine, -info);
    return status_fail(STATUS_NUMERICAL, "LAPACK's %s did not converge for a matrix of dimension %ld (info %d)",
                       routine, dimension, info);
}
