#include "gradient/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DECLARE(name) extern const struct measure measure_##name;
MEASURE_LIST(DECLARE)
#undef DECLARE

static const struct measure *const measures[MEASURES] = {
#define POINT_TO(name) &measure_##name,
    MEASURE_LIST(POINT_TO)
#undef POINT_TO
};

const struct measure *measure_at(int number)
{
    return measures[number];
}

const struct measure *measure_find(const char *name, int *number)
{
    for (*number = 0; *number < MEASURES; ++*number)
        if (strcmp(measures[*number]->name, name) == 0)
            return measures[*number];
    return NULL;
}

unsigned measure_always(void)
{
    unsigned always = 0;
    for (int number = 0; number < MEASURES; number++)
        always |= measures[number]->is_always_measured ? 1u << number : 0;
    return always;
}

unsigned measure_needs(unsigned requested)
{
    unsigned needs = 0;
    for (int number = 0; number < MEASURES; number++)
        if (requested & 1u << number)
            needs |= measures[number]->needs;
    return needs;
}

long measure_window(unsigned requested, const struct measure_options *options)
{
    long window = 0;
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measures[number];
        if (!(requested & 1u << number) || !measure->window)
            continue;
        const long own = measure->window(options->parameters[number]);
        window = own > window ? own : window;
    }
    return window;
}

bool measure_any_needs(unsigned requested, unsigned needs)
{
    return measure_needs(requested) & needs;
}

/* ---- datasets ---- */

const struct weight_result *measure_weights(unsigned requested, int measure)
{
    const struct weight_result *weights = requested & 1u << measure ? measures[measure]->weights : NULL;
    for (int number = 0; weights && number < measure; number++)
        if (requested & 1u << number && measures[number]->weights == weights)
            return NULL;
    return weights;
}

enum { MOST_DATASETS = 96 };

/* The datasets of a set of measures, in their order. */
struct listing {
    unsigned requested;
    size_t count;
    size_t firsts[MEASURES + 1]; /* of each measure; the last: their count */
    int owners[MOST_DATASETS];
    const struct dataset_rule *rules[MOST_DATASETS];
};

static void list_rules(const struct dataset_rule *rules, size_t count, int owner, struct listing *listing)
{
    for (size_t i = 0; i < count && listing->count < MOST_DATASETS; i++, listing->count++) {
        listing->rules[listing->count] = &rules[i];
        listing->owners[listing->count] = owner;
    }
}

static void list_datasets(unsigned requested, struct listing *listing)
{
    *listing = (struct listing){ .requested = requested };
    for (int measure = 0; measure < MEASURES; measure++) {
        listing->firsts[measure] = listing->count;
        if (!(requested & 1u << measure))
            continue;
        const struct weight_result *weights = measure_weights(requested, measure);
        list_rules(measures[measure]->datasets, measures[measure]->dataset_count, measure, listing);
        if (weights)
            list_rules(weights->datasets, weights->dataset_count, measure, listing);
    }
    listing->firsts[MEASURES] = listing->count;
}

/* The one that was asked for last is asked for again, some times for each cell. */
static const struct listing *listing_of(unsigned requested)
{
    static _Thread_local struct listing last;
    if (last.requested != requested)
        list_datasets(requested, &last);
    return &last;
}

size_t measure_first_dataset(unsigned requested, int measure)
{
    return listing_of(requested)->firsts[measure];
}

size_t measure_dataset_count(unsigned requested)
{
    return listing_of(requested)->count;
}

int measure_of_dataset(unsigned requested, size_t number)
{
    const struct listing *listing = listing_of(requested);
    return number < listing->count ? listing->owners[number] : MEASURES;
}

const struct dataset_rule *measure_dataset_at(unsigned requested, size_t number)
{
    const struct listing *listing = listing_of(requested);
    return number < listing->count ? listing->rules[number] : NULL;
}

unsigned measure_all_of_dataset(unsigned requested, size_t number)
{
    const struct dataset_rule *rule = measure_dataset_at(requested, number);
    const int owner = measure_of_dataset(requested, number);
    unsigned all = 0;
    for (int other = 0; rule && other < MEASURES; other++)
        if (other == owner || (rule->owner == OF_WEIGHT && requested & 1u << other &&
                               measures[other]->weights == measures[owner]->weights))
            all |= 1u << other;
    return all;
}

bool measure_dataset_find(unsigned requested, const char *name, size_t *number)
{
    const struct dataset_rule *rule;
    for (*number = 0; (rule = measure_dataset_at(requested, *number)); ++*number)
        if (strcmp(rule->name, name) == 0)
            return true;
    return false;
}

bool dataset_is_along(const struct dataset_rule *rule, enum dataset_dimension dimension)
{
    for (int i = 0; i < DATASET_MAX_ALONG; i++)
        if (rule->along[i] == dimension)
            return true;
    return false;
}

uint64_t measure_value_count(const struct dataset_rule *rule, long lag_count, const struct measure_options *options)
{
    uint64_t count = 1;
    for (int i = 0; i < DATASET_MAX_ALONG && rule->along[i]; i++)
        count *= (uint64_t)(rule->along[i] == ALONG_LAG ? lag_count : options->lengths[rule->along[i]]);
    return count;
}

uint64_t measure_values_per_cell(const struct dataset_rule *rule, long lag_count, const struct measure_options *options)
{
    return rule->owner == OF_CELL ? measure_value_count(rule, lag_count, options) : 0;
}

size_t measure_value_size(const struct dataset_rule *rule)
{
    static const size_t sizes[] = {
        [TYPE_FLOAT64] = sizeof(double), [TYPE_UINT8] = sizeof(uint8_t), [TYPE_INT32] = sizeof(int32_t)
    };
    return sizes[rule->type];
}

void measure_fill_pending(const struct dataset_rule *rule, void *values, size_t first, size_t count)
{
    switch (rule->type) {
    case TYPE_FLOAT64:
        for (size_t i = first; i < first + count; i++)
            ((double *)values)[i] = NAN;
        return;
    case TYPE_UINT8:
        memset((uint8_t *)values + first, UINT8_MAX, count);
        return;
    case TYPE_INT32:
        for (size_t i = first; i < first + count; i++)
            ((int32_t *)values)[i] = -1;
    }
}

bool measure_is_pending(const struct dataset_rule *rule, const void *values, size_t place)
{
    switch (rule->type) {
    case TYPE_FLOAT64:
        return isnan(((const double *)values)[place]);
    case TYPE_UINT8:
        return ((const uint8_t *)values)[place] == UINT8_MAX;
    case TYPE_INT32:
        break;
    }
    return ((const int32_t *)values)[place] == -1;
}

/* ---- lags ---- */

static int compare_lags(const void *left, const void *right)
{
    const long a = *(const long *)left, b = *(const long *)right;
    return a < b ? -1 : a > b;
}

long measure_find_lag(const long *lags, long count, long lag)
{
    const long *found = bsearch(&lag, lags, (size_t)count, sizeof *lags, compare_lags);
    return found ? found - lags : -1;
}
