/* UTF-8 texts. Not collective. */
#ifndef GRADSWEEP_SWEEP_TEXT_H
#define GRADSWEEP_SWEEP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The bytes of the first character of text[length], its code point in *code; 0 where none stands there (RFC 3629: no
 * overlong forms, no surrogates, at most U+10FFFF), or NUL. */
size_t text_first_character(const char *text, size_t length, unsigned *code);

/* True where text[length] is UTF-8 without NUL; *valid is the length of its valid beginning. */
bool text_is_utf8(const char *text, size_t length, size_t *valid);

/* Writes valid UTF-8 as a double-quoted YAML scalar on one line. */
void text_write_quoted(const char *text, FILE *stream);

#endif
