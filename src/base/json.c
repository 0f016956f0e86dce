#include "base/json.h"

#include "base/decimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct json json_start(FILE *out, char bracket)
{
    fputc(bracket, out);
    return (struct json){ .out = out };
}

void json_next(struct json *json, const char *name)
{
    fputs(json->has_entries ? ", " : "", json->out);
    json->has_entries = true;
    if (name) {
        json_write_text(json->out, name);
        fputs(": ", json->out);
    }
}

void json_write_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    fputc('"', out);
}

void json_add_text(struct json *object, const char *name, const char *text)
{
    json_next(object, name);
    if (text)
        json_write_text(object->out, text);
    else
        fputs("null", object->out);
}

void json_add_number(struct json *object, const char *name, double number)
{
    char text[DECIMAL_TEXT] = "null";
    if (isfinite(number))
        decimal_write(number, text);
    json_next(object, name);
    fputs(text, object->out);
}

void json_add_flag(struct json *object, const char *name, bool flag)
{
    json_next(object, name);
    fputs(flag ? "true" : "false", object->out);
}

void json_find_text(const char *object, const char *name, char *value, size_t size)
{
    char mark[64];
    snprintf(mark, sizeof mark, "\"%s\": \"", name);
    const char *found = strstr(object, mark);
    value[0] = '\0';
    if (found)
        snprintf(value, size, "%.*s", (int)strcspn(found + strlen(mark), "\""), found + strlen(mark));
}

double json_find_number(const char *object, const char *name)
{
    char mark[64], *end;
    snprintf(mark, sizeof mark, "\"%s\": ", name);
    const char *found = strstr(object, mark);
    if (found == NULL)
        return NAN;
    const double value = strtod(found + strlen(mark), &end);
    return end == found + strlen(mark) ? NAN : value;
}
