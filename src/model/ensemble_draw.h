/* The draw functions behind the table of ensemble.c, and what they share; private to it. One file a family:
 * ensemble_independent.c, ensemble_correlated.c, ensemble_shift.c, ensemble_orthogonal.c, ensemble_nonnormal.c,
 * ensemble_file.c. */
#ifndef GRADSWEEP_MODEL_ENSEMBLE_DRAW_H
#define GRADSWEEP_MODEL_ENSEMBLE_DRAW_H

#include "base/random.h"
#include "model/ensemble.h"

/* As `draw_part`, `draw` and `draw_on_grid` of struct ensemble_kind describe them. */
typedef enum status ensemble_draw_part(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                       long step, const struct matrix_part *part, double *values);
typedef enum status ensemble_draw_whole(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                        double *values, double *radius);
typedef enum status ensemble_draw_shares(const struct process_grid *grid, const struct ensemble *ensemble,
                                         uint64_t seed, long hidden_size, long replica, double *rows, double *columns,
                                         double *radius);

ensemble_draw_part ensemble_draw_ginibre;
ensemble_draw_part ensemble_draw_untied;
ensemble_draw_part ensemble_draw_uniform;
ensemble_draw_part ensemble_draw_sparse;
ensemble_draw_part ensemble_draw_symmetric;
ensemble_draw_part ensemble_draw_antisymmetric;
ensemble_draw_part ensemble_draw_elliptic;
ensemble_draw_part ensemble_draw_cycle;
ensemble_draw_part ensemble_draw_chain;
ensemble_draw_part ensemble_draw_file;
ensemble_draw_whole ensemble_draw_orthogonal;
ensemble_draw_whole ensemble_draw_nonnormal;
ensemble_draw_shares ensemble_draw_orthogonal_on_grid;
ensemble_draw_shares ensemble_draw_nonnormal_on_grid;

/* The stream of a network's array `role`. */
struct random_stream ensemble_stream(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                     const char *role);

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
