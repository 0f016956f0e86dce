#include "sweep/sweep.h"

#include "sweep/characters.h"
#include "sweep/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 1 << 14, MAX_FILE_SIZE = 16 << 20, PIPE_PATIENCE = 2000 /* milliseconds */ };

/* What sweep_open hands out, and the memory of all it points to. */
struct owned_sweep {
    struct sweep sweep;
    struct arena memory;
};

void sweep_close(struct sweep *sweep)
{
    if (sweep == NULL)
        return;
    struct owned_sweep *owned = (struct owned_sweep *)sweep;
    network_arrays_free(&sweep->model.input_arrays);
    arena_release(&owned->memory);
    free(owned);
}

static enum status refuse_file(const char *path, const char *reason)
{
    return status_fail(STATUS_INPUT, "cannot read the sweep file %s: %s", path, reason);
}

/* All of it, or one byte more than a sweep file may have; works for pipes too, whose size is unknown. */
static enum status read_stream(struct arena *arena, FILE *file, char **text, size_t *length)
{
    *length = 0;
    *text = NULL;
    for (size_t capacity = FIRST_READ;; capacity *= 2) {
        char *larger = NULL;
        TRY(arena_allocate(arena, &larger, capacity + 1)); /* and a NUL */
        if (*length > 0)
            memcpy(larger, *text, *length);
        *text = larger;
        *length += fread(larger + *length, 1, capacity - *length, file);
        if (*length < capacity || *length > MAX_FILE_SIZE)
            return STATUS_OK;
    }
}

/* Opens the file; a pipe without waiting for a writer, who may never come: *is_unwritten then. */
static FILE *open_file(const char *path, bool *is_unwritten)
{
    struct stat status;
    unsigned char byte = 0;
    ssize_t count = 0;
    *is_unwritten = false;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return NULL;
    if (fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode)) {
        struct pollfd pipe = { .fd = descriptor, .events = POLLIN };
        if (poll(&pipe, 1, PIPE_PATIENCE) == 0) {
            count = read(descriptor, &byte, 1);
            *is_unwritten = count == 0; /* no writer; one that has not written yet would make it fail with EAGAIN */
        }
    }
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
    FILE *file = fdopen(descriptor, "rb");
    if (file == NULL)
        close(descriptor);
    else if (count == 1)
        ungetc(byte, file);
    return file;
}

static enum status read_file(struct arena *arena, const char *path, struct source *source)
{
    bool is_unwritten = false;
    FILE *file = open_file(path, &is_unwritten);
    if (file == NULL)
        return refuse_file(path, strerror(errno));
    if (is_unwritten) {
        fclose(file);
        return refuse_file(path, "it is a pipe that no program writes to");
    }
    char *text = NULL;
    size_t length = 0;
    errno = 0;
    enum status status = read_stream(arena, file, &text, &length);
    if (status == STATUS_OK && ferror(file))
        status = refuse_file(path, strerror(errno));
    else if (status == STATUS_OK && length > MAX_FILE_SIZE)
        status = refuse_file(path, "it has more than 16 MiB, so it is no sweep file");
    fclose(file);
    *source = (struct source){ .name = path, .text = text, .length = length };
    return status;
}

/* Once for each text that has a mistake. */
static enum status explain_characters(struct mistakes *mistakes, const struct source *file, bool is_read)
{
    const size_t found = mistakes_kept(mistakes);
    for (size_t i = 0; i < found; i++) {
        const struct source *source = mistakes->items[i].place.source;
        bool is_done = false;
        for (size_t earlier = 0; earlier < i; earlier++)
            is_done = is_done || mistakes->items[earlier].place.source == source;
        if (!is_done)
            TRY(characters_explain(source, mistakes, source == file && !is_read));
    }
    return STATUS_OK;
}

static enum status parse_all(struct reader *reader, const struct source *source, size_t override_count,
                             const char *const *overrides)
{
    struct yaml_node *root = NULL;
    bool is_text = false;
    TRY(characters_check(source, reader->mistakes, &is_text));
    if (!is_text)
        return STATUS_OK;
    TRY(yaml_parse(reader->scratch, source, reader->mistakes, &root));
    /* Overrides of a file that cannot take any are read all the same, for their own mistakes. */
    bool is_readable = reader->mistakes->count == 0;
    bool is_tree = is_readable && (root == NULL || root->kind == YAML_MAPPING);
    struct yaml_node *spare = NULL;
    for (size_t i = 0; i < override_count; i++)
        TRY(override_parse(reader, overrides[i], i, is_tree ? &root : &spare));
    if (is_readable)
        TRY(document_read(reader, source, root));
    return explain_characters(reader->mistakes, source, is_readable);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : count >= MISTAKES_KEPT ? "s or more" : "s";
}

/* In one piece: stderr is unbuffered, and other ranks may write to it. */
static enum status print_all(const struct mistakes *mistakes)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "no memory for the messages about the sweep file");
    for (size_t i = 0; i < mistakes_kept(mistakes); i++)
        mistake_print(&mistakes->items[i], stream);
    if (mistakes->count >= MISTAKES_KEPT)
        fprintf(stream, "... after so many mistakes the rest is not read\n");
    if (fclose(stream) == 0)
        fwrite(text, 1, length, stderr);
    free(text);
    return STATUS_OK;
}

/* Tells the mistakes, all on stderr or the first in the status. */
static enum status report(struct mistakes *mistakes, const char *name, bool diagnostics)
{
    if (mistakes->count == 0)
        return STATUS_OK;
    mistakes_sort(mistakes);
    if (diagnostics) {
        TRY(print_all(mistakes));
        return status_fail(STATUS_INPUT, "%s: %zu mistake%s", name, mistakes_kept(mistakes), plural(mistakes->count));
    }
    long line = 0, column = 0;
    const struct mistake *first = &mistakes->items[0];
    place_find(&first->place, &line, &column);
    return status_fail(STATUS_INPUT, "%s:%ld:%ld: error: %s (%zu mistake%s)", first->place.source->name, line, column,
                       first->text, mistakes_kept(mistakes), plural(mistakes->count));
}

/* `folder` as struct reader has it. */
static enum status read_sweep(struct arena *scratch, const struct source *source, const char *folder,
                              size_t override_count, const char *const *overrides, bool diagnostics,
                              struct owned_sweep *owned)
{
    struct mistakes mistakes = { .arena = scratch };
    struct reader reader = {
        .scratch = scratch, .owned = &owned->memory, .mistakes = &mistakes, .sweep = &owned->sweep, .folder = folder
    };
    TRY(parse_all(&reader, source, override_count, overrides));
    TRY(report(&mistakes, source->name, diagnostics));
    const struct sweep *sweep = &owned->sweep;
    TRY(couplings_find(&owned->memory, sweep->native, sweep->spectral_radius_count, sweep->spectral_radii,
                       sweep->gamma_count, sweep->gammas, &owned->sweep.couplings));
    return effective_fill(&owned->memory, &owned->sweep);
}

static enum status make_sweep(struct arena *scratch, const struct source *source, const char *folder,
                              size_t override_count, const char *const *overrides, bool diagnostics,
                              struct sweep **sweep)
{
    struct owned_sweep *owned = calloc(1, sizeof *owned);
    if (owned == NULL)
        return status_fail(STATUS_MEMORY, "%s: no memory for the sweep", source->name);
    enum status status = read_sweep(scratch, source, folder, override_count, overrides, diagnostics, owned);
    if (status == STATUS_OK)
        *sweep = &owned->sweep;
    else
        sweep_close(&owned->sweep);
    return status;
}

/* The part of a path up to its last slash; "" for the present folder. */
static enum status find_folder(struct arena *arena, const char *path, char **folder)
{
    const char *slash = strrchr(path, '/');
    return arena_copy_text(arena, path, slash == NULL ? 0 : (size_t)(slash - path) + 1, folder);
}

static enum status keep_path(struct sweep *sweep, const char *path)
{
    struct owned_sweep *owned = (struct owned_sweep *)sweep;
    return arena_copy_text(&owned->memory, path, strlen(path), &sweep->path);
}

enum status sweep_open(const char *path, size_t override_count, const char *const *overrides, bool diagnostics,
                       struct sweep **sweep)
{
    struct arena scratch = { 0 };
    struct source source = { 0 };
    char *folder = NULL;
    *sweep = NULL;
    enum status status = read_file(&scratch, path, &source);
    if (status == STATUS_OK)
        status = find_folder(&scratch, path, &folder);
    if (status == STATUS_OK)
        status = make_sweep(&scratch, &source, folder, override_count, overrides, diagnostics, sweep);
    if (status == STATUS_OK)
        status = keep_path(*sweep, path);
    arena_release(&scratch);
    return status;
}

enum status sweep_parse(const char *text, struct sweep **sweep)
{
    struct arena scratch = { 0 };
    const struct source source = { .name = "effective sweep", .text = text, .length = strlen(text) };
    *sweep = NULL;
    enum status status = make_sweep(&scratch, &source, NULL, 0, NULL, false, sweep);
    arena_release(&scratch);
    return status;
}

enum status sweep_load(struct sweep *sweep)
{
    struct model *model = &sweep->model;
    if (model->input != INPUT_FILE || model->input_arrays.values[NETWORK_INPUTS] != NULL)
        return STATUS_OK;
    return network_arrays_read(&model->input_source, ALL_SEQUENCES, &model->input_arrays);
}
