/* Anchors: several final times on one trajectory, N or {count: N, spacing: M}. */
#include "sweep/keys.h"
#include "sweep/schema.h"

static const struct number_range count_range = { .lowest = 1, .highest = AXIS_MAX_VALUES, .is_integer = true };
static const struct number_range spacing_range = { .lowest = 1, .highest = 0x1p40, .is_integer = true };

static enum status read_count(struct reader *reader, const struct yaml_node *node, const char *path)
{
    bool is_good = false;
    double count = 0;
    TRY(reader_number(reader, node, path, &count_range, &count, &is_good));
    reader->sweep->anchor_count = is_good ? (long)count : 0;
    reader->sweep->has_anchors = is_good && count > 1;
    return STATUS_OK;
}

static enum status read_spacing(struct reader *reader, const struct yaml_node *node, const char *path)
{
    bool is_good = false;
    double spacing = 0;
    if (yaml_is_string(node, "auto"))
        return STATUS_OK;
    TRY(reader_number(reader, node, path, &spacing_range, &spacing, &is_good));
    reader->sweep->anchor_spacing = is_good ? (long)spacing : 0;
    return STATUS_OK;
}

enum status read_anchors(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                         const char *path)
{
    static const char *const keys[] = { "count", "spacing" };
    if (node->kind == YAML_SCALAR)
        return read_count(reader, node, path);
    const long count = yaml_find(node, "count"), spacing = yaml_find(node, "spacing");
    if (node->kind != YAML_MAPPING || count < 0)
        return reader_expected(reader, node, path, rule->expected);
    TRY(keys_check(reader, node, path, 2, keys));
    TRY(read_count(reader, node->items[count], "model.anchors.count"));
    return spacing < 0 ? STATUS_OK : read_spacing(reader, node->items[spacing], "model.anchors.spacing");
}

void write_anchors(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    if (sweep->has_anchors)
        fprintf(stream, "{count: %ld, spacing: %ld}", sweep->anchor_count, sweep->anchor_spacing);
    else
        fputs("1", stream);
}

bool anchors_are_one(const struct sweep *sweep)
{
    return !sweep->has_anchors;
}

enum status anchors_settle(struct reader *reader, const struct yaml_node *node, long back)
{
    struct sweep *sweep = reader->sweep;
    if (!sweep->has_anchors)
        return STATUS_OK;
    const long longest = sweep->lags[sweep->lag_count - 1];
    if (sweep->anchor_spacing == 0)
        sweep->anchor_spacing = longest;
    const double between = (double)(sweep->anchor_count - 1) * (double)sweep->anchor_spacing;
    if (between > 0x1p40)
        return mistakes_add(reader->mistakes, &node->place,
                            "model.anchors: %ld anchors %ld steps apart lie too far from each other",
                            sweep->anchor_count, sweep->anchor_spacing);
    const long span = (long)between;
    if (sweep->model.steps == 0)
        sweep->model.steps = sweep->warmup + back + span;
    if (sweep->model.steps - span < back)
        return mistakes_add(
            reader->mistakes, &node->place,
            "model.anchors: %ld anchors %ld steps apart, with %s %ld before the first, need "
            "model.steps of %ld or more, not %ld; say auto there, or take fewer anchors, or nearer ones",
            sweep->anchor_count, sweep->anchor_spacing, back > longest ? "a measure's window of" : "lags up to", back,
            back + span, sweep->model.steps);
    TRY(arena_allocate(reader->owned, &sweep->anchors, sweep->anchor_count));
    for (long i = 0; i < sweep->anchor_count; i++)
        sweep->anchors[i] = sweep->model.steps - span + i * sweep->anchor_spacing;
    return STATUS_OK;
}
