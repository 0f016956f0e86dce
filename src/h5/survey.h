/* Everything that hangs on an object of a file, read: what cannot be read is found, and what counts enters a checksum.
 * Not collective. */
#ifndef GRADSWEEP_H5_SURVEY_H
#define GRADSWEEP_H5_SURVEY_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

enum h5_role { ROLE_COUNTS, ROLE_TOLERATED, ROLE_UNKNOWN };

struct h5_survey {
    enum h5_role (*role_of)(const char *attribute);
    void (*tell_unknown)(const char *attribute, void *context);
    void *context;
    uint32_t checksum; /* CRC-32C, goes on over names, types and values of the attributes that count, by name */
};

/* Reads every attribute of an object. A text of fixed length counts as one of variable length, and a single value as an
 * array of one: copies by other programs differ there. Errors: STATUS_FOREIGN_FILE for what cannot be read, or counts
 * and is neither text nor number, naming the attribute; STATUS_MEMORY. */
CHECKED enum status h5_survey_attributes(hid_t object, struct h5_survey *survey);

/* Calls `tell` for every link of a group, in order of names. Errors: STATUS_FOREIGN_FILE where they cannot be read. */
CHECKED enum status h5_survey_links(hid_t file, const char *group, void (*tell)(const char *name, void *context),
                                    void *context);

/* Whether dimension `axis` of a dataset has just this one scale. A scale that cannot be read is none. */
bool h5_survey_has_scale(hid_t dataset, int axis, hid_t scale);

#endif
