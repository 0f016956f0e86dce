/* Mistakes in a sweep file: collected while it is read, then shown all at once with their places. Not collective. */
#ifndef GRADSWEEP_SWEEP_MISTAKE_H
#define GRADSWEEP_SWEEP_MISTAKE_H

#include "sweep/arena.h"

#include <stdio.h>

/* A text that is read: the sweep file, or the value of one --set. Valid UTF-8, NUL-terminated. */
struct source {
    const char *name;
    const char *text;
    size_t length;
    int order; /* mistakes are shown by source, then by place */
};

/* A stretch of `width` bytes of a source. */
struct place {
    const struct source *source;
    size_t offset;
    size_t width;
};

struct mistake {
    struct place place;
    char *text;
    size_t number; /* in the order of discovery */
};

/* More than a reader would go through; those behind them are not told, so that no file takes long to refuse. */
enum { MISTAKES_KEPT = 100 };

struct mistakes {
    struct arena *arena;
    struct mistake *items; /* the first MISTAKES_KEPT of them */
    size_t count;
};

/* How many of them can be shown. */
size_t mistakes_kept(const struct mistakes *mistakes);

/* Notes a printf-formatted mistake; the same words at the same place count once. The text that is kept is valid UTF-8
 * on one line, without control characters, which would reach the terminal as commands. Errors: STATUS_MEMORY. */
CHECKED enum status mistakes_add(struct mistakes *mistakes, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Line and column of a place, both from 1; columns count characters. */
void place_find(const struct place *place, long *line, long *column);

/* The line alone. */
long place_line(const struct place *place);

/* Puts them into the order of their places, as a reader meets them. */
void mistakes_sort(struct mistakes *mistakes);

/* "file:line:column: error: text", the offending line, and a caret below it. */
void mistake_print(const struct mistake *mistake, FILE *stream);

#endif
