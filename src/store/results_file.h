/* An open results file: its layout and the handles of its datasets, by one process or with MPI-IO by all ranks. */
#ifndef GRADSWEEP_STORE_RESULTS_FILE_H
#define GRADSWEEP_STORE_RESULTS_FILE_H

#include "store/cells.h"
#include "store/layout.h"
#include "store/shard.h"

struct results_file {
    char *path;
    struct layout layout; /* borrows the sweep */
    hid_t file;
    hid_t *datasets;         /* [layout.count] */
    int descriptor;          /* with MPI-IO: past it, see results_file_read; else -1 */
    bool writes_past_mpi;    /* with MPI-IO: through the descriptor too, see results_file_write */
    uint64_t *places;        /* [layout.count] with MPI-IO: the byte of the file where each dataset begins; else NULL */
    uint32_t checksum_start; /* over the sweep hash */
    struct shard shard;
    uint64_t own_cells; /* that are to be computed into this file: all, or those of the shard */
};

#define RESULTS_FILE_NONE ((struct results_file){ .file = H5I_INVALID_HID, .descriptor = -1 })

/* Opens the file of `sweep` (borrowed), of any version that is read, and all its datasets: with MPI-IO where a world is
 * given (collective, not agreed), else for reading. Its owner's to close, also where this fails, on every rank. Errors:
 * STATUS_FOREIGN_FILE where a dataset is missing or of another shape, STATUS_IO, STATUS_MEMORY. */
CHECKED enum status results_file_open(const char *path, const struct sweep *sweep, const struct world *world,
                                      struct results_file *results_file);

/* Opens for reading and writing, by one process and without MPI. Errors and closing as above. */
CHECKED enum status results_file_open_alone(const char *path, const struct sweep *sweep,
                                            struct results_file *results_file);

/* Leaves RESULTS_FILE_NONE. Collective where the opening was. Errors: STATUS_IO. */
CHECKED enum status results_file_close(struct results_file *results_file);

/* The same where its closing has nothing to say any more: something else has failed already. */
void results_file_discard(struct results_file *results_file);
SCOPED_VALUE(results_file, results_file_discard)

/* Reads the sweep that a results file belongs to; released with sweep_close. Not collective. Errors:
 * STATUS_FOREIGN_FILE with the reason why the file is not one of ours, STATUS_IO. */
CHECKED enum status results_file_read_sweep(const char *path, struct sweep **sweep);

/* The two checksums of each cell of a block. */
struct cell_checksums {
    uint32_t *results;
    uint32_t *runtime; /* 0 in a file of version 1, which has none */
};

/* To be released whatever the outcome. Errors: STATUS_MEMORY. */
CHECKED enum status cell_checksums_allocate(uint64_t count, struct cell_checksums *checksums);
void cell_checksums_free(struct cell_checksums *checksums);
SCOPED_VALUE(cell_checksums, cell_checksums_free)

/* Cells first .. first+count-1 of a block of results (which says which): status first, so that what is read of a
 * finished cell is what was written before it was finished, whatever a run writes meanwhile. Not collective. */
CHECKED enum status results_file_read_cells(const struct results_file *results_file, struct cell_results *results,
                                            struct cell_checksums *checksums);

/* Writes cells first + from .. first + from + count - 1 of it: results, then checksums, then status. What was finished
 * in their places is pending meanwhile. */
CHECKED enum status results_file_write_cells(const struct results_file *results_file,
                                             const struct cell_results *results, uint64_t from, uint64_t count,
                                             const struct cell_checksums *checksums);

/* Computes the checksums of cell first + i of a block: CRC-32C over the sweep hash, the cell's number (64 bits,
 * little-endian) and
 * - results: its values of every measured dataset in table order, its status, failure reason and method. Team size and
 *   times are left out: they may differ between equal runs;
 * - runtime: team size, cell_seconds, predicted_seconds. */
void results_file_seal_cell(const struct results_file *results_file, const struct cell_results *results, uint64_t i,
                            struct cell_checksums *checksums);

/* Whether cell first + i is done or failed and as it was written: its results, and what was said of its run. */
bool results_file_cell_is_intact(const struct results_file *results_file, const struct cell_results *results,
                                 uint64_t i, const struct cell_checksums *checksums);
bool results_file_runtime_is_intact(const struct results_file *results_file, const struct cell_results *results,
                                    uint64_t i, const struct cell_checksums *checksums);

/* Elements first .. first+count-1 of dataset number `number` of the layout. Errors name file and dataset. A file opened
 * with MPI-IO is read past MPI-IO, from where its datasets lie: Open MPI's answers success where a read fails, and
 * leaves whatever was in memory. And written past it, but for NFS, whose clients need what it locks: HDF5 and MPI-IO
 * take several times as long as the system's call for the few bytes that a unit has for a dataset. */
CHECKED enum status results_file_read(const struct results_file *results_file, size_t number, uint64_t first,
                                      uint64_t count, void *values);
CHECKED enum status results_file_write(const struct results_file *results_file, size_t number, uint64_t first,
                                       uint64_t count, const void *values);

/* The place of a dataset in the layout; layout.count where there is none of that name. */
size_t results_file_find(const struct results_file *results_file, const char *name);

/* Whether all datasets lie in one piece and unfiltered, as they were made: only then is the file written in place.
 * Copies that were compressed do not. */
bool results_file_is_contiguous(const struct results_file *results_file);

/* How many cells to read at once, so that a block of results stays within a few megabytes. At least 1. */
uint64_t results_file_block(const struct sweep *sweep);

#endif
