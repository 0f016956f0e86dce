#include "sweep/text.h"

#include <string.h>

size_t text_first_character(const char *text, size_t length, unsigned *code)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t length;
    } forms[] = {
        { 0x01, 0x7F, 0, 0, 1 },       { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t form = 0; form < sizeof forms / sizeof *forms && length > 0; form++) {
        if (bytes[0] < forms[form].first || bytes[0] > forms[form].last)
            continue;
        if (forms[form].length > length)
            return 0;
        *code = forms[form].length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> forms[form].length);
        for (size_t i = 1; i < forms[form].length; i++) {
            unsigned char first = i == 1 ? forms[form].second_first : 0x80;
            unsigned char last = i == 1 ? forms[form].second_last : 0xBF;
            if (bytes[i] < first || bytes[i] > last)
                return 0;
            *code = *code << 6 | (bytes[i] & 0x3Fu);
        }
        return forms[form].length;
    }
    return 0;
}

bool text_is_utf8(const char *text, size_t length, size_t *valid)
{
    unsigned code = 0;
    *valid = 0;
    while (*valid < length) {
        size_t step = text_first_character(text + *valid, length - *valid, &code);
        if (step == 0)
            return false;
        *valid += step;
    }
    return true;
}

/* Control characters, and what YAML 1.1 or 1.2 takes for a line break or for no character at all. */
static bool needs_escape(unsigned code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
           code == 0xFFFE || code == 0xFFFF;
}

void text_write_quoted(const char *text, FILE *stream)
{
    size_t length = strlen(text);
    fputc('"', stream);
    for (size_t at = 0; at < length;) {
        unsigned code = 0;
        size_t step = text_first_character(text + at, length - at, &code);
        step = step == 0 ? 1 : step;
        if (needs_escape(code))
            fprintf(stream, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
        else
            fprintf(stream, "%s%.*s", code == '"' || code == '\\' ? "\\" : "", (int)step, text + at);
        at += step;
    }
    fputc('"', stream);
}
