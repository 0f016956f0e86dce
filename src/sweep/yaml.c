#include "sweep/yaml.h"

#include "sweep/text.h"

#include <libfyaml.h>
#include <stdint.h>
#include <string.h>

enum {
    MAX_DEPTH = 32, /* a sweep file needs five; libfyaml sets no limit of its own here */
    MAX_ANCHORS = 1000,
    MAX_MERGE_STEPS = 10000000 /* comparisons of keys: a tenth of a second */
};

struct anchor {
    struct anchor *next;
    char *name;
    struct yaml_node *node;
    bool is_complete;
};

struct builder {
    struct arena *arena;
    const struct source *source;
    struct mistakes *mistakes;
    size_t mistakes_before; /* in other sources */
    struct fy_parser *parser;
    struct anchor *anchors;       /* the latest first: a name may be used again */
    size_t last_end;              /* where the last token ended: the place of what is not there */
    const struct yaml_node *open; /* the innermost list or mapping in brackets that has not ended */
    long merge_steps;
    int depth;
    int anchor_count;
    bool is_given_up; /* nested too deep, or too many anchors: nothing more is read */
};

enum status yaml_make_mapping(struct arena *arena, const struct place *place, struct yaml_node **mapping)
{
    TRY(arena_allocate(arena, mapping, 1));
    (*mapping)->kind = YAML_MAPPING;
    (*mapping)->place = *place;
    return STATUS_OK;
}

enum status yaml_append(struct arena *arena, struct yaml_node *parent, struct yaml_node *key, struct yaml_node *item)
{
    if (parent->count == parent->capacity) {
        long capacity = parent->capacity == 0 ? 8 : 2 * parent->capacity;
        struct yaml_node **keys = NULL, **items = NULL;
        TRY(arena_allocate(arena, &keys, capacity));
        TRY(arena_allocate(arena, &items, capacity));
        for (long i = 0; i < parent->count; i++) {
            keys[i] = parent->keys[i];
            items[i] = parent->items[i];
        }
        parent->keys = keys;
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->keys[parent->count] = key;
    parent->items[parent->count++] = item;
    return STATUS_OK;
}

enum status yaml_copy(struct arena *arena, const struct yaml_node *node, struct yaml_node **copy)
{
    TRY(arena_allocate(arena, copy, 1));
    **copy = *node;
    (*copy)->count = (*copy)->capacity = 0;
    for (long i = 0; i < node->count; i++)
        TRY(yaml_append(arena, *copy, node->keys[i], node->items[i]));
    return STATUS_OK;
}

long yaml_find(const struct yaml_node *node, const char *key)
{
    if (node == NULL || node->kind != YAML_MAPPING)
        return -1;
    for (long i = 0; i < node->count; i++)
        if (strcmp(node->keys[i]->text, key) == 0)
            return i;
    return -1;
}

bool yaml_is_string(const struct yaml_node *node, const char *text)
{
    return node->kind == YAML_SCALAR && strcmp(node->text, text) == 0;
}

bool yaml_is_word(const struct yaml_node *node, const char *word)
{
    return node->is_plain && yaml_is_string(node, word);
}

bool yaml_is_null(const struct yaml_node *node)
{
    return yaml_is_word(node, "") || yaml_is_word(node, "~") || yaml_is_word(node, "null") ||
           yaml_is_word(node, "Null") || yaml_is_word(node, "NULL");
}

/* The place of an event's first token; what was left out (the value of "key:") stands where the last token ended. */
static struct place place_of(struct builder *builder, struct fy_event *event)
{
    const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
    struct place place = { .source = builder->source, .offset = builder->last_end, .width = 1 };
    if (start != NULL && end != NULL) {
        place.offset = start->input_pos;
        place.width = end->input_pos > start->input_pos ? end->input_pos - start->input_pos : 1;
        builder->last_end = end->input_pos;
    }
    if (place.offset > builder->source->length)
        place.offset = builder->source->length;
    return place;
}

static enum status copy_token(struct builder *builder, struct fy_token *token, char **copy)
{
    size_t length = 0;
    const char *text = token != NULL ? fy_token_get_text(token, &length) : NULL;
    return arena_copy_text(builder->arena, text != NULL ? text : "", text != NULL ? length : 0, copy);
}

static const struct anchor *find_anchor(const struct builder *builder, const char *name)
{
    const struct anchor *anchor = builder->anchors;
    while (anchor != NULL && strcmp(anchor->name, name) != 0)
        anchor = anchor->next;
    return anchor;
}

static enum status add_anchor(struct builder *builder, struct fy_event *event, struct yaml_node *node,
                              struct anchor **anchor)
{
    struct fy_token *token = fy_event_get_anchor_token(event);
    char *name = NULL;
    *anchor = NULL;
    if (token == NULL)
        return STATUS_OK;
    TRY(copy_token(builder, token, &name));
    const struct anchor *earlier = find_anchor(builder, name);
    if (earlier != NULL) /* YAML would take the latest, other readers refuse it: which one is meant is not known */
        return mistakes_add(builder->mistakes, &node->place, "repeated anchor \"&%s\"; it stands on line %ld already",
                            name, place_line(&earlier->node->place));
    if (++builder->anchor_count > MAX_ANCHORS) {
        builder->is_given_up = true;
        return mistakes_add(builder->mistakes, &node->place, "more than %d anchors", MAX_ANCHORS);
    }
    TRY(arena_allocate(builder->arena, anchor, 1));
    (*anchor)->name = name;
    (*anchor)->node = node;
    (*anchor)->next = builder->anchors;
    builder->anchors = *anchor;
    return STATUS_OK;
}

static enum status resolve_alias(struct builder *builder, struct fy_event *event, struct yaml_node **node)
{
    struct place place = place_of(builder, event);
    char *name = NULL;
    TRY(copy_token(builder, event->alias.anchor, &name));
    const struct anchor *anchor = find_anchor(builder, name);
    if (anchor != NULL) {
        *node = anchor->node;
        return anchor->is_complete ? STATUS_OK
                                   : mistakes_add(builder->mistakes, &place, "\"*%s\" stands inside itself", name);
    }
    TRY(mistakes_add(builder->mistakes, &place, "no anchor \"&%s\" stands above", name));
    TRY(arena_allocate(builder->arena, node, 1));
    (*node)->place = place;
    return arena_copy_text(builder->arena, "", 0, &(*node)->text);
}

static enum status read_scalar(struct builder *builder, struct fy_event *event, struct yaml_node *node)
{
    struct fy_token *token = event->scalar.value;
    node->kind = YAML_SCALAR;
    node->is_plain = token == NULL || fy_token_scalar_style(token) == FYSS_PLAIN;
    if (token != NULL &&
        (fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED || fy_token_scalar_style(token) == FYSS_DOUBLE_QUOTED)) {
        node->place.offset--; /* libfyaml's marks leave out the quotes */
        node->place.width += 2;
    }
    TRY(copy_token(builder, token, &node->text));
    size_t length = 0, valid = 0;
    const char *text = token != NULL ? fy_token_get_text(token, &length) : NULL;
    if (text != NULL && !text_is_utf8(text, length, &valid))
        return mistakes_add(builder->mistakes, &node->place, "the text holds an escape that is no character");
    return STATUS_OK;
}

static enum status build(struct builder *builder, struct fy_event *event, struct yaml_node **node);

/* The next event's node; *node is NULL where the collection (or, after a mistake, the text) ends. */
static enum status build_next(struct builder *builder, struct yaml_node **node)
{
    *node = NULL;
    /* Mistakes beyond those that are told are not looked for: they may be millions. */
    builder->is_given_up = builder->is_given_up || builder->mistakes->count >= MISTAKES_KEPT;
    struct fy_event *event = builder->is_given_up ? NULL : fy_parser_parse(builder->parser);
    if (event == NULL)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (event->type == FYET_SEQUENCE_END || event->type == FYET_MAPPING_END)
        builder->last_end = place_of(builder, event).offset + 1;
    else
        status = build(builder, event, node);
    fy_parser_event_free(builder->parser, event);
    return status;
}

static enum status read_sequence(struct builder *builder, struct yaml_node *node)
{
    node->kind = YAML_SEQUENCE;
    for (;;) {
        struct yaml_node *item = NULL;
        TRY(build_next(builder, &item));
        if (item == NULL)
            return STATUS_OK;
        TRY(yaml_append(builder->arena, node, NULL, item));
    }
}

/* Appends the entries of `base` whose keys are not there yet. */
static enum status merge_mapping(struct builder *builder, const struct yaml_node *base, struct yaml_node *node)
{
    if (base->kind != YAML_MAPPING)
        return mistakes_add(builder->mistakes, &base->place,
                            "\"<<\" merges a mapping or a list of mappings, usually behind an alias: \"<<: *name\"");
    for (long i = 0; i < base->count && !builder->is_given_up; i++) {
        builder->merge_steps += node->count + 1;
        builder->is_given_up = builder->merge_steps > MAX_MERGE_STEPS;
        if (yaml_find(node, base->keys[i]->text) < 0)
            TRY(yaml_append(builder->arena, node, base->keys[i], base->items[i]));
    }
    return builder->is_given_up ? mistakes_add(builder->mistakes, &node->place, "\"<<\" merges too many entries")
                                : STATUS_OK;
}

/* Merge keys (yaml.org/type/merge): "<<" brings the entries of another mapping, or of several. Keys of the mapping's
 * own win, wherever they stand, then those of the mapping named first. */
static enum status merge_entries(struct builder *builder, struct yaml_node *node)
{
    struct yaml_node *bases = NULL;
    long kept = 0;
    for (long i = 0; i < node->count; i++)
        if (bases == NULL && yaml_is_word(node->keys[i], "<<")) { /* a second one is a repeated key */
            bases = node->items[i];
        } else {
            node->keys[kept] = node->keys[i];
            node->items[kept++] = node->items[i];
        }
    node->count = kept;
    if (bases == NULL)
        return STATUS_OK;
    if (bases->kind != YAML_SEQUENCE)
        return merge_mapping(builder, bases, node);
    for (long i = 0; i < bases->count && !builder->is_given_up; i++)
        TRY(merge_mapping(builder, bases->items[i], node));
    return STATUS_OK;
}

static enum status read_mapping(struct builder *builder, struct yaml_node *node)
{
    node->kind = YAML_MAPPING;
    for (;;) {
        struct yaml_node *key = NULL, *item = NULL;
        TRY(build_next(builder, &key));
        if (key != NULL)
            TRY(build_next(builder, &item));
        if (key == NULL || item == NULL)
            return merge_entries(builder, node);
        if (key->kind == YAML_SCALAR)
            TRY(yaml_append(builder->arena, node, key, item));
        else
            TRY(mistakes_add(builder->mistakes, &key->place, "a key must be a name"));
    }
}

static enum status build(struct builder *builder, struct fy_event *event, struct yaml_node **node)
{
    if (event->type == FYET_ALIAS)
        return resolve_alias(builder, event, node);
    struct anchor *anchor = NULL;
    TRY(arena_allocate(builder->arena, node, 1));
    (*node)->place = place_of(builder, event);
    TRY(add_anchor(builder, event, *node, &anchor));
    if (fy_event_get_tag_token(event) != NULL)
        TRY(mistakes_add(builder->mistakes, &(*node)->place, "a sweep file has no tags (\"!...\")"));
    if (++builder->depth > MAX_DEPTH) {
        builder->is_given_up = true;
        return mistakes_add(builder->mistakes, &(*node)->place, "nested more than %d levels deep", MAX_DEPTH);
    }
    const struct yaml_node *around = builder->open;
    if (fy_event_get_node_style(event) == FYNS_FLOW)
        builder->open = *node;
    TRY(event->type == FYET_SEQUENCE_START  ? read_sequence(builder, *node)
        : event->type == FYET_MAPPING_START ? read_mapping(builder, *node)
                                            : read_scalar(builder, event, *node));
    if (!fy_parser_get_stream_error(builder->parser))
        builder->open = around;
    builder->depth--;
    if (anchor != NULL)
        anchor->is_complete = true;
    return STATUS_OK;
}

static enum status read_stream(struct builder *builder, struct yaml_node **root)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(builder->parser);
        if (event == NULL)
            return STATUS_OK;
        enum status status = STATUS_OK;
        bool is_content = event->type == FYET_SCALAR || event->type == FYET_ALIAS ||
                          event->type == FYET_SEQUENCE_START || event->type == FYET_MAPPING_START;
        struct place place = place_of(builder, event);
        if (is_content && *root == NULL)
            status = build(builder, event, root);
        else if (is_content)
            status = mistakes_add(builder->mistakes, &place, "a sweep file is one document, but here a second begins");
        fy_parser_event_free(builder->parser, event);
        TRY(status);
        if (builder->mistakes->count > builder->mistakes_before)
            return STATUS_OK;
    }
}

/* What the parser says of the text; a bracket that is not closed may be found out long after it stands there. */
static enum status report_syntax(struct builder *builder, struct fy_diag *diagnostics)
{
    void *position = NULL;
    bool is_told = false;
    char opened[64] = "";
    if (builder->open != NULL)
        snprintf(opened, sizeof opened, " (in the %s that opens on line %ld)",
                 builder->open->kind == YAML_SEQUENCE ? "list" : "mapping", place_line(&builder->open->place));
    for (struct fy_diag_error *error; (error = fy_diag_errors_iterate(diagnostics, &position)) != NULL;) {
        const struct fy_mark *mark = fy_token_start_mark(error->fyt);
        struct place place = { .source = builder->source,
                               .offset = mark != NULL ? mark->input_pos : builder->last_end,
                               .width = 1 };
        TRY(mistakes_add(builder->mistakes, &place, "not YAML: %s%s", error->msg, opened));
        is_told = true;
    }
    if (is_told || builder->is_given_up || !fy_parser_get_stream_error(builder->parser))
        return STATUS_OK;
    struct place place = { .source = builder->source, .offset = builder->last_end, .width = 1 };
    return mistakes_add(builder->mistakes, &place, "not YAML from here on%s", opened);
}

enum status yaml_parse(struct arena *arena, const struct source *source, struct mistakes *mistakes,
                       struct yaml_node **root)
{
    struct builder builder = {
        .arena = arena, .source = source, .mistakes = mistakes, .mistakes_before = mistakes->count
    };
    enum status status = STATUS_OK;
    *root = NULL;
    const struct fy_diag_cfg silent = { .level = FYET_ERROR, .module_mask = ~0u };
    struct fy_diag *diagnostics = fy_diag_create(&silent);
    if (diagnostics == NULL)
        return status_fail(STATUS_MEMORY, "%s: libfyaml cannot start", source->name);
    fy_diag_set_collect_errors(diagnostics, true);
    /* Sloppy: a closing bracket may stand under its key, as other readers take it, though YAML asks for an indent. */
    const struct fy_parse_cfg configuration = { .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
                                                         FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION,
                                                .diag = diagnostics };
    builder.parser = fy_parser_create(&configuration);
    if (builder.parser == NULL || fy_parser_set_string(builder.parser, source->text, source->length) != 0)
        status = status_fail(STATUS_MEMORY, "%s: libfyaml cannot start", source->name);
    if (status == STATUS_OK)
        status = read_stream(&builder, root);
    if (status == STATUS_OK)
        status = report_syntax(&builder, diagnostics);
    fy_parser_destroy(builder.parser);
    fy_diag_destroy(diagnostics);
    return status;
}
