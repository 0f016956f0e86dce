#include "h5/file.h"

#include "h5/error.h"
#include "h5/scope.h"
#include "h5/short_name.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Datasets of some size begin on a page, so that numbers are aligned and writers of neighbouring datasets do not meet.
 */
enum { ALIGNED_FROM_BYTES = 512, ALIGNMENT_BYTES = 4096 };

static bool is_spoilt;
/* The results file of a run; ranks have one at a time open together. */
static hid_t parallel_file = H5I_INVALID_HID;

/* What is written is H5F_LIBVER_V18 on both sides: later formats mark an open file, and leave it locked after a kill.
 * Files to read may be of any format, and nothing of their numbers is kept: a run may be writing them. HDF5's own file
 * locks are off: they would keep readers from a file that a run is still filling. */
static hid_t make_access_properties(bool is_to_read)
{
    SCOPED_ID access = H5Pcreate(H5P_FILE_ACCESS);
    H5F_libver_t latest = is_to_read ? H5F_LIBVER_LATEST : H5F_LIBVER_V18;
    if (access < 0 || H5Pset_libver_bounds(access, H5F_LIBVER_V18, latest) < 0 ||
        H5Pset_file_locking(access, 0, 1) < 0 || H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0 ||
        (is_to_read && H5Pset_sieve_buf_size(access, 0) < 0) ||
        H5Pset_alignment(access, ALIGNED_FROM_BYTES, ALIGNMENT_BYTES) < 0)
        return H5I_INVALID_HID;
    return scope_keep(&access);
}

/* Order of creation is tracked as netCDF wants it; times are not, so that equal files are equal byte for byte. */
static hid_t make_creation_properties(void)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    SCOPED_ID creation = H5Pcreate(H5P_FILE_CREATE);
    if (creation < 0 || H5Pset_link_creation_order(creation, order) < 0 ||
        H5Pset_attr_creation_order(creation, order) < 0 || H5Pset_obj_track_times(creation, 0) < 0)
        return H5I_INVALID_HID;
    return scope_keep(&creation);
}

enum status h5_file_create(const char *path, hid_t *file)
{
    h5_silence();
    h5_expect_failure();
    SCOPED_ID access = make_access_properties(false);
    SCOPED_ID creation = make_creation_properties();
    *file = access < 0 || creation < 0 ? H5I_INVALID_HID : H5Fcreate(path, H5F_ACC_EXCL, creation, access);
    return *file < 0 ? h5_fail(STATUS_IO, "%s: cannot create the file", path) : STATUS_OK;
}

static enum status require_file(const char *path)
{
    struct stat state;
    if (stat(path, &state) != 0)
        return status_fail(STATUS_IO, "%s: cannot open the file: %s", path, strerror(errno));
    if (S_ISDIR(state.st_mode))
        return status_fail(STATUS_IO, "%s: it is a directory, not a file", path);
    if (!S_ISREG(state.st_mode))
        return status_fail(STATUS_IO, "%s: it is not a regular file", path);
    if (state.st_size == 0)
        return status_fail(STATUS_IO, "%s: the file is empty", path);
    if (access(path, R_OK) != 0)
        return status_fail(STATUS_IO, "%s: cannot open the file: %s", path, strerror(errno));
    return STATUS_OK;
}

static enum status open_serially(const char *path, bool is_to_read, hid_t *file)
{
    h5_silence();
    *file = H5I_INVALID_HID;
    TRY(require_file(path));
    h5_expect_failure();
    SCOPED_ID properties = make_access_properties(is_to_read);
    if (properties >= 0)
        *file = H5Fopen(path, is_to_read ? H5F_ACC_RDONLY : H5F_ACC_RDWR, properties);
    return *file < 0 ? h5_fail(STATUS_IO, "%s: cannot open the file as HDF5", path) : STATUS_OK;
}

enum status h5_file_open(const char *path, hid_t *file)
{
    return open_serially(path, true, file);
}

enum status h5_file_open_alone(const char *path, hid_t *file)
{
    return open_serially(path, false, file);
}

enum status h5_file_open_parallel(const char *path, MPI_Comm communicator, hid_t *file)
{
    struct short_name name;
    h5_silence();
    h5_expect_failure();
    SCOPED_ID access = make_access_properties(false);
    short_name_make(path, &name);
    *file = access < 0 || H5Pset_fapl_mpio(access, communicator, MPI_INFO_NULL) < 0
                ? H5I_INVALID_HID
                : H5Fopen(name.path, H5F_ACC_RDWR, access);
    short_name_remove(&name);
    parallel_file = *file;
    return *file < 0 ? h5_fail(STATUS_IO, "%s: cannot open the file with MPI-IO", path) : STATUS_OK;
}

bool h5_file_is_parallel(hid_t object)
{
    hid_t file = H5Iget_file_id(object);
    const bool is_it = file >= 0 && file == parallel_file;
    if (file >= 0)
        H5Idec_ref(file);
    return is_it;
}

static herr_t close_file(hid_t file)
{
    if (file == parallel_file)
        parallel_file = H5I_INVALID_HID;
    const herr_t result = H5Fclose(file);
    is_spoilt = is_spoilt || result < 0;
    return result;
}

enum status h5_file_close(hid_t file, const char *path)
{
    if (file <= 0)
        return STATUS_OK;
    h5_expect_failure();
    return close_file(file) < 0 ? h5_fail(STATUS_IO, "%s: cannot close the file", path) : STATUS_OK;
}

void h5_file_leave_scope(hid_t *file)
{
    if (*file > 0)
        close_file(*file);
}

bool h5_file_is_spoilt(void)
{
    return is_spoilt;
}
