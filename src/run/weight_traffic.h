/* Radius and norm of a unit's WEIGHTs, from the file and to it, many at once: to a small network a call of the system
 * is as much as all of its spectrum. Private to run/. Not collective. */
#ifndef GRADSWEEP_RUN_WEIGHT_TRAFFIC_H
#define GRADSWEEP_RUN_WEIGHT_TRAFFIC_H

#include "base/phases.h"
#include "run/unit.h"
#include "store/store.h"

enum { WEIGHTS_AT_ONCE = 64 };

/* Some neighbouring WEIGHTs. */
struct some_weights {
    uint64_t first, count;
    struct weight_facts facts[WEIGHTS_AT_ONCE];
    bool are_damaged[WEIGHTS_AT_ONCE]; /* in the file */
};

struct weight_traffic {
    struct store *store;
    struct phases *phases;
    uint64_t end;                /* the WEIGHT after the present unit's last */
    struct some_weights read;    /* as the file had them */
    struct some_weights waiting; /* to be written */
};

/* A unit begins, and nothing is known of the file. What waits of another is dropped. */
void weight_traffic_begin(struct weight_traffic *traffic, const struct unit *unit);

/* What the file has of one of the unit's WEIGHTs, as store_read_weights says, perhaps read with another before it.
 * Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status weight_traffic_read(struct weight_traffic *traffic, uint64_t weight, struct weight_facts *facts,
                                        bool *is_damaged);

/* Writes facts without eigenvalues, now or with others, at the latest by weight_traffic_flush. Errors: as above, of
 * this WEIGHT or of those before it. */
CHECKED enum status weight_traffic_write(struct weight_traffic *traffic, uint64_t weight,
                                         const struct weight_facts *facts);
CHECKED enum status weight_traffic_flush(struct weight_traffic *traffic);

#endif
