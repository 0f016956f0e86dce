/* Finished cells, weights and provenance taken from one results file into another that one process is making: what
 * merge and extend share. The source may be of any version that is read, the target is of the present one. Private to
 * store/. Not collective. */
#ifndef GRADSWEEP_STORE_TRANSFER_H
#define GRADSWEEP_STORE_TRANSFER_H

#include "store/results_file.h"
#include "sweep/extension.h"

/* What a transfer meets: each number of cells only counts this file's. */
struct transfer_tally {
    uint64_t taken;
    uint64_t known;   /* the target had the same already, or a done one where this failed */
    uint64_t damaged; /* finished, with a checksum that does not fit: left where they are */
    uint64_t damaged_weights;
};

struct transfer {
    const struct results_file *source;
    const struct results_file *target;
    const struct extension *extension; /* the source's places in the target; NULL: the same */
};

/* Where two files do not agree. */
struct transfer_conflict {
    bool is_found;
    bool is_weight; /* `number` is that of a WEIGHT in the target, else of a cell */
    uint64_t number;
};

/* Reads what is beside the numbers of a file, and tells on stderr where it is damaged, or from before cells were copies
 * of chains: each cell is verified by itself,
 * and the target has coordinates and attributes of its own. Errors: STATUS_FOREIGN_FILE for what cannot be read. */
CHECKED enum status transfer_look_at(const struct results_file *source);

/* Takes over each finished cell that is intact and that the target lacks, with a new checksum where hash or number
 * differ. Values along `index` are padded with NaN where the target's index is longer. A cell that the target has must
 * have the same checksum there (which leaves out team size and times), unless just one of the two is done: that one
 * stays. Returns STATUS_OK with conflict->is_found at the first that does not agree. Errors: STATUS_IO, STATUS_MEMORY;
 * STATUS_REFUSED for a source of a format_version whose inputs were others (sweep/extension.h). */
CHECKED enum status transfer_cells(const struct transfer *transfer, struct transfer_tally *tally,
                                   struct transfer_conflict *conflict);

/* Takes over what is written of WEIGHTs and intact. What both files have must be the same to the bit; from
 * distribute_from on, where the last bits depend on the team, to 1e-9 of the largest. Errors as above. */
CHECKED enum status transfer_weights(const struct transfer *transfer, struct transfer_tally *tally,
                                     struct transfer_conflict *conflict);

/* Whether the target may have what it has in that place from this file: it is there, and the same. Both are of one
 * sweep. */
CHECKED enum status transfer_is_origin(const struct results_file *file, const struct results_file *target,
                                       const struct transfer_conflict *conflict, bool *is_origin);

/* Appends the source's intact rows, as many as there are places. */
CHECKED enum status transfer_provenance(const struct transfer *transfer);

#endif
