/* Units of work: what one rank takes at a time.
 *
 * First the weight units, one a WEIGHT (spectral radius and norm of W, kept in the results file), then the chain units:
 * cells of one network and activation, a contiguous range of the (rho, gamma) plane. Dearest first. Everything here is
 * a function of the sweep alone and is found by arithmetic over classes of equal units, so that memory does not grow
 * with the grid. Not collective. */
#ifndef GRADSWEEP_RUN_UNIT_H
#define GRADSWEEP_RUN_UNIT_H

#include "gradient/cost.h"
#include "sweep/grid.h"

enum unit_kind { UNIT_WEIGHT, UNIT_CHAINS };

struct unit {
    enum unit_kind kind;
    struct cell at;      /* the unit's coordinates; of its first cell for UNIT_CHAINS */
    uint64_t weight;     /* WEIGHT number */
    uint64_t first_cell; /* UNIT_CHAINS: cells first_cell .. first_cell + cell_count - 1 */
    uint64_t cell_count;
    struct cost cost;
};

/* What the sweep tells its measures. */
struct measure_options unit_measure_options(const struct sweep *sweep);

struct unit_list;

/* Release with unit_list_close; the sweep must outlive it. Errors: STATUS_MEMORY. */
CHECKED enum status unit_list_open(const struct sweep *sweep, struct unit_list **list);
void unit_list_close(struct unit_list *list);

uint64_t unit_list_count(const struct unit_list *list);
struct unit unit_list_at(const struct unit_list *list, uint64_t number);

/* The sum of all units' costs, and the largest working memory that any unit needs on its rank (bytes). */
struct cost unit_list_cost(const struct unit_list *list);
double unit_list_peak_bytes(const struct unit_list *list);

/* The share of all predicted seconds that units 0 .. number-1 hold, 0 to 1. */
double unit_list_share(const struct unit_list *list, uint64_t number);

/* How many units to claim at once when the next is `number`: about a second of work, but never so much that the other
 * ranks could run dry at the end. */
int64_t unit_list_claim(const struct unit_list *list, uint64_t number, int ranks);

#endif
