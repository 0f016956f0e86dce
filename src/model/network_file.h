/* Networks in HDF5 files: the arrays that file ensembles and file inputs read. Not collective: each process reads for
 * itself what it works on.
 *
 * Files may come from other programs: h5/numeric.h says what is read as what.
 *
 * An array is known by its fingerprint (128 bits over its shape and values), taken when the sweep file is read and kept
 * in the sweep's effective values: what is computed depends on contents, wherever the file lies, and a file that was
 * changed meanwhile is refused. */
#ifndef GRADSWEEP_MODEL_NETWORK_FILE_H
#define GRADSWEEP_MODEL_NETWORK_FILE_H

#include "base/scope.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* What a file may hold. d: hidden size; m: inputs a step. */
enum network_array {
    NETWORK_WEIGHTS,       /* W [d, d], row = output */
    NETWORK_INPUT_WEIGHTS, /* w_in [d, m] */
    NETWORK_BIAS,          /* b [d] */
    /* Of one sequence for all replicas, or of R sequences, with R before the other sizes: replica r has sequence r.
     * [R, 1] is one column of d = R, unless W is [1, 1]. */
    NETWORK_INITIAL_STATE, /* x0 [d] */
    NETWORK_INPUTS,        /* inputs [steps, m]; inputs[t - 1] is i_t */
    NETWORK_ERROR,         /* error [d], used as e_0 */
    NETWORK_ARRAYS
};

enum { NETWORK_FINGERPRINT_TEXT = 33 };

/* Where a network is read from, and what was there. Strings owned by the sweep. */
struct network_source {
    char *path; /* absolute; NULL: nothing is read from a file */
    /* In hexadecimal; "" for an array that is not read, because the file does not hold it or has no business to. */
    char fingerprints[NETWORK_ARRAYS][NETWORK_FINGERPRINT_TEXT];
};

struct network_shape {
    int rank;
    long sizes[2];  /* of one sequence; 1 beyond the rank */
    long sequences; /* R; 0: one for all */
};

/* The name of the dataset, and its form, such as "[d, m]". */
const char *network_array_name(enum network_array array);
const char *network_array_form(enum network_array array);

struct network_file;

/* Opens for reading; `path` must outlive it. Errors: STATUS_IO: missing, no regular file, damaged, or of another kind,
 * which is named. Every message here begins with the path. Release with network_file_close. */
CHECKED enum status network_file_open(const char *path, struct network_file **file);
void network_file_close(struct network_file *file);
SCOPED_HANDLE(network_file, network_file_close)

/* The shape of an array; rank 0 where the file does not hold it. Errors: STATUS_FOREIGN_FILE for what is no dataset of
 * real numbers of the right rank, without an empty dimension. */
CHECKED enum status network_file_shape(struct network_file *file, enum network_array array,
                                       struct network_shape *shape);

/* Reads an array that is there into values[], row-major, or only looks at it in pieces where `values` is NULL, and
 * takes its fingerprint. Errors: STATUS_FOREIGN_FILE, STATUS_IO, STATUS_MEMORY; STATUS_NUMERICAL for a value that is
 * not finite, with its place. */
CHECKED enum status network_file_read(struct network_file *file, enum network_array array, double *values,
                                      char fingerprint[NETWORK_FINGERPRINT_TEXT]);

/* Rows first_row .. first_row + rows - 1 and columns likewise of a matrix. */
struct matrix_part {
    long first_row, rows;
    long first_column, columns;
};

/* A part of a matrix that is there into values[rows * columns], row-major. Errors as network_file_read; values are
 * taken as they are, finite or not. */
CHECKED enum status network_file_read_part(struct network_file *file, enum network_array array,
                                           const struct matrix_part *part, double *values);

/* What the file holds instead of an array that it does not hold, as h5_contents_describe says it. */
void network_file_describe(struct network_file *file, enum network_array array, char *text, size_t size);

/* Reads sequence `number` of an array that has several into values[], without fingerprint or a look at the values.
 * Errors as network_file_read. */
CHECKED enum status network_file_read_sequence(struct network_file *file, enum network_array array, long number,
                                               double *values);

/* The arrays of a source beside W, in memory; NULL where the source has none. */
struct network_arrays {
    double *values[NETWORK_ARRAYS]; /* row-major; that of W stays NULL */
    struct network_shape shapes[NETWORK_ARRAYS];
};

/* Reads all of a source's arrays but W; of several sequences one, or ALL_SEQUENCES. Release with network_arrays_free.
 * Errors: STATUS_IO for a file that cannot be read, or no longer holds what its fingerprints say; STATUS_MEMORY. */
enum { ALL_SEQUENCES = -1 };
CHECKED enum status network_arrays_read(const struct network_source *source, long sequence,
                                        struct network_arrays *arrays);

/* Puts another sequence into arrays of one, which were read before; the contents of the file are not verified again.
 * Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status network_arrays_turn(const struct network_source *source, long sequence,
                                        struct network_arrays *arrays);
void network_arrays_free(struct network_arrays *arrays);
SCOPED_VALUE(network_arrays, network_arrays_free)

/* Whether W [hidden_size, hidden_size] of a source is what its fingerprint says; read in pieces, so that it need not
 * fit into memory. Errors as network_arrays_read. */
CHECKED enum status network_weights_verify(const struct network_source *source, long hidden_size);

/* Reads a part of W into values[rows * columns], column-major, without that. Errors as network_arrays_read. */
CHECKED enum status network_weights_read_part(const struct network_source *source, long hidden_size,
                                              const struct matrix_part *part, double *values);

#endif
