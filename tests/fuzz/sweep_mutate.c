#include "sweep_target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What sweep files are made of: keys, names, numbers at the edges of their ranges, and YAML's own signs. */
static const char *const words[] = {
    "name",
    "seed",
    "weights",
    "ensemble",
    "replicas",
    "model",
    "activation",
    "input",
    "bias",
    "initial_state",
    "loss",
    "warmup",
    "steps",
    "grid",
    "hidden_size",
    "spectral_radius",
    "gamma",
    "lag",
    "measure",
    "numerics",
    "tolerance",
    "certify",
    "distribute_from",
    "kind",
    "label",
    "path",
    "content",
    "size",
    "scale",
    "period",
    "classes",
    "density",
    "tau",
    "coupling",
    "departure",
    "start",
    "stop",
    "num",
    "step",
    "log2",
    "log",
    "linear",
    "native",
    "auto",
    "true",
    "null",
    "~",
    "<<",
    "\xC2\xA0",
    "\xE2\x80\x93",
    "ginibre",
    "uniform",
    "sparse",
    "orthogonal",
    "symmetric",
    "antisymmetric",
    "elliptic",
    "cycle",
    "chain",
    "nonnormal",
    "untied",
    "file",
    "net.h5",
    "/dev/zero",
    "..",
    "W",
    "w_in",
    "b",
    "inputs",
    "none",
    "gaussian",
    "sine",
    "zero",
    "squared",
    "cross_entropy",
    "identity",
    "tanh",
    "sigmoid",
    "relu",
    "gelu",
    "jacobian_norm",
    "frobenius_norm",
    "step_bound",
    "gradient",
    "contribution_map",
    "expansion",
    "singular_values",
    "lyapunov",
    "0",
    "1",
    "2",
    "4",
    "16",
    "-1",
    "-0",
    "0.1",
    ".5",
    "5.",
    "1e3",
    "1e-10",
    "1e308",
    "1e309",
    "1e-320",
    "4.9e-324",
    "nan",
    ".inf",
    "0x10",
    "46340",
    "46341",
    "100000",
    "100001",
    "2147483648",
    "4294967296",
    "9007199254740992",
    "1099511627776",
    "2199023255552",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1000000000000000000000",
    "0.30000000000000004",
    "{start: 1, stop: 2, num: 3}",
    "{start: 2, stop: 64, step: 31}",
    "{start: 0.1, stop: 1e300, num: 5, scale: log}",
    "{start: 1, stop: 100000, step: 1}",
    "{log2: 1099511627776}",
    "{kind: file, path: net.h5}",
    "{kind: sparse, density: 1e-300}",
    "{contribution_map: {steps: 1}}",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    ",",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!!str ",
    "!t ",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<: *a",
    "@",
    "`",
    "\t",
    "\n",
    "\r\n",
    "\r",
    " ",
    "  ",
    "\\x00",
    "\\uD800",
    "\xC3\xA9",
    "\xEF\xBB\xBF",
    "\xE2\x80\xA8",
    "\xF0\x9F\x98\x80",
    "\xC2\x85",
    "\xFF",
    "\x7F",
    "\x1B[31m",
    "#--set grid.gamma=2\n",
    "\n#--set grid.lag=[1,2]\n",
    "\n#--set grid\n",
    "\n#--set weights.ensemble={kind: file, path: net.h5}\n",
    "\n#--set model.input={kind: file, path: net.h5}\n",
    "\n#--set grid.hidden_size=4\n",
    "\n#--set measure=[",
};

struct text {
    char *bytes;
    size_t length, capacity;
    unsigned short state[3];
};

static size_t draw(struct text *text, size_t below)
{
    return below == 0 ? 0 : (size_t)nrand48(text->state) % below;
}

/* Puts `with` in the place of `span` bytes at `at`; does nothing where there is no room. */
static void replace(struct text *text, size_t at, size_t span, const char *with, size_t length)
{
    if (text->length - span + length > text->capacity)
        return;
    memmove(text->bytes + at + length, text->bytes + at + span, text->length - at - span);
    memcpy(text->bytes + at, with, length);
    text->length += length - span;
}

static bool is_word(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           strchr("_.+-", byte) != NULL;
}

/* A word at or behind a place drawn; an empty one at the end. */
static size_t find_word(struct text *text, size_t *span)
{
    size_t at = draw(text, text->length);
    while (at > 0 && is_word(text->bytes[at - 1]))
        at--;
    while (at < text->length && !is_word(text->bytes[at]))
        at++;
    for (*span = 0; at + *span < text->length && is_word(text->bytes[at + *span]);)
        ++*span;
    return at;
}

static size_t find_line(struct text *text, size_t *span)
{
    size_t at = draw(text, text->length);
    while (at > 0 && text->bytes[at - 1] != '\n')
        at--;
    const char *end = memchr(text->bytes + at, '\n', text->length - at);
    *span = end == NULL ? text->length - at : (size_t)(end - text->bytes) + 1 - at;
    return at;
}

static void wrap(struct text *text, size_t at, size_t span, const char *before, const char *after)
{
    replace(text, at + span, 0, after, strlen(after));
    replace(text, at, 0, before, strlen(before));
}

/* Copies a line to the place of another. */
static void copy_line(struct text *text)
{
    char line[256];
    size_t span = 0, at = find_line(text, &span);
    size_t length = span < sizeof line ? span : sizeof line;
    memcpy(line, text->bytes + at, length);
    at = find_line(text, &span);
    replace(text, at, draw(text, 2) == 0 ? span : 0, line, length);
}

static void change_byte(struct text *text)
{
    size_t at = draw(text, text->length + 1);
    char byte = (char)draw(text, 256);
    size_t span = at < text->length ? draw(text, 2) : 0;
    replace(text, at, span, &byte, draw(text, 3) == 0 ? 0 : 1);
}

static void change_word(struct text *text)
{
    const char *word = words[draw(text, sizeof words / sizeof *words)];
    size_t span = 0, at = find_word(text, &span);
    switch (draw(text, 8)) {
    case 0:
        replace(text, at, 0, word, strlen(word));
        break;
    case 1:
        replace(text, at + span, 0, word, strlen(word));
        break;
    case 2:
        wrap(text, at, span, "[", "]");
        break;
    case 3:
        wrap(text, at, span, "{kind: ", "}");
        break;
    case 4:
        wrap(text, at, span, draw(text, 2) == 0 ? "&a " : "\"", draw(text, 2) == 0 ? "" : "\"");
        break;
    default:
        replace(text, at, span, word, strlen(word));
    }
}

static void change_line(struct text *text)
{
    size_t span = 0, at = find_line(text, &span);
    switch (draw(text, 4)) {
    case 0:
        replace(text, at, span, "", 0);
        break;
    case 1:
        replace(text, at, 0, "    ", 1 + draw(text, 4));
        break;
    case 2:
        if (span > 0 && text->bytes[at] == ' ')
            replace(text, at, 1, "", 0);
        break;
    default:
        copy_line(text);
    }
}

size_t sweep_mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    struct text text = { .bytes = (char *)data, .length = size, .capacity = capacity };
    memcpy(text.state, &seed, sizeof seed);
    for (size_t changes = draw(&text, 2) == 0 ? 1 : 1 + draw(&text, 4); changes > 0; changes--)
        switch (draw(&text, 8)) {
        case 0:
            change_byte(&text);
            break;
        case 1:
        case 2:
            change_line(&text);
            break;
        default:
            change_word(&text);
        }
    return text.length;
}
