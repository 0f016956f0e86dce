/* What the costs of chains, what is expected of them (chain_course.c) and their memory (chain_memory.c) have in common.
 * Private to these. Not collective. */
#ifndef GRADSWEEP_GRADIENT_CHAIN_COST_INTERNAL_H
#define GRADSWEEP_GRADIENT_CHAIN_COST_INTERNAL_H

#include "gradient/chain_cost.h"

#define CHAIN_PRODUCT_COLUMNS 128.0 /* of products side by side */

/* The model that ends at the mean of the anchors: what is proportional to T costs on average what it costs there. */
struct model chain_model(const struct chain_question *question);

/* Whether inputs or a bias keep states from vanishing. */
bool chain_is_driven(const struct chain_question *question);

/* phi(c x) = c phi(x) for c > 0. */
bool chain_is_of_straight_lines(const struct activation *activation);

/* Equal steps at the end of a chain whose states vanish; 0: they do not. */
double chain_run(const struct chain_question *question, bool native, double coupling);

/* Products with a vector that J_lag takes where its last `run` steps are equal. */
double chain_factors(const struct chain_question *question, long lag, long run);

/* Of the largest power that so many equal steps are made of; 0: steps alone. */
int chain_squarings(const struct chain_question *question, long run);

/* Whether whole products may go without what has become negligible, and how many chains have theirs side by side, of so
 * many. */
bool chain_may_truncate(const struct chain_question *question);
double chain_truncated_width(const struct chain_question *question, double chains);

#endif
