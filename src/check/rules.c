#include "check/rules.h"

#include "gradient/weight_result.h"

static const struct measure_rule file_rules[] = {
    [CHECK_CHECKSUM] = { .text = "checksum: results" },
    [CHECK_RUNTIME_CHECKSUM] = { .text = "checksum: team size and times", .version = 2 },
    [CHECK_WEIGHT_CHECKSUM] = { .text = "checksum: what is known of the weights",
                                .version = 2,
                                .is_for_weights = true },
    [CHECK_PROVENANCE_CHECKSUM] = { .text = "checksum: rows of provenance", .version = 2 },
    [CHECK_COORDINATES] = { .text = "coordinates are those of the sweep" },
    [CHECK_STRUCTURE] = { .text = "attributes, dimension scales and links are as written" },
    [CHECK_PRESENCE] = { .text = "values are numbers, and NaN where there can be none" },
    [CHECK_WEIGHT_PRESENCE] = { .text = "the same of W, where a cell is done", .is_for_weights = true },
    { .text = NULL },
};

/* Steps *number through a table; the rule where it ends up, NULL if the table ends before. */
static const struct measure_rule *walk(const struct measure_rule *table, size_t *number)
{
    for (; table && table->text; table++)
        if ((*number)-- == 0)
            return table;
    return NULL;
}

const struct measure_rule *check_rule_at(size_t number)
{
    const struct measure_rule *rule = walk(file_rules, &number);
    const unsigned all = (1u << MEASURES) - 1;
    for (int measure = 0; rule == NULL && measure < MEASURES; measure++) {
        const struct weight_result *weights = measure_weights(all, measure);
        rule = walk(measure_at(measure)->rules, &number);
        if (rule == NULL && weights)
            rule = walk(weights->rules, &number);
    }
    return rule;
}

size_t check_rule_count(void)
{
    size_t count = 0;
    while (check_rule_at(count))
        count++;
    return count;
}
