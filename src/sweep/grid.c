#include "sweep/grid.h"

enum { WEIGHT_AXES = 3 };

static void cell_shape(const struct sweep *sweep, uint64_t shape[CELL_AXES])
{
    shape[0] = (uint64_t)sweep->activation_count;
    shape[1] = (uint64_t)sweep->ensemble_count;
    shape[2] = (uint64_t)sweep->hidden_size_count;
    shape[3] = (uint64_t)sweep->replicas;
    shape[4] = (uint64_t)sweep->spectral_radius_count;
    shape[5] = (uint64_t)sweep->gamma_count;
}

static void weight_shape(const struct sweep *sweep, uint64_t shape[WEIGHT_AXES])
{
    shape[0] = (uint64_t)sweep->ensemble_count;
    shape[1] = (uint64_t)sweep->hidden_size_count;
    shape[2] = (uint64_t)sweep->replicas;
}

static uint64_t product(const uint64_t *shape, int axes)
{
    uint64_t count = 1;
    for (int axis = 0; axis < axes; axis++)
        count *= shape[axis];
    return count;
}

/* The number of the element at positions[axes] in C order: the last axis runs fastest. */
static uint64_t number_at(const uint64_t *shape, const long *positions, int axes)
{
    uint64_t number = 0;
    for (int axis = 0; axis < axes; axis++)
        number = number * shape[axis] + (uint64_t)positions[axis];
    return number;
}

uint64_t grid_cell_count(const struct sweep *sweep)
{
    uint64_t shape[CELL_AXES];
    cell_shape(sweep, shape);
    return product(shape, CELL_AXES);
}

uint64_t grid_weight_count(const struct sweep *sweep)
{
    uint64_t shape[WEIGHT_AXES];
    weight_shape(sweep, shape);
    return product(shape, WEIGHT_AXES);
}

uint64_t grid_cell_number(const struct sweep *sweep, const struct cell *cell)
{
    uint64_t shape[CELL_AXES];
    cell_shape(sweep, shape);
    const long positions[CELL_AXES] = { cell->activation, cell->ensemble,        cell->hidden_size,
                                        cell->replica,    cell->spectral_radius, cell->gamma };
    return number_at(shape, positions, CELL_AXES);
}

struct cell grid_cell_at(const struct sweep *sweep, uint64_t number)
{
    uint64_t shape[CELL_AXES];
    long positions[CELL_AXES];
    cell_shape(sweep, shape);
    for (int axis = CELL_AXES - 1; axis >= 0; axis--) {
        positions[axis] = (long)(number % shape[axis]);
        number /= shape[axis];
    }
    return (struct cell){ .activation = positions[0],
                          .ensemble = positions[1],
                          .hidden_size = positions[2],
                          .replica = positions[3],
                          .spectral_radius = positions[4],
                          .gamma = positions[5] };
}

uint64_t grid_weight_number(const struct sweep *sweep, const struct cell *cell)
{
    uint64_t shape[WEIGHT_AXES];
    weight_shape(sweep, shape);
    const long positions[WEIGHT_AXES] = { cell->ensemble, cell->hidden_size, cell->replica };
    return number_at(shape, positions, WEIGHT_AXES);
}

struct cell grid_weight_at(const struct sweep *sweep, uint64_t number)
{
    return grid_cell_at(sweep, number * grid_plane_size(sweep));
}

uint64_t grid_plane_size(const struct sweep *sweep)
{
    return (uint64_t)sweep->spectral_radius_count * (uint64_t)sweep->gamma_count;
}
