/* What a results file holds beside its numbers: coordinates, names, attributes, dimension scales and links. All of it
 * is read; coordinates are compared with the sweep; and from version 2 on two CRC-32C in the root attributes
 * `coordinates_checksum` and `attributes_checksum` cover what is written at creation. Private to store/. Not
 * collective.
 *
 * What other programs add in copying a file is no fault: _NCProperties, _Netcdf4Dimid, _Netcdf4Coordinates,
 * _nc3_strict, _NCCOPY, DIMENSION_LABELS, history, NCO; nor are CLASS, NAME, DIMENSION_LIST and REFERENCE_LIST, which
 * make dimension scales and are looked at as such. */
#ifndef GRADSWEEP_STORE_SEAL_H
#define GRADSWEEP_STORE_SEAL_H

#include "store/results_file.h"

enum { SEAL_EXAMPLES = 8, SEAL_TEXT = 256 };

/* What differs from what was written, or from the sweep; the first of it as texts for people. */
struct seal_faults {
    uint64_t coordinates; /* that are not the sweep's, or whose checksum does not fit */
    uint64_t structure;   /* attributes, scales, links */
    uint64_t additions;   /* those among them that are the names of what others have added: no harm to what is ours */
    size_t shown;
    char examples[SEAL_EXAMPLES][SEAL_TEXT];
};

/* Writes the two checksums over what is in the file. Errors: STATUS_IO. */
CHECKED enum status seal_write(hid_t file, const struct layout *layout);

/* Looks at everything. Errors: STATUS_FOREIGN_FILE for what cannot be read at all, with object and attribute. */
CHECKED enum status seal_verify(const struct results_file *file, struct seal_faults *faults);

/* The faults as one failure that begins with the path; STATUS_OK where there is none. */
CHECKED enum status seal_judge(const char *path, const struct seal_faults *faults, enum status code);

/* Both at once: STATUS_OK where everything that is ours is as it was written. */
CHECKED enum status seal_require(const struct results_file *file, enum status code);

#endif
