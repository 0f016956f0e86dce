#include "model/activation.h"

#include "model/activation_functions.h"

#include <string.h>

#define FUNCTIONS(name)                                                               \
    .value = activation_##name##_value, .derivative = activation_##name##_derivative, \
    .log_derivative = activation_##name##_log_derivative

/* Suprema that are not evident:
 *   erf   phi'(0) = 2/sqrt(pi)
 *   gelu  phi'' = p(x) (2 - x^2) vanishes at x = sqrt 2: (1 + erf 1)/2 + exp(-1)/sqrt(pi)
 *   silu  phi'' vanishes where x tanh(x/2) = 2, at x = 2.39935728052...; the value there, to 40 digits, rounded
 * The test of the table finds each of them again. */
static const struct activation table[] = {
    { .name = "identity",
      .derivative_supremum = 1,
      FUNCTIONS(identity),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 1, 1 },
      .vanishes_at_zero = true,
      .is_identity = true },
    { .name = "tanh",
      .derivative_supremum = 1,
      FUNCTIONS(tanh),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = true },
    { .name = "sigmoid",
      .derivative_supremum = 0.25,
      FUNCTIONS(sigmoid),
      .slope_at_zero = { 0.25, 0.25 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = false },
    { .name = "relu",
      .derivative_supremum = 1,
      FUNCTIONS(relu),
      .slope_at_zero = { 0, 1 },
      .slope_at_infinity = { 0, 1 },
      .vanishes_at_zero = true,
      .is_flat_somewhere = true },
    { .name = "leaky_relu",
      .derivative_supremum = 1,
      FUNCTIONS(leaky_relu),
      .slope_at_zero = { ACTIVATION_LEAK, 1 },
      .slope_at_infinity = { ACTIVATION_LEAK, 1 },
      .vanishes_at_zero = true },
    { .name = "softsign",
      .derivative_supremum = 1,
      FUNCTIONS(softsign),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = true },
    { .name = "erf",
      .derivative_supremum = 1.1283791670955126,
      FUNCTIONS(erf),
      .slope_at_zero = { 1.1283791670955126, 1.1283791670955126 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = true },
    { .name = "hard_tanh",
      .derivative_supremum = 1,
      FUNCTIONS(hard_tanh),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = true,
      .is_flat_somewhere = true },
    { .name = "sin",
      .derivative_supremum = 1,
      FUNCTIONS(sin),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 0, 0 },
      .vanishes_at_zero = true },
    { .name = "gelu",
      .derivative_supremum = 1.1289041451851548,
      FUNCTIONS(gelu),
      .slope_at_zero = { 0.5, 0.5 },
      .slope_at_infinity = { 0, 1 },
      .vanishes_at_zero = true },
    { .name = "silu",
      .derivative_supremum = 1.0998393201288669,
      FUNCTIONS(silu),
      .slope_at_zero = { 0.5, 0.5 },
      .slope_at_infinity = { 0, 1 },
      .vanishes_at_zero = true },
    { .name = "elu",
      .derivative_supremum = 1,
      FUNCTIONS(elu),
      .slope_at_zero = { 1, 1 },
      .slope_at_infinity = { 0, 1 },
      .vanishes_at_zero = true },
};

size_t activation_count(void)
{
    return sizeof table / sizeof *table;
}

const struct activation *activation_at(size_t number)
{
    return number < activation_count() ? &table[number] : NULL;
}

const struct activation *activation_find(const char *name)
{
    for (size_t i = 0; i < activation_count(); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
