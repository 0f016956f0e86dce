#include "run/unit.h"

#include "base/memory.h"
#include "gradient/chain_cost.h"
#include "gradient/weight_result.h"
#include "linalg/lanes.h"
#include "model/weights_cost.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>

/* A unit aims at so many seconds on its team. */
static const double UNIT_SECONDS = 0.25;
/* Whoever takes a unit draws W, unless it had one of the same network before, and finds the norms of chains that are
 * alike: no more than this share of a unit. */
static const double REPEATED_SHARE = 0.2;
/* But a unit is not made longer than that for the sake of such norms: many ranks wait for the last one. */
static const double LONGEST_SHARING = 8.0;
/* Chains come in multiples of the kernel's tile, so that no column is padding. Whole products fill the kernel with one
 * chain, and only their trajectory suffers from fewer: worth it for a finer cut where so many seconds go by. */
enum { TILE_COLUMNS = 8 };
static const double EXPLICIT_SECONDS = 2.0;
/* Results of one unit that wait in memory to be written, at most. */
static const double RESULT_BYTES = 64e6;
/* Networks go to a unit together up to so many seconds, of which what a unit costs by itself is a percent; short enough
 * for the finest cut that a schedule can make use of. */
static const double GROUP_SECONDS = 0.01;
enum { MOST_NETWORKS = 64 };

/* What a unit takes beside its computation: memory, and a write into each dataset. */
static const double WRITE_SECONDS = 6e-5, WRITE_RATE = 1e9;

/* From which hidden size on how many ranks had best hold W together: d^2 / ranks stays the same, 32 MB of W a rank, and
 * so does the time of a unit of 8 chains, for both grow with d^2. */
static const struct team_rule {
    long hidden_size;
    int ranks;
} team_rules[] = { { 0, 4 }, { 8192, 16 }, { 16384, 64 }, { 32768, 256 } };
enum { TEAM_RULES = sizeof team_rules / sizeof *team_rules };

struct unit_list {
    const struct sweep *sweep;
    struct unit_class *classes;
    long class_count;
    uint64_t unit_count;
};

static int wished_team_size(const struct sweep *sweep, long hidden_size)
{
    int ranks = 1;
    for (int i = 0; i < TEAM_RULES && hidden_size >= sweep->distribute_from; i++)
        if (hidden_size >= team_rules[i].hidden_size)
            ranks = team_rules[i].ranks;
    return ranks;
}

static long anchor_span(const struct sweep *sweep)
{
    const long last = axes_length(sweep, AXIS_ANCHOR) - 1;
    return (long)(axes_value(sweep, AXIS_ANCHOR, last).integer - axes_value(sweep, AXIS_ANCHOR, 0).integer);
}

static struct chain_question question_of(const struct sweep *sweep, const struct unit_class *class)
{
    return (struct chain_question){ .ensemble = grid_ensemble(sweep, &class->place),
                                    .activation = grid_activation(sweep, &class->place),
                                    .model = &sweep->model,
                                    .hidden_size = grid_hidden_size(sweep, &class->place),
                                    .lags = sweep->lags,
                                    .lag_count = sweep->lag_count,
                                    .measures = sweep->measures,
                                    .options = &sweep->options,
                                    .anchors = axes_length(sweep, AXIS_ANCHOR),
                                    .anchor_span = anchor_span(sweep) };
}

/* Bytes of one cell's results. */
static double cell_bytes(const struct sweep *sweep)
{
    double bytes = 0.0;
    for (size_t i = 0; i < measure_dataset_count(sweep->measures); i++) {
        const struct dataset_rule *rule = measure_dataset_at(sweep->measures, i);
        bytes += (double)store_bytes_per_cell(sweep, rule);
    }
    return bytes;
}

/* Handing a unit's results to the file: cells that are neighbours at once. */
static struct cost cost_of_writing(const struct sweep *sweep, double cells)
{
    double seconds = WRITE_SECONDS + cells * cell_bytes(sweep) / WRITE_RATE;
    return (struct cost){ .seconds = seconds, .replicated = seconds };
}

/* The fewest chains that a unit is cut into: a tile of columns, or fewer where one chain takes long and is wide enough
 * by itself. */
static double fewest_chains(const struct chain_question *question, double chain_seconds)
{
    if (question->activation->is_identity || chain_method(question) != METHOD_EXPLICIT)
        return TILE_COLUMNS;
    return fmax(1.0, fmin(TILE_COLUMNS, ceil(EXPLICIT_SECONDS / chain_seconds)));
}

/* How many replicas of so many seconds each go to a unit: as equal shares of them all as can be. */
static long group_replicas(const struct sweep *sweep, double seconds, double most)
{
    const double fit = fmax(1.0, fmin(fmin(floor(GROUP_SECONDS / seconds), MOST_NETWORKS), floor(most)));
    const double groups = ceil((double)sweep->replicas / fit);
    return (long)ceil((double)sweep->replicas / groups);
}

/* Of `all` chains as many to a unit as make the units alike, about `chains`: a unit of one that is left over draws W
 * for it alone. */
static double equal_share(double all, double chains, double most)
{
    const double units = fmax(1.0, round(all / chains)), share = ceil(all / units);
    return share <= most ? share : ceil(all / ceil(all / most));
}

/* Norms of products with derivatives ask for the rank of W, powers of W alone hardly ever (gradient/exact_chain.c). */
static bool needs_rank(const struct chain_question *question)
{
    return chain_method(question) != METHOD_CLOSED_FORM &&
           (!question->activation->is_identity ||
            measure_any_needs(question->measures, NEEDS_ONE_RANK | NEEDS_IDENTITY_ON_ONE_RANK));
}

/* What a network takes on a rank beside its arithmetic: memory, and the search for chains that are alike; and of its
 * d^2 elements. */
static const double NETWORK_SECONDS = 1.6e-5, NETWORK_ELEMENT = 9e-8;

static struct cost cost_of_network(long hidden_size)
{
    const double d = fmin((double)hidden_size, LANES_LARGEST_DIMENSION);
    return (struct cost){ .seconds = NETWORK_SECONDS + d * d * NETWORK_ELEMENT };
}

/* How the chains of a network are cut: into units of about UNIT_SECONDS, or more where what each repeats takes long.
 * The norms of identity cost one chain for any number of them. */
static void cut_chains(const struct sweep *sweep, struct unit_class *class)
{
    struct chain_question question = question_of(sweep, class);
    question.unlike = chain_cost_unlike(&question, sweep->native, sweep->couplings.count, sweep->couplings.distinct);
    question.moving = chain_cost_moving(&question, sweep->native, sweep->couplings.count, sweep->couplings.distinct);
    question.cutting = chain_cost_cutting(&question, sweep->couplings.count, sweep->couplings.distinct);
    struct cost chain = chain_cost(&question);
    struct cost measures = chain_cost_measures(&question);
    struct cost weights = weights_cost_draw(question.ensemble, question.hidden_size);
    const struct cost repeated = cost_add(
        weights, chain_cost_shared(&question, sweep->native, sweep->couplings.count, sweep->couplings.distinct));
    const double drawing_seconds = cost_seconds(&weights, class->team_size) / REPEATED_SHARE,
                 sharing_seconds = cost_seconds(&repeated, class->team_size) / REPEATED_SHARE;
    bool shares_chain = question.activation->is_identity;
    double all = (double)grid_chain_count(sweep), cells_per_chain = (double)grid_plane_size(sweep) / all;
    double ends = (double)question.anchors; /* of a chain, each with results before they are those of cells */
    double most = fmax(TILE_COLUMNS, floor(RESULT_BYTES / (cell_bytes(sweep) * (cells_per_chain + ends))));
    double chain_seconds = cost_seconds(&measures, class->team_size);
    chain_seconds += shares_chain ? 0.0 : cost_seconds(&chain, class->team_size);
    double unit_seconds = fmax(fmax(UNIT_SECONDS, drawing_seconds), fmin(sharing_seconds, LONGEST_SHARING));
    double wished = unit_seconds / chain_seconds; /* infinite where all chains come from the one */
    double chains = fmax(fewest_chains(&question, chain_seconds), floor(wished / TILE_COLUMNS) * TILE_COLUMNS);
    chains = equal_share(all, fmin(fmin(chains, most), all), fmin(most, all));
    question.side_by_side = (long)fmin(chains, (double)chain_cost_side_by_side(&question));
    question.unlike = chain_cost_unlike(&question, sweep->native, sweep->couplings.count, sweep->couplings.distinct);
    chain = chain_cost(&question);
    measures = chain_cost_measures(&question);
    class->chains_per_unit = (uint64_t)chains;
    class->units_per_network = (grid_chain_count(sweep) + class->chains_per_unit - 1) / class->chains_per_unit;
    class->unit_cost = cost_add(cost_times(chain, shares_chain ? 1.0 : chains), cost_times(measures, chains));
    class->unit_cost = cost_add(class->unit_cost, cost_add(weights, cost_of_network(question.hidden_size)));
    if (class->team_size == 1 && needs_rank(&question))
        class->unit_cost = cost_add(class->unit_cost, weights_cost_rank(question.ensemble, question.hidden_size));
    class->replicas_per_unit = 1;
    if (class->units_per_network == 1 && class->team_size == 1)
        class->replicas_per_unit = group_replicas(sweep, cost_seconds(&class->unit_cost, 1), most / all);
    const double networks = (double)class->replicas_per_unit;
    class->unit_cost =
        cost_add(cost_times(class->unit_cost, networks), cost_of_writing(sweep, networks * chains * cells_per_chain));
}

static void fill_weight_class(const struct sweep *sweep, struct unit_class *class)
{
    const struct ensemble *ensemble = grid_ensemble(sweep, &class->place);
    long hidden_size = grid_hidden_size(sweep, &class->place);
    const bool is_shared = ensemble->kind->is_file; /* all replicas have one W */
    class->units_per_network = 1;
    class->replicas_per_unit = is_shared ? sweep->replicas : 1;
    class->unit_cost = weights_cost_spectrum(ensemble, hidden_size, sweep->distribute_from);
    if (weight_result_needs_eigenvalues(sweep->measures) && hidden_size < sweep->distribute_from)
        class->unit_cost = cost_add(class->unit_cost, weights_cost_eigenvalues(hidden_size));
    if (!is_shared && class->team_size == 1) {
        class->replicas_per_unit = group_replicas(sweep, cost_seconds(&class->unit_cost, 1), MOST_NETWORKS);
        class->unit_cost = cost_times(class->unit_cost, (double)class->replicas_per_unit);
    }
    class->unit_cost = cost_add(class->unit_cost, cost_of_writing(sweep, 0.0));
}

/* Weight units before chain units, dearest first, ties in the order of the axes: one order everywhere. */
static int compare_classes(const void *left, const void *right)
{
    const struct unit_class *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    double seconds_a = cost_seconds(&a->unit_cost, a->team_size), seconds_b = cost_seconds(&b->unit_cost, b->team_size);
    if (seconds_a != seconds_b)
        return seconds_a > seconds_b ? -1 : 1;
    for (int axis = 0; axis < CELL_AXES; axis++)
        if (a->place.at[axis] != b->place.at[axis])
            return a->place.at[axis] < b->place.at[axis] ? -1 : 1;
    return 0;
}

static void add_classes(const struct sweep *sweep, struct unit_list *list)
{
    for (long ensemble = 0; ensemble < sweep->ensemble_count; ensemble++)
        for (long size = 0; size < sweep->hidden_size_count; size++) {
            int team_size = wished_team_size(sweep, sweep->hidden_sizes[size]);
            struct cell place = { .at = { [AXIS_ENSEMBLE] = ensemble, [AXIS_HIDDEN_SIZE] = size } };
            struct unit_class weight = { .kind = UNIT_WEIGHT, .place = place, .team_size = team_size };
            fill_weight_class(sweep, &weight);
            if (sweep->ensembles[ensemble].kind->spectrum != SPECTRUM_NONE)
                list->classes[list->class_count++] = weight;
            for (long activation = 0; activation < sweep->activation_count; activation++) {
                place.at[AXIS_ACTIVATION] = activation;
                struct unit_class chains = { .kind = UNIT_CHAINS, .place = place, .team_size = team_size };
                cut_chains(sweep, &chains);
                list->classes[list->class_count++] = chains;
            }
        }
}

enum status unit_list_open(const struct sweep *sweep, struct unit_list **opened)
{
    SCOPED(unit_list) *list = NULL;
    *opened = NULL;
    TRY(memory_allocate(&list, 1, "the list of units"));
    long most = sweep->ensemble_count * sweep->hidden_size_count * (sweep->activation_count + 1);
    TRY(memory_allocate(&list->classes, most, "classes of units"));
    list->sweep = sweep;
    add_classes(sweep, list);
    qsort(list->classes, (size_t)list->class_count, sizeof *list->classes, compare_classes);
    for (long i = 0; i < list->class_count; i++) {
        struct unit_class *class = &list->classes[i];
        class->first_unit = list->unit_count;
        const long groups = (sweep->replicas + class->replicas_per_unit - 1) / class->replicas_per_unit;
        class->unit_count = class->units_per_network * (uint64_t)groups;
        list->unit_count += class->unit_count;
    }
    *opened = scope_keep(&list);
    return STATUS_OK;
}

void unit_list_close(struct unit_list *list)
{
    if (list == NULL)
        return;
    memory_free(list->classes);
    memory_free(list);
}

const struct sweep *unit_list_sweep(const struct unit_list *list)
{
    return list->sweep;
}

uint64_t unit_list_count(const struct unit_list *list)
{
    return list->unit_count;
}

/* For bsearch: the number of a unit beside those of a class. */
static int compare_with_class(const void *number, const void *candidate)
{
    const uint64_t unit = *(const uint64_t *)number;
    const struct unit_class *class = candidate;
    return unit < class->first_unit ? -1 : unit - class->first_unit >= class->unit_count;
}

static const struct unit_class *class_of(const struct unit_list *list, uint64_t number)
{
    return bsearch(&number, list->classes, (size_t)list->class_count, sizeof *list->classes, compare_with_class);
}

struct unit unit_list_at(const struct unit_list *list, uint64_t number)
{
    const struct unit_class *class = class_of(list, number);
    uint64_t place = number - class->first_unit, range = place % class->units_per_network;
    struct unit unit = {
        .kind = class->kind, .place = class->place, .team_size = class->team_size, .cost = class->unit_cost
    };
    /* A network's units follow each other, so that a rank that takes several draws W once. */
    unit.place.at[AXIS_REPLICA] = (long)(place / class->units_per_network) * class->replicas_per_unit;
    const long replicas = list->sweep->replicas - unit.place.at[AXIS_REPLICA];
    unit.weight_count = replicas < class->replicas_per_unit ? replicas : class->replicas_per_unit;
    unit.weight = grid_weight_number(list->sweep, &unit.place);
    if (unit.kind == UNIT_CHAINS) {
        uint64_t first = range * class->chains_per_unit, left = grid_chain_count(list->sweep) - first;
        unit.first_chain = first;
        unit.chain_count = left < class->chains_per_unit ? left : class->chains_per_unit;
        unit.cell_count = grid_cells_of_chains(list->sweep, unit.first_chain, unit.chain_count);
        unit.cell_count *= (uint64_t)unit.weight_count;
    }
    return unit;
}

struct unit unit_of_network(const struct unit *unit, long number)
{
    struct unit one = *unit;
    one.place.at[AXIS_REPLICA] += number;
    one.weight += (uint64_t)number;
    one.weight_count = 1;
    one.cell_count = unit->cell_count / (uint64_t)unit->weight_count;
    one.cost = cost_times(unit->cost, 1.0 / (double)unit->weight_count);
    return one;
}

uint64_t unit_cells_in_row(const struct sweep *sweep, const struct unit *unit, uint64_t row, uint64_t *first)
{
    const uint64_t start = grid_cell_number(sweep, &unit->place);
    *first = start;
    if (unit->chain_count == grid_chain_count(sweep))
        return row == 0 ? unit->cell_count : 0;
    const uint64_t count = grid_row_of_chains(sweep, row, unit->first_chain, unit->chain_count, first);
    *first += start;
    return count;
}

void unit_list_set_speed(struct unit_list *list, const struct cost_speed *speed)
{
    for (long i = 0; i < list->class_count; i++)
        list->classes[i].unit_cost = cost_on(list->classes[i].unit_cost, speed);
}

struct cost unit_list_cost(const struct unit_list *list)
{
    struct cost sum = { 0 };
    for (long i = 0; i < list->class_count; i++)
        sum = cost_add(sum, cost_times(list->classes[i].unit_cost, (double)list->classes[i].unit_count));
    return sum;
}

long unit_list_class_count(const struct unit_list *list)
{
    return list->class_count;
}

const struct unit_class *unit_list_class(const struct unit_list *list, long number)
{
    return &list->classes[number];
}

double unit_list_class_bytes(const struct unit_list *list, const struct unit_class *class, int team_size)
{
    struct chain_question question = question_of(list->sweep, class);
    question.team_size = team_size;
    double spectrum =
        weights_cost_spectrum_bytes(question.ensemble, question.hidden_size, team_size, list->sweep->distribute_from);
    if (class->kind == UNIT_WEIGHT)
        return spectrum;
    double all = (double)class->chains_per_unit, chains = fmin(all, (double)chain_cost_side_by_side(&question));
    double ends = all * (double)question.anchors; /* as in cut_chains */
    double cells = all * (double)grid_plane_size(list->sweep) / (double)grid_chain_count(list->sweep);
    double results = (double)class->replicas_per_unit * (ends + cells) * cell_bytes(list->sweep);
    question.side_by_side = (long)chains;
    return fmax(spectrum, weights_cost_draw_bytes(question.ensemble, question.hidden_size, team_size) +
                              chain_cost_block_bytes(&question, chains) + results);
}
