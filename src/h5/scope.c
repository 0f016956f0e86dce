#include "h5/scope.h"

/* A dataset whose closing fails is gone as well, and not closed again with its file. */
void h5_leave_scope(hid_t *id)
{
    if (*id <= 0)
        return;
    if (H5Iget_type(*id) == H5I_DATASET)
        H5Dclose(*id);
    else
        H5Idec_ref(*id);
}
