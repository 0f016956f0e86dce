/* What the costs of chains and their memory (chain_memory.c) have in common. Private to these. Not collective. */
#ifndef GRADSWEEP_GRADIENT_CHAIN_COST_INTERNAL_H
#define GRADSWEEP_GRADIENT_CHAIN_COST_INTERNAL_H

#include "gradient/chain_cost.h"

#define CHAIN_PRODUCT_COLUMNS 128.0 /* of products side by side */

bool chain_is_driven(const struct chain_question *question);

/* Of the largest power that so many equal steps are made of; 0: steps alone. */
int chain_squarings(const struct chain_question *question, long run);

/* Whether whole products may go without what has become negligible, and how many chains have theirs side by side, of so
 * many. */
bool chain_may_truncate(const struct chain_question *question);
double chain_truncated_width(const struct chain_question *question, double chains);

#endif
