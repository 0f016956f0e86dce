/* W as drawn, or as it stands in a file, in whatever parts a rank asks for: its rows, its columns, or all of it. Laws
 * whose entries are drawn one by one give each part at its own cost; of the others (orthogonal, nonnormal) the shares
 * are held meanwhile. */
#ifndef GRADSWEEP_MODEL_DRAWING_H
#define GRADSWEEP_MODEL_DRAWING_H

#include "linalg/matrix.h"
#include "model/ensemble.h"

struct drawing;

/* `step` is 0 but for untied. `grid` NULL is a rank alone; the ensemble must outlive the drawing. Release with
 * drawing_close. Collective within the team, and agreed. Errors: STATUS_MEMORY, STATUS_NUMERICAL; STATUS_IO for a file
 * that cannot be read, or was changed. */
CHECKED enum status drawing_open(const struct process_grid *grid, const struct network_key *key, long step,
                                 struct drawing **drawing);
void drawing_close(struct drawing *drawing); /* not collective */
SCOPED_HANDLE(drawing, drawing_close)

/* matrix_fill, `context` a struct drawing: any part to a rank alone; on a grid one within the rows, or within the
 * columns, that this rank holds (process_grid_row_range). Not collective. Errors: STATUS_IO. */
matrix_fill drawing_fill;

/* rho(W) where the law draws it (SPECTRUM_RADIUS_DRAWN), else NaN. Not collective. */
double drawing_radius(const struct drawing *drawing);

#endif
