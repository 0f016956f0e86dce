/* Writing JSON (RFC 8259), entry by entry, and reading back a key of what was written. Not collective. */
#ifndef GRADSWEEP_BASE_JSON_H
#define GRADSWEEP_BASE_JSON_H

#include <stdbool.h>
#include <stdio.h>

/* An object or a list that is being written. */
struct json {
    FILE *out;
    bool has_entries;
};

/* Opens one with '{' or '['; whoever opens it writes the closing bracket. */
struct json json_start(FILE *out, char bracket);

/* Before each entry of a list; with a name, of an object. What stands there is then the caller's to write. */
void json_next(struct json *json, const char *name);

/* A text in quotes, escaped. */
void json_write_text(FILE *out, const char *text);

/* Entries of an object (of a list, with name NULL). Text: null for NULL. Number: null for NaN (there is none) and for
 * infinities (no bound). */
void json_add_text(struct json *object, const char *name, const char *text);
void json_add_number(struct json *object, const char *name, double number);
void json_add_flag(struct json *object, const char *name, bool flag);

/* The first value of a key in an object that was written with ": " after its keys and nothing escaped in the value: its
 * text, "" for null or none, into value[size]; its number, NaN for null or none. */
void json_find_text(const char *object, const char *name, char *value, size_t size);
double json_find_number(const char *object, const char *name);

#endif
