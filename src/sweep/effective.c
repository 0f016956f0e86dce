/* The sweep with all its effective values, as text: one spelling, one order of keys. What the hash is over. */
#include "base/memory.h"
#include "sweep/document.h"
#include "sweep/schema.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SHOWN_VALUE = 200, SHOWN_BEFORE_DIFFERENCE = 40 };

/* The name stands alone on the first line, so that the hash can begin behind it. */
void sweep_write(const struct sweep *sweep, FILE *stream)
{
    const char *section = "";
    const struct key_rule *rule;
    for (size_t number = 0; (rule = schema_rule(number)) != NULL; number++) {
        if (rule->is_left_out && rule->is_left_out(sweep))
            continue;
        if (strcmp(rule->section, section) != 0 && rule->section[0] != '\0')
            fprintf(stream, "%s:\n", rule->section);
        section = rule->section;
        fprintf(stream, "%s%s: ", section[0] == '\0' ? "" : "  ", rule->name);
        rule->write(sweep, rule, stream);
        fputc('\n', stream);
    }
}

/* What is computed depends on what files hold, and not on where they lie: the same sweep without paths. */
static enum status forget_paths(struct arena *arena, const struct sweep *sweep, struct sweep *unplaced)
{
    *unplaced = *sweep;
    unplaced->model.input_source.path = NULL;
    TRY(arena_allocate(arena, &unplaced->ensembles, sweep->ensemble_count));
    for (long i = 0; i < sweep->ensemble_count; i++) {
        unplaced->ensembles[i] = sweep->ensembles[i];
        unplaced->ensembles[i].source.path = NULL;
    }
    return STATUS_OK;
}

static enum status close_text(FILE *stream, char **text)
{
    bool is_broken = ferror(stream);
    if (fclose(stream) == 0 && !is_broken)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_MEMORY, "the sweep: no memory for its effective values");
}

enum status effective_value(const struct sweep *sweep, const struct key_rule *rule, char **text)
{
    size_t length = 0;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "the sweep: no memory for its effective values");
    rule->write(sweep, rule, stream);
    return close_text(stream, text);
}

static enum status make_text(struct arena *arena, const struct sweep *sweep, char **kept)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "the sweep: no memory for its effective values");
    sweep_write(sweep, stream);
    TRY(close_text(stream, &text));
    enum status status = arena_copy_text(arena, text, length, kept);
    free(text);
    return status;
}

enum status effective_fill(struct arena *arena, struct sweep *sweep)
{
    struct sweep unplaced;
    char *hashed = NULL;
    TRY(make_text(arena, sweep, &sweep->text));
    TRY(forget_paths(arena, sweep, &unplaced));
    TRY(make_text(arena, &unplaced, &hashed));
    hashed = strchr(hashed, '\n') + 1;
    XXH128_hash_t hash = XXH3_128bits(hashed, strlen(hashed));
    snprintf(sweep->hash, sizeof sweep->hash, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    return STATUS_OK;
}

/* Long lists are shown from shortly before their first difference. */
static size_t first_shown(const char *left, const char *right)
{
    size_t same = 0;
    while (left[same] != '\0' && left[same] == right[same])
        same++;
    size_t longest = strlen(left) > strlen(right) ? strlen(left) : strlen(right);
    return longest > SHOWN_VALUE && same > SHOWN_BEFORE_DIFFERENCE ? same - SHOWN_BEFORE_DIFFERENCE : 0;
}

static enum status refuse_difference(const struct key_rule *rule, const char *asked, const char *in_file)
{
    char path[SCHEMA_PATH];
    schema_path(rule, path);
    size_t from = first_shown(asked, in_file);
    const char *before = from > 0 ? "..." : "";
    return status_fail(STATUS_REFUSED, "%s: the file has %s%.*s%s, the sweep asks for %s%.*s%s", path, before,
                       SHOWN_VALUE, in_file + from, strlen(in_file + from) > SHOWN_VALUE ? "..." : "", before,
                       SHOWN_VALUE, asked + from, strlen(asked + from) > SHOWN_VALUE ? "..." : "");
}

static enum status is_same_value(const struct key_rule *rule, const struct sweep *asked, const struct sweep *in_file,
                                 bool *is_same)
{
    SCOPED_MEMORY char *asked_text = NULL, *file_text = NULL;
    TRY(effective_value(asked, rule, &asked_text));
    TRY(effective_value(in_file, rule, &file_text));
    *is_same = strcmp(asked_text, file_text) == 0;
    return STATUS_OK;
}

static enum status refuse_value(const struct key_rule *rule, const struct sweep *asked, const struct sweep *in_file)
{
    SCOPED_MEMORY char *asked_text = NULL, *file_text = NULL;
    TRY(effective_value(asked, rule, &asked_text));
    TRY(effective_value(in_file, rule, &file_text));
    return refuse_difference(rule, asked_text, file_text);
}

/* Two sweeps without paths, and without what is not compared of their keys. */
struct pair {
    struct sweep asked, in_file, compared_asked, compared_file;
};

static enum status require_same_value(const struct key_rule *rule, const struct pair *pair)
{
    bool is_same = false;
    TRY(is_same_value(rule, &pair->compared_asked, &pair->compared_file, &is_same));
    return is_same ? STATUS_OK : refuse_value(rule, &pair->asked, &pair->in_file);
}

/* Values that are `auto` follow from others, which a reader would rather hear of. */
static bool may_follow(const struct key_rule *rule)
{
    return rule->read == read_integer_or_auto;
}

static enum status require_same_values(const struct pair *pair, bool (*is_left_out)(const struct key_rule *rule))
{
    const struct key_rule *rule;
    for (int follows = 0; follows < 2; follows++)
        /* Rule 0 is the name, which may differ. */
        for (size_t number = 1; (rule = schema_rule(number)) != NULL; number++)
            if (may_follow(rule) == (follows == 1) && !(is_left_out && is_left_out(rule)))
                TRY(require_same_value(rule, pair));
    return STATUS_OK;
}

enum status effective_require_same(const struct sweep *asked, const struct sweep *in_file,
                                   bool (*is_left_out)(const struct key_rule *rule),
                                   void (*leave_out)(struct sweep *sweep))
{
    struct pair pair;
    struct arena scratch = { 0 };
    enum status status = forget_paths(&scratch, asked, &pair.asked);
    if (status == STATUS_OK)
        status = forget_paths(&scratch, in_file, &pair.in_file);
    pair.compared_asked = pair.asked;
    pair.compared_file = pair.in_file;
    if (status == STATUS_OK && leave_out) {
        leave_out(&pair.compared_asked);
        leave_out(&pair.compared_file);
    }
    if (status == STATUS_OK)
        status = require_same_values(&pair, is_left_out);
    arena_release(&scratch);
    return status;
}

enum status sweep_require_same(const struct sweep *asked, const struct sweep *in_file)
{
    if (strcmp(asked->hash, in_file->hash) == 0)
        return STATUS_OK;
    TRY(effective_require_same(asked, in_file, NULL, NULL));
    return status_fail(STATUS_REFUSED, "the file has sweep hash %s, the sweep asked for has %s", in_file->hash,
                       asked->hash);
}
