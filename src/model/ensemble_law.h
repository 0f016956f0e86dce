/* What the laws share that draw W; private to the files ensemble_<family>.c, each of which holds the rows and the draw
 * functions of a family. */
#ifndef GRADSWEEP_MODEL_ENSEMBLE_LAW_H
#define GRADSWEEP_MODEL_ENSEMBLE_LAW_H

#include "base/random.h"
#include "model/ensemble.h"

/* Fills values[count] with entries first_column .. of one row of a matrix; `source` is its caller's. */
typedef void ensemble_fill_run(const void *source, long row, long first_column, long count, double *values);

/* Fills a part of a matrix, column-major, from runs along its rows: whoever draws from a stream in which element (i, j)
 * is number i d + j draws runs at the cost of their length, and a part of any size at that of its own. */
void ensemble_fill_part(const struct matrix_part *part, ensemble_fill_run *fill, const void *source, double *values);

/* A part of scale * standard normals of the stream at `step`, in that order of elements. */
void ensemble_fill_normal(const struct random_stream *stream, long step, long hidden_size, double scale,
                          const struct matrix_part *part, double *values);

/* values := Haar distributed, of the stream `role`: all of it, by a rank alone; or this rank's rows and columns (NULL:
 * not asked for), collective within the team and agreed. Errors: STATUS_MEMORY, STATUS_NUMERICAL. */
CHECKED enum status ensemble_fill_haar(const struct random_stream *stream, long hidden_size, double *values);
CHECKED enum status ensemble_fill_haar_on_grid(const struct process_grid *grid, const struct random_stream *stream,
                                               long hidden_size, double *rows, double *columns);

/* All of a matrix as a part. */
struct matrix_part ensemble_whole(long hidden_size);

#endif
