#include "run/weight_traffic.h"

void weight_traffic_begin(struct weight_traffic *traffic, const struct unit *unit)
{
    traffic->end = unit->weight + (uint64_t)unit->weight_count;
    traffic->read.count = 0;
    traffic->waiting.count = 0;
}

/* Of the unit's WEIGHTs from one on as many as there is room for. */
static enum status read_some(struct weight_traffic *traffic, uint64_t first)
{
    SCOPED(phase_visit) visit = phases_visit(traffic->phases, PHASE_STORE);
    struct some_weights *read = &traffic->read;
    const uint64_t left = traffic->end - first, count = left < WEIGHTS_AT_ONCE ? left : WEIGHTS_AT_ONCE;
    *read = (struct some_weights){ .first = first };
    TRY(store_read_weights(traffic->store, first, count, read->facts, read->are_damaged));
    read->count = count;
    return STATUS_OK;
}

enum status weight_traffic_read(struct weight_traffic *traffic, uint64_t weight, struct weight_facts *facts,
                                bool *is_damaged)
{
    const struct some_weights *read = &traffic->read;
    if (weight < read->first || weight >= read->first + read->count)
        TRY(read_some(traffic, weight));
    *facts = read->facts[weight - read->first];
    *is_damaged = read->are_damaged[weight - read->first];
    return STATUS_OK;
}

enum status weight_traffic_flush(struct weight_traffic *traffic)
{
    SCOPED(phase_visit) visit = phases_visit(traffic->phases, PHASE_STORE);
    struct some_weights *waiting = &traffic->waiting;
    const uint64_t count = waiting->count;
    waiting->count = 0;
    return count > 0 ? store_write_weights(traffic->store, waiting->first, count, waiting->facts) : STATUS_OK;
}

enum status weight_traffic_write(struct weight_traffic *traffic, uint64_t weight, const struct weight_facts *facts)
{
    struct some_weights *waiting = &traffic->waiting;
    if (waiting->count == WEIGHTS_AT_ONCE || weight != waiting->first + waiting->count)
        TRY(weight_traffic_flush(traffic));
    if (waiting->count == 0)
        waiting->first = weight;
    waiting->facts[waiting->count++] = *facts;
    return STATUS_OK;
}
