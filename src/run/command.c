#include "run/command.h"

#include "base/memory.h"
#include "run/provenance.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As on a command line, in one order. *text is its owner's to release, also where this fails. */
static enum status write_overrides(const struct gradsweep_sweep *asked, char **text)
{
    size_t size = 0;
    FILE *stream = open_memstream(text, &size);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "no memory for the text of a command");
    for (size_t i = 0; i < asked->override_count; i++)
        fprintf(stream, "%s--set %s", i > 0 ? " " : "", asked->overrides[i]);
    return fclose(stream) == 0 ? STATUS_OK : status_fail(STATUS_MEMORY, "no memory for the text of a command");
}

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* Those that were given. */
static void write_options(const struct gradsweep_run_options *options, char *text, size_t size)
{
    static const char *const existing[] = {
        [GRADSWEEP_REFUSE_EXISTING] = "", [GRADSWEEP_RESUME] = " --resume", [GRADSWEEP_OVERWRITE] = " --overwrite"
    };
    static const char *const styles[] = { [GRADSWEEP_PROGRESS_AUTO] = "auto",
                                          [GRADSWEEP_PROGRESS_BAR] = "bar",
                                          [GRADSWEEP_PROGRESS_JSON] = "json",
                                          [GRADSWEEP_PROGRESS_NONE] = "none" };
    text[0] = '\0';
    append(text, size, "run%s%s%s", existing[options->existing], options->retry_failed ? " --retry-failed" : "",
           options->break_lock ? " --break-lock" : "");
    if (options->shard_count > 0)
        append(text, size, " --shard %ld/%ld", options->shard_number, options->shard_count);
    if (options->max_seconds > 0.0)
        append(text, size, " --max-time %.0fs", options->max_seconds);
    if (options->max_failures > 0)
        append(text, size, " --max-failures %" PRIu64, options->max_failures);
    append(text, size, " --progress %s", styles[options->progress]);
}

enum status command_require_same(const struct world *world, const struct gradsweep_sweep *asked,
                                 const struct gradsweep_run_options *options)
{
    SCOPED_MEMORY char *overrides = NULL;
    char written[256];
    TRY(world_agree(world, write_overrides(asked, &overrides)));
    write_options(options, written, sizeof written);
    /* The program first: what is compared after it may be another's in another version. */
    TRY(world_require_equal(world, "the program", provenance_program()));
    TRY(world_require_equal(world, "the output", options->output));
    TRY(world_require_equal(world, "the sweep file", asked->path));
    TRY(world_require_equal(world, "the settings", overrides));
    return world_require_equal(world, "the options", written);
}
