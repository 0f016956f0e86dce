#include "sweep/mistake.h"

#include "sweep/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN_CHARACTERS = 120, /* of a long line */
    SHOWN_BEFORE = 60,      /* the caret, where the line is cut on the left */
    LONGEST_TEXT = 1024
};

static bool is_same(const struct mistake *mistake, const struct place *place, const char *text)
{
    return mistake->place.source == place->source && mistake->place.offset == place->offset &&
           strcmp(mistake->text, text) == 0;
}

size_t mistakes_kept(const struct mistakes *mistakes)
{
    return mistakes->count < MISTAKES_KEPT ? mistakes->count : MISTAKES_KEPT;
}

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F;
}

/* Texts of the file stand in messages, and may be cut within a character. */
static void make_plain(char *text)
{
    size_t length = strlen(text), valid = 0;
    for (size_t at = 0; at < length && !text_is_utf8(text + at, length - at, &valid); at += valid + 1)
        text[at + valid] = '?';
    for (size_t at = 0; at < length; at++)
        if (is_control(text[at]))
            text[at] = '?';
}

static enum status keep(struct mistakes *mistakes, const struct place *place, const char *text)
{
    /* A value behind an alias is read once for each of its uses, one after the other. */
    if (mistakes->count > 0 && is_same(&mistakes->items[mistakes->count - 1], place, text))
        return STATUS_OK;
    if (mistakes->count == 0)
        TRY(arena_allocate(mistakes->arena, &mistakes->items, MISTAKES_KEPT));
    struct mistake *mistake = &mistakes->items[mistakes->count];
    *mistake = (struct mistake){ .place = *place, .number = mistakes->count };
    TRY(arena_copy_text(mistakes->arena, text, strlen(text), &mistake->text));
    mistakes->count++;
    return STATUS_OK;
}

enum status mistakes_add(struct mistakes *mistakes, const struct place *place, const char *format, ...)
{
    char text[LONGEST_TEXT];
    va_list arguments;
    if (mistakes->count >= MISTAKES_KEPT) {
        mistakes->count++;
        return STATUS_OK;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_plain(text);
    return keep(mistakes, place, text);
}

/* UTF-8 continuation bytes are no characters of their own. */
static bool starts_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

/* True just behind a line break: LF, CR LF or CR alone. */
static bool starts_line(const struct source *source, size_t offset)
{
    if (offset == 0)
        return true;
    char before = source->text[offset - 1];
    return before == '\n' || (before == '\r' && source->text[offset] != '\n');
}

static size_t line_start(const struct place *place)
{
    size_t start = place->offset;
    while (!starts_line(place->source, start))
        start--;
    return start;
}

static size_t line_end(const struct source *source, size_t offset)
{
    return offset + strcspn(source->text + offset, "\r\n");
}

static bool has_byte_order_mark(const struct source *source, size_t offset)
{
    return offset == 0 && strncmp(source->text, "\xEF\xBB\xBF", 3) == 0;
}

static long count_characters(const struct source *source, size_t from, size_t to)
{
    long count = 0;
    if (has_byte_order_mark(source, from))
        from += 3;
    for (size_t offset = from; offset < to; offset++)
        count += starts_character(source->text[offset]);
    return count;
}

void place_find(const struct place *place, long *line, long *column)
{
    const char *text = place->source->text;
    size_t start = line_start(place);
    *line = 1;
    /* As starts_line, without branches: a file of 16 MiB may have a hundred mistakes at its end. */
    for (size_t offset = 1; offset <= start; offset++)
        *line += (text[offset - 1] == '\n') | ((text[offset - 1] == '\r') & (text[offset] != '\n'));
    *column = 1 + count_characters(place->source, start, place->offset);
}

long place_line(const struct place *place)
{
    long line = 0, column = 0;
    place_find(place, &line, &column);
    return line;
}

static int compare(const void *left, const void *right)
{
    const struct mistake *a = left, *b = right;
    if (a->place.source != b->place.source && a->place.source->order != b->place.source->order)
        return a->place.source->order < b->place.source->order ? -1 : 1;
    if (a->place.offset != b->place.offset)
        return a->place.offset < b->place.offset ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

void mistakes_sort(struct mistakes *mistakes)
{
    if (mistakes->count > 0)
        qsort(mistakes->items, mistakes_kept(mistakes), sizeof *mistakes->items, compare);
}

static size_t skip_characters(const char *text, size_t from, size_t end, long count)
{
    while (from < end && count > 0) {
        from++;
        if (from == end || starts_character(text[from]))
            count--;
    }
    return from;
}

/* What is no character is shown as one; so are control characters, but for tabs, so that the caret stands right. */
static void print_plainly(const char *text, size_t from, size_t to, FILE *stream)
{
    size_t valid = 0;
    for (size_t offset = from; offset < to; offset += valid) {
        bool is_text = text_is_utf8(text + offset, to - offset, &valid);
        for (size_t at = offset; at < offset + valid; at++)
            fputc(is_control(text[at]) && text[at] != '\t' ? '?' : text[at], stream);
        if (!is_text) {
            fputc('?', stream);
            valid++;
        }
    }
}

static void print_marker(const struct place *place, size_t shown_from, size_t shown_to, FILE *stream)
{
    const char *text = place->source->text;
    for (size_t offset = shown_from; offset < place->offset; offset++)
        if (starts_character(text[offset]))
            fputc(text[offset] == '\t' ? '\t' : ' ', stream);
    fputc('^', stream);
    for (size_t offset = place->offset + 1; offset < place->offset + place->width && offset < shown_to; offset++)
        if (starts_character(text[offset]))
            fputc('~', stream);
    fputc('\n', stream);
}

void mistake_print(const struct mistake *mistake, FILE *stream)
{
    const struct place *place = &mistake->place;
    const struct source *source = place->source;
    long line = 0, column = 0;
    place_find(place, &line, &column);
    print_plainly(source->name, 0, strlen(source->name), stream);
    fprintf(stream, ":%ld:%ld: error: %s\n", line, column, mistake->text);

    size_t start = line_start(place), end = line_end(source, place->offset);
    if (has_byte_order_mark(source, start))
        start += 3;
    size_t from = column > SHOWN_CHARACTERS - SHOWN_BEFORE / 2
                      ? skip_characters(source->text, start, end, column - SHOWN_BEFORE)
                      : start;
    size_t to = skip_characters(source->text, from, end, SHOWN_CHARACTERS);
    if (from > place->offset) /* a byte-order mark is all that stands before the place */
        from = place->offset;
    print_plainly(source->text, from, to, stream);
    fputs(to < end ? " ...\n" : "\n", stream);
    print_marker(place, from, to, stream);
}
