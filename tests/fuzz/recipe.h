/* How a file is damaged: a text of one step a line, so that what once failed can be kept, read and made again.
 *
 *   base NAME                     results, repacked, network; the file to begin with; the first line
 *
 * Through HDF5, on a good file:
 *   delete NAME                   takes a dataset away
 *   make NAME TYPE LAYOUT SIZES   a new dataset in its place; SIZES such as 4x4, or scalar, or null; TYPE one of
 *                                 float64 float32 int64 uint8 text fixed compound enum reference; LAYOUT one of
 *                                 contiguous compact chunked deflate late unwritten external virtual
 *   group NAME | named NAME       a group or a named type in its place
 *   soft NAME TARGET              a link in its place, to a path in the file
 *   outside NAME FILE TARGET      a link in its place, into another file (itself: "self"; a pipe: "pipe")
 *   attribute NAME TYPE VALUE     integer, float, text, fixed, array, huge or empty
 *   forget NAME                   takes an attribute away
 *   sweep FROM TO                 one word of the attribute `sweep` for another
 *
 * On its bytes:
 *   set OFFSET HEX                overwrites bytes
 *   zero OFFSET COUNT             clears them
 *   copy FROM TO COUNT            copies them
 *   cut SIZE | grow COUNT         shortens or lengthens the file
 *   seal                          makes the checksums of HDF5's own structures right again
 *
 * Not collective. */
#ifndef GRADSWEEP_TESTS_FUZZ_RECIPE_H
#define GRADSWEEP_TESTS_FUZZ_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECIPE_TEXT = 4096, RECIPE_MOST_BLOCKS = 1024, RECIPE_MOST_BYTES = 1 << 21 };

/* A structure of HDF5 that carries a checksum behind it: bytes[start .. start + length), then 4 bytes. */
struct sealed_block {
    size_t start, length;
};

/* A good file, and what its recipes need to know of it. */
struct base_file {
    const char *name;
    char path[128];
    size_t size;
    struct sealed_block blocks[RECIPE_MOST_BLOCKS];
    size_t block_count;
    const char *datasets[64]; /* NULL ends */
    const char *attributes[16];
};

/* Reads the file at base->path and finds its sealed blocks. False, with a message, where there is none. */
bool recipe_survey(struct base_file *base);

/* Writes a recipe drawn from `seed` into text[RECIPE_TEXT]. */
void recipe_draw(const struct base_file *bases, size_t base_count, unsigned long seed, char *text);

/* The base that a recipe begins with; NULL for none. */
const struct base_file *recipe_base(const struct base_file *bases, size_t base_count, const char *text);

/* Makes the damaged file at `path`, in a folder where "pipe" is a pipe; false, with a message, for what is no recipe. A
 * step that HDF5 refuses is left out. */
bool recipe_apply(const struct base_file *base, const char *text, const char *path);

#endif
