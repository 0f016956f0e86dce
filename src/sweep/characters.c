#include "sweep/characters.h"

#include "sweep/text.h"

#include <string.h>

enum { MOST_EXPLAINED = 20 };

/* ---- other encodings and formats ---- */

static const struct {
    const char *bytes;
    size_t length;
    const char *format;
} signatures[] = {
    { "\x89HDF\r\n\x1a\n", 8, "an HDF5 file (is it the results file?)" },
    { "PK\x03\x04", 4, "a zip archive" },
    { "\x1f\x8b", 2, "compressed by gzip" },
    { "BZh", 3, "compressed by bzip2" },
    { "\xFD"
      "7zXZ",
      5, "compressed by xz" },
    { "\x28\xB5\x2F\xFD", 4, "compressed by zstd" },
    { "%PDF-", 5, "a PDF" },
    { "\x7f"
      "ELF",
      4, "a program" },
    { "\x89PNG", 4, "an image" },
};

/* UTF-32 before UTF-16, whose byte-order mark begins the same. Without a mark, the first characters are ASCII. */
static const struct {
    const char *pattern; /* of bytes: 0, x (not 0), or the two of a byte-order mark, F (0xFF) and E (0xFE) */
    const char *name;
} encodings[] = {
    { "FE00", "UTF-32" }, { "00EF", "UTF-32" }, { "x000", "UTF-32" }, { "000x", "UTF-32" },
    { "FE", "UTF-16" },   { "EF", "UTF-16" },   { "x0x0", "UTF-16" }, { "0x0x", "UTF-16" },
};

static bool matches(const struct source *source, const char *pattern)
{
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (i >= source->length)
            return false;
        unsigned char byte = (unsigned char)source->text[i];
        bool is_right = pattern[i] == '0'   ? byte == 0
                        : pattern[i] == 'x' ? byte != 0
                                            : byte == (pattern[i] == 'F' ? 0xFF : 0xFE);
        if (!is_right)
            return false;
    }
    return true;
}

static enum status name_format(const struct source *source, struct mistakes *mistakes, bool *is_named)
{
    struct place start = { .source = source, .width = 1 };
    *is_named = true;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (source->length >= signatures[i].length &&
            memcmp(source->text, signatures[i].bytes, signatures[i].length) == 0)
            return mistakes_add(mistakes, &start, "this is %s, and no sweep file, which is YAML text",
                                signatures[i].format);
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        if (matches(source, encodings[i].pattern))
            return mistakes_add(mistakes, &start,
                                "the file is %s text; a sweep file is UTF-8: save it as such, or iconv -f %s -t UTF-8 "
                                "OLD.yaml > NEW.yaml",
                                encodings[i].name, encodings[i].name);
    *is_named = false;
    return STATUS_OK;
}

static enum status refuse_byte(const struct place *place, struct mistakes *mistakes)
{
    unsigned char byte = (unsigned char)place->source->text[place->offset];
    if (byte == 0)
        return mistakes_add(mistakes, place, "byte 0x00 is no UTF-8 text; the file is damaged, or no text at all");
    bool is_file = place->source->order == 0;
    return mistakes_add(mistakes, place, "byte 0x%02x is no UTF-8 text%s", byte,
                        is_file ? "; if the file is Windows-1252 or Latin-1: iconv -f WINDOWS-1252 -t UTF-8 OLD.yaml > "
                                  "NEW.yaml"
                                : "");
}

/* What YAML allows nowhere, not even in quotes and comments. */
static enum status refuse_character(const struct place *place, unsigned code, struct mistakes *mistakes, bool *is_good)
{
    bool is_control = (code < 0x20 && code != '\t' && code != '\n' && code != '\r') || (code >= 0x7F && code < 0xA0);
    bool is_break = code == 0x85 || code == 0x2028 || code == 0x2029;
    bool is_none = code == 0xFFFE || code == 0xFFFF;
    *is_good = !is_control && !is_break && !is_none;
    if (*is_good)
        return STATUS_OK;
    if (is_break)
        return mistakes_add(mistakes, place,
                            "U+%04X ends a line for readers of YAML 1.1 and not for those of 1.2; write \"\\u%04X\" in "
                            "double quotes, or leave it out",
                            code, code);
    return mistakes_add(mistakes, place,
                        is_control ? "the control character U+%04X cannot stand in YAML"
                                   : "U+%04X is no character and cannot stand in YAML",
                        code);
}

enum status characters_check(const struct source *source, struct mistakes *mistakes, bool *is_good)
{
    bool is_named = false;
    TRY(name_format(source, mistakes, &is_named));
    *is_good = !is_named;
    for (size_t at = 0, step; at < source->length && *is_good; at += step) {
        unsigned code = 0;
        step = text_first_character(source->text + at, source->length - at, &code);
        const struct place place = { .source = source, .offset = at, .width = step > 0 ? step : 1 };
        *is_good = step > 0;
        TRY(step == 0 ? refuse_byte(&place, mistakes) : refuse_character(&place, code, mistakes, is_good));
    }
    return STATUS_OK;
}

/* ---- characters that look like others ---- */

static const struct {
    unsigned first, last;
    const char *what, *instead;
} look_alikes[] = {
    { 0x00A0, 0x00A0, "a no-break space", "a plain blank" },
    { 0x00AB, 0x00AB, "a typographic quote", "\"" },
    { 0x00AD, 0x00AD, "a soft hyphen, often invisible", "nothing, or -" },
    { 0x00BB, 0x00BB, "a typographic quote", "\"" },
    { 0x1680, 0x1680, "a typographic space", "a plain blank" },
    { 0x2000, 0x200A, "a typographic space", "a plain blank" },
    { 0x200B, 0x200F, "an invisible character", "nothing" },
    { 0x2010, 0x2015, "a typographic dash", "-" },
    { 0x2018, 0x201B, "a typographic quote", "'" },
    { 0x201C, 0x201F, "a typographic quote", "\"" },
    { 0x202A, 0x202E, "an invisible mark of direction", "nothing" },
    { 0x202F, 0x202F, "a narrow no-break space", "a plain blank" },
    { 0x2039, 0x203A, "a typographic quote", "'" },
    { 0x205F, 0x205F, "a typographic space", "a plain blank" },
    { 0x2060, 0x206F, "an invisible character", "nothing" },
    { 0x2212, 0x2212, "a typographic minus sign", "-" },
    { 0x3000, 0x3000, "an ideographic space", "a plain blank" },
    { 0x3001, 0x3001, "an ideographic comma", "," },
    { 0xFE58, 0xFE58, "a typographic dash", "-" },
    { 0xFE63, 0xFE63, "a typographic minus sign", "-" },
    { 0xFEFF, 0xFEFF, "a byte-order mark, which is invisible", "nothing" },
};

enum { FULL_WIDTH_FIRST = 0xFF01, FULL_WIDTH_LAST = 0xFF5E, FULL_WIDTH_SHIFT = 0xFEE0 };

static enum status explain_character(const struct place *place, unsigned code, struct mistakes *mistakes,
                                     bool *is_look_alike)
{
    *is_look_alike = true;
    for (size_t i = 0; i < sizeof look_alikes / sizeof *look_alikes; i++)
        if (code >= look_alikes[i].first && code <= look_alikes[i].last)
            return mistakes_add(mistakes, place,
                                "U+%04X stands here, %s, which YAML takes for a letter; type %s instead", code,
                                look_alikes[i].what, look_alikes[i].instead);
    if (code >= FULL_WIDTH_FIRST && code <= FULL_WIDTH_LAST)
        return mistakes_add(mistakes, place,
                            "U+%04X stands here, a full-width form, which YAML takes for a letter; type %c instead",
                            code, (int)(code - FULL_WIDTH_SHIFT));
    *is_look_alike = false;
    return STATUS_OK;
}

/* Where the reading of a text is: enough of YAML's rules to leave quotes and comments out. */
struct scan {
    char quote; /* ", ' or # (a comment); NUL outside them */
    char before;
};

static void scan_byte(struct scan *scan, char byte)
{
    bool begins = strchr(" \t\n\r,:-[{", scan->before) != NULL; /* NUL, before the first byte, too */
    if (scan->quote == '#')
        scan->quote = byte == '\n' || byte == '\r' ? '\0' : '#';
    else if (scan->quote != '\0')
        scan->quote = byte == scan->quote && !(byte == '"' && scan->before == '\\') ? '\0' : scan->quote;
    else if ((byte == '"' || byte == '\'' || byte == '#') && begins)
        scan->quote = byte;
    /* A backslash behind a backslash escapes nothing. */
    scan->before = scan->quote == '"' && byte == '\\' && scan->before == '\\' ? '\0' : byte;
}

static bool has_mistake(const struct mistakes *mistakes, size_t count, const struct source *source, size_t start,
                        size_t end)
{
    for (size_t i = 0; i < count; i++)
        if (mistakes->items[i].place.source == source && mistakes->items[i].place.offset >= start &&
            mistakes->items[i].place.offset <= end)
            return true;
    return false;
}

enum status characters_explain(const struct source *source, struct mistakes *mistakes, bool on_all_lines)
{
    const size_t found = mistakes_kept(mistakes);
    struct scan scan = { 0 };
    bool is_asked = false, is_known = false; /* whether this line is looked at, and whether that was decided */
    size_t start = 0;
    int explained = 0;
    unsigned last = 0;
    for (size_t at = 0, step; at < source->length && explained < MOST_EXPLAINED; at += step) {
        unsigned code = 0;
        step = text_first_character(source->text + at, source->length - at, &code);
        if (step == 0)
            return STATUS_OK;
        scan_byte(&scan, source->text[at]);
        if (code == '\n' || code == '\r') {
            start = at + 1;
            is_known = false;
            last = 0;
        }
        if (code < 0x80 || scan.quote != '\0' || code == last || (at == 0 && code == 0xFEFF))
            continue;
        if (!is_known) {
            size_t end = at + strcspn(source->text + at, "\r\n");
            is_asked = on_all_lines || has_mistake(mistakes, found, source, start, end);
            is_known = true;
        }
        const struct place place = { .source = source, .offset = at, .width = step };
        bool is_look_alike = false;
        if (is_asked)
            TRY(explain_character(&place, code, mistakes, &is_look_alike));
        explained += is_look_alike;
        last = is_look_alike ? code : last; /* one of a kind on a line is enough */
    }
    return STATUS_OK;
}
