#include "recipe.h"

#include "recipe_steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HDF5's own checksum of its structures; exported by the library, declared in none of its public headers. */
uint32_t H5_checksum_metadata(const void *data, size_t length, uint32_t start);

enum { LONGEST_BLOCK = 4096, CHECKSUM_BYTES = 4, HEAP_BYTES = 4096 };

struct bytes {
    unsigned char *data; /* [RECIPE_MOST_BYTES] */
    size_t size;
};

/* ---- sealed blocks ---- */

static bool starts_block(const unsigned char *data)
{
    static const char *const signatures[] = { "\211HDF\r\n\032\n",
                                              "OHDR",
                                              "OCHK",
                                              "FRHP",
                                              "FHDB",
                                              "FHIB",
                                              "BTHD",
                                              "BTIN",
                                              "BTLF",
                                              "FSHD",
                                              "FSSE",
                                              "EAHD",
                                              "FAHD",
                                              "SMTB" };
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (memcmp(data, signatures[i], strlen(signatures[i])) == 0)
            return true;
    return false;
}

static uint32_t stored_checksum(const unsigned char *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

/* Its length is where a right checksum follows. */
static size_t block_length(const struct bytes *file, size_t start)
{
    for (size_t length = 8; length < LONGEST_BLOCK && start + length + CHECKSUM_BYTES <= file->size; length++)
        if (H5_checksum_metadata(file->data + start, length, 0) == stored_checksum(file->data + start + length))
            return length;
    return 0;
}

static bool read_bytes(const char *path, struct bytes *file)
{
    FILE *stream = fopen(path, "rb");
    if (file->data == NULL)
        file->data = malloc(RECIPE_MOST_BYTES);
    if (stream == NULL || file->data == NULL) {
        perror(path);
        return false;
    }
    file->size = fread(file->data, 1, RECIPE_MOST_BYTES, stream);
    fclose(stream);
    return file->size > 0;
}

bool recipe_survey(struct base_file *base)
{
    struct bytes file = { 0 };
    bool is_read = read_bytes(base->path, &file);
    base->size = file.size;
    for (size_t at = 0; is_read && at + 8 < file.size && base->block_count < RECIPE_MOST_BLOCKS; at++) {
        size_t length = starts_block(file.data + at) ? block_length(&file, at) : 0;
        if (length > 0)
            base->blocks[base->block_count++] = (struct sealed_block){ at, length };
    }
    free(file.data);
    return is_read;
}

static void seal(const struct base_file *base, struct bytes *file)
{
    for (size_t i = 0; i < base->block_count; i++) {
        const struct sealed_block *block = &base->blocks[i];
        if (block->start + block->length + CHECKSUM_BYTES > file->size)
            continue;
        uint32_t checksum = H5_checksum_metadata(file->data + block->start, block->length, 0);
        for (int byte = 0; byte < CHECKSUM_BYTES; byte++)
            file->data[block->start + block->length + (size_t)byte] = (unsigned char)(checksum >> 8 * byte);
    }
}

/* ---- drawing ---- */

struct draft {
    char *text;
    size_t length;
    unsigned short state[3];
    const struct base_file *base;
};

static size_t draw(struct draft *draft, size_t below)
{
    return below == 0 ? 0 : (size_t)nrand48(draft->state) % below;
}

__attribute__((format(printf, 2, 3))) static void write_step(struct draft *draft, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(draft->text + draft->length, RECIPE_TEXT - draft->length, format, arguments);
    va_end(arguments);
    if (length > 0 && draft->length + (size_t)length < RECIPE_TEXT)
        draft->length += (size_t)length;
}

static const char *draw_word(struct draft *draft, const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    return words[draw(draft, count)];
}

static const char *draw_sizes(struct draft *draft)
{
    static const char *const sizes[] = { "4x4",
                                         "4",
                                         "1x4",
                                         "4x1x1",
                                         "scalar",
                                         "null",
                                         "0",
                                         "0x4",
                                         "4x3",
                                         "200x3",
                                         "64x4096",
                                         "2147483648x2147483648",
                                         "65536x65536",
                                         "18446744073709551615",
                                         "4294967296x4294967296x2",
                                         "46340x46340",
                                         "1x1x2x1x2x2",
                                         "2x1x2x1x2x2",
                                         "2x1x2x1x2x2x2",
                                         "1x2x1",
                                         NULL };
    return draw_word(draft, sizes);
}

static void draw_hdf5_step(struct draft *draft)
{
    static const char *const names[] = { "W",      "w_in", "b",       "x0", "inputs", "error",
                                         "status", "lag",  "missing", ".",  "/",      NULL };
    static const char *const words[] = {
        "gamma", "lag", "[1, 2]", "[0.5, 1]", "100000", "tanh", "ginibre", "seed",  "9007199254740992",
        "\"",    "[",   "{",      ":",        "name",   "1",    "-1",      "46340", NULL
    };
    static const char *const values[] = { "1", "2", "-1", "9223372036854775807", "text", "grid", "\x1b[31m", NULL };
    const char *const *own = draft->base->datasets;
    const char *name = draw_word(draft, own);
    switch (draw(draft, 10)) {
    case 0:
        write_step(draft, "delete %s\n", name);
        break;
    case 1:
        write_step(draft, "%s %s\n", draw(draft, 2) == 0 ? "group" : "named", name);
        break;
    case 2:
        write_step(draft, "soft %s %s\n", name, draw(draft, 2) == 0 ? name : draw_word(draft, own));
        break;
    case 3:
        write_step(draft, "outside %s %s %s\n", name, draw(draft, 2) == 0 ? "self" : "pipe", draw_word(draft, own));
        break;
    case 4:
        write_step(draft, "attribute %s %s %s\n", draw_word(draft, draft->base->attributes),
                   draw_word(draft, recipe_attribute_types), draw_word(draft, values));
        break;
    case 5:
        write_step(draft, "forget %s\n", draw_word(draft, draft->base->attributes));
        break;
    case 6:
        write_step(draft, "sweep %s %s\n", draw_word(draft, words), draw_word(draft, words));
        break;
    default:
        write_step(draft, "make %s %s %s %s\n", draw(draft, 8) == 0 ? draw_word(draft, names) : name,
                   draw(draft, 2) == 0 ? "float64" : draw_word(draft, recipe_types), draw_word(draft, recipe_layouts),
                   draw_sizes(draft));
    }
}

/* Mostly in HDF5's own structures: they are little beside the numbers. */
static size_t draw_offset(struct draft *draft)
{
    const struct base_file *base = draft->base;
    if (base->block_count > 0 && draw(draft, 10) > 0) {
        const struct sealed_block *block = &base->blocks[draw(draft, base->block_count)];
        return block->start + draw(draft, block->length);
    }
    return draw(draft, draw(draft, 2) == 0 ? base->size : base->size < HEAP_BYTES ? base->size : HEAP_BYTES);
}

static void draw_byte_step(struct draft *draft)
{
    static const char *const values[] = { "00",
                                          "01",
                                          "ff",
                                          "7f",
                                          "80",
                                          "0000",
                                          "ffff",
                                          "ff7f",
                                          "0080",
                                          "00000000",
                                          "ffffffff",
                                          "ffffff7f",
                                          "00000080",
                                          "01000000",
                                          "0000000000000000",
                                          "ffffffffffffffff",
                                          "ffffffffffffff7f",
                                          "0000000000000080",
                                          "0000000001000000",
                                          NULL };
    switch (draw(draft, 12)) {
    case 0:
        write_step(draft, "zero %zu %zu\n", draw_offset(draft), 1 + draw(draft, 64));
        break;
    case 1:
        write_step(draft, "copy %zu %zu %zu\n", draw_offset(draft), draw_offset(draft), 1 + draw(draft, 64));
        break;
    case 2:
        write_step(draft, "cut %zu\n", draw(draft, 3) == 0 ? draw(draft, 512) : draw(draft, draft->base->size));
        break;
    case 3:
        write_step(draft, "grow %zu\n", 1 + draw(draft, 8192));
        break;
    case 4:
    case 5:
        write_step(draft, "set %zu %s\n", draw_offset(draft), draw_word(draft, values));
        break;
    default:
        write_step(draft, "set %zu %02x\n", draw_offset(draft), (unsigned)draw(draft, 256));
    }
}

void recipe_draw(const struct base_file *bases, size_t base_count, unsigned long seed, char *text)
{
    struct draft draft = { .text = text };
    draft.state[0] = (unsigned short)seed;
    draft.state[1] = (unsigned short)(seed >> 16);
    draft.state[2] = (unsigned short)(seed >> 32);
    (void)nrand48(draft.state); /* neighbouring seeds begin alike */
    draft.base = &bases[draw(&draft, base_count)];
    write_step(&draft, "base %s\n", draft.base->name);
    size_t byte_steps = draw(&draft, 3) == 0 ? 0 : 1 + draw(&draft, 4);
    size_t hdf5_steps = byte_steps > 0 && draw(&draft, 4) > 0 ? 0 : 1 + draw(&draft, 3);
    for (; hdf5_steps > 0; hdf5_steps--)
        draw_hdf5_step(&draft);
    for (size_t i = 0; i < byte_steps; i++)
        draw_byte_step(&draft);
    if (byte_steps > 0 && draw(&draft, 4) > 0)
        write_step(&draft, "seal\n");
}

/* ---- applying ---- */

const struct base_file *recipe_base(const struct base_file *bases, size_t base_count, const char *text)
{
    for (size_t i = 0; i < base_count; i++) {
        char line[64];
        snprintf(line, sizeof line, "base %s\n", bases[i].name);
        if (strncmp(text, line, strlen(line)) == 0)
            return &bases[i];
    }
    fprintf(stderr, "a recipe must begin with a known base: %.40s\n", text);
    return NULL;
}

static void set_bytes(struct bytes *file, size_t offset, const char *digits)
{
    for (; digits[0] != '\0' && digits[1] != '\0' && offset < file->size; digits += 2, offset++) {
        const char pair[] = { digits[0], digits[1], '\0' };
        file->data[offset] = (unsigned char)strtoul(pair, NULL, 16);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t number(const char *word)
{
    return word == NULL ? 0 : strtoull(word, NULL, 10);
}

/* Within the file whatever the numbers are. */
static bool byte_step(const struct base_file *base, struct bytes *file, char *words[STEP_MOST_WORDS])
{
    const char *step = words[0];
    size_t first = smaller(number(words[1]), file->size);
    if (strcmp(step, "seal") == 0) {
        seal(base, file);
    } else if (strcmp(step, "set") == 0 && words[2] != NULL) {
        set_bytes(file, first, words[2]);
    } else if (strcmp(step, "zero") == 0) {
        memset(file->data + first, 0, smaller(number(words[2]), file->size - first));
    } else if (strcmp(step, "copy") == 0) {
        size_t second = smaller(number(words[2]), file->size);
        size_t room = file->size - (first > second ? first : second);
        memmove(file->data + second, file->data + first, smaller(number(words[3]), room));
    } else if (strcmp(step, "cut") == 0) {
        file->size = first;
    } else if (strcmp(step, "grow") == 0) {
        size_t count = smaller(number(words[1]), RECIPE_MOST_BYTES - file->size);
        memset(file->data + file->size, 0, count);
        file->size += count;
    } else {
        return false;
    }
    return true;
}

static bool write_bytes(const char *path, const struct bytes *file)
{
    FILE *stream = fopen(path, "wb");
    bool is_written = stream != NULL && fwrite(file->data, 1, file->size, stream) == file->size;
    if (stream == NULL || fclose(stream) != 0 || !is_written) {
        perror(path);
        return false;
    }
    return true;
}

/* The next line of *text in words; false at the end. Cuts the text apart. */
static bool next_line(char **text, char *words[STEP_MOST_WORDS])
{
    size_t count = 0;
    char *line = strsep(text, "\n"), *word;
    memset(words, 0, STEP_MOST_WORDS * sizeof *words);
    while (line != NULL && (word = strsep(&line, " ")) != NULL && count + 1 < STEP_MOST_WORDS)
        if (*word != '\0')
            words[count++] = word;
    return words[0] != NULL || *text != NULL;
}

static bool is_byte_step(const char *word)
{
    static const char *const steps[] = { "set", "zero", "copy", "cut", "grow", "seal" };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(word, steps[i]) == 0)
            return true;
    return false;
}

static bool unknown(const char *step)
{
    fprintf(stderr, "no step of a recipe: %s\n", step);
    return false;
}

/* All steps that HDF5 takes, on the copy of the base at `path`; then the bytes are read again. */
static bool apply_hdf5_steps(const char *text, const char *path)
{
    char copy[RECIPE_TEXT], *rest = copy, *words[STEP_MOST_WORDS];
    hid_t file = H5I_INVALID_HID;
    bool is_good = true;
    snprintf(copy, sizeof copy, "%s", text);
    while (is_good && next_line(&rest, words)) {
        if (words[0] == NULL || strcmp(words[0], "base") == 0 || is_byte_step(words[0]))
            continue;
        if (file < 0)
            file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        is_good = recipe_step(file, path, words) || unknown(words[0]);
    }
    if (file >= 0)
        H5Fclose(file);
    return is_good;
}

bool recipe_apply(const struct base_file *base, const char *text, const char *path)
{
    char copy[RECIPE_TEXT], *rest = copy, *words[STEP_MOST_WORDS];
    struct bytes file = { 0 };
    bool is_good = read_bytes(base->path, &file) && write_bytes(path, &file) && apply_hdf5_steps(text, path) &&
                   read_bytes(path, &file);
    snprintf(copy, sizeof copy, "%s", text);
    while (is_good && next_line(&rest, words))
        if (words[0] != NULL && is_byte_step(words[0]))
            is_good = byte_step(base, &file, words);
    is_good = is_good && write_bytes(path, &file);
    free(file.data);
    return is_good;
}
