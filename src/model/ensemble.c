#include "model/ensemble.h"

#include "model/ensemble_draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct ensemble_kind table[] = {
    { .name = "ginibre",
      .help = "independent N(0, 1/d)",
      .spectrum = SPECTRUM_COMPUTED,
      .draw_part = ensemble_draw_ginibre },
    { .name = "uniform",
      .help = "independent, uniform on +-sqrt(3/d)",
      .spectrum = SPECTRUM_COMPUTED,
      .draw_part = ensemble_draw_uniform },
    { .name = "sparse",
      .help = "each entry N(0, 1/(density d)) with probability `density`, else 0",
      .parameter_count = 1,
      .parameters = { { .name = "density",
                        .help = "probability of an entry",
                        .default_value = 0.1,
                        .lowest = 0,
                        .highest = 1,
                        .lowest_excluded = true } },
      .spectrum = SPECTRUM_COMPUTED,
      .is_far_from_normal = true, /* often nearly nilpotent */
      .draw_part = ensemble_draw_sparse },
    { .name = "orthogonal",
      .help = "Haar distributed",
      .spectrum = SPECTRUM_ALL_ONE,
      .is_from_qr = true,
      .draw = ensemble_draw_orthogonal,
      .draw_on_grid = ensemble_draw_orthogonal_on_grid },
    { .name = "symmetric",
      .help = "(G + G^T)/sqrt 8, G ginibre",
      .spectrum = SPECTRUM_SYMMETRIC,
      .draw_part = ensemble_draw_symmetric },
    { .name = "antisymmetric",
      .help = "(G - G^T)/sqrt 8, G ginibre",
      .spectrum = SPECTRUM_ANTISYMMETRIC,
      .draw_part = ensemble_draw_antisymmetric },
    { .name = "elliptic",
      .help = "variance 1/d, corr(W_ij, W_ji) = tau, divided by 1 + |tau|",
      .parameter_count = 1,
      .parameters = { { .name = "tau",
                        .help = "correlation of opposite entries",
                        .default_value = 0.5,
                        .lowest = -1,
                        .highest = 1 } },
      .spectrum = SPECTRUM_COMPUTED,
      .draw_part = ensemble_draw_elliptic },
    { .name = "cycle", .help = "the cyclic shift", .spectrum = SPECTRUM_ALL_ONE, .draw_part = ensemble_draw_cycle },
    { .name = "chain",
      .help = "one superdiagonal; its spectral radius is 0",
      .parameter_count = 1,
      .parameters = { { .name = "coupling",
                        .help = "the superdiagonal's value",
                        .default_value = 1,
                        .lowest = -1e100,
                        .highest = 1e100 } },
      .spectrum = SPECTRUM_NILPOTENT,
      .is_far_from_normal = true,
      .draw_part = ensemble_draw_chain },
    { .name = "nonnormal",
      .help =
          "real Schur form Q (L + N) Q^T: eigenvalues uniform on the unit disc, N strictly upper N(0, departure^2/d)",
      .parameter_count = 1,
      .parameters = { { .name = "departure",
                        .help = "size of the part that is not normal; 0: a normal matrix",
                        .default_value = 1,
                        .lowest = 0,
                        .highest = 1e100 } },
      .spectrum = SPECTRUM_RADIUS_DRAWN,
      .is_far_from_normal = true,
      .is_from_qr = true,
      .draw = ensemble_draw_nonnormal,
      .draw_on_grid = ensemble_draw_nonnormal_on_grid },
    { .name = "untied",
      .help = "a fresh ginibre at every step; the spectral radius is then a gain",
      .spectrum = SPECTRUM_NONE,
      .is_fresh_at_every_step = true,
      .draw_part = ensemble_draw_untied },
    { .name = "file",
      .help = "a network in an HDF5 file, whose hidden size is the only one of the sweep",
      .spectrum = SPECTRUM_COMPUTED,
      .is_file = true,
      .is_far_from_normal = true,
      .draw_part = ensemble_draw_file },
};

size_t ensemble_kind_count(void)
{
    return sizeof table / sizeof *table;
}

const struct ensemble_kind *ensemble_kind_at(size_t number)
{
    return number < ensemble_kind_count() ? &table[number] : NULL;
}

const struct ensemble_kind *ensemble_kind_find(const char *name)
{
    for (size_t i = 0; i < ensemble_kind_count(); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

enum status ensemble_verify(const struct ensemble *ensemble, long hidden_size)
{
    return ensemble->kind->is_file ? network_weights_verify(&ensemble->source, hidden_size) : STATUS_OK;
}

enum status ensemble_draw(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica, long step,
                          double *values, double *radius)
{
    const struct matrix_part whole = ensemble_whole(hidden_size);
    TRY(ensemble_verify(ensemble, hidden_size));
    if (ensemble->kind->draw_part)
        return ensemble->kind->draw_part(ensemble, seed, hidden_size, replica, step, &whole, values);
    return ensemble->kind->draw(ensemble, seed, hidden_size, replica, values, radius);
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

void ensemble_describe_draw(const struct ensemble *ensemble, long hidden_size, long replica, const char *role,
                            char *text, size_t size)
{
    const struct ensemble_kind *kind = ensemble->kind;
    size_t length = 0;
    append(text, size, &length, "%s", kind->name);
    for (size_t i = 0; i < kind->parameter_count; i++) /* + 0.0 makes -0 and 0 one value */
        append(text, size, &length, "%s%s=%.17g%s", i == 0 ? "{" : ",", kind->parameters[i].name,
               ensemble->parameters[i] + 0.0, i + 1 == kind->parameter_count ? "}" : "");
    if (kind->is_file) /* and not the path: copies of a file are one network */
        append(text, size, &length, "{W=%s}", ensemble->source.fingerprints[NETWORK_WEIGHTS]);
    append(text, size, &length, " d=%ld replica=%ld role=%s", hidden_size, replica, role);
}

struct random_stream ensemble_stream(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                     const char *role)
{
    char text[256];
    ensemble_describe_draw(ensemble, hidden_size, replica, role, text, sizeof text);
    return random_stream_open(seed, text);
}
