#include "model/ensemble.h"

#include "model/ensemble_law.h"

#include <stdio.h>
#include <string.h>

/* The laws, in the order in which they are told of: one word a law, whose row stands in its family's file. */
/* clang-format off */
#define LAWS(row) \
    row(ginibre) \
    row(uniform) \
    row(sparse) \
    row(orthogonal) \
    row(symmetric) \
    row(antisymmetric) \
    row(elliptic) \
    row(cycle) \
    row(chain) \
    row(nonnormal) \
    row(untied) \
    row(file)
/* clang-format on */

#define DECLARE(name) extern const struct ensemble_kind ensemble_kind_##name;
LAWS(DECLARE)
#undef DECLARE

static const struct ensemble_kind *const table[] = {
#define POINT_TO(name) &ensemble_kind_##name,
    LAWS(POINT_TO)
#undef POINT_TO
};

size_t ensemble_kind_count(void)
{
    return sizeof table / sizeof *table;
}

const struct ensemble_kind *ensemble_kind_at(size_t number)
{
    return number < ensemble_kind_count() ? table[number] : NULL;
}

const struct ensemble_kind *ensemble_kind_find(const char *name)
{
    for (size_t i = 0; i < ensemble_kind_count(); i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

enum status ensemble_verify(const struct network_key *key)
{
    const struct ensemble *ensemble = key->ensemble;
    return ensemble->kind->is_file ? network_weights_verify(&ensemble->source, key->hidden_size) : STATUS_OK;
}

enum status ensemble_draw(const struct network_key *key, long step, double *values, double *radius)
{
    const struct ensemble_kind *kind = key->ensemble->kind;
    const struct matrix_part whole = ensemble_whole(key->hidden_size);
    TRY(ensemble_verify(key));
    return kind->draw_part ? kind->draw_part(key, step, &whole, values) : kind->draw(key, values, radius);
}

bool ensemble_is_normal(const struct ensemble *ensemble)
{
    switch (ensemble->kind->spectrum) {
    case SPECTRUM_ALL_ONE:
    case SPECTRUM_SYMMETRIC:
    case SPECTRUM_ANTISYMMETRIC:
        return true;
    default:
        return false;
    }
}

bool ensemble_radius_is_zero(const struct ensemble *ensemble, long hidden_size)
{
    enum ensemble_spectrum spectrum = ensemble->kind->spectrum;
    return spectrum == SPECTRUM_NILPOTENT || (spectrum == SPECTRUM_ANTISYMMETRIC && hidden_size == 1);
}

/* A text of at most size - 1 characters, cut there like one of snprintf. */
struct description {
    char *text;
    size_t size, length;
};

static void append(struct description *description, const char *text)
{
    const size_t left = description->size - description->length, length = strlen(text);
    const size_t taken = length < left ? length : left - 1;
    memcpy(description->text + description->length, text, taken);
    description->text[description->length += taken] = '\0';
}

/* By hand, for every network has some to describe, and printf takes as long as a random matrix of 8 x 8. */
static void append_integer(struct description *description, long number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    unsigned long left = number < 0 ? 0ul - (unsigned long)number : (unsigned long)number;
    *first = '\0';
    do
        *--first = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        *--first = '-';
    append(description, first);
}

static void append_real(struct description *description, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", number);
    append(description, text);
}

void ensemble_describe_draw(const struct network_key *key, const char *role, char *text, size_t size)
{
    const struct ensemble *ensemble = key->ensemble;
    const struct ensemble_kind *kind = ensemble->kind;
    struct description description = { text, size, 0 };
    append(&description, kind->name);
    for (size_t i = 0; i < kind->parameter_count; i++) {
        append(&description, i == 0 ? "{" : ",");
        append(&description, kind->parameters[i].name);
        append(&description, "=");
        append_real(&description, ensemble->parameters[i] + 0.0); /* + 0.0 makes -0 and 0 one value */
        append(&description, i + 1 == kind->parameter_count ? "}" : "");
    }
    if (kind->is_file) { /* and not the path: copies of a file are one network */
        append(&description, "{W=");
        append(&description, ensemble->source.fingerprints[NETWORK_WEIGHTS]);
        append(&description, "}");
    }
    append(&description, " d=");
    append_integer(&description, key->hidden_size);
    append(&description, " replica=");
    append_integer(&description, key->replica);
    append(&description, " role=");
    append(&description, role);
}

struct random_stream ensemble_stream(const struct network_key *key, const char *role)
{
    char text[256];
    ensemble_describe_draw(key, role, text, sizeof text);
    return random_stream_open(key->seed, text);
}
