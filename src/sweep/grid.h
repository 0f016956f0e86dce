/* The grid of a sweep: numbers of cells and weights, and their coordinates. Numbers run in C order over
 * CELL = (activation, ensemble, hidden_size, replica, spectral_radius, gamma) and WEIGHT = (ensemble, hidden_size,
 * replica), as in the results file. Arithmetic only: nothing here grows with the grid. Not collective. */
#ifndef GRADSWEEP_SWEEP_GRID_H
#define GRADSWEEP_SWEEP_GRID_H

#include "sweep/sweep.h"

enum { CELL_AXES = 6 };

/* Positions on the axes. */
struct cell {
    long activation;
    long ensemble;
    long hidden_size;
    long replica;
    long spectral_radius;
    long gamma;
};

uint64_t grid_cell_count(const struct sweep *sweep);
uint64_t grid_weight_count(const struct sweep *sweep);
uint64_t grid_cell_number(const struct sweep *sweep, const struct cell *cell);
struct cell grid_cell_at(const struct sweep *sweep, uint64_t number);

/* The WEIGHT number that a cell belongs to, and the first cell of a WEIGHT. */
uint64_t grid_weight_number(const struct sweep *sweep, const struct cell *cell);
struct cell grid_weight_at(const struct sweep *sweep, uint64_t number);

/* Cells of one network and activation: its (spectral_radius, gamma) plane, whose cells have consecutive numbers. */
uint64_t grid_plane_size(const struct sweep *sweep);

#endif
