/* What a results file knows of one WEIGHT: its values in every dataset of WEIGHT shape, and one checksum over them.
 * Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_WEIGHT_RECORD_H
#define GRADSWEEP_STORE_WEIGHT_RECORD_H

#include "store/results_file.h"

/* Pending: untouched since the file was made. A file of version 1 has no checksum: a record is intact there that lacks
 * nothing and does not contradict itself. */
enum weight_state { WEIGHT_PENDING, WEIGHT_INTACT, WEIGHT_DAMAGED };

/* Doubles that a record has: the measured datasets of WEIGHT shape one after the other, each with its own values. */
uint64_t weight_record_length(const struct layout *layout);

/* Where the values of a dataset begin in it. False for a dataset that is not of WEIGHT shape, or not in the file. */
bool weight_record_find(const struct layout *layout, const char *name, uint64_t *place, uint64_t *count);

/* An untouched record into values[weight_record_length]. */
void weight_record_clear(const struct layout *layout, double *values);

/* The records of WEIGHTs first .. first+count-1, values[count][weight_record_length] and states[count]: neighbours
 * together take as many calls of the system as one. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status weight_record_read(const struct results_file *file, uint64_t first, uint64_t count, double *values,
                                       enum weight_state *states);

/* Values, then the checksums, then all of it read back. A kill in between leaves damaged records. Errors as above. */
CHECKED enum status weight_record_write(const struct results_file *file, uint64_t first, uint64_t count,
                                        const double *values);

/* How many of WEIGHTs first .. first+count-1 are damaged. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status weight_record_count_damaged(const struct results_file *file, uint64_t first, uint64_t count,
                                                uint64_t *damaged);

/* How many WEIGHTs of which cells are done are not there, or damaged: a run would compute them again. Errors:
 * STATUS_IO, STATUS_MEMORY. */
CHECKED enum status weight_record_count_lacking(const struct results_file *file, uint64_t *lacking);

#endif
