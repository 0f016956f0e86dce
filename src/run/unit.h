/* Units of work: what one rank, or one team, takes at a time.
 *
 * First the weight units (spectral radius and norm of W, kept in the results file), then the chain units: chains of one
 * network and activation, with all cells that are copies of them (sweep/grid.h). Networks that take little time go
 * several replicas to a unit, with all their chains: what a unit costs beside its arithmetic is then theirs together,
 * and their cells, which have consecutive numbers, reach the file at once. Dearest first. Which
 * unit has which number and cells is a function of the sweep alone, and is found by arithmetic over classes of equal
 * units, so that memory does not grow with the grid. Not collective. */
#ifndef GRADSWEEP_RUN_UNIT_H
#define GRADSWEEP_RUN_UNIT_H

#include "base/scope.h"
#include "linalg/cost.h"
#include "sweep/grid.h"

enum unit_kind { UNIT_WEIGHT, UNIT_CHAINS };

struct unit {
    enum unit_kind kind;
    struct cell place;    /* of its network; the first cell of its plane for UNIT_CHAINS */
    uint64_t weight;      /* WEIGHT number */
    long weight_count;    /* networks weight .. weight + weight_count - 1, replicas that follow each other */
    uint64_t first_chain; /* UNIT_CHAINS: of each network's, chains first_chain .. first_chain + chain_count - 1 */
    uint64_t chain_count;
    uint64_t cell_count; /* that have them, of all networks together */
    int team_size; /* the wish: ranks that had best compute it, from the hidden size alone; 1 below distribute_from */
    struct cost cost;
};

struct unit_list;

/* Release with unit_list_close; the sweep must outlive it. Errors: STATUS_MEMORY. */
CHECKED enum status unit_list_open(const struct sweep *sweep, struct unit_list **list);
void unit_list_close(struct unit_list *list);
SCOPED_HANDLE(unit_list, unit_list_close)

const struct sweep *unit_list_sweep(const struct unit_list *list);
uint64_t unit_list_count(const struct unit_list *list);
struct unit unit_list_at(const struct unit_list *list, uint64_t number);

/* Of the networks of a unit one, number 0 .. weight_count - 1, as a unit: with its share of the cells and the cost. */
struct unit unit_of_network(const struct unit *unit, long number);

/* Cells of a UNIT_CHAINS that are neighbours in the grid; there are grid_plane_rows(sweep) such ranges, some of them
 * empty. Returns how many cells range `row` has, from *first on. A unit with all chains of its networks has all its
 * cells in range 0; of others, those of a range differ in gamma alone. */
uint64_t unit_cells_in_row(const struct sweep *sweep, const struct unit *unit, uint64_t row, uint64_t *first);

/* Predicts times for another machine from here on: the costs of all units, and what is derived from them; not their
 * numbers. */
void unit_list_set_speed(struct unit_list *list, const struct cost_speed *speed);

/* The sum of all units' costs. */
struct cost unit_list_cost(const struct unit_list *list);

/* Units that cost the same: they differ in replica and range of the chains only, and have consecutive numbers. */
struct unit_class {
    enum unit_kind kind;
    struct cell place;        /* of the first; UNIT_WEIGHT: of no activation */
    uint64_t chains_per_unit; /* UNIT_CHAINS; the last of a network may have fewer */
    uint64_t units_per_network;
    long replicas_per_unit; /* the last unit may have fewer */
    uint64_t first_unit;
    uint64_t unit_count;
    int team_size;
    struct cost unit_cost;
};

long unit_list_class_count(const struct unit_list *list);
const struct unit_class *unit_list_class(const struct unit_list *list, long number);

/* Bytes that each rank of a team needs for a unit of this class, beside what every process takes. */
double unit_list_class_bytes(const struct unit_list *list, const struct unit_class *class, int team_size);

#endif
