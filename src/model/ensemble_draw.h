/* The draw functions behind the table of ensemble.c, and what they share; private to it. One file a family:
 * ensemble_independent.c, ensemble_correlated.c, ensemble_shift.c, ensemble_orthogonal.c, ensemble_file.c. */
#ifndef GRADSWEEP_MODEL_ENSEMBLE_DRAW_H
#define GRADSWEEP_MODEL_ENSEMBLE_DRAW_H

#include "base/random.h"
#include "model/ensemble.h"

/* Each as `draw` of struct ensemble_kind describes it. */
typedef enum status ensemble_draw(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                  long step, double *values, double *radius);

ensemble_draw ensemble_draw_ginibre;
ensemble_draw ensemble_draw_untied;
ensemble_draw ensemble_draw_uniform;
ensemble_draw ensemble_draw_sparse;
ensemble_draw ensemble_draw_orthogonal;
ensemble_draw ensemble_draw_nonnormal;
ensemble_draw ensemble_draw_symmetric;
ensemble_draw ensemble_draw_antisymmetric;
ensemble_draw ensemble_draw_elliptic;
ensemble_draw ensemble_draw_cycle;
ensemble_draw ensemble_draw_chain;
ensemble_draw ensemble_draw_file;

/* The stream of a network's array `role`. */
struct random_stream ensemble_stream(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                     const char *role);

/* values[d * d] := scale * standard normals of the stream at `step`. Element (i, j) of the matrix is element i d + j of
 * the stream, so that whoever needs one entry can draw it alone; `values` is column-major as everywhere. */
void ensemble_fill_normal(const struct random_stream *stream, long step, long hidden_size, double scale,
                          double *values);

/* Swaps rows and columns of values[d * d] in place. */
void ensemble_transpose(long hidden_size, double *values);

#endif
