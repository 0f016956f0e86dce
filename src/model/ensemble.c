#include "model/ensemble.h"

#include "model/ensemble_law.h"

#include <stdarg.h>
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

/* Appends printf-formatted text; a text that does not fit is cut, as snprintf cuts it. */
__attribute__((format(printf, 4, 5))) static void append(char *text, size_t size, size_t *length, const char *format,
                                                         ...)
{
    if (*length >= size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text + *length, size - *length, format, arguments);
    va_end(arguments);
    if (written > 0)
        *length += (size_t)written;
}

void ensemble_describe_draw(const struct network_key *key, const char *role, char *text, size_t size)
{
    const struct ensemble *ensemble = key->ensemble;
    const struct ensemble_kind *kind = ensemble->kind;
    size_t length = 0;
    append(text, size, &length, "%s", kind->name);
    for (size_t i = 0; i < kind->parameter_count; i++) /* + 0.0 makes -0 and 0 one value */
        append(text, size, &length, "%s%s=%.17g%s", i == 0 ? "{" : ",", kind->parameters[i].name,
               ensemble->parameters[i] + 0.0, i + 1 == kind->parameter_count ? "}" : "");
    if (kind->is_file) /* and not the path: copies of a file are one network */
        append(text, size, &length, "{W=%s}", ensemble->source.fingerprints[NETWORK_WEIGHTS]);
    append(text, size, &length, " d=%ld replica=%ld role=%s", key->hidden_size, key->replica, role);
}

struct random_stream ensemble_stream(const struct network_key *key, const char *role)
{
    char text[256];
    ensemble_describe_draw(key, role, text, sizeof text);
    return random_stream_open(key->seed, text);
}
