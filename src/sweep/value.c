/* Texts, numbers and numeric axes of the sweep file: read into the sweep, and written as effective values. */
#include "sweep/schema.h"
#include "sweep/text.h"

#include <math.h>
#include <string.h>

static void *field(struct sweep *sweep, size_t offset)
{
    return (char *)sweep + offset;
}

static const void *const_field(const struct sweep *sweep, size_t offset)
{
    return (const char *)sweep + offset;
}

enum status read_text(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                      const char *path)
{
    if (node->kind != YAML_SCALAR || yaml_is_null(node))
        return reader_expected(reader, node, path, rule->expected);
    return arena_copy_text(reader->owned, node->text, strlen(node->text), field(reader->sweep, rule->offset));
}

void write_text(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    text_write_quoted(*(char *const *)const_field(sweep, rule->offset), stream);
}

enum status read_seed(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                      const char *path)
{
    uint64_t *seed = field(reader->sweep, rule->offset);
    if (node->kind != YAML_SCALAR || !node->is_plain || !number_parse_unsigned(node->text, seed))
        return reader_expected(reader, node, path, rule->expected);
    return STATUS_OK;
}

void write_seed(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    fprintf(stream, "%llu", (unsigned long long)*(const uint64_t *)const_field(sweep, rule->offset));
}

enum status read_integer(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                         const char *path)
{
    bool is_good = false;
    double value = 0;
    TRY(reader_number(reader, node, path, &rule->range, &value, &is_good));
    if (is_good)
        *(long *)field(reader->sweep, rule->offset) = (long)value;
    return STATUS_OK;
}

void write_integer(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    fprintf(stream, "%ld", *(const long *)const_field(sweep, rule->offset));
}

enum status read_integer_or_auto(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                                 const char *path)
{
    if (yaml_is_string(node, "auto"))
        return STATUS_OK;
    double value = 0;
    if (node->kind == YAML_SCALAR && node->is_plain && number_parse(node->text, &value))
        return read_integer(reader, rule, node, path);
    char range[NUMBER_RANGE_TEXT], expected[NUMBER_RANGE_TEXT + 16];
    number_describe_range(&rule->range, range);
    snprintf(expected, sizeof expected, "%s, or auto", range);
    return reader_expected(reader, node, path, expected);
}

void write_integer_or_auto(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    write_integer(sweep, rule, stream);
}

enum status read_real(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                      const char *path)
{
    bool is_good;
    return reader_number(reader, node, path, &rule->range, field(reader->sweep, rule->offset), &is_good);
}

void write_real(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    number_write(*(const double *)const_field(sweep, rule->offset), stream);
}

enum status read_certify(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                         const char *path)
{
    bool is_good;
    (void)rule;
    return reader_flag(reader, node, path, field(reader->sweep, rule->offset), &is_good);
}

void write_certify(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    fputs(*(const bool *)const_field(sweep, rule->offset) ? "true" : "false", stream);
}

enum status read_real_axis(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                           const char *path)
{
    double *values = NULL;
    long count = 0;
    TRY(reader_axis(reader, node, path, &rule->range, rule->takes_powers, &values, &count));
    double **kept = field(reader->sweep, rule->offset);
    TRY(arena_allocate(reader->owned, kept, count));
    if (count > 0)
        memcpy(*kept, values, (size_t)count * sizeof *values);
    *(long *)field(reader->sweep, rule->count_offset) = count;
    return STATUS_OK;
}

void write_real_axis(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    const double *values = *(double *const *)const_field(sweep, rule->offset);
    long count = *(const long *)const_field(sweep, rule->count_offset);
    for (long i = 0; i < count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        number_write(values[i], stream);
    }
    fputc(']', stream);
}

enum status read_integer_axis(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                              const char *path)
{
    double *values = NULL;
    long count = 0;
    TRY(reader_axis(reader, node, path, &rule->range, rule->takes_powers, &values, &count));
    long **kept = field(reader->sweep, rule->offset);
    TRY(arena_allocate(reader->owned, kept, count));
    for (long i = 0; i < count; i++)
        (*kept)[i] = (long)values[i];
    *(long *)field(reader->sweep, rule->count_offset) = count;
    return STATUS_OK;
}

void write_integer_axis(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    const long *values = *(long *const *)const_field(sweep, rule->offset);
    long count = *(const long *)const_field(sweep, rule->count_offset);
    for (long i = 0; i < count; i++)
        fprintf(stream, "%s%ld", i == 0 ? "[" : ", ", values[i]);
    fputc(']', stream);
}

enum status read_spectral_radius(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                                 const char *path)
{
    struct sweep *sweep = reader->sweep;
    double number = 0;
    if (node->kind != YAML_SCALAR || (node->is_plain && number_parse(node->text, &number)))
        return read_real_axis(reader, rule, node, path);
    if (!yaml_is_string(node, "native"))
        return reader_expected(reader, node, path, "a number > 0, a list of them, {start, stop, num}, or native");
    sweep->native = true;
    TRY(arena_allocate(reader->owned, &sweep->spectral_radii, 1));
    sweep->spectral_radii[0] = NAN;
    sweep->spectral_radius_count = 1;
    return STATUS_OK;
}

void write_spectral_radius(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    if (sweep->native)
        fputs("native", stream);
    else
        write_real_axis(sweep, rule, stream);
}
