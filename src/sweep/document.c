#include "sweep/document.h"

#include "gradient/measure.h"
#include "sweep/absences.h"
#include "sweep/axes.h"
#include "sweep/keys.h"
#include "sweep/network_files.h"
#include "sweep/path_patterns.h"
#include "sweep/schema.h"

#include <math.h>
#include <string.h>

enum { MAX_NAMES = 16 };

#define MAX_RESULTS 0x1p53 /* numbers of cells stay exact in double precision, and all sizes in bytes 64-bit */
#define MAX_KINDS   1e8    /* costs are found for each kind of network, with a look at every lag: seconds */

static const struct yaml_node *entry_of(const struct yaml_node *mapping, const char *name)
{
    long entry = yaml_find(mapping, name);
    return entry < 0 ? NULL : mapping->items[entry];
}

/* The node of a rule's value; NULL where the file leaves it out. */
static const struct yaml_node *find_node(const struct yaml_node *root, const struct key_rule *rule)
{
    return entry_of(rule->section[0] == '\0' ? root : entry_of(root, rule->section), rule->name);
}

static size_t list_names(const char *section, const char *names[MAX_NAMES])
{
    size_t count = 0;
    const struct key_rule *rule;
    for (size_t number = 0; (rule = schema_rule(number)) != NULL; number++)
        if (strcmp(rule->section, section) == 0 && count < MAX_NAMES)
            names[count++] = rule->name;
    for (size_t number = 0; section[0] == '\0' && schema_section(number) != NULL && count < MAX_NAMES; number++)
        names[count++] = schema_section(number);
    return count;
}

static enum status check_keys(struct reader *reader, const struct yaml_node *mapping, const char *section)
{
    const char *names[MAX_NAMES];
    return keys_check(reader, mapping, section, list_names(section, names), names);
}

static enum status check_sections(struct reader *reader, const struct yaml_node *root)
{
    TRY(check_keys(reader, root, ""));
    const char *section;
    for (size_t number = 0; (section = schema_section(number)) != NULL; number++) {
        const struct yaml_node *node = entry_of(root, section);
        if (node == NULL || yaml_is_null(node)) /* all its keys commented out: its defaults */
            continue;
        if (node->kind == YAML_MAPPING)
            TRY(check_keys(reader, node, section));
        else
            TRY(reader_expected(reader, node, section, "a mapping of keys"));
    }
    return STATUS_OK;
}

static enum status read_default(struct reader *reader, const struct key_rule *rule, const char *path)
{
    struct source *source = NULL;
    struct yaml_node *node = NULL;
    TRY(arena_allocate(reader->scratch, &source, 1));
    *source = (struct source){ .name = "default", .text = rule->default_text, .length = strlen(rule->default_text) };
    TRY(yaml_parse(reader->scratch, source, reader->mistakes, &node));
    return rule->read(reader, rule, node, path);
}

static enum status read_rule(struct reader *reader, const struct key_rule *rule, const struct yaml_node *root)
{
    char path[SCHEMA_PATH];
    schema_path(rule, path);
    const struct yaml_node *node = find_node(root, rule);
    if (node != NULL)
        return rule->read(reader, rule, node, path);
    if (rule->default_text != NULL)
        return read_default(reader, rule, path);
    /* The section's own key is the place to look at; a section that is no mapping was noted already. */
    long entry = yaml_find(root, rule->section);
    bool is_readable = entry < 0 || root->items[entry]->kind == YAML_MAPPING || yaml_is_null(root->items[entry]);
    const struct place *place = entry < 0 ? &root->place : &root->keys[entry]->place;
    return is_readable ? mistakes_add(reader->mistakes, place, "%s is missing: %s", path, rule->help) : STATUS_OK;
}

/* Steps: auto is the warm-up and the largest lag, or what a measure looks back over; a number must hold the largest
 * lag, and measures say what else (measures_settle). */
static enum status settle_steps(struct reader *reader, const struct yaml_node *root)
{
    struct sweep *sweep = reader->sweep;
    if (sweep->lag_count == 0)
        return STATUS_OK;
    const long longest = sweep->lags[sweep->lag_count - 1];
    const long window = measures_window(sweep), back = window > longest ? window : longest;
    TRY(anchors_settle(reader, find_node(root, schema_find("model", "anchors")), back));
    if (sweep->model.steps == 0)
        sweep->model.steps = sweep->warmup + back;
    if (sweep->model.steps >= longest)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &find_node(root, schema_find("model", "steps"))->place,
                        "model.steps: %ld is below the largest lag, %ld; say auto, or a larger number",
                        sweep->model.steps, longest);
}

/* A spectral radius that is certainly zero cannot be rescaled to another. */
static enum status refuse_zero_radii(struct reader *reader, const struct yaml_node *root)
{
    const struct sweep *sweep = reader->sweep;
    const struct yaml_node *node = find_node(root, schema_find("weights", "ensemble"));
    if (sweep->native || sweep->spectral_radius_count == 0 || node == NULL)
        return STATUS_OK;
    for (long i = 0; i < sweep->ensemble_count; i++)
        for (long j = 0; j < sweep->hidden_size_count; j++) {
            if (!ensemble_radius_is_zero(&sweep->ensembles[i], sweep->hidden_sizes[j]))
                continue;
            const struct yaml_node *item = node->kind == YAML_SEQUENCE ? node->items[i] : node;
            TRY(mistakes_add(reader->mistakes, &item->place,
                             "weights.ensemble: the spectral radius of \"%s\" is 0 for hidden_size %ld and cannot be "
                             "rescaled; use spectral_radius: native",
                             sweep->ensembles[i].label, sweep->hidden_sizes[j]));
            break;
        }
    return STATUS_OK;
}

/* Proofs are made on one rank alone. */
static enum status refuse_certified_teams(struct reader *reader, const struct yaml_node *root)
{
    const struct sweep *sweep = reader->sweep;
    const struct yaml_node *node = find_node(root, schema_find("numerics", "certify"));
    long largest = sweep->hidden_size_count > 0 ? sweep->hidden_sizes[sweep->hidden_size_count - 1] : 0;
    if (!sweep->options.certify || node == NULL || largest < sweep->distribute_from)
        return STATUS_OK;
    return mistakes_add(reader->mistakes, &node->place,
                        "numerics.certify: verdicts are proven on one rank alone, but hidden_size %ld reaches "
                        "numerics.distribute_from, %ld; raise that to %ld or more, or leave certify out",
                        largest, sweep->distribute_from, largest + 1);
}

/* Results that one cell has at most; doubles, as below. */
static double results_of_a_cell(const struct sweep *sweep)
{
    const struct dataset_rule *rule;
    double results = 0;
    for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)) != NULL; number++)
        results += (double)sweep->options.lengths[rule->along[0]] * (double)sweep->options.lengths[rule->along[1]];
    return results;
}

static enum status refuse_huge_grid(struct reader *reader, const struct yaml_node *root)
{
    const struct sweep *sweep = reader->sweep;
    if (sweep->hidden_size_count == 0)
        return STATUS_OK;
    const struct place *place = &root->keys[yaml_find(root, "grid")]->place;
    /* Doubles: no product of these overflows, and it is exact as far as it is allowed. */
    double cells = 1;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        cells *= (double)axes_length(sweep, axis);
    double results = cells * results_of_a_cell(sweep);
    double kinds = (double)sweep->activation_count * (double)sweep->ensemble_count * (double)sweep->hidden_size_count *
                   (double)sweep->lag_count;
    if (results >= MAX_RESULTS)
        TRY(mistakes_add(reader->mistakes, place,
                         "the grid has %.3g cells with %.3g results each; at most 2^53 results can be numbered, so "
                         "split the sweep",
                         cells, results_of_a_cell(sweep)));
    if (kinds > MAX_KINDS)
        TRY(mistakes_add(reader->mistakes, place,
                         "the grid has %.3g combinations of activation, ensemble, hidden_size and lag; at most %g can "
                         "be planned, so split the sweep",
                         kinds, MAX_KINDS));
    return STATUS_OK;
}

/* In the tree itself, so that whatever looks at the node of an ensemble finds it at the ensemble's place. */
static enum status expand_patterns(struct reader *reader, const struct yaml_node *root)
{
    const struct yaml_node *section = entry_of(root, "weights");
    const long entry = section == NULL ? -1 : yaml_find(section, "ensemble");
    return entry < 0 ? STATUS_OK : path_patterns_expand(reader, &section->items[entry]);
}

enum status document_read(struct reader *reader, const struct source *source, const struct yaml_node *root)
{
    struct place start = { .source = source, .offset = 0, .width = 1 };
    if (root == NULL || yaml_is_null(root))
        return mistakes_add(reader->mistakes, &start, "the file is empty; a sweep needs at least the section grid");
    if (root->kind != YAML_MAPPING)
        return mistakes_add(reader->mistakes, &root->place,
                            "expected keys with values, such as \"grid:\"; this is no sweep file");
    TRY(check_sections(reader, root));
    TRY(expand_patterns(reader, root));
    const struct key_rule *rule;
    for (size_t number = 0; (rule = schema_rule(number)) != NULL; number++)
        TRY(read_rule(reader, rule, root));
    if (reader->sweep->distribute_from == 0)
        reader->sweep->distribute_from = DISTRIBUTE_FROM_AUTO;
    TRY(settle_steps(reader, root));
    TRY(refuse_zero_radii(reader, root));
    const struct yaml_node *measures = find_node(root, schema_find("", "measure"));
    TRY(measures_settle(reader, measures));
    const struct network_files_nodes nodes = { .ensembles = find_node(root, schema_find("weights", "ensemble")),
                                               .input = find_node(root, schema_find("model", "input")),
                                               .replicas = find_node(root, schema_find("weights", "replicas")) };
    TRY(network_files_check(reader, &nodes));
    TRY(absences_check(reader, measures));
    TRY(refuse_certified_teams(reader, root));
    return refuse_huge_grid(reader, root);
}
