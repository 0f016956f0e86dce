/* The grid of a sweep: numbers of cells and weights, and their places on the axes. Numbers run in C order over
 * CELL = (activation, ensemble, hidden_size, replica[, input_scale][, bias_scale][, anchor], spectral_radius, gamma),
 * in brackets what only some sweeps have, and WEIGHT = (ensemble, hidden_size, replica), the axes of sweep/axes.h, as
 * in the results file. Arithmetic only: nothing here grows with the grid. Not collective. */
#ifndef GRADSWEEP_SWEEP_GRID_H
#define GRADSWEEP_SWEEP_GRID_H

#include "sweep/axes.h"

/* Positions on the axes; 0 on those that the sweep has not. */
struct cell {
    long at[CELL_AXES];
};

static inline const struct activation *grid_activation(const struct sweep *sweep, const struct cell *cell)
{
    return sweep->activations[cell->at[AXIS_ACTIVATION]];
}

static inline const struct ensemble *grid_ensemble(const struct sweep *sweep, const struct cell *cell)
{
    return &sweep->ensembles[cell->at[AXIS_ENSEMBLE]];
}

static inline long grid_hidden_size(const struct sweep *sweep, const struct cell *cell)
{
    return sweep->hidden_sizes[cell->at[AXIS_HIDDEN_SIZE]];
}

/* NaN for native scale. */
static inline double grid_spectral_radius(const struct sweep *sweep, const struct cell *cell)
{
    return sweep->spectral_radii[cell->at[AXIS_SPECTRAL_RADIUS]];
}

static inline double grid_gamma(const struct sweep *sweep, const struct cell *cell)
{
    return sweep->gammas[cell->at[AXIS_GAMMA]];
}

/* kappa = rho gamma as chains are computed with it; native: gamma (sweep/couplings.h). */
static inline double grid_coupling(const struct sweep *sweep, const struct cell *cell)
{
    const long radius = cell->at[AXIS_SPECTRAL_RADIUS], gamma = cell->at[AXIS_GAMMA];
    return sweep->couplings.values[radius * sweep->gamma_count + gamma];
}

static inline struct network_key grid_network_key(const struct sweep *sweep, const struct cell *cell)
{
    return (struct network_key){ grid_ensemble(sweep, cell), sweep->seed, grid_hidden_size(sweep, cell),
                                 cell->at[AXIS_REPLICA] };
}

/* T, the final time of a cell. */
static inline long grid_anchor(const struct sweep *sweep, const struct cell *cell)
{
    return (long)axes_value(sweep, AXIS_ANCHOR, cell->at[AXIS_ANCHOR]).integer;
}

uint64_t grid_cell_count(const struct sweep *sweep);
uint64_t grid_weight_count(const struct sweep *sweep);
uint64_t grid_cell_number(const struct sweep *sweep, const struct cell *cell);
struct cell grid_cell_at(const struct sweep *sweep, uint64_t number);

/* The WEIGHT number that a cell belongs to, and the first cell of a WEIGHT. */
uint64_t grid_weight_number(const struct sweep *sweep, const struct cell *cell);
struct cell grid_weight_at(const struct sweep *sweep, uint64_t number);

/* Cells of one network and activation: all that differ on the axes behind those of WEIGHT alone, such as its
 * (spectral_radius, gamma) plane. They have consecutive numbers. */
uint64_t grid_plane_size(const struct sweep *sweep);

/* What a cell has in its plane, by its place there, counted from the first: the number of its chain, and the anchor and
 * gamma in which copies of a chain differ. */
struct plane_cell {
    uint64_t chain;
    long anchor; /* its position */
    double gamma;
};
struct plane_cell grid_plane_cell(const struct sweep *sweep, uint64_t place);

/* The chains of one network and activation: cells of its plane that differ in rho and gamma alone, and not in their
 * product, are copies of one; and one chain has all anchors, along its trajectory. Chains are numbered by the other
 * axes of the plane, then by ascending coupling. How many there are; the number of a cell's; and the coupling of a
 * chain, and how strongly it is driven. */
uint64_t grid_chain_count(const struct sweep *sweep);
uint64_t grid_chain_of(const struct sweep *sweep, const struct cell *cell);
double grid_chain_coupling(const struct sweep *sweep, uint64_t chain);
struct drive_scales grid_chain_drive(const struct sweep *sweep, uint64_t chain);

/* How many cells chains first .. first+count-1 have together. In each row of the plane, along gamma, they are
 * neighbours: *first_in_row and the returned number of them tell which, counted from the plane's first cell. */
uint64_t grid_cells_of_chains(const struct sweep *sweep, uint64_t first, uint64_t count);
uint64_t grid_plane_rows(const struct sweep *sweep);
uint64_t grid_row_of_chains(const struct sweep *sweep, uint64_t row, uint64_t first, uint64_t count,
                            uint64_t *first_in_row);

/* For people: "cell 7 (activation=tanh, ensemble=ginibre, ...)"; "the weights (ensemble=ginibre, ...)"; "network
 * (activation=tanh, ...)", what the cells of a plane have in common. Written into `text`, which is returned. */
enum { GRID_TEXT = 512 };
const char *grid_describe_cell(const struct sweep *sweep, uint64_t number, char text[GRID_TEXT]);
const char *grid_describe_weight(const struct sweep *sweep, uint64_t number, char text[GRID_TEXT]);
const char *grid_describe_network(const struct sweep *sweep, const struct cell *cell, char text[GRID_TEXT]);

#endif
