#include "model/network_file.h"

#include "base/file_kind.h"
#include "base/memory.h"
#include "h5/contents.h"
#include "h5/file.h"
#include "h5/numeric.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_ELEMENTS = 1 << 22, KIND_TEXT = 256 };

static const struct {
    const char *name, *form;
    int rank;
    bool may_have_sequences;
} table[NETWORK_ARRAYS] = {
    [NETWORK_WEIGHTS] = { "W", "[d, d]", 2, false },    [NETWORK_INPUT_WEIGHTS] = { "w_in", "[d, m]", 2, false },
    [NETWORK_BIAS] = { "b", "[d]", 1, false },          [NETWORK_INITIAL_STATE] = { "x0", "[d]", 1, true },
    [NETWORK_INPUTS] = { "inputs", "[T, m]", 2, true }, [NETWORK_ERROR] = { "error", "[d]", 1, true },
};

struct network_file {
    hid_t file;
    const char *path;
};

const char *network_array_name(enum network_array array)
{
    return table[array].name;
}

const char *network_array_form(enum network_array array)
{
    return table[array].form;
}

/* HDF5 would wait for ever on a pipe, and says little of a folder. */
static enum status require_regular_file(const char *path)
{
    struct stat found;
    char kind[KIND_TEXT];
    if (stat(path, &found) != 0)
        return status_fail(STATUS_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(found.st_mode)) {
        file_kind_describe_folder(path, kind, sizeof kind);
        return status_fail(STATUS_IO, "%s: %s", path, kind);
    }
    if (!S_ISREG(found.st_mode))
        return status_fail(STATUS_IO, "%s: it is no regular file", path);
    return access(path, R_OK) == 0 ? STATUS_OK : status_fail(STATUS_IO, "%s: %s", path, strerror(errno));
}

/* HDF5's own reason says nothing of what a file of another kind is. */
static enum status open_hdf5(const char *path, hid_t *file)
{
    char kind[KIND_TEXT];
    const enum status status = h5_file_open(path, file);
    if (status == STATUS_OK)
        return STATUS_OK;
    file_kind_describe(path, kind, sizeof kind);
    return kind[0] == '\0' ? status : status_fail(status, "%s: not an HDF5 file: %s", path, kind);
}

enum status network_file_open(const char *path, struct network_file **opened)
{
    SCOPED(network_file) *file = NULL;
    *opened = NULL;
    TRY(require_regular_file(path));
    TRY(memory_allocate(&file, 1, "a network file"));
    file->path = path;
    TRY(open_hdf5(path, &file->file));
    *opened = scope_keep(&file);
    return STATUS_OK;
}

void network_file_close(struct network_file *file)
{
    if (file == NULL)
        return;
    h5_file_leave_scope(&file->file);
    memory_free(file);
}

/* A dimension beyond an int fits no matrix here, and an empty one no network. */
static enum status require_sizes(const struct h5_shape *shape, enum network_array array)
{
    for (int axis = 0; axis < shape->rank; axis++)
        if (shape->sizes[axis] < 1 || shape->sizes[axis] > INT32_MAX)
            return status_fail(STATUS_FOREIGN_FILE, "%s %s: dimension %d has size %llu", table[array].name,
                               table[array].form, axis, (unsigned long long)shape->sizes[axis]);
    return STATUS_OK;
}

/* Whether the file's own W is one number; false where it cannot be read, which is said when it is. */
static bool is_of_one_unit(struct network_file *file)
{
    SCOPED(h5_numeric) numeric = { 0 };
    const char *name = table[NETWORK_WEIGHTS].name;
    return h5_numeric_exists(file->file, name) &&
           h5_numeric_open(file->file, name, table[NETWORK_WEIGHTS].rank, &numeric) == STATUS_OK &&
           h5_shape_elements(&numeric.shape) == 1;
}

/* [R, 1] is a vector that lies there as a column; beside a W of one unit it is a number for each of R sequences. */
static void tell_sequences_from_column(struct network_file *file, enum network_array array, struct h5_numeric *numeric)
{
    const struct h5_shape *view = &numeric->view;
    if (table[array].may_have_sequences && table[array].rank == 1 && view->rank == 2 && view->sizes[0] > 1 &&
        view->sizes[1] == 1 && is_of_one_unit(file))
        numeric->shape = *view;
}

/* `numeric` is its owner's to close, also where this fails. */
static enum status open_array(struct network_file *file, enum network_array array, struct h5_numeric *numeric)
{
    const enum status status = table[array].may_have_sequences
                                   ? h5_numeric_open_stack(file->file, table[array].name, table[array].rank, numeric)
                                   : h5_numeric_open(file->file, table[array].name, table[array].rank, numeric);
    TRY(status_prefix(status, "%s", file->path));
    tell_sequences_from_column(file, array, numeric);
    return status_prefix(require_sizes(&numeric->shape, array), "%s", file->path);
}

enum status network_file_shape(struct network_file *file, enum network_array array, struct network_shape *shape)
{
    SCOPED(h5_numeric) numeric = { 0 };
    *shape = (struct network_shape){ .sizes = { 1, 1 } };
    if (!h5_numeric_exists(file->file, table[array].name))
        return STATUS_OK;
    TRY(open_array(file, array, &numeric));
    const int leading = numeric.shape.rank - table[array].rank;
    shape->rank = table[array].rank;
    shape->sequences = leading > 0 ? (long)numeric.shape.sizes[0] : 0;
    for (int axis = 0; axis < shape->rank; axis++)
        shape->sizes[axis] = (long)numeric.shape.sizes[leading + axis];
    return STATUS_OK;
}

void network_file_describe(struct network_file *file, enum network_array array, char *text, size_t size)
{
    h5_contents_describe(file->file, table[array].name, text, size);
}

/* `first` is the number of values[0] in the array. */
static enum status require_finite(const double *values, uint64_t first, uint64_t count,
                                  const struct h5_numeric *numeric)
{
    char place[H5_PLACE_TEXT];
    for (uint64_t i = 0; i < count; i++) {
        if (isfinite(values[i]))
            continue;
        h5_numeric_place(numeric, first + i, place);
        return status_fail(STATUS_NUMERICAL, "%s%s is %g", numeric->name, place, values[i]);
    }
    return STATUS_OK;
}

/* In pieces that all go to one scratch array where `values` is NULL. */
static enum status read_pieces(const struct h5_numeric *numeric, double *values, XXH3_state_t *hash)
{
    uint64_t all = h5_shape_elements(&numeric->shape), most = all < PIECE_ELEMENTS ? all : PIECE_ELEMENTS;
    SCOPED_MEMORY double *scratch = NULL;
    if (values == NULL)
        TRY(memory_allocate(&scratch, most, "a piece of a network file"));
    for (uint64_t first = 0, count; first < all; first += count) {
        double *piece = values == NULL ? scratch : values + first;
        count = all - first < most ? all - first : most;
        TRY(h5_numeric_read(numeric, first, count, piece));
        TRY(require_finite(piece, first, count, numeric));
        XXH3_128bits_update(hash, piece, count * sizeof *piece);
    }
    return STATUS_OK;
}

static enum status fingerprint_array(const struct h5_numeric *numeric, enum network_array array, double *values,
                                     char fingerprint[NETWORK_FINGERPRINT_TEXT])
{
    XXH3_state_t *hash = XXH3_createState();
    if (hash == NULL)
        return status_fail(STATUS_MEMORY, "%s: no memory for its fingerprint", table[array].name);
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, numeric->shape.sizes, (size_t)numeric->shape.rank * sizeof *numeric->shape.sizes);
    enum status status = read_pieces(numeric, values, hash);
    XXH128_hash_t digest = XXH3_128bits_digest(hash);
    XXH3_freeState(hash);
    snprintf(fingerprint, NETWORK_FINGERPRINT_TEXT, "%016llx%016llx", (unsigned long long)digest.high64,
             (unsigned long long)digest.low64);
    return status;
}

enum status network_file_read(struct network_file *file, enum network_array array, double *values,
                              char fingerprint[NETWORK_FINGERPRINT_TEXT])
{
    SCOPED(h5_numeric) numeric = { 0 };
    TRY(open_array(file, array, &numeric));
    return status_prefix(fingerprint_array(&numeric, array, values, fingerprint), "%s", file->path);
}

enum status network_file_read_sequence(struct network_file *file, enum network_array array, long number, double *values)
{
    SCOPED(h5_numeric) numeric = { 0 };
    TRY(open_array(file, array, &numeric));
    const uint64_t sequences = numeric.shape.sizes[0], elements = h5_shape_elements(&numeric.shape) / sequences;
    if (numeric.shape.rank == table[array].rank || number < 0 || (uint64_t)number >= sequences)
        return status_fail(STATUS_INTERNAL, "%s: %s has no sequence %ld", file->path, table[array].name, number);
    return status_prefix(h5_numeric_read(&numeric, (uint64_t)number * elements, elements, values), "%s", file->path);
}

enum status network_file_read_part(struct network_file *file, enum network_array array, const struct matrix_part *part,
                                   double *values)
{
    SCOPED(h5_numeric) numeric = { 0 };
    TRY(open_array(file, array, &numeric));
    return status_prefix(h5_numeric_read_part(&numeric, (uint64_t)part->first_row, (uint64_t)part->rows,
                                              (uint64_t)part->first_column, (uint64_t)part->columns, values),
                         "%s", file->path);
}
